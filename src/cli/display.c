#include "cli/display.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/options.h"
#include "display/capture.h"
#include "display/status.h"
#include "display/window.h"
#include "platform/platform.h"
#include "util/log.h"

/* Cuts the next word, up to a comma, off `*text`; NULL at the end. */
static char *next_word(char **text) {
    char *word = *text;
    if (!word) {
        return NULL;
    }
    char *comma = strchr(word, ',');
    *text = comma ? comma + 1 : NULL;
    if (comma) {
        *comma = 0;
    }
    return word;
}

/* What follows `name` in `word`; NULL where it begins otherwise. */
static char *value_of(char *word, const char *name) {
    const size_t length = strlen(name);
    return strncmp(word, name, length) == 0 && word[length] ? word + length : NULL;
}

/* ---- capture ------------------------------------------------------------------------------ */

static bool parse_count(const char *text, uint32_t *out) {
    char *end;
    unsigned long count = strtoul(text, &end, 10);
    *out = (uint32_t)count;
    return text[0] >= '1' && text[0] <= '9' && *end == 0 && count <= UINT32_MAX;
}

static bool parse_capture(char *text, struct capture_options *options, bool *out_hdr) {
    char *word = next_word(&text);
    options->folder = value_of(word, "capture=");
    if (!options->folder && strcmp(word, "capture") != 0) {
        return false;
    }
    while ((word = next_word(&text))) {
        char *every = value_of(word, "every=");
        if (strcmp(word, "hdr") == 0) {
            *out_hdr = true;
        } else if (every ? !parse_count(every, &options->every)
                         : !(options->raw_path = value_of(word, "raw="))) {
            return false;
        }
    }
    return options->every == 0 || options->folder;
}

static int open_capture(char *text, uint32_t scanouts, struct cli_display *out) {
    struct capture_options options = {.scanout_count = scanouts};
    if (!parse_capture(text, &options, &out->hdr)) {
        cli_error("--display: expected capture[=FOLDER][,every=N][,raw=PATH][,hdr]");
        return CLI_USAGE;
    }
    int error = capture_presenter_create(&options, &out->presenter);
    if (error) {
        cli_error("the display cannot be made: %s", strerror(-error));
        return CLI_FAILED;
    }
    return CLI_OK;
}

/* ---- windows ------------------------------------------------------------------------------ */

static bool parse_scale(const char *text, enum display_scale *out) {
    static const char *const names[] = {
        [DISPLAY_SCALE_FIT] = "fit",
        [DISPLAY_SCALE_INTEGER] = "integer",
        [DISPLAY_SCALE_NONE] = "none",
    };
    for (size_t i = 0; text && i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (enum display_scale)i;
            return true;
        }
    }
    return false;
}

static bool parse_present(const char *text, enum window_present *out) {
    static const char *const names[] = {
        [WINDOW_PRESENT_AUTO] = "auto",           [WINDOW_PRESENT_SOFTWARE] = "software",
        [WINDOW_PRESENT_FIFO] = "fifo",           [WINDOW_PRESENT_MAILBOX] = "mailbox",
        [WINDOW_PRESENT_IMMEDIATE] = "immediate",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (enum window_present)i;
            return true;
        }
    }
    return false;
}

static void write_rate(void *user, uint32_t scanout, const struct display_rate *rate) {
    (void)user;
    fprintf(stderr, "vesper: display %" PRIu32 ": %.1f fps, %.1f ms a frame, %.1f at most, %s\n",
            scanout + 1, rate->frames_per_second, rate->mean_ms, rate->longest_ms, rate->path);
}

static bool parse_window(char *text, struct window_options *options, bool *out_status,
                         bool *out_hdr) {
    char *word = next_word(&text);
    if (strcmp(word, "window") != 0) {
        return false;
    }
    while ((word = next_word(&text))) {
        if (strcmp(word, "full-screen") == 0) {
            options->full_screen = true;
        } else if (strcmp(word, "keep-mode") == 0) {
            options->keep_mode = true;
        } else if (strcmp(word, "hdr") == 0) {
            *out_hdr = true;
        } else if (strcmp(word, "status") == 0) {
            *out_status = true;
        } else if (value_of(word, "monitor=")) {
            if (!parse_count(value_of(word, "monitor="), &options->monitor)) {
                return false;
            }
        } else if (value_of(word, "rotate=")) {
            if (!display_turn_parse(value_of(word, "rotate="), &options->turn)) {
                return false;
            }
        } else if (value_of(word, "present=")) {
            if (!parse_present(value_of(word, "present="), &options->present)) {
                return false;
            }
        } else if (!parse_scale(value_of(word, "scale="), &options->scale)) {
            return false;
        }
    }
    return !options->monitor || options->full_screen;
}

