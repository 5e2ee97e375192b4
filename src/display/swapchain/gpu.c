#include "display/swapchain/gpu.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEVICES_MAX 16
#define FAMILIES_MAX 16

/* ---- choosing ------------------------------------------------------------------------------ */

static bool presents(const struct screen_gpu *gpu, uint32_t family, VkSurfaceKHR surface) {
    VkBool32 supported = VK_FALSE;
    const VkResult result = gpu->instance->vk.GetPhysicalDeviceSurfaceSupportKHR(
        gpu->physical, family, surface, &supported);
    return !result && supported;
}

/* The family that draws and presents, and the one to present with: another queue of it where there
 * is one, else another family, else the same queue. */
static bool choose_queues(struct screen_gpu *gpu, VkSurfaceKHR surface, uint32_t *out_draw_queues) {
    VkQueueFamilyProperties families[FAMILIES_MAX];
    uint32_t count = FAMILIES_MAX;
    gpu->instance->vk.GetPhysicalDeviceQueueFamilyProperties(gpu->physical, &count, families);
    uint32_t draw = UINT32_MAX;
    for (uint32_t i = 0; i < count && draw == UINT32_MAX; i++) {
        if ((families[i].queueFlags & VK_QUEUE_GRAPHICS_BIT) && presents(gpu, i, surface)) {
            draw = i;
        }
    }
    if (draw == UINT32_MAX) {
        return false;
    }
    gpu->draw_family = gpu->present_family = draw;
    *out_draw_queues = families[draw].queueCount > 1 ? 2 : 1;
    for (uint32_t i = 0; i < count && *out_draw_queues == 1; i++) {
        if (i != draw && presents(gpu, i, surface)) {
            gpu->present_family = i;
            break;
        }
    }
    return true;
}

struct wanted {
    const char *names[4];
    uint32_t count;
    bool imports;
};

static bool take_extensions(const struct screen_gpu *gpu, struct wanted *out) {
    static const char *const optional[] = {VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME,
                                           "VK_KHR_portability_subset",
                                           VK_EXT_HDR_METADATA_EXTENSION_NAME};
    uint32_t count = 0;
    *out = (struct wanted){0};
    gpu->instance->vk.EnumerateDeviceExtensionProperties(gpu->physical, NULL, &count, NULL);
    VkExtensionProperties *list = calloc(count + 1, sizeof(*list));
    if (!list || gpu->instance->vk.EnumerateDeviceExtensionProperties(gpu->physical, NULL, &count,
                                                                      list) < VK_SUCCESS) {
        count = 0;
    }
    bool has_swapchain = false;
    for (uint32_t i = 0; i < count; i++) {
        has_swapchain |= strcmp(list[i].extensionName, VK_KHR_SWAPCHAIN_EXTENSION_NAME) == 0;
        for (int j = 0; j < 3; j++) {
            if (strcmp(list[i].extensionName, optional[j]) == 0) {
                out->names[out->count++] = optional[j];
                out->imports |= j == 0;
            }
        }
    }
    out->names[out->count++] = VK_KHR_SWAPCHAIN_EXTENSION_NAME;
    free(list);
    return has_swapchain;
}

/* ---- opening ------------------------------------------------------------------------------- */

static void read_properties(struct screen_gpu *gpu, bool imports) {
    VkPhysicalDeviceExternalMemoryHostPropertiesEXT host = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_MEMORY_HOST_PROPERTIES_EXT};
    VkPhysicalDeviceProperties2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                       .pNext = imports ? &host : NULL};
    gpu->instance->vk.GetPhysicalDeviceProperties2(gpu->physical, &all);
    gpu->import_alignment = imports ? host.minImportedHostPointerAlignment : 0;
    gpu->range_max = all.properties.limits.maxStorageBufferRange;
    gpu->range_alignment = all.properties.limits.minStorageBufferOffsetAlignment;
    gpu->wait_ns = all.properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU
                       ? SCREEN_PROCESSOR_WAIT_NS
                       : SCREEN_GPU_WAIT_NS;
    snprintf(gpu->name, sizeof(gpu->name), "%s", all.properties.deviceName);
    gpu->instance->vk.GetPhysicalDeviceMemoryProperties(gpu->physical, &gpu->memory);
}

static void take_functions(struct screen_gpu *gpu) {
    PFN_vkGetDeviceProcAddr get = gpu->instance->vk.GetDeviceProcAddr;
#define TAKE(name) gpu->vk.name = (PFN_vk##name)get(gpu->device, "vk" #name);
    SCREEN_DEVICE_FUNCTIONS(TAKE)
#undef TAKE
    gpu->get_host_pointer_properties = (PFN_vkGetMemoryHostPointerPropertiesEXT)get(
        gpu->device, "vkGetMemoryHostPointerPropertiesEXT");
    gpu->set_hdr_metadata = (PFN_vkSetHdrMetadataEXT)get(gpu->device, "vkSetHdrMetadataEXT");
}

