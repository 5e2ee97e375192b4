#include "selftest/gpu.h"

#include <stdlib.h>
#include <string.h>

#include "platform/platform.h"
#include "renderer/context.h"
#include "renderer/driver.h"
#include "renderer/extension_list.h"
#include "renderer/instance.h"
#include "renderer/storage.h"

#define WAIT_NS UINT64_C(10000000000)

bool gpu_open_library(struct selftest_result *out) {
    char reason[256];
    if (renderer_open_driver(reason, sizeof(reason))) {
        selftest_fail(out, "%s", reason);
        return false;
    }
    return true;
}

VkResult gpu_create_instance(bool with_portability, const char *const *extensions,
                             uint32_t extension_count, VkInstance *out) {
    const char *names[GPU_INSTANCE_EXTENSIONS_MAX + 1];
    uint32_t count = 0;
    if (extension_count > GPU_INSTANCE_EXTENSIONS_MAX) {
        return VK_ERROR_EXTENSION_NOT_PRESENT;
    }
    if (with_portability) {
        names[count++] = VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME;
    }
    for (uint32_t i = 0; i < extension_count; i++) {
        /* What the toolkit asks for, too. */
        if (strcmp(extensions[i], VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME) != 0) {
            names[count++] = extensions[i];
        }
    }
    VkApplicationInfo application = {
        .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
        .pApplicationName = "vesper selftest",
        .apiVersion = VK_API_VERSION_1_1,
    };
    if (instance_host_version() >= VK_API_VERSION_1_2) {
        application.apiVersion = VK_API_VERSION_1_2;
    }
    VkInstanceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
        .flags = with_portability ? VK_INSTANCE_CREATE_ENUMERATE_PORTABILITY_BIT_KHR : 0,
        .pApplicationInfo = &application,
        .enabledExtensionCount = count,
        .ppEnabledExtensionNames = names,
    };
    PFN_vkCreateInstance create =
        (PFN_vkCreateInstance)driver_get_entry()(NULL, "vkCreateInstance");
    return create ? create(&info, NULL, out) : VK_ERROR_INITIALIZATION_FAILED;
}

/* ---- the device ---------------------------------------------------------------------------- */

static bool find_device(struct gpu *gpu, struct selftest_result *out) {
    VkPhysicalDevice handles[16];
    uint32_t count = 16;
    const VkResult result = gpu->host.EnumeratePhysicalDevices(gpu->instance, &count, handles);
    if (result < 0 || count == 0) {
        selftest_fail(out, "vkEnumeratePhysicalDevices gives %d and %u devices", (int)result,
                      result < 0 ? 0 : count);
        return false;
    }
    gpu->physical = handles[0];
    gpu->host.GetPhysicalDeviceProperties(gpu->physical, &gpu->properties);
    gpu->host.GetPhysicalDeviceMemoryProperties(gpu->physical, &gpu->memory);
    return true;
}

static void ask_alignment(struct gpu *gpu) {
    VkPhysicalDeviceExternalMemoryHostPropertiesEXT host = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_MEMORY_HOST_PROPERTIES_EXT,
    };
    VkPhysicalDeviceProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
        .pNext = &host,
    };
    gpu->host.GetPhysicalDeviceProperties2(gpu->physical, &properties);
    gpu->alignment = host.minImportedHostPointerAlignment;
}

/* What the checks need, of what there is. */
static uint32_t choose_extensions(struct gpu *gpu, const char *names[4]) {
    uint32_t count = 0, kept = 0;
    gpu->host.EnumerateDeviceExtensionProperties(gpu->physical, NULL, &count, NULL);
    VkExtensionProperties *list = calloc(count + 1, sizeof(*list));
    if (list && gpu->host.EnumerateDeviceExtensionProperties(gpu->physical, NULL, &count, list) >=
                    VK_SUCCESS) {
        if (extension_list_has(list, count, "VK_KHR_portability_subset")) {
            gpu->has_portability_subset = true;
            names[kept++] = "VK_KHR_portability_subset";
        }
        if (extension_list_has(list, count, VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME)) {
            names[kept++] = VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME;
            ask_alignment(gpu);
        }
        if (extension_list_has(list, count, VK_KHR_TIMELINE_SEMAPHORE_EXTENSION_NAME)) {
            names[kept++] = VK_KHR_TIMELINE_SEMAPHORE_EXTENSION_NAME;
        }
    }
    free(list);
    return kept;
}

