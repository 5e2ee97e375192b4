#include "cli/session.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/control.h"
#include "cli/requests.h"
#include "display/capture.h"
#include "platform/platform.h"

#define HOST_VISIBLE_DEFAULT (UINT64_C(4) << 30)

struct session {
    struct presenter *presenter;
    struct vhost_user_server *server;
    struct control *control;
    struct requests requests;
    pthread_t thread;
    bool started;
    _Atomic(int) result;
};

void session_options_init(struct session_options *options) {
    *options = (struct session_options){
        .display = "none",
        .scanouts = 1,
        .log_level = log_get_level(),
        .server.device =
            {
                .create_context = renderer_context_create,
                .get_capset = context_get_capset,
                .host_visible_bytes = HOST_VISIBLE_DEFAULT,
            },
    };
}

/* ---- the display ------------------------------------------------------------------------ */

struct display_options {
    char *folder, *raw;
    uint32_t every;
};

/* One `name=value` behind the folder. */
static bool take_display_option(struct display_options *display, char *text) {
    if (strncmp(text, "raw=", 4) == 0 && text[4]) {
        display->raw = text + 4;
        return true;
    }
    char *end = text;
    if (strncmp(text, "every=", 6) == 0 && text[6] >= '1' && text[6] <= '9') {
        unsigned long every = strtoul(text + 6, &end, 10);
        display->every = every <= UINT32_MAX ? (uint32_t)every : 0;
    }
    return end != text && *end == 0 && display->every != 0;
}

/* Takes `text` ("capture…") to pieces. */
static bool parse_capture(char *text, struct display_options *display) {
    text += strlen("capture");
    if (*text == '=') {
        display->folder = text + 1;
        text += strcspn(text, ",");
    }
    while (*text == ',') {
        *text++ = 0;
        char *next = text + strcspn(text, ",");
        const char separator = *next;
        *next = 0;
        if (!take_display_option(display, text)) {
            return false;
        }
        *next = separator;
        text = next;
    }
    return *text == 0 && (display->every == 0 || display->folder);
}

static struct presenter *make_capture(char *text, uint32_t scanouts, int *out_result) {
    struct display_options display = {0};
    if (!parse_capture(text, &display)) {
        cli_error("--display: expected none, or capture[=FOLDER][,every=N][,raw=PATH]");
        *out_result = CLI_USAGE;
        return NULL;
    }
    const struct capture_options options = {
        .scanout_count = scanouts,
        .folder = display.folder,
        .every = display.every,
        .raw_path = display.raw,
    };
    struct presenter *presenter;
    int error = capture_presenter_create(&options, &presenter);
    if (error) {
        cli_error("the display cannot be made: %s", strerror(-error));
        *out_result = CLI_FAILED;
        return NULL;
    }
    return presenter;
}

/* Without a display the guest draws all the same, and pictures can be had on request. */
static struct presenter *make_presenter(const struct session_options *options, int *out_result) {
    if (options->scanouts > PRESENTER_SCANOUTS_MAX) {
        cli_error("--outputs: %d are the most", PRESENTER_SCANOUTS_MAX);
        *out_result = CLI_USAGE;
        return NULL;
    }
    const char *kind = strcmp(options->display, "none") == 0 ? "capture" : options->display;
    if (strncmp(kind, "capture", strlen("capture")) != 0) {
        cli_error("--display: '%s' is not known; there are none and capture", kind);
        *out_result = CLI_USAGE;
        return NULL;
    }
    char *text = strdup(kind);
    struct presenter *presenter = text ? make_capture(text, options->scanouts, out_result) : NULL;
    free(text);
    return presenter;
}

/* ---- the server ------------------------------------------------------------------------- */

static void *serve_main(void *argument) {
    struct session *session = argument;
    int error = vhost_user_server_run(session->server);
    if (error) {
        cli_error("the server cannot go on: %s", strerror(-error));
        atomic_store(&session->result, CLI_FAILED);
    }
    return NULL;
}

static bool start_server(struct session *session, struct session_options *options) {
    char reason[256];
    if (renderer_open_driver(reason, sizeof(reason))) {
        cli_error("%s", reason);
        return false;
    }
    struct device_options *device = &options->server.device;
    device->presenter = session->presenter;
    device->width = options->size.width;
    device->height = options->size.height;
    device->context_limits.resources = device->limits.resources;
    if (vhost_user_server_create(&options->server, &session->server, reason, sizeof(reason))) {
        cli_error("%s", reason);
        return false;
    }
    session->requests = (struct requests){
        .device = vhost_user_server_get_device(session->server),
        .presenter = session->presenter,
    };
    if (options->control && control_create(options->control, requests_execute, &session->requests,
                                           &session->control, reason, sizeof(reason))) {
        cli_error("%s", reason);
        return false;
    }
    int error = platform_thread_start(&session->thread, "vesper-serve", serve_main, session);
    if (error) {
        cli_error("the server cannot start: %s", strerror(-error));
        return false;
    }
    session->started = true;
    return true;
}

struct session *session_start(struct session_options *options, int *out_result) {
    *out_result = CLI_FAILED;
    log_set_level(options->log_level);
    platform_raise_descriptor_limit();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* too large a file is an error like others */
    struct session *session = calloc(1, sizeof(*session));
    if (!session) {
        cli_error("there is no memory");
        return NULL;
    }
    session->presenter = make_presenter(options, out_result);
    if (!session->presenter || !start_server(session, options)) {
        session_destroy(session);
        return NULL;
    }
    return session;
}

void session_stop(struct session *session) {
    vhost_user_server_stop(session->server);
}

int session_wait(struct session *session) {
    if (session->started) {
        pthread_join(session->thread, NULL);
        session->started = false;
    }
    return atomic_load(&session->result);
}

void session_destroy(struct session *session) {
    if (!session) {
        return;
    }
    control_destroy(session->control);
    if (session->started) {
        session_stop(session);
        session_wait(session);
    }
    vhost_user_server_destroy(session->server);
    if (session->presenter) {
        session->presenter->ops->destroy(session->presenter);
    }
    free(session);
}
