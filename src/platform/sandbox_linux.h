/* The two halves of Linux's sandbox: which system calls, and which files. Not for other rooms. */
#ifndef VESPER_PLATFORM_SANDBOX_LINUX_H
#define VESPER_PLATFORM_SANDBOX_LINUX_H

#include <stdbool.h>

#include "platform/sandbox.h"

/* ---- sandbox_filter.c -------------------------------------------------------------------- */

/* The kernel can filter system calls. */
int sandbox_filter_check(void);
/* From now on only the system calls of `level` are made. `writes_devices`: files that are there may
 * be opened for writing, too. 0 or a negative errno. */
int sandbox_filter_enter(enum platform_sandbox level, bool writes_devices);

/* ---- sandbox_files.c --------------------------------------------------------------------- */

/* Version of Landlock's interface in this kernel; 0: none. */
int sandbox_files_version(void);
/* From now on only the files of `level` are opened. 0 or a negative errno. */
int sandbox_files_enter(enum platform_sandbox level);
/* There is a device node of a graphics card. */
bool sandbox_files_has_graphics_node(void);

#endif
