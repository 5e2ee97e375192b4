/*
 * Images with the format modifier LINEAR in memory that is exported as a dma-buf: what swapchains
 * and compositors do.  On a driver without modifiers the same is done with an image of tiling
 * LINEAR, whose layout, features and bytes must be the same.
 */
#include "common/resources.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { WIDTH = 61, HEIGHT = 47, TEXEL = 4, PATCH = 16 };

#define FORMAT VK_FORMAT_B8G8R8A8_UNORM
#define USAGE                                                                                      \
    (VK_IMAGE_USAGE_TRANSFER_SRC_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT |                           \
     VK_IMAGE_USAGE_SAMPLED_BIT | VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT)
#define DMA_BUF VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT

static const char *const EXTENSIONS[] = {
    VK_EXT_QUEUE_FAMILY_FOREIGN_EXTENSION_NAME, /* the first is wanted natively, too */
    VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME,
    VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME,
    VK_EXT_IMAGE_DRM_FORMAT_MODIFIER_EXTENSION_NAME,
};

static const uint64_t LINEAR = 0;

/* ---- what is offered ---------------------------------------------------------------------- */

/* False on a driver that has none of it; then the program does without. */
static bool has_modifiers(const struct guest *g) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < GUEST_COUNT(EXTENSIONS); i++) {
        count += guest_has_extension(g, EXTENSIONS[i]);
    }
    if (count == GUEST_COUNT(EXTENSIONS)) {
        return true;
    }
    if (strstr(g->properties.deviceName, "Venus")) {
        guest_skip("the device offers %u of %zu extensions", count, GUEST_COUNT(EXTENSIONS));
    }
    if (!guest_has_extension(g, EXTENSIONS[0])) {
        guest_skip("the device does not offer %s", EXTENSIONS[0]);
    }
    return false;
}

static VkFormatFeatureFlags modifier_features(const struct guest *g) {
    VkDrmFormatModifierPropertiesEXT entries[2] = {{0}};
    VkDrmFormatModifierPropertiesListEXT list = {
        .sType = VK_STRUCTURE_TYPE_DRM_FORMAT_MODIFIER_PROPERTIES_LIST_EXT,
    };
    VkFormatProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_FORMAT_PROPERTIES_2,
        .pNext = &list,
    };
    vkGetPhysicalDeviceFormatProperties2(g->physical, FORMAT, &properties);
    GUEST_CHECK(list.drmFormatModifierCount == 1, "%u modifiers instead of one",
                list.drmFormatModifierCount);
    list.drmFormatModifierCount = GUEST_COUNT(entries);
    list.pDrmFormatModifierProperties = entries;
    vkGetPhysicalDeviceFormatProperties2(g->physical, FORMAT, &properties);
    GUEST_CHECK(list.drmFormatModifierCount == 1 && entries[0].drmFormatModifier == LINEAR &&
                    entries[0].drmFormatModifierPlaneCount == 1,
                "the one modifier is not LINEAR with one plane");

    list.drmFormatModifierCount = GUEST_COUNT(entries);
    vkGetPhysicalDeviceFormatProperties2(g->physical, VK_FORMAT_D32_SFLOAT, &properties);
    GUEST_CHECK(list.drmFormatModifierCount == 0, "a depth format has a modifier");
    return entries[0].drmFormatModifierTilingFeatures;
}

static VkFormatFeatureFlags linear_features(const struct guest *g) {
    VkFormatProperties properties;
    vkGetPhysicalDeviceFormatProperties(g->physical, FORMAT, &properties);
    return properties.linearTilingFeatures;
}

