/* What SDL tells of a person's doing, and what the guest's devices tell then; what is asked of SDL.
 * SDL itself is played: nothing here opens it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "display/window_input.h"
#include "input/codes.h"

/* ---- SDL, as far as it is asked ---------------------------------------------------------- */

struct SDL_Window {
    SDL_WindowID id;
    int width, height; /* pixels */
    float density;
    char title[160];
    bool keyboard_held, pointer_held, relative;
};

static struct SDL_Window windows[2];
static bool cursor_hidden;
static char touch_hint[8];

static SDL_WindowID get_window_id(const SDL_Event *event) {
    switch (event->type) {
    case SDL_EVENT_KEY_DOWN:
    case SDL_EVENT_KEY_UP:
        return event->key.windowID;
    case SDL_EVENT_MOUSE_MOTION:
        return event->motion.windowID;
    case SDL_EVENT_MOUSE_BUTTON_DOWN:
    case SDL_EVENT_MOUSE_BUTTON_UP:
        return event->button.windowID;
    case SDL_EVENT_MOUSE_WHEEL:
        return event->wheel.windowID;
    case SDL_EVENT_FINGER_DOWN:
    case SDL_EVENT_FINGER_UP:
    case SDL_EVENT_FINGER_MOTION:
    case SDL_EVENT_FINGER_CANCELED:
        return event->tfinger.windowID;
    default:
        return event->window.windowID;
    }
}

static SDL_Window *fake_get_window(const SDL_Event *event) {
    const SDL_WindowID id = get_window_id(event);
    return id >= 1 && id <= 2 ? &windows[id - 1] : NULL;
}

static bool fake_get_size(SDL_Window *window, int *width, int *height) {
    *width = window->width;
    *height = window->height;
    return true;
}

static float fake_get_density(SDL_Window *window) {
    return window->density;
}

static const char *fake_get_title(SDL_Window *window) {
    return window->title;
}

static bool fake_set_title(SDL_Window *window, const char *title) {
    snprintf(window->title, sizeof(window->title), "%s", title);
    return true;
}

static bool fake_hold_keyboard(SDL_Window *window, bool held) {
    window->keyboard_held = held;
    return true;
}

static bool fake_hold_pointer(SDL_Window *window, bool held) {
    window->pointer_held = held;
    return true;
}

static bool fake_set_relative(SDL_Window *window, bool relative) {
    window->relative = relative;
    return true;
}

static bool fake_hide(void) {
    cursor_hidden = true;
    return true;
}

static bool fake_show(void) {
    cursor_hidden = false;
    return true;
}

static bool fake_set_hint(const char *name, const char *value) {
    assert_string_equal(name, SDL_HINT_TOUCH_MOUSE_EVENTS);
    snprintf(touch_hint, sizeof(touch_hint), "%s", value);
    return true;
}

static void play_sdl(void) {
    sdl.GetWindowFromEvent = fake_get_window;
    sdl.GetWindowSizeInPixels = fake_get_size;
    sdl.GetWindowPixelDensity = fake_get_density;
    sdl.GetWindowTitle = fake_get_title;
    sdl.SetWindowTitle = fake_set_title;
    sdl.SetWindowKeyboardGrab = fake_hold_keyboard;
    sdl.SetWindowMouseGrab = fake_hold_pointer;
    sdl.SetWindowRelativeMouseMode = fake_set_relative;
    sdl.HideCursor = fake_hide;
    sdl.ShowCursor = fake_show;
    sdl.SetHint = fake_set_hint;
}

/* ---- a guest with all devices, and two windows of 800 × 600 ------------------------------- */

static struct input_seat seat;
static struct window_input input;

