/* Storms: modes, pictures and windows come and go, and calls of Vulkan fail, as chance has it. Afterwards
 * every display shows what it should, by Vulkan, and nothing is left.
 *
 * test_storm [SEED]. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../unit/open_descriptors.h"
#include "display/update.h"
#include "platform/platform.h"
#include "stand.h"

struct fault_call {
    const char *name;
    const VkResult *results;
    uint32_t count;
};

#include "fault_calls.h"

enum {
    DISPLAYS = STAND_SCANOUTS_MAX,
    STEPS = 2000,
    CALLS = sizeof(fault_calls) / sizeof(fault_calls[0])
};

static const struct stand_options options = {.scanout_count = DISPLAYS, .read_images = true};

struct display {
    struct canvas canvas;
    bool shows, has_canvas;
    struct model model;
};

struct storm {
    struct stand stand;
    struct display displays[DISPLAYS];
    uint32_t cursor[DISPLAY_CURSOR_PIXELS];
    bool faults;
};

static uint32_t random_below(uint32_t limit) {
    return canvas_random() % limit;
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void show_new(struct storm *storm, uint32_t index) {
    struct display *display = &storm->displays[index];
    const struct canvas_shape shape = {.format = canvas_formats[random_below(CANVAS_FORMATS)],
                                       .width = 1 + random_below(200),
                                       .height = 1 + random_below(150)};
    struct canvas canvas;
    canvas_init(&canvas, (enum canvas_place)random_below(CANVAS_PLACES), &shape);
    stand_show(&storm->stand, index, &canvas, &display->model);
    if (display->has_canvas) {
        canvas_finish(&display->canvas);
    }
    display->canvas = canvas;
    display->has_canvas = display->shows = true;
}

static void draw_again(struct storm *storm, uint32_t index) {
    struct display *display = &storm->displays[index];
    if (!display->shows) {
        return;
    }
    const struct presenter_rect whole = canvas_whole(&display->canvas);
    canvas_scribble(&display->canvas);
    stand_flush(&storm->stand, index, &whole);
    model_flush(&display->model, &display->canvas, &whole, &whole);
}

static void detach(struct storm *storm, uint32_t index) {
    storm->stand.presenter->ops->detach(storm->stand.presenter, index);
    if (storm->displays[index].shows) {
        model_detach(&storm->displays[index].model);
    }
    storm->displays[index].shows = false;
}

static void plug(struct storm *storm, uint32_t index) {
    if (storm->stand.windows[index].open) {
        stand_close_window(&storm->stand, index);
    } else {
        stand_open_window(&storm->stand, index);
    }
}

static void resize(struct storm *storm, uint32_t index) {
    if (storm->stand.windows[index].open) {
        /* None of a side: the window is not to be seen. */
        screens_resize(storm->stand.screens, index, random_below(200), random_below(150));
    }
}

static void show_cursor(struct storm *storm, uint32_t index) {
    struct presenter *presenter = storm->stand.presenter;
    const int32_t x = (int32_t)random_below(250) - 20, y = (int32_t)random_below(180) - 20;
    const uint32_t *pixels = random_below(3) ? storm->cursor : NULL;
    presenter->ops->set_cursor(presenter, index, pixels, 1, 2);
    presenter->ops->move_cursor(presenter, index, x, y);
    model_cursor(&storm->displays[index].model, pixels, x, y, 1, 2);
}

static void break_call(struct storm *storm) {
    const struct fault_call *call = &fault_calls[random_below(CALLS)];
    char fail[128];
    snprintf(fail, sizeof(fail), "%s:%u:%d", call->name, 1 + random_below(3),
             (int)call->results[random_below(call->count)]);
    if (storm->faults) {
        stand_control()->set_trouble(fail);
    }
}

static void step(struct storm *storm) {
    const uint32_t index = random_below(DISPLAYS);
    switch (random_below(8)) {
    case 0:
        plug(storm, index);
        break;
    case 1:
        resize(storm, index);
        break;
    case 2:
        detach(storm, index);
        break;
    case 3:
        show_cursor(storm, index);
        break;
    case 4:
        draw_again(storm, index);
        break;
    case 5:
        break_call(storm);
        break;
    default:
        show_new(storm, index);
        break;
    }
}

/* ---- the calm -------------------------------------------------------------------------------- */

/* Every display has a window of its mode, and is shown by Vulkan: one that has failed is closed and opened
 * until it is. */
static void settle(struct storm *storm, uint32_t index) {
    struct stand *stand = &storm->stand;
    const uint64_t deadline = platform_now_ns() + BACKEND_PATIENCE_NS;
    do {
        uint32_t width, height;
        if (screens_is_by_processor(stand->screens, index) || !stand->windows[index].open) {
            stand_close_window(stand, index);
            stand_open_window(stand, index);
        }
        show_new(storm, index);
        assert_true(screens_get_mode(stand->screens, index, &width, &height));
        screens_resize(stand->screens, index, width, height);
        stand_check(stand, index, &storm->displays[index].model);
        assert_true(platform_now_ns() < deadline);
    } while (screens_is_by_processor(stand->screens, index));
}

static void check_nothing_is_left(const struct host_counts *before, int descriptors) {
    struct host_counts after;
    stand_control()->get_counts(&after);
    assert_int_equal(after.instances, before->instances);
    assert_int_equal(after.devices, before->devices);
    assert_int_equal(after.surfaces, before->surfaces);
    assert_int_equal(after.objects, before->objects);
    assert_int_equal(after.leaks, before->leaks);
    assert_int_equal(count_open_descriptors(), descriptors);
}

static void finish(struct storm *storm) {
    stand_close(&storm->stand);
    for (uint32_t i = 0; i < DISPLAYS; i++) {
        canvas_finish(&storm->displays[i].canvas);
        model_finish(&storm->displays[i].model);
    }
    free(storm);
}

static void run_storm(bool faults) {
    struct host_counts before;
    struct storm *storm = calloc(1, sizeof(*storm));
    assert_non_null(storm);
    stand_control()->set_trouble(NULL);
    stand_control()->get_counts(&before);
    const int descriptors = count_open_descriptors();
    storm->faults = faults;
    for (size_t i = 0; i < DISPLAY_CURSOR_PIXELS; i++) {
        storm->cursor[i] = 0x80402010;
    }
    assert_true(stand_open(&storm->stand, &options));
    for (int i = 0; i < STEPS; i++) {
        step(storm);
    }
    stand_control()->set_trouble(NULL);
    for (uint32_t i = 0; i < DISPLAYS; i++) {
        settle(storm, i);
    }
    finish(storm);
    check_nothing_is_left(&before, descriptors);
}

static void test_storm(void **state) {
    (void)state;
    run_storm(false);
}

static void test_storm_with_faults(void **state) {
    (void)state;
    run_storm(true);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_storm),
                                       cmocka_unit_test(test_storm_with_faults)};
    for (long i = argc == 2 ? strtol(argv[1], NULL, 10) : 0; i > 0; i--) {
        canvas_random();
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
