/* Pictures of high dynamic range: half floats, and ten bits with the PQ curve. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "display/colour.h"
#include "suite.h"

/* A word whose three colours are equal, as screens of other primaries show it, too. */
static uint64_t make_grey(const struct presenter_picture *picture, uint32_t number) {
    if (presenter_format_bytes(picture->format) == 8) {
        const uint64_t half = number % 0x4600; /* up to 6.0 */
        return half | half << 16 | half << 32;
    }
    const uint64_t code = number % 1024;
    return code | code << 10 | code << 20;
}

/* Screens that show more than sRGB are seen by what is left of it there: greys are. */
static void scribble(struct stage *stage, struct canvas *canvas) {
    if (!stage->backend->offers_more) {
        canvas_scribble(canvas);
        return;
    }
    for (uint32_t y = 0; y < canvas->picture.height; y++) {
        for (uint32_t x = 0; x < canvas->picture.width; x++) {
            canvas_put(canvas, x, y, make_grey(&canvas->picture, canvas_random()));
        }
    }
}

static void init(struct stage *stage, struct canvas *canvas, enum canvas_place place,
                 const struct canvas_shape *shape) {
    canvas_init(canvas, place, shape);
    scribble(stage, canvas);
}

/* Numbers are rounded once more on the way through such a screen. */
static void check(struct stage *stage, struct model *model) {
    model->tolerance += stage->backend->offers_more;
    stage_check(stage, 0, model);
    model->tolerance -= stage->backend->offers_more;
}

static const struct canvas_shape kinds[] = {
    {.format = PRESENTER_ABGR16161616F},
    {.format = PRESENTER_XBGR16161616F},
    {.format = PRESENTER_ARGB2101010, .is_pq = true},
    {.format = PRESENTER_XRGB2101010, .is_pq = true},
    {.format = PRESENTER_ABGR2101010, .is_pq = true},
    {.format = PRESENTER_XBGR2101010, .is_pq = true},
};
#define KINDS (sizeof(kinds) / sizeof(*kinds))

static void test_all_places_and_layouts(void **state) {
    static const struct canvas_shape shapes[] = {
        {.width = 1, .height = 1},
        {.width = 33, .height = 17},
        {.width = 33, .height = 17, .stride = 280, .offset = 32},
        {.width = 33, .height = 17, .stride = 265, .offset = 3},
        {.width = 1100, .height = 9, .stride = 8803, .offset = 4095},
    };
    struct stage *stage = *state;
    for (size_t kind = 0; kind < KINDS; kind++) {
        for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
            for (int place = 0; place < CANVAS_PLACES; place++) {
                struct canvas_shape shape = shapes[i];
                shape.format = kinds[kind].format;
                shape.is_pq = kinds[kind].is_pq;
                struct canvas canvas;
                struct model model = {0};
                init(stage, &canvas, (enum canvas_place)place, &shape);
                stage_show(stage, 0, &canvas, &model);
                check(stage, &model);
                canvas_finish(&canvas);
                model_finish(&model);
            }
        }
    }
}

static void test_the_widest_row(void **state) {
    struct stage *stage = *state;
    const struct canvas_shape shape = {
        .format = PRESENTER_ABGR16161616F, .width = 16384, .height = 3, .offset = 4};
    struct canvas canvas;
    struct model model = {0};
    init(stage, &canvas, CANVAS_CRUMBS, &shape);
    stage_show(stage, 0, &canvas, &model);
    check(stage, &model);
    canvas_finish(&canvas);
    model_finish(&model);
}

