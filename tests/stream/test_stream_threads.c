/* Many rings at once, rings that race for one object, and contexts that end while their rings are
 * busy or wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "expect.h"
#include "spy_driver.h"

#define DEVICE ID(VkDevice, GUEST_DEVICE)

enum { RINGS = 4, ROUNDS = 200, RACES = 100 };

static void pause_up_to(uint32_t nanoseconds) {
    nanosleep(&(struct timespec){.tv_nsec = rand() % (nanoseconds + 1)}, NULL);
}

/* ---- side by side ------------------------------------------------------------------------ */

static void *use_ring(void *argument) {
    struct guest_stream *s = argument;
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t ids[8];
        for (int j = 0; j < 8; j++) {
            ids[j] = guest_new_id(s->guest);
            guest_write_create_buffer(s, ids[j]);
        }
        guest_send(s);
        guest_check_round_trip(s);
        for (int j = 0; j < 8; j++) {
            guest_write_destroy_buffer(s, ids[j]);
        }
        guest_send(s);
    }
    guest_need(guest_finish(s), "the ring's last commands");
    return NULL;
}

static void test_rings_make_and_destroy_objects_side_by_side(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL);
    spy_reset();
    struct guest_stream *rings[RINGS];
    pthread_t threads[RINGS];
    for (int i = 0; i < RINGS; i++) {
        rings[i] = guest_create_ring(g, 4096, 100000);
    }
    for (int i = 0; i < RINGS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, use_ring, rings[i]), 0);
    }
    /* The context stream has work, too. */
    for (int i = 0; i < ROUNDS; i++) {
        guest_wait_fence(g, GUEST_QUEUE_RING_IDX, guest_fence(g, GUEST_QUEUE_RING_IDX));
        guest_flush(g);
    }
    for (int i = 0; i < RINGS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(spy_calls("vkCreateBuffer"), RINGS * ROUNDS * 9);
    assert_int_equal(spy_calls("vkDestroyBuffer"), RINGS * ROUNDS * 9);
    assert_false(guest_is_lost(g));
    guest_destroy(g);
}

static void *use_contexts(void *argument) {
    (void)argument;
    for (int i = 0; i < 20; i++) {
        struct guest *g = guest_create_open(NULL);
        guest_check_round_trip(guest_create_ring(g, 4096, 0));
        guest_destroy(g);
    }
    return NULL;
}

static void test_contexts_come_and_go_side_by_side(void **state) {
    (void)state;
    pthread_t threads[RINGS];
    for (int i = 0; i < RINGS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, use_contexts, NULL), 0);
    }
    for (int i = 0; i < RINGS; i++) {
        pthread_join(threads[i], NULL);
    }
    expect_witness_is_well();
}

/* ---- races that a sound guest never runs ------------------------------------------------- */

struct pair {
    struct guest *g;
    struct guest_stream *a, *b;
};

static struct pair fresh_pair(void) {
    struct guest *g = guest_create_open(NULL);
    return (struct pair){g, guest_create_ring(g, 4096, 0), guest_create_ring(g, 4096, 0)};
}

static void expect_one_of(struct guest *g, const char *first, const char *second) {
    const char *reason = guest_wait_lost(g);
    if (strcmp(reason, first) != 0) {
        assert_string_equal(reason, second);
    }
    expect_refusal(g, strcmp(reason, first) == 0 ? first : second);
}

static void test_one_of_two_destroys_an_object(void **state) {
    (void)state;
    for (int i = 0; i < RACES; i++) {
        struct pair pair = fresh_pair();
        guest_write_create_buffer(pair.a, 1000);
        assert_true(guest_finish(pair.a));
        spy_reset();
        guest_write_destroy_buffer(pair.a, 1000);
        guest_write_destroy_buffer(pair.b, 1000);
        guest_send(pair.a);
        guest_send(pair.b);
        guest_wait_lost(pair.g);
        assert_true(spy_calls("vkDestroyBuffer") <= 1);
        expect_one_of(pair.g, "vkDestroyBuffer (on a ring): buffer: no object has this id",
                      "vkDestroyBuffer (on a ring): another ring is destroying the object");
    }
}

static void test_one_of_two_makes_an_object(void **state) {
    (void)state;
    for (int i = 0; i < RACES; i++) {
        struct pair pair = fresh_pair();
        spy_reset();
        guest_write_create_buffer(pair.a, 1000);
        guest_write_create_buffer(pair.b, 1000);
        guest_send(pair.a);
        guest_send(pair.b);
        guest_wait_lost(pair.g);
        expect_refusal(pair.g, "vkCreateBuffer (on a ring): pBuffer: "
                               "the id of the new object is in use");
    }
}

/* An object that vanishes under a command is unknown to the next one; nothing else may happen. */
static void test_an_object_may_vanish_while_it_is_used(void **state) {
    (void)state;
    for (int i = 0; i < RACES; i++) {
        struct pair pair = fresh_pair();
        guest_write_create_buffer(pair.a, 1000);
        assert_true(guest_finish(pair.a));
        VkMemoryRequirements requirements;
        guest_set_reply_window(pair.a, 0, GUEST_REPLY_SIZE);
        for (int j = 0; j < 60; j++) {
            GUEST_WRITE(pair.a, vkGetBufferMemoryRequirements, .device = DEVICE,
                        .buffer = ID(VkBuffer, 1000), .pMemoryRequirements = &requirements);
        }
        guest_write_destroy_buffer(pair.b, 1000);
        guest_send(pair.a);
        guest_send(pair.b);
        if (guest_finish(pair.a) && guest_finish(pair.b)) {
            guest_check_round_trip(pair.a);
            guest_destroy(pair.g);
        } else {
            expect_refusal(pair.g, "vkGetBufferMemoryRequirements (on a ring): buffer: "
                                   "no object has this id");
        }
    }
}

