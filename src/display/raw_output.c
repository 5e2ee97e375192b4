#include "display/raw_output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "display/damage.h"
#include "display/fifo_opener.h"
#include "display/presenter.h"
#include "display/software.h"
#include "platform/platform.h"
#include "util/log.h"

enum raw_state {
    RAW_IDLE,    /* the next frame that differs is taken */
    RAW_ASKED,   /* the next frame of `asked_scanout` is taken, no other */
    RAW_FILLING, /* being copied, by raw_output_offer, without the lock */
    RAW_SENDING, /* the thread's */
};

struct raw_scanout {
    bool shown;                   /* there has been a frame */
    struct display_damage damage; /* since the frame sent last; none: nothing to send */
    uint32_t width, height;
};

struct raw_output {
    raw_output_ask ask;
    void *user;
    uint32_t scanout_count;
    struct fifo_opener *opener; /* NULL: a descriptor that was given */
    struct platform_wake wake;
    pthread_t thread;

    pthread_mutex_t mutex; /* of what follows */
    bool stopped;
    int fd; /* -1: no reader */
    uint64_t reader; /* counts them */
    enum raw_state state;
    uint32_t asked_scanout;
    struct raw_scanout scanouts[PRESENTER_SCANOUTS_MAX];

    /* The header and the rows: of whoever the state says. */
    uint8_t *bytes;
    size_t capacity, size, sent;
};

/* ---- frames (the presenter's thread) ------------------------------------------------------ */

static void put_u32(uint8_t *out, uint32_t value) {
    for (int i = 0; i < 4; i++) {
        out[i] = (uint8_t)(value >> 8 * i);
    }
}

static void put_u64(uint8_t *out, uint64_t value) {
    put_u32(out, (uint32_t)value);
    put_u32(out + 4, (uint32_t)(value >> 32));
}

static void fill_header(uint8_t *out, const struct software_frame *frame,
                        const struct presenter_rect *damage) {
    memcpy(out, "VESPERFB", 8);
    put_u32(out + 8, RAW_OUTPUT_VERSION);
    put_u32(out + 12, RAW_OUTPUT_HEADER_SIZE);
    put_u32(out + 16, frame->scanout);
    put_u32(out + 20, frame->signal ? 1 : 0);
    put_u64(out + 24, frame->serial);
    put_u32(out + 32, frame->width);
    put_u32(out + 36, frame->height);
    put_u32(out + 40, 4 * frame->width);
    put_u32(out + 44, PRESENTER_XRGB8888);
    put_u32(out + 48, damage->x);
    put_u32(out + 52, damage->y);
    put_u32(out + 56, damage->width);
    put_u32(out + 60, damage->height);
    put_u64(out + 64, 4 * (uint64_t)frame->width * frame->height);
}

/* Copies the frame; false: no memory. */
static bool fill(struct raw_output *output, const struct software_frame *frame,
                 const struct presenter_rect *damage) {
    const size_t row_bytes = 4 * (size_t)frame->width;
    const size_t size = RAW_OUTPUT_HEADER_SIZE + row_bytes * frame->height;
    if (size > output->capacity) {
        free(output->bytes);
        output->capacity = 0;
        output->bytes = malloc(size);
        if (!output->bytes) {
            log_error("capture: no memory for a raw frame of %zu bytes", size);
            return false;
        }
        output->capacity = size;
    }
    fill_header(output->bytes, frame, damage);
    for (uint32_t y = 0; y < frame->height; y++) {
        memcpy(output->bytes + RAW_OUTPUT_HEADER_SIZE + row_bytes * y,
               (const uint8_t *)frame->pixels + (size_t)frame->stride * y, row_bytes);
    }
    output->size = size;
    output->sent = 0;
    return true;
}

static void mark_whole(struct raw_scanout *scanout) {
    const struct presenter_rect whole = {0, 0, scanout->width, scanout->height};
    scanout->damage.count = 0;
    display_damage_add(&scanout->damage, &whole);
}

static void note_damage(struct raw_scanout *scanout, const struct software_frame *frame) {
    if (!scanout->shown || frame->width != scanout->width || frame->height != scanout->height) {
        scanout->shown = true;
        scanout->width = frame->width;
        scanout->height = frame->height;
        mark_whole(scanout);
        return;
    }
    for (uint32_t i = 0; i < frame->damage_count; i++) {
        display_damage_add(&scanout->damage, &frame->damage[i]);
    }
}

