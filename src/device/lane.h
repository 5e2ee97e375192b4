/* Lanes: what keeps requests of one context, one resource or one scanout in their order, and
 * nothing else waiting for them.
 *
 * A lane is a queue of entries, keyed by what it orders. It exists while it has an entry; ids need
 * not exist, so that a request for a resource waits behind the one that creates it. A request
 * starts when its entries are the heads of all of its lanes. Device thread. */
#ifndef VESPER_DEVICE_LANE_H
#define VESPER_DEVICE_LANE_H

#include <stdbool.h>
#include <stdint.h>

enum gpu_lane_kind {
    GPU_LANE_CONTEXT = 1,
    GPU_LANE_RESOURCE,
    GPU_LANE_SCANOUT,
    GPU_LANE_CURSOR,
};

struct gpu_request;

struct gpu_lane_entry {
    uint64_t key;
    struct gpu_request *request;
    bool queued;
    struct gpu_lane_entry *next, *previous; /* in the lane */
    /* Of a lane's head only: */
    struct gpu_lane_entry *last;        /* of the lane; the head itself where it is alone */
    struct gpu_lane_entry *bucket_next; /* head of another lane */
};

#define GPU_LANE_BUCKETS 1024

struct gpu_lanes {
    uint64_t multiplier; /* odd; unknown to guests, who choose the ids */
    uint32_t count;      /* of lanes */
    struct gpu_lane_entry *buckets[GPU_LANE_BUCKETS];
};

void gpu_lanes_init(struct gpu_lanes *lanes, uint64_t random);
/* Forgets all entries. */
void gpu_lanes_clear(struct gpu_lanes *lanes);

static inline uint64_t gpu_lane_key(enum gpu_lane_kind kind, uint32_t id) {
    return (uint64_t)kind << 32 | id;
}

/* First entry of the lane; NULL where the lane does not exist. */
struct gpu_lane_entry *gpu_lane_head(const struct gpu_lanes *lanes, uint64_t key);
/* Appends `entry`, whose key and request are set and which is in no lane. True: it is the head. */
bool gpu_lane_append(struct gpu_lanes *lanes, struct gpu_lane_entry *entry);
/* Takes `entry`, which is in a lane, out of it. The entry that became the head thereby; NULL where
 * the head stayed the same or the lane has ended. */
struct gpu_lane_entry *gpu_lane_remove(struct gpu_lanes *lanes, struct gpu_lane_entry *entry);

#endif
