/* The other side of worker_client: runs one context for whoever holds the other end of a socket. */
#ifndef VESPER_IPC_WORKER_SERVER_H
#define VESPER_IPC_WORKER_SERVER_H

#include "platform/sandbox.h"

/* Enters the sandbox, opens the host's driver, says so, waits for the hello, and serves one context
 * until the channel closes. `fd`, a non-blocking Unix stream socket, becomes the server's. `cache` is as
 * platform_sandbox_enter takes it. SIGPIPE must be ignored. 0 where the channel was closed in order, else
 * a negative errno. Main thread, before there is another. */
int worker_server_run(int fd, enum platform_sandbox sandbox, const char *cache);

#endif
