/* The vhost-user front of an input device: one monitor at a time, over a Unix socket, on one
 * thread. Format: QEMU's "Vhost-user Protocol"; the front end is QEMU's vhost-user-input-pci, or
 * any other that reads the configuration space from its back end. */
#ifndef VESPER_VHOST_USER_INPUT_SERVER_H
#define VESPER_VHOST_USER_INPUT_SERVER_H

#include <stddef.h>

#include "input/device.h"

struct vhost_input_server;

/* Listens at `path` (copied) for `device`, which outlives the server. 0 or a negative errno, with a
 * sentence that names the cause in `reason`. */
int vhost_input_server_create(const char *path, struct input_device *device,
                              struct vhost_input_server **out, char *reason, size_t reason_size);
/* Closes everything, removes the socket file. It does not run. NULL is ignored. */
void vhost_input_server_destroy(struct vhost_input_server *server);
/* Serves one monitor after another until vhost_input_server_stop. 0 or a negative errno. */
int vhost_input_server_run(struct vhost_input_server *server);
/* Any thread; async-signal-safe. */
void vhost_input_server_stop(struct vhost_input_server *server);

#endif
