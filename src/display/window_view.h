/* One window. Main thread. */
#ifndef VESPER_DISPLAY_WINDOW_VIEW_H
#define VESPER_DISPLAY_WINDOW_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "display/front_buffer.h"
#include "display/sdl.h"
#include "display/window.h"

struct window_view {
    SDL_Window *window; /* NULL: not open */
    bool on_gpu;        /* it has a surface of Vulkan */
    /* The mode of the guest that the window was last made to fit, pixels. */
    uint32_t width, height;
    /* A size that the person gave the window, and when it is told; 0: none. */
    uint64_t resize_due_ns;
};

/* Opens the window for a picture of `width` × `height` pixels; `on_gpu`: for a surface of Vulkan, not
 * for window_view_draw. False, with a message, where the toolkit refuses. */
bool window_view_open(struct window_view *view, const struct window_options *options,
                      uint32_t scanout, uint32_t width, uint32_t height, bool on_gpu);
void window_view_close(struct window_view *view);

/* Draws what has changed, or, with `all`, everything, into the open window. */
void window_view_draw(struct window_view *view, const struct window_options *options,
                      struct front_buffer *front, bool all);

/* Gives the open window the size of a new mode of the guest, unless the window has it. False where
 * the mode is the one that it had. */
bool window_view_follow_mode(struct window_view *view, const struct window_options *options,
                             uint32_t width, uint32_t height);

/* The window's size in pixels; false where it is hidden or empty. */
bool window_view_get_size(const struct window_view *view, uint32_t *out_width,
                          uint32_t *out_height);

#endif