static int set_up(void **state) {
    (void)state;
    play_sdl();
    cursor_hidden = false;
    for (uint32_t i = 0; i < 2; i++) {
        windows[i] = (struct SDL_Window){.id = i + 1, .width = 800, .height = 600, .density = 1};
        snprintf(windows[i].title, sizeof(windows[i].title), "Vesper, display %u", i + 1);
    }
    for (int kind = 0; kind < INPUT_KIND_COUNT; kind++) {
        assert_int_equal(input_device_create((enum input_kind)kind, &seat.devices[kind]), 0);
        input_device_start(seat.devices[kind]);
    }
    window_input_init(&input, DISPLAY_SCALE_FIT);
    window_input_set_seat(&input, &seat);
    for (uint32_t i = 0; i < 2; i++) {
        window_input_note_cursor(&input, i, i == 0);
        window_input_note_display(&input, i, &windows[i], 800, 600);
    }
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    for (int kind = 0; kind < INPUT_KIND_COUNT; kind++) {
        input_device_destroy(seat.devices[kind]);
        seat.devices[kind] = NULL;
    }
    return 0;
}

static void expect_events(enum input_kind kind, const struct input_event *wanted, size_t count) {
    struct input_event seen[64];
    assert_int_equal(input_device_take(seat.devices[kind], seen, 64), count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(seen[i].type, wanted[i].type);
        assert_int_equal(seen[i].code, wanted[i].code);
        assert_int_equal((int32_t)seen[i].value, (int32_t)wanted[i].value);
    }
}

#define EXPECT(kind, ...)                                                                          \
    do {                                                                                           \
        const struct input_event wanted_[] = {__VA_ARGS__};                                        \
        expect_events(kind, wanted_, sizeof(wanted_) / sizeof(wanted_[0]));                        \
    } while (0)
#define KEY(code, value) {INPUT_EV_KEY, code, value}
#define REL(code, value) {INPUT_EV_REL, code, (uint32_t)(value)}
#define ABS(code, value) {INPUT_EV_ABS, code, value}
#define SYN {INPUT_EV_SYN, INPUT_SYN_REPORT, 0}

static void expect_silence(void) {
    for (int kind = 0; kind < INPUT_KIND_COUNT; kind++) {
        expect_events((enum input_kind)kind, NULL, 0);
    }
}

static void forget(enum input_kind kind) {
    struct input_event dropped[64];
    while (input_device_take(seat.devices[kind], dropped, 64) > 0) {
    }
}

/* ---- what the person does ----------------------------------------------------------------- */

static void press(SDL_Scancode scancode, bool down, bool repeat, SDL_Keymod mod) {
    const SDL_Event event = {.key = {.type = down ? SDL_EVENT_KEY_DOWN : SDL_EVENT_KEY_UP,
                                     .windowID = 1,
                                     .scancode = scancode,
                                     .mod = mod,
                                     .down = down,
                                     .repeat = repeat}};
    window_input_handle(&input, &event);
}

static void move(SDL_WindowID window, float x, float y, float by_x, float by_y) {
    const SDL_Event event = {.motion = {.type = SDL_EVENT_MOUSE_MOTION,
                                        .windowID = window,
                                        .x = x,
                                        .y = y,
                                        .xrel = by_x,
                                        .yrel = by_y}};
    window_input_handle(&input, &event);
}

static void click(uint8_t button, bool down, float x, float y) {
    const SDL_Event event = {
        .button = {.type = down ? SDL_EVENT_MOUSE_BUTTON_DOWN : SDL_EVENT_MOUSE_BUTTON_UP,
                   .windowID = 1,
                   .button = button,
                   .down = down,
                   .x = x,
                   .y = y}};
    window_input_handle(&input, &event);
}

static void spin(float x, float y) {
    const SDL_Event event = {
        .wheel = {.type = SDL_EVENT_MOUSE_WHEEL, .windowID = 1, .x = x, .y = y}};
    window_input_handle(&input, &event);
}

static void touch(SDL_EventType type, SDL_FingerID finger, float x, float y) {
    const SDL_Event event = {
        .tfinger = {.type = type, .windowID = 1, .touchID = 9, .fingerID = finger, .x = x, .y = y}};
    window_input_handle(&input, &event);
}

