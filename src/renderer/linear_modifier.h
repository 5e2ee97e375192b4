/* Images with a DRM format modifier on hosts that do not know modifiers (or not ours).
 *
 * Where the memory plan emulates dma-bufs there is one modifier, LINEAR: rows of texels one after
 * another in a storage, which every VkDevice of every context can import, as can a scanout. To the
 * host such an image is one of tiling LINEAR, in one memory plane. Any thread; the structures are
 * temporaries of a command, ours to change. */
#ifndef VESPER_RENDERER_LINEAR_MODIFIER_H
#define VESPER_RENDERER_LINEAR_MODIFIER_H

#include <stdbool.h>
#include <vulkan/vulkan.h>

struct physical_device;

/* The modifier's number, the same in every kernel and compositor. */
#define LINEAR_MODIFIER UINT64_C(0)

/* What images of the format and the modifier can be used for: 0 where there are none, because the
 * host has no LINEAR images of it, or because it has several planes, depth or stencil. */
VkFormatFeatureFlags2 linear_modifier_get_features(const struct physical_device *device,
                                                   VkFormat format);

/* vkGetPhysicalDeviceImageFormatProperties2 for images with a modifier, or that are shared as
 * dma-bufs, or both. The chain of `info` loses what the host must not see. */
VkResult linear_modifier_ask_image(const struct physical_device *device,
                                   VkPhysicalDeviceImageFormatInfo2 *info,
                                   VkImageFormatProperties2 *properties);

/* The layout of its one plane that a guest gives an image. */
struct linear_modifier_layout {
    bool is_given;
    VkDeviceSize offset, row_pitch; /* bytes */
};

/* Makes the creation of an image with a modifier that of a LINEAR image. NULL, or a static sentence
 * that says why there is no such image. */
const char *linear_modifier_translate(VkImageCreateInfo *info,
                                      struct linear_modifier_layout *out_layout);

#endif
