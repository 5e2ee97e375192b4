/* The sandbox on macOS: a profile in the system's own language. Not tried on a Mac yet, therefore
 * off unless asked for. */
#include "platform/sandbox.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

/* Of the system's library since 10.5; its header is not in every SDK, and calls it deprecated. */
int sandbox_init(const char *profile, uint64_t flags, char **out_error);
void sandbox_free_error(char *error);

/* Drivers there are libraries in front of Metal: they talk to the system's compiler and window
 * server by name, open the graphics card through IOKit, and read libraries and frameworks. */
#define COMMON                                                                                     \
    "(version 1)\n"                                                                                \
    "(deny default)\n"                                                                             \
    "(deny network*)\n"                                                                            \
    "(deny process-exec* process-fork)\n"                                                          \
    "(allow signal (target self))\n"                                                               \
    "(allow sysctl-read)\n"                                                                        \
    "(allow process-info* (target self))\n"                                                        \
    "(allow ipc-posix-shm*)\n"                                                                     \
    "(allow file-read-metadata)\n"                                                                 \
    "(allow file-read* file-map-executable\n"                                                      \
    "  (subpath \"/System\") (subpath \"/usr\") (subpath \"/Library\")\n"                          \
    "  (subpath \"/opt/homebrew\") (subpath \"/private/etc/vulkan\")\n"                            \
    "  (literal \"/\") (literal \"/dev/null\") (literal \"/dev/urandom\"))\n"

#define GRAPHICS_CARD                                                                              \
    "(allow iokit-open)\n"                                                                         \
    "(allow mach-lookup)\n"                                                                        \
    "(allow file-read* file-write* (subpath \"/private/var/folders\"))\n"

enum platform_sandbox platform_sandbox_default(void) {
    return PLATFORM_SANDBOX_NONE;
}

int platform_sandbox_check(enum platform_sandbox level, char *text, size_t text_size) {
    snprintf(text, text_size, "%s",
             level == PLATFORM_SANDBOX_NONE ? "workers may do what this user may"
                                            : "a profile that has not been tried yet");
    return 0;
}

int platform_sandbox_check_cache(enum platform_sandbox level, char *text, size_t text_size) {
    (void)level, (void)text, (void)text_size;
    return 0;
}

/* Appends the profile's rule for the folder `path`; false where `out` is too small. */
static bool allow_folder(const char *path, char *out, size_t size) {
    size_t length = strlen(out);
    length +=
        (size_t)snprintf(out + length, size - length, "(allow file-read* file-write* (subpath \"");
    for (; *path && length + 2 < size; path++) {
        if (*path == '"' || *path == '\\') {
            out[length++] = '\\';
        }
        out[length++] = *path;
    }
    const int end = snprintf(out + length, size - length, "\"))\n");
    return !*path && length + (size_t)end < size;
}

int platform_sandbox_enter(enum platform_sandbox level, const char *cache, char *reason,
                           size_t reason_size) {
    if (level == PLATFORM_SANDBOX_NONE) {
        return 0;
    }
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    char *error = NULL;
    char profile[sizeof(COMMON GRAPHICS_CARD) + 2 * PATH_MAX] = COMMON;
    if (level != PLATFORM_SANDBOX_STRICT) {
        strcat(profile, GRAPHICS_CARD);
    }
    if (cache && !allow_folder(cache, profile, sizeof(profile))) {
        snprintf(reason, reason_size, "the path of the shader cache is too long");
        return -ENAMETOOLONG;
    }
    if (sandbox_init(profile, 0, &error) == 0) {
        return 0;
    }
    snprintf(reason, reason_size,
             "the worker cannot enter its sandbox: %s (--sandbox=none does without)",
             error ? error : "unknown reason");
    sandbox_free_error(error);
    return -EPERM;
}
