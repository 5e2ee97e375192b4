/* The context implementation of this process: what its rooms share. */
#ifndef VESPER_RENDERER_RENDERER_H
#define VESPER_RENDERER_RENDERER_H

#include "renderer/context.h"
#include "renderer/executor.h"
#include "renderer/objects.h"
#include "renderer/resource.h"
#include "renderer/storage_pool.h"
#include "renderer/stream.h"
#include "renderer/timeline.h"

struct instance;
struct ring;

struct renderer_context {
    struct context base; /* first */
    struct context_listener listener;
    void *user;
    char name[64];
    struct context_limits limits;

    _Atomic(bool) lost;
    struct objects objects;
    struct resource_table resources;
    struct storage_pool pool;
    struct executor executor;
    struct timelines timelines;

    pthread_mutex_t ring_mutex; /* guards the list; taken before nothing else of ours */
    struct ring *rings;
    uint32_t ring_count;

    /* The one instance; NULL before vkCreateInstance and after vkDestroyInstance. */
    _Atomic(struct instance *) instance;
    _Atomic(bool) instance_created; /* a second vkCreateInstance is refused for ever */
    /* Bytes of host-visible memory that the guest holds, against limits.memory_bytes. */
    _Atomic(uint64_t) memory_bytes;
};

static inline bool context_is_lost(const struct renderer_context *context) {
    return atomic_load_explicit(&context->lost, memory_order_acquire);
}

/* Ends the context with a reason (formatted): FATAL on every ring, every waiter woken, every
 * fence retired, the listener told. Only the first call has an effect. Any thread; no lock of the
 * context may be held. */
void context_lose(struct renderer_context *context, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Rings of the context; all three on the context stream's thread only. context_add_ring gives
 * NULL or a static sentence that says why there is no ring. */
struct ring_layout;
struct ring_settings;
struct ring *context_find_ring(struct renderer_context *context, uint64_t id);
const char *context_add_ring(struct renderer_context *context, uint64_t id,
                             struct resource *resource, uint8_t *bytes,
                             const struct ring_layout *layout,
                             const struct ring_settings *settings);
void context_remove_ring(struct renderer_context *context, struct ring *ring);

#endif
