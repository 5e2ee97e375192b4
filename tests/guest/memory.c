/*
 * Device memory: what is written through a mapping is what the GPU reads, and the other way round,
 * for one mapping and for a thousand live ones, whatever the order in which they go away.
 */
#include "common/resources.h"

#include <stdlib.h>
#include <string.h>

enum {
    COPY_SIZE = 64 * 1024,
    MAPPING_COUNT = 1000,
    MAPPING_SIZE = 4096,
    SLICE_COUNT = 24,
    IMAGE_SIDE = 64,
};

static void fill_random(void *bytes, size_t size, uint32_t seed) {
    unsigned char *to = bytes;
    for (size_t i = 0; i < size; i++) {
        to[i] = (unsigned char)(guest_random(&seed) >> 24);
    }
}

static void copy_buffer(const struct guest *g, VkBuffer from, VkBuffer to, VkDeviceSize size) {
    VkCommandBuffer cmd = guest_cmd_begin(g);
    const VkBufferCopy region = {0, 0, size};
    guest_cmd_barrier(cmd);
    vkCmdCopyBuffer(cmd, from, to, 1, &region);
    guest_cmd_finish(g, cmd);
}

/* Through every memory type that a transfer buffer may use, device-local ones in between. */
static void every_type(struct guest *g) {
    const VkBufferUsageFlags usage =
        VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT;
    struct guest_buffer from = guest_staging_create(g, COPY_SIZE);
    struct guest_buffer to = guest_staging_create(g, COPY_SIZE);
    fill_random(from.map, COPY_SIZE, 1);

    for (uint32_t type = 0; type < g->memory.memoryTypeCount; type++) {
        const VkBufferCreateInfo info = {
            .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
            .size = COPY_SIZE,
            .usage = usage,
        };
        VkBuffer middle;
        GUEST_VK(vkCreateBuffer(g->device, &info, NULL, &middle));
        VkMemoryRequirements needs;
        vkGetBufferMemoryRequirements(g->device, middle, &needs);
        if (needs.memoryTypeBits & (1u << type)) {
            VkDeviceMemory memory = guest_allocate(g, needs.size, type);
            GUEST_VK(vkBindBufferMemory(g->device, middle, memory, 0));
            memset(to.map, 0, COPY_SIZE);
            copy_buffer(g, from.buffer, middle, COPY_SIZE);
            copy_buffer(g, middle, to.buffer, COPY_SIZE);
            GUEST_CHECK(memcmp(from.map, to.map, COPY_SIZE) == 0, "memory type %u lost bytes",
                        type);
            vkFreeMemory(g->device, memory, NULL);
        }
        vkDestroyBuffer(g->device, middle, NULL);
    }
    guest_result(g, "copied", to.map, COPY_SIZE);
    guest_buffer_destroy(g, &to);
    guest_buffer_destroy(g, &from);
}

static void shuffle(uint32_t *order, uint32_t count, uint32_t seed) {
    for (uint32_t i = 0; i < count; i++) {
        order[i] = i;
    }
    for (uint32_t i = count - 1; i > 0; i--) {
        uint32_t other = guest_random(&seed) % (i + 1);
        uint32_t swap = order[i];
        order[i] = order[other];
        order[other] = swap;
    }
}

/* One submission that copies buffer i, if it is alive, to place i of `all`. */
static void gather(const struct guest *g, const struct guest_buffer *buffers,
                   const struct guest_buffer *all) {
    VkCommandBuffer cmd = guest_cmd_begin(g);
    guest_cmd_barrier(cmd);
    vkCmdFillBuffer(cmd, all->buffer, 0, VK_WHOLE_SIZE, 0);
    guest_cmd_barrier(cmd);
    for (uint32_t i = 0; i < MAPPING_COUNT; i++) {
        if (buffers[i].buffer) {
            const VkBufferCopy region = {0, (VkDeviceSize)i * MAPPING_SIZE, MAPPING_SIZE};
            vkCmdCopyBuffer(cmd, buffers[i].buffer, all->buffer, 1, &region);
        }
    }
    guest_cmd_finish(g, cmd);
}

static void check_gathered(const struct guest_buffer *buffers, const unsigned char *all) {
    static unsigned char expected[MAPPING_SIZE];
    for (uint32_t i = 0; i < MAPPING_COUNT; i++) {
        memset(expected, 0, MAPPING_SIZE);
        if (buffers[i].buffer) {
            fill_random(expected, MAPPING_SIZE, 1000 + i);
        }
        GUEST_CHECK(memcmp(expected, all + (size_t)i * MAPPING_SIZE, MAPPING_SIZE) == 0,
                    "mapping %u lost its bytes", i);
    }
}

