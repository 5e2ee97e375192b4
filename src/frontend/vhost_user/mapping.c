#include "frontend/vhost_user/mapping.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "platform/platform.h"
#include "util/checked.h"
#include "util/log.h"

/* A table comes within a millisecond of the answer on an idle machine. */
#define TABLE_PATIENCE_NS (UINT64_C(20) * 1000 * 1000)

/* ---- the list --------------------------------------------------------------------------- */

/* Index of the first mapping at or behind `offset`. */
static size_t find_place(const struct vhost_mappings *mappings, uint64_t offset) {
    size_t low = 0;
    size_t high = mappings->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (mappings->list[middle].offset < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct vhost_mapping *find(struct vhost_mappings *mappings, uint64_t offset) {
    const size_t index = find_place(mappings, offset);
    if (index == mappings->count || mappings->list[index].offset != offset) {
        return NULL;
    }
    return &mappings->list[index];
}

static int reserve(struct vhost_mappings *mappings) {
    if (mappings->count < mappings->capacity) {
        return 0;
    }
    const size_t capacity = mappings->capacity ? mappings->capacity * 2 : 64;
    if (capacity > VHOST_MAPPINGS_MAX) {
        return -ENOSPC;
    }
    struct vhost_mapping *list = realloc(mappings->list, capacity * sizeof(*list));
    if (!list) {
        return -ENOMEM;
    }
    mappings->list = list;
    mappings->capacity = capacity;
    return 0;
}

/* The place for a new mapping of the range; -EINVAL where it cannot be, -EEXIST where something
 * is there. */
static int find_room(const struct vhost_mappings *mappings, uint64_t offset, uint64_t size,
                     size_t *out) {
    if (size == 0 || !checked_range_u64(offset, size, mappings->region_size)) {
        return -EINVAL;
    }
    const size_t index = find_place(mappings, offset);
    if (index < mappings->count && mappings->list[index].offset - offset < size) {
        return -EEXIST;
    }
    if (index > 0) {
        const struct vhost_mapping *before = &mappings->list[index - 1];
        if (offset - before->offset < before->size) {
            return -EEXIST;
        }
    }
    *out = index;
    return 0;
}

static void insert(struct vhost_mappings *mappings, size_t index,
                   const struct vhost_mapping *mapping) {
    struct vhost_mapping *place = &mappings->list[index];
    memmove(place + 1, place, (mappings->count - index) * sizeof(*place));
    *place = *mapping;
    storage_ref(place->storage);
    mappings->count++;
}

static void erase(struct vhost_mappings *mappings, struct vhost_mapping *mapping) {
    storage_unref(mapping->storage);
    const size_t index = (size_t)(mapping - mappings->list);
    mappings->count--;
    memmove(mapping, mapping + 1, (mappings->count - index) * sizeof(*mapping));
}

/* ---- tables ----------------------------------------------------------------------------- */

static bool is_in_table(const struct vhost_mappings *mappings,
                        const struct vhost_mapping *mapping) {
    if (!mappings->table) {
        return false;
    }
    const struct guest_memory *memory = vhost_table_get_memory(mappings->table);
    const int fd = storage_get_fd(mapping->storage);
    for (size_t i = 0; i < guest_memory_get_count(memory); i++) {
        if (guest_region_is_of(guest_memory_get_region(memory, i), fd)) {
            return true;
        }
    }
    return false;
}

/* Tables come only while there are few mappings: a look at each is a look at a few. */
static size_t count_foreign_regions(const struct vhost_mappings *mappings) {
    size_t count = guest_memory_get_count(vhost_table_get_memory(mappings->table));
    for (size_t i = 0; i < mappings->count && i < VHOST_REGIONS_MAX && count > 0; i++) {
        count -= is_in_table(mappings, &mappings->list[i]);
    }
    return count;
}

static bool expects_table(const struct vhost_mappings *mappings) {
    return mappings->tables_come && mappings->table &&
           mappings->foreign_regions + mappings->count <= VHOST_REGIONS_MAX;
}

/* Tells the device that a mapping is there. It may ask for others from inside. */
static void settle(struct vhost_mappings *mappings, struct vhost_mapping *mapping) {
    if (mapping->state == VHOST_MAPPING_WAITING) {
        mappings->waiting--;
    }
    mapping->state = VHOST_MAPPING_MAPPED;
    device_mapped(mappings->device, mapping->token, 0);
}

static struct vhost_mapping *find_named(struct vhost_mappings *mappings) {
    for (size_t i = 0; mappings->waiting > 0 && i < mappings->count; i++) {
        struct vhost_mapping *mapping = &mappings->list[i];
        if (mapping->state == VHOST_MAPPING_WAITING && is_in_table(mappings, mapping)) {
            return mapping;
        }
    }
    return NULL;
}

void vhost_mappings_set_table(struct vhost_mappings *mappings, struct vhost_table *table) {
    mappings->table = table;
    if (!table) {
        return;
    }
    mappings->tables_come = true;
    mappings->foreign_regions = count_foreign_regions(mappings);
    struct vhost_mapping *mapping;
    while ((mapping = find_named(mappings))) {
        settle(mappings, mapping);
    }
}

static struct vhost_mapping *find_late(struct vhost_mappings *mappings, uint64_t now_ns) {
    for (size_t i = 0; mappings->waiting > 0 && i < mappings->count; i++) {
        struct vhost_mapping *mapping = &mappings->list[i];
        if (mapping->state == VHOST_MAPPING_WAITING && mapping->deadline_ns <= now_ns) {
            return mapping;
        }
    }
    return NULL;
}

void vhost_mappings_expire(struct vhost_mappings *mappings, uint64_t now_ns) {
    struct vhost_mapping *mapping;
    while ((mapping = find_late(mappings, now_ns))) {
        log_debug("vhost-user: no memory table names the mapping at %#" PRIx64 "; going on",
                  mapping->offset);
        mappings->tables_come = false;
        settle(mappings, mapping);
    }
}

uint64_t vhost_mappings_next_deadline(const struct vhost_mappings *mappings) {
    uint64_t next_ns = UINT64_MAX;
    for (size_t i = 0; mappings->waiting > 0 && i < mappings->count; i++) {
        const struct vhost_mapping *mapping = &mappings->list[i];
        if (mapping->state == VHOST_MAPPING_WAITING && mapping->deadline_ns < next_ns) {
            next_ns = mapping->deadline_ns;
        }
    }
    return next_ns;
}

/* ---- the monitor's answers -------------------------------------------------------------- */

static void handle_mapped(struct vhost_mappings *mappings, struct vhost_mapping *mapping,
                          int error) {
    const uint64_t token = mapping->token;
    if (error) {
        erase(mappings, mapping);
        device_mapped(mappings->device, token, error);
    } else if (expects_table(mappings) && !is_in_table(mappings, mapping)) {
        mapping->state = VHOST_MAPPING_WAITING;
        mapping->deadline_ns = platform_now_ns() + TABLE_PATIENCE_NS;
        mappings->waiting++;
    } else if (!is_in_table(mappings, mapping) &&
               vhost_channel_barrier(&mappings->channel, mapping->offset) == 0) {
        mapping->state = VHOST_MAPPING_SETTLING;
    } else {
        settle(mappings, mapping);
    }
}

static void handle_answer(void *user, enum vhost_backend_request kind, uint64_t offset,
                          int error) {
    struct vhost_mappings *mappings = user;
    struct vhost_mapping *mapping = find(mappings, offset);
    if (kind == VHOST_BACKEND_CONFIG_CHANGE || !mapping) {
        return;
    }
    if (kind == VHOST_BACKEND_SHMEM_MAP) {
        handle_mapped(mappings, mapping, error);
        return;
    }
    if (kind == VHOST_BACKEND_SHARED_OBJECT_REMOVE) {
        if (mapping->state == VHOST_MAPPING_SETTLING) {
            settle(mappings, mapping);
        }
        return;
    }
    const uint64_t token = mapping->token;
    erase(mappings, mapping);
    device_mapped(mappings->device, token, error);
}

/* ---- the device's wishes ---------------------------------------------------------------- */

void vhost_mappings_init(struct vhost_mappings *mappings, uint64_t region_size) {
    *mappings = (struct vhost_mappings){.region_size = region_size, .tables_come = true};
    vhost_channel_init(&mappings->channel, handle_answer, mappings);
}

int vhost_mappings_map(struct vhost_mappings *mappings, struct storage *storage, uint64_t offset,
                       uint64_t size, uint64_t token) {
    size_t index;
    int error = find_room(mappings, offset, size, &index);
    if (!error) {
        error = reserve(mappings);
    }
    if (!error) {
        error = vhost_channel_map(&mappings->channel, storage, offset, size);
    }
    if (!error) {
        const struct vhost_mapping mapping = {
            .state = VHOST_MAPPING_ASKED,
            .offset = offset,
            .size = size,
            .token = token,
            .storage = storage,
        };
        insert(mappings, index, &mapping);
    }
    return error;
}

int vhost_mappings_unmap(struct vhost_mappings *mappings, uint64_t offset, uint64_t size,
                         uint64_t token) {
    struct vhost_mapping *mapping = find(mappings, offset);
    if (!mapping || mapping->size != size || mapping->state != VHOST_MAPPING_MAPPED) {
        return -EINVAL;
    }
    int error = vhost_channel_unmap(&mappings->channel, offset, size);
    if (!error) {
        mapping->state = VHOST_MAPPING_LEAVING;
        mapping->token = token;
    }
    return error;
}

void vhost_mappings_forget(struct vhost_mappings *mappings) {
    vhost_channel_forget(&mappings->channel);
    for (size_t i = 0; i < mappings->count; i++) {
        storage_unref(mappings->list[i].storage);
    }
    mappings->count = 0;
    mappings->waiting = 0;
    mappings->tables_come = true;
}

void vhost_mappings_finish(struct vhost_mappings *mappings) {
    vhost_mappings_forget(mappings);
    vhost_channel_finish(&mappings->channel);
    free(mappings->list);
    mappings->list = NULL;
    mappings->capacity = 0;
}
