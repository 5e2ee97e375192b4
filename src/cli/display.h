/* What `--display` means: a presenter, and the windows it may draw into. Main thread, unless a
 * function says otherwise. */
#ifndef VESPER_CLI_DISPLAY_H
#define VESPER_CLI_DISPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "display/presenter.h"
#include "display/turn.h"

struct input_seat;
struct display_rate;
struct display_status;
struct window_host;

struct cli_display {
    struct presenter *presenter;
    struct display_status *status; /* NULL: no screen */
    struct window_host *windows; /* NULL: no screen */
    bool hdr; /* the guest is to see displays of high dynamic range */
};

/* `text`: "none", "auto", "window[,status][,full-screen[,monitor=N]][,scale=fit|integer|none][,keep-mode]
 * [,hdr][,rotate=0|90|180|270]" or "capture[=FOLDER][,every=N][,raw=PATH][,hdr]". Without a display the guest draws all the same, and
 * pictures can be had on request. `closed` (main thread, at most once): the last window was closed.
 * CLI_OK, or a sentence on standard error and CLI_FAILED or CLI_USAGE. */
int cli_display_open(const char *text, uint32_t scanouts, void (*closed)(void *user), void *user,
                     struct cli_display *out);
/* Shows the windows, where there are any, until cli_display_stop. */
void cli_display_run(struct cli_display *display);
/* Any thread; not from a signal handler. */
void cli_display_stop(struct cli_display *display);
/* A display was plugged or unplugged on request. Any thread. */
void cli_display_plug(struct cli_display *display, uint32_t scanout, bool connected);
/* Pictures of `scanout` are turned in its window, clockwise. False: there is no window for it, ever. Any
 * thread. */
bool cli_display_turn(struct cli_display *display, uint32_t scanout, enum display_turn turn);
/* Whether `text` stands for windows here. */
bool cli_display_has_windows(const char *text);
/* What is done in the windows goes to `seat` (borrowed for the display's life). Before
 * cli_display_run. */
void cli_display_set_input(struct cli_display *display, const struct input_seat *seat);
/* As window_host_get_screen; 0 where there are no windows. */
void cli_display_get_screen(struct cli_display *display, uint32_t *out_dpi,
                            uint32_t *out_refresh_hz);
/* Ends the presenter, which nobody uses any more. One that was not opened is ignored. */
void cli_display_close(struct cli_display *display);

/* How frames come to the screen of `scanout`. Any thread. False where there is no screen or no such
 * scanout. */
bool cli_display_get_rate(struct cli_display *display, uint32_t scanout, struct display_rate *out);

/* As capture_presenter_write_and_wait. Any thread. */
int cli_display_write(struct cli_display *display, uint32_t scanout, const char *path,
                      uint64_t deadline_ns);

#endif
