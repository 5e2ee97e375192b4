/* Which storage is mapped where in the host-visible region.
 *
 * A mapping costs the front end about a millisecond, and as much again to take away. So what the
 * guest unmaps is retained for a while: the same storage at the same place is there again at once, as
 * it often is where a context uses storage again (the contract's `reuse`).
 * Retained mappings make way lazily: for a new one that overlaps, for the limit, and beyond
 * a bound on their number and bytes. Device thread. */
#ifndef VESPER_DEVICE_MAPPING_H
#define VESPER_DEVICE_MAPPING_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "device/device.h"

#define GPU_RETAINED_COUNT_MAX 256
#define GPU_RETAINED_BYTES_MAX (UINT64_C(64) << 20)

enum gpu_mapping_state {
    GPU_MAPPING_WAITING,  /* for others to go; the transport does not know it yet */
    GPU_MAPPING_ASKED,    /* the transport has been asked for it */
    GPU_MAPPING_LIVE,
    GPU_MAPPING_RETAINED, /* the guest has given it up, the transport keeps it */
    GPU_MAPPING_LEAVING,  /* the transport has been asked to take it away */
};

struct gpu_mapping {
    uint64_t offset, size;
    struct storage *storage; /* a reference */
    enum gpu_mapping_state state;
    uint64_t token;          /* of the transport's answer, while ASKED or LEAVING */
    uint64_t asked_ns;       /* when it was asked */
    void *waiter;
    /* In the list of its state: waiting, in flight (ASKED, LEAVING) or retained. */
    struct gpu_mapping *next, *previous;
};

struct gpu_mapping_list {
    struct gpu_mapping *first, *last;
};

/* Where the time goes. Written by the device thread, read by any. */
struct gpu_mapping_times {
    _Atomic(uint64_t) maps, unmaps;          /* answered by the transport */
    _Atomic(uint64_t) maps_ns, unmaps_ns;    /* that it took for them */
    _Atomic(uint64_t) own_ns;                /* that asking and answering the guest took */
};

struct gpu_mappings {
    struct gpu_mapping_times times;
    struct device_transport transport;
    void *user; /* of the transport */
    /* Answers a gpu_mappings_map that had to wait; `mapping` is NULL where `error` is not 0. */
    void (*done)(void *owner, void *waiter, struct gpu_mapping *mapping, int error);
    void *owner;
    uint64_t region_bytes, page_bytes;
    uint32_t limit;
    uint64_t last_token;
    /* What the transport knows, by offset; nothing overlaps. */
    struct gpu_mapping **known;
    uint32_t known_count, known_room;
    uint32_t leaving_count, waiting_count, retained_count;
    uint64_t retained_bytes;
    struct gpu_mapping_list waiting, in_flight, retained; /* retained: oldest first */
};

struct gpu_mappings_options {
    const struct device_transport *transport; /* copied; `map` and `unmap` are called */
    void *user;
    void (*done)(void *owner, void *waiter, struct gpu_mapping *mapping, int error);
    void *owner;
    uint64_t region_bytes; /* of the host-visible region; 0: there is none */
    uint64_t page_bytes; /* of the host */
    uint32_t limit; /* of mappings that the transport has at once */
};

void gpu_mappings_init(struct gpu_mappings *mappings, const struct gpu_mappings_options *options);
/* Drops everything; the transport is not asked for anything. */
void gpu_mappings_clear(struct gpu_mappings *mappings);

/* Maps the first `size` bytes (≥ 1; rounded up to whole pages) of `storage` at `offset`. 0: *out is
 * live. 1: `done` tells, later. Negative: -EINVAL where the offset is no page's or the range is
 * outside of the region, -EEXIST where something is mapped there, -ENOSPC at the limit, -ENOMEM,
 * or what the transport says. The mapping takes its own reference of the storage. */
int gpu_mappings_map(struct gpu_mappings *mappings, struct storage *storage, uint64_t offset,
                     uint64_t size, void *waiter, struct gpu_mapping **out);
/* The guest gives a live mapping up. At once: it may not be used by the caller any more. */
void gpu_mappings_unmap(struct gpu_mappings *mappings, struct gpu_mapping *mapping);
/* The transport's answer; unknown tokens are ignored. */
void gpu_mappings_answer(struct gpu_mappings *mappings, uint64_t token, int error);

#endif
