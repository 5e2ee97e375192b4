#include "input/fingers.h"

#include "input/codes.h"

struct list {
    struct input_event *events;
    size_t count;
};

static void put(struct list *list, uint16_t type, uint16_t code, uint32_t value) {
    list->events[list->count++] = (struct input_event){type, code, value};
}

/* INPUT_SLOTS: it has none. */
static uint32_t find(const struct input_fingers *fingers, uint64_t screen, uint64_t finger) {
    uint32_t slot = 0;
    while (slot < INPUT_SLOTS &&
           !(fingers->slots[slot].touches && fingers->slots[slot].screen == screen &&
             fingers->slots[slot].finger == finger)) {
        slot++;
    }
    return slot;
}

static uint32_t find_free(const struct input_fingers *fingers) {
    uint32_t slot = 0;
    while (slot < INPUT_SLOTS && fingers->slots[slot].touches) {
        slot++;
    }
    return slot;
}

static bool is_untouched(const struct input_fingers *fingers) {
    for (uint32_t slot = 0; slot < INPUT_SLOTS; slot++) {
        if (fingers->slots[slot].touches) {
            return false;
        }
    }
    return true;
}

static void put_place(struct list *list, uint32_t x, uint32_t y) {
    put(list, INPUT_EV_ABS, INPUT_ABS_MT_POSITION_X, x);
    put(list, INPUT_EV_ABS, INPUT_ABS_MT_POSITION_Y, y);
}

size_t input_fingers_down(struct input_fingers *fingers, uint64_t screen, uint64_t finger,
                          uint32_t x, uint32_t y, struct input_event out[INPUT_FINGER_EVENTS]) {
    if (find(fingers, screen, finger) < INPUT_SLOTS) {
        return input_fingers_move(fingers, screen, finger, x, y, out);
    }
    const uint32_t slot = find_free(fingers);
    if (slot == INPUT_SLOTS) {
        return 0;
    }
    struct list list = {out, 0};
    const bool is_first = is_untouched(fingers);
    fingers->slots[slot].touches = true;
    fingers->slots[slot].screen = screen;
    fingers->slots[slot].finger = finger;
    put(&list, INPUT_EV_ABS, INPUT_ABS_MT_SLOT, slot);
    put(&list, INPUT_EV_ABS, INPUT_ABS_MT_TRACKING_ID, fingers->next_id++ % UINT16_MAX);
    put_place(&list, x, y);
    if (is_first) {
        put(&list, INPUT_EV_KEY, INPUT_BTN_TOUCH, 1);
    }
    return list.count;
}

size_t input_fingers_move(const struct input_fingers *fingers, uint64_t screen, uint64_t finger,
                          uint32_t x, uint32_t y, struct input_event out[INPUT_FINGER_EVENTS]) {
    const uint32_t slot = find(fingers, screen, finger);
    if (slot == INPUT_SLOTS) {
        return 0;
    }
    struct list list = {out, 0};
    put(&list, INPUT_EV_ABS, INPUT_ABS_MT_SLOT, slot);
    put_place(&list, x, y);
    return list.count;
}

size_t input_fingers_up(struct input_fingers *fingers, uint64_t screen, uint64_t finger,
                        struct input_event out[INPUT_FINGER_EVENTS]) {
    const uint32_t slot = find(fingers, screen, finger);
    if (slot == INPUT_SLOTS) {
        return 0;
    }
    struct list list = {out, 0};
    fingers->slots[slot].touches = false;
    put(&list, INPUT_EV_ABS, INPUT_ABS_MT_SLOT, slot);
    put(&list, INPUT_EV_ABS, INPUT_ABS_MT_TRACKING_ID, UINT32_MAX);
    if (is_untouched(fingers)) {
        put(&list, INPUT_EV_KEY, INPUT_BTN_TOUCH, 0);
    }
    return list.count;
}

void input_fingers_forget(struct input_fingers *fingers) {
    for (uint32_t slot = 0; slot < INPUT_SLOTS; slot++) {
        fingers->slots[slot].touches = false;
    }
}
