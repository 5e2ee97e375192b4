/* The commands of the null driver whose results a renderer depends on. */

#include <stdbool.h>
#include <string.h>

#include "venus_null_driver.h"

#define NULL_API_VERSION VK_MAKE_API_VERSION(0, 1, 4, 0)
#define QUEUE_COUNT 2
/* Type 0 is visible to the host, type 1 is not. */
#define HOST_TYPE_BITS 1u
#define ALL_TYPE_BITS 3u
#define HOST_POINTER_ALIGNMENT 4096

/* ---- the physical device --------------------------------------------------------------- */

static const VkExtensionProperties extensions[] = {
    {VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME, VK_EXT_EXTERNAL_MEMORY_HOST_SPEC_VERSION},
    {VK_KHR_EXTERNAL_FENCE_FD_EXTENSION_NAME, VK_KHR_EXTERNAL_FENCE_FD_SPEC_VERSION},
    {VK_KHR_EXTERNAL_SEMAPHORE_FD_EXTENSION_NAME, VK_KHR_EXTERNAL_SEMAPHORE_FD_SPEC_VERSION},
    {VK_KHR_PUSH_DESCRIPTOR_EXTENSION_NAME, VK_KHR_PUSH_DESCRIPTOR_SPEC_VERSION},
    {VK_EXT_MULTI_DRAW_EXTENSION_NAME, VK_EXT_MULTI_DRAW_SPEC_VERSION},
};
#define EXTENSION_COUNT (sizeof(extensions) / sizeof(extensions[0]))

/* How many of `available` elements a two-call enumeration copies. */
static uint32_t enumerate(uint32_t *count, const void *array, uint32_t available) {
    if (!array || *count > available) {
        *count = available;
    }
    return array ? *count : 0;
}

VKAPI_ATTR VkResult VKAPI_CALL vn_null_EnumerateInstanceVersion(uint32_t *pApiVersion) {
    *pApiVersion = NULL_API_VERSION;
    return VK_SUCCESS;
}

static VkPhysicalDevice the_physical_device(void) {
    return (VkPhysicalDevice)(uintptr_t)0x10000001;
}

VKAPI_ATTR VkResult VKAPI_CALL vn_null_EnumeratePhysicalDevices(
    VkInstance instance, uint32_t *pPhysicalDeviceCount, VkPhysicalDevice *pPhysicalDevices) {
    (void)instance;
    uint32_t asked = *pPhysicalDeviceCount;
    if (enumerate(pPhysicalDeviceCount, pPhysicalDevices, 1)) {
        pPhysicalDevices[0] = the_physical_device();
    }
    return pPhysicalDevices && asked < 1 ? VK_INCOMPLETE : VK_SUCCESS;
}

VKAPI_ATTR VkResult VKAPI_CALL vn_null_EnumeratePhysicalDeviceGroups(
    VkInstance instance, uint32_t *pPhysicalDeviceGroupCount,
    VkPhysicalDeviceGroupProperties *pPhysicalDeviceGroupProperties) {
    (void)instance;
    uint32_t asked = *pPhysicalDeviceGroupCount;
    if (enumerate(pPhysicalDeviceGroupCount, pPhysicalDeviceGroupProperties, 1)) {
        pPhysicalDeviceGroupProperties[0].physicalDeviceCount = 1;
        pPhysicalDeviceGroupProperties[0].physicalDevices[0] = the_physical_device();
        pPhysicalDeviceGroupProperties[0].subsetAllocation = VK_FALSE;
    }
    return pPhysicalDeviceGroupProperties && asked < 1 ? VK_INCOMPLETE : VK_SUCCESS;
}

VKAPI_ATTR VkResult VKAPI_CALL vn_null_EnumerateDeviceExtensionProperties(
    VkPhysicalDevice physicalDevice, const char *pLayerName, uint32_t *pPropertyCount,
    VkExtensionProperties *pProperties) {
    (void)physicalDevice, (void)pLayerName;
    uint32_t asked = *pPropertyCount;
    uint32_t copied = enumerate(pPropertyCount, pProperties, EXTENSION_COUNT);
    if (copied) {
        memcpy(pProperties, extensions, copied * sizeof(extensions[0]));
    }
    return pProperties && asked < EXTENSION_COUNT ? VK_INCOMPLETE : VK_SUCCESS;
}

