/* A call of Vulkan that a screen is waited for in does not return: flushes and moves of cursors are
 * answered all the same, the other display goes on, and once it returns the latest picture is shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "platform/platform.h"
#include "stand.h"

static const struct stand_options options = {.scanout_count = 2, .read_images = true};
static const struct canvas_shape shape = {.format = PRESENTER_XRGB8888, .width = 48, .height = 32};
static const struct canvas_shape other_shape = {
    .format = PRESENTER_XRGB8888, .width = 64, .height = 40};

static void wait_held(void) {
    const uint64_t deadline = platform_now_ns() + BACKEND_PATIENCE_NS;
    while (!stand_control()->holds()) {
        assert_true(platform_now_ns() < deadline);
        platform_cpu_relax();
    }
}

struct play {
    struct stand stand;
    struct canvas canvases[3]; /* the last has another size */
    struct canvas other;
    struct model model, other_model;
};

static struct play *make_play(void) {
    struct play *play = calloc(1, sizeof(*play));
    assert_non_null(play);
    for (int i = 0; i < 3; i++) {
        canvas_init(&play->canvases[i], CANVAS_STORAGE, i == 2 ? &other_shape : &shape);
    }
    canvas_init(&play->other, CANVAS_STORAGE, &shape);
    stand_control()->set_trouble(NULL);
    assert_true(stand_open(&play->stand, &options));
    return play;
}

static void free_play(struct play *play) {
    stand_close(&play->stand);
    for (int i = 0; i < 3; i++) {
        canvas_finish(&play->canvases[i]);
    }
    canvas_finish(&play->other);
    model_finish(&play->model);
    model_finish(&play->other_model);
    free(play);
}

/* A guest that flips, flushes again what it shows, changes its mode, and shows nothing for a while. */
static void go_on(struct play *play) {
    struct stand *stand = &play->stand;
    const struct presenter_rect part = {3, 4, 17, 9};
    for (int32_t i = 0; i < 60; i++) {
        struct canvas *canvas = &play->canvases[i % 3];
        canvas_scribble(canvas);
        stand_show(stand, 0, canvas, &play->model);
        stand_flush(stand, 0, &part);
        stand_flush(stand, 0, &part);
        stand->presenter->ops->move_cursor(stand->presenter, 0, i, -i);
        if (i % 7 == 0) {
            stand->presenter->ops->detach(stand->presenter, 0);
        }
    }
}

/* With `call` held. */
static void check_goes_on(struct play *play, const char *call) {
    const struct presenter_rect whole = canvas_whole(&play->other);
    stand_control()->hold(call);
    if (!play->stand.windows[0].open) {
        stand_open_window(&play->stand, 0);
    }
    stand_show(&play->stand, 0, &play->canvases[2], NULL);
    wait_held();
    stand_open_window(&play->stand, 1); /* not before: the next call might have been its own */
    stand_show(&play->stand, 1, &play->other, &play->other_model);
    go_on(play);
    for (int i = 0; i < 5; i++) {
        canvas_scribble(&play->other);
        model_flush(&play->other_model, &play->other, &whole, &whole);
        stand_flush(&play->stand, 1, &whole);
        stand_check(&play->stand, 1, &play->other_model);
    }
    assert_true(stand_control()->holds());
    stand_control()->hold(NULL);
    stand_check(&play->stand, 0, &play->model);
}

/* Of a window that opens. (Devices are listed and made under a lock of the loader's, which others want,
 * too.) */
static void test_opening(void **state) {
    static const char *const calls[] = {
        "vkGetPhysicalDeviceSurfaceFormatsKHR",
        "vkCreateGraphicsPipelines",
        "vkGetPhysicalDeviceSurfaceCapabilitiesKHR",
        "vkCreateSwapchainKHR",
        "vkGetSwapchainImagesKHR",
        "vkAcquireNextImageKHR",
        "vkQueuePresentKHR",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        struct play *play = make_play();
        print_message("%s\n", calls[i]);
        check_goes_on(play, calls[i]);
        free_play(play);
    }
}

/* Of one that has shown pictures for a while. */
static void test_showing(void **state) {
    static const char *const calls[] = {"vkGetPhysicalDeviceSurfaceCapabilitiesKHR",
                                        "vkCreateSwapchainKHR", "vkCreateImageView",
                                        "vkAcquireNextImageKHR", "vkQueuePresentKHR"};
    (void)state;
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        struct play *play = make_play();
        print_message("%s\n", calls[i]);
        stand_open_window(&play->stand, 0);
        stand_show(&play->stand, 0, &play->canvases[0], &play->model);
        stand_check(&play->stand, 0, &play->model);
        check_goes_on(play, calls[i]);
        free_play(play);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_opening),
                                       cmocka_unit_test(test_showing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
