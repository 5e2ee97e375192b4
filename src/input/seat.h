/* The devices that one person has before the guest. They are borrowed; one thread makes events. */
#ifndef VESPER_INPUT_SEAT_H
#define VESPER_INPUT_SEAT_H

#include <stddef.h>

#include "input/device.h"

struct input_seat {
    struct input_device *devices[INPUT_KIND_COUNT]; /* NULL: the guest has none of the kind */
};

/* As input_device_send, which never waits; what has no device is forgotten, as is what no driver
 * listens to and what there is no room for: devices remember what is held, and tell it later. */
void input_seat_send(const struct input_seat *seat, enum input_kind kind,
                     const struct input_event *events, size_t count);
/* Releases all keys and buttons of that device, and lifts all fingers. */
void input_seat_release(const struct input_seat *seat, enum input_kind kind);
/* Of all devices. */
void input_seat_release_all(const struct input_seat *seat);

#endif
