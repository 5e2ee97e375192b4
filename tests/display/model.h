/* A scanout as it should look: the picture as of its flushes, a cursor over it. */
#ifndef VESPER_TESTS_MODEL_H
#define VESPER_TESTS_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "canvas.h"
#include "display/presenter.h"

struct model {
    uint32_t width, height; /* 0: never shown */
    bool signal;
    uint32_t *pixels; /* without the cursor */
    unsigned tolerance; /* steps of 255 that a colour may be beside; 0 of sRGB */
    const uint32_t *cursor; /* NULL: hidden; borrowed */
    int64_t cursor_left, cursor_top;
};

void model_finish(struct model *model);
/* The flush of all of `source` of a canvas just attached. */
void model_show(struct model *model, const struct canvas *canvas,
                const struct presenter_rect *source);
/* The flush of `damage` (of the canvas, inside `source`) of a canvas shown before. */
void model_flush(struct model *model, const struct canvas *canvas,
                 const struct presenter_rect *source, const struct presenter_rect *damage);
void model_detach(struct model *model);
void model_cursor(struct model *model, const uint32_t *pixels, int32_t x, int32_t y, uint32_t hot_x,
                  uint32_t hot_y);
/* What a pixel should be: XRGB8888, X 0xff. */
uint32_t model_pixel(const struct model *model, uint32_t x, uint32_t y);

#endif