static VkResult ask_image(const struct guest *g, VkImageTiling tiling, uint64_t modifier,
                          VkExternalMemoryFeatureFlags *features) {
    const VkPhysicalDeviceImageDrmFormatModifierInfoEXT modifier_info = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_DRM_FORMAT_MODIFIER_INFO_EXT,
        .drmFormatModifier = modifier,
        .sharingMode = VK_SHARING_MODE_EXCLUSIVE,
    };
    const VkPhysicalDeviceExternalImageFormatInfo external_info = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO,
        .pNext = tiling == VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT ? &modifier_info : NULL,
        .handleType = DMA_BUF,
    };
    const VkPhysicalDeviceImageFormatInfo2 info = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_FORMAT_INFO_2,
        .pNext = &external_info,
        .format = FORMAT,
        .type = VK_IMAGE_TYPE_2D,
        .tiling = tiling,
        .usage = USAGE,
    };
    VkExternalImageFormatProperties external = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_IMAGE_FORMAT_PROPERTIES,
    };
    VkImageFormatProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_FORMAT_PROPERTIES_2,
        .pNext = &external,
    };
    VkResult result = vkGetPhysicalDeviceImageFormatProperties2(g->physical, &info, &properties);
    GUEST_CHECK(result < 0 || (properties.imageFormatProperties.maxExtent.width >= WIDTH &&
                               properties.imageFormatProperties.maxMipLevels == 1),
                "images have the wrong limits");
    *features = external.externalMemoryProperties.externalMemoryFeatures;
    return result;
}

static void check_queries(const struct guest *g) {
    const VkImageTiling tiling = VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT;
    VkExternalMemoryFeatureFlags features;
    GUEST_VK(ask_image(g, tiling, LINEAR, &features));
    GUEST_CHECK(features & VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT,
                "images with a modifier cannot be exported (%#x)", features);
    GUEST_CHECK(ask_image(g, tiling, 1, &features) == VK_ERROR_FORMAT_NOT_SUPPORTED,
                "there are images of modifier 1");
    GUEST_CHECK(ask_image(g, VK_IMAGE_TILING_OPTIMAL, 0, &features) ==
                    VK_ERROR_FORMAT_NOT_SUPPORTED,
                "images of tiling OPTIMAL can be exported");
}

/* ---- the image ---------------------------------------------------------------------------- */

/* `chain`: the modifiers, or NULL for an image of tiling LINEAR that is not shared. */
static VkResult create_image(const struct guest *g, const void *chain, VkImage *out) {
    const VkExternalMemoryImageCreateInfo external = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO,
        .pNext = chain,
        .handleTypes = DMA_BUF,
    };
    const VkImageCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
        .pNext = chain ? &external : NULL,
        .imageType = VK_IMAGE_TYPE_2D,
        .format = FORMAT,
        .extent = {WIDTH, HEIGHT, 1},
        .mipLevels = 1,
        .arrayLayers = 1,
        .samples = VK_SAMPLE_COUNT_1_BIT,
        .tiling = chain ? VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT : VK_IMAGE_TILING_LINEAR,
        .usage = USAGE,
        .initialLayout = VK_IMAGE_LAYOUT_UNDEFINED,
    };
    return vkCreateImage(g->device, &info, NULL, out);
}

static VkImage create_listed(const struct guest *g) {
    const VkImageDrmFormatModifierListCreateInfoEXT list = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_LIST_CREATE_INFO_EXT,
        .drmFormatModifierCount = 1,
        .pDrmFormatModifiers = &LINEAR,
    };
    VkImage image;
    GUEST_VK(create_image(g, &list, &image));
    VkImageDrmFormatModifierPropertiesEXT properties = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_PROPERTIES_EXT,
        .drmFormatModifier = 99,
    };
    PFN_vkGetImageDrmFormatModifierPropertiesEXT get =
        GUEST_DEVICE_PROC(g, PFN_vkGetImageDrmFormatModifierPropertiesEXT,
                          "vkGetImageDrmFormatModifierPropertiesEXT");
    GUEST_VK(get(g->device, image, &properties));
    GUEST_CHECK(properties.drmFormatModifier == LINEAR, "the image has another modifier");
    return image;
}

