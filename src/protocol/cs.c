#include "protocol/cs.h"

#include <stdlib.h>

/* ---- arena ----------------------------------------------------------------------------- */

/* Chunks double in size, so the newest is large enough for a repetition of the command that
 * needed it; beyond RETAINED_SIZE that is rare enough to ask the system again. */
#define FIRST_CHUNK_SIZE ((size_t)64 << 10)
#define RETAINED_SIZE ((size_t)4 << 20)

struct cs_arena_chunk {
    struct cs_arena_chunk *older;
    size_t size; /* of data */
    _Alignas(16) uint8_t data[];
};

void cs_arena_init(struct cs_arena *arena, size_t limit) {
    *arena = (struct cs_arena){.limit = limit};
}

void cs_arena_finish(struct cs_arena *arena) {
    while (arena->chunks) {
        struct cs_arena_chunk *older = arena->chunks->older;
        free(arena->chunks);
        arena->chunks = older;
    }
    *arena = (struct cs_arena){.limit = arena->limit};
}

void cs_arena_reset(struct cs_arena *arena) {
    if (!arena->chunks) {
        return;
    }
    if (arena->chunks->size > RETAINED_SIZE) {
        cs_arena_finish(arena);
        return;
    }
    struct cs_arena_chunk *chunk = arena->chunks->older;
    while (chunk) {
        struct cs_arena_chunk *older = chunk->older;
        free(chunk);
        chunk = older;
    }
    arena->chunks->older = NULL;
    arena->cursor = arena->chunks->data;
    arena->used = 0;
}

void cs_arena_rewind_chunks(struct cs_arena *arena, const struct cs_arena_mark *mark) {
    bool was_empty = !mark->chunk || (!mark->chunk->older && mark->cursor == mark->chunk->data);
    if (was_empty) {
        cs_arena_reset(arena);
        return;
    }
    while (arena->chunks != mark->chunk) {
        struct cs_arena_chunk *older = arena->chunks->older;
        free(arena->chunks);
        arena->chunks = older;
    }
    arena->cursor = mark->cursor;
    arena->end = mark->chunk->data + mark->chunk->size;
    arena->used = mark->used;
}

void *cs_arena_grow(struct cs_arena *arena, size_t size) {
    size_t used = arena->used;
    size_t chunk_size = FIRST_CHUNK_SIZE;
    if (arena->chunks) {
        used += (size_t)(arena->cursor - arena->chunks->data);
        chunk_size = arena->chunks->size * 2;
    }
    if (used > arena->limit || size > arena->limit - used) {
        return NULL;
    }
    if (chunk_size > arena->limit - used) {
        chunk_size = arena->limit - used;
    }
    if (chunk_size < size) {
        chunk_size = size;
    }
    struct cs_arena_chunk *chunk = malloc(sizeof(*chunk) + chunk_size);
    if (!chunk) {
        return NULL;
    }
    chunk->older = arena->chunks;
    chunk->size = chunk_size;
    arena->chunks = chunk;
    arena->used = used;
    arena->cursor = chunk->data + size;
    arena->end = chunk->data + chunk_size;
    return chunk->data;
}

/* ---- reader ---------------------------------------------------------------------------- */

void cs_decoder_set_bytes(struct cs_decoder *d, const void *bytes, size_t size) {
    d->cursor = bytes;
    d->end = size ? d->cursor + size : d->cursor;
}

void cs_fail(struct cs_decoder *d, const char *argument, const char *reason) {
    if (!d->failed) {
        d->failed = true;
        d->argument = argument;
        d->reason = reason;
    }
    d->cursor = d->end;
}

void cs_read_bytes(struct cs_decoder *d, void *out, size_t size, const char *argument) {
    if (size > SIZE_MAX - 3 || !cs_need(d, (size + 3) & ~(size_t)3, argument)) {
        memset(out, 0, size);
        cs_fail(d, argument, "the command is cut short");
        return;
    }
    cs_load_bytes(d, out, size);
}

