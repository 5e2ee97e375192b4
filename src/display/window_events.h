/* What a person does in windows, as SDL tells it, becomes what devices of the guest tell. Uses SDL's
 * types and none of its functions. Nothing waits. Main thread. */
#ifndef VESPER_DISPLAY_WINDOW_EVENTS_H
#define VESPER_DISPLAY_WINDOW_EVENTS_H

#include <SDL3/SDL_events.h>
#include <stdbool.h>
#include <stdint.h>

#include "display/desktop.h"
#include "input/fingers.h"
#include "input/seat.h"
#include "input/wheel.h"

struct window_events {
    const struct input_seat *seat; /* borrowed */
    struct desktop desktop; /* kept up to date by the owner */
    bool relative; /* the mouse moves, else the tablet is somewhere */
    double rest_x, rest_y; /* of a motion: less than a step */
    struct input_wheel wheel, sideways;
    struct input_fingers fingers;
};

/* The window of an event; `density` is its pixels per unit of SDL's coordinates. */
struct window_events_view {
    struct desktop_window window;
    float density;
};

/* A key by its place on the keyboard. What the host repeats is left out: the guest repeats keys
 * itself. */
void window_events_key(struct window_events *events, const SDL_KeyboardEvent *event);
void window_events_motion(struct window_events *events, const SDL_MouseMotionEvent *event,
                          const struct window_events_view *view);
void window_events_button(struct window_events *events, const SDL_MouseButtonEvent *event,
                          const struct window_events_view *view);
void window_events_wheel(struct window_events *events, const SDL_MouseWheelEvent *event);
/* A finger that touches or moves. */
void window_events_finger(struct window_events *events, const SDL_TouchFingerEvent *event,
                          const struct window_events_view *view);
/* One that is lifted, or was not meant to touch. */
void window_events_finger_up(struct window_events *events, const SDL_TouchFingerEvent *event);

/* Chooses between mouse and tablet. Buttons of the other one are released. */
void window_events_set_relative(struct window_events *events, bool relative);
/* The person is elsewhere: nothing is held any more. */
void window_events_release(struct window_events *events);

#endif
