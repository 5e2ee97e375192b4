/* One split virtqueue: from the guest's rings to requests, from responses to used descriptors.
 *
 * Format: the virtio specification, "Split Virtqueues". The guest writes into the rings at any
 * time; whatever breaks a rule stops the queue (it is broken until the monitor starts it anew), is
 * logged with the reason and told by the error descriptor. Device thread only. */
#ifndef VESPER_VHOST_USER_QUEUE_H
#define VESPER_VHOST_USER_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device/device.h"
#include "frontend/vhost_user/chain.h"
#include "frontend/vhost_user/memory_table.h"

#define VHOST_QUEUE_SIZE_MAX 32768

enum vhost_queue_state { VHOST_QUEUE_STOPPED, VHOST_QUEUE_RUNNING, VHOST_QUEUE_BROKEN };

struct vhost_slot;

struct vhost_queue {
    uint32_t index;
    const char *name; /* static storage */
    enum vhost_queue_state state;
    bool enabled;

    /* As the monitor said. */
    uint32_t size; /* 0: not said */
    uint16_t base;
    bool has_addresses;
    uint64_t descriptors_at, used_at, available_at; /* the monitor's addresses */
    bool indirect, event_idx;
    int kick_fd, call_fd, error_fd; /* ours; -1: none */

    /* While running. */
    const struct vhost_descriptor *descriptors;
    const uint16_t *available; /* flags, idx, ring[size], used_event */
    uint16_t *used;            /* flags, idx, {u32 id, u32 size}[size], avail_event */
    uint16_t next_available;
    uint16_t next_used;
    uint16_t told_used; /* next_used when the guest was last told, or decided not to be */

    /* Requests under way. What was taken before a stop is answered after it, where the monitor
     * goes on where it stopped: the guest waits for it. */
    struct vhost_slot *slots; /* `slot_count` */
    uint32_t slot_count, free_slot, under_way;
    uint32_t generation; /* of the slots: answers to older requests are dropped */
    bool resumable;      /* since its last stop nothing was forgotten */
};

void vhost_queue_init(struct vhost_queue *queue, uint32_t index, const char *name);
/* Stops it and closes its descriptors. */
void vhost_queue_finish(struct vhost_queue *queue);

/* What the monitor says of a queue. False, with the reason logged, where it cannot be; a running
 * queue keeps its size and base. */
bool vhost_queue_set_size(struct vhost_queue *queue, uint32_t size);
bool vhost_queue_set_base(struct vhost_queue *queue, uint32_t base);
bool vhost_queue_set_addresses(struct vhost_queue *queue, struct vhost_table *table,
                               const struct vhost_vring_addresses *addresses);
/* Each takes a prepared descriptor (notify.h), or -1. */
void vhost_queue_set_kick(struct vhost_queue *queue, int fd);
void vhost_queue_set_call(struct vhost_queue *queue, int fd);
void vhost_queue_set_error(struct vhost_queue *queue, int fd);

/* Whether all has been said that a start needs. */
bool vhost_queue_is_ready(const struct vhost_queue *queue);
/* Starts a stopped queue that is ready. False, with the reason logged, where it cannot. */
bool vhost_queue_start(struct vhost_queue *queue, struct vhost_table *table);
/* Stops it. Gives the index of the first request that was not taken. */
uint16_t vhost_queue_stop(struct vhost_queue *queue);
/* Forgets the requests under way: a reset. */
void vhost_queue_forget(struct vhost_queue *queue);
/* Whether a stopped queue's next start goes on where its last stop was, having been in use. */
bool vhost_queue_goes_on(const struct vhost_queue *queue);
/* Finds the rings again in another table. */
void vhost_queue_move(struct vhost_queue *queue, struct vhost_table *table);

/* Whether the loop shall wait for its kick descriptor. */
bool vhost_queue_listens(const struct vhost_queue *queue);
/* Requests that wait in the ring; 0 also where the queue does not run. What the guest wrote before
 * them can be read afterwards. Where there are none, the guest is asked to kick for the next. */
uint32_t vhost_queue_count_available(struct vhost_queue *queue);
/* Takes the next request, of which there is one. NULL: the queue has become broken. `scratch` has
 * pieces. The request's tag is for vhost_queue_complete. */
struct device_request *vhost_queue_take(struct vhost_queue *queue, struct vhost_table *table,
                                        struct vhost_chain *scratch);
/* The number of the queue that `tag` is of. */
uint32_t vhost_tag_get_queue(const void *tag);
/* Answers a request. */
void vhost_queue_complete(struct vhost_queue *queue, struct vhost_table *table, const void *tag,
                          const void *response, size_t size);
/* Tells the guest of what was answered since the last call, if it wants to know. */
void vhost_queue_tell(struct vhost_queue *queue);

#endif
