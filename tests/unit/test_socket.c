/* The platform's Unix sockets, against a peer that keeps no rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "open_descriptors.h"
#include "platform/platform.h"

/* What every system takes: macOS's sun_path, Linux has 4 bytes more. */
#define SUN_PATH_BYTES_MIN 104

static char folder[64];
static char path[96];
static _Atomic(int) sigpipe_count;

static void count_sigpipe(int number) {
    (void)number;
    atomic_fetch_add(&sigpipe_count, 1);
}

static int group_setup(void **state) {
    (void)state;
    signal(SIGPIPE, count_sigpipe);
    snprintf(folder, sizeof(folder), "/tmp/vesper-socket-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int group_teardown(void **state) {
    (void)state;
    return rmdir(folder);
}

static int setup(void **state) {
    static int descriptors;
    descriptors = count_open_descriptors();
    *state = &descriptors;
    snprintf(path, sizeof(path), "%s/s", folder);
    return 0;
}

/* Every test leaves as many descriptors as it found, no file and no SIGPIPE. */
static int teardown(void **state) {
    int before = *(int *)*state;
    unlink(path);
    assert_int_equal(count_open_descriptors(), before);
    assert_int_equal(atomic_load(&sigpipe_count), 0);
    return 0;
}

/* ---- listening ------------------------------------------------------------------------- */

static void test_listen_accept_connect(void **state) {
    (void)state;
    int listener, client, server;
    assert_int_equal(platform_socket_listen(path, &listener), 0);
    assert_true(fcntl(listener, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(platform_socket_accept(listener, &server), -EAGAIN);

    assert_int_equal(platform_socket_connect(path, &client), 0);
    assert_true(fcntl(client, F_GETFD) & FD_CLOEXEC);
    assert_false(fcntl(client, F_GETFL) & O_NONBLOCK);
    assert_int_equal(platform_socket_accept(listener, &server), 0);
    assert_true(fcntl(server, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(server, F_GETFL) & O_NONBLOCK);
    assert_int_equal(platform_socket_accept(listener, &(int){0}), -EAGAIN);
    close(client);
    close(server);
    close(listener);
}

static void test_stale_socket_is_replaced(void **state) {
    (void)state;
    int listener, client;
    assert_int_equal(platform_socket_listen(path, &listener), 0);
    close(listener); /* as after a crash: the file stays */
    assert_int_equal(platform_socket_connect(path, &client), -ECONNREFUSED);
    assert_int_equal(platform_socket_listen(path, &listener), 0);
    assert_int_equal(platform_socket_connect(path, &client), 0);
    close(client);
    close(listener);
}

static void test_live_socket_is_kept(void **state) {
    (void)state;
    int listener, other, client, server;
    assert_int_equal(platform_socket_listen(path, &listener), 0);
    assert_int_equal(platform_socket_listen(path, &other), -EADDRINUSE);
    /* The attempt has knocked at the door and gone. */
    assert_int_equal(platform_socket_accept(listener, &server), 0);
    close(server);
    assert_int_equal(platform_socket_connect(path, &client), 0);
    assert_int_equal(platform_socket_accept(listener, &server), 0);
    close(server);
    close(client);
    close(listener);
}

static void fill_address(struct sockaddr_un *address) {
    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, strlen(path));
}

static void test_busy_live_socket_is_kept(void **state) {
    (void)state;
    enum { KNOCKS = 64 };
    struct sockaddr_un address;
    int clients[KNOCKS], count = 0, error = 0, other;
    fill_address(&address);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 1), 0);
    while (count < KNOCKS && error == 0) {
        clients[count] = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_int_equal(fcntl(clients[count], F_SETFL, O_NONBLOCK), 0);
        if (connect(clients[count], (struct sockaddr *)&address, sizeof(address)) < 0) {
            error = errno;
        }
        count++;
    }
    int result = error == EAGAIN ? platform_socket_listen(path, &other) : 0;
    while (count > 0) {
        close(clients[--count]);
    }
    close(listener);
    if (error != EAGAIN) {
        print_message("skipped: here a full backlog looks like a dead server (error %d)\n", error);
        skip();
    }
    assert_int_equal(result, -EADDRINUSE);
}

static void test_datagram_socket_is_kept(void **state) {
    (void)state;
    struct sockaddr_un address;
    int other;
    fill_address(&address);
    int owner = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_int_equal(bind(owner, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(platform_socket_listen(path, &other), -EADDRINUSE);
    close(owner);
}

static void test_other_files_are_kept(void **state) {
    (void)state;
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    int listener;
    assert_int_equal(write(fd, "precious", 8), 8);
    close(fd);
    assert_int_equal(platform_socket_listen(path, &listener), -EEXIST);
    struct stat info;
    assert_int_equal(lstat(path, &info), 0);
    assert_int_equal(info.st_size, 8);
    unlink(path);

    assert_int_equal(symlink("nowhere", path), 0);
    assert_int_equal(platform_socket_listen(path, &listener), -EEXIST);
    unlink(path);

    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(platform_socket_listen(path, &listener), -EEXIST);
    rmdir(path);
}

static void test_bad_paths(void **state) {
    (void)state;
    int fd;
    char text[512];
    memset(text, 'x', sizeof(text));
    memcpy(text, "/tmp/", 5);
    struct sockaddr_un address;
    text[sizeof(address.sun_path)] = '\0'; /* one byte too long with its terminator */
    assert_int_equal(platform_socket_listen(text, &fd), -ENAMETOOLONG);
    assert_int_equal(platform_socket_connect(text, &fd), -ENAMETOOLONG);
    text[SUN_PATH_BYTES_MIN - 1] = '\0';
    assert_int_equal(platform_socket_listen(text, &fd), 0);
    close(fd);
    unlink(text);
    assert_int_equal(platform_socket_listen("", &fd), -EINVAL);
    assert_int_equal(platform_socket_listen("/nonexistent/folder/s", &fd), -ENOENT);
    assert_int_equal(platform_socket_connect("/nonexistent/folder/s", &fd), -ENOENT);
}

/* ---- bytes and descriptors ------------------------------------------------------------- */

struct pair {
    int client, server; /* the client blocks, the server does not */
};

static void pair_open(struct pair *pair) {
    int listener;
    assert_int_equal(platform_socket_listen(path, &listener), 0);
    assert_int_equal(platform_socket_connect(path, &pair->client), 0);
    assert_int_equal(platform_socket_accept(listener, &pair->server), 0);
    close(listener);
    unlink(path);
}

static void pair_close(struct pair *pair) {
    close(pair->client);
    close(pair->server);
}

static void test_bytes(void **state) {
    (void)state;
    struct pair pair;
    char text[16];
    int fd = 77;
    pair_open(&pair);
    assert_int_equal(platform_socket_receive(pair.server, text, sizeof(text), &fd), -EAGAIN);
    assert_int_equal(fd, -1);
    assert_int_equal(platform_socket_send(pair.client, "hello", 5, -1), 5);
    assert_int_equal(platform_socket_receive(pair.server, text, 2, &fd), 2);
    assert_int_equal(platform_socket_receive(pair.server, text + 2, sizeof(text) - 2, &fd), 3);
    assert_memory_equal(text, "hello", 5);
    assert_int_equal(fd, -1);
    assert_int_equal(platform_socket_send(pair.client, "x", 0, -1), -EINVAL);
    assert_int_equal(platform_socket_receive(pair.server, text, 0, &fd), -EINVAL);
    close(pair.client);
    assert_int_equal(platform_socket_receive(pair.server, text, sizeof(text), &fd), 0);
    close(pair.server);
}

static void test_send_to_nobody(void **state) {
    (void)state;
    struct pair pair;
    pair_open(&pair);
    close(pair.client);
    assert_int_equal(platform_socket_send(pair.server, "x", 1, -1), -EPIPE);
    assert_int_equal(platform_socket_send(pair.server, "x", 1, STDIN_FILENO), -EPIPE);
    close(pair.server);
}

static void test_full_buffer(void **state) {
    (void)state;
    struct pair pair;
    static char bytes[1 << 16];
    pair_open(&pair);
    long sent = 0, result = 0;
    while (result >= 0 && sent < (64 << 20)) {
        sent += result;
        result = platform_socket_send(pair.server, bytes, sizeof(bytes), -1);
    }
    assert_int_equal(result, -EAGAIN);
    assert_int_equal(platform_socket_send(pair.server, bytes, 1, pair.client), -EAGAIN);
    long received = 0;
    int fd;
    close(pair.server);
    while ((result = platform_socket_receive(pair.client, bytes, sizeof(bytes), &fd)) > 0) {
        received += result;
        assert_int_equal(fd, -1);
    }
    assert_int_equal(result, 0);
    assert_int_equal(received, sent);
    close(pair.client);
}

static void test_descriptor(void **state) {
    (void)state;
    struct pair pair;
    uint64_t size = platform_page_size();
    int sent_fd, fd;
    void *here, *there;
    char text[16];
    pair_open(&pair);
    assert_int_equal(platform_shm_create("vesper-test", size, &sent_fd), 0);
    assert_int_equal(platform_map_shared(sent_fd, size, &here), 0);
    assert_int_equal(platform_socket_send(pair.client, "with", 4, sent_fd), 4);
    close(sent_fd);
    assert_int_equal(platform_socket_send(pair.client, "out", 3, -1), 3);

    /* The descriptor comes with the first byte of what it was sent with. */
    assert_int_equal(platform_socket_receive(pair.server, text, 1, &fd), 1);
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(platform_map_shared(fd, size, &there), 0);
    ((char *)here)[17] = 'v';
    assert_int_equal(((char *)there)[17], 'v');
    platform_unmap(here, size);
    platform_unmap(there, size);
    close(fd);

    long received = 1, count;
    while (received < 7) {
        count = platform_socket_receive(pair.server, text + received, sizeof(text) / 2, &fd);
        assert_true(count > 0);
        assert_int_equal(fd, -1);
        received += count;
    }
    assert_memory_equal(text, "without", 7);
    assert_int_equal(platform_socket_send(pair.client, "x", 1, 9999), -EBADF);
    pair_close(&pair);
}

enum { SURPLUS = 100 };

/* What a hostile client can send: one byte with `count` copies of a descriptor. */
static void send_many_descriptors(int socket_fd, int fd, int count) {
    union {
        struct cmsghdr align;
        unsigned char bytes[CMSG_SPACE(SURPLUS * sizeof(int))];
    } control;
    memset(&control, 0, sizeof(control));
    char byte = 'x';
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    size_t size = (size_t)count * sizeof(int);
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof(control.bytes);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    for (int i = 0; i < count; i++) {
        memcpy(CMSG_DATA(header) + (size_t)i * sizeof(int), &fd, sizeof(int));
    }
    message.msg_controllen = header->cmsg_len;
    assert_int_equal(sendmsg(socket_fd, &message, 0), 1);
}

static void test_surplus_descriptors_are_closed(void **state) {
    (void)state;
    static const int counts[] = {2, 3, 7, SURPLUS};
    struct pair pair;
    int sent_fd, fd;
    char text[16];
    pair_open(&pair);
    assert_int_equal(platform_shm_create("vesper-test", platform_page_size(), &sent_fd), 0);
    int before = count_open_descriptors();
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        send_many_descriptors(pair.client, sent_fd, counts[i]);
        assert_int_equal(platform_socket_receive(pair.server, text, sizeof(text), &fd), 1);
        assert_int_equal(count_open_descriptors(), before + 1);
        uint64_t size;
        assert_int_equal(platform_fd_size(fd, &size), 0);
        assert_true(size == platform_page_size());
        close(fd);
    }
    close(sent_fd);
    pair_close(&pair);
}

static void test_several_descriptors(void **state) {
    (void)state;
    enum { ROOM = 8 };
    static const int counts[] = {0, 1, 7, ROOM, ROOM + 1, SURPLUS};
    struct pair pair;
    int sent_fd, fds[ROOM];
    size_t came;
    char text[16];
    pair_open(&pair);
    assert_int_equal(platform_shm_create("vesper-test", platform_page_size(), &sent_fd), 0);
    const int before = count_open_descriptors();
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        if (counts[i] == 0) {
            assert_int_equal(platform_socket_send(pair.client, "x", 1, -1), 1);
        } else {
            send_many_descriptors(pair.client, sent_fd, counts[i]);
        }
        assert_int_equal(
            platform_socket_receive_fds(pair.server, text, sizeof(text), fds, ROOM, &came), 1);
        assert_int_equal(came, counts[i]);
        const int kept = counts[i] < ROOM ? counts[i] : ROOM;
        assert_int_equal(count_open_descriptors(), before + kept);
        for (int k = 0; k < kept; k++) {
            uint64_t size;
            assert_true(fcntl(fds[k], F_GETFD) & FD_CLOEXEC);
            assert_int_equal(platform_fd_size(fds[k], &size), 0);
            assert_true(size == platform_page_size());
            close(fds[k]);
        }
    }
    /* No room at all: all are surplus. */
    send_many_descriptors(pair.client, sent_fd, 3);
    assert_int_equal(platform_socket_receive_fds(pair.server, text, sizeof(text), NULL, 0, &came),
                     1);
    assert_int_equal(came, 3);
    assert_int_equal(count_open_descriptors(), before);
    close(sent_fd);
    pair_close(&pair);
}

static void test_full_descriptor_table(void **state) {
    (void)state;
    struct pair pair;
    struct rlimit saved, full;
    int fd;
    char text[16];
    pair_open(&pair);
    send_many_descriptors(pair.client, STDIN_FILENO, 3);
    int before = count_open_descriptors();
    int lowest_free = dup(STDIN_FILENO);
    close(lowest_free);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &saved), 0);
    full = saved;
    for (int room = 0; room < 3; room += 2) { /* none fits; two of three fit */
        full.rlim_cur = (rlim_t)(lowest_free + room);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &full), 0);
        long result = platform_socket_receive(pair.server, text, sizeof(text), &fd);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &saved), 0);
        assert_true(result < 0);
        assert_int_equal(fd, -1);
        assert_int_equal(count_open_descriptors(), before);
        send_many_descriptors(pair.client, STDIN_FILENO, 3);
    }
    pair_close(&pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_listen_accept_connect, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stale_socket_is_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(test_live_socket_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_busy_live_socket_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_datagram_socket_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_files_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_paths, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_send_to_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_buffer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_descriptor, setup, teardown),
        cmocka_unit_test_setup_teardown(test_surplus_descriptors_are_closed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_several_descriptors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_descriptor_table, setup, teardown),
    };
    return cmocka_run_group_tests_name("socket", tests, group_setup, group_teardown) ? 1 : 0;
}
