/* Reply windows and indirect streams: where replies land, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "expect.h"
#include "spy_driver.h"

#define DEVICE ID(VkDevice, GUEST_DEVICE)
/* command, result, presence, id */
#define CREATE_BUFFER_REPLY_SIZE 24

static struct guest_stream *fresh_stream(bool on_ring) {
    struct guest *g = guest_create_open(NULL);
    return on_ring ? guest_create_ring(g, 16384, 0) : g->context_stream;
}

static void send_and_expect(struct guest_stream *s, const char *command, const char *rest) {
    char reason[512];
    snprintf(reason, sizeof(reason), "%s (on %s): %s", command,
             s->is_ring ? "a ring" : "the context stream", rest);
    guest_send(s);
    expect_refusal(s->guest, reason);
}

static void write_window(struct guest_stream *s, uint32_t resource_id, uint64_t offset,
                         uint64_t size) {
    const VkCommandStreamDescriptionMESA window = {
        .resourceId = resource_id, .offset = offset, .size = size};
    GUEST_WRITE(s, vkSetReplyCommandStreamMESA, .pStream = &window);
}

static void write_create_with_reply(struct guest_stream *s, uint64_t id) {
    const VkBufferCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO, .size = 4096};
    GUEST_WRITE_WITH_REPLY(s, vkCreateBuffer, .device = DEVICE, .pCreateInfo = &info,
                           .pBuffer_id = id);
}

/* At `offset` of the reply memory lies the reply to write_create_with_reply(id). */
static void assert_created(struct guest_stream *s, uint64_t offset, uint64_t id) {
    struct vn_vkCreateBuffer a;
    struct cs_decoder *d = guest_read_reply(s, offset);
    vn_client_decode_vkCreateBuffer_reply(d, &a);
    assert_false(d->failed);
    assert_int_equal(a.ret, VK_SUCCESS);
    assert_int_equal(a.pBuffer_id, id);
}

/* A memory of the device as a blob: not fit for streams. */
static uint32_t create_device_blob(struct guest *g) {
    const uint64_t id = guest_new_id(g);
    assert_int_equal(guest_allocate_memory(g->context_stream, id, 0, 8192), VK_SUCCESS);
    assert_int_equal(guest_create_blob(g, 5000, id, CONTEXT_BLOB_MAPPABLE, 8192, NULL), 0);
    return 5000;
}

/* ---- where replies land ------------------------------------------------------------------ */

static void test_replies_are_appended_and_sought(void **state) {
    (void)state;
    for (int on_ring = 0; on_ring < 2; on_ring++) {
        struct guest_stream *s = fresh_stream(on_ring);
        guest_set_reply_window(s, 128, 4096);
        write_create_with_reply(s, 1000);
        write_create_with_reply(s, 1001);
        GUEST_WRITE(s, vkSeekReplyCommandStreamMESA, .position = 1000);
        write_create_with_reply(s, 1002);
        GUEST_WRITE(s, vkSeekReplyCommandStreamMESA, .position = 4096 - CREATE_BUFFER_REPLY_SIZE);
        write_create_with_reply(s, 1003);
        assert_true(guest_finish(s));
        assert_created(s, 128, 1000);
        assert_created(s, 128 + CREATE_BUFFER_REPLY_SIZE, 1001);
        assert_created(s, 128 + 1000, 1002);
        assert_created(s, 128 + 4096 - CREATE_BUFFER_REPLY_SIZE, 1003);
        guest_destroy(s->guest);
    }
}

static void test_nothing_is_written_outside_of_the_reply(void **state) {
    (void)state;
    struct guest_stream *s = fresh_stream(false);
    guest_set_reply_window(s, 64, CREATE_BUFFER_REPLY_SIZE);
    assert_true(guest_finish(s));
    memset(s->reply->bytes, 0xaa, s->reply->size);
    write_create_with_reply(s, 1000);
    assert_true(guest_finish(s));
    for (uint64_t i = 0; i < s->reply->size; i++) {
        if (i < 64 || i >= 64 + CREATE_BUFFER_REPLY_SIZE) {
            assert_int_equal(s->reply->bytes[i], 0xaa);
        }
    }
    guest_destroy(s->guest);
}

