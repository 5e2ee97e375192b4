/* From a window's pixel to the guest's: every scale, several displays, and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "display/desktop.h"
#include "input/device.h"

/* As a guest's driver does: which of `size` pixels a fraction means. */
static uint32_t undo(uint32_t fraction, uint32_t size) {
    return (uint32_t)((uint64_t)fraction * size / (INPUT_ABS_MAX + 1));
}

static void expect_pixel(const struct desktop *desktop, const struct desktop_window *window,
                         double x, double y, uint32_t width, uint32_t height, uint32_t pixel_x,
                         uint32_t pixel_y) {
    uint32_t place_x, place_y;
    desktop_place(desktop, window, x, y, &place_x, &place_y);
    assert_true(place_x <= INPUT_ABS_MAX && place_y <= INPUT_ABS_MAX);
    assert_int_equal(undo(place_x, width), pixel_x);
    assert_int_equal(undo(place_y, height), pixel_y);
}

/* At 1:1 each pixel of the window is that pixel of the guest's. */
static void test_every_pixel(void **state) {
    (void)state;
    static const uint32_t widths[] = {1, 2, 3, 640, 1366, 1920, 3840, 16384};
    for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
        const uint32_t width = widths[i];
        const struct desktop desktop = {{{width, 5}}};
        const struct desktop_window window = {0, width, 5, DISPLAY_SCALE_NONE, DISPLAY_TURN_0};
        for (uint32_t x = 0; x < width; x++) {
            expect_pixel(&desktop, &window, x, x % 5, width, 5, x, x % 5);
        }
    }
}

static void test_scaled_with_bars(void **state) {
    (void)state;
    /* 100 × 50 in 300 × 200: three times as large, bars of 25 above and below. */
    const struct desktop desktop = {{{100, 50}}};
    const struct desktop_window window = {0, 300, 200, DISPLAY_SCALE_FIT, DISPLAY_TURN_0};
    expect_pixel(&desktop, &window, 0, 25, 100, 50, 0, 0);
    expect_pixel(&desktop, &window, 2, 27, 100, 50, 0, 0);
    expect_pixel(&desktop, &window, 3, 28, 100, 50, 1, 1);
    expect_pixel(&desktop, &window, 299, 174, 100, 50, 99, 49);
    /* In the bars, and outside of the window: the nearest pixel. */
    expect_pixel(&desktop, &window, 150, 0, 100, 50, 50, 0);
    expect_pixel(&desktop, &window, 150, 199, 100, 50, 50, 49);
    expect_pixel(&desktop, &window, -1000, 1e9, 100, 50, 0, 49);
}

static void test_smaller_window(void **state) {
    (void)state;
    const struct desktop desktop = {{{800, 600}}};
    const struct desktop_window fit = {0, 400, 300, DISPLAY_SCALE_FIT, DISPLAY_TURN_0};
    expect_pixel(&desktop, &fit, 0, 0, 800, 600, 1, 1); /* the middle of 0 and 1 */
    expect_pixel(&desktop, &fit, 399, 299, 800, 600, 799, 599);
    /* Cut off on all sides: the window's corner is not the picture's. */
    const struct desktop_window none = {0, 400, 300, DISPLAY_SCALE_NONE, DISPLAY_TURN_0};
    expect_pixel(&desktop, &none, 0, 0, 800, 600, 200, 150);
    expect_pixel(&desktop, &none, 399, 299, 800, 600, 599, 449);
    expect_pixel(&desktop, &none, 5000, 5000, 800, 600, 599, 449);
    const struct desktop_window integer = {0, 1700, 1300, DISPLAY_SCALE_INTEGER, DISPLAY_TURN_0};
    expect_pixel(&desktop, &integer, 50, 50, 800, 600, 0, 0);
    expect_pixel(&desktop, &integer, 52, 50, 800, 600, 1, 0);
}

