#include "cli/session.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/control.h"
#include "cli/display.h"
#include "cli/input.h"
#include "cli/requests.h"
#include "cli/runtime.h"
#include "platform/platform.h"

#define HOST_VISIBLE_DEFAULT (UINT64_C(4) << 30)

struct session {
    struct cli_display display;
    struct cli_input input;
    void (*closed)(void *user);
    void *closed_user;
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
        .input = "auto",
        .scanouts = 1,
        .isolation = CLI_ISOLATION_DEFAULT,
        .log_level = log_get_level(),
        .server.device =
            {
                .get_capset = context_get_capset,
                .host_visible_bytes = HOST_VISIBLE_DEFAULT,
            },
    };
}

/* ---- the server ------------------------------------------------------------------------- */

static void *serve_main(void *argument) {
    struct session *session = argument;
    int error = vhost_user_server_run(session->server);
    if (error) {
        cli_error("the server cannot go on: %s", strerror(-error));
        atomic_store(&session->result, CLI_FAILED);
    }
    cli_display_stop(&session->display);
    return NULL;
}

/* Where neither a path nor a name was asked for, the machine runs without a control socket, too. */
static bool start_control(struct session *session, const struct session_options *options) {
    char reason[512], path[RUNTIME_PATH_MAX], number[16];
    snprintf(number, sizeof(number), "%ld", (long)getpid());
    int error = 0;
    if (!options->control) {
        error = runtime_make_socket_path(options->name ? options->name : number, path, reason,
                                         sizeof(reason));
    }
    if (!error) {
        error = control_create(options->control ? options->control : path, requests_execute,
                               &session->requests, &session->control, reason, sizeof(reason));
    }
    if (error && !options->control && !options->name) {
        log_warning("vesper ctl will not find this session: %s", reason);
        return true;
    }
    if (error == -EADDRINUSE && !options->control) {
        cli_error("a session called '%s' runs already", options->name);
    } else if (error) {
        cli_error("%s", reason);
    }
    return !error;
}

static void choose(uint32_t *value, uint32_t otherwise, uint32_t min, uint32_t max) {
    if (*value == 0 && otherwise >= min && otherwise <= max) {
        *value = otherwise;
    }
}

/* What was not asked for is as the screen is where the displays are seen. */
static void describe_displays(struct session *session, struct device_options *device) {
    uint32_t dpi, refresh_hz;
    cli_display_get_screen(&session->display, &dpi, &refresh_hz);
    choose(&device->dpi, dpi, DEVICE_DPI_MIN, DEVICE_DPI_MAX);
    choose(&device->refresh_hz, refresh_hz, DEVICE_REFRESH_MIN, DEVICE_REFRESH_MAX);
}

static bool start_server(struct session *session, struct session_options *options) {
    char reason[256];
    struct device_options *device = &options->server.device;
    device->presenter = session->display.presenter;
    device->width = options->size.width;
    device->height = options->size.height;
    device->hdr = session->display.hdr;
    describe_displays(session, device);
    device->context_limits.resources = device->limits.resources;
    if (vhost_user_server_create(&options->server, &session->server, reason, sizeof(reason))) {
        cli_error("%s", reason);
        return false;
    }
    session->requests = (struct requests){
        .device = vhost_user_server_get_device(session->server),
        .display = &session->display,
    };
    if (!start_control(session, options)) {
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

/* The person closed the last window. */
static void close_session(void *user) {
    struct session *session = user;
    if (session->closed) {
        session->closed(session->closed_user);
    } else {
        session_stop(session);
    }
}

static bool is_between(const char *option, uint32_t value, uint32_t min, uint32_t max) {
    if (value != 0 && (value < min || value > max)) {
        cli_error("%s %u: expected %u to %u", option, value, min, max);
        return false;
    }
    return true;
}

static int check_displays(const struct device_options *device) {
    return is_between("--refresh", device->refresh_hz, DEVICE_REFRESH_MIN, DEVICE_REFRESH_MAX) &&
                   is_between("--dpi", device->dpi, DEVICE_DPI_MIN, DEVICE_DPI_MAX)
               ? CLI_OK
               : CLI_USAGE;
}

static int check_name(const struct session_options *options) {
    if (options->name && options->control) {
        cli_error("--name and --control both say where the control socket is");
        return CLI_USAGE;
    }
    if (options->name && !runtime_name_is_valid(options->name)) {
        cli_error("--name '%s': expected 1 to %d letters, digits, -, _ and, not first, dots",
                  options->name, RUNTIME_NAME_MAX);
        return CLI_USAGE;
    }
    return CLI_OK;
}

int session_choose_inputs(struct session_options *options) {
    if (!options->input) {
        return CLI_OK;
    }
    int result = cli_input_choose(options->input, options->display, &options->inputs);
    options->input = NULL;
    return result;
}

static int open_input(struct session *session, struct session_options *options) {
    int result = cli_input_open(options->inputs, options->server.socket_path, &session->input);
    cli_display_set_input(&session->display, &session->input.seat);
    return result;
}

struct session *session_start(struct session_options *options, int *out_result) {
    *out_result = check_name(options);
    if (*out_result == CLI_OK) {
        *out_result = session_choose_inputs(options);
    }
    if (*out_result == CLI_OK) {
        *out_result = check_displays(&options->server.device);
    }
    if (*out_result != CLI_OK) {
        return NULL;
    }
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
    session->closed = options->closed;
    session->closed_user = options->closed_user;
    *out_result = cli_display_open(options->display, options->scanouts, close_session, session,
                                   &session->display);
    if (*out_result != CLI_OK) {
        session_destroy(session);
        return NULL;
    }
    *out_result = open_input(session, options);
    if (*out_result != CLI_OK) {
        session_destroy(session);
        return NULL;
    }
    options->isolation.name = options->name;
    *out_result = cli_isolation_open(&options->isolation, &options->server.device.create_context);
    if (*out_result != CLI_OK) {
        session_destroy(session);
        return NULL;
    }
    *out_result = CLI_FAILED;
    if (!start_server(session, options)) {
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
        cli_display_run(&session->display);
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
    cli_isolation_close();
    cli_input_close(&session->input);
    cli_display_close(&session->display);
    free(session);
}
