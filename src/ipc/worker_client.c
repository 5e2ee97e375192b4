#include "ipc/worker_client.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/worker_answers.h"
#include "util/log.h"

#define QUEUED_BYTES_DEFAULT (UINT64_C(64) << 20)
#define RESOURCES_DEFAULT 65536
/* Small messages that wait, besides the context stream. */
#define QUEUE_BYTES_EXTRA (UINT64_C(8) << 20)
/* A process whose end of the channel is closed is about to be reapable. */
#define REAP_RETRY_NS UINT64_C(2000000)

static uint64_t grace_ns, blob_ns; /* the pool sets them, and has their defaults */

void worker_set_limits(uint64_t wanted_grace_ns, uint64_t wanted_blob_ns) {
    grace_ns = wanted_grace_ns;
    blob_ns = wanted_blob_ns;
}

static struct worker *from(struct context *context) {
    return (struct worker *)context;
}

/* ---- losing (the mutex is held) ---------------------------------------------------------- */

void worker_set_lost(struct worker *worker, const char *format, ...) {
    if (worker->lost) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(worker->reason, sizeof(worker->reason), format, arguments);
    va_end(arguments);
    worker->lost = true;
    platform_wake_signal(worker->watcher);
}

void worker_cut(struct worker *worker, const char *reason) {
    if (worker->cut) {
        return;
    }
    worker->cut = true;
    if (reason) {
        worker_set_lost(worker, "%s", reason);
    }
    channel_finish(&worker->channel);
    worker->kill_ns = 0; /* one that ends already keeps the status it has */
    platform_wake_signal(worker->watcher);
}

/* ---- calls ------------------------------------------------------------------------------- */

/* Sends, or loses the context where that fails. */
static int send(struct worker *worker, const void *head, size_t head_size, const void *body,
                size_t size, const int *fds, size_t fd_count) {
    if (worker->cut) {
        return 0;
    }
    int error = channel_send(&worker->channel, head, head_size, body, size, fds, fd_count);
    if (error == -ENOBUFS) {
        worker_cut(worker,
                   "more of the context stream is queued than allowed (--max-queued-bytes)");
        return -ENOSPC;
    }
    if (error == -EPIPE || error == -ECONNRESET) {
        worker_cut(worker, NULL);
        return 0;
    }
    if (error) {
        char reason[128];
        snprintf(reason, sizeof(reason), "the worker cannot be reached: %s", strerror(-error));
        worker_cut(worker, reason);
        return error;
    }
    if (channel_has_output(&worker->channel)) {
        platform_wake_signal(worker->watcher);
    }
    return 0;
}

static int send_locked(struct worker *worker, const void *head, size_t head_size, const void *body,
                       size_t size, int fd) {
    pthread_mutex_lock(&worker->mutex);
    int error = worker->lost ? 0 : send(worker, head, head_size, body, size, &fd, fd >= 0 ? 1 : 0);
    pthread_mutex_unlock(&worker->mutex);
    return error;
}

static int worker_submit(struct context *context, const void *bytes, size_t size) {
    if (size == 0 || size % 4) {
        return size ? -EINVAL : 0;
    }
    const struct worker_submit message = {WORKER_SUBMIT, 0};
    return send_locked(from(context), &message, sizeof(message), bytes, size, -1);
}

static int worker_create_blob(struct context *context, uint32_t resource_id, uint64_t blob_id,
                              uint32_t flags, uint64_t size) {
    struct worker *worker = from(context);
    if (!resource_id || !size) {
        return -EINVAL;
    }
    struct worker_blob *blob = malloc(sizeof(*blob));
    if (!blob) {
        return -ENOMEM;
    }
    *blob = (struct worker_blob){.resource_id = resource_id};
    const struct worker_create_blob message = {
        .kind = WORKER_CREATE_BLOB,
        .resource_id = resource_id,
        .blob_id = blob_id,
        .size = size,
        .flags = flags,
    };
    pthread_mutex_lock(&worker->mutex);
    if (worker->blob_count >= worker->resources_max) {
        pthread_mutex_unlock(&worker->mutex);
        free(blob);
        return -ENOSPC;
    }
    if (!worker->first) {
        worker->first_ns = platform_now_ns();
    }
    *worker->last = blob;
    worker->last = &blob->next;
    worker->blob_count++;
    if (worker->lost) {
        platform_wake_signal(worker->watcher); /* which refuses it */
    } else {
        send(worker, &message, sizeof(message), NULL, 0, NULL, 0);
    }
    pthread_mutex_unlock(&worker->mutex);
    return 0;
}

