/* Rates of frames, at times that are made up, and when they are written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include "display/status.h"
#include "platform/platform.h"

#define MS UINT64_C(1000000)

static void note_evenly(struct display_status *status, uint32_t scanout, uint64_t *now_ns,
                        unsigned count, uint64_t step_ns) {
    for (unsigned i = 0; i < count; i++) {
        *now_ns += step_ns;
        display_status_note(status, scanout, "blit", *now_ns);
    }
}

static void test_rates(void **state) {
    (void)state;
    struct display_status *status;
    struct display_rate rate;
    uint64_t now_ns = 5000 * MS;
    assert_int_equal(display_status_create(2, NULL, NULL, &status), 0);
    assert_true(display_status_get(status, 0, now_ns, &rate));
    assert_null(rate.path);
    assert_false(display_status_get(status, 2, now_ns, &rate));

    note_evenly(status, 0, &now_ns, 1, 0);
    assert_true(display_status_get(status, 0, now_ns, &rate));
    assert_string_equal(rate.path, "blit");
    assert_true(rate.frames_per_second == 0); /* of one frame there is no rate */
    note_evenly(status, 0, &now_ns, 3, 100 * MS); /* before a second is over */
    assert_true(display_status_get(status, 0, now_ns, &rate));
    assert_true(rate.frames_per_second > 9.99 && rate.frames_per_second < 10.01);

    note_evenly(status, 0, &now_ns, 2, 350 * MS);
    assert_true(display_status_get(status, 0, now_ns, &rate));
    assert_true(rate.frames_per_second > 4.99 && rate.frames_per_second < 5.01);
    assert_true(rate.mean_ms > 199 && rate.mean_ms < 201);
    assert_true(rate.longest_ms > 349 && rate.longest_ms < 351);
    /* The next second. */
    note_evenly(status, 0, &now_ns, 100, 10 * MS);
    assert_true(display_status_get(status, 0, now_ns, &rate));
    assert_true(rate.frames_per_second > 99.9 && rate.frames_per_second < 100.1);
    assert_true(rate.longest_ms > 9.9 && rate.longest_ms < 10.1);
    /* Of another display there is nothing. */
    assert_true(display_status_get(status, 1, now_ns, &rate));
    assert_null(rate.path);

    now_ns += 1001 * MS;
    assert_true(display_status_get(status, 0, now_ns, &rate));
    assert_true(rate.frames_per_second == 0 && rate.mean_ms == 0 && rate.longest_ms == 0);
    assert_string_equal(rate.path, "blit");
    /* The pause is not a slow frame. */
    note_evenly(status, 0, &now_ns, 1, 0);
    note_evenly(status, 0, &now_ns, 2, 20 * MS);
    assert_true(display_status_get(status, 0, now_ns, &rate));
    assert_true(rate.longest_ms > 19 && rate.longest_ms < 21);
    display_status_destroy(status);
}

static _Atomic(unsigned) written[2];

static void write_rate(void *user, uint32_t scanout, const struct display_rate *rate) {
    assert_ptr_equal(user, written);
    assert_string_equal(rate->path, "software");
    atomic_fetch_add(&written[scanout], 1);
}

static void test_written_once(void **state) {
    (void)state;
    struct display_status *status;
    assert_int_equal(display_status_create(2, write_rate, written, &status), 0);
    display_status_note(status, 1, "software", platform_now_ns());
    display_status_note(status, 1, "software", platform_now_ns());
    while (atomic_load(&written[1]) == 0) {
        sched_yield();
    }
    /* The thread has nothing more to say, however long it is waited for. */
    nanosleep(&(struct timespec){.tv_sec = 1, .tv_nsec = 500 * 1000 * 1000}, NULL);
    assert_int_equal(atomic_load(&written[0]), 0);
    assert_int_equal(atomic_load(&written[1]), 1);
    display_status_note(status, 0, "software", platform_now_ns());
    while (atomic_load(&written[0]) == 0) {
        sched_yield();
    }
    display_status_destroy(status);
}

static void test_ends_at_once(void **state) {
    (void)state;
    struct display_status *status;
    for (int i = 0; i < 50; i++) {
        assert_int_equal(display_status_create(1, write_rate, written, &status), 0);
        if (i % 2) {
            display_status_note(status, 0, "software", platform_now_ns());
        }
        display_status_destroy(status);
    }
    display_status_destroy(NULL);
    display_status_note(NULL, 0, "software", 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_written_once),
        cmocka_unit_test(test_ends_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