/* What can be said without mathematics: black, grey below the knee, light beyond all bounds. */
static void test_known_halves(void **state) {
    static const struct {
        uint64_t word;
        uint32_t colour;
    } cases[] = {
        {0xffff000000000000, 0x000000}, /* alpha means nothing */
        {0x0000000000000000, 0x000000}, {0x8000800080008000, 0x000000}, /* -0 */
        {0x3c00bc00bc00bc00, 0x000000}, /* below 0: no colour of sRGB */
        {0x3c00fe007e007e01, 0x000000}, /* no numbers */
        {0x3c00fc00fc00fc00, 0x000000}, /* -infinity */
        {0x3c007c007c007c00, 0xffffff}, /* infinity */
        {0x3c007bff7bff7bff, 0xffffff}, {0x3c0032ae32ae32ae, 0x7e7e7e}, /* 0.2087 */
        {0x3c00000000007c00, 0xff0000}, {0x3c0000007c000000, 0x00ff00},
        {0x3c007c0000000000, 0x0000ff}, {0x0001000100010001, 0x000000},
    };
    enum { COUNT = sizeof(cases) / sizeof(*cases) };
    struct stage *stage = *state;
    const struct canvas_shape shape = {
        .format = PRESENTER_XBGR16161616F, .width = COUNT, .height = 1};
    struct canvas canvas;
    struct model model = {0};
    canvas_init(&canvas, CANVAS_PAGES, &shape);
    for (uint32_t i = 0; i < COUNT; i++) {
        const bool coloured = i >= 9 && i <= 11; /* which other primaries may show otherwise */
        canvas_put(&canvas, i, 0, stage->backend->offers_more && coloured ? 0 : cases[i].word);
    }
    stage_show(stage, 0, &canvas, &model);
    for (uint32_t i = 0; i < COUNT; i++) {
        const bool coloured = i >= 9 && i <= 11;
        model.pixels[i] = stage->backend->offers_more && coloured ? 0 : cases[i].colour;
    }
    check(stage, &model);
    canvas_finish(&canvas);
    model_finish(&model);
}

/* Code 594 of PQ is 203 cd/m², SDR white. What is brighter than the EDID promises is white. */
static void test_known_codes(void **state) {
    static const uint32_t codes[] = {0, 1023, 736, 800};
    static const uint32_t colours[] = {0x000000, 0xffffff, 0xffffff, 0xffffff};
    struct stage *stage = *state;
    const struct canvas_shape shape = {
        .format = PRESENTER_XRGB2101010, .is_pq = true, .width = 4, .height = 1};
    struct canvas canvas;
    struct model model = {0};
    canvas_init(&canvas, CANVAS_STORAGE, &shape);
    for (uint32_t i = 0; i < 4; i++) {
        canvas_put(&canvas, i, 0, make_grey(&canvas.picture, codes[i]) | 3u << 30);
    }
    stage_show(stage, 0, &canvas, &model);
    for (uint32_t i = 0; i < 4; i++) {
        model.pixels[i] = colours[i];
    }
    check(stage, &model);
    canvas_finish(&canvas);
    model_finish(&model);
}

static void test_only_damage_changes(void **state) {
    static const struct presenter_rect source = {10, 5, 80, 30};
    static const struct presenter_rect damages[] = {
        {10, 5, 1, 1}, {89, 34, 1, 1}, {30, 20, 20, 3}, {10, 5, 80, 30}};
    struct stage *stage = *state;
    for (size_t kind = 0; kind < KINDS; kind++) {
        struct canvas_shape shape = kinds[kind];
        shape.width = 97;
        shape.height = 41;
        struct canvas canvas;
        struct model model = {0};
        init(stage, &canvas, kind % 2 ? CANVAS_STORAGE : CANVAS_LARGE_PAGES, &shape);
        stage_attach(stage, 0, &canvas, &source);
        stage_flush(stage, 0, &source);
        stage_hold(stage, 0, &source);
        model_show(&model, &canvas, &source);
        for (size_t i = 0; i < sizeof(damages) / sizeof(*damages); i++) {
            scribble(stage, &canvas);
            check(stage, &model);
            stage_flush(stage, 0, &damages[i]);
            stage_settle(stage);
            model_flush(&model, &canvas, &source, &damages[i]);
            check(stage, &model);
        }
        canvas_finish(&canvas);
        model_finish(&model);
    }
}

