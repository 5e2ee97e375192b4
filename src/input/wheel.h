/* A wheel whose turns come in fractions of a notch. One thread. */
#ifndef VESPER_INPUT_WHEEL_H
#define VESPER_INPUT_WHEEL_H

#include <stddef.h>
#include <stdint.h>

#include "input/device.h"

/* What a notch is in events of high resolution; so Linux has it. */
#define INPUT_WHEEL_NOTCH 120

struct input_wheel {
    double rest;    /* notches that no event has told yet, less than a 120th */
    int32_t turned; /* 120ths since the last whole notch */
};

/* Writes a turn by so many notches, where positive is up or right: up to two events, of high
 * resolution (code `fine`) and, when whole notches are complete, of notches (code `coarse`).
 * Returns how many. */
size_t input_wheel_turn(struct input_wheel *wheel, double notches, uint16_t coarse, uint16_t fine,
                        struct input_event out[2]);

#endif
