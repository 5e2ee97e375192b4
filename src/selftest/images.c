/* Images on imported memory: what guests' pictures for displays are, where a driver has them. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "renderer/memory_plan.h"
#include "selftest/gpu.h"
#include "selftest/selftest.h"

enum { WIDTH = 64, HEIGHT = 32, TEXEL_BYTES = 4 };
#define COPY_BYTES ((uint64_t)WIDTH * HEIGHT * TEXEL_BYTES)

enum outcome { SHARED, NOT_OFFERED, WRONG };

static const VkImageSubresourceRange whole = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1};

/* ---- the image ------------------------------------------------------------------------------- */

static bool is_offered(const struct gpu *gpu, VkImageTiling tiling) {
    const VkPhysicalDeviceImageFormatInfo2 info = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_FORMAT_INFO_2,
        .format = VK_FORMAT_R8G8B8A8_UNORM,
        .type = VK_IMAGE_TYPE_2D,
        .tiling = tiling,
        .usage = VK_IMAGE_USAGE_TRANSFER_SRC_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT,
    };
    VkImageFormatProperties2 properties = {.sType = VK_STRUCTURE_TYPE_IMAGE_FORMAT_PROPERTIES_2};
    return memory_plan_ask_imported_image(&gpu->host, gpu->physical, &info, &properties) ==
           VK_SUCCESS;
}

static VkResult create_image(const struct gpu *gpu, VkImageTiling tiling, VkImage *out) {
    const VkExternalMemoryImageCreateInfo external = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO,
        .handleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT,
    };
    const VkImageCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
        .pNext = &external,
        .imageType = VK_IMAGE_TYPE_2D,
        .format = VK_FORMAT_R8G8B8A8_UNORM,
        .extent = {WIDTH, HEIGHT, 1},
        .mipLevels = 1,
        .arrayLayers = 1,
        .samples = VK_SAMPLE_COUNT_1_BIT,
        .tiling = tiling,
        .usage = VK_IMAGE_USAGE_TRANSFER_SRC_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT,
    };
    return gpu->vk.CreateImage(gpu->device, &info, NULL, out);
}

static void change_layout(const struct gpu *gpu, VkCommandBuffer commands, VkImage image,
                          VkImageLayout from, VkImageLayout to) {
    const VkImageMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
        .oldLayout = from,
        .newLayout = to,
        .srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
        .dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
        .image = image,
        .subresourceRange = whole,
    };
    gpu->vk.CmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT,
                               VK_PIPELINE_STAGE_TRANSFER_BIT, 0, 0, NULL, 0, NULL, 1, &barrier);
}

/* Clears the image to ff 00 ff 00 and copies it to `buffer`. */
static VkResult clear_and_copy(const struct gpu *gpu, VkImage image, VkBuffer buffer) {
    const VkClearColorValue color = {.float32 = {1.0f, 0.0f, 1.0f, 0.0f}};
    const VkBufferImageCopy region = {
        .imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
        .imageExtent = {WIDTH, HEIGHT, 1},
    };
    VkCommandBuffer commands = gpu_begin(gpu);
    if (!commands) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    change_layout(gpu, commands, image, VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_GENERAL);
    gpu->vk.CmdClearColorImage(commands, image, VK_IMAGE_LAYOUT_GENERAL, &color, 1, &whole);
    change_layout(gpu, commands, image, VK_IMAGE_LAYOUT_GENERAL, VK_IMAGE_LAYOUT_GENERAL);
    gpu->vk.CmdCopyImageToBuffer(commands, image, VK_IMAGE_LAYOUT_GENERAL, buffer, 1, &region);
    return gpu_finish(gpu, commands);
}

/* ---- what is to be seen ------------------------------------------------------------------------ */

static bool is_cleared(const uint8_t *bytes, uint64_t row_pitch) {
    static const uint8_t texel[TEXEL_BYTES] = {0xff, 0, 0xff, 0};
    for (uint64_t y = 0; y < HEIGHT; y++) {
        for (uint64_t x = 0; x < WIDTH; x++) {
            if (memcmp(bytes + y * row_pitch + x * TEXEL_BYTES, texel, TEXEL_BYTES) != 0) {
                return false;
            }
        }
    }
    return true;
}

