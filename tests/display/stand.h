/* A stand for screens: the swapchain presenter on headless surfaces, whose windows are played. They follow
 * the size of what they show, may be closed and opened, and may fail. Needs the layer of tests/hosts,
 * which stand_control finds. */
#ifndef VESPER_TESTS_STAND_H
#define VESPER_TESTS_STAND_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "../hosts/layer/control.h"
#include "backend.h"
#include "canvas.h"
#include "display/swapchain/screens.h"
#include "keeper.h"
#include "model.h"

#define STAND_SCANOUTS_MAX 4

struct stand_options {
    uint32_t scanout_count;
    bool keep, read_images; /* as screens_options has them */
};

struct stand_window {
    bool open; /* has a surface */
    uint32_t failures; /* that the presenter told */
    uint32_t drops;
};

struct stand {
    struct screens *screens;
    struct presenter *presenter;
    struct keeper keeper;
    struct answers answers;
    uint64_t token;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct stand_window windows[STAND_SCANOUTS_MAX]; /* under the mutex */
};

/* The layer; fails the test where it is not loaded. */
const struct host_control *stand_control(void);

/* False where there is no Vulkan; nothing is open then. */
bool stand_open(struct stand *stand, const struct stand_options *options);
void stand_close(struct stand *stand);

/* Opens a window, of one pixel; the processor composes where it gets no surface. */
void stand_open_window(struct stand *stand, uint32_t scanout);
/* Closes it, and waits until its surface is gone. */
void stand_close_window(struct stand *stand, uint32_t scanout);
/* Waits until the swapchain has presented so many images, in all. */
void stand_wait_presented(struct stand *stand, uint32_t scanout, uint64_t count);

/* Attaches and flushes all of a canvas, waits for the answer, and notes it in the model (may be NULL). */
void stand_show(struct stand *stand, uint32_t scanout, const struct canvas *canvas,
                struct model *model);
/* Flushes a part, and waits. */
void stand_flush(struct stand *stand, uint32_t scanout, const struct presenter_rect *damage);
/* The scanout shows what the model says. */
void stand_check(struct stand *stand, uint32_t scanout, const struct model *model);

#endif
