/* Other programs, started without fork. Main thread. */
#ifndef VESPER_CLI_PROCESS_H
#define VESPER_CLI_PROCESS_H

#include <stddef.h>
#include <sys/types.h>

/* Starts `arguments[0]`, found through PATH, with our standard streams, no other descriptor of
 * ours, and default signal handling. 0 or a negative errno (-ENOENT: no such program). */
int process_start(const char *const *arguments, pid_t *out_pid);

/* Runs a program to its end, its input empty, and keeps the first size - 1 bytes of its standard
 * output, ended by NUL. 0, or a negative errno: -EIO where it did not exit with 0. */
int process_capture(const char *const *arguments, char *output, size_t size);

#endif
