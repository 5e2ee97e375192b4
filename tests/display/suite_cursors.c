/* Cursors: blending, edges, hot spots, what lies under them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "suite.h"

#define SIZE PRESENTER_CURSOR_SIZE

static const struct canvas_shape screen = {
    .format = PRESENTER_XRGB8888, .width = 150, .height = 90};

static uint32_t image[SIZE * SIZE];

/* Premultiplied colours: none is above its alpha. */
static void draw_cursor(void) {
    for (size_t i = 0; i < SIZE * SIZE; i++) {
        const uint32_t alpha = canvas_random() % 256;
        const uint32_t limit = alpha + 1;
        image[i] = alpha << 24 | canvas_random() % limit << 16 | canvas_random() % limit << 8 |
                   canvas_random() % limit;
    }
}

static void set_cursor(struct stage *stage, uint32_t scanout, uint32_t hot_x, uint32_t hot_y) {
    stage->presenter->ops->set_cursor(stage->presenter, scanout, image, hot_x, hot_y);
}

static void move_cursor(struct stage *stage, uint32_t scanout, int32_t x, int32_t y) {
    stage->presenter->ops->move_cursor(stage->presenter, scanout, x, y);
}

static void test_every_alpha_blends(void **state) {
    struct stage *stage = *state;
    struct canvas canvas;
    struct model model = {0};
    canvas_init(&canvas, CANVAS_STORAGE, &screen);
    for (int round = 0; round < 24; round++) {
        canvas_scribble(&canvas);
        stage_show(stage, 0, &canvas, &model);
        draw_cursor();
        set_cursor(stage, 0, 0, 0);
        move_cursor(stage, 0, 20, 10);
        model_cursor(&model, image, 20, 10, 0, 0);
        stage_check(stage, 0, &model);
    }
    /* Colours above their alpha are no guest's right, but stay inside their channel. */
    for (size_t i = 0; i < SIZE * SIZE; i++) {
        image[i] = canvas_random();
    }
    set_cursor(stage, 0, 0, 0);
    stage_check(stage, 0, &model);
    canvas_finish(&canvas);
    model_finish(&model);
}

static void test_edges_and_hot_spots(void **state) {
    static const int32_t places[][2] = {{0, 0},
                                        {-1, -1},
                                        {-63, 0},
                                        {-64, 0},
                                        {0, -63},
                                        {0, -64},
                                        {149, 89},
                                        {150, 0},
                                        {0, 90},
                                        {140, 80},
                                        {-30, -30},
                                        {30, 50},
                                        {INT32_MIN, 0},
                                        {0, INT32_MIN},
                                        {INT32_MAX, INT32_MAX},
                                        {86, 26},
                                        {87, 27},
                                        {70, 80},
                                        {INT32_MIN, INT32_MIN}};
    static const uint32_t hots[][2] = {{0, 0}, {5, 60}, {63, 63}, {100, 100}, {UINT32_MAX, 1}};
    struct stage *stage = *state;
    struct canvas canvas;
    struct model model = {0};
    canvas_init(&canvas, CANVAS_PAGES, &screen);
    stage_show(stage, 0, &canvas, &model);
    draw_cursor();
    for (size_t hot = 0; hot < sizeof(hots) / sizeof(*hots); hot++) {
        set_cursor(stage, 0, hots[hot][0], hots[hot][1]);
        for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
            move_cursor(stage, 0, places[i][0], places[i][1]);
            model_cursor(&model, image, places[i][0], places[i][1], hots[hot][0], hots[hot][1]);
            stage_check(stage, 0, &model);
        }
    }
    canvas_finish(&canvas);
    model_finish(&model);
}

static void test_a_scanout_smaller_than_the_cursor(void **state) {
    static const struct canvas_shape small = {
        .format = PRESENTER_XRGB8888, .width = 20, .height = 9};
    struct stage *stage = *state;
    struct canvas canvas;
    struct model model = {0};
    canvas_init(&canvas, CANVAS_STORAGE, &small);
    stage_show(stage, 0, &canvas, &model);
    draw_cursor();
    set_cursor(stage, 0, 0, 0);
    for (int32_t at = -70; at <= 25; at += 5) {
        move_cursor(stage, 0, at, at / 2);
        model_cursor(&model, image, at, at / 2, 0, 0);
        stage_check(stage, 0, &model);
    }
    canvas_finish(&canvas);
    model_finish(&model);
}

static void test_hidden_and_shown_again(void **state) {
    struct stage *stage = *state;
    struct canvas canvas;
    struct model model = {0};
    canvas_init(&canvas, CANVAS_STORAGE, &screen);
    stage_show(stage, 0, &canvas, &model);
    draw_cursor();
    move_cursor(stage, 0, 40, 20); /* before there is an image */
    stage_check(stage, 0, &model);
    set_cursor(stage, 0, 7, 8);
    model_cursor(&model, image, 40, 20, 7, 8);
    stage_check(stage, 0, &model);
    stage->presenter->ops->set_cursor(stage->presenter, 0, NULL, 0, 0);
    model_cursor(&model, NULL, 0, 0, 0, 0);
    stage_check(stage, 0, &model);
    move_cursor(stage, 0, 90, 60);
    stage_check(stage, 0, &model);
    set_cursor(stage, 0, 1, 2);
    model_cursor(&model, image, 90, 60, 1, 2);
    stage_check(stage, 0, &model);
    canvas_finish(&canvas);
    model_finish(&model);
}

