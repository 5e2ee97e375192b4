/* Messages with descriptors, against a peer that keeps no rules and system calls that fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/channel.h"
#include "open_descriptors.h"
#include "platform/platform.h"

#define RECEIVE_MAX 100000
#define QUEUE_MAX 400000 /* three of the largest messages, where the socket takes nothing */

/* ---- calls that fail -------------------------------------------------------------------- */

static struct {
    int calls;    /* made so far */
    int fail_at;  /* this one fails; -1: none */
    long error;   /* in this way */
    size_t most;  /* bytes per send and receive; 0: any */
} fault;

static bool fails_now(void) {
    return fault.calls++ == fault.fail_at;
}

static size_t at_most(size_t size) {
    return fault.most && size > fault.most ? fault.most : size;
}

static long faulty_send(int fd, const void *bytes, size_t size, const int *fds, size_t count) {
    return fails_now() ? fault.error
                       : platform_socket_send_fds(fd, bytes, at_most(size), fds, count);
}

static long faulty_receive(int fd, void *bytes, size_t size, int *fds, size_t capacity,
                           size_t *out_count) {
    *out_count = 0;
    return fails_now()
               ? fault.error
               : platform_socket_receive_fds(fd, bytes, at_most(size), fds, capacity, out_count);
}

static int faulty_duplicate(int fd) {
    return fails_now() ? -EMFILE : channel_system_calls.duplicate(fd);
}

static void *faulty_allocate(size_t size) {
    return fails_now() ? NULL : malloc(size);
}

static const struct channel_calls faulty_calls = {
    .send = faulty_send,
    .receive = faulty_receive,
    .duplicate = faulty_duplicate,
    .allocate = faulty_allocate,
};

/* ---- fixture ---------------------------------------------------------------------------- */

struct pair {
    struct channel a, b;
    int descriptors;
};

static int setup(void **state) {
    static struct pair pair;
    int fds[2];
    memset(&fault, 0, sizeof(fault));
    fault.fail_at = -1;
    pair.descriptors = count_open_descriptors();
    if (platform_socket_pair(fds)) {
        return -1;
    }
    channel_init(&pair.a, fds[0], RECEIVE_MAX, QUEUE_MAX, &faulty_calls);
    channel_init(&pair.b, fds[1], RECEIVE_MAX, QUEUE_MAX, &faulty_calls);
    *state = &pair;
    return 0;
}

/* Whatever happened, no descriptor is left. */
static int teardown(void **state) {
    struct pair *pair = *state;
    channel_finish(&pair->a);
    channel_finish(&pair->b);
    assert_int_equal(count_open_descriptors(), pair->descriptors);
    return 0;
}

static int new_shm(void) {
    int fd;
    assert_int_equal(platform_shm_create("test", 4096, &fd), 0);
    return fd;
}

static void fill(uint8_t *bytes, size_t size, uint8_t seed) {
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(seed + i * 7);
    }
}

/* ---- what works ------------------------------------------------------------------------- */

static void test_message_and_descriptors_arrive(void **state) {
    struct pair *pair = *state;
    int fds[2] = {new_shm(), new_shm()};
    assert_int_equal(channel_send(&pair->a, "head", 4, "body", 4, fds, 2), 0);
    assert_int_equal(channel_send(&pair->a, "x", 1, NULL, 0, NULL, 0), 0);
    close(fds[0]);
    close(fds[1]);
    struct channel_message message;
    assert_int_equal(channel_receive(&pair->b, &message), 0);
    assert_int_equal(message.size, 8);
    assert_memory_equal(message.bytes, "headbody", 8);
    assert_int_equal(message.fd_count, 2);
    assert_true(fcntl(message.fds[1], F_GETFD) & FD_CLOEXEC);
    channel_close_fds(&message);
    assert_int_equal(channel_receive(&pair->b, &message), 0);
    assert_int_equal(message.size, 1);
    assert_int_equal(message.fd_count, 0);
    assert_int_equal(channel_receive(&pair->b, &message), -EAGAIN);
}

