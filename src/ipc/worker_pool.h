/* Contexts in processes of their own: implements the context contract over vesper-worker.
 *
 * A worker that crashes, is killed or speaks nonsense costs its context: the listener hears `lost`,
 * blobs asked for are refused and all fences retire; storages stay valid. One thread of the pool
 * watches all workers and reaps all processes; it makes the up-calls of contexts whose owners do not
 * poll for them, and tells of every loss. */
#ifndef VESPER_IPC_WORKER_POOL_H
#define VESPER_IPC_WORKER_POOL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "platform/sandbox.h"
#include "renderer/context.h"

#define WORKER_SPARES_MAX 8
#define WORKER_SPARES_DEFAULT 1

struct worker_pool_options {
    const char *program; /* path of vesper-worker; NULL: beside this process's program */
    uint32_t spares;     /* workers kept ready: 0 … WORKER_SPARES_MAX */
    uint32_t grace_ms;   /* for a worker to end by itself; 0: default, 3000 */
    uint32_t blob_ms;    /* for a worker to make one blob; 0: default, 30 000 */
    enum platform_sandbox sandbox; /* that workers enter before they open the driver */
    /* Absolute path of the folder for their drivers' caches; NULL: none but where drivers find one. Must
     * stay until the pool has stopped. */
    const char *cache;
};

/* Starts the process's one pool, and its first worker, for whose word that the host's driver can
 * be opened it waits. On failure returns a negative errno and writes a sentence that names the
 * cause to `reason`; nothing is left running. `options` is copied but for the strings. Main
 * thread. */
int worker_pool_start(const struct worker_pool_options *options, char *reason, size_t reason_size);
/* Ends all workers and the thread; all contexts are destroyed. Without a pool: nothing. */
void worker_pool_stop(void);

/* As renderer_context_create, in a worker; between start and stop. Its destroy returns at once:
 * the pool gives the process its time to end, then kills it. -EAGAIN while too many end. */
int worker_context_create(const char *name, const struct context_limits *limits,
                          const struct context_listener *listener, void *user,
                          struct context **out);

#endif
