/*
 * Sparse resources: a buffer whose parts lie in two allocations in swapped order, one that is
 * bound only in part, and an image bound tile by tile.
 */
#include "common/resources.h"

#include <string.h>

enum { PARTS = 4 };

static VkQueue sparse_queue(const struct guest *g) {
    if (!(g->family_properties.queueFlags & VK_QUEUE_SPARSE_BINDING_BIT)) {
        guest_skip("the queue family binds no sparse memory");
    }
    return g->queues[0];
}

static void bind_and_wait(const struct guest *g, VkQueue queue, const VkBindSparseInfo *info) {
    const VkFenceCreateInfo fence_info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    VkFence fence;
    GUEST_VK(vkCreateFence(g->device, &fence_info, NULL, &fence));
    GUEST_VK(vkQueueBindSparse(queue, 1, info, fence));
    GUEST_VK(vkWaitForFences(g->device, 1, &fence, VK_TRUE, UINT64_MAX));
    vkDestroyFence(g->device, fence, NULL);
}

static VkBuffer sparse_buffer(const struct guest *g, VkDeviceSize size, VkBufferCreateFlags flags,
                              VkMemoryRequirements *needs) {
    const VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .flags = VK_BUFFER_CREATE_SPARSE_BINDING_BIT | flags,
        .size = size,
        .usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT,
    };
    VkBuffer buffer;
    GUEST_VK(vkCreateBuffer(g->device, &info, NULL, &buffer));
    vkGetBufferMemoryRequirements(g->device, buffer, needs);
    return buffer;
}

static VkDeviceSize granularity(const struct guest *g) {
    VkMemoryRequirements needs;
    VkBuffer probe = sparse_buffer(g, 4, 0, &needs);
    vkDestroyBuffer(g->device, probe, NULL);
    return needs.alignment;
}

/* Writes through the buffer and reads back; `bound` says which of its parts have memory. */
static void through(struct guest *g, const char *name, VkBuffer buffer, VkDeviceSize part,
                    uint32_t bound) {
    struct guest_buffer from = guest_staging_create(g, part * PARTS);
    struct guest_buffer to = guest_staging_create(g, part * PARTS);
    uint32_t seed = 99;
    for (VkDeviceSize i = 0; i < from.size / 4; i++) {
        ((uint32_t *)from.map)[i] = guest_random(&seed);
    }
    memset(to.map, 0, to.size);
    VkBufferCopy regions[PARTS];
    uint32_t count = 0;
    for (uint32_t i = 0; i < PARTS; i++) {
        if (bound & (1u << i)) {
            regions[count++] = (VkBufferCopy){i * part, i * part, part};
        }
    }
    VkCommandBuffer cmd = guest_cmd_begin(g);
    vkCmdCopyBuffer(cmd, from.buffer, buffer, count, regions);
    guest_cmd_barrier(cmd);
    vkCmdCopyBuffer(cmd, buffer, to.buffer, count, regions);
    guest_cmd_finish(g, cmd);
    for (uint32_t i = 0; i < count; i++) {
        GUEST_CHECK(memcmp((char *)to.map + regions[i].dstOffset,
                           (char *)from.map + regions[i].srcOffset, part) == 0,
                    "%s: part %u lost bytes", name, i);
    }
    guest_result(g, name, to.map, to.size);
    guest_buffer_destroy(g, &from);
    guest_buffer_destroy(g, &to);
}

static void buffers(struct guest *g, VkQueue queue, bool residency) {
    VkDeviceSize part = granularity(g);
    VkMemoryRequirements needs;
    VkBuffer buffer = sparse_buffer(g, part * PARTS,
                                    residency ? VK_BUFFER_CREATE_SPARSE_RESIDENCY_BIT : 0, &needs);
    uint32_t type = guest_memory_type(g, needs.memoryTypeBits, 0);
    VkDeviceMemory memories[2] = {guest_allocate(g, part * 2, type),
                                  guest_allocate(g, part * 2, type)};
    VkSparseMemoryBind binds[PARTS];
    uint32_t count = 0;
    for (uint32_t i = 0; i < PARTS; i++) {
        if (residency && i == 2) {
            continue;
        }
        binds[count++] = (VkSparseMemoryBind){.resourceOffset = i * part,
                                              .size = part,
                                              .memory = memories[i % 2],
                                              .memoryOffset = i < 2 ? part : 0};
    }
    const VkSparseBufferMemoryBindInfo of_buffer = {buffer, count, binds};
    const VkBindSparseInfo info = {
        .sType = VK_STRUCTURE_TYPE_BIND_SPARSE_INFO,
        .bufferBindCount = 1,
        .pBufferBinds = &of_buffer,
    };
    bind_and_wait(g, queue, &info);
    through(g, residency ? "partly resident" : "swapped parts", buffer, part,
            residency ? 0xb : 0xf);
    vkDestroyBuffer(g->device, buffer, NULL);
    vkFreeMemory(g->device, memories[0], NULL);
    vkFreeMemory(g->device, memories[1], NULL);
}

static VkSparseImageMemoryRequirements tile_requirements(const struct guest *g, VkImage image) {
    VkSparseImageMemoryRequirements list[8];
    uint32_t count = GUEST_COUNT(list);
    vkGetImageSparseMemoryRequirements(g->device, image, &count, list);
    for (uint32_t i = 0; i < count; i++) {
        if (list[i].formatProperties.aspectMask & VK_IMAGE_ASPECT_COLOR_BIT) {
            GUEST_CHECK(list[i].imageMipTailFirstLod > 0, "the first level is in the mip tail");
            return list[i];
        }
    }
    guest_fail(__FILE__, __LINE__, "no sparse requirements for color");
}

