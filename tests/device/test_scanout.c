/* Scanouts of 2D resources and blobs, flushes, cursors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world.h"

static struct answer *set_scanout(struct world *world, uint32_t scanout, uint32_t id,
                                  struct wire_rect rect) {
    return SEND(world, wire_set_scanout, WIRE_SET_SCANOUT, .scanout_id = scanout, .resource_id = id,
                .rect = rect);
}

static struct answer *flush(struct world *world, uint32_t id, struct wire_rect rect) {
    return SEND(world, wire_flush, WIRE_RESOURCE_FLUSH, .resource_id = id, .rect = rect);
}

static struct answer *fenced_flush(struct world *world, uint32_t id, uint64_t fence) {
    const struct wire_flush request = {
        .header = {.type = WIRE_RESOURCE_FLUSH, .flags = WIRE_FLAG_FENCE, .fence_id = fence},
        .rect = {0, 0, 1, 1},
        .resource_id = id,
    };
    return world_send(world, &request, sizeof(request));
}

static struct answer *unref(struct world *world, uint32_t id) {
    return SEND(world, wire_resource, WIRE_RESOURCE_UNREF, .resource_id = id);
}

/* ---- SET_SCANOUT ------------------------------------------------------------------------- */

static void test_set_scanout(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 2);
    world_2d(world, 1, 20, 10);
    world_2d(world, 2, 8, 8);
    struct fake_scanout *first = &world->presenter.scanouts[0];
    struct fake_scanout *second = &world->presenter.scanouts[1];

    assert_ok(set_scanout(world, 0, 1, (struct wire_rect){5, 2, 15, 8}));
    assert_true(first->shown);
    assert_int_equal(first->picture.format, PRESENTER_ARGB8888);
    assert_int_equal(first->picture.width, 20);
    assert_int_equal(first->picture.height, 10);
    assert_int_equal(first->picture.stride, 80);
    assert_int_equal(first->picture.offset, 0);
    assert_int_equal(first->source.x, 5);
    assert_int_equal(first->source.y, 2);
    assert_int_equal(first->source.width, 15);
    assert_int_equal(first->source.height, 8);

    assert_ok(set_scanout(world, 1, 1, (struct wire_rect){0, 0, 20, 10})); /* mirrored */
    assert_ok(set_scanout(world, 0, 2, (struct wire_rect){0, 0, 8, 8}));   /* flipped */
    assert_int_equal(first->attach_count, 2);
    assert_int_equal(first->picture.width, 8);
    assert_int_equal(second->picture.width, 20);

    assert_ok(set_scanout(world, 0, 0, (struct wire_rect){9, 9, 9, 9}));
    assert_false(first->shown);
    assert_true(second->shown);
    assert_ok(set_scanout(world, 0, 0, (struct wire_rect){0, 0, 0, 0}));

    /* What is shown may end: then nothing is shown. */
    assert_ok(unref(world, 1));
    assert_false(second->shown);
    assert_int_equal(second->detach_count, 1);
    assert_ok(unref(world, 2)); /* was flipped away: nobody is told */
    assert_int_equal(second->detach_count, 1);
    world_destroy(world);
}

static void test_formats(void **state) {
    (void)state;
    static const uint32_t formats[][2] = {
        {1, PRESENTER_ARGB8888},   {2, PRESENTER_XRGB8888},   {3, PRESENTER_BGRA8888},
        {4, PRESENTER_BGRX8888},   {67, PRESENTER_ABGR8888},  {68, PRESENTER_RGBX8888},
        {121, PRESENTER_RGBA8888}, {134, PRESENTER_XBGR8888},
    };
    struct world *world = world_create(NULL, 1);
    for (uint32_t i = 0; i < 8; i++) {
        assert_ok(SEND(world, wire_create_2d, WIRE_RESOURCE_CREATE_2D, .resource_id = 1,
                       .format = formats[i][0], .width = 1, .height = 1));
        assert_ok(set_scanout(world, 0, 1, (struct wire_rect){0, 0, 1, 1}));
        assert_int_equal(world->presenter.scanouts[0].picture.format, formats[i][1]);
        assert_ok(unref(world, 1));
    }
    world_destroy(world);
}

