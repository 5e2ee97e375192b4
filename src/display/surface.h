/* A surface: what one scanout shows, composed into an image in memory, with its cursor.
 * One thread at a time. */
#ifndef VESPER_DISPLAY_SURFACE_H
#define VESPER_DISPLAY_SURFACE_H

#include <stdbool.h>
#include <stdint.h>

#include "display/damage.h"
#include "display/update.h"

union pixman_image; /* pixman_image_t */

struct display_surface {
    union pixman_image
        *image; /* a8r8g8b8, every pixel opaque, the cursor in it; NULL: never shown */
    uint32_t width, height;
    bool signal; /* a picture is shown; else the image is black */

    union pixman_image *cursor_image; /* the pixels of `cursor` */
    struct display_cursor cursor;
    /* What the cursor hides, so that moving it does not read the guest's memory: that may be
     * half drawn. */
    struct presenter_rect under_rect; /* empty: no cursor in the image */
    uint32_t under[DISPLAY_CURSOR_PIXELS];

    struct display_damage damage; /* since the owner last emptied it */
    uint32_t scratch[DISPLAY_SCRATCH_BYTES / 4];
};

/* 0 or -ENOMEM. */
int display_surface_init(struct display_surface *surface);
void display_surface_finish(struct display_surface *surface);

/* Composes what has changed and adds it to surface->damage. Reads the view, which stays the
 * caller's, and not `ticket` or `resized`. Where memory for another size runs out a message is
 * written and the surface keeps what it shows. */
void display_surface_apply(struct display_surface *surface, const struct display_update *update);

#endif
