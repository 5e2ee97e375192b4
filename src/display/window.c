#include "display/window.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "display/front_buffer.h"
#include "display/monitor.h"
#include "display/png_file.h"
#include "display/sdl.h"
#include "display/software.h"
#include "display/window_input.h"
#include "display/window_view.h"
#include "platform/platform.h"
#include "util/log.h"

/* A window that is being drawn larger tells its size when it has rested this long: each size that
 * the guest hears of costs it a new mode. */
#define RESIZE_REST_NS (UINT64_C(250) * 1000 * 1000)

struct window_scanout {
    struct window_view view;
    struct front_buffer front;
    _Atomic(bool) announced; /* an event for it is on its way to the main thread */
    bool unplugged;          /* by its window or otherwise: has none until it is plugged */
};

struct window_host {
    struct window_options options;
    struct presenter *software;
    uint32_t event_frame, event_stop, event_plug; /* of SDL, ours */
    uint32_t open_count;
    _Atomic(bool) stopped;
    struct window_input input;
    struct window_scanout scanouts[PRESENTER_SCANOUTS_MAX];
};

/* ---- the presenter's thread --------------------------------------------------------------- */

static void take_frame(void *user, const struct software_frame *frame) {
    struct window_host *host = user;
    struct window_scanout *scanout = &host->scanouts[frame->scanout];
    window_input_note_cursor(&host->input, frame->scanout, frame->cursor_visible);
    const bool has_pixels = front_buffer_put(&scanout->front, frame);
    if (has_pixels && frame->damage_count > 0 && !atomic_exchange(&scanout->announced, true)) {
        SDL_Event event = {.user = {.type = host->event_frame, .code = (Sint32)frame->scanout}};
        sdl.PushEvent(&event);
    }
}

/* ---- the main thread ---------------------------------------------------------------------- */

static struct window_scanout *find(struct window_host *host, SDL_WindowID id) {
    SDL_Window *window = sdl.GetWindowFromID(id);
    for (uint32_t i = 0; window && i < host->options.scanout_count; i++) {
        if (host->scanouts[i].view.window == window) {
            return &host->scanouts[i];
        }
    }
    return NULL;
}

static uint32_t get_index(const struct window_host *host, const struct window_scanout *scanout) {
    return (uint32_t)(scanout - host->scanouts);
}

/* A frame of a scanout without a window may give it one. */
static bool open_window(struct window_host *host, struct window_scanout *scanout, bool signal,
                        uint32_t width, uint32_t height) {
    if (!signal || scanout->unplugged ||
        !window_view_open(&scanout->view, &host->options, get_index(host, scanout), width,
                          height)) {
        return false;
    }
    host->open_count++;
    return true;
}

static void show_frame(struct window_host *host, struct window_scanout *scanout) {
    atomic_store(&scanout->announced, false);
    front_buffer_lock(&scanout->front);
    const uint32_t width = scanout->front.width, height = scanout->front.height;
    const bool signal = scanout->front.signal;
    front_buffer_unlock(&scanout->front);
    const bool is_new = !scanout->view.window;
    if (is_new && !open_window(host, scanout, signal, width, height)) {
        return;
    }
    window_input_note_display(&host->input, get_index(host, scanout), scanout->view.window, width,
                              height);
    const bool other_mode = window_view_follow_mode(&scanout->view, &host->options, width, height);
    window_view_draw(&scanout->view, &host->options, &scanout->front, is_new || other_mode);
}

static void unplug(struct window_host *host, struct window_scanout *scanout) {
    scanout->unplugged = true;
    if (scanout->view.window) {
        window_input_note_display(&host->input, get_index(host, scanout), NULL, 0, 0);
        window_view_close(&scanout->view);
        host->open_count--;
    }
}

static void close_window(struct window_host *host, struct window_scanout *scanout) {
    unplug(host, scanout);
    if (host->open_count == 0 && host->options.closed) {
        host->options.closed(host->options.user);
        host->options.closed = NULL;
        return;
    }
    software_presenter_resize(host->software, get_index(host, scanout), 0, 0);
}

static void note_resize(struct window_host *host, struct window_scanout *scanout) {
    uint32_t width, height;
    if (!host->options.keep_mode && window_view_get_size(&scanout->view, &width, &height)) {
        scanout->view.resize_due_ns = platform_now_ns() + RESIZE_REST_NS;
    }
    window_view_draw(&scanout->view, &host->options, &scanout->front, true);
}

