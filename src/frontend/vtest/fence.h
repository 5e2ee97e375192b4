/* Which syncs to set when a fence of the context retires: one queue per ring_idx, in the order in
 * which the fences were made. Control thread only. */
#ifndef VESPER_VTEST_FENCE_H
#define VESPER_VTEST_FENCE_H

#include <stddef.h>
#include <stdint.h>

#include "frontend/vtest/sync.h"
#include "renderer/context.h"

struct vtest_signal {
    uint64_t fence_id;
    struct vtest_sync *sync; /* a reference */
    uint64_t value;
};

/* A ring buffer; its capacity is a power of two or 0. */
struct vtest_signal_queue {
    struct vtest_signal *signals;
    uint32_t first, count, capacity;
};

struct vtest_fences {
    struct vtest_signal_queue queues[CONTEXT_RING_IDX_COUNT];
    uint32_t count; /* signals in all queues */
    uint64_t last_fence_id;
};

/* Notes that the fence `fence_id`, not smaller than those before on `ring_idx` (below
 * CONTEXT_RING_IDX_COUNT), will set `sync`. Takes a reference. 0 or -ENOMEM. */
int vtest_fences_add(struct vtest_fences *fences, uint32_t ring_idx, uint64_t fence_id,
                     struct vtest_sync *sync, uint64_t value);
/* Every fence up to and including `fence_id` on `ring_idx` has retired. */
void vtest_fences_retire(struct vtest_fences *fences, uint32_t ring_idx, uint64_t fence_id);
/* Retires everything: no context will. */
void vtest_fences_retire_all(struct vtest_fences *fences);
/* Forgets everything without setting a sync, and frees. */
void vtest_fences_finish(struct vtest_fences *fences);

#endif