uint64_t cs_read_count(struct cs_decoder *d, uint64_t expected, bool optional, size_t item_size,
                       const char *argument) {
    uint64_t count = cs_read_u64(d, argument);
    if (d->failed) {
        return 0;
    }
    if (count == 0) {
        if (expected != 0 && !optional) {
            cs_fail(d, argument, "the array is missing");
        }
        return 0;
    }
    if (count != expected) {
        cs_fail(d, argument, "the array does not have the announced length");
        return 0;
    }
    if (item_size != 0 && count > cs_left(d) / item_size) {
        cs_fail(d, argument, "the command is cut short");
        return 0;
    }
    return count;
}

bool cs_read_pointer(struct cs_decoder *d, bool optional, const char *argument) {
    bool present = cs_read_u64(d, argument) != 0;
    if (!present && !optional) {
        cs_fail(d, argument, "the pointer must not be NULL");
    }
    return present;
}

void cs_read_null(struct cs_decoder *d, const char *argument) {
    if (cs_read_u64(d, argument) != 0) {
        cs_fail(d, argument, "the pointer must be NULL");
    }
}

void *cs_read_pointee(struct cs_decoder *d, bool optional, size_t size, const char *argument) {
    return cs_read_pointer(d, optional, argument) ? cs_temp(d, 1, size, argument) : NULL;
}

void *cs_read_array(struct cs_decoder *d, uint64_t expected, bool optional, size_t wire_size,
                    size_t host_size, uint64_t *count, const char *argument) {
    uint64_t found = cs_read_count(d, expected, optional, wire_size, argument);
    void *array = found ? cs_temp(d, found, host_size, argument) : NULL;
    if (count) {
        *count = array ? found : 0;
    }
    return array;
}

void *cs_read_scalars(struct cs_decoder *d, uint64_t expected, bool optional, size_t size,
                      const char *argument) {
    uint64_t count = cs_read_count(d, expected, optional, size, argument);
    void *array = count ? cs_temp_raw(d, count, size, argument) : NULL;
    if (array) {
        cs_read_bytes(d, array, count * size, argument);
    }
    return array;
}

/* A string of `size` bytes, terminator included, that follow. */
static const char *read_characters(struct cs_decoder *d, uint64_t size, const char *argument) {
    if (size > cs_left(d)) {
        cs_fail(d, argument, "the command is cut short");
        return NULL;
    }
    char *string = cs_temp_raw(d, size, 1, argument);
    if (string) {
        cs_read_bytes(d, string, size, argument);
        string[size - 1] = 0;
    }
    return string;
}

const char *cs_read_string(struct cs_decoder *d, bool optional, const char *argument) {
    uint64_t size = cs_read_u64(d, argument);
    if (size == 0) {
        if (!optional) {
            cs_fail(d, argument, "the string is missing");
        }
        return NULL;
    }
    return read_characters(d, size, argument);
}

const char *const *cs_read_strings(struct cs_decoder *d, uint64_t expected, bool optional,
                                   const char *argument) {
    uint64_t count;
    const char **strings =
        cs_read_array(d, expected, optional, 8, sizeof(*strings), &count, argument);
    for (uint64_t i = 0; i < count && !d->failed; i++) {
        strings[i] = cs_read_string(d, false, argument);
    }
    return strings;
}

_Static_assert(sizeof(VkBuffer) == 8 && sizeof(VkDevice) == 8, "handles of 64 bits are assumed");

static struct vn_object *read_element(struct cs_decoder *d, bool nullable, VkObjectType type,
                                      const char *argument) {
    uint64_t id = cs_load_u64(d);
    return nullable ? cs_lookup_object(d, id, type, argument)
                    : cs_need_object(d, id, type, argument);
}

void *cs_read_handles(struct cs_decoder *d, uint64_t expected, bool optional, bool nullable,
                      VkObjectType type, const char *argument) {
    uint64_t count;
    uint64_t *handles = cs_read_array(d, expected, optional, 8, 8, &count, argument);
    for (uint64_t i = 0; i < count && !d->failed; i++) {
        handles[i] = cs_object_handle(read_element(d, nullable, type, argument));
    }
    return handles;
}

struct vn_object **cs_read_objects(struct cs_decoder *d, uint64_t expected, bool optional,
                                   bool nullable, VkObjectType type, const char *argument) {
    uint64_t count;
    struct vn_object **objects =
        cs_read_array(d, expected, optional, 8, sizeof(*objects), &count, argument);
    for (uint64_t i = 0; i < count && !d->failed; i++) {
        objects[i] = read_element(d, nullable, type, argument);
    }
    return objects;
}

