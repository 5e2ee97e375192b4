#include "pipelines.h"

VkShaderModule guest_shader(const struct guest *g, const uint32_t *code, size_t size) {
    const VkShaderModuleCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
        .codeSize = size,
        .pCode = code,
    };
    VkShaderModule shader;
    GUEST_VK(vkCreateShaderModule(g->device, &info, NULL, &shader));
    return shader;
}

VkDescriptorSetLayout guest_set_layout(const struct guest *g, const VkDescriptorType *types,
                                       uint32_t count) {
    VkDescriptorSetLayoutBinding bindings[16];
    GUEST_CHECK(count <= GUEST_COUNT(bindings), "too many bindings");
    for (uint32_t i = 0; i < count; i++) {
        bindings[i] = (VkDescriptorSetLayoutBinding){
            .binding = i,
            .descriptorType = types[i],
            .descriptorCount = 1,
            .stageFlags = types[i] == VK_DESCRIPTOR_TYPE_INPUT_ATTACHMENT
                              ? VK_SHADER_STAGE_FRAGMENT_BIT
                              : VK_SHADER_STAGE_ALL,
        };
    }
    const VkDescriptorSetLayoutCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
        .bindingCount = count,
        .pBindings = bindings,
    };
    VkDescriptorSetLayout layout;
    GUEST_VK(vkCreateDescriptorSetLayout(g->device, &info, NULL, &layout));
    return layout;
}

VkPipelineLayout guest_pipeline_layout(const struct guest *g, VkDescriptorSetLayout set_layout,
                                       uint32_t push_size) {
    const VkPushConstantRange push = {VK_SHADER_STAGE_ALL, 0, push_size};
    const VkPipelineLayoutCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
        .setLayoutCount = set_layout ? 1 : 0,
        .pSetLayouts = &set_layout,
        .pushConstantRangeCount = push_size ? 1 : 0,
        .pPushConstantRanges = &push,
    };
    VkPipelineLayout layout;
    GUEST_VK(vkCreatePipelineLayout(g->device, &info, NULL, &layout));
    return layout;
}

VkDescriptorPool guest_descriptor_pool(const struct guest *g, uint32_t sets, uint32_t each,
                                       VkDescriptorPoolCreateFlags flags) {
    VkDescriptorPoolSize sizes[VK_DESCRIPTOR_TYPE_INPUT_ATTACHMENT + 1];
    for (uint32_t i = 0; i < GUEST_COUNT(sizes); i++) {
        sizes[i] = (VkDescriptorPoolSize){(VkDescriptorType)i, each};
    }
    const VkDescriptorPoolCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
        .flags = flags,
        .maxSets = sets,
        .poolSizeCount = GUEST_COUNT(sizes),
        .pPoolSizes = sizes,
    };
    VkDescriptorPool pool;
    GUEST_VK(vkCreateDescriptorPool(g->device, &info, NULL, &pool));
    return pool;
}

VkDescriptorSet guest_descriptor_set(const struct guest *g, VkDescriptorPool pool,
                                     VkDescriptorSetLayout layout) {
    const VkDescriptorSetAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
        .descriptorPool = pool,
        .descriptorSetCount = 1,
        .pSetLayouts = &layout,
    };
    VkDescriptorSet set;
    GUEST_VK(vkAllocateDescriptorSets(g->device, &info, &set));
    return set;
}

void guest_write_buffer(const struct guest *g, VkDescriptorSet set, uint32_t binding,
                        VkDescriptorType type, VkBuffer buffer) {
    const VkDescriptorBufferInfo target = {buffer, 0, VK_WHOLE_SIZE};
    const VkWriteDescriptorSet write = {
        .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
        .dstSet = set,
        .dstBinding = binding,
        .descriptorCount = 1,
        .descriptorType = type,
        .pBufferInfo = &target,
    };
    vkUpdateDescriptorSets(g->device, 1, &write, 0, NULL);
}

VkPipeline guest_compute_pipeline(const struct guest *g, VkShaderModule shader,
                                  VkPipelineLayout layout, const VkSpecializationInfo *constants) {
    const VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = shader,
                  .pName = "main",
                  .pSpecializationInfo = constants},
        .layout = layout,
    };
    VkPipeline pipeline;
    GUEST_VK(vkCreateComputePipelines(g->device, VK_NULL_HANDLE, 1, &info, NULL, &pipeline));
    return pipeline;
}

