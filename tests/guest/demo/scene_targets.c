/* Render passes, their images and framebuffers. */
#include "scene_parts.h"

static void create_shadow_pass(struct scene *s, const struct guest *g) {
    const VkAttachmentDescription attachment = {
        .format = VK_FORMAT_D32_SFLOAT,
        .samples = VK_SAMPLE_COUNT_1_BIT,
        .loadOp = VK_ATTACHMENT_LOAD_OP_CLEAR,
        .storeOp = VK_ATTACHMENT_STORE_OP_STORE,
        .stencilLoadOp = VK_ATTACHMENT_LOAD_OP_DONT_CARE,
        .stencilStoreOp = VK_ATTACHMENT_STORE_OP_DONT_CARE,
        .finalLayout = VK_IMAGE_LAYOUT_DEPTH_STENCIL_READ_ONLY_OPTIMAL,
    };
    const VkAttachmentReference depth = {0, VK_IMAGE_LAYOUT_DEPTH_STENCIL_ATTACHMENT_OPTIMAL};
    const VkSubpassDescription subpass = {
        .pipelineBindPoint = VK_PIPELINE_BIND_POINT_GRAPHICS,
        .pDepthStencilAttachment = &depth,
    };
    const VkSubpassDependency dependencies[2] = {
        {.srcSubpass = VK_SUBPASS_EXTERNAL,
         .srcStageMask = VK_PIPELINE_STAGE_FRAGMENT_SHADER_BIT,
         .dstStageMask =
             VK_PIPELINE_STAGE_EARLY_FRAGMENT_TESTS_BIT | VK_PIPELINE_STAGE_LATE_FRAGMENT_TESTS_BIT,
         .srcAccessMask = VK_ACCESS_SHADER_READ_BIT,
         .dstAccessMask = VK_ACCESS_DEPTH_STENCIL_ATTACHMENT_READ_BIT |
                          VK_ACCESS_DEPTH_STENCIL_ATTACHMENT_WRITE_BIT},
        {.dstSubpass = VK_SUBPASS_EXTERNAL,
         .srcStageMask = VK_PIPELINE_STAGE_LATE_FRAGMENT_TESTS_BIT,
         .dstStageMask = VK_PIPELINE_STAGE_FRAGMENT_SHADER_BIT,
         .srcAccessMask = VK_ACCESS_DEPTH_STENCIL_ATTACHMENT_WRITE_BIT,
         .dstAccessMask = VK_ACCESS_SHADER_READ_BIT},
    };
    const VkRenderPassCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_RENDER_PASS_CREATE_INFO,
        .attachmentCount = 1,
        .pAttachments = &attachment,
        .subpassCount = 1,
        .pSubpasses = &subpass,
        .dependencyCount = GUEST_COUNT(dependencies),
        .pDependencies = dependencies,
    };
    GUEST_VK(vkCreateRenderPass(g->device, &info, NULL, &s->shadow_pass));
}

static VkAttachmentDescription picture_attachment(VkFormat format, VkSampleCountFlagBits samples,
                                                  bool clear, VkImageLayout layout) {
    return (VkAttachmentDescription){
        .format = format,
        .samples = samples,
        .loadOp = clear ? VK_ATTACHMENT_LOAD_OP_CLEAR : VK_ATTACHMENT_LOAD_OP_DONT_CARE,
        .storeOp = clear ? VK_ATTACHMENT_STORE_OP_DONT_CARE : VK_ATTACHMENT_STORE_OP_STORE,
        .stencilLoadOp = VK_ATTACHMENT_LOAD_OP_DONT_CARE,
        .stencilStoreOp = VK_ATTACHMENT_STORE_OP_DONT_CARE,
        .finalLayout = layout,
    };
}