/* One scanout, one window: pictures of all kinds in turn, and nothing in between. */
static void test_kinds_in_turn(void **state) {
    static const struct canvas_shape others[] = {
        {.format = PRESENTER_XRGB8888},
        {.format = PRESENTER_XBGR2101010}, /* the same words as PQ, and sRGB */
    };
    struct stage *stage = *state;
    for (size_t i = 0; i < 2 * KINDS; i++) {
        struct canvas_shape shape = i % 2 ? others[i / 2 % 2] : kinds[i / 2];
        shape.width = 40;
        shape.height = 20;
        struct canvas canvas;
        struct model model = {0};
        if (i % 2) {
            canvas_init(&canvas, CANVAS_STORAGE, &shape);
        } else {
            init(stage, &canvas, CANVAS_STORAGE, &shape);
        }
        stage_show(stage, 0, &canvas, &model);
        if (i % 2) {
            stage_check(stage, 0, &model); /* exactly, whatever the screen was before */
        } else {
            check(stage, &model);
        }
        if (stage->backend->offers_more) {
            assert_true(stage->backend->shows_more() == (i % 2 == 0));
        }
        if (i == 5) {
            stage->presenter->ops->detach(stage->presenter, 0);
            model_detach(&model);
            check(stage, &model);
        }
        canvas_finish(&canvas);
        model_finish(&model);
    }
}

/* A white cursor, half of it half transparent, over black and over light. */
static void test_cursor_over_light(void **state) {
    static uint32_t image[PRESENTER_CURSOR_SIZE * PRESENTER_CURSOR_SIZE];
    struct stage *stage = *state;
    for (size_t i = 0; i < sizeof(image) / sizeof(*image); i++) {
        image[i] = i % 2 ? 0xffffffff : 0x80808080;
    }
    for (size_t kind = 0; kind < KINDS; kind++) {
        struct canvas_shape shape = kinds[kind];
        shape.width = 100;
        shape.height = 80;
        struct canvas canvas;
        struct model model = {0};
        init(stage, &canvas, CANVAS_STORAGE, &shape);
        stage_show(stage, 0, &canvas, &model);
        if (stage->backend->offers_more) {
            /* It is folded with the picture when that screen is looked at in sRGB. */
            for (size_t i = 0; i < (size_t)100 * 80; i++) {
                model.pixels[i] = 0xff000000;
            }
            for (uint32_t i = 0; i < 100 * 80; i++) {
                canvas_put(&canvas, i % 100, i / 100, 0);
            }
            const struct presenter_rect whole = canvas_whole(&canvas);
            stage_hold(stage, 0, &whole);
            for (size_t i = 0; i < sizeof(image) / sizeof(*image); i++) {
                image[i] = 0x80404040; /* below the knee */
            }
        }
        stage->presenter->ops->set_cursor(stage->presenter, 0, image, 0, 0);
        stage->presenter->ops->move_cursor(stage->presenter, 0, 10, 7);
        model_cursor(&model, image, 10, 7, 0, 0);
        check(stage, &model);
        stage->presenter->ops->set_cursor(stage->presenter, 0, NULL, 0, 0);
        canvas_finish(&canvas);
        model_finish(&model);
    }
}

/* A grey as it is read back of a screen with this light, which has shown it once more. */
static uint32_t show_twice(float grey, enum display_colour screen,
                           const struct display_light *light) {
    static const struct display_light plain = {1, 1};
    float rgb[3] = {grey, grey, grey};
    display_colour_take(DISPLAY_COLOUR_LINEAR, screen, light, rgb);
    display_colour_give(screen, light, rgb);
    if (screen != DISPLAY_COLOUR_P3) {
        display_colour_take(screen, DISPLAY_COLOUR_SRGB, &plain, rgb);
        display_colour_give(DISPLAY_COLOUR_SRGB, &plain, rgb);
    }
    return 0xff000000 | (uint32_t)(rgb[0] * 255 + 0.5f) * 0x010101;
}

