/* What one scanout shows, drawn by a screen's GPU or, where that is not there, handed on to be composed
 * by the processor. The presenter's thread, unless a function says otherwise. */
#ifndef VESPER_DISPLAY_SWAPCHAIN_SCENE_H
#define VESPER_DISPLAY_SWAPCHAIN_SCENE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "display/scaling.h"
#include "display/swapchain/screen.h"
#include "display/swapchain/screens.h"
#include "display/turn.h"
#include "display/update.h"
#include "display/view.h"

struct screen_scene {
    const struct screens_options *options; /* borrowed */
    uint32_t index;
    struct screen screen;
    _Atomic(bool) by_processor; /* the GPU is lost, until the window has another surface */
    bool composed; /* the processor has the whole picture */
    _Atomic(enum screen_path) path;
    _Atomic(bool) shows_cursor;
    _Atomic(enum display_turn) turn; /* of the picture in the window */
    _Atomic(float) white, headroom; /* of the window's screen, as display_light */
    _Atomic(uint64_t) mode; /* as screens_get_mode gives it, packed */

    struct display_view view; /* empty: nothing is shown */
    uint32_t width, height; /* of the last picture; 0: there has been none */
    struct display_cursor cursor;
    bool cursor_loaded; /* the painter has its image */

    bool kept; /* the pixels were copied when they were flushed; else they are read in place */
    struct screen_pixels kept_pixels;

    uint64_t ticket; /* to be answered with an image's pixels; 0: none */
    struct screen_buffer copy; /* of the last image, for that */
    VkSurfaceFormatKHR copy_format;
    uint32_t copy_width, copy_height;
    struct display_update answer;
};

/* Takes in an update; gives what the processor should compose, as software_filter.take. */
const struct display_update *screen_scene_take(struct screen_scene *scene,
                                               const struct display_update *update);
/* Drops all that it shows. The screen has been halted, and nobody takes any more. */
void screen_scene_finish(struct screen_scene *scene);

#endif
