#include "model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "display/colour.h"

void model_finish(struct model *model) {
    free(model->pixels);
    *model = (struct model){0};
}

void model_show(struct model *model, const struct canvas *canvas,
                const struct presenter_rect *source) {
    free(model->pixels);
    model->width = source->width;
    model->height = source->height;
    model->signal = true;
    model->tolerance =
        display_colour_of(canvas->picture.format, canvas->picture.is_pq) != DISPLAY_COLOUR_SRGB;
    model->pixels = calloc((size_t)source->width * source->height, 4);
    assert_non_null(model->pixels);
    model_flush(model, canvas, source, source);
}

void model_flush(struct model *model, const struct canvas *canvas,
                 const struct presenter_rect *source, const struct presenter_rect *damage) {
    for (uint32_t y = damage->y; y < damage->y + damage->height; y++) {
        for (uint32_t x = damage->x; x < damage->x + damage->width; x++) {
            const size_t place = (size_t)(y - source->y) * model->width + (x - source->x);
            model->pixels[place] = canvas_colour(&canvas->picture, canvas_get(canvas, x, y));
        }
    }
}

void model_detach(struct model *model) {
    model->signal = false;
    for (size_t i = 0; i < (size_t)model->width * model->height; i++) {
        model->pixels[i] = 0xff000000;
    }
}

void model_cursor(struct model *model, const uint32_t *pixels, int32_t x, int32_t y, uint32_t hot_x,
                  uint32_t hot_y) {
    model->cursor = pixels;
    model->cursor_left = (int64_t)x - hot_x;
    model->cursor_top = (int64_t)y - hot_y;
}

/* One channel of premultiplied `over` (whose alpha is given) on opaque `under`. */
static uint32_t blend(uint32_t over, uint32_t under, unsigned shift, uint32_t alpha) {
    const uint32_t covered = ((under >> shift & 0xff) * (255 - alpha) + 127) / 255;
    const uint32_t sum = (over >> shift & 0xff) + covered;
    return (sum > 255 ? 255 : sum) << shift;
}

uint32_t model_pixel(const struct model *model, uint32_t x, uint32_t y) {
    const uint32_t under = model->pixels[(size_t)y * model->width + x];
    const int64_t cursor_x = x - model->cursor_left;
    const int64_t cursor_y = y - model->cursor_top;
    if (!model->signal || !model->cursor || cursor_x < 0 || cursor_y < 0 ||
        cursor_x >= PRESENTER_CURSOR_SIZE || cursor_y >= PRESENTER_CURSOR_SIZE) {
        return under;
    }
    const uint32_t over = model->cursor[cursor_y * PRESENTER_CURSOR_SIZE + cursor_x];
    const uint32_t alpha = over >> 24;
    return 0xff000000 | blend(over, under, 16, alpha) | blend(over, under, 8, alpha) |
           blend(over, under, 0, alpha);
}
