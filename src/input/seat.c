#include "input/seat.h"

void input_seat_send(const struct input_seat *seat, enum input_kind kind,
                     const struct input_event *events, size_t count) {
    if (seat->devices[kind] && count > 0) {
        (void)input_device_send(seat->devices[kind], events, count);
    }
}

void input_seat_release(const struct input_seat *seat, enum input_kind kind) {
    if (seat->devices[kind]) {
        input_device_release_all(seat->devices[kind]);
    }
}

void input_seat_release_all(const struct input_seat *seat) {
    for (int kind = 0; kind < INPUT_KIND_COUNT; kind++) {
        input_seat_release(seat, (enum input_kind)kind);
    }
}
