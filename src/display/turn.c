#include "display/turn.h"

#include <stddef.h>
#include <string.h>

bool display_turn_parse(const char *text, enum display_turn *out) {
    static const char *const names[] = {"0", "90", "180", "270"};
    for (int i = 0; i < 4; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (enum display_turn)i;
            return true;
        }
    }
    return false;
}

enum display_turn display_turn_add(enum display_turn first, enum display_turn second) {
    return (enum display_turn)(((unsigned)first + (unsigned)second) % 4);
}

enum display_turn display_turn_back(enum display_turn turn) {
    return (enum display_turn)((4 - (unsigned)turn) % 4);
}

void display_turn_size(enum display_turn turn, uint32_t *width, uint32_t *height) {
    if (turn % 2) {
        const uint32_t kept = *width;
        *width = *height;
        *height = kept;
    }
}

void display_turn_pixel(enum display_turn turn, uint32_t width, uint32_t height, uint32_t *x,
                        uint32_t *y) {
    const struct presenter_rect pixel = {*x, *y, 1, 1};
    const struct presenter_rect turned = display_turn_rect(turn, width, height, &pixel);
    *x = turned.x;
    *y = turned.y;
}

struct presenter_rect display_turn_rect(enum display_turn turn, uint32_t width, uint32_t height,
                                        const struct presenter_rect *rect) {
    const uint32_t right = width - rect->x - rect->width, below = height - rect->y - rect->height;
    switch (turn) {
    case DISPLAY_TURN_90:
        return (struct presenter_rect){below, rect->x, rect->height, rect->width};
    case DISPLAY_TURN_180:
        return (struct presenter_rect){right, below, rect->width, rect->height};
    case DISPLAY_TURN_270:
        return (struct presenter_rect){rect->y, right, rect->height, rect->width};
    default:
        return *rect;
    }
}

void display_turn_copy(enum display_turn turn, uint32_t width, uint32_t height,
                       const uint32_t *pixels, uint32_t stride, const struct presenter_rect *rect,
                       uint32_t *out) {
    uint32_t out_width = width, out_height = height;
    display_turn_size(turn, &out_width, &out_height);
    /* How far it is in `out` from a pixel to the one on the right of it. */
    const ptrdiff_t steps[] = {1, (ptrdiff_t)out_width, -1, -(ptrdiff_t)out_width};
    for (uint32_t y = rect->y; y < rect->y + rect->height; y++) {
        const uint32_t *from = pixels + (size_t)stride * y + rect->x;
        uint32_t to_x = rect->x, to_y = y;
        display_turn_pixel(turn, width, height, &to_x, &to_y);
        uint32_t *to = out + (size_t)out_width * to_y + to_x;
        if (turn == DISPLAY_TURN_0) {
            memcpy(to, from, (size_t)rect->width * sizeof(*to));
            continue;
        }
        for (uint32_t x = 0; x < rect->width; x++) {
            to[steps[turn] * (ptrdiff_t)x] = from[x];
        }
    }
}
