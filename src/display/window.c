#include "display/window.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "display/front_buffer.h"
#include "display/monitor.h"
#include "display/png_file.h"
#include "display/sdl.h"
#include "display/software.h"
#include "display/status.h"
#include "display/toolkit.h"
#include "display/window_gpu.h"
#include "display/window_input.h"
#include "display/window_view.h"
#include "platform/platform.h"
#include "util/log.h"

/* A window that is being drawn larger tells its size when it has rested this long: each size that
 * the guest hears of costs it a new mode. */
#define RESIZE_REST_NS (UINT64_C(250) * 1000 * 1000)

/* Vulkan that has failed in a window is tried again, which costs the person a new window, after twice
 * as long each time. */
#define RETRY_FIRST_NS (UINT64_C(10) * 1000 * 1000 * 1000)
#define RETRY_LAST_NS (UINT64_C(600) * 1000 * 1000 * 1000)

/* What a scanout shows, turned. */
struct window_mode {
    bool signal;
    uint32_t width, height; /* pixels */
};

struct window_scanout {
    struct window_view view;
    struct front_buffer front;
    _Atomic(bool) announced; /* an event for it is on its way to the main thread */
    enum display_turn turn;
    bool unplugged; /* by its window or otherwise: has none until it is plugged */
    /* The window is hidden, and closed once nothing presents in it. */
    bool leaving;
    uint64_t retry_due_ns; /* when to try Vulkan again; 0: not to */
    uint64_t retry_after_ns;
};

struct window_host {
    struct window_options options;
    struct presenter *software;
    struct screens *screens; /* whose presenter that is; NULL: the processor draws */
    uint32_t event_frame, event_stop, event_plug, event_failed, event_dropped,
        event_turn; /* of SDL, ours */
    uint32_t open_count;
    _Atomic(bool) stopped;
    struct window_input input;
    struct window_scanout scanouts[PRESENTER_SCANOUTS_MAX];
};

/* ---- threads of the presenter ------------------------------------------------------------- */

static void push_event(uint32_t type, uint32_t scanout) {
    SDL_Event event = {.user = {.type = type, .code = (Sint32)scanout}};
    sdl.PushEvent(&event);
}

static void announce(struct window_host *host, uint32_t scanout) {
    if (!atomic_exchange(&host->scanouts[scanout].announced, true)) {
        push_event(host->event_frame, scanout);
    }
}

static void note_change(void *user, uint32_t scanout) {
    struct window_host *host = user;
    window_input_note_cursor(&host->input, scanout, screens_shows_cursor(host->screens, scanout));
    announce(host, scanout);
}

static void note_failure(void *user, uint32_t scanout, const char *reason) {
    struct window_host *host = user;
    (void)reason; /* has been logged */
    push_event(host->event_failed, scanout);
}

static void note_presented(void *user, uint32_t scanout, enum screen_path path) {
    struct window_host *host = user;
    display_status_note(host->options.status, scanout, screen_path_name(path), platform_now_ns());
}

static void note_dropped(void *user, uint32_t scanout) {
    struct window_host *host = user;
    push_event(host->event_dropped, scanout);
}

