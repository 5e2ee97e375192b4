#include "frontend/listener.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/platform.h"
#include "util/log.h"

#define NS_PER_MS UINT64_C(1000000)
#define PAUSE_NS (200 * NS_PER_MS)

static void describe_failure(const char *path, int error, char *reason, size_t reason_size) {
    switch (error) {
    case -EADDRINUSE:
        snprintf(reason, reason_size, "%s: another server is listening there", path);
        break;
    case -EEXIST:
        snprintf(reason, reason_size, "%s: exists and is no socket", path);
        break;
    case -ENAMETOOLONG:
        snprintf(reason, reason_size, "%s: the path is too long for a socket", path);
        break;
    default:
        snprintf(reason, reason_size, "%s: cannot listen: %s", path, strerror(-error));
        break;
    }
}

int frontend_listener_init(struct frontend_listener *listener, const char *path, char *reason,
                           size_t reason_size) {
    *listener = (struct frontend_listener){.fd = -1};
    if (!path) {
        return 0;
    }
    listener->path = strdup(path);
    if (!listener->path) {
        snprintf(reason, reason_size, "%s", strerror(ENOMEM));
        return -ENOMEM;
    }
    int error = platform_socket_listen(path, &listener->fd);
    if (error) {
        describe_failure(path, error, reason, reason_size);
        free(listener->path);
        *listener = (struct frontend_listener){.fd = -1};
        return error;
    }
    struct stat file;
    if (stat(path, &file) == 0) {
        listener->device = file.st_dev;
        listener->inode = file.st_ino;
    }
    return 0;
}

void frontend_listener_finish(struct frontend_listener *listener) {
    if (listener->fd < 0) {
        return;
    }
    struct stat file;
    if (lstat(listener->path, &file) == 0 && S_ISSOCK(file.st_mode) &&
        file.st_dev == listener->device && file.st_ino == listener->inode) {
        unlink(listener->path);
    }
    close(listener->fd);
    free(listener->path);
    *listener = (struct frontend_listener){.fd = -1};
}

static bool is_transient(int error) {
    return error == -EINTR || error == -ECONNABORTED;
}

int frontend_listener_accept(struct frontend_listener *listener, uint64_t now_ns, int *out_fd) {
    int error;
    do {
        error = platform_socket_accept(listener->fd, out_fd);
    } while (is_transient(error));
    if (error && error != -EAGAIN && error != -EWOULDBLOCK) {
        /* Mostly the descriptor table is full. The connection stays in the queue, and the socket
         * readable: asking again at once would be a busy loop. */
        log_error("a connection has to wait: %s; trying again in a moment", strerror(-error));
        listener->paused_until_ns = now_ns + PAUSE_NS;
    }
    return error;
}

int frontend_listener_poll_fd(struct frontend_listener *listener, uint64_t now_ns) {
    if (listener->paused_until_ns > now_ns) {
        return -1;
    }
    listener->paused_until_ns = 0;
    return listener->fd;
}

int frontend_listener_timeout_ms(const struct frontend_listener *listener, uint64_t now_ns) {
    const uint64_t until_ns = listener->paused_until_ns;
    return until_ns > now_ns ? (int)((until_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS) : -1;
}
