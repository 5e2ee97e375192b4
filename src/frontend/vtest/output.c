#include "frontend/vtest/output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "platform/platform.h"

void vtest_output_init(struct vtest_output *output, int socket_fd) {
    output->socket_fd = socket_fd;
    output->sent = 0;
    output->end = 0;
    output->fd = -1;
    output->fd_at = SIZE_MAX;
}

static void output_drop_fd(struct vtest_output *output) {
    if (output->fd >= 0) {
        close(output->fd);
    }
    output->fd = -1;
    output->fd_at = SIZE_MAX;
}

void vtest_output_finish(struct vtest_output *output) {
    output_drop_fd(output);
}

static bool is_full(long error) {
    return error == -EAGAIN || error == -EWOULDBLOCK;
}

int vtest_output_flush(struct vtest_output *output) {
    while (output->sent < output->end) {
        /* A descriptor goes with the first byte of a send, and the guest receives the bytes before
         * it without looking for descriptors: they must be a send of their own. */
        bool with_fd = output->sent == output->fd_at;
        size_t stop = with_fd || output->fd_at > output->end ? output->end : output->fd_at;
        long sent = platform_socket_send(output->socket_fd, output->bytes + output->sent,
                                         stop - output->sent, with_fd ? output->fd : -1);
        if (sent == -EINTR) {
            continue;
        }
        if (sent < 0) {
            return is_full(sent) ? 0 : (int)sent;
        }
        if (with_fd) {
            output_drop_fd(output);
        }
        output->sent += (size_t)sent;
    }
    output->sent = 0;
    output->end = 0;
    return 0;
}

int vtest_output_reply(struct vtest_output *output, uint32_t id, const uint32_t *words,
                       uint32_t dwords) {
    size_t size = 8 + (size_t)dwords * 4;
    if (size > sizeof(output->bytes) - output->end) {
        return -ENOBUFS;
    }
    uint32_t header[2] = {dwords, id};
    memcpy(output->bytes + output->end, header, sizeof(header));
    if (dwords > 0) {
        memcpy(output->bytes + output->end + sizeof(header), words, size - sizeof(header));
    }
    output->end += size;
    return vtest_output_flush(output);
}

int vtest_output_send_fd(struct vtest_output *output, int fd) {
    static const uint8_t dummy;
    if (vtest_output_is_empty(output)) {
        long sent;
        do {
            sent = platform_socket_send(output->socket_fd, &dummy, 1, fd);
        } while (sent == -EINTR);
        if (sent > 0) {
            return 0;
        }
        if (!is_full(sent)) {
            return (int)sent;
        }
    }
    if (output->fd >= 0 || output->end == sizeof(output->bytes)) {
        return -ENOBUFS;
    }
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) {
        return -errno;
    }
    output->fd = copy;
    output->fd_at = output->end;
    output->bytes[output->end++] = dummy;
    return 0;
}