/* A LINEAR image is seen in its own memory; a tiled one must at least have changed it. */
static bool shows_in_memory(const struct gpu *gpu, VkImage image, VkImageTiling tiling,
                            const struct gpu_memory *memory) {
    if (tiling == VK_IMAGE_TILING_OPTIMAL) {
        for (uint64_t i = 0; i < COPY_BYTES; i++) {
            if (memory->second[i]) {
                return true;
            }
        }
        return false;
    }
    const VkImageSubresource subresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0};
    VkSubresourceLayout layout;
    gpu->vk.GetImageSubresourceLayout(gpu->device, image, &subresource, &layout);
    return layout.rowPitch <= memory->size / HEIGHT &&
           layout.offset <= memory->size - layout.rowPitch * HEIGHT &&
           is_cleared(memory->second + layout.offset, layout.rowPitch);
}

static enum outcome fail(struct selftest_result *out, const char *name, const char *what,
                         VkResult result) {
    selftest_fail(out, "%s: %s (result %d)", name, what, (int)result);
    return WRONG;
}

static enum outcome use(const struct gpu *gpu, VkImage image, VkImageTiling tiling,
                        const char *name, struct selftest_result *out) {
    VkMemoryRequirements needed;
    struct gpu_memory memory, copy;
    gpu->vk.GetImageMemoryRequirements(gpu->device, image, &needed);
    const uint32_t types = needed.memoryTypeBits & gpu_import_types(gpu);
    if (!types) {
        return NOT_OFFERED;
    }
    uint32_t type = 0;
    while (!(types & (UINT32_C(1) << type))) {
        type++;
    }
    const uint64_t size = (needed.size + gpu->alignment - 1) / gpu->alignment * gpu->alignment;
    VkResult result = gpu_import(gpu, type, 0, size, &memory);
    if (result < 0) {
        return fail(out, name, "the import fails", result);
    }
    enum outcome outcome = SHARED;
    result = gpu->vk.BindImageMemory(gpu->device, image, memory.memory, 0);
    if (result < 0) {
        outcome = fail(out, name, "offered, but not bound", result);
        goto end;
    }
    result = gpu_import(gpu, type, 0, (COPY_BYTES / gpu->alignment + 1) * gpu->alignment, &copy);
    if (result < 0) {
        outcome = fail(out, name, "a second import fails", result);
        goto end;
    }
    result = clear_and_copy(gpu, image, copy.buffer);
    if (result < 0 || !is_cleared(copy.second, (uint64_t)WIDTH * TEXEL_BYTES)) {
        outcome = fail(out, name, "what the GPU wrote is not what it copies", result);
    } else if (!shows_in_memory(gpu, image, tiling, &memory)) {
        outcome = fail(out, name, "bound, but the memory does not show it", result);
    }
    gpu_free(gpu, &copy);
end:
    gpu_free(gpu, &memory);
    return outcome;
}

static enum outcome try_tiling(const struct gpu *gpu, VkImageTiling tiling, const char *name,
                               struct selftest_result *out) {
    VkImage image;
    if (!is_offered(gpu, tiling)) {
        return NOT_OFFERED;
    }
    const VkResult result = create_image(gpu, tiling, &image);
    if (result < 0) {
        return fail(out, name, "offered, but not made", result);
    }
    const enum outcome outcome = use(gpu, image, tiling, name, out);
    gpu->vk.DestroyImage(gpu->device, image, NULL);
    return outcome;
}

void selftest_import_images(struct selftest_result *out) {
    static const char *const words[] = {"shared", "not offered"};
    struct gpu gpu;
    if (!gpu_open_importing(&gpu, out)) {
        return;
    }
    const enum outcome linear = try_tiling(&gpu, VK_IMAGE_TILING_LINEAR, "LINEAR", out);
    const enum outcome tiled =
        linear == WRONG ? WRONG : try_tiling(&gpu, VK_IMAGE_TILING_OPTIMAL, "tiled", out);
    if (linear == NOT_OFFERED && tiled == NOT_OFFERED) {
        selftest_miss(out, "no images on imported memory: pictures for displays are copied");
    } else if (tiled != WRONG) {
        selftest_pass(out, "LINEAR images %s, tiled images %s", words[linear], words[tiled]);
    }
    gpu_close(&gpu);
}
