/* Where a picture goes in a window. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "display/scaling.h"

struct place {
    enum display_scale scale;
    uint32_t width, height, window_width, window_height;
    struct presenter_rect source, target;
};

static void check_rect(const struct presenter_rect *seen, const struct presenter_rect *wanted) {
    assert_int_equal(seen->x, wanted->x);
    assert_int_equal(seen->y, wanted->y);
    assert_int_equal(seen->width, wanted->width);
    assert_int_equal(seen->height, wanted->height);
}

static void places(void **state) {
    (void)state;
    static const struct place table[] = {
        {DISPLAY_SCALE_FIT, 800, 600, 800, 600, {0, 0, 800, 600}, {0, 0, 800, 600}},
        {DISPLAY_SCALE_FIT, 800, 600, 1600, 600, {0, 0, 800, 600}, {400, 0, 800, 600}},
        {DISPLAY_SCALE_FIT, 800, 600, 400, 600, {0, 0, 800, 600}, {0, 150, 400, 300}},
        {DISPLAY_SCALE_FIT, 16384, 1, 100, 100, {0, 0, 16384, 1}, {0, 49, 100, 1}},
        {DISPLAY_SCALE_FIT, 1, 16384, 100, 100, {0, 0, 1, 16384}, {49, 0, 1, 100}},
        {DISPLAY_SCALE_INTEGER, 640, 480, 1920, 1080, {0, 0, 640, 480}, {320, 60, 1280, 960}},
        {DISPLAY_SCALE_INTEGER, 640, 480, 320, 480, {0, 0, 640, 480}, {0, 120, 320, 240}},
        {DISPLAY_SCALE_NONE, 640, 480, 800, 600, {0, 0, 640, 480}, {80, 60, 640, 480}},
        {DISPLAY_SCALE_NONE, 640, 480, 320, 600, {160, 0, 320, 480}, {0, 60, 320, 480}},
        {DISPLAY_SCALE_NONE, 1, 1, 1, 1, {0, 0, 1, 1}, {0, 0, 1, 1}},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const struct place *place = &table[i];
        struct presenter_rect source, target;
        display_scale_place(place->scale, place->width, place->height, place->window_width,
                            place->window_height, &source, &target);
        check_rect(&source, &place->source);
        check_rect(&target, &place->target);
    }
}

/* No size leads out of the picture, out of the window, or to nothing. */
static void never_leaves_the_window(void **state) {
    (void)state;
    static const uint32_t sizes[] = {1, 2, 3, 63, 64, 65, 799, 1080, 16383, 16384};
    const size_t count = sizeof(sizes) / sizeof(sizes[0]);
    for (size_t i = 0; i < count * count * count * count * 3; i++) {
        const uint32_t width = sizes[i % count], height = sizes[i / count % count];
        const uint32_t window_width = sizes[i / count / count % count];
        const uint32_t window_height = sizes[i / count / count / count % count];
        struct presenter_rect source, target;
        display_scale_place((enum display_scale)(i / count / count / count / count), width, height,
                            window_width, window_height, &source, &target);
        assert_true(source.width > 0 && source.height > 0);
        assert_true(target.width > 0 && target.height > 0);
        assert_true(source.x + source.width <= width && source.y + source.height <= height);
        assert_true(target.x + target.width <= window_width);
        assert_true(target.y + target.height <= window_height);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places),
        cmocka_unit_test(never_leaves_the_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