/* The screen gets darker, and its white another value, while a picture stands on it. */
static void test_light_is_followed(void **state) {
    static const struct display_light lights[] = {{1, DISPLAY_PEAK}, {1, 1},       {1, 2},
                                                  {2, DISPLAY_PEAK}, {0.5f, 1.5f}, {1, 1}};
    static const uint16_t halves[] = {0x0000, 0x3400, 0x3800, 0x3c00,
                                      0x3e00, 0x4000, 0x4200, 0x4500};
    struct stage *stage = *state;
    if (!stage->backend->set_light) {
        print_message("%s shows sRGB and nothing else\n", stage->backend->name);
        skip();
    }
    const struct canvas_shape shape = {.format = PRESENTER_XBGR16161616F, .width = 8, .height = 1};
    struct canvas canvas;
    struct model model = {0};
    canvas_init(&canvas, CANVAS_STORAGE, &shape);
    for (uint32_t i = 0; i < 8; i++) {
        canvas_put(&canvas, i, 0, make_grey(&canvas.picture, halves[i]));
    }
    stage_show(stage, 0, &canvas, &model);
    for (size_t i = 0; i < sizeof(lights) / sizeof(lights[0]); i++) {
        stage->backend->set_light(stage->backend_state, 0, lights[i].white, lights[i].headroom);
        for (uint32_t j = 0; j < 8; j++) {
            model.pixels[j] =
                show_twice(display_colour_from_half(halves[j]), stage->backend->screen, &lights[i]);
        }
        check(stage, &model);
    }
    canvas_finish(&canvas);
    model_finish(&model);
}

static void test_unsound_pictures_are_refused(void **state) {
    struct stage *stage = *state;
    struct canvas canvas;
    const struct canvas_shape shape = {
        .format = PRESENTER_ABGR16161616F, .width = 97, .height = 41};
    canvas_init(&canvas, CANVAS_PAGES, &shape);
    const struct presenter_rect whole = canvas_whole(&canvas);
    struct presenter *presenter = stage->presenter;
    struct presenter_picture picture = canvas.picture;
    picture.stride -= 1; /* more than four bytes a pixel, and less than eight */
    assert_int_equal(presenter->ops->attach(presenter, 0, &picture, &whole), -EINVAL);
    picture = canvas.picture;
    picture.offset = 1;
    assert_int_equal(presenter->ops->attach(presenter, 0, &picture, &whole), -EINVAL);
    picture = canvas.picture;
    picture.is_pq = true;
    assert_int_equal(presenter->ops->attach(presenter, 0, &picture, &whole), -EINVAL);
    picture = canvas.picture;
    picture.format = PRESENTER_XRGB8888;
    picture.is_pq = true;
    assert_int_equal(presenter->ops->attach(presenter, 0, &picture, &whole), -EINVAL);
    assert_int_equal(presenter->ops->attach(presenter, 0, &canvas.picture, &whole), 0);
    canvas_finish(&canvas);
}

#define STAGE_TEST(test) cmocka_unit_test_setup_teardown(test, stage_setup, stage_teardown)

const struct CMUnitTest *colour_tests(size_t *out_count) {
    static const struct CMUnitTest tests[] = {
        STAGE_TEST(test_all_places_and_layouts),
        STAGE_TEST(test_the_widest_row),
        STAGE_TEST(test_known_halves),
        STAGE_TEST(test_known_codes),
        STAGE_TEST(test_only_damage_changes),
        STAGE_TEST(test_kinds_in_turn),
        STAGE_TEST(test_cursor_over_light),
        STAGE_TEST(test_light_is_followed),
        STAGE_TEST(test_unsound_pictures_are_refused),
    };
    *out_count = sizeof(tests) / sizeof(*tests);
    return tests;
}
