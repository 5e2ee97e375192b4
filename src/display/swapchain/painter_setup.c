/* What a painter is made of. */
#include "display/swapchain/offer.h"
#include "display/swapchain/painter.h"
#include "show_frag.h"
#include "show_vert.h"

#define CONSTANT_BYTES 72 /* of shaders/show.frag */

static VkResult make_pass(struct screen_painter *painter, VkImageLayout last, VkRenderPass *out) {
    const VkAttachmentDescription attachment = {
        .format = painter->format.format,
        .samples = VK_SAMPLE_COUNT_1_BIT,
        .loadOp = VK_ATTACHMENT_LOAD_OP_DONT_CARE, /* the triangle covers it */
        .storeOp = VK_ATTACHMENT_STORE_OP_STORE,
        .stencilLoadOp = VK_ATTACHMENT_LOAD_OP_DONT_CARE,
        .stencilStoreOp = VK_ATTACHMENT_STORE_OP_DONT_CARE,
        .initialLayout = VK_IMAGE_LAYOUT_UNDEFINED,
        .finalLayout = last};
    const VkAttachmentReference reference = {0, VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL};
    const VkSubpassDescription subpass = {.pipelineBindPoint = VK_PIPELINE_BIND_POINT_GRAPHICS,
                                          .colorAttachmentCount = 1,
                                          .pColorAttachments = &reference};
    const VkSubpassDependency after = {.srcSubpass = 0,
                                       .dstSubpass = VK_SUBPASS_EXTERNAL,
                                       .srcStageMask =
                                           VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT,
                                       .dstStageMask = VK_PIPELINE_STAGE_TRANSFER_BIT,
                                       .srcAccessMask = VK_ACCESS_COLOR_ATTACHMENT_WRITE_BIT,
                                       .dstAccessMask = VK_ACCESS_TRANSFER_READ_BIT};
    const VkRenderPassCreateInfo info = {.sType = VK_STRUCTURE_TYPE_RENDER_PASS_CREATE_INFO,
                                         .attachmentCount = 1,
                                         .pAttachments = &attachment,
                                         .subpassCount = 1,
                                         .pSubpasses = &subpass,
                                         .dependencyCount = 1,
                                         .pDependencies = &after};
    return painter->gpu->vk.CreateRenderPass(painter->gpu->device, &info, NULL, out);
}

static VkResult make_passes(struct screen_painter *painter) {
    const VkResult result =
        make_pass(painter, VK_IMAGE_LAYOUT_PRESENT_SRC_KHR, &painter->pass_present);
    return result ? result
                  : make_pass(painter, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, &painter->pass_copy);
}

static VkResult make_layouts(struct screen_painter *painter) {
    const struct screen_gpu *gpu = painter->gpu;
    const VkDescriptorSetLayoutBinding bindings[2] = {
        {0, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1, VK_SHADER_STAGE_FRAGMENT_BIT, NULL},
        {1, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1, VK_SHADER_STAGE_FRAGMENT_BIT, NULL}};
    const VkDescriptorSetLayoutCreateInfo set = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
        .bindingCount = 2,
        .pBindings = bindings};
    const VkResult result =
        gpu->vk.CreateDescriptorSetLayout(gpu->device, &set, NULL, &painter->set_layout);
    if (result) {
        return result;
    }
    const VkPushConstantRange constants = {VK_SHADER_STAGE_FRAGMENT_BIT, 0, CONSTANT_BYTES};
    const VkPipelineLayoutCreateInfo layout = {.sType =
                                                   VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                               .setLayoutCount = 1,
                                               .pSetLayouts = &painter->set_layout,
                                               .pushConstantRangeCount = 1,
                                               .pPushConstantRanges = &constants};
    return gpu->vk.CreatePipelineLayout(gpu->device, &layout, NULL, &painter->layout);
}

