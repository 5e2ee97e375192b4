#include "renderer/monitor.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "platform/platform.h"
#include "renderer/ring.h"

/* ALIVE is set this often: eighths of the period that the guest asked for, so that a late wake-up
 * on a busy host does not look like death, and an idle guest costs little more than it must. */
#define TICK_EIGHTHS 7
/* A guest cannot make the timer run faster than this. */
#define TICK_MIN_NS UINT64_C(10000000)

struct watched {
    _Atomic(uint32_t) *status;
    const void *owner;
    uint64_t period_ns;
};

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t cond; /* the shortest period may have changed */
    struct watched *words;
    size_t count, capacity;
    bool started;
} timer = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void report_alive(void) {
    for (size_t i = 0; i < timer.count; i++) {
        /* Usually it is still set: then the guest's cache line stays the guest's. */
        if (!(atomic_load_explicit(timer.words[i].status, memory_order_relaxed) &
              RING_STATUS_ALIVE)) {
            atomic_fetch_or(timer.words[i].status, RING_STATUS_ALIVE);
        }
    }
}

/* Nanoseconds between two reports; UINT64_MAX: nothing is watched. */
static uint64_t shortest_tick(void) {
    uint64_t shortest = UINT64_MAX;
    for (size_t i = 0; i < timer.count; i++) {
        uint64_t tick = timer.words[i].period_ns / 8 * TICK_EIGHTHS;
        if (tick < shortest) {
            shortest = tick;
        }
    }
    return shortest < TICK_MIN_NS ? TICK_MIN_NS : shortest;
}

/* Sleeps one tick; a shorter one that arrives meanwhile cuts it short. */
static void wait_tick(void) {
    const uint64_t start = platform_now_ns();
    bool in_time = true;
    while (in_time) {
        uint64_t tick = shortest_tick();
        uint64_t deadline = tick == UINT64_MAX ? UINT64_MAX : start + tick;
        in_time = platform_cond_wait_until(&timer.cond, &timer.mutex, deadline);
    }
}

static void *timer_main(void *argument) {
    (void)argument;
    pthread_mutex_lock(&timer.mutex);
    for (;;) {
        report_alive();
        wait_tick();
    }
    return NULL;
}

static int start_timer(void) {
    pthread_t thread;
    int error = platform_cond_init(&timer.cond);
    if (!error) {
        error = platform_thread_start(&thread, "vesper-alive", timer_main, NULL);
    }
    if (!error) {
        pthread_detach(thread); /* lives as long as the process */
        timer.started = true;
    }
    return error;
}

static int reserve_word(void) {
    if (timer.count < timer.capacity) {
        return 0;
    }
    size_t capacity = timer.capacity ? timer.capacity * 2 : 16;
    struct watched *words = realloc(timer.words, capacity * sizeof(*words));
    if (!words) {
        return -ENOMEM;
    }
    timer.words = words;
    timer.capacity = capacity;
    return 0;
}

int monitor_add(_Atomic(uint32_t) *status, const void *owner, uint64_t period_ns) {
    pthread_mutex_lock(&timer.mutex);
    int error = reserve_word();
    if (!error && !timer.started) {
        error = start_timer();
    }
    if (!error) {
        timer.words[timer.count++] = (struct watched){status, owner, period_ns};
        pthread_cond_signal(&timer.cond);
    }
    pthread_mutex_unlock(&timer.mutex);
    return error;
}

static void remove_matching(const _Atomic(uint32_t) *status, const void *owner) {
    pthread_mutex_lock(&timer.mutex);
    for (size_t i = timer.count; i-- > 0;) {
        if (timer.words[i].status == status || timer.words[i].owner == owner) {
            timer.words[i] = timer.words[--timer.count];
        }
    }
    pthread_mutex_unlock(&timer.mutex);
}

void monitor_remove(const _Atomic(uint32_t) *status) {
    remove_matching(status, NULL);
}

void monitor_remove_owner(const void *owner) {
    remove_matching(NULL, owner);
}
