/* The vtest server: Mesa's Venus driver over a Unix stream socket, one context per connection.
 *
 * One thread (the one in vtest_server_run) reads all sockets, answers and never waits for a
 * context; contexts run on their own threads and are torn down on threads of their own. */
#ifndef VESPER_VTEST_H
#define VESPER_VTEST_H

#include <stddef.h>
#include <stdint.h>

#include "renderer/context.h"

/* The path that Mesa uses where VTEST_SOCKET_NAME is not set. */
#define VTEST_DEFAULT_SOCKET_PATH "/tmp/.virgl_test"

/* Limits of the server and of each client; 0 in a member stands for the default. */
struct vtest_limits {
    uint32_t clients;       /* connections at once, ending ones included; default 1024 */
    uint32_t syncs;         /* live syncs per client; default 65 536 */
    uint32_t waits;         /* SYNC_WAITs not yet satisfied per client; default 1024 */
    uint32_t wait_entries;  /* {sync, value} pairs of those waits per client; default 16 384 */
    uint32_t signals; /* {sync, value} pairs that await a fence, per client; default 65 536 */
    uint32_t resources; /* live resources per client; default 65 536 */
    uint32_t message_bytes; /* payload of one message; default 64 MiB, at least 4096 */
};

/* Same contract as renderer_context_create and context_get_capset. */
typedef int (*vtest_create_context)(const char *name, const struct context_limits *limits,
                                    const struct context_listener *listener, void *user,
                                    struct context **out);
typedef void (*vtest_get_capset)(uint8_t out[CONTEXT_CAPSET_VENUS_SIZE]);

struct vtest_options {
    const char *socket_path; /* NULL: no listener, clients come by vtest_server_adopt */
    struct vtest_limits limits;
    struct context_limits context_limits;
    vtest_create_context create_context;
    vtest_get_capset get_capset;
};

struct vtest_server;

/* Binds the socket and gets ready to serve; the caller owns *out. `options` is copied. On failure
 * returns a negative errno and writes a sentence that names the cause to `reason`. */
int vtest_server_create(const struct vtest_options *options, struct vtest_server **out,
                        char *reason, size_t reason_size);
/* Ends all clients, waits for their contexts, removes the socket file if it is still the server's
 * own. Not while vtest_server_run is running. NULL is ignored. */
void vtest_server_destroy(struct vtest_server *server);

/* Serves until vtest_server_stop. 0, or a negative errno where the server cannot go on. SIGPIPE
 * must be ignored by the process. */
int vtest_server_run(struct vtest_server *server);
/* Makes vtest_server_run return 0 soon. Any thread; async-signal-safe. */
void vtest_server_stop(struct vtest_server *server);

/* For programs with a loop of their own: waits for at most `timeout_ms` (-1: for ever) and handles
 * what has come. 0 or a negative errno. Same thread as vtest_server_run. */
int vtest_server_step(struct vtest_server *server, int timeout_ms);
/* Serves a connected, non-blocking stream socket, which becomes the server's in every case. 0 or a
 * negative errno. Same thread as vtest_server_run. */
int vtest_server_adopt(struct vtest_server *server, int fd);

#endif
