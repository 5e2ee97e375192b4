#include "frontend/vhost_user/mapping.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/checked.h"

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

/* ---- the monitor's answers -------------------------------------------------------------- */

/* `mapping` is gone, or there: the device is told. It may ask for others from inside. */
static void answer_device(struct vhost_mappings *mappings, struct vhost_mapping *mapping,
                          int error) {
    const uint64_t token = mapping->token;
    if (error || mapping->state == VHOST_MAPPING_LEAVING) {
        erase(mappings, mapping);
    } else {
        mapping->state = VHOST_MAPPING_MAPPED;
    }
    device_mapped(mappings->device, token, error);
}

static void handle_answer(void *user, enum vhost_backend_request kind, uint64_t offset, int error) {
    struct vhost_mappings *mappings = user;
    struct vhost_mapping *mapping = find(mappings, offset);
    if (!mapping) {
        return;
    }
    switch (kind) {
    case VHOST_BACKEND_CONFIG_CHANGE:
        break;
    case VHOST_BACKEND_SHMEM_MAP:
        if (error) {
            answer_device(mappings, mapping, error);
        } else {
            mapping->state = VHOST_MAPPING_SETTLING;
        }
        break;
    case VHOST_BACKEND_SHARED_OBJECT_REMOVE:
        /* That of a map which failed may find the next one at its place, not answered yet. */
        if (mapping->state == VHOST_MAPPING_SETTLING) {
            answer_device(mappings, mapping, mappings->channel.fd < 0 ? -EIO : 0);
        }
        break;
    case VHOST_BACKEND_SHMEM_UNMAP:
        answer_device(mappings, mapping, error);
        break;
    }
}

/* ---- the device's wishes ---------------------------------------------------------------- */

void vhost_mappings_init(struct vhost_mappings *mappings, uint64_t region_size) {
    *mappings = (struct vhost_mappings){.region_size = region_size};
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

void vhost_mappings_pause(struct vhost_mappings *mappings) {
    for (size_t i = 0; i < mappings->count; i++) {
        mappings->list[i].doubtful = mappings->list[i].state == VHOST_MAPPING_ASKED;
    }
}

void vhost_mappings_resume(struct vhost_mappings *mappings) {
    for (size_t i = 0; i < mappings->count; i++) {
        mappings->list[i].doubtful = false;
    }
}

void vhost_mappings_forget(struct vhost_mappings *mappings) {
    vhost_channel_forget(&mappings->channel);
    for (size_t i = 0; i < mappings->count; i++) {
        const struct vhost_mapping *mapping = &mappings->list[i];
        if (mapping->doubtful && mapping->state != VHOST_MAPPING_ASKED) {
            vhost_channel_take_away(&mappings->channel, mapping->offset, mapping->size);
        }
        storage_unref(mappings->list[i].storage);
    }
    mappings->count = 0;
}

void vhost_mappings_finish(struct vhost_mappings *mappings) {
    vhost_mappings_forget(mappings);
    vhost_channel_finish(&mappings->channel);
    free(mappings->list);
    mappings->list = NULL;
    mappings->capacity = 0;
}
