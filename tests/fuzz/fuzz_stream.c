/* Raw command streams: the input is what a guest sends, executed on the context stream or a ring.
 *
 * First byte: bit 0 a ring instead of the context stream, bit 1 the second half of the input lies
 * in resource 1, for indirect streams. Then the commands. */
#include <stdlib.h>
#include <string.h>

#include "protocol/cs.h"
#include "target.h"
#include "venus_client.h"
#include "venus_fill.h"
#include "world.h"

enum { ON_RING = 1, HALF_IS_INDIRECT = 2, MAX_SIZE = 16384 };

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    world_init();
    return 0;
}

/* In memory of exactly that size, so that tools see every read behind it. */
static void execute(const uint8_t *bytes, size_t size, bool on_ring) {
    uint8_t *copy = malloc(size ? size : 1);
    if (copy) {
        memcpy(copy, bytes, size);
        world_execute(copy, size, on_ring);
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1 || size > MAX_SIZE) {
        return -1;
    }
    const uint8_t flags = data[0];
    data++;
    size--;
    world_open();
    if (flags & HALF_IS_INDIRECT) {
        size_t half = size / 8 * 4;
        size_t indirect = size - half;
        if (indirect > WORLD_RESOURCE_SIZE) {
            indirect = WORLD_RESOURCE_SIZE;
        }
        memcpy(world_stream_memory(), data + half, indirect);
        size = half;
    }
    execute(data, size / 4 * 4, flags & ON_RING);
    world_close();
    return 0;
}

/* ---- seeds: every command, with arguments as a client would give them -------------------- */

static uint64_t state;

static uint64_t next_random(struct vn_fill *f) {
    (void)f;
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    uint64_t x = state ^ state >> 33;
    x *= UINT64_C(0xff51afd7ed558ccd);
    return x ^ x >> 33;
}

static uint64_t find_handle(struct vn_fill *f, VkObjectType type, bool needed) {
    (void)f, (void)needed;
    return world_object(type);
}

static uint64_t make_id(struct vn_fill *f) {
    (void)f;
    static uint64_t last = WORLD_FIRST_FREE_ID;
    return last++;
}

static void write_window(struct cs_encoder *e) {
    const VkCommandStreamDescriptionMESA window = {WORLD_REPLY_RESOURCE, 0, WORLD_RESOURCE_SIZE};
    const struct vn_vkSetReplyCommandStreamMESA set = {.pStream = &window};
    vn_client_encode_vkSetReplyCommandStreamMESA(e, 0, &set);
}

static void write_indirect(struct cs_encoder *e, size_t size) {
    const VkCommandStreamDescriptionMESA stream = {WORLD_STREAM_RESOURCE, 0, size};
    const struct vn_vkExecuteCommandStreamsMESA execute_streams = {.streamCount = 1,
                                                                   .pStreams = &stream};
    vn_client_encode_vkExecuteCommandStreamsMESA(e, 0, &execute_streams);
}

static void write_ring(struct cs_encoder *e) {
    const VkRingCreateInfoMESA info = {
        .sType = VK_STRUCTURE_TYPE_RING_CREATE_INFO_MESA,
        .resourceId = WORLD_RING_RESOURCE,
        .size = WORLD_RESOURCE_SIZE,
        .tailOffset = 64,
        .statusOffset = 128,
        .bufferOffset = 4096,
        .bufferSize = 4096,
        .extraOffset = 192,
        .extraSize = 4,
    };
    const struct vn_vkCreateRingMESA create = {.ring = 1, .pCreateInfo = &info};
    const struct vn_vkWriteRingExtraMESA extra = {.ring = 1, .value = 1};
    const struct vn_vkNotifyRingMESA notify = {.ring = 1};
    const struct vn_vkDestroyRingMESA destroy = {.ring = 1};
    vn_client_encode_vkCreateRingMESA(e, 0, &create);
    vn_client_encode_vkWriteRingExtraMESA(e, 0, &extra);
    vn_client_encode_vkNotifyRingMESA(e, 0, &notify);
    vn_client_encode_vkDestroyRingMESA(e, 0, &destroy);
}

/* A seed is the flags byte and what has been written since it. */
static void begin(struct cs_encoder *e, uint8_t flags) {
    cs_encoder_reset(e, MAX_SIZE);
    if (cs_room(e, 1)) {
        *e->cursor++ = flags;
    }
}

static void finish(struct cs_encoder *e, target_emit emit, void *user) {
    if (!e->failed) {
        emit(e->bytes, cs_encoder_size(e), user);
    }
}

static void emit_command(struct cs_encoder *e, struct vn_fill *fill,
                         const struct vn_command_codec *codec, uint32_t round, target_emit emit,
                         void *user) {
    state = (uint64_t)codec->id << 32 | round;
    void *arguments = calloc(1, codec->size);
    if (!arguments) {
        return;
    }
    codec->fill(fill, arguments);
    begin(e, round & 1);
    write_window(e);
    codec->encode(e, round & 1, arguments);
    finish(e, emit, user);
    free(arguments);
}

void target_make_seeds(target_emit emit, void *user) {
    struct cs_encoder e;
    struct cs_arena arena;
    cs_encoder_init(&e);
    cs_arena_init(&arena, 1 << 20);
    struct cs_decoder memory = {.arena = &arena};
    struct vn_fill fill = {&memory, next_random, find_handle, make_id, NULL};
    for (size_t i = 0; i < vn_command_codec_count; i++) {
        for (uint32_t round = 0; round < 2; round++) {
            emit_command(&e, &fill, &vn_command_codecs[i], round, emit, user);
            cs_arena_reset(&arena);
        }
    }
    begin(&e, 0);
    write_ring(&e);
    finish(&e, emit, user);
    begin(&e, HALF_IS_INDIRECT);
    write_indirect(&e, 16);
    finish(&e, emit, user);
    cs_arena_finish(&arena);
    cs_encoder_finish(&e);
}
