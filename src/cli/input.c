#include "cli/input.h"

#include <string.h>

#include "cli/display.h"
#include "cli/input_option.h"
#include "cli/options.h"
#include "display/window.h"
#include "platform/platform.h"
#include "util/log.h"

/* A Unix socket's path is shorter on every system. */
#define PATH_SIZE 256

int cli_input_choose(const char *text, const char *display, uint32_t *out_kinds) {
    if (strcmp(text, "auto") == 0) {
        *out_kinds = 0;
        if (cli_display_has_windows(display)) {
            *out_kinds = CLI_INPUT_BIT(INPUT_KEYBOARD) | CLI_INPUT_BIT(INPUT_TABLET) |
                         CLI_INPUT_BIT(INPUT_MOUSE) |
                         (window_host_feels_touch() ? CLI_INPUT_BIT(INPUT_TOUCH) : 0);
        }
        return CLI_OK;
    }
    if (!cli_input_parse(text, out_kinds)) {
        cli_error("--input '%s': expected auto, none, or some of keyboard,tablet,mouse,touch",
                  text);
        return CLI_USAGE;
    }
    return CLI_OK;
}

static void *serve_main(void *argument) {
    struct cli_input_device *device = argument;
    int error = vhost_input_server_run(device->server);
    if (error) {
        log_error("an input device cannot go on: %s", strerror(-error));
    }
    return NULL;
}

static int open_device(struct cli_input *input, enum input_kind kind, const char *gpu_path) {
    struct cli_input_device *device = &input->devices[kind];
    char path[PATH_SIZE], reason[512];
    if (!cli_input_path(gpu_path, kind, path, sizeof(path))) {
        cli_error("%s: the path is too long for a socket", gpu_path);
        return CLI_FAILED;
    }
    int error = input_device_create(kind, &input->seat.devices[kind]);
    if (error) {
        cli_error("the %s cannot be made: %s", input_kind_name(kind), strerror(-error));
        return CLI_FAILED;
    }
    if (vhost_input_server_create(path, input->seat.devices[kind], &device->server, reason,
                                  sizeof(reason))) {
        cli_error("%s", reason);
        return CLI_FAILED;
    }
    error = platform_thread_start(&device->thread, "vesper-input", serve_main, device);
    if (error) {
        cli_error("the %s cannot be served: %s", input_kind_name(kind), strerror(-error));
        return CLI_FAILED;
    }
    device->started = true;
    log_info("the guest's %s is at %s", input_kind_name(kind), path);
    return CLI_OK;
}

int cli_input_open(uint32_t kinds, const char *gpu_path, struct cli_input *out) {
    *out = (struct cli_input){0};
    for (int kind = 0; kind < INPUT_KIND_COUNT; kind++) {
        if (kinds & CLI_INPUT_BIT(kind) &&
            open_device(out, (enum input_kind)kind, gpu_path) != CLI_OK) {
            cli_input_close(out);
            return CLI_FAILED;
        }
    }
    return CLI_OK;
}

static void close_device(struct cli_input_device *device, struct input_device *input) {
    if (device->started) {
        vhost_input_server_stop(device->server);
        pthread_join(device->thread, NULL);
    }
    vhost_input_server_destroy(device->server);
    input_device_destroy(input);
}

void cli_input_close(struct cli_input *input) {
    for (int kind = 0; kind < INPUT_KIND_COUNT; kind++) {
        close_device(&input->devices[kind], input->seat.devices[kind]);
    }
    *input = (struct cli_input){0};
}
