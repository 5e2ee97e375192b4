#include "frontend/vhost_user/vring_change.h"

#include <errno.h>
#include <string.h>

#include "frontend/vhost_user/notify.h"
#include "util/log.h"

/* ---- taking apart ----------------------------------------------------------------------- */

bool vhost_vring_check_index(const char *request, uint64_t index, uint32_t count) {
    if (index >= count) {
        log_error("vhost-user: %s: queue %llu, of %u", request, (unsigned long long)index, count);
        return false;
    }
    return true;
}

/* The descriptor of a KICK, CALL or ERR, prepared; -1 where the message says that there is none. */
static bool take_fd(struct vhost_message *message, int *out) {
    const char *name = vhost_message_name(message);
    const bool wanted = !(message->payload.u64 & VHOST_VRING_NO_FD);
    if (wanted != (message->fd_count == 1)) {
        log_error("vhost-user: %s: %s", name,
                  wanted ? "no descriptor came with it" : "a descriptor came that is said not to");
        return false;
    }
    *out = -1;
    if (!wanted) {
        return true;
    }
    int error = vhost_notify_prepare(message->fds[0]);
    if (error) {
        log_error("vhost-user: %s: %s", name,
                  error == -EINVAL ? "the descriptor is neither an eventfd nor a pipe"
                                   : strerror(-error));
        return false;
    }
    *out = vhost_message_take_fd(message, 0);
    return true;
}

static bool carries_fd(uint32_t request) {
    return request == VHOST_SET_VRING_KICK || request == VHOST_SET_VRING_CALL ||
           request == VHOST_SET_VRING_ERR;
}

bool vhost_vring_parse(struct vhost_message *message, uint32_t count,
                       struct vhost_vring_change *out) {
    const bool with_fd = carries_fd(message->header.request);
    const uint64_t index =
        with_fd ? message->payload.u64 & VHOST_VRING_INDEX_MASK : message->payload.state.index;
    *out = (struct vhost_vring_change){.message = message, .index = (uint32_t)index, .fd = -1};
    return vhost_vring_check_index(vhost_message_name(message), index, count) &&
           (!with_fd || take_fd(message, &out->fd));
}

/* ---- carrying out ----------------------------------------------------------------------- */

static bool enable(struct vhost_queue *queue, uint32_t value) {
    if (value > 1) {
        log_error("vhost-user: SET_VRING_ENABLE: %u is neither 0 nor 1", value);
        return false;
    }
    queue->enabled = value == 1;
    return true;
}

static bool set_kick(struct vhost_queue *queue, int fd) {
    if (fd < 0) {
        log_error("vhost-user: SET_VRING_KICK: the %s queue cannot be watched without a "
                  "descriptor",
                  queue->name);
        return false;
    }
    vhost_queue_set_kick(queue, fd);
    return true;
}

bool vhost_vring_apply(const struct vhost_vring_change *change, struct vhost_queue *queue,
                       struct vhost_table *table) {
    const union vhost_payload *payload = &change->message->payload;
    switch (change->message->header.request) {
    case VHOST_SET_VRING_NUM:
        return vhost_queue_set_size(queue, payload->state.num);
    case VHOST_SET_VRING_BASE:
        return vhost_queue_set_base(queue, payload->state.num);
    case VHOST_SET_VRING_ENABLE:
        return enable(queue, payload->state.num);
    case VHOST_SET_VRING_ADDR:
        return vhost_queue_set_addresses(queue, table, &payload->addresses);
    case VHOST_SET_VRING_KICK:
        return set_kick(queue, change->fd);
    case VHOST_SET_VRING_CALL:
        vhost_queue_set_call(queue, change->fd);
        return true;
    case VHOST_SET_VRING_ERR:
        vhost_queue_set_error(queue, change->fd);
        return true;
    }
    return false;
}