/* Takes the frame if it is its turn: true, with the state RAW_FILLING. */
static bool begin_fill(struct raw_output *output, const struct software_frame *frame,
                       struct presenter_rect *out_damage, uint64_t *out_reader) {
    struct raw_scanout *scanout = &output->scanouts[frame->scanout];
    pthread_mutex_lock(&output->mutex);
    note_damage(scanout, frame);
    const bool takes = output->fd >= 0 && !output->stopped && scanout->damage.count > 0 &&
                       (output->state == RAW_IDLE ||
                        (output->state == RAW_ASKED && output->asked_scanout == frame->scanout));
    if (takes) {
        output->state = RAW_FILLING;
        *out_damage = display_damage_bounds(&scanout->damage);
        *out_reader = output->reader;
        scanout->damage.count = 0;
    }
    pthread_mutex_unlock(&output->mutex);
    return takes;
}

static void end_fill(struct raw_output *output, bool filled, uint64_t reader) {
    pthread_mutex_lock(&output->mutex);
    /* Another reader has not had the frames before: its first one must tell more damage. */
    output->state = filled && reader == output->reader ? RAW_SENDING : RAW_IDLE;
    platform_wake_signal(&output->wake);
    pthread_mutex_unlock(&output->mutex);
}

void raw_output_offer(struct raw_output *output, const struct software_frame *frame) {
    struct presenter_rect damage;
    uint64_t reader;
    if (frame->pixels && begin_fill(output, frame, &damage, &reader)) {
        end_fill(output, fill(output, frame, &damage), reader);
    }
}

/* ---- thread ------------------------------------------------------------------------------ */

static void close_output(struct raw_output *output, int error) {
    if (output->opener && error == -EPIPE) {
        log_info("capture: the reader of raw frames is gone; the next one is waited for");
    } else {
        log_warning("capture: raw frames end here: %s", strerror(-error));
    }
    close(output->fd);
    pthread_mutex_lock(&output->mutex);
    output->fd = -1;
    output->reader++;
    if (output->state != RAW_FILLING) {
        output->state = RAW_IDLE;
    }
    pthread_mutex_unlock(&output->mutex);
    if (output->opener && error == -EPIPE) {
        fifo_opener_start(output->opener);
    }
}

static void welcome_reader(struct raw_output *output) {
    int fd = fifo_opener_take(output->opener);
    if (fd == -EAGAIN) {
        return;
    }
    if (fd < 0) {
        log_warning("capture: there will be no raw frames: %s", strerror(-fd));
        return;
    }
    pthread_mutex_lock(&output->mutex);
    output->fd = fd;
    output->reader++;
    for (uint32_t i = 0; i < output->scanout_count; i++) {
        if (output->scanouts[i].shown) {
            mark_whole(&output->scanouts[i]);
        }
    }
    pthread_mutex_unlock(&output->mutex);
}

/* Chooses the scanout to ask for, each in its turn. */
static bool begin_asking(struct raw_output *output, uint32_t *out_scanout) {
    bool found = false;
    pthread_mutex_lock(&output->mutex);
    for (uint32_t i = 1; i <= output->scanout_count && output->state == RAW_IDLE; i++) {
        const uint32_t scanout = (output->asked_scanout + i) % output->scanout_count;
        if (output->fd >= 0 && output->scanouts[scanout].damage.count > 0) {
            output->state = RAW_ASKED;
            output->asked_scanout = scanout;
            *out_scanout = scanout;
            found = true;
        }
    }
    pthread_mutex_unlock(&output->mutex);
    return found;
}

static enum raw_state get_state(struct raw_output *output, bool *out_stopped) {
    pthread_mutex_lock(&output->mutex);
    const enum raw_state state = output->state;
    *out_stopped = output->stopped;
    pthread_mutex_unlock(&output->mutex);
    return state;
}

