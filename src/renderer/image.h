/* VkImage: what commands that carry texels need to know of it. */
#ifndef VESPER_RENDERER_IMAGE_H
#define VESPER_RENDERER_IMAGE_H

#include <stdbool.h>
#include <vulkan/vulkan.h>

#include "protocol/object.h"
#include "protocol/stream.h"

struct image {
    struct vn_object object; /* first; the rest is constant */
    VkFormat format;
    VkImageTiling tiling; /* the host's: LINEAR where the modifier is emulated */
    bool is_shared, has_modifier; /* struct image_traits */
    VkExtent3D extent;
    uint32_t mip_levels, array_layers;
};

/* The image of a device with the given host handle, which decoded structures carry instead of the
 * object; NULL where another stream has destroyed it. Takes time in proportion to the count of the
 * device's objects. On a stream's thread; valid until the stream's section ends. */
const struct image *image_find(struct vn_stream *stream, struct vn_object *device, VkImage handle);

#endif
