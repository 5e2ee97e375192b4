/* How texels of a format lie in memory that is copied to or from images. */
#ifndef VESPER_RENDERER_FORMAT_LAYOUT_H
#define VESPER_RENDERER_FORMAT_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan.h>

struct format_layout {
    uint32_t block_width, block_height; /* texels, 1 for uncompressed formats */
    uint32_t block_bytes;
    uint32_t width_divisor, height_divisor; /* of the image's size, for subsampled planes */
};

/* The layout of one aspect (a single bit) of a format as copies see it. False for formats we do
 * not know and for aspects that the format does not have. Any thread. */
bool format_get_layout(VkFormat format, VkImageAspectFlags aspect, struct format_layout *out);

#endif
