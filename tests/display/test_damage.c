/* Lists of damaged rectangles against a bitmap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "canvas.h"
#include "display/damage.h"

#define SIDE 40

static bool is_in(const struct presenter_rect *rect, uint32_t x, uint32_t y) {
    return x >= rect->x && x - rect->x < rect->width && y >= rect->y && y - rect->y < rect->height;
}

static bool is_damaged(const struct display_damage *damage, uint32_t x, uint32_t y) {
    for (uint32_t i = 0; i < damage->count; i++) {
        if (is_in(&damage->rects[i], x, y)) {
            return true;
        }
    }
    return false;
}

/* Up to as many as there is room for, the list is exact; then it may hold more, never less. */
static void test_random_rectangles(void **state) {
    (void)state;
    for (int round = 0; round < 300; round++) {
        static bool expected[SIDE][SIDE];
        struct display_damage damage = {0};
        memset(expected, 0, sizeof(expected));
        for (int i = 0; i < 40; i++) {
            const struct presenter_rect rect = {canvas_random() % 30, canvas_random() % 30,
                                                canvas_random() % 10, canvas_random() % 10};
            display_damage_add(&damage, &rect);
            for (uint32_t y = 0; y < SIDE; y++) {
                for (uint32_t x = 0; x < SIDE; x++) {
                    expected[y][x] |= is_in(&rect, x, y);
                    if (expected[y][x] || i < DISPLAY_DAMAGE_RECTS) {
                        assert_int_equal(is_damaged(&damage, x, y), expected[y][x]);
                    }
                }
            }
            assert_true(damage.count <= DISPLAY_DAMAGE_RECTS);
        }
    }
}

static void test_nested_rectangles_count_once(void **state) {
    (void)state;
    struct display_damage damage = {0};
    for (uint32_t i = 0; i < 100; i++) {
        display_damage_add(&damage, &(struct presenter_rect){5, 5, 1 + i, 1});
    }
    assert_int_equal(damage.count, 1);
    assert_int_equal(damage.rects[0].width, 100);
    display_damage_add(&damage, &(struct presenter_rect){6, 5, 3, 1});
    display_damage_add(&damage, &(struct presenter_rect){0, 0, 0, 9});
    display_damage_add(&damage, &(struct presenter_rect){0, 0, 9, 0});
    assert_int_equal(damage.count, 1);
}

static void test_a_full_list_becomes_its_bounds(void **state) {
    (void)state;
    struct display_damage damage = {0};
    for (uint32_t i = 0; i <= DISPLAY_DAMAGE_RECTS; i++) {
        assert_int_equal(damage.count, i);
        display_damage_add(&damage, &(struct presenter_rect){2 * i, 3 * i, 1, 1});
    }
    assert_int_equal(damage.count, 1);
    const struct presenter_rect expected = {0, 0, 2 * DISPLAY_DAMAGE_RECTS + 1,
                                            3 * DISPLAY_DAMAGE_RECTS + 1};
    assert_memory_equal(&damage.rects[0], &expected, sizeof(expected));
}

static void test_bounds(void **state) {
    (void)state;
    struct display_damage damage = {0};
    struct presenter_rect bounds = display_damage_bounds(&damage);
    assert_int_equal(bounds.width, 0);
    display_damage_add(&damage, &(struct presenter_rect){10, 20, 5, 5});
    display_damage_add(&damage, &(struct presenter_rect){3, 22, 1, 30});
    bounds = display_damage_bounds(&damage);
    const struct presenter_rect expected = {3, 20, 12, 32};
    assert_memory_equal(&bounds, &expected, sizeof(expected));
    display_damage_add(&damage, &(struct presenter_rect){0, 0, UINT32_MAX, UINT32_MAX});
    bounds = display_damage_bounds(&damage);
    assert_int_equal(bounds.height, UINT32_MAX);
}

static void test_clipping(void **state) {
    (void)state;
    const struct presenter_rect all = {0, 0, UINT32_MAX, UINT32_MAX};
    const struct presenter_rect far = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX};
    const struct presenter_rect some = {10, 20, 30, 40};
    struct presenter_rect out;
    assert_true(display_rect_clip(&all, &some, &out));
    assert_memory_equal(&out, &some, sizeof(out));
    assert_true(display_rect_clip(&some, &some, &out));
    assert_memory_equal(&out, &some, sizeof(out));
    assert_false(display_rect_clip(&far, &some, &out));
    assert_int_equal(out.width, 0);
    assert_false(display_rect_clip(&some, &(struct presenter_rect){40, 20, 1, 1}, &out));
    assert_false(display_rect_clip(&some, &(struct presenter_rect){15, 25, 0, 5}, &out));
    assert_true(display_rect_clip(&far, &far, &out));
    assert_int_equal(out.x, UINT32_MAX);
    assert_int_equal(out.width, UINT32_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_rectangles),
        cmocka_unit_test(test_nested_rectangles_count_once),
        cmocka_unit_test(test_a_full_list_becomes_its_bounds),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_clipping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
