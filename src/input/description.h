/* What each kind of device is and can do, as its configuration space says it. Any thread. */
#ifndef VESPER_INPUT_DESCRIPTION_H
#define VESPER_INPUT_DESCRIPTION_H

#include <stdbool.h>
#include <stdint.h>

#include "input/device.h"

/* What the union at the end of the configuration space has. */
#define INPUT_CONFIG_DATA_MAX 128

/* Fills `out` for a driver's choice of `select` and `subsel`; returns the bytes that mean
 * something, 0: there is nothing of the kind. */
uint8_t input_describe(enum input_kind kind, uint8_t select, uint8_t subsel,
                       uint8_t out[INPUT_CONFIG_DATA_MAX]);

/* Whether the device can make such an event (but SYN_REPORT). */
bool input_can_make(enum input_kind kind, const struct input_event *event);

#endif
