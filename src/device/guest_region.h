/* What a table of guest memory asks of its regions. Any thread. */
#ifndef VESPER_DEVICE_GUEST_REGION_H
#define VESPER_DEVICE_GUEST_REGION_H

#include <stdint.h>

struct guest_region;

/* Guest-physical address of the first byte, and bytes. */
uint64_t guest_region_get_address(const struct guest_region *region);
uint64_t guest_region_get_size(const struct guest_region *region);
/* The region's first byte in this process, mapped on first use; valid while the region is
 * referenced. NULL where it cannot be mapped. */
void *guest_region_get_pointer(struct guest_region *region);

#endif
