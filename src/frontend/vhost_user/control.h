/* The GPU's side of a monitor's connection: what is carried out on the device thread.
 *
 * It waits for nothing but a turn of the device thread. Control thread only. */
#ifndef VESPER_VHOST_USER_CONTROL_H
#define VESPER_VHOST_USER_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "frontend/vhost_user/connection.h"
#include "frontend/vhost_user/device_thread.h"

struct vhost_control {
    struct vhost_thread *thread;
    uint64_t host_visible_bytes;
    struct vhost_connection connection;
};

void vhost_control_init(struct vhost_control *control, struct vhost_thread *thread,
                        uint64_t host_visible_bytes);
/* Takes a connection; there is none yet. */
void vhost_control_connect(struct vhost_control *control, int fd);
/* Ends the connection, if there is one; the device is reset. */
void vhost_control_disconnect(struct vhost_control *control);

#endif
