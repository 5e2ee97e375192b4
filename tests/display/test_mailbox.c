/* The mailbox, without a thread: how requests replace and join each other. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "canvas.h"
#include "display/mailbox.h"

static struct display_mailbox mailbox;
static struct display_update update; /* the last one taken */
static struct canvas first, second;
static struct presenter_rect whole;
static const struct presenter_rect dot = {3, 4, 1, 1};

static int setup(void **state) {
    (void)state;
    const struct canvas_shape shape = {.format = PRESENTER_XRGB8888, .width = 30, .height = 20};
    canvas_init(&first, CANVAS_STORAGE, &shape);
    canvas_init(&second, CANVAS_PAGES, &shape);
    whole = canvas_whole(&first);
    return display_mailbox_init(&mailbox, 2);
}

static int teardown(void **state) {
    (void)state;
    uint64_t storages, bytes;
    display_mailbox_finish(&mailbox);
    canvas_finish(&first);
    canvas_finish(&second);
    storage_get_totals(&storages, &bytes);
    assert_int_equal(storages + canvas_live_pages(), 0);
    return 0;
}

static void attach(uint32_t scanout, const struct canvas *canvas) {
    assert_int_equal(display_mailbox_attach(&mailbox, scanout, &canvas->picture, &whole), 0);
}

/* There must be something to do. */
static struct display_mail wait_for_mail(void) {
    struct display_mail mail;
    assert_true(mailbox.waiting || mailbox.token_waiting);
    assert_true(display_mailbox_wait(&mailbox, &mail));
    return mail;
}

static void take(uint32_t scanout) {
    display_view_drop(&update.view);
    display_mailbox_take(&mailbox, scanout, &update);
}

static void end(void) {
    display_view_drop(&update.view);
}

static void test_attaching_alone_is_no_news(void **state) {
    (void)state;
    attach(0, &first);
    assert_int_equal(mailbox.waiting, 0);
    assert_false(mailbox.token_waiting);
}

static void test_flushes_join(void **state) {
    (void)state;
    attach(0, &first);
    display_mailbox_flush(&mailbox, 0, &dot, 7);
    display_mailbox_flush(&mailbox, 0, &dot, 9);
    struct display_mail mail = wait_for_mail();
    assert_int_equal(mail.scanouts, 1);
    assert_true(mail.flushed);
    assert_int_equal(mail.token, 9);
    take(0);
    assert_ptr_equal(update.view.picture.storage, first.picture.storage);
    assert_int_equal(update.flushes, 2);
    assert_int_equal(update.damage.count, 1);
    assert_memory_equal(&update.damage.rects[0], &whole, sizeof(whole)); /* it was not known */
    display_mailbox_flush(&mailbox, 0, &dot, 10);
    display_mailbox_flush(&mailbox, 0, &(struct presenter_rect){20, 10, 2, 2}, 11);
    mail = wait_for_mail();
    assert_int_equal(mail.token, 11);
    take(0);
    assert_int_equal(update.damage.count, 2);
    assert_memory_equal(&update.damage.rects[0], &dot, sizeof(dot));
    assert_int_equal(mailbox.waiting, 0);
    take(0);
    assert_true(display_view_is_empty(&update.view));
    assert_int_equal(update.flushes, 0);
    end();
}

static void test_damage_is_relative_to_the_source(void **state) {
    (void)state;
    const struct presenter_rect source = {10, 5, 10, 10};
    assert_int_equal(display_mailbox_attach(&mailbox, 0, &first.picture, &source), 0);
    display_mailbox_flush(&mailbox, 0, &whole, 1);
    take(0);
    const struct presenter_rect all = {0, 0, 10, 10};
    assert_memory_equal(&update.damage.rects[0], &all, sizeof(all));
    display_mailbox_flush(&mailbox, 0, &(struct presenter_rect){0, 0, 12, 8}, 2);
    take(0);
    const struct presenter_rect corner = {0, 0, 2, 3};
    assert_memory_equal(&update.damage.rects[0], &corner, sizeof(corner));
    display_mailbox_flush(&mailbox, 0, &(struct presenter_rect){0, 0, 5, 5}, 3);
    take(0);
    assert_int_equal(update.damage.count, 0);
    assert_int_equal(update.flushes, 1);
    end();
}

/* What was flushed is shown although another picture has been attached since. */
static void test_the_flushed_picture_stays_until_the_next_flush(void **state) {
    (void)state;
    attach(0, &first);
    display_mailbox_flush(&mailbox, 0, &whole, 1);
    attach(0, &second);
    take(0);
    assert_ptr_equal(update.view.picture.storage, first.picture.storage);
    display_mailbox_flush(&mailbox, 0, &dot, 2);
    take(0);
    assert_ptr_equal(update.view.picture.pages, second.picture.pages);
    assert_memory_equal(&update.damage.rects[0], &whole, sizeof(whole));
    end();
}

