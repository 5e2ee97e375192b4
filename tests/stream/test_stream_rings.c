/* Rings that run: control words, misplaced commands, waiting in both directions, sleeping and
 * waking. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <time.h>

#include "expect.h"
#include "platform/platform.h"
#include "spy_driver.h"

#define BUFFER_SIZE 4096
#define ID_OF_RING 7

/* ---- control words ----------------------------------------------------------------------- */

static void expect_tail_refusal(struct guest_stream *s) {
    char reason[128];
    snprintf(reason, sizeof(reason), "ring %#llx: the tail is more than the buffer's size ahead",
             (unsigned long long)s->ring_id);
    expect_refusal(s->guest, reason);
}

/* With a notification: the ring may have gone to sleep by now. */
static void set_tail(struct guest_stream *s, uint32_t tail) {
    struct guest_stream *context_stream = s->guest->context_stream;
    atomic_store(s->tail, tail);
    GUEST_WRITE(context_stream, vkNotifyRingMESA, .ring = s->ring_id);
    (void)guest_finish(context_stream); /* or it has ended the context already */
}

static void test_the_tail_must_not_pass_the_head_by_more_than_the_buffer(void **state) {
    (void)state;
    static const uint32_t tails[] = {BUFFER_SIZE + 1, BUFFER_SIZE + 4, 0x7fffffff, 0x80000000};
    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        struct guest *g = guest_create_open(NULL);
        struct guest_stream *s = guest_create_ring(g, BUFFER_SIZE, 0);
        set_tail(s, tails[i]);
        expect_tail_refusal(s);
    }
}

static void test_the_tail_must_not_go_backwards(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL);
    struct guest_stream *s = guest_create_ring(g, BUFFER_SIZE, 0);
    guest_check_round_trip(s);
    set_tail(s, s->position - 4);
    expect_tail_refusal(s);
}

/* The renderer keeps its own count: what the guest writes there is for the guest alone. */
static void test_the_head_word_is_not_read(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL);
    struct guest_stream *s = guest_create_ring(g, BUFFER_SIZE, 0);
    guest_check_round_trip(s);
    atomic_store(s->head, 0x12345678);
    guest_write_create_buffer(s, 1000);
    for (size_t i = 0; i < cs_encoder_size(&s->encoder); i++) {
        s->buffer[(s->position + i) % BUFFER_SIZE] = s->encoder.bytes[i];
    }
    s->position += (uint32_t)cs_encoder_size(&s->encoder);
    s->encoder.cursor = s->encoder.bytes;
    atomic_store(s->tail, s->position);
    GUEST_WRITE(g->context_stream, vkNotifyRingMESA, .ring = s->ring_id);
    assert_true(guest_finish(g->context_stream));
    assert_true(guest_wait_word(s->head, UINT32_MAX, s->position));
    guest_check_round_trip(s);
    guest_destroy(g);
}

static void test_commands_wrap_around(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL);
    struct guest_stream *s = guest_create_ring(g, 256, 0);
    spy_reset();
    for (uint64_t i = 0; i < 2000; i++) {
        guest_write_create_buffer(s, 1000 + i);
        guest_send(s);
        if (i >= 3) {
            guest_write_destroy_buffer(s, 1000 + i - 3);
            guest_send(s);
        }
    }
    assert_true(guest_finish(s));
    assert_int_equal(spy_calls("vkCreateBuffer"), 2000);
    assert_int_equal(spy_calls("vkDestroyBuffer"), 1997);
    assert_true(atomic_load(s->head) > 64 * 256);
    guest_destroy(g);
}

static void test_a_batch_may_fill_the_whole_buffer(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL);
    struct guest_stream *s = guest_create_ring(g, 1024, 0);
    for (uint64_t i = 0; i < 20; i++) {
        /* Moves the start of the batch. */
        guest_write_create_buffer(s, 1000 + i);
        assert_true(guest_finish(s));
        while (cs_encoder_size(&s->encoder) < 1024) {
            GUEST_WRITE(s, vkDestroyBuffer, .device = ID(VkDevice, GUEST_DEVICE));
        }
        assert_int_equal(cs_encoder_size(&s->encoder), 1024);
        assert_true(guest_finish(s));
    }
    guest_destroy(g);
}

/* ---- misplaced commands ------------------------------------------------------------------ */