/* A thousand allocations mapped at once, freed in an odd order, half of them still in use. */
static void many_mappings(struct guest *g) {
    static struct guest_buffer buffers[MAPPING_COUNT];
    static uint32_t order[MAPPING_COUNT];
    struct guest_buffer all = guest_staging_create(g, MAPPING_COUNT * MAPPING_SIZE);
    for (uint32_t i = 0; i < MAPPING_COUNT; i++) {
        buffers[i] = guest_staging_create(g, MAPPING_SIZE);
        fill_random(buffers[i].map, MAPPING_SIZE, 1000 + i);
    }
    gather(g, buffers, &all);
    check_gathered(buffers, all.map);
    uint64_t hash = guest_hash(all.map, all.size);
    guest_result(g, "thousand mappings", &hash, sizeof(hash));

    shuffle(order, MAPPING_COUNT, 7);
    for (uint32_t i = 0; i < MAPPING_COUNT / 2; i++) {
        guest_buffer_destroy(g, &buffers[order[i]]);
    }
    gather(g, buffers, &all);
    check_gathered(buffers, all.map);
    hash = guest_hash(all.map, all.size);
    guest_result(g, "half of them", &hash, sizeof(hash));

    /* The holes are filled again, then everything goes from the end to the start. */
    for (uint32_t i = 0; i < MAPPING_COUNT / 4; i++) {
        buffers[order[i]] = guest_staging_create(g, MAPPING_SIZE);
        fill_random(buffers[order[i]].map, MAPPING_SIZE, 1000 + order[i]);
    }
    gather(g, buffers, &all);
    check_gathered(buffers, all.map);
    for (uint32_t i = MAPPING_COUNT; i-- > 0;) {
        if (buffers[i].buffer) {
            guest_buffer_destroy(g, &buffers[i]);
        }
    }
    guest_buffer_destroy(g, &all);
}

static VkDeviceSize align_up(VkDeviceSize value, VkDeviceSize alignment) {
    return (value + alignment - 1) / alignment * alignment;
}

/* Many buffers in one allocation; each is filled by the GPU, all are read by partial mappings. */
static void slices(struct guest *g) {
    const VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .size = 1000,
        .usage = VK_BUFFER_USAGE_TRANSFER_DST_BIT,
    };
    VkBuffer buffers[SLICE_COUNT];
    VkBindBufferMemoryInfo binds[SLICE_COUNT];
    VkDeviceSize end = 0;
    uint32_t bits = UINT32_MAX;
    for (uint32_t i = 0; i < SLICE_COUNT; i++) {
        GUEST_VK(vkCreateBuffer(g->device, &info, NULL, &buffers[i]));
        const VkBufferMemoryRequirementsInfo2 ask = {
            .sType = VK_STRUCTURE_TYPE_BUFFER_MEMORY_REQUIREMENTS_INFO_2,
            .buffer = buffers[i],
        };
        VkMemoryDedicatedRequirements dedicated = {
            .sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_REQUIREMENTS,
        };
        VkMemoryRequirements2 needs = {
            .sType = VK_STRUCTURE_TYPE_MEMORY_REQUIREMENTS_2,
            .pNext = &dedicated,
        };
        vkGetBufferMemoryRequirements2(g->device, &ask, &needs);
        GUEST_CHECK(!dedicated.requiresDedicatedAllocation, "a plain buffer wants its own memory");
        VkDeviceSize start = align_up(end, needs.memoryRequirements.alignment);
        end = start + needs.memoryRequirements.size;
        bits &= needs.memoryRequirements.memoryTypeBits;
        binds[i] = (VkBindBufferMemoryInfo){
            .sType = VK_STRUCTURE_TYPE_BIND_BUFFER_MEMORY_INFO,
            .buffer = buffers[i],
            .memoryOffset = start,
        };
    }
    VkDeviceMemory memory = guest_allocate(g, end, guest_memory_type(g, bits, GUEST_HOST_MEMORY));
    for (uint32_t i = 0; i < SLICE_COUNT; i++) {
        binds[i].memory = memory;
    }
    GUEST_VK(vkBindBufferMemory2(g->device, SLICE_COUNT, binds));

    VkCommandBuffer cmd = guest_cmd_begin(g);
    for (uint32_t i = 0; i < SLICE_COUNT; i++) {
        vkCmdFillBuffer(cmd, buffers[i], 0, VK_WHOLE_SIZE, 0x01010101u * (i + 1));
    }
    guest_cmd_finish(g, cmd);

    unsigned char read[SLICE_COUNT * 1000];
    for (uint32_t i = SLICE_COUNT; i-- > 0;) {
        void *map;
        GUEST_VK(vkMapMemory(g->device, memory, binds[i].memoryOffset, 1000, 0, &map));
        memcpy(read + (size_t)i * 1000, map, 1000);
        vkUnmapMemory(g->device, memory);
        for (uint32_t j = 0; j < 1000; j++) {
            GUEST_CHECK(read[i * 1000 + j] == i + 1, "slice %u, byte %u", i, j);
        }
    }
    guest_result(g, "slices", read, sizeof(read));

    /* Odd order again: the memory first goes out of every third buffer's life. */
    for (uint32_t step = 0; step < 3; step++) {
        for (uint32_t i = step; i < SLICE_COUNT; i += 3) {
            vkDestroyBuffer(g->device, buffers[i], NULL);
        }
    }
    vkFreeMemory(g->device, memory, NULL);
}

