/* The requests of the control socket (docs/display.md):
 *   capture SCANOUT FILE        writes what the scanout shows now as PNG
 *   display SCANOUT WxH[@HZ] | connect | off
 *                               plugs a display with that mode or with its last, or unplugs it
 *   displays                    every scanout: SCANOUT=connected,WxH@HZ or SCANOUT=disconnected,…
 *   counts                      what the guest has: contexts, resources, mappings, … */
#ifndef VESPER_CLI_REQUESTS_H
#define VESPER_CLI_REQUESTS_H

#include <stddef.h>

#include "cli/display.h"
#include "device/device.h"

struct requests {
    struct device *device;       /* borrowed */
    struct cli_display *display; /* borrowed */
};

/* A control_handler; `user` is a struct requests. */
void requests_execute(void *user, const char *line, char *answer, size_t answer_size);

#endif
