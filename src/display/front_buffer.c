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

static bool set_size(struct front_buffer *buffer, uint32_t width, uint32_t height) {
    if (buffer->pixels && buffer->width == width && buffer->height == height) {
        return true;
    }
    uint32_t *pixels = malloc((size_t)width * height * sizeof(*pixels));
    if (!pixels) {
        log_error("display: there is no memory for a window of %u × %u pixels", width, height);
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
    for (uint32_t y = rect->y; y < rect->y + rect->height; y++) {
        memcpy(buffer->pixels + (size_t)buffer->width * y + rect->x,
               frame->pixels + (size_t)(frame->stride / 4) * y + rect->x,
               (size_t)rect->width * sizeof(*buffer->pixels));
    }
    display_damage_add(&buffer->damage, rect);
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

static int copy_out(const struct front_buffer *buffer, uint32_t **out_pixels) {
    if (!buffer->pixels) {
        return -ENODATA;
    }
    const size_t size = (size_t)buffer->width * buffer->height * sizeof(*buffer->pixels);
    *out_pixels = malloc(size);
    if (!*out_pixels) {
        return -ENOMEM;
    }
    memcpy(*out_pixels, buffer->pixels, size);
    return 0;
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
    pthread_mutex_unlock(&buffer->mutex);
    return error;
}