static void lose_focus(void) {
    const SDL_Event event = {.window = {.type = SDL_EVENT_WINDOW_FOCUS_LOST, .windowID = 1}};
    window_input_handle(&input, &event);
}

/* Presses and releases Ctrl+Alt+G; what the guest hears of it is forgotten. */
static void toggle(void) {
    press(SDL_SCANCODE_LCTRL, true, false, SDL_KMOD_LCTRL);
    press(SDL_SCANCODE_LALT, true, false, SDL_KMOD_LCTRL | SDL_KMOD_LALT);
    press(SDL_SCANCODE_G, true, false, SDL_KMOD_LCTRL | SDL_KMOD_LALT);
    press(SDL_SCANCODE_G, true, true, SDL_KMOD_LCTRL | SDL_KMOD_LALT);
    press(SDL_SCANCODE_G, false, false, SDL_KMOD_LCTRL | SDL_KMOD_LALT);
    press(SDL_SCANCODE_LALT, false, false, SDL_KMOD_LCTRL);
    press(SDL_SCANCODE_LCTRL, false, false, SDL_KMOD_NONE);
    EXPECT(INPUT_KEYBOARD, KEY(29, 1), SYN, KEY(56, 1), SYN, KEY(56, 0), SYN, KEY(29, 0), SYN);
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void test_keys(void **state) {
    (void)state;
    press(SDL_SCANCODE_A, true, false, SDL_KMOD_NONE);
    press(SDL_SCANCODE_A, true, true, SDL_KMOD_NONE);
    press(SDL_SCANCODE_A, true, true, SDL_KMOD_NONE);
    press(SDL_SCANCODE_A, false, false, SDL_KMOD_NONE);
    EXPECT(INPUT_KEYBOARD, KEY(30, 1), SYN, KEY(30, 0), SYN);
    press(SDL_SCANCODE_RGUI, true, false, SDL_KMOD_NONE);
    EXPECT(INPUT_KEYBOARD, KEY(126, 1), SYN);
    press(SDL_SCANCODE_MEDIA_PLAY, true, false, SDL_KMOD_NONE);
    press(SDL_SCANCODE_UNKNOWN, true, false, SDL_KMOD_NONE);
    expect_silence();
}

static void test_focus_releases(void **state) {
    (void)state;
    press(SDL_SCANCODE_A, true, false, SDL_KMOD_NONE);
    press(SDL_SCANCODE_LSHIFT, true, false, SDL_KMOD_NONE);
    click(SDL_BUTTON_LEFT, true, 0, 0);
    touch(SDL_EVENT_FINGER_DOWN, 1, 0, 0);
    for (int kind = 0; kind < INPUT_KIND_COUNT; kind++) {
        forget((enum input_kind)kind);
    }
    lose_focus();
    EXPECT(INPUT_KEYBOARD, KEY(30, 0), KEY(42, 0), SYN);
    EXPECT(INPUT_TABLET, KEY(INPUT_BTN_LEFT, 0), SYN);
    EXPECT(INPUT_TOUCH, ABS(INPUT_ABS_MT_TRACKING_ID, UINT32_MAX), KEY(INPUT_BTN_TOUCH, 0), SYN);
    /* What comes up now was let go already. */
    press(SDL_SCANCODE_A, false, false, SDL_KMOD_NONE);
    click(SDL_BUTTON_LEFT, false, 0, 0);
    touch(SDL_EVENT_FINGER_UP, 1, 0, 0);
    expect_silence();
}

/* 1600 × 600 altogether: a step of 20.48 across, 54.6 down. */
static void test_places(void **state) {
    (void)state;
    move(1, 400, 300, 0, 0);
    EXPECT(INPUT_TABLET, ABS(INPUT_ABS_X, 8202), ABS(INPUT_ABS_Y, 16411), SYN);
    move(2, 400, 300, 0, 0);
    EXPECT(INPUT_TABLET, ABS(INPUT_ABS_X, 24586), SYN);
    /* Twice as many pixels as units: the same window is half as large in units. */
    windows[1].density = 2;
    move(2, 200, 150, 0, 0);
    expect_silence();
    /* A window that is larger than the picture. */
    windows[0].width = 1600;
    windows[0].height = 1200;
    move(1, 800, 600, 0, 0);
    EXPECT(INPUT_TABLET, ABS(INPUT_ABS_X, 8202), SYN);
    move(7, 1, 1, 0, 0); /* no window of the guest's */
    expect_silence();
}

static void test_buttons_and_wheels(void **state) {
    (void)state;
    click(SDL_BUTTON_RIGHT, true, 400, 300);
    EXPECT(INPUT_TABLET, ABS(INPUT_ABS_X, 8202), ABS(INPUT_ABS_Y, 16411), KEY(INPUT_BTN_RIGHT, 1),
           SYN);
    click(SDL_BUTTON_RIGHT, false, 400, 300);
    EXPECT(INPUT_TABLET, KEY(INPUT_BTN_RIGHT, 0), SYN);
    static const uint16_t codes[][2] = {{SDL_BUTTON_LEFT, INPUT_BTN_LEFT},
                                        {SDL_BUTTON_MIDDLE, INPUT_BTN_MIDDLE},
                                        {SDL_BUTTON_X1, INPUT_BTN_SIDE},
                                        {SDL_BUTTON_X2, INPUT_BTN_EXTRA}};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        click((uint8_t)codes[i][0], true, 400, 300);
        EXPECT(INPUT_TABLET, KEY(codes[i][1], 1), SYN);
    }
    click(9, true, 400, 300);
    expect_silence();
    spin(0, 1);
    EXPECT(INPUT_TABLET, REL(INPUT_REL_WHEEL, 1), REL(INPUT_REL_WHEEL_HI_RES, 120), SYN);
    spin(-0.5f, 0);
    EXPECT(INPUT_TABLET, REL(INPUT_REL_HWHEEL_HI_RES, -60), SYN);
    spin(-0.5f, -2);
    EXPECT(INPUT_TABLET, REL(INPUT_REL_WHEEL, -2), REL(INPUT_REL_WHEEL_HI_RES, -240),
           REL(INPUT_REL_HWHEEL, -1), REL(INPUT_REL_HWHEEL_HI_RES, -60), SYN);
}

