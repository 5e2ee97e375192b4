/* The messages that set up one queue, carried out on the device thread. Control thread only. */
#ifndef VESPER_VHOST_USER_VRING_H
#define VESPER_VHOST_USER_VRING_H

#include <stdbool.h>

#include "frontend/vhost_user/device_thread.h"
#include "frontend/vhost_user/message.h"

/* SET_VRING_NUM, ADDR, BASE, KICK, CALL, ERR, ENABLE. False, with the reason logged, where it is
 * refused. */
bool vhost_vring_set(struct vhost_thread *thread, struct vhost_message *message);
/* GET_VRING_BASE: stops the queue, whose number state->index has, and leaves its index in
 * state->num. */
bool vhost_vring_stop(struct vhost_thread *thread, struct vhost_vring_state *state);

#endif
