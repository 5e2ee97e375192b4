/* Scattered bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "util/pages.h"

static uint32_t released;

static void count_release(void *user) {
    assert_ptr_equal(user, &released);
    released++;
}

/* 26 letters in four pieces. */
static char first[3] = "abc", second[1] = "d", third[10] = "efghijklmn",
            fourth[12] = "opqrstuvwxyz";
static const struct iovec pieces[] = {{first, sizeof(first)},
                                      {second, sizeof(second)},
                                      {third, sizeof(third)},
                                      {fourth, sizeof(fourth)}};

static struct pages *make(void) {
    struct pages *pages;
    released = 0;
    assert_int_equal(pages_create(pieces, 4, count_release, &released, &pages), 0);
    return pages;
}

static void test_reading(void **state) {
    (void)state;
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    struct pages *pages = make();
    assert_int_equal(pages_get_size(pages), 26);
    for (uint64_t offset = 0; offset <= 26; offset++) {
        for (size_t size = 0; offset + size <= 26; size++) {
            char bytes[27] = "";
            assert_int_equal(pages_read(pages, offset, bytes, size), 0);
            assert_memory_equal(bytes, letters + offset, size);
            assert_int_equal(bytes[size], 0); /* nothing beyond */
        }
    }
    pages_unref(pages);
}

static void test_writing(void **state) {
    (void)state;
    struct pages *pages = make();
    assert_int_equal(pages_write(pages, 2, "-----", 5), 0);
    assert_memory_equal(first, "ab-", 3);
    assert_memory_equal(second, "-", 1);
    assert_memory_equal(third, "---hijklmn", 10);
    assert_int_equal(pages_write(pages, 2, "cdefg", 5), 0);
    assert_int_equal(pages_write(pages, 25, "Z", 1), 0);
    assert_int_equal(fourth[11], 'Z');
    assert_int_equal(pages_write(pages, 25, "z", 1), 0);
    assert_int_equal(pages_write(pages, 26, "", 0), 0);
    pages_unref(pages);
}

static void test_ranges_outside(void **state) {
    (void)state;
    struct pages *pages = make();
    char bytes[32] = "unchanged";
    static const struct {
        uint64_t offset;
        size_t size;
    } ranges[] = {
        {0, 27}, {26, 1}, {27, 0}, {1, 26}, {UINT64_MAX, 1}, {1, SIZE_MAX}, {UINT64_MAX, SIZE_MAX}};
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        assert_int_equal(pages_read(pages, ranges[i].offset, bytes, ranges[i].size), -EINVAL);
        assert_int_equal(pages_write(pages, ranges[i].offset, bytes, ranges[i].size), -EINVAL);
        assert_null(pages_contiguous(pages, ranges[i].offset, ranges[i].size));
    }
    assert_string_equal(bytes, "unchanged");
    assert_memory_equal(fourth, "opqrstuvwxyz", 12);
    pages_unref(pages);
}

static void test_contiguous(void **state) {
    (void)state;
    struct pages *pages = make();
    assert_ptr_equal(pages_contiguous(pages, 0, 3), first);
    assert_null(pages_contiguous(pages, 0, 4));
    assert_ptr_equal(pages_contiguous(pages, 3, 1), second);
    assert_null(pages_contiguous(pages, 3, 2));
    assert_ptr_equal(pages_contiguous(pages, 6, 8), third + 2);
    assert_ptr_equal(pages_contiguous(pages, 25, 1), fourth + 11);
    assert_null(pages_contiguous(pages, 5, 0));
    pages_unref(pages);
}

static void test_life(void **state) {
    (void)state;
    struct pages *pages = make();
    size_t count;
    const struct iovec *got = pages_get_pieces(pages, &count);
    assert_int_equal(count, 4);
    assert_memory_equal(got, pieces, sizeof(pieces));
    assert_ptr_equal(pages_ref(pages), pages);
    pages_unref(pages);
    assert_int_equal(released, 0);
    pages_unref(pages);
    assert_int_equal(released, 1);
    pages_unref(NULL);
    assert_int_equal(pages_create(pieces, 1, NULL, NULL, &pages), 0);
    pages_unref(pages);
}

static void test_refusals(void **state) {
    (void)state;
    struct pages *pages = NULL;
    const struct iovec empty[] = {{first, 3}, {second, 0}};
    const struct iovec huge[] = {{first, SIZE_MAX}, {second, 1}};
    released = 0;
    assert_int_equal(pages_create(empty, 2, count_release, &released, &pages), -EINVAL);
    assert_int_equal(pages_create(huge, 2, count_release, &released, &pages), -EINVAL);
    assert_int_equal(pages_create(pieces, 0, count_release, &released, &pages), -EINVAL);
    assert_int_equal(pages_create(pieces, SIZE_MAX / 2, count_release, &released, &pages), -EINVAL);
    assert_int_equal(released, 0);
    assert_null(pages);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reading),        cmocka_unit_test(test_writing),
        cmocka_unit_test(test_ranges_outside), cmocka_unit_test(test_contiguous),
        cmocka_unit_test(test_life),           cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests_name("pages", tests, NULL, NULL) ? 1 : 0;
}
