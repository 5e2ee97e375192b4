/* Transport fences: which VkQueue stands behind each ring_idx, and the order in which fences
 * retire. */
#ifndef VESPER_RENDERER_TIMELINE_H
#define VESPER_RENDERER_TIMELINE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "renderer/context.h"

struct queue;
struct renderer_context;

struct timelines {
    pthread_mutex_t mutex; /* held while a queue is used through its ring_idx */
    struct queue *queues[CONTEXT_RING_IDX_COUNT];
};

int timelines_init(struct timelines *timelines);
void timelines_finish(struct timelines *timelines);

/* Binds ring_idx 1 … 63 to a queue; false where it is out of range or taken, or where the queue's
 * device is being destroyed. */
bool timeline_bind(struct timelines *timelines, uint32_t ring_idx, struct queue *queue);
/* Forgets every ring_idx of `queue`. Afterwards nobody reaches the queue through a timeline. */
void timeline_unbind(struct timelines *timelines, struct queue *queue);

/* Executes the contract's fence on the context stream's thread: retires at once on ring_idx 0 or
 * in a lost context, otherwise after the work of the bound queue. An unbound ring_idx loses the
 * context. */
void timeline_fence(struct renderer_context *context, uint32_t ring_idx, uint64_t fence_id);

#endif
