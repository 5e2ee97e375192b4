/* What a presented frame costs: bytes that the GPU is told to move, and bytes that the processor writes
 * into memory of Vulkan, both counted by the layer of tests/hosts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "display/update.h"
#include "stand.h"

enum { WIDTH = 320, HEIGHT = 200, FRAMES = 20 };
#define FRAME_BYTES (UINT64_C(4) * WIDTH * HEIGHT)
#define CURSOR_BYTES (UINT64_C(4) * DISPLAY_CURSOR_PIXELS)

static const struct canvas_shape shape = {
    .format = PRESENTER_XRGB8888, .width = WIDTH, .height = HEIGHT};
static const struct presenter_rect part = {16, 24, 50, 30};
#define PART_BYTES (UINT64_C(4) * 50 * 30)

struct play {
    struct stand stand;
    struct canvas canvases[2];
    uint64_t presented; /* frames so far */
    struct host_counts before, after;
};

/* Each flush is one frame: the next one waits until it has been presented. */
static void wait_presented(struct play *play) {
    stand_wait_presented(&play->stand, 0, ++play->presented);
}

static struct play *make_play(enum canvas_place place) {
    static const struct stand_options options = {.scanout_count = 1};
    struct play *play = calloc(1, sizeof(*play));
    assert_non_null(play);
    canvas_init(&play->canvases[0], place, &shape);
    canvas_init(&play->canvases[1], place, &shape);
    stand_control()->set_trouble(NULL);
    stand_control()->shadow(true);
    assert_true(stand_open(&play->stand, &options));
    /* The window has its size from the start: nothing is drawn twice for another one. */
    stand_show(&play->stand, 0, &play->canvases[0], NULL);
    stand_open_window(&play->stand, 0);
    wait_presented(play);
    return play;
}

static void free_play(struct play *play) {
    stand_control()->shadow(false);
    stand_close(&play->stand);
    canvas_finish(&play->canvases[0]);
    canvas_finish(&play->canvases[1]);
    free(play);
}

static void show(struct play *play, int index) {
    stand_show(&play->stand, 0, &play->canvases[index], NULL);
    wait_presented(play);
}

static void flush(struct play *play, const struct presenter_rect *damage) {
    stand_flush(&play->stand, 0, damage);
    wait_presented(play);
}

static void check_path(struct play *play, enum screen_path path) {
    uint64_t presented;
    assert_int_equal(screens_get_path(play->stand.screens, 0, &presented), path);
    assert_int_equal(play->after.presents - play->before.presents, FRAMES);
    /* The processor composed nothing, and nothing was read back. */
    assert_int_equal(play->stand.keeper.kept[0].serial, 0);
    assert_int_equal(play->after.image_to_buffer_bytes, play->before.image_to_buffer_bytes);
}

static void flip(struct play *play) {
    show(play, 1);
    show(play, 0);
    stand_control()->get_counts(&play->before);
    for (int i = 1; i <= FRAMES; i++) {
        show(play, i % 2);
    }
    stand_control()->get_counts(&play->after);
}

static void test_flipping(void **state) {
    struct play *play = make_play(CANVAS_STORAGE);
    (void)state;
    flip(play);
    check_path(play, SCREEN_PATH_ZERO_COPY);
    assert_int_equal(play->after.buffer_to_image_bytes - play->before.buffer_to_image_bytes,
                     FRAMES * FRAME_BYTES);
    assert_int_equal(play->after.pass_bytes, play->before.pass_bytes);
    assert_int_equal(play->after.buffer_bytes, play->before.buffer_bytes);
    assert_int_equal(play->after.submissions - play->before.submissions, FRAMES);
    /* The processor has no memory of Vulkan that a frame would fit into. */
    assert_int_equal(play->after.mapped_bytes, CURSOR_BYTES);
    assert_int_equal(play->after.written_bytes, 0);
    free_play(play);
}

static void test_flipping_below_a_cursor(void **state) {
    static uint32_t pixels[DISPLAY_CURSOR_PIXELS];
    struct play *play = make_play(CANVAS_STORAGE);
    const struct presenter_ops *ops = play->stand.presenter->ops;
    (void)state;
    ops->set_cursor(play->stand.presenter, 0, pixels, 0, 0);
    wait_presented(play);
    flip(play);
    check_path(play, SCREEN_PATH_ZERO_COPY);
    assert_int_equal(play->after.pass_bytes - play->before.pass_bytes, FRAMES * FRAME_BYTES);
    assert_int_equal(play->after.buffer_to_image_bytes, play->before.buffer_to_image_bytes);
    assert_int_equal(play->after.buffer_bytes, play->before.buffer_bytes);
    assert_int_equal(play->after.mapped_bytes, CURSOR_BYTES);
    assert_int_equal(play->after.written_bytes, CURSOR_BYTES); /* once */
    free_play(play);
}

static void draw_again(struct play *play) {
    const struct presenter_rect whole = canvas_whole(&play->canvases[0]);
    flush(play, &whole);
    stand_control()->get_counts(&play->before);
    for (int i = 0; i < FRAMES; i++) {
        flush(play, &part);
    }
    stand_control()->get_counts(&play->after);
}

static void test_drawing_again(void **state) {
    struct play *play = make_play(CANVAS_STORAGE);
    (void)state;
    draw_again(play);
    check_path(play, SCREEN_PATH_BLIT);
    assert_int_equal(play->after.buffer_bytes - play->before.buffer_bytes, FRAMES * PART_BYTES);
    assert_int_equal(play->after.buffer_to_image_bytes - play->before.buffer_to_image_bytes,
                     FRAMES * FRAME_BYTES);
    assert_int_equal(play->after.pass_bytes, play->before.pass_bytes);
    assert_int_equal(play->after.written_bytes, 0);
    free_play(play);
}

/* What the counts are like where the processor does copy: the damage, and once all. */
static void test_scattered_memory(void **state) {
    struct play *play = make_play(CANVAS_PAGES);
    (void)state;
    for (uint32_t y = 0; y < HEIGHT; y++) {
        for (uint32_t x = 0; x < WIDTH; x++) {
            canvas_put(&play->canvases[0], x, y, 0x01020304);
        }
    }
    draw_again(play);
    check_path(play, SCREEN_PATH_STAGING);
    assert_int_equal(play->after.buffer_bytes, play->before.buffer_bytes);
    assert_int_equal(play->after.buffer_to_image_bytes - play->before.buffer_to_image_bytes,
                     FRAMES * FRAME_BYTES);
    assert_int_equal(play->after.written_bytes, FRAME_BYTES); /* of which the parts are */
    free_play(play);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flipping), cmocka_unit_test(test_flipping_below_a_cursor),
        cmocka_unit_test(test_drawing_again), cmocka_unit_test(test_scattered_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
