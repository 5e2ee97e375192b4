/* Pictures that are turned on the screen, by quarters. Pure; any thread. */
#ifndef VESPER_DISPLAY_TURN_H
#define VESPER_DISPLAY_TURN_H

#include <stdbool.h>
#include <stdint.h>

#include "display/presenter.h"

/* How far clockwise; the shader has the same numbers, which add up modulo 4. */
enum display_turn {
    DISPLAY_TURN_0,
    DISPLAY_TURN_90,
    DISPLAY_TURN_180,
    DISPLAY_TURN_270,
};

/* "0", "90", "180" or "270"; false: none of them. */
bool display_turn_parse(const char *text, enum display_turn *out);

/* One turn after the other. */
enum display_turn display_turn_add(enum display_turn first, enum display_turn second);
/* What undoes it. */
enum display_turn display_turn_back(enum display_turn turn);

/* The sides of a picture become those that it has when it is turned, and back. */
void display_turn_size(enum display_turn turn, uint32_t *width, uint32_t *height);

/* Where the pixel *x, *y of a picture of `width` × `height` pixels is when it is turned. */
void display_turn_pixel(enum display_turn turn, uint32_t width, uint32_t height, uint32_t *x,
                        uint32_t *y);
/* The same of the pixels `rect`, inside the picture. */
struct presenter_rect display_turn_rect(enum display_turn turn, uint32_t width, uint32_t height,
                                        const struct presenter_rect *rect);

/* Copies the pixels `rect` of a picture of `width` × `height` words, whose rows are `stride` words apart,
 * to where they are in `out`, the turned picture, without gaps. */
void display_turn_copy(enum display_turn turn, uint32_t width, uint32_t height,
                       const uint32_t *pixels, uint32_t stride, const struct presenter_rect *rect,
                       uint32_t *out);

#endif
