#include "device/mapping.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "platform/platform.h"
#include "util/checked.h"
#include "util/log.h"

void gpu_mappings_init(struct gpu_mappings *mappings, const struct gpu_mappings_options *options) {
    *mappings = (struct gpu_mappings){
        .transport = *options->transport,
        .user = options->user,
        .done = options->done,
        .owner = options->owner,
        .region_bytes = options->region_bytes,
        .page_bytes = options->page_bytes,
        .limit = options->limit,
    };
}

static void mapping_free(struct gpu_mapping *mapping) {
    storage_unref(mapping->storage);
    free(mapping);
}

void gpu_mappings_clear(struct gpu_mappings *mappings) {
    for (uint32_t i = 0; i < mappings->known_count; i++) {
        mapping_free(mappings->known[i]);
    }
    while (mappings->waiting.first) {
        struct gpu_mapping *mapping = mappings->waiting.first;
        mappings->waiting.first = mapping->next;
        mapping_free(mapping);
    }
    free(mappings->known);
    mappings->known = NULL;
    mappings->known_count = mappings->known_room = 0;
    mappings->leaving_count = mappings->waiting_count = mappings->retained_count = 0;
    mappings->retained_bytes = 0;
    mappings->waiting = mappings->in_flight = mappings->retained = (struct gpu_mapping_list){0};
}

static void add_time(_Atomic(uint64_t) *time, uint64_t from_ns) {
    const uint64_t now_ns = platform_now_ns();
    atomic_store_explicit(time, atomic_load_explicit(time, memory_order_relaxed) + now_ns - from_ns,
                          memory_order_relaxed);
}

static void count_answer(_Atomic(uint64_t) *count, _Atomic(uint64_t) *time, uint64_t asked_ns) {
    atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    add_time(time, asked_ns);
}

/* ---- lists ------------------------------------------------------------------------------- */

static void list_append(struct gpu_mapping_list *list, struct gpu_mapping *mapping) {
    mapping->next = NULL;
    mapping->previous = list->last;
    if (list->last) {
        list->last->next = mapping;
    } else {
        list->first = mapping;
    }
    list->last = mapping;
}

static void list_remove(struct gpu_mapping_list *list, struct gpu_mapping *mapping) {
    if (mapping->previous) {
        mapping->previous->next = mapping->next;
    } else {
        list->first = mapping->next;
    }
    if (mapping->next) {
        mapping->next->previous = mapping->previous;
    } else {
        list->last = mapping->previous;
    }
}

/* ---- what the transport knows ------------------------------------------------------------ */

