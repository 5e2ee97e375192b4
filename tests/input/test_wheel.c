/* Turns of a wheel: fractions, whole notches, changes of mind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "input/codes.h"
#include "input/wheel.h"

/* Turns, and expects `coarse` whole notches and `fine` 120ths; 0: no such event. */
static void expect_turn(struct input_wheel *wheel, double notches, int32_t coarse, int32_t fine) {
    struct input_event out[2];
    const size_t count =
        input_wheel_turn(wheel, notches, INPUT_REL_WHEEL, INPUT_REL_WHEEL_HI_RES, out);
    int32_t seen_coarse = 0, seen_fine = 0;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(out[i].type, INPUT_EV_REL);
        if (out[i].code == INPUT_REL_WHEEL) {
            seen_coarse = (int32_t)out[i].value;
        } else {
            assert_int_equal(out[i].code, INPUT_REL_WHEEL_HI_RES);
            seen_fine = (int32_t)out[i].value;
        }
    }
    assert_int_equal(count, (coarse != 0) + (fine != 0));
    assert_int_equal(seen_coarse, coarse);
    assert_int_equal(seen_fine, fine);
}

static void test_whole_notches(void **state) {
    (void)state;
    struct input_wheel wheel = {0};
    expect_turn(&wheel, 1, 1, 120);
    expect_turn(&wheel, -1, -1, -120);
    expect_turn(&wheel, 3, 3, 360);
    expect_turn(&wheel, 0, 0, 0);
}

static void test_fractions_add_up(void **state) {
    (void)state;
    struct input_wheel wheel = {0};
    expect_turn(&wheel, 0.25, 0, 30);
    expect_turn(&wheel, 0.25, 0, 30);
    expect_turn(&wheel, 0.25, 0, 30);
    expect_turn(&wheel, 0.25, 1, 30);
    expect_turn(&wheel, 1.5, 1, 180);
    expect_turn(&wheel, 0.5, 1, 60);
}

static void test_less_than_a_step_waits(void **state) {
    (void)state;
    struct input_wheel wheel = {0};
    expect_turn(&wheel, 0.25 / 120, 0, 0);
    expect_turn(&wheel, 0.25 / 120, 0, 0);
    expect_turn(&wheel, 0.625 / 120, 0, 1);
}

/* Half a notch up, and then a notch down is a notch down. */
static void test_other_direction_begins_anew(void **state) {
    (void)state;
    struct input_wheel wheel = {0};
    expect_turn(&wheel, 0.5, 0, 60);
    expect_turn(&wheel, -0.75, 0, -90);
    expect_turn(&wheel, -0.25, -1, -30);
}

static void test_nonsense_is_bounded(void **state) {
    (void)state;
    struct input_wheel wheel = {0};
    expect_turn(&wheel, 1e30, 100, 12000);
    expect_turn(&wheel, -INFINITY, -100, -12000);
    struct input_event out[2];
    assert_true(input_wheel_turn(&wheel, NAN, 1, 2, out) <= 2);
    assert_true(wheel.rest > -1 && wheel.rest < 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_notches),
        cmocka_unit_test(test_fractions_add_up),
        cmocka_unit_test(test_less_than_a_step_waits),
        cmocka_unit_test(test_other_direction_begins_anew),
        cmocka_unit_test(test_nonsense_is_bounded),
    };
    return cmocka_run_group_tests_name("input_wheel", tests, NULL, NULL) ? 1 : 0;
}
