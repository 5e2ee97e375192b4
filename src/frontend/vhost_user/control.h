/* One monitor's control connection: negotiation, memory tables, set-up of the queues.
 *
 * It waits for nothing but a turn of the device thread. Control thread only. */
#ifndef VESPER_VHOST_USER_CONTROL_H
#define VESPER_VHOST_USER_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "frontend/vhost_user/device_thread.h"
#include "frontend/vhost_user/message.h"

struct vhost_control {
    struct vhost_thread *thread;
    uint64_t host_visible_bytes;
    int fd; /* ours; -1: no monitor is connected */
    struct vhost_receiver receiver;
    struct vhost_output output;
    bool negotiated; /* the protocol features */
    uint64_t protocol_features;
    uint64_t status;
    struct vhost_table *table; /* a reference: the one published last; NULL: none */
};

void vhost_control_init(struct vhost_control *control, struct vhost_thread *thread,
                        uint64_t host_visible_bytes);
/* Takes a connection; there is none yet. */
void vhost_control_connect(struct vhost_control *control, int fd);
/* Ends the connection, if there is one; the device is reset. */
void vhost_control_disconnect(struct vhost_control *control);

/* Events to poll `fd` for. */
short vhost_control_events(const struct vhost_control *control);
/* Does what the events of poll ask for. False: the connection is over, and the reason was logged
 * if there is anything to say. */
bool vhost_control_handle(struct vhost_control *control, short revents);

#endif