static void test_the_image_is_copied(void **state) {
    static uint32_t copy[SIZE * SIZE];
    struct stage *stage = *state;
    struct canvas canvas;
    struct model model = {0};
    canvas_init(&canvas, CANVAS_STORAGE, &screen);
    stage_show(stage, 0, &canvas, &model);
    draw_cursor();
    memcpy(copy, image, sizeof(copy));
    set_cursor(stage, 0, 0, 0);
    memset(image, 0xff, sizeof(image));
    model_cursor(&model, copy, 0, 0, 0, 0);
    stage_check(stage, 0, &model);
    canvas_finish(&canvas);
    model_finish(&model);
}

static void test_moving_does_not_read_the_guest(void **state) {
    struct stage *stage = *state;
    struct canvas canvas;
    struct model model = {0};
    canvas_init(&canvas, CANVAS_STORAGE, &screen);
    const struct presenter_rect whole = canvas_whole(&canvas);
    stage_show(stage, 0, &canvas, &model);
    stage_hold(stage, 0, &whole);
    draw_cursor();
    set_cursor(stage, 0, 0, 0);
    canvas_scribble(&canvas); /* and not flushed: the guest is drawing */
    for (int32_t at = -60; at < 150; at += 31) {
        move_cursor(stage, 0, at, at / 2);
        model_cursor(&model, image, at, at / 2, 0, 0);
        stage_check(stage, 0, &model);
    }
    canvas_finish(&canvas);
    model_finish(&model);
}

static void test_damage_under_the_cursor(void **state) {
    static const struct presenter_rect damages[] = {
        {0, 0, 150, 90}, {45, 25, 10, 10}, {30, 15, 20, 20}, {110, 0, 10, 10}, {103, 83, 5, 5}};
    struct stage *stage = *state;
    struct canvas canvas;
    struct model model = {0};
    canvas_init(&canvas, CANVAS_PAGES, &screen);
    stage_show(stage, 0, &canvas, &model);
    const struct presenter_rect whole = canvas_whole(&canvas);
    draw_cursor();
    set_cursor(stage, 0, 0, 0);
    for (size_t i = 0; i < sizeof(damages) / sizeof(*damages); i++) {
        const int32_t x = 40 + (int32_t)i;
        move_cursor(stage, 0, x, 20);
        model_cursor(&model, image, x, 20, 0, 0);
        canvas_scribble(&canvas);
        stage_flush(stage, 0, &damages[i]);
        model_flush(&model, &canvas, &whole, &damages[i]);
        stage_check(stage, 0, &model);
    }
    canvas_finish(&canvas);
    model_finish(&model);
}

static void test_it_stays_through_attach_and_detach(void **state) {
    static const struct canvas_shape other = {
        .format = PRESENTER_ABGR8888, .width = 100, .height = 50};
    struct stage *stage = *state;
    struct canvas first, second;
    struct model model = {0};
    canvas_init(&first, CANVAS_STORAGE, &screen);
    canvas_init(&second, CANVAS_STORAGE, &other);
    draw_cursor();
    set_cursor(stage, 0, 3, 3);
    move_cursor(stage, 0, 70, 30);
    model_cursor(&model, image, 70, 30, 3, 3);
    stage_show(stage, 0, &first, &model);
    stage_check(stage, 0, &model);
    stage_show(stage, 0, &second, &model);
    stage_check(stage, 0, &model);
    stage->presenter->ops->detach(stage->presenter, 0);
    model_detach(&model);
    stage_check(stage, 0, &model); /* nothing is shown, no cursor either */
    move_cursor(stage, 0, 60, 20);
    stage_check(stage, 0, &model);
    stage_show(stage, 0, &first, &model);
    model_cursor(&model, image, 60, 20, 3, 3);
    stage_check(stage, 0, &model);
    canvas_finish(&first);
    canvas_finish(&second);
    model_finish(&model);
}

static void test_each_scanout_has_its_own(void **state) {
    static uint32_t other[SIZE * SIZE];
    struct stage *stage = *state;
    struct canvas canvas;
    struct model models[2] = {{0}, {0}};
    canvas_init(&canvas, CANVAS_STORAGE, &screen);
    draw_cursor();
    memcpy(other, image, sizeof(other));
    set_cursor(stage, 0, 0, 0);
    draw_cursor();
    set_cursor(stage, 1, 0, 0);
    move_cursor(stage, 0, 5, 6);
    move_cursor(stage, 1, 50, 60);
    for (uint32_t i = 0; i < 2; i++) {
        stage_show(stage, i, &canvas, &models[i]);
    }
    model_cursor(&models[0], other, 5, 6, 0, 0);
    model_cursor(&models[1], image, 50, 60, 0, 0);
    for (uint32_t i = 0; i < 2; i++) {
        stage_check(stage, i, &models[i]);
        model_finish(&models[i]);
    }
    canvas_finish(&canvas);
}

#define STAGE_TEST(test) cmocka_unit_test_setup_teardown(test, stage_setup, stage_teardown)

const struct CMUnitTest *cursor_tests(size_t *out_count) {
    static const struct CMUnitTest tests[] = {
        STAGE_TEST(test_every_alpha_blends),
        STAGE_TEST(test_edges_and_hot_spots),
        STAGE_TEST(test_a_scanout_smaller_than_the_cursor),
        STAGE_TEST(test_hidden_and_shown_again),
        STAGE_TEST(test_the_image_is_copied),
        STAGE_TEST(test_moving_does_not_read_the_guest),
        STAGE_TEST(test_damage_under_the_cursor),
        STAGE_TEST(test_it_stays_through_attach_and_detach),
        STAGE_TEST(test_each_scanout_has_its_own),
    };
    *out_count = sizeof(tests) / sizeof(*tests);
    return tests;
}
