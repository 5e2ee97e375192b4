/* What the files of this room give one another. Not for other rooms. Any thread. */
#ifndef VESPER_PLATFORM_SYSTEM_H
#define VESPER_PLATFORM_SYSTEM_H

/* ---- posix.c --------------------------------------------------------------------------- */

/* Returns 0 or a negative errno. */
int system_set_nonblocking(int fd);

/* ---- linux.c, darwin.c ----------------------------------------------------------------- */

/* A new Unix stream socket: blocking, close-on-exec. A descriptor that the caller owns, or a
 * negative errno. */
int system_socket_new(void);

/* Names the calling thread; `name` has at most 15 bytes. */
void system_thread_set_name(const char *name);

#endif
