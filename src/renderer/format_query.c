/* Questions about formats and images of a physical device, where modifiers and shared memory come
 * in: the host hears of them only where they are its own. */
#include "renderer/chain.h"
#include "renderer/linear_modifier.h"
#include "renderer/physical_device.h"
#include "venus_handlers.h"
#include "venus_tables.h"

/* ---- modifiers of a format ---------------------------------------------------------------- */

struct modifier_lists {
    VkDrmFormatModifierPropertiesListEXT *narrow;
    VkDrmFormatModifierPropertiesList2EXT *wide;
    uint32_t narrow_room, wide_room; /* as the guest gave it */
};

static struct modifier_lists find_lists(const VkFormatProperties2 *properties) {
    struct modifier_lists lists = {
        .narrow = chain_find(properties, VK_STRUCTURE_TYPE_DRM_FORMAT_MODIFIER_PROPERTIES_LIST_EXT),
        .wide = chain_find(properties, VK_STRUCTURE_TYPE_DRM_FORMAT_MODIFIER_PROPERTIES_LIST_2_EXT),
    };
    lists.narrow_room = lists.narrow ? lists.narrow->drmFormatModifierCount : 0;
    lists.wide_room = lists.wide ? lists.wide->drmFormatModifierCount : 0;
    return lists;
}

/* How many of `available` elements a list of a two-call idiom gets. */
static uint32_t count_elements(bool has_array, uint32_t room, uint32_t available) {
    return has_array && room < available ? room : available;
}

/* Bits from 31 on have meanings in the wide flags only. */
static VkFormatFeatureFlags narrow_features(VkFormatFeatureFlags2 features) {
    return (VkFormatFeatureFlags)(features & VK_FORMAT_FEATURE_FLAG_BITS_MAX_ENUM);
}

static void fill_lists(const struct modifier_lists *lists, VkFormatFeatureFlags2 features) {
    const uint32_t available = features ? 1 : 0;
    VkDrmFormatModifierPropertiesListEXT *narrow = lists->narrow;
    if (narrow) {
        VkDrmFormatModifierPropertiesEXT *array = narrow->pDrmFormatModifierProperties;
        uint32_t count = count_elements(array, lists->narrow_room, available);
        narrow->drmFormatModifierCount = count;
        if (array && count) {
            array[0] =
                (VkDrmFormatModifierPropertiesEXT){LINEAR_MODIFIER, 1, narrow_features(features)};
        }
    }
    VkDrmFormatModifierPropertiesList2EXT *wide = lists->wide;
    if (wide) {
        VkDrmFormatModifierProperties2EXT *array = wide->pDrmFormatModifierProperties;
        uint32_t count = count_elements(array, lists->wide_room, available);
        wide->drmFormatModifierCount = count;
        if (array && count) {
            array[0] = (VkDrmFormatModifierProperties2EXT){LINEAR_MODIFIER, 1, features};
        }
    }
}

void vn_handle_vkGetPhysicalDeviceFormatProperties2(
    struct vn_stream *s, struct vn_vkGetPhysicalDeviceFormatProperties2 *a) {
    (void)s;
    const struct physical_device *device = physical_device_from(a->physicalDevice_object);
    const struct modifier_lists lists = find_lists(a->pFormatProperties);
    device->vk->GetPhysicalDeviceFormatProperties2(a->physicalDevice, a->format,
                                                   a->pFormatProperties);
    if ((lists.narrow || lists.wide) && !physical_device_has_host_modifiers(device)) {
        fill_lists(&lists, device->memory.emulates_dma_buf
                               ? linear_modifier_get_features(device, a->format)
                               : 0);
    }
}

/* ---- images ------------------------------------------------------------------------------- */

static VkResult ask_image(const struct physical_device *device, VkPhysicalDevice handle,
                          VkPhysicalDeviceImageFormatInfo2 *info,
                          VkImageFormatProperties2 *properties) {
    const VkPhysicalDeviceExternalImageFormatInfo *external =
        chain_find(info, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO);
    const VkExternalMemoryHandleTypeFlags type = external ? external->handleType : 0;
    bool has_modifier = info->tiling == VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT;
    if (type && type != VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT) {
        return VK_ERROR_FORMAT_NOT_SUPPORTED;
    }
    if ((type || has_modifier) && device->memory.emulates_dma_buf) {
        return linear_modifier_ask_image(device, info, properties);
    }
    /* Drivers that were not told of the extension do not expect its tiling. */
    if ((type && device->memory.strategy != &memory_strategy_dma_buf) ||
        (has_modifier && !physical_device_has_host_modifiers(device))) {
        return VK_ERROR_FORMAT_NOT_SUPPORTED;
    }
    return device->vk->GetPhysicalDeviceImageFormatProperties2(handle, info, properties);
}

void vn_handle_vkGetPhysicalDeviceImageFormatProperties2(
    struct vn_stream *s, struct vn_vkGetPhysicalDeviceImageFormatProperties2 *a) {
    (void)s;
    a->ret = ask_image(physical_device_from(a->physicalDevice_object), a->physicalDevice,
                       (VkPhysicalDeviceImageFormatInfo2 *)a->pImageFormatInfo,
                       a->pImageFormatProperties);
}

/* Without a chain there is no modifier to ask for. */
void vn_handle_vkGetPhysicalDeviceImageFormatProperties(
    struct vn_stream *s, struct vn_vkGetPhysicalDeviceImageFormatProperties *a) {
    (void)s;
    const struct physical_device *device = physical_device_from(a->physicalDevice_object);
    a->ret = a->tiling == VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT
                 ? VK_ERROR_FORMAT_NOT_SUPPORTED
                 : device->vk->GetPhysicalDeviceImageFormatProperties(
                       a->physicalDevice, a->format, a->type, a->tiling, a->usage, a->flags,
                       a->pImageFormatProperties);
}

/* No image with a modifier is sparse. */
void vn_handle_vkGetPhysicalDeviceSparseImageFormatProperties(
    struct vn_stream *s, struct vn_vkGetPhysicalDeviceSparseImageFormatProperties *a) {
    (void)s;
    if (a->tiling == VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT) {
        *a->pPropertyCount = 0;
        return;
    }
    physical_device_from(a->physicalDevice_object)
        ->vk->GetPhysicalDeviceSparseImageFormatProperties(a->physicalDevice, a->format, a->type,
                                                           a->samples, a->usage, a->tiling,
                                                           a->pPropertyCount, a->pProperties);
}

void vn_handle_vkGetPhysicalDeviceSparseImageFormatProperties2(
    struct vn_stream *s, struct vn_vkGetPhysicalDeviceSparseImageFormatProperties2 *a) {
    (void)s;
    if (a->pFormatInfo->tiling == VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT) {
        *a->pPropertyCount = 0;
        return;
    }
    physical_device_from(a->physicalDevice_object)
        ->vk->GetPhysicalDeviceSparseImageFormatProperties2(a->physicalDevice, a->pFormatInfo,
                                                            a->pPropertyCount, a->pProperties);
}