static void test_each_stream_has_its_own_window(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL);
    struct guest_stream *a = guest_create_ring(g, 16384, 0), *b = guest_create_ring(g, 16384, 0);
    guest_set_reply_window(a, 0, 4096);
    assert_true(guest_finish(a));
    guest_set_reply_window(b, 512, 4096);
    assert_true(guest_finish(b));
    write_create_with_reply(a, 1000);
    assert_true(guest_finish(a));
    write_create_with_reply(b, 1001);
    assert_true(guest_finish(b));
    assert_created(a, 0, 1000);
    assert_created(b, 512, 1001);
    guest_destroy(g);
}

static void test_a_window_outlives_its_resource_but_cannot_be_set_again(void **state) {
    (void)state;
    struct guest_stream *s = fresh_stream(false);
    guest_set_reply_window(s, 0, 4096);
    assert_true(guest_finish(s));
    guest_detach(s->guest, s->reply->resource_id);
    write_create_with_reply(s, 1000);
    assert_true(guest_finish(s));
    assert_created(s, 0, 1000);
    write_window(s, s->reply->resource_id, 0, 4096);
    send_and_expect(s, "vkSetReplyCommandStreamMESA", "pStream: no such resource");
}

/* ---- refused windows --------------------------------------------------------------------- */

static void test_a_window_must_lie_in_shared_memory(void **state) {
    (void)state;
    static const struct {
        uint64_t offset, size;
    } outside[] = {
        {0, GUEST_REPLY_SIZE + 1}, {GUEST_REPLY_SIZE, 1}, {GUEST_REPLY_SIZE - 4, 8},
        {UINT64_MAX, 1},           {UINT64_MAX - 3, 8},   {8, UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
        /* On the second way the resource is that of the current window: the short path. */
        for (int again = 0; again < 2; again++) {
            struct guest_stream *s = fresh_stream(i % 2);
            guest_set_reply_window(s, 0, 64);
            if (!again) {
                struct guest_memory *other = guest_create_shm(s->guest, 4096);
                write_window(s, other->resource_id, 0, 64);
            }
            assert_true(guest_finish(s));
            write_window(s, s->reply->resource_id, outside[i].offset, outside[i].size);
            send_and_expect(s, "vkSetReplyCommandStreamMESA",
                            "pStream: the range passes the end of its resource");
        }
    }
}

static void test_a_window_needs_a_known_resource(void **state) {
    (void)state;
    struct guest_stream *s = fresh_stream(true);
    write_window(s, 4711, 0, 64);
    send_and_expect(s, "vkSetReplyCommandStreamMESA", "pStream: no such resource");

    s = fresh_stream(false);
    write_window(s, create_device_blob(s->guest), 0, 64);
    send_and_expect(s, "vkSetReplyCommandStreamMESA",
                    "pStream: the resource is not shared memory of blob id 0");
}

static void test_a_reply_must_fit_its_window(void **state) {
    (void)state;
    for (uint64_t size = 0; size < CREATE_BUFFER_REPLY_SIZE; size += 4) {
        struct guest_stream *s = fresh_stream(size % 8);
        guest_set_reply_window(s, 64, size);
        assert_true(guest_finish(s));
        memset(s->reply->bytes, 0xaa, s->reply->size);
        write_create_with_reply(s, 1000);
        guest_send(s);
        guest_wait_lost(s->guest);
        for (uint64_t i = 0; i < s->reply->size; i++) {
            assert_int_equal(s->reply->bytes[i], 0xaa);
        }
        send_and_expect(s, "vkCreateBuffer", "the reply does not fit its window");
    }
    /* The position counts, too. */
    struct guest_stream *s = fresh_stream(true);
    guest_set_reply_window(s, 0, 64);
    GUEST_WRITE(s, vkSeekReplyCommandStreamMESA, .position = 64 - CREATE_BUFFER_REPLY_SIZE + 4);
    write_create_with_reply(s, 1000);
    send_and_expect(s, "vkCreateBuffer", "the reply does not fit its window");
}

static void test_seeking_is_bounded_by_the_window(void **state) {
    (void)state;
    struct guest_stream *s = fresh_stream(true);
    GUEST_WRITE(s, vkSeekReplyCommandStreamMESA, .position = 0);
    send_and_expect(s, "vkSeekReplyCommandStreamMESA", "position: no reply window is set");

    s = fresh_stream(true);
    guest_set_reply_window(s, 0, 64);
    GUEST_WRITE(s, vkSeekReplyCommandStreamMESA, .position = 64); /* the end itself is good */
    assert_true(guest_finish(s));
    GUEST_WRITE(s, vkSeekReplyCommandStreamMESA, .position = 65);
    send_and_expect(s, "vkSeekReplyCommandStreamMESA",
                    "position: the position is beyond the reply window");

    s = fresh_stream(false);
    GUEST_WRITE(s, vkSeekReplyCommandStreamMESA, .position = UINT64_MAX);
    send_and_expect(s, "vkSeekReplyCommandStreamMESA",
                    "position: the position is beyond the reply window");
}

/* ---- indirect streams -------------------------------------------------------------------- */

/* Moves what the stream has not sent to `memory`; gives its size. */
static uint64_t divert(struct guest_stream *s, struct guest_memory *memory, uint64_t offset) {
    const uint64_t size = cs_encoder_size(&s->encoder);
    assert_true(offset + size <= memory->size);
    memcpy(memory->bytes + offset, s->encoder.bytes, size);
    s->encoder.cursor = s->encoder.bytes;
    return size;
}

static void write_execute(struct guest_stream *s, uint32_t count,
                          const VkCommandStreamDescriptionMESA *streams, const size_t *positions) {
    GUEST_WRITE(s, vkExecuteCommandStreamsMESA, .streamCount = count, .pStreams = streams,
                .pReplyPositions = positions);
}

static void test_indirect_streams_are_executed_in_order(void **state) {
    (void)state;
    for (int on_ring = 0; on_ring < 2; on_ring++) {
        struct guest_stream *s = fresh_stream(on_ring);
        struct guest_memory *memory = guest_create_shm(s->guest, 16384);
        VkCommandStreamDescriptionMESA streams[3] = {
            {memory->resource_id, 1000, 0}, {memory->resource_id, 0, 0}, {4711, 4711, 0}};
        write_create_with_reply(s, 1001);
        guest_write_destroy_buffer(s, 1000);
        streams[0].size = divert(s, memory, 1000);
        write_create_with_reply(s, 1000); /* the id is free again by the first stream */
        streams[1].size = divert(s, memory, 0);

        const size_t positions[3] = {512, 256, 0};
        guest_write_create_buffer(s, 1000);
        guest_set_reply_window(s, 0, 4096);
        write_execute(s, 3, streams, positions); /* an empty range may lie anywhere */
        write_create_with_reply(s, 1002);        /* replies go on at the last position */
        assert_true(guest_finish(s));
        assert_created(s, 512, 1001);
        assert_created(s, 256, 1000);
        assert_created(s, 0, 1002);
        guest_check_round_trip(s);
        guest_destroy(s->guest);
    }
}

static void test_a_large_indirect_stream_is_executed(void **state) {
    (void)state;
    struct guest_stream *s = fresh_stream(true);
    struct guest_memory *memory = guest_create_shm(s->guest, (uint64_t)20 << 20);
    spy_reset();
    uint64_t count = 0;
    while (cs_encoder_size(&s->encoder) < (uint64_t)19 << 20) {
        guest_write_create_buffer(s, 1000);
        guest_write_destroy_buffer(s, 1000);
        count++;
    }
    const VkCommandStreamDescriptionMESA stream = {memory->resource_id, 0, divert(s, memory, 0)};
    write_execute(s, 1, &stream, NULL);
    assert_true(guest_finish(s));
    assert_int_equal(spy_calls("vkDestroyBuffer"), count);
    guest_destroy(s->guest);
}

enum bad_stream {
    NO_STREAMS,
    UNKNOWN_RESOURCE,
    NOT_SHARED_MEMORY,
    OUTSIDE,
    WRAPPING,
    NESTED,
    CUT_SHORT,
    BAD_COMMAND,
    POSITION_WITHOUT_WINDOW,
    POSITION_BEYOND_WINDOW,
    BAD_STREAM_COUNT
};

static const char *const bad_stream_reasons[BAD_STREAM_COUNT][2] = {
    {"vkExecuteCommandStreamsMESA", "streamCount: there is nothing to execute"},
    {"vkExecuteCommandStreamsMESA", "pStreams: no such resource"},
    {"vkExecuteCommandStreamsMESA", "pStreams: the resource is not shared memory of blob id 0"},
    {"vkExecuteCommandStreamsMESA", "pStreams: the range passes the end of its resource"},
    {"vkExecuteCommandStreamsMESA", "pStreams: the range passes the end of its resource"},
    {"vkExecuteCommandStreamsMESA", "indirect streams cannot be nested"},
    {"vkCreateBuffer", "pBuffer: the command is cut short"},
    {"vkDestroyBuffer", "buffer: no object has this id"},
    {"vkExecuteCommandStreamsMESA", "pReplyPositions: no reply window is set"},
    {"vkExecuteCommandStreamsMESA", "pReplyPositions: the position is beyond the reply window"},
};

static void write_bad_stream(struct guest_stream *s, enum bad_stream kind) {
    struct guest_memory *memory = guest_create_shm(s->guest, 4096);
    VkCommandStreamDescriptionMESA stream = {memory->resource_id, 0, 0};
    VkCommandStreamDescriptionMESA inner = {memory->resource_id, 2048, 8};
    const size_t position = 65;
    guest_write_create_buffer(s, 1000);
    stream.size = divert(s, memory, 0);
    switch (kind) {
    case NO_STREAMS:
        write_execute(s, 0, NULL, NULL);
        return;
    case UNKNOWN_RESOURCE:
        stream.resourceId = 4711;
        break;
    case NOT_SHARED_MEMORY:
        stream.resourceId = create_device_blob(s->guest);
        break;
    case OUTSIDE:
        stream.offset = 4096 - stream.size + 4;
        break;
    case WRAPPING:
        stream.offset = SIZE_MAX - 3;
        break;
    case NESTED:
        write_execute(s, 1, &inner, NULL);
        stream.size = divert(s, memory, 0);
        break;
    case CUT_SHORT:
        stream.size -= 4;
        break;
    case BAD_COMMAND:
        guest_write_destroy_buffer(s, 4711);
        stream.size = divert(s, memory, 0);
        break;
    case POSITION_BEYOND_WINDOW:
        guest_set_reply_window(s, 0, 64);
        write_execute(s, 1, &stream, &position);
        return;
    case POSITION_WITHOUT_WINDOW:
        write_execute(s, 1, &stream, &position);
        return;
    case BAD_STREAM_COUNT:
        break;
    }
    write_execute(s, 1, &stream, NULL);
}

static void test_bad_indirect_streams_are_refused(void **state) {
    (void)state;
    for (int kind = 0; kind < BAD_STREAM_COUNT; kind++) {
        for (int on_ring = kind == POSITION_WITHOUT_WINDOW; on_ring < 2; on_ring++) {
            struct guest_stream *s = fresh_stream(on_ring);
            write_bad_stream(s, (enum bad_stream)kind);
            send_and_expect(s, bad_stream_reasons[kind][0], bad_stream_reasons[kind][1]);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_replies_are_appended_and_sought, expect_reset),
        cmocka_unit_test_setup(test_nothing_is_written_outside_of_the_reply, expect_reset),
        cmocka_unit_test_setup(test_each_stream_has_its_own_window, expect_reset),
        cmocka_unit_test_setup(test_a_window_outlives_its_resource_but_cannot_be_set_again,
                               expect_reset),
        cmocka_unit_test_setup(test_a_window_must_lie_in_shared_memory, expect_reset),
        cmocka_unit_test_setup(test_a_window_needs_a_known_resource, expect_reset),
        cmocka_unit_test_setup(test_a_reply_must_fit_its_window, expect_reset),
        cmocka_unit_test_setup(test_seeking_is_bounded_by_the_window, expect_reset),
        cmocka_unit_test_setup(test_indirect_streams_are_executed_in_order, expect_reset),
        cmocka_unit_test_setup(test_a_large_indirect_stream_is_executed, expect_reset),
        cmocka_unit_test_setup(test_bad_indirect_streams_are_refused, expect_reset),
    };
    return cmocka_run_group_tests(tests, expect_setup, expect_teardown);
}
