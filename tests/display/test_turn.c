/* Where pixels go when pictures are turned. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "display/turn.h"

static void test_names(void **state) {
    (void)state;
    static const char *const wrong[] = {"", "00", "45", "90 ", "-90", "360", "x"};
    enum display_turn turn;
    assert_true(display_turn_parse("0", &turn) && turn == DISPLAY_TURN_0);
    assert_true(display_turn_parse("90", &turn) && turn == DISPLAY_TURN_90);
    assert_true(display_turn_parse("180", &turn) && turn == DISPLAY_TURN_180);
    assert_true(display_turn_parse("270", &turn) && turn == DISPLAY_TURN_270);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_false(display_turn_parse(wrong[i], &turn));
    }
}

/* A picture of 3 × 2:  1 2 3
 *                      4 5 6  */
static const uint32_t picture[] = {1, 2, 3, 4, 5, 6};
static const uint32_t turned[4][6] = {
    {1, 2, 3, 4, 5, 6},
    {4, 1, 5, 2, 6, 3},
    {6, 5, 4, 3, 2, 1},
    {3, 6, 2, 5, 1, 4},
};

static void test_small_picture(void **state) {
    (void)state;
    static const struct presenter_rect whole = {0, 0, 3, 2};
    for (unsigned i = 0; i < 4; i++) {
        uint32_t out[6] = {0}, back[6] = {0}, width = 3, height = 2;
        const enum display_turn turn = (enum display_turn)i;
        display_turn_copy(turn, 3, 2, picture, 3, &whole, out);
        assert_memory_equal(out, turned[i], sizeof(out));
        display_turn_size(turn, &width, &height);
        assert_true(i % 2 ? width == 2 && height == 3 : width == 3 && height == 2);
        const struct presenter_rect all = {0, 0, width, height};
        display_turn_copy(display_turn_back(turn), width, height, out, width, &all, back);
        assert_memory_equal(back, picture, sizeof(back));
    }
}

/* Pixels, rectangles and copies agree, turn by turn and in sum. */
static void test_parts(void **state) {
    (void)state;
    enum { WIDTH = 7, HEIGHT = 5, STRIDE = 9 };
    uint32_t pixels[STRIDE * HEIGHT];
    for (uint32_t i = 0; i < STRIDE * HEIGHT; i++) {
        pixels[i] = i + 1;
    }
    for (unsigned i = 0; i < 16; i++) {
        const enum display_turn first = (enum display_turn)(i % 4),
                                second = (enum display_turn)(i / 4);
        const struct presenter_rect rect = {2, 1, 4, 3};
        uint32_t once[WIDTH * HEIGHT] = {0}, twice[WIDTH * HEIGHT] = {0}, sum[WIDTH * HEIGHT] = {0};
        uint32_t width = WIDTH, height = HEIGHT;
        display_turn_copy(first, WIDTH, HEIGHT, pixels, STRIDE, &rect, once);
        display_turn_size(first, &width, &height);
        const struct presenter_rect there = display_turn_rect(first, WIDTH, HEIGHT, &rect);
        for (uint32_t y = 0; y < height; y++) {
            for (uint32_t x = 0; x < width; x++) {
                const bool inside = x >= there.x && y >= there.y && x < there.x + there.width &&
                                    y < there.y + there.height;
                assert_true((once[width * y + x] != 0) == inside);
            }
        }
        uint32_t x = 3, y = 2;
        display_turn_pixel(first, WIDTH, HEIGHT, &x, &y);
        assert_int_equal(once[width * y + x], pixels[STRIDE * 2 + 3]);
        display_turn_copy(second, width, height, once, width, &there, twice);
        display_turn_copy(display_turn_add(first, second), WIDTH, HEIGHT, pixels, STRIDE, &rect,
                          sum);
        assert_memory_equal(twice, sum, sizeof(sum));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_small_picture),
        cmocka_unit_test(test_parts),
    };
    return cmocka_run_group_tests_name("display_turn", tests, NULL, NULL) ? 1 : 0;
}
