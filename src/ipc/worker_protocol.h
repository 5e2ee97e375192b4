/* What vesper and vesper-worker tell each other over a channel: each message is one of these
 * structs, submit's followed by its bytes. Both are built from the same source on the same machine;
 * WORKER_PROTOCOL keeps binaries of different builds apart.
 *
 * vesper → worker: hello (first, once), submit, create_blob, attach, detach, reuse,
 * fence.
 * worker → vesper: ready or failed (first, once, without being asked), blob_created, lost. */
#ifndef VESPER_IPC_WORKER_PROTOCOL_H
#define VESPER_IPC_WORKER_PROTOCOL_H

#include <stdatomic.h>
#include <stdint.h>

#include "renderer/context.h"

#define WORKER_PROTOCOL 3

#define WORKER_NAME_BYTES 104
#define WORKER_REASON_BYTES 512

/* How long either side looks for something more, where something has just come, before it sleeps: a
 * sleeping processor takes longer to wake than a message to come. */
#define WORKER_LOOK_NS UINT64_C(50000)

enum worker_message_kind {
    WORKER_HELLO = 1, /* descriptors: the fence page; the pipe's end for writing */
    WORKER_SUBMIT,
    WORKER_CREATE_BLOB,
    WORKER_ATTACH, /* descriptor: the storage's */
    WORKER_DETACH,
    WORKER_REUSE, /* descriptor: the storage's */
    WORKER_FENCE,
    WORKER_READY,
    WORKER_FAILED,
    WORKER_BLOB_CREATED, /* descriptor: the storage's, where error is 0 */
    WORKER_LOST,
};

struct worker_hello {
    uint32_t kind, protocol;
    struct context_limits limits;
    int32_t log_level;
    char name[WORKER_NAME_BYTES]; /* ended by NUL */
};

struct worker_submit {
    uint32_t kind, reserved;
};

struct worker_create_blob {
    uint32_t kind, resource_id;
    uint64_t blob_id, size;
    uint32_t flags, reserved;
};

struct worker_attach {
    uint32_t kind, resource_id;
    uint32_t storage_kind, caching;
    uint64_t size;
};

struct worker_detach {
    uint32_t kind, resource_id;
    uint32_t gives_back, reserved; /* 1: what the resource had may be used again */
    uint64_t place;
};

/* Of shared memory that the worker made: with the number that it gave it. */
struct worker_reuse {
    uint32_t kind, reserved;
    uint64_t number, size, place;
};

struct worker_fence {
    uint32_t kind, ring_idx;
    uint64_t fence_id;
};

struct worker_ready {
    uint32_t kind, protocol;
};

/* failed and lost */
struct worker_reason {
    uint32_t kind, reserved;
    char text[WORKER_REASON_BYTES]; /* ended by NUL */
};

struct worker_blob_created {
    uint32_t kind, resource_id;
    int32_t error; /* 0 or a negative errno */
    uint32_t storage_kind, caching, reserved;
    uint64_t size;
    uint64_t number; /* of the storage: that of a reuse, where it is that one again */
    char reason[128]; /* ended by NUL; where error is not 0 */
};

/* Largest message that a worker may send. */
#define WORKER_REPLY_BYTES_MAX 1024

/* Shared by the two processes. The worker writes `retired`, sets `changed` and, where that was
 * clear, writes to the pipe; vesper clears `changed`, then reads. Whatever stands here is no more
 * than a claim: vesper believes it up to the last fence that it asked for. */
struct worker_fence_page {
    _Atomic(uint32_t) changed;
    _Atomic(uint64_t) retired[CONTEXT_RING_IDX_COUNT];
};

#endif
