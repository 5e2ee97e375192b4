#include "guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "platform/platform.h"
#include "relay.h"

#define DEADLINE_NS UINT64_C(60000000000)
#define NOTIFY_INTERVAL_NS UINT64_C(1000000)
#define ENCODER_LIMIT ((size_t)256 << 20)

void guest_need(bool ok, const char *what) {
    if (!ok) {
        fprintf(stderr, "guest: %s: failed\n", what);
        abort();
    }
}

static void nap(void) {
    nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
}

/* ---- what the context tells -------------------------------------------------------------- */

static void on_blob_created(void *user, uint32_t resource_id, struct storage *storage, int error,
                            const char *reason) {
    (void)resource_id;
    struct guest *g = user;
    pthread_mutex_lock(&g->mutex);
    g->blob_answered = true;
    g->blob_error = error;
    g->blob_storage = storage ? storage_ref(storage) : NULL;
    snprintf(g->blob_reason, sizeof(g->blob_reason), "%s", reason && error ? reason : "");
    pthread_cond_broadcast(&g->cond);
    pthread_mutex_unlock(&g->mutex);
}

static void on_fence_retired(void *user, uint32_t ring_idx, uint64_t fence_id) {
    struct guest *g = user;
    pthread_mutex_lock(&g->mutex);
    if (ring_idx < CONTEXT_RING_IDX_COUNT && fence_id > g->retired[ring_idx]) {
        g->retired[ring_idx] = fence_id;
    }
    pthread_cond_broadcast(&g->cond);
    pthread_mutex_unlock(&g->mutex);
}

static void on_lost(void *user, const char *reason) {
    struct guest *g = user;
    pthread_mutex_lock(&g->mutex);
    g->is_lost = true;
    g->lost_count++;
    snprintf(g->lost_reason, sizeof(g->lost_reason), "%s", reason);
    pthread_cond_broadcast(&g->cond);
    pthread_mutex_unlock(&g->mutex);
}

/* With the mutex held. */
static void wait_change(struct guest *g, uint64_t deadline, const char *what) {
    guest_need(platform_cond_wait_until(&g->cond, &g->mutex, deadline), what);
}

bool guest_is_lost(struct guest *g) {
    pthread_mutex_lock(&g->mutex);
    bool is_lost = g->is_lost;
    pthread_mutex_unlock(&g->mutex);
    return is_lost;
}

const char *guest_wait_lost(struct guest *g) {
    const uint64_t deadline = platform_now_ns() + DEADLINE_NS;
    pthread_mutex_lock(&g->mutex);
    while (!g->is_lost) {
        wait_change(g, deadline, "waiting for the end of the context");
    }
    pthread_mutex_unlock(&g->mutex);
    return g->lost_reason;
}

uint64_t guest_fence(struct guest *g, uint32_t ring_idx) {
    uint64_t id = atomic_fetch_add(&g->next_fence_id, 1);
    pthread_mutex_lock(&g->submit_mutex);
    guest_need(g->context->ops->fence(g->context, ring_idx, id) == 0, "fence");
    pthread_mutex_unlock(&g->submit_mutex);
    return id;
}

bool guest_fence_has_retired(struct guest *g, uint32_t ring_idx, uint64_t fence_id) {
    pthread_mutex_lock(&g->mutex);
    bool retired = g->retired[ring_idx] >= fence_id;
    pthread_mutex_unlock(&g->mutex);
    return retired;
}

void guest_wait_fence(struct guest *g, uint32_t ring_idx, uint64_t fence_id) {
    const uint64_t deadline = platform_now_ns() + DEADLINE_NS;
    pthread_mutex_lock(&g->mutex);
    while (g->retired[ring_idx] < fence_id) {
        wait_change(g, deadline, "waiting for a fence");
    }
    pthread_mutex_unlock(&g->mutex);
}

bool guest_wait_word(_Atomic(uint32_t) *word, uint32_t mask, uint32_t value) {
    const uint64_t deadline = platform_now_ns() + DEADLINE_NS;
    while ((atomic_load(word) & mask) != value) {
        if (platform_now_ns() > deadline) {
            return false;
        }
        nap();
    }
    return true;
}

/* ---- memory ------------------------------------------------------------------------------ */

int guest_create_blob(struct guest *g, uint32_t resource_id, uint64_t blob_id, uint32_t flags,
                      uint64_t size, struct storage **out_storage) {
    const uint64_t deadline = platform_now_ns() + DEADLINE_NS;
    pthread_mutex_lock(&g->submit_mutex);
    g->blob_answered = false;
    guest_need(g->context->ops->create_blob(g->context, resource_id, blob_id, flags, size) == 0,
               "create_blob");
    pthread_mutex_unlock(&g->submit_mutex);

    pthread_mutex_lock(&g->mutex);
    while (!g->blob_answered) {
        wait_change(g, deadline, "waiting for a blob");
    }
    int error = g->blob_error;
    struct storage *storage = g->blob_storage;
    pthread_mutex_unlock(&g->mutex);
    if (out_storage) {
        *out_storage = storage;
    } else {
        storage_unref(storage);
    }
    return error;
}