void *cs_object_handles(struct cs_decoder *d, struct vn_object *const *objects, uint64_t count,
                        const char *argument) {
    uint64_t *handles = objects ? cs_temp(d, count, 8, argument) : NULL;
    for (uint64_t i = 0; handles && i < count; i++) {
        handles[i] = cs_object_handle(objects[i]);
    }
    return handles;
}

struct vn_object *cs_find_object(struct cs_decoder *d, uint64_t id, VkObjectType type,
                                 const char *argument) {
    struct vn_object *object = (struct vn_object *)id_table_find(d->objects, id);
    if (CS_UNLIKELY(!object)) {
        cs_fail(d, argument, "no object has this id");
        return NULL;
    }
    if (CS_UNLIKELY(object->type != type)) {
        cs_fail(d, argument, "the object has another type");
        return NULL;
    }
    if (object->vk != d->vk && object->vk) {
        if (CS_UNLIKELY(d->vk)) {
            cs_fail(d, argument, "the object belongs to another device");
            return NULL;
        }
        d->vk = object->vk;
    }
    if (CS_UNLIKELY(atomic_load_explicit(&object->poison, memory_order_acquire) != VK_SUCCESS) &&
        !d->poison) {
        d->poison = object;
    }
    if (type == VK_OBJECT_TYPE_COMMAND_POOL || type == VK_OBJECT_TYPE_DESCRIPTOR_POOL) {
        d->pool = object;
    }
    if (CS_UNLIKELY(d->collector != NULL) && d->collector->type == type) {
        d->collector->visit(object, d->collector->user);
    }
    return object;
}

/* ---- writer ---------------------------------------------------------------------------- */

#define FIRST_ENCODER_SIZE ((size_t)4 << 10)

void cs_encoder_init(struct cs_encoder *e) {
    *e = (struct cs_encoder){0};
}

void cs_encoder_finish(struct cs_encoder *e) {
    free(e->bytes);
    cs_encoder_init(e);
}

/* The end of what may be written: the allocation, or less where the limit is nearer. */
static void set_end(struct cs_encoder *e, size_t capacity) {
    size_t size = capacity < e->limit ? capacity : e->limit;
    e->end = size ? e->bytes + size : e->bytes;
}

void cs_encoder_reset(struct cs_encoder *e, size_t limit) {
    e->cursor = e->bytes;
    e->limit = limit;
    e->failed = false;
    set_end(e, e->capacity);
}

bool cs_encoder_grow(struct cs_encoder *e, size_t size) {
    size_t used = cs_encoder_size(e);
    if (e->failed || size > e->limit - used) {
        e->failed = true;
        e->end = e->cursor;
        return false;
    }
    size_t capacity = e->capacity ? e->capacity : FIRST_ENCODER_SIZE;
    while (capacity < used + size) {
        capacity *= 2;
    }
    uint8_t *bytes = realloc(e->bytes, capacity);
    if (!bytes) {
        e->failed = true;
        e->end = e->cursor;
        return false;
    }
    e->bytes = bytes;
    e->capacity = capacity;
    e->cursor = bytes + used;
    set_end(e, capacity);
    return true;
}

void cs_write_bytes(struct cs_encoder *e, const void *bytes, size_t size) {
    if (size > SIZE_MAX - 3) {
        e->failed = true;
        e->end = e->cursor;
    } else if (cs_room(e, (size + 3) & ~(size_t)3)) {
        cs_put_bytes(e, bytes, size);
    }
}

void cs_write_scalars(struct cs_encoder *e, const void *elements, uint64_t count, size_t size) {
    cs_write_u64(e, elements ? count : 0);
    size_t total;
    if (!elements || count == 0) {
        return;
    }
    if (!checked_mul_size(count, size, &total)) {
        total = SIZE_MAX;
    }
    cs_write_bytes(e, elements, total);
}

void cs_write_string(struct cs_encoder *e, const char *string) {
    cs_write_scalars(e, string, string ? strlen(string) + 1 : 0, 1);
}