static int open_windows(char *text, struct window_options *options, struct cli_display *out) {
    bool has_status = false;
    if (!parse_window(text, options, &has_status, &out->hdr)) {
        cli_error("--display: expected window[,full-screen[,monitor=N]]"
                  "[,scale=fit|integer|none][,keep-mode][,hdr][,status]"
                  "[,rotate=0|90|180|270][,present=auto|software|fifo|mailbox|immediate]");
        return CLI_USAGE;
    }
    int error = display_status_create(options->scanout_count, has_status ? write_rate : NULL, NULL,
                                      &out->status);
    if (error) {
        cli_error("the display cannot be made: %s", strerror(-error));
        return CLI_FAILED;
    }
    options->status = out->status;
    char reason[256];
    if (window_host_create(options, &out->windows, reason, sizeof(reason))) {
        cli_error("--display window: %s", reason);
        return CLI_FAILED;
    }
    out->presenter = window_host_get_presenter(out->windows);
    return CLI_OK;
}

/* ---- both --------------------------------------------------------------------------------- */

static const char *resolve_kind(const char *text) {
    if (strcmp(text, "auto") == 0 && window_host_is_possible(NULL, 0)) {
        return "window";
    }
    return strcmp(text, "auto") == 0 || strcmp(text, "none") == 0 ? "capture" : text;
}

bool cli_display_has_windows(const char *text) {
    return strncmp(resolve_kind(text), "window", strlen("window")) == 0;
}

int cli_display_open(const char *text, uint32_t scanouts, void (*closed)(void *user), void *user,
                     struct cli_display *out) {
    *out = (struct cli_display){0};
    if (scanouts == 0 || scanouts > PRESENTER_SCANOUTS_MAX) {
        cli_error("--outputs: there can be 1 to %d", PRESENTER_SCANOUTS_MAX);
        return CLI_USAGE;
    }
    char *words = strdup(resolve_kind(text));
    if (!words) {
        cli_error("there is no memory");
        return CLI_FAILED;
    }
    struct window_options window = {
        .scanout_count = scanouts,
        .title = "Vesper",
        .closed = closed,
        .user = user,
    };
    int result = CLI_USAGE;
    if (strncmp(words, "window", strlen("window")) == 0) {
        result = open_windows(words, &window, out);
    } else if (strncmp(words, "capture", strlen("capture")) == 0) {
        result = open_capture(words, scanouts, out);
    } else {
        cli_error("--display: '%s' is not known; there are auto, window, capture and none", text);
    }
    free(words);
    return result;
}

void cli_display_run(struct cli_display *display) {
    if (display->windows) {
        window_host_run(display->windows);
    }
}

void cli_display_stop(struct cli_display *display) {
    if (display->windows) {
        window_host_stop(display->windows);
    }
}

void cli_display_plug(struct cli_display *display, uint32_t scanout, bool connected) {
    if (display->windows) {
        window_host_plug(display->windows, scanout, connected);
    }
}

bool cli_display_turn(struct cli_display *display, uint32_t scanout, enum display_turn turn) {
    return display->windows && !window_host_turn(display->windows, scanout, turn);
}

void cli_display_get_screen(struct cli_display *display, uint32_t *out_dpi,
                            uint32_t *out_refresh_hz) {
    *out_dpi = *out_refresh_hz = 0;
    if (display->windows) {
        window_host_get_screen(display->windows, out_dpi, out_refresh_hz);
    }
}

void cli_display_set_input(struct cli_display *display, const struct input_seat *seat) {
    if (display->windows) {
        window_host_set_input(display->windows, seat);
    }
}

void cli_display_close(struct cli_display *display) {
    if (display->windows) {
        window_host_destroy(display->windows);
    } else if (display->presenter) {
        display->presenter->ops->destroy(display->presenter);
    }
    display_status_destroy(display->status);
    *display = (struct cli_display){0};
}

bool cli_display_get_rate(struct cli_display *display, uint32_t scanout, struct display_rate *out) {
    return display->status && display_status_get(display->status, scanout, platform_now_ns(), out);
}

int cli_display_write(struct cli_display *display, uint32_t scanout, const char *path,
                      uint64_t deadline_ns) {
    if (display->windows) {
        return window_host_write_png(display->windows, scanout, path, deadline_ns);
    }
    return capture_presenter_write_and_wait(display->presenter, scanout, path, deadline_ns);
}
