/*
 * The optional stages between vertices and fragments: tessellation, geometry, and several views
 * at once.  Which of them the device offers is part of the result.
 */
#include "common/passes.h"
#include "common/pipelines.h"

#include "bend.tese.h"
#include "full.vert.h"
#include "patch.tesc.h"
#include "patch.vert.h"
#include "plain.frag.h"
#include "spike.geom.h"
#include "view.frag.h"

enum { SIDE = 128, VIEWS = 2 };

static const VkFormat COLOR = VK_FORMAT_R8G8B8A8_UNORM;

struct stage {
    VkShaderStageFlagBits stage;
    const uint32_t *code;
    size_t size;
};

/* A pipeline of any stages without vertex input; the common builder knows two stages only. */
static VkPipeline make_pipeline(const struct guest *g, const struct stage *stages, uint32_t count,
                                VkPipelineLayout layout, VkRenderPass pass) {
    VkPipelineShaderStageCreateInfo infos[4];
    bool patches = false;
    for (uint32_t i = 0; i < count; i++) {
        infos[i] = (VkPipelineShaderStageCreateInfo){
            .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
            .stage = stages[i].stage,
            .module = guest_shader(g, stages[i].code, stages[i].size),
            .pName = "main",
        };
        patches = patches || stages[i].stage == VK_SHADER_STAGE_TESSELLATION_CONTROL_BIT;
    }
    const VkPipelineVertexInputStateCreateInfo input = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_VERTEX_INPUT_STATE_CREATE_INFO};
    const VkPipelineInputAssemblyStateCreateInfo assembly = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_INPUT_ASSEMBLY_STATE_CREATE_INFO,
        .topology =
            patches ? VK_PRIMITIVE_TOPOLOGY_PATCH_LIST : VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST,
    };
    const VkPipelineTessellationStateCreateInfo tessellation = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_TESSELLATION_STATE_CREATE_INFO,
        .patchControlPoints = 3,
    };
    const VkViewport viewport = {0, 0, SIDE, SIDE, 0, 1};
    const VkRect2D scissor = {{0, 0}, {SIDE, SIDE}};
    const VkPipelineViewportStateCreateInfo view = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_VIEWPORT_STATE_CREATE_INFO,
        .viewportCount = 1,
        .pViewports = &viewport,
        .scissorCount = 1,
        .pScissors = &scissor,
    };
    const VkPipelineRasterizationStateCreateInfo raster = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_RASTERIZATION_STATE_CREATE_INFO, .lineWidth = 1.0f};
    const VkPipelineMultisampleStateCreateInfo multisample = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_MULTISAMPLE_STATE_CREATE_INFO,
        .rasterizationSamples = VK_SAMPLE_COUNT_1_BIT};
    const VkPipelineColorBlendAttachmentState opaque = {.colorWriteMask = 0xf};
    const VkPipelineColorBlendStateCreateInfo blend = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_COLOR_BLEND_STATE_CREATE_INFO,
        .attachmentCount = 1,
        .pAttachments = &opaque,
    };
    const VkGraphicsPipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_GRAPHICS_PIPELINE_CREATE_INFO,
        .stageCount = count,
        .pStages = infos,
        .pVertexInputState = &input,
        .pInputAssemblyState = &assembly,
        .pTessellationState = patches ? &tessellation : NULL,
        .pViewportState = &view,
        .pRasterizationState = &raster,
        .pMultisampleState = &multisample,
        .pColorBlendState = &blend,
        .layout = layout,
        .renderPass = pass,
    };
    VkPipeline pipeline;
    GUEST_VK(vkCreateGraphicsPipelines(g->device, VK_NULL_HANDLE, 1, &info, NULL, &pipeline));
    for (uint32_t i = 0; i < count; i++) {
        vkDestroyShaderModule(g->device, infos[i].module, NULL);
    }
    return pipeline;
}

