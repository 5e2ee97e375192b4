/* What `--input` says, and where each device listens. Main thread. */
#ifndef VESPER_CLI_INPUT_OPTION_H
#define VESPER_CLI_INPUT_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "input/device.h"

/* A set of kinds: bit N is kind N of enum input_kind. */
#define CLI_INPUT_BIT(kind) (UINT32_C(1) << (kind))

/* Reads "none" or "keyboard[,tablet][,mouse][,touch]", in any order. False: it says something
 * else. */
bool cli_input_parse(const char *text, uint32_t *out_kinds);

/* Writes where the device of `kind` listens: the GPU's socket path, a dot and the kind's name.
 * False: `size` bytes are too few. */
bool cli_input_path(const char *gpu_path, enum input_kind kind, char *out, size_t size);

#endif
