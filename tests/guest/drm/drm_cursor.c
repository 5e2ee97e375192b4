/*
 * The hardware cursor: over the picture, moved, half beyond every edge, with another image,
 * hidden, with a hot spot; by the old calls or, with `--commit atomic`, by its plane.
 */
#include "common/atomic.h"
#include "common/script.h"

#include <string.h>

#include <drm_fourcc.h>

enum { SIDE = 64, HOT_X = 9, HOT_Y = 21 };

struct cursor {
    struct card *card;
    struct card_output *output;
    struct script *script;
    bool atomic;
    struct picture scene;
    struct framebuffer images[2];
    uint32_t pixels[2][SIDE * SIDE];
    uint32_t current;
    int32_t x, y; /* of the image's upper left corner */
};

/* Premultiplied: an opaque arrow, a ring that is half transparent, nothing elsewhere. */
static void draw_image(uint32_t *pixels, uint32_t seed) {
    for (uint32_t y = 0; y < SIDE; y++) {
        for (uint32_t x = 0; x < SIDE; x++) {
            const int32_t dx = (int32_t)x - 32, dy = (int32_t)y - 32;
            const int32_t square = dx * dx + dy * dy;
            uint32_t pixel = 0;
            if (x >= HOT_X && y >= HOT_Y && (x - HOT_X) * 2 <= y - HOT_Y) {
                pixel = 0xff000000 | picture_weave(x, y, seed);
            } else if (square > 20 * 20 && square < 30 * 30) {
                pixel = 0x80000000 | (picture_gradient(x, y, seed) >> 1 & 0x7f7f7f);
            }
            pixels[y * SIDE + x] = pixel;
        }
    }
}

static void create_images(struct cursor *cursor) {
    for (uint32_t i = 0; i < 2; i++) {
        draw_image(cursor->pixels[i], 20 + i);
        cursor->images[i] = framebuffer_create_dumb(cursor->card, SIDE, SIDE);
        struct framebuffer *fb = &cursor->images[i];
        GUEST_CHECK(drmModeRmFB(fb->card, fb->id) == 0, "drmModeRmFB");
        const uint32_t handles[4] = {fb->handle}, strides[4] = {fb->stride}, offsets[4] = {0};
        int error = drmModeAddFB2(fb->card, SIDE, SIDE, DRM_FORMAT_ARGB8888, handles, strides,
                                  offsets, &fb->id, 0);
        GUEST_CHECK(error == 0, "drmModeAddFB2 of a cursor: %s", strerror(-error));
        const struct picture picture = {SIDE, SIDE, cursor->pixels[i]};
        framebuffer_draw(fb, &picture);
    }
}

static void commit_cursor(struct cursor *cursor, bool visible) {
    struct atomic atomic;
    atomic_begin(&atomic, cursor->card);
    atomic_set_cursor(&atomic, cursor->output, visible ? &cursor->images[cursor->current] : NULL,
                      cursor->x, cursor->y);
    atomic_commit(&atomic, 0, NULL);
}

static void set_image(struct cursor *cursor, uint32_t image) {
    cursor->current = image;
    if (cursor->atomic) {
        commit_cursor(cursor, true);
        return;
    }
    int error = drmModeSetCursor2(cursor->card->fd, cursor->output->crtc,
                                  cursor->images[image].handle, SIDE, SIDE, HOT_X, HOT_Y);
    GUEST_CHECK(error == 0, "drmModeSetCursor2: %s", strerror(-error));
}

static void hide(struct cursor *cursor) {
    if (cursor->atomic) {
        commit_cursor(cursor, false);
        return;
    }
    int error = drmModeSetCursor(cursor->card->fd, cursor->output->crtc, 0, 0, 0);
    GUEST_CHECK(error == 0, "drmModeSetCursor off: %s", strerror(-error));
}

