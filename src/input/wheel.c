#include "input/wheel.h"

#include "input/codes.h"

/* More than that at once is no person's doing. */
#define NOTCHES_MAX 100

static double clamp(double notches) {
    if (!(notches > -NOTCHES_MAX)) {
        return -NOTCHES_MAX;
    }
    return notches < NOTCHES_MAX ? notches : NOTCHES_MAX;
}

size_t input_wheel_turn(struct input_wheel *wheel, double notches, uint16_t coarse, uint16_t fine,
                        struct input_event out[2]) {
    wheel->rest += clamp(notches) * INPUT_WHEEL_NOTCH;
    const int32_t turn = (int32_t)wheel->rest;
    wheel->rest -= turn;
    if (turn == 0) {
        return 0;
    }
    /* Back from half a notch is not half a notch in the other direction. */
    if ((turn < 0) != (wheel->turned < 0)) {
        wheel->turned = 0;
    }
    wheel->turned += turn;
    const int32_t whole = wheel->turned / INPUT_WHEEL_NOTCH;
    wheel->turned -= whole * INPUT_WHEEL_NOTCH;
    size_t count = 0;
    if (whole != 0) {
        out[count++] = (struct input_event){INPUT_EV_REL, coarse, (uint32_t)whole};
    }
    out[count++] = (struct input_event){INPUT_EV_REL, fine, (uint32_t)turn};
    return count;
}
