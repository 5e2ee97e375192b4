/* When the answer of a fenced request goes out.
 *
 * A fence with ring_idx is the context's to retire. Plain fences retire in the order in which they
 * came, as the guest takes an answer for all plain fences before it; but a request that waits for
 * a context, or behind one that does, is passed by: no context holds back a display. Flushes
 * count as complete when the presenter has taken the pixels. Device thread. */
#ifndef VESPER_DEVICE_FENCE_H
#define VESPER_DEVICE_FENCE_H

#include <stdint.h>

struct device;
struct gpu_context;
struct gpu_request;

struct gpu_request_queue {
    struct gpu_request *first, *last; /* by fence_next, or by flush_next */
};

struct gpu_fences {
    struct gpu_request_queue plain;   /* in order of arrival */
    struct gpu_request_queue flushes; /* by token */
};

/* The fences of one ring_idx of a context. */
struct gpu_ring {
    struct gpu_request_queue waiting; /* by sequence */
    uint64_t last_sequence;           /* ours: the guest's fence ids need not grow */
};

/* A plain fence has arrived. */
void gpu_fence_arrived(struct device *device, struct gpu_request *request);
/* The effect of a request is complete: answers it, now or when its fence retires. */
void gpu_fence_effective(struct device *device, struct gpu_request *request);
/* The context has retired what is up to `sequence` on a ring; UINT64_MAX: everything. */
void gpu_ring_retired(struct device *device, struct gpu_ring *ring, uint64_t sequence);
/* Makes a request that is AT_PRESENTER wait for flush_token, which is the last token given out. */
void gpu_flush_wait(struct device *device, struct gpu_request *request);
/* The presenter has taken the flushes up to `token`. */
void gpu_flushes_done(struct device *device, uint64_t token);

#endif