enum misplaced {
    CREATE_RING,
    DESTROY_RING,
    NOTIFY_RING,
    WRITE_EXTRA,
    SUBMIT_SEQNO,
    WAIT_RING,
    MISPLACED_COUNT
};

static const char *write_misplaced(struct guest_stream *s, enum misplaced kind) {
    const VkRingCreateInfoMESA info = guest_ring_info(1, BUFFER_SIZE);
    switch (kind) {
    case CREATE_RING:
        GUEST_WRITE(s, vkCreateRingMESA, .ring = ID_OF_RING, .pCreateInfo = &info);
        return "vkCreateRingMESA";
    case DESTROY_RING:
        GUEST_WRITE(s, vkDestroyRingMESA, .ring = s->ring_id);
        return "vkDestroyRingMESA";
    case NOTIFY_RING:
        GUEST_WRITE(s, vkNotifyRingMESA, .ring = s->ring_id);
        return "vkNotifyRingMESA";
    case WRITE_EXTRA:
        GUEST_WRITE(s, vkWriteRingExtraMESA, .ring = s->ring_id);
        return "vkWriteRingExtraMESA";
    case SUBMIT_SEQNO:
        GUEST_WRITE(s, vkSubmitVirtqueueSeqnoMESA, .ring = s->ring_id, .seqno = 1);
        return "vkSubmitVirtqueueSeqnoMESA";
    case WAIT_RING:
    case MISPLACED_COUNT:
        break;
    }
    GUEST_WRITE(s, vkWaitRingSeqnoMESA, .ring = s->ring_id);
    return "vkWaitRingSeqnoMESA";
}

static void test_transport_commands_are_refused_in_the_wrong_place(void **state) {
    (void)state;
    for (int kind = 0; kind < MISPLACED_COUNT; kind++) {
        struct guest *g = guest_create_open(NULL);
        struct guest_stream *s = guest_create_ring(g, BUFFER_SIZE, 0);
        char reason[128];
        snprintf(reason, sizeof(reason),
                 "%s (on a ring): the command is allowed on the context stream only",
                 write_misplaced(s, (enum misplaced)kind));
        guest_send(s);
        expect_refusal(g, reason);
    }
    struct guest *g = guest_create(NULL);
    GUEST_WRITE(g->context_stream, vkWaitVirtqueueSeqnoMESA, .seqno = 1);
    guest_send(g->context_stream);
    expect_refusal(g, "vkWaitVirtqueueSeqnoMESA (on the context stream): "
                      "the command is allowed on a ring only");
}

static void test_unknown_rings_are_refused(void **state) {
    (void)state;
    for (int kind = DESTROY_RING; kind < MISPLACED_COUNT; kind++) {
        struct guest *g = guest_create(NULL); /* its context stream's ring_id, 0, is no ring */
        char reason[128];
        snprintf(reason, sizeof(reason), "%s (on the context stream): ring: no such ring",
                 write_misplaced(g->context_stream, (enum misplaced)kind));
        guest_send(g->context_stream);
        expect_refusal(g, reason);
    }
}

/* ---- the extra region -------------------------------------------------------------------- */

static void test_words_of_the_extra_region_are_written(void **state) {
    (void)state;
    struct guest *g = guest_create(NULL);
    struct guest_stream *s = guest_create_ring(g, BUFFER_SIZE, 0);
    GUEST_WRITE(g->context_stream, vkWriteRingExtraMESA, .ring = s->ring_id, .value = 0x89abcdef);
    assert_true(guest_finish(g->context_stream));
    assert_int_equal(*(uint32_t *)(void *)s->extra, 0x89abcdef);
    guest_destroy(g);

    static const size_t bad[] = {1, 2, 4, SIZE_MAX, SIZE_MAX - 3};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        g = guest_create(NULL);
        s = guest_create_ring(g, BUFFER_SIZE, 0);
        GUEST_WRITE(g->context_stream, vkWriteRingExtraMESA, .ring = s->ring_id, .offset = bad[i]);
        guest_send(g->context_stream);
        expect_refusal(g, "vkWriteRingExtraMESA (on the context stream): offset: "
                          "the word is outside the ring's extra region");
    }
}

/* ---- waiting ----------------------------------------------------------------------------- */

