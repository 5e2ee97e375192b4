/* The device and what it consists of. Device thread, but for the inbox, the reaper and the
 * counters. */
#ifndef VESPER_DEVICE_CORE_H
#define VESPER_DEVICE_CORE_H

#include <stdatomic.h>

#include "device/device.h"
#include "device/fence.h"
#include "device/gpu_context.h"
#include "device/inbox.h"
#include "device/lane.h"
#include "device/mapping.h"
#include "device/reaper.h"
#include "device/request.h"
#include "device/resource.h"
#include "device/scanout.h"
#include "device/wire.h"
#include "util/id_table.h"

/* Written by the device thread, read by any. */
struct gpu_counters {
    _Atomic(uint32_t) contexts, resources, mappings, parked;
    _Atomic(uint64_t) requests, errors, pixel_bytes;
};

struct device {
    struct device_options options; /* limits and modes are filled in */
    struct device_transport transport;
    void *user; /* of the transport */
    struct guest_memory *memory; /* a reference; NULL: none */
    uint64_t features;           /* that the driver has accepted */
    uint32_t events_read;        /* of the configuration space */

    struct gpu_request *requests_first; /* all that are not answered */
    struct gpu_request *ready_first, *ready_last;
    struct gpu_lanes lanes;
    struct gpu_fences fences;
    uint64_t last_flush_token;

    struct id_table resources, contexts;
    uint64_t last_context_serial;
    struct gpu_mappings mappings;
    uint32_t scanout_count;
    struct gpu_scanout scanouts[WIRE_SCANOUTS_MAX];

    struct gpu_inbox inbox;
    struct gpu_reaper reaper;
    struct gpu_counters counters;
};

static inline bool gpu_has_feature(const struct device *device, int bit) {
    return (device->features >> bit & 1) != 0;
}

/* Counters have one writer. */
#define gpu_count(counter, change)                                                                 \
    atomic_store_explicit((counter),                                                               \
                          atomic_load_explicit((counter), memory_order_relaxed) + (change),        \
                          memory_order_relaxed)

#endif
