/* The other end of the control socket: asks one thing. Any thread. */
#ifndef VESPER_CLI_CONTROL_CLIENT_H
#define VESPER_CLI_CONTROL_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

struct control_answer {
    bool done;        /* the session did it */
    char *text; /* what it said behind "ok" or "error"; in the caller's buffer */
};

/* Connects to the session at `path`. The descriptor is the caller's. 0, or a negative errno with a
 * sentence in `reason`. */
int control_client_connect(const char *path, int *out_fd, char *reason, size_t reason_size);

/* Sends `request` (one line without its newline) and waits for the answer, some seconds at most;
 * `buffer` (CONTROL_LINE_MAX bytes) holds it. 0, or a negative errno with a sentence in
 * `reason`. */
int control_client_ask(int fd, const char *request, char *buffer, struct control_answer *out,
                       char *reason, size_t reason_size);

#endif
