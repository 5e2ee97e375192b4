#include "frontend/vhost_user/vring.h"

#include "frontend/vhost_user/vring_change.h"

/* ---- on the device thread --------------------------------------------------------------- */

static bool call_change(struct vhost_thread *thread, void *argument) {
    const struct vhost_vring_change *change = argument;
    const uint32_t request = change->message->header.request;
    struct vhost_queue *queue = &thread->queues[change->index];
    if (request == VHOST_SET_VRING_ADDR) {
        vhost_thread_update_table(thread);
    }
    return vhost_vring_apply(change, queue, thread->table) &&
           (request != VHOST_SET_VRING_KICK || vhost_thread_start_queue(thread, queue));
}

static bool call_stop(struct vhost_thread *thread, void *argument) {
    struct vhost_vring_state *state = argument;
    state->num = vhost_thread_stop_queue(thread, &thread->queues[state->index]);
    return true;
}

/* ---- on the control thread -------------------------------------------------------------- */

bool vhost_vring_set(struct vhost_thread *thread, struct vhost_message *message) {
    struct vhost_vring_change change;
    return vhost_vring_parse(message, DEVICE_QUEUE_COUNT, &change) &&
           vhost_thread_call(thread, call_change, &change);
}

bool vhost_vring_stop(struct vhost_thread *thread, struct vhost_vring_state *state) {
    return vhost_vring_check_index("GET_VRING_BASE", state->index, DEVICE_QUEUE_COUNT) &&
           vhost_thread_call(thread, call_stop, state);
}
