/* Tears contexts down away from the control thread: destroying one may take as long as a call of
 * the host driver, and no other client shall wait for that. One thread per ending client. */
#ifndef VESPER_VTEST_REAPER_H
#define VESPER_VTEST_REAPER_H

#include <pthread.h>
#include <stdint.h>

#include "frontend/vtest/client.h"

struct vtest_reaper {
    struct vtest_inbox *inbox; /* borrowed; its wake tells of a thread that is done */
    pthread_mutex_t mutex;
    struct vtest_client *finished; /* guarded by the mutex */
    struct vtest_client *waiting;  /* no thread could be started yet; control thread's */
    uint64_t retry_ns;             /* when to try again; UINT64_MAX: nothing waits */
    uint32_t count;                /* clients not yet freed; control thread's */
};

/* 0 or a negative errno. */
int vtest_reaper_init(struct vtest_reaper *reaper, struct vtest_inbox *inbox);
/* Waits until every client has been freed. */
void vtest_reaper_finish(struct vtest_reaper *reaper);

/* Takes a disconnected client, destroys its context and frees it. Control thread. */
void vtest_reaper_take(struct vtest_reaper *reaper, struct vtest_client *client);
/* Joins the threads that are done, and starts those that wait. Control thread. */
void vtest_reaper_collect(struct vtest_reaper *reaper, uint64_t now_ns);

#endif