static VkResult make_descriptors(struct screen_painter *painter) {
    const struct screen_gpu *gpu = painter->gpu;
    const VkDescriptorPoolSize size = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 2};
    const VkDescriptorPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
                                             .maxSets = 1,
                                             .poolSizeCount = 1,
                                             .pPoolSizes = &size};
    const VkResult result =
        gpu->vk.CreateDescriptorPool(gpu->device, &pool, NULL, &painter->descriptors);
    if (result) {
        return result;
    }
    const VkDescriptorSetAllocateInfo set = {.sType =
                                                 VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                             .descriptorPool = painter->descriptors,
                                             .descriptorSetCount = 1,
                                             .pSetLayouts = &painter->set_layout};
    return gpu->vk.AllocateDescriptorSets(gpu->device, &set, &painter->set);
}

static VkResult make_module(const struct screen_gpu *gpu, const uint32_t *words, size_t size,
                            VkShaderModule *out) {
    const VkShaderModuleCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO, .codeSize = size, .pCode = words};
    return gpu->vk.CreateShaderModule(gpu->device, &info, NULL, out);
}

static VkResult make_pipeline_of(struct screen_painter *painter, VkShaderModule vertex,
                                 VkShaderModule fragment, VkBool32 with_light, VkPipeline *out) {
    const struct screen_gpu *gpu = painter->gpu;
    const VkSpecializationMapEntry entry = {.constantID = 0, .size = sizeof(with_light)};
    const VkSpecializationInfo constants = {1, &entry, sizeof(with_light), &with_light};
    const VkPipelineShaderStageCreateInfo stages[2] = {
        {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
         .stage = VK_SHADER_STAGE_VERTEX_BIT,
         .module = vertex,
         .pName = "main"},
        {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
         .stage = VK_SHADER_STAGE_FRAGMENT_BIT,
         .module = fragment,
         .pName = "main",
         .pSpecializationInfo = &constants}};
    const VkPipelineVertexInputStateCreateInfo input = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_VERTEX_INPUT_STATE_CREATE_INFO};
    const VkPipelineInputAssemblyStateCreateInfo assembly = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_INPUT_ASSEMBLY_STATE_CREATE_INFO,
        .topology = VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST};
    const VkPipelineViewportStateCreateInfo viewport = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_VIEWPORT_STATE_CREATE_INFO,
        .viewportCount = 1,
        .scissorCount = 1};
    const VkPipelineRasterizationStateCreateInfo raster = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_RASTERIZATION_STATE_CREATE_INFO, .lineWidth = 1};
    const VkPipelineMultisampleStateCreateInfo samples = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_MULTISAMPLE_STATE_CREATE_INFO,
        .rasterizationSamples = VK_SAMPLE_COUNT_1_BIT};
    const VkPipelineColorBlendAttachmentState attachment = {
        .colorWriteMask = VK_COLOR_COMPONENT_R_BIT | VK_COLOR_COMPONENT_G_BIT |
                          VK_COLOR_COMPONENT_B_BIT | VK_COLOR_COMPONENT_A_BIT};
    const VkPipelineColorBlendStateCreateInfo blend = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_COLOR_BLEND_STATE_CREATE_INFO,
        .attachmentCount = 1,
        .pAttachments = &attachment};
    const VkDynamicState dynamic[2] = {VK_DYNAMIC_STATE_VIEWPORT, VK_DYNAMIC_STATE_SCISSOR};
    const VkPipelineDynamicStateCreateInfo dynamics = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_DYNAMIC_STATE_CREATE_INFO,
        .dynamicStateCount = 2,
        .pDynamicStates = dynamic};
    const VkGraphicsPipelineCreateInfo info = {.sType =
                                                   VK_STRUCTURE_TYPE_GRAPHICS_PIPELINE_CREATE_INFO,
                                               .stageCount = 2,
                                               .pStages = stages,
                                               .pVertexInputState = &input,
                                               .pInputAssemblyState = &assembly,
                                               .pViewportState = &viewport,
                                               .pRasterizationState = &raster,
                                               .pMultisampleState = &samples,
                                               .pColorBlendState = &blend,
                                               .pDynamicState = &dynamics,
                                               .layout = painter->layout,
                                               .renderPass = painter->pass_present};
    return gpu->vk.CreateGraphicsPipelines(gpu->device, VK_NULL_HANDLE, 1, &info, NULL, out);
}

