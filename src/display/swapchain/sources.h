/* Where a window's device finds the pixels of guests: their own memory, imported as it is, or a kept
 * copy of what was flushed. One thread at a time. */
#ifndef VESPER_DISPLAY_SWAPCHAIN_SOURCES_H
#define VESPER_DISPLAY_SWAPCHAIN_SOURCES_H

#include <stdbool.h>
#include <stdint.h>

#include "display/damage.h"
#include "display/swapchain/buffer.h"
#include "display/swapchain/painter.h"
#include "display/view.h"

/* Guests draw into two or three pictures in turn. */
#define SCREEN_IMPORTS 4

struct screen_import {
    struct display_view view; /* keeps the memory; empty: unused */
    void *bytes; /* where it begins */
    uint64_t size;
    struct screen_buffer buffer; /* empty: this memory cannot be imported */
    uint64_t used; /* the round in which it was last asked for */
};

struct screen_sources {
    struct screen_painter *painter; /* borrowed */
    uint64_t round;
    struct screen_import imports[SCREEN_IMPORTS];
    struct screen_buffer kept; /* rows without gaps */
    uint64_t scratch[DISPLAY_SCRATCH_BYTES / sizeof(uint64_t)];
};

void screen_sources_init(struct screen_sources *sources, struct screen_painter *painter);
/* Drops all memory. */
void screen_sources_finish(struct screen_sources *sources);

/* The view's own memory. False where this device cannot import it. Memory that has not been asked for
 * in a while is let go. */
bool screen_sources_import(struct screen_sources *sources, const struct display_view *view,
                           struct screen_pixels *out);
/* Lets go of the memory of pictures. */
void screen_sources_forget(struct screen_sources *sources);

/* Copies the view's pixels inside `damage` (rectangles of the view) into the kept copy, which must have
 * held this view's size before, unless all of it is damaged. By the GPU where the memory can be
 * imported and its queue is free, *out_staged being false, else by the processor: a flush does not wait
 * for a present call. */
VkResult screen_sources_keep(struct screen_sources *sources, const struct display_view *view,
                             const struct display_damage *damage, struct screen_pixels *out,
                             bool *out_staged);

#endif