/* The index of the first known mapping that ends after `offset`. */
static uint32_t find_from(const struct gpu_mappings *mappings, uint64_t offset) {
    uint32_t low = 0;
    uint32_t high = mappings->known_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const struct gpu_mapping *mapping = mappings->known[middle];
        if (mapping->offset + mapping->size <= offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool overlap(const struct gpu_mapping *mapping, uint64_t offset, uint64_t size) {
    return mapping->offset < offset + size && offset < mapping->offset + mapping->size;
}

static bool overlaps_known(const struct gpu_mappings *mappings, const struct gpu_mapping *mapping) {
    const uint32_t index = find_from(mappings, mapping->offset);
    return index < mappings->known_count &&
           overlap(mappings->known[index], mapping->offset, mapping->size);
}

/* Room for every mapping that waits, so that none fails when its turn comes. */
static int reserve_known(struct gpu_mappings *mappings) {
    const uint64_t needed = (uint64_t)mappings->known_count + mappings->waiting_count + 1;
    if (needed <= mappings->known_room) {
        return 0;
    }
    const uint64_t room = needed + needed / 2 + 64;
    if (room > UINT32_MAX) {
        return -ENOMEM;
    }
    struct gpu_mapping **known = realloc(mappings->known, (size_t)room * sizeof(known[0]));
    if (!known) {
        return -ENOMEM;
    }
    mappings->known = known;
    mappings->known_room = (uint32_t)room;
    return 0;
}

static void insert_known(struct gpu_mappings *mappings, struct gpu_mapping *mapping) {
    const uint32_t index = find_from(mappings, mapping->offset);
    memmove(&mappings->known[index + 1], &mappings->known[index],
            (mappings->known_count - index) * sizeof(mappings->known[0]));
    mappings->known[index] = mapping;
    mappings->known_count++;
}

static void remove_known(struct gpu_mappings *mappings, struct gpu_mapping *mapping) {
    const uint32_t index = find_from(mappings, mapping->offset);
    mappings->known_count--;
    memmove(&mappings->known[index], &mappings->known[index + 1],
            (mappings->known_count - index) * sizeof(mappings->known[0]));
    mapping_free(mapping);
}

/* ---- taking away ------------------------------------------------------------------------- */

/* False where the mapping stays for now; true: it is gone already. */
static bool ask_unmap(struct gpu_mappings *mappings, struct gpu_mapping *mapping) {
    list_remove(&mappings->retained, mapping);
    mappings->retained_count--;
    mappings->retained_bytes -= mapping->size;
    mapping->state = GPU_MAPPING_LEAVING;
    mapping->token = ++mappings->last_token;
    mapping->asked_ns = platform_now_ns();
    int error =
        mappings->transport.unmap(mappings->user, mapping->offset, mapping->size, mapping->token);
    if (error) {
        log_warning("virtio-gpu: the mapping at 0x%" PRIx64 " cannot be taken away: %s",
                    mapping->offset, strerror(-error));
        remove_known(mappings, mapping);
        return true;
    }
    mappings->leaving_count++;
    list_append(&mappings->in_flight, mapping);
    return false;
}

void gpu_mappings_unmap(struct gpu_mappings *mappings, struct gpu_mapping *mapping) {
    mapping->state = GPU_MAPPING_RETAINED;
    list_append(&mappings->retained, mapping);
    mappings->retained_count++;
    mappings->retained_bytes += mapping->size;
    if (mapping->size > GPU_RETAINED_BYTES_MAX) {
        ask_unmap(mappings, mapping); /* alone beyond the bound: the others may stay */
    }
    while (mappings->retained_count > GPU_RETAINED_COUNT_MAX ||
           mappings->retained_bytes > GPU_RETAINED_BYTES_MAX) {
        ask_unmap(mappings, mappings->retained.first);
    }
}

/* ---- mapping ----------------------------------------------------------------------------- */

/* Asks the transport; on failure the mapping is gone. */
static int ask_map(struct gpu_mappings *mappings, struct gpu_mapping *mapping) {
    mapping->state = GPU_MAPPING_ASKED;
    mapping->token = ++mappings->last_token;
    insert_known(mappings, mapping);
    list_append(&mappings->in_flight, mapping);
    const uint64_t begun_ns = platform_now_ns();
    int error = mappings->transport.map(mappings->user, mapping->storage, mapping->offset,
                                        mapping->size, mapping->token);
    if (error) {
        list_remove(&mappings->in_flight, mapping);
        remove_known(mappings, mapping);
        return error;
    }
    add_time(&mappings->times.own_ns, begun_ns);
    mapping->asked_ns = platform_now_ns();
    return 0;
}

static bool may_start(const struct gpu_mappings *mappings, const struct gpu_mapping *mapping) {
    return mappings->known_count < mappings->limit && !overlaps_known(mappings, mapping);
}

static void start_waiting(struct gpu_mappings *mappings) {
    struct gpu_mapping *next;
    for (struct gpu_mapping *mapping = mappings->waiting.first; mapping; mapping = next) {
        next = mapping->next;
        if (!may_start(mappings, mapping)) {
            continue;
        }
        list_remove(&mappings->waiting, mapping);
        mappings->waiting_count--;
        void *waiter = mapping->waiter;
        int error = ask_map(mappings, mapping);
        if (error) {
            mappings->done(mappings->owner, waiter, NULL, error);
        }
    }
}

/* Whether the guest has, or is about to have, something at `offset`. */
static bool is_taken(const struct gpu_mappings *mappings, uint64_t offset, uint64_t size) {
    for (uint32_t i = find_from(mappings, offset);
         i < mappings->known_count && overlap(mappings->known[i], offset, size); i++) {
        const enum gpu_mapping_state state = mappings->known[i]->state;
        if (state == GPU_MAPPING_LIVE || state == GPU_MAPPING_ASKED) {
            return true;
        }
    }
    for (const struct gpu_mapping *at = mappings->waiting.first; at; at = at->next) {
        if (overlap(at, offset, size)) {
            return true;
        }
    }
    return false;
}

/* The retained mapping that is just what is wanted, live again; NULL where there is none. */
static struct gpu_mapping *revive(struct gpu_mappings *mappings, const struct storage *storage,
                                  uint64_t offset, uint64_t size) {
    const uint32_t index = find_from(mappings, offset);
    if (index == mappings->known_count) {
        return NULL;
    }
    struct gpu_mapping *mapping = mappings->known[index];
    if (mapping->state != GPU_MAPPING_RETAINED || mapping->storage != storage ||
        mapping->offset != offset || mapping->size != size) {
        return NULL;
    }
    list_remove(&mappings->retained, mapping);
    mappings->retained_count--;
    mappings->retained_bytes -= mapping->size;
    mapping->state = GPU_MAPPING_LIVE;
    return mapping;
}

/* Sends away what is retained in the range. */
static void clear_range(struct gpu_mappings *mappings, uint64_t offset, uint64_t size) {
    for (uint32_t i = find_from(mappings, offset);
         i < mappings->known_count && overlap(mappings->known[i], offset, size);) {
        bool gone = mappings->known[i]->state == GPU_MAPPING_RETAINED &&
                    ask_unmap(mappings, mappings->known[i]);
        if (!gone) {
            i++;
        }
    }
}

/* Sends the oldest retained mappings away until one more fits, once those that leave are gone. */
static void make_room(struct gpu_mappings *mappings) {
    while (mappings->retained_count > 0 &&
           (uint64_t)mappings->known_count - mappings->leaving_count + mappings->waiting_count >=
               mappings->limit) {
        ask_unmap(mappings, mappings->retained.first);
    }
}

static int check(const struct gpu_mappings *mappings, uint64_t offset, uint64_t size) {
    if (offset & (mappings->page_bytes - 1) || size == 0 ||
        !checked_range_u64(offset, size, mappings->region_bytes)) {
        return -EINVAL;
    }
    if (is_taken(mappings, offset, size)) {
        return -EEXIST;
    }
    return 0;
}

int gpu_mappings_map(struct gpu_mappings *mappings, struct storage *storage, uint64_t offset,
                     uint64_t size, void *waiter, struct gpu_mapping **out) {
    if (!checked_align_u64(size, mappings->page_bytes, &size)) {
        return -EINVAL;
    }
    int error = check(mappings, offset, size);
    if (error) {
        return error;
    }
    *out = revive(mappings, storage, offset, size);
    if (*out) {
        return 0;
    }
    const uint64_t wanted = (uint64_t)mappings->known_count - mappings->leaving_count -
                            mappings->retained_count + mappings->waiting_count;
    if (wanted >= mappings->limit) {
        return -ENOSPC;
    }
    struct gpu_mapping *mapping = malloc(sizeof(*mapping));
    if (!mapping || reserve_known(mappings)) {
        free(mapping);
        return -ENOMEM;
    }
    *mapping = (struct gpu_mapping){
        .offset = offset,
        .size = size,
        .storage = storage_ref(storage),
        .state = GPU_MAPPING_WAITING,
        .waiter = waiter,
    };
    clear_range(mappings, offset, size);
    make_room(mappings);
    if (may_start(mappings, mapping)) {
        error = ask_map(mappings, mapping);
        return error ? error : 1;
    }
    list_append(&mappings->waiting, mapping);
    mappings->waiting_count++;
    return 1;
}

void gpu_mappings_answer(struct gpu_mappings *mappings, uint64_t token, int error) {
    struct gpu_mapping *mapping = mappings->in_flight.first;
    while (mapping && mapping->token != token) { /* answers come in order: it is the first */
        mapping = mapping->next;
    }
    if (!mapping) {
        return;
    }
    list_remove(&mappings->in_flight, mapping);
    if (mapping->state == GPU_MAPPING_LEAVING) {
        if (error) {
            log_warning("virtio-gpu: the mapping at 0x%" PRIx64 " was not taken away: %s",
                        mapping->offset, strerror(-error));
        }
        mappings->leaving_count--;
        count_answer(&mappings->times.unmaps, &mappings->times.unmaps_ns, mapping->asked_ns);
        remove_known(mappings, mapping);
        start_waiting(mappings);
        return;
    }
    void *waiter = mapping->waiter;
    count_answer(&mappings->times.maps, &mappings->times.maps_ns, mapping->asked_ns);
    const uint64_t answered_ns = platform_now_ns();
    if (error) {
        remove_known(mappings, mapping);
        mapping = NULL;
    } else {
        mapping->state = GPU_MAPPING_LIVE;
    }
    mappings->done(mappings->owner, waiter, mapping, error);
    add_time(&mappings->times.own_ns, answered_ns);
    if (error) {
        start_waiting(mappings);
    }
}