struct guest_memory *guest_create_shm(struct guest *g, uint64_t size) {
    struct guest_memory *memory = calloc(1, sizeof(*memory));
    guest_need(memory != NULL, "memory");
    memory->resource_id = ++g->next_resource_id;
    memory->size = size;
    void *bytes = NULL;
    guest_need(guest_create_blob(g, memory->resource_id, 0, CONTEXT_BLOB_MAPPABLE, size,
                                 &memory->storage) == 0 &&
                   storage_map(memory->storage, &bytes) == 0,
               "shared memory");
    memory->bytes = bytes;
    memory->next = g->memories;
    g->memories = memory;
    return memory;
}

void guest_detach(struct guest *g, uint32_t resource_id) {
    pthread_mutex_lock(&g->submit_mutex);
    guest_need(g->context->ops->detach(g->context, resource_id) == 0, "detach");
    pthread_mutex_unlock(&g->submit_mutex);
}

/* ---- streams ----------------------------------------------------------------------------- */

static struct guest_stream *stream_create(struct guest *g) {
    struct guest_stream *s = calloc(1, sizeof(*s));
    guest_need(s != NULL, "memory");
    s->guest = g;
    cs_encoder_init(&s->encoder);
    cs_encoder_reset(&s->encoder, ENCODER_LIMIT);
    cs_arena_init(&s->arena, ENCODER_LIMIT);
    return s;
}

static void stream_free(struct guest_stream *s) {
    cs_encoder_finish(&s->encoder);
    cs_arena_finish(&s->arena);
    free(s);
}

static void submit(struct guest *g, const void *bytes, size_t size) {
    pthread_mutex_lock(&g->submit_mutex);
    guest_need(g->context->ops->submit(g->context, bytes, size) == 0, "submit");
    pthread_mutex_unlock(&g->submit_mutex);
}

static void notify(struct guest_stream *s) {
    struct cs_encoder e;
    cs_encoder_init(&e);
    cs_encoder_reset(&e, 64);
    const struct vn_vkNotifyRingMESA a = {.ring = s->ring_id, .seqno = s->position};
    vn_client_encode_vkNotifyRingMESA(&e, 0, &a);
    submit(s->guest, e.bytes, cs_encoder_size(&e));
    cs_encoder_finish(&e);
}

static void notify_if_idle(struct guest_stream *s) {
    uint64_t now = platform_now_ns();
    if ((atomic_load(s->status) & GUEST_RING_IDLE) &&
        now - s->last_notify_ns >= NOTIFY_INTERVAL_NS) {
        s->last_notify_ns = now;
        notify(s);
    }
}

static void wait_for_room(struct guest_stream *s, uint32_t size) {
    const uint64_t deadline = platform_now_ns() + DEADLINE_NS;
    while (s->buffer_size - (s->position - atomic_load(s->head)) < size &&
           !guest_is_lost(s->guest)) {
        guest_need(platform_now_ns() < deadline, "waiting for room in a ring");
        nap();
    }
}

static void send_to_ring(struct guest_stream *s, const uint8_t *bytes, uint32_t size) {
    guest_need(size <= s->buffer_size, "a batch that fits the ring");
    wait_for_room(s, size);
    for (uint32_t i = 0; i < size; i++) {
        s->buffer[(s->position + i) & (s->buffer_size - 1)] = bytes[i];
    }
    s->position += size;
    atomic_store(s->tail, s->position);
    notify_if_idle(s);
}

void guest_send(struct guest_stream *s) {
    guest_need(!s->encoder.failed, "writing commands");
    const size_t size = cs_encoder_size(&s->encoder);
    if (s->is_ring) {
        send_to_ring(s, s->encoder.bytes, (uint32_t)size);
    } else {
        submit(s->guest, s->encoder.bytes, size);
    }
    cs_encoder_reset(&s->encoder, ENCODER_LIMIT);
}

void guest_flush(struct guest *g) {
    guest_wait_fence(g, 0, guest_fence(g, 0));
}

static bool wait_for_head(struct guest_stream *s) {
    const uint64_t deadline = platform_now_ns() + DEADLINE_NS;
    while (atomic_load(s->head) != s->position) {
        if (atomic_load(s->status) & GUEST_RING_FATAL) {
            return false;
        }
        guest_need(platform_now_ns() < deadline, "waiting for a ring's head");
        nap();
    }
    return true;
}

bool guest_finish(struct guest_stream *s) {
    guest_send(s);
    if (s->is_ring) {
        return wait_for_head(s) && !guest_is_lost(s->guest);
    }
    guest_flush(s->guest);
    return !guest_is_lost(s->guest);
}

void guest_set_reply_window(struct guest_stream *s, uint64_t offset, uint64_t size) {
    if (!s->reply) {
        s->reply = guest_create_shm(s->guest, GUEST_REPLY_SIZE);
    }
    const VkCommandStreamDescriptionMESA window = {
        .resourceId = s->reply->resource_id, .offset = offset, .size = size};
    GUEST_WRITE(s, vkSetReplyCommandStreamMESA, .pStream = &window);
}

