#include "cli/input_option.h"

#include <stdio.h>
#include <string.h>

static bool find_kind(const char *name, size_t length, enum input_kind *out) {
    for (int kind = 0; kind < INPUT_KIND_COUNT; kind++) {
        const char *known = input_kind_name((enum input_kind)kind);
        if (strlen(known) == length && memcmp(known, name, length) == 0) {
            *out = (enum input_kind)kind;
            return true;
        }
    }
    return false;
}

bool cli_input_parse(const char *text, uint32_t *out_kinds) {
    *out_kinds = 0;
    if (strcmp(text, "none") == 0) {
        return true;
    }
    while (true) {
        const size_t length = strcspn(text, ",");
        enum input_kind kind;
        if (!find_kind(text, length, &kind)) {
            return false;
        }
        *out_kinds |= CLI_INPUT_BIT(kind);
        if (!text[length]) {
            return true;
        }
        text += length + 1;
    }
}

bool cli_input_path(const char *gpu_path, enum input_kind kind, char *out, size_t size) {
    const int length = snprintf(out, size, "%s.%s", gpu_path, input_kind_name(kind));
    return length > 0 && (size_t)length < size;
}
