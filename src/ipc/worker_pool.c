#include "ipc/worker_pool.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/worker_client.h"
#include "util/log.h"

#define NS_PER_MS UINT64_C(1000000)
#define GRACE_MS_DEFAULT 3000
#define BLOB_MS_DEFAULT 30000
/* The first worker's word; drivers may be slow to load. */
#define READY_NS (UINT64_C(60000) * NS_PER_MS)
/* A program that begins has the processors to itself first: to make a spare takes one for some 10 ms. */
#define REFILL_DELAY_NS (UINT64_C(1000) * NS_PER_MS)
/* Processes of destroyed contexts that have not ended yet. */
#define ENDING_MAX 256

static struct {
    pthread_mutex_t mutex; /* guards the list and what follows; taken before a worker's */
    pthread_cond_t answered; /* the first worker has said something */
    struct platform_wake wake;
    pthread_t thread;
    bool running, stopping;
    char program[PATH_MAX];
    uint32_t spares;
    enum platform_sandbox sandbox;
    const char *cache;
    struct worker *workers;
    uint32_t count;
    uint64_t refill_ns; /* when to start spares; 0: at any time */
    bool spare_failed; /* no further attempt before the next context */
    struct pollfd *polls; /* the thread's own */
    uint32_t poll_capacity;
} pool = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* ---- the list (the mutex is held) --------------------------------------------------------- */

static uint32_t count_where(bool (*is)(struct worker *worker)) {
    uint32_t count = 0;
    for (struct worker *worker = pool.workers; worker; worker = worker->next) {
        pthread_mutex_lock(&worker->mutex);
        count += is(worker);
        pthread_mutex_unlock(&worker->mutex);
    }
    return count;
}

static bool is_spare(struct worker *worker) {
    return !worker->taken && !worker->destroyed && !worker->cut && !worker->lost;
}

static bool is_ending(struct worker *worker) {
    return worker->destroyed;
}

/* Lets go of the mutex while the process starts, so that nobody else waits for that: the list may
 * have changed afterwards, and the pool may be stopping. */
static int add_worker(struct worker **out) {
    struct worker *worker;
    pthread_mutex_unlock(&pool.mutex);
    int error = worker_start(pool.program, pool.sandbox, pool.cache, &pool.wake, &worker);
    pthread_mutex_lock(&pool.mutex);
    if (error) {
        return error;
    }
    worker->next = pool.workers;
    pool.workers = worker;
    pool.count++;
    platform_wake_signal(&pool.wake);
    *out = worker;
    return 0;
}

/* The oldest, which is the likeliest to be ready. */
static struct worker *find_spare(void) {
    struct worker *found = NULL;
    for (struct worker *worker = pool.workers; worker; worker = worker->next) {
        pthread_mutex_lock(&worker->mutex);
        if (is_spare(worker)) {
            found = worker;
        }
        pthread_mutex_unlock(&worker->mutex);
    }
    return found;
}

static void keep_spares(void) {
    while (count_where(is_spare) < pool.spares && !pool.stopping && !pool.spare_failed) {
        struct worker *worker;
        int error = add_worker(&worker);
        if (error) {
            log_warning("no spare worker can be started: %s", strerror(-error));
            pool.spare_failed = true;
        }
    }
}

/* Dismisses spares that died, frees what is over. */
static void sweep(void) {
    struct worker **link = &pool.workers;
    while (*link) {
        struct worker *worker = *link;
        pthread_mutex_lock(&worker->mutex);
        const bool useless =
            !worker->taken && !worker->destroyed && (pool.stopping || worker->cut || worker->lost);
        pool.spare_failed = pool.spare_failed || (useless && !pool.stopping);
        pthread_mutex_unlock(&worker->mutex);
        if (useless && pool.running) {
            worker_dismiss(worker);
        }
        if (!worker_is_over(worker)) {
            link = &worker->next;
            continue;
        }
        *link = worker->next;
        pool.count--;
        worker_free(worker);
    }
}

/* ---- the thread --------------------------------------------------------------------------- */