static void test_bad_scanouts(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 2);
    world_2d(world, 1, 20, 10);
    world_guest_blob(world, 2, WORLD_RAM, (uint32_t)platform_page_size());
    static const struct {
        uint32_t scanout, id, code;
        struct wire_rect rect;
        const char *reason;
    } cases[] = {
        {2, 1, WIRE_ERR_INVALID_SCANOUT_ID, {0, 0, 1, 1}, "scanout_id 2: there are 2"},
        {UINT32_MAX, 1, WIRE_ERR_INVALID_SCANOUT_ID, {0, 0, 1, 1}, "scanout_id 4294967295"},
        {2, 0, WIRE_ERR_INVALID_SCANOUT_ID, {0, 0, 1, 1}, "scanout_id 2"},
        {0, 3, WIRE_ERR_INVALID_RESOURCE_ID, {0, 0, 1, 1}, "resource_id 3: no such"},
        {0, 2, WIRE_ERR_INVALID_PARAMETER, {0, 0, 1, 1}, "resource_id 2: a blob"},
        {0, 1, WIRE_ERR_INVALID_PARAMETER, {0, 0, 0, 1}, "0 × 1 pixels at 0, 0: empty"},
        {0, 1, WIRE_ERR_INVALID_PARAMETER, {0, 0, 1, 0}, "empty"},
        {0, 1, WIRE_ERR_INVALID_PARAMETER, {0, 0, 21, 1}, "outside of 20 × 10"},
        {0, 1, WIRE_ERR_INVALID_PARAMETER, {20, 0, 1, 1}, "outside of 20 × 10"},
        {0, 1, WIRE_ERR_INVALID_PARAMETER, {0, 5, 1, 6}, "outside of 20 × 10"},
        {0, 1, WIRE_ERR_INVALID_PARAMETER, {UINT32_MAX, 0, 2, 1}, "outside of 20 × 10"},
        {0, 1, WIRE_ERR_INVALID_PARAMETER, {1, 1, UINT32_MAX, UINT32_MAX}, "outside of 20 × 10"},
    };
    assert_ok(set_scanout(world, 0, 1, (struct wire_rect){0, 0, 20, 10}));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_refused(set_scanout(world, cases[i].scanout, cases[i].id, cases[i].rect),
                       cases[i].code, "SET_SCANOUT", cases[i].reason);
    }
    assert_true(world->presenter.scanouts[0].shown); /* a refusal changes nothing */
    assert_int_equal(world->presenter.scanouts[0].attach_count, 1);

    /* The display itself may refuse: then it shows nothing, and flushes go nowhere. */
    world->presenter.attach_error = -ENOMEM;
    assert_refused(set_scanout(world, 0, 1, (struct wire_rect){0, 0, 20, 10}),
                   WIRE_ERR_OUT_OF_MEMORY, "SET_SCANOUT", "the display cannot show resource 1");
    assert_false(world->presenter.scanouts[0].shown);
    assert_ok(flush(world, 1, (struct wire_rect){0, 0, 20, 10}));
    assert_int_equal(world->presenter.scanouts[0].flush_count, 0);
    world_destroy(world);
}

/* ---- SET_SCANOUT_BLOB -------------------------------------------------------------------- */

struct layout {
    uint32_t scanout, id, width, height, format, stride, offset;
    struct wire_rect rect;
};

static struct answer *set_blob(struct world *world, const struct layout *layout) {
    return SEND(world, wire_set_scanout_blob, WIRE_SET_SCANOUT_BLOB, .scanout_id = layout->scanout,
                .resource_id = layout->id, .rect = layout->rect, .width = layout->width,
                .height = layout->height, .format = layout->format, .strides = {layout->stride},
                .offsets = {layout->offset});
}

