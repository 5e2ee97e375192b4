/* What a worker gives up before it runs a guest's commands: docs/sandbox.md says what is left to it
 * and why. Irrevocable, for the whole process and what it would start. */
#ifndef VESPER_PLATFORM_SANDBOX_H
#define VESPER_PLATFORM_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

enum platform_sandbox {
    PLATFORM_SANDBOX_NONE,
    PLATFORM_SANDBOX_DRIVER, /* what drivers of graphics cards need is left */
    PLATFORM_SANDBOX_STRICT, /* only what a driver needs that computes on the processor */
};

/* "none", "driver", "strict". Static storage. Any thread. */
const char *platform_sandbox_name(enum platform_sandbox level);
/* False where `text` names no level; *out is then left alone. Any thread. */
bool platform_sandbox_parse(const char *text, enum platform_sandbox *out);

/* What workers get where nobody says anything: DRIVER where this build and system can keep it and it
 * has been tried, else NONE. Any thread. */
enum platform_sandbox platform_sandbox_default(void);

/* Whether `level` can be entered on this system. Writes to `text` what holds it up ("system calls
 * filtered, files limited by Landlock 6"), or why it cannot be entered. 0 or a negative errno.
 * Changes nothing. Any thread. */
int platform_sandbox_check(enum platform_sandbox level, char *text, size_t text_size);

/* Whether who enters `level`, which can be entered, can be left one folder to write in, and no other:
 * a cache of drivers. 0, or a negative errno with why not in `text`. Changes nothing. Any thread. */
int platform_sandbox_check_cache(enum platform_sandbox level, char *text, size_t text_size);

/* Gives up everything beyond `level`. Beneath `cache`, the absolute path of a folder, regular files and
 * folders may be read, written, made, moved and removed; NULL: nowhere. While the process has one thread,
 * before it has opened the driver: threads that were there before would keep their rights. 0 or a
 * negative errno after which the process should end (part may have been given up); then `reason` names
 * the cause. */
int platform_sandbox_enter(enum platform_sandbox level, const char *cache, char *reason,
                           size_t reason_size);

/* Whether `signal_number`, by which a process in a sandbox ended, is that of a call which a sandbox
 * never allows. Any thread. */
bool platform_sandbox_ended_by(int signal_number);

#endif
