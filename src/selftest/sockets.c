/* Framed stream sockets and pipes, as they are used between vesper and its workers. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ipc/channel.h"
#include "platform/platform.h"
#include "selftest/selftest.h"

#define WAIT_MS 10000
/* More than any socket's buffers hold: it has to be written and read in parts. */
#define LARGE_BYTES (8u << 20)

void selftest_descriptor_limit(struct selftest_result *out) {
    struct rlimit limit;
    platform_raise_descriptor_limit();
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        selftest_fail(out, "%s", strerror(errno));
    } else if (limit.rlim_cur < 1024) {
        selftest_fail(out, "%llu, not more; 1024 are few", (unsigned long long)limit.rlim_cur);
    } else {
        selftest_pass(out, "%llu", (unsigned long long)limit.rlim_cur);
    }
}

static bool start(struct selftest_result *out, struct channel *from, struct channel *to,
                  uint32_t receive_max) {
    int ends[2];
    const int error = platform_socket_pair(ends);
    if (error) {
        selftest_fail(out, "two connected sockets: %s", strerror(-error));
        return false;
    }
    channel_init(from, ends[0], receive_max, 2 * LARGE_BYTES, NULL);
    channel_init(to, ends[1], receive_max, 2 * LARGE_BYTES, NULL);
    return true;
}

/* ---- bounds and parts ---------------------------------------------------------------------- */

static int pump(struct channel *from, struct channel *to, struct channel_message *message) {
    for (;;) {
        int error = channel_flush(from);
        if (error && error != -EAGAIN) {
            return error;
        }
        error = channel_receive(to, message);
        if (error != -EAGAIN) {
            return error;
        }
        struct pollfd entries[2] = {
            {.fd = to->fd, .events = POLLIN},
            {.fd = from->fd, .events = channel_has_output(from) ? POLLOUT : 0},
        };
        if (poll(entries, 2, WAIT_MS) <= 0) {
            return -ETIMEDOUT;
        }
    }
}

static bool is_pattern(const struct channel_message *message, const uint8_t *bytes, uint32_t size) {
    return message->size == size && memcmp(message->bytes, bytes, size) == 0;
}

static void send_large(struct selftest_result *out, struct channel *from, struct channel *to,
                       const uint8_t *bytes) {
    struct channel_message message;
    int error = channel_send(from, bytes, LARGE_BYTES, NULL, 0, NULL, 0);
    const bool was_queued = channel_has_output(from);
    if (!error) {
        error = channel_send(from, "end", 3, NULL, 0, NULL, 0);
    }
    if (!error) {
        error = pump(from, to, &message);
    }
    if (error || !is_pattern(&message, bytes, LARGE_BYTES)) {
        selftest_fail(out, "a message of %u bytes: %s", LARGE_BYTES,
                      error ? strerror(-error) : "it arrives changed");
        return;
    }
    error = pump(from, to, &message);
    if (error || message.size != 3 || memcmp(message.bytes, "end", 3) != 0) {
        selftest_fail(out, "the message after it: %s", error ? strerror(-error) : "changed");
        return;
    }
    error = channel_send(to, bytes, LARGE_BYTES + 1, NULL, 0, NULL, 0);
    error = error ? error : pump(to, from, &message);
    if (error != -EMSGSIZE) {
        selftest_fail(out, "a message longer than allowed gives %d, not EMSGSIZE", error);
        return;
    }
    selftest_pass(out, "%u bytes arrive whole%s, one more is refused", LARGE_BYTES,
                  was_queued ? " in parts" : " at once");
}

void selftest_socket_messages(struct selftest_result *out) {
    struct channel from, to;
    uint8_t *bytes = malloc(LARGE_BYTES + 1);
    if (!bytes) {
        selftest_fail(out, "no memory");
        return;
    }
    for (uint32_t i = 0; i <= LARGE_BYTES; i++) {
        bytes[i] = (uint8_t)(i * UINT32_C(2654435761) >> 24);
    }
    if (start(out, &from, &to, LARGE_BYTES)) {
        send_large(out, &from, &to, bytes);
        channel_finish(&from);
        channel_finish(&to);
    }
    free(bytes);
}

/* ---- descriptors ----------------------------------------------------------------------------- */

