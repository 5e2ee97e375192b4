/* What a presenter's callers asked of one scanout since the presenter last looked. */
#ifndef VESPER_DISPLAY_UPDATE_H
#define VESPER_DISPLAY_UPDATE_H

#include <stdbool.h>
#include <stdint.h>

#include "display/damage.h"
#include "display/presenter.h"
#include "display/view.h"

#define DISPLAY_CURSOR_PIXELS (PRESENTER_CURSOR_SIZE * PRESENTER_CURSOR_SIZE)

struct display_cursor {
    bool visible;
    uint32_t hot_x, hot_y; /* pixels of its image */
    int32_t x, y;          /* of the hot spot, pixels of the scanout */
    uint32_t pixels[DISPLAY_CURSOR_PIXELS]; /* premultiplied ARGB8888 */
};

/* The members of a group that is not marked as new mean nothing. */
struct display_update {
    /* The flushed picture, a reference of the update's; empty: no flush. It stands for all
     * flushes, and comes after `blank`. */
    struct display_view view;
    struct display_damage damage; /* from the view's corner */
    uint32_t flushes;             /* 0 or more calls that `damage` stands for */
    uint32_t view_flushes;        /* those of this view since it was attached, or last taken */
    bool blank;                   /* what was shown is not to be shown any more */

    bool cursor_image_new; /* cursor.visible, hot spot, pixels */
    bool cursor_place_new; /* cursor.x, cursor.y */
    struct display_cursor cursor;

    uint64_t ticket; /* the last display_mailbox_refresh; 0: none */

    bool resized; /* the window's size is new */
    uint32_t resized_width, resized_height;
};

#endif
