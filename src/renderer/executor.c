#include "renderer/executor.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include "platform/platform.h"
#include "renderer/memory.h"
#include "renderer/renderer.h"
#include "renderer/ring.h"
#include "util/log.h"

/* How long the context stream looks for a ring before it sleeps. */
#define RING_LOOK_NS UINT64_C(20000)

enum item_kind { ITEM_SUBMIT, ITEM_CREATE_BLOB, ITEM_ATTACH, ITEM_DETACH, ITEM_FENCE };

struct executor_item {
    struct executor_item *next;
    enum item_kind kind;
    uint32_t id;     /* resource id or ring_idx */
    uint32_t flags;  /* of a blob */
    uint64_t number; /* blob id or fence id */
    uint64_t size;   /* of the blob or of bytes */
    struct storage *storage;
    uint8_t bytes[];
};

/* ---- what the items do ------------------------------------------------------------------ */

static int make_storage(struct renderer_context *context, const struct executor_item *item,
                        struct storage **out, const char **out_reason) {
    if (context_is_lost(context)) {
        *out_reason = "the context is lost";
        return -EIO;
    }
    if (item->number == 0) {
        if (item->flags != CONTEXT_BLOB_MAPPABLE) {
            *out_reason = "a blob of id 0 must be MAPPABLE and nothing else";
            return -EINVAL;
        }
        *out_reason = "no shared memory";
        return storage_create_shm("vesper-shm", item->size, out);
    }
    struct executor *executor = &context->executor;
    id_reader_enter(&context->objects.table, &executor->stream.reader);
    int error = memory_export_blob(context, item->number, item->flags, item->size, out, out_reason);
    id_reader_leave(&executor->stream.reader);
    return error;
}

static void create_blob(struct renderer_context *context, const struct executor_item *item) {
    struct storage *storage = NULL;
    const char *reason = NULL;
    int error = make_storage(context, item, &storage, &reason);
    if (!error) {
        error = resource_table_add(&context->resources, item->id, storage, item->number == 0);
        reason = error == -ENOSPC ? "the context holds as many resources as its limit allows"
                                  : "the resource id cannot be used";
    }
    if (error) {
        log_warning("%s: blob of %llu bytes for resource %u refused: %s (%s)", context->name,
                    (unsigned long long)item->size, item->id, reason, strerror(-error));
    }
    context->listener.blob_created(context->user, item->id, error ? NULL : storage, error, reason);
    storage_unref(storage);
}

static void attach(struct renderer_context *context, const struct executor_item *item) {
    int error = resource_table_add(&context->resources, item->id, item->storage, false);
    if (error) {
        log_warning("%s: resource %u cannot be attached (errno %d)", context->name, item->id,
                    -error);
    }
}

static bool is_in_use_by_ring(struct renderer_context *context, const struct resource *resource) {
    bool found = false;
    pthread_mutex_lock(&context->ring_mutex);
    for (struct ring *ring = context->rings; ring; ring = ring->next) {
        found = found || ring->resource == resource;
    }
    pthread_mutex_unlock(&context->ring_mutex);
    return found;
}

static void detach(struct renderer_context *context, const struct executor_item *item) {
    struct resource *resource = resource_table_remove(&context->resources, item->id);
    if (resource && is_in_use_by_ring(context, resource)) {
        context_lose(context, "resource %u was destroyed while a ring lives in it", item->id);
    }
    resource_unref(resource);
}

static void submit(struct executor *executor, const struct executor_item *item) {
    if (!context_is_lost(executor->stream.context)) {
        stream_execute(&executor->stream, item->bytes, item->size, NULL);
    }
}

static void execute(struct executor *executor, const struct executor_item *item) {
    struct renderer_context *context = executor->stream.context;
    switch (item->kind) {
    case ITEM_SUBMIT:
        submit(executor, item);
        break;
    case ITEM_CREATE_BLOB:
        create_blob(context, item);
        break;
    case ITEM_ATTACH:
        attach(context, item);
        break;
    case ITEM_DETACH:
        detach(context, item);
        break;
    case ITEM_FENCE:
        timeline_fence(context, item->id, item->number);
        break;
    }
}

/* ---- the queue -------------------------------------------------------------------------- */

