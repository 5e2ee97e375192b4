/* A sink that keeps the last frame of each scanout, and beside it one that it only changes where frames
 * say that there is damage: the two must never differ. */
#ifndef VESPER_TESTS_KEEPER_H
#define VESPER_TESTS_KEEPER_H

#include <pthread.h>
#include <stdint.h>

#include "backend.h"
#include "display/software.h"

struct kept {
    uint64_t ticket, serial, flushes;
    uint32_t width, height;
    uint32_t *pixels, *pieced;
};

struct keeper {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    const char *fault; /* what is wrong with a frame */
    struct kept kept[PRESENTER_SCANOUTS_MAX];
};

void keeper_init(struct keeper *keeper);
void keeper_finish(struct keeper *keeper);
/* The sink; `user` is the keeper. */
void keeper_keep(void *user, const struct software_frame *frame);
/* Refreshes the scanout of a software presenter and gives what its sink got. Fails the test where any
 * frame had a fault. */
struct shown keeper_read(struct keeper *keeper, struct presenter *presenter, uint32_t scanout);

#endif
