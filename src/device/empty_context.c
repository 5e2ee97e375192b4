#include "device/empty_context.h"

#include <errno.h>

static int empty_submit(struct context *context, const void *bytes, size_t size) {
    (void)context, (void)bytes, (void)size;
    return -ENOTSUP;
}

static int empty_create_blob(struct context *context, uint32_t resource_id, uint64_t blob_id,
                             uint32_t flags, uint64_t size) {
    (void)context, (void)resource_id, (void)blob_id, (void)flags, (void)size;
    return -ENOTSUP;
}

static int empty_attach(struct context *context, uint32_t resource_id, struct storage *storage) {
    (void)context, (void)resource_id, (void)storage;
    return 0;
}

static int empty_detach(struct context *context, uint32_t resource_id) {
    (void)context, (void)resource_id;
    return 0;
}

static void empty_reuse(struct context *context, struct storage *storage, uint64_t place) {
    (void)context, (void)storage, (void)place;
}

static int empty_fence(struct context *context, uint32_t ring_idx, uint64_t fence_id) {
    (void)context, (void)ring_idx, (void)fence_id;
    return -ENOTSUP;
}

static void empty_destroy(struct context *context) {
    (void)context;
}

static const struct context_ops empty_ops = {
    .submit = empty_submit,
    .create_blob = empty_create_blob,
    .attach = empty_attach,
    .detach = empty_detach,
    .reuse = empty_reuse,
    .fence = empty_fence,
    .destroy = empty_destroy,
};

int gpu_empty_context_create(const char *name, const struct context_limits *limits,
                             const struct context_listener *listener, void *user,
                             struct context **out) {
    (void)name, (void)limits, (void)listener, (void)user;
    static struct context empty = {.ops = &empty_ops}; /* has no state: one serves for all */
    *out = &empty;
    return 0;
}
