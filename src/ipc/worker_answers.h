/* What comes from a worker, which is hostile: its messages, the fences it retires, and what its
 * context's owner is told of its end. The worker's mutex is held throughout; any thread. Not for other
 * rooms. */
#ifndef VESPER_IPC_WORKER_ANSWERS_H
#define VESPER_IPC_WORKER_ANSWERS_H

#include "ipc/worker_client.h"

struct worker_blob {
    struct worker_blob *next;
    uint32_t resource_id;
};

/* Handles what can be read from the channel, within bounds, and makes up-calls; cuts a worker that
 * breaks the protocol or has closed its end. */
void worker_receive_messages(struct worker *worker);
/* Tells of the fences that have retired since. */
void worker_read_fences(struct worker *worker);
/* Tells the owner, once, that the context is lost; refuses all blobs and retires all fences. */
void worker_settle_lost(struct worker *worker);

/* The context is lost, for the first reason given; the pool's thread is woken to tell. */
void worker_set_lost(struct worker *worker, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The worker is of no further use. What it was is told when it is reaped, so that a crash can be
 * told by its signal, where `reason` is NULL. */
void worker_cut(struct worker *worker, const char *reason);

#endif