VKAPI_ATTR void VKAPI_CALL vn_null_GetPhysicalDeviceProperties(
    VkPhysicalDevice physicalDevice, VkPhysicalDeviceProperties *pProperties) {
    (void)physicalDevice;
    *pProperties = (VkPhysicalDeviceProperties){
        .apiVersion = NULL_API_VERSION,
        .driverVersion = 1,
        .deviceType = VK_PHYSICAL_DEVICE_TYPE_CPU,
        .deviceName = "null",
        .limits =
            {
                .maxImageDimension2D = 4096,
                .maxBoundDescriptorSets = 8,
                .maxPushConstantsSize = 256,
                .maxMemoryAllocationCount = UINT32_MAX,
                .minMemoryMapAlignment = 64,
                .nonCoherentAtomSize = 64,
                .bufferImageGranularity = 64,
            },
    };
}

VKAPI_ATTR void VKAPI_CALL vn_null_GetPhysicalDeviceProperties2(
    VkPhysicalDevice physicalDevice, VkPhysicalDeviceProperties2 *pProperties) {
    vn_null_GetPhysicalDeviceProperties(physicalDevice, &pProperties->properties);
    for (VkBaseOutStructure *out = pProperties->pNext; out; out = out->pNext) {
        if (out->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_MEMORY_HOST_PROPERTIES_EXT) {
            ((VkPhysicalDeviceExternalMemoryHostPropertiesEXT *)out)
                ->minImportedHostPointerAlignment = HOST_POINTER_ALIGNMENT;
        }
    }
}

VKAPI_ATTR void VKAPI_CALL vn_null_GetPhysicalDeviceFeatures2(
    VkPhysicalDevice physicalDevice, VkPhysicalDeviceFeatures2 *pFeatures) {
    (void)physicalDevice;
    for (VkBaseOutStructure *out = (VkBaseOutStructure *)pFeatures; out; out = out->pNext) {
        if (out->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES) {
            ((VkPhysicalDeviceTimelineSemaphoreFeatures *)out)->timelineSemaphore = VK_TRUE;
        } else if (out->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES) {
            ((VkPhysicalDeviceVulkan12Features *)out)->timelineSemaphore = VK_TRUE;
        } else if (out->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES) {
            ((VkPhysicalDeviceVulkan13Features *)out)->synchronization2 = VK_TRUE;
        }
    }
}

VKAPI_ATTR void VKAPI_CALL vn_null_GetPhysicalDeviceMemoryProperties(
    VkPhysicalDevice physicalDevice, VkPhysicalDeviceMemoryProperties *pMemoryProperties) {
    (void)physicalDevice;
    *pMemoryProperties = (VkPhysicalDeviceMemoryProperties){
        .memoryTypeCount = 2,
        .memoryTypes = {{VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
                             VK_MEMORY_PROPERTY_HOST_COHERENT_BIT |
                             VK_MEMORY_PROPERTY_HOST_CACHED_BIT,
                         0},
                        {VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, 0}},
        .memoryHeapCount = 1,
        .memoryHeaps = {{(VkDeviceSize)1 << 30, VK_MEMORY_HEAP_DEVICE_LOCAL_BIT}},
    };
}

VKAPI_ATTR void VKAPI_CALL vn_null_GetPhysicalDeviceMemoryProperties2(
    VkPhysicalDevice physicalDevice, VkPhysicalDeviceMemoryProperties2 *pMemoryProperties) {
    vn_null_GetPhysicalDeviceMemoryProperties(physicalDevice, &pMemoryProperties->memoryProperties);
}

static const VkQueueFamilyProperties queue_family = {
    .queueFlags = VK_QUEUE_GRAPHICS_BIT | VK_QUEUE_COMPUTE_BIT | VK_QUEUE_TRANSFER_BIT |
                  VK_QUEUE_SPARSE_BINDING_BIT,
    .queueCount = QUEUE_COUNT,
    .timestampValidBits = 64,
    .minImageTransferGranularity = {1, 1, 1},
};

VKAPI_ATTR void VKAPI_CALL vn_null_GetPhysicalDeviceQueueFamilyProperties(
    VkPhysicalDevice physicalDevice, uint32_t *pQueueFamilyPropertyCount,
    VkQueueFamilyProperties *pQueueFamilyProperties) {
    (void)physicalDevice;
    if (enumerate(pQueueFamilyPropertyCount, pQueueFamilyProperties, 1)) {
        pQueueFamilyProperties[0] = queue_family;
    }
}

VKAPI_ATTR void VKAPI_CALL vn_null_GetPhysicalDeviceQueueFamilyProperties2(
    VkPhysicalDevice physicalDevice, uint32_t *pQueueFamilyPropertyCount,
    VkQueueFamilyProperties2 *pQueueFamilyProperties) {
    (void)physicalDevice;
    if (enumerate(pQueueFamilyPropertyCount, pQueueFamilyProperties, 1)) {
        pQueueFamilyProperties[0].queueFamilyProperties = queue_family;
    }
}

