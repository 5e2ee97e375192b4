#include "renderer/image_info.h"

#include "renderer/chain.h"
#include "renderer/device.h"
#include "renderer/memory_plan.h"

#define MEMORY_PLANES                                                                              \
    (VK_IMAGE_ASPECT_MEMORY_PLANE_0_BIT_EXT | VK_IMAGE_ASPECT_MEMORY_PLANE_1_BIT_EXT |             \
     VK_IMAGE_ASPECT_MEMORY_PLANE_2_BIT_EXT | VK_IMAGE_ASPECT_MEMORY_PLANE_3_BIT_EXT)

/* As for buffers: images that are bound to imported memory are not declared as such, because
 * drivers give up tiling and compression for images that may be. */
static bool filter_external_info(const struct device *device, const VkImageCreateInfo *info) {
    VkExternalMemoryImageCreateInfo *external =
        chain_find(info, VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO);
    if (!external) {
        return false;
    }
    const struct memory_plan *plan = &device->physical->memory;
    bool is_shared = memory_plan_emulates(plan, external->handleTypes);
    external->handleTypes = memory_plan_filter_handle_types(plan, external->handleTypes);
    if (!external->handleTypes) {
        chain_remove(info, VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO);
    }
    return is_shared;
}

const char *image_info_translate(const struct device *device, VkImageCreateInfo *info,
                                 struct image_traits *out_traits) {
    *out_traits = (struct image_traits){.is_shared = filter_external_info(device, info)};
    if (info->tiling != VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT ||
        physical_device_has_host_modifiers(device->physical)) {
        return NULL;
    }
    if (!device->physical->memory.emulates_dma_buf) {
        return "images with modifiers are not offered";
    }
    out_traits->has_modifier = true;
    return linear_modifier_translate(info, &out_traits->layout);
}

bool image_info_translate_aspect(struct vn_stream *s, const struct device *device,
                                 bool has_modifier, VkImageAspectFlags *aspect,
                                 const char *argument) {
    if (!(*aspect & MEMORY_PLANES) || physical_device_has_host_modifiers(device->physical)) {
        return true;
    }
    if (!has_modifier || *aspect != VK_IMAGE_ASPECT_MEMORY_PLANE_0_BIT_EXT) {
        cs_fail(&s->decoder, argument, "the image has no such memory plane");
        return false;
    }
    *aspect = VK_IMAGE_ASPECT_COLOR_BIT;
    return true;
}

bool image_info_check_plane(struct vn_stream *s, const struct device *device,
                            VkImageAspectFlags aspect, const char *argument) {
    if ((aspect & MEMORY_PLANES) && !physical_device_has_host_modifiers(device->physical)) {
        cs_fail(&s->decoder, argument, "no image has memory planes apart");
        return false;
    }
    return true;
}
