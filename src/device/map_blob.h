/* The host-visible region. Device thread. */
#ifndef VESPER_DEVICE_MAP_BLOB_H
#define VESPER_DEVICE_MAP_BLOB_H

struct gpu_mapping;

/* What gpu_mappings calls when a MAP_BLOB (`waiter`) has its mapping; `owner` is the device. */
void gpu_map_done(void *owner, void *waiter, struct gpu_mapping *mapping, int error);

#endif
