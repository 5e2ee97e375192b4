/* The pattern on everything: computed here, uploaded, its smaller levels blitted by the device. */
#include "scene_parts.h"

enum { SIDE = 256, MIPS = 9 };

static void draw_pattern(unsigned char *to) {
    for (uint32_t y = 0; y < SIDE; y++) {
        for (uint32_t x = 0; x < SIDE; x++) {
            bool checker = ((x * 2 / SIDE) ^ (y * 2 / SIDE)) & 1;
            bool stripe = (x * 4 + y * 4) / SIDE % 2;
            uint32_t edge_x = x < SIDE - x ? x : SIDE - x, edge_y = y < SIDE - y ? y : SIDE - y;
            bool border = (edge_x < edge_y ? edge_x : edge_y) < SIDE / 12;
            *to++ = checker ? 235 : 20;
            *to++ = stripe ? 255 : 90;
            *to++ = border ? 120 : 255;
            *to++ = 255;
        }
    }
}

static void level_barrier(VkCommandBuffer cmd, const struct guest_image *image, uint32_t level,
                          VkImageLayout from, VkImageLayout to) {
    const VkImageMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_SHADER_READ_BIT,
        .oldLayout = from,
        .newLayout = to,
        .srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
        .dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
        .image = image->image,
        .subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, level, 1, 0, 1},
    };
    vkCmdPipelineBarrier(cmd, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, 0,
                         0, NULL, 0, NULL, 1, &barrier);
}

static void blit_levels(VkCommandBuffer cmd, const struct guest_image *image) {
    for (uint32_t level = 1; level < MIPS; level++) {
        level_barrier(cmd, image, level - 1, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
                      VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL);
        const int32_t from = SIDE >> (level - 1), to = SIDE >> level;
        const VkImageBlit blit = {
            .srcSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, level - 1, 0, 1},
            .srcOffsets = {{0, 0, 0}, {from, from, 1}},
            .dstSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, level, 0, 1},
            .dstOffsets = {{0, 0, 0}, {to, to, 1}},
        };
        vkCmdBlitImage(cmd, image->image, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, image->image,
                       VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, 1, &blit, VK_FILTER_LINEAR);
    }
    level_barrier(cmd, image, MIPS - 1, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
                  VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL);
}

void scene_create_texture(struct scene *s, const struct guest *g) {
    s->texture = guest_image_create(g, &(struct guest_image_info){
                                           .format = VK_FORMAT_R8G8B8A8_UNORM,
                                           .width = SIDE,
                                           .height = SIDE,
                                           .mips = MIPS,
                                           .usage = VK_IMAGE_USAGE_SAMPLED_BIT |
                                                    VK_IMAGE_USAGE_TRANSFER_SRC_BIT |
                                                    VK_IMAGE_USAGE_TRANSFER_DST_BIT,
                                       });
    struct guest_buffer staging = guest_staging_create(g, SIDE * SIDE * 4);
    draw_pattern(staging.map);
    VkCommandBuffer cmd = guest_cmd_begin(g);
    guest_cmd_layout(cmd, &s->texture, VK_IMAGE_LAYOUT_UNDEFINED,
                     VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL);
    const VkBufferImageCopy copy = {.imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
                                    .imageExtent = {SIDE, SIDE, 1}};
    vkCmdCopyBufferToImage(cmd, staging.buffer, s->texture.image,
                           VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, 1, &copy);
    blit_levels(cmd, &s->texture);
    guest_cmd_layout(cmd, &s->texture, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
                     VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL);
    guest_cmd_finish(g, cmd);
    guest_buffer_destroy(g, &staging);

    const VkSamplerCreateInfo sampler = {
        .sType = VK_STRUCTURE_TYPE_SAMPLER_CREATE_INFO,
        .magFilter = VK_FILTER_LINEAR,
        .minFilter = VK_FILTER_LINEAR,
        .mipmapMode = VK_SAMPLER_MIPMAP_MODE_LINEAR,
        .maxLod = MIPS,
    };
    GUEST_VK(vkCreateSampler(g->device, &sampler, NULL, &s->texture_sampler));
}

void scene_destroy_texture(struct scene *s, const struct guest *g) {
    vkDestroySampler(g->device, s->texture_sampler, NULL);
    guest_image_destroy(g, &s->texture);
}