static void test_hold(void **state) {
    (void)state;
    assert_string_equal(windows[0].title,
                        "Vesper, display 1 (Ctrl+Alt+G holds keyboard and pointer)");
    assert_true(cursor_hidden); /* the guest's own is there */
    toggle();
    assert_true(windows[0].keyboard_held && windows[0].pointer_held);
    assert_false(windows[0].relative);
    assert_string_equal(windows[0].title,
                        "Vesper, display 1 (Ctrl+Alt+G releases keyboard and pointer)");
    assert_string_equal(windows[1].title,
                        "Vesper, display 2 (Ctrl+Alt+G holds keyboard and pointer)");
    move(1, 400, 300, 5, 5);
    EXPECT(INPUT_TABLET, ABS(INPUT_ABS_X, 8202), ABS(INPUT_ABS_Y, 16411), SYN);
    toggle();
    assert_false(windows[0].keyboard_held || windows[0].pointer_held);
    assert_string_equal(windows[0].title,
                        "Vesper, display 1 (Ctrl+Alt+G holds keyboard and pointer)");
}

static void hide_guest_cursor(bool hidden) {
    window_input_note_cursor(&input, 0, !hidden);
    window_input_note_display(&input, 0, &windows[0], 800, 600);
}

static void test_relative(void **state) {
    (void)state;
    hide_guest_cursor(true);
    assert_false(windows[0].relative || cursor_hidden);
    move(1, 400, 300, 5, 5); /* nothing is held */
    EXPECT(INPUT_TABLET, ABS(INPUT_ABS_X, 8202), ABS(INPUT_ABS_Y, 16411), SYN);
    click(SDL_BUTTON_LEFT, true, 400, 300);
    forget(INPUT_TABLET);
    toggle();
    assert_true(windows[0].relative);
    /* A button that was down on the tablet is not down on the mouse. */
    EXPECT(INPUT_TABLET, KEY(INPUT_BTN_LEFT, 0), SYN);
    move(1, 401, 300, 2.5f, -1);
    move(1, 401, 300, 0.25f, 0);
    move(1, 401, 300, 0.25f, -3.75f);
    EXPECT(INPUT_MOUSE, REL(INPUT_REL_X, 2), REL(INPUT_REL_Y, -1), SYN, REL(INPUT_REL_X, 1),
           REL(INPUT_REL_Y, -3), SYN);
    click(SDL_BUTTON_LEFT, true, 0, 0);
    spin(0, 1);
    EXPECT(INPUT_MOUSE, KEY(INPUT_BTN_LEFT, 1), SYN, REL(INPUT_REL_WHEEL, 1),
           REL(INPUT_REL_WHEEL_HI_RES, 120), SYN);
    /* The guest shows its cursor again. */
    hide_guest_cursor(false);
    assert_false(windows[0].relative);
    assert_true(windows[0].keyboard_held);
    EXPECT(INPUT_MOUSE, KEY(INPUT_BTN_LEFT, 0), SYN);
    move(1, 0, 300, 5, 5);
    EXPECT(INPUT_TABLET, ABS(INPUT_ABS_X, 10), SYN);
    expect_silence();
}

