/* Structured commands: the input steers which commands are written and with which values; some
 * fields are changed afterwards. Unlike raw bytes this gets past the first checks of every
 * command, and from one command to the next. */
#include <stdlib.h>
#include <string.h>

#include "protocol/cs.h"
#include "target.h"
#include "venus_client.h"
#include "venus_fill.h"
#include "world.h"

enum { COMMANDS_MAX = 24, ENCODED_MAX = 1 << 20, SEED_SIZE = 96 };

struct input {
    const uint8_t *bytes;
    size_t size;
    uint64_t state; /* goes on where the bytes end */
};

static struct {
    struct cs_arena arena;
    struct cs_decoder memory;
    struct cs_encoder encoder;
} tools;

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    world_init();
    cs_arena_init(&tools.arena, 1 << 20);
    cs_encoder_init(&tools.encoder);
    tools.memory.arena = &tools.arena;
    return 0;
}

static uint64_t mix(struct input *in) {
    in->state = in->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    uint64_t x = in->state ^ in->state >> 33;
    x *= UINT64_C(0xff51afd7ed558ccd);
    return x ^ x >> 33;
}

/* The next `size` bytes (1 … 8) as a number; pseudo-random ones where there are none. */
static uint64_t take(struct input *in, size_t size) {
    uint64_t value = 0;
    if (in->size < size) {
        return mix(in);
    }
    memcpy(&value, in->bytes, size);
    in->bytes += size;
    in->size -= size;
    return value;
}

static uint64_t fill_random(struct vn_fill *f) {
    return mix(f->user);
}

/* Mostly an object of the type; now and then something recently made, or nothing good. */
static uint64_t fill_handle(struct vn_fill *f, VkObjectType type, bool needed) {
    const uint64_t choice = mix(f->user) % 64;
    if (choice == 0 && !needed) {
        return 0;
    }
    if (choice == 1) {
        return mix(f->user) % (WORLD_FIRST_FREE_ID + 16);
    }
    uint64_t id = world_object(type);
    return id || !needed ? id : WORLD_FIRST_FREE_ID;
}

/* Few, so that ids are in use and come back. */
static uint64_t fill_new_id(struct vn_fill *f) {
    return WORLD_FIRST_FREE_ID + mix(f->user) % 16;
}

static void write_command(struct cs_encoder *e, struct input *in) {
    const struct vn_command_codec *codec = &vn_command_codecs[take(in, 2) % vn_command_codec_count];
    in->state = take(in, 2) << 16 | codec->id;
    struct vn_fill fill = {&tools.memory, fill_random, fill_handle, fill_new_id, in};
    void *arguments = calloc(1, codec->size);
    if (!arguments) {
        return;
    }
    codec->fill(&fill, arguments);
    codec->encode(e, take(in, 1) % 4 == 0, arguments);
    free(arguments);
    cs_arena_reset(&tools.arena);
    tools.memory.failed = false;
}

/* Changes a word of the command that starts at `start`. */
static void change(struct cs_encoder *e, size_t start, struct input *in) {
    static const uint32_t values[] = {0, 1, 2, 0x7fffffff, 0x80000000, UINT32_MAX};
    const size_t words = (cs_encoder_size(e) - start) / 4;
    if (words == 0) {
        return;
    }
    const size_t at = start + take(in, 2) % words * 4;
    const uint64_t choice = take(in, 1);
    uint32_t value = values[choice % 6];
    if (choice >= 128) {
        memcpy(&value, e->bytes + at, sizeof(value));
        value ^= UINT32_C(1) << choice % 32;
    }
    memcpy(e->bytes + at, &value, sizeof(value));
}

static void write_window(struct cs_encoder *e) {
    const VkCommandStreamDescriptionMESA window = {WORLD_REPLY_RESOURCE, 0, WORLD_RESOURCE_SIZE};
    const struct vn_vkSetReplyCommandStreamMESA set = {.pStream = &window};
    vn_client_encode_vkSetReplyCommandStreamMESA(e, 0, &set);
}

static bool execute_one(struct input *in) {
    struct cs_encoder *e = &tools.encoder;
    cs_encoder_reset(e, ENCODED_MAX);
    write_window(e);
    const size_t start = cs_encoder_size(e);
    write_command(e, in);
    if (e->failed) {
        return true;
    }
    const uint64_t how = take(in, 1);
    for (uint64_t i = 0; how >= 192 && i < how % 4; i++) {
        change(e, start, in);
    }
    return world_execute(e->bytes, cs_encoder_size(e), how & 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input in = {data, size, 0};
    world_open();
    for (int i = 0; i < COMMANDS_MAX && in.size > 0 && execute_one(&in); i++) {
    }
    world_close();
    return 0;
}

void target_make_seeds(target_emit emit, void *user) {
    struct input random = {.state = 1};
    for (size_t i = 0; i < vn_command_codec_count; i++) {
        uint8_t bytes[SEED_SIZE];
        for (size_t j = 0; j < SEED_SIZE; j++) {
            bytes[j] = (uint8_t)(mix(&random) % 192); /* unchanged commands */
        }
        bytes[0] = (uint8_t)i;
        bytes[1] = (uint8_t)(i >> 8);
        emit(bytes, SEED_SIZE, user);
    }
}