/* Messages are read together: descriptors stay with theirs all the same. */
static void test_messages_that_came_together(void **state) {
    struct pair *pair = *state;
    int fds[2] = {new_shm(), new_shm()};
    assert_int_equal(channel_send(&pair->a, "first", 5, NULL, 0, NULL, 0), 0);
    assert_int_equal(channel_send(&pair->a, "second", 6, NULL, 0, fds, 2), 0);
    assert_int_equal(channel_send(&pair->a, "3", 1, NULL, 0, fds, 1), 0);
    close(fds[0]);
    close(fds[1]);
    static const struct {
        const char *text;
        uint32_t fd_count;
    } expected[] = {{"first", 0}, {"second", 2}, {"3", 1}};
    for (size_t i = 0; i < 3; i++) {
        struct channel_message message;
        int error;
        while ((error = channel_receive(&pair->b, &message)) == -EAGAIN) {
        }
        assert_int_equal(error, 0);
        assert_int_equal(message.size, strlen(expected[i].text));
        assert_memory_equal(message.bytes, expected[i].text, message.size);
        assert_int_equal(message.fd_count, expected[i].fd_count);
        channel_close_fds(&message);
    }
    struct channel_message message;
    assert_int_equal(channel_receive(&pair->b, &message), -EAGAIN);
}

static void test_one_call_reads_many(void **state) {
    struct pair *pair = *state;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(channel_send(&pair->a, &i, sizeof(i), NULL, 0, NULL, 0), 0);
    }
    fault.calls = 0;
    for (int i = 0; i < 5; i++) {
        struct channel_message message;
        assert_int_equal(channel_has_input(&pair->b), i > 0);
        assert_int_equal(channel_receive(&pair->b, &message), 0);
        assert_memory_equal(message.bytes, &i, sizeof(i));
    }
    assert_false(channel_has_input(&pair->b));
    struct channel_message message;
    assert_int_equal(channel_receive(&pair->b, &message), -EAGAIN);
    assert_int_equal(fault.calls, 2); /* the other one allocates */
}

/* What has come ahead is closed with the channel. */
static void test_descriptors_of_a_message_not_read(void **state) {
    struct pair *pair = *state;
    int fd = new_shm();
    assert_int_equal(channel_send(&pair->a, "first", 5, NULL, 0, NULL, 0), 0);
    assert_int_equal(channel_send(&pair->a, "second", 6, NULL, 0, &fd, 1), 0);
    close(fd);
    struct channel_message message;
    assert_int_equal(channel_receive(&pair->b, &message), 0);
    /* teardown counts */
}

/* Bytes and descriptors keep together when every call moves `most` bytes. */
static void pass_in_pieces(struct pair *pair, size_t most, size_t size) {
    uint8_t *sent = malloc(size);
    fill(sent, size, (uint8_t)most);
    fault.most = most;
    for (int round = 0; round < 3; round++) {
        int fd = new_shm();
        assert_int_equal(channel_send(&pair->a, "h", 1, sent, size, &fd, 1), 0);
        close(fd);
    }
    for (int round = 0; round < 3;) {
        struct channel_message message;
        int flushed = channel_flush(&pair->a);
        assert_true(flushed == 0 || flushed == -EAGAIN);
        int error = channel_receive(&pair->b, &message);
        if (error == -EAGAIN) {
            continue;
        }
        assert_int_equal(error, 0);
        assert_int_equal(message.size, size + 1);
        assert_memory_equal(message.bytes + 1, sent, size);
        assert_int_equal(message.fd_count, 1);
        channel_close_fds(&message);
        round++;
    }
    fault.most = 0;
    free(sent);
}

static void test_pieces(void **state) {
    pass_in_pieces(*state, 1, 100);
    pass_in_pieces(*state, 3, 1000);
    pass_in_pieces(*state, 4096, 90000);
    pass_in_pieces(*state, 0, RECEIVE_MAX - 1);
}

/* ---- back-pressure ---------------------------------------------------------------------- */

