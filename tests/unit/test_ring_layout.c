/* ring_layout_check: what it accepts lies inside the resource, aligned, and apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "renderer/ring.h"

/* Mesa's layout for a buffer of 4 KiB. */
static VkRingCreateInfoMESA good(void) {
    return (VkRingCreateInfoMESA){
        .size = 192 + 4096 + 4,
        .headOffset = 0,
        .tailOffset = 64,
        .statusOffset = 128,
        .bufferOffset = 192,
        .bufferSize = 4096,
        .extraOffset = 192 + 4096,
        .extraSize = 4,
    };
}

static bool check(const VkRingCreateInfoMESA *info, uint64_t resource_size,
                  struct ring_layout *out) {
    const char *reason = "untouched";
    bool ok = ring_layout_check(info, resource_size, out, &reason);
    assert_true(ok == (reason == NULL));
    return ok;
}

static const char *refusal(const VkRingCreateInfoMESA *info, uint64_t resource_size) {
    struct ring_layout layout;
    const char *reason;
    assert_false(ring_layout_check(info, resource_size, &layout, &reason));
    return reason;
}

static void test_offsets_are_relative_to_the_resource(void **state) {
    (void)state;
    VkRingCreateInfoMESA info = good();
    info.offset = 1000;
    struct ring_layout layout;
    assert_true(check(&info, 1000 + info.size, &layout));
    assert_int_equal(layout.head, 1000);
    assert_int_equal(layout.tail, 1064);
    assert_int_equal(layout.status, 1128);
    assert_int_equal(layout.buffer, 1192);
    assert_int_equal(layout.buffer_size, 4096);
    assert_int_equal(layout.extra, 1000 + 192 + 4096);
    assert_int_equal(layout.extra_size, 4);
    assert_string_equal(refusal(&info, 999 + info.size),
                        "the ring does not lie inside its resource");
}

static void test_the_buffer_may_have_4_bytes_to_16_mib(void **state) {
    (void)state;
    struct ring_layout layout;
    for (uint64_t size = 1; size != 0; size *= 2) {
        VkRingCreateInfoMESA info = good();
        info.bufferSize = size;
        info.bufferOffset = 256;
        info.extraOffset = 192;
        info.size = SIZE_MAX;
        bool ok = check(&info, UINT64_MAX, &layout);
        assert_true(ok == (size >= 4 && size <= 16 << 20));
    }
}

static void test_empty_extra_regions_overlap_nothing(void **state) {
    (void)state;
    struct ring_layout layout;
    VkRingCreateInfoMESA info = good();
    info.extraSize = 0;
    static const size_t places[] = {0, 64, 192, 1024, 192 + 4096 + 4};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        info.extraOffset = places[i];
        assert_true(check(&info, info.size, &layout));
    }
    info.extraOffset = 192 + 4096 + 8;
    assert_string_equal(refusal(&info, info.size), "a part of the ring lies outside it");
}

static void test_sums_do_not_wrap(void **state) {
    (void)state;
    VkRingCreateInfoMESA info = good();
    info.offset = SIZE_MAX - 3;
    assert_string_equal(refusal(&info, UINT64_MAX - 4),
                        "the ring does not lie inside its resource");
    info = good();
    info.extraOffset = SIZE_MAX - 3;
    info.extraSize = 8;
    assert_string_equal(refusal(&info, UINT64_MAX), "a part of the ring lies outside it");
    info = good();
    info.extraSize = SIZE_MAX;
    assert_string_equal(refusal(&info, UINT64_MAX), "a part of the ring lies outside it");
}

/* ---- every small layout, against a plain reading of the rules ---------------------------- */

static bool apart(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size) {
    for (uint64_t i = a; i < a + a_size; i++) {
        if (i >= b && i < b + b_size) {
            return false;
        }
    }
    return true;
}

static bool obeys_the_rules(const VkRingCreateInfoMESA *info) {
    const uint64_t at[] = {info->headOffset, info->tailOffset, info->statusOffset,
                           info->bufferOffset, info->extraOffset};
    const uint64_t size[] = {4, 4, 4, info->bufferSize, info->extraSize};
    for (int i = 0; i < 5; i++) {
        if (at[i] % 4 || at[i] + size[i] > info->size) {
            return false;
        }
        for (int j = 0; j < i; j++) {
            if (!apart(at[i], size[i], at[j], size[j])) {
                return false;
            }
        }
    }
    return true;
}

static void test_small_layouts_are_judged_by_the_rules(void **state) {
    (void)state;
    uint32_t accepted = 0;
    for (uint32_t code = 0; code < 8 * 8 * 8 * 8 * 8; code++) {
        /* In steps of 3 some places are misaligned. */
        VkRingCreateInfoMESA info = {
            .size = 24,
            .headOffset = code % 8 * 4,
            .tailOffset = code / 8 % 8 * 4,
            .statusOffset = code / 64 % 8 * 4,
            .bufferOffset = code / 512 % 8 * 3,
            .bufferSize = 8,
            .extraOffset = code / 4096 % 8 * 4,
            .extraSize = 4,
        };
        struct ring_layout layout;
        bool ok = check(&info, 24, &layout);
        assert_true(ok == obeys_the_rules(&info));
        accepted += ok;
    }
    /* The buffer fits at 0 and 12; the rest is the order of four words in four places. */
    assert_int_equal(accepted, 2 * 24);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offsets_are_relative_to_the_resource),
        cmocka_unit_test(test_the_buffer_may_have_4_bytes_to_16_mib),
        cmocka_unit_test(test_empty_extra_regions_overlap_nothing),
        cmocka_unit_test(test_sums_do_not_wrap),
        cmocka_unit_test(test_small_layouts_are_judged_by_the_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
