/*
 * Buffers, images and one-shot command buffers of the guest programs.
 * Every function ends the process when Vulkan reports an error.  Each create has its destroy;
 * objects belong to the caller.  Threads: as Vulkan's rules for the objects passed.
 */
#ifndef VESPER_GUEST_RESOURCES_H
#define VESPER_GUEST_RESOURCES_H

#include "guest.h"

#define GUEST_HOST_MEMORY                                                                          \
    (VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT)

struct guest_buffer {
    VkBuffer buffer;
    VkDeviceMemory memory;
    VkDeviceSize size;
    void *map; /* NULL unless the memory is host-visible */
};

struct guest_image {
    VkImage image;
    VkDeviceMemory memory;
    VkImageView view; /* the whole image, 2D or 2D array */
    VkFormat format;
    VkImageAspectFlags aspect;
    uint32_t width, height, mips, layers;
};

struct guest_image_info {
    VkFormat format;
    uint32_t width, height;
    uint32_t mips, layers;       /* 0 means 1 */
    VkSampleCountFlagBits samples; /* 0 means 1 */
    VkImageUsageFlags usage;
};

/* Index of a memory type among `bits` with all `flags`, or UINT32_MAX. */
uint32_t guest_find_memory_type(const struct guest *g, uint32_t bits, VkMemoryPropertyFlags flags);

/* As guest_find_memory_type() for a type that the specification guarantees. */
uint32_t guest_memory_type(const struct guest *g, uint32_t bits, VkMemoryPropertyFlags flags);

VkDeviceMemory guest_allocate(const struct guest *g, VkDeviceSize size, uint32_t type);

struct guest_buffer guest_buffer_create(const struct guest *g, VkDeviceSize size,
                                        VkBufferUsageFlags usage, VkMemoryPropertyFlags flags);
void guest_buffer_destroy(const struct guest *g, struct guest_buffer *buffer);

/* A host-visible, coherent buffer for transfer in both directions. */
struct guest_buffer guest_staging_create(const struct guest *g, VkDeviceSize size);

struct guest_image guest_image_create(const struct guest *g, const struct guest_image_info *info);
void guest_image_destroy(const struct guest *g, struct guest_image *image);

/* True if optimal tiling of `format` offers all of `features`. */
bool guest_format_has(const struct guest *g, VkFormat format, VkFormatFeatureFlags features);

/* Allocates and begins a primary command buffer for one submission. */
VkCommandBuffer guest_cmd_begin(const struct guest *g);

/* Ends `cmd`, submits it to queue 0, waits for it and frees it. */
void guest_cmd_finish(const struct guest *g, VkCommandBuffer cmd);

/* Everything before is visible to everything after. */
void guest_cmd_barrier(VkCommandBuffer cmd);

/* The same, and all of the image changes layout. */
void guest_cmd_layout(VkCommandBuffer cmd, const struct guest_image *image, VkImageLayout from,
                      VkImageLayout to);

/* Copies mip 0, layer 0 of one aspect, in TRANSFER_SRC_OPTIMAL, tightly packed to `offset`. */
void guest_cmd_read_image(VkCommandBuffer cmd, const struct guest_image *image,
                          VkImageAspectFlags aspect, const struct guest_buffer *to,
                          VkDeviceSize offset);

#endif
