/* Event types and codes of input devices, as the virtio specification takes them from Linux
 * ("Input Device"; linux/input-event-codes.h says what each means). Only those that are used. */
#ifndef VESPER_INPUT_CODES_H
#define VESPER_INPUT_CODES_H

enum {
    INPUT_EV_SYN = 0,
    INPUT_EV_KEY = 1,
    INPUT_EV_REL = 2,
    INPUT_EV_ABS = 3,
    INPUT_EV_LED = 0x11,
    INPUT_EV_REP = 0x14,
};

enum { INPUT_SYN_REPORT = 0 };

/* Keys of a keyboard are in keymap.c; these are buttons, which share their numbers' space. */
enum {
    INPUT_BTN_LEFT = 0x110,
    INPUT_BTN_RIGHT = 0x111,
    INPUT_BTN_MIDDLE = 0x112,
    INPUT_BTN_SIDE = 0x113,
    INPUT_BTN_EXTRA = 0x114,
    INPUT_BTN_TOUCH = 0x14a,
    INPUT_KEY_COUNT = 0x300,
};

enum {
    INPUT_REL_X = 0,
    INPUT_REL_Y = 1,
    INPUT_REL_HWHEEL = 6,
    INPUT_REL_WHEEL = 8,
    INPUT_REL_WHEEL_HI_RES = 11,
    INPUT_REL_HWHEEL_HI_RES = 12,
};

enum {
    INPUT_ABS_X = 0,
    INPUT_ABS_Y = 1,
    INPUT_ABS_MT_SLOT = 0x2f,
    INPUT_ABS_MT_POSITION_X = 0x35,
    INPUT_ABS_MT_POSITION_Y = 0x36,
    INPUT_ABS_MT_TRACKING_ID = 0x39,
    INPUT_ABS_COUNT = 0x40,
};

enum { INPUT_LED_NUM = 0, INPUT_LED_CAPS = 1, INPUT_LED_SCROLL = 2, INPUT_LED_COUNT = 16 };

enum { INPUT_PROP_DIRECT = 1 };

#endif
