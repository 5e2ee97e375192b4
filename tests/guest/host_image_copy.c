/*
 * Host image copies: from memory to an image, between images and back, without any queue; as
 * texels with rows of another length, in parts, and as opaque bytes.
 */
#include "common/resources.h"

#include <stdlib.h>
#include <string.h>

enum { SIDE = 64, LAYERS = 2, ROW = SIDE + 5 };

struct procs {
    PFN_vkCopyMemoryToImageEXT to_image;
    PFN_vkCopyImageToMemoryEXT to_memory;
    PFN_vkCopyImageToImageEXT between;
    PFN_vkTransitionImageLayoutEXT transition;
    PFN_vkGetImageSubresourceLayout2EXT subresource_layout;
};

static const VkImageSubresourceLayers ALL = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, LAYERS};

static struct guest_image create_image(const struct guest *g, const struct procs *vk,
                                       uint32_t layers) {
    struct guest_image made = guest_image_create(
        g, &(struct guest_image_info){.format = VK_FORMAT_R8G8B8A8_UNORM,
                                      .width = SIDE,
                                      .height = SIDE,
                                      .layers = layers,
                                      .usage = VK_IMAGE_USAGE_HOST_TRANSFER_BIT_EXT |
                                               VK_IMAGE_USAGE_TRANSFER_SRC_BIT |
                                               VK_IMAGE_USAGE_SAMPLED_BIT});
    const VkHostImageLayoutTransitionInfoEXT transition = {
        .sType = VK_STRUCTURE_TYPE_HOST_IMAGE_LAYOUT_TRANSITION_INFO_EXT,
        .image = made.image,
        .newLayout = VK_IMAGE_LAYOUT_GENERAL,
        .subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, layers},
    };
    GUEST_VK(vk->transition(g->device, 1, &transition));
    return made;
}

static void upload(const struct guest *g, const struct procs *vk, const struct guest_image *image,
                   const uint32_t *texels) {
    const VkMemoryToImageCopyEXT regions[2] = {
        {.sType = VK_STRUCTURE_TYPE_MEMORY_TO_IMAGE_COPY_EXT,
         .pHostPointer = texels,
         .memoryRowLength = ROW,
         .memoryImageHeight = SIDE,
         .imageSubresource = ALL,
         .imageExtent = {SIDE, SIDE, 1}},
        {.sType = VK_STRUCTURE_TYPE_MEMORY_TO_IMAGE_COPY_EXT,
         .pHostPointer = texels + 7,
         .imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 1},
         .imageOffset = {16, 8, 0},
         .imageExtent = {9, 11, 1}},
    };
    const VkCopyMemoryToImageInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_COPY_MEMORY_TO_IMAGE_INFO_EXT,
        .dstImage = image->image,
        .dstImageLayout = VK_IMAGE_LAYOUT_GENERAL,
        .regionCount = 2,
        .pRegions = regions,
    };
    GUEST_VK(vk->to_image(g->device, &info));
}

static void download(const struct guest *g, const struct procs *vk, const struct guest_image *image,
                     VkHostImageCopyFlagsEXT flags, const VkImageSubresourceLayers *layers,
                     void *to) {
    const VkImageToMemoryCopyEXT region = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_TO_MEMORY_COPY_EXT,
        .pHostPointer = to,
        .imageSubresource = *layers,
        .imageExtent = {SIDE, SIDE, 1},
    };
    const VkCopyImageToMemoryInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_COPY_IMAGE_TO_MEMORY_INFO_EXT,
        .flags = flags,
        .srcImage = image->image,
        .srcImageLayout = VK_IMAGE_LAYOUT_GENERAL,
        .regionCount = 1,
        .pRegions = &region,
    };
    GUEST_VK(vk->to_memory(g->device, &info));
}

static void upload_opaque(const struct guest *g, const struct procs *vk,
                          const struct guest_image *image, VkHostImageCopyFlagsEXT flags,
                          const void *bytes) {
    const VkMemoryToImageCopyEXT region = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_TO_IMAGE_COPY_EXT,
        .pHostPointer = bytes,
        .imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
        .imageExtent = {SIDE, SIDE, 1},
    };
    const VkCopyMemoryToImageInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_COPY_MEMORY_TO_IMAGE_INFO_EXT,
        .flags = flags,
        .dstImage = image->image,
        .dstImageLayout = VK_IMAGE_LAYOUT_GENERAL,
        .regionCount = 1,
        .pRegions = &region,
    };
    GUEST_VK(vk->to_image(g->device, &info));
}

static VkDeviceSize opaque_size(const struct guest *g, const struct procs *vk,
                                const struct guest_image *image) {
    const VkImageSubresource2EXT which = {.sType = VK_STRUCTURE_TYPE_IMAGE_SUBRESOURCE_2_EXT,
                                          .imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0}};
    VkSubresourceHostMemcpySizeEXT size = {.sType =
                                               VK_STRUCTURE_TYPE_SUBRESOURCE_HOST_MEMCPY_SIZE_EXT};
    VkSubresourceLayout2EXT layout = {.sType = VK_STRUCTURE_TYPE_SUBRESOURCE_LAYOUT_2_EXT,
                                      .pNext = &size};
    vk->subresource_layout(g->device, image->image, &which, &layout);
    GUEST_CHECK(size.size >= SIDE * SIDE * 4, "%llu opaque bytes", (unsigned long long)size.size);
    return size.size;
}

