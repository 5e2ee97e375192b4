/*
 * Multisampling: resolve at the end of a pass, by command and by a shader that reads samples, and
 * depth resolve through the second generation of render passes.
 */
#include "common/passes.h"
#include "common/shapes.h"

#include <stdlib.h>
#include <string.h>

#include "samples.comp.h"

enum { SIDE = 128 };

static const VkFormat COLOR = VK_FORMAT_R8G8B8A8_UNORM;
static const VkFormat DEPTH = VK_FORMAT_D32_SFLOAT;

static const struct shape_push STARS[] = {
    {-0.2f, -0.1f, 0.5f, 0.7f, {1.0f, 1.0f, 1.0f, 1.0f}},
    {0.2f, 0.2f, 0.4f, 0.6f, {0.6f, 0.9f, 1.0f, 1.0f}},
};

static VkPipeline make_pipeline(const struct guest *g, const struct shapes *shapes,
                                VkRenderPass pass, VkSampleCountFlagBits samples) {
    return guest_graphics_pipeline(g, &(struct guest_graphics_info){
                                          .vertex = shapes->vertex,
                                          .fragment = shapes->fragment,
                                          .layout = shapes->layout,
                                          .render_pass = pass,
                                          .color_count = 1,
                                          .samples = samples,
                                          .topology = VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST,
                                          .depth = true,
                                          .input = &shapes->input,
                                          .width = SIDE,
                                          .height = SIDE,
                                      });
}

static void draw(const struct shapes *shapes, VkCommandBuffer cmd, VkPipeline pipeline) {
    shapes_bind(shapes, cmd);
    vkCmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, pipeline);
    for (uint32_t i = 0; i < GUEST_COUNT(STARS); i++) {
        shapes_star(shapes, cmd, &STARS[i]);
    }
}

/* An edge pixel is neither background nor star: without averaging there would be none. */
static void check_edges(const unsigned char *pixels) {
    uint32_t mixed = 0;
    for (uint32_t i = 0; i < SIDE * SIDE; i++) {
        uint32_t red = pixels[i * 4];
        mixed += red > 13 && red < 40;
    }
    GUEST_CHECK(mixed > 16, "only %u averaged pixels", mixed);
}

static void resolve(struct guest *g, const struct shapes *shapes) {
    struct guest_target target =
        guest_target_create(g, &(struct guest_target_info){.width = SIDE,
                                                           .height = SIDE,
                                                           .color_format = COLOR,
                                                           .depth_format = DEPTH,
                                                           .samples = VK_SAMPLE_COUNT_4_BIT});
    VkPipeline pipeline = make_pipeline(g, shapes, target.pass, VK_SAMPLE_COUNT_4_BIT);
    struct guest_image by_command =
        guest_image_create(g, &(struct guest_image_info){.format = COLOR,
                                                         .width = SIDE,
                                                         .height = SIDE,
                                                         .usage = VK_IMAGE_USAGE_TRANSFER_SRC_BIT |
                                                                  VK_IMAGE_USAGE_TRANSFER_DST_BIT});
    VkCommandBuffer cmd = guest_cmd_begin(g);
    guest_target_begin(&target, cmd, VK_SUBPASS_CONTENTS_INLINE, NULL);
    draw(shapes, cmd, pipeline);
    vkCmdEndRenderPass(cmd);
    guest_cmd_layout(cmd, &by_command, VK_IMAGE_LAYOUT_UNDEFINED,
                     VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL);
    const VkImageResolve region = {
        .srcSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
        .dstSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
        .extent = {SIDE, SIDE, 1},
    };
    vkCmdResolveImage(cmd, target.color.image, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
                      by_command.image, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, 1, &region);
    guest_cmd_layout(cmd, &by_command, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
                     VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL);
    guest_cmd_finish(g, cmd);
    void *pixels;
    guest_image_result(g, "resolved by the pass", &target.resolve, VK_IMAGE_ASPECT_COLOR_BIT, 4,
                       &pixels);
    check_edges(pixels);
    free(pixels);
    guest_image_result(g, "resolved by command", &by_command, VK_IMAGE_ASPECT_COLOR_BIT, 4,
                       &pixels);
    check_edges(pixels);
    free(pixels);
    guest_image_destroy(g, &by_command);
    vkDestroyPipeline(g->device, pipeline, NULL);
    guest_target_destroy(g, &target);
}

static VkAttachmentDescription2 attachment2(VkFormat format, VkSampleCountFlagBits samples,
                                            VkImageLayout layout) {
    return (VkAttachmentDescription2){
        .sType = VK_STRUCTURE_TYPE_ATTACHMENT_DESCRIPTION_2,
        .format = format,
        .samples = samples,
        .loadOp = samples == VK_SAMPLE_COUNT_1_BIT ? VK_ATTACHMENT_LOAD_OP_DONT_CARE
                                                   : VK_ATTACHMENT_LOAD_OP_CLEAR,
        .storeOp = VK_ATTACHMENT_STORE_OP_STORE,
        .stencilLoadOp = VK_ATTACHMENT_LOAD_OP_DONT_CARE,
        .stencilStoreOp = VK_ATTACHMENT_STORE_OP_DONT_CARE,
        .finalLayout = layout,
    };
}

