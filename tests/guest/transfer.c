/*
 * Transfer commands: fills, updates, copies between buffers and images with rows and slices in
 * between, clears, blits with scaling, flipping and conversion, layered and 3D images.
 */
#include "common/passes.h"

#include <stdlib.h>
#include <string.h>

enum { SIDE = 64, LAYERS = 4, DEPTH = 8 };

static const VkFormat COLOR = VK_FORMAT_R8G8B8A8_UNORM;
static const VkImageUsageFlags BOTH_WAYS =
    VK_IMAGE_USAGE_TRANSFER_SRC_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT;

static void fill_random(struct guest_buffer *buffer, uint32_t seed) {
    uint32_t *words = buffer->map;
    for (VkDeviceSize i = 0; i < buffer->size / 4; i++) {
        words[i] = guest_random(&seed);
    }
}

/* vkCmdFillBuffer, vkCmdUpdateBuffer and vkCmdCopyBuffer with several regions. */
static void buffers(struct guest *g) {
    struct guest_buffer from = guest_staging_create(g, 8192), to = guest_staging_create(g, 8192);
    unsigned char update[1024];
    fill_random(&from, 21);
    for (size_t i = 0; i < sizeof(update); i++) {
        update[i] = (unsigned char)(i * 7);
    }
    const VkBufferCopy regions[] = {{0, 4096, 100}, {101, 4999, 57}, {4096, 6000, 2000}};
    VkCommandBuffer cmd = guest_cmd_begin(g);
    vkCmdFillBuffer(cmd, to.buffer, 0, VK_WHOLE_SIZE, 0xdeadbeef);
    guest_cmd_barrier(cmd);
    vkCmdFillBuffer(cmd, to.buffer, 16, 64, 0x01020304);
    vkCmdUpdateBuffer(cmd, to.buffer, 128, sizeof(update), update);
    vkCmdCopyBuffer(cmd, from.buffer, to.buffer, GUEST_COUNT(regions), regions);
    guest_cmd_finish(g, cmd);
    const unsigned char *bytes = to.map;
    for (uint32_t i = 0; i < GUEST_COUNT(regions); i++) {
        GUEST_CHECK(memcmp(bytes + regions[i].dstOffset,
                           (unsigned char *)from.map + regions[i].srcOffset, regions[i].size) == 0,
                    "copied region %u", i);
    }
    GUEST_CHECK(memcmp(bytes + 128, update, sizeof(update)) == 0, "updated bytes");
    guest_result(g, "buffer", bytes, to.size);
    guest_buffer_destroy(g, &from);
    guest_buffer_destroy(g, &to);
}

