/* Fingers on slots, and what a touch device accepts of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "input/codes.h"
#include "input/description.h"
#include "input/fingers.h"

struct step {
    uint16_t type, code;
    uint32_t value;
};

static void expect_events(const struct input_event *out, size_t count, const struct step *steps,
                          size_t step_count) {
    assert_int_equal(count, step_count);
    for (size_t i = 0; i < count; i++) {
        assert_true(input_can_make(INPUT_TOUCH, &out[i]));
        assert_int_equal(out[i].type, steps[i].type);
        assert_int_equal(out[i].code, steps[i].code);
        assert_int_equal(out[i].value, steps[i].value);
    }
}

#define EXPECT(out, count, ...)                                                                    \
    do {                                                                                           \
        const struct step steps_[] = {__VA_ARGS__};                                                \
        expect_events(out, count, steps_, sizeof(steps_) / sizeof(steps_[0]));                     \
    } while (0)

#define SLOT(n) {INPUT_EV_ABS, INPUT_ABS_MT_SLOT, n}
#define ID(n) {INPUT_EV_ABS, INPUT_ABS_MT_TRACKING_ID, n}
#define X(n) {INPUT_EV_ABS, INPUT_ABS_MT_POSITION_X, n}
#define Y(n) {INPUT_EV_ABS, INPUT_ABS_MT_POSITION_Y, n}
#define TOUCH(n) {INPUT_EV_KEY, INPUT_BTN_TOUCH, n}

static void test_two_fingers(void **state) {
    (void)state;
    struct input_fingers fingers = {0};
    struct input_event out[INPUT_FINGER_EVENTS];
    EXPECT(out, input_fingers_down(&fingers, 7, 100, 1, 2, out), SLOT(0), ID(0), X(1), Y(2),
           TOUCH(1));
    EXPECT(out, input_fingers_down(&fingers, 7, 101, 3, 4, out), SLOT(1), ID(1), X(3), Y(4));
    EXPECT(out, input_fingers_move(&fingers, 7, 100, 5, 6, out), SLOT(0), X(5), Y(6));
    EXPECT(out, input_fingers_up(&fingers, 7, 100, out), SLOT(0), ID(UINT32_MAX));
    /* The slot is free again, for a contact of its own. */
    EXPECT(out, input_fingers_down(&fingers, 7, 102, 8, 9, out), SLOT(0), ID(2), X(8), Y(9));
    EXPECT(out, input_fingers_up(&fingers, 7, 101, out), SLOT(1), ID(UINT32_MAX));
    EXPECT(out, input_fingers_up(&fingers, 7, 102, out), SLOT(0), ID(UINT32_MAX), TOUCH(0));
}

static void test_screens_have_their_own_fingers(void **state) {
    (void)state;
    struct input_fingers fingers = {0};
    struct input_event out[INPUT_FINGER_EVENTS];
    EXPECT(out, input_fingers_down(&fingers, 1, 5, 0, 0, out), SLOT(0), ID(0), X(0), Y(0),
           TOUCH(1));
    EXPECT(out, input_fingers_down(&fingers, 2, 5, 0, 0, out), SLOT(1), ID(1), X(0), Y(0));
    assert_int_equal(input_fingers_up(&fingers, 3, 5, out), 0);
}

static void test_unknown_and_too_many(void **state) {
    (void)state;
    struct input_fingers fingers = {0};
    struct input_event out[INPUT_FINGER_EVENTS];
    assert_int_equal(input_fingers_move(&fingers, 0, 1, 0, 0, out), 0);
    assert_int_equal(input_fingers_up(&fingers, 0, 1, out), 0);
    for (uint64_t i = 0; i < INPUT_SLOTS; i++) {
        assert_true(input_fingers_down(&fingers, 0, i, 0, 0, out) > 0);
    }
    assert_int_equal(input_fingers_down(&fingers, 0, 99, 0, 0, out), 0);
    assert_int_equal(input_fingers_move(&fingers, 0, 99, 0, 0, out), 0);
    /* A second touch of one that touches moves it. */
    EXPECT(out, input_fingers_down(&fingers, 0, 3, 1, 1, out), SLOT(3), X(1), Y(1));
    input_fingers_forget(&fingers);
    assert_int_equal(input_fingers_up(&fingers, 0, 3, out), 0);
    assert_true(input_fingers_down(&fingers, 0, 99, 0, 0, out) > 0);
}

/* Contacts are numbered on and on; none is ever what says that a finger is lifted. */
static void test_numbers_of_contacts(void **state) {
    (void)state;
    struct input_fingers fingers = {0};
    struct input_event out[INPUT_FINGER_EVENTS];
    for (uint32_t i = 0; i < UINT16_MAX + 10u; i++) {
        const size_t count = input_fingers_down(&fingers, 0, i, 0, 0, out);
        EXPECT(out, count, SLOT(0), ID(i % UINT16_MAX), X(0), Y(0), TOUCH(1));
        assert_true(input_fingers_up(&fingers, 0, i, out) > 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_fingers),
        cmocka_unit_test(test_screens_have_their_own_fingers),
        cmocka_unit_test(test_unknown_and_too_many),
        cmocka_unit_test(test_numbers_of_contacts),
    };
    return cmocka_run_group_tests_name("input_fingers", tests, NULL, NULL) ? 1 : 0;
}