static void test_blob_of_guest_memory(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    const uint32_t page = (uint32_t)platform_page_size();
    uint32_t *words = (uint32_t *)(void *)world->ram;
    for (uint32_t i = 0; i < page / 4; i++) {
        words[i] = i;
    }
    world_guest_blob(world, 1, WORLD_RAM, page);
    const struct layout layout = {0, 1, 5, 3, 2, 40, 400, {1, 1, 4, 2}};
    assert_ok(set_blob(world, &layout));
    assert_int_equal(world->presenter.scanouts[0].picture.format, PRESENTER_XRGB8888);
    assert_int_equal(fake_presenter_pixel(&world->presenter, 0, 2, 1), 100 + 10 * 2 + 3);
    words[123] = 77; /* no copy is made */
    assert_int_equal(fake_presenter_pixel(&world->presenter, 0, 2, 1), 77);

    /* Other formats than the specification's that are known. */
    static const uint32_t formats[][2] = {{8, PRESENTER_ABGR2101010}, {131, PRESENTER_ARGB2101010}};
    for (int i = 0; i < 2; i++) {
        struct layout deep = layout;
        deep.format = formats[i][0];
        assert_ok(set_blob(world, &deep));
        assert_int_equal(world->presenter.scanouts[0].picture.format, formats[i][1]);
    }
    /* The pages are given back: nothing shows them any more. */
    assert_ok(SEND(world, wire_resource, WIRE_RESOURCE_DETACH_BACKING, .resource_id = 1));
    assert_false(world->presenter.scanouts[0].shown);
    assert_refused(set_blob(world, &layout), WIRE_ERR_UNSPEC, "SET_SCANOUT_BLOB", "has no backing");
    world_backing(world, 1, WORLD_RAM + page, page);
    assert_ok(set_blob(world, &layout));
    const struct layout none = {.scanout = 0, .id = 0};
    assert_ok(set_blob(world, &none));
    assert_false(world->presenter.scanouts[0].shown);
    world_destroy(world);
}

/* Half floats have 8 bytes a pixel, and whole pixels as strides and offsets. */
static void test_blob_of_half_floats(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    const uint32_t page = (uint32_t)platform_page_size();
    world_guest_blob(world, 1, WORLD_RAM, page);
    static const uint32_t formats[][2] = {{94, PRESENTER_ABGR16161616F},
                                          {236, PRESENTER_XBGR16161616F}};
    for (int i = 0; i < 2; i++) {
        const struct layout layout = {0,        1, page / 16,           2, formats[i][0],
                                      page / 2, 0, {0, 0, page / 16, 2}};
        assert_ok(set_blob(world, &layout)); /* to the last byte */
        assert_int_equal(world->presenter.scanouts[0].picture.format, formats[i][1]);
        assert_false(world->presenter.scanouts[0].picture.is_pq);
    }
    const struct {
        struct layout layout;
        const char *reason;
    } cases[] = {
        {{0, 1, 4, 1, 94, 28, 0, {0, 0, 4, 1}}, "no layout"},
        {{0, 1, 4, 1, 94, 16, 0, {0, 0, 4, 1}}, "no layout"},
        {{0, 1, 4, 1, 94, 36, 0, {0, 0, 4, 1}}, "no layout"},
        {{0, 1, 4, 1, 94, 32, 4, {0, 0, 4, 1}}, "no layout"},
        {{0, 1, 0x20000000, 1, 94, 0, 0, {0, 0, 1, 1}}, "no layout"},
        {{0, 1, 2, 1, 94, 16, page - 8, {0, 0, 2, 1}}, "the blob has"},
        {{0, 1, page / 8, 2, 94, page, 0, {0, 0, 1, 1}}, "the blob has"},
        {{0, 1, 1, UINT32_MAX, 236, UINT32_MAX - 7, 0, {0, 0, 1, 1}}, "the blob has"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_refused(set_blob(world, &cases[i].layout), WIRE_ERR_INVALID_PARAMETER,
                       "SET_SCANOUT_BLOB", cases[i].reason);
    }
    world_destroy(world);
}

/* Ten bits a colour are what the display's EDID says: PQ, where it says that. */
static void test_ten_bits_on_a_display_of_high_range(void **state) {
    (void)state;
    static const struct {
        uint32_t format;
        bool is_pq;
    } formats[] = {{8, true}, {131, true}, {1, false}, {2, false}, {94, false}};
    for (int hdr = 0; hdr < 2; hdr++) {
        const struct device_options options = {.hdr = hdr};
        struct world *world = world_create(&options, 1);
        world_guest_blob(world, 1, WORLD_RAM, (uint32_t)platform_page_size());
        for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
            const struct layout layout = {0, 1, 2, 2, formats[i].format, 16, 0, {0, 0, 2, 2}};
            assert_ok(set_blob(world, &layout));
            assert_int_equal(world->presenter.scanouts[0].picture.is_pq, hdr && formats[i].is_pq);
        }
        world_destroy(world);
    }
}