/* Two by two tiles, each in a piece of one allocation, last tile first. */
static void image(struct guest *g, VkQueue queue) {
    const VkFormat format = VK_FORMAT_R8G8B8A8_UNORM;
    const VkImageUsageFlags usage =
        VK_IMAGE_USAGE_TRANSFER_SRC_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT;
    VkSparseImageFormatProperties formats[4];
    uint32_t count = GUEST_COUNT(formats);
    vkGetPhysicalDeviceSparseImageFormatProperties(g->physical, format, VK_IMAGE_TYPE_2D,
                                                   VK_SAMPLE_COUNT_1_BIT, usage,
                                                   VK_IMAGE_TILING_OPTIMAL, &count, formats);
    if (count == 0) {
        guest_result(g, "no sparse image", "", 0);
        return;
    }
    const VkExtent3D tile = formats[0].imageGranularity;
    struct guest_image made = {.format = format,
                               .aspect = VK_IMAGE_ASPECT_COLOR_BIT,
                               .width = tile.width * 2,
                               .height = tile.height * 2,
                               .mips = 1,
                               .layers = 1};
    const VkImageCreateInfo create = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
        .flags = VK_IMAGE_CREATE_SPARSE_BINDING_BIT | VK_IMAGE_CREATE_SPARSE_RESIDENCY_BIT,
        .imageType = VK_IMAGE_TYPE_2D,
        .format = format,
        .extent = {made.width, made.height, 1},
        .mipLevels = 1,
        .arrayLayers = 1,
        .samples = VK_SAMPLE_COUNT_1_BIT,
        .usage = usage,
    };
    GUEST_VK(vkCreateImage(g->device, &create, NULL, &made.image));
    VkMemoryRequirements needs;
    vkGetImageMemoryRequirements(g->device, made.image, &needs);
    VkSparseImageMemoryRequirements tiles = tile_requirements(g, made.image);
    made.memory =
        guest_allocate(g, needs.alignment * 4, guest_memory_type(g, needs.memoryTypeBits, 0));
    VkSparseImageMemoryBind binds[4];
    for (uint32_t i = 0; i < 4; i++) {
        binds[i] = (VkSparseImageMemoryBind){
            .subresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0},
            .offset = {(int32_t)(i % 2 * tile.width), (int32_t)(i / 2 * tile.height), 0},
            .extent = tile,
            .memory = made.memory,
            .memoryOffset = (3 - i) * needs.alignment,
        };
    }
    const VkSparseImageMemoryBindInfo of_image = {made.image, 4, binds};
    const VkBindSparseInfo info = {
        .sType = VK_STRUCTURE_TYPE_BIND_SPARSE_INFO, .imageBindCount = 1, .pImageBinds = &of_image};
    bind_and_wait(g, queue, &info);

    const VkDeviceSize size = (VkDeviceSize)made.width * made.height * 4;
    struct guest_buffer from = guest_staging_create(g, size), to = guest_staging_create(g, size);
    uint32_t seed = 123;
    for (VkDeviceSize i = 0; i < size / 4; i++) {
        ((uint32_t *)from.map)[i] = guest_random(&seed);
    }
    const VkBufferImageCopy copy = {.imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
                                    .imageExtent = {made.width, made.height, 1}};
    VkCommandBuffer cmd = guest_cmd_begin(g);
    guest_cmd_layout(cmd, &made, VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL);
    vkCmdCopyBufferToImage(cmd, from.buffer, made.image, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, 1,
                           &copy);
    guest_cmd_layout(cmd, &made, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
                     VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL);
    guest_cmd_read_image(cmd, &made, VK_IMAGE_ASPECT_COLOR_BIT, &to, 0);
    guest_cmd_finish(g, cmd);
    GUEST_CHECK(memcmp(from.map, to.map, size) == 0, "the sparse image lost texels");
    uint64_t hash = guest_hash(to.map, size);
    guest_result(g, "sparse image", &hash, sizeof(hash));
    guest_result(g, "tile", &tiles.formatProperties.imageGranularity, sizeof(VkExtent3D));
    guest_buffer_destroy(g, &from);
    guest_buffer_destroy(g, &to);
    guest_image_destroy(g, &made);
}

int main(int argc, char **argv) {
    struct guest g;
    guest_init(&g, argc, argv, "sparse");
    VkPhysicalDeviceFeatures offered;
    vkGetPhysicalDeviceFeatures(g.physical, &offered);
    if (!offered.sparseBinding) {
        guest_skip("the device has no sparseBinding");
    }
    VkQueue queue;
    const VkPhysicalDeviceFeatures2 wanted = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
        .features = {.sparseBinding = VK_TRUE,
                     .sparseResidencyBuffer = offered.sparseResidencyBuffer,
                     .sparseResidencyImage2D = offered.sparseResidencyImage2D},
    };
    guest_create_device(&g, NULL, 0, &wanted);
    queue = sparse_queue(&g);
    buffers(&g, queue, false);
    if (offered.sparseResidencyBuffer) {
        buffers(&g, queue, true);
    }
    if (offered.sparseResidencyImage2D) {
        image(&g, queue);
    }
    return guest_finish(&g);
}
