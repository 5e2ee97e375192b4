/* What can be shared with the world outside the device: sync files always, because the renderer
 * emulates them; buffers only as far as the memory plan goes. Images: format_query.c. */
#include <stdbool.h>

#include "renderer/chain.h"
#include "renderer/memory_plan.h"
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

/* Buffers that are shared are bound to imported host pointers. */
static bool imports_buffer(const struct physical_device *device, VkPhysicalDevice handle,
                           const VkPhysicalDeviceExternalBufferInfo *info) {
    VkPhysicalDeviceExternalBufferInfo imported_info = *info;
    imported_info.handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT;
    VkExternalBufferProperties properties = {.sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES};
    device->vk->GetPhysicalDeviceExternalBufferProperties(handle, &imported_info, &properties);
    return properties.externalMemoryProperties.externalMemoryFeatures &
           VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT;
}

void vn_handle_vkGetPhysicalDeviceExternalBufferProperties(
    struct vn_stream *s, struct vn_vkGetPhysicalDeviceExternalBufferProperties *a) {
    (void)s;
    const struct physical_device *device = physical_device_from(a->physicalDevice_object);
    VkExternalMemoryProperties *out = &a->pExternalBufferProperties->externalMemoryProperties;
    VkExternalMemoryHandleTypeFlagBits type = a->pExternalBufferInfo->handleType;
    bool is_dma_buf = type == VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT;
    if (is_dma_buf && device->memory.emulates_dma_buf) {
        *out = memory_plan_get_dma_buf_properties(
            imports_buffer(device, a->physicalDevice, a->pExternalBufferInfo));
    } else if (is_dma_buf && device->memory.strategy == &memory_strategy_dma_buf) {
        device->vk->GetPhysicalDeviceExternalBufferProperties(
            a->physicalDevice, a->pExternalBufferInfo, a->pExternalBufferProperties);
    } else {
        /* A handle type is compatible with itself even where nothing can be done with it. */
        *out = (VkExternalMemoryProperties){.compatibleHandleTypes = type};
    }
}
