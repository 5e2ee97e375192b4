/* Pictures: formats, places, layouts, source rectangles, damage, what is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "suite.h"

static const struct canvas_shape plain = {.format = PRESENTER_XRGB8888, .width = 97, .height = 41};

/* Odd numbers make rows that no piece of memory holds whole, and words that are not aligned. */
static const struct canvas_shape shapes[] = {
    {.width = 1, .height = 1},
    {.width = 33, .height = 17},
    {.width = 33, .height = 17, .stride = 140, .offset = 16},
    {.width = 33, .height = 17, .stride = 135, .offset = 0},
    {.width = 33, .height = 17, .stride = 136, .offset = 3},
    {.width = 1100, .height = 9},
    {.width = 1100, .height = 9, .stride = 4403, .offset = 4095},
    {.width = 2, .height = 5, .stride = (1 << 18) + 4},
};

static void test_all_formats_places_and_layouts(void **state) {
    struct stage *stage = *state;
    for (size_t shape = 0; shape < sizeof(shapes) / sizeof(*shapes); shape++) {
        for (size_t format = 0; format < CANVAS_FORMATS; format++) {
            for (int place = 0; place < CANVAS_PLACES; place++) {
                struct canvas_shape this_shape = shapes[shape];
                this_shape.format = canvas_formats[format];
                struct canvas canvas;
                struct model model = {0};
                canvas_init(&canvas, (enum canvas_place)place, &this_shape);
                stage_show(stage, 0, &canvas, &model);
                stage_check(stage, 0, &model);
                canvas_finish(&canvas);
                model_finish(&model);
            }
        }
    }
}

static void test_unknown_bits_do_not_show(void **state) {
    struct stage *stage = *state;
    for (size_t format = 0; format < CANVAS_FORMATS; format++) {
        const struct canvas_shape shape = {
            .format = canvas_formats[format], .width = 4, .height = 1};
        struct canvas canvas;
        struct model model = {0};
        canvas_init(&canvas, CANVAS_STORAGE, &shape);
        /* Alpha or padding, wherever the format has it, is both 0 and 1 beside black and white. */
        const uint32_t words[] = {0, UINT32_MAX, 0xff000000, 0x000000ff};
        for (uint32_t x = 0; x < 4; x++) {
            canvas_put(&canvas, x, 0, words[x]);
        }
        stage_show(stage, 0, &canvas, &model);
        assert_int_equal(model_pixel(&model, 0, 0), 0xff000000);
        assert_int_equal(model_pixel(&model, 1, 0), 0xffffffff);
        stage_check(stage, 0, &model);
        canvas_finish(&canvas);
        model_finish(&model);
    }
}

static void test_source_rectangles(void **state) {
    static const struct presenter_rect sources[] = {{0, 0, 97, 41}, {0, 0, 1, 1},
                                                    {96, 40, 1, 1}, {13, 7, 50, 20},
                                                    {1, 0, 96, 41}, {0, 40, 97, 1}};
    struct stage *stage = *state;
    for (int place = 0; place < CANVAS_PLACES; place++) {
        struct canvas canvas;
        canvas_init(&canvas, (enum canvas_place)place, &plain);
        for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++) {
            struct model model = {0};
            stage_attach(stage, 0, &canvas, &sources[i]);
            stage_flush(stage, 0, &sources[i]);
            stage_settle(stage);
            model_show(&model, &canvas, &sources[i]);
            stage_check(stage, 0, &model);
            model_finish(&model);
        }
        canvas_finish(&canvas);
    }
}

/* ---- damage ------------------------------------------------------------------------------ */

static void test_only_damage_changes(void **state) {
    static const struct presenter_rect source = {10, 5, 80, 30};
    static const struct presenter_rect damages[] = {
        {10, 5, 1, 1}, {89, 34, 1, 1}, {30, 20, 20, 3}, {10, 5, 80, 30}};
    struct stage *stage = *state;
    for (int place = 0; place < CANVAS_PLACES; place++) {
        struct canvas canvas;
        struct model model = {0};
        canvas_init(&canvas, (enum canvas_place)place, &plain);
        stage_attach(stage, 0, &canvas, &source);
        stage_flush(stage, 0, &source);
        stage_hold(stage, 0, &source);
        model_show(&model, &canvas, &source);
        for (size_t i = 0; i < sizeof(damages) / sizeof(*damages); i++) {
            canvas_scribble(&canvas);
            stage_check(stage, 0, &model); /* nothing was flushed */
            stage_flush(stage, 0, &damages[i]);
            stage_settle(stage);
            model_flush(&model, &canvas, &source, &damages[i]);
            stage_check(stage, 0, &model);
        }
        canvas_finish(&canvas);
        model_finish(&model);
    }
}

