/* Bounded reader and writer of Venus command streams.
 *
 * The reader works on private memory only (its owner copies from shared memory first). The first
 * failure wins: it records which argument and why, moves the position to the end, and makes every
 * later read fail without touching memory, so generated code needs few checks. Values returned
 * by a failed read are 0 or NULL.
 *
 * Everything in this header belongs to the one thread that executes the stream. The format is
 * that of the Venus protocol: docs/venus-wire-format.md. */
#ifndef VESPER_PROTOCOL_CS_H
#define VESPER_PROTOCOL_CS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "protocol/object.h"
#include "util/checked.h"
#include "util/id_table.h"

#define CS_LIKELY(x) __builtin_expect(!!(x), 1)
#define CS_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* ---- temporaries of one command -------------------------------------------------------- */

/* A bump allocator whose memory is kept from command to command: after warm-up no command asks
 * the system for memory. */
struct cs_arena_chunk;
struct cs_arena {
    uint8_t *cursor, *end;
    struct cs_arena_chunk *chunks; /* newest first; the newest is in use */
    size_t used;                   /* bytes of this command in older chunks */
    size_t limit;                  /* most bytes per command */
};

/* `limit`: most bytes of temporaries that one command may use. Allocates nothing yet. */
void cs_arena_init(struct cs_arena *arena, size_t limit);
void cs_arena_finish(struct cs_arena *arena);
/* Forgets all temporaries. What exceeds a retained working size is given back to the system. */
void cs_arena_reset(struct cs_arena *arena);

/* A point in the arena, to forget only what was made after it: commands nest (a command can
 * execute further ones while its own temporaries are in use). */
struct cs_arena_mark {
    uint8_t *cursor;
    struct cs_arena_chunk *chunk;
    size_t used;
};

static inline struct cs_arena_mark cs_arena_get_mark(const struct cs_arena *arena) {
    return (struct cs_arena_mark){arena->cursor, arena->chunks, arena->used};
}

/* Slow path of cs_arena_rewind. */
void cs_arena_rewind_chunks(struct cs_arena *arena, const struct cs_arena_mark *mark);

static inline void cs_arena_rewind(struct cs_arena *arena, const struct cs_arena_mark *mark) {
    if (CS_LIKELY(arena->chunks == mark->chunk)) {
        arena->cursor = mark->cursor;
    } else {
        cs_arena_rewind_chunks(arena, mark);
    }
}
/* Slow path of cs_temp: opens a further chunk. NULL: limit or memory exhausted. */
void *cs_arena_grow(struct cs_arena *arena, size_t size);

/* ---- reader ---------------------------------------------------------------------------- */

struct cs_decoder {
    const uint8_t *cursor, *end;
    struct cs_arena *arena;
    struct id_table *objects;
    const struct vn_device_table *vk; /* device of this command, once a handle has named one */
    struct vn_object *poison;         /* first poisoned object that the command named, or NULL */
    struct vn_object *pool;           /* last command or descriptor pool that was named */
    struct cs_collector *collector;   /* see cs_collector; usually NULL */
    const uint8_t *command_start;     /* of the command being executed */
    bool reply_wanted;                /* likewise */
    bool failed;
    uint32_t command; /* id of the command being decoded, UINT32_MAX before it is known */
    const char *argument; /* static strings; valid when failed */
    const char *reason;
};

/* Gathers the objects of one type that a command names, when the command is decoded a second time
 * to find out whom a failure concerns (handlers otherwise see host handles only). */
struct cs_collector {
    VkObjectType type;
    void (*visit)(struct vn_object *object, void *user);
    void *user;
};

/* Points the reader at `size` bytes at `bytes`, which stay the caller's and must outlive it. */
void cs_decoder_set_bytes(struct cs_decoder *d, const void *bytes, size_t size);

