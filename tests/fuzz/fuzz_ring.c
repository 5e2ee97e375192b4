/* Ring control words: a guest that writes what it likes into head, tail, status and buffer while
 * the ring's thread runs. First a description for ring_layout_check, whose answer must keep what
 * it promises; then steps of one opcode byte and its arguments. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/platform.h"
#include "renderer/renderer.h"
#include "renderer/ring.h"
#include "target.h"

enum { BUFFER_SIZE = 256, MEMORY_SIZE = 4096, HEAD = 0, TAIL = 64, STATUS = 128, BUFFER = 192 };
/* Opcodes, modulo STEP_COUNT. */
enum step { SEND, SET_TAIL, SET_WORD, SCRIBBLE, NOTIFY, SEQNO, SETTLE, STEP_COUNT };
enum { STEPS_MAX = 64, SETTLE_TURNS_MAX = 200 };

static struct {
    struct renderer_context *context;
    struct ring *ring;
    uint8_t *bytes; /* the guest's mapping */
} fuzz;

struct input {
    const uint8_t *bytes;
    size_t size;
};

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    return 0;
}

static void need(bool ok, const char *what) {
    if (!ok) {
        fprintf(stderr, "fuzz: %s: failed\n", what);
        abort();
    }
}

static uint64_t take(struct input *in, size_t size) {
    uint64_t value = 0;
    if (size > in->size) {
        size = in->size;
    }
    memcpy(&value, in->bytes, size);
    in->bytes += size;
    in->size -= size;
    return value;
}

/* ---- the description --------------------------------------------------------------------- */

/* Small numbers are more interesting than large ones; both occur. */
static size_t take_offset(struct input *in) {
    const uint8_t kind = (uint8_t)take(in, 1);
    switch (kind % 4) {
    case 0:
        return (size_t)take(in, 8);
    case 1:
        return SIZE_MAX - (size_t)take(in, 1);
    default:
        return (size_t)take(in, 2);
    }
}

static void check_apart(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size) {
    need(!a_size || !b_size || a + a_size <= b || b + b_size <= a, "parts that are apart");
}

static void check_layout(struct input *in) {
    const VkRingCreateInfoMESA info = {
        .flags = (VkFlags)(take(in, 1) == 255),
        .offset = take_offset(in),
        .size = take_offset(in),
        .headOffset = take_offset(in),
        .tailOffset = take_offset(in),
        .statusOffset = take_offset(in),
        .bufferOffset = take_offset(in),
        .bufferSize = (size_t)1 << take(in, 1) % 64,
        .extraOffset = take_offset(in),
        .extraSize = take_offset(in),
    };
    const uint64_t resource_size = take(in, 3);
    struct ring_layout out;
    const char *reason;
    if (!ring_layout_check(&info, resource_size, &out, &reason)) {
        need(reason != NULL, "a reason");
        return;
    }
    const uint64_t at[] = {out.head, out.tail, out.status, out.buffer, out.extra};
    const uint64_t size[] = {4, 4, 4, out.buffer_size, out.extra_size};
    for (int i = 0; i < 5; i++) {
        need(at[i] % 4 == 0, "alignment");
        need(at[i] <= resource_size && size[i] <= resource_size - at[i], "parts inside");
        for (int j = 0; j < i; j++) {
            check_apart(at[i], size[i], at[j], size[j]);
        }
    }
}

/* ---- a ring that runs -------------------------------------------------------------------- */

static void on_lost(void *user, const char *reason) {
    (void)user, (void)reason;
}

/* The renderer's mapping and the guest's, as in life: what they do at once is no race of ours. */
static uint8_t *add_resource(struct renderer_context *context, uint8_t **out_guest_bytes) {
    struct storage *storage;
    void *bytes = NULL, *guest_bytes = NULL;
    need(storage_create_shm("vesper-fuzz", MEMORY_SIZE, &storage) == 0 &&
             storage_map(storage, &bytes) == 0 &&
             platform_map_shared(storage_get_fd(storage), MEMORY_SIZE, &guest_bytes) == 0 &&
             resource_table_add(&context->resources, 1, storage, true) == 0,
         "shared memory");
    storage_unref(storage);
    *out_guest_bytes = guest_bytes;
    return bytes;
}

static void add_ring(struct renderer_context *context, uint8_t *bytes) {
    const struct ring_layout layout = {.head = HEAD,
                                       .tail = TAIL,
                                       .status = STATUS,
                                       .buffer = BUFFER,
                                       .buffer_size = BUFFER_SIZE,
                                       .extra = BUFFER + BUFFER_SIZE,
                                       .extra_size = 4};
    const struct ring_settings settings = {.idle_timeout_ns = 1000000};
    struct resource *resource = resource_table_get(&context->resources, 1);
    need(context_add_ring(context, 1, resource, bytes, &layout, &settings) == NULL, "a ring");
    resource_unref(resource);
}

