#include "frontend/vhost_user/chain.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { FLAG_NEXT = 1, FLAG_WRITABLE = 2, FLAG_INDIRECT = 4 };

/* One table of descriptors: the queue's, or an indirect one. */
struct walk {
    const struct vhost_descriptor *descriptors;
    uint32_t count;
    const char *name;
};

__attribute__((format(printf, 2, 3))) static bool refuse(struct vhost_chain *chain,
                                                         const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(chain->reason, sizeof(chain->reason), format, arguments);
    va_end(arguments);
    return false;
}

/* The guest may change it at any time: it is read once, in whole words. */
static struct vhost_descriptor load(const struct vhost_descriptor *place) {
    const uint64_t *words = (const uint64_t *)(const void *)place;
    const uint64_t copy[2] = {
        __atomic_load_n(&words[0], __ATOMIC_RELAXED),
        __atomic_load_n(&words[1], __ATOMIC_RELAXED),
    };
    struct vhost_descriptor descriptor;
    _Static_assert(sizeof(descriptor) == sizeof(copy), "a descriptor has 16 bytes");
    memcpy(&descriptor, copy, sizeof(descriptor));
    return descriptor;
}

static bool add_piece(const struct vhost_chain_source *source, struct vhost_chain *chain,
                      const struct vhost_descriptor *descriptor) {
    const uint32_t count = chain->readable + chain->writable;
    if (count == VHOST_CHAIN_MAX) {
        return refuse(chain, "the chain has more than %d descriptors", VHOST_CHAIN_MAX);
    }
    if (descriptor->size == 0) {
        return refuse(chain, "descriptor %" PRIu32 " of the chain is empty", count);
    }
    const bool writable = descriptor->flags & FLAG_WRITABLE;
    if (!writable && chain->writable > 0) {
        return refuse(chain, "descriptor %" PRIu32 " of the chain is readable after a writable one",
                      count);
    }
    if (!vhost_table_covers(source->table, descriptor->address, descriptor->size)) {
        return refuse(chain,
                      "descriptor %" PRIu32
                      " of the chain points outside the guest's memory: %#" PRIx64 ", %" PRIu32
                      " bytes",
                      count, descriptor->address, descriptor->size);
    }
    chain->pieces[count] =
        (struct vhost_piece){.address = descriptor->address, .size = descriptor->size};
    if (writable) {
        chain->writable++;
        chain->writable_bytes += descriptor->size;
    } else {
        chain->readable++;
        chain->readable_bytes += descriptor->size;
    }
    if (chain->readable_bytes > VHOST_REQUEST_BYTES_MAX) {
        return refuse(chain, "the request has more than %" PRIu64 " bytes",
                      VHOST_REQUEST_BYTES_MAX);
    }
    return true;
}

/* From `descriptor`, of the queue's table, to the table that it names. */
static bool enter_indirect(const struct vhost_chain_source *source, struct vhost_chain *chain,
                           const struct vhost_descriptor *descriptor, struct walk *out) {
    if (!source->indirect) {
        return refuse(chain, "an indirect descriptor, which has not been negotiated");
    }
    if (descriptor->flags & FLAG_NEXT) {
        return refuse(chain, "an indirect descriptor with another one behind it");
    }
    const uint32_t size = descriptor->size;
    if (size == 0 || size % sizeof(*descriptor) != 0 ||
        size / sizeof(*descriptor) > VHOST_CHAIN_MAX) {
        return refuse(chain, "an indirect table of %" PRIu32 " bytes", size);
    }
    uint64_t found = size;
    void *table = vhost_table_find(source->table, descriptor->address, &found);
    if (!table || found != size) {
        return refuse(
            chain, "an indirect table outside the guest's memory: %#" PRIx64 ", %" PRIu32 " bytes",
            descriptor->address, size);
    }
    if ((uintptr_t)table % sizeof(uint64_t) != 0) {
        return refuse(chain, "an indirect table that is not aligned: %#" PRIx64,
                      descriptor->address);
    }
    *out = (struct walk){table, size / (uint32_t)sizeof(*descriptor), "an indirect table"};
    return true;
}

/* One descriptor of a table after the other, until the chain ends. A loop ends here by being longer
 * than its table. `out_next` is left with the table that the chain goes on in, if it does. */
static bool walk_table(const struct vhost_chain_source *source, struct vhost_chain *chain,
                       const struct walk *walk, uint32_t index, struct walk *out_next) {
    const bool inside = out_next == NULL;
    for (uint32_t steps = 0; steps < walk->count; steps++) {
        if (index >= walk->count) {
            return refuse(chain, "descriptor %" PRIu32 " of %s with %" PRIu32, index, walk->name,
                          walk->count);
        }
        const struct vhost_descriptor descriptor = load(&walk->descriptors[index]);
        if (descriptor.flags & FLAG_INDIRECT) {
            return inside ? refuse(chain, "an indirect table inside an indirect table")
                          : enter_indirect(source, chain, &descriptor, out_next);
        }
        if (!add_piece(source, chain, &descriptor)) {
            return false;
        }
        if (!(descriptor.flags & FLAG_NEXT)) {
            return true;
        }
        index = descriptor.next;
    }
    return refuse(chain, "a chain that is a loop, or longer than %s of %" PRIu32, walk->name,
                  walk->count);
}

bool vhost_chain_read(const struct vhost_chain_source *source, uint16_t head,
                      struct vhost_chain *chain) {
    chain->readable = 0;
    chain->writable = 0;
    chain->readable_bytes = 0;
    chain->writable_bytes = 0;
    const struct walk queue = {source->descriptors, source->size, "a queue"};
    struct walk indirect = {0};
    if (!walk_table(source, chain, &queue, head, &indirect)) {
        return false;
    }
    return indirect.count == 0 || walk_table(source, chain, &indirect, 0, NULL);
}
