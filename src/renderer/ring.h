/* One ring: a command stream in shared memory with a thread of its own.
 * The layout and the idle handshake are those of docs/venus-wire-format.md. */
#ifndef VESPER_RENDERER_RING_H
#define VESPER_RENDERER_RING_H

#include "renderer/stream.h"
#include "venus_mesa.h"

enum {
    RING_STATUS_IDLE = 1,
    RING_STATUS_FATAL = 2,
    RING_STATUS_ALIVE = 4,
};

/* Where the parts of a ring lie in its resource: bytes, relative to the resource's start. */
struct ring_layout {
    uint64_t head, tail, status, buffer, buffer_size, extra, extra_size;
};

struct ring_settings {
    uint64_t idle_timeout_ns;
    uint64_t monitor_period_ns; /* 0: not monitored */
    bool has_priority;
    int priority; /* nice value of the guest's thread */
};

struct ring {
    uint64_t id;
    struct renderer_context *context;
    struct ring *next; /* guarded by the context's ring_mutex */
    struct resource *resource;

    /* Shared with the guest. */
    _Atomic(uint32_t) *head, *tail, *status;
    const uint8_t *buffer;
    uint32_t buffer_size; /* power of two */
    uint8_t *extra;
    uint64_t extra_size;

    struct ring_settings settings;
    uint64_t spin_ns, yield_ns, submitting_yield_ns; /* steps of waiting, see ring.c */
    bool is_submitting;         /* the next command came soon after the last submission */

    pthread_t thread;
    struct stream stream;
    uint8_t *private_bytes; /* copy of what is being executed */
    uint32_t batch_start;   /* head before the batch in execution */
    /* Our head. The shared word only tells the guest: what it writes there is never read. */
    _Atomic(uint32_t) position;

    _Atomic(bool) stop;
    _Atomic(bool) awaited; /* the context stream waits for our head */
    pthread_mutex_t mutex; /* guards the members below */
    pthread_cond_t cond;
    bool notified;
    uint64_t virtqueue_seqno;
};

/* Checks the guest's description against the resource. False: *out_reason is a static sentence. */
bool ring_layout_check(const VkRingCreateInfoMESA *info, uint64_t resource_size,
                       struct ring_layout *out, const char **out_reason);

/* Makes a ring over `resource` (own reference taken), whose mapping is `bytes`, and starts its
 * thread. The caller has checked the layout. 0 or a negative errno; -EBUSY where the head or
 * status word is not 0. */
int ring_create(struct renderer_context *context, uint64_t id, struct resource *resource,
                uint8_t *bytes, const struct ring_layout *layout,
                const struct ring_settings *settings, struct ring **out);
/* Asks the thread to stop at the next command boundary; any thread. */
void ring_request_stop(struct ring *ring);
/* Joins the thread and frees the ring, which is no longer in the context's list. */
void ring_destroy(struct ring *ring);

/* vkNotifyRingMESA: wakes a sleeping ring. Any thread. */
void ring_notify(struct ring *ring);
/* vkSubmitVirtqueueSeqnoMESA: remembers a number (monotonic) and wakes the ring. */
void ring_submit_virtqueue_seqno(struct ring *ring, uint64_t seqno);
/* vkWaitVirtqueueSeqnoMESA, on the ring's own thread: until the number has been remembered, the
 * ring is stopped or the context is lost. */
void ring_wait_virtqueue_seqno(struct ring *ring, uint64_t seqno);
/* Publishes FATAL and wakes the thread; any thread. */
void ring_set_fatal(struct ring *ring);

static inline bool ring_reached(const struct ring *ring, uint32_t seqno) {
    return (int32_t)(atomic_load(&ring->position) - seqno) >= 0;
}

#endif
