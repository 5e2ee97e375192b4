/* The keyboard and the pointer in windows, as devices of the guest: finds what an event of SDL is
 * about, and holds keyboard and pointer in a window while the person wants that. Nothing here waits
 * for a guest or a socket. Main thread, unless a function says otherwise. */
#ifndef VESPER_DISPLAY_WINDOW_INPUT_H
#define VESPER_DISPLAY_WINDOW_INPUT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "display/sdl.h"
#include "display/window_events.h"

struct window_input_display {
    SDL_Window *window; /* borrowed; NULL: none */
    enum display_turn turn;
    char title[96];     /* without the shortcut */
    _Atomic(bool) has_cursor;
};

struct window_input {
    struct window_events events; /* without a seat: nothing goes anywhere */
    enum display_scale scale;
    SDL_Window *holder; /* that holds keyboard and pointer; NULL: none */
    bool hides_cursor;  /* the system's, because the guest shows one */
    struct window_input_display displays[PRESENTER_SCANOUTS_MAX];
};

/* Nothing goes anywhere yet. */
void window_input_init(struct window_input *input, enum display_scale scale);
/* `seat` is borrowed. Before the first event. */
void window_input_set_seat(struct window_input *input, const struct input_seat *seat);

/* What the guest shows on `scanout`: whether its cursor is there. Any one thread. */
void window_input_note_cursor(struct window_input *input, uint32_t scanout, bool is_visible);
/* Pictures of `scanout` are turned in its window from now on. */
void window_input_note_turn(struct window_input *input, uint32_t scanout, enum display_turn turn);
/* The window of `scanout` shows a picture of that many pixels, not turned; before the window is closed, NULL and
 * no pixels. Called with each picture. */
void window_input_note_display(struct window_input *input, uint32_t scanout, SDL_Window *window,
                               uint32_t width, uint32_t height);
/* Takes an event; others than input's are ignored, but the loss of the focus. */
void window_input_handle(struct window_input *input, const SDL_Event *event);

#endif
