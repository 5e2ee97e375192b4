/* Runs checks in processes of their own: this program again, with its socket as descriptor 3. */
#ifndef VESPER_SELFTEST_RUNNER_H
#define VESPER_SELFTEST_RUNNER_H

#include <stdint.h>

#include "selftest/selftest.h"

/* How `vesper selftest` is told to be such a process: followed by a check's name, or by "peer". */
#define SELFTEST_CHILD_OPTION "--child"
#define SELFTEST_PEER_NAME "peer"

/* Starts this program as a child for `name`. On success the caller owns *out_socket, which is
 * non-blocking, and reaps *out_pid. 0 or a negative errno. Main thread. */
int selftest_start_child(const char *name, int *out_socket, int32_t *out_pid);

/* Runs `check` in a child and waits for its result, or for its end, which is a failed check, or for
 * `limit_ms`, after which it is killed and has failed. Main thread. */
void selftest_run(const struct selftest_check *check, uint32_t limit_ms,
                  struct selftest_result *out);

/* In the child: runs what `name` says and sends the result. An exit status. Main thread. */
int selftest_be_child(const char *name);

#endif
