#include "cli/control.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "platform/platform.h"
#include "util/log.h"

#define CONNECTIONS_MAX 8

enum { POLL_WAKE, POLL_LISTENER, POLL_CONNECTIONS };

struct connection {
    int fd; /* -1: free */
    size_t length;
    char line[CONTROL_LINE_MAX];
};

struct control {
    char *path;
    int listen_fd;
    struct platform_wake wake;
    pthread_t thread;
    _Atomic(bool) stop;
    control_handler handler;
    void *user;
    struct connection connections[CONNECTIONS_MAX];
};

static void hang_up(struct connection *connection) {
    close(connection->fd);
    connection->fd = -1;
    connection->length = 0;
}

/* An answer fits in any socket's buffer: who does not read is left. */
static bool answer(struct connection *connection, const char *text) {
    char line[CONTROL_LINE_MAX];
    int length = snprintf(line, sizeof(line), "%.*s\n", CONTROL_LINE_MAX - 2, text);
    return platform_socket_send(connection->fd, line, (size_t)length, -1) == length;
}

static bool execute(struct control *control, struct connection *connection, const char *line) {
    char text[CONTROL_LINE_MAX - 1] = "error nothing was answered";
    control->handler(control->user, line, text, sizeof(text));
    return answer(connection, text);
}

/* Executes the whole lines that have come. False: the connection is of no more use. */
static bool execute_lines(struct control *control, struct connection *connection) {
    char *start = connection->line;
    char *end = connection->line + connection->length;
    char *newline;
    while ((newline = memchr(start, '\n', (size_t)(end - start)))) {
        *newline = 0;
        if (!execute(control, connection, start)) {
            return false;
        }
        start = newline + 1;
    }
    connection->length = (size_t)(end - start);
    memmove(connection->line, start, connection->length);
    if (connection->length == sizeof(connection->line)) {
        (void)answer(connection, "error the line is too long");
        return false;
    }
    return true;
}

static void serve(struct control *control, struct connection *connection) {
    int fd;
    long count = platform_socket_receive(connection->fd, connection->line + connection->length,
                                         sizeof(connection->line) - connection->length, &fd);
    if (fd >= 0) {
        close(fd);
    }
    if (count == -EAGAIN || count == -EINTR) {
        return;
    }
    if (count <= 0) {
        hang_up(connection);
        return;
    }
    connection->length += (size_t)count;
    if (!execute_lines(control, connection)) {
        hang_up(connection);
    }
}

static void accept_connection(struct control *control) {
    int fd;
    if (platform_socket_accept(control->listen_fd, &fd)) {
        return;
    }
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        if (control->connections[i].fd < 0) {
            control->connections[i].fd = fd;
            return;
        }
    }
    log_warning("a control connection was closed: %d are open already", CONNECTIONS_MAX);
    close(fd);
}

static void *control_main(void *argument) {
    struct control *control = argument;
    struct pollfd polls[POLL_CONNECTIONS + CONNECTIONS_MAX];
    while (!atomic_load(&control->stop)) {
        polls[POLL_WAKE] = (struct pollfd){control->wake.read_fd, POLLIN, 0};
        polls[POLL_LISTENER] = (struct pollfd){control->listen_fd, POLLIN, 0};
        for (int i = 0; i < CONNECTIONS_MAX; i++) {
            polls[POLL_CONNECTIONS + i] = (struct pollfd){control->connections[i].fd, POLLIN, 0};
        }
        if (poll(polls, POLL_CONNECTIONS + CONNECTIONS_MAX, -1) < 0) {
            if (errno == EINTR || errno == EAGAIN) {
                continue;
            }
            log_error("the control socket ends: %s", strerror(errno));
            break;
        }
        for (int i = 0; i < CONNECTIONS_MAX; i++) {
            if (polls[POLL_CONNECTIONS + i].revents) {
                serve(control, &control->connections[i]);
            }
        }
        if (polls[POLL_LISTENER].revents) {
            accept_connection(control);
        }
    }
    return NULL;
}

static int fail(int error, const char *path, char *reason, size_t reason_size) {
    snprintf(reason, reason_size, "the control socket %s cannot be served: %s", path,
             strerror(-error));
    return error;
}

int control_create(const char *path, control_handler handler, void *user, struct control **out,
                   char *reason, size_t reason_size) {
    struct control *control = calloc(1, sizeof(*control));
    if (!control) {
        return fail(-ENOMEM, path, reason, reason_size);
    }
    control->handler = handler;
    control->user = user;
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        control->connections[i].fd = -1;
    }
    int error = -ENOMEM;
    control->path = strdup(path);
    if (!control->path) {
        goto error_control;
    }
    error = platform_wake_init(&control->wake);
    if (error) {
        goto error_path;
    }
    error = platform_socket_listen(path, &control->listen_fd);
    if (error) {
        goto error_wake;
    }
    error = platform_thread_start(&control->thread, "vesper-control", control_main, control);
    if (error) {
        goto error_listener;
    }
    *out = control;
    return 0;

error_listener:
    close(control->listen_fd);
    unlink(path);
error_wake:
    platform_wake_finish(&control->wake);
error_path:
    free(control->path);
error_control:
    free(control);
    return fail(error, path, reason, reason_size);
}

void control_destroy(struct control *control) {
    if (!control) {
        return;
    }
    atomic_store(&control->stop, true);
    platform_wake_signal(&control->wake);
    pthread_join(control->thread, NULL);
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        if (control->connections[i].fd >= 0) {
            hang_up(&control->connections[i]);
        }
    }
    close(control->listen_fd);
    unlink(control->path);
    platform_wake_finish(&control->wake);
    free(control->path);
    free(control);
}
