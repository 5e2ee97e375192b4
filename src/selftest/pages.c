/* Pages, and memory that is mapped more than once. */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/channel.h"
#include "platform/platform.h"
#include "selftest/runner.h"
#include "selftest/selftest.h"

/* Of an odd number of small pages: the system has to round it. */
#define ASKED_BYTES (5 * 4096)
#define WAIT_MS 10000

void selftest_page_size(struct selftest_result *out) {
    const size_t size = platform_page_size();
    if (size < 4096 || size > 65536 || (size & (size - 1))) {
        selftest_fail(out, "%zu bytes, which is no power of two from 4096 to 65536", size);
        return;
    }
    selftest_pass(out, "%zu bytes", size);
}

/* ---- one process --------------------------------------------------------------------------- */

/* Different in every word, and for each `seed`. */
static uint32_t make_word(uint32_t seed, size_t index) {
    return (uint32_t)index * UINT32_C(2654435761) ^ seed;
}

static void fill(volatile uint32_t *words, size_t size, uint32_t seed) {
    for (size_t i = 0; i < size / sizeof(*words); i++) {
        words[i] = make_word(seed, i);
    }
}

/* Bytes before the first word that differs. */
static size_t count_equal(const volatile uint32_t *words, size_t size, uint32_t seed) {
    size_t i = 0;
    while (i < size / sizeof(*words) && words[i] == make_word(seed, i)) {
        i++;
    }
    return i * sizeof(*words);
}

static void compare_mappings(struct selftest_result *out, void *first, void *second, size_t size,
                             uint64_t real_size) {
    fill(first, size, 1);
    size_t equal = count_equal(second, size, 1);
    if (equal == size) {
        fill(second, size, 2);
        equal = count_equal(first, size, 2);
    }
    if (first == second || equal < size) {
        selftest_fail(out, "the two mappings agree in %zu of %zu bytes", equal, size);
    } else {
        selftest_pass(out, "%d bytes asked for, %llu given, two mappings coherent both ways",
                      ASKED_BYTES, (unsigned long long)real_size);
    }
}

void selftest_shared_memory(struct selftest_result *out) {
    const size_t page = platform_page_size();
    const size_t size = (ASKED_BYTES + page - 1) / page * page;
    int fd;
    uint64_t real_size = 0;
    void *first, *second;
    int error = platform_shm_create("vesper-selftest", size, &fd);
    if (error) {
        selftest_fail(out, "shared memory of %zu bytes: %s", size, strerror(-error));
        return;
    }
    error = platform_fd_size(fd, &real_size);
    if (error || real_size < size) {
        selftest_fail(out, "its size is said to be %llu, less than %zu",
                      (unsigned long long)real_size, size);
        goto end;
    }
    if (!platform_fd_size_is_fixed(fd)) {
        selftest_fail(out, "a peer could change its size");
        goto end;
    }
    error = platform_map_shared(fd, size, &first);
    if (error) {
        selftest_fail(out, "mapping: %s", strerror(-error));
        goto end;
    }
    error = platform_map_shared(fd, size, &second);
    if (error) {
        selftest_fail(out, "mapping for the second time: %s", strerror(-error));
    } else {
        compare_mappings(out, first, second, size, real_size);
        platform_unmap(second, size);
    }
    platform_unmap(first, size);
end:
    close(fd);
}

/* ---- two processes ------------------------------------------------------------------------- */

static int wait_and_receive(struct channel *channel, struct channel_message *message) {
    for (;;) {
        const int error = channel_receive(channel, message);
        struct pollfd entry = {.fd = channel->fd, .events = POLLIN};
        if (error != -EAGAIN) {
            return error;
        }
        if (poll(&entry, 1, WAIT_MS) <= 0) {
            return -ETIMEDOUT;
        }
    }
}

/* Reads what the other wrote, answers in the same memory, says that it has. */
static int answer(struct channel *channel, const struct channel_message *message) {
    uint64_t size;
    void *pointer;
    if (message->fd_count != 1 || platform_fd_size(message->fds[0], &size) ||
        platform_map_shared(message->fds[0], size, &pointer)) {
        return 1;
    }
    const bool is_equal = count_equal(pointer, size, 3) == size;
    fill(pointer, size, 4);
    platform_unmap(pointer, size);
    const char word = is_equal ? 'y' : 'n';
    return channel_send(channel, &word, 1, NULL, 0, NULL, 0) ? 1 : 0;
}

int selftest_peer(void) {
    struct channel channel;
    struct channel_message message;
    channel_init(&channel, PLATFORM_SPAWN_FD, 64, 64, NULL);
    int status = 1;
    if (wait_and_receive(&channel, &message) == 0) {
        status = answer(&channel, &message);
        channel_close_fds(&message);
        (void)wait_and_receive(&channel, &message); /* until the other has read the answer */
    }
    channel_finish(&channel);
    return status;
}

static void talk_to_peer(struct selftest_result *out, struct channel *channel, int fd,
                         uint32_t *words, size_t size) {
    struct channel_message message;
    fill(words, size, 3);
    int error = channel_send(channel, "?", 1, NULL, 0, &fd, 1);
    if (!error) {
        error = wait_and_receive(channel, &message);
    }
    if (error) {
        selftest_fail(out, "no answer from the other process: %s", strerror(-error));
        return;
    }
    const bool is_seen = message.size == 1 && message.bytes[0] == 'y';
    const size_t equal = count_equal(words, size, 4);
    if (!is_seen) {
        selftest_fail(out, "the other process does not see what this one wrote");
    } else if (equal < size) {
        selftest_fail(out, "this process sees %zu of %zu bytes that the other wrote", equal, size);
    } else {
        selftest_pass(out, "%zu bytes coherent both ways, descriptor sent over a socket", size);
    }
}

void selftest_shared_memory_processes(struct selftest_result *out) {
    const size_t size = 4 * platform_page_size();
    int fd, socket_fd;
    int32_t pid;
    void *words;
    int error = platform_shm_create("vesper-selftest", size, &fd);
    if (error) {
        selftest_fail(out, "shared memory: %s", strerror(-error));
        return;
    }
    error = platform_map_shared(fd, size, &words);
    if (error) {
        selftest_fail(out, "mapping: %s", strerror(-error));
        goto error_map;
    }
    error = selftest_start_child(SELFTEST_PEER_NAME, &socket_fd, &pid);
    if (error) {
        selftest_fail(out, "a second process: %s", strerror(-error));
        goto error_child;
    }
    struct channel channel;
    channel_init(&channel, socket_fd, 64, 64, NULL);
    talk_to_peer(out, &channel, fd, words, size);
    channel_finish(&channel);
    waitpid((pid_t)pid, NULL, 0);
error_child:
    platform_unmap(words, size);
error_map:
    close(fd);
}