static VkAttachmentReference2 reference2(uint32_t attachment, VkImageLayout layout,
                                         VkImageAspectFlags aspect) {
    return (VkAttachmentReference2){
        .sType = VK_STRUCTURE_TYPE_ATTACHMENT_REFERENCE_2,
        .attachment = attachment,
        .layout = layout,
        .aspectMask = aspect,
    };
}

/* Multisampled color and depth, depth resolved to the value of sample 0. */
static VkRenderPass depth_resolve_pass(const struct guest *g) {
    const VkAttachmentDescription2 attachments[] = {
        attachment2(COLOR, VK_SAMPLE_COUNT_4_BIT, VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL),
        attachment2(DEPTH, VK_SAMPLE_COUNT_4_BIT, VK_IMAGE_LAYOUT_DEPTH_STENCIL_ATTACHMENT_OPTIMAL),
        attachment2(DEPTH, VK_SAMPLE_COUNT_1_BIT, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL),
    };
    const VkAttachmentReference2 color =
        reference2(0, VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL, VK_IMAGE_ASPECT_COLOR_BIT);
    const VkAttachmentReference2 depth =
        reference2(1, VK_IMAGE_LAYOUT_DEPTH_STENCIL_ATTACHMENT_OPTIMAL, VK_IMAGE_ASPECT_DEPTH_BIT);
    const VkAttachmentReference2 resolved =
        reference2(2, VK_IMAGE_LAYOUT_DEPTH_STENCIL_ATTACHMENT_OPTIMAL, VK_IMAGE_ASPECT_DEPTH_BIT);
    const VkSubpassDescriptionDepthStencilResolve resolve = {
        .sType = VK_STRUCTURE_TYPE_SUBPASS_DESCRIPTION_DEPTH_STENCIL_RESOLVE,
        .depthResolveMode = VK_RESOLVE_MODE_SAMPLE_ZERO_BIT,
        .stencilResolveMode = VK_RESOLVE_MODE_NONE,
        .pDepthStencilResolveAttachment = &resolved,
    };
    const VkSubpassDescription2 subpass = {
        .sType = VK_STRUCTURE_TYPE_SUBPASS_DESCRIPTION_2,
        .pNext = &resolve,
        .pipelineBindPoint = VK_PIPELINE_BIND_POINT_GRAPHICS,
        .colorAttachmentCount = 1,
        .pColorAttachments = &color,
        .pDepthStencilAttachment = &depth,
    };
    const VkSubpassDependency2 leave = {
        .sType = VK_STRUCTURE_TYPE_SUBPASS_DEPENDENCY_2,
        .dstSubpass = VK_SUBPASS_EXTERNAL,
        .srcStageMask = VK_PIPELINE_STAGE_ALL_GRAPHICS_BIT,
        .dstStageMask = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
        .srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_MEMORY_READ_BIT,
    };
    const VkRenderPassCreateInfo2 info = {
        .sType = VK_STRUCTURE_TYPE_RENDER_PASS_CREATE_INFO_2,
        .attachmentCount = GUEST_COUNT(attachments),
        .pAttachments = attachments,
        .subpassCount = 1,
        .pSubpasses = &subpass,
        .dependencyCount = 1,
        .pDependencies = &leave,
    };
    VkRenderPass pass;
    GUEST_VK(vkCreateRenderPass2(g->device, &info, NULL, &pass));
    return pass;
}

/* Writes every sample of `image` to a buffer by a compute shader. */
static void read_samples(struct guest *g, const struct guest_image *image) {
    const VkDescriptorType types[] = {VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER,
                                      VK_DESCRIPTOR_TYPE_STORAGE_BUFFER};
    VkShaderModule shader = guest_shader(g, GUEST_CODE(samples_comp));
    VkDescriptorSetLayout set_layout = guest_set_layout(g, types, 2);
    VkPipelineLayout layout = guest_pipeline_layout(g, set_layout, 0);
    VkPipeline pipeline = guest_compute_pipeline(g, shader, layout, NULL);
    VkDescriptorPool pool = guest_descriptor_pool(g, 1, 1, 0);
    VkDescriptorSet set = guest_descriptor_set(g, pool, set_layout);
    struct guest_buffer samples = guest_buffer_create(
        g, SIDE * SIDE * 4 * 4, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT, GUEST_HOST_MEMORY);
    const VkSamplerCreateInfo sampler_info = {.sType = VK_STRUCTURE_TYPE_SAMPLER_CREATE_INFO};
    VkSampler sampler;
    GUEST_VK(vkCreateSampler(g->device, &sampler_info, NULL, &sampler));
    const VkDescriptorImageInfo target = {sampler, image->view,
                                          VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL};
    const VkWriteDescriptorSet write = {
        .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
        .dstSet = set,
        .descriptorCount = 1,
        .descriptorType = types[0],
        .pImageInfo = &target,
    };
    vkUpdateDescriptorSets(g->device, 1, &write, 0, NULL);
    guest_write_buffer(g, set, 1, types[1], samples.buffer);
    VkCommandBuffer cmd = guest_cmd_begin(g);
    vkCmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
    vkCmdBindDescriptorSets(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, layout, 0, 1, &set, 0, NULL);
    vkCmdDispatch(cmd, SIDE / 8, SIDE / 8, 4);
    guest_cmd_finish(g, cmd);
    guest_result(g, "every sample", samples.map, samples.size);
    vkDestroySampler(g->device, sampler, NULL);
    guest_buffer_destroy(g, &samples);
    vkDestroyDescriptorPool(g->device, pool, NULL);
    vkDestroyPipeline(g->device, pipeline, NULL);
    vkDestroyPipelineLayout(g->device, layout, NULL);
    vkDestroyDescriptorSetLayout(g->device, set_layout, NULL);
    vkDestroyShaderModule(g->device, shader, NULL);
}