/* Records a refusal; `argument` (for example "VkBufferCreateInfo.pQueueFamilyIndices", may be
 * NULL) and `reason` are static strings. Only the first one is kept. */
void cs_fail(struct cs_decoder *d, const char *argument, const char *reason) __attribute__((cold));

static inline size_t cs_left(const struct cs_decoder *d) {
    return (size_t)(d->end - d->cursor);
}

/* True if `size` bytes are there; otherwise fails. Generated code calls it once for a run of
 * fixed-size items and then uses the unchecked loads below. */
static inline bool cs_need(struct cs_decoder *d, size_t size, const char *argument) {
    if (CS_LIKELY(cs_left(d) >= size)) {
        return true;
    }
    cs_fail(d, argument, "the command is cut short");
    return false;
}

static inline uint32_t cs_load_u32(struct cs_decoder *d) {
    uint32_t value;
    memcpy(&value, d->cursor, sizeof(value));
    d->cursor += sizeof(value);
    return value;
}

static inline uint64_t cs_load_u64(struct cs_decoder *d) {
    uint64_t value;
    memcpy(&value, d->cursor, sizeof(value));
    d->cursor += sizeof(value);
    return value;
}

static inline float cs_load_f32(struct cs_decoder *d) {
    float value;
    memcpy(&value, d->cursor, sizeof(value));
    d->cursor += sizeof(value);
    return value;
}

static inline double cs_load_f64(struct cs_decoder *d) {
    double value;
    memcpy(&value, d->cursor, sizeof(value));
    d->cursor += sizeof(value);
    return value;
}

/* Copies `size` bytes and skips the padding to 4. */
static inline void cs_load_bytes(struct cs_decoder *d, void *out, size_t size) {
    memcpy(out, d->cursor, size);
    d->cursor += (size + 3) & ~(size_t)3;
}

static inline uint32_t cs_read_u32(struct cs_decoder *d, const char *argument) {
    return cs_need(d, 4, argument) ? cs_load_u32(d) : 0;
}

static inline uint64_t cs_read_u64(struct cs_decoder *d, const char *argument) {
    return cs_need(d, 8, argument) ? cs_load_u64(d) : 0;
}

/* Copies `size` bytes to `out` and skips the padding to 4. On failure `out` is zeroed. */
void cs_read_bytes(struct cs_decoder *d, void *out, size_t size, const char *argument);

/* Temporary memory for `count` items of `size` bytes, aligned for any type, with indeterminate
 * content; lives until the command ends. NULL (and failure) where the limit is reached or
 * count × size wraps. Callers bound `count` by the bytes left wherever an item takes wire bytes
 * (cs_read_count). */
static inline void *cs_temp_raw(struct cs_decoder *d, size_t count, size_t size,
                                const char *argument) {
    size_t total;
    if (CS_UNLIKELY(!checked_mul_size(count, size, &total) || total > SIZE_MAX - 15)) {
        cs_fail(d, argument, "the array is too large");
        return NULL;
    }
    total = (total + 15) & ~(size_t)15;
    uint8_t *memory = d->arena->cursor;
    if (CS_LIKELY(total <= (size_t)(d->arena->end - memory))) {
        d->arena->cursor = memory + total;
    } else {
        memory = cs_arena_grow(d->arena, total);
        if (!memory) {
            cs_fail(d, argument, "the command needs more temporary memory than is allowed");
            return NULL;
        }
    }
    return memory;
}

/* The same, zero-filled. */
static inline void *cs_temp(struct cs_decoder *d, size_t count, size_t size, const char *argument) {
    void *memory = cs_temp_raw(d, count, size, argument);
    if (CS_LIKELY(memory != NULL)) {
        memset(memory, 0, count * size);
    }
    return memory;
}

/* Reads the u64 before an array. 0 stands for NULL: allowed if `optional` or if `expected` is 0.
 * Any other value must equal `expected` and leave room for `item_size` wire bytes (0 in partial
 * forms) per element. Returns the count, 0 on failure. */
