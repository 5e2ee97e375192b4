#include "around_device.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "need.h"

#define CONTEXTS_MAX 8
#define BLOBS_MAX 64

/* ---- contexts ---------------------------------------------------------------------------- */

struct fuzz_context {
    struct context base;
    struct context_listener listener;
    void *user;
    uint32_t index;
    struct {
        uint32_t resource_id;
        uint64_t size;
    } blobs[BLOBS_MAX];
    uint32_t blob_count;
    uint64_t fences[CONTEXT_RING_IDX_COUNT];
};

/* The mutex keeps a context alive while something is said for it. */
static pthread_mutex_t contexts_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct fuzz_context *contexts[CONTEXTS_MAX];

static struct fuzz_context *from(struct context *context) {
    return (struct fuzz_context *)context;
}

static int fuzz_submit(struct context *context, const void *bytes, size_t size) {
    (void)context, (void)bytes;
    need(size % 4 == 0, "a size that is a multiple of 4");
    return 0;
}

static int fuzz_create_blob(struct context *context, uint32_t resource_id, uint64_t blob_id,
                            uint32_t flags, uint64_t size) {
    struct fuzz_context *fuzz = from(context);
    (void)blob_id, (void)flags;
    need(resource_id != 0 && size > 0, "a blob that can be");
    if (fuzz->blob_count == BLOBS_MAX) {
        return -ENOMEM;
    }
    fuzz->blobs[fuzz->blob_count].resource_id = resource_id;
    fuzz->blobs[fuzz->blob_count++].size = size;
    return 0;
}

static int fuzz_attach(struct context *context, uint32_t resource_id, struct storage *storage) {
    (void)context, (void)resource_id;
    need(storage_get_size(storage) > 0, "storage");
    return 0;
}

static int fuzz_detach(struct context *context, uint32_t resource_id) {
    (void)context, (void)resource_id;
    return 0;
}

static void fuzz_reuse(struct context *context, struct storage *storage, uint64_t place) {
    (void)context;
    need(storage_get_size(storage) > 0 && place % 4096 == 0, "storage that was at a page");
}

static int fuzz_fence(struct context *context, uint32_t ring_idx, uint64_t fence_id) {
    need(ring_idx < CONTEXT_RING_IDX_COUNT && fence_id > from(context)->fences[ring_idx],
         "fences that grow");
    from(context)->fences[ring_idx] = fence_id;
    return 0;
}

static void fuzz_destroy(struct context *context) {
    pthread_mutex_lock(&contexts_mutex);
    contexts[from(context)->index] = NULL;
    pthread_mutex_unlock(&contexts_mutex);
    free(context);
}

static const struct context_ops fuzz_context_ops = {
    .submit = fuzz_submit,
    .create_blob = fuzz_create_blob,
    .attach = fuzz_attach,
    .detach = fuzz_detach,
    .reuse = fuzz_reuse,
    .fence = fuzz_fence,
    .destroy = fuzz_destroy,
};

static int fuzz_create_context(const char *name, const struct context_limits *limits,
                               const struct context_listener *listener, void *user,
                               struct context **out) {
    (void)name, (void)limits;
    pthread_mutex_lock(&contexts_mutex);
    uint32_t index = 0;
    while (index < CONTEXTS_MAX && contexts[index]) {
        index++;
    }
    struct fuzz_context *context = index < CONTEXTS_MAX ? calloc(1, sizeof(*context)) : NULL;
    if (context) {
        context->base.ops = &fuzz_context_ops;
        context->listener = *listener;
        context->user = user;
        context->index = index;
        contexts[index] = context;
        *out = &context->base;
    }
    pthread_mutex_unlock(&contexts_mutex);
    return context ? 0 : -ENOMEM;
}

static void fuzz_get_capset(uint8_t out[CONTEXT_CAPSET_VENUS_SIZE]) {
    memset(out, 1, CONTEXT_CAPSET_VENUS_SIZE);
}

/* The mutex is held. */
static void answer_blob(struct fuzz_context *context, bool good) {
    if (context->blob_count == 0) {
        return;
    }
    const uint32_t id = context->blobs[0].resource_id;
    const uint64_t size = context->blobs[0].size;
    context->blob_count--;
    memmove(&context->blobs[0], &context->blobs[1],
            context->blob_count * sizeof(context->blobs[0]));
    struct storage *storage = NULL;
    if (good && size <= 65536 && storage_create_shm("vesper-fuzz", size, &storage)) {
        storage = NULL;
    }
    context->listener.blob_created(context->user, id, storage, storage ? 0 : -ENOMEM, NULL);
    storage_unref(storage);
}

static void retire(struct fuzz_context *context, uint32_t ring_idx) {
    context->listener.fence_retired(context->user, ring_idx, context->fences[ring_idx]);
}

