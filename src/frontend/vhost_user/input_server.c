#include "frontend/vhost_user/input_server.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frontend/listener.h"
#include "frontend/vhost_user/input_control.h"
#include "platform/platform.h"
#include "util/log.h"

enum {
    POLL_STOP,
    POLL_LISTENER,
    POLL_MONITOR,
    POLL_DEVICE,
    POLL_QUEUES,
    POLL_COUNT = POLL_QUEUES + INPUT_QUEUE_COUNT
};

struct vhost_input_server {
    struct frontend_listener listener;
    struct vhost_input_control control;
    struct platform_wake stop_wake;
    _Atomic(bool) stop;
};

int vhost_input_server_create(const char *path, struct input_device *device,
                              struct vhost_input_server **out, char *reason, size_t reason_size) {
    int error = -ENOMEM;
    struct vhost_input_server *server = calloc(1, sizeof(*server));
    if (!server) {
        goto error_reason;
    }
    error = platform_wake_init(&server->stop_wake);
    if (error) {
        goto error_server;
    }
    error = vhost_input_control_init(&server->control, device);
    if (error) {
        goto error_wake;
    }
    error = frontend_listener_init(&server->listener, path, reason, reason_size);
    if (error) {
        vhost_input_control_finish(&server->control);
        platform_wake_finish(&server->stop_wake);
        free(server);
        return error;
    }
    *out = server;
    return 0;

error_wake:
    platform_wake_finish(&server->stop_wake);
error_server:
    free(server);
error_reason:
    snprintf(reason, reason_size, "the input server cannot start: %s", strerror(-error));
    return error;
}

void vhost_input_server_destroy(struct vhost_input_server *server) {
    if (!server) {
        return;
    }
    frontend_listener_finish(&server->listener);
    vhost_input_control_finish(&server->control);
    platform_wake_finish(&server->stop_wake);
    free(server);
}

void vhost_input_server_stop(struct vhost_input_server *server) {
    atomic_store(&server->stop, true);
    platform_wake_signal(&server->stop_wake);
}

static void accept_monitor(struct vhost_input_server *server) {
    int fd;
    if (frontend_listener_accept(&server->listener, platform_now_ns(), &fd)) {
        return;
    }
    if (server->control.connection.fd >= 0) {
        log_warning("a connection was closed: this input device belongs to a monitor that is "
                    "connected");
        close(fd);
        return;
    }
    vhost_input_control_connect(&server->control, fd);
}

static void fill_polls(struct vhost_input_server *server, uint64_t now_ns, struct pollfd *polls) {
    struct vhost_input_control *control = &server->control;
    struct vhost_connection *connection = &control->connection;
    polls[POLL_STOP] = (struct pollfd){server->stop_wake.read_fd, POLLIN, 0};
    polls[POLL_LISTENER] =
        (struct pollfd){frontend_listener_poll_fd(&server->listener, now_ns), POLLIN, 0};
    polls[POLL_MONITOR] = (struct pollfd){connection->fd, vhost_connection_events(connection), 0};
    polls[POLL_DEVICE] = (struct pollfd){input_device_get_poll_fd(control->device), POLLIN, 0};
    for (size_t i = 0; i < INPUT_QUEUE_COUNT; i++) {
        const struct vhost_queue *queue = &control->queues[i];
        const int fd = vhost_queue_listens(queue) ? queue->kick_fd : -1;
        polls[POLL_QUEUES + i] = (struct pollfd){fd, POLLIN, 0};
    }
}

/* Kicks come first: a message may close their descriptors. Returns whether there is more to do at
 * once. */
static bool serve_polls(struct vhost_input_server *server, const struct pollfd *polls) {
    struct vhost_input_control *control = &server->control;
    struct vhost_connection *connection = &control->connection;
    for (size_t i = 0; i < INPUT_QUEUE_COUNT; i++) {
        if (polls[POLL_QUEUES + i].revents) {
            vhost_input_control_take_kick(control, (enum input_queue)i);
        }
    }
    if (polls[POLL_DEVICE].revents) {
        input_device_drain(control->device);
    }
    if (polls[POLL_MONITOR].revents &&
        !vhost_connection_handle(connection, polls[POLL_MONITOR].revents)) {
        vhost_input_control_disconnect(control);
    }
    if (polls[POLL_LISTENER].revents) {
        accept_monitor(server);
    }
    return vhost_input_control_serve(control);
}

int vhost_input_server_run(struct vhost_input_server *server) {
    bool busy = false;
    while (!atomic_load(&server->stop)) {
        const uint64_t now_ns = platform_now_ns();
        struct pollfd polls[POLL_COUNT];
        fill_polls(server, now_ns, polls);
        if (poll(polls, POLL_COUNT,
                 busy ? 0 : frontend_listener_timeout_ms(&server->listener, now_ns)) < 0) {
            if (errno != EINTR && errno != EAGAIN) {
                return -errno;
            }
            continue;
        }
        busy = serve_polls(server, polls);
    }
    vhost_input_control_disconnect(&server->control);
    return 0;
}
