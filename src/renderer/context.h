/* The context contract: one guest context (one VkInstance of the guest, its rings, objects and
 * resources), as frontends and the device core see it. Implemented in this process by
 * renderer_context_create, and by a worker process behind the same functions (ipc/worker_pool.h).
 *
 * Calls on one context take effect in the order in which they are made, although they are
 * executed later on the context's own threads: none of them waits for the GPU or for the guest.
 * All calls of one context come from one thread at a time. Up-calls come from threads of the
 * context, never from inside a call but attend, and must not call back into the context nor block. */
#ifndef VESPER_RENDERER_CONTEXT_H
#define VESPER_RENDERER_CONTEXT_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "renderer/storage.h"

/* Flags of a blob, as on the wire (virtio-gpu and vtest). */
enum {
    CONTEXT_BLOB_MAPPABLE = 1,
    CONTEXT_BLOB_SHAREABLE = 2,
    CONTEXT_BLOB_CROSS_DEVICE = 4,
};

/* ring_idx values: 0 is the CPU timeline, 1 … 63 are bound to queues by the guest. */
#define CONTEXT_RING_IDX_COUNT 64

#define CONTEXT_POLLS 2

struct context_listener {
    /* The answer to create_blob: `storage` is a borrowed reference (take your own), NULL where
     * the blob was refused; then `error` is a negative errno and `reason` a static sentence. */
    void (*blob_created)(void *user, uint32_t resource_id, struct storage *storage, int error,
                         const char *reason);
    /* Every fence up to and including `fence_id` on ring_idx has retired; in order per ring_idx. */
    void (*fence_retired)(void *user, uint32_t ring_idx, uint64_t fence_id);
    /* The context has ended by an error of the guest or the host; told once. All fences retire
     * (through fence_retired) before or after; later calls are accepted and ignored, except that
     * create_blob is answered with an error and fences retire at once. `reason` is readable text,
     * valid during the call. */
    void (*lost)(void *user, const char *reason);
};

struct context;

struct context_ops {
    /* Executes `size` bytes (a multiple of 4, possibly 0) of context stream; the bytes are copied.
     * -EINVAL for a size that is no multiple of 4, -ENOSPC where the queue limit is reached (the
     * context is then lost), 0 otherwise. */
    int (*submit)(struct context *context, const void *bytes, size_t size);
    /* Makes a blob resource; answered by blob_created. `resource_id` ≠ 0 is chosen by the caller
     * and not in use; blob_id 0 with flags MAPPABLE is fresh shared memory of `size` bytes (≥ 1),
     * any other blob_id names a VkDeviceMemory. On success the resource is attached. */
    int (*create_blob)(struct context *context, uint32_t resource_id, uint64_t blob_id,
                       uint32_t flags, uint64_t size);
    /* Gives the context a resource made elsewhere (takes its own reference), or takes one away,
     * whether made by create_blob or attached. Unknown ids are ignored by detach. */
    int (*attach)(struct context *context, uint32_t resource_id, struct storage *storage);
    int (*detach)(struct context *context, uint32_t resource_id);
    /* Gives storage back that create_blob made of a VkDeviceMemory (takes its own reference): no
     * resource of the guest has it any more, and no other context nor a display ever had it. Once
     * that memory is freed, too, the context may make its next one of it, cleared; create_blob then gives the same storage
     * again. `place`: where in the guest's region it was mapped last, bytes. How much is
     * kept, and which is taken: storage_pool.h. Any thread. */
    void (*reuse)(struct context *context, struct storage *storage, uint64_t place);
    /* detach and reuse in one, of what the resource has, for a caller to whom both happen at once
     * and who has no storage to keep. NULL: there is only detach. */
    int (*give_back)(struct context *context, uint32_t resource_id, uint64_t place);
    /* A fence after everything submitted so far on ring_idx 0, or after the work of the queue
     * bound to ring_idx; answered by fence_retired. Fence ids of one ring_idx grow. An unbound
     * ring_idx is an error of the guest and ends the context. */
    int (*fence)(struct context *context, uint32_t ring_idx, uint64_t fence_id);
    /* For a caller that waits with poll itself: what to poll for, so that no thread of the context
     * has to be woken only to wake the caller; -1 where there is nothing. From then on the caller
     * polls, asks again after each call on the context, and calls attend where poll has reported
     * something. Both may be NULL: up-calls then come from threads of the context alone. */
    void (*get_polls)(struct context *context, struct pollfd out[CONTEXT_POLLS]);
    /* Makes, from inside this call, the up-calls for what has come; others still come from threads
     * of the context. `polls` as poll has left it. */
    void (*attend)(struct context *context, const struct pollfd polls[CONTEXT_POLLS]);
    /* Ends the context: stops its threads, destroys its objects, drops its resources. Blocks for
     * as long as host calls in progress take, at most. No up-call comes afterwards. */
    void (*destroy)(struct context *context);
};

/* Embedded as the first member by implementations. */
struct context {
    const struct context_ops *ops;
};

/* Limits of one context; 0 in a member stands for the default. */
struct context_limits {
    uint64_t objects; /* live objects; default 1 048 576 */
    uint64_t command_bytes; /* temporaries of one command; default 256 MiB */
    uint64_t queued_bytes; /* context stream not yet executed; default 64 MiB */
    uint32_t rings; /* default 64 */
    uint32_t resources; /* default 65 536 */
    uint64_t memory_bytes; /* host-visible memory made for the guest; default: unlimited */
    /* Not a number: blobs of shared memory do not become dma-bufs in the guest, as they do in the
     * kernel of a virtual machine, so that they must not be offered as such. Over vtest Mesa would
     * hand the descriptor of shared memory to a compositor, which takes it for a dma-buf and
     * disconnects the program; without the offer it copies to wl_shm buffers. */
    bool no_emulated_dma_bufs;
};

/* What stands for zeroes, and for no limits at all. */
struct context_limits context_limits_default(void);

/* Capset 4 as served by this build: 160 bytes (../docs/venus-wire-format.md). Same bytes for the
 * life of the process. */
#define CONTEXT_CAPSET_VENUS 4
#define CONTEXT_CAPSET_VENUS_SIZE 160
void context_get_capset(uint8_t out[CONTEXT_CAPSET_VENUS_SIZE]);

/* Makes a context that runs on threads of this process. `name` (may be NULL) appears in messages.
 * `listener` is copied; `user` is handed to it. 0 or a negative errno. */
int renderer_context_create(const char *name, const struct context_limits *limits,
                            const struct context_listener *listener, void *user,
                            struct context **out);

/* The same without a thread for the context stream, for a caller that has nothing else to do than
 * to make the calls: a call executes what it asks for before it returns, up-calls included. While
 * it waits for a ring of the guest, others may have to be made, by another thread: `yield` tells
 * that thread to begin. What that one asks for is executed by the first, before its call returns;
 * from then on either may call. destroy waits for calls in progress. */
int renderer_context_create_direct(const char *name, const struct context_limits *limits,
                                   const struct context_listener *listener,
                                   void (*yield)(void *user), void *user, struct context **out);

/* Opens the host's Vulkan library once for the process; called before the first context.
 * On failure returns a negative errno and writes a sentence that names the cause to `reason`. */
int renderer_open_driver(char *reason, size_t reason_size);

#endif