static void test_queue_is_bounded(void **state) {
    struct pair *pair = *state;
    static uint8_t bytes[50000];
    int sent = 0, error;
    while (!(error = channel_send(&pair->a, "h", 1, bytes, sizeof(bytes), NULL, 0))) {
        assert_true(++sent < 1000);
    }
    assert_int_equal(error, -ENOBUFS);
    assert_true(pair->a.queued_bytes <= QUEUE_MAX);
    /* Nothing of the refused one has gone out: all others are whole. */
    for (int received = 0; received < sent;) {
        struct channel_message message;
        channel_flush(&pair->a);
        error = channel_receive(&pair->b, &message);
        assert_true(error == 0 || error == -EAGAIN);
        if (!error) {
            assert_int_equal(message.size, sizeof(bytes) + 1);
            received++;
        }
    }
    assert_false(channel_has_output(&pair->a));
    assert_int_equal(channel_receive(&pair->b, &(struct channel_message){0}), -EAGAIN);
}

static void test_queued_descriptors_are_closed(void **state) {
    struct pair *pair = *state;
    static uint8_t bytes[50000];
    int fd = new_shm();
    while (!channel_send(&pair->a, "h", 1, bytes, sizeof(bytes), &fd, 1)) {
    }
    close(fd);
    /* teardown counts */
}

/* ---- peers that keep no rules ----------------------------------------------------------- */

static void send_raw(struct pair *pair, const void *bytes, size_t size, const int *fds,
                     size_t count) {
    assert_int_equal(platform_socket_send_fds(pair->a.fd, bytes, size, fds, count), (long)size);
}

static int receive(struct pair *pair) {
    struct channel_message message;
    int error = channel_receive(&pair->b, &message);
    if (!error) {
        channel_close_fds(&message);
    }
    return error;
}

static void test_size_is_bounded(void **state) {
    send_raw(*state, (uint32_t[]){RECEIVE_MAX + 1, 0}, 8, NULL, 0);
    assert_int_equal(receive(*state), -EMSGSIZE);
}

static void test_no_memory_for_promises(void **state) {
    struct pair *pair = *state;
    send_raw(pair, (uint32_t[]){RECEIVE_MAX, 0, 1}, 12, NULL, 0);
    assert_int_equal(receive(pair), -EAGAIN);
    assert_true(pair->b.input.capacity <= 4096);
}

static void test_empty_message(void **state) {
    send_raw(*state, (uint32_t[]){0, 0}, 8, NULL, 0);
    assert_int_equal(receive(*state), -EPROTO);
}

static void test_fewer_descriptors_than_said(void **state) {
    send_raw(*state, (uint32_t[]){4, 1, 0}, 12, NULL, 0);
    assert_int_equal(receive(*state), -EPROTO);
}

static void test_more_descriptors_than_said(void **state) {
    int fd = new_shm();
    send_raw(*state, (uint32_t[]){4, 0, 0}, 12, &fd, 1);
    close(fd);
    assert_int_equal(receive(*state), -EPROTO);
}

static void test_descriptors_of_a_later_message_that_has_none(void **state) {
    struct pair *pair = *state;
    int fd = new_shm();
    send_raw(pair, (uint32_t[]){4, 0, 1}, 12, NULL, 0);
    send_raw(pair, (uint32_t[]){4, 0, 2}, 12, &fd, 1);
    close(fd);
    assert_int_equal(receive(pair), 0);
    assert_int_equal(receive(pair), -EPROTO);
}

static void test_descriptors_before_their_message(void **state) {
    struct pair *pair = *state;
    int fd = new_shm();
    send_raw(pair, (uint32_t[]){8, 0, 1}, 12, &fd, 1);
    send_raw(pair, (uint32_t[]){2, 4, 1, 2}, 16, NULL, 0);
    close(fd);
    assert_int_equal(receive(pair), -EPROTO);
}

static void test_descriptors_behind_the_first_byte(void **state) {
    struct pair *pair = *state;
    int fd = new_shm();
    const uint32_t message[] = {4, 1, 3};
    send_raw(pair, message, 1, NULL, 0);
    assert_int_equal(receive(pair), -EAGAIN);
    send_raw(pair, (const uint8_t *)message + 1, 11, &fd, 1);
    close(fd);
    assert_int_equal(receive(pair), -EPROTO);
}

