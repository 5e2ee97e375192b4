/* What a portability driver leaves out of Vulkan, for people: the Venus protocol has no structure in
 * which a guest could be told. */
#ifndef VESPER_RENDERER_PORTABILITY_H
#define VESPER_RENDERER_PORTABILITY_H

#include <stddef.h>

#include "venus_tables.h"

#define PORTABILITY_TEXT_BYTES 512

/* Writes the names of the features of VkPhysicalDevicePortabilitySubsetFeaturesKHR that `device`, which
 * has VK_KHR_portability_subset, lacks, with commas between them; cut to `size` bytes
 * (PORTABILITY_TEXT_BYTES are enough). Any thread. */
void portability_list_missing(const struct vn_instance_table *vk, VkPhysicalDevice device,
                              char *out, size_t size);

#endif
