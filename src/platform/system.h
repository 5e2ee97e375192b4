/* What the files of this room give one another. Not for other rooms. Any thread. */
#ifndef VESPER_PLATFORM_SYSTEM_H
#define VESPER_PLATFORM_SYSTEM_H

#include <spawn.h>

/* ---- posix.c --------------------------------------------------------------------------- */

/* Both return 0 or a negative errno, with errno left in place. */
int system_set_nonblocking(int fd);
int system_set_close_on_exec_and_nonblocking(int fd);

/* ---- linux.c, darwin.c ----------------------------------------------------------------- */

/* A new Unix stream socket: blocking, close-on-exec. A descriptor that the caller owns, or a
 * negative errno. */
int system_socket_new(void);

/* What every socket of ours needs beyond POSIX; best effort. */
void system_socket_tune(int fd);

/* Flags for posix_spawn beyond POSIX. */
int system_spawn_flags(void);
/* Has the new process keep standard streams and `last_fd`, and close what lies above. Returns 0
 * or a positive errno, as posix_spawn's functions do. */
int system_spawn_keep_only(posix_spawn_file_actions_t *actions, int last_fd);

/* Names the calling thread; `name` has at most 15 bytes. */
void system_thread_set_name(const char *name);

#endif
