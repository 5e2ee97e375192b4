/* Ends contexts away from the device thread: destroying one may take as long as a call of the
 * host's driver, and nothing else shall wait for that. One thread stays for the whole life, so that
 * no context is left where no thread can be started; others come and go with the work. */
#ifndef VESPER_DEVICE_REAPER_H
#define VESPER_DEVICE_REAPER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct gpu_reaper;

/* One piece of work: embedded in what is destroyed. */
struct gpu_reaper_item {
    struct gpu_reaper_item *next;
    /* Destroys and frees; called once on a thread of the reaper. */
    void (*destroy)(struct gpu_reaper_item *item);
};

struct gpu_reaper {
    pthread_mutex_t mutex;
    pthread_cond_t cond; /* work, an idle thread's end, the end of all */
    struct gpu_reaper_item *first, *last;
    uint32_t queued;  /* items that no thread has taken yet */
    uint32_t pending; /* items that are not destroyed yet */
    uint32_t idle;    /* threads that wait for work */
    uint32_t extra;   /* threads besides the lasting one */
    bool stopping;
    pthread_t thread;
};

/* 0 or a negative errno. */
int gpu_reaper_init(struct gpu_reaper *reaper);
/* Waits until everything is destroyed. */
void gpu_reaper_finish(struct gpu_reaper *reaper);
/* Takes the item; never blocks for its destruction. */
void gpu_reaper_take(struct gpu_reaper *reaper, struct gpu_reaper_item *item);
/* Items taken that are not destroyed yet. */
uint32_t gpu_reaper_get_pending(struct gpu_reaper *reaper);

#endif