static void create_picture_pass(struct scene *s, const struct guest *g) {
    const VkAttachmentDescription attachments[] = {
        picture_attachment(s->color.format, s->samples, true,
                           VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL),
        picture_attachment(s->depth.format, s->samples, true,
                           VK_IMAGE_LAYOUT_DEPTH_STENCIL_ATTACHMENT_OPTIMAL),
        picture_attachment(s->resolved.format, VK_SAMPLE_COUNT_1_BIT, false,
                           VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL),
    };
    const VkAttachmentReference color = {0, VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL};
    const VkAttachmentReference depth = {1, VK_IMAGE_LAYOUT_DEPTH_STENCIL_ATTACHMENT_OPTIMAL};
    const VkAttachmentReference resolve = {2, VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL};
    const VkSubpassDescription subpass = {
        .pipelineBindPoint = VK_PIPELINE_BIND_POINT_GRAPHICS,
        .colorAttachmentCount = 1,
        .pColorAttachments = &color,
        .pResolveAttachments = &resolve,
        .pDepthStencilAttachment = &depth,
    };
    const VkPipelineStageFlags stages = VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT |
                                        VK_PIPELINE_STAGE_EARLY_FRAGMENT_TESTS_BIT |
                                        VK_PIPELINE_STAGE_LATE_FRAGMENT_TESTS_BIT;
    const VkAccessFlags writes =
        VK_ACCESS_COLOR_ATTACHMENT_WRITE_BIT | VK_ACCESS_DEPTH_STENCIL_ATTACHMENT_WRITE_BIT;
    const VkSubpassDependency dependencies[2] = {
        {.srcSubpass = VK_SUBPASS_EXTERNAL,
         .srcStageMask = stages | VK_PIPELINE_STAGE_TRANSFER_BIT,
         .dstStageMask = stages,
         .srcAccessMask = writes | VK_ACCESS_TRANSFER_READ_BIT,
         .dstAccessMask = writes | VK_ACCESS_DEPTH_STENCIL_ATTACHMENT_READ_BIT},
        {.dstSubpass = VK_SUBPASS_EXTERNAL,
         .srcStageMask = VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT,
         .dstStageMask = VK_PIPELINE_STAGE_TRANSFER_BIT,
         .srcAccessMask = VK_ACCESS_COLOR_ATTACHMENT_WRITE_BIT,
         .dstAccessMask = VK_ACCESS_TRANSFER_READ_BIT},
    };
    const VkRenderPassCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_RENDER_PASS_CREATE_INFO,
        .attachmentCount = GUEST_COUNT(attachments),
        .pAttachments = attachments,
        .subpassCount = 1,
        .pSubpasses = &subpass,
        .dependencyCount = GUEST_COUNT(dependencies),
        .pDependencies = dependencies,
    };
    GUEST_VK(vkCreateRenderPass(g->device, &info, NULL, &s->picture_pass));
}

static VkFramebuffer create_framebuffer(const struct guest *g, VkRenderPass pass,
                                        const VkImageView *views, uint32_t count, uint32_t width,
                                        uint32_t height) {
    const VkFramebufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_FRAMEBUFFER_CREATE_INFO,
        .renderPass = pass,
        .attachmentCount = count,
        .pAttachments = views,
        .width = width,
        .height = height,
        .layers = 1,
    };
    VkFramebuffer made;
    GUEST_VK(vkCreateFramebuffer(g->device, &info, NULL, &made));
    return made;
}

static struct guest_image create_target(const struct guest *g, VkFormat format, uint32_t width,
                                        uint32_t height, VkSampleCountFlagBits samples,
                                        VkImageUsageFlags usage) {
    return guest_image_create(g, &(struct guest_image_info){.format = format,
                                                            .width = width,
                                                            .height = height,
                                                            .samples = samples,
                                                            .usage = usage});
}

void scene_create_targets(struct scene *s, const struct guest *g) {
    const VkFormat color = VK_FORMAT_R8G8B8A8_SRGB, depth = VK_FORMAT_D32_SFLOAT;
    const VkSampleCountFlags offered = g->properties.limits.framebufferColorSampleCounts &
                                       g->properties.limits.framebufferDepthSampleCounts;
    GUEST_CHECK(offered & VK_SAMPLE_COUNT_4_BIT, "no four samples per pixel");
    s->samples = VK_SAMPLE_COUNT_4_BIT;
    s->shadow_map =
        create_target(g, depth, SCENE_SHADOW_SIDE, SCENE_SHADOW_SIDE, VK_SAMPLE_COUNT_1_BIT,
                      VK_IMAGE_USAGE_DEPTH_STENCIL_ATTACHMENT_BIT | VK_IMAGE_USAGE_SAMPLED_BIT);
    s->color = create_target(g, color, s->width, s->height, s->samples,
                             VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT);
    s->depth = create_target(g, depth, s->width, s->height, s->samples,
                             VK_IMAGE_USAGE_DEPTH_STENCIL_ATTACHMENT_BIT);
    s->resolved =
        create_target(g, color, s->width, s->height, VK_SAMPLE_COUNT_1_BIT,
                      VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT);
    create_shadow_pass(s, g);
    create_picture_pass(s, g);
    s->shadow_framebuffer = create_framebuffer(g, s->shadow_pass, &s->shadow_map.view, 1,
                                               SCENE_SHADOW_SIDE, SCENE_SHADOW_SIDE);
    const VkImageView views[] = {s->color.view, s->depth.view, s->resolved.view};
    s->picture_framebuffer =
        create_framebuffer(g, s->picture_pass, views, GUEST_COUNT(views), s->width, s->height);
}

void scene_destroy_targets(struct scene *s, const struct guest *g) {
    vkDestroyFramebuffer(g->device, s->picture_framebuffer, NULL);
    vkDestroyFramebuffer(g->device, s->shadow_framebuffer, NULL);
    vkDestroyRenderPass(g->device, s->picture_pass, NULL);
    vkDestroyRenderPass(g->device, s->shadow_pass, NULL);
    guest_image_destroy(g, &s->resolved);
    guest_image_destroy(g, &s->depth);
    guest_image_destroy(g, &s->color);
    guest_image_destroy(g, &s->shadow_map);
}
