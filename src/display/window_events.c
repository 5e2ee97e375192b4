#include "display/window_events.h"

#include "input/codes.h"
#include "input/keymap.h"

/* A motion is at most this: what is more is no person's doing. */
#define MOTION_MAX 32767.0

_Static_assert(SDL_SCANCODE_A == 4 && SDL_SCANCODE_RGUI == INPUT_USAGE_COUNT - 1,
               "SDL's scancodes are usages");

static struct input_event make(uint16_t type, uint16_t code, uint32_t value) {
    return (struct input_event){type, code, value};
}

void window_events_key(struct window_events *events, const SDL_KeyboardEvent *event) {
    const uint16_t code = input_key_from_usage((uint32_t)event->scancode);
    if (code == 0 || event->repeat) {
        return;
    }
    const struct input_event key = make(INPUT_EV_KEY, code, event->down);
    input_seat_send(events->seat, INPUT_KEYBOARD, &key, 1);
}

/* ---- pointers --------------------------------------------------------------------------- */

static enum input_kind get_pointer(const struct window_events *events) {
    const bool has_tablet = events->seat->devices[INPUT_TABLET];
    return events->relative || !has_tablet ? INPUT_MOUSE : INPUT_TABLET;
}

static size_t put_place(const struct window_events *events, const struct window_events_view *view,
                        float x, float y, struct input_event out[2]) {
    uint32_t place_x, place_y;
    desktop_place(&events->desktop, &view->window, (double)x * (double)view->density,
                  (double)y * (double)view->density, &place_x, &place_y);
    out[0] = make(INPUT_EV_ABS, INPUT_ABS_X, place_x);
    out[1] = make(INPUT_EV_ABS, INPUT_ABS_Y, place_y);
    return 2;
}

/* The whole steps of a motion; the rest waits for the next one. */
static int32_t take_steps(double *rest, float motion) {
    double sum = *rest + (double)motion;
    if (!(sum > -MOTION_MAX && sum < MOTION_MAX)) {
        sum = sum > 0 ? MOTION_MAX : -MOTION_MAX;
    }
    const int32_t steps = (int32_t)sum;
    *rest = sum - steps;
    return steps;
}

/* To where the pointer moves in a picture that is turned. */
static void turn_motion_back(enum display_turn turn, float *x, float *y) {
    const float right = *x, down = *y;
    switch (turn) {
    case DISPLAY_TURN_90:
        *x = down;
        *y = -right;
        break;
    case DISPLAY_TURN_180:
        *x = -right;
        *y = -down;
        break;
    case DISPLAY_TURN_270:
        *x = -down;
        *y = right;
        break;
    default:
        break;
    }
}

static size_t put_steps(struct window_events *events, const SDL_MouseMotionEvent *event,
                        enum display_turn turn, struct input_event out[2]) {
    float right = event->xrel, down = event->yrel;
    turn_motion_back(turn, &right, &down);
    const int32_t x = take_steps(&events->rest_x, right);
    const int32_t y = take_steps(&events->rest_y, down);
    size_t count = 0;
    if (x != 0) {
        out[count++] = make(INPUT_EV_REL, INPUT_REL_X, (uint32_t)x);
    }
    if (y != 0) {
        out[count++] = make(INPUT_EV_REL, INPUT_REL_Y, (uint32_t)y);
    }
    return count;
}

/* Where fingers are told as such, what SDL makes of them for programs without is left out. */
static bool is_told_otherwise(const struct window_events *events, SDL_MouseID which) {
    return which == SDL_TOUCH_MOUSEID && events->seat->devices[INPUT_TOUCH];
}

void window_events_motion(struct window_events *events, const SDL_MouseMotionEvent *event,
                          const struct window_events_view *view) {
    if (is_told_otherwise(events, event->which)) {
        return;
    }
    struct input_event out[2];
    const enum input_kind pointer = get_pointer(events);
    const size_t count = pointer == INPUT_MOUSE ? put_steps(events, event, view->window.turn, out)
                                                : put_place(events, view, event->x, event->y, out);
    input_seat_send(events->seat, pointer, out, count);
}

/* 0: the guest has no such button. */
static uint16_t get_button(uint8_t button) {
    switch (button) {
    case SDL_BUTTON_LEFT:
        return INPUT_BTN_LEFT;
    case SDL_BUTTON_MIDDLE:
        return INPUT_BTN_MIDDLE;
    case SDL_BUTTON_RIGHT:
        return INPUT_BTN_RIGHT;
    case SDL_BUTTON_X1:
        return INPUT_BTN_SIDE;
    case SDL_BUTTON_X2:
        return INPUT_BTN_EXTRA;
    default:
        return 0;
    }
}

void window_events_button(struct window_events *events, const SDL_MouseButtonEvent *event,
                          const struct window_events_view *view) {
    const uint16_t code = get_button(event->button);
    if (code == 0 || is_told_otherwise(events, event->which)) {
        return;
    }
    struct input_event out[3];
    const enum input_kind pointer = get_pointer(events);
    size_t count = pointer == INPUT_TABLET ? put_place(events, view, event->x, event->y, out) : 0;
    out[count++] = make(INPUT_EV_KEY, code, event->down);
    input_seat_send(events->seat, pointer, out, count);
}

void window_events_wheel(struct window_events *events, const SDL_MouseWheelEvent *event) {
    struct input_event out[4];
    size_t count = input_wheel_turn(&events->wheel, (double)event->y, INPUT_REL_WHEEL,
                                    INPUT_REL_WHEEL_HI_RES, out);
    count += input_wheel_turn(&events->sideways, (double)event->x, INPUT_REL_HWHEEL,
                              INPUT_REL_HWHEEL_HI_RES, out + count);
    input_seat_send(events->seat, get_pointer(events), out, count);
}

void window_events_set_relative(struct window_events *events, bool relative) {
    if (events->relative == relative) {
        return;
    }
    events->relative = relative;
    events->rest_x = events->rest_y = 0;
    input_seat_release(events->seat, relative ? INPUT_TABLET : INPUT_MOUSE);
}

/* ---- fingers ---------------------------------------------------------------------------- */

void window_events_finger(struct window_events *events, const SDL_TouchFingerEvent *event,
                          const struct window_events_view *view) {
    const struct desktop_window *window = &view->window;
    uint32_t x, y;
    /* SDL has a finger's place as a fraction of the window. */
    desktop_place(&events->desktop, window, (double)event->x * window->width - 0.5,
                  (double)event->y * window->height - 0.5, &x, &y);
    struct input_event out[INPUT_FINGER_EVENTS];
    const size_t count =
        event->type == SDL_EVENT_FINGER_DOWN
            ? input_fingers_down(&events->fingers, event->touchID, event->fingerID, x, y, out)
            : input_fingers_move(&events->fingers, event->touchID, event->fingerID, x, y, out);
    input_seat_send(events->seat, INPUT_TOUCH, out, count);
}

void window_events_finger_up(struct window_events *events, const SDL_TouchFingerEvent *event) {
    struct input_event out[INPUT_FINGER_EVENTS];
    const size_t count = input_fingers_up(&events->fingers, event->touchID, event->fingerID, out);
    input_seat_send(events->seat, INPUT_TOUCH, out, count);
}

void window_events_release(struct window_events *events) {
    input_seat_release_all(events->seat);
    input_fingers_forget(&events->fingers);
}
