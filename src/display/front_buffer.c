#include "display/front_buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "platform/platform.h"
#include "util/log.h"

int front_buffer_init(struct front_buffer *buffer) {
    memset(buffer, 0, sizeof(*buffer));
    int error = -pthread_mutex_init(&buffer->mutex, NULL);
    if (error) {
        return error;
    }
    error = platform_cond_init(&buffer->ticked);
    if (error) {
        pthread_mutex_destroy(&buffer->mutex);
    }
    return error;
}

void front_buffer_finish(struct front_buffer *buffer) {
    pthread_cond_destroy(&buffer->ticked);
    pthread_mutex_destroy(&buffer->mutex);
    free(buffer->pixels);
}

static uint32_t *make_pixels(uint32_t width, uint32_t height) {
    uint32_t *pixels = malloc((size_t)width * height * sizeof(*pixels));
    if (!pixels) {
        log_error("display: there is no memory for a window of %u × %u pixels", width, height);
    }
    return pixels;
}

/* For frames of this size. */
static bool set_size(struct front_buffer *buffer, uint32_t width, uint32_t height) {
    display_turn_size(buffer->turn, &width, &height);
    if (buffer->pixels && buffer->width == width && buffer->height == height) {
        return true;
    }
    uint32_t *pixels = make_pixels(width, height);
    if (!pixels) {
        return false;
    }
    free(buffer->pixels);
    buffer->pixels = pixels;
    buffer->width = width;
    buffer->height = height;
    buffer->damage.count = 0;
    return true;
}

static void copy(struct front_buffer *buffer, const struct software_frame *frame,
                 const struct presenter_rect *rect) {
    const struct presenter_rect turned =
        display_turn_rect(buffer->turn, frame->width, frame->height, rect);
    display_turn_copy(buffer->turn, frame->width, frame->height, frame->pixels, frame->stride / 4,
                      rect, buffer->pixels);
    display_damage_add(&buffer->damage, &turned);
}

bool front_buffer_put(struct front_buffer *buffer, const struct software_frame *frame) {
    pthread_mutex_lock(&buffer->mutex);
    buffer->ticket = frame->ticket;
    pthread_cond_broadcast(&buffer->ticked);
    const bool fits = frame->pixels && set_size(buffer, frame->width, frame->height);
    if (fits) {
        buffer->signal = frame->signal;
        for (uint32_t i = 0; i < frame->damage_count; i++) {
            copy(buffer, frame, &frame->damage[i]);
        }
    }
    pthread_mutex_unlock(&buffer->mutex);
    return fits;
}

void front_buffer_lock(struct front_buffer *buffer) {
    pthread_mutex_lock(&buffer->mutex);
}

void front_buffer_unlock(struct front_buffer *buffer) {
    pthread_mutex_unlock(&buffer->mutex);
}

/* All pixels, turned further, in memory that is the caller's. */
static uint32_t *copy_turned(const struct front_buffer *buffer, enum display_turn turn) {
    const struct presenter_rect whole = {0, 0, buffer->width, buffer->height};
    uint32_t *pixels = make_pixels(buffer->width, buffer->height);
    if (pixels) {
        display_turn_copy(turn, buffer->width, buffer->height, buffer->pixels, buffer->width,
                          &whole, pixels);
    }
    return pixels;
}

static bool turn_pixels(struct front_buffer *buffer, enum display_turn turn) {
    const enum display_turn further = display_turn_add(display_turn_back(buffer->turn), turn);
    uint32_t *pixels = copy_turned(buffer, further);
    if (!pixels) {
        return false;
    }
    free(buffer->pixels);
    buffer->pixels = pixels;
    display_turn_size(further, &buffer->width, &buffer->height);
    buffer->damage.count = 0;
    display_damage_add(&buffer->damage,
                       &(struct presenter_rect){0, 0, buffer->width, buffer->height});
    return true;
}

bool front_buffer_set_turn(struct front_buffer *buffer, enum display_turn turn) {
    pthread_mutex_lock(&buffer->mutex);
    const bool done = !buffer->pixels || turn_pixels(buffer, turn);
    if (done) {
        buffer->turn = turn;
    }
    pthread_mutex_unlock(&buffer->mutex);
    return done;
}

static int copy_out(const struct front_buffer *buffer, uint32_t **out_pixels) {
    if (!buffer->pixels) {
        return -ENODATA;
    }
    *out_pixels = copy_turned(buffer, display_turn_back(buffer->turn));
    return *out_pixels ? 0 : -ENOMEM;
}

int front_buffer_copy(struct front_buffer *buffer, uint64_t ticket, uint64_t deadline_ns,
                      uint32_t **out_pixels, uint32_t *out_width, uint32_t *out_height) {
    pthread_mutex_lock(&buffer->mutex);
    while (buffer->ticket < ticket &&
           platform_cond_wait_until(&buffer->ticked, &buffer->mutex, deadline_ns)) {
    }
    int error = buffer->ticket < ticket ? -ETIMEDOUT : copy_out(buffer, out_pixels);
    *out_width = buffer->width;
    *out_height = buffer->height;
    display_turn_size(buffer->turn, out_width, out_height);
    pthread_mutex_unlock(&buffer->mutex);
    return error;
}
