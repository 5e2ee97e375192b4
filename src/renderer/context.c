#include "renderer/context.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/platform.h"
#include "renderer/device.h"
#include "renderer/instance.h"
#include "renderer/monitor.h"
#include "renderer/queue.h"
#include "renderer/renderer.h"
#include "renderer/ring.h"
#include "util/log.h"

static struct renderer_context *from(struct context *context) {
    return (struct renderer_context *)context;
}

/* ---- the end of a context --------------------------------------------------------------- */

static void kill_rings(struct renderer_context *context) {
    pthread_mutex_lock(&context->ring_mutex);
    for (struct ring *ring = context->rings; ring; ring = ring->next) {
        ring_set_fatal(ring);
    }
    pthread_mutex_unlock(&context->ring_mutex);
}

static void wake_queues(struct renderer_context *context) {
    struct timelines *timelines = &context->timelines;
    pthread_mutex_lock(&timelines->mutex);
    for (uint32_t i = 0; i < CONTEXT_RING_IDX_COUNT; i++) {
        if (timelines->queues[i]) {
            queue_wake(timelines->queues[i]);
        }
    }
    pthread_mutex_unlock(&timelines->mutex);
}

void context_lose(struct renderer_context *context, const char *format, ...) {
    char reason[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof(reason), format, arguments);
    va_end(arguments);

    if (atomic_exchange(&context->lost, true)) {
        return;
    }
    log_error("%s: context lost: %s", context->name, reason);
    monitor_remove_owner(context); /* a dead context must look dead */
    kill_rings(context);
    executor_poke(&context->executor);
    wake_queues(context);
    context->listener.lost(context->user, reason);
}

/* ---- rings ------------------------------------------------------------------------------ */

struct ring *context_find_ring(struct renderer_context *context, uint64_t id) {
    struct ring *ring = context->rings;
    while (ring && ring->id != id) {
        ring = ring->next;
    }
    return ring;
}

const char *context_add_ring(struct renderer_context *context, uint64_t id,
                             struct resource *resource, uint8_t *bytes,
                             const struct ring_layout *layout,
                             const struct ring_settings *settings) {
    if (context->ring_count >= context->limits.rings) {
        return "the context has as many rings as its limit allows (--max-rings)";
    }
    struct ring *ring;
    int error = ring_create(context, id, resource, bytes, layout, settings, &ring);
    if (error == -EBUSY) {
        return "the head or status word is not 0";
    }
    if (error) {
        return "no memory or thread for the ring";
    }
    pthread_mutex_lock(&context->ring_mutex);
    ring->next = context->rings;
    context->rings = ring;
    context->ring_count++;
    pthread_mutex_unlock(&context->ring_mutex);

    if (settings->monitor_period_ns &&
        monitor_add(ring->status, context, settings->monitor_period_ns)) {
        return "no memory or thread for the ALIVE timer";
    }
    if (context_is_lost(context)) {
        /* It was lost before the ring could be found. */
        monitor_remove(ring->status);
        ring_set_fatal(ring);
    }
    return NULL;
}

void context_remove_ring(struct renderer_context *context, struct ring *ring) {
    pthread_mutex_lock(&context->ring_mutex);
    struct ring **link = &context->rings;
    while (*link != ring) {
        link = &(*link)->next;
    }
    *link = ring->next;
    context->ring_count--;
    pthread_mutex_unlock(&context->ring_mutex);
    monitor_remove(ring->status);
    ring_destroy(ring);
}

/* ---- the contract ----------------------------------------------------------------------- */

static int context_submit(struct context *context, const void *bytes, size_t size) {
    if (size % 4) {
        return -EINVAL;
    }
    return executor_submit(&from(context)->executor, bytes, size);
}

static int context_create_blob(struct context *context, uint32_t resource_id, uint64_t blob_id,
                               uint32_t flags, uint64_t size) {
    if (!resource_id || !size) {
        return -EINVAL;
    }
    return executor_create_blob(&from(context)->executor, resource_id, blob_id, flags, size);
}

static int context_attach(struct context *context, uint32_t resource_id, struct storage *storage) {
    return executor_attach(&from(context)->executor, resource_id, storage);
}

static int context_detach(struct context *context, uint32_t resource_id) {
    return executor_detach(&from(context)->executor, resource_id);
}

static void context_reuse(struct context *context, struct storage *storage, uint64_t place) {
    storage_pool_give(&from(context)->pool, storage, place);
}

static int context_give_back(struct context *context, uint32_t resource_id, uint64_t place) {
    struct resource *resource = resource_table_get(&from(context)->resources, resource_id);
    int error = context_detach(context, resource_id);
    if (resource) {
        storage_pool_give(&from(context)->pool, resource->storage, place);
        resource_unref(resource);
    }
    return error;
}

