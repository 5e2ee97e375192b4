/* A view: the part of a guest's picture that a scanout shows, held by references of its own.
 * One thread at a time for each view; references of one picture may be on several threads. */
#ifndef VESPER_DISPLAY_VIEW_H
#define VESPER_DISPLAY_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "display/presenter.h"

/* Longest side of what a scanout shows, in pixels; a row of it fits in DISPLAY_SCRATCH_BYTES. */
#define DISPLAY_SIDE_MAX 16384
/* Most pixels of what a scanout shows: each costs 4 bytes here, for each scanout. */
#define DISPLAY_PIXELS_MAX (1u << 26)
#define DISPLAY_SCRATCH_BYTES (8 * DISPLAY_SIDE_MAX)

/* All zero: nothing is shown. */
struct display_view {
    struct presenter_picture picture;
    struct presenter_rect source; /* of the picture */
    const uint8_t *bytes;         /* the mapped storage; NULL where the picture is in pages */
};

/* Checks a picture and the part of it to be shown, maps its storage, takes references. Logs what
 * it refuses: -EINVAL for a format, a layout or a rectangle that is not sound, sides above
 * DISPLAY_SIDE_MAX, or more pixels than DISPLAY_PIXELS_MAX; or what storage_map gives. *out is
 * then empty. */
int display_view_init(struct display_view *out, const struct presenter_picture *picture,
                      const struct presenter_rect *source);
bool display_view_is_empty(const struct display_view *view);
/* A second view of the same, with its own references. */
struct display_view display_view_ref(const struct display_view *view);
/* Drops the references; empty afterwards. May end the storage: not under a lock. */
void display_view_drop(struct display_view *view);

/* Rows of a view as they can be read at once. */
struct display_rows {
    const void *bytes; /* the first pixel, 4-byte aligned */
    uint32_t stride;   /* bytes, a multiple of 4 */
    uint32_t count;    /* rows, ≥ 1 */
};

/* The first rows of the pixels `part` (not empty, inside the view, from its corner), from row
 * `skip` of it on: in place where they lie in one piece, else copied into `scratch`
 * (DISPLAY_SCRATCH_BYTES, 4-byte aligned). The guest may write them meanwhile. */
struct display_rows display_view_rows(const struct display_view *view,
                                      const struct presenter_rect *part, uint32_t skip,
                                      void *scratch);

#endif
