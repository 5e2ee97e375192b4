#include "cli/control_client.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/control.h"
#include "platform/platform.h"

/* Longer than any request takes: a picture has 5 s. */
#define ANSWER_NS (UINT64_C(15) * 1000 * 1000 * 1000)

int control_client_connect(const char *path, int *out_fd, char *reason, size_t reason_size) {
    const int error = platform_socket_connect(path, out_fd);
    if (error == -ECONNREFUSED) {
        snprintf(reason, reason_size,
                 "nobody listens at the control socket %s: its session has ended", path);
    } else if (error) {
        snprintf(reason, reason_size, "the control socket %s cannot be connected to: %s", path,
                 strerror(-error));
    }
    return error;
}

static int send_line(int fd, const char *request) {
    char line[CONTROL_LINE_MAX];
    const int length = snprintf(line, sizeof(line), "%s\n", request);
    if ((size_t)length >= sizeof(line)) {
        return -EMSGSIZE;
    }
    for (int sent = 0; sent < length;) {
        const long count = platform_socket_send(fd, line + sent, (size_t)(length - sent), -1);
        if (count < 0 && count != -EINTR) {
            return (int)count;
        }
        sent += count > 0 ? (int)count : 0;
    }
    return 0;
}

static int wait_readable(int fd, uint64_t deadline_ns) {
    for (;;) {
        const uint64_t now_ns = platform_now_ns();
        if (now_ns >= deadline_ns) {
            return -ETIMEDOUT;
        }
        struct pollfd one = {fd, POLLIN, 0};
        const int count = poll(&one, 1, (int)((deadline_ns - now_ns) / 1000000) + 1);
        if (count > 0) {
            return 0;
        }
        if (count < 0 && errno != EINTR) {
            return -errno;
        }
    }
}

static int receive_line(int fd, char *buffer) {
    const uint64_t deadline_ns = platform_now_ns() + ANSWER_NS;
    size_t length = 0;
    while (length < CONTROL_LINE_MAX - 1) {
        const int error = wait_readable(fd, deadline_ns);
        if (error) {
            return error;
        }
        int extra;
        const long count =
            platform_socket_receive(fd, buffer + length, CONTROL_LINE_MAX - 1 - length, &extra);
        if (extra >= 0) {
            close(extra);
        }
        if (count <= 0 && count != -EINTR) {
            return count == 0 ? -ECONNRESET : (int)count;
        }
        length += count > 0 ? (size_t)count : 0;
        char *newline = memchr(buffer, '\n', length);
        if (newline) {
            *newline = 0;
            return 0;
        }
    }
    return -EMSGSIZE;
}

int control_client_ask(int fd, const char *request, char *buffer, struct control_answer *out,
                       char *reason, size_t reason_size) {
    int error = send_line(fd, request);
    if (!error) {
        error = receive_line(fd, buffer);
    }
    if (error) {
        snprintf(reason, reason_size, "the session gives no answer: %s", strerror(-error));
        return error;
    }
    out->done = strncmp(buffer, "ok", 2) == 0 && (!buffer[2] || buffer[2] == ' ');
    if (!out->done && strncmp(buffer, "error ", 6) != 0) {
        snprintf(reason, reason_size, "what answers is no session of vesper");
        return -EPROTO;
    }
    out->text = out->done ? buffer + (buffer[2] ? 3 : 2) : buffer + 6;
    return 0;
}
