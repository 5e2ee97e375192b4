#include "resources.h"

#include <stdlib.h>
#include <string.h>

uint32_t guest_find_memory_type(const struct guest *g, uint32_t bits, VkMemoryPropertyFlags flags) {
    for (uint32_t i = 0; i < g->memory.memoryTypeCount; i++) {
        if ((bits & (1u << i)) && (g->memory.memoryTypes[i].propertyFlags & flags) == flags) {
            return i;
        }
    }
    return UINT32_MAX;
}

uint32_t guest_memory_type(const struct guest *g, uint32_t bits, VkMemoryPropertyFlags flags) {
    uint32_t type = guest_find_memory_type(g, bits, flags);
    GUEST_CHECK(type != UINT32_MAX, "no memory type with flags %#x among %#x", flags, bits);
    return type;
}

VkDeviceMemory guest_allocate(const struct guest *g, VkDeviceSize size, uint32_t type) {
    const VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .allocationSize = size,
        .memoryTypeIndex = type,
    };
    VkDeviceMemory memory;
    GUEST_VK(vkAllocateMemory(g->device, &info, NULL, &memory));
    return memory;
}

struct guest_buffer guest_buffer_create(const struct guest *g, VkDeviceSize size,
                                        VkBufferUsageFlags usage, VkMemoryPropertyFlags flags) {
    struct guest_buffer made = {.size = size};
    const VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .size = size,
        .usage = usage,
        .sharingMode = VK_SHARING_MODE_EXCLUSIVE,
    };
    GUEST_VK(vkCreateBuffer(g->device, &info, NULL, &made.buffer));
    VkMemoryRequirements needs;
    vkGetBufferMemoryRequirements(g->device, made.buffer, &needs);
    made.memory = guest_allocate(g, needs.size, guest_memory_type(g, needs.memoryTypeBits, flags));
    GUEST_VK(vkBindBufferMemory(g->device, made.buffer, made.memory, 0));
    if (flags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT) {
        GUEST_VK(vkMapMemory(g->device, made.memory, 0, VK_WHOLE_SIZE, 0, &made.map));
    }
    return made;
}

void guest_buffer_destroy(const struct guest *g, struct guest_buffer *buffer) {
    if (buffer->map) {
        vkUnmapMemory(g->device, buffer->memory);
    }
    vkDestroyBuffer(g->device, buffer->buffer, NULL);
    vkFreeMemory(g->device, buffer->memory, NULL);
    *buffer = (struct guest_buffer){0};
}

struct guest_buffer guest_staging_create(const struct guest *g, VkDeviceSize size) {
    return guest_buffer_create(g, size,
                               VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT,
                               GUEST_HOST_MEMORY);
}

static VkImageAspectFlags aspect_of(VkFormat format) {
    switch (format) {
    case VK_FORMAT_D16_UNORM:
    case VK_FORMAT_X8_D24_UNORM_PACK32:
    case VK_FORMAT_D32_SFLOAT:
        return VK_IMAGE_ASPECT_DEPTH_BIT;
    case VK_FORMAT_S8_UINT:
        return VK_IMAGE_ASPECT_STENCIL_BIT;
    case VK_FORMAT_D16_UNORM_S8_UINT:
    case VK_FORMAT_D24_UNORM_S8_UINT:
    case VK_FORMAT_D32_SFLOAT_S8_UINT:
        return VK_IMAGE_ASPECT_DEPTH_BIT | VK_IMAGE_ASPECT_STENCIL_BIT;
    default:
        return VK_IMAGE_ASPECT_COLOR_BIT;
    }
}

static bool can_be_viewed(VkImageUsageFlags usage) {
    return (usage & ~(VkImageUsageFlags)(VK_IMAGE_USAGE_TRANSFER_SRC_BIT |
                                         VK_IMAGE_USAGE_TRANSFER_DST_BIT)) != 0;
}

static void create_view(const struct guest *g, struct guest_image *image) {
    const VkImageViewCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_VIEW_CREATE_INFO,
        .image = image->image,
        .viewType = image->layers > 1 ? VK_IMAGE_VIEW_TYPE_2D_ARRAY : VK_IMAGE_VIEW_TYPE_2D,
        .format = image->format,
        .subresourceRange = {image->aspect, 0, image->mips, 0, image->layers},
    };
    GUEST_VK(vkCreateImageView(g->device, &info, NULL, &image->view));
}