/* Rows longer than the image, a part of it, several layers in one copy, and back. */
static void layered_image(struct guest *g) {
    const uint32_t row = SIDE + 13, slice = SIDE + 3;
    struct guest_buffer from = guest_staging_create(g, (VkDeviceSize)row * slice * LAYERS * 4);
    struct guest_buffer to = guest_staging_create(g, SIDE * SIDE * LAYERS * 4);
    struct guest_image image = guest_image_create(
        g,
        &(struct guest_image_info){
            .format = COLOR, .width = SIDE, .height = SIDE, .layers = LAYERS, .usage = BOTH_WAYS});
    fill_random(&from, 22);
    VkCommandBuffer cmd = guest_cmd_begin(g);
    guest_cmd_layout(cmd, &image, VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL);
    const VkBufferImageCopy upload = {
        0, row, slice, {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, LAYERS}, {0, 0, 0}, {SIDE, SIDE, 1}};
    vkCmdCopyBufferToImage(cmd, from.buffer, image.image, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, 1,
                           &upload);
    guest_cmd_layout(cmd, &image, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, VK_IMAGE_LAYOUT_GENERAL);
    /* Within the image: a part of layer 0 goes to layer 2. */
    const VkImageCopy inside = {{VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
                                {5, 6, 0},
                                {VK_IMAGE_ASPECT_COLOR_BIT, 0, 2, 1},
                                {20, 10, 0},
                                {31, 17, 1}};
    vkCmdCopyImage(cmd, image.image, VK_IMAGE_LAYOUT_GENERAL, image.image, VK_IMAGE_LAYOUT_GENERAL,
                   1, &inside);
    guest_cmd_barrier(cmd);
    const VkBufferImageCopy download = {
        0, 0, 0, {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, LAYERS}, {0, 0, 0}, {SIDE, SIDE, 1}};
    vkCmdCopyImageToBuffer(cmd, image.image, VK_IMAGE_LAYOUT_GENERAL, to.buffer, 1, &download);
    guest_cmd_finish(g, cmd);
    const uint32_t *source = from.map, *target = to.map;
    for (uint32_t y = 0; y < SIDE; y++) {
        GUEST_CHECK(memcmp(target + (SIDE + y) * SIDE, source + (slice + y) * row, SIDE * 4) == 0,
                    "row %u of layer 1", y);
    }
    for (uint32_t y = 0; y < 17; y++) {
        GUEST_CHECK(memcmp(target + (2 * SIDE + 10 + y) * SIDE + 20, source + (6 + y) * row + 5,
                           31 * 4) == 0,
                    "row %u of the copied part", y);
    }
    guest_result(g, "layers", to.map, to.size);
    guest_image_destroy(g, &image);
    guest_buffer_destroy(g, &from);
    guest_buffer_destroy(g, &to);
}

static void volume(struct guest *g) {
    struct guest_buffer from = guest_staging_create(g, SIDE * SIDE * DEPTH * 4);
    struct guest_buffer to = guest_staging_create(g, SIDE * SIDE * DEPTH * 4);
    struct guest_image image = {.format = COLOR,
                                .aspect = VK_IMAGE_ASPECT_COLOR_BIT,
                                .width = SIDE,
                                .height = SIDE,
                                .mips = 1,
                                .layers = 1};
    const VkImageCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
        .imageType = VK_IMAGE_TYPE_3D,
        .format = COLOR,
        .extent = {SIDE, SIDE, DEPTH},
        .mipLevels = 1,
        .arrayLayers = 1,
        .samples = VK_SAMPLE_COUNT_1_BIT,
        .usage = BOTH_WAYS,
    };
    GUEST_VK(vkCreateImage(g->device, &info, NULL, &image.image));
    const VkImageMemoryRequirementsInfo2 ask = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_REQUIREMENTS_INFO_2, .image = image.image};
    VkMemoryRequirements2 needs = {.sType = VK_STRUCTURE_TYPE_MEMORY_REQUIREMENTS_2};
    vkGetImageMemoryRequirements2(g->device, &ask, &needs);
    image.memory = guest_allocate(g, needs.memoryRequirements.size,
                                  guest_memory_type(g, needs.memoryRequirements.memoryTypeBits, 0));
    const VkBindImageMemoryInfo bind = {.sType = VK_STRUCTURE_TYPE_BIND_IMAGE_MEMORY_INFO,
                                        .image = image.image,
                                        .memory = image.memory};
    GUEST_VK(vkBindImageMemory2(g->device, 1, &bind));
    fill_random(&from, 23);
    VkCommandBuffer cmd = guest_cmd_begin(g);
    guest_cmd_layout(cmd, &image, VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL);
    const VkBufferImageCopy whole = {.imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
                                     .imageExtent = {SIDE, SIDE, DEPTH}};
    vkCmdCopyBufferToImage(cmd, from.buffer, image.image, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, 1,
                           &whole);
    guest_cmd_layout(cmd, &image, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
                     VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL);
    vkCmdCopyImageToBuffer(cmd, image.image, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, to.buffer, 1,
                           &whole);
    guest_cmd_finish(g, cmd);
    GUEST_CHECK(memcmp(from.map, to.map, to.size) == 0, "the volume lost texels");
    guest_result(g, "volume", to.map, to.size);
    guest_image_destroy(g, &image);
    guest_buffer_destroy(g, &from);
    guest_buffer_destroy(g, &to);
}

/* From a random source into `to`, already in TRANSFER_DST_OPTIMAL, two regions per filter. */
static void blit_parts(VkCommandBuffer cmd, const struct guest_image *from,
                       const struct guest_image *to) {
    const int32_t half = SIDE / 2, whole = SIDE;
    const VkImageSubresourceLayers layer = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1};
    const VkImageBlit nearest[] = {
        {layer, {{0, 0, 0}, {16, 16, 1}}, layer, {{0, 0, 0}, {half, half, 1}}},
        {layer, {{whole, 0, 0}, {0, whole, 1}}, layer, {{half, 0, 0}, {whole, half, 1}}},
    };
    const VkImageBlit linear[] = {
        {layer, {{0, 0, 0}, {16, 16, 1}}, layer, {{0, half, 0}, {half, whole, 1}}},
        {layer, {{0, whole, 0}, {whole, 0, 1}}, layer, {{half, half, 0}, {whole, whole, 1}}},
    };
    vkCmdBlitImage(cmd, from->image, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, to->image,
                   VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, 2, nearest, VK_FILTER_NEAREST);
    vkCmdBlitImage(cmd, from->image, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, to->image,
                   VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, 2, linear, VK_FILTER_LINEAR);
}

static const struct {
    const char *name;
    VkFormat format;
    uint32_t texel;
} BLIT_TARGETS[] = {
    {"blit to rgba8", VK_FORMAT_R8G8B8A8_UNORM, 4},
    {"blit to bgra8 srgb", VK_FORMAT_B8G8R8A8_SRGB, 4},
    {"blit to rgba16f", VK_FORMAT_R16G16B16A16_SFLOAT, 8},
    {"blit to rgb565", VK_FORMAT_R5G6B5_UNORM_PACK16, 2},
    {"blit to r11g11b10f", VK_FORMAT_B10G11R11_UFLOAT_PACK32, 4},
    {"blit to rg32f", VK_FORMAT_R32G32_SFLOAT, 8},
};

