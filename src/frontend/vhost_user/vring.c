#include "frontend/vhost_user/vring.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "frontend/vhost_user/notify.h"
#include "util/log.h"

struct change {
    struct vhost_message *message;
    uint32_t index;
    int fd; /* of KICK, CALL and ERR; taken by the call */
};

static bool check_index(const char *request, uint64_t index) {
    if (index >= DEVICE_QUEUE_COUNT) {
        log_error("vhost-user: %s: queue %llu, of %d", request, (unsigned long long)index,
                  DEVICE_QUEUE_COUNT);
        return false;
    }
    return true;
}

/* ---- on the device thread --------------------------------------------------------------- */

static bool enable(struct vhost_queue *queue, uint32_t value) {
    if (value > 1) {
        log_error("vhost-user: SET_VRING_ENABLE: %u is neither 0 nor 1", value);
        return false;
    }
    queue->enabled = value == 1;
    return true;
}

static bool set_kick(struct vhost_thread *thread, struct vhost_queue *queue, int fd) {
    if (fd < 0) {
        log_error("vhost-user: SET_VRING_KICK: the %s queue cannot be watched without a "
                  "descriptor",
                  queue->name);
        return false;
    }
    vhost_queue_set_kick(queue, fd);
    return vhost_thread_start_queue(thread, queue);
}

static bool call_change(struct vhost_thread *thread, void *argument) {
    const struct change *change = argument;
    const union vhost_payload *payload = &change->message->payload;
    struct vhost_queue *queue = &thread->queues[change->index];
    switch (change->message->header.request) {
    case VHOST_SET_VRING_NUM:
        return vhost_queue_set_size(queue, payload->state.num);
    case VHOST_SET_VRING_BASE:
        return vhost_queue_set_base(queue, payload->state.num);
    case VHOST_SET_VRING_ENABLE:
        return enable(queue, payload->state.num);
    case VHOST_SET_VRING_ADDR:
        vhost_thread_update_table(thread);
        return vhost_queue_set_addresses(queue, thread->table, &payload->addresses);
    case VHOST_SET_VRING_KICK:
        return set_kick(thread, queue, change->fd);
    case VHOST_SET_VRING_CALL:
        vhost_queue_set_call(queue, change->fd);
        return true;
    case VHOST_SET_VRING_ERR:
        vhost_queue_set_error(queue, change->fd);
        return true;
    }
    return false;
}

static bool call_stop(struct vhost_thread *thread, void *argument) {
    struct vhost_vring_state *state = argument;
    state->num = vhost_thread_stop_queue(thread, &thread->queues[state->index]);
    return true;
}

/* ---- on the control thread -------------------------------------------------------------- */

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

bool vhost_vring_set(struct vhost_thread *thread, struct vhost_message *message) {
    const bool with_fd = carries_fd(message->header.request);
    const uint64_t index =
        with_fd ? message->payload.u64 & VHOST_VRING_INDEX_MASK : message->payload.state.index;
    struct change change = {.message = message, .index = (uint32_t)index, .fd = -1};
    if (!check_index(vhost_message_name(message), index) ||
        (with_fd && !take_fd(message, &change.fd))) {
        return false;
    }
    return vhost_thread_call(thread, call_change, &change);
}

bool vhost_vring_stop(struct vhost_thread *thread, struct vhost_vring_state *state) {
    return check_index("GET_VRING_BASE", state->index) &&
           vhost_thread_call(thread, call_stop, state);
}
