/* Ways of showing a frame, for vesper-bench-present. */
#ifndef VESPER_BENCH_PRESENT_H
#define VESPER_BENCH_PRESENT_H

#include <stdint.h>

#include "renderer/storage.h"

struct present_frame {
    struct storage *storages[2]; /* a guest's two pictures, XRGB8888 without gaps */
    uint32_t *pixels[2];
    uint32_t width, height;
};

/* Times of one frame, from the guest's flush on, in nanoseconds. */
struct present_times {
    uint64_t answered;  /* the guest may draw again */
    uint64_t presented; /* the frame was given to the screen */
};

struct present_way {
    const char *name;
    /* NULL where it cannot be had here. */
    void *(*open)(const struct present_frame *frame);
    void (*show)(void *state, uint32_t number, struct present_times *out);
    void (*close)(void *state);
};

extern const struct present_way present_zero_copy, present_kept, present_software, present_notes,
    present_notes_mapped, present_memcpy;

/* Ends the program with a message where `good` is false. */
void present_check(int good, const char *what);

#endif