static void item_free(struct executor_item *item) {
    storage_unref(item->storage);
    free(item);
}

/* The next item; NULL: stop, or, where *out_overflowed, that is to be reported, or, to an executing
 * caller, there is none: it is then no longer the one that executes. */
static struct executor_item *pop(struct executor *executor, bool *out_overflowed) {
    pthread_mutex_lock(&executor->mutex);
    while (!executor->first && !executor->stop && !executor->overflowed && !executor->yield) {
        pthread_cond_wait(&executor->cond, &executor->mutex);
    }
    *out_overflowed = executor->overflowed && !executor->stop;
    executor->overflowed = false;
    struct executor_item *item = executor->stop || *out_overflowed ? NULL : executor->first;
    if (item) {
        executor->first = item->next;
        if (!executor->first) {
            executor->last = &executor->first;
        }
        executor->queued_bytes -= item->kind == ITEM_SUBMIT ? item->size : 0;
    } else if (!*out_overflowed) {
        executor->busy = false;
        pthread_cond_broadcast(&executor->cond); /* executor_join */
    }
    pthread_mutex_unlock(&executor->mutex);
    return item;
}

static void execute_all(struct executor *executor) {
    for (;;) {
        bool overflowed;
        struct executor_item *item = pop(executor, &overflowed);
        if (item) {
            execute(executor, item);
            item_free(item);
        } else if (overflowed) {
            context_lose(executor->stream.context,
                         "more of the context stream is queued than allowed (--max-queued-bytes)");
        } else {
            return;
        }
    }
}

static void *executor_main(void *argument) {
    execute_all(argument);
    return NULL;
}

int executor_start(struct executor *executor, struct renderer_context *context,
                   void (*yield)(void *user), void *user) {
    executor->first = NULL;
    executor->last = &executor->first;
    executor->queued_bytes = 0;
    executor->stop = executor->overflowed = executor->waiting = executor->busy = false;
    executor->yield = yield;
    executor->user = user;
    pthread_mutex_init(&executor->mutex, NULL);
    platform_cond_init(&executor->cond);
    stream_init(&executor->stream, context, NULL);
    int error =
        yield ? 0
              : platform_thread_start(&executor->thread, "vesper-context", executor_main, executor);
    if (error) {
        stream_finish(&executor->stream);
        pthread_cond_destroy(&executor->cond);
        pthread_mutex_destroy(&executor->mutex);
    }
    return error;
}

void executor_request_stop(struct executor *executor) {
    pthread_mutex_lock(&executor->mutex);
    executor->stop = true;
    pthread_cond_broadcast(&executor->cond);
    pthread_mutex_unlock(&executor->mutex);
}

static void await_callers(struct executor *executor) {
    pthread_mutex_lock(&executor->mutex);
    while (executor->busy) {
        pthread_cond_wait(&executor->cond, &executor->mutex);
    }
    pthread_mutex_unlock(&executor->mutex);
}

void executor_join(struct executor *executor) {
    if (executor->yield) {
        await_callers(executor);
    } else {
        pthread_join(executor->thread, NULL);
    }
    while (executor->first) {
        struct executor_item *item = executor->first;
        executor->first = item->next;
        item_free(item);
    }
}

void executor_finish(struct executor *executor) {
    stream_finish(&executor->stream);
    pthread_cond_destroy(&executor->cond);
    pthread_mutex_destroy(&executor->mutex);
}

/* What is submitted while the thread waits for a ring may be the notification of another ring, on
 * whose work the first one depends. It is out of reach behind the wait; waking all is harmless. */
static void wake_rings(struct renderer_context *context) {
    pthread_mutex_lock(&context->ring_mutex);
    for (struct ring *ring = context->rings; ring; ring = ring->next) {
        ring_notify(ring);
    }
    pthread_mutex_unlock(&context->ring_mutex);
}