/* A context without the thread of its context stream, with one ring. */
static void open_ring(void) {
    struct renderer_context *context = calloc(1, sizeof(*context));
    need(context != NULL, "memory");
    context->listener = (struct context_listener){.lost = on_lost};
    snprintf(context->name, sizeof(context->name), "fuzz");
    context->limits = (struct context_limits){
        .objects = 100, .command_bytes = 1 << 20, .rings = 1, .resources = 4};
    pthread_mutex_init(&context->ring_mutex, NULL);
    pthread_mutex_init(&context->executor.mutex, NULL);
    platform_cond_init(&context->executor.cond);
    need(objects_init(&context->objects, context->limits.objects) == 0 &&
             resource_table_init(&context->resources, context->limits.resources) == 0 &&
             timelines_init(&context->timelines) == 0,
         "a context");
    add_ring(context, add_resource(context, &fuzz.bytes));
    fuzz.context = context;
    fuzz.ring = context->rings;
}

static void close_ring(void) {
    struct renderer_context *context = fuzz.context;
    context_remove_ring(context, fuzz.ring);
    platform_unmap(fuzz.bytes, MEMORY_SIZE);
    resource_table_finish(&context->resources);
    objects_finish(&context->objects);
    timelines_finish(&context->timelines);
    pthread_cond_destroy(&context->executor.cond);
    pthread_mutex_destroy(&context->executor.mutex);
    pthread_mutex_destroy(&context->ring_mutex);
    free(context);
}

static _Atomic(uint32_t) *word(uint32_t offset) {
    return (_Atomic(uint32_t) *)(void *)(fuzz.bytes + offset);
}

/* Until the ring has executed everything or is dead; one that blocks is left alone. */
static void settle(void) {
    for (int i = 0; i < SETTLE_TURNS_MAX && !context_is_lost(fuzz.context); i++) {
        if (atomic_load(&fuzz.ring->position) == atomic_load(word(TAIL))) {
            return;
        }
        sched_yield();
    }
}

static void send(struct input *in) {
    const uint32_t tail = atomic_load(word(TAIL));
    const uint32_t size = (uint32_t)take(in, 1) % 16 * 4;
    for (uint32_t i = 0; i < size; i++) {
        fuzz.bytes[BUFFER + (tail + i) % BUFFER_SIZE] = (uint8_t)take(in, 1);
    }
    atomic_store(word(TAIL), tail + size);
}

static void do_step(struct input *in) {
    switch ((enum step)(take(in, 1) % STEP_COUNT)) {
    case SEND:
        send(in);
        break;
    case SET_TAIL:
        atomic_store(word(TAIL), (uint32_t)take(in, 4));
        break;
    case SET_WORD:
        atomic_store(word(take(in, 1) % 2 ? HEAD : STATUS), (uint32_t)take(in, 4));
        break;
    case SCRIBBLE: {
        const uint64_t at = take(in, 1);
        fuzz.bytes[BUFFER + at] = (uint8_t)take(in, 1);
        break;
    }
    case NOTIFY:
        ring_notify(fuzz.ring);
        break;
    case SEQNO:
        ring_submit_virtqueue_seqno(fuzz.ring, take(in, 8));
        break;
    case SETTLE:
    case STEP_COUNT:
        settle();
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input in = {data, size};
    check_layout(&in);
    open_ring();
    for (int i = 0; i < STEPS_MAX && in.size > 0 && !context_is_lost(fuzz.context); i++) {
        do_step(&in);
    }
    settle();
    close_ring();
    return 0;
}

/* ---- seeds ------------------------------------------------------------------------------- */

/* A description as Mesa's, in the input's words: small numbers of two bytes. */
static size_t put_layout(uint8_t *out) {
    static const uint16_t offsets[] = {0, BUFFER + BUFFER_SIZE + 4, HEAD, TAIL, STATUS, BUFFER};
    static const uint16_t extra[] = {BUFFER + BUFFER_SIZE, 4};
    static const uint8_t resource_size[3] = {0, 16, 0};
    size_t size = 0;
    out[size++] = 0;
    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++, size += 3) {
        out[size] = 2;
        memcpy(out + size + 1, &offsets[i], 2);
    }
    out[size++] = 8; /* 256 bytes */
    for (size_t i = 0; i < 2; i++, size += 3) {
        out[size] = 2;
        memcpy(out + size + 1, &extra[i], 2);
    }
    memcpy(out + size, resource_size, sizeof(resource_size));
    return size + sizeof(resource_size);
}

void target_make_seeds(target_emit emit, void *user) {
    /* vkWaitVirtqueueSeqnoMESA(5) without flags. */
    static const uint8_t wait[] = {SEND, 4, 252, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t seqno[] = {SEQNO, 5, 0, 0, 0, 0, 0, 0, 0, SETTLE};
    static const uint8_t bad_tail[] = {SET_TAIL, 0, 2, 0, 0, SETTLE};
    static const uint8_t scribbles[] = {SET_WORD, 0, 255, 255,    255,      255, SET_WORD, 1,     1,
                                        2,        3, 4,   NOTIFY, SCRIBBLE, 7,   7,        SETTLE};
    static const struct {
        const uint8_t *bytes;
        size_t size;
    } parts[] = {{wait, sizeof(wait)},
                 {seqno, sizeof(seqno)},
                 {bad_tail, sizeof(bad_tail)},
                 {scribbles, sizeof(scribbles)}};
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < 4; j++) {
            uint8_t bytes[256];
            size_t size = put_layout(bytes);
            memcpy(bytes + size, parts[i].bytes, parts[i].size);
            size += parts[i].size;
            memcpy(bytes + size, parts[j].bytes, parts[j].size);
            emit(bytes, size + parts[j].size, user);
        }
    }
}