void fuzz_context_speak(uint32_t index, enum fuzz_word word, uint32_t argument) {
    pthread_mutex_lock(&contexts_mutex);
    struct fuzz_context *context = contexts[index % CONTEXTS_MAX];
    if (context && word == FUZZ_RETIRE) {
        retire(context, argument % CONTEXT_RING_IDX_COUNT);
    } else if (context && word == FUZZ_LOSE) {
        context->listener.lost(context->user, "fuzz");
    } else if (context) {
        answer_blob(context, word == FUZZ_ANSWER_BLOB);
    }
    pthread_mutex_unlock(&contexts_mutex);
}

static void answer_all(struct fuzz_context *context) {
    while (context->blob_count > 0) {
        answer_blob(context, true);
    }
    for (uint32_t ring_idx = 0; ring_idx < CONTEXT_RING_IDX_COUNT; ring_idx++) {
        if (context->fences[ring_idx]) {
            retire(context, ring_idx);
        }
    }
}

void fuzz_contexts_answer(void) {
    pthread_mutex_lock(&contexts_mutex);
    for (uint32_t i = 0; i < CONTEXTS_MAX; i++) {
        if (contexts[i]) {
            answer_all(contexts[i]);
        }
    }
    pthread_mutex_unlock(&contexts_mutex);
}

bool fuzz_contexts_are_gone(void) {
    pthread_mutex_lock(&contexts_mutex);
    bool gone = true;
    for (uint32_t i = 0; i < CONTEXTS_MAX; i++) {
        gone = gone && !contexts[i];
    }
    pthread_mutex_unlock(&contexts_mutex);
    return gone;
}

/* ---- the presenter ----------------------------------------------------------------------- */

static struct fuzz_presenter *presenter_from(struct presenter *presenter) {
    return (struct fuzz_presenter *)presenter;
}

static void fuzz_set_listener(struct presenter *presenter,
                              const struct presenter_listener *listener, void *user) {
    presenter_from(presenter)->listener =
        listener ? *listener : (struct presenter_listener){NULL, NULL};
    presenter_from(presenter)->user = user;
}

static int fuzz_show(struct presenter *presenter, uint32_t scanout,
                     const struct presenter_picture *picture, const struct presenter_rect *source) {
    const uint64_t size =
        picture->storage ? storage_get_size(picture->storage) : pages_get_size(picture->pages);
    need(scanout < FUZZ_SCANOUTS, "a scanout that exists");
    need(picture->offset + (uint64_t)picture->stride * (picture->height - 1) +
                 picture->width * UINT64_C(4) <=
             size,
         "a picture inside of its memory");
    need((uint64_t)source->x + source->width <= picture->width &&
             (uint64_t)source->y + source->height <= picture->height,
         "a source inside of its picture");
    presenter_from(presenter)->shown[scanout] = true;
    return 0;
}

static void fuzz_hide(struct presenter *presenter, uint32_t scanout) {
    need(scanout < FUZZ_SCANOUTS, "a scanout that exists");
    presenter_from(presenter)->shown[scanout] = false;
}

static void fuzz_flush(struct presenter *presenter, uint32_t scanout,
                       const struct presenter_rect *damage, uint64_t token) {
    struct fuzz_presenter *fuzz = presenter_from(presenter);
    need(scanout < FUZZ_SCANOUTS && fuzz->shown[scanout], "a scanout that shows something");
    need(damage->width > 0 && damage->height > 0 && token > fuzz->token, "a flush");
    fuzz->token = token;
    if (fuzz->answers_at_once) {
        fuzz->listener.flushed(fuzz->user, token);
    }
}

static void fuzz_set_cursor(struct presenter *presenter, uint32_t scanout, const uint32_t *pixels,
                            uint32_t hot_x, uint32_t hot_y) {
    (void)presenter;
    need(scanout < FUZZ_SCANOUTS, "a scanout that exists");
    need(!pixels || (hot_x < PRESENTER_CURSOR_SIZE && hot_y < PRESENTER_CURSOR_SIZE),
         "a hot spot in its image");
}

static void fuzz_move_cursor(struct presenter *presenter, uint32_t scanout, int32_t x, int32_t y) {
    (void)presenter, (void)x, (void)y;
    need(scanout < FUZZ_SCANOUTS, "a scanout that exists");
}

static const struct presenter_ops fuzz_presenter_ops = {
    .set_listener = fuzz_set_listener,
    .attach = fuzz_show,
    .detach = fuzz_hide,
    .flush = fuzz_flush,
    .set_cursor = fuzz_set_cursor,
    .move_cursor = fuzz_move_cursor,
};

/* ---- both -------------------------------------------------------------------------------- */

void fuzz_device_options(struct fuzz_presenter *presenter, struct device_options *out) {
    presenter->base = (struct presenter){&fuzz_presenter_ops, FUZZ_SCANOUTS};
    *out = (struct device_options){
        .limits = {.contexts = 4,
                   .resources = 16,
                   .mappings = 8,
                   .parked = 64,
                   .backing_pieces = 64,
                   .pixel_bytes = 1 << 20},
        .create_context = fuzz_create_context,
        .get_capset = fuzz_get_capset,
        .host_visible_bytes = FUZZ_REGION_BYTES,
        .presenter = &presenter->base,
    };
}