static void blits(struct guest *g) {
    struct guest_buffer texels = guest_staging_create(g, SIDE * SIDE * 4);
    fill_random(&texels, 24);
    struct guest_image from = guest_image_create(
        g, &(struct guest_image_info){
               .format = COLOR, .width = SIDE, .height = SIDE, .usage = BOTH_WAYS});
    VkCommandBuffer cmd = guest_cmd_begin(g);
    const VkBufferImageCopy upload = {.imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
                                      .imageExtent = {SIDE, SIDE, 1}};
    guest_cmd_layout(cmd, &from, VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL);
    vkCmdCopyBufferToImage(cmd, texels.buffer, from.image, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, 1,
                           &upload);
    guest_cmd_layout(cmd, &from, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
                     VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL);
    guest_cmd_finish(g, cmd);
    for (uint32_t i = 0; i < GUEST_COUNT(BLIT_TARGETS); i++) {
        if (!guest_format_has(g, BLIT_TARGETS[i].format, VK_FORMAT_FEATURE_BLIT_DST_BIT)) {
            guest_result(g, BLIT_TARGETS[i].name, "not offered", 11);
            continue;
        }
        struct guest_image to =
            guest_image_create(g, &(struct guest_image_info){.format = BLIT_TARGETS[i].format,
                                                             .width = SIDE,
                                                             .height = SIDE,
                                                             .usage = BOTH_WAYS});
        cmd = guest_cmd_begin(g);
        guest_cmd_layout(cmd, &to, VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL);
        blit_parts(cmd, &from, &to);
        guest_cmd_layout(cmd, &to, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
                         VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL);
        guest_cmd_finish(g, cmd);
        guest_image_result(g, BLIT_TARGETS[i].name, &to, VK_IMAGE_ASPECT_COLOR_BIT,
                           BLIT_TARGETS[i].texel, NULL);
        guest_image_destroy(g, &to);
    }
    guest_image_destroy(g, &from);
    guest_buffer_destroy(g, &texels);
}

static void clears(struct guest *g) {
    struct guest_image color =
        guest_image_create(g, &(struct guest_image_info){.format = VK_FORMAT_R32G32B32A32_UINT,
                                                         .width = SIDE,
                                                         .height = SIDE,
                                                         .usage = BOTH_WAYS});
    struct guest_image depth =
        guest_image_create(g, &(struct guest_image_info){.format = guest_depth_stencil_format(g),
                                                         .width = SIDE,
                                                         .height = SIDE,
                                                         .usage = BOTH_WAYS});
    const VkClearColorValue value = {.uint32 = {1, 0x80000000u, 0xffffffffu, 12345}};
    const VkClearDepthStencilValue far = {0.25f, 0xa5};
    const VkImageSubresourceRange color_range = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1};
    const VkImageSubresourceRange depth_range = {depth.aspect, 0, 1, 0, 1};
    VkCommandBuffer cmd = guest_cmd_begin(g);
    guest_cmd_layout(cmd, &color, VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL);
    guest_cmd_layout(cmd, &depth, VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL);
    vkCmdClearColorImage(cmd, color.image, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, &value, 1,
                         &color_range);
    vkCmdClearDepthStencilImage(cmd, depth.image, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, &far, 1,
                                &depth_range);
    guest_cmd_layout(cmd, &color, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
                     VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL);
    guest_cmd_layout(cmd, &depth, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
                     VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL);
    guest_cmd_finish(g, cmd);
    void *texels;
    guest_image_result(g, "cleared color", &color, VK_IMAGE_ASPECT_COLOR_BIT, 16, &texels);
    for (uint32_t i = 0; i < SIDE * SIDE; i++) {
        GUEST_CHECK(memcmp((char *)texels + i * 16, &value, 16) == 0, "cleared texel %u", i);
    }
    free(texels);
    guest_image_result(g, "cleared depth", &depth, VK_IMAGE_ASPECT_DEPTH_BIT, 4, NULL);
    guest_image_result(g, "cleared stencil", &depth, VK_IMAGE_ASPECT_STENCIL_BIT, 1, &texels);
    for (uint32_t i = 0; i < SIDE * SIDE; i++) {
        GUEST_CHECK(((unsigned char *)texels)[i] == 0xa5, "cleared stencil %u", i);
    }
    free(texels);
    guest_image_destroy(g, &color);
    guest_image_destroy(g, &depth);
}

int main(int argc, char **argv) {
    struct guest g;
    guest_init(&g, argc, argv, "transfer");
    guest_create_device(&g, NULL, 0, NULL);
    buffers(&g);
    layered_image(&g);
    volume(&g);
    blits(&g);
    clears(&g);
    return guest_finish(&g);
}