VKAPI_ATTR void VKAPI_CALL vn_null_GetPhysicalDeviceFormatProperties2(
    VkPhysicalDevice physicalDevice, VkFormat format, VkFormatProperties2 *pFormatProperties) {
    (void)physicalDevice, (void)format;
    const VkFormatFeatureFlags features =
        VK_FORMAT_FEATURE_SAMPLED_IMAGE_BIT | VK_FORMAT_FEATURE_COLOR_ATTACHMENT_BIT;
    pFormatProperties->formatProperties = (VkFormatProperties){features, features, 0};
}

VKAPI_ATTR VkResult VKAPI_CALL vn_null_GetPhysicalDeviceImageFormatProperties(
    VkPhysicalDevice physicalDevice, VkFormat format, VkImageType type, VkImageTiling tiling,
    VkImageUsageFlags usage, VkImageCreateFlags flags,
    VkImageFormatProperties *pImageFormatProperties) {
    (void)physicalDevice, (void)format, (void)type, (void)tiling, (void)usage, (void)flags;
    *pImageFormatProperties = (VkImageFormatProperties){
        {4096, 4096, 1}, 13, 256, VK_SAMPLE_COUNT_1_BIT, (VkDeviceSize)1 << 30};
    return VK_SUCCESS;
}

static const VkExternalMemoryProperties host_pointer = {
    .externalMemoryFeatures = VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT,
    .compatibleHandleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT,
};

/* LINEAR images can be bound to host pointers. */
static void fill_external(const VkPhysicalDeviceImageFormatInfo2 *info,
                          VkImageFormatProperties2 *properties) {
    bool is_host_pointer = false;
    for (const VkBaseInStructure *in = info->pNext; in; in = in->pNext) {
        if (in->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO) {
            is_host_pointer = ((const VkPhysicalDeviceExternalImageFormatInfo *)in)->handleType ==
                              VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT;
        }
    }
    for (VkBaseOutStructure *out = properties->pNext; out; out = out->pNext) {
        if (out->sType == VK_STRUCTURE_TYPE_EXTERNAL_IMAGE_FORMAT_PROPERTIES && is_host_pointer &&
            info->tiling == VK_IMAGE_TILING_LINEAR) {
            ((VkExternalImageFormatProperties *)out)->externalMemoryProperties = host_pointer;
        }
    }
}

VKAPI_ATTR VkResult VKAPI_CALL vn_null_GetPhysicalDeviceImageFormatProperties2(
    VkPhysicalDevice physicalDevice, const VkPhysicalDeviceImageFormatInfo2 *pImageFormatInfo,
    VkImageFormatProperties2 *pImageFormatProperties) {
    fill_external(pImageFormatInfo, pImageFormatProperties);
    return vn_null_GetPhysicalDeviceImageFormatProperties(
        physicalDevice, pImageFormatInfo->format, pImageFormatInfo->type, pImageFormatInfo->tiling,
        pImageFormatInfo->usage, pImageFormatInfo->flags,
        &pImageFormatProperties->imageFormatProperties);
}

VKAPI_ATTR void VKAPI_CALL vn_null_GetPhysicalDeviceExternalBufferProperties(
    VkPhysicalDevice physicalDevice, const VkPhysicalDeviceExternalBufferInfo *pExternalBufferInfo,
    VkExternalBufferProperties *pExternalBufferProperties) {
    (void)physicalDevice;
    if (pExternalBufferInfo->handleType == VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT) {
        pExternalBufferProperties->externalMemoryProperties = host_pointer;
    }
}

/* ---- the device ------------------------------------------------------------------------ */

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL vn_null_GetDeviceProcAddr(VkDevice device,
                                                                   const char *pName) {
    (void)device;
    return vn_null_get_instance_proc_addr(VK_NULL_HANDLE, pName);
}

VKAPI_ATTR void VKAPI_CALL vn_null_GetDeviceQueue(VkDevice device, uint32_t queueFamilyIndex,
                                                  uint32_t queueIndex, VkQueue *pQueue) {
    (void)queueFamilyIndex;
    /* The same queue of the same device has the same handle. */
    *pQueue = (VkQueue)(uintptr_t)((uint64_t)(uintptr_t)device + 1 + queueIndex);
}

VKAPI_ATTR void VKAPI_CALL vn_null_GetDeviceQueue2(VkDevice device,
                                                   const VkDeviceQueueInfo2 *pQueueInfo,
                                                   VkQueue *pQueue) {
    vn_null_GetDeviceQueue(device, pQueueInfo->queueFamilyIndex, pQueueInfo->queueIndex, pQueue);
}

/* ---- memory ---------------------------------------------------------------------------- */