static int worker_attach(struct context *context, uint32_t resource_id, struct storage *storage) {
    const struct worker_attach message = {
        .kind = WORKER_ATTACH,
        .resource_id = resource_id,
        .storage_kind = storage_get_kind(storage),
        .caching = storage_get_caching(storage),
        .size = storage_get_size(storage),
    };
    return send_locked(from(context), &message, sizeof(message), NULL, 0, storage_get_fd(storage));
}

static int worker_detach(struct context *context, uint32_t resource_id) {
    const struct worker_detach message = {.kind = WORKER_DETACH, .resource_id = resource_id};
    return send_locked(from(context), &message, sizeof(message), NULL, 0, -1);
}

static int worker_give_back(struct context *context, uint32_t resource_id, uint64_t place) {
    const struct worker_detach message = {
        .kind = WORKER_DETACH,
        .resource_id = resource_id,
        .gives_back = 1,
        .place = place,
    };
    return send_locked(from(context), &message, sizeof(message), NULL, 0, -1);
}

static void worker_reuse(struct context *context, struct storage *storage, uint64_t place) {
    struct worker *worker = from(context);
    if (storage_get_kind(storage) != STORAGE_SHM) {
        return;
    }
    const struct worker_reuse message = {
        .kind = WORKER_REUSE,
        .number = storage_get_number(storage),
        .size = storage_get_size(storage),
        .place = place,
    };
    storage_pool_give(&worker->returned, storage, place);
    send_locked(worker, &message, sizeof(message), NULL, 0, storage_get_fd(storage));
}

static int worker_fence(struct context *context, uint32_t ring_idx, uint64_t fence_id) {
    struct worker *worker = from(context);
    if (ring_idx >= CONTEXT_RING_IDX_COUNT) {
        return -EINVAL;
    }
    const struct worker_fence message = {WORKER_FENCE, ring_idx, fence_id};
    pthread_mutex_lock(&worker->mutex);
    worker->asked[ring_idx] = fence_id;
    worker->outstanding |= UINT64_C(1) << ring_idx;
    int error = 0;
    if (worker->lost) {
        platform_wake_signal(worker->watcher); /* which retires it */
    } else {
        error = send(worker, &message, sizeof(message), NULL, 0, NULL, 0);
    }
    pthread_mutex_unlock(&worker->mutex);
    return error;
}

void worker_dismiss(struct worker *worker) {
    pthread_mutex_lock(&worker->mutex);
    /* Once it is destroyed, and its process reaped, the watcher frees it. */
    const struct platform_wake *watcher = worker->watcher;
    worker->destroyed = true;
    if (!worker->cut) {
        worker->cut = true;
        channel_finish(&worker->channel); /* the sign for it to end */
        worker->kill_ns = platform_now_ns() + grace_ns;
    }
    pthread_mutex_unlock(&worker->mutex);
    platform_wake_signal(watcher);
}

static void worker_destroy(struct context *context) {
    worker_dismiss(from(context));
    platform_busy_end();
}

/* A guest's kernel waits for a blob that it maps without an end: the program could not be killed.
 * Returns when to look again: who asks for a blob does not wake us. */
static uint64_t attend_blobs(struct worker *worker, uint64_t now_ns) {
    if (worker->cut || worker->destroyed || !worker->taken) {
        return UINT64_MAX;
    }
    const uint64_t deadline_ns = (worker->first ? worker->first_ns : now_ns) + blob_ns;
    if (now_ns < deadline_ns) {
        return deadline_ns;
    }
    char reason[128];
    snprintf(reason, sizeof(reason), "the worker has not made a blob in %llu s: it hangs",
             (unsigned long long)(blob_ns / UINT64_C(1000000000)));
    worker_cut(worker, reason);
    return now_ns;
}

/* ---- the process (the mutex is held) ------------------------------------------------------ */

static void describe_end(struct worker *worker) {
    if (worker->killed) {
        worker_set_lost(worker, "the worker closed its channel");
    } else if (WIFSIGNALED(worker->status) && worker->sandbox != PLATFORM_SANDBOX_NONE &&
               platform_sandbox_ended_by(WTERMSIG(worker->status))) {
        worker_set_lost(
            worker,
            "the worker ended by signal %d (%s): the sandbox ended it, because it made a "
            "system call that no driver needs",
            WTERMSIG(worker->status), strsignal(WTERMSIG(worker->status)));
    } else if (WIFSIGNALED(worker->status)) {
        worker_set_lost(worker, "the worker ended by signal %d (%s)", WTERMSIG(worker->status),
                        strsignal(WTERMSIG(worker->status)));
    } else {
        worker_set_lost(worker, "the worker ended with status %d", WEXITSTATUS(worker->status));
    }
}