static VkResult create_explicit(const struct guest *g, VkSubresourceLayout layout, VkImage *out) {
    layout.size = layout.arrayPitch = layout.depthPitch = 0;
    const VkImageDrmFormatModifierExplicitCreateInfoEXT given = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_EXPLICIT_CREATE_INFO_EXT,
        .drmFormatModifier = LINEAR,
        .drmFormatModifierPlaneCount = 1,
        .pPlaneLayouts = &layout,
    };
    return create_image(g, &given, out);
}

/* An importer states the layout that the exporter found; any other is refused. */
static void check_explicit(const struct guest *g, VkSubresourceLayout layout) {
    VkImage image;
    GUEST_VK(create_explicit(g, layout, &image));
    vkDestroyImage(g->device, image, NULL);
    layout.rowPitch += 256;
    VkResult result = create_explicit(g, layout, &image);
    GUEST_CHECK(result == VK_ERROR_INVALID_DRM_FORMAT_MODIFIER_PLANE_LAYOUT_EXT,
                "another row pitch gives %s", guest_result_name(result));
}

/* Memory for the image, exportable where `shared`. */
static VkDeviceMemory bind_memory(const struct guest *g, VkImage image, bool shared,
                                  VkDeviceSize *out_size) {
    VkMemoryRequirements needs;
    vkGetImageMemoryRequirements(g->device, image, &needs);
    const VkMemoryDedicatedAllocateInfo dedicated = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO,
        .image = image,
    };
    const VkExportMemoryAllocateInfo exported = {
        .sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
        .pNext = &dedicated,
        .handleTypes = DMA_BUF,
    };
    const VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .pNext = shared ? &exported : NULL,
        .allocationSize = needs.size,
        .memoryTypeIndex = guest_memory_type(g, needs.memoryTypeBits, GUEST_HOST_MEMORY),
    };
    VkDeviceMemory memory;
    GUEST_VK(vkAllocateMemory(g->device, &info, NULL, &memory));
    GUEST_VK(vkBindImageMemory(g->device, image, memory, 0));
    *out_size = needs.size;
    return memory;
}

/* The memory's bytes: those behind its descriptor where `shared`. */
static unsigned char *map_memory(const struct guest *g, VkDeviceMemory memory, bool shared,
                                 VkDeviceSize size) {
    void *map;
    if (!shared) {
        GUEST_VK(vkMapMemory(g->device, memory, 0, VK_WHOLE_SIZE, 0, &map));
        return map;
    }
    const VkMemoryGetFdInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_GET_FD_INFO_KHR,
        .memory = memory,
        .handleType = DMA_BUF,
    };
    int fd;
    GUEST_VK(GUEST_DEVICE_PROC(g, PFN_vkGetMemoryFdKHR, "vkGetMemoryFdKHR")(g->device, &info, &fd));
    map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    GUEST_CHECK(map != MAP_FAILED, "the descriptor cannot be mapped: %s", strerror(errno));
    close(fd);
    return map;
}

/* ---- drawing ------------------------------------------------------------------------------ */

static VkRenderPass create_pass(const struct guest *g) {
    const VkAttachmentDescription color = {
        .format = FORMAT,
        .samples = VK_SAMPLE_COUNT_1_BIT,
        .loadOp = VK_ATTACHMENT_LOAD_OP_CLEAR,
        .storeOp = VK_ATTACHMENT_STORE_OP_STORE,
        .initialLayout = VK_IMAGE_LAYOUT_UNDEFINED,
        .finalLayout = VK_IMAGE_LAYOUT_GENERAL,
    };
    const VkAttachmentReference reference = {0, VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL};
    const VkSubpassDescription subpass = {
        .pipelineBindPoint = VK_PIPELINE_BIND_POINT_GRAPHICS,
        .colorAttachmentCount = 1,
        .pColorAttachments = &reference,
    };
    const VkRenderPassCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_RENDER_PASS_CREATE_INFO,
        .attachmentCount = 1,
        .pAttachments = &color,
        .subpassCount = 1,
        .pSubpasses = &subpass,
    };
    VkRenderPass pass;
    GUEST_VK(vkCreateRenderPass(g->device, &info, NULL, &pass));
    return pass;
}

