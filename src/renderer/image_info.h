/* How a guest describes an image, and what the host is told of it: sharing and modifiers are
 * between the guest and us unless the host itself shares memory. Descriptions are temporaries of a
 * command, ours to change. The stream's thread. */
#ifndef VESPER_RENDERER_IMAGE_INFO_H
#define VESPER_RENDERER_IMAGE_INFO_H

#include <stdbool.h>
#include <vulkan/vulkan.h>

#include "protocol/stream.h"
#include "renderer/linear_modifier.h"

struct device;

/* What the host does not know of the image. */
struct image_traits {
    bool is_shared; /* its memory is to become a dma-buf that we emulate: LINEAR, or a tiled one
                        * that others cannot read */
    bool has_modifier; /* LINEAR, which we emulate */
    struct linear_modifier_layout layout;
};

/* Makes `info` fit for the host. NULL, or a static sentence that says why there is no such
 * image; then the host must not see it. */
const char *image_info_translate(const struct device *device, VkImageCreateInfo *info,
                                 struct image_traits *out_traits);

/* Makes the aspect of a subresource whose layout is asked for fit for the host. False, and the
 * decoder has failed, where the image has no such memory plane. */
bool image_info_translate_aspect(struct vn_stream *s, const struct device *device,
                                 bool has_modifier, VkImageAspectFlags *aspect,
                                 const char *argument);

/* False, and the decoder has failed, where `aspect`, the plane of a disjoint image, is a memory
 * plane that the host does not know. */
bool image_info_check_plane(struct vn_stream *s, const struct device *device,
                            VkImageAspectFlags aspect, const char *argument);

#endif