/* A picture of 100 × 50 in a window of 50 × 100 or 100 × 50, whose corner is another one of the picture. */
static void test_turned(void **state) {
    (void)state;
    const struct desktop desktop = {{{100, 50}}};
    const struct desktop_window right = {0, 50, 100, DISPLAY_SCALE_FIT, DISPLAY_TURN_90};
    expect_pixel(&desktop, &right, 0, 0, 100, 50, 0, 49);
    expect_pixel(&desktop, &right, 49, 0, 100, 50, 0, 0);
    expect_pixel(&desktop, &right, 49, 99, 100, 50, 99, 0);
    expect_pixel(&desktop, &right, 7, 20, 100, 50, 20, 42);
    const struct desktop_window over = {0, 100, 50, DISPLAY_SCALE_FIT, DISPLAY_TURN_180};
    expect_pixel(&desktop, &over, 0, 0, 100, 50, 99, 49);
    expect_pixel(&desktop, &over, 7, 20, 100, 50, 92, 29);
    const struct desktop_window left = {0, 50, 100, DISPLAY_SCALE_FIT, DISPLAY_TURN_270};
    expect_pixel(&desktop, &left, 0, 0, 100, 50, 99, 0);
    expect_pixel(&desktop, &left, 49, 0, 100, 50, 99, 49);
    expect_pixel(&desktop, &left, 7, 20, 100, 50, 79, 7);
    /* Scaled, with bars on the left and the right; beside the picture its nearest pixel counts. */
    const struct desktop_window wide = {0, 300, 200, DISPLAY_SCALE_FIT, DISPLAY_TURN_90};
    expect_pixel(&desktop, &wide, 100, 0, 100, 50, 0, 49);
    expect_pixel(&desktop, &wide, 199, 199, 100, 50, 99, 0);
    expect_pixel(&desktop, &wide, 0, 100, 100, 50, 50, 49);
    /* Cut off: the middle is what is seen. */
    const struct desktop_window cut = {0, 10, 20, DISPLAY_SCALE_NONE, DISPLAY_TURN_90};
    expect_pixel(&desktop, &cut, 0, 0, 100, 50, 40, 29);
    expect_pixel(&desktop, &cut, 9, 19, 100, 50, 59, 20);
    /* Beside another display. */
    const struct desktop two = {{{80, 60}, {100, 50}}};
    const struct desktop_window second = {1, 50, 100, DISPLAY_SCALE_FIT, DISPLAY_TURN_90};
    expect_pixel(&two, &second, 0, 0, 180, 60, 80, 49);
}

/* Side by side, tops aligned; one in the middle is not there. */
static void test_several_displays(void **state) {
    (void)state;
    const struct desktop desktop = {{{800, 600}, {0, 0}, {1024, 768}}};
    const struct desktop_window first = {0, 800, 600, DISPLAY_SCALE_FIT, DISPLAY_TURN_0};
    const struct desktop_window third = {2, 1024, 768, DISPLAY_SCALE_FIT, DISPLAY_TURN_0};
    expect_pixel(&desktop, &first, 799, 599, 1824, 768, 799, 599);
    expect_pixel(&desktop, &third, 0, 0, 1824, 768, 800, 0);
    expect_pixel(&desktop, &third, 1023, 767, 1824, 768, 1823, 767);
    /* What leaves a display stays at its edge. */
    expect_pixel(&desktop, &first, 2000, 700, 1824, 768, 799, 599);
    expect_pixel(&desktop, &third, -5, 100, 1824, 768, 800, 100);
}

static void test_without_a_picture(void **state) {
    (void)state;
    const struct desktop desktop = {{{800, 600}}};
    const struct desktop_window window = {3, 800, 600, DISPLAY_SCALE_FIT, DISPLAY_TURN_0};
    uint32_t x = 1, y = 1;
    desktop_place(&desktop, &window, 10, 10, &x, &y);
    assert_int_equal(x, 0);
    assert_int_equal(y, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_pixel),      cmocka_unit_test(test_scaled_with_bars),
        cmocka_unit_test(test_smaller_window),   cmocka_unit_test(test_turned),
        cmocka_unit_test(test_several_displays), cmocka_unit_test(test_without_a_picture),
    };
    return cmocka_run_group_tests_name("display_desktop", tests, NULL, NULL) ? 1 : 0;
}