static VkPipelineDepthStencilStateCreateInfo depth_stencil(const struct guest_graphics_info *info) {
    const VkStencilOpState face = {
        .failOp = VK_STENCIL_OP_KEEP,
        .passOp = VK_STENCIL_OP_REPLACE,
        .depthFailOp = VK_STENCIL_OP_KEEP,
        .compareOp = VK_COMPARE_OP_ALWAYS,
        .compareMask = 0xff,
        .writeMask = 0xff,
        .reference = 5,
    };
    return (VkPipelineDepthStencilStateCreateInfo){
        .sType = VK_STRUCTURE_TYPE_PIPELINE_DEPTH_STENCIL_STATE_CREATE_INFO,
        .depthTestEnable = info->depth,
        .depthWriteEnable = info->depth,
        .depthCompareOp = VK_COMPARE_OP_LESS,
        .stencilTestEnable = info->stencil,
        .front = face,
        .back = face,
    };
}

VkPipeline guest_graphics_pipeline(const struct guest *g, const struct guest_graphics_info *info) {
    const VkPipelineShaderStageCreateInfo stages[2] = {
        {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
         .stage = VK_SHADER_STAGE_VERTEX_BIT,
         .module = info->vertex,
         .pName = "main"},
        {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
         .stage = VK_SHADER_STAGE_FRAGMENT_BIT,
         .module = info->fragment,
         .pName = "main"},
    };
    const VkPipelineVertexInputStateCreateInfo no_input = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_VERTEX_INPUT_STATE_CREATE_INFO,
    };
    const VkPipelineInputAssemblyStateCreateInfo assembly = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_INPUT_ASSEMBLY_STATE_CREATE_INFO,
        .topology = info->topology,
    };
    const VkViewport viewport = {0, 0, (float)info->width, (float)info->height, 0.0f, 1.0f};
    const VkRect2D scissor = {{0, 0}, {info->width, info->height}};
    bool dynamic = info->width == 0;
    const VkPipelineViewportStateCreateInfo view = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_VIEWPORT_STATE_CREATE_INFO,
        .viewportCount = 1,
        .pViewports = dynamic ? NULL : &viewport,
        .scissorCount = 1,
        .pScissors = dynamic ? NULL : &scissor,
    };
    const VkDynamicState dynamic_states[] = {VK_DYNAMIC_STATE_VIEWPORT, VK_DYNAMIC_STATE_SCISSOR};
    const VkPipelineDynamicStateCreateInfo dynamics = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_DYNAMIC_STATE_CREATE_INFO,
        .dynamicStateCount = dynamic ? GUEST_COUNT(dynamic_states) : 0,
        .pDynamicStates = dynamic_states,
    };
    const VkPipelineRasterizationStateCreateInfo raster = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_RASTERIZATION_STATE_CREATE_INFO,
        .polygonMode = VK_POLYGON_MODE_FILL,
        .cullMode = info->cull,
        .frontFace = VK_FRONT_FACE_COUNTER_CLOCKWISE,
        .lineWidth = 1.0f,
    };
    const VkPipelineMultisampleStateCreateInfo multisample = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_MULTISAMPLE_STATE_CREATE_INFO,
        .rasterizationSamples = info->samples ? info->samples : VK_SAMPLE_COUNT_1_BIT,
    };
    const VkPipelineDepthStencilStateCreateInfo depth = depth_stencil(info);
    const VkPipelineColorBlendAttachmentState opaque = {.colorWriteMask = 0xf};
    VkPipelineColorBlendAttachmentState attachments[4];
    GUEST_CHECK(info->color_count <= GUEST_COUNT(attachments), "too many color attachments");
    for (uint32_t i = 0; i < info->color_count; i++) {
        attachments[i] = info->blend ? *info->blend : opaque;
    }
    const VkPipelineColorBlendStateCreateInfo blend = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_COLOR_BLEND_STATE_CREATE_INFO,
        .attachmentCount = info->color_count,
        .pAttachments = attachments,
        .blendConstants = {0.25f, 0.5f, 0.75f, 1.0f},
    };
    const VkPipelineRenderingCreateInfo rendering = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_RENDERING_CREATE_INFO,
        .colorAttachmentCount = info->color_count,
        .pColorAttachmentFormats = &info->color_format,
        .depthAttachmentFormat = info->depth_format,
    };
    const VkGraphicsPipelineCreateInfo create = {
        .sType = VK_STRUCTURE_TYPE_GRAPHICS_PIPELINE_CREATE_INFO,
        .pNext = info->render_pass ? NULL : &rendering,
        .stageCount = info->fragment ? 2 : 1,
        .pStages = stages,
        .pVertexInputState = info->input ? info->input : &no_input,
        .pInputAssemblyState = &assembly,
        .pViewportState = &view,
        .pRasterizationState = &raster,
        .pMultisampleState = &multisample,
        .pDepthStencilState = &depth,
        .pColorBlendState = &blend,
        .pDynamicState = dynamic ? &dynamics : NULL,
        .layout = info->layout,
        .renderPass = info->render_pass,
        .subpass = info->subpass,
    };
    VkPipeline pipeline;
    GUEST_VK(vkCreateGraphicsPipelines(g->device, VK_NULL_HANDLE, 1, &create, NULL, &pipeline));
    return pipeline;
}
