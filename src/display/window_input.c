#include "display/window_input.h"

#include <stdio.h>

#include "util/log.h"

/* With Ctrl and Alt. */
#define SHORTCUT SDL_SCANCODE_G
#define SHORTCUT_TEXT "Ctrl+Alt+G"

/* A window's side is no longer than this, as far as placing goes. */
#define SIDE_MAX 16384

void window_input_init(struct window_input *input, enum display_scale scale) {
    *input = (struct window_input){.scale = scale};
}

static bool has_devices(const struct window_input *input) {
    for (int kind = 0; input->events.seat && kind < INPUT_KIND_COUNT; kind++) {
        if (input->events.seat->devices[kind]) {
            return true;
        }
    }
    return false;
}

void window_input_set_seat(struct window_input *input, const struct input_seat *seat) {
    input->events.seat = seat;
    /* Fingers that the guest hears of are no mouse. */
    sdl.SetHint(SDL_HINT_TOUCH_MOUSE_EVENTS, seat->devices[INPUT_TOUCH] ? "0" : "1");
    if (has_devices(input)) { /* a full screen shows no title */
        log_info("display: " SHORTCUT_TEXT " holds keyboard and pointer in a window, and "
                 "releases them");
    }
}

/* ---- holding ---------------------------------------------------------------------------- */

static void show_title(const struct window_input *input,
                       const struct window_input_display *display) {
    char title[160];
    snprintf(title, sizeof(title), "%s (" SHORTCUT_TEXT " %s keyboard and pointer)", display->title,
             display->window == input->holder ? "releases" : "holds");
    sdl.SetWindowTitle(display->window, title);
}

static void show_titles(const struct window_input *input) {
    for (uint32_t i = 0; i < PRESENTER_SCANOUTS_MAX; i++) {
        if (input->displays[i].window) {
            show_title(input, &input->displays[i]);
        }
    }
}

static bool shows_cursor(const struct window_input *input) {
    for (uint32_t i = 0; i < PRESENTER_SCANOUTS_MAX; i++) {
        if (input->displays[i].window && atomic_load(&input->displays[i].has_cursor)) {
            return true;
        }
    }
    return false;
}

/* A guest that shows its cursor is pointed at by places; one that hides it while the pointer is
 * held wants motions, without end. Two cursors, of which one lags, are one too many. */
static void follow_cursor(struct window_input *input) {
    const bool shown = shows_cursor(input);
    const bool relative = input->holder && !shown && input->events.seat->devices[INPUT_MOUSE];
    if (relative != input->events.relative) {
        if (input->holder && !sdl.SetWindowRelativeMouseMode(input->holder, relative)) {
            log_warning("display: the pointer cannot be held in its place: %s", sdl.GetError());
        }
        window_events_set_relative(&input->events, relative);
    }
    if (shown != input->hides_cursor) {
        input->hides_cursor = shown;
        (void)(shown ? sdl.HideCursor() : sdl.ShowCursor());
    }
}

static void let_go(struct window_input *input) {
    if (!input->holder) {
        return;
    }
    if (input->events.relative) {
        sdl.SetWindowRelativeMouseMode(input->holder, false);
        window_events_set_relative(&input->events, false);
    }
    sdl.SetWindowKeyboardGrab(input->holder, false);
    sdl.SetWindowMouseGrab(input->holder, false);
    input->holder = NULL;
    show_titles(input);
}

static void hold(struct window_input *input, SDL_Window *window) {
    input->holder = window;
    if (!sdl.SetWindowKeyboardGrab(window, true) || !sdl.SetWindowMouseGrab(window, true)) {
        log_warning("display: keyboard or pointer cannot be held: %s", sdl.GetError());
    }
    follow_cursor(input);
    show_titles(input);
}

static void lose_focus(struct window_input *input) {
    let_go(input);
    window_events_release(&input->events);
}

/* ---- windows ---------------------------------------------------------------------------- */

void window_input_note_cursor(struct window_input *input, uint32_t scanout, bool is_visible) {
    atomic_store(&input->displays[scanout].has_cursor, is_visible);
}

static void change_window(struct window_input *input, struct window_input_display *display,
                          SDL_Window *window) {
    if (display->window == input->holder) {
        let_go(input);
    }
    if (display->window) {
        window_events_release(&input->events); /* what ends there, ends unseen */
    }
    display->window = window;
    if (window) {
        snprintf(display->title, sizeof(display->title), "%s", sdl.GetWindowTitle(window));
        show_title(input, display);
    }
}