static void test_damage_that_comes_together_stays_apart(void **state) {
    static const struct presenter_rect damages[] = {
        {0, 0, 3, 3}, {90, 35, 5, 5}, {0, 36, 4, 4}, {91, 36, 2, 2}, {1, 1, 10, 1}};
    struct stage *stage = *state;
    struct canvas canvas;
    struct model model = {0};
    canvas_init(&canvas, CANVAS_PAGES, &plain);
    stage_show(stage, 0, &canvas, &model);
    const struct presenter_rect whole = canvas_whole(&canvas);
    for (int round = 0; round < 50; round++) {
        canvas_scribble(&canvas);
        for (size_t i = 0; i < sizeof(damages) / sizeof(*damages); i++) {
            stage_flush(stage, 0, &damages[i]);
            model_flush(&model, &canvas, &whole, &damages[i]);
        }
        stage_settle(stage);
        stage_check(stage, 0, &model);
    }
    canvas_finish(&canvas);
    model_finish(&model);
}

static void test_much_damage_is_not_lost(void **state) {
    struct stage *stage = *state;
    struct canvas canvas;
    struct model model = {0};
    canvas_init(&canvas, CANVAS_STORAGE, &plain);
    stage_show(stage, 0, &canvas, &model);
    const struct presenter_rect whole = canvas_whole(&canvas);
    canvas_scribble(&canvas);
    for (uint32_t y = 0; y < whole.height; y++) {
        for (uint32_t x = 0; x < whole.width; x++) {
            const struct presenter_rect dot = {x, y, 1, 1};
            stage_flush(stage, 0, &dot);
        }
    }
    stage_settle(stage);
    model_flush(&model, &canvas, &whole, &whole);
    stage_check(stage, 0, &model);
    canvas_finish(&canvas);
    model_finish(&model);
}

static void test_damage_is_clipped_to_the_source(void **state) {
    static const struct presenter_rect source = {10, 5, 80, 30};
    static const struct {
        struct presenter_rect damage, seen;
    } cases[] = {
        {{0, 0, 10, 41}, {10, 5, 0, 0}},
        {{0, 0, 11, 6}, {10, 5, 1, 1}},
        {{89, 34, 100, 100}, {89, 34, 1, 1}},
        {{20, 20, 0, 5}, {20, 20, 0, 0}},
        {{90, 5, 1, 1}, {10, 5, 0, 0}},
        {{UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX}, {10, 5, 0, 0}},
        {{15, 15, UINT32_MAX, UINT32_MAX}, {15, 15, 75, 20}},
        {{0, 0, UINT32_MAX, UINT32_MAX}, {10, 5, 80, 30}},
    };
    struct stage *stage = *state;
    struct canvas canvas;
    struct model model = {0};
    canvas_init(&canvas, CANVAS_PAGES, &plain);
    stage_attach(stage, 0, &canvas, &source);
    stage_flush(stage, 0, &source);
    stage_settle(stage);
    model_show(&model, &canvas, &source);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        canvas_scribble(&canvas);
        stage_flush(stage, 0, &cases[i].damage);
        stage_settle(stage);
        model_flush(&model, &canvas, &source, &cases[i].seen);
        stage_check(stage, 0, &model);
    }
    canvas_finish(&canvas);
    model_finish(&model);
}

/* ---- attaching --------------------------------------------------------------------------- */

