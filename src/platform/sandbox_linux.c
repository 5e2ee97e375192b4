/* The sandbox on Linux: privileges and limits here, system calls in sandbox_filter.c, files in
 * sandbox_files.c. */
#include "platform/sandbox_linux.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum platform_sandbox platform_sandbox_default(void) {
    return PLATFORM_SANDBOX_DRIVER;
}

int platform_sandbox_check(enum platform_sandbox level, char *text, size_t text_size) {
    if (level == PLATFORM_SANDBOX_NONE) {
        snprintf(text, text_size, "workers may do what this user may");
        return 0;
    }
    int error = sandbox_filter_check();
    if (error) {
        snprintf(text, text_size, "this kernel does not filter system calls (seccomp): %s",
                 strerror(-error));
        return error;
    }
    const int version = sandbox_files_version();
    if (!version && level == PLATFORM_SANDBOX_STRICT) {
        snprintf(text, text_size, "this kernel does not limit files (Landlock, Linux 5.13)");
        return -ENOSYS;
    }
    if (version) {
        snprintf(text, text_size, "system calls filtered, files limited by Landlock %d", version);
    } else {
        snprintf(text, text_size,
                 "system calls filtered; any file of this user can be %s, because "
                 "this kernel has no Landlock",
                 sandbox_files_has_graphics_node() ? "read and written" : "read");
    }
    return 0;
}

int platform_sandbox_check_cache(enum platform_sandbox level, char *text, size_t text_size) {
    const int version = sandbox_files_version();
    if (level == PLATFORM_SANDBOX_NONE || version >= SANDBOX_FILES_TRUNCATE) {
        return 0;
    }
    snprintf(text, text_size,
             "this kernel cannot limit to one folder which files are made and truncated (Landlock "
             "%d, Linux 6.2; it has %d)",
             SANDBOX_FILES_TRUNCATE, version);
    return -ENOSYS;
}

/* No memory of a guest is left in a file by a crash. The number of descriptors and of this user's
 * processes stays: threads count as such, whoever made them. */
static int limit_resources(void) {
    const struct rlimit none = {0, 0};
    return setrlimit(RLIMIT_CORE, &none) < 0 || setrlimit(RLIMIT_MSGQUEUE, &none) < 0 ? -errno : 0;
}

/* What the list of system calls leaves to the list of files, where there is one. */
static enum sandbox_writing choose_writing(enum platform_sandbox level, bool has_cache,
                                           bool has_files) {
    if (has_cache) {
        return SANDBOX_MAKES;
    }
    return level == PLATFORM_SANDBOX_DRIVER && (has_files || sandbox_files_has_graphics_node())
               ? SANDBOX_WRITES
               : SANDBOX_READS;
}

static int enter(enum platform_sandbox level, const char *cache, const char **out_step) {
    *out_step = "limits";
    int error = limit_resources();
    if (error) {
        return error;
    }
    *out_step = "no_new_privs";
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        return -errno;
    }
    *out_step = "Landlock";
    const bool has_files = sandbox_files_version() > 0;
    if (has_files) {
        error = sandbox_files_enter(level, cache);
    } else if (cache || level == PLATFORM_SANDBOX_STRICT) {
        error = -ENOSYS;
    }
    if (error) {
        return error;
    }
    *out_step = "seccomp";
    return sandbox_filter_enter(level, choose_writing(level, cache != NULL, has_files));
}

int platform_sandbox_enter(enum platform_sandbox level, const char *cache, char *reason,
                           size_t reason_size) {
    if (level == PLATFORM_SANDBOX_NONE) {
        return 0;
    }
    const char *step;
    int error = enter(level, cache, &step);
    if (error) {
        snprintf(reason, reason_size,
                 "the worker cannot enter its sandbox (%s): %s (--sandbox=none does without)", step,
                 strerror(-error));
    }
    return error;
}
