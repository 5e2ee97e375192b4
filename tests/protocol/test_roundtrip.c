/* Every command, with pseudo-random arguments: what the client writes the renderer reads, and the
 * renderer's reply the client reads. Values are compared by writing them again, which must give
 * the same bytes. Every shortened message must be refused, and changed bytes must do no harm. */

#include <stdio.h>
#include <stdlib.h>

#include "fixture.h"
#include "venus_fill.h"

#define ROUNDS 60
#define REQUEST_HEADER 8 /* command id and flags, which vn_dispatch reads */

struct test {
    struct fixture fixture;
    struct vn_fill fill;
    struct cs_arena fill_arena;
    struct cs_decoder fill_memory;
    struct cs_encoder again;
    uint64_t random, next_id;
    uint64_t id_of_type[FIXTURE_OBJECTS];
    VkObjectType types[FIXTURE_OBJECTS];
    uint32_t type_count;
    const struct vn_command_codec *codec;
    int round;
    uint64_t requests, replies, shortened, changed;
};

/* ---- values ---------------------------------------------------------------------------- */

static uint64_t next_random(struct test *t) {
    t->random = t->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    uint64_t x = t->random;
    x ^= x >> 33;
    x *= UINT64_C(0xff51afd7ed558ccd);
    return x ^ x >> 33;
}

static uint64_t fill_random(struct vn_fill *f) {
    return next_random(f->user);
}

static uint64_t fill_new_id(struct vn_fill *f) {
    struct test *t = f->user;
    return t->next_id++;
}

static const struct vn_device_table *device_of(VkObjectType type) {
    static const char device;
    bool none = type == VK_OBJECT_TYPE_INSTANCE || type == VK_OBJECT_TYPE_PHYSICAL_DEVICE;
    return none ? NULL : (const void *)&device;
}

static uint64_t fill_handle(struct vn_fill *f, VkObjectType type, bool needed) {
    struct test *t = f->user;
    if (!needed && next_random(t) % 8 == 0) {
        return 0;
    }
    for (uint32_t i = 0; i < t->type_count; i++) {
        if (t->types[i] == type) {
            return t->id_of_type[i];
        }
    }
    uint64_t id = t->next_id++;
    t->types[t->type_count] = type;
    t->id_of_type[t->type_count++] = id;
    fixture_add(&t->fixture, type, id, device_of(type));
    return id;
}

/* ---- one message ------------------------------------------------------------------------ */

typedef void (*decode_function)(struct cs_decoder *d, void *arguments);

static void fail(struct test *t, const char *what) {
    const struct cs_decoder *d = &t->fixture.decoder;
    fprintf(stderr, "%s, round %d: %s", t->codec->name, t->round, what);
    if (d->failed) {
        fprintf(stderr, " (%s: %s)", d->argument ? d->argument : "-", d->reason);
    }
    fprintf(stderr, "\n");
    exit(1);
}

/* A copy in memory of exactly that size, so that tools see every read behind it. */
static uint8_t *exact_copy(const uint8_t *bytes, size_t size) {
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy) {
        abort();
    }
    memcpy(copy, bytes, size);
    return copy;
}

static bool decode(struct test *t, decode_function function, const uint8_t *bytes, size_t size,
                   void *arguments) {
    fixture_read(&t->fixture, bytes, size);
    function(&t->fixture.decoder, arguments);
    return !t->fixture.decoder.failed;
}

static void check_shortened(struct test *t, decode_function function, const uint8_t *bytes,
                            size_t size, const void *original) {
    uint8_t *arguments = exact_copy(original, t->codec->size);
    for (int i = 0; i < 4 && size > 0; i++) {
        size_t shorter = next_random(t) % size / 4 * 4;
        uint8_t *copy = exact_copy(bytes, shorter);
        memcpy(arguments, original, t->codec->size);
        if (decode(t, function, copy, shorter, arguments)) {
            fail(t, "a shortened message was accepted");
        }
        t->shortened++;
        free(copy);
    }
    free(arguments);
}

/* Whatever changed bytes decode to, reading must stay inside; tools see it if it does not. */
static void check_changed(struct test *t, decode_function function, const uint8_t *bytes,
                          size_t size, const void *original) {
    uint8_t *arguments = exact_copy(original, t->codec->size);
    for (int i = 0; i < 4 && size > 0; i++) {
        uint8_t *copy = exact_copy(bytes, size);
        uint64_t where = next_random(t) % size;
        copy[where] = (uint8_t)next_random(t);
        memcpy(arguments, original, t->codec->size);
        decode(t, function, copy, size, arguments);
        if (t->fixture.decoder.cursor > t->fixture.decoder.end) {
            fail(t, "the position is behind the end");
        }
        t->changed++;
        free(copy);
    }
    free(arguments);
}

