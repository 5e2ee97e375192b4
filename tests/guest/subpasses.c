/*
 * A render pass of two subpasses: the first writes two attachments, the second reads them as input
 * attachments; the framebuffer is given its images when the pass begins, where that is offered.
 */
#include "common/passes.h"
#include "common/shapes.h"

#include "combine.frag.h"
#include "full.vert.h"
#include "split.frag.h"

enum { SIDE = 128, IMAGES = 3 };

static const VkFormat FORMATS[IMAGES] = {VK_FORMAT_R8G8B8A8_UNORM, VK_FORMAT_R8G8B8A8_UNORM,
                                         VK_FORMAT_R8G8B8A8_UNORM};

static const VkImageUsageFlags USAGES[IMAGES] = {
    VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT | VK_IMAGE_USAGE_INPUT_ATTACHMENT_BIT,
    VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT | VK_IMAGE_USAGE_INPUT_ATTACHMENT_BIT,
    VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT,
};

static VkRenderPass create_pass(const struct guest *g) {
    VkAttachmentDescription attachments[IMAGES];
    for (uint32_t i = 0; i < IMAGES; i++) {
        attachments[i] = (VkAttachmentDescription){
            .format = FORMATS[i],
            .samples = VK_SAMPLE_COUNT_1_BIT,
            .loadOp = VK_ATTACHMENT_LOAD_OP_CLEAR,
            .storeOp = i == 2 ? VK_ATTACHMENT_STORE_OP_STORE : VK_ATTACHMENT_STORE_OP_DONT_CARE,
            .stencilLoadOp = VK_ATTACHMENT_LOAD_OP_DONT_CARE,
            .stencilStoreOp = VK_ATTACHMENT_STORE_OP_DONT_CARE,
            .finalLayout = i == 2 ? VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL
                                  : VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL,
        };
    }
    const VkAttachmentReference written[2] = {{0, VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL},
                                              {1, VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL}};
    const VkAttachmentReference read[2] = {{0, VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL},
                                           {1, VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL}};
    const VkAttachmentReference combined = {2, VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL};
    const VkSubpassDescription subpasses[2] = {
        {.pipelineBindPoint = VK_PIPELINE_BIND_POINT_GRAPHICS,
         .colorAttachmentCount = 2,
         .pColorAttachments = written},
        {.pipelineBindPoint = VK_PIPELINE_BIND_POINT_GRAPHICS,
         .inputAttachmentCount = 2,
         .pInputAttachments = read,
         .colorAttachmentCount = 1,
         .pColorAttachments = &combined},
    };
    const VkSubpassDependency dependencies[2] = {
        {.srcSubpass = 0,
         .dstSubpass = 1,
         .srcStageMask = VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT,
         .dstStageMask = VK_PIPELINE_STAGE_FRAGMENT_SHADER_BIT,
         .srcAccessMask = VK_ACCESS_COLOR_ATTACHMENT_WRITE_BIT,
         .dstAccessMask = VK_ACCESS_INPUT_ATTACHMENT_READ_BIT,
         .dependencyFlags = VK_DEPENDENCY_BY_REGION_BIT},
        {.srcSubpass = 1,
         .dstSubpass = VK_SUBPASS_EXTERNAL,
         .srcStageMask = VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT,
         .dstStageMask = VK_PIPELINE_STAGE_TRANSFER_BIT,
         .srcAccessMask = VK_ACCESS_COLOR_ATTACHMENT_WRITE_BIT,
         .dstAccessMask = VK_ACCESS_TRANSFER_READ_BIT},
    };
    const VkRenderPassCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_RENDER_PASS_CREATE_INFO,
        .attachmentCount = IMAGES,
        .pAttachments = attachments,
        .subpassCount = 2,
        .pSubpasses = subpasses,
        .dependencyCount = 2,
        .pDependencies = dependencies,
    };
    VkRenderPass pass;
    GUEST_VK(vkCreateRenderPass(g->device, &info, NULL, &pass));
    return pass;
}

static VkFramebuffer create_framebuffer(const struct guest *g, VkRenderPass pass,
                                        const VkImageView *views, bool imageless) {
    VkFramebufferAttachmentImageInfo images[IMAGES];
    for (uint32_t i = 0; i < IMAGES; i++) {
        images[i] = (VkFramebufferAttachmentImageInfo){
            .sType = VK_STRUCTURE_TYPE_FRAMEBUFFER_ATTACHMENT_IMAGE_INFO,
            .usage = USAGES[i],
            .width = SIDE,
            .height = SIDE,
            .layerCount = 1,
            .viewFormatCount = 1,
            .pViewFormats = &FORMATS[i],
        };
    }
    const VkFramebufferAttachmentsCreateInfo later = {
        .sType = VK_STRUCTURE_TYPE_FRAMEBUFFER_ATTACHMENTS_CREATE_INFO,
        .attachmentImageInfoCount = IMAGES,
        .pAttachmentImageInfos = images,
    };
    const VkFramebufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_FRAMEBUFFER_CREATE_INFO,
        .pNext = imageless ? &later : NULL,
        .flags = imageless ? VK_FRAMEBUFFER_CREATE_IMAGELESS_BIT : 0,
        .renderPass = pass,
        .attachmentCount = IMAGES,
        .pAttachments = imageless ? NULL : views,
        .width = SIDE,
        .height = SIDE,
        .layers = 1,
    };
    VkFramebuffer made;
    GUEST_VK(vkCreateFramebuffer(g->device, &info, NULL, &made));
    return made;
}