static void draw(struct guest *g, const char *name, const struct stage *stages, uint32_t count) {
    struct guest_target target = guest_target_create(
        g, &(struct guest_target_info){.width = SIDE, .height = SIDE, .color_format = COLOR});
    VkPipelineLayout layout = guest_pipeline_layout(g, VK_NULL_HANDLE, 0);
    VkPipeline pipeline = make_pipeline(g, stages, count, layout, target.pass);
    VkCommandBuffer cmd = guest_cmd_begin(g);
    guest_target_begin(&target, cmd, VK_SUBPASS_CONTENTS_INLINE, NULL);
    vkCmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, pipeline);
    vkCmdDraw(cmd, 3, 1, 0, 0);
    vkCmdEndRenderPass(cmd);
    guest_cmd_finish(g, cmd);
    guest_image_result(g, name, &target.color, VK_IMAGE_ASPECT_COLOR_BIT, 4, NULL);
    vkDestroyPipeline(g->device, pipeline, NULL);
    vkDestroyPipelineLayout(g->device, layout, NULL);
    guest_target_destroy(g, &target);
}

static VkRenderPass multiview_pass(const struct guest *g) {
    const VkAttachmentDescription attachment = {
        .format = COLOR,
        .samples = VK_SAMPLE_COUNT_1_BIT,
        .loadOp = VK_ATTACHMENT_LOAD_OP_CLEAR,
        .storeOp = VK_ATTACHMENT_STORE_OP_STORE,
        .stencilLoadOp = VK_ATTACHMENT_LOAD_OP_DONT_CARE,
        .stencilStoreOp = VK_ATTACHMENT_STORE_OP_DONT_CARE,
        .finalLayout = VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
    };
    const VkAttachmentReference color = {0, VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL};
    const VkSubpassDescription subpass = {
        .pipelineBindPoint = VK_PIPELINE_BIND_POINT_GRAPHICS,
        .colorAttachmentCount = 1,
        .pColorAttachments = &color,
    };
    const VkSubpassDependency leave = {
        .dstSubpass = VK_SUBPASS_EXTERNAL,
        .srcStageMask = VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT,
        .dstStageMask = VK_PIPELINE_STAGE_TRANSFER_BIT,
        .srcAccessMask = VK_ACCESS_COLOR_ATTACHMENT_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_TRANSFER_READ_BIT,
    };
    const uint32_t views = (1u << VIEWS) - 1;
    const VkRenderPassMultiviewCreateInfo multiview = {
        .sType = VK_STRUCTURE_TYPE_RENDER_PASS_MULTIVIEW_CREATE_INFO,
        .subpassCount = 1,
        .pViewMasks = &views,
        .correlationMaskCount = 1,
        .pCorrelationMasks = &views,
    };
    const VkRenderPassCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_RENDER_PASS_CREATE_INFO,
        .pNext = &multiview,
        .attachmentCount = 1,
        .pAttachments = &attachment,
        .subpassCount = 1,
        .pSubpasses = &subpass,
        .dependencyCount = 1,
        .pDependencies = &leave,
    };
    VkRenderPass pass;
    GUEST_VK(vkCreateRenderPass(g->device, &info, NULL, &pass));
    return pass;
}

