/* Calls that need no change to be a Mac's: they fail where a test asks for it, and are counted. */
#include <string.h>

#include "layer.h"

/* The name of a function in words, its parameters, and what they are for the driver. */
#define DEVICE_CALL(name, parameters, ...)                                                         \
    static VKAPI_ATTR VkResult VKAPI_CALL layer_##name parameters {                                \
        VkResult trouble;                                                                          \
        return trouble_comes("vk" #name, &trouble)                                                 \
                   ? trouble                                                                       \
                   : trouble_add(trouble, below_device_of(device)->name(__VA_ARGS__));             \
    }

#define PHYSICAL_CALL(name, parameters, ...)                                                       \
    static VKAPI_ATTR VkResult VKAPI_CALL layer_##name parameters {                                \
        VkResult trouble;                                                                          \
        return trouble_comes("vk" #name, &trouble)                                                 \
                   ? trouble                                                                       \
                   : trouble_add(trouble, below_instance_of(physical)->name(__VA_ARGS__));         \
    }

/* ---- instances and physical devices ---------------------------------------------------------- */

PHYSICAL_CALL(EnumeratePhysicalDevices,
              (VkInstance physical, uint32_t *count, VkPhysicalDevice *out), physical, count, out)
PHYSICAL_CALL(EnumerateDeviceExtensionProperties,
              (VkPhysicalDevice physical, const char *layer, uint32_t *count,
               VkExtensionProperties *out),
              physical, layer, count, out)
PHYSICAL_CALL(GetPhysicalDeviceSurfaceSupportKHR,
              (VkPhysicalDevice physical, uint32_t family, VkSurfaceKHR surface, VkBool32 *out),
              physical, family, surface, out)
PHYSICAL_CALL(GetPhysicalDeviceSurfaceCapabilitiesKHR,
              (VkPhysicalDevice physical, VkSurfaceKHR surface, VkSurfaceCapabilitiesKHR *out),
              physical, surface, out)
PHYSICAL_CALL(GetPhysicalDeviceSurfaceFormatsKHR,
              (VkPhysicalDevice physical, VkSurfaceKHR surface, uint32_t *count,
               VkSurfaceFormatKHR *out),
              physical, surface, count, out)
PHYSICAL_CALL(GetPhysicalDeviceSurfacePresentModesKHR,
              (VkPhysicalDevice physical, VkSurfaceKHR surface, uint32_t *count,
               VkPresentModeKHR *out),
              physical, surface, count, out)

static VKAPI_ATTR VkResult VKAPI_CALL
layer_CreateHeadlessSurfaceEXT(VkInstance instance, const VkHeadlessSurfaceCreateInfoEXT *info,
                               const VkAllocationCallbacks *allocator, VkSurfaceKHR *out) {
    struct below_instance *below = below_instance_of(instance);
    VkResult result;
    if (trouble_comes("vkCreateHeadlessSurfaceEXT", &result)) {
        return result;
    }
    result = below->CreateHeadlessSurfaceEXT(instance, info, allocator, out);
    counts_add_surface(below, result == VK_SUCCESS);
    return result;
}

static VKAPI_ATTR void VKAPI_CALL layer_DestroySurfaceKHR(VkInstance instance, VkSurfaceKHR surface,
                                                          const VkAllocationCallbacks *allocator) {
    struct below_instance *below = below_instance_of(instance);
    counts_add_surface(below, surface ? -1 : 0);
    below->DestroySurfaceKHR(instance, surface, allocator);
}

/* ---- objects --------------------------------------------------------------------------------- */

