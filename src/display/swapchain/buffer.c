#include "display/swapchain/buffer.h"

static VkResult make_buffer(const struct screen_gpu *gpu, uint64_t size, bool imported,
                            VkBuffer *out) {
    const VkExternalMemoryBufferCreateInfo external = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO,
        .handleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT};
    const VkBufferCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                                     .pNext = imported ? &external : NULL,
                                     .size = size,
                                     .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT |
                                              VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
                                              VK_BUFFER_USAGE_TRANSFER_DST_BIT};
    return gpu->vk.CreateBuffer(gpu->device, &info, NULL, out);
}

static VkResult give_memory(const struct screen_gpu *gpu, struct screen_buffer *buffer,
                            uint64_t size, uint32_t type, const void *next) {
    const VkMemoryAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                       .pNext = next,
                                       .allocationSize = size,
                                       .memoryTypeIndex = type};
    const VkResult result = type == UINT32_MAX
                                ? VK_ERROR_FEATURE_NOT_PRESENT
                                : gpu->vk.AllocateMemory(gpu->device, &info, NULL, &buffer->memory);
    return result ? result
                  : gpu->vk.BindBufferMemory(gpu->device, buffer->handle, buffer->memory, 0);
}

VkResult screen_buffer_create(const struct screen_gpu *gpu, uint64_t size,
                              struct screen_buffer *out) {
    *out = (struct screen_buffer){.size = size};
    VkResult result = make_buffer(gpu, size, false, &out->handle);
    if (result) {
        return result;
    }
    VkMemoryRequirements needs;
    gpu->vk.GetBufferMemoryRequirements(gpu->device, out->handle, &needs);
    const uint32_t type = screen_gpu_find_memory(gpu, needs.memoryTypeBits,
                                                 VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
                                                     VK_MEMORY_PROPERTY_HOST_COHERENT_BIT);
    result = give_memory(gpu, out, needs.size, type, NULL);
    if (!result) {
        result = gpu->vk.MapMemory(gpu->device, out->memory, 0, VK_WHOLE_SIZE, 0, &out->bytes);
    }
    if (result) {
        screen_buffer_destroy(gpu, out);
    }
    return result;
}

VkResult screen_buffer_import(const struct screen_gpu *gpu, void *bytes, uint64_t size,
                              struct screen_buffer *out) {
    *out = (struct screen_buffer){.bytes = bytes, .size = size};
    if (!gpu->import_alignment || (uintptr_t)bytes % gpu->import_alignment ||
        size % gpu->import_alignment) {
        return VK_ERROR_FEATURE_NOT_PRESENT;
    }
    VkMemoryHostPointerPropertiesEXT types = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_HOST_POINTER_PROPERTIES_EXT};
    VkResult result = gpu->get_host_pointer_properties(
        gpu->device, VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT, bytes, &types);
    if (!result) {
        result = make_buffer(gpu, size, true, &out->handle);
    }
    if (result) {
        return result;
    }
    VkMemoryRequirements needs;
    gpu->vk.GetBufferMemoryRequirements(gpu->device, out->handle, &needs);
    const VkImportMemoryHostPointerInfoEXT import = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT,
        .handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT,
        .pHostPointer = bytes};
    const uint32_t type =
        screen_gpu_find_memory(gpu, needs.memoryTypeBits & types.memoryTypeBits, 0);
    result = needs.size > size ? VK_ERROR_FEATURE_NOT_PRESENT
                               : give_memory(gpu, out, size, type, &import);
    if (result) {
        screen_buffer_destroy(gpu, out);
    }
    return result;
}

void screen_buffer_destroy(const struct screen_gpu *gpu, struct screen_buffer *buffer) {
    if (buffer->handle) {
        gpu->vk.DestroyBuffer(gpu->device, buffer->handle, NULL);
    }
    if (buffer->memory) {
        gpu->vk.FreeMemory(gpu->device, buffer->memory, NULL);
    }
    *buffer = (struct screen_buffer){0};
}
