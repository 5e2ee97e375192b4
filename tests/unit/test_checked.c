#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "util/checked.h"

static void test_add(void **state) {
    (void)state;
    uint64_t sum;
    assert_true(checked_add_u64(0, 0, &sum));
    assert_true(sum == 0);
    assert_true(checked_add_u64(UINT64_MAX - 1, 1, &sum));
    assert_true(sum == UINT64_MAX);
    assert_false(checked_add_u64(UINT64_MAX, 1, &sum));
    assert_false(checked_add_u64(UINT64_MAX, UINT64_MAX, &sum));
}

static void test_multiply(void **state) {
    (void)state;
    uint64_t product;
    assert_true(checked_mul_u64(0, UINT64_MAX, &product));
    assert_true(product == 0);
    assert_true(checked_mul_u64(UINT64_C(1) << 32, UINT32_MAX, &product));
    assert_true(product == (uint64_t)UINT32_MAX << 32);
    assert_false(checked_mul_u64(UINT64_C(1) << 32, UINT64_C(1) << 32, &product));
    /* A wrapped product that looks small and harmless. */
    assert_false(checked_mul_u64((UINT64_C(1) << 63) + 8, 2, &product));
}

static void test_multiply_size(void **state) {
    (void)state;
    size_t product;
    assert_true(checked_mul_size(SIZE_MAX / 8, 8, &product));
    assert_true(product == SIZE_MAX / 8 * 8);
    assert_false(checked_mul_size(SIZE_MAX / 8 + 1, 8, &product));
}

static void test_align(void **state) {
    (void)state;
    uint64_t aligned;
    assert_true(checked_align_u64(0, 4096, &aligned));
    assert_true(aligned == 0);
    assert_true(checked_align_u64(1, 4096, &aligned));
    assert_true(aligned == 4096);
    assert_true(checked_align_u64(4096, 4096, &aligned));
    assert_true(aligned == 4096);
    assert_true(checked_align_u64(4097, 4096, &aligned));
    assert_true(aligned == 8192);
    assert_true(checked_align_u64(77, 1, &aligned));
    assert_true(aligned == 77);
    assert_true(checked_align_u64(UINT64_MAX - 4095, 4096, &aligned));
    assert_true(aligned == UINT64_MAX - 4095);
    assert_false(checked_align_u64(UINT64_MAX - 4094, 4096, &aligned));
    assert_false(checked_align_u64(UINT64_MAX, 2, &aligned));
}

static void test_range(void **state) {
    (void)state;
    assert_true(checked_range_u64(0, 0, 0));
    assert_true(checked_range_u64(0, 10, 10));
    assert_true(checked_range_u64(10, 0, 10));
    assert_true(checked_range_u64(4, 6, 10));
    assert_false(checked_range_u64(4, 7, 10));
    assert_false(checked_range_u64(11, 0, 10));
    assert_false(checked_range_u64(0, 1, 0));
    /* Sums that wrap into the range. */
    assert_false(checked_range_u64(8, UINT64_MAX - 4, 10));
    assert_false(checked_range_u64(UINT64_MAX, 2, 10));
    assert_true(checked_range_u64(0, UINT64_MAX, UINT64_MAX));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add),           cmocka_unit_test(test_multiply),
        cmocka_unit_test(test_multiply_size), cmocka_unit_test(test_align),
        cmocka_unit_test(test_range),
    };
    return cmocka_run_group_tests_name("checked", tests, NULL, NULL) ? 1 : 0;
}
