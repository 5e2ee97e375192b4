/* What windows are drawn from: frames' damage, turned, and frames as they were for files. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "display/front_buffer.h"

static const uint32_t first[] = {1, 2, 3, 4, 5, 6}; /* 3 × 2 */
static const struct presenter_rect whole = {0, 0, 3, 2};

static struct software_frame make_frame(const uint32_t *pixels, const struct presenter_rect *damage,
                                        uint64_t ticket) {
    return (struct software_frame){.signal = true,
                                   .pixels = pixels,
                                   .width = 3,
                                   .height = 2,
                                   .stride = 12,
                                   .damage = damage,
                                   .damage_count = 1,
                                   .ticket = ticket};
}

static void expect(struct front_buffer *buffer, uint32_t width, uint32_t height,
                   const uint32_t *pixels) {
    assert_int_equal(buffer->width, width);
    assert_int_equal(buffer->height, height);
    assert_memory_equal(buffer->pixels, pixels, 6 * sizeof(*pixels));
}

static void expect_copy(struct front_buffer *buffer, uint64_t ticket, const uint32_t *pixels) {
    uint32_t *copy, width, height;
    assert_int_equal(front_buffer_copy(buffer, ticket, 0, &copy, &width, &height), 0);
    assert_int_equal(width, 3);
    assert_int_equal(height, 2);
    assert_memory_equal(copy, pixels, 6 * sizeof(*pixels));
    free(copy);
}

static void test_turned_before_and_after(void **state) {
    (void)state;
    static const uint32_t right[] = {4, 1, 5, 2, 6, 3}, left[] = {3, 6, 2, 5, 1, 4};
    struct front_buffer buffer;
    assert_int_equal(front_buffer_init(&buffer), 0);
    assert_true(front_buffer_set_turn(&buffer, DISPLAY_TURN_90)); /* of nothing */
    const struct software_frame frame = make_frame(first, &whole, 1);
    assert_true(front_buffer_put(&buffer, &frame));
    expect(&buffer, 2, 3, right);
    expect_copy(&buffer, 1, first);
    buffer.damage.count = 0;
    assert_true(front_buffer_set_turn(&buffer, DISPLAY_TURN_270));
    expect(&buffer, 2, 3, left);
    assert_int_equal(buffer.damage.count, 1);
    assert_int_equal(buffer.damage.rects[0].width, 2);
    assert_int_equal(buffer.damage.rects[0].height, 3);
    expect_copy(&buffer, 1, first);
    assert_true(front_buffer_set_turn(&buffer, DISPLAY_TURN_0));
    expect(&buffer, 3, 2, first);
    front_buffer_finish(&buffer);
}

/* The pixel 3 at the top on the right goes to the bottom on the right, and nothing else is touched. */
static void test_damage_is_turned(void **state) {
    (void)state;
    static const uint32_t second[] = {9, 9, 7, 9, 9, 9};
    static const struct presenter_rect corner = {2, 0, 1, 1};
    static const uint32_t right[] = {4, 1, 5, 2, 6, 7}, upright[] = {1, 2, 7, 4, 5, 6};
    struct front_buffer buffer;
    assert_int_equal(front_buffer_init(&buffer), 0);
    assert_true(front_buffer_set_turn(&buffer, DISPLAY_TURN_90));
    struct software_frame frame = make_frame(first, &whole, 1);
    assert_true(front_buffer_put(&buffer, &frame));
    buffer.damage.count = 0;
    frame = make_frame(second, &corner, 2);
    assert_true(front_buffer_put(&buffer, &frame));
    expect(&buffer, 2, 3, right);
    assert_int_equal(buffer.damage.count, 1);
    assert_int_equal(buffer.damage.rects[0].x, 1);
    assert_int_equal(buffer.damage.rects[0].y, 2);
    expect_copy(&buffer, 2, upright);
    front_buffer_finish(&buffer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turned_before_and_after),
        cmocka_unit_test(test_damage_is_turned),
    };
    return cmocka_run_group_tests_name("display_front_buffer", tests, NULL, NULL) ? 1 : 0;
}
