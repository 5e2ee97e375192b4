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

/* Whether the host binds this image to shared memory, if it is LINEAR. */
static bool can_be_linear(const struct device *device, const VkImageCreateInfo *info) {
    const struct physical_device *physical = device->physical;
    const VkPhysicalDeviceImageFormatInfo2 asked = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_FORMAT_INFO_2,
        .format = info->format,
        .type = info->imageType,
        .tiling = VK_IMAGE_TILING_LINEAR,
        .usage = info->usage,
        .flags = info->flags,
    };
    VkImageFormatProperties2 answer = {.sType = VK_STRUCTURE_TYPE_IMAGE_FORMAT_PROPERTIES_2};
    const VkImageFormatProperties *most = &answer.imageFormatProperties;
    return memory_plan_ask_imported_image(
               physical->vk, (VkPhysicalDevice)(uintptr_t)vn_object_handle(&physical->object),
               &asked, &answer) == VK_SUCCESS &&
           info->extent.width <= most->maxExtent.width &&
           info->extent.height <= most->maxExtent.height &&
           info->extent.depth <= most->maxExtent.depth && info->mipLevels <= most->maxMipLevels &&
           info->arrayLayers <= most->maxArrayLayers && (info->samples & most->sampleCounts);
}

/* Others take the image for LINEAR, and Mesa's zink makes such ones without having asked, up to 25.0.
 * Where the host cannot have it tiled in shared memory either, it is what they take it for; one that
 * cannot be is the guest's own, and its memory no dma-buf. */
static void make_readable(const struct device *device, VkImageCreateInfo *info,
                          struct image_traits *traits) {
    if (!traits->is_shared || info->tiling != VK_IMAGE_TILING_OPTIMAL ||
        memory_plan_shares_tiled_images(&device->physical->memory)) {
        return;
    }
    if (can_be_linear(device, info)) {
        info->tiling = VK_IMAGE_TILING_LINEAR;
    } else {
        traits->is_shared = false;
    }
}

const char *image_info_translate(const struct device *device, VkImageCreateInfo *info,
                                 struct image_traits *out_traits) {
    *out_traits = (struct image_traits){.is_shared = filter_external_info(device, info)};
    if (info->tiling != VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT ||
        physical_device_has_host_modifiers(device->physical)) {
        make_readable(device, info, out_traits);
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