static void test_blob_of_the_host(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    const uint32_t page = (uint32_t)platform_page_size();
    struct fake_context *context = world_context(world, 1);
    world_host_blob(world, context, 1, 5, 2 * page);
    const struct layout layout = {0, 5, page / 4, 2, 67, page, 0, {0, 0, page / 4, 2}};
    assert_ok(set_blob(world, &layout)); /* to the last byte */
    assert_non_null(world->presenter.scanouts[0].picture.storage);
    assert_int_equal(fake_presenter_pixel(&world->presenter, 0, page / 4 - 1, 1), 0);
    assert_ok(flush(world, 5, (struct wire_rect){0, 0, UINT32_MAX, UINT32_MAX}));
    assert_int_equal(world->presenter.scanouts[0].damage.width, page / 4);
    assert_int_equal(world->presenter.scanouts[0].damage.height, 2);
    assert_ok(unref(world, 5));
    assert_false(world->presenter.scanouts[0].shown);
    world_destroy(world);
}

static void test_bad_blobs(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    const uint32_t page = (uint32_t)platform_page_size();
    world_guest_blob(world, 1, WORLD_RAM, page);
    world_2d(world, 2, 4, 4);
    const struct {
        struct layout layout;
        uint32_t code;
        const char *reason;
    } cases[] = {
        {{1, 1, 1, 1, 1, 4, 0, {0, 0, 1, 1}}, WIRE_ERR_INVALID_SCANOUT_ID, "scanout_id 1"},
        {{0, 3, 1, 1, 1, 4, 0, {0, 0, 1, 1}}, WIRE_ERR_INVALID_RESOURCE_ID, "resource_id 3"},
        {{0, 2, 1, 1, 1, 4, 0, {0, 0, 1, 1}}, WIRE_ERR_INVALID_PARAMETER, "a 2D resource"},
        {{0, 1, 1, 1, 5, 4, 0, {0, 0, 1, 1}}, WIRE_ERR_INVALID_PARAMETER, "format 5"},
        {{0, 1, 0, 1, 1, 4, 0, {0, 0, 1, 1}}, WIRE_ERR_INVALID_PARAMETER, "no layout"},
        {{0, 1, 1, 0, 1, 4, 0, {0, 0, 1, 1}}, WIRE_ERR_INVALID_PARAMETER, "no layout"},
        {{0, 1, 2, 1, 1, 7, 0, {0, 0, 1, 1}}, WIRE_ERR_INVALID_PARAMETER, "no layout"},
        {{0, 1, 2, 1, 1, 9, 0, {0, 0, 1, 1}}, WIRE_ERR_INVALID_PARAMETER, "no layout"},
        {{0, 1, 1, 1, 1, 4, 2, {0, 0, 1, 1}}, WIRE_ERR_INVALID_PARAMETER, "no layout"},
        {{0, 1, 0x40000000, 1, 1, 0, 0, {0, 0, 1, 1}}, WIRE_ERR_INVALID_PARAMETER, "no layout"},
        {{0, 1, 1, 1, 1, 4, page, {0, 0, 1, 1}}, WIRE_ERR_INVALID_PARAMETER, "the blob has"},
        {{0, 1, 1, 2, 1, page, 0, {0, 0, 1, 1}}, WIRE_ERR_INVALID_PARAMETER, "the blob has"},
        {{0, 1, 1, UINT32_MAX, 1, UINT32_MAX - 3, 0, {0, 0, 1, 1}},
         WIRE_ERR_INVALID_PARAMETER,
         "the blob has"},
        {{0, 1, 1, 1, 1, 4, UINT32_MAX - 3, {0, 0, 1, 1}}, WIRE_ERR_INVALID_PARAMETER, "the blob"},
        {{0, 1, 4, 4, 1, 16, 0, {0, 0, 5, 1}}, WIRE_ERR_INVALID_PARAMETER, "outside of 4 × 4"},
        {{0, 1, 4, 4, 1, 16, 0, {0, 0, 0, 0}}, WIRE_ERR_INVALID_PARAMETER, "empty"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_refused(set_blob(world, &cases[i].layout), cases[i].code, "SET_SCANOUT_BLOB",
                       cases[i].reason);
    }
    assert_int_equal(world->presenter.scanouts[0].attach_count, 0);
    world_destroy(world);
}

/* ---- RESOURCE_FLUSH ---------------------------------------------------------------------- */

static void test_flush(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 3);
    world_2d(world, 1, 100, 100);
    world_2d(world, 2, 100, 100);
    assert_ok(set_scanout(world, 0, 1, (struct wire_rect){10, 10, 50, 50}));
    assert_ok(set_scanout(world, 1, 1, (struct wire_rect){60, 60, 40, 40}));
    assert_ok(set_scanout(world, 2, 2, (struct wire_rect){0, 0, 100, 100}));
    const struct fake_scanout *scanouts = world->presenter.scanouts;

    /* Each display that shows the resource is told what concerns it. */
    assert_ok(flush(world, 1, (struct wire_rect){0, 0, 100, 100}));
    assert_int_equal(scanouts[0].flush_count, 1);
    assert_int_equal(scanouts[1].flush_count, 1);
    assert_int_equal(scanouts[2].flush_count, 0);
    assert_int_equal(scanouts[0].damage.x, 10);
    assert_int_equal(scanouts[0].damage.width, 50);
    assert_int_equal(scanouts[1].damage.y, 60);
    assert_int_equal(scanouts[1].damage.height, 40);

    assert_ok(flush(world, 1, (struct wire_rect){5, 20, 10, 3}));
    assert_int_equal(scanouts[0].flush_count, 2);
    assert_int_equal(scanouts[0].damage.x, 10);
    assert_int_equal(scanouts[0].damage.y, 20);
    assert_int_equal(scanouts[0].damage.width, 5);
    assert_int_equal(scanouts[0].damage.height, 3);
    assert_int_equal(scanouts[1].flush_count, 1);

    assert_ok(flush(world, 1, (struct wire_rect){0, 0, 10, 10})); /* seen nowhere */
    assert_ok(flush(world, 1, (struct wire_rect){0, 0, 0, 0}));
    assert_int_equal(scanouts[0].flush_count, 2);

    static const struct wire_rect outside[] = {{0, 0, 101, 1},
                                               {0, 0, 1, 101},
                                               {100, 0, 1, 1},
                                               {UINT32_MAX, 0, 2, 1},
                                               {1, 1, UINT32_MAX, UINT32_MAX}};
    for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
        assert_refused(flush(world, 1, outside[i]), WIRE_ERR_INVALID_PARAMETER, "RESOURCE_FLUSH",
                       "outside of 100 × 100");
    }
    assert_refused(flush(world, 9, (struct wire_rect){0, 0, 1, 1}), WIRE_ERR_INVALID_RESOURCE_ID,
                   "RESOURCE_FLUSH", "resource_id 9");
    world_destroy(world);
}

