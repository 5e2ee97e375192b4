#include "renderer/timeline.h"

#include <string.h>

#include "renderer/queue.h"
#include "renderer/renderer.h"

int timelines_init(struct timelines *timelines) {
    memset(timelines->queues, 0, sizeof(timelines->queues));
    return -pthread_mutex_init(&timelines->mutex, NULL);
}

void timelines_finish(struct timelines *timelines) {
    pthread_mutex_destroy(&timelines->mutex);
}

bool timeline_bind(struct timelines *timelines, uint32_t ring_idx, struct queue *queue) {
    bool bound = false;
    pthread_mutex_lock(&timelines->mutex);
    /* A device that ends on another stream unbinds its queues once: none may come afterwards. */
    if (ring_idx > 0 && ring_idx < CONTEXT_RING_IDX_COUNT && !timelines->queues[ring_idx] &&
        !atomic_load(&queue->device->ending)) {
        timelines->queues[ring_idx] = queue;
        bound = true;
    }
    pthread_mutex_unlock(&timelines->mutex);
    return bound;
}

void timeline_unbind(struct timelines *timelines, struct queue *queue) {
    pthread_mutex_lock(&timelines->mutex);
    for (uint32_t i = 0; i < CONTEXT_RING_IDX_COUNT; i++) {
        if (timelines->queues[i] == queue) {
            timelines->queues[i] = NULL;
        }
    }
    pthread_mutex_unlock(&timelines->mutex);
}

/* VK_INCOMPLETE: no queue is bound. */
static VkResult add_to_queue(struct timelines *timelines, uint32_t ring_idx, uint64_t fence_id) {
    VkResult result = VK_INCOMPLETE;
    pthread_mutex_lock(&timelines->mutex);
    struct queue *queue = ring_idx < CONTEXT_RING_IDX_COUNT ? timelines->queues[ring_idx] : NULL;
    if (queue) {
        result = queue_add_fence(queue, ring_idx, fence_id);
    }
    pthread_mutex_unlock(&timelines->mutex);
    return result;
}

void timeline_fence(struct renderer_context *context, uint32_t ring_idx, uint64_t fence_id) {
    VkResult result = ring_idx ? add_to_queue(&context->timelines, ring_idx, fence_id)
                               : VK_NOT_READY; /* the CPU timeline: now */
    if (result == VK_SUCCESS) {
        return;
    }
    if (result == VK_INCOMPLETE) {
        context_lose(context, "a fence names ring_idx %u, to which no queue is bound", ring_idx);
    } else if (result < 0) {
        context_lose(context, "the host driver refuses a fence on ring_idx %u: %d", ring_idx,
                     result);
    }
    context->listener.fence_retired(context->user, ring_idx, fence_id);
}