static VkResult make_pipelines(struct screen_painter *painter) {
    const struct screen_gpu *gpu = painter->gpu;
    VkShaderModule vertex = VK_NULL_HANDLE, fragment = VK_NULL_HANDLE;
    VkResult result = make_module(gpu, show_vert, sizeof(show_vert), &vertex);
    if (!result) {
        result = make_module(gpu, show_frag, sizeof(show_frag), &fragment);
    }
    for (VkBool32 with_light = 0; with_light < 2 && !result; with_light++) {
        result = make_pipeline_of(painter, vertex, fragment, with_light,
                                  &painter->pipelines[with_light]);
    }
    gpu->vk.DestroyShaderModule(gpu->device, vertex, NULL);
    gpu->vk.DestroyShaderModule(gpu->device, fragment, NULL);
    return result;
}

static VkResult make_commands(struct screen_painter *painter) {
    const struct screen_gpu *gpu = painter->gpu;
    const VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                          .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                          .queueFamilyIndex = gpu->draw_family};
    const VkFenceCreateInfo fence = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    VkResult result = gpu->vk.CreateCommandPool(gpu->device, &pool, NULL, &painter->pool);
    if (result) {
        return result;
    }
    const VkCommandBufferAllocateInfo commands = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = painter->pool,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = 1};
    result = gpu->vk.AllocateCommandBuffers(gpu->device, &commands, &painter->commands);
    return result ? result : gpu->vk.CreateFence(gpu->device, &fence, NULL, &painter->fence);
}

static VkResult make_cursor(struct screen_painter *painter) {
    return screen_buffer_create(painter->gpu, 4 * DISPLAY_CURSOR_PIXELS, &painter->cursor);
}

VkResult screen_painter_open(struct screen_painter *painter, struct screen_gpu *gpu) {
    static VkResult (*const steps[])(struct screen_painter *) = {make_layouts, make_descriptors,
                                                                 make_commands, make_cursor};
    *painter = (struct screen_painter){.gpu = gpu};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        const VkResult result = steps[i](painter);
        if (result) {
            return result;
        }
    }
    return VK_SUCCESS;
}

static void drop_format(struct screen_painter *painter) {
    const struct screen_gpu *gpu = painter->gpu;
    for (int i = 0; i < 2; i++) {
        gpu->vk.DestroyPipeline(gpu->device, painter->pipelines[i], NULL);
        painter->pipelines[i] = VK_NULL_HANDLE;
    }
    gpu->vk.DestroyRenderPass(gpu->device, painter->pass_copy, NULL);
    gpu->vk.DestroyRenderPass(gpu->device, painter->pass_present, NULL);
    painter->pass_copy = painter->pass_present = VK_NULL_HANDLE;
    painter->format = (VkSurfaceFormatKHR){0};
}

VkResult screen_painter_set_format(struct screen_painter *painter,
                                   const VkSurfaceFormatKHR *format) {
    drop_format(painter);
    painter->format = *format;
    painter->colour = screen_offer_colour(format);
    const VkResult result = make_passes(painter);
    return result ? result : make_pipelines(painter);
}

void screen_painter_close(struct screen_painter *painter) {
    struct screen_gpu *gpu = painter->gpu;
    if (!gpu) {
        return;
    }
    screen_buffer_destroy(gpu, &painter->cursor);
    gpu->vk.DestroyFence(gpu->device, painter->fence, NULL);
    gpu->vk.DestroyCommandPool(gpu->device, painter->pool, NULL);
    gpu->vk.DestroyDescriptorPool(gpu->device, painter->descriptors, NULL);
    gpu->vk.DestroyPipelineLayout(gpu->device, painter->layout, NULL);
    gpu->vk.DestroyDescriptorSetLayout(gpu->device, painter->set_layout, NULL);
    drop_format(painter);
    *painter = (struct screen_painter){0};
}