/* Reaps the process where it has ended, kills it where it is time. Returns when to look again. */
static uint64_t attend_process(struct worker *worker, uint64_t now_ns) {
    if (!worker->cut || !worker->pid) {
        return UINT64_MAX;
    }
    pid_t pid = waitpid(worker->pid, &worker->status, WNOHANG);
    if (pid == worker->pid || (pid < 0 && errno == ECHILD)) {
        worker->pid = 0;
        describe_end(worker);
        return UINT64_MAX;
    }
    if (!worker->killed && now_ns >= worker->kill_ns) {
        /* One that closed its channel by dying gets a moment for its own status to show. */
        if (worker->kill_ns == 0) {
            worker->kill_ns = now_ns + 50 * REAP_RETRY_NS;
        } else {
            log_warning("%s: the worker does not end: killed", worker->name);
            kill(worker->pid, SIGKILL);
            worker->killed = true;
        }
    }
    return now_ns + REAP_RETRY_NS;
}

/* ---- polling ------------------------------------------------------------------------------ */

/* (the mutex is held) */
static void fill_polls(const struct worker *worker, struct pollfd polls[2]) {
    const short output = channel_has_output(&worker->channel) ? POLLOUT : 0;
    polls[0] = (struct pollfd){worker->cut ? -1 : worker->channel.fd, (short)(POLLIN | output), 0};
    polls[1] =
        (struct pollfd){worker->taken && !worker->cut ? worker->pipe.read_fd : -1, POLLIN, 0};
}

void worker_polls(struct worker *worker, struct pollfd polls[2]) {
    pthread_mutex_lock(&worker->mutex);
    if (worker->polled) {
        polls[0] = polls[1] = (struct pollfd){.fd = -1};
    } else {
        fill_polls(worker, polls);
    }
    pthread_mutex_unlock(&worker->mutex);
}

static void worker_get_polls(struct context *context, struct pollfd out[CONTEXT_POLLS]) {
    struct worker *worker = from(context);
    pthread_mutex_lock(&worker->mutex);
    if (!worker->polled) {
        worker->polled = true;
        platform_wake_signal(worker->watcher);
    }
    fill_polls(worker, out);
    pthread_mutex_unlock(&worker->mutex);
}

static void flush(struct worker *worker) {
    int error = channel_flush(&worker->channel);
    if (error && error != -EAGAIN) {
        worker_cut(worker, NULL);
    }
}

/* (the mutex is held) */
static void take_what_came(struct worker *worker, const struct pollfd polls[2]) {
    if (!worker->cut && channel_has_output(&worker->channel)) {
        flush(worker);
    }
    if (!worker->cut && ((polls && polls[0].revents) || channel_has_input(&worker->channel))) {
        worker_receive_messages(worker);
    }
    if (worker->taken && !worker->destroyed && polls && polls[1].revents) {
        worker_read_fences(worker);
    }
}

static void worker_attend_own(struct context *context, const struct pollfd polls[CONTEXT_POLLS]) {
    struct worker *worker = from(context);
    pthread_mutex_lock(&worker->mutex);
    take_what_came(worker, polls);
    const bool has_more = !worker->cut && channel_has_input(&worker->channel);
    pthread_mutex_unlock(&worker->mutex);
    if (has_more) {
        platform_wake_signal(worker->watcher);
    }
}

static const struct context_ops worker_ops = {
    .submit = worker_submit,
    .create_blob = worker_create_blob,
    .attach = worker_attach,
    .detach = worker_detach,
    .reuse = worker_reuse,
    .give_back = worker_give_back,
    .fence = worker_fence,
    .get_polls = worker_get_polls,
    .attend = worker_attend_own,
    .destroy = worker_destroy,
};

uint64_t worker_attend(struct worker *worker, const struct pollfd polls[2], uint64_t now_ns) {
    pthread_mutex_lock(&worker->mutex);
    take_what_came(worker, polls);
    const uint64_t blobs_ns = attend_blobs(worker, now_ns);
    uint64_t next_ns = attend_process(worker, now_ns);
    next_ns = blobs_ns < next_ns ? blobs_ns : next_ns;
    if (!worker->cut && channel_has_input(&worker->channel)) {
        next_ns = now_ns; /* others first */
    }
    if (worker->taken && !worker->destroyed && worker->lost) {
        worker_settle_lost(worker);
    }
    pthread_mutex_unlock(&worker->mutex);
    return next_ns;
}

