#include "frontend/vhost_user/memory_table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/checked.h"
#include "util/log.h"

struct vhost_table {
    _Atomic(uint32_t) references;
    struct guest_memory *memory;
    uint32_t count;
    struct vhost_memory_region layout[VHOST_REGIONS_MAX];
    struct guest_region *regions[VHOST_REGIONS_MAX]; /* in the order of `layout` */
};

/* ---- making one ------------------------------------------------------------------------- */

static bool refuse(const struct vhost_memory_region *region, uint32_t index, const char *why) {
    log_error("vhost-user: SET_MEM_TABLE: region %u (guest address %#" PRIx64 ", size %#" PRIx64
              ", monitor's address %#" PRIx64 ", file offset %#" PRIx64 "): %s",
              index, region->guest_address, region->size, region->user_address, region->file_offset,
              why);
    return false;
}

static bool ranges_overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size) {
    return a < b ? b - a < a_size : a - b < b_size;
}

/* The monitor's addresses; those of the guest are guest_memory's subject. */
static bool check_user_addresses(const struct vhost_table *table, uint32_t index) {
    const struct vhost_memory_region *region = &table->layout[index];
    uint64_t last;
    if (region->size == 0 || !checked_add_u64(region->user_address, region->size - 1, &last)) {
        return refuse(region, index, "it is empty, or wraps in the monitor's addresses");
    }
    for (uint32_t i = 0; i < index; i++) {
        const struct vhost_memory_region *other = &table->layout[i];
        if (ranges_overlap(region->user_address, region->size, other->user_address, other->size)) {
            return refuse(region, index, "it overlaps another one in the monitor's addresses");
        }
    }
    return true;
}

/* The region of the table until now that is the same; with a reference. NULL: none. */
static struct guest_region *find_same(struct vhost_table *before, int fd,
                                      const struct vhost_memory_region *layout) {
    for (uint32_t i = 0; before && i < before->count; i++) {
        if (guest_region_matches(before->regions[i], fd, layout->guest_address, layout->size,
                                 layout->file_offset)) {
            return guest_region_ref(before->regions[i]);
        }
    }
    return NULL;
}

static bool add_region(struct vhost_table *table, struct vhost_message *message, uint32_t index,
                       struct vhost_table *before) {
    const struct vhost_memory_region *layout = &message->payload.memory.regions[index];
    table->layout[index] = *layout;
    if (!check_user_addresses(table, index)) {
        return false;
    }
    struct guest_region *region = find_same(before, message->fds[index], layout);
    if (!region) {
        int error =
            guest_region_create(vhost_message_take_fd(message, index), layout->guest_address,
                                layout->size, layout->file_offset, &region);
        if (error == -EINVAL) {
            return refuse(layout, index, "it is empty, wraps, or is longer than its file");
        }
        if (error) {
            return refuse(layout, index, strerror(-error));
        }
    }
    table->regions[index] = region;
    table->count = index + 1;
    return true;
}

static bool check_counts(const struct vhost_message *message) {
    const struct vhost_memory_regions *regions = &message->payload.memory;
    if (regions->count > VHOST_REGIONS_MAX) {
        log_error("vhost-user: SET_MEM_TABLE: %u regions, at most %d are possible", regions->count,
                  VHOST_REGIONS_MAX);
        return false;
    }
    const uint32_t size = 8 + regions->count * (uint32_t)sizeof(regions->regions[0]);
    if (message->header.size != size) {
        log_error("vhost-user: SET_MEM_TABLE: %u bytes of payload for %u regions, expected %u",
                  message->header.size, regions->count, size);
        return false;
    }
    if (message->fd_count != regions->count) {
        log_error("vhost-user: SET_MEM_TABLE: %zu descriptors for %u regions", message->fd_count,
                  regions->count);
        return false;
    }
    return true;
}

bool vhost_table_create(struct vhost_message *message, struct vhost_table *before,
                        struct vhost_table **out) {
    if (!check_counts(message)) {
        return false;
    }
    struct vhost_table *table = calloc(1, sizeof(*table));
    if (!table) {
        log_error("vhost-user: SET_MEM_TABLE: %s", strerror(ENOMEM));
        return false;
    }
    atomic_init(&table->references, 1);
    for (uint32_t i = 0; i < message->payload.memory.count; i++) {
        if (!add_region(table, message, i, before)) {
            goto error_table;
        }
    }
    int error = guest_memory_create(table->regions, table->count, &table->memory);
    if (error) {
        table->memory = NULL;
        log_error("vhost-user: SET_MEM_TABLE: %s",
                  error == -EINVAL ? "regions overlap in guest addresses" : strerror(-error));
        goto error_table;
    }
    *out = table;
    return true;

error_table:
    vhost_table_unref(table);
    return false;
}

struct vhost_table *vhost_table_ref(struct vhost_table *table) {
    atomic_fetch_add_explicit(&table->references, 1, memory_order_relaxed);
    return table;
}

void vhost_table_unref(struct vhost_table *table) {
    if (!table || atomic_fetch_sub_explicit(&table->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    guest_memory_unref(table->memory);
    for (uint32_t i = 0; i < table->count; i++) {
        guest_region_unref(table->regions[i]);
    }
    free(table);
}

struct guest_memory *vhost_table_get_memory(struct vhost_table *table) {
    return table->memory;
}

/* ---- finding bytes ---------------------------------------------------------------------- */

void *vhost_table_find_user(struct vhost_table *table, uint64_t address, uint64_t size) {
    for (uint32_t i = 0; i < table->count; i++) {
        const struct vhost_memory_region *region = &table->layout[i];
        const uint64_t skip = address - region->user_address;
        if (address >= region->user_address && checked_range_u64(skip, size, region->size)) {
            return guest_memory_translate(table->memory, region->guest_address + skip, size);
        }
    }
    return NULL;
}

void *vhost_table_find(struct vhost_table *table, uint64_t address, uint64_t *inout_size) {
    for (uint32_t i = 0; i < table->count; i++) {
        const struct vhost_memory_region *region = &table->layout[i];
        const uint64_t skip = address - region->guest_address;
        if (address < region->guest_address || skip >= region->size) {
            continue;
        }
        if (*inout_size > region->size - skip) {
            *inout_size = region->size - skip;
        }
        return guest_memory_translate(table->memory, address, *inout_size);
    }
    return NULL;
}

/* Walks over the bytes: copies out, or in, or only looks. */
static bool walk(struct vhost_table *table, uint64_t address, uint64_t size, uint8_t *out,
                 const uint8_t *in) {
    for (;;) {
        uint64_t part = size;
        void *place = vhost_table_find(table, address, &part);
        if (!place) {
            return false;
        }
        if (out) {
            memcpy(out, place, part);
            out += part;
        } else if (in) {
            memcpy(place, in, part);
            in += part;
        }
        size -= part;
        if (size == 0) {
            return true;
        }
        if (!checked_add_u64(address, part, &address)) {
            return false;
        }
    }
}

bool vhost_table_covers(struct vhost_table *table, uint64_t address, uint64_t size) {
    return walk(table, address, size, NULL, NULL);
}

bool vhost_table_read(struct vhost_table *table, uint64_t address, void *out, uint64_t size) {
    return walk(table, address, size, out, NULL);
}

bool vhost_table_write(struct vhost_table *table, uint64_t address, const void *bytes,
                       uint64_t size) {
    return walk(table, address, size, NULL, bytes);
}