static void test_fenced_flush(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 2);
    world_2d(world, 1, 4, 4);
    world_2d(world, 2, 4, 4);
    assert_ok(fenced_flush(world, 1, 5)); /* shown nowhere: complete */
    assert_ok(set_scanout(world, 0, 1, (struct wire_rect){0, 0, 4, 4}));
    assert_ok(set_scanout(world, 1, 1, (struct wire_rect){0, 0, 4, 4}));
    assert_ok(flush(world, 1, (struct wire_rect){0, 0, 4, 4})); /* without a fence at once */

    struct answer *first = fenced_flush(world, 1, 6);
    struct answer *second = fenced_flush(world, 1, 7);
    assert_waiting(first);
    assert_int_equal(world_counts(world).parked, 2);
    /* Both displays must have taken the pixels. */
    const uint64_t last = world->presenter.last_token;
    fake_presenter_take(&world->presenter, last - 3);
    world_dispatch(world);
    assert_waiting(first);
    fake_presenter_take(&world->presenter, last - 2);
    world_dispatch(world);
    assert_ok(first);
    assert_int_equal(first->header.flags, WIRE_FLAG_FENCE);
    assert_int_equal(first->header.fence_id, 6);
    assert_waiting(second);

    /* Meanwhile the resource can be used, and end. */
    assert_ok(SEND(world, wire_resource, WIRE_RESOURCE_UNREF, .resource_id = 1));
    assert_waiting(second);
    fake_presenter_take(&world->presenter, 0);
    world_dispatch(world);
    assert_ok(second);
    fake_presenter_take(&world->presenter, 1); /* late and out of order: nothing happens */
    world_dispatch(world);
    assert_int_equal(world_counts(world).parked, 0);
    world_destroy(world);
}