static void take_frame(void *user, const struct software_frame *frame) {
    struct window_host *host = user;
    struct window_scanout *scanout = &host->scanouts[frame->scanout];
    window_input_note_cursor(&host->input, frame->scanout, frame->cursor_visible);
    const bool has_pixels = front_buffer_put(&scanout->front, frame);
    if (has_pixels && frame->damage_count > 0) {
        announce(host, frame->scanout);
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

static bool is_by_gpu(const struct window_host *host, const struct window_scanout *scanout) {
    return host->screens && !screens_is_by_processor(host->screens, get_index(host, scanout));
}

static void get_mode(struct window_host *host, struct window_scanout *scanout,
                     struct window_mode *out) {
    if (is_by_gpu(host, scanout)) {
        out->signal =
            screens_get_mode(host->screens, get_index(host, scanout), &out->width, &out->height);
        display_turn_size(scanout->turn, &out->width, &out->height);
        return;
    }
    front_buffer_lock(&scanout->front);
    *out = (struct window_mode){scanout->front.signal, scanout->front.width, scanout->front.height};
    front_buffer_unlock(&scanout->front);
}

static void note_display(struct window_host *host, const struct window_scanout *scanout,
                         const struct window_mode *mode) {
    uint32_t width = mode->width, height = mode->height;
    display_turn_size(display_turn_back(scanout->turn), &width, &height);
    window_input_note_display(&host->input, get_index(host, scanout), scanout->view.window, width,
                              height);
}

/* Closes the window, now, or once the GPU has let go of it. */
static void leave_window(struct window_host *host, struct window_scanout *scanout) {
    if (!scanout->view.window || scanout->leaving) {
        return;
    }
    window_input_note_display(&host->input, get_index(host, scanout), NULL, 0, 0);
    host->open_count--;
    if (!scanout->view.on_gpu) {
        window_view_close(&scanout->view);
        return;
    }
    scanout->leaving = true;
    sdl.HideWindow(scanout->view.window);
    screens_drop_surface(host->screens, get_index(host, scanout));
}

static bool open_view(struct window_host *host, struct window_scanout *scanout,
                      const struct window_mode *mode, bool on_gpu) {
    const uint32_t index = get_index(host, scanout);
    if (!window_view_open(&scanout->view, &host->options, index, mode->width, mode->height,
                          on_gpu)) {
        return false;
    }
    if (on_gpu && !window_gpu_attach(host->screens, index, scanout->view.window)) {
        window_view_close(&scanout->view);
        return false;
    }
    note_display(host, scanout, mode);
    host->open_count++;
    return true;
}

/* A frame of a scanout without a window may give it one. */
static bool open_window(struct window_host *host, struct window_scanout *scanout,
                        const struct window_mode *mode) {
    if (!mode->signal || scanout->unplugged) {
        return false;
    }
    if (is_by_gpu(host, scanout)) {
        if (open_view(host, scanout, mode, true)) {
            return true;
        }
        screens_use_processor(host->screens, get_index(host, scanout));
    }
    return open_view(host, scanout, mode, false);
}

static void show_frame(struct window_host *host, struct window_scanout *scanout) {
    struct window_mode mode;
    atomic_store(&scanout->announced, false);
    get_mode(host, scanout, &mode);
    if (scanout->view.on_gpu && !is_by_gpu(host, scanout)) {
        leave_window(host, scanout);
    }
    const bool is_new = !scanout->view.window;
    if (scanout->leaving || (is_new && !open_window(host, scanout, &mode))) {
        return;
    }
    note_display(host, scanout, &mode);
    const bool other_mode =
        window_view_follow_mode(&scanout->view, &host->options, mode.width, mode.height);
    if (!scanout->view.on_gpu) {
        window_view_draw(&scanout->view, &host->options, &scanout->front, is_new || other_mode);
        note_presented(host, get_index(host, scanout), SCREEN_PATH_SOFTWARE);
    }
}

static void unplug(struct window_host *host, struct window_scanout *scanout) {
    scanout->unplugged = true;
    leave_window(host, scanout);
}

/* ---- Vulkan in windows -------------------------------------------------------------------- */

static void handle_failure(struct window_host *host, struct window_scanout *scanout) {
    const uint64_t after_ns = scanout->retry_after_ns ? scanout->retry_after_ns : RETRY_FIRST_NS;
    leave_window(host, scanout);
    scanout->retry_due_ns = platform_now_ns() + after_ns;
    scanout->retry_after_ns = 2 * after_ns < RETRY_LAST_NS ? 2 * after_ns : RETRY_LAST_NS;
}

static void handle_dropped(struct window_host *host, struct window_scanout *scanout) {
    scanout->leaving = false;
    window_view_close(&scanout->view);
    show_frame(host, scanout);
}

/* The window that the processor draws into gives way to one with a surface. */
static void try_again(struct window_host *host, struct window_scanout *scanout) {
    struct window_mode mode;
    scanout->retry_due_ns = 0;
    if (!scanout->view.window || scanout->view.on_gpu || scanout->leaving) {
        return; /* the next window tries by itself, or is closed */
    }
    get_mode(host, scanout, &mode);
    leave_window(host, scanout);
    if (!open_view(host, scanout, &mode, true)) {
        show_frame(host, scanout);
    }
}

/* What the window has of Vulkan is as large as it, is drawn again, or not drawn while it is hidden. */
static void fit_surface(struct window_host *host, struct window_scanout *scanout) {
    uint32_t width = 0, height = 0;
    if (!window_view_get_size(&scanout->view, &width, &height)) {
        width = height = 0;
    }
    screens_resize(host->screens, get_index(host, scanout), width, height);
}

static void redraw(struct window_host *host, struct window_scanout *scanout) {
    if (scanout->view.on_gpu) {
        fit_surface(host, scanout);
        screens_redraw(host->screens, get_index(host, scanout));
    } else {
        window_view_draw(&scanout->view, &host->options, &scanout->front, true);
    }
}

/* ---- events of windows -------------------------------------------------------------------- */

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
    window_view_note_size(&scanout->view);
    if (!host->options.keep_mode && window_view_get_size(&scanout->view, &width, &height)) {
        scanout->view.resize_due_ns = platform_now_ns() + RESIZE_REST_NS;
    }
    redraw(host, scanout);
}

static void tell_resize(struct window_host *host, struct window_scanout *scanout) {
    uint32_t width, height;
    scanout->view.resize_due_ns = 0;
    if (window_view_is_changing(&scanout->view)) {
        scanout->view.resize_due_ns = platform_now_ns() + RESIZE_REST_NS;
        return;
    }
    if (!window_view_get_size(&scanout->view, &width, &height) ||
        !window_view_is_news(&scanout->view, width, height)) {
        return;
    }
    display_turn_size(display_turn_back(scanout->turn), &width, &height);
    software_presenter_resize(host->software, get_index(host, scanout), width, height);
}

static void handle_window_event(struct window_host *host, const SDL_WindowEvent *event) {
    struct window_scanout *scanout = find(host, event->windowID);
    if (!scanout || scanout->leaving) {
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
    case SDL_EVENT_WINDOW_SHOWN:
    case SDL_EVENT_WINDOW_RESTORED:
        redraw(host, scanout);
        break;
    case SDL_EVENT_WINDOW_HDR_STATE_CHANGED:
        if (scanout->view.on_gpu) {
            window_gpu_follow_light(host->screens, get_index(host, scanout), scanout->view.window);
        }
        break;
    case SDL_EVENT_WINDOW_HIDDEN:
    case SDL_EVENT_WINDOW_MINIMIZED:
        if (scanout->view.on_gpu) {
            fit_surface(host, scanout);
        }
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

static void set_turn(struct window_host *host, struct window_scanout *scanout,
                     enum display_turn turn) {
    if (!front_buffer_set_turn(&scanout->front, turn)) {
        return; /* with a message */
    }
    scanout->turn = turn;
    window_input_note_turn(&host->input, get_index(host, scanout), turn);
    if (host->screens) {
        screens_set_turn(host->screens, get_index(host, scanout), turn);
    }
}

/* Half a turn leaves the window as large as it was. */
static void handle_turn(struct window_host *host, struct window_scanout *scanout,
                        enum display_turn turn) {
    set_turn(host, scanout, turn);
    if (scanout->view.window && !scanout->leaving) {
        show_frame(host, scanout);
        redraw(host, scanout);
    }
}

static void handle_event(struct window_host *host, const SDL_Event *event) {
    window_input_handle(&host->input, event);
    if (event->type == host->event_frame) {
        show_frame(host, &host->scanouts[event->user.code]);
    } else if (event->type == host->event_failed) {
        handle_failure(host, &host->scanouts[event->user.code]);
    } else if (event->type == host->event_dropped) {
        handle_dropped(host, &host->scanouts[event->user.code]);
    } else if (event->type == host->event_plug) {
        handle_plug(host, (uint32_t)event->user.code / 2, event->user.code % 2);
    } else if (event->type == host->event_turn) {
        handle_turn(host, &host->scanouts[event->user.code / 4],
                    (enum display_turn)(event->user.code % 4));
    } else if (event->type >= SDL_EVENT_WINDOW_FIRST && event->type <= SDL_EVENT_WINDOW_LAST) {
        handle_window_event(host, &event->window);
    }
}

/* Does `act` where it is due, and makes *wait_ms, -1: for ever, end with it where it is not, or again. */
static void act_when_due(struct window_host *host, struct window_scanout *scanout,
                         const uint64_t *due_ns,
                         void (*act)(struct window_host *host, struct window_scanout *scanout),
                         int *wait_ms) {
    if (*due_ns != 0 && *due_ns <= platform_now_ns()) {
        act(host, scanout);
    }
    const uint64_t now_ns = platform_now_ns();
    if (*due_ns != 0) {
        const int left_ms = *due_ns > now_ns ? (int)((*due_ns - now_ns) / 1000000) + 1 : 0;
        *wait_ms = *wait_ms < 0 || left_ms < *wait_ms ? left_ms : *wait_ms;
    }
}

/* Does what is due; returns milliseconds until the next, -1: none. */
static int act_on_time(struct window_host *host) {
    int wait_ms = -1;
    for (uint32_t i = 0; i < host->options.scanout_count; i++) {
        struct window_scanout *scanout = &host->scanouts[i];
        act_when_due(host, scanout, &scanout->view.resize_due_ns, tell_resize, &wait_ms);
        act_when_due(host, scanout, &scanout->retry_due_ns, try_again, &wait_ms);
    }
    return wait_ms;
}

void window_host_run(struct window_host *host) {
    while (!atomic_load(&host->stopped)) {
        SDL_Event event;
        const int wait_ms = act_on_time(host);
        const bool came =
            wait_ms < 0 ? sdl.WaitEvent(&event) : sdl.WaitEventTimeout(&event, wait_ms);
        if (came) {
            handle_event(host, &event);
        }
    }
}

void window_host_stop(struct window_host *host) {
    atomic_store(&host->stopped, true);
    push_event(host->event_stop, 0);
}

void window_host_plug(struct window_host *host, uint32_t scanout, bool connected) {
    if (scanout < host->options.scanout_count) {
        push_event(host->event_plug, scanout * 2 + connected);
    }
}

int window_host_turn(struct window_host *host, uint32_t scanout, enum display_turn turn) {
    if (scanout >= host->options.scanout_count) {
        return -EINVAL;
    }
    push_event(host->event_turn, scanout * 4 + (uint32_t)turn);
    return 0;
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

static bool register_events(struct window_host *host) {
    uint32_t *const events[] = {&host->event_frame,  &host->event_stop,    &host->event_plug,
                                &host->event_failed, &host->event_dropped, &host->event_turn};
    const int count = sizeof(events) / sizeof(events[0]);
    const uint32_t first = sdl.RegisterEvents(count);
    for (int i = 0; i < count; i++) {
        *events[i] = first + (uint32_t)i;
    }
    return first;
}

/* With Vulkan where it is wanted and there, else without. */
static int create_presenter(struct window_host *host, char *reason, size_t reason_size) {
    const enum window_present present = host->options.present;
    struct screens_options screens = {.sink = take_frame,
                                      .changed = note_change,
                                      .failed = note_failure,
                                      .dropped = note_dropped,
                                      .presented = note_presented,
                                      .user = host};
    if (present != WINDOW_PRESENT_SOFTWARE) {
        int error = window_gpu_open(&host->options, &screens, &host->screens, reason, reason_size);
        if (!error) {
            host->software = screens_get_presenter(host->screens);
            return 0;
        }
        if (present != WINDOW_PRESENT_AUTO) {
            return error;
        }
        log_info("display: windows are drawn by the processor: %s", reason);
    }
    snprintf(reason, reason_size, "there is no memory for windows");
    return software_presenter_create(host->options.scanout_count, take_frame, host,
                                     &host->software);
}

static void destroy_presenter(struct window_host *host) {
    if (host->screens) {
        screens_destroy(host->screens);
    } else {
        host->software->ops->destroy(host->software);
    }
}

int window_host_create(const struct window_options *options, struct window_host **out, char *reason,
                       size_t reason_size) {
    if (options->scanout_count == 0 || options->scanout_count > PRESENTER_SCANOUTS_MAX) {
        snprintf(reason, reason_size, "there can be 1 to %d displays", PRESENTER_SCANOUTS_MAX);
        return -EINVAL;
    }
    const char *why = toolkit_start();
    if (why) {
        snprintf(reason, reason_size, "there can be no windows: %s", why);
        return -ENODEV;
    }
    int error = -ENOMEM;
    snprintf(reason, reason_size, "there is no memory for windows");
    struct window_host *host = calloc(1, sizeof(*host));
    if (!host) {
        goto error_host;
    }
    host->options = *options;
    window_input_init(&host->input, options->scale);
    error = register_events(host) ? init_fronts(host) : -ENOMEM;
    if (error) {
        goto error_fronts;
    }
    error = create_presenter(host, reason, reason_size);
    if (error) {
        goto error_presenter;
    }
    for (uint32_t i = 0; i < options->scanout_count; i++) {
        set_turn(host, &host->scanouts[i], options->turn);
    }
    /* Without any window the toolkit would look for events a thousand times a second. */
    if (!window_view_prepare(&host->scanouts[0].view, &host->options, 0, host->screens)) {
        snprintf(reason, reason_size, "no window can be made");
        error = -ENODEV;
        goto error_window;
    }
    *out = host;
    return 0;

error_window:
    destroy_presenter(host);
error_presenter:
    finish_fronts(host);
error_fronts:
    free(host);
error_host:
    sdl.QuitSubSystem(SDL_INIT_VIDEO);
    return error;
}

void window_host_destroy(struct window_host *host) {
    if (!host) {
        return;
    }
    destroy_presenter(host);
    for (uint32_t i = 0; i < host->options.scanout_count; i++) {
        window_view_finish(&host->scanouts[i].view);
    }
    finish_fronts(host);
    free(host);
    sdl.QuitSubSystem(SDL_INIT_VIDEO);
}