static void write_inputs(const struct guest *g, VkDescriptorSet set, const VkImageView *views) {
    for (uint32_t i = 0; i < 2; i++) {
        const VkDescriptorImageInfo image = {VK_NULL_HANDLE, views[i],
                                             VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL};
        const VkWriteDescriptorSet write = {
            .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
            .dstSet = set,
            .dstBinding = i,
            .descriptorCount = 1,
            .descriptorType = VK_DESCRIPTOR_TYPE_INPUT_ATTACHMENT,
            .pImageInfo = &image,
        };
        vkUpdateDescriptorSets(g->device, 1, &write, 0, NULL);
    }
}

static void run(struct guest *g, const struct shapes *shapes, bool imageless) {
    struct guest_image images[IMAGES];
    VkImageView views[IMAGES];
    for (uint32_t i = 0; i < IMAGES; i++) {
        images[i] = guest_image_create(
            g, &(struct guest_image_info){
                   .format = FORMATS[i], .width = SIDE, .height = SIDE, .usage = USAGES[i]});
        views[i] = images[i].view;
    }
    VkRenderPass pass = create_pass(g);
    VkFramebuffer framebuffer = create_framebuffer(g, pass, views, imageless);
    const VkDescriptorType types[] = {VK_DESCRIPTOR_TYPE_INPUT_ATTACHMENT,
                                      VK_DESCRIPTOR_TYPE_INPUT_ATTACHMENT};
    VkDescriptorSetLayout set_layout = guest_set_layout(g, types, 2);
    VkPipelineLayout layout = guest_pipeline_layout(g, set_layout, 0);
    VkDescriptorPool pool = guest_descriptor_pool(g, 1, 2, 0);
    VkDescriptorSet set = guest_descriptor_set(g, pool, set_layout);
    write_inputs(g, set, views);
    VkShaderModule split = guest_shader(g, GUEST_CODE(split_frag));
    VkShaderModule full = guest_shader(g, GUEST_CODE(full_vert));
    VkShaderModule combine = guest_shader(g, GUEST_CODE(combine_frag));
    struct guest_graphics_info info = {
        .vertex = shapes->vertex,
        .fragment = split,
        .layout = shapes->layout,
        .render_pass = pass,
        .color_count = 2,
        .topology = VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST,
        .input = &shapes->input,
        .width = SIDE,
        .height = SIDE,
    };
    VkPipeline first = guest_graphics_pipeline(g, &info);
    info.vertex = full;
    info.fragment = combine;
    info.layout = layout;
    info.subpass = 1;
    info.color_count = 1;
    info.input = NULL;
    VkPipeline second = guest_graphics_pipeline(g, &info);

    const VkClearValue clear = {.color = {.float32 = {0.5f, 0.25f, 0.125f, 1.0f}}};
    const VkClearValue values[IMAGES] = {clear, clear, clear};
    const VkRenderPassAttachmentBeginInfo now = {
        .sType = VK_STRUCTURE_TYPE_RENDER_PASS_ATTACHMENT_BEGIN_INFO,
        .attachmentCount = IMAGES,
        .pAttachments = views,
    };
    const VkRenderPassBeginInfo begin = {
        .sType = VK_STRUCTURE_TYPE_RENDER_PASS_BEGIN_INFO,
        .pNext = imageless ? &now : NULL,
        .renderPass = pass,
        .framebuffer = framebuffer,
        .renderArea = {{0, 0}, {SIDE, SIDE}},
        .clearValueCount = IMAGES,
        .pClearValues = values,
    };
    const struct shape_push push = {0.0f, 0.0f, 0.0f, 0.8f, {1.0f, 0.9f, 0.8f, 1.0f}};
    VkCommandBuffer cmd = guest_cmd_begin(g);
    vkCmdBeginRenderPass(cmd, &begin, VK_SUBPASS_CONTENTS_INLINE);
    shapes_bind(shapes, cmd);
    vkCmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, first);
    shapes_star(shapes, cmd, &push);
    vkCmdNextSubpass(cmd, VK_SUBPASS_CONTENTS_INLINE);
    vkCmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, second);
    vkCmdBindDescriptorSets(cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, layout, 0, 1, &set, 0, NULL);
    vkCmdDraw(cmd, 3, 1, 0, 0);
    vkCmdEndRenderPass(cmd);
    guest_cmd_finish(g, cmd);
    guest_image_result(g, imageless ? "combined, imageless" : "combined", &images[2],
                       VK_IMAGE_ASPECT_COLOR_BIT, 4, NULL);

    vkDestroyPipeline(g->device, first, NULL);
    vkDestroyPipeline(g->device, second, NULL);
    vkDestroyShaderModule(g->device, split, NULL);
    vkDestroyShaderModule(g->device, full, NULL);
    vkDestroyShaderModule(g->device, combine, NULL);
    vkDestroyDescriptorPool(g->device, pool, NULL);
    vkDestroyPipelineLayout(g->device, layout, NULL);
    vkDestroyDescriptorSetLayout(g->device, set_layout, NULL);
    vkDestroyFramebuffer(g->device, framebuffer, NULL);
    vkDestroyRenderPass(g->device, pass, NULL);
    for (uint32_t i = 0; i < IMAGES; i++) {
        guest_image_destroy(g, &images[i]);
    }
}

int main(int argc, char **argv) {
    struct guest g;
    struct shapes shapes;
    guest_init(&g, argc, argv, "subpasses");
    /* Mandatory since Vulkan 1.2. */
    bool imageless = g.api_version >= VK_API_VERSION_1_2;
    const VkPhysicalDeviceVulkan12Features features = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
        .imagelessFramebuffer = VK_TRUE,
    };
    guest_create_device(&g, NULL, 0, imageless ? &features : NULL);
    shapes_init(&shapes, &g);
    run(&g, &shapes, false);
    if (imageless) {
        run(&g, &shapes, true);
    }
    shapes_finish(&shapes, &g);
    return guest_finish(&g);
}
