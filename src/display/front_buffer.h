/* What a scanout shows, on its way from the presenter's thread to the thread that draws windows: a
 * copy, because the window is drawn when its owner finds time, and neither waits for the other
 * longer than a copy takes. Any thread. */
#ifndef VESPER_DISPLAY_FRONT_BUFFER_H
#define VESPER_DISPLAY_FRONT_BUFFER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "display/damage.h"
#include "display/software.h"
#include "display/turn.h"

struct front_buffer {
    pthread_mutex_t mutex;
    pthread_cond_t ticked;
    uint64_t ticket; /* of the last frame that was put */
    enum display_turn turn; /* of what frames hold */
    uint32_t *pixels; /* XRGB8888 without gaps, turned; NULL: nothing has ever been shown */
    uint32_t width, height; /* of them */
    bool signal;
    struct display_damage damage; /* since it was last drawn */
};

/* 0 or a negative errno. */
int front_buffer_init(struct front_buffer *buffer);
void front_buffer_finish(struct front_buffer *buffer);

/* Takes in a frame's damage and ticket. False, with a message, where memory for another size runs out: the
 * buffer then shows what it showed. */
bool front_buffer_put(struct front_buffer *buffer, const struct software_frame *frame);

/* Waits for a frame with `ticket` or a later one, until platform_now_ns() is `deadline_ns`, and
 * gives a copy of the pixels as frames had them, not turned, XRGB8888 without gaps, freed by the caller: 0, -ETIMEDOUT, -ENODATA:
 * nothing has ever been shown, -ENOMEM. Not the presenter's thread. */
int front_buffer_copy(struct front_buffer *buffer, uint64_t ticket, uint64_t deadline_ns,
                      uint32_t **out_pixels, uint32_t *out_width, uint32_t *out_height);

/* Turns what it holds, and what comes. False, with a message, where there is no memory for that: nothing
 * is turned then. */
bool front_buffer_set_turn(struct front_buffer *buffer, enum display_turn turn);

/* Holds the pixels still for a drawer, who has all damage then. */
void front_buffer_lock(struct front_buffer *buffer);
void front_buffer_unlock(struct front_buffer *buffer);

#endif