static void move(struct cursor *cursor, int32_t x, int32_t y) {
    cursor->x = x;
    cursor->y = y;
    if (cursor->atomic) {
        commit_cursor(cursor, true);
        return;
    }
    int error = drmModeMoveCursor(cursor->card->fd, cursor->output->crtc, x, y);
    GUEST_CHECK(error == 0, "drmModeMoveCursor: %s", strerror(-error));
}

/* The kernel's position is that of the image; the hot spot only says which of its pixels points. */
static void check(struct cursor *cursor) {
    struct picture expected = picture_copy(&cursor->scene);
    picture_blend(&expected, cursor->pixels[cursor->current], SIDE, cursor->x, cursor->y);
    guest_say("cursor %u at %d, %d", cursor->current, cursor->x, cursor->y);
    script_show(cursor->script, cursor->output->scanout, &expected, 1);
    script_wait(cursor->script);
    picture_destroy(&expected);
}

static void walk(struct cursor *cursor, int32_t to_x, int32_t to_y) {
    const int32_t from_x = cursor->x, from_y = cursor->y;
    for (int32_t i = 1; i <= 50; i++) {
        move(cursor, from_x + (to_x - from_x) * i / 50, from_y + (to_y - from_y) * i / 50);
    }
}

static void run(struct cursor *cursor) {
    const int32_t width = (int32_t)cursor->scene.width, height = (int32_t)cursor->scene.height;
    const int32_t places[][2] = {
        {100, 50}, {width / 2, height / 3}, {-31, 77}, {width / 4, -20}, {width - 17, height - 40},
    };
    script_check(cursor->script, cursor->output->scanout, &cursor->scene);
    set_image(cursor, 0);
    for (uint32_t i = 0; i < GUEST_COUNT(places); i++) {
        walk(cursor, places[i][0], places[i][1]);
        check(cursor);
    }
    walk(cursor, 200, 150);
    set_image(cursor, 1);
    check(cursor);

    /* A picture that changes below must not take the cursor away. */
    const drmModeModeInfo mode = cursor->output->modes[0];
    struct framebuffer below = framebuffer_create_dumb(cursor->card, mode.hdisplay, mode.vdisplay);
    picture_destroy(&cursor->scene);
    cursor->scene = picture_scene(below.width, below.height, 23);
    framebuffer_draw(&below, &cursor->scene);
    card_set_crtc(cursor->card, cursor->output, &mode, below.id, 0, 0);
    check(cursor);

    hide(cursor);
    guest_say("no cursor");
    script_check(cursor->script, cursor->output->scanout, &cursor->scene);
    framebuffer_destroy(&below);
}

int main(int argc, char **argv) {
    const struct guest g = {.name = "drm_cursor", .argc = argc, .argv = argv};
    static struct cursor cursor;
    struct card card;
    struct script script;
    card_open(&card, &g);
    script_init(&script, &g);
    cursor.card = &card;
    cursor.script = &script;
    cursor.output = card_pick_output(&card, &g);
    cursor.atomic = strcmp(guest_option(&g, "--commit", "legacy"), "atomic") == 0;
    if (cursor.atomic && !cursor.output->cursor) {
        guest_skip("this kernel shows atomic clients no cursor plane");
    }
    const drmModeModeInfo mode = cursor.output->modes[0];
    struct framebuffer fb = framebuffer_create_dumb(&card, mode.hdisplay, mode.vdisplay);
    cursor.scene = picture_scene(fb.width, fb.height, 22);
    framebuffer_draw(&fb, &cursor.scene);
    card_set_crtc(&card, cursor.output, &mode, fb.id, 0, 0);
    create_images(&cursor);
    run(&cursor);
    picture_destroy(&cursor.scene);
    framebuffer_destroy(&cursor.images[0]);
    framebuffer_destroy(&cursor.images[1]);
    framebuffer_destroy(&fb);
    card_close(&card);
    guest_say("drm_cursor: every check held");
    return 0;
}