static int context_fence(struct context *context, uint32_t ring_idx, uint64_t fence_id) {
    return executor_fence(&from(context)->executor, ring_idx, fence_id);
}

static void stop_rings(struct renderer_context *context) {
    for (struct ring *ring = context->rings; ring; ring = ring->next) {
        ring_request_stop(ring);
    }
    while (context->rings) {
        context_remove_ring(context, context->rings);
    }
}

/* Inside a reader section like any command, so that records outlive their destruction's steps. */
static void destroy_leftovers(struct renderer_context *context) {
    struct stream *stream = &context->executor.stream;
    id_reader_enter(&context->objects.table, &stream->reader);
    struct instance *instance = atomic_load(&context->instance);
    if (instance) {
        instance_destroy(stream, instance);
    }
    id_reader_leave(&stream->reader);
}

static void context_destroy(struct context *base) {
    struct renderer_context *context = from(base);
    /* Silently lost: whatever waits in a ring or for a queue gives up. */
    atomic_store(&context->lost, true);
    pthread_mutex_lock(&context->ring_mutex);
    for (struct ring *ring = context->rings; ring; ring = ring->next) {
        ring_request_stop(ring);
    }
    pthread_mutex_unlock(&context->ring_mutex);
    executor_request_stop(&context->executor);
    executor_join(&context->executor);
    stop_rings(context);

    destroy_leftovers(context);
    executor_finish(&context->executor);
    resource_table_finish(&context->resources);
    storage_pool_finish(&context->pool);
    objects_finish(&context->objects);
    timelines_finish(&context->timelines);
    pthread_mutex_destroy(&context->ring_mutex);
    free(context);
    platform_busy_end();
}

static const struct context_ops context_ops = {
    .submit = context_submit,
    .create_blob = context_create_blob,
    .attach = context_attach,
    .detach = context_detach,
    .reuse = context_reuse,
    .give_back = context_give_back,
    .fence = context_fence,
    .destroy = context_destroy,
};

/* ---- creation --------------------------------------------------------------------------- */

struct context_limits context_limits_default(void) {
    return (struct context_limits){
        .objects = 1048576,
        .command_bytes = UINT64_C(256) << 20,
        .queued_bytes = UINT64_C(64) << 20,
        .rings = 64,
        .resources = 65536,
        .memory_bytes = UINT64_MAX,
    };
}

static void apply_limits(struct context_limits *limits, const struct context_limits *wanted) {
    *limits = context_limits_default();
    if (!wanted) {
        return;
    }
#define APPLY(member) limits->member = wanted->member ? wanted->member : limits->member
    APPLY(objects);
    APPLY(command_bytes);
    APPLY(queued_bytes);
    APPLY(rings);
    APPLY(resources);
    APPLY(memory_bytes);
    APPLY(no_emulated_dma_bufs);
#undef APPLY
}

static int create(const char *name, const struct context_limits *limits,
                  const struct context_listener *listener, void (*yield)(void *user), void *user,
                  struct context **out) {
    struct renderer_context *context = calloc(1, sizeof(*context));
    if (!context) {
        return -ENOMEM;
    }
    context->base.ops = &context_ops;
    context->listener = *listener;
    context->user = user;
    snprintf(context->name, sizeof(context->name), "%s", name ? name : "context");
    apply_limits(&context->limits, limits);
    pthread_mutex_init(&context->ring_mutex, NULL);

    int error = objects_init(&context->objects, context->limits.objects);
    if (error) {
        goto error_objects;
    }
    error = resource_table_init(&context->resources, context->limits.resources);
    if (error) {
        goto error_resources;
    }
    storage_pool_init(&context->pool);
    error = timelines_init(&context->timelines);
    if (error) {
        goto error_timelines;
    }
    error = executor_start(&context->executor, context, yield, user);
    if (error) {
        goto error_executor;
    }
    platform_busy_begin();
    *out = &context->base;
    return 0;

error_executor:
    timelines_finish(&context->timelines);
error_timelines:
    storage_pool_finish(&context->pool);
    resource_table_finish(&context->resources);
error_resources:
    objects_finish(&context->objects);
error_objects:
    pthread_mutex_destroy(&context->ring_mutex);
    free(context);
    return error;
}

int renderer_context_create(const char *name, const struct context_limits *limits,
                            const struct context_listener *listener, void *user,
                            struct context **out) {
    return create(name, limits, listener, NULL, user, out);
}

int renderer_context_create_direct(const char *name, const struct context_limits *limits,
                                   const struct context_listener *listener,
                                   void (*yield)(void *user), void *user, struct context **out) {
    return create(name, limits, listener, yield, user, out);
}
