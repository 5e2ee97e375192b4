#include "input/description.h"

#include <string.h>

#include "input/codes.h"
#include "input/keymap.h"

/* Values of `select`. */
enum {
    SELECT_NAME = 0x01,
    SELECT_SERIAL = 0x02,
    SELECT_IDS = 0x03,
    SELECT_PROPERTIES = 0x10,
    SELECT_EVENTS = 0x11,
    SELECT_AXIS = 0x12,
};

/* Bus type "virtual"; vendor and products are ours to choose on it. */
enum { BUS_VIRTUAL = 6, VENDOR = 0x5650, VERSION = 1 };

struct description {
    const char *short_name, *name, *serial;
    const uint16_t *buttons; /* ends with 0 */
    const uint16_t *axes;    /* absolute ones, ends with NONE */
    uint32_t relative;       /* bits */
    uint32_t leds;           /* bits */
    bool has_keys;           /* those of keymap.h, with repetition by the guest */
    bool is_direct;          /* fingers are where the picture is */
};

#define NONE UINT16_MAX
#define BIT(number) (UINT32_C(1) << (number))
#define WHEELS                                                                                     \
    (BIT(INPUT_REL_WHEEL) | BIT(INPUT_REL_HWHEEL) | BIT(INPUT_REL_WHEEL_HI_RES) |                  \
     BIT(INPUT_REL_HWHEEL_HI_RES))

static const uint16_t no_buttons[] = {0};
static const uint16_t mouse_buttons[] = {INPUT_BTN_LEFT, INPUT_BTN_RIGHT, INPUT_BTN_MIDDLE,
                                         INPUT_BTN_SIDE, INPUT_BTN_EXTRA, 0};
static const uint16_t touch_buttons[] = {INPUT_BTN_TOUCH, 0};
static const uint16_t no_axes[] = {NONE};
static const uint16_t tablet_axes[] = {INPUT_ABS_X, INPUT_ABS_Y, NONE};
static const uint16_t touch_axes[] = {INPUT_ABS_MT_SLOT, INPUT_ABS_MT_POSITION_X,
                                      INPUT_ABS_MT_POSITION_Y, INPUT_ABS_MT_TRACKING_ID, NONE};

static const struct description descriptions[INPUT_KIND_COUNT] = {
    [INPUT_KEYBOARD] =
        {
            .short_name = "keyboard",
            .name = "Vesper Keyboard",
            .serial = "vesper-keyboard",
            .buttons = no_buttons,
            .axes = no_axes,
            .leds = BIT(INPUT_LED_NUM) | BIT(INPUT_LED_CAPS) | BIT(INPUT_LED_SCROLL),
            .has_keys = true,
        },
    [INPUT_TABLET] =
        {
            .short_name = "tablet",
            .name = "Vesper Tablet",
            .serial = "vesper-tablet",
            .buttons = mouse_buttons,
            .axes = tablet_axes,
            .relative = WHEELS,
        },
    [INPUT_MOUSE] =
        {
            .short_name = "mouse",
            .name = "Vesper Mouse",
            .serial = "vesper-mouse",
            .buttons = mouse_buttons,
            .axes = no_axes,
            .relative = BIT(INPUT_REL_X) | BIT(INPUT_REL_Y) | WHEELS,
        },
    [INPUT_TOUCH] =
        {
            .short_name = "touch",
            .name = "Vesper Touch Screen",
            .serial = "vesper-touch",
            .buttons = touch_buttons,
            .axes = touch_axes,
            .is_direct = true,
        },
};

const char *input_kind_name(enum input_kind kind) {
    return descriptions[kind].short_name;
}

/* ---- configuration space ---------------------------------------------------------------- */

static uint8_t put_text(uint8_t *out, const char *text) {
    const size_t length = strlen(text);
    memcpy(out, text, length);
    return (uint8_t)length;
}

/* Sets a bit; returns the larger of `size` and the bytes up to it. */
static uint8_t put_bit(uint8_t *out, uint8_t size, uint32_t number) {
    out[number / 8] |= (uint8_t)(1 << number % 8);
    const uint8_t needed = (uint8_t)(number / 8 + 1);
    return needed > size ? needed : size;
}

static uint8_t put_bits(uint8_t *out, uint32_t bits) {
    uint8_t size = 0;
    for (uint32_t i = 0; i < 32; i++) {
        if (bits >> i & 1) {
            size = put_bit(out, size, i);
        }
    }
    return size;
}

