/* The ALIVE timer: tells the guest, from a thread that never waits for a driver, that its rings
 * have not died while they are silent. Started by the first monitored ring. */
#ifndef VESPER_RENDERER_MONITOR_H
#define VESPER_RENDERER_MONITOR_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct renderer_context;

struct monitor {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    pthread_t thread;
    bool started, stop;
    uint64_t period_ns; /* smallest of all rings */
};

int monitor_init(struct monitor *monitor);
void monitor_finish(struct monitor *monitor); /* stops and joins */
/* A ring wants ALIVE at least every `period_ns`; the timer runs several times as often. */
int monitor_watch(struct monitor *monitor, struct renderer_context *context, uint64_t period_ns);

#endif
