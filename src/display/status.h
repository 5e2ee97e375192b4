/* How fast frames come to the screens, and in which way: kept while they come, written on request.
 * Nothing happens while none come. */
#ifndef VESPER_DISPLAY_STATUS_H
#define VESPER_DISPLAY_STATUS_H

#include <stdbool.h>
#include <stdint.h>

/* Of the frames of one display; zeros where none came in the last second. */
struct display_rate {
    double frames_per_second;
    double mean_ms, longest_ms; /* between two frames */
    const char *path;           /* how the last came; a constant; NULL: there was none */
};

struct display_status;

/* `write` (NULL: none) is called about once a second for each display of which a frame has come
 * since, on a thread of the status; it must not call back. `scanout_count`: 1 …
 * PRESENTER_SCANOUTS_MAX. 0 or a negative errno. */
int display_status_create(uint32_t scanout_count,
                          void (*write)(void *user, uint32_t scanout,
                                        const struct display_rate *rate),
                          void *user, struct display_status **out);
/* Nobody notes any more. NULL is ignored. */
void display_status_destroy(struct display_status *status);

/* A frame has come to the screen of `scanout` (which exists) at `now_ns` of platform_now_ns, which
 * does not go back, by `path`, a constant: "zero-copy", "blit", "staging" or "software". Any thread;
 * waits for nothing. NULL is ignored. */
void display_status_note(struct display_status *status, uint32_t scanout, const char *path,
                         uint64_t now_ns);
/* Any thread. False where there is no such scanout. */
bool display_status_get(struct display_status *status, uint32_t scanout, uint64_t now_ns,
                        struct display_rate *out);

#endif