/* Entry 0 is the wake's. Returns the number of entries, 0 where there is no memory. */
static uint32_t prepare_polls(void) {
    const uint32_t needed = 1 + 2 * pool.count;
    if (needed > pool.poll_capacity) {
        struct pollfd *polls = realloc(pool.polls, 2 * needed * sizeof(*polls));
        if (!polls) {
            return 0;
        }
        pool.polls = polls;
        pool.poll_capacity = 2 * needed;
    }
    pool.polls[0] = (struct pollfd){pool.wake.read_fd, POLLIN, 0};
    uint32_t at = 1;
    for (struct worker *worker = pool.workers; worker; worker = worker->next) {
        worker_polls(worker, &pool.polls[at]);
        worker->poll_at = at;
        at += 2;
    }
    return at;
}

static uint64_t attend_all(uint64_t now_ns) {
    uint64_t next_ns = UINT64_MAX;
    for (struct worker *worker = pool.workers; worker; worker = worker->next) {
        const struct pollfd *polls = worker->poll_at ? &pool.polls[worker->poll_at] : NULL;
        uint64_t wanted_ns = worker_attend(worker, polls, now_ns);
        next_ns = wanted_ns < next_ns ? wanted_ns : next_ns;
    }
    return next_ns;
}

static int timeout_until(uint64_t next_ns, uint64_t now_ns) {
    if (next_ns == UINT64_MAX) {
        return -1;
    }
    return next_ns > now_ns ? (int)((next_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS) : 0;
}

/* Waits as poll does; before it sleeps it looks for a while, where a fence has just retired: a guest
 * that waits for one fence after the other has its next one soon. */
static int wait_for_input(uint32_t entries, int timeout_ms, bool fence_retired) {
    if (fence_retired && timeout_ms != 0) {
        const uint64_t end_ns = platform_now_ns() + WORKER_LOOK_NS;
        do {
            const int ready = poll(pool.polls, entries, 0);
            if (ready != 0) {
                return ready;
            }
            sched_yield();
        } while (platform_now_ns() < end_ns);
    }
    return poll(pool.polls, entries, timeout_ms);
}

static bool has_retired_fence(uint32_t entries) {
    for (uint32_t i = 2; i < entries; i += 2) {
        if (pool.polls[i].revents) {
            return true;
        }
    }
    return false;
}

static void *watch(void *argument) {
    (void)argument;
    bool fence_retired = false;
    pthread_mutex_lock(&pool.mutex);
    for (;;) {
        const uint64_t now_ns = platform_now_ns();
        uint64_t next_ns = attend_all(now_ns);
        pthread_cond_broadcast(&pool.answered);
        sweep();
        if (pool.stopping && !pool.workers) {
            break;
        }
        if (pool.running && now_ns >= pool.refill_ns) {
            pool.refill_ns = 0;
            keep_spares();
        }
        if (pool.refill_ns && pool.refill_ns < next_ns) {
            next_ns = pool.refill_ns;
        }
        const uint32_t entries = prepare_polls();
        pthread_mutex_unlock(&pool.mutex);
        const int timeout_ms = entries ? timeout_until(next_ns, now_ns) : 10;
        const int ready = wait_for_input(entries, timeout_ms, fence_retired);
        fence_retired = ready > 0 && has_retired_fence(entries);
        if (ready > 0 && entries && pool.polls[0].revents) {
            platform_wake_drain(&pool.wake);
        }
        pthread_mutex_lock(&pool.mutex);
    }
    pthread_mutex_unlock(&pool.mutex);
    return NULL;
}

/* ---- starting and stopping ----------------------------------------------------------------- */

static int find_program(const char *wanted) {
    if (wanted) {
        int length = snprintf(pool.program, sizeof(pool.program), "%s%s",
                              strchr(wanted, '/') ? "" : "./", wanted);
        return (size_t)length < sizeof(pool.program) ? 0 : -ENAMETOOLONG;
    }
    return platform_path_beside("vesper-worker", pool.program, sizeof(pool.program));
}

/* Waits for the first worker's word. */
static int await_first(struct worker *worker, char *reason, size_t reason_size) {
    const uint64_t deadline_ns = platform_now_ns() + READY_NS;
    bool in_time = true, answered = false, ready = false;
    while (!answered && in_time) {
        pthread_mutex_lock(&worker->mutex);
        answered = worker->answered || worker->lost;
        ready = worker->ready && !worker->lost;
        snprintf(reason, reason_size, "%s", worker->reason);
        pthread_mutex_unlock(&worker->mutex);
        if (!answered) {
            in_time = platform_cond_wait_until(&pool.answered, &pool.mutex, deadline_ns);
        }
    }
    if (!answered) {
        snprintf(reason, reason_size, "%s does not answer", pool.program);
    }
    return ready ? 0 : -ENOENT;
}

int worker_pool_start(const struct worker_pool_options *options, char *reason, size_t reason_size) {
    int error = find_program(options->program);
    if (error) {
        snprintf(reason, reason_size, "vesper-worker cannot be found: %s", strerror(-error));
        return error;
    }
    pool.spares = options->spares;
    pool.sandbox = options->sandbox;
    pool.cache = options->cache;
    pool.running = pool.stopping = pool.spare_failed = false;
    worker_set_limits((options->grace_ms ? options->grace_ms : GRACE_MS_DEFAULT) * NS_PER_MS,
                      (options->blob_ms ? options->blob_ms : BLOB_MS_DEFAULT) * NS_PER_MS);
    error = platform_wake_init(&pool.wake);
    if (error) {
        snprintf(reason, reason_size, "workers cannot be watched: %s", strerror(-error));
        return error;
    }
    platform_cond_init(&pool.answered);
    pthread_mutex_lock(&pool.mutex);
    struct worker *first;
    error = add_worker(&first);
    if (error) {
        snprintf(reason, reason_size, "%s cannot be started: %s", pool.program, strerror(-error));
        goto error_worker;
    }
    error = platform_thread_start(&pool.thread, "vesper-workers", watch, NULL);
    if (error) {
        snprintf(reason, reason_size, "workers cannot be watched: %s", strerror(-error));
        worker_dismiss(first); /* ends by its closed channel; nobody can wait for it */
        pool.workers = NULL;
        pool.count = 0;
        goto error_worker;
    }
    error = await_first(first, reason, reason_size);
    pool.running = true;
    platform_wake_signal(&pool.wake);
    pthread_mutex_unlock(&pool.mutex);
    if (error) {
        worker_pool_stop();
    }
    return error;

error_worker:
    pthread_mutex_unlock(&pool.mutex);
    pthread_cond_destroy(&pool.answered);
    platform_wake_finish(&pool.wake);
    return error;
}

void worker_pool_stop(void) {
    pthread_mutex_lock(&pool.mutex);
    const bool was_running = pool.running;
    pool.stopping = true;
    pthread_mutex_unlock(&pool.mutex);
    if (!was_running) {
        return;
    }
    platform_wake_signal(&pool.wake);
    pthread_join(pool.thread, NULL);
    pool.running = false;
    free(pool.polls);
    pool.polls = NULL;
    pool.poll_capacity = 0;
    pthread_cond_destroy(&pool.answered);
    platform_wake_finish(&pool.wake);
}

int worker_context_create(const char *name, const struct context_limits *limits,
                          const struct context_listener *listener, void *user,
                          struct context **out) {
    pthread_mutex_lock(&pool.mutex);
    int error = 0;
    struct worker *worker = NULL;
    if (!pool.running || pool.stopping || count_where(is_ending) >= ENDING_MAX) {
        error = -EAGAIN;
    } else if (!(worker = find_spare())) {
        error = add_worker(&worker);
    }
    if (!error) {
        pool.spare_failed = false;
        pool.refill_ns = platform_now_ns() + REFILL_DELAY_NS;
        error = worker_take(worker, name, limits, listener, user);
    }
    pthread_mutex_unlock(&pool.mutex);
    if (error) {
        return error;
    }
    platform_busy_begin();
    *out = &worker->base;
    return 0;
}