#define OBJECT(kind)                                                                               \
    static VKAPI_ATTR VkResult VKAPI_CALL layer_Create##kind(                                      \
        VkDevice device, const Vk##kind##CreateInfo *info, const VkAllocationCallbacks *allocator, \
        Vk##kind *out) {                                                                           \
        struct below_device *below = below_device_of(device);                                      \
        VkResult result;                                                                           \
        if (trouble_comes("vkCreate" #kind, &result)) {                                            \
            return result;                                                                         \
        }                                                                                          \
        result = below->Create##kind(device, info, allocator, out);                                \
        counts_add_object(below, OBJECT_##kind, result == VK_SUCCESS);                             \
        return result;                                                                             \
    }                                                                                              \
    static VKAPI_ATTR void VKAPI_CALL layer_Destroy##kind(                                         \
        VkDevice device, Vk##kind object, const VkAllocationCallbacks *allocator) {                \
        struct below_device *below = below_device_of(device);                                      \
        counts_add_object(below, OBJECT_##kind, object ? -1 : 0);                                  \
        below->Destroy##kind(device, object, allocator);                                           \
    }

LAYER_OBJECTS(OBJECT)

static VKAPI_ATTR VkResult VKAPI_CALL
layer_CreateGraphicsPipelines(VkDevice device, VkPipelineCache cache, uint32_t count,
                              const VkGraphicsPipelineCreateInfo *infos,
                              const VkAllocationCallbacks *allocator, VkPipeline *out) {
    struct below_device *below = below_device_of(device);
    VkResult result;
    if (trouble_comes("vkCreateGraphicsPipelines", &result)) {
        memset(out, 0, count * sizeof(*out)); /* as the specification has it */
        return result;
    }
    result = below->CreateGraphicsPipelines(device, cache, count, infos, allocator, out);
    for (uint32_t i = 0; i < count; i++) {
        counts_add_object(below, OBJECT_Pipeline, out[i] != VK_NULL_HANDLE);
    }
    return result;
}

static VKAPI_ATTR void VKAPI_CALL layer_DestroyPipeline(VkDevice device, VkPipeline pipeline,
                                                        const VkAllocationCallbacks *allocator) {
    struct below_device *below = below_device_of(device);
    counts_add_object(below, OBJECT_Pipeline, pipeline ? -1 : 0);
    below->DestroyPipeline(device, pipeline, allocator);
}

DEVICE_CALL(AllocateCommandBuffers,
            (VkDevice device, const VkCommandBufferAllocateInfo *info, VkCommandBuffer *out),
            device, info, out)
DEVICE_CALL(AllocateDescriptorSets,
            (VkDevice device, const VkDescriptorSetAllocateInfo *info, VkDescriptorSet *out),
            device, info, out)

/* ---- memory ---------------------------------------------------------------------------------- */

static VKAPI_ATTR VkResult VKAPI_CALL layer_AllocateMemory(VkDevice device,
                                                           const VkMemoryAllocateInfo *info,
                                                           const VkAllocationCallbacks *allocator,
                                                           VkDeviceMemory *out) {
    struct below_device *below = below_device_of(device);
    VkResult result;
    if (trouble_comes("vkAllocateMemory", &result)) {
        return result;
    }
    result = below->AllocateMemory(device, info, allocator, out);
    if (result == VK_SUCCESS) {
        counts_add_object(below, OBJECT_Memory, 1);
        below_note((uint64_t)(uintptr_t)*out, (uint32_t)info->allocationSize); /* for vkMapMemory */
    }
    return result;
}

static VKAPI_ATTR void VKAPI_CALL layer_FreeMemory(VkDevice device, VkDeviceMemory memory,
                                                   const VkAllocationCallbacks *allocator) {
    struct below_device *below = below_device_of(device);
    counts_add_object(below, OBJECT_Memory, memory ? -1 : 0);
    counts_unmap(memory);
    below_note((uint64_t)(uintptr_t)memory, 0);
    below->FreeMemory(device, memory, allocator);
}

static VKAPI_ATTR VkResult VKAPI_CALL layer_MapMemory(VkDevice device, VkDeviceMemory memory,
                                                      VkDeviceSize offset, VkDeviceSize size,
                                                      VkMemoryMapFlags flags, void **out) {
    VkResult result;
    if (trouble_comes("vkMapMemory", &result)) {
        return result;
    }
    result = below_device_of(device)->MapMemory(device, memory, offset, size, flags, out);
    if (result == VK_SUCCESS) {
        const uint64_t all = below_look_up((uint64_t)(uintptr_t)memory);
        *out = counts_map(memory, size == VK_WHOLE_SIZE ? all - offset : size, *out);
    }
    return result;
}

static VKAPI_ATTR void VKAPI_CALL layer_UnmapMemory(VkDevice device, VkDeviceMemory memory) {
    counts_unmap(memory);
    below_device_of(device)->UnmapMemory(device, memory);
}

DEVICE_CALL(BindBufferMemory,
            (VkDevice device, VkBuffer buffer, VkDeviceMemory memory, VkDeviceSize offset), device,
            buffer, memory, offset)
DEVICE_CALL(GetMemoryHostPointerPropertiesEXT,
            (VkDevice device, VkExternalMemoryHandleTypeFlagBits type, const void *pointer,
             VkMemoryHostPointerPropertiesEXT *out),
            device, type, pointer, out)

/* ---- commands and waiting -------------------------------------------------------------------- */

static VKAPI_ATTR VkResult VKAPI_CALL
layer_BeginCommandBuffer(VkCommandBuffer commands, const VkCommandBufferBeginInfo *info) {
    VkResult trouble;
    return trouble_comes("vkBeginCommandBuffer", &trouble)
               ? trouble
               : below_device_of(commands)->BeginCommandBuffer(commands, info);
}

static VKAPI_ATTR VkResult VKAPI_CALL layer_EndCommandBuffer(VkCommandBuffer commands) {
    VkResult trouble;
    return trouble_comes("vkEndCommandBuffer", &trouble)
               ? trouble
               : below_device_of(commands)->EndCommandBuffer(commands);
}

static VKAPI_ATTR void VKAPI_CALL layer_CmdBeginRenderPass(VkCommandBuffer commands,
                                                           const VkRenderPassBeginInfo *info,
                                                           VkSubpassContents contents) {
    const VkExtent2D extent = info->renderArea.extent;
    counts_add_moved(MOVED_BY_PASS, 4 * (uint64_t)extent.width * extent.height);
    below_device_of(commands)->CmdBeginRenderPass(commands, info, contents);
}

static VKAPI_ATTR void VKAPI_CALL layer_CmdCopyBuffer(VkCommandBuffer commands, VkBuffer from,
                                                      VkBuffer to, uint32_t count,
                                                      const VkBufferCopy *regions) {
    for (uint32_t i = 0; i < count; i++) {
        counts_add_moved(MOVED_BUFFER, regions[i].size);
    }
    below_device_of(commands)->CmdCopyBuffer(commands, from, to, count, regions);
}

static uint64_t get_region_bytes(const VkBufferImageCopy *regions, uint32_t count) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        const VkExtent3D extent = regions[i].imageExtent;
        bytes += 4 * (uint64_t)extent.width * extent.height * extent.depth;
    }
    return bytes;
}

