/* The names of the levels: the same on every system. */
#include "platform/sandbox.h"

#include <string.h>

static const char *const names[] = {
    [PLATFORM_SANDBOX_NONE] = "none",
    [PLATFORM_SANDBOX_DRIVER] = "driver",
    [PLATFORM_SANDBOX_STRICT] = "strict",
};

const char *platform_sandbox_name(enum platform_sandbox level) {
    return names[level];
}

bool platform_sandbox_parse(const char *text, enum platform_sandbox *out) {
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (enum platform_sandbox)i;
            return true;
        }
    }
    return false;
}
