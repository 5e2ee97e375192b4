/* Where a pointer in a window is on the guest's desktop, whose displays stand side by side from
 * left to right in their order, as the device tells the guest that they do (device/display.c).
 * One thread. */
#ifndef VESPER_DISPLAY_DESKTOP_H
#define VESPER_DISPLAY_DESKTOP_H

#include <stdint.h>

#include "display/presenter.h"
#include "display/scaling.h"
#include "display/turn.h"

struct desktop_display {
    uint32_t width, height; /* pixels of the guest's picture; 0: the display is not there */
};

struct desktop {
    struct desktop_display displays[PRESENTER_SCANOUTS_MAX];
};

/* A window, at the moment of an event. */
struct desktop_window {
    uint32_t scanout;       /* that it shows; < PRESENTER_SCANOUTS_MAX */
    uint32_t width, height; /* pixels, 1 … 16384 */
    enum display_scale scale;
    enum display_turn turn; /* of the picture in it */
};

/* The place of the window's pixel x, y (it may lie outside: the nearest one of the picture counts)
 * on the desktop, as fractions of the desktop's sides in 32768ths: 0 … INPUT_ABS_MAX. A driver that
 * undoes this finds the pixel, where the desktop has no more than 32768 pixels each way. */
void desktop_place(const struct desktop *desktop, const struct desktop_window *window, double x,
                   double y, uint32_t *out_x, uint32_t *out_y);

#endif