static void test_hold_ends(void **state) {
    (void)state;
    hide_guest_cursor(true);
    toggle();
    assert_true(windows[0].relative);
    lose_focus();
    assert_false(windows[0].relative || windows[0].keyboard_held || windows[0].pointer_held);
    toggle();
    assert_true(windows[0].relative && windows[0].keyboard_held);
    press(SDL_SCANCODE_A, true, false, SDL_KMOD_NONE);
    window_input_note_display(&input, 0, NULL, 0, 0); /* it closes */
    assert_false(windows[0].relative || windows[0].keyboard_held || windows[0].pointer_held);
    EXPECT(INPUT_KEYBOARD, KEY(30, 1), SYN, KEY(30, 0), SYN);
    /* The other display is all of the desktop now. */
    move(2, 400, 300, 0, 0);
    EXPECT(INPUT_TABLET, ABS(INPUT_ABS_X, 16404), ABS(INPUT_ABS_Y, 16411), SYN);
}

static void test_fingers(void **state) {
    (void)state;
    assert_string_equal(touch_hint, "0");
    touch(SDL_EVENT_FINGER_DOWN, 1, 0.5f, 0.5f);
    EXPECT(INPUT_TOUCH, ABS(INPUT_ABS_MT_TRACKING_ID, 0), ABS(INPUT_ABS_MT_POSITION_X, 8202),
           ABS(INPUT_ABS_MT_POSITION_Y, 16411), KEY(INPUT_BTN_TOUCH, 1), SYN);
    touch(SDL_EVENT_FINGER_MOTION, 1, 1, 1);
    EXPECT(INPUT_TOUCH, ABS(INPUT_ABS_MT_POSITION_X, 16373), ABS(INPUT_ABS_MT_POSITION_Y, 32740),
           SYN);
    touch(SDL_EVENT_FINGER_CANCELED, 1, 1, 1);
    EXPECT(INPUT_TOUCH, ABS(INPUT_ABS_MT_TRACKING_ID, UINT32_MAX), KEY(INPUT_BTN_TOUCH, 0), SYN);
    /* What SDL makes of a finger for programs without is not told twice. */
    const SDL_Event event = {.motion = {.type = SDL_EVENT_MOUSE_MOTION,
                                        .windowID = 1,
                                        .which = SDL_TOUCH_MOUSEID,
                                        .x = 10,
                                        .y = 10}};
    window_input_handle(&input, &event);
    expect_silence();
}