static VKAPI_ATTR void VKAPI_CALL layer_CmdCopyBufferToImage(VkCommandBuffer commands,
                                                             VkBuffer from, VkImage to,
                                                             VkImageLayout layout, uint32_t count,
                                                             const VkBufferImageCopy *regions) {
    counts_add_moved(MOVED_TO_IMAGE, get_region_bytes(regions, count));
    below_device_of(commands)->CmdCopyBufferToImage(commands, from, to, layout, count, regions);
}

static VKAPI_ATTR void VKAPI_CALL layer_CmdCopyImageToBuffer(VkCommandBuffer commands, VkImage from,
                                                             VkImageLayout layout, VkBuffer to,
                                                             uint32_t count,
                                                             const VkBufferImageCopy *regions) {
    counts_add_moved(MOVED_TO_BUFFER, get_region_bytes(regions, count));
    below_device_of(commands)->CmdCopyImageToBuffer(commands, from, layout, to, count, regions);
}

DEVICE_CALL(ResetFences, (VkDevice device, uint32_t count, const VkFence *fences), device, count,
            fences)
DEVICE_CALL(WaitForFences,
            (VkDevice device, uint32_t count, const VkFence *fences, VkBool32 all,
             uint64_t timeout),
            device, count, fences, all, timeout)
DEVICE_CALL(DeviceWaitIdle, (VkDevice device), device)

/* ---- names ----------------------------------------------------------------------------------- */

#define ENTRY(call) {"vk" #call, (PFN_vkVoidFunction)layer_##call}
#define ENTRIES(kind) ENTRY(Create##kind), ENTRY(Destroy##kind),

PFN_vkVoidFunction calls_get_call(const char *name) {
    static const struct {
        const char *name;
        PFN_vkVoidFunction call;
    } calls[] = {
        LAYER_OBJECTS(ENTRIES) ENTRY(AllocateCommandBuffers),
        ENTRY(AllocateDescriptorSets),
        ENTRY(AllocateMemory),
        ENTRY(BeginCommandBuffer),
        ENTRY(BindBufferMemory),
        ENTRY(CmdBeginRenderPass),
        ENTRY(CmdCopyBuffer),
        ENTRY(CmdCopyBufferToImage),
        ENTRY(CmdCopyImageToBuffer),
        ENTRY(CreateGraphicsPipelines),
        ENTRY(CreateHeadlessSurfaceEXT),
        ENTRY(DestroyPipeline),
        ENTRY(DestroySurfaceKHR),
        ENTRY(DeviceWaitIdle),
        ENTRY(EndCommandBuffer),
        ENTRY(EnumerateDeviceExtensionProperties),
        ENTRY(EnumeratePhysicalDevices),
        ENTRY(FreeMemory),
        ENTRY(GetMemoryHostPointerPropertiesEXT),
        ENTRY(GetPhysicalDeviceSurfaceCapabilitiesKHR),
        ENTRY(GetPhysicalDeviceSurfaceFormatsKHR),
        ENTRY(GetPhysicalDeviceSurfacePresentModesKHR),
        ENTRY(GetPhysicalDeviceSurfaceSupportKHR),
        ENTRY(MapMemory),
        ENTRY(ResetFences),
        ENTRY(UnmapMemory),
        ENTRY(WaitForFences),
    };
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        if (strcmp(calls[i].name, name) == 0) {
            return calls[i].call;
        }
    }
    return NULL;
}
