/* Views: the rows of a picture, in place or gathered; and who keeps what alive. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "canvas.h"
#include "display/view.h"

static uint32_t scratch[DISPLAY_SCRATCH_BYTES / 4];

static struct display_view view_of(const struct canvas *canvas,
                                   const struct presenter_rect *source) {
    struct display_view view;
    assert_int_equal(display_view_init(&view, &canvas->picture, source), 0);
    return view;
}

struct reading {
    unsigned blocks;   /* calls */
    unsigned gathered; /* rows that were copied */
};

/* Reads all of a part and compares it with the canvas. */
static struct reading check_rows(const struct canvas *canvas, const struct display_view *view,
                                 const struct presenter_rect *part) {
    struct reading reading = {0, 0};
    for (uint32_t done = 0; done < part->height; reading.blocks++) {
        const struct display_rows rows = display_view_rows(view, part, done, scratch);
        assert_true(rows.count >= 1 && rows.count <= part->height - done);
        assert_int_equal((uintptr_t)rows.bytes % 4, 0);
        assert_int_equal(rows.stride % 4, 0);
        reading.gathered += rows.bytes == (const void *)scratch ? rows.count : 0;
        for (uint32_t row = 0; row < rows.count; row++) {
            const uint32_t *words = (const uint32_t *)rows.bytes + (size_t)(rows.stride / 4) * row;
            for (uint32_t x = 0; x < part->width; x++) {
                assert_int_equal(words[x], canvas_get(canvas, view->source.x + part->x + x,
                                                      view->source.y + part->y + done + row));
            }
        }
        done += rows.count;
    }
    return reading;
}

static void test_storage_is_read_in_place(void **state) {
    (void)state;
    const struct canvas_shape shape = {
        .format = PRESENTER_XRGB8888, .width = 300, .height = 200, .stride = 1280, .offset = 64};
    struct canvas canvas;
    canvas_init(&canvas, CANVAS_STORAGE, &shape);
    const struct presenter_rect source = {10, 20, 280, 150};
    const struct presenter_rect part = {5, 6, 270, 100};
    struct display_view view = view_of(&canvas, &source);
    const struct reading reading = check_rows(&canvas, &view, &part);
    assert_int_equal(reading.blocks, 1);
    assert_int_equal(reading.gathered, 0);
    display_view_drop(&view);
    canvas_finish(&canvas);
}

static void test_one_piece_is_read_in_place(void **state) {
    (void)state;
    const struct canvas_shape shape = {.format = PRESENTER_XRGB8888, .width = 300, .height = 200};
    struct canvas canvas;
    canvas_init(&canvas, CANVAS_ONE_PIECE, &shape);
    const struct presenter_rect whole = canvas_whole(&canvas);
    struct display_view view = view_of(&canvas, &whole);
    const struct reading reading = check_rows(&canvas, &view, &whole);
    assert_int_equal(reading.blocks, 1);
    assert_int_equal(reading.gathered, 0);
    display_view_drop(&view);
    canvas_finish(&canvas);
}

/* 10 000 bytes hold 25 rows of 400: only a row that a piece's end cuts in two is copied. */
static void test_rows_within_a_piece_are_read_in_place(void **state) {
    (void)state;
    const struct canvas_shape shape = {
        .format = PRESENTER_XRGB8888, .width = 100, .height = 200, .offset = 200};
    struct canvas canvas;
    canvas_init(&canvas, CANVAS_LARGE_PAGES, &shape);
    const struct presenter_rect whole = canvas_whole(&canvas);
    struct display_view view = view_of(&canvas, &whole);
    const struct reading reading = check_rows(&canvas, &view, &whole);
    assert_int_equal(reading.gathered, 8);
    assert_int_equal(reading.blocks, 16);
    display_view_drop(&view);
    canvas_finish(&canvas);
}

static void test_scattered_rows_are_gathered(void **state) {
    (void)state;
    const struct canvas_shape shape = {.format = PRESENTER_XRGB8888, .width = 1920, .height = 40};
    struct canvas canvas;
    canvas_init(&canvas, CANVAS_PAGES, &shape);
    const struct presenter_rect whole = canvas_whole(&canvas);
    struct display_view view = view_of(&canvas, &whole);
    const struct reading reading = check_rows(&canvas, &view, &whole);
    assert_int_equal(reading.gathered, 40);
    assert_int_equal(reading.blocks, 5); /* 65 536 / 7680 = 8 rows each */
    display_view_drop(&view);
    canvas_finish(&canvas);
}

static void test_the_widest_row_fits(void **state) {
    (void)state;
    const struct canvas_shape shape = {
        .format = PRESENTER_XRGB8888, .width = DISPLAY_SIDE_MAX + 1, .height = 3};
    struct canvas canvas;
    canvas_init(&canvas, CANVAS_CRUMBS, &shape);
    const struct presenter_rect most = {1, 0, DISPLAY_SIDE_MAX, 3};
    const struct presenter_rect part = {0, 0, DISPLAY_SIDE_MAX, 3};
    struct display_view view = view_of(&canvas, &most);
    const struct reading reading = check_rows(&canvas, &view, &part);
    assert_int_equal(reading.gathered, 3);
    display_view_drop(&view);
    /* A source that is wider is refused. */
    const struct presenter_rect whole = canvas_whole(&canvas);
    assert_int_equal(display_view_init(&view, &canvas.picture, &whole), -EINVAL);
    assert_true(display_view_is_empty(&view));
    canvas_finish(&canvas);
}