VKAPI_ATTR VkResult VKAPI_CALL vn_null_MapMemory(VkDevice device, VkDeviceMemory memory,
                                                 VkDeviceSize offset, VkDeviceSize size,
                                                 VkMemoryMapFlags flags, void **ppData) {
    (void)device, (void)memory, (void)offset, (void)size, (void)flags;
    *ppData = NULL;
    return VK_ERROR_MEMORY_MAP_FAILED;
}

VKAPI_ATTR VkResult VKAPI_CALL vn_null_GetMemoryHostPointerPropertiesEXT(
    VkDevice device, VkExternalMemoryHandleTypeFlagBits handleType, const void *pHostPointer,
    VkMemoryHostPointerPropertiesEXT *pMemoryHostPointerProperties) {
    (void)device, (void)handleType, (void)pHostPointer;
    pMemoryHostPointerProperties->memoryTypeBits = HOST_TYPE_BITS;
    return VK_SUCCESS;
}

VKAPI_ATTR VkResult VKAPI_CALL vn_null_GetMemoryFdKHR(VkDevice device,
                                                      const VkMemoryGetFdInfoKHR *pGetFdInfo,
                                                      int *pFd) {
    (void)device, (void)pGetFdInfo;
    *pFd = -1;
    return VK_ERROR_TOO_MANY_OBJECTS;
}

static const VkMemoryRequirements requirements = {
    .size = 4096, .alignment = 64, .memoryTypeBits = ALL_TYPE_BITS};

VKAPI_ATTR void VKAPI_CALL vn_null_GetBufferMemoryRequirements(
    VkDevice device, VkBuffer buffer, VkMemoryRequirements *pMemoryRequirements) {
    (void)device, (void)buffer;
    *pMemoryRequirements = requirements;
}

VKAPI_ATTR void VKAPI_CALL vn_null_GetImageMemoryRequirements(
    VkDevice device, VkImage image, VkMemoryRequirements *pMemoryRequirements) {
    (void)device, (void)image;
    *pMemoryRequirements = requirements;
}

VKAPI_ATTR void VKAPI_CALL
vn_null_GetBufferMemoryRequirements2(VkDevice device, const VkBufferMemoryRequirementsInfo2 *pInfo,
                                     VkMemoryRequirements2 *pMemoryRequirements) {
    (void)device, (void)pInfo;
    pMemoryRequirements->memoryRequirements = requirements;
}

VKAPI_ATTR void VKAPI_CALL
vn_null_GetImageMemoryRequirements2(VkDevice device, const VkImageMemoryRequirementsInfo2 *pInfo,
                                    VkMemoryRequirements2 *pMemoryRequirements) {
    (void)device, (void)pInfo;
    pMemoryRequirements->memoryRequirements = requirements;
}

VKAPI_ATTR void VKAPI_CALL vn_null_GetDeviceBufferMemoryRequirements(
    VkDevice device, const VkDeviceBufferMemoryRequirements *pInfo,
    VkMemoryRequirements2 *pMemoryRequirements) {
    (void)device, (void)pInfo;
    pMemoryRequirements->memoryRequirements = requirements;
}

VKAPI_ATTR void VKAPI_CALL vn_null_GetDeviceImageMemoryRequirements(
    VkDevice device, const VkDeviceImageMemoryRequirements *pInfo,
    VkMemoryRequirements2 *pMemoryRequirements) {
    (void)device, (void)pInfo;
    pMemoryRequirements->memoryRequirements = requirements;
}

/* ---- synchronization: everything has happened already ----------------------------------- */

VKAPI_ATTR VkResult VKAPI_CALL vn_null_GetSemaphoreCounterValue(VkDevice device,
                                                                VkSemaphore semaphore,
                                                                uint64_t *pValue) {
    (void)device, (void)semaphore;
    *pValue = UINT64_MAX;
    return VK_SUCCESS;
}

VKAPI_ATTR VkResult VKAPI_CALL vn_null_GetEventStatus(VkDevice device, VkEvent event) {
    (void)device, (void)event;
    return VK_EVENT_SET;
}

/* -1 stands for a payload that has been signalled. */
VKAPI_ATTR VkResult VKAPI_CALL vn_null_GetFenceFdKHR(VkDevice device,
                                                     const VkFenceGetFdInfoKHR *pGetFdInfo,
                                                     int *pFd) {
    (void)device, (void)pGetFdInfo;
    *pFd = -1;
    return VK_SUCCESS;
}

VKAPI_ATTR VkResult VKAPI_CALL vn_null_GetSemaphoreFdKHR(VkDevice device,
                                                         const VkSemaphoreGetFdInfoKHR *pGetFdInfo,
                                                         int *pFd) {
    (void)device, (void)pGetFdInfo;
    *pFd = -1;
    return VK_SUCCESS;
}