static void test_the_last_picture_wins(void **state) {
    (void)state;
    attach(0, &first);
    display_mailbox_flush(&mailbox, 0, &whole, 1);
    attach(0, &second);
    display_mailbox_flush(&mailbox, 0, &dot, 2);
    take(0);
    assert_ptr_equal(update.view.picture.pages, second.picture.pages);
    assert_int_equal(update.damage.count, 1);
    assert_memory_equal(&update.damage.rects[0], &whole, sizeof(whole));
    assert_int_equal(update.flushes, 2);
    end();
}

static void test_detaching_forgets_the_picture_not_the_token(void **state) {
    (void)state;
    attach(0, &first);
    display_mailbox_flush(&mailbox, 0, &whole, 5);
    display_mailbox_detach(&mailbox, 0);
    canvas_finish(&first);
    uint64_t storages, bytes;
    storage_get_totals(&storages, &bytes);
    assert_int_equal(storages, 0); /* at once */
    const struct display_mail mail = wait_for_mail();
    assert_int_equal(mail.token, 5);
    assert_true(mail.flushed);
    take(0);
    assert_true(update.blank);
    assert_true(display_view_is_empty(&update.view));
    display_mailbox_detach(&mailbox, 0);
    assert_int_equal(mailbox.waiting, 0); /* nothing was shown */
    display_mailbox_flush(&mailbox, 0, &whole, 6);
    assert_int_equal(mailbox.waiting, 0);
    assert_true(mailbox.token_waiting);
    end();
}

static void test_a_refused_picture_detaches(void **state) {
    (void)state;
    attach(0, &first);
    display_mailbox_flush(&mailbox, 0, &whole, 1);
    assert_int_equal(
        display_mailbox_attach(&mailbox, 0, &second.picture, &(struct presenter_rect){0}), -EINVAL);
    take(0);
    assert_true(update.blank);
    end();
}

static void test_cursors_replace_each_other(void **state) {
    (void)state;
    static uint32_t pixels[DISPLAY_CURSOR_PIXELS];
    display_mailbox_set_cursor(&mailbox, 1, pixels, 1, 2);
    pixels[5] = 77;
    display_mailbox_set_cursor(&mailbox, 1, pixels, 3, 4);
    display_mailbox_move_cursor(&mailbox, 1, -5, 6);
    display_mailbox_move_cursor(&mailbox, 1, -7, 8);
    const struct display_mail mail = wait_for_mail();
    assert_int_equal(mail.scanouts, 2);
    assert_false(mail.flushed);
    take(1);
    assert_true(update.cursor_image_new && update.cursor_place_new && update.cursor.visible);
    assert_int_equal(update.cursor.hot_x, 3);
    assert_int_equal(update.cursor.x, -7);
    assert_int_equal(update.cursor.pixels[5], 77);
    display_mailbox_set_cursor(&mailbox, 1, NULL, 0, 0);
    take(1);
    assert_true(update.cursor_image_new && !update.cursor.visible);
    assert_false(update.cursor_place_new);
}

static void test_tickets_and_sizes(void **state) {
    (void)state;
    const uint64_t one = display_mailbox_refresh(&mailbox, 0);
    const uint64_t two = display_mailbox_refresh(&mailbox, 1);
    const uint64_t three = display_mailbox_refresh(&mailbox, 0);
    assert_true(one > 0 && two > one && three > two);
    display_mailbox_resize(&mailbox, 0, 10, 20);
    display_mailbox_resize(&mailbox, 0, 30, 40);
    take(0);
    assert_int_equal(update.ticket, three);
    assert_true(update.resized);
    assert_int_equal(update.resized_width, 30);
    assert_int_equal(update.resized_height, 40);
    take(0);
    assert_int_equal(update.ticket, 0);
    assert_false(update.resized);
    take(1);
    assert_int_equal(update.ticket, two);
}

static void test_stopping_ends_the_wait(void **state) {
    (void)state;
    struct display_mail mail;
    display_mailbox_flush(&mailbox, 0, &whole, 1);
    display_mailbox_stop(&mailbox);
    assert_false(display_mailbox_wait(&mailbox, &mail));
    assert_false(display_mailbox_wait(&mailbox, &mail));
}

static void test_scanout_counts(void **state) {
    (void)state;
    struct display_mailbox other;
    assert_int_equal(display_mailbox_init(&other, 0), -EINVAL);
    assert_int_equal(display_mailbox_init(&other, PRESENTER_SCANOUTS_MAX + 1), -EINVAL);
    assert_int_equal(display_mailbox_init(&other, PRESENTER_SCANOUTS_MAX), 0);
    display_mailbox_finish(&other);
}

#define MAILBOX_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        MAILBOX_TEST(test_attaching_alone_is_no_news),
        MAILBOX_TEST(test_flushes_join),
        MAILBOX_TEST(test_damage_is_relative_to_the_source),
        MAILBOX_TEST(test_the_flushed_picture_stays_until_the_next_flush),
        MAILBOX_TEST(test_the_last_picture_wins),
        MAILBOX_TEST(test_detaching_forgets_the_picture_not_the_token),
        MAILBOX_TEST(test_a_refused_picture_detaches),
        MAILBOX_TEST(test_cursors_replace_each_other),
        MAILBOX_TEST(test_tickets_and_sizes),
        MAILBOX_TEST(test_stopping_ends_the_wait),
        MAILBOX_TEST(test_scanout_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
