#include "renderer/linear_modifier.h"

#include <string.h>

#include "renderer/chain.h"
#include "renderer/format_layout.h"
#include "renderer/memory_plan.h"
#include "renderer/physical_device.h"
#include "venus_tables.h"

/* Flags whose images have several planes, pieces or faces, which one linear plane cannot be. */
#define FLAGS_REFUSED                                                                              \
    (VK_IMAGE_CREATE_DISJOINT_BIT | VK_IMAGE_CREATE_SPARSE_BINDING_BIT |                           \
     VK_IMAGE_CREATE_SPARSE_RESIDENCY_BIT | VK_IMAGE_CREATE_SPARSE_ALIASED_BIT |                   \
     VK_IMAGE_CREATE_CUBE_COMPATIBLE_BIT)

static bool has_one_plane(VkFormat format) {
    struct format_layout layout;
    return format_get_layout(format, VK_IMAGE_ASPECT_COLOR_BIT, &layout);
}

/* ---- queries ------------------------------------------------------------------------------ */

VkFormatFeatureFlags2 linear_modifier_get_features(const struct physical_device *device,
                                                   VkFormat format) {
    if (!has_one_plane(format)) {
        return 0;
    }
    VkFormatProperties3 wide = {.sType = VK_STRUCTURE_TYPE_FORMAT_PROPERTIES_3};
    VkFormatProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_FORMAT_PROPERTIES_2,
        .pNext = &wide,
    };
    device->vk->GetPhysicalDeviceFormatProperties2(
        (VkPhysicalDevice)(uintptr_t)vn_object_handle(&device->object), format, &properties);
    /* The same bits where there are both; old drivers leave the wide ones alone. */
    return wide.linearTilingFeatures | properties.formatProperties.linearTilingFeatures;
}

static bool has_image(const struct physical_device *device,
                      const VkPhysicalDeviceImageFormatInfo2 *info) {
    if (info->tiling == VK_IMAGE_TILING_OPTIMAL) {
        return false; /* nobody else could read it */
    }
    if (info->tiling == VK_IMAGE_TILING_LINEAR) {
        return true;
    }
    const VkPhysicalDeviceImageDrmFormatModifierInfoEXT *modifier =
        chain_find(info, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_DRM_FORMAT_MODIFIER_INFO_EXT);
    return modifier && modifier->drmFormatModifier == LINEAR_MODIFIER &&
           info->type == VK_IMAGE_TYPE_2D && !(info->flags & FLAGS_REFUSED) &&
           linear_modifier_get_features(device, info->format) != 0;
}

static void limit_to_one_plane(VkImageFormatProperties *properties) {
    properties->maxExtent.depth = 1;
    properties->maxMipLevels = 1;
    properties->maxArrayLayers = 1;
    properties->sampleCounts = VK_SAMPLE_COUNT_1_BIT;
}

VkResult linear_modifier_ask_image(const struct physical_device *device,
                                   VkPhysicalDeviceImageFormatInfo2 *info,
                                   VkImageFormatProperties2 *properties) {
    if (!has_image(device, info)) {
        return VK_ERROR_FORMAT_NOT_SUPPORTED;
    }
    bool has_modifier = info->tiling == VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT;
    chain_remove(info, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO);
    chain_remove(info, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_DRM_FORMAT_MODIFIER_INFO_EXT);
    info->tiling = VK_IMAGE_TILING_LINEAR;
    VkResult result = memory_plan_ask_imported_image(
        device->vk, (VkPhysicalDevice)(uintptr_t)vn_object_handle(&device->object), info,
        properties);
    VkExternalImageFormatProperties *external =
        chain_find(properties, VK_STRUCTURE_TYPE_EXTERNAL_IMAGE_FORMAT_PROPERTIES);
    if (external) {
        external->externalMemoryProperties =
            memory_plan_get_dma_buf_properties(result == VK_SUCCESS);
    }
    if (result != VK_SUCCESS) {
        memset(&properties->imageFormatProperties, 0, sizeof(properties->imageFormatProperties));
    } else if (has_modifier) {
        limit_to_one_plane(&properties->imageFormatProperties);
    }
    return result;
}

/* ---- creation ----------------------------------------------------------------------------- */

static const char *find_shape_fault(const VkImageCreateInfo *info) {
    if (!has_one_plane(info->format)) {
        return "images of its format have no modifier";
    }
    if (info->imageType != VK_IMAGE_TYPE_2D || info->extent.depth != 1 || info->mipLevels != 1 ||
        info->arrayLayers != 1 || info->samples != VK_SAMPLE_COUNT_1_BIT ||
        (info->flags & FLAGS_REFUSED)) {
        return "an image with a modifier has two dimensions and one level, layer, sample and "
               "memory plane";
    }
    return NULL;
}

static const char *find_list_fault(const VkImageDrmFormatModifierListCreateInfoEXT *list) {
    for (uint32_t i = 0; list->pDrmFormatModifiers && i < list->drmFormatModifierCount; i++) {
        if (list->pDrmFormatModifiers[i] == LINEAR_MODIFIER) {
            return NULL;
        }
    }
    return "the list of modifiers lacks LINEAR, the only one there is";
}

static const char *find_explicit_fault(const VkImageDrmFormatModifierExplicitCreateInfoEXT *given) {
    if (given->drmFormatModifier != LINEAR_MODIFIER) {
        return "LINEAR is the only modifier there is";
    }
    return given->drmFormatModifierPlaneCount == 1 && given->pPlaneLayouts
               ? NULL
               : "the modifier LINEAR has one memory plane";
}

const char *linear_modifier_translate(VkImageCreateInfo *info,
                                      struct linear_modifier_layout *out_layout) {
    const VkImageDrmFormatModifierListCreateInfoEXT *list =
        chain_find(info, VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_LIST_CREATE_INFO_EXT);
    const VkImageDrmFormatModifierExplicitCreateInfoEXT *given =
        chain_find(info, VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_EXPLICIT_CREATE_INFO_EXT);
    *out_layout = (struct linear_modifier_layout){.is_given = false};
    if (!list == !given) {
        return "an image has either a list of modifiers or one modifier";
    }
    const char *fault = find_shape_fault(info);
    if (!fault) {
        fault = list ? find_list_fault(list) : find_explicit_fault(given);
    }
    if (fault) {
        return fault;
    }
    if (given) {
        *out_layout = (struct linear_modifier_layout){
            .is_given = true,
            .offset = given->pPlaneLayouts[0].offset,
            .row_pitch = given->pPlaneLayouts[0].rowPitch,
        };
    }
    chain_remove(info, VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_LIST_CREATE_INFO_EXT);
    chain_remove(info, VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_EXPLICIT_CREATE_INFO_EXT);
    info->tiling = VK_IMAGE_TILING_LINEAR;
    return NULL;
}
