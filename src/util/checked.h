/* Arithmetic on numbers from outside: each function returns false, leaving *out unspecified,
 * where the mathematical result does not fit. Any thread. */
#ifndef VESPER_CHECKED_H
#define VESPER_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool checked_add_u64(uint64_t a, uint64_t b, uint64_t *out) {
    return !__builtin_add_overflow(a, b, out);
}

static inline bool checked_mul_u64(uint64_t a, uint64_t b, uint64_t *out) {
    return !__builtin_mul_overflow(a, b, out);
}

static inline bool checked_mul_size(size_t a, size_t b, size_t *out) {
    return !__builtin_mul_overflow(a, b, out);
}

/* Rounds up to a multiple of `alignment`, a power of two. */
static inline bool checked_align_u64(uint64_t value, uint64_t alignment, uint64_t *out) {
    if (__builtin_add_overflow(value, alignment - 1, out)) {
        return false;
    }
    *out &= ~(alignment - 1);
    return true;
}

/* True where [offset, offset + size) lies inside [0, limit). */
static inline bool checked_range_u64(uint64_t offset, uint64_t size, uint64_t limit) {
    return offset <= limit && size <= limit - offset;
}

#endif