/* Ranges are made visible by hand, on a type that needs it if there is one. */
static void flush_and_invalidate(struct guest *g) {
    uint32_t type = UINT32_MAX;
    for (uint32_t i = 0; i < g->memory.memoryTypeCount; i++) {
        VkMemoryPropertyFlags flags = g->memory.memoryTypes[i].propertyFlags;
        bool coherent = flags & VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
        if ((flags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT) && (type == UINT32_MAX || !coherent)) {
            type = i;
        }
    }
    VkMemoryPropertyFlags flags = g->memory.memoryTypes[type].propertyFlags;
    struct guest_buffer from =
        guest_buffer_create(g, COPY_SIZE, VK_BUFFER_USAGE_TRANSFER_SRC_BIT, flags);
    struct guest_buffer to =
        guest_buffer_create(g, COPY_SIZE, VK_BUFFER_USAGE_TRANSFER_DST_BIT, flags);
    VkDeviceSize atom = g->properties.limits.nonCoherentAtomSize;
    GUEST_CHECK(COPY_SIZE % atom == 0, "nonCoherentAtomSize %llu", (unsigned long long)atom);
    fill_random(from.map, COPY_SIZE, 3);
    memset(to.map, 0, COPY_SIZE);
    const VkMappedMemoryRange out[] = {
        {.sType = VK_STRUCTURE_TYPE_MAPPED_MEMORY_RANGE, .memory = from.memory, .size = atom},
        {.sType = VK_STRUCTURE_TYPE_MAPPED_MEMORY_RANGE,
         .memory = from.memory,
         .offset = atom,
         .size = VK_WHOLE_SIZE},
        {.sType = VK_STRUCTURE_TYPE_MAPPED_MEMORY_RANGE,
         .memory = to.memory,
         .size = VK_WHOLE_SIZE},
    };
    GUEST_VK(vkFlushMappedMemoryRanges(g->device, GUEST_COUNT(out), out));
    copy_buffer(g, from.buffer, to.buffer, COPY_SIZE);
    GUEST_VK(vkInvalidateMappedMemoryRanges(g->device, 1, &out[2]));
    GUEST_CHECK(memcmp(from.map, to.map, COPY_SIZE) == 0, "flushed bytes did not arrive");
    guest_result(g, "flushed", to.map, COPY_SIZE);

    /* Freed while mapped: allowed, and the mapping goes with the memory. */
    vkDestroyBuffer(g->device, to.buffer, NULL);
    vkFreeMemory(g->device, to.memory, NULL);
    guest_buffer_destroy(g, &from);
}

/* Contents live as long as the allocation: across unmapping and mapping elsewhere. */
static void remap(struct guest *g) {
    struct guest_buffer from = guest_staging_create(g, COPY_SIZE);
    struct guest_buffer to = guest_staging_create(g, COPY_SIZE);
    static unsigned char expected[COPY_SIZE];
    fill_random(expected, COPY_SIZE, 11);
    for (uint32_t part = 0; part < 8; part++) {
        const VkDeviceSize size = COPY_SIZE / 8, offset = ((part * 5) % 8) * size;
        vkUnmapMemory(g->device, from.memory);
        GUEST_VK(vkMapMemory(g->device, from.memory, offset, size, 0, &from.map));
        memcpy(from.map, expected + offset, size);
    }
    copy_buffer(g, from.buffer, to.buffer, COPY_SIZE);
    GUEST_CHECK(memcmp(to.map, expected, COPY_SIZE) == 0, "a remapped part lost its bytes");
    guest_result(g, "remapped", to.map, COPY_SIZE);
    guest_buffer_destroy(g, &from);
    guest_buffer_destroy(g, &to);
}