static void depth_resolve(struct guest *g, const struct shapes *shapes) {
    struct guest_image_info info = {.format = COLOR,
                                    .width = SIDE,
                                    .height = SIDE,
                                    .samples = VK_SAMPLE_COUNT_4_BIT,
                                    .usage = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT |
                                             VK_IMAGE_USAGE_SAMPLED_BIT};
    struct guest_image color = guest_image_create(g, &info);
    info.format = DEPTH;
    info.usage = VK_IMAGE_USAGE_DEPTH_STENCIL_ATTACHMENT_BIT;
    struct guest_image depth = guest_image_create(g, &info);
    info.samples = VK_SAMPLE_COUNT_1_BIT;
    info.usage |= VK_IMAGE_USAGE_TRANSFER_SRC_BIT;
    struct guest_image resolved = guest_image_create(g, &info);
    VkRenderPass pass = depth_resolve_pass(g);
    VkPipeline pipeline = make_pipeline(g, shapes, pass, VK_SAMPLE_COUNT_4_BIT);
    const VkImageView views[] = {color.view, depth.view, resolved.view};
    const VkFramebufferCreateInfo framebuffer_info = {
        .sType = VK_STRUCTURE_TYPE_FRAMEBUFFER_CREATE_INFO,
        .renderPass = pass,
        .attachmentCount = GUEST_COUNT(views),
        .pAttachments = views,
        .width = SIDE,
        .height = SIDE,
        .layers = 1,
    };
    VkFramebuffer framebuffer;
    GUEST_VK(vkCreateFramebuffer(g->device, &framebuffer_info, NULL, &framebuffer));

    const VkClearValue clears[3] = {{.color = {.float32 = {0.1f, 0.1f, 0.1f, 1.0f}}},
                                    {.depthStencil = {1.0f, 0}}};
    const VkRenderPassBeginInfo begin = {
        .sType = VK_STRUCTURE_TYPE_RENDER_PASS_BEGIN_INFO,
        .renderPass = pass,
        .framebuffer = framebuffer,
        .renderArea = {{0, 0}, {SIDE, SIDE}},
        .clearValueCount = GUEST_COUNT(clears),
        .pClearValues = clears,
    };
    const VkSubpassBeginInfo inlined = {.sType = VK_STRUCTURE_TYPE_SUBPASS_BEGIN_INFO,
                                        .contents = VK_SUBPASS_CONTENTS_INLINE};
    const VkSubpassEndInfo end = {.sType = VK_STRUCTURE_TYPE_SUBPASS_END_INFO};
    VkCommandBuffer cmd = guest_cmd_begin(g);
    vkCmdBeginRenderPass2(cmd, &begin, &inlined);
    draw(shapes, cmd, pipeline);
    vkCmdEndRenderPass2(cmd, &end);
    guest_cmd_finish(g, cmd);
    guest_image_result(g, "resolved depth", &resolved, VK_IMAGE_ASPECT_DEPTH_BIT, 4, NULL);
    read_samples(g, &color);

    vkDestroyFramebuffer(g->device, framebuffer, NULL);
    vkDestroyPipeline(g->device, pipeline, NULL);
    vkDestroyRenderPass(g->device, pass, NULL);
    guest_image_destroy(g, &resolved);
    guest_image_destroy(g, &depth);
    guest_image_destroy(g, &color);
}

int main(int argc, char **argv) {
    struct guest g;
    struct shapes shapes;
    guest_init(&g, argc, argv, "msaa");
    const VkPhysicalDeviceLimits *limits = &g.properties.limits;
    if (!(limits->framebufferColorSampleCounts & limits->framebufferDepthSampleCounts &
          limits->sampledImageColorSampleCounts & VK_SAMPLE_COUNT_4_BIT)) {
        guest_skip("no four samples per pixel");
    }
    guest_create_device(&g, NULL, 0, NULL);
    shapes_init(&shapes, &g);
    resolve(&g, &shapes);
    if (g.api_version >= VK_API_VERSION_1_2) {
        depth_resolve(&g, &shapes);
    }
    shapes_finish(&shapes, &g);
    return guest_finish(&g);
}
