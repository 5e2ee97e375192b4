#include "display/surface.h"

#include <errno.h>
#include <pixman.h>
#include <stddef.h>
#include <string.h>

#include "display/pixels.h"
#include "util/log.h"

int display_surface_init(struct display_surface *surface) {
    memset(surface, 0, sizeof(*surface));
    surface->cursor_image = pixman_image_create_bits_no_clear(
        PIXMAN_a8r8g8b8, PRESENTER_CURSOR_SIZE, PRESENTER_CURSOR_SIZE, surface->cursor.pixels,
        4 * PRESENTER_CURSOR_SIZE);
    return surface->cursor_image ? 0 : -ENOMEM;
}

void display_surface_finish(struct display_surface *surface) {
    if (surface->image) {
        pixman_image_unref(surface->image);
    }
    pixman_image_unref(surface->cursor_image);
}

static struct presenter_rect whole_of(const struct display_surface *surface) {
    return (struct presenter_rect){0, 0, surface->width, surface->height};
}

/* ---- cursor ------------------------------------------------------------------------------ */

/* Copies the cursor's rectangle out of the image (`save`), or back into it. */
static void copy_under(struct display_surface *surface, bool save) {
    const struct presenter_rect *rect = &surface->under_rect;
    const size_t words = (size_t)pixman_image_get_stride(surface->image) / 4;
    uint32_t *image = pixman_image_get_data(surface->image) + words * rect->y + rect->x;
    for (uint32_t row = 0; row < rect->height; row++) {
        uint32_t *kept = surface->under + (size_t)rect->width * row;
        uint32_t *shown = image + words * row;
        memcpy(save ? kept : shown, save ? shown : kept, 4 * (size_t)rect->width);
    }
}

static void lift_cursor(struct display_surface *surface) {
    if (surface->under_rect.width > 0) {
        copy_under(surface, false);
        surface->under_rect = (struct presenter_rect){0};
    }
}

/* Cuts start … start + PRESENTER_CURSOR_SIZE down to 0 … limit; false where nothing is left. */
static bool cut(int64_t start, uint32_t limit, uint32_t *out_start, uint32_t *out_size) {
    const int64_t from = start > 0 ? start : 0;
    const int64_t to =
        start + PRESENTER_CURSOR_SIZE < limit ? start + PRESENTER_CURSOR_SIZE : limit;
    if (to <= from) {
        return false;
    }
    *out_start = (uint32_t)from;
    *out_size = (uint32_t)(to - from);
    return true;
}

static void draw_cursor(struct display_surface *surface) {
    const struct display_cursor *cursor = &surface->cursor;
    const int64_t left = (int64_t)cursor->x - cursor->hot_x;
    const int64_t top = (int64_t)cursor->y - cursor->hot_y;
    struct presenter_rect rect;
    if (!surface->signal || !cursor->visible || !cut(left, surface->width, &rect.x, &rect.width) ||
        !cut(top, surface->height, &rect.y, &rect.height)) {
        return;
    }
    surface->under_rect = rect;
    copy_under(surface, true);
    pixman_image_composite32(PIXMAN_OP_OVER, surface->cursor_image, NULL, surface->image,
                             (int)(rect.x - left), (int)(rect.y - top), 0, 0, (int)rect.x,
                             (int)rect.y, (int)rect.width, (int)rect.height);
}

static void change_cursor(struct display_surface *surface, const struct display_update *update) {
    struct display_cursor *cursor = &surface->cursor;
    if (update->cursor_image_new) {
        cursor->visible = update->cursor.visible;
        cursor->hot_x = update->cursor.hot_x;
        cursor->hot_y = update->cursor.hot_y;
        memcpy(cursor->pixels, update->cursor.pixels, sizeof(cursor->pixels));
    }
    if (update->cursor_place_new) {
        cursor->x = update->cursor.x;
        cursor->y = update->cursor.y;
    }
}

/* ---- picture ----------------------------------------------------------------------------- */

static bool has_size(const struct display_surface *surface, uint32_t width, uint32_t height) {
    return surface->image && surface->width == width && surface->height == height;
}

static bool set_size(struct display_surface *surface, uint32_t width, uint32_t height) {
    pixman_image_t *image =
        pixman_image_create_bits(PIXMAN_a8r8g8b8, (int)width, (int)height, NULL, 0);
    if (!image) {
        log_error("display: no memory to show %u x %u pixels", width, height);
        return false;
    }
    if (surface->image) {
        pixman_image_unref(surface->image);
    }
    surface->image = image;
    surface->width = width;
    surface->height = height;
    return true;
}

static void show(struct display_surface *surface, const struct display_view *view,
                 const struct display_damage *damage) {
    const uint32_t width = view->source.width;
    const uint32_t height = view->source.height;
    const struct display_damage everything = {1, {{0, 0, width, height}}};
    if (!has_size(surface, width, height)) {
        if (!set_size(surface, width, height)) {
            return;
        }
        damage = &everything;
    }
    surface->signal = true;
    for (uint32_t i = 0; i < damage->count; i++) {
        if (!display_pixels_copy(view, &damage->rects[i], surface->image, surface->scratch)) {
            log_error("display: no memory to compose a picture");
            return;
        }
        display_damage_add(&surface->damage, &damage->rects[i]);
    }
}

static void show_nothing(struct display_surface *surface) {
    if (!surface->signal) {
        return;
    }
    surface->signal = false;
    const pixman_color_t black = {.alpha = 0xffff};
    const pixman_box32_t all = {0, 0, (int)surface->width, (int)surface->height};
    const struct presenter_rect whole = whole_of(surface);
    (void)pixman_image_fill_boxes(PIXMAN_OP_SRC, surface->image, &black, 1, &all);
    display_damage_add(&surface->damage, &whole);
}

void display_surface_apply(struct display_surface *surface, const struct display_update *update) {
    const bool shows = !display_view_is_empty(&update->view);
    const bool moves = update->cursor_image_new || update->cursor_place_new;
    if (!shows && !update->blank && !moves) {
        return;
    }
    const struct presenter_rect old_rect = surface->under_rect;
    const uint32_t old_width = surface->width;
    const uint32_t old_height = surface->height;
    lift_cursor(surface);
    if (shows) {
        show(surface, &update->view, &update->damage);
    } else if (update->blank) {
        show_nothing(surface);
    }
    change_cursor(surface, update);
    draw_cursor(surface);
    const bool same_size = surface->width == old_width && surface->height == old_height;
    if (!same_size) {
        /* Damage of the old size says nothing about the new image. */
        const struct presenter_rect whole = whole_of(surface);
        surface->damage.count = 0;
        display_damage_add(&surface->damage, &whole);
    } else if (moves) {
        display_damage_add(&surface->damage, &old_rect);
        display_damage_add(&surface->damage, &surface->under_rect);
    }
}