/* A linear image written by the CPU row by row, dedicated to its memory. */
static void linear_image(struct guest *g) {
    VkFormatProperties properties;
    vkGetPhysicalDeviceFormatProperties(g->physical, VK_FORMAT_R8G8B8A8_UNORM, &properties);
    if (!(properties.linearTilingFeatures & VK_FORMAT_FEATURE_TRANSFER_SRC_BIT)) {
        guest_result(g, "no linear image", "", 0);
        return;
    }
    const VkImageCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
        .imageType = VK_IMAGE_TYPE_2D,
        .format = VK_FORMAT_R8G8B8A8_UNORM,
        .extent = {IMAGE_SIDE, IMAGE_SIDE, 1},
        .mipLevels = 1,
        .arrayLayers = 1,
        .samples = VK_SAMPLE_COUNT_1_BIT,
        .tiling = VK_IMAGE_TILING_LINEAR,
        .usage = VK_IMAGE_USAGE_TRANSFER_SRC_BIT,
        .initialLayout = VK_IMAGE_LAYOUT_PREINITIALIZED,
    };
    struct guest_image image = {
        .format = info.format,
        .aspect = VK_IMAGE_ASPECT_COLOR_BIT,
        .width = IMAGE_SIDE,
        .height = IMAGE_SIDE,
        .mips = 1,
        .layers = 1,
    };
    GUEST_VK(vkCreateImage(g->device, &info, NULL, &image.image));
    VkMemoryRequirements needs;
    vkGetImageMemoryRequirements(g->device, image.image, &needs);
    const VkMemoryDedicatedAllocateInfo dedicated = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO,
        .image = image.image,
    };
    const VkMemoryAllocateInfo allocate = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .pNext = &dedicated,
        .allocationSize = needs.size,
        .memoryTypeIndex = guest_memory_type(g, needs.memoryTypeBits, GUEST_HOST_MEMORY),
    };
    GUEST_VK(vkAllocateMemory(g->device, &allocate, NULL, &image.memory));
    GUEST_VK(vkBindImageMemory(g->device, image.image, image.memory, 0));

    const VkImageSubresource which = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0};
    VkSubresourceLayout layout;
    vkGetImageSubresourceLayout(g->device, image.image, &which, &layout);
    unsigned char *map;
    GUEST_VK(vkMapMemory(g->device, image.memory, 0, VK_WHOLE_SIZE, 0, (void **)&map));
    for (uint32_t y = 0; y < IMAGE_SIDE; y++) {
        fill_random(map + layout.offset + y * layout.rowPitch, IMAGE_SIDE * 4, 500 + y);
    }

    struct guest_buffer to = guest_staging_create(g, IMAGE_SIDE * IMAGE_SIDE * 4);
    VkCommandBuffer cmd = guest_cmd_begin(g);
    guest_cmd_layout(cmd, &image, VK_IMAGE_LAYOUT_PREINITIALIZED,
                     VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL);
    guest_cmd_read_image(cmd, &image, VK_IMAGE_ASPECT_COLOR_BIT, &to, 0);
    guest_cmd_finish(g, cmd);
    for (uint32_t y = 0; y < IMAGE_SIDE; y++) {
        GUEST_CHECK(memcmp(map + layout.offset + y * layout.rowPitch,
                           (unsigned char *)to.map + y * IMAGE_SIDE * 4, IMAGE_SIDE * 4) == 0,
                    "row %u of the linear image", y);
    }
    guest_result(g, "linear image", to.map, to.size);
    guest_buffer_destroy(g, &to);
    vkUnmapMemory(g->device, image.memory);
    guest_image_destroy(g, &image);
}

int main(int argc, char **argv) {
    struct guest g;
    guest_init(&g, argc, argv, "memory");
    guest_create_device(&g, NULL, 0, NULL);
    every_type(&g);
    many_mappings(&g);
    slices(&g);
    flush_and_invalidate(&g);
    remap(&g);
    linear_image(&g);
    return guest_finish(&g);
}
