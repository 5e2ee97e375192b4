/* Raw frames of all scanouts on one descriptor, each whole, the newest that there is when the
 * reader is ready for one. The format is described in docs/display.md. */
#ifndef VESPER_DISPLAY_RAW_OUTPUT_H
#define VESPER_DISPLAY_RAW_OUTPUT_H

#include <stdint.h>

#define RAW_OUTPUT_VERSION 1
#define RAW_OUTPUT_HEADER_SIZE 72 /* bytes */

struct software_frame;
struct raw_output;

/* Asks for a frame of `scanout`: it is offered soon. On the output's thread. */
typedef void (*raw_output_ask)(void *user, uint32_t scanout);

/* Starts the thread. `fd` > 0: written to, and the output's own on success; `path`: of a FIFO,
 * made where nothing is, written to while it has a reader. One of the two; *out is NULL where
 * there is neither. 0 or a negative errno, with a message: -EINVAL, -EEXIST, -EBADF … */
int raw_output_create(int fd, const char *path, uint32_t scanout_count, raw_output_ask ask,
                      void *user, struct raw_output **out);
/* Ends the thread: nothing is asked or written any more. Frames may still be offered. */
void raw_output_stop(struct raw_output *output);
/* After raw_output_stop. */
void raw_output_destroy(struct raw_output *output);

/* Takes a copy of the frame where the reader is ready for it; otherwise asks for another one
 * later. Never waits for the reader. One thread. */
void raw_output_offer(struct raw_output *output, const struct software_frame *frame);

#endif
