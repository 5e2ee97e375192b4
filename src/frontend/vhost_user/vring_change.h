/* What a message says of one queue: checked, then carried out. */
#ifndef VESPER_VHOST_USER_VRING_CHANGE_H
#define VESPER_VHOST_USER_VRING_CHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "frontend/vhost_user/message.h"
#include "frontend/vhost_user/queue.h"

struct vhost_vring_change {
    const struct vhost_message *message; /* borrowed */
    uint32_t index;                      /* of the queue */
    int fd;                              /* of KICK, CALL and ERR; -1: none */
};

/* Whether `index` is a queue, of `count`; says so where it is not. Any thread. */
bool vhost_vring_check_index(const char *request, uint64_t index, uint32_t count);
/* Takes a SET_VRING_NUM, ADDR, BASE, KICK, CALL, ERR or ENABLE apart, for a device of `count`
 * queues. False, with the reason logged, where it makes no sense. Any thread. */
bool vhost_vring_parse(struct vhost_message *message, uint32_t count,
                       struct vhost_vring_change *out);
/* Carries it out; the queue takes the descriptor. After a KICK the queue may be ready to start.
 * False, with the reason logged, where it is refused. The queue's thread. */
bool vhost_vring_apply(const struct vhost_vring_change *change, struct vhost_queue *queue,
                       struct vhost_table *table);

#endif