/* The driver's own arrangement of the texels: out of one image, into another, the same picture. */
static void opaque(struct guest *g, const struct procs *vk, const void *texels) {
    const VkImageSubresourceLayers layer = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1};
    struct guest_image first = create_image(g, vk, 1), second = create_image(g, vk, 1);
    void *bytes = calloc(1, (size_t)opaque_size(g, vk, &first));
    void *arrived = calloc(SIDE * SIDE, 4);
    GUEST_CHECK(bytes && arrived, "out of memory");
    upload_opaque(g, vk, &first, 0, texels);
    download(g, vk, &first, VK_HOST_IMAGE_COPY_MEMCPY_EXT, &layer, bytes);
    upload_opaque(g, vk, &second, VK_HOST_IMAGE_COPY_MEMCPY_EXT, bytes);
    download(g, vk, &second, 0, &layer, arrived);
    GUEST_CHECK(memcmp(arrived, texels, SIDE * SIDE * 4) == 0, "opaque bytes lost the picture");
    guest_image_destroy(g, &first);
    guest_image_destroy(g, &second);
    free(bytes);
    free(arrived);
}

static void copies(struct guest *g, const struct procs *vk) {
    static uint32_t source[ROW * SIDE * LAYERS], direct[SIDE * SIDE * LAYERS];
    static uint32_t moved[SIDE * SIDE * LAYERS];
    uint32_t seed = 31;
    for (uint32_t i = 0; i < GUEST_COUNT(source); i++) {
        source[i] = guest_random(&seed);
    }
    struct guest_image first = create_image(g, vk, LAYERS), second = create_image(g, vk, LAYERS);
    upload(g, vk, &first, source);
    download(g, vk, &first, 0, &ALL, direct);
    for (uint32_t y = 0; y < SIDE; y++) {
        GUEST_CHECK(memcmp(direct + y * SIDE, source + y * ROW, SIDE * 4) == 0, "row %u", y);
    }
    for (uint32_t y = 0; y < 11; y++) {
        GUEST_CHECK(memcmp(direct + (SIDE + 8 + y) * SIDE + 16, source + 7 + y * 9, 9 * 4) == 0,
                    "row %u of the part", y);
    }
    const VkImageCopy2 region = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_COPY_2,
        .srcSubresource = ALL,
        .dstSubresource = ALL,
        .extent = {SIDE, SIDE, 1},
    };
    const VkCopyImageToImageInfoEXT between = {
        .sType = VK_STRUCTURE_TYPE_COPY_IMAGE_TO_IMAGE_INFO_EXT,
        .srcImage = first.image,
        .srcImageLayout = VK_IMAGE_LAYOUT_GENERAL,
        .dstImage = second.image,
        .dstImageLayout = VK_IMAGE_LAYOUT_GENERAL,
        .regionCount = 1,
        .pRegions = &region,
    };
    GUEST_VK(vk->between(g->device, &between));
    download(g, vk, &second, 0, &ALL, moved);
    GUEST_CHECK(memcmp(direct, moved, sizeof(direct)) == 0, "the copy between images differs");
    guest_result(g, "copied by the host", moved, sizeof(moved));
    opaque(g, vk, direct);

    /* The device sees what the host has written. */
    struct guest_buffer seen = guest_staging_create(g, SIDE * SIDE * 4);
    VkCommandBuffer cmd = guest_cmd_begin(g);
    guest_cmd_layout(cmd, &second, VK_IMAGE_LAYOUT_GENERAL, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL);
    guest_cmd_read_image(cmd, &second, VK_IMAGE_ASPECT_COLOR_BIT, &seen, 0);
    guest_cmd_finish(g, cmd);
    GUEST_CHECK(memcmp(seen.map, direct, SIDE * SIDE * 4) == 0, "the device sees another picture");
    guest_result(g, "seen by the device", seen.map, seen.size);
    guest_buffer_destroy(g, &seen);
    guest_image_destroy(g, &first);
    guest_image_destroy(g, &second);
}

int main(int argc, char **argv) {
    struct guest g;
    guest_init(&g, argc, argv, "host_image_copy");
    /* Since 1.3 its dependencies are core. */
    if (g.api_version < VK_API_VERSION_1_3 || !guest_has_extension(&g, "VK_EXT_host_image_copy")) {
        guest_skip("the device has no VK_EXT_host_image_copy");
    }
    VkPhysicalDeviceHostImageCopyFeaturesEXT feature = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_HOST_IMAGE_COPY_FEATURES_EXT};
    VkPhysicalDeviceFeatures2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                     .pNext = &feature};
    vkGetPhysicalDeviceFeatures2(g.physical, &all);
    if (!feature.hostImageCopy) {
        guest_skip("the device has no hostImageCopy");
    }
    const char *const extension = "VK_EXT_host_image_copy";
    feature.pNext = NULL;
    guest_create_device(&g, &extension, 1, &feature);
    const struct procs procs = {
        .to_image = GUEST_DEVICE_PROC(&g, PFN_vkCopyMemoryToImageEXT, "vkCopyMemoryToImageEXT"),
        .to_memory = GUEST_DEVICE_PROC(&g, PFN_vkCopyImageToMemoryEXT, "vkCopyImageToMemoryEXT"),
        .between = GUEST_DEVICE_PROC(&g, PFN_vkCopyImageToImageEXT, "vkCopyImageToImageEXT"),
        .transition =
            GUEST_DEVICE_PROC(&g, PFN_vkTransitionImageLayoutEXT, "vkTransitionImageLayoutEXT"),
        .subresource_layout = GUEST_DEVICE_PROC(&g, PFN_vkGetImageSubresourceLayout2EXT,
                                                "vkGetImageSubresourceLayout2EXT"),
    };
    copies(&g, &procs);
    return guest_finish(&g);
}