struct guest_image guest_image_create(const struct guest *g, const struct guest_image_info *info) {
    struct guest_image made = {
        .format = info->format,
        .aspect = aspect_of(info->format),
        .width = info->width,
        .height = info->height,
        .mips = info->mips ? info->mips : 1,
        .layers = info->layers ? info->layers : 1,
    };
    const VkImageCreateInfo create = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
        .imageType = VK_IMAGE_TYPE_2D,
        .format = made.format,
        .extent = {made.width, made.height, 1},
        .mipLevels = made.mips,
        .arrayLayers = made.layers,
        .samples = info->samples ? info->samples : VK_SAMPLE_COUNT_1_BIT,
        .tiling = VK_IMAGE_TILING_OPTIMAL,
        .usage = info->usage,
        .sharingMode = VK_SHARING_MODE_EXCLUSIVE,
        .initialLayout = VK_IMAGE_LAYOUT_UNDEFINED,
    };
    GUEST_VK(vkCreateImage(g->device, &create, NULL, &made.image));
    VkMemoryRequirements needs;
    vkGetImageMemoryRequirements(g->device, made.image, &needs);
    uint32_t type =
        guest_find_memory_type(g, needs.memoryTypeBits, VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT);
    if (type == UINT32_MAX) {
        type = guest_memory_type(g, needs.memoryTypeBits, 0);
    }
    made.memory = guest_allocate(g, needs.size, type);
    GUEST_VK(vkBindImageMemory(g->device, made.image, made.memory, 0));
    if (can_be_viewed(info->usage)) {
        create_view(g, &made);
    }
    return made;
}

void guest_image_destroy(const struct guest *g, struct guest_image *image) {
    vkDestroyImageView(g->device, image->view, NULL);
    vkDestroyImage(g->device, image->image, NULL);
    vkFreeMemory(g->device, image->memory, NULL);
    *image = (struct guest_image){0};
}

bool guest_format_has(const struct guest *g, VkFormat format, VkFormatFeatureFlags features) {
    VkFormatProperties properties;
    vkGetPhysicalDeviceFormatProperties(g->physical, format, &properties);
    return (properties.optimalTilingFeatures & features) == features;
}

VkCommandBuffer guest_cmd_begin(const struct guest *g) {
    const VkCommandBufferAllocateInfo allocate = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = g->pool,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = 1,
    };
    VkCommandBuffer cmd;
    GUEST_VK(vkAllocateCommandBuffers(g->device, &allocate, &cmd));
    const VkCommandBufferBeginInfo begin = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
        .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
    };
    GUEST_VK(vkBeginCommandBuffer(cmd, &begin));
    return cmd;
}

void guest_cmd_finish(const struct guest *g, VkCommandBuffer cmd) {
    guest_cmd_barrier(cmd);
    GUEST_VK(vkEndCommandBuffer(cmd));
    const VkFenceCreateInfo fence_info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    VkFence fence;
    GUEST_VK(vkCreateFence(g->device, &fence_info, NULL, &fence));
    const VkSubmitInfo submit = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .commandBufferCount = 1,
        .pCommandBuffers = &cmd,
    };
    GUEST_VK(vkQueueSubmit(g->queues[0], 1, &submit, fence));
    GUEST_VK(vkWaitForFences(g->device, 1, &fence, VK_TRUE, UINT64_MAX));
    vkDestroyFence(g->device, fence, NULL);
    vkFreeCommandBuffers(g->device, g->pool, 1, &cmd);
}

void guest_cmd_barrier(VkCommandBuffer cmd) {
    const VkMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT | VK_ACCESS_MEMORY_READ_BIT,
        .dstAccessMask = VK_ACCESS_MEMORY_WRITE_BIT | VK_ACCESS_MEMORY_READ_BIT,
    };
    vkCmdPipelineBarrier(cmd, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
                         VK_PIPELINE_STAGE_ALL_COMMANDS_BIT | VK_PIPELINE_STAGE_HOST_BIT, 0, 1,
                         &barrier, 0, NULL, 0, NULL);
}

void guest_cmd_layout(VkCommandBuffer cmd, const struct guest_image *image, VkImageLayout from,
                      VkImageLayout to) {
    const VkImageMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT | VK_ACCESS_MEMORY_READ_BIT,
        .dstAccessMask = VK_ACCESS_MEMORY_WRITE_BIT | VK_ACCESS_MEMORY_READ_BIT,
        .oldLayout = from,
        .newLayout = to,
        .srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
        .dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
        .image = image->image,
        .subresourceRange = {image->aspect, 0, image->mips, 0, image->layers},
    };
    vkCmdPipelineBarrier(cmd, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
                         VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, 0, 0, NULL, 0, NULL, 1, &barrier);
}

void guest_cmd_read_image(VkCommandBuffer cmd, const struct guest_image *image,
                          VkImageAspectFlags aspect, const struct guest_buffer *to,
                          VkDeviceSize offset) {
    const VkBufferImageCopy copy = {
        .bufferOffset = offset,
        .imageSubresource = {aspect, 0, 0, 1},
        .imageExtent = {image->width, image->height, 1},
    };
    vkCmdCopyImageToBuffer(cmd, image->image, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, to->buffer, 1,
                           &copy);
}
