/* A build without a sandbox: without libseccomp, or with a sanitizer, whose runtime traces its own
 * process. */
#include "platform/sandbox.h"

#include <errno.h>
#include <stdio.h>

enum platform_sandbox platform_sandbox_default(void) {
    return PLATFORM_SANDBOX_NONE;
}

int platform_sandbox_check(enum platform_sandbox level, char *text, size_t text_size) {
    if (level == PLATFORM_SANDBOX_NONE) {
        snprintf(text, text_size, "workers may do what this user may");
        return 0;
    }
    snprintf(text, text_size, "this vesper was built without: " VESPER_SANDBOX_ABSENT);
    return -ENOSYS;
}

int platform_sandbox_check_cache(enum platform_sandbox level, char *text, size_t text_size) {
    return platform_sandbox_check(level, text, text_size);
}

int platform_sandbox_enter(enum platform_sandbox level, const char *cache, char *reason,
                           size_t reason_size) {
    (void)cache;
    return platform_sandbox_check(level, reason, reason_size);
}