struct cs_decoder *guest_read_reply(struct guest_stream *s, uint64_t offset) {
    cs_arena_reset(&s->arena);
    s->decoder = (struct cs_decoder){.arena = &s->arena};
    cs_decoder_set_bytes(&s->decoder, s->reply->bytes + offset, s->reply->size - offset);
    return &s->decoder;
}

/* ---- rings ------------------------------------------------------------------------------- */

VkRingCreateInfoMESA guest_ring_info(uint32_t resource_id, uint32_t buffer_size) {
    return (VkRingCreateInfoMESA){
        .sType = VK_STRUCTURE_TYPE_RING_CREATE_INFO_MESA,
        .resourceId = resource_id,
        .size = GUEST_RING_MEMORY_SIZE(buffer_size),
        .idleTimeout = 1000000,
        .headOffset = 0,
        .tailOffset = 64,
        .statusOffset = 128,
        .bufferOffset = 192,
        .bufferSize = buffer_size,
        .extraOffset = 192 + (size_t)buffer_size,
        .extraSize = 4,
    };
}

static void map_ring(struct guest_stream *s, uint32_t buffer_size) {
    uint8_t *bytes = s->memory->bytes;
    s->head = (_Atomic(uint32_t) *)(void *)bytes;
    s->tail = (_Atomic(uint32_t) *)(void *)(bytes + 64);
    s->status = (_Atomic(uint32_t) *)(void *)(bytes + 128);
    s->buffer = bytes + 192;
    s->extra = bytes + 192 + buffer_size;
    s->buffer_size = buffer_size;
}

struct guest_stream *guest_create_ring(struct guest *g, uint32_t buffer_size, uint32_t monitor_us) {
    struct guest_stream *s = stream_create(g);
    s->is_ring = true;
    s->ring_id = guest_new_id(g);
    s->memory = guest_create_shm(g, GUEST_RING_MEMORY_SIZE(buffer_size));
    s->reply = guest_create_shm(g, GUEST_REPLY_SIZE);
    map_ring(s, buffer_size);

    VkRingCreateInfoMESA info = guest_ring_info(s->memory->resource_id, buffer_size);
    const VkRingMonitorInfoMESA monitor = {
        .sType = VK_STRUCTURE_TYPE_RING_MONITOR_INFO_MESA,
        .maxReportingPeriodMicroseconds = monitor_us,
    };
    info.pNext = monitor_us ? &monitor : NULL;
    GUEST_WRITE(g->context_stream, vkCreateRingMESA, .ring = s->ring_id, .pCreateInfo = &info);
    guest_need(guest_finish(g->context_stream), "creating a ring");
    s->next_ring = g->rings;
    g->rings = s;
    return s;
}

static void forget_ring(struct guest_stream *s) {
    struct guest_stream **link = &s->guest->rings;
    while (*link != s) {
        link = &(*link)->next_ring;
    }
    *link = s->next_ring;
    stream_free(s);
}

void guest_destroy_ring(struct guest_stream *s) {
    struct guest_stream *context_stream = s->guest->context_stream;
    GUEST_WRITE(context_stream, vkDestroyRingMESA, .ring = s->ring_id);
    guest_finish(context_stream);
    forget_ring(s);
}

/* ---- life -------------------------------------------------------------------------------- */

struct guest *guest_create(const struct context_limits *limits) {
    struct guest *g = calloc(1, sizeof(*g));
    guest_need(g != NULL, "memory");
    pthread_mutex_init(&g->submit_mutex, NULL);
    pthread_mutex_init(&g->mutex, NULL);
    platform_cond_init(&g->cond);
    atomic_init(&g->next_fence_id, 1);
    atomic_init(&g->next_id, GUEST_FIRST_FREE_ID);
    const struct context_listener listener = {
        .blob_created = on_blob_created, .fence_retired = on_fence_retired, .lost = on_lost};
    const bool direct = getenv("VESPER_TEST_DIRECT") != NULL;
    guest_need((direct ? relay_create : renderer_context_create)("test", limits, &listener, g,
                                                                 &g->context) == 0,
               "a context");
    g->context_stream = stream_create(g);
    return g;
}

void guest_destroy(struct guest *g) {
    g->context->ops->destroy(g->context);
    while (g->rings) {
        forget_ring(g->rings);
    }
    stream_free(g->context_stream);
    while (g->memories) {
        struct guest_memory *memory = g->memories;
        g->memories = memory->next;
        storage_unref(memory->storage);
        free(memory);
    }
    pthread_cond_destroy(&g->cond);
    pthread_mutex_destroy(&g->mutex);
    pthread_mutex_destroy(&g->submit_mutex);
    free(g);
}

uint64_t guest_new_id(struct guest *g) {
    return atomic_fetch_add(&g->next_id, 1);
}
