/* Contexts whose every answer the test gives, or withholds: for tests of the device. What the
 * device asks of them is noted. */
#ifndef VESPER_TESTS_DEVICE_FAKE_CONTEXT_H
#define VESPER_TESTS_DEVICE_FAKE_CONTEXT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "renderer/context.h"

#define FAKE_CALLS_MAX 4096

enum fake_call_kind {
    FAKE_SUBMIT,
    FAKE_CREATE_BLOB,
    FAKE_ATTACH,
    FAKE_DETACH,
    FAKE_REUSE,
    FAKE_FENCE,
};

struct fake_call {
    enum fake_call_kind kind;
    uint32_t id;       /* of the resource; ring_idx of a fence */
    uint64_t value;    /* bytes of a submit or blob; number of a fence */
    uint64_t blob_id;
    uint32_t flags;
    uint64_t place;    /* of a reuse */
    uint32_t first;    /* first word of a submit */
};

struct fake_context {
    struct context base;
    struct context_listener listener;
    void *user;
    char name[128];
    struct fake_call calls[FAKE_CALLS_MAX];
    uint32_t call_count;
    uint64_t last_fence[CONTEXT_RING_IDX_COUNT];
    struct fake_contexts *owner;
    uint32_t index;
};

/* All contexts of a test, in the order in which they were made. */
struct fake_contexts {
    struct fake_context *made[64]; /* NULL once destroyed */
    uint32_t made_count;
    _Atomic(uint32_t) live;
    int create_error, submit_error, blob_error, attach_error, fence_error; /* for further calls */
    /* While set, destroy waits. */
    pthread_mutex_t hold;
};

extern struct fake_contexts fake_contexts;

void fake_contexts_clear(void);
/* As renderer_context_create. */
int fake_context_create(const char *name, const struct context_limits *limits,
                        const struct context_listener *listener, void *user, struct context **out);
/* Byte N is N + 1. */
void fake_get_capset(uint8_t out[CONTEXT_CAPSET_VENUS_SIZE]);

/* How many calls of a kind there were. */
uint32_t fake_count(const struct fake_context *context, enum fake_call_kind kind);
/* The last call of a kind, which must exist. */
const struct fake_call *fake_last(const struct fake_context *context, enum fake_call_kind kind);

/* Up-calls. blob: with fresh memory of `size` bytes (the context keeps no reference). */
void fake_answer_blob(struct fake_context *context, uint32_t resource_id, uint64_t size);
void fake_give_blob(struct fake_context *context, uint32_t resource_id, struct storage *storage);
void fake_refuse_blob(struct fake_context *context, uint32_t resource_id, int error,
                      const char *reason);
/* Retires the fences up to the last one on a ring, or up to a number. */
void fake_retire(struct fake_context *context, uint32_t ring_idx);
void fake_retire_to(struct fake_context *context, uint32_t ring_idx, uint64_t fence);
void fake_lose(struct fake_context *context, const char *reason);

#endif