static void send_some(struct raw_output *output) {
    ssize_t count = write(output->fd, output->bytes + output->sent, output->size - output->sent);
    if (count < 0) {
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
            close_output(output, -errno);
        }
        return;
    }
    output->sent += (size_t)count;
    if (output->sent == output->size) {
        pthread_mutex_lock(&output->mutex);
        output->state = RAW_IDLE;
        pthread_mutex_unlock(&output->mutex);
    }
}

/* Waits for something to do, and does it. */
static void do_next(struct raw_output *output, bool sending) {
    struct pollfd polled[] = {
        {.fd = output->wake.read_fd, .events = POLLIN},
        {.fd = output->fd, .events = sending ? POLLOUT : 0},
        {.fd = output->opener ? fifo_opener_get_poll_fd(output->opener) : -1, .events = POLLIN},
    };
    if (poll(polled, 3, -1) < 0) {
        return; /* EINTR */
    }
    if (polled[0].revents) {
        platform_wake_drain(&output->wake);
    }
    if (polled[2].revents) {
        welcome_reader(output);
    } else if (polled[1].revents & (POLLERR | POLLHUP | POLLNVAL)) {
        close_output(output, -EPIPE);
    } else if (polled[1].revents & POLLOUT) {
        send_some(output);
    }
}

static void *run(void *argument) {
    struct raw_output *output = argument;
    if (output->opener) {
        fifo_opener_start(output->opener);
    }
    for (;;) {
        uint32_t scanout;
        if (begin_asking(output, &scanout)) {
            output->ask(output->user, scanout);
        }
        bool stopped;
        const enum raw_state state = get_state(output, &stopped);
        if (stopped) {
            return NULL;
        }
        do_next(output, state == RAW_SENDING);
    }
}

/* ---- creation ---------------------------------------------------------------------------- */

static int open_output(struct raw_output *output, int fd, const char *path) {
    if (path) {
        return fifo_opener_create(path, &output->opener);
    }
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        return -errno;
    }
    output->fd = fd;
    return 0;
}

static int start(struct raw_output *output) {
    int error = platform_wake_init(&output->wake);
    if (error) {
        return error;
    }
    error = -pthread_mutex_init(&output->mutex, NULL);
    if (error) {
        goto error_mutex;
    }
    error = platform_thread_start(&output->thread, "raw frames", run, output);
    if (error) {
        goto error_thread;
    }
    return 0;

error_thread:
    pthread_mutex_destroy(&output->mutex);
error_mutex:
    platform_wake_finish(&output->wake);
    return error;
}

static int create(int fd, const char *path, uint32_t scanout_count, raw_output_ask ask, void *user,
                  struct raw_output **out) {
    struct raw_output *output = calloc(1, sizeof(*output));
    if (!output) {
        return -ENOMEM;
    }
    output->ask = ask;
    output->user = user;
    output->scanout_count = scanout_count;
    output->fd = -1;
    int error = open_output(output, fd, path);
    if (error) {
        goto error_output;
    }
    error = start(output);
    if (error) {
        goto error_start;
    }
    *out = output;
    return 0;

error_start:
    if (output->opener) {
        fifo_opener_destroy(output->opener);
    }
error_output:
    free(output);
    return error;
}

int raw_output_create(int fd, const char *path, uint32_t scanout_count, raw_output_ask ask,
                      void *user, struct raw_output **out) {
    *out = NULL;
    if (fd <= 0 && !path) {
        return 0;
    }
    int error = fd > 0 && path ? -EINVAL : create(fd, path, scanout_count, ask, user, out);
    if (error && path) {
        log_error("capture: raw frames cannot go to %s: %s", path, strerror(-error));
    } else if (error) {
        log_error("capture: raw frames cannot go to descriptor %d: %s", fd, strerror(-error));
    }
    return error;
}

void raw_output_stop(struct raw_output *output) {
    pthread_mutex_lock(&output->mutex);
    output->stopped = true;
    platform_wake_signal(&output->wake);
    pthread_mutex_unlock(&output->mutex);
    pthread_join(output->thread, NULL);
}

void raw_output_destroy(struct raw_output *output) {
    if (output->opener) {
        fifo_opener_destroy(output->opener);
    }
    if (output->fd >= 0) {
        close(output->fd);
    }
    platform_wake_finish(&output->wake);
    pthread_mutex_destroy(&output->mutex);
    free(output->bytes);
    free(output);
}
