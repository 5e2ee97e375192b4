#include "frontend/vtest/fence.h"

#include <errno.h>
#include <stdlib.h>

static int queue_grow(struct vtest_signal_queue *queue) {
    uint32_t capacity = queue->capacity ? queue->capacity * 2 : 16;
    struct vtest_signal *signals = malloc(capacity * sizeof(*signals));
    if (!signals) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < queue->count; i++) {
        signals[i] = queue->signals[(queue->first + i) & (queue->capacity - 1)];
    }
    free(queue->signals);
    *queue = (struct vtest_signal_queue){signals, 0, queue->count, capacity};
    return 0;
}

int vtest_fences_add(struct vtest_fences *fences, uint32_t ring_idx, uint64_t fence_id,
                     struct vtest_sync *sync, uint64_t value) {
    struct vtest_signal_queue *queue = &fences->queues[ring_idx];
    if (queue->count == queue->capacity) {
        int error = queue_grow(queue);
        if (error) {
            return error;
        }
    }
    uint32_t last = (queue->first + queue->count) & (queue->capacity - 1);
    queue->signals[last] = (struct vtest_signal){fence_id, vtest_sync_ref(sync), value};
    queue->count++;
    fences->count++;
    return 0;
}

static struct vtest_signal queue_pop(struct vtest_fences *fences,
                                     struct vtest_signal_queue *queue) {
    struct vtest_signal signal = queue->signals[queue->first];
    queue->first = (queue->first + 1) & (queue->capacity - 1);
    queue->count--;
    fences->count--;
    return signal;
}

void vtest_fences_retire(struct vtest_fences *fences, uint32_t ring_idx, uint64_t fence_id) {
    struct vtest_signal_queue *queue = &fences->queues[ring_idx];
    while (queue->count > 0 && queue->signals[queue->first].fence_id <= fence_id) {
        struct vtest_signal signal = queue_pop(fences, queue);
        vtest_sync_signal(signal.sync, signal.value);
        vtest_sync_unref(signal.sync);
    }
}

void vtest_fences_retire_all(struct vtest_fences *fences) {
    for (uint32_t i = 0; i < CONTEXT_RING_IDX_COUNT; i++) {
        vtest_fences_retire(fences, i, UINT64_MAX);
    }
}

void vtest_fences_finish(struct vtest_fences *fences) {
    for (uint32_t i = 0; i < CONTEXT_RING_IDX_COUNT; i++) {
        struct vtest_signal_queue *queue = &fences->queues[i];
        while (queue->count > 0) {
            vtest_sync_unref(queue_pop(fences, queue).sync);
        }
        free(queue->signals);
        *queue = (struct vtest_signal_queue){0};
    }
}