static void check_request(struct test *t, const void *arguments) {
    struct cs_encoder *e = &t->fixture.encoder;
    cs_encoder_reset(e, (size_t)16 << 20);
    t->codec->encode(e, 1, arguments);
    size_t size = cs_encoder_size(e) - REQUEST_HEADER;
    uint8_t *bytes = exact_copy(e->bytes + REQUEST_HEADER, size);
    void *decoded = calloc(1, t->codec->size);
    if (!decoded || e->failed) {
        fail(t, "the request was not written");
    }
    if (!decode(t, t->codec->decode, bytes, size, decoded)) {
        fail(t, "the request was refused");
    }
    if (cs_left(&t->fixture.decoder) != 0) {
        fail(t, "the request was not read to its end");
    }
    cs_encoder_reset(&t->again, (size_t)16 << 20);
    t->codec->encode(&t->again, 1, decoded);
    if (cs_encoder_size(&t->again) != size + REQUEST_HEADER ||
        memcmp(t->again.bytes + REQUEST_HEADER, bytes, size) != 0) {
        fail(t, "the request reads as something else");
    }
    memset(decoded, 0, t->codec->size);
    check_shortened(t, t->codec->decode, bytes, size, decoded);
    check_changed(t, t->codec->decode, bytes, size, decoded);
    t->requests++;
    free(decoded);
    free(bytes);
}

/* Guests give a window of exactly the reply's size. */
static void check_reply_room(struct test *t, size_t size, const void *arguments) {
    cs_encoder_reset(&t->again, size);
    t->codec->encode_reply(&t->again, arguments);
    if (t->again.failed) {
        fail(t, "the reply does not fit into exactly its size");
    }
    cs_encoder_reset(&t->again, size - 4);
    t->codec->encode_reply(&t->again, arguments);
    if (!t->again.failed) {
        fail(t, "the reply fits into less than its size");
    }
}

static void check_reply(struct test *t, const void *arguments) {
    struct cs_encoder *e = &t->fixture.encoder;
    cs_encoder_reset(e, (size_t)16 << 20);
    t->codec->encode_reply(e, arguments);
    size_t size = cs_encoder_size(e);
    uint8_t *bytes = exact_copy(e->bytes, size);
    uint8_t *decoded = exact_copy(arguments, t->codec->size);
    if (!decode(t, t->codec->decode_reply, bytes, size, decoded)) {
        fail(t, "the reply was refused");
    }
    if (cs_left(&t->fixture.decoder) != 0) {
        fail(t, "the reply was not read to its end");
    }
    cs_encoder_reset(&t->again, (size_t)16 << 20);
    t->codec->encode_reply(&t->again, decoded);
    if (cs_encoder_size(&t->again) != size || memcmp(t->again.bytes, bytes, size) != 0) {
        fail(t, "the reply reads as something else");
    }
    check_reply_room(t, size, arguments);
    check_shortened(t, t->codec->decode_reply, bytes, size, arguments);
    check_changed(t, t->codec->decode_reply, bytes, size, arguments);
    t->replies++;
    free(decoded);
    free(bytes);
}

static void check_command(struct test *t) {
    for (t->round = 0; t->round < ROUNDS; t->round++) {
        t->random = (uint64_t)t->codec->id << 32 | (uint32_t)t->round;
        cs_arena_reset(&t->fill_arena);
        void *arguments = calloc(1, t->codec->size);
        t->codec->fill(&t->fill, arguments);
        if (t->fill_memory.failed) {
            fail(t, "the arguments need too much memory");
        }
        check_request(t, arguments);
        check_reply(t, arguments);
        free(arguments);
    }
}

int main(void) {
    static struct test test;
    struct test *t = &test;
    fixture_init(&t->fixture);
    t->next_id = 1000;
    cs_encoder_init(&t->again);
    cs_arena_init(&t->fill_arena, (size_t)64 << 20);
    t->fill_memory = (struct cs_decoder){.arena = &t->fill_arena};
    t->fill = (struct vn_fill){&t->fill_memory, fill_random, fill_handle, fill_new_id, t};
    for (size_t i = 0; i < vn_command_codec_count; i++) {
        t->codec = &vn_command_codecs[i];
        check_command(t);
    }
    printf("%zu commands: %llu requests and %llu replies read back, %llu shortened refused, "
           "%llu changed survived\n",
           vn_command_codec_count, (unsigned long long)t->requests, (unsigned long long)t->replies,
           (unsigned long long)t->shortened, (unsigned long long)t->changed);
    cs_encoder_finish(&t->again);
    cs_arena_finish(&t->fill_arena);
    fixture_finish(&t->fixture);
    return vn_command_codec_count > 300 ? 0 : 1;
}