/* One draw into two layers, each in a color of its own. */
static void multiview(struct guest *g) {
    struct guest_image image = guest_image_create(
        g, &(struct guest_image_info){.format = COLOR,
                                      .width = SIDE,
                                      .height = SIDE,
                                      .layers = VIEWS,
                                      .usage = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT |
                                               VK_IMAGE_USAGE_TRANSFER_SRC_BIT});
    VkRenderPass pass = multiview_pass(g);
    const VkFramebufferCreateInfo framebuffer_info = {
        .sType = VK_STRUCTURE_TYPE_FRAMEBUFFER_CREATE_INFO,
        .renderPass = pass,
        .attachmentCount = 1,
        .pAttachments = &image.view,
        .width = SIDE,
        .height = SIDE,
        .layers = 1,
    };
    VkFramebuffer framebuffer;
    GUEST_VK(vkCreateFramebuffer(g->device, &framebuffer_info, NULL, &framebuffer));
    const struct stage stages[] = {{VK_SHADER_STAGE_VERTEX_BIT, GUEST_CODE(full_vert)},
                                   {VK_SHADER_STAGE_FRAGMENT_BIT, GUEST_CODE(view_frag)}};
    VkPipelineLayout layout = guest_pipeline_layout(g, VK_NULL_HANDLE, 0);
    VkPipeline pipeline = make_pipeline(g, stages, GUEST_COUNT(stages), layout, pass);
    struct guest_buffer texels = guest_staging_create(g, SIDE * SIDE * VIEWS * 4);
    const VkClearValue clear = {.color = {.float32 = {0}}};
    const VkRenderPassBeginInfo begin = {
        .sType = VK_STRUCTURE_TYPE_RENDER_PASS_BEGIN_INFO,
        .renderPass = pass,
        .framebuffer = framebuffer,
        .renderArea = {{0, 0}, {SIDE, SIDE}},
        .clearValueCount = 1,
        .pClearValues = &clear,
    };
    VkCommandBuffer cmd = guest_cmd_begin(g);
    vkCmdBeginRenderPass(cmd, &begin, VK_SUBPASS_CONTENTS_INLINE);
    vkCmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, pipeline);
    vkCmdDraw(cmd, 3, 1, 0, 0);
    vkCmdEndRenderPass(cmd);
    const VkBufferImageCopy copy = {.imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, VIEWS},
                                    .imageExtent = {SIDE, SIDE, 1}};
    vkCmdCopyImageToBuffer(cmd, image.image, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, texels.buffer, 1,
                           &copy);
    guest_cmd_finish(g, cmd);
    const unsigned char *bytes = texels.map;
    GUEST_CHECK(bytes[0] == 0 && bytes[SIDE * SIDE * 4] == 255, "the views are not told apart");
    guest_result(g, "multiview", texels.map, texels.size);
    guest_buffer_destroy(g, &texels);
    vkDestroyPipeline(g->device, pipeline, NULL);
    vkDestroyPipelineLayout(g->device, layout, NULL);
    vkDestroyFramebuffer(g->device, framebuffer, NULL);
    vkDestroyRenderPass(g->device, pass, NULL);
    guest_image_destroy(g, &image);
}

int main(int argc, char **argv) {
    struct guest g;
    guest_init(&g, argc, argv, "stages");
    VkPhysicalDeviceMultiviewFeatures views = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MULTIVIEW_FEATURES};
    VkPhysicalDeviceFeatures2 offered = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                         .pNext = &views};
    vkGetPhysicalDeviceFeatures2(g.physical, &offered);
    bool geometry = offered.features.geometryShader;
    bool tessellation = offered.features.tessellationShader;
    VkPhysicalDeviceMultiviewFeatures wanted_views = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MULTIVIEW_FEATURES,
        .multiview = views.multiview};
    const VkPhysicalDeviceFeatures2 wanted = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
        .pNext = &wanted_views,
        .features = {.geometryShader = geometry, .tessellationShader = tessellation},
    };
    guest_create_device(&g, NULL, 0, &wanted);
    const unsigned char decisions[] = {geometry, tessellation, views.multiview != 0};
    guest_result(&g, "offered stages", decisions, sizeof(decisions));

    const struct stage vertex = {VK_SHADER_STAGE_VERTEX_BIT, GUEST_CODE(patch_vert)};
    const struct stage control = {VK_SHADER_STAGE_TESSELLATION_CONTROL_BIT, GUEST_CODE(patch_tesc)};
    const struct stage bend = {VK_SHADER_STAGE_TESSELLATION_EVALUATION_BIT, GUEST_CODE(bend_tese)};
    const struct stage spike = {VK_SHADER_STAGE_GEOMETRY_BIT, GUEST_CODE(spike_geom)};
    const struct stage fragment = {VK_SHADER_STAGE_FRAGMENT_BIT, GUEST_CODE(plain_frag)};
    if (geometry) {
        draw(&g, "geometry", (struct stage[]){vertex, spike, fragment}, 3);
    }
    if (tessellation) {
        draw(&g, "tessellation", (struct stage[]){vertex, control, bend, fragment}, 4);
    }
    if (views.multiview) {
        multiview(&g);
    }
    return guest_finish(&g);
}
