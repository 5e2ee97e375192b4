/* Where a picture goes in a window. Pure. */
#ifndef VESPER_DISPLAY_SCALING_H
#define VESPER_DISPLAY_SCALING_H

#include <stdint.h>

#include "display/presenter.h"

enum display_scale {
    DISPLAY_SCALE_FIT,     /* as large as fits, in its proportions */
    DISPLAY_SCALE_INTEGER, /* the largest whole multiple that fits; fit, where none does */
    DISPLAY_SCALE_NONE,    /* pixel for pixel, cut off where the window is smaller */
};

/* Where a picture of `width` × `height` goes in a window of `window_width` × `window_height` (all
 * 1 … 16384 pixels): *out_source of the picture fills *out_target of the window, in the middle.
 * Neither is empty. */
void display_scale_place(enum display_scale scale, uint32_t width, uint32_t height,
                         uint32_t window_width, uint32_t window_height,
                         struct presenter_rect *out_source, struct presenter_rect *out_target);

#endif
