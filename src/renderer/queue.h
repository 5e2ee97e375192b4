/* VkQueue: submissions under one mutex per host queue, and a thread that waits for transport
 * fences. */
#ifndef VESPER_RENDERER_QUEUE_H
#define VESPER_RENDERER_QUEUE_H

#include "renderer/device.h"

struct queue_fence;

/* One host queue; several guest queues may alias it. */
struct queue {
    struct device *device;
    VkQueue handle;
    uint32_t family, index;
    VkDeviceQueueCreateFlags flags;

    pthread_mutex_t submit_mutex; /* the queue's external synchronisation */
    bool closed;                  /* guarded by submit_mutex: the device is being destroyed */

    /* Completion waiter; started by the first transport fence. */
    pthread_t thread;
    bool thread_started;
    pthread_mutex_t fence_mutex; /* guards what follows */
    pthread_cond_t cond;
    bool stop;
    struct queue_fence *pending_first, **pending_last, *free_list;
};

/* The guest's VkQueue object. */
struct queue_object {
    struct vn_object object; /* first */
    struct queue *queue;
};

void queue_init(struct queue *queue, struct device *device, VkQueue handle, uint32_t family,
                uint32_t index, VkDeviceQueueCreateFlags flags);
/* The end, in three steps. Close: nobody submits any more. Finish, once the device is idle or
 * lost: retires what is pending, joins the waiter, destroys the fences. Release: nobody can hold
 * the queue any more. */
void queue_close(struct queue *queue);
void queue_finish(struct queue *queue);
void queue_release(struct queue *queue);

/* Adds a transport fence behind everything submitted so far; retires through the context's
 * listener. On a failure (< 0) nothing is pending. The context stream's thread only. */
VkResult queue_add_fence(struct queue *queue, uint32_t ring_idx, uint64_t fence_id);

/* Wakes the waiter after the context was lost: it retires everything at once. */
void queue_wake(struct queue *queue);

/* The host queue behind a guest queue object. */
static inline struct queue *queue_from(const struct vn_object *object) {
    return ((const struct queue_object *)object)->queue;
}

#endif