/* The first window's picture of 800 × 600 is turned, and fills a window of 600 × 800. */
static void test_turned(void **state) {
    (void)state;
    window_input_note_turn(&input, 0, DISPLAY_TURN_90);
    windows[0].width = 600;
    windows[0].height = 800;
    move(1, 299, 400, 0, 0); /* what would be 400, 300 */
    EXPECT(INPUT_TABLET, ABS(INPUT_ABS_X, 8202), ABS(INPUT_ABS_Y, 16411), SYN);
    move(1, 599, 0, 0, 0);
    EXPECT(INPUT_TABLET, ABS(INPUT_ABS_X, 10), ABS(INPUT_ABS_Y, 27), SYN);
    touch(SDL_EVENT_FINGER_DOWN, 1, 0.001f, 0.999f); /* the picture's far corner */
    EXPECT(INPUT_TOUCH, ABS(INPUT_ABS_MT_TRACKING_ID, 0), ABS(INPUT_ABS_MT_POSITION_X, 16373),
           ABS(INPUT_ABS_MT_POSITION_Y, 32740), KEY(INPUT_BTN_TOUCH, 1), SYN);
    /* The other window is not turned. */
    move(2, 400, 300, 0, 0);
    EXPECT(INPUT_TABLET, ABS(INPUT_ABS_X, 24586), ABS(INPUT_ABS_Y, 16411), SYN);
}

static void test_turned_motions(void **state) {
    (void)state;
    static const struct {
        enum display_turn turn;
        int x, y;
    } cases[] = {{DISPLAY_TURN_0, 3, -5},
                 {DISPLAY_TURN_90, -5, -3},
                 {DISPLAY_TURN_180, -3, 5},
                 {DISPLAY_TURN_270, 5, 3}};
    hide_guest_cursor(true);
    toggle();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        window_input_note_turn(&input, 0, cases[i].turn);
        move(1, 10, 10, 3, -5);
        EXPECT(INPUT_MOUSE, REL(INPUT_REL_X, cases[i].x), REL(INPUT_REL_Y, cases[i].y), SYN);
    }
    expect_silence();
}

/* A guest with a mouse and nothing else: it is told motions without holding anything. */
static void test_fewer_devices(void **state) {
    (void)state;
    struct input_seat mouse_only = {.devices = {[INPUT_MOUSE] = seat.devices[INPUT_MOUSE]}};
    window_input_set_seat(&input, &mouse_only);
    assert_string_equal(touch_hint, "1");
    move(1, 400, 300, 3, 0);
    press(SDL_SCANCODE_A, true, false, SDL_KMOD_NONE);
    touch(SDL_EVENT_FINGER_DOWN, 1, 0.5f, 0.5f);
    EXPECT(INPUT_MOUSE, REL(INPUT_REL_X, 3), SYN);
    expect_silence();
}

static void test_no_devices(void **state) {
    (void)state;
    struct input_seat nothing = {0};
    static struct window_input other;
    window_input_init(&other, DISPLAY_SCALE_FIT);
    snprintf(windows[0].title, sizeof(windows[0].title), "Vesper");
    for (int i = 0; i < 2; i++) {
        window_input_note_display(&other, 0, &windows[0], 800, 600);
        const SDL_Event event = {.key = {.type = SDL_EVENT_KEY_DOWN,
                                         .windowID = 1,
                                         .down = true,
                                         .scancode = SDL_SCANCODE_G,
                                         .mod = SDL_KMOD_LCTRL | SDL_KMOD_LALT}};
        window_input_handle(&other, &event);
        assert_false(windows[0].keyboard_held);
        assert_string_equal(windows[0].title, "Vesper");
        window_input_set_seat(&other, &nothing);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_keys),          TEST(test_focus_releases),
        TEST(test_places),        TEST(test_buttons_and_wheels),
        TEST(test_hold),          TEST(test_relative),
        TEST(test_hold_ends),     TEST(test_fingers),
        TEST(test_turned),        TEST(test_turned_motions),
        TEST(test_fewer_devices), TEST(test_no_devices),
    };
    return cmocka_run_group_tests_name("display_window_input", tests, NULL, NULL) ? 1 : 0;
}
