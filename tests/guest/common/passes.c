#include "passes.h"

#include <stdlib.h>
#include <string.h>

static VkAttachmentDescription attachment(VkFormat format, VkSampleCountFlagBits samples) {
    return (VkAttachmentDescription){
        .format = format,
        .samples = samples,
        .loadOp = VK_ATTACHMENT_LOAD_OP_CLEAR,
        .storeOp = VK_ATTACHMENT_STORE_OP_STORE,
        .stencilLoadOp = VK_ATTACHMENT_LOAD_OP_CLEAR,
        .stencilStoreOp = VK_ATTACHMENT_STORE_OP_STORE,
        .finalLayout = VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
    };
}

static void create_pass(const struct guest *g, struct guest_target *target) {
    VkAttachmentDescription attachments[3] = {attachment(target->color.format, target->samples)};
    uint32_t count = 1;
    const VkAttachmentReference color = {0, VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL};
    VkAttachmentReference depth = {0, VK_IMAGE_LAYOUT_DEPTH_STENCIL_ATTACHMENT_OPTIMAL};
    VkAttachmentReference resolve = {0, VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL};
    if (target->depth.image) {
        depth.attachment = count;
        attachments[count++] = attachment(target->depth.format, target->samples);
    }
    if (target->resolve.image) {
        resolve.attachment = count;
        attachments[count++] = attachment(target->resolve.format, VK_SAMPLE_COUNT_1_BIT);
    }
    const VkSubpassDescription subpass = {
        .pipelineBindPoint = VK_PIPELINE_BIND_POINT_GRAPHICS,
        .colorAttachmentCount = 1,
        .pColorAttachments = &color,
        .pResolveAttachments = target->resolve.image ? &resolve : NULL,
        .pDepthStencilAttachment = target->depth.image ? &depth : NULL,
    };
    const VkSubpassDependency leave = {
        .dstSubpass = VK_SUBPASS_EXTERNAL,
        .srcStageMask = VK_PIPELINE_STAGE_ALL_GRAPHICS_BIT,
        .dstStageMask = VK_PIPELINE_STAGE_TRANSFER_BIT,
        .srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_TRANSFER_READ_BIT,
    };
    const VkRenderPassCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_RENDER_PASS_CREATE_INFO,
        .attachmentCount = count,
        .pAttachments = attachments,
        .subpassCount = 1,
        .pSubpasses = &subpass,
        .dependencyCount = 1,
        .pDependencies = &leave,
    };
    GUEST_VK(vkCreateRenderPass(g->device, &info, NULL, &target->pass));
}

static void create_framebuffer(const struct guest *g, struct guest_target *target) {
    VkImageView views[3] = {target->color.view};
    uint32_t count = 1;
    if (target->depth.image) {
        views[count++] = target->depth.view;
    }
    if (target->resolve.image) {
        views[count++] = target->resolve.view;
    }
    const VkFramebufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_FRAMEBUFFER_CREATE_INFO,
        .renderPass = target->pass,
        .attachmentCount = count,
        .pAttachments = views,
        .width = target->width,
        .height = target->height,
        .layers = 1,
    };
    GUEST_VK(vkCreateFramebuffer(g->device, &info, NULL, &target->framebuffer));
}

struct guest_target guest_target_create(const struct guest *g,
                                        const struct guest_target_info *info) {
    struct guest_target made = {
        .width = info->width,
        .height = info->height,
        .samples = info->samples ? info->samples : VK_SAMPLE_COUNT_1_BIT,
    };
    struct guest_image_info image = {
        .format = info->color_format,
        .width = info->width,
        .height = info->height,
        .samples = made.samples,
        .usage = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT,
    };
    made.color = guest_image_create(g, &image);
    if (made.samples != VK_SAMPLE_COUNT_1_BIT) {
        image.samples = VK_SAMPLE_COUNT_1_BIT;
        made.resolve = guest_image_create(g, &image);
    }
    if (info->depth_format != VK_FORMAT_UNDEFINED) {
        image.format = info->depth_format;
        image.samples = made.samples;
        image.usage = VK_IMAGE_USAGE_DEPTH_STENCIL_ATTACHMENT_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT;
        made.depth = guest_image_create(g, &image);
    }
    create_pass(g, &made);
    create_framebuffer(g, &made);
    return made;
}

void guest_target_destroy(const struct guest *g, struct guest_target *target) {
    vkDestroyFramebuffer(g->device, target->framebuffer, NULL);
    vkDestroyRenderPass(g->device, target->pass, NULL);
    if (target->depth.image) {
        guest_image_destroy(g, &target->depth);
    }
    if (target->resolve.image) {
        guest_image_destroy(g, &target->resolve);
    }
    guest_image_destroy(g, &target->color);
}

void guest_target_begin(const struct guest_target *target, VkCommandBuffer cmd,
                        VkSubpassContents contents, const VkClearColorValue *color) {
    VkClearValue clears[3] = {{.color = {.float32 = {0.05f, 0.05f, 0.25f, 1.0f}}}};
    uint32_t count = 1;
    if (color) {
        clears[0].color = *color;
    }
    if (target->depth.image) {
        clears[count++] = (VkClearValue){.depthStencil = {1.0f, 0}};
    }
    if (target->resolve.image) {
        clears[count++] = clears[0];
    }
    const VkRenderPassBeginInfo begin = {
        .sType = VK_STRUCTURE_TYPE_RENDER_PASS_BEGIN_INFO,
        .renderPass = target->pass,
        .framebuffer = target->framebuffer,
        .renderArea = {{0, 0}, {target->width, target->height}},
        .clearValueCount = count,
        .pClearValues = clears,
    };
    vkCmdBeginRenderPass(cmd, &begin, contents);
}

VkFormat guest_depth_stencil_format(const struct guest *g) {
    const VkFormat formats[] = {VK_FORMAT_D32_SFLOAT_S8_UINT, VK_FORMAT_D24_UNORM_S8_UINT};
    for (uint32_t i = 0; i < GUEST_COUNT(formats); i++) {
        if (guest_format_has(g, formats[i], VK_FORMAT_FEATURE_DEPTH_STENCIL_ATTACHMENT_BIT)) {
            return formats[i];
        }
    }
    guest_fail(__FILE__, __LINE__, "no depth and stencil format");
}

void guest_image_result(struct guest *g, const char *name, const struct guest_image *image,
                        VkImageAspectFlags aspect, uint32_t texel, void **keep) {
    struct guest_buffer bytes =
        guest_staging_create(g, (VkDeviceSize)image->width * image->height * texel);
    VkCommandBuffer cmd = guest_cmd_begin(g);
    guest_cmd_read_image(cmd, image, aspect, &bytes, 0);
    guest_cmd_finish(g, cmd);
    guest_result(g, name, bytes.map, bytes.size);
    if (keep) {
        *keep = malloc(bytes.size);
        GUEST_CHECK(*keep, "out of memory");
        memcpy(*keep, bytes.map, bytes.size);
    }
    guest_buffer_destroy(g, &bytes);
}
