#include "keeper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "platform/platform.h"

static void set_size(struct keeper *keeper, struct kept *kept, const struct software_frame *frame) {
    const size_t size = 4 * (size_t)frame->width * frame->height;
    free(kept->pixels);
    free(kept->pieced);
    kept->pixels = malloc(size);
    kept->pieced = calloc(1, size);
    kept->width = frame->width;
    kept->height = frame->height;
    if (!kept->pixels || !kept->pieced) {
        keeper->fault = "no memory";
    }
}

static void copy(uint32_t *out, const struct software_frame *frame,
                 const struct presenter_rect *rect) {
    for (uint32_t y = rect->y; y < rect->y + rect->height; y++) {
        memcpy(out + (size_t)frame->width * y + rect->x,
               frame->pixels + (size_t)(frame->stride / 4) * y + rect->x, 4 * (size_t)rect->width);
    }
}

static bool is_inside(const struct presenter_rect *rect, const struct software_frame *frame) {
    return rect->width > 0 && rect->height > 0 && rect->x <= frame->width &&
           rect->y <= frame->height && rect->width <= frame->width - rect->x &&
           rect->height <= frame->height - rect->y;
}

static void keep_pixels(struct keeper *keeper, struct kept *kept,
                        const struct software_frame *frame) {
    if (!kept->pixels || frame->width != kept->width || frame->height != kept->height) {
        set_size(keeper, kept, frame);
    }
    for (uint32_t i = 0; i < frame->damage_count; i++) {
        if (!is_inside(&frame->damage[i], frame)) {
            keeper->fault = "damage lies outside of the frame";
            return;
        }
        copy(kept->pieced, frame, &frame->damage[i]);
    }
    const struct presenter_rect whole = {0, 0, frame->width, frame->height};
    copy(kept->pixels, frame, &whole);
    if (memcmp(kept->pixels, kept->pieced, 4 * (size_t)frame->width * frame->height) != 0) {
        keeper->fault = "pixels changed that were not damaged";
    }
    for (size_t i = 0; i < (size_t)frame->width * frame->height; i++) {
        if (kept->pixels[i] >> 24 != 0xff) {
            keeper->fault = "an X byte is not 0xff";
        }
    }
}

void keeper_keep(void *user, const struct software_frame *frame) {
    struct keeper *keeper = user;
    pthread_mutex_lock(&keeper->mutex);
    struct kept *kept = &keeper->kept[frame->scanout];
    if (frame->serial != kept->serial + (frame->damage_count > 0)) {
        keeper->fault = "the serial number does not follow";
    }
    if (frame->flushes < kept->flushes || frame->ticket < kept->ticket) {
        keeper->fault = "flushes or tickets run backwards";
    }
    if (frame->pixels && !keeper->fault) {
        keep_pixels(keeper, kept, frame);
    }
    kept->serial = frame->serial;
    kept->flushes = frame->flushes;
    kept->ticket = frame->ticket;
    pthread_cond_broadcast(&keeper->changed);
    pthread_mutex_unlock(&keeper->mutex);
}

void keeper_init(struct keeper *keeper) {
    *keeper = (struct keeper){0};
    assert_int_equal(pthread_mutex_init(&keeper->mutex, NULL), 0);
    assert_int_equal(platform_cond_init(&keeper->changed), 0);
}

void keeper_finish(struct keeper *keeper) {
    for (uint32_t i = 0; i < PRESENTER_SCANOUTS_MAX; i++) {
        free(keeper->kept[i].pixels);
        free(keeper->kept[i].pieced);
    }
    pthread_cond_destroy(&keeper->changed);
    pthread_mutex_destroy(&keeper->mutex);
}

struct shown keeper_read(struct keeper *keeper, struct presenter *presenter, uint32_t scanout) {
    const uint64_t deadline = platform_now_ns() + BACKEND_PATIENCE_NS;
    const uint64_t ticket = software_presenter_refresh(presenter, scanout);
    assert_true(ticket > 0);
    struct kept *kept = &keeper->kept[scanout];
    pthread_mutex_lock(&keeper->mutex);
    while (kept->ticket < ticket &&
           platform_cond_wait_until(&keeper->changed, &keeper->mutex, deadline)) {
    }
    const bool came = kept->ticket >= ticket;
    const char *fault = keeper->fault;
    struct shown shown = {kept->width, kept->height, NULL};
    if (kept->pixels) {
        const size_t size = 4 * (size_t)kept->width * kept->height;
        shown.pixels = malloc(size);
        if (shown.pixels) {
            memcpy(shown.pixels, kept->pixels, size);
        }
    }
    pthread_mutex_unlock(&keeper->mutex);
    assert_true(came);
    if (fault) {
        fail_msg("%s", fault);
    }
    return shown;
}
