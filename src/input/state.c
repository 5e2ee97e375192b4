#include "input/state.h"

#include <string.h>

void input_state_init(struct input_state *state) {
    *state = (struct input_state){.x = UINT32_MAX, .y = UINT32_MAX};
    for (size_t i = 0; i < INPUT_SLOTS; i++) {
        state->fingers[i].id = UINT32_MAX;
    }
}

static bool replace(uint32_t *place, uint32_t value) {
    const bool differs = *place != value;
    *place = value;
    return differs;
}

static bool is_pressed(const struct input_state *state, uint32_t code) {
    return state->keys[code / 8] >> code % 8 & 1;
}

static bool apply_key(struct input_state *state, uint32_t code, bool pressed) {
    if (is_pressed(state, code) == pressed) {
        return false;
    }
    state->keys[code / 8] ^= (uint8_t)(1 << code % 8);
    return true;
}

static bool apply_axis(struct input_state *state, uint32_t code, uint32_t value) {
    struct input_finger *finger = &state->fingers[state->slot];
    switch (code) {
    case INPUT_ABS_X:
        return replace(&state->x, value);
    case INPUT_ABS_Y:
        return replace(&state->y, value);
    case INPUT_ABS_MT_SLOT:
        return replace(&state->slot, value);
    case INPUT_ABS_MT_TRACKING_ID:
        return replace(&finger->id, value);
    case INPUT_ABS_MT_POSITION_X:
        return replace(&finger->x, value);
    case INPUT_ABS_MT_POSITION_Y:
        return replace(&finger->y, value);
    default:
        return true;
    }
}

bool input_state_apply(struct input_state *state, const struct input_event *event) {
    switch (event->type) {
    case INPUT_EV_KEY:
        return apply_key(state, event->code, event->value == 1);
    case INPUT_EV_ABS:
        return apply_axis(state, event->code, event->value);
    default:
        return true;
    }
}

/* ---- differences ------------------------------------------------------------------------ */

struct list {
    struct input_event *events;
    size_t count;
};

static void put(struct list *list, uint16_t type, uint16_t code, uint32_t value) {
    list->events[list->count++] = (struct input_event){type, code, value};
}

static void compare_keys(const struct input_state *from, const struct input_state *to,
                         struct list *list, size_t room) {
    for (uint16_t code = 0; code < INPUT_KEY_COUNT && list->count < room; code++) {
        if (is_pressed(from, code) != is_pressed(to, code)) {
            put(list, INPUT_EV_KEY, code, is_pressed(to, code));
        }
    }
}

static void put_axis(struct list *list, uint16_t code, uint32_t from, uint32_t to) {
    if (from != to && to != UINT32_MAX) {
        put(list, INPUT_EV_ABS, code, to);
    }
}

/* Returns the slot that the guest's next events are about. */
static uint32_t compare_finger(const struct input_finger *from, const struct input_finger *to,
                               uint32_t slot, uint32_t at, struct list *list) {
    const bool is_gone = to->id == UINT32_MAX;
    if (from->id == to->id && (is_gone || (from->x == to->x && from->y == to->y))) {
        return at;
    }
    put_axis(list, INPUT_ABS_MT_SLOT, at, slot);
    if (from->id != to->id) {
        put(list, INPUT_EV_ABS, INPUT_ABS_MT_TRACKING_ID, to->id);
    }
    if (!is_gone) {
        put_axis(list, INPUT_ABS_MT_POSITION_X, from->x, to->x);
        put_axis(list, INPUT_ABS_MT_POSITION_Y, from->y, to->y);
    }
    return slot;
}

size_t input_state_compare(const struct input_state *from, const struct input_state *to,
                           struct input_event *out, size_t room) {
    struct list list = {out, 0};
    put_axis(&list, INPUT_ABS_X, from->x, to->x);
    put_axis(&list, INPUT_ABS_Y, from->y, to->y);
    uint32_t at = from->slot;
    for (uint32_t i = 0; i < INPUT_SLOTS && room - list.count >= 5; i++) {
        at = compare_finger(&from->fingers[i], &to->fingers[i], i, at, &list);
    }
    /* What a person does next is about this slot. */
    if (room - list.count >= 1) {
        put_axis(&list, INPUT_ABS_MT_SLOT, at, to->slot);
    }
    compare_keys(from, to, &list, room);
    return list.count;
}
