#include "util/pages.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/checked.h"

struct pages {
    _Atomic(uint32_t) references;
    uint64_t size;
    pages_release release;
    void *user;
    /* Sorted, so that a range is found without walking thousands of pages. */
    uint64_t *starts;
    size_t count;
    struct iovec pieces[];
};

static int sum_pieces(struct pages *pages) {
    for (size_t i = 0; i < pages->count; i++) {
        pages->starts[i] = pages->size;
        if (pages->pieces[i].iov_len == 0 ||
            !checked_add_u64(pages->size, pages->pieces[i].iov_len, &pages->size)) {
            return -EINVAL;
        }
    }
    return 0;
}

int pages_create(const struct iovec *pieces, size_t count, pages_release release, void *user,
                 struct pages **out) {
    if (count == 0 || count > SIZE_MAX / 2 / (sizeof(*pieces) + sizeof(uint64_t))) {
        return -EINVAL;
    }
    struct pages *pages =
        malloc(sizeof(*pages) + count * (sizeof(*pieces) + sizeof(*pages->starts)));
    if (!pages) {
        return -ENOMEM;
    }
    *pages = (struct pages){.references = 1, .release = release, .user = user, .count = count};
    pages->starts = (uint64_t *)(void *)(pages->pieces + count);
    memcpy(pages->pieces, pieces, count * sizeof(*pieces));
    int error = sum_pieces(pages);
    if (error) {
        free(pages);
        return error;
    }
    *out = pages;
    return 0;
}

struct pages *pages_ref(struct pages *pages) {
    atomic_fetch_add_explicit(&pages->references, 1, memory_order_relaxed);
    return pages;
}

void pages_unref(struct pages *pages) {
    if (!pages || atomic_fetch_sub_explicit(&pages->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    if (pages->release) {
        pages->release(pages->user);
    }
    free(pages);
}

uint64_t pages_get_size(const struct pages *pages) {
    return pages->size;
}

const struct iovec *pages_get_pieces(const struct pages *pages, size_t *out_count) {
    *out_count = pages->count;
    return pages->pieces;
}

/* The piece that holds byte `offset`, which lies inside. */
static size_t find_piece(const struct pages *pages, uint64_t offset) {
    size_t low = 0;
    size_t high = pages->count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (pages->starts[middle] <= offset) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Copies out of the pieces, or into them. */
static int copy(const struct pages *pages, uint64_t offset, void *out, const void *in,
                size_t size) {
    if (!checked_range_u64(offset, size, pages->size)) {
        return -EINVAL;
    }
    size_t done = 0;
    for (size_t i = find_piece(pages, offset); done < size; i++) {
        const size_t skip = done ? 0 : (size_t)(offset - pages->starts[i]);
        size_t part = pages->pieces[i].iov_len - skip;
        if (part > size - done) {
            part = size - done;
        }
        char *piece = (char *)pages->pieces[i].iov_base + skip;
        if (out) {
            memcpy((char *)out + done, piece, part);
        } else {
            memcpy(piece, (const char *)in + done, part);
        }
        done += part;
    }
    return 0;
}

int pages_read(const struct pages *pages, uint64_t offset, void *out, size_t size) {
    return copy(pages, offset, out, NULL, size);
}

int pages_write(const struct pages *pages, uint64_t offset, const void *bytes, size_t size) {
    return copy(pages, offset, NULL, bytes, size);
}

void *pages_contiguous(const struct pages *pages, uint64_t offset, uint64_t size) {
    if (size == 0 || !checked_range_u64(offset, size, pages->size)) {
        return NULL;
    }
    size_t i = find_piece(pages, offset);
    uint64_t skip = offset - pages->starts[i];
    if (size > pages->pieces[i].iov_len - skip) {
        return NULL;
    }
    return (char *)pages->pieces[i].iov_base + skip;
}