static int count_open(void) {
    int count = 0;
    for (int fd = 0; fd < 256; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

static bool is_same_memory(int fd, const uint32_t *mapped) {
    void *pointer;
    if (platform_map_shared(fd, platform_page_size(), &pointer)) {
        return false;
    }
    const bool is_same = *(const volatile uint32_t *)pointer == *mapped;
    platform_unmap(pointer, platform_page_size());
    return is_same;
}

/* One message with shared memory and a pipe's end; then three descriptors for a room of one. */
static void send_descriptors(struct selftest_result *out, int fd, const uint32_t *mapped) {
    struct channel from, to;
    struct channel_message message;
    struct platform_wake pipe_ends;
    if (platform_pipe_init(&pipe_ends)) {
        selftest_fail(out, "a pipe cannot be had");
        return;
    }
    if (!start(out, &from, &to, 64)) {
        platform_wake_finish(&pipe_ends);
        return;
    }
    const int sent[3] = {fd, pipe_ends.write_fd, fd};
    const int before = count_open();
    int error = channel_send(&from, "m", 1, NULL, 0, sent, 2);
    error = error ? error : pump(&from, &to, &message);
    if (error || message.fd_count != 2 || !is_same_memory(message.fds[0], mapped)) {
        selftest_fail(out, "two descriptors with one message: %s",
                      error ? strerror(-error) : "they do not arrive, or as others");
        goto end;
    }
    channel_close_fds(&message);
    char byte;
    int received[1];
    size_t count = 0;
    const long sent_bytes = platform_socket_send_fds(from.fd, "s", 1, sent, 3);
    struct pollfd entry = {.fd = to.fd, .events = POLLIN};
    poll(&entry, 1, WAIT_MS);
    const long bytes = platform_socket_receive_fds(to.fd, &byte, 1, received, 1, &count);
    if (bytes == 1 && count > 0) {
        close(received[0]);
    }
    const int after = count_open();
    if (sent_bytes != 1 || bytes != 1 || count != 3) {
        selftest_fail(out, "three descriptors: %ld sent, %ld received, %zu counted", sent_bytes,
                      bytes, count);
    } else if (after != before) {
        selftest_fail(out, "%d descriptors were open before, %d are now", before, after);
    } else {
        selftest_pass(out, "shared memory and a pipe pass, surplus counted and closed");
    }
end:
    channel_finish(&from);
    channel_finish(&to);
    platform_wake_finish(&pipe_ends);
}

void selftest_socket_descriptors(struct selftest_result *out) {
    int fd;
    void *mapped;
    if (platform_shm_create("vesper-selftest", platform_page_size(), &fd)) {
        selftest_fail(out, "no shared memory");
        return;
    }
    if (platform_map_shared(fd, platform_page_size(), &mapped)) {
        selftest_fail(out, "shared memory cannot be mapped");
    } else {
        *(uint32_t *)mapped = UINT32_C(0x5e1f7e57);
        send_descriptors(out, fd, mapped);
        platform_unmap(mapped, platform_page_size());
    }
    close(fd);
}

/* Takes all numbers that the limit leaves. */
static void fill_descriptors(int fd, int *taken, size_t *count, size_t capacity) {
    *count = 0;
    while (*count < capacity) {
        const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (copy < 0) {
            return;
        }
        taken[(*count)++] = copy;
    }
}

void selftest_socket_overflow(struct selftest_result *out) {
    enum { LIMIT = 64 };
    int ends[2], taken[LIMIT], received[1];
    size_t taken_count, count;
    struct rlimit limit;
    char byte;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        selftest_fail(out, "%s", strerror(errno));
        return;
    }
    limit.rlim_cur = LIMIT;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0 || platform_socket_pair(ends)) {
        selftest_fail(out, "a limit of %d descriptors and two sockets cannot be had", LIMIT);
        return;
    }
    const long sent = platform_socket_send(ends[0], "o", 1, STDERR_FILENO);
    fill_descriptors(ends[0], taken, &taken_count, LIMIT);
    const int before = count_open();
    struct pollfd entry = {.fd = ends[1], .events = POLLIN};
    poll(&entry, 1, WAIT_MS);
    const long bytes = platform_socket_receive_fds(ends[1], &byte, 1, received, 1, &count);
    const int after = count_open();
    for (size_t i = 0; i < taken_count; i++) {
        close(taken[i]);
    }
    if (sent != 1) {
        selftest_fail(out, "sending a descriptor gives %ld", sent);
    } else if (bytes >= 0) {
        selftest_fail(out, "with no number free %zu descriptors came and no error", count);
    } else if (after != before) {
        selftest_fail(out, "%d descriptors were open before, %d are now", before, after);
    } else {
        selftest_pass(out, "refused: %s", strerror((int)-bytes));
    }
    close(ends[0]);
    close(ends[1]);
}

/* ---- ends ------------------------------------------------------------------------------------ */

void selftest_socket_closed(struct selftest_result *out) {
    int ends[2];
    char byte;
    if (platform_socket_pair(ends)) {
        selftest_fail(out, "two connected sockets cannot be had");
        return;
    }
    close(ends[1]);
    struct pollfd entry = {.fd = ends[0], .events = POLLIN};
    const int polled = poll(&entry, 1, WAIT_MS);
    int fd;
    const long received = platform_socket_receive(ends[0], &byte, 1, &fd);
    const long sent = platform_socket_send(ends[0], "x", 1, -1);
    if (polled != 1 || received != 0) {
        selftest_fail(out, "poll gives %d, then receiving %ld", polled, received);
    } else if (sent != -EPIPE) {
        selftest_fail(out, "sending gives %ld, not EPIPE", sent);
    } else {
        selftest_pass(out, "seen by poll; sending gives EPIPE");
    }
    close(ends[0]);
}

static int poll_now(int fd, int timeout_ms) {
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    return poll(&entry, 1, timeout_ms);
}

void selftest_wake_pipe(struct selftest_result *out) {
    enum { SIGNALS = 200000 }; /* more than a pipe holds */
    struct platform_wake wake;
    const int error = platform_pipe_init(&wake);
    if (error) {
        selftest_fail(out, "%s", strerror(-error));
        return;
    }
    const int at_first = poll_now(wake.read_fd, 0);
    for (int i = 0; i < SIGNALS; i++) {
        platform_pipe_signal(&wake);
    }
    const int signalled = poll_now(wake.read_fd, WAIT_MS);
    int drains = 0;
    while (poll_now(wake.read_fd, 0) == 1 && drains < SIGNALS) {
        platform_pipe_drain(&wake);
        drains++;
    }
    const int drained = poll_now(wake.read_fd, 0);
    platform_pipe_signal(&wake);
    const int again = poll_now(wake.read_fd, WAIT_MS);
    if (at_first != 0 || signalled != 1 || drained != 0 || again != 1) {
        selftest_fail(out, "poll gives %d, %d signalled, %d drained, %d signalled again", at_first,
                      signalled, drained, again);
    } else {
        selftest_pass(out, "full after %d signals without blocking, empty after %d reads", SIGNALS,
                      drains);
    }
    platform_wake_finish(&wake);
}