static bool create_device(struct gpu *gpu, struct selftest_result *out) {
    const char *names[4];
    const float priority = 1.0f;
    VkPhysicalDeviceTimelineSemaphoreFeatures timeline = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES,
    };
    VkPhysicalDeviceFeatures2 features = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
        .pNext = &timeline,
    };
    gpu->host.GetPhysicalDeviceFeatures2(gpu->physical, &features);
    VkDeviceQueueCreateInfo queue_info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
        .queueCount = 1,
        .pQueuePriorities = &priority,
    };
    VkDeviceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
        .pNext = timeline.timelineSemaphore ? &timeline : NULL,
        .queueCreateInfoCount = 1,
        .pQueueCreateInfos = &queue_info,
        .enabledExtensionCount = choose_extensions(gpu, names),
        .ppEnabledExtensionNames = names,
    };
    const VkResult result = gpu->host.CreateDevice(gpu->physical, &info, NULL, &gpu->device);
    if (result < 0) {
        selftest_fail(out, "vkCreateDevice of %s gives %d", gpu->properties.deviceName,
                      (int)result);
        return false;
    }
    vn_device_table_init(&gpu->vk, gpu->device, gpu->host.GetDeviceProcAddr);
    gpu->vk.GetDeviceQueue(gpu->device, 0, 0, &gpu->queue);
    return true;
}

bool gpu_open(struct gpu *gpu, struct selftest_result *out) {
    memset(gpu, 0, sizeof(*gpu));
    if (!gpu_open_library(out)) {
        return false;
    }
    VkResult result =
        gpu_create_instance(instance_host_lists_portability(), NULL, 0, &gpu->instance);
    if (result < 0) {
        selftest_fail(out, "vkCreateInstance gives %d", (int)result);
        return false;
    }
    vn_instance_table_init(&gpu->host, gpu->instance, driver_get_entry());
    if (!find_device(gpu, out) || !create_device(gpu, out)) {
        goto error_device;
    }
    const VkCommandPoolCreateInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO};
    result = gpu->vk.CreateCommandPool(gpu->device, &info, NULL, &gpu->pool);
    if (result < 0) {
        selftest_fail(out, "vkCreateCommandPool gives %d", (int)result);
        goto error_pool;
    }
    return true;

error_pool:
    gpu->vk.DestroyDevice(gpu->device, NULL);
error_device:
    gpu->host.DestroyInstance(gpu->instance, NULL);
    return false;
}

void gpu_close(struct gpu *gpu) {
    gpu->vk.DestroyCommandPool(gpu->device, gpu->pool, NULL);
    gpu->vk.DestroyDevice(gpu->device, NULL);
    gpu->host.DestroyInstance(gpu->instance, NULL);
}

bool gpu_open_importing(struct gpu *gpu, struct selftest_result *out) {
    if (!gpu_open(gpu, out)) {
        return false;
    }
    if (!gpu->alignment) {
        selftest_fail(out, "%s has no VK_EXT_external_memory_host", gpu->properties.deviceName);
    } else if (gpu->alignment & (gpu->alignment - 1)) {
        selftest_fail(out, "minImportedHostPointerAlignment is %llu, no power of two",
                      (unsigned long long)gpu->alignment);
    } else if (!gpu_import_types(gpu)) {
        selftest_fail(out, "no coherent memory type takes imported host pointers");
    } else {
        return true;
    }
    gpu_close(gpu);
    return false;
}

/* ---- imported memory ----------------------------------------------------------------------- */

uint32_t gpu_import_types(const struct gpu *gpu) {
    const VkMemoryPropertyFlags wanted =
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    VkMemoryHostPointerPropertiesEXT properties = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_HOST_POINTER_PROPERTIES_EXT,
    };
    struct storage *storage;
    void *pointer;
    if (!gpu->vk.GetMemoryHostPointerPropertiesEXT ||
        storage_create_shm("vesper-selftest", gpu->alignment, &storage)) {
        return 0;
    }
    if (storage_map_aligned(storage, gpu->alignment, &pointer) ||
        gpu->vk.GetMemoryHostPointerPropertiesEXT(
            gpu->device, VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT, pointer,
            &properties) < 0) {
        properties.memoryTypeBits = 0;
    }
    storage_unref(storage);
    uint32_t types = 0;
    for (uint32_t i = 0; i < gpu->memory.memoryTypeCount; i++) {
        const bool fits = (gpu->memory.memoryTypes[i].propertyFlags & wanted) == wanted;
        types |= fits ? properties.memoryTypeBits & (UINT32_C(1) << i) : 0;
    }
    return types;
}

