/* Regions of images that are copied to or from plain memory: how many bytes a copy touches. */
#ifndef VESPER_RENDERER_IMAGE_REGION_H
#define VESPER_RENDERER_IMAGE_REGION_H

#include <stdint.h>
#include <vulkan/vulkan.h>

#include "renderer/image.h"

struct image_region {
    uint32_t row_length, image_height; /* texels; 0: tightly packed */
    VkImageSubresourceLayers subresource;
    VkOffset3D offset;
    VkExtent3D extent;
};

/* Checks that the region lies inside the image and gives the count of bytes between the first and
 * the end of the last texel in memory. NULL, or a static sentence that names the fault. */
const char *image_region_check(const struct image *image, const struct image_region *region,
                               uint64_t *out_bytes);

/* True where the region is the whole of its mip level, tightly packed: what a copy in the
 * driver's own layout needs. The region has been checked. */
bool image_region_is_whole(const struct image *image, const struct image_region *region);

/* Layers of the region, VK_REMAINING_ARRAY_LAYERS resolved. The region has been checked. */
uint32_t image_region_layers(const struct image *image, const struct image_region *region);

#endif