void window_input_note_display(struct window_input *input, uint32_t scanout, SDL_Window *window,
                               uint32_t width, uint32_t height) {
    if (!has_devices(input)) {
        return;
    }
    struct window_input_display *display = &input->displays[scanout];
    input->events.desktop.displays[scanout] = (struct desktop_display){width, height};
    if (display->window != window) {
        change_window(input, display, window);
    }
    follow_cursor(input);
}

void window_input_note_turn(struct window_input *input, uint32_t scanout, enum display_turn turn) {
    input->displays[scanout].turn = turn;
}

static bool find_view(const struct window_input *input, const SDL_Event *event,
                      struct window_events_view *out) {
    SDL_Window *window = sdl.GetWindowFromEvent(event);
    uint32_t scanout = 0;
    while (scanout < PRESENTER_SCANOUTS_MAX && input->displays[scanout].window != window) {
        scanout++;
    }
    int width, height;
    if (!window || scanout == PRESENTER_SCANOUTS_MAX ||
        !sdl.GetWindowSizeInPixels(window, &width, &height) || width < 1 || height < 1 ||
        width > SIDE_MAX || height > SIDE_MAX) {
        return false;
    }
    const float density = sdl.GetWindowPixelDensity(window);
    *out = (struct window_events_view){
        .window = {scanout, (uint32_t)width, (uint32_t)height, input->scale,
                   input->displays[scanout].turn},
        .density = density > 0 ? density : 1,
    };
    return true;
}

/* ---- events ----------------------------------------------------------------------------- */

static bool is_shortcut(const SDL_KeyboardEvent *event) {
    return event->scancode == SHORTCUT && (event->mod & SDL_KMOD_CTRL) &&
           (event->mod & SDL_KMOD_ALT);
}

/* The shortcut's G is not the guest's; its release, which no press came before, means nothing
 * there. */
static void handle_key(struct window_input *input, const SDL_Event *event) {
    if (!event->key.down || !is_shortcut(&event->key)) {
        window_events_key(&input->events, &event->key);
    } else if (!event->key.repeat) {
        SDL_Window *window = sdl.GetWindowFromEvent(event);
        const bool holds = window == input->holder;
        let_go(input);
        if (window && !holds) {
            hold(input, window);
        }
    }
}

static void handle_pointing(struct window_input *input, const SDL_Event *event) {
    struct window_events_view view;
    const bool found = find_view(input, event, &view);
    if (event->type == SDL_EVENT_FINGER_UP || event->type == SDL_EVENT_FINGER_CANCELED) {
        window_events_finger_up(&input->events, &event->tfinger);
        return;
    }
    if (!found) {
        return;
    }
    switch (event->type) {
    case SDL_EVENT_MOUSE_MOTION:
        window_events_motion(&input->events, &event->motion, &view);
        break;
    case SDL_EVENT_MOUSE_BUTTON_DOWN:
    case SDL_EVENT_MOUSE_BUTTON_UP:
        window_events_button(&input->events, &event->button, &view);
        break;
    case SDL_EVENT_MOUSE_WHEEL:
        window_events_wheel(&input->events, &event->wheel);
        break;
    default:
        window_events_finger(&input->events, &event->tfinger, &view);
        break;
    }
}

void window_input_handle(struct window_input *input, const SDL_Event *event) {
    if (!has_devices(input)) {
        return;
    }
    switch (event->type) {
    case SDL_EVENT_KEY_DOWN:
    case SDL_EVENT_KEY_UP:
        handle_key(input, event);
        break;
    case SDL_EVENT_MOUSE_MOTION:
    case SDL_EVENT_MOUSE_BUTTON_DOWN:
    case SDL_EVENT_MOUSE_BUTTON_UP:
    case SDL_EVENT_MOUSE_WHEEL:
    case SDL_EVENT_FINGER_DOWN:
    case SDL_EVENT_FINGER_UP:
    case SDL_EVENT_FINGER_MOTION:
    case SDL_EVENT_FINGER_CANCELED:
        handle_pointing(input, event);
        break;
    case SDL_EVENT_WINDOW_FOCUS_LOST:
        lose_focus(input);
        break;
    default:
        break;
    }
}