static void test_a_ring_waits_for_the_context_stream(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL);
    struct guest_stream *s = guest_create_ring(g, BUFFER_SIZE, 0);
    guest_write_create_buffer(s, 1000);
    const uint32_t first = (uint32_t)cs_encoder_size(&s->encoder);
    GUEST_WRITE(s, vkWaitVirtqueueSeqnoMESA, .seqno = 3);
    guest_write_destroy_buffer(s, 1000);
    guest_send(s);
    /* Head is stored after each command: the first one is done, the wait is not. */
    assert_true(guest_wait_word(s->head, UINT32_MAX, first));
    for (uint64_t seqno = 1; seqno <= 2; seqno++) {
        GUEST_WRITE(g->context_stream, vkSubmitVirtqueueSeqnoMESA, .ring = s->ring_id,
                    .seqno = seqno);
        assert_true(guest_finish(g->context_stream));
        assert_int_equal(atomic_load(s->head), first);
    }
    GUEST_WRITE(g->context_stream, vkSubmitVirtqueueSeqnoMESA, .ring = s->ring_id, .seqno = 3);
    /* The number only grows: a later, smaller one takes nothing back. */
    GUEST_WRITE(g->context_stream, vkSubmitVirtqueueSeqnoMESA, .ring = s->ring_id, .seqno = 1);
    assert_true(guest_finish(g->context_stream));
    GUEST_WRITE(s, vkWaitVirtqueueSeqnoMESA, .seqno = 3);
    assert_true(guest_finish(s));
    guest_destroy(g);
}

static void test_the_context_stream_waits_for_a_ring(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL);
    struct guest_stream *s = guest_create_ring(g, BUFFER_SIZE, 0);
    struct guest_stream *other = guest_create_ring(g, BUFFER_SIZE, 0);
    GUEST_WRITE(s, vkWaitVirtqueueSeqnoMESA, .seqno = 1);
    guest_write_create_buffer(s, 1000);
    guest_send(s);
    /* A wait for a number that has been reached does not wait. */
    GUEST_WRITE(g->context_stream, vkWaitRingSeqnoMESA, .ring = s->ring_id);
    assert_true(guest_finish(g->context_stream));

    GUEST_WRITE(g->context_stream, vkSubmitVirtqueueSeqnoMESA, .ring = s->ring_id, .seqno = 1);
    GUEST_WRITE(g->context_stream, vkWaitRingSeqnoMESA, .ring = s->ring_id, .seqno = s->position);
    guest_write_destroy_buffer(g->context_stream, 1000); /* exists only after the wait */
    assert_true(guest_finish(g->context_stream));
    guest_check_round_trip(other);
    guest_destroy(g);
}

/* While the context stream waits, rings run, even those that slept: their notifications stand
 * behind the wait. */
static void test_a_waiting_context_stream_blocks_nobody(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL);
    struct guest_stream *s = guest_create_ring(g, BUFFER_SIZE, 0);
    struct guest_stream *other = guest_create_ring(g, BUFFER_SIZE, 0);
    guest_create_fence(s, 1000);
    spy_reset();
    spy_hold("vkWaitForFences", true);
    VkFence fence = ID(VkFence, 1000);
    GUEST_WRITE(s, vkWaitForFences, .device = ID(VkDevice, GUEST_DEVICE), .fenceCount = 1,
                .pFences = &fence, .timeout = UINT64_MAX);
    guest_send(s);
    spy_wait_calls("vkWaitForFences", 1);
    GUEST_WRITE(g->context_stream, vkWaitRingSeqnoMESA, .ring = s->ring_id, .seqno = s->position);
    guest_send(g->context_stream);
    const uint64_t fence_id = guest_fence(g, 0);
    for (int i = 0; i < 20; i++) {
        if (i < 3) {
            assert_true(guest_wait_word(other->status, GUEST_RING_IDLE, GUEST_RING_IDLE));
            nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL); /* past the throttle */
        }
        guest_write_create_buffer(other, 2000);
        guest_write_destroy_buffer(other, 2000);
        assert_true(guest_finish(other));
    }
    assert_false(guest_fence_has_retired(g, 0, fence_id));
    spy_hold("vkWaitForFences", false);
    guest_wait_fence(g, 0, fence_id);
    guest_check_round_trip(s);
    guest_destroy(g);
}