static void tell_resize(struct window_host *host, struct window_scanout *scanout) {
    uint32_t width, height;
    scanout->view.resize_due_ns = 0;
    if (!window_view_get_size(&scanout->view, &width, &height) ||
        (width == scanout->view.width && height == scanout->view.height)) {
        return;
    }
    software_presenter_resize(host->software, get_index(host, scanout), width, height);
}

static void handle_window_event(struct window_host *host, const SDL_WindowEvent *event) {
    struct window_scanout *scanout = find(host, event->windowID);
    if (!scanout) {
        return;
    }
    switch (event->type) {
    case SDL_EVENT_WINDOW_CLOSE_REQUESTED:
        close_window(host, scanout);
        break;
    case SDL_EVENT_WINDOW_PIXEL_SIZE_CHANGED:
        note_resize(host, scanout);
        break;
    case SDL_EVENT_WINDOW_EXPOSED:
        window_view_draw(&scanout->view, &host->options, &scanout->front, true);
        break;
    default:
        break;
    }
}

/* A guest that has gone on drawing is seen at once, any other with its next frame. */
static void handle_plug(struct window_host *host, uint32_t index, bool connected) {
    struct window_scanout *scanout = &host->scanouts[index];
    if (!connected) {
        unplug(host, scanout);
        return;
    }
    scanout->unplugged = false;
    show_frame(host, scanout);
}

static void handle_event(struct window_host *host, const SDL_Event *event) {
    window_input_handle(&host->input, event);
    if (event->type == host->event_frame) {
        show_frame(host, &host->scanouts[event->user.code]);
    } else if (event->type == host->event_plug) {
        handle_plug(host, (uint32_t)event->user.code / 2, event->user.code % 2);
    } else if (event->type >= SDL_EVENT_WINDOW_FIRST && event->type <= SDL_EVENT_WINDOW_LAST) {
        handle_window_event(host, &event->window);
    }
}

/* Tells sizes that have rested; returns milliseconds until the next one, -1: none. */
static int tell_rested_sizes(struct window_host *host) {
    const uint64_t now_ns = platform_now_ns();
    int wait_ms = -1;
    for (uint32_t i = 0; i < host->options.scanout_count; i++) {
        struct window_scanout *scanout = &host->scanouts[i];
        const uint64_t due_ns = scanout->view.resize_due_ns;
        if (due_ns != 0 && due_ns <= now_ns) {
            tell_resize(host, scanout);
        } else if (due_ns != 0) {
            const int left_ms = (int)((due_ns - now_ns) / 1000000) + 1;
            wait_ms = wait_ms < 0 || left_ms < wait_ms ? left_ms : wait_ms;
        }
    }
    return wait_ms;
}

void window_host_run(struct window_host *host) {
    while (!atomic_load(&host->stopped)) {
        SDL_Event event;
        const int wait_ms = tell_rested_sizes(host);
        const bool came =
            wait_ms < 0 ? sdl.WaitEvent(&event) : sdl.WaitEventTimeout(&event, wait_ms);
        if (came) {
            handle_event(host, &event);
        }
    }
}

void window_host_stop(struct window_host *host) {
    atomic_store(&host->stopped, true);
    SDL_Event event = {.user = {.type = host->event_stop}};
    sdl.PushEvent(&event);
}

void window_host_plug(struct window_host *host, uint32_t scanout, bool connected) {
    if (scanout < host->options.scanout_count) {
        SDL_Event event = {
            .user = {.type = host->event_plug, .code = (Sint32)scanout * 2 + connected}};
        sdl.PushEvent(&event);
    }
}

void window_host_set_input(struct window_host *host, const struct input_seat *seat) {
    window_input_set_seat(&host->input, seat);
}

void window_host_get_screen(struct window_host *host, uint32_t *out_dpi, uint32_t *out_refresh_hz) {
    (void)host; /* its being there means that the toolkit runs */
    const struct display_monitor monitor = display_monitor_get();
    *out_dpi = monitor.dpi;
    *out_refresh_hz = monitor.refresh_hz;
}