bool worker_is_over(struct worker *worker) {
    pthread_mutex_lock(&worker->mutex);
    bool is_over = worker->destroyed && !worker->pid;
    pthread_mutex_unlock(&worker->mutex);
    return is_over;
}

/* ---- life --------------------------------------------------------------------------------- */

static int make_fences(struct worker *worker) {
    int error = platform_shm_create("vesper-fences", platform_page_size(), &worker->fence_fd);
    if (error) {
        return error;
    }
    void *page;
    error = platform_map_shared(worker->fence_fd, sizeof(struct worker_fence_page), &page);
    if (!error) {
        worker->fences = page;
        error = platform_pipe_init(&worker->pipe);
    }
    return error;
}

void worker_free(struct worker *worker) {
    while (worker->first) {
        struct worker_blob *blob = worker->first;
        worker->first = blob->next;
        free(blob);
    }
    channel_finish(&worker->channel);
    storage_pool_finish(&worker->returned);
    if (worker->fences) {
        platform_unmap(worker->fences, sizeof(struct worker_fence_page));
    }
    if (worker->fence_fd >= 0) {
        close(worker->fence_fd);
    }
    platform_wake_finish(&worker->pipe);
    pthread_mutex_destroy(&worker->mutex);
    free(worker);
}

int worker_start(const char *program, enum platform_sandbox sandbox, const char *cache,
                 const struct platform_wake *watcher, struct worker **out) {
    struct worker *worker = calloc(1, sizeof(*worker));
    if (!worker) {
        return -ENOMEM;
    }
    int fds[2];
    int error = platform_socket_pair(fds);
    if (error) {
        free(worker);
        return error;
    }
    worker->base.ops = &worker_ops;
    pthread_mutex_init(&worker->mutex, NULL);
    worker->watcher = watcher;
    worker->sandbox = sandbox;
    worker->last = &worker->first;
    storage_pool_init(&worker->returned);
    worker->pipe = (struct platform_wake){-1, -1};
    worker->fence_fd = -1;
    worker->kill_ns = UINT64_MAX;
    snprintf(worker->name, sizeof(worker->name), "spare worker");
    channel_init(&worker->channel, fds[0], WORKER_REPLY_BYTES_MAX,
                 QUEUED_BYTES_DEFAULT + QUEUE_BYTES_EXTRA, NULL);
    error = make_fences(worker);
    if (!error) {
        const char *const arguments[] = {"vesper-worker", platform_sandbox_name(sandbox), cache,
                                         NULL};
        error = platform_spawn(program, arguments, fds[1], &worker->pid);
    }
    close(fds[1]);
    if (error) {
        worker_free(worker);
        return error;
    }
    *out = worker;
    return 0;
}

static int send_hello(struct worker *worker, const struct context_limits *limits) {
    struct worker_hello hello = {
        .kind = WORKER_HELLO,
        .protocol = WORKER_PROTOCOL,
        .log_level = log_get_level(),
    };
    if (limits) {
        hello.limits = *limits;
    }
    memcpy(hello.name, worker->name, sizeof(hello.name));
    const int fds[2] = {worker->fence_fd, worker->pipe.write_fd};
    return send(worker, &hello, sizeof(hello), NULL, 0, fds, 2);
}

int worker_take(struct worker *worker, const char *name, const struct context_limits *limits,
                const struct context_listener *listener, void *user) {
    pthread_mutex_lock(&worker->mutex);
    worker->listener = *listener;
    worker->user = user;
    memset(worker->name, 0, sizeof(worker->name));
    snprintf(worker->name, sizeof(worker->name), "%s", name ? name : "context");
    worker->resources_max = limits && limits->resources ? limits->resources : RESOURCES_DEFAULT;
    if (limits && limits->queued_bytes) {
        worker->channel.queue_max = limits->queued_bytes + QUEUE_BYTES_EXTRA;
    }
    int error = send_hello(worker, limits);
    worker->taken = !error;
    /* The worker's alone from now on, so that its end is seen; as is the page's descriptor. */
    close(worker->pipe.write_fd);
    worker->pipe.write_fd = -1;
    close(worker->fence_fd);
    worker->fence_fd = -1;
    pthread_mutex_unlock(&worker->mutex);
    platform_wake_signal(worker->watcher); /* to watch the pipe */
    return error;
}