uint64_t cs_read_count(struct cs_decoder *d, uint64_t expected, bool optional, size_t item_size,
                       const char *argument);

/* Reads a pointer's presence: true if the pointee follows. NULL fails unless `optional`. */
bool cs_read_pointer(struct cs_decoder *d, bool optional, const char *argument);

/* Reads a pointer that can only be NULL. */
void cs_read_null(struct cs_decoder *d, const char *argument);

/* Compares the u64 before an array of declared size with that size. */
static inline void cs_check_dimension(struct cs_decoder *d, uint64_t found, uint64_t declared,
                                      const char *argument) {
    if (CS_UNLIKELY(found != declared)) {
        cs_fail(d, argument, "the array does not have its declared size");
    }
}

/* The following read what is behind a pointer into temporaries: NULL where it is absent (allowed
 * if `optional`, or for an array of 0 elements) and on failure.
 *
 * One value of `size` bytes, zero-filled; its wire bytes follow. */
void *cs_read_pointee(struct cs_decoder *d, bool optional, size_t size, const char *argument);
/* An array of `expected` zero-filled elements of `host_size` bytes, each of which has at least
 * `wire_size` wire bytes, which follow. *count (may be NULL) becomes the number of elements. */
void *cs_read_array(struct cs_decoder *d, uint64_t expected, bool optional, size_t wire_size,
                    size_t host_size, uint64_t *count, const char *argument);
/* An array of elements whose `size` bytes are the same on the wire and in memory. */
void *cs_read_scalars(struct cs_decoder *d, uint64_t expected, bool optional, size_t size,
                      const char *argument);
/* An array of strings. */
const char *const *cs_read_strings(struct cs_decoder *d, uint64_t expected, bool optional,
                                   const char *argument);
/* An array of ids as host handles (8 bytes each), or as objects. Id 0 gives 0 or NULL if
 * `nullable`, otherwise it is refused. */
void *cs_read_handles(struct cs_decoder *d, uint64_t expected, bool optional, bool nullable,
                      VkObjectType type, const char *argument);
struct vn_object **cs_read_objects(struct cs_decoder *d, uint64_t expected, bool optional,
                                   bool nullable, VkObjectType type, const char *argument);
/* The host handles of `count` objects, in a new temporary; NULL for NULL. */
void *cs_object_handles(struct cs_decoder *d, struct vn_object *const *objects, uint64_t count,
                        const char *argument);

/* Reads a string: temporary, always terminated, NULL where `optional` and absent. */
const char *cs_read_string(struct cs_decoder *d, bool optional, const char *argument);

/* Reads an id and gives the object of `type` that it names: NULL for id 0 and on failure
 * (unknown id, other type, other device). A poisoned object is noted in d->poison and given. */
struct vn_object *cs_find_object(struct cs_decoder *d, uint64_t id, VkObjectType type,
                                 const char *argument);

static inline struct vn_object *cs_lookup_object(struct cs_decoder *d, uint64_t id,
                                                 VkObjectType type, const char *argument) {
    return id ? cs_find_object(d, id, type, argument) : NULL;
}

/* The host handle of an object, 0 for NULL. */
static inline uint64_t cs_object_handle(const struct vn_object *object) {
    return object ? vn_object_handle(object) : 0;
}

static inline uint64_t cs_lookup_handle(struct cs_decoder *d, uint64_t id, VkObjectType type,
                                        const char *argument) {
    return cs_object_handle(cs_lookup_object(d, id, type, argument));
}

/* The same where id 0 is refused. */
static inline struct vn_object *cs_need_object(struct cs_decoder *d, uint64_t id, VkObjectType type,
                                               const char *argument) {
    if (CS_UNLIKELY(id == 0)) {
        cs_fail(d, argument, "the handle must not be NULL");
        return NULL;
    }
    return cs_find_object(d, id, type, argument);
}