/* ---- cursors ----------------------------------------------------------------------------- */

static struct answer *update_cursor(struct world *world, uint32_t scanout, uint32_t id, uint32_t x,
                                    uint32_t y, uint32_t hot_x, uint32_t hot_y) {
    return SEND_TO_CURSOR(world, WIRE_UPDATE_CURSOR, .scanout_id = scanout, .resource_id = id,
                          .x = x, .y = y, .hot_x = hot_x, .hot_y = hot_y);
}

/* The cursor queue has no room for answers: a good request and a bad one differ in the log. */
static void assert_quiet(struct answer *answer) {
    assert_true(answer->done);
    assert_int_equal(answer->size, 0);
    assert_string_equal(log_capture_text(), "");
}

static void assert_refusal_said(struct answer *answer, const char *text) {
    assert_true(answer->done);
    assert_int_equal(answer->size, 0);
    if (!log_capture_has(text)) {
        fail_msg("expected \"%s\". Said: %s", text, log_capture_text());
    }
    log_capture_clear();
}

static void test_cursor(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 2);
    struct fake_scanout *scanout = &world->presenter.scanouts[1];
    uint32_t *pixels = (uint32_t *)(void *)world->ram;
    for (uint32_t i = 0; i < 4096; i++) {
        pixels[i] = 0x01020300 + i;
    }
    world_2d(world, 1, 64, 64);
    world_backing(world, 1, WORLD_RAM, 16384);
    assert_ok(SEND(world, wire_transfer_2d, WIRE_TRANSFER_TO_HOST_2D, .resource_id = 1,
                   .rect = {0, 0, 64, 64}));
    assert_quiet(update_cursor(world, 1, 1, 100, (uint32_t)-5, 3, 63));
    assert_true(scanout->has_cursor);
    assert_memory_equal(scanout->cursor, pixels, 16384);
    assert_int_equal(scanout->hot_x, 3);
    assert_int_equal(scanout->hot_y, 63);
    /* Linux places the image's corner, presenters its hot spot. */
    assert_int_equal(scanout->x, 103);
    assert_int_equal(scanout->y, 58);
    assert_false(world->presenter.scanouts[0].has_cursor);

    assert_quiet(SEND_TO_CURSOR(world, WIRE_MOVE_CURSOR, .scanout_id = 1, .x = 7, .y = 8,
                                .resource_id = 999));
    assert_int_equal(scanout->x, 10);
    assert_int_equal(scanout->y, 71);
    assert_true(scanout->has_cursor);
    assert_quiet(update_cursor(world, 1, 0, 9, 9, 99, 99));
    assert_false(scanout->has_cursor);
    assert_int_equal(scanout->x, 9);

    /* With room for an answer there is one. */
    struct wire_cursor move = {
        .header = {.type = WIRE_MOVE_CURSOR, .flags = WIRE_FLAG_FENCE, .fence_id = 12}};
    struct answer *answer =
        world_send_to(world, DEVICE_QUEUE_CURSOR, &move, sizeof(move), sizeof(move.header));
    assert_ok(answer);
    assert_int_equal(answer->header.fence_id, 12);
    world_destroy(world);
}