static void test_attached_shows_from_the_next_flush_on(void **state) {
    struct stage *stage = *state;
    struct canvas first, second;
    struct model model = {0}, nothing = {0};
    const struct presenter_rect dot = {3, 3, 1, 1};
    canvas_init(&first, CANVAS_STORAGE, &plain);
    canvas_init(&second, CANVAS_PAGES, &plain);
    const struct presenter_rect whole = canvas_whole(&first);
    stage_check(stage, 0, &nothing);
    stage_attach(stage, 0, &first, &whole);
    stage_check(stage, 0, &nothing);
    stage_flush(stage, 0, &dot); /* it was not shown before: the rest is new as well */
    model_show(&model, &first, &whole);
    stage_check(stage, 0, &model);
    stage_attach(stage, 0, &second, &whole);
    stage_check(stage, 0, &model);
    stage_flush(stage, 0, &dot);
    model_show(&model, &second, &whole);
    stage_check(stage, 0, &model);
    stage_attach(stage, 0, &first, &whole);
    stage_attach(stage, 0, &second, &whole);
    stage_flush(stage, 0, &dot);
    stage_check(stage, 0, &model);
    canvas_finish(&first);
    canvas_finish(&second);
    model_finish(&model);
}

static void test_size_follows_the_source(void **state) {
    static const struct canvas_shape sizes[] = {
        {.format = PRESENTER_XRGB8888, .width = 640, .height = 10},
        {.format = PRESENTER_ABGR2101010, .width = 10, .height = 640},
        {.format = PRESENTER_RGBX8888, .width = 1, .height = 1},
        {.format = PRESENTER_XRGB8888, .width = 200, .height = 100},
    };
    struct stage *stage = *state;
    struct model model = {0};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        struct canvas canvas;
        canvas_init(&canvas, CANVAS_PAGES, &sizes[i]);
        stage_show(stage, 0, &canvas, &model);
        stage_check(stage, 0, &model);
        canvas_finish(&canvas);
    }
    model_finish(&model);
}

static void test_detached_is_black(void **state) {
    struct stage *stage = *state;
    struct canvas canvas;
    struct model model = {0}, nothing = {0};
    canvas_init(&canvas, CANVAS_STORAGE, &plain);
    const struct presenter_rect whole = canvas_whole(&canvas);
    stage->presenter->ops->detach(stage->presenter, 0);
    stage_check(stage, 0, &nothing);
    stage_flush(stage, 0, &whole); /* of nothing; answered nevertheless */
    stage_settle(stage);
    stage_check(stage, 0, &nothing);
    for (int round = 0; round < 2; round++) {
        stage_show(stage, 0, &canvas, &model);
        stage_check(stage, 0, &model);
        stage->presenter->ops->detach(stage->presenter, 0);
        model_detach(&model);
        stage_check(stage, 0, &model);
        stage->presenter->ops->detach(stage->presenter, 0);
        stage_flush(stage, 0, &whole);
        stage_settle(stage);
        stage_check(stage, 0, &model);
    }
    canvas_finish(&canvas);
    model_finish(&model);
}

static void test_scanouts_differ(void **state) {
    struct stage *stage = *state;
    struct canvas canvases[STAGE_SCANOUTS];
    struct model models[STAGE_SCANOUTS] = {{0}};
    for (uint32_t i = 0; i < STAGE_SCANOUTS; i++) {
        const struct canvas_shape shape = {
            .format = canvas_formats[3 * i], .width = 50 + 20 * i, .height = 60 - 20 * i};
        canvas_init(&canvases[i], CANVAS_PAGES, &shape);
        stage_show(stage, i, &canvases[i], &models[i]);
    }
    stage->presenter->ops->detach(stage->presenter, 1);
    model_detach(&models[1]);
    for (uint32_t i = 0; i < STAGE_SCANOUTS; i++) {
        stage_check(stage, i, &models[i]);
        canvas_finish(&canvases[i]);
        model_finish(&models[i]);
    }
}

/* ---- refusals ---------------------------------------------------------------------------- */

static void refuse(struct stage *stage, const struct presenter_picture *picture,
                   const struct presenter_rect *source) {
    struct canvas before;
    struct model model = {0};
    canvas_init(&before, CANVAS_STORAGE, &plain);
    stage_show(stage, 0, &before, &model);
    assert_int_equal(stage->presenter->ops->attach(stage->presenter, 0, picture, source), -EINVAL);
    /* The scanout shows nothing then. */
    model_detach(&model);
    stage_check(stage, 0, &model);
    canvas_finish(&before);
    model_finish(&model);
}

