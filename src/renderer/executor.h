/* Executes what the frontend hands in, in order: on a thread of its own, or on the threads that
 * hand it in. */
#ifndef VESPER_RENDERER_EXECUTOR_H
#define VESPER_RENDERER_EXECUTOR_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "renderer/stream.h"

struct renderer_context;
struct executor_item;

struct executor {
    struct stream stream;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t cond; /* work, stop, context lost, or progress of a ring that is waited for */
    struct executor_item *first, **last; /* guarded by mutex, as are the next two */
    uint64_t queued_bytes;
    bool stop;
    bool overflowed; /* a submission passed the limit: the context is to be lost */
    bool waiting;    /* the thread waits for a ring; guarded by mutex */
    /* Told before an executing caller waits for a ring. NULL: there is a thread of our own. */
    void (*yield)(void *user);
    void *user;
    bool busy; /* a caller executes; guarded by mutex */
};

/* Starts the thread, or, with `yield` (see renderer_context_create_direct), leaves execution to
 * the callers. 0 or a negative errno. */
int executor_start(struct executor *executor, struct renderer_context *context,
                   void (*yield)(void *user), void *user);
/* The end, in three steps, so that rings that the thread waits for can be stopped in between and
 * its stream can still be used to destroy what the guest left. */
void executor_request_stop(struct executor *executor);
void executor_join(struct executor *executor); /* drops what is queued */
void executor_finish(struct executor *executor);

/* The context contract's calls, queued; executed at once by a caller that finds nobody else at
 * it. */
int executor_submit(struct executor *executor, const void *bytes, size_t size);
int executor_create_blob(struct executor *executor, uint32_t resource_id, uint64_t blob_id,
                         uint32_t flags, uint64_t size);
int executor_attach(struct executor *executor, uint32_t resource_id, struct storage *storage);
int executor_detach(struct executor *executor, uint32_t resource_id);
int executor_fence(struct executor *executor, uint32_t ring_idx, uint64_t fence_id);

/* Wakes the thread where it waits for a ring. Any thread; takes the executor's mutex. */
void executor_poke(struct executor *executor);

/* Waits on the executor's own thread until `ring`'s head has reached `seqno`, the ring is
 * stopped, or the context is lost. */
struct ring;
void executor_wait_ring(struct executor *executor, struct ring *ring, uint32_t seqno);

#endif