static void test_a_number_that_no_ring_will_reach_is_refused(void **state) {
    (void)state;
    for (uint32_t ahead = 1; ahead != 0; ahead = ahead == 1 ? 0x7fffffff : 0) {
        struct guest *g = guest_create_open(NULL);
        struct guest_stream *s = guest_create_ring(g, BUFFER_SIZE, 0);
        guest_check_round_trip(s);
        GUEST_WRITE(g->context_stream, vkWaitRingSeqnoMESA, .ring = s->ring_id,
                    .seqno = (uint64_t)s->position + ahead);
        guest_send(g->context_stream);
        expect_refusal(g, "vkWaitRingSeqnoMESA (on the context stream): seqno: "
                          "the ring's tail has not reached it");
    }
}

static void test_a_wait_ends_when_the_ring_ends(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL);
    struct guest_stream *s = guest_create_ring(g, BUFFER_SIZE, 0);
    GUEST_WRITE(s, vkWaitVirtqueueSeqnoMESA, .seqno = 1);
    guest_write_destroy_buffer(s, 4711);
    guest_send(s);
    GUEST_WRITE(g->context_stream, vkSubmitVirtqueueSeqnoMESA, .ring = s->ring_id, .seqno = 1);
    GUEST_WRITE(g->context_stream, vkWaitRingSeqnoMESA, .ring = s->ring_id, .seqno = s->position);
    guest_send(g->context_stream);
    expect_refusal(g, "vkDestroyBuffer (on a ring): buffer: no object has this id");
}

static void test_a_ring_that_waits_can_be_destroyed(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL);
    struct guest_stream *s = guest_create_ring(g, BUFFER_SIZE, 0);
    GUEST_WRITE(s, vkWaitVirtqueueSeqnoMESA, .seqno = 1);
    guest_write_create_buffer(s, 1000);
    guest_send(s);
    guest_destroy_ring(s);
    guest_check_round_trip(g->context_stream);
    guest_destroy(g);
}

static void test_the_resource_of_a_live_ring_must_stay(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL);
    struct guest_stream *s = guest_create_ring(g, BUFFER_SIZE, 0);
    char reason[128];
    snprintf(reason, sizeof(reason), "resource %u was destroyed while a ring lives in it",
             s->memory->resource_id);
    guest_detach(g, s->memory->resource_id);
    expect_refusal(g, reason);

    g = guest_create_open(NULL);
    s = guest_create_ring(g, BUFFER_SIZE, 0);
    const uint32_t resource_id = s->memory->resource_id;
    guest_destroy_ring(s);
    guest_detach(g, resource_id);
    guest_check_round_trip(g->context_stream);
    guest_destroy(g);
}

/* ---- sleeping and waking ----------------------------------------------------------------- */

static void test_a_silent_ring_shows_idle_and_wakes_by_notification(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL);
    struct guest_stream *s = guest_create_ring(g, BUFFER_SIZE, 0);
    for (int i = 0; i < 5; i++) {
        assert_true(guest_wait_word(s->status, GUEST_RING_IDLE, GUEST_RING_IDLE));
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL); /* past the guest's throttle */
        guest_write_create_buffer(s, 1000);
        guest_write_destroy_buffer(s, 1000);
        assert_true(guest_finish(s));
    }
    guest_destroy(g);
}

/* The guest notifies at most once per idle timeout: a ring that shows IDLE earlier than that after
 * it was woken would not be woken again. Only the lower bound is checked, from a time before the
 * wake-up: however slow this machine is, it must hold. */
static void test_idle_is_not_shown_before_the_timeout(void **state) {
    (void)state;
    const uint64_t timeout_ns = 20000000;
    struct guest *g = guest_create_open(NULL);
    struct guest_memory *memory = guest_create_shm(g, 8192);
    VkRingCreateInfoMESA info = guest_ring_info(memory->resource_id, BUFFER_SIZE);
    info.idleTimeout = timeout_ns;
    _Atomic(uint32_t) *status = (_Atomic(uint32_t) *)(void *)(memory->bytes + 128);
    uint64_t before = platform_now_ns();
    GUEST_WRITE(g->context_stream, vkCreateRingMESA, .ring = ID_OF_RING, .pCreateInfo = &info);
    guest_send(g->context_stream);
    for (int round = 0; round < 10; round++) {
        assert_true(guest_wait_word(status, GUEST_RING_IDLE, GUEST_RING_IDLE));
        assert_true(platform_now_ns() - before >= timeout_ns);
        before = platform_now_ns();
        GUEST_WRITE(g->context_stream, vkNotifyRingMESA, .ring = ID_OF_RING);
        assert_true(guest_finish(g->context_stream));
        /* The notification has been delivered; IDLE goes, if we look in time, and comes back. */
        while ((atomic_load(status) & GUEST_RING_IDLE) && platform_now_ns() - before < timeout_ns) {
        }
    }
    guest_destroy(g);
}