static void test_more_descriptors_than_allowed(void **state) {
    int fd = new_shm();
    int fds[CHANNEL_FDS_MAX + 1];
    for (int i = 0; i <= CHANNEL_FDS_MAX; i++) {
        fds[i] = fd;
    }
    send_raw(*state, (uint32_t[]){4, CHANNEL_FDS_MAX + 1, 0}, 12, fds, CHANNEL_FDS_MAX + 1);
    close(fd);
    assert_int_equal(receive(*state), -EPROTO);
}

static void test_descriptors_in_the_middle(void **state) {
    int fd = new_shm();
    send_raw(*state, (uint32_t[]){4, 1}, 8, &fd, 1);
    send_raw(*state, "abcd", 4, &fd, 1);
    close(fd);
    assert_int_equal(receive(*state), -EPROTO);
}

static void test_end_of_stream(void **state) {
    struct pair *pair = *state;
    channel_finish(&pair->a);
    assert_int_equal(receive(pair), -EPIPE);
    assert_int_equal(channel_send(&pair->b, "x", 1, NULL, 0, NULL, 0), -EPIPE); /* and no signal */
}

static void test_end_within_a_message(void **state) {
    struct pair *pair = *state;
    int fd = new_shm();
    send_raw(pair, (uint32_t[]){4, 1}, 8, &fd, 1);
    close(fd);
    channel_finish(&pair->a);
    assert_int_equal(receive(pair), -EPROTO);
}

/* ---- faults ----------------------------------------------------------------------------- */

/* One exchange in which call number `at` fails: it goes through, or an end says why not; never is
 * there a wrong message. Returns whether the fault was reached. */
static bool exchange_with_fault(struct pair *pair, int at, long error) {
    static uint8_t body[20000];
    fault.calls = 0;
    fault.fail_at = at;
    fault.error = error;
    fault.most = 3000;
    int fd = new_shm();
    int result = channel_send(&pair->a, "head", 4, body, sizeof(body), &fd, 1);
    close(fd);
    for (int i = 0; i < 50 && !result; i++) {
        struct channel_message message;
        result = channel_flush(&pair->a);
        result = result == -EAGAIN ? 0 : result;
        int received = result ? result : channel_receive(&pair->b, &message);
        if (!received) {
            assert_int_equal(message.size, sizeof(body) + 4);
            assert_int_equal(message.fd_count, 1);
            channel_close_fds(&message);
            break;
        }
        result = received == -EAGAIN ? 0 : received;
        assert_true(i < 49);
    }
    bool temporary = error == -EAGAIN || error == -EINTR;
    if (temporary && result) {
        /* What has no temporary errors has failed: an allocation or a copy of a descriptor. */
        assert_true(result == -ENOMEM || result == -EMFILE);
    }
    return fault.calls > at;
}

static void test_every_call_fails(void **state) {
    static const long errors[] = {-EAGAIN, -EINTR, -ENOMEM, -EMFILE, -EPIPE, -ECONNRESET, -ENOBUFS};
    for (size_t e = 0; e < sizeof(errors) / sizeof(errors[0]); e++) {
        int at = 0;
        bool reached;
        do {
            reached = exchange_with_fault(*state, at++, errors[e]);
            assert_int_equal(teardown(state), 0);
            assert_int_equal(setup(state), 0);
        } while (reached);
        assert_true(at > 10);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_message_and_descriptors_arrive),
        TEST(test_messages_that_came_together),
        TEST(test_one_call_reads_many),
        TEST(test_descriptors_of_a_message_not_read),
        TEST(test_pieces),
        TEST(test_queue_is_bounded),
        TEST(test_queued_descriptors_are_closed),
        TEST(test_size_is_bounded),
        TEST(test_no_memory_for_promises),
        TEST(test_empty_message),
        TEST(test_fewer_descriptors_than_said),
        TEST(test_more_descriptors_than_said),
        TEST(test_descriptors_of_a_later_message_that_has_none),
        TEST(test_descriptors_before_their_message),
        TEST(test_descriptors_behind_the_first_byte),
        TEST(test_more_descriptors_than_allowed),
        TEST(test_descriptors_in_the_middle),
        TEST(test_end_of_stream),
        TEST(test_end_within_a_message),
        TEST(test_every_call_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