int window_host_write_png(struct window_host *host, uint32_t scanout, const char *path,
                          uint64_t deadline_ns) {
    if (scanout >= host->options.scanout_count) {
        return -EINVAL;
    }
    const uint64_t ticket = software_presenter_refresh(host->software, scanout);
    uint32_t *pixels = NULL, width, height;
    int error = front_buffer_copy(&host->scanouts[scanout].front, ticket, deadline_ns, &pixels,
                                  &width, &height);
    if (!error) {
        error = display_png_write(path, pixels, width, height, width * 4);
    }
    free(pixels);
    return error;
}

struct presenter *window_host_get_presenter(struct window_host *host) {
    return host->software;
}

/* ---- creation ----------------------------------------------------------------------------- */

/* NULL, or why there are no windows. */
static const char *start_toolkit(void) {
    const char *why = sdl_open();
    if (why) {
        return why;
    }
    /* The signals are vesper's own, and a screen saver is the person's business. */
    sdl.SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");
    sdl.SetHint(SDL_HINT_VIDEO_ALLOW_SCREENSAVER, "1");
    sdl.SetHint(SDL_HINT_QUIT_ON_LAST_WINDOW_CLOSE, "0");
    sdl.SetHint(SDL_HINT_APP_NAME, "Vesper");
    return sdl.InitSubSystem(SDL_INIT_VIDEO) ? NULL : sdl.GetError();
}

bool window_host_is_possible(void) {
    const bool possible = !start_toolkit();
    if (possible) {
        sdl.QuitSubSystem(SDL_INIT_VIDEO);
    }
    return possible;
}

bool window_host_feels_touch(void) {
    if (start_toolkit()) {
        return false;
    }
    bool feels = false;
    int count = 0;
    SDL_TouchID *devices = sdl.GetTouchDevices(&count);
    for (int i = 0; devices && i < count; i++) {
        feels = feels || sdl.GetTouchDeviceType(devices[i]) == SDL_TOUCH_DEVICE_DIRECT;
    }
    sdl.free(devices);
    sdl.QuitSubSystem(SDL_INIT_VIDEO);
    return feels;
}

static int init_fronts(struct window_host *host) {
    for (uint32_t i = 0; i < host->options.scanout_count; i++) {
        int error = front_buffer_init(&host->scanouts[i].front);
        if (error) {
            while (i-- > 0) {
                front_buffer_finish(&host->scanouts[i].front);
            }
            return error;
        }
    }
    return 0;
}

static void finish_fronts(struct window_host *host) {
    for (uint32_t i = 0; i < host->options.scanout_count; i++) {
        front_buffer_finish(&host->scanouts[i].front);
    }
}

int window_host_create(const struct window_options *options, struct window_host **out, char *reason,
                       size_t reason_size) {
    if (options->scanout_count == 0 || options->scanout_count > PRESENTER_SCANOUTS_MAX) {
        snprintf(reason, reason_size, "there can be 1 to %d displays", PRESENTER_SCANOUTS_MAX);
        return -EINVAL;
    }
    const char *why = start_toolkit();
    if (why) {
        snprintf(reason, reason_size, "there can be no windows: %s", why);
        return -ENODEV;
    }
    int error = -ENOMEM;
    struct window_host *host = calloc(1, sizeof(*host));
    if (!host) {
        goto error_host;
    }
    host->options = *options;
    window_input_init(&host->input, options->scale);
    host->event_frame = sdl.RegisterEvents(3);
    host->event_stop = host->event_frame + 1;
    host->event_plug = host->event_frame + 2;
    error = host->event_frame ? init_fronts(host) : -ENOMEM;
    if (error) {
        goto error_fronts;
    }
    error = software_presenter_create(options->scanout_count, take_frame, host, &host->software);
    if (error) {
        goto error_software;
    }
    *out = host;
    return 0;

error_software:
    finish_fronts(host);
error_fronts:
    free(host);
error_host:
    sdl.QuitSubSystem(SDL_INIT_VIDEO);
    snprintf(reason, reason_size, "there is no memory for windows");
    return error;
}

void window_host_destroy(struct window_host *host) {
    if (!host) {
        return;
    }
    host->software->ops->destroy(host->software);
    for (uint32_t i = 0; i < host->options.scanout_count; i++) {
        window_view_close(&host->scanouts[i].view);
    }
    finish_fronts(host);
    free(host);
    sdl.QuitSubSystem(SDL_INIT_VIDEO);
}
