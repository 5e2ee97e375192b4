/* What is pressed, where a pointer is, which fingers touch: by the person's doing, or as far as the
 * guest knows. One thread at a time. */
#ifndef VESPER_INPUT_STATE_H
#define VESPER_INPUT_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "input/codes.h"
#include "input/device.h"

struct input_finger {
    uint32_t id; /* UINT32_MAX: none */
    uint32_t x, y;
};

struct input_state {
    uint8_t keys[INPUT_KEY_COUNT / 8];
    uint32_t x, y; /* of a tablet; UINT32_MAX: nowhere yet */
    uint32_t slot; /* that events are about */
    struct input_finger fingers[INPUT_SLOTS];
};

/* Nothing is pressed, nothing is anywhere. */
void input_state_init(struct input_state *state);
/* Takes over what a valid event says. False where that was so already: it says nothing new. */
bool input_state_apply(struct input_state *state, const struct input_event *event);
/* Writes the events that lead from `from` to `to`, at most `room`; returns how many. All that
 * was written applied to `from`, the rest follows by another call. `room` ≥ 4. */
size_t input_state_compare(const struct input_state *from, const struct input_state *to,
                           struct input_event *out, size_t room);

#endif
