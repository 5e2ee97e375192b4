/* Timelines: which queue stands behind a ring_idx. Fences themselves are tested on a whole
 * context (tests/stream). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "renderer/queue.h"
#include "renderer/timeline.h"

static struct device device;

static void test_a_ring_idx_is_bound_once(void **state) {
    (void)state;
    struct timelines timelines;
    struct queue a = {.device = &device}, b = {.device = &device};
    assert_int_equal(timelines_init(&timelines), 0);
    assert_false(timeline_bind(&timelines, 0, &a)); /* the processor's */
    assert_false(timeline_bind(&timelines, CONTEXT_RING_IDX_COUNT, &a));
    assert_false(timeline_bind(&timelines, UINT32_MAX, &a));
    for (uint32_t i = 1; i < CONTEXT_RING_IDX_COUNT; i++) {
        assert_true(timeline_bind(&timelines, i, i % 2 ? &a : &b));
        assert_false(timeline_bind(&timelines, i, &a));
        assert_false(timeline_bind(&timelines, i, &b));
    }
    timelines_finish(&timelines);
}

static void test_unbinding_forgets_one_queue(void **state) {
    (void)state;
    struct timelines timelines;
    struct queue a = {.device = &device}, b = {.device = &device};
    assert_int_equal(timelines_init(&timelines), 0);
    assert_true(timeline_bind(&timelines, 1, &a));
    assert_true(timeline_bind(&timelines, 2, &b));
    assert_true(timeline_bind(&timelines, 63, &a));
    timeline_unbind(&timelines, &a);
    assert_null(timelines.queues[1]);
    assert_ptr_equal(timelines.queues[2], &b);
    assert_null(timelines.queues[63]);
    assert_true(timeline_bind(&timelines, 63, &b));
    assert_false(timeline_bind(&timelines, 2, &a));
    timelines_finish(&timelines);
}

static void test_a_device_that_ends_binds_nothing(void **state) {
    (void)state;
    struct timelines timelines;
    static struct device ending;
    struct queue a = {.device = &ending};
    assert_int_equal(timelines_init(&timelines), 0);
    atomic_store(&ending.ending, true);
    assert_false(timeline_bind(&timelines, 1, &a));
    assert_null(timelines.queues[1]);
    timelines_finish(&timelines);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_ring_idx_is_bound_once),
        cmocka_unit_test(test_unbinding_forgets_one_queue),
        cmocka_unit_test(test_a_device_that_ends_binds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