/* Takes the item. */
static int push(struct executor *executor, struct executor_item *item) {
    const uint64_t bytes = item->kind == ITEM_SUBMIT ? item->size : 0;
    const uint64_t limit = executor->stream.context->limits.queued_bytes;
    pthread_mutex_lock(&executor->mutex);
    /* An empty queue takes any one submission: it is bounded by its frontend. */
    bool fits = !executor->first || bytes <= limit - executor->queued_bytes;
    if (fits) {
        executor->queued_bytes += bytes;
        item->next = NULL;
        *executor->last = item;
        executor->last = &item->next;
    } else {
        executor->overflowed = true;
    }
    const bool waiting = executor->waiting;
    const bool execute_now = executor->yield && !executor->busy;
    executor->busy = executor->busy || execute_now;
    pthread_cond_broadcast(&executor->cond);
    pthread_mutex_unlock(&executor->mutex);
    if (waiting) {
        wake_rings(executor->stream.context);
    }
    if (!fits) {
        item_free(item);
    }
    if (execute_now) {
        execute_all(executor);
    }
    return fits ? 0 : -ENOSPC;
}

static struct executor_item *item_new(enum item_kind kind, uint32_t id, size_t bytes) {
    struct executor_item *item = calloc(1, sizeof(*item) + bytes);
    if (item) {
        item->kind = kind;
        item->id = id;
    }
    return item;
}

int executor_submit(struct executor *executor, const void *bytes, size_t size) {
    struct executor_item *item = item_new(ITEM_SUBMIT, 0, size);
    if (!item) {
        return -ENOMEM;
    }
    item->size = size;
    if (size) {
        memcpy(item->bytes, bytes, size);
    }
    return push(executor, item);
}

int executor_create_blob(struct executor *executor, uint32_t resource_id, uint64_t blob_id,
                         uint32_t flags, uint64_t size) {
    struct executor_item *item = item_new(ITEM_CREATE_BLOB, resource_id, 0);
    if (!item) {
        return -ENOMEM;
    }
    item->number = blob_id;
    item->flags = flags;
    item->size = size;
    return push(executor, item);
}

int executor_attach(struct executor *executor, uint32_t resource_id, struct storage *storage) {
    struct executor_item *item = item_new(ITEM_ATTACH, resource_id, 0);
    if (!item) {
        return -ENOMEM;
    }
    item->storage = storage_ref(storage);
    return push(executor, item);
}

int executor_detach(struct executor *executor, uint32_t resource_id) {
    struct executor_item *item = item_new(ITEM_DETACH, resource_id, 0);
    return item ? push(executor, item) : -ENOMEM;
}

int executor_fence(struct executor *executor, uint32_t ring_idx, uint64_t fence_id) {
    struct executor_item *item = item_new(ITEM_FENCE, ring_idx, 0);
    if (!item) {
        return -ENOMEM;
    }
    item->number = fence_id;
    return push(executor, item);
}

/* ---- waiting for rings ------------------------------------------------------------------ */

void executor_poke(struct executor *executor) {
    pthread_mutex_lock(&executor->mutex);
    pthread_cond_broadcast(&executor->cond);
    pthread_mutex_unlock(&executor->mutex);
}

/* Mostly the guest has just written what it has us wait for, and the ring naps: to wake it and to let
 * it run costs less than to go to sleep for it. */
static bool look_for_ring(struct ring *ring, uint32_t seqno) {
    ring_notify(ring);
    const uint64_t end_ns = platform_now_ns() + RING_LOOK_NS;
    do {
        sched_yield();
        if (ring_reached(ring, seqno)) {
            return true;
        }
    } while (platform_now_ns() < end_ns);
    return false;
}

void executor_wait_ring(struct executor *executor, struct ring *ring, uint32_t seqno) {
    if (ring_reached(ring, seqno) || look_for_ring(ring, seqno)) {
        return;
    }
    if (executor->yield) {
        executor->yield(executor->user);
    }
    pthread_mutex_lock(&executor->mutex);
    executor->waiting = true;
    pthread_mutex_unlock(&executor->mutex);
    wake_rings(ring->context); /* for notifications that are queued already */

    pthread_mutex_lock(&executor->mutex);
    /* Sequentially consistent, as is the position's load: see ring_consume. */
    atomic_store(&ring->awaited, true);
    while (!ring_reached(ring, seqno) && !executor->stop && !executor->overflowed &&
           !context_is_lost(executor->stream.context)) {
        pthread_cond_wait(&executor->cond, &executor->mutex);
    }
    atomic_store(&ring->awaited, false);
    executor->waiting = false;
    pthread_mutex_unlock(&executor->mutex);
}
