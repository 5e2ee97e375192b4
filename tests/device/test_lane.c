/* Lanes by themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "device/lane.h"

static struct gpu_lanes lanes;

static void append(struct gpu_lane_entry *entry, uint32_t id, bool expect_head) {
    entry->key = gpu_lane_key(GPU_LANE_RESOURCE, id);
    assert_int_equal(gpu_lane_append(&lanes, entry), expect_head);
    assert_true(entry->queued);
}

static struct gpu_lane_entry *head(uint32_t id) {
    return gpu_lane_head(&lanes, gpu_lane_key(GPU_LANE_RESOURCE, id));
}

static void test_order(void **state) {
    (void)state;
    gpu_lanes_init(&lanes, 12345);
    struct gpu_lane_entry a, b, c, other;
    assert_null(head(7));
    append(&a, 7, true);
    append(&b, 7, false);
    append(&c, 7, false);
    append(&other, 8, true);
    assert_int_equal(lanes.count, 2);
    assert_ptr_equal(head(7), &a);
    assert_ptr_equal(gpu_lane_remove(&lanes, &a), &b);
    assert_false(a.queued);
    assert_ptr_equal(head(7), &b);
    append(&a, 7, false); /* behind c now */
    assert_ptr_equal(gpu_lane_remove(&lanes, &b), &c);
    assert_ptr_equal(gpu_lane_remove(&lanes, &c), &a);
    assert_null(gpu_lane_remove(&lanes, &a));
    assert_null(head(7));
    assert_ptr_equal(head(8), &other);
    assert_null(gpu_lane_remove(&lanes, &other));
    assert_int_equal(lanes.count, 0);
}

static void test_removal_inside(void **state) {
    (void)state;
    gpu_lanes_init(&lanes, 1);
    struct gpu_lane_entry a, b, c, d;
    append(&a, 1, true);
    append(&b, 1, false);
    append(&c, 1, false);
    assert_null(gpu_lane_remove(&lanes, &b)); /* the head stays */
    assert_null(gpu_lane_remove(&lanes, &c)); /* the last one */
    append(&d, 1, false);
    assert_ptr_equal(gpu_lane_remove(&lanes, &a), &d);
    assert_null(gpu_lane_remove(&lanes, &d));
    assert_int_equal(lanes.count, 0);
}

static void test_kinds_are_apart(void **state) {
    (void)state;
    gpu_lanes_init(&lanes, 99);
    struct gpu_lane_entry entries[4];
    for (uint32_t kind = GPU_LANE_CONTEXT; kind <= GPU_LANE_CURSOR; kind++) {
        entries[kind - 1].key = gpu_lane_key((enum gpu_lane_kind)kind, 3);
        assert_true(gpu_lane_append(&lanes, &entries[kind - 1]));
    }
    assert_int_equal(lanes.count, 4);
    gpu_lanes_clear(&lanes);
    assert_int_equal(lanes.count, 0);
    assert_null(head(3));
}

/* More lanes than buckets, removed in another order. */
static void test_many(void **state) {
    (void)state;
    enum { LANES = 3 * GPU_LANE_BUCKETS };
    static struct gpu_lane_entry first[LANES], second[LANES];
    gpu_lanes_init(&lanes, UINT64_C(0x123456789abcdef));
    for (uint32_t i = 0; i < LANES; i++) {
        append(&first[i], i * 4096, true);
    }
    for (uint32_t i = 0; i < LANES; i++) {
        append(&second[i], i * 4096, false);
    }
    assert_int_equal(lanes.count, LANES);
    for (uint32_t i = LANES; i > 0; i--) {
        assert_ptr_equal(head((i - 1) * 4096), &first[i - 1]);
        assert_ptr_equal(gpu_lane_remove(&lanes, &first[i - 1]), &second[i - 1]);
    }
    for (uint32_t i = 0; i < LANES; i++) {
        assert_ptr_equal(head(i * 4096), &second[i]);
        assert_null(gpu_lane_remove(&lanes, &second[i]));
    }
    assert_int_equal(lanes.count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_removal_inside),
        cmocka_unit_test(test_kinds_are_apart),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests_name("lanes", tests, NULL, NULL) ? 1 : 0;
}
