/* Which rectangles of an image have changed: a short list, so that two far ends of a screen do not
 * make the whole of it change. Not thread-safe; nothing is allocated. */
#ifndef VESPER_DISPLAY_DAMAGE_H
#define VESPER_DISPLAY_DAMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "display/presenter.h"

#define DISPLAY_DAMAGE_RECTS 16

/* Rectangles may overlap; none is empty. All zero: nothing has changed. */
struct display_damage {
    uint32_t count;
    struct presenter_rect rects[DISPLAY_DAMAGE_RECTS];
};

/* The pixels that both have; false, with *out empty, where there are none. Any numbers will do,
 * also those whose sum wraps. */
bool display_rect_clip(const struct presenter_rect *a, const struct presenter_rect *b,
                       struct presenter_rect *out);

/* Adds the pixels of `rect`, whose x + width and y + height fit in uint32_t; an empty one is
 * ignored. Where the list is full it becomes the rectangle around everything. */
void display_damage_add(struct display_damage *damage, const struct presenter_rect *rect);

/* The rectangle around everything; 0 × 0 where nothing has changed. */
struct presenter_rect display_damage_bounds(const struct display_damage *damage);

#endif
