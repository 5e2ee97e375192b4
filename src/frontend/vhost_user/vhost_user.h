/* The vhost-user front: one virtio-gpu device for one virtual machine monitor at a time, over a
 * Unix socket. Format: QEMU's "Vhost-user Protocol", with the shared-memory messages of
 * QEMU 11.1; docs/virtio-gpu.md says which of it is used. */
#ifndef VESPER_FRONTEND_VHOST_USER_H
#define VESPER_FRONTEND_VHOST_USER_H

#include <stddef.h>

#include "device/device.h"

struct vhost_user_options {
    const char *socket_path;      /* copied */
    struct device_options device; /* host_visible_bytes is a power of two ≥ the page size */
};

struct vhost_user_server;

/* Listens. 0 or a negative errno, with a sentence that names the cause in `reason`. */
int vhost_user_server_create(const struct vhost_user_options *options,
                             struct vhost_user_server **out, char *reason, size_t reason_size);
/* Closes everything, ends the device, removes the socket file. NULL is ignored. */
void vhost_user_server_destroy(struct vhost_user_server *server);
/* Serves one monitor after another until vhost_user_server_stop. 0 or a negative errno. */
int vhost_user_server_run(struct vhost_user_server *server);
/* Any thread; async-signal-safe. */
void vhost_user_server_stop(struct vhost_user_server *server);
/* The device behind it, for device_set_display and device_get_counts. Borrowed. */
struct device *vhost_user_server_get_device(struct vhost_user_server *server);

#endif
