#include "device/guest_memory.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "device/guest_region.h"
#include "util/checked.h"

#define REGIONS_MAX 64
/* Ranges that span many small regions fall into more pieces than there are ranges; no guest
 * needs more than this. 64 MiB of descriptions. */
#define PIECES_MAX ((size_t)1 << 22)

struct guest_memory {
    _Atomic(uint32_t) references;
    size_t count;
    struct guest_region *regions[]; /* by address */
};

static uint64_t region_last(const struct guest_region *region) {
    return guest_region_get_address(region) + (guest_region_get_size(region) - 1);
}

static int compare_regions(const void *a, const void *b) {
    const uint64_t first = guest_region_get_address(*(struct guest_region *const *)a);
    const uint64_t second = guest_region_get_address(*(struct guest_region *const *)b);
    return first < second ? -1 : first > second;
}

int guest_memory_create(struct guest_region *const *regions, size_t count,
                        struct guest_memory **out) {
    if (count > REGIONS_MAX) {
        return -EINVAL;
    }
    struct guest_memory *memory = malloc(sizeof(*memory) + count * sizeof(regions[0]));
    if (!memory) {
        return -ENOMEM;
    }
    *memory = (struct guest_memory){.references = 1, .count = count};
    if (count > 0) {
        memcpy(memory->regions, regions, count * sizeof(regions[0]));
        qsort(memory->regions, count, sizeof(regions[0]), compare_regions);
    }
    for (size_t i = 1; i < count; i++) {
        if (guest_region_get_address(memory->regions[i]) <= region_last(memory->regions[i - 1])) {
            free(memory);
            return -EINVAL;
        }
    }
    for (size_t i = 0; i < count; i++) {
        guest_region_ref(memory->regions[i]);
    }
    *out = memory;
    return 0;
}

struct guest_memory *guest_memory_ref(struct guest_memory *memory) {
    atomic_fetch_add_explicit(&memory->references, 1, memory_order_relaxed);
    return memory;
}

void guest_memory_unref(struct guest_memory *memory) {
    if (!memory || atomic_fetch_sub_explicit(&memory->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (size_t i = 0; i < memory->count; i++) {
        guest_region_unref(memory->regions[i]);
    }
    free(memory);
}

size_t guest_memory_get_count(const struct guest_memory *memory) {
    return memory->count;
}

struct guest_region *guest_memory_get_region(const struct guest_memory *memory, size_t index) {
    return memory->regions[index];
}

/* The index of the region that holds `address`; false where none does. */
static bool find_region(const struct guest_memory *memory, uint64_t address, size_t *out) {
    size_t low = 0;
    size_t high = memory->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (region_last(memory->regions[middle]) < address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *out = low;
    return low < memory->count && guest_region_get_address(memory->regions[low]) <= address;
}

void *guest_memory_translate(struct guest_memory *memory, uint64_t address, uint64_t size) {
    size_t index;
    if (size == 0 || !find_region(memory, address, &index)) {
        return NULL;
    }
    struct guest_region *region = memory->regions[index];
    const uint64_t skip = address - guest_region_get_address(region);
    if (size > guest_region_get_size(region) - skip) {
        return NULL;
    }
    char *pointer = guest_region_get_pointer(region);
    return pointer ? pointer + skip : NULL;
}

/* ---- ranges as pages --------------------------------------------------------------------- */

struct collection {
    struct iovec *pieces;
    size_t count, room;
    uint64_t used; /* bit N: region N */
};

static int add_piece(struct collection *collection, char *pointer, uint64_t size) {
    if (collection->count > 0) {
        struct iovec *last = &collection->pieces[collection->count - 1];
        if ((char *)last->iov_base + last->iov_len == pointer) {
            last->iov_len += (size_t)size;
            return 0;
        }
    }
    if (collection->count == collection->room) {
        const size_t room = collection->room ? collection->room * 2 : 64;
        if (room > PIECES_MAX) {
            return -ENOMEM;
        }
        struct iovec *pieces = realloc(collection->pieces, room * sizeof(*pieces));
        if (!pieces) {
            return -ENOMEM;
        }
        collection->pieces = pieces;
        collection->room = room;
    }
    collection->pieces[collection->count++] =
        (struct iovec){.iov_base = pointer, .iov_len = (size_t)size};
    return 0;
}

static int add_range(struct collection *collection, struct guest_memory *memory,
                     const struct guest_range *range) {
    uint64_t address = range->address;
    uint64_t left = range->size;
    if (left == 0) {
        return -EINVAL;
    }
    while (left > 0) {
        size_t index;
        if (!find_region(memory, address, &index)) {
            return -EFAULT;
        }
        struct guest_region *region = memory->regions[index];
        const uint64_t skip = address - guest_region_get_address(region);
        const uint64_t rest = guest_region_get_size(region) - skip;
        const uint64_t part = left < rest ? left : rest;
        char *pointer = guest_region_get_pointer(region);
        int error = pointer ? add_piece(collection, pointer + skip, part) : -EFAULT;
        if (error) {
            return error;
        }
        collection->used |= UINT64_C(1) << index;
        left -= part;
        if (left > 0 && !checked_add_u64(address, part, &address)) {
            return -EFAULT;
        }
    }
    return 0;
}

/* What pages keep of a table: not the table, which may hold regions that are long gone. */
struct holder {
    size_t count;
    struct guest_region *regions[];
};

static struct holder *hold_regions(const struct guest_memory *memory, uint64_t used) {
    const size_t count = (size_t)__builtin_popcountll(used);
    struct holder *holder = malloc(sizeof(*holder) + count * sizeof(holder->regions[0]));
    if (!holder) {
        return NULL;
    }
    holder->count = 0;
    for (; used; used &= used - 1) {
        holder->regions[holder->count++] = guest_region_ref(memory->regions[__builtin_ctzll(used)]);
    }
    return holder;
}

static void release_regions(void *user) {
    struct holder *holder = user;
    for (size_t i = 0; i < holder->count; i++) {
        guest_region_unref(holder->regions[i]);
    }
    free(holder);
}

int guest_memory_collect(struct guest_memory *memory, const struct guest_range *ranges,
                         size_t count, struct pages **out, size_t *out_bad) {
    struct collection collection = {.pieces = NULL};
    int error = 0;
    for (size_t i = 0; i < count && !error; i++) {
        *out_bad = i;
        error = add_range(&collection, memory, &ranges[i]);
    }
    if (error) {
        goto error_pieces;
    }
    struct holder *holder = hold_regions(memory, collection.used);
    if (!holder) {
        error = -ENOMEM;
        goto error_pieces;
    }
    error = pages_create(collection.pieces, collection.count, release_regions, holder, out);
    if (error) {
        release_regions(holder);
    }

error_pieces:
    free(collection.pieces);
    return error;
}
