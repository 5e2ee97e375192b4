/* The control socket of `vesper serve`: a Unix stream socket on which a person's script asks for
 * things while the machine runs. One request a line, one answer a line: "ok …" or "error …".
 * Format and requests: docs/display.md. */
#ifndef VESPER_CLI_CONTROL_H
#define VESPER_CLI_CONTROL_H

#include <stddef.h>

/* Longest request, its newline included. */
#define CONTROL_LINE_MAX 4096

/* Executes one request (no newline, ends with NUL) and writes the answer without its newline to
 * `answer`. Runs on the control thread and may block shortly. */
typedef void (*control_handler)(void *user, const char *line, char *answer, size_t answer_size);

struct control;

/* Listens at `path` (copied) and serves on a thread of its own, several connections at once.
 * 0 or a negative errno with a sentence in `reason`. */
int control_create(const char *path, control_handler handler, void *user, struct control **out,
                   char *reason, size_t reason_size);
/* Ends the thread and the connections and removes the socket file. NULL is ignored. */
void control_destroy(struct control *control);

#endif