static uint32_t next_random(uint32_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static void test_no_wake_up_is_lost(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL);
    struct guest_stream *s = guest_create_ring(g, BUFFER_SIZE, 0);
    uint32_t seed = 20240607;
    for (int round = 0; round < 10000; round++) {
        GUEST_WRITE(s, vkDestroyBuffer, .device = ID(VkDevice, GUEST_DEVICE));
        assert_true(guest_finish(s));
        /* Mostly short pauses; every eighth about as long as the ring takes to fall asleep. */
        uint32_t pause = next_random(&seed) % 100000;
        if (round % 8 == 0) {
            pause += 950000 + next_random(&seed) % 200000;
        }
        if (round % 2 == 0) {
            nanosleep(&(struct timespec){.tv_nsec = pause}, NULL);
        }
    }
    guest_destroy(g);
}

static void test_alive_is_shown_while_a_ring_is_blocked(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL);
    struct guest_stream *s = guest_create_ring(g, BUFFER_SIZE, 50000);
    struct guest_stream *unmonitored = guest_create_ring(g, BUFFER_SIZE, 0);
    GUEST_WRITE(s, vkWaitVirtqueueSeqnoMESA, .seqno = 1);
    guest_send(s);
    for (int i = 0; i < 5; i++) {
        atomic_fetch_and(s->status, ~(uint32_t)GUEST_RING_ALIVE);
        assert_true(guest_wait_word(s->status, GUEST_RING_ALIVE, GUEST_RING_ALIVE));
        assert_int_equal(atomic_load(s->status) & GUEST_RING_IDLE, 0);
    }
    assert_int_equal(atomic_load(unmonitored->status) & GUEST_RING_ALIVE, 0);
    GUEST_WRITE(g->context_stream, vkSubmitVirtqueueSeqnoMESA, .ring = s->ring_id, .seqno = 1);
    assert_true(guest_finish(g->context_stream));
    guest_check_round_trip(s);
    guest_destroy(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_the_tail_must_not_pass_the_head_by_more_than_the_buffer,
                               expect_reset),
        cmocka_unit_test_setup(test_the_tail_must_not_go_backwards, expect_reset),
        cmocka_unit_test_setup(test_the_head_word_is_not_read, expect_reset),
        cmocka_unit_test_setup(test_commands_wrap_around, expect_reset),
        cmocka_unit_test_setup(test_a_batch_may_fill_the_whole_buffer, expect_reset),
        cmocka_unit_test_setup(test_transport_commands_are_refused_in_the_wrong_place,
                               expect_reset),
        cmocka_unit_test_setup(test_unknown_rings_are_refused, expect_reset),
        cmocka_unit_test_setup(test_words_of_the_extra_region_are_written, expect_reset),
        cmocka_unit_test_setup(test_a_ring_waits_for_the_context_stream, expect_reset),
        cmocka_unit_test_setup(test_the_context_stream_waits_for_a_ring, expect_reset),
        cmocka_unit_test_setup(test_a_waiting_context_stream_blocks_nobody, expect_reset),
        cmocka_unit_test_setup(test_a_number_that_no_ring_will_reach_is_refused, expect_reset),
        cmocka_unit_test_setup(test_a_wait_ends_when_the_ring_ends, expect_reset),
        cmocka_unit_test_setup(test_a_ring_that_waits_can_be_destroyed, expect_reset),
        cmocka_unit_test_setup(test_the_resource_of_a_live_ring_must_stay, expect_reset),
        cmocka_unit_test_setup(test_a_silent_ring_shows_idle_and_wakes_by_notification,
                               expect_reset),
        cmocka_unit_test_setup(test_idle_is_not_shown_before_the_timeout, expect_reset),
        cmocka_unit_test_setup(test_no_wake_up_is_lost, expect_reset),
        cmocka_unit_test_setup(test_alive_is_shown_while_a_ring_is_blocked, expect_reset),
    };
    return cmocka_run_group_tests(tests, expect_setup, expect_teardown);
}
