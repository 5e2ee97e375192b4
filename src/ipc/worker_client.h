/* One worker process, as the pool and the context contract share it. */
#ifndef VESPER_IPC_WORKER_CLIENT_H
#define VESPER_IPC_WORKER_CLIENT_H

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ipc/channel.h"
#include "ipc/worker_protocol.h"
#include "platform/platform.h"
#include "platform/sandbox.h"
#include "renderer/storage_pool.h"

struct worker_blob; /* a create_blob not answered yet */

struct worker {
    struct context base; /* first */
    struct worker *next; /* the pool's, as is the next */
    uint32_t poll_at;    /* its entries among the polls; 0: none yet */
    pthread_mutex_t mutex; /* guards everything below; listeners' locks are taken inside */
    const struct platform_wake *watcher; /* signalled where the pool's thread must look */

    struct channel channel;
    struct platform_wake pipe; /* the end for reading */
    struct worker_fence_page *fences;
    int fence_fd;

    enum platform_sandbox sandbox; /* that it was told to enter */
    pid_t pid;          /* 0: reaped */
    int status;         /* of waitpid, once reaped */
    bool killed;        /* by us */
    bool cut;           /* the channel is of no further use */
    uint64_t kill_ns;   /* when to kill it, UINT64_MAX: not */

    bool answered, ready; /* has said whether it can open the driver */
    bool taken;           /* serves a context */
    bool destroyed;       /* the context's owner has gone */
    bool polled;          /* by the context's owner, not by the pool's thread */

    struct context_listener listener;
    void *user;
    char name[WORKER_NAME_BYTES];
    uint32_t resources_max;
    bool lost, lost_told;
    char reason[WORKER_REASON_BYTES]; /* why the driver cannot be opened, or the context is lost */
    struct worker_blob *first, **last;
    uint64_t first_ns; /* since when the first is awaited */
    uint32_t blob_count;
    struct storage_pool returned; /* what it was told to use again, as far as it may still do so */
    uint64_t asked[CONTEXT_RING_IDX_COUNT], told[CONTEXT_RING_IDX_COUNT];
    uint64_t outstanding; /* bit N: asked[N] > told[N] */
};

/* Starts a process of `program` that enters `sandbox`, where `cache`, the absolute path of a folder or
 * NULL, is left to its driver. 0 or a negative errno. */
int worker_start(const char *program, enum platform_sandbox sandbox, const char *cache,
                 const struct platform_wake *watcher, struct worker **out);
/* The process is reaped and the context, where there was one, destroyed. */
void worker_free(struct worker *worker);

/* Makes a ready or starting worker serve a context. 0 or a negative errno. */
int worker_take(struct worker *worker, const char *name, const struct context_limits *limits,
                const struct context_listener *listener, void *user);

/* ---- the pool's thread ------------------------------------------------------------------- */

/* What to poll for: the socket's and the pipe's entry; descriptors -1 where there is nothing. */
void worker_polls(struct worker *worker, struct pollfd polls[2]);
/* Handles what has come, which `polls` says (NULL: not polled yet), what time has brought, and makes
 * up-calls. Returns when it wants to be
 * called again at the latest (UINT64_MAX: when something comes). */
uint64_t worker_attend(struct worker *worker, const struct pollfd polls[2], uint64_t now_ns);
/* Nothing more will happen: free it. */
bool worker_is_over(struct worker *worker);
/* Ends a worker that serves nobody, as destroy does for one that does. Any thread. */
void worker_dismiss(struct worker *worker);
/* Time to end, and to make one blob, before it is killed. Set once, before the first worker. */
void worker_set_limits(uint64_t grace_ns, uint64_t blob_ns);

#endif
