#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_presenter.h"

#include <string.h>

static struct fake_presenter *from(struct presenter *presenter) {
    return (struct fake_presenter *)presenter;
}

static struct fake_scanout *scanout_of(struct presenter *presenter, uint32_t scanout) {
    assert_true(scanout < presenter->scanout_count);
    return &from(presenter)->scanouts[scanout];
}

static void hide(struct fake_scanout *scanout) {
    if (scanout->shown) {
        storage_unref(scanout->picture.storage);
        pages_unref(scanout->picture.pages);
        scanout->shown = false;
    }
}

static void fake_set_listener(struct presenter *presenter,
                              const struct presenter_listener *listener, void *user) {
    from(presenter)->listener = listener ? *listener : (struct presenter_listener){NULL, NULL};
    from(presenter)->user = user;
}

/* The device must have checked what the contract says that it has checked. */
static void check_picture(const struct presenter_picture *picture,
                          const struct presenter_rect *source) {
    assert_true((picture->storage != NULL) != (picture->pages != NULL));
    assert_true(presenter_format_is_known(picture->format));
    assert_true(picture->width >= 1 && picture->height >= 1);
    const uint64_t row_bytes = (uint64_t)presenter_format_bytes(picture->format) * picture->width;
    assert_true(picture->stride >= row_bytes);
    assert_true(!picture->is_pq || presenter_format_is_deep(picture->format));
    const uint64_t size =
        picture->storage ? storage_get_size(picture->storage) : pages_get_size(picture->pages);
    const uint64_t end =
        picture->offset + (uint64_t)picture->stride * (picture->height - 1) + row_bytes;
    assert_true(end <= size);
    assert_true(source->width >= 1 && source->height >= 1);
    assert_true((uint64_t)source->x + source->width <= picture->width);
    assert_true((uint64_t)source->y + source->height <= picture->height);
}

static int fake_attach(struct presenter *presenter, uint32_t index,
                       const struct presenter_picture *picture,
                       const struct presenter_rect *source) {
    struct fake_scanout *scanout = scanout_of(presenter, index);
    check_picture(picture, source);
    hide(scanout);
    scanout->attach_count++;
    if (from(presenter)->attach_error) {
        return from(presenter)->attach_error;
    }
    scanout->picture = *picture;
    scanout->source = *source;
    if (picture->storage) {
        storage_ref(picture->storage);
    } else {
        pages_ref(picture->pages);
    }
    scanout->shown = true;
    return 0;
}

static void fake_detach(struct presenter *presenter, uint32_t index) {
    hide(scanout_of(presenter, index));
    scanout_of(presenter, index)->detach_count++;
}

static void fake_flush(struct presenter *presenter, uint32_t index,
                       const struct presenter_rect *damage, uint64_t token) {
    struct fake_scanout *scanout = scanout_of(presenter, index);
    assert_true(scanout->shown);
    assert_true(token > from(presenter)->last_token);
    from(presenter)->last_token = token;
    scanout->damage = *damage;
    scanout->token = token;
    scanout->flush_count++;
}

static void fake_set_cursor(struct presenter *presenter, uint32_t index, const uint32_t *pixels,
                            uint32_t hot_x, uint32_t hot_y) {
    struct fake_scanout *scanout = scanout_of(presenter, index);
    scanout->has_cursor = pixels != NULL;
    scanout->hot_x = hot_x;
    scanout->hot_y = hot_y;
    if (pixels) {
        assert_true(hot_x < PRESENTER_CURSOR_SIZE && hot_y < PRESENTER_CURSOR_SIZE);
        memcpy(scanout->cursor, pixels, sizeof(scanout->cursor));
    }
}

static void fake_move_cursor(struct presenter *presenter, uint32_t index, int32_t x, int32_t y) {
    scanout_of(presenter, index)->x = x;
    scanout_of(presenter, index)->y = y;
}

static const struct presenter_ops fake_ops = {
    .set_listener = fake_set_listener,
    .attach = fake_attach,
    .detach = fake_detach,
    .flush = fake_flush,
    .set_cursor = fake_set_cursor,
    .move_cursor = fake_move_cursor,
};

void fake_presenter_init(struct fake_presenter *presenter, uint32_t scanout_count) {
    memset(presenter, 0, sizeof(*presenter));
    presenter->base.ops = &fake_ops;
    presenter->base.scanout_count = scanout_count;
}

void fake_presenter_finish(struct fake_presenter *presenter) {
    for (uint32_t i = 0; i < presenter->base.scanout_count; i++) {
        hide(&presenter->scanouts[i]);
    }
}

void fake_presenter_take(struct fake_presenter *presenter, uint64_t token) {
    presenter->listener.flushed(presenter->user, token ? token : presenter->last_token);
}

uint32_t fake_presenter_pixel(const struct fake_presenter *presenter, uint32_t index, uint32_t x,
                              uint32_t y) {
    const struct fake_scanout *scanout = &presenter->scanouts[index];
    assert_true(scanout->shown);
    const struct presenter_picture *picture = &scanout->picture;
    const uint64_t at = picture->offset + (uint64_t)picture->stride * (scanout->source.y + y) +
                        (scanout->source.x + x) * UINT64_C(4);
    uint32_t pixel;
    if (picture->pages) {
        assert_int_equal(pages_read(picture->pages, at, &pixel, sizeof(pixel)), 0);
        return pixel;
    }
    void *bytes;
    assert_int_equal(storage_map(picture->storage, &bytes), 0);
    memcpy(&pixel, (const char *)bytes + at, sizeof(pixel));
    return pixel;
}