static VkFramebuffer create_framebuffer(const struct guest *g, VkRenderPass pass,
                                        VkImageView view) {
    const VkFramebufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_FRAMEBUFFER_CREATE_INFO,
        .renderPass = pass,
        .attachmentCount = 1,
        .pAttachments = &view,
        .width = WIDTH,
        .height = HEIGHT,
        .layers = 1,
    };
    VkFramebuffer framebuffer;
    GUEST_VK(vkCreateFramebuffer(g->device, &info, NULL, &framebuffer));
    return framebuffer;
}

static VkImageView create_view(const struct guest *g, VkImage image) {
    const VkImageViewCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_VIEW_CREATE_INFO,
        .image = image,
        .viewType = VK_IMAGE_VIEW_TYPE_2D,
        .format = FORMAT,
        .subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1},
    };
    VkImageView view;
    GUEST_VK(vkCreateImageView(g->device, &info, NULL, &view));
    return view;
}

/* Hands the image to whoever else uses it, or takes it back. */
static void change_owner(VkCommandBuffer cmd, VkImage image, uint32_t from, uint32_t to) {
    const VkImageMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT,
        .oldLayout = VK_IMAGE_LAYOUT_GENERAL,
        .newLayout = VK_IMAGE_LAYOUT_GENERAL,
        .srcQueueFamilyIndex = from,
        .dstQueueFamilyIndex = to,
        .image = image,
        .subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1},
    };
    vkCmdPipelineBarrier(cmd, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
                         VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, 0, 0, NULL, 0, NULL, 1, &barrier);
}

static const VkImageSubresourceLayers WHOLE = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1};

/* A rectangle on a cleared ground, and a patch from a buffer. */
static void draw(const struct guest *g, VkImage image, const struct guest_buffer *patch) {
    VkImageView view = create_view(g, image);
    VkRenderPass pass = create_pass(g);
    VkFramebuffer framebuffer = create_framebuffer(g, pass, view);
    const VkClearValue ground = {.color = {.float32 = {0.2f, 0.4f, 0.6f, 1.0f}}};
    const VkRenderPassBeginInfo begin = {
        .sType = VK_STRUCTURE_TYPE_RENDER_PASS_BEGIN_INFO,
        .renderPass = pass,
        .framebuffer = framebuffer,
        .renderArea = {{0, 0}, {WIDTH, HEIGHT}},
        .clearValueCount = 1,
        .pClearValues = &ground,
    };
    const VkClearAttachment rectangle = {
        .aspectMask = VK_IMAGE_ASPECT_COLOR_BIT,
        .clearValue = {.color = {.float32 = {1.0f, 0.0f, 0.8f, 0.2f}}},
    };
    const VkClearRect area = {{{5, 3}, {37, 11}}, 0, 1};
    const VkBufferImageCopy region = {
        .imageSubresource = WHOLE,
        .imageOffset = {WIDTH - PATCH, HEIGHT - PATCH, 0},
        .imageExtent = {PATCH, PATCH, 1},
    };
    VkCommandBuffer cmd = guest_cmd_begin(g);
    vkCmdBeginRenderPass(cmd, &begin, VK_SUBPASS_CONTENTS_INLINE);
    vkCmdClearAttachments(cmd, 1, &rectangle, 1, &area);
    vkCmdEndRenderPass(cmd);
    guest_cmd_barrier(cmd);
    vkCmdCopyBufferToImage(cmd, patch->buffer, image, VK_IMAGE_LAYOUT_GENERAL, 1, &region);
    change_owner(cmd, image, g->family, VK_QUEUE_FAMILY_FOREIGN_EXT);
    guest_cmd_finish(g, cmd);
    vkDestroyFramebuffer(g->device, framebuffer, NULL);
    vkDestroyRenderPass(g->device, pass, NULL);
    vkDestroyImageView(g->device, view, NULL);
}

