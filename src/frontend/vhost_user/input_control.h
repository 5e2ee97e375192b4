/* An input device's side of a monitor's connection: its two queues, and what goes through them. One
 * thread. */
#ifndef VESPER_VHOST_USER_INPUT_CONTROL_H
#define VESPER_VHOST_USER_INPUT_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "frontend/vhost_user/chain.h"
#include "frontend/vhost_user/connection.h"
#include "frontend/vhost_user/queue.h"
#include "input/device.h"

struct vhost_input_control {
    struct input_device *device; /* borrowed */
    struct vhost_connection connection;
    uint64_t features; /* accepted by the driver */
    struct vhost_queue queues[INPUT_QUEUE_COUNT];
    struct vhost_chain scratch;
};

/* 0 or a negative errno. */
int vhost_input_control_init(struct vhost_input_control *control, struct input_device *device);
void vhost_input_control_finish(struct vhost_input_control *control);

/* Takes a connection; there is none yet. */
void vhost_input_control_connect(struct vhost_input_control *control, int fd);
/* Ends the connection, if there is one. */
void vhost_input_control_disconnect(struct vhost_input_control *control);
/* The kick descriptor of a queue is readable. */
void vhost_input_control_take_kick(struct vhost_input_control *control, enum input_queue queue);
/* Moves events and LEDs between the device and the rings, as far as there are buffers.
 * Returns whether there is more to do at once. */
bool vhost_input_control_serve(struct vhost_input_control *control);

#endif
