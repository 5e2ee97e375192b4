/* Which slot of a touch screen each finger has. One thread. */
#ifndef VESPER_INPUT_FINGERS_H
#define VESPER_INPUT_FINGERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "input/device.h"

/* Events that one finger makes at once, at most. */
#define INPUT_FINGER_EVENTS 5

struct input_fingers {
    struct {
        bool touches;
        uint64_t screen, finger; /* whoever reports it calls it so */
    } slots[INPUT_SLOTS];
    uint32_t next_id; /* of the guest's contacts */
};

/* A finger touches at x, y (0 … INPUT_ABS_MAX). Writes the events and returns how many: none, where
 * all slots are taken. One that touches already is one that moves. */
size_t input_fingers_down(struct input_fingers *fingers, uint64_t screen, uint64_t finger,
                          uint32_t x, uint32_t y, struct input_event out[INPUT_FINGER_EVENTS]);
/* It moves; none, where it has no slot. */
size_t input_fingers_move(const struct input_fingers *fingers, uint64_t screen, uint64_t finger,
                          uint32_t x, uint32_t y, struct input_event out[INPUT_FINGER_EVENTS]);
/* It is lifted. */
size_t input_fingers_up(struct input_fingers *fingers, uint64_t screen, uint64_t finger,
                        struct input_event out[INPUT_FINGER_EVENTS]);
/* The device has lifted all of them. */
void input_fingers_forget(struct input_fingers *fingers);

#endif