static uint8_t put_keys(const struct description *description, uint8_t *out) {
    uint8_t size = 0;
    for (uint32_t usage = 0; description->has_keys && usage < INPUT_USAGE_COUNT; usage++) {
        const uint16_t code = input_key_from_usage(usage);
        size = code ? put_bit(out, size, code) : size;
    }
    for (const uint16_t *button = description->buttons; *button; button++) {
        size = put_bit(out, size, *button);
    }
    return size;
}

static uint8_t put_axes(const struct description *description, uint8_t *out) {
    uint8_t size = 0;
    for (const uint16_t *axis = description->axes; *axis != NONE; axis++) {
        size = put_bit(out, size, *axis);
    }
    return size;
}

static uint8_t put_events(const struct description *description, uint8_t type, uint8_t *out) {
    switch (type) {
    case INPUT_EV_KEY:
        return put_keys(description, out);
    case INPUT_EV_REL:
        return put_bits(out, description->relative);
    case INPUT_EV_ABS:
        return put_axes(description, out);
    case INPUT_EV_LED:
        return put_bits(out, description->leds);
    case INPUT_EV_REP:
        return description->has_keys ? put_bits(out, 3) : 0; /* delay and period */
    default:
        return 0;
    }
}

static bool has_axis(const struct description *description, uint32_t code) {
    for (const uint16_t *axis = description->axes; *axis != NONE; axis++) {
        if (*axis == code) {
            return true;
        }
    }
    return false;
}

static uint32_t get_axis_max(uint32_t code) {
    switch (code) {
    case INPUT_ABS_MT_SLOT:
        return INPUT_SLOTS - 1;
    case INPUT_ABS_MT_TRACKING_ID:
        return UINT16_MAX;
    default:
        return INPUT_ABS_MAX;
    }
}

static uint8_t put_axis(const struct description *description, uint8_t code, uint8_t *out) {
    if (!has_axis(description, code)) {
        return 0;
    }
    /* Minimum, maximum, fuzz, flat, resolution. */
    const uint32_t info[5] = {0, get_axis_max(code), 0, 0, 0};
    memcpy(out, info, sizeof(info));
    return sizeof(info);
}

static uint8_t put_ids(enum input_kind kind, uint8_t *out) {
    const uint16_t ids[4] = {BUS_VIRTUAL, VENDOR, (uint16_t)(kind + 1), VERSION};
    memcpy(out, ids, sizeof(ids));
    return sizeof(ids);
}

uint8_t input_describe(enum input_kind kind, uint8_t select, uint8_t subsel,
                       uint8_t out[INPUT_CONFIG_DATA_MAX]) {
    const struct description *description = &descriptions[kind];
    memset(out, 0, INPUT_CONFIG_DATA_MAX);
    if (select == SELECT_EVENTS) {
        return put_events(description, subsel, out);
    }
    if (select == SELECT_AXIS) {
        return put_axis(description, subsel, out);
    }
    if (subsel != 0) {
        return 0;
    }
    switch (select) {
    case SELECT_NAME:
        return put_text(out, description->name);
    case SELECT_SERIAL:
        return put_text(out, description->serial);
    case SELECT_IDS:
        return put_ids(kind, out);
    case SELECT_PROPERTIES:
        return description->is_direct ? put_bits(out, BIT(INPUT_PROP_DIRECT)) : 0;
    default:
        return 0;
    }
}

/* ---- events ----------------------------------------------------------------------------- */

static bool is_axis_value(uint16_t code, uint32_t value) {
    return value <= get_axis_max(code) ||
           (code == INPUT_ABS_MT_TRACKING_ID && value == UINT32_MAX); /* lifted */
}

bool input_can_make(enum input_kind kind, const struct input_event *event) {
    uint8_t bits[INPUT_CONFIG_DATA_MAX];
    if (event->type != INPUT_EV_KEY && event->type != INPUT_EV_REL && event->type != INPUT_EV_ABS) {
        return false;
    }
    const uint8_t size = input_describe(kind, SELECT_EVENTS, (uint8_t)event->type, bits);
    if (event->code / 8 >= size || !(bits[event->code / 8] >> event->code % 8 & 1)) {
        return false;
    }
    return event->type == INPUT_EV_REL ||
           (event->type == INPUT_EV_KEY ? event->value <= 1
                                        : is_axis_value(event->code, event->value));
}