static inline uint64_t cs_need_handle(struct cs_decoder *d, uint64_t id, VkObjectType type,
                                      const char *argument) {
    return cs_object_handle(cs_need_object(d, id, type, argument));
}

static inline struct vn_object *cs_read_object(struct cs_decoder *d, VkObjectType type,
                                               const char *argument) {
    return cs_lookup_object(d, cs_read_u64(d, argument), type, argument);
}

/* As cs_read_object, reduced to the host handle (0 where there is none). */
static inline uint64_t cs_read_handle(struct cs_decoder *d, VkObjectType type,
                                      const char *argument) {
    return cs_object_handle(cs_read_object(d, type, argument));
}

/* ---- writer ---------------------------------------------------------------------------- */

/* Appends to private memory that grows up to `limit`; the owner publishes the bytes afterwards.
 * After a failure (limit or memory) nothing more is written. */
struct cs_encoder {
    uint8_t *bytes, *cursor, *end;
    size_t capacity; /* bytes allocated */
    size_t limit;
    bool failed;
};

void cs_encoder_init(struct cs_encoder *e);
void cs_encoder_finish(struct cs_encoder *e);
/* Empties the writer and sets the most bytes it may hold. */
void cs_encoder_reset(struct cs_encoder *e, size_t limit);
/* Slow path of cs_room. */
bool cs_encoder_grow(struct cs_encoder *e, size_t size);

static inline size_t cs_encoder_size(const struct cs_encoder *e) {
    return (size_t)(e->cursor - e->bytes);
}

/* True if `size` more bytes fit. */
static inline bool cs_room(struct cs_encoder *e, size_t size) {
    return CS_LIKELY((size_t)(e->end - e->cursor) >= size) || cs_encoder_grow(e, size);
}

static inline void cs_write_u32(struct cs_encoder *e, uint32_t value) {
    if (cs_room(e, sizeof(value))) {
        memcpy(e->cursor, &value, sizeof(value));
        e->cursor += sizeof(value);
    }
}

static inline void cs_write_u64(struct cs_encoder *e, uint64_t value) {
    if (cs_room(e, sizeof(value))) {
        memcpy(e->cursor, &value, sizeof(value));
        e->cursor += sizeof(value);
    }
}

/* Writes without a check, after cs_room for a run of items. */
static inline void cs_put_u32(struct cs_encoder *e, uint32_t value) {
    memcpy(e->cursor, &value, sizeof(value));
    e->cursor += sizeof(value);
}

static inline void cs_put_u64(struct cs_encoder *e, uint64_t value) {
    memcpy(e->cursor, &value, sizeof(value));
    e->cursor += sizeof(value);
}

static inline void cs_put_f32(struct cs_encoder *e, float value) {
    memcpy(e->cursor, &value, sizeof(value));
    e->cursor += sizeof(value);
}

static inline void cs_put_f64(struct cs_encoder *e, double value) {
    memcpy(e->cursor, &value, sizeof(value));
    e->cursor += sizeof(value);
}

/* Bytes and zero padding to 4; the padding counts as room, too. */
static inline void cs_put_bytes(struct cs_encoder *e, const void *bytes, size_t size) {
    memcpy(e->cursor, bytes, size);
    size_t padded = (size + 3) & ~(size_t)3;
    memset(e->cursor + size, 0, padded - size);
    e->cursor += padded;
}

static inline uint64_t cs_least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* Writes u64 count and `count` packed elements of `size` bytes, padded to 4. */
void cs_write_scalars(struct cs_encoder *e, const void *elements, uint64_t count, size_t size);
/* Writes bytes and zero padding to 4. */
void cs_write_bytes(struct cs_encoder *e, const void *bytes, size_t size);
/* Writes u64 strlen + 1 and the padded bytes, or u64 0 for NULL. */
void cs_write_string(struct cs_encoder *e, const char *string);

#endif
