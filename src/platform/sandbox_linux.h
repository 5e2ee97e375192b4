/* The two halves of Linux's sandbox: which system calls, and which files. Not for other rooms. */
#ifndef VESPER_PLATFORM_SANDBOX_LINUX_H
#define VESPER_PLATFORM_SANDBOX_LINUX_H

#include <stdbool.h>

#include "platform/sandbox.h"

/* ---- sandbox_filter.c -------------------------------------------------------------------- */

/* The kernel can filter system calls. */
int sandbox_filter_check(void);
/* What may be done to files, as far as sandbox_files.c lets it. */
enum sandbox_writing {
    SANDBOX_READS,  /* files are opened to be read */
    SANDBOX_WRITES, /* those that are there are also written */
    SANDBOX_MAKES,  /* files and folders are also made, moved and removed */
};

/* From now on only the system calls of `level` are made. 0 or a negative errno. */
int sandbox_filter_enter(enum platform_sandbox level, enum sandbox_writing writing);

/* ---- sandbox_files.c --------------------------------------------------------------------- */

/* Version of Landlock's interface in this kernel; 0: none. */
int sandbox_files_version(void);
/* Since this version nothing is truncated where that is not allowed: before it, whoever could read a
 * file could open it with O_TRUNC. */
#define SANDBOX_FILES_TRUNCATE 3
/* From now on only the files of `level` are opened, and those beneath `cache` (NULL: none) made, moved
 * and removed. 0 or a negative errno. */
int sandbox_files_enter(enum platform_sandbox level, const char *cache);
/* There is a device node of a graphics card. */
bool sandbox_files_has_graphics_node(void);

#endif
