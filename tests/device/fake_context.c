#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_context.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake_contexts fake_contexts = {.hold = PTHREAD_MUTEX_INITIALIZER};

static struct fake_context *from(struct context *context) {
    return (struct fake_context *)context;
}

static void note(struct context *context, struct fake_call call) {
    struct fake_context *fake = from(context);
    assert_true(fake->call_count < FAKE_CALLS_MAX);
    fake->calls[fake->call_count++] = call;
}

static int fake_submit(struct context *context, const void *bytes, size_t size) {
    struct fake_call call = {.kind = FAKE_SUBMIT, .value = size};
    if (size >= 4) {
        memcpy(&call.first, bytes, 4);
    }
    note(context, call);
    return fake_contexts.submit_error;
}

static int fake_create_blob(struct context *context, uint32_t resource_id, uint64_t blob_id,
                            uint32_t flags, uint64_t size) {
    note(context, (struct fake_call){.kind = FAKE_CREATE_BLOB,
                                     .id = resource_id,
                                     .value = size,
                                     .blob_id = blob_id,
                                     .flags = flags});
    return fake_contexts.blob_error;
}

static int fake_attach(struct context *context, uint32_t resource_id, struct storage *storage) {
    assert_non_null(storage);
    note(context, (struct fake_call){
                      .kind = FAKE_ATTACH, .id = resource_id, .value = storage_get_size(storage)});
    return fake_contexts.attach_error;
}

static int fake_detach(struct context *context, uint32_t resource_id) {
    note(context, (struct fake_call){.kind = FAKE_DETACH, .id = resource_id});
    return 0;
}

static void fake_reuse(struct context *context, struct storage *storage, uint64_t place) {
    note(context, (struct fake_call){
                      .kind = FAKE_REUSE, .value = storage_get_size(storage), .place = place});
}

static int fake_fence(struct context *context, uint32_t ring_idx, uint64_t fence_id) {
    struct fake_context *fake = from(context);
    assert_true(ring_idx < CONTEXT_RING_IDX_COUNT);
    /* Part of the contract: fence ids of one ring grow. */
    assert_true(fence_id > fake->last_fence[ring_idx]);
    note(context, (struct fake_call){.kind = FAKE_FENCE, .id = ring_idx, .value = fence_id});
    if (fake_contexts.fence_error == 0) {
        fake->last_fence[ring_idx] = fence_id;
    }
    return fake_contexts.fence_error;
}

static void fake_destroy(struct context *context) {
    struct fake_context *fake = from(context);
    pthread_mutex_lock(&fake_contexts.hold);
    fake_contexts.made[fake->index] = NULL;
    pthread_mutex_unlock(&fake_contexts.hold);
    free(fake);
    atomic_fetch_sub(&fake_contexts.live, 1);
}

static const struct context_ops fake_ops = {
    .submit = fake_submit,
    .create_blob = fake_create_blob,
    .attach = fake_attach,
    .detach = fake_detach,
    .reuse = fake_reuse,
    .fence = fake_fence,
    .destroy = fake_destroy,
};

void fake_contexts_clear(void) {
    assert_int_equal(atomic_load(&fake_contexts.live), 0);
    fake_contexts.made_count = 0;
    fake_contexts.create_error = fake_contexts.submit_error = fake_contexts.blob_error = 0;
    fake_contexts.attach_error = fake_contexts.fence_error = 0;
}

int fake_context_create(const char *name, const struct context_limits *limits,
                        const struct context_listener *listener, void *user, struct context **out) {
    assert_non_null(limits);
    if (fake_contexts.create_error) {
        return fake_contexts.create_error;
    }
    struct fake_context *fake = calloc(1, sizeof(*fake));
    assert_non_null(fake);
    assert_true(fake_contexts.made_count < 64);
    fake->base.ops = &fake_ops;
    fake->listener = *listener;
    fake->user = user;
    fake->index = fake_contexts.made_count;
    snprintf(fake->name, sizeof(fake->name), "%s", name);
    fake_contexts.made[fake_contexts.made_count++] = fake;
    atomic_fetch_add(&fake_contexts.live, 1);
    *out = &fake->base;
    return 0;
}

void fake_get_capset(uint8_t out[CONTEXT_CAPSET_VENUS_SIZE]) {
    for (int i = 0; i < CONTEXT_CAPSET_VENUS_SIZE; i++) {
        out[i] = (uint8_t)(i + 1);
    }
}

uint32_t fake_count(const struct fake_context *context, enum fake_call_kind kind) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < context->call_count; i++) {
        count += context->calls[i].kind == kind;
    }
    return count;
}

const struct fake_call *fake_last(const struct fake_context *context, enum fake_call_kind kind) {
    for (uint32_t i = context->call_count; i > 0; i--) {
        if (context->calls[i - 1].kind == kind) {
            return &context->calls[i - 1];
        }
    }
    fail_msg("no call of kind %d", (int)kind);
    return NULL;
}

void fake_give_blob(struct fake_context *context, uint32_t resource_id, struct storage *storage) {
    context->listener.blob_created(context->user, resource_id, storage, 0, NULL);
}

void fake_answer_blob(struct fake_context *context, uint32_t resource_id, uint64_t size) {
    struct storage *storage;
    assert_int_equal(storage_create_shm("vesper-test", size, &storage), 0);
    fake_give_blob(context, resource_id, storage);
    storage_unref(storage);
}

void fake_refuse_blob(struct fake_context *context, uint32_t resource_id, int error,
                      const char *reason) {
    context->listener.blob_created(context->user, resource_id, NULL, error, reason);
}

void fake_retire_to(struct fake_context *context, uint32_t ring_idx, uint64_t fence) {
    context->listener.fence_retired(context->user, ring_idx, fence);
}

void fake_retire(struct fake_context *context, uint32_t ring_idx) {
    fake_retire_to(context, ring_idx, context->last_fence[ring_idx]);
}

void fake_lose(struct fake_context *context, const char *reason) {
    context->listener.lost(context->user, reason);
}
