/* What can be shared with the world outside the device: sync files always, because the renderer
 * emulates them; memory only as far as the memory strategy goes. */
#include <stdbool.h>

#include "renderer/chain.h"
#include "renderer/physical_device.h"
#include "venus_handlers.h"
#include "venus_tables.h"

/* ---- fences and semaphores --------------------------------------------------------------- */

void vn_handle_vkGetPhysicalDeviceExternalFenceProperties(
    struct vn_stream *s, struct vn_vkGetPhysicalDeviceExternalFenceProperties *a) {
    (void)s;
    VkExternalFenceProperties *out = a->pExternalFenceProperties;
    VkExternalFenceHandleTypeFlagBits type = a->pExternalFenceInfo->handleType;
    bool emulated = type == VK_EXTERNAL_FENCE_HANDLE_TYPE_SYNC_FD_BIT;
    out->exportFromImportedHandleTypes = emulated ? type : 0;
    out->compatibleHandleTypes = emulated ? type : 0;
    out->externalFenceFeatures = emulated ? VK_EXTERNAL_FENCE_FEATURE_EXPORTABLE_BIT |
                                                VK_EXTERNAL_FENCE_FEATURE_IMPORTABLE_BIT
                                          : 0;
}

static bool is_timeline(const VkPhysicalDeviceExternalSemaphoreInfo *info) {
    const VkSemaphoreTypeCreateInfo *type =
        chain_find(info, VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO);
    return type && type->semaphoreType == VK_SEMAPHORE_TYPE_TIMELINE;
}

void vn_handle_vkGetPhysicalDeviceExternalSemaphoreProperties(
    struct vn_stream *s, struct vn_vkGetPhysicalDeviceExternalSemaphoreProperties *a) {
    (void)s;
    VkExternalSemaphoreProperties *out = a->pExternalSemaphoreProperties;
    VkExternalSemaphoreHandleTypeFlagBits type = a->pExternalSemaphoreInfo->handleType;
    bool emulated = type == VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT &&
                    !is_timeline(a->pExternalSemaphoreInfo);
    out->exportFromImportedHandleTypes = emulated ? type : 0;
    out->compatibleHandleTypes = emulated ? type : 0;
    out->externalSemaphoreFeatures = emulated ? VK_EXTERNAL_SEMAPHORE_FEATURE_EXPORTABLE_BIT |
                                                    VK_EXTERNAL_SEMAPHORE_FEATURE_IMPORTABLE_BIT
                                              : 0;
}

/* ---- memory ------------------------------------------------------------------------------ */

static bool can_share_as(const struct physical_device *device,
                         VkExternalMemoryHandleTypeFlags types) {
    return device->memory.strategy == &memory_strategy_dma_buf &&
           types == VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT;
}

void vn_handle_vkGetPhysicalDeviceExternalBufferProperties(
    struct vn_stream *s, struct vn_vkGetPhysicalDeviceExternalBufferProperties *a) {
    (void)s;
    const struct physical_device *device = physical_device_from(a->physicalDevice_object);
    VkExternalMemoryHandleTypeFlagBits type = a->pExternalBufferInfo->handleType;
    if (can_share_as(device, type)) {
        device->vk->GetPhysicalDeviceExternalBufferProperties(
            a->physicalDevice, a->pExternalBufferInfo, a->pExternalBufferProperties);
        return;
    }
    /* A handle type is compatible with itself even where nothing can be done with it. */
    a->pExternalBufferProperties->externalMemoryProperties =
        (VkExternalMemoryProperties){.compatibleHandleTypes = type};
}

static bool is_format_query_served(const struct physical_device *device,
                                   const VkPhysicalDeviceImageFormatInfo2 *info) {
    const VkPhysicalDeviceExternalImageFormatInfo *external =
        chain_find(info, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO);
    if (external && external->handleType && !can_share_as(device, external->handleType)) {
        return false;
    }
    /* Drivers that were not told of the extension do not expect its tiling. */
    return info->tiling != VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT ||
           physical_device_offers(device, VK_EXT_IMAGE_DRM_FORMAT_MODIFIER_EXTENSION_NAME);
}

void vn_handle_vkGetPhysicalDeviceImageFormatProperties2(
    struct vn_stream *s, struct vn_vkGetPhysicalDeviceImageFormatProperties2 *a) {
    (void)s;
    const struct physical_device *device = physical_device_from(a->physicalDevice_object);
    if (!is_format_query_served(device, a->pImageFormatInfo)) {
        a->ret = VK_ERROR_FORMAT_NOT_SUPPORTED;
        return;
    }
    a->ret = device->vk->GetPhysicalDeviceImageFormatProperties2(
        a->physicalDevice, a->pImageFormatInfo, a->pImageFormatProperties);
}