static void read_back(const struct guest *g, VkImage image, const struct guest_buffer *to) {
    const VkBufferImageCopy region = {
        .imageSubresource = WHOLE,
        .imageExtent = {WIDTH, HEIGHT, 1},
    };
    VkCommandBuffer cmd = guest_cmd_begin(g);
    change_owner(cmd, image, VK_QUEUE_FAMILY_FOREIGN_EXT, g->family);
    vkCmdCopyImageToBuffer(cmd, image, VK_IMAGE_LAYOUT_GENERAL, to->buffer, 1, &region);
    guest_cmd_finish(g, cmd);
}

/* What was drawn lies in the rows, and what is written to the rows is in the image. */
static void check_bytes(struct guest *g, VkImage image, unsigned char *map,
                        const VkSubresourceLayout *layout) {
    struct guest_buffer patch = guest_staging_create(g, PATCH * PATCH * TEXEL);
    struct guest_buffer copy = guest_staging_create(g, WIDTH * HEIGHT * TEXEL);
    uint32_t seed = 7;
    for (uint32_t i = 0; i < PATCH * PATCH * TEXEL; i++) {
        ((unsigned char *)patch.map)[i] = (unsigned char)(guest_random(&seed) >> 24);
    }
    draw(g, image, &patch);
    unsigned char rows[HEIGHT][WIDTH * TEXEL];
    for (uint32_t y = 0; y < HEIGHT; y++) {
        memcpy(rows[y], map + layout->offset + y * layout->rowPitch, sizeof(rows[y]));
    }
    guest_result(g, "rows", rows, sizeof(rows));
    unsigned char *corner = map + layout->offset;
    for (uint32_t i = 0; i < TEXEL; i++) {
        corner[i] = rows[0][i] = (unsigned char)(0x30 + i);
    }
    read_back(g, image, &copy);
    GUEST_CHECK(memcmp(copy.map, rows, sizeof(rows)) == 0, "the image and its rows differ");
    guest_result(g, "copied", copy.map, sizeof(rows));
    guest_buffer_destroy(g, &copy);
    guest_buffer_destroy(g, &patch);
}

int main(int argc, char **argv) {
    struct guest g;
    guest_init(&g, argc, argv, "modifier");
    const bool shared = has_modifiers(&g);
    guest_create_device(&g, EXTENSIONS, shared ? GUEST_COUNT(EXTENSIONS) : 1, NULL);
    guest_say("%s", shared ? "an image with the modifier LINEAR" : "an image of tiling LINEAR");
    VkFormatFeatureFlags features = shared ? modifier_features(&g) : linear_features(&g);
    guest_result(&g, "features", &features, sizeof(features));

    VkImage image;
    if (shared) {
        check_queries(&g);
        image = create_listed(&g);
    } else {
        GUEST_VK(create_image(&g, NULL, &image));
    }
    const VkImageSubresource plane = {
        .aspectMask = shared ? VK_IMAGE_ASPECT_MEMORY_PLANE_0_BIT_EXT : VK_IMAGE_ASPECT_COLOR_BIT,
    };
    VkSubresourceLayout layout = {0};
    vkGetImageSubresourceLayout(g.device, image, &plane, &layout);
    GUEST_CHECK(layout.rowPitch >= WIDTH * TEXEL, "rows of %llu bytes",
                (unsigned long long)layout.rowPitch);
    const uint64_t numbers[] = {layout.offset, layout.size, layout.rowPitch};
    guest_result(&g, "layout", numbers, sizeof(numbers));
    if (shared) {
        check_explicit(&g, layout);
    }
    VkDeviceSize size;
    VkDeviceMemory memory = bind_memory(&g, image, shared, &size);
    unsigned char *map = map_memory(&g, memory, shared, size);
    check_bytes(&g, image, map, &layout);
    vkDestroyImage(g.device, image, NULL);
    vkFreeMemory(g.device, memory, NULL);
    if (shared) {
        munmap(map, size);
    }
    return guest_finish(&g);
}
