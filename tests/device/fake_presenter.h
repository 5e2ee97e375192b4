/* A presenter that shows nothing: it notes what it is told, and the test takes the pixels. */
#ifndef VESPER_TESTS_DEVICE_FAKE_PRESENTER_H
#define VESPER_TESTS_DEVICE_FAKE_PRESENTER_H

#include "display/presenter.h"

struct fake_scanout {
    bool shown;
    struct presenter_picture picture; /* with references */
    struct presenter_rect source;
    uint32_t attach_count, detach_count, flush_count;
    struct presenter_rect damage; /* of the last flush */
    uint64_t token;
    bool has_cursor;
    uint32_t cursor[PRESENTER_CURSOR_SIZE * PRESENTER_CURSOR_SIZE];
    uint32_t hot_x, hot_y;
    int32_t x, y;
};

struct fake_presenter {
    struct presenter base;
    struct presenter_listener listener;
    void *user;
    uint64_t last_token;
    int attach_error; /* for further calls */
    struct fake_scanout scanouts[PRESENTER_SCANOUTS_MAX];
};

void fake_presenter_init(struct fake_presenter *presenter, uint32_t scanout_count);
/* Drops what is shown. */
void fake_presenter_finish(struct fake_presenter *presenter);
/* Answers all flushes up to a token; 0: all. */
void fake_presenter_take(struct fake_presenter *presenter, uint64_t token);
/* Pixel x, y of what a scanout shows, as its 32 bits. */
uint32_t fake_presenter_pixel(const struct fake_presenter *presenter, uint32_t scanout, uint32_t x,
                              uint32_t y);

#endif
