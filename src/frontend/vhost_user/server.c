#include "frontend/vhost_user/vhost_user.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frontend/listener.h"
#include "frontend/vhost_user/control.h"
#include "frontend/vhost_user/device_thread.h"
#include "util/log.h"

enum { POLL_STOP, POLL_LISTENER, POLL_MONITOR, POLL_COUNT };

struct vhost_user_server {
    struct frontend_listener listener;
    struct vhost_thread thread;
    struct vhost_control control;
    struct platform_wake stop_wake;
    _Atomic(bool) stop;
    int error; /* of the control thread's end */
};

/* ---- life ------------------------------------------------------------------------------- */

static int check_options(const struct vhost_user_options *options) {
    const uint64_t size = options->device.host_visible_bytes;
    return size >= platform_page_size() && (size & (size - 1)) == 0 ? 0 : -EINVAL;
}

int vhost_user_server_create(const struct vhost_user_options *options,
                             struct vhost_user_server **out, char *reason, size_t reason_size) {
    int error = check_options(options);
    if (error) {
        snprintf(reason, reason_size,
                 "the host-visible region has to be a power of two and at least a page");
        return error;
    }
    struct vhost_user_server *server = calloc(1, sizeof(*server));
    if (!server) {
        error = -ENOMEM;
        goto error_reason;
    }
    error = platform_wake_init(&server->stop_wake);
    if (error) {
        goto error_server;
    }
    error = vhost_thread_init(&server->thread, &options->device);
    if (error) {
        goto error_wake;
    }
    vhost_control_init(&server->control, &server->thread, options->device.host_visible_bytes);
    error = frontend_listener_init(&server->listener, options->socket_path, reason, reason_size);
    if (error) {
        vhost_thread_finish(&server->thread);
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
    snprintf(reason, reason_size, "the server cannot start: %s", strerror(-error));
    return error;
}

void vhost_user_server_destroy(struct vhost_user_server *server) {
    if (!server) {
        return;
    }
    frontend_listener_finish(&server->listener);
    vhost_thread_finish(&server->thread);
    platform_wake_finish(&server->stop_wake);
    free(server);
}

struct device *vhost_user_server_get_device(struct vhost_user_server *server) {
    return server->thread.device;
}

void vhost_user_server_stop(struct vhost_user_server *server) {
    atomic_store(&server->stop, true);
    platform_wake_signal(&server->stop_wake);
}

/* ---- the control thread ----------------------------------------------------------------- */

static void accept_monitor(struct vhost_user_server *server) {
    int fd;
    if (frontend_listener_accept(&server->listener, platform_now_ns(), &fd)) {
        return;
    }
    if (server->control.connection.fd >= 0) {
        log_warning("a connection was closed: this device belongs to a monitor that is connected");
        close(fd);
        return;
    }
    vhost_control_connect(&server->control, fd);
}

static int serve(struct vhost_user_server *server) {
    struct vhost_control *control = &server->control;
    struct vhost_connection *connection = &control->connection;
    while (!atomic_load(&server->stop)) {
        const uint64_t now_ns = platform_now_ns();
        struct pollfd polls[POLL_COUNT] = {
            [POLL_STOP] = {server->stop_wake.read_fd, POLLIN, 0},
            [POLL_LISTENER] = {frontend_listener_poll_fd(&server->listener, now_ns), POLLIN, 0},
            [POLL_MONITOR] = {connection->fd, vhost_connection_events(connection), 0},
        };
        if (poll(polls, POLL_COUNT, frontend_listener_timeout_ms(&server->listener, now_ns)) < 0) {
            if (errno != EINTR && errno != EAGAIN) {
                return -errno;
            }
            continue;
        }
        if (polls[POLL_MONITOR].revents &&
            !vhost_connection_handle(connection, polls[POLL_MONITOR].revents)) {
            vhost_control_disconnect(control);
        }
        if (polls[POLL_LISTENER].revents) {
            accept_monitor(server);
        }
    }
    return 0;
}

static void *control_main(void *argument) {
    struct vhost_user_server *server = argument;
    server->error = serve(server);
    vhost_control_disconnect(&server->control);
    vhost_thread_end(&server->thread);
    return NULL;
}

int vhost_user_server_run(struct vhost_user_server *server) {
    pthread_t control;
    int error = platform_thread_start(&control, "vesper-vhost", control_main, server);
    if (error) {
        return error;
    }
    error = vhost_thread_run(&server->thread);
    vhost_user_server_stop(server); /* where the loop has failed */
    pthread_join(control, NULL);
    return error ? error : server->error;
}
