/* The real device core, with contexts that need no Vulkan and a screen that shows nothing. */
#include <stddef.h>

#include "../wire/fake_context.h"
#include "display/presenter.h"
#include "test_device.h"

static struct presenter_listener listener;
static void *listener_user;

static void set_listener(struct presenter *presenter, const struct presenter_listener *new_listener,
                         void *user) {
    (void)presenter;
    listener = new_listener ? *new_listener : (struct presenter_listener){0};
    listener_user = user;
}

static int attach(struct presenter *presenter, uint32_t scanout,
                  const struct presenter_picture *picture, const struct presenter_rect *source) {
    (void)presenter, (void)scanout, (void)picture, (void)source;
    return 0;
}

static void detach(struct presenter *presenter, uint32_t scanout) {
    (void)presenter, (void)scanout;
}

static void flush(struct presenter *presenter, uint32_t scanout,
                  const struct presenter_rect *damage, uint64_t token) {
    (void)presenter, (void)scanout, (void)damage;
    if (listener.flushed) {
        listener.flushed(listener_user, token);
    }
}

static void set_cursor(struct presenter *presenter, uint32_t scanout, const uint32_t *pixels,
                       uint32_t hot_x, uint32_t hot_y) {
    (void)presenter, (void)scanout, (void)pixels, (void)hot_x, (void)hot_y;
}

static void move_cursor(struct presenter *presenter, uint32_t scanout, int32_t x, int32_t y) {
    (void)presenter, (void)scanout, (void)x, (void)y;
}

static void destroy(struct presenter *presenter) {
    (void)presenter;
}

static const struct presenter_ops ops = {
    .set_listener = set_listener,
    .attach = attach,
    .detach = detach,
    .flush = flush,
    .set_cursor = set_cursor,
    .move_cursor = move_cursor,
    .destroy = destroy,
};

static struct presenter screen = {.ops = &ops, .scanout_count = 1};

void test_device_fill_options(struct device_options *options) {
    options->create_context = fake_context_create;
    options->get_capset = fake_get_capset;
    options->presenter = &screen;
}
