#include "renderer/monitor.h"

#include "platform/platform.h"
#include "renderer/renderer.h"
#include "renderer/ring.h"

/* ALIVE is set this many times per period that the guest asked for, so that one late wake-up on
 * a busy host does not look like death. */
#define OVERSAMPLING 3
/* A guest cannot make the timer run faster than this. */
#define TICK_MIN_NS UINT64_C(10000000)

int monitor_init(struct monitor *monitor) {
    pthread_mutex_init(&monitor->mutex, NULL);
    monitor->started = monitor->stop = false;
    monitor->period_ns = UINT64_MAX;
    return platform_cond_init(&monitor->cond);
}

void monitor_finish(struct monitor *monitor) {
    pthread_mutex_lock(&monitor->mutex);
    monitor->stop = true;
    pthread_cond_broadcast(&monitor->cond);
    bool started = monitor->started;
    pthread_mutex_unlock(&monitor->mutex);
    if (started) {
        pthread_join(monitor->thread, NULL);
    }
    pthread_cond_destroy(&monitor->cond);
    pthread_mutex_destroy(&monitor->mutex);
}

static void report_alive(struct renderer_context *context) {
    pthread_mutex_lock(&context->ring_mutex);
    for (struct ring *ring = context->rings; ring; ring = ring->next) {
        if (ring->settings.monitor_period_ns) {
            atomic_fetch_or(ring->status, RING_STATUS_ALIVE);
        }
    }
    pthread_mutex_unlock(&context->ring_mutex);
}

/* With the mutex held: sleeps one tick; a shorter period that arrives meanwhile cuts it short. */
static void wait_tick(struct monitor *monitor) {
    uint64_t start = platform_now_ns();
    while (!monitor->stop) {
        uint64_t tick = monitor->period_ns / OVERSAMPLING;
        uint64_t deadline = start + (tick < TICK_MIN_NS ? TICK_MIN_NS : tick);
        if (!platform_cond_wait_until(&monitor->cond, &monitor->mutex, deadline)) {
            return;
        }
    }
}

static void *monitor_main(void *argument) {
    struct renderer_context *context = argument;
    struct monitor *monitor = &context->monitor;
    pthread_mutex_lock(&monitor->mutex);
    /* A lost context must look dead. */
    while (!monitor->stop && !context_is_lost(context)) {
        pthread_mutex_unlock(&monitor->mutex);
        report_alive(context);
        pthread_mutex_lock(&monitor->mutex);
        wait_tick(monitor);
    }
    pthread_mutex_unlock(&monitor->mutex);
    return NULL;
}

int monitor_watch(struct monitor *monitor, struct renderer_context *context,
                  uint64_t period_ns) {
    int error = 0;
    pthread_mutex_lock(&monitor->mutex);
    if (period_ns < monitor->period_ns) {
        monitor->period_ns = period_ns;
    }
    pthread_cond_broadcast(&monitor->cond);
    if (!monitor->started) {
        error = platform_thread_start(&monitor->thread, "vesper-alive", monitor_main, context);
        monitor->started = !error;
    }
    pthread_mutex_unlock(&monitor->mutex);
    return error;
}