static void test_cursor_formats(void **state) {
    (void)state;
    /* The bytes 1, 2, 3, 4 in memory as 0xAARRGGBB. */
    static const uint32_t formats[][2] = {{1, 0x04030201},   {2, 0x04030201},  {3, 0x01020304},
                                          {4, 0x01020304},   {67, 0x04010203}, {68, 0x01040302},
                                          {121, 0x01040302}, {134, 0x04010203}};
    struct world *world = world_create(NULL, 1);
    for (uint32_t i = 0; i < 4096; i++) {
        memcpy(world->ram + 4 * i, "\1\2\3\4", 4);
    }
    for (uint32_t i = 0; i < 8; i++) {
        assert_ok(SEND(world, wire_create_2d, WIRE_RESOURCE_CREATE_2D, .resource_id = 1,
                       .format = formats[i][0], .width = 64, .height = 64));
        world_backing(world, 1, WORLD_RAM, 16384);
        assert_ok(SEND(world, wire_transfer_2d, WIRE_TRANSFER_TO_HOST_2D, .resource_id = 1,
                       .rect = {0, 0, 64, 64}));
        assert_quiet(update_cursor(world, 0, 1, 0, 0, 0, 0));
        assert_int_equal(world->presenter.scanouts[0].cursor[0], formats[i][1]);
        assert_int_equal(world->presenter.scanouts[0].cursor[4095], formats[i][1]);
        assert_ok(unref(world, 1));
    }
    world_destroy(world);
}

static void test_cursor_of_blobs(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    struct fake_context *context = world_context(world, 1);
    memset(world->ram, 0x5a, 16384);
    world_guest_blob(world, 1, WORLD_RAM, 16384);
    world_host_blob(world, context, 1, 2, 16384);
    assert_quiet(update_cursor(world, 0, 1, 0, 0, 0, 0));
    assert_int_equal(world->presenter.scanouts[0].cursor[4095], 0x5a5a5a5a);
    assert_quiet(update_cursor(world, 0, 2, 0, 0, 0, 0));
    assert_int_equal(world->presenter.scanouts[0].cursor[4095], 0);
    world_destroy(world);
}

static void test_bad_cursors(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    const uint32_t page = (uint32_t)platform_page_size();
    world_2d(world, 1, 64, 64);
    world_2d(world, 2, 64, 63);
    if (page < 16384) {
        world_guest_blob(world, 3, WORLD_RAM, page);
        assert_refusal_said(update_cursor(world, 0, 3, 0, 0, 0, 0),
                            "UPDATE_CURSOR: resource_id 3: a blob without the 16384 bytes");
    }
    assert_refusal_said(update_cursor(world, 1, 1, 0, 0, 0, 0),
                        "UPDATE_CURSOR: scanout_id 1: there are 1");
    assert_refusal_said(update_cursor(world, 0, 9, 0, 0, 0, 0),
                        "UPDATE_CURSOR: resource_id 9: no such resource");
    assert_refusal_said(update_cursor(world, 0, 2, 0, 0, 0, 0),
                        "UPDATE_CURSOR: resource_id 2: 64 × 63 pixels");
    assert_refusal_said(update_cursor(world, 0, 1, 0, 0, 64, 0), "hot spot 64, 0");
    assert_refusal_said(update_cursor(world, 0, 1, 0, 0, 0, UINT32_MAX), "hot spot 0, 4294967295");
    assert_refusal_said(SEND_TO_CURSOR(world, WIRE_MOVE_CURSOR, .scanout_id = 16),
                        "MOVE_CURSOR: scanout_id 16");
    assert_false(world->presenter.scanouts[0].has_cursor);
    assert_int_equal(world_counts(world).errors, page < 16384 ? 7 : 6);
    world_destroy(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_scanout),
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_bad_scanouts),
        cmocka_unit_test(test_blob_of_guest_memory),
        cmocka_unit_test(test_blob_of_half_floats),
        cmocka_unit_test(test_ten_bits_on_a_display_of_high_range),
        cmocka_unit_test(test_blob_of_the_host),
        cmocka_unit_test(test_bad_blobs),
        cmocka_unit_test(test_flush),
        cmocka_unit_test(test_fenced_flush),
        cmocka_unit_test(test_cursor),
        cmocka_unit_test(test_cursor_formats),
        cmocka_unit_test(test_cursor_of_blobs),
        cmocka_unit_test(test_bad_cursors),
    };
    return cmocka_run_group_tests_name("device scanouts", tests, NULL, NULL) ? 1 : 0;
}