static void test_unsound_pictures_are_refused(void **state) {
    struct stage *stage = *state;
    struct canvas pages, storage;
    canvas_init(&pages, CANVAS_PAGES, &plain);
    canvas_init(&storage, CANVAS_STORAGE, &plain);
    const struct presenter_rect source = canvas_whole(&pages);
    struct presenter_picture picture = pages.picture;
    picture.format = (enum presenter_format)0x34324742;
    refuse(stage, &picture, &source);
    picture = pages.picture;
    picture.storage = storage.picture.storage;
    refuse(stage, &picture, &source);
    picture = pages.picture;
    picture.pages = NULL;
    refuse(stage, &picture, &source);
    picture = pages.picture;
    picture.stride--;
    refuse(stage, &picture, &source);
    picture = pages.picture;
    picture.offset++;
    refuse(stage, &picture, &source);
    picture.offset = UINT64_MAX;
    refuse(stage, &picture, &source);
    picture = pages.picture;
    picture.stride++;
    refuse(stage, &picture, &source);
    picture = storage.picture;
    picture.height = UINT32_MAX;
    picture.stride = UINT32_MAX;
    refuse(stage, &picture, &source);
    picture = storage.picture;
    picture.width = 0;
    refuse(stage, &picture, &source);
    canvas_finish(&pages);
    canvas_finish(&storage);
}

static void test_unsound_sources_are_refused(void **state) {
    static const struct presenter_rect sources[] = {
        {0, 0, 98, 41}, {0, 0, 97, 42},         {1, 0, 97, 41},
        {0, 0, 0, 41},  {0, 0, 97, 0},          {UINT32_MAX, 0, 2, 41},
        {97, 0, 1, 1},  {0, 2, 97, UINT32_MAX}, {1, 1, UINT32_MAX, 1},
    };
    struct stage *stage = *state;
    struct canvas canvas;
    canvas_init(&canvas, CANVAS_PAGES, &plain);
    for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++) {
        refuse(stage, &canvas.picture, &sources[i]);
    }
    canvas_finish(&canvas);
}

static void test_other_scanouts_are_refused(void **state) {
    static const uint32_t absent[] = {STAGE_SCANOUTS, 31, 32, UINT32_MAX};
    struct stage *stage = *state;
    struct presenter *presenter = stage->presenter;
    struct canvas canvas;
    struct model model = {0};
    uint32_t cursor[PRESENTER_CURSOR_SIZE * PRESENTER_CURSOR_SIZE] = {0};
    canvas_init(&canvas, CANVAS_STORAGE, &plain);
    stage_show(stage, 0, &canvas, &model);
    const struct presenter_rect whole = canvas_whole(&canvas);
    stage_hold(stage, 0, &whole);
    canvas_scribble(&canvas);
    for (size_t i = 0; i < sizeof(absent) / sizeof(*absent); i++) {
        assert_int_equal(presenter->ops->attach(presenter, absent[i], &canvas.picture, &whole),
                         -EINVAL);
        presenter->ops->set_cursor(presenter, absent[i], cursor, 0, 0);
        presenter->ops->move_cursor(presenter, absent[i], 1, 1);
        stage_flush(stage, absent[i], &whole);
        stage_settle(stage); /* tokens are answered nevertheless */
        presenter->ops->detach(presenter, absent[i]);
    }
    stage_check(stage, 0, &model);
    canvas_finish(&canvas);
    model_finish(&model);
}

#define STAGE_TEST(test) cmocka_unit_test_setup_teardown(test, stage_setup, stage_teardown)

const struct CMUnitTest *picture_tests(size_t *out_count) {
    static const struct CMUnitTest tests[] = {
        STAGE_TEST(test_all_formats_places_and_layouts),
        STAGE_TEST(test_unknown_bits_do_not_show),
        STAGE_TEST(test_source_rectangles),
        STAGE_TEST(test_only_damage_changes),
        STAGE_TEST(test_damage_that_comes_together_stays_apart),
        STAGE_TEST(test_much_damage_is_not_lost),
        STAGE_TEST(test_damage_is_clipped_to_the_source),
        STAGE_TEST(test_attached_shows_from_the_next_flush_on),
        STAGE_TEST(test_size_follows_the_source),
        STAGE_TEST(test_detached_is_black),
        STAGE_TEST(test_scanouts_differ),
        STAGE_TEST(test_unsound_pictures_are_refused),
        STAGE_TEST(test_unsound_sources_are_refused),
        STAGE_TEST(test_other_scanouts_are_refused),
    };
    *out_count = sizeof(tests) / sizeof(*tests);
    return tests;
}
