#include "device/lane.h"

#include <stddef.h>
#include <string.h>

void gpu_lanes_init(struct gpu_lanes *lanes, uint64_t random) {
    memset(lanes, 0, sizeof(*lanes));
    lanes->multiplier = random | 1;
}

void gpu_lanes_clear(struct gpu_lanes *lanes) {
    memset(lanes->buckets, 0, sizeof(lanes->buckets));
    lanes->count = 0;
}

/* The link that points at the lane's head, or the end of its bucket. */
static struct gpu_lane_entry **find_link(struct gpu_lanes *lanes, uint64_t key) {
    const uint64_t mixed = (key ^ key >> 29) * lanes->multiplier;
    struct gpu_lane_entry **link = &lanes->buckets[(mixed >> 40) % GPU_LANE_BUCKETS];
    while (*link && (*link)->key != key) {
        link = &(*link)->bucket_next;
    }
    return link;
}

struct gpu_lane_entry *gpu_lane_head(const struct gpu_lanes *lanes, uint64_t key) {
    return lanes->count ? *find_link((struct gpu_lanes *)(uintptr_t)lanes, key) : NULL;
}

bool gpu_lane_append(struct gpu_lanes *lanes, struct gpu_lane_entry *entry) {
    struct gpu_lane_entry **link = find_link(lanes, entry->key);
    struct gpu_lane_entry *head = *link;
    entry->queued = true;
    entry->next = NULL;
    if (head) {
        entry->previous = head->last;
        head->last->next = entry;
        head->last = entry;
        return false;
    }
    entry->previous = NULL;
    entry->last = entry;
    entry->bucket_next = NULL;
    *link = entry;
    lanes->count++;
    return true;
}

static struct gpu_lane_entry *remove_head(struct gpu_lanes *lanes, struct gpu_lane_entry **link) {
    struct gpu_lane_entry *entry = *link;
    struct gpu_lane_entry *next = entry->next;
    if (!next) {
        *link = entry->bucket_next;
        lanes->count--;
        return NULL;
    }
    next->previous = NULL;
    next->last = entry->last;
    next->bucket_next = entry->bucket_next;
    *link = next;
    return next;
}

struct gpu_lane_entry *gpu_lane_remove(struct gpu_lanes *lanes, struct gpu_lane_entry *entry) {
    struct gpu_lane_entry **link = find_link(lanes, entry->key);
    entry->queued = false;
    if (*link == entry) {
        return remove_head(lanes, link);
    }
    entry->previous->next = entry->next;
    if (entry->next) {
        entry->next->previous = entry->previous;
    } else {
        (*link)->last = entry->previous;
    }
    return NULL;
}
