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
    /* The processor's and Vulkan's, where they have been open; hidden where they are not: the toolkit
     * wakes the main thread through the newest window, from other threads, of which none may find
     * that it has just gone. */
    SDL_Window *kept[2];
    /* The mode of the guest that the window was last made to fit, pixels. */
    uint32_t width, height;
    /* When a size that the person gave the window is told; 0: there is none to tell. */
    uint64_t resize_due_ns;
    /* The size that the toolkit was asked for last, and until when nothing that it says of the size is
     * believed unless it is that one: it hears of sizes late, one after the other. 0: it is settled. */
    uint32_t asked_width, asked_height;
    uint64_t asked_until_ns;
    /* The size that was told since the guest took a mode; 0: none. */
    uint32_t told_width, told_height;
};

/* Has a window, which nobody sees yet; `on_gpu`: for a surface of Vulkan, not for window_view_draw.
 * False, with a message, where the toolkit refuses. */
bool window_view_prepare(struct window_view *view, const struct window_options *options,
                         uint32_t scanout, bool on_gpu);
/* Opens it for a picture of `width` × `height` pixels. False as above. */
bool window_view_open(struct window_view *view, const struct window_options *options,
                      uint32_t scanout, uint32_t width, uint32_t height, bool on_gpu);
/* Hides it. */
void window_view_close(struct window_view *view);
/* Destroys it. Nobody wakes the main thread any more. */
void window_view_finish(struct window_view *view);

/* Draws what has changed, or, with `all`, everything, into the open window. */
void window_view_draw(struct window_view *view, const struct window_options *options,
                      struct front_buffer *front, bool all);

/* Gives the open window the size of a new mode of the guest, unless the window has it. False where
 * the mode is the one that it had. */
bool window_view_follow_mode(struct window_view *view, const struct window_options *options,
                             uint32_t width, uint32_t height);

/* The toolkit says that the window has another size. */
void window_view_note_size(struct window_view *view);
/* Whether a size that was asked for is still to come. */
bool window_view_is_changing(const struct window_view *view);

/* Whether the guest, which has its mode and what it was told since, has to hear of this size of the
 * open window; it counts as told then. */
bool window_view_is_news(struct window_view *view, uint32_t width, uint32_t height);

/* The window's size in pixels; false where it is hidden or empty. */
bool window_view_get_size(const struct window_view *view, uint32_t *out_width,
                          uint32_t *out_height);

#endif