static void test_a_resource_may_vanish_while_it_is_used(void **state) {
    (void)state;
    for (int i = 0; i < RACES; i++) {
        struct pair pair = fresh_pair();
        for (int j = 0; j < 20; j++) {
            guest_set_reply_window(pair.a, 0, 64);
            guest_set_reply_window(pair.a, 64, 64);
        }
        guest_send(pair.a);
        pause_up_to(50000);
        guest_detach(pair.g, pair.a->reply->resource_id);
        if (guest_finish(pair.a)) {
            guest_destroy(pair.g);
        } else {
            expect_refusal(pair.g, "vkSetReplyCommandStreamMESA (on a ring): pStream: "
                                   "no such resource");
        }
    }
}

/* ---- the end of a context that is busy --------------------------------------------------- */

static void test_a_context_ends_while_its_rings_are_busy(void **state) {
    (void)state;
    for (int i = 0; i < RACES; i++) {
        struct pair pair = fresh_pair();
        for (uint64_t j = 0; j < 20; j++) {
            guest_write_create_buffer(pair.a, 1000 + j);
            guest_write_create_buffer(pair.b, 2000 + j);
            guest_write_create_buffer(pair.g->context_stream, 3000 + j);
        }
        guest_send(pair.a);
        guest_send(pair.b);
        guest_send(pair.g->context_stream);
        guest_fence(pair.g, GUEST_QUEUE_RING_IDX);
        pause_up_to(200000);
        guest_destroy(pair.g);
    }
    expect_witness_is_well();
}

static void write_endless_fence_wait(struct guest_stream *s) {
    const VkFence fence = ID(VkFence, 1000);
    GUEST_WRITE(s, vkWaitForFences, .device = DEVICE, .fenceCount = 1, .pFences = &fence,
                .timeout = UINT64_MAX);
}

static void test_a_context_ends_while_its_streams_wait(void **state) {
    (void)state;
    for (int i = 0; i < 5; i++) {
        struct pair pair = fresh_pair();
        guest_create_fence(pair.a, 1000);
        spy_reset();
        spy_hold("vkWaitForFences", true);
        write_endless_fence_wait(pair.a);
        guest_send(pair.a);
        spy_wait_calls("vkWaitForFences", 1);
        GUEST_WRITE(pair.b, vkWaitVirtqueueSeqnoMESA, .seqno = UINT64_MAX);
        guest_send(pair.b);
        guest_fence(pair.g, GUEST_QUEUE_RING_IDX);
        GUEST_WRITE(pair.g->context_stream, vkWaitRingSeqnoMESA, .ring = pair.a->ring_id,
                    .seqno = pair.a->position);
        guest_send(pair.g->context_stream);
        pause_up_to(1000000);
        guest_destroy(pair.g); /* the fence is never signalled */
    }
    spy_reset();
    expect_witness_is_well();
}

static void test_a_context_that_is_lost_ends_every_wait(void **state) {
    (void)state;
    for (int i = 0; i < 5; i++) {
        struct pair pair = fresh_pair();
        struct guest_stream *c = guest_create_ring(pair.g, 4096, 0);
        guest_create_fence(pair.a, 1000);
        spy_reset();
        spy_hold("vkWaitForFences", true);
        write_endless_fence_wait(pair.a);
        guest_send(pair.a);
        spy_wait_calls("vkWaitForFences", 1);
        GUEST_WRITE(pair.b, vkWaitVirtqueueSeqnoMESA, .seqno = UINT64_MAX);
        guest_send(pair.b);
        GUEST_WRITE(pair.g->context_stream, vkWaitRingSeqnoMESA, .ring = pair.b->ring_id,
                    .seqno = pair.b->position);
        guest_send(pair.g->context_stream);
        guest_write_destroy_buffer(c, 4711);
        guest_send(c);
        guest_wait_lost(pair.g);
        guest_flush(pair.g); /* the context stream waits no more */
        spy_hold("vkWaitForFences", false); /* for the second guest */
        expect_refusal(pair.g, "vkDestroyBuffer (on a ring): buffer: no object has this id");
    }
}

static void test_a_ring_ends_while_it_waits_for_a_fence(void **state) {
    (void)state;
    struct pair pair = fresh_pair();
    guest_create_fence(pair.a, 1000);
    spy_reset();
    spy_hold("vkWaitForFences", true);
    write_endless_fence_wait(pair.a);
    guest_send(pair.a);
    spy_wait_calls("vkWaitForFences", 1);
    guest_destroy_ring(pair.a);
    assert_false(guest_is_lost(pair.g));
    spy_reset();
    guest_check_round_trip(pair.b);
    guest_destroy(pair.g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_rings_make_and_destroy_objects_side_by_side, expect_reset),
        cmocka_unit_test_setup(test_contexts_come_and_go_side_by_side, expect_reset),
        cmocka_unit_test_setup(test_one_of_two_destroys_an_object, expect_reset),
        cmocka_unit_test_setup(test_one_of_two_makes_an_object, expect_reset),
        cmocka_unit_test_setup(test_an_object_may_vanish_while_it_is_used, expect_reset),
        cmocka_unit_test_setup(test_a_resource_may_vanish_while_it_is_used, expect_reset),
        cmocka_unit_test_setup(test_a_context_ends_while_its_rings_are_busy, expect_reset),
        cmocka_unit_test_setup(test_a_context_ends_while_its_streams_wait, expect_reset),
        cmocka_unit_test_setup(test_a_context_that_is_lost_ends_every_wait, expect_reset),
        cmocka_unit_test_setup(test_a_ring_ends_while_it_waits_for_a_fence, expect_reset),
    };
    return cmocka_run_group_tests(tests, expect_setup, expect_teardown);
}
