/* An input, taken byte by byte; behind its end are zeros. */
#ifndef VESPER_TESTS_FUZZ_INPUT_H
#define VESPER_TESTS_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct input {
    const uint8_t *bytes;
    size_t size;
};

static inline uint8_t take_byte(struct input *input) {
    if (input->size == 0) {
        return 0;
    }
    input->size--;
    return *input->bytes++;
}

/* Up to `size` bytes; returns how many there were. */
static inline size_t take_bytes(struct input *input, void *out, size_t size) {
    if (size > input->size) {
        size = input->size;
    }
    memcpy(out, input->bytes, size);
    input->bytes += size;
    input->size -= size;
    return size;
}

#endif