static void test_too_many_pixels_are_refused(void **state) {
    (void)state;
    struct storage *storage;
    struct display_view view;
    assert_int_equal(storage_create_shm("vesper-test", 4 * 8192 * 8193, &storage), 0);
    const struct presenter_picture picture = {.storage = storage,
                                              .format = PRESENTER_XRGB8888,
                                              .width = 8192,
                                              .height = 8193,
                                              .stride = 4 * 8192};
    struct presenter_rect source = {0, 0, 8192, 8193};
    assert_int_equal(display_view_init(&view, &picture, &source), -EINVAL);
    source.height = 8192;
    assert_int_equal(display_view_init(&view, &picture, &source), 0);
    display_view_drop(&view);
    storage_unref(storage);
}

static void test_random_parts(void **state) {
    (void)state;
    for (int round = 0; round < 400; round++) {
        const uint32_t width = 1 + canvas_random() % 600;
        const uint32_t height = 1 + canvas_random() % 20;
        const struct canvas_shape shape = {.format = PRESENTER_XRGB8888,
                                           .width = width,
                                           .height = height,
                                           .stride = 4 * width + canvas_random() % 9,
                                           .offset = canvas_random() % 5000};
        struct canvas canvas;
        canvas_init(&canvas, (enum canvas_place)(round % CANVAS_PLACES), &shape);
        const uint32_t x = canvas_random() % width;
        const uint32_t y = canvas_random() % height;
        const struct presenter_rect source = {x, y, 1 + canvas_random() % (width - x),
                                              1 + canvas_random() % (height - y)};
        const uint32_t part_x = canvas_random() % source.width;
        const uint32_t part_y = canvas_random() % source.height;
        const struct presenter_rect part = {part_x, part_y,
                                            1 + canvas_random() % (source.width - part_x),
                                            1 + canvas_random() % (source.height - part_y)};
        struct display_view view = view_of(&canvas, &source);
        check_rows(&canvas, &view, &part);
        display_view_drop(&view);
        canvas_finish(&canvas);
    }
}

/* ---- life -------------------------------------------------------------------------------- */

static uint64_t live(void) {
    uint64_t storages, bytes;
    storage_get_totals(&storages, &bytes);
    return storages + canvas_live_pages();
}

static void test_views_keep_pictures_alive(void **state) {
    (void)state;
    const struct canvas_shape shape = {.format = PRESENTER_XRGB8888, .width = 10, .height = 10};
    for (int place = 0; place < CANVAS_PLACES; place++) {
        struct canvas canvas;
        canvas_init(&canvas, (enum canvas_place)place, &shape);
        const struct presenter_rect whole = canvas_whole(&canvas);
        struct display_view first = view_of(&canvas, &whole);
        struct display_view second = display_view_ref(&first);
        canvas_finish(&canvas);
        assert_int_equal(live(), 1);
        display_view_drop(&first);
        assert_true(display_view_is_empty(&first));
        assert_int_equal(live(), 1);
        (void)display_view_rows(&second, &whole, 0, scratch);
        display_view_drop(&second);
        assert_int_equal(live(), 0);
        display_view_drop(&second);
    }
}

static void test_memory_that_cannot_be_mapped(void **state) {
    (void)state;
    char path[] = "/tmp/vesper-display-XXXXXX";
    struct storage *storage;
    struct display_view view;
    close(mkstemp(path));
    int fd = open(path, O_WRONLY);
    unlink(path);
    assert_int_equal(ftruncate(fd, 4096), 0);
    assert_int_equal(storage_wrap_fd(fd, STORAGE_SHM, STORAGE_CACHED, 4096, &storage), 0);
    const struct presenter_picture picture = {
        .storage = storage, .format = PRESENTER_XRGB8888, .width = 9, .height = 9, .stride = 36};
    const struct presenter_rect source = {0, 0, 9, 9};
    assert_int_equal(display_view_init(&view, &picture, &source), -EACCES);
    assert_true(display_view_is_empty(&view));
    storage_unref(storage);
    assert_int_equal(live(), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_storage_is_read_in_place),
        cmocka_unit_test(test_one_piece_is_read_in_place),
        cmocka_unit_test(test_rows_within_a_piece_are_read_in_place),
        cmocka_unit_test(test_scattered_rows_are_gathered),
        cmocka_unit_test(test_the_widest_row_fits),
        cmocka_unit_test(test_too_many_pixels_are_refused),
        cmocka_unit_test(test_random_parts),
        cmocka_unit_test(test_views_keep_pictures_alive),
        cmocka_unit_test(test_memory_that_cannot_be_mapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
