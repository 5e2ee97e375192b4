/* Windows on the screen of the person at this computer, one for each display of the guest.
 *
 * The toolkit (SDL) wants the process's main thread: it runs window_host_run, where nothing waits
 * for a GPU, a guest or a socket. Pictures come from the presenter's own thread. */
#ifndef VESPER_DISPLAY_WINDOW_H
#define VESPER_DISPLAY_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "display/presenter.h"
#include "display/scaling.h"
#include "display/turn.h"
#include "input/seat.h"

enum window_present {
    WINDOW_PRESENT_AUTO, /* as FIFO where Vulkan has a GPU that presents, else as SOFTWARE */
    WINDOW_PRESENT_SOFTWARE,
    WINDOW_PRESENT_FIFO, /* a swapchain, in the mode of this name */
    WINDOW_PRESENT_MAILBOX,
    WINDOW_PRESENT_IMMEDIATE,
};

struct display_status;

struct window_options {
    uint32_t scanout_count; /* 1 … PRESENTER_SCANOUTS_MAX */
    const char *title;      /* borrowed for the host's life */
    enum display_scale scale;
    enum window_present present;
    enum display_turn turn; /* of pictures in windows, until window_host_turn */
    bool full_screen;
    /* The first display's for full_screen, counted from 1, the next displays' follow; 0: any. */
    uint32_t monitor;
    struct display_status *status; /* borrowed; NULL: frames are not counted */
    bool keep_mode; /* the window's size, turned back, does not become the guest's mode */
    /* The person closed the last window; on the main thread, at most once. */
    void (*closed)(void *user);
    void *user;
};

struct window_host;

/* Whether this build has windows, and the system somewhere to show them. If not, a sentence in
 * `reason` (NULL: not wanted) says why. Main thread. */
bool window_host_is_possible(char *reason, size_t reason_size);

/* Whether a screen feels fingers. Main thread. */
bool window_host_feels_touch(void);

/* Main thread. 0, or a negative errno and a sentence in `reason` (-ENODEV: there is no screen, or no
 * swapchain where one was asked for, -ENOTSUP: built without SDL). */
int window_host_create(const struct window_options *options, struct window_host **out, char *reason,
                       size_t reason_size);
/* The presenter that draws into the windows. It is the host's, which destroys it. */
struct presenter *window_host_get_presenter(struct window_host *host);
/* What the screen is like where windows open: pixels per inch, Hz; 0: not known. Main thread. */
void window_host_get_screen(struct window_host *host, uint32_t *out_dpi, uint32_t *out_refresh_hz);
/* The display of `scanout` was plugged or unplugged, not by its window: an unplugged display has
 * none, and one that a person closed opens again with a plugged one. Any thread. */
void window_host_plug(struct window_host *host, uint32_t scanout, bool connected);
/* Pictures of `scanout` are turned in its window from now on. The window's sides change places with
 * every quarter; the guest's mode stays. -EINVAL: no such scanout. Any thread. */
int window_host_turn(struct window_host *host, uint32_t scanout, enum display_turn turn);
/* What a person does in the windows goes to the devices of `seat`, borrowed for the host's life. Main
 * thread, before window_host_run. */
void window_host_set_input(struct window_host *host, const struct input_seat *seat);
/* Shows windows until window_host_stop. Main thread. */
void window_host_run(struct window_host *host);
/* Ends window_host_run, now or as soon as it is called. Any thread; not from a signal handler. */
void window_host_stop(struct window_host *host);
/* Writes what `scanout` shows after all calls so far as a PNG at `path`, which appears whole. 0, or
 * a negative errno: -EINVAL for the scanout, -ENODATA: it has never shown anything, -ETIMEDOUT at
 * platform_now_ns() == `deadline_ns`, -ENOMEM, or of the file. Any thread but the presenter's. */
int window_host_write_png(struct window_host *host, uint32_t scanout, const char *path,
                          uint64_t deadline_ns);
/* Nobody may use the presenter any more. Main thread. NULL is ignored. */
void window_host_destroy(struct window_host *host);

#endif