static bool open_physical(struct screen_gpu *gpu, VkSurfaceKHR surface) {
    struct wanted wanted;
    uint32_t draw_queues;
    if (!take_extensions(gpu, &wanted) || !choose_queues(gpu, surface, &draw_queues)) {
        return false;
    }
    const float priorities[2] = {1, 1};
    const VkDeviceQueueCreateInfo queues[2] = {{.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                                .queueFamilyIndex = gpu->draw_family,
                                                .queueCount = draw_queues,
                                                .pQueuePriorities = priorities},
                                               {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                                .queueFamilyIndex = gpu->present_family,
                                                .queueCount = 1,
                                                .pQueuePriorities = priorities}};
    const VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                     .queueCreateInfoCount =
                                         gpu->present_family == gpu->draw_family ? 1 : 2,
                                     .pQueueCreateInfos = queues,
                                     .enabledExtensionCount = wanted.count,
                                     .ppEnabledExtensionNames = wanted.names};
    if (gpu->instance->vk.CreateDevice(gpu->physical, &info, NULL, &gpu->device)) {
        gpu->device = NULL;
        return false;
    }
    take_functions(gpu);
    read_properties(gpu, wanted.imports && gpu->get_host_pointer_properties);
    gpu->vk.GetDeviceQueue(gpu->device, gpu->draw_family, 0, &gpu->draw_queue);
    const bool other_family = gpu->present_family != gpu->draw_family;
    gpu->vk.GetDeviceQueue(gpu->device, gpu->present_family, other_family ? 0 : draw_queues - 1,
                           &gpu->present_queue);
    return true;
}

static bool is_processor(const struct screen_instance *instance, VkPhysicalDevice physical) {
    VkPhysicalDeviceProperties2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
    instance->vk.GetPhysicalDeviceProperties2(physical, &all);
    return all.properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU;
}

bool screen_instance_has_gpu(const struct screen_instance *instance) {
    VkPhysicalDevice devices[DEVICES_MAX];
    uint32_t count = DEVICES_MAX;
    if (instance->vk.EnumeratePhysicalDevices(instance->handle, &count, devices) < VK_SUCCESS) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!is_processor(instance, devices[i])) {
            return true;
        }
    }
    return false;
}

int screen_gpu_open(const struct screen_instance *instance, VkSurfaceKHR surface,
                    struct screen_gpu *out, char *reason, size_t reason_size) {
    VkPhysicalDevice devices[DEVICES_MAX];
    uint32_t count = DEVICES_MAX;
    *out = (struct screen_gpu){.instance = instance};
    if (instance->vk.EnumeratePhysicalDevices(instance->handle, &count, devices) < VK_SUCCESS) {
        count = 0;
    }
    for (uint32_t i = 0; i < 2 * count && !out->device; i++) {
        out->physical = devices[i % count];
        if (is_processor(instance, out->physical) == (i >= count)) {
            open_physical(out, surface);
        }
    }
    if (!out->device) {
        snprintf(reason, reason_size, "none of %u Vulkan devices draws on this window", count);
        return -ENODEV;
    }
    int error = pthread_mutex_init(&out->queue_mutex, NULL);
    if (error) {
        snprintf(reason, reason_size, "there is no memory");
        out->vk.DestroyDevice(out->device, NULL);
        out->device = NULL;
        return -ENODEV;
    }
    return 0;
}

void screen_gpu_rest(struct screen_gpu *gpu) {
    pthread_mutex_lock(&gpu->queue_mutex);
    (void)gpu->vk.DeviceWaitIdle(gpu->device); /* a lost device rests, too */
    pthread_mutex_unlock(&gpu->queue_mutex);
}

void screen_gpu_close(struct screen_gpu *gpu) {
    if (gpu->device) {
        gpu->vk.DestroyDevice(gpu->device, NULL);
        pthread_mutex_destroy(&gpu->queue_mutex);
    }
    *gpu = (struct screen_gpu){0};
}

/* ---- use ----------------------------------------------------------------------------------- */

VkResult screen_gpu_submit(struct screen_gpu *gpu, VkCommandBuffer commands, VkFence fence) {
    const VkSubmitInfo submit = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                                 .commandBufferCount = 1,
                                 .pCommandBuffers = &commands};
    const bool shared = gpu->draw_queue == gpu->present_queue;
    if (shared && pthread_mutex_trylock(&gpu->queue_mutex)) {
        return VK_NOT_READY;
    }
    const VkResult result = gpu->vk.QueueSubmit(gpu->draw_queue, 1, &submit, fence);
    if (shared) {
        pthread_mutex_unlock(&gpu->queue_mutex);
    }
    return result;
}

uint32_t screen_gpu_find_memory(const struct screen_gpu *gpu, uint32_t types,
                                VkMemoryPropertyFlags wanted) {
    for (uint32_t i = 0; i < gpu->memory.memoryTypeCount; i++) {
        if ((types & 1u << i) && (gpu->memory.memoryTypes[i].propertyFlags & wanted) == wanted) {
            return i;
        }
    }
    return UINT32_MAX;
}
