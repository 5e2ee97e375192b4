/* Questions about a physical device that the driver alone does not answer as the guest must see
 * it: versions, memory types, extensions. */
#include <string.h>

#include "renderer/extension_list.h"
#include "renderer/physical_device.h"
#include "renderer/version.h"
#include "venus_handlers.h"
#include "venus_tables.h"

void vn_handle_vkGetPhysicalDeviceProperties(struct vn_stream *s,
                                             struct vn_vkGetPhysicalDeviceProperties *a) {
    (void)s;
    *a->pProperties = physical_device_from(a->physicalDevice_object)->properties;
}

void vn_handle_vkGetPhysicalDeviceProperties2(struct vn_stream *s,
                                              struct vn_vkGetPhysicalDeviceProperties2 *a) {
    (void)s;
    const struct physical_device *device = physical_device_from(a->physicalDevice_object);
    device->vk->GetPhysicalDeviceProperties2(a->physicalDevice, a->pProperties);
    a->pProperties->properties.apiVersion = device->properties.apiVersion;
}

void vn_handle_vkGetPhysicalDeviceFeatures2(struct vn_stream *s,
                                            struct vn_vkGetPhysicalDeviceFeatures2 *a) {
    (void)s;
    const struct physical_device *device = physical_device_from(a->physicalDevice_object);
    device->vk->GetPhysicalDeviceFeatures2(a->physicalDevice, a->pFeatures);
}

void vn_handle_vkGetPhysicalDeviceMemoryProperties(
    struct vn_stream *s, struct vn_vkGetPhysicalDeviceMemoryProperties *a) {
    (void)s;
    *a->pMemoryProperties = physical_device_from(a->physicalDevice_object)->memory.visible;
}

void vn_handle_vkGetPhysicalDeviceMemoryProperties2(
    struct vn_stream *s, struct vn_vkGetPhysicalDeviceMemoryProperties2 *a) {
    (void)s;
    const struct physical_device *device = physical_device_from(a->physicalDevice_object);
    if (a->pMemoryProperties->pNext) {
        device->vk->GetPhysicalDeviceMemoryProperties2(a->physicalDevice, a->pMemoryProperties);
    }
    a->pMemoryProperties->memoryProperties = device->memory.visible;
}

void vn_handle_vkGetPhysicalDeviceQueueFamilyProperties(
    struct vn_stream *s, struct vn_vkGetPhysicalDeviceQueueFamilyProperties *a) {
    (void)s;
    const struct physical_device *device = physical_device_from(a->physicalDevice_object);
    uint32_t *count = a->pQueueFamilyPropertyCount;
    if (!a->pQueueFamilyProperties) {
        *count = device->queue_family_count;
        return;
    }
    if (*count > device->queue_family_count) {
        *count = device->queue_family_count;
    }
    memcpy(a->pQueueFamilyProperties, device->queue_families,
           *count * sizeof(*device->queue_families));
}

void vn_handle_vkGetPhysicalDeviceQueueFamilyProperties2(
    struct vn_stream *s, struct vn_vkGetPhysicalDeviceQueueFamilyProperties2 *a) {
    (void)s;
    const struct physical_device *device = physical_device_from(a->physicalDevice_object);
    uint32_t *count = a->pQueueFamilyPropertyCount;
    if (!a->pQueueFamilyProperties) {
        *count = device->queue_family_count;
        return;
    }
    if (*count > device->queue_family_count) {
        *count = device->queue_family_count;
    }
    device->vk->GetPhysicalDeviceQueueFamilyProperties2(a->physicalDevice, count,
                                                        a->pQueueFamilyProperties);
}

void vn_handle_vkEnumerateDeviceExtensionProperties(
    struct vn_stream *s, struct vn_vkEnumerateDeviceExtensionProperties *a) {
    (void)s;
    if (a->pLayerName) {
        a->ret = VK_ERROR_LAYER_NOT_PRESENT;
        *a->pPropertyCount = 0;
        return;
    }
    const struct physical_device *device = physical_device_from(a->physicalDevice_object);
    a->ret = extension_list_answer(device->extensions, device->extension_count, a->pPropertyCount,
                                   a->pProperties);
}