static VkResult map_twice(const struct gpu *gpu, uint64_t size, struct gpu_memory *out) {
    void *first, *second;
    if (storage_create_shm("vesper-selftest", size, &out->storage)) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    out->size = storage_get_size(out->storage);
    if (storage_map_aligned(out->storage, gpu->alignment, &first) ||
        platform_map_shared(storage_get_fd(out->storage), out->size, &second)) {
        storage_unref(out->storage);
        out->storage = NULL;
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    out->imported = first;
    out->second = second;
    return VK_SUCCESS;
}

static VkResult allocate(const struct gpu *gpu, uint32_t type, uint64_t offset, uint64_t size,
                         struct gpu_memory *out) {
    const VkImportMemoryHostPointerInfoEXT import = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT,
        .handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT,
        .pHostPointer = out->imported + offset,
    };
    const VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .pNext = &import,
        .allocationSize = size,
        .memoryTypeIndex = type,
    };
    return gpu->vk.AllocateMemory(gpu->device, &info, NULL, &out->memory);
}

/* No VkExternalMemoryBufferCreateInfo, as in the renderer: MoltenVK has refused it. */
static VkResult bind_buffer(const struct gpu *gpu, uint32_t type, uint64_t size,
                            struct gpu_memory *out) {
    const VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .size = size,
        .usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT,
    };
    VkResult result = gpu->vk.CreateBuffer(gpu->device, &info, NULL, &out->buffer);
    if (result < 0) {
        return result;
    }
    VkMemoryRequirements needed;
    gpu->vk.GetBufferMemoryRequirements(gpu->device, out->buffer, &needed);
    if (!(needed.memoryTypeBits & (UINT32_C(1) << type)) || needed.size > size) {
        return VK_ERROR_FORMAT_NOT_SUPPORTED;
    }
    return gpu->vk.BindBufferMemory(gpu->device, out->buffer, out->memory, 0);
}

VkResult gpu_import(const struct gpu *gpu, uint32_t type, uint64_t offset, uint64_t size,
                    struct gpu_memory *out) {
    memset(out, 0, sizeof(*out));
    VkResult result = map_twice(gpu, offset + size + gpu->alignment, out);
    if (result >= 0) {
        result = allocate(gpu, type, offset, size, out);
    }
    if (result >= 0) {
        result = bind_buffer(gpu, type, size, out);
    }
    if (result < 0) {
        gpu_free(gpu, out);
    }
    return result;
}

void gpu_free(const struct gpu *gpu, struct gpu_memory *memory) {
    gpu->vk.DestroyBuffer(gpu->device, memory->buffer, NULL);
    if (memory->memory) {
        gpu->vk.FreeMemory(gpu->device, memory->memory, NULL);
    }
    if (memory->second) {
        platform_unmap(memory->second, memory->size);
    }
    storage_unref(memory->storage);
}

/* ---- commands ------------------------------------------------------------------------------ */

VkCommandBuffer gpu_begin(const struct gpu *gpu) {
    const VkCommandBufferAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = gpu->pool,
        .commandBufferCount = 1,
    };
    const VkCommandBufferBeginInfo begin = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
    };
    VkCommandBuffer commands;
    if (gpu->vk.AllocateCommandBuffers(gpu->device, &info, &commands) < 0 ||
        gpu->vk.BeginCommandBuffer(commands, &begin) < 0) {
        return VK_NULL_HANDLE;
    }
    return commands;
}

static VkResult submit(const struct gpu *gpu, VkCommandBuffer commands) {
    const VkFenceCreateInfo fence_info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    const VkSubmitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .commandBufferCount = 1,
        .pCommandBuffers = &commands,
    };
    VkFence fence;
    VkResult result = gpu->vk.CreateFence(gpu->device, &fence_info, NULL, &fence);
    if (result < 0) {
        return result;
    }
    result = gpu->vk.QueueSubmit(gpu->queue, 1, &info, fence);
    if (result >= 0) {
        result = gpu->vk.WaitForFences(gpu->device, 1, &fence, VK_TRUE, WAIT_NS);
    }
    gpu->vk.DestroyFence(gpu->device, fence, NULL);
    return result == VK_TIMEOUT ? VK_ERROR_DEVICE_LOST : result;
}

VkResult gpu_finish(const struct gpu *gpu, VkCommandBuffer commands) {
    const VkMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_HOST_READ_BIT,
    };
    gpu->vk.CmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_HOST_BIT,
                               0, 1, &barrier, 0, NULL, 0, NULL);
    const VkResult result = gpu->vk.EndCommandBuffer(commands);
    return result < 0 ? result : submit(gpu, commands);
}
