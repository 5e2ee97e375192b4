/* The input devices of a session: each listens at a socket of its own, on a thread of its own.
 * Main thread. */
#ifndef VESPER_CLI_INPUT_H
#define VESPER_CLI_INPUT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "frontend/vhost_user/input_server.h"
#include "input/seat.h"

struct cli_input_device {
    struct vhost_input_server *server;
    pthread_t thread;
    bool started;
};

struct cli_input {
    struct input_seat seat;
    struct cli_input_device devices[INPUT_KIND_COUNT];
};

/* `text`: as --input has it; "auto" stands for keyboard, tablet and mouse where `display` (as
 * --display has it) is windows (with touch, where a screen feels fingers), else for none. CLI_OK, or a sentence on standard error
 * and CLI_USAGE. */
int cli_input_choose(const char *text, const char *display, uint32_t *out_kinds);

/* Makes the devices of `kinds` and serves each beside the socket `gpu_path`. CLI_OK, or a sentence
 * on standard error and CLI_FAILED, with nothing open. */
int cli_input_open(uint32_t kinds, const char *gpu_path, struct cli_input *out);
/* Nobody sends events any more. What was not opened (zeroes) is ignored. */
void cli_input_close(struct cli_input *input);

#endif
