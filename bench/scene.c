#include "scene.h"

#include <string.h>

#include "draw_frag.h"
#include "draw_vert.h"

enum { TARGET_SIZE = 4 };
static const VkFormat target_format = VK_FORMAT_R8G8B8A8_UNORM;

static void make_image(const struct bench *b, struct scene *s) {
    VkImageCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
        .imageType = VK_IMAGE_TYPE_2D,
        .format = target_format,
        .extent = {TARGET_SIZE, TARGET_SIZE, 1},
        .mipLevels = 1,
        .arrayLayers = 1,
        .samples = VK_SAMPLE_COUNT_1_BIT,
        .tiling = VK_IMAGE_TILING_OPTIMAL,
        .usage = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT,
        .initialLayout = VK_IMAGE_LAYOUT_UNDEFINED,
    };
    bench_check(vkCreateImage(b->device, &info, NULL, &s->image), "vkCreateImage");

    VkMemoryRequirements needs;
    vkGetImageMemoryRequirements(b->device, s->image, &needs);
    uint32_t type = 0;
    while (!(needs.memoryTypeBits >> type & 1)) {
        type++;
    }
    VkMemoryAllocateInfo allocation = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .allocationSize = needs.size,
        .memoryTypeIndex = type,
    };
    bench_check(vkAllocateMemory(b->device, &allocation, NULL, &s->image_memory),
                "vkAllocateMemory");
    bench_check(vkBindImageMemory(b->device, s->image, s->image_memory, 0), "vkBindImageMemory");
}

static void make_pass(const struct bench *b, struct scene *s) {
    VkAttachmentDescription attachment = {
        .format = target_format,
        .samples = VK_SAMPLE_COUNT_1_BIT,
        .loadOp = VK_ATTACHMENT_LOAD_OP_CLEAR,
        .storeOp = VK_ATTACHMENT_STORE_OP_STORE,
        .stencilLoadOp = VK_ATTACHMENT_LOAD_OP_DONT_CARE,
        .stencilStoreOp = VK_ATTACHMENT_STORE_OP_DONT_CARE,
        .finalLayout = VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL,
    };
    VkAttachmentReference reference = {.layout = VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL};
    VkSubpassDescription subpass = {
        .pipelineBindPoint = VK_PIPELINE_BIND_POINT_GRAPHICS,
        .colorAttachmentCount = 1,
        .pColorAttachments = &reference,
    };
    /* Command buffers in flight draw into the same image, one after the other. */
    VkSubpassDependency dependency = {
        .srcSubpass = VK_SUBPASS_EXTERNAL,
        .srcStageMask = VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT,
        .dstStageMask = VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT,
        .srcAccessMask = VK_ACCESS_COLOR_ATTACHMENT_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_COLOR_ATTACHMENT_WRITE_BIT,
    };
    VkRenderPassCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_RENDER_PASS_CREATE_INFO,
        .attachmentCount = 1,
        .pAttachments = &attachment,
        .subpassCount = 1,
        .pSubpasses = &subpass,
        .dependencyCount = 1,
        .pDependencies = &dependency,
    };
    bench_check(vkCreateRenderPass(b->device, &info, NULL, &s->pass), "vkCreateRenderPass");
}

static void make_framebuffer(const struct bench *b, struct scene *s) {
    VkImageViewCreateInfo view = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_VIEW_CREATE_INFO,
        .image = s->image,
        .viewType = VK_IMAGE_VIEW_TYPE_2D,
        .format = target_format,
        .subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1},
    };
    bench_check(vkCreateImageView(b->device, &view, NULL, &s->view), "vkCreateImageView");

    VkFramebufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_FRAMEBUFFER_CREATE_INFO,
        .renderPass = s->pass,
        .attachmentCount = 1,
        .pAttachments = &s->view,
        .width = TARGET_SIZE,
        .height = TARGET_SIZE,
        .layers = 1,
    };
    bench_check(vkCreateFramebuffer(b->device, &info, NULL, &s->framebuffer),
                "vkCreateFramebuffer");
}

static void make_layouts(const struct bench *b, struct scene *s) {
    const VkDescriptorType types[2] = {
        VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER_DYNAMIC,
        VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER,
    };
    for (uint32_t i = 0; i < 2; i++) {
        VkDescriptorSetLayoutBinding binding = {
            .descriptorType = types[i],
            .descriptorCount = 1,
            .stageFlags = VK_SHADER_STAGE_VERTEX_BIT,
        };
        VkDescriptorSetLayoutCreateInfo info = {
            .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
            .bindingCount = 1,
            .pBindings = &binding,
        };
        bench_check(vkCreateDescriptorSetLayout(b->device, &info, NULL, &s->layouts[i]),
                    "vkCreateDescriptorSetLayout");
    }
    VkPushConstantRange range = {VK_SHADER_STAGE_VERTEX_BIT, 0, SCENE_PUSH_SIZE};
    VkPipelineLayoutCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
        .setLayoutCount = 2,
        .pSetLayouts = s->layouts,
        .pushConstantRangeCount = 1,
        .pPushConstantRanges = &range,
    };
    bench_check(vkCreatePipelineLayout(b->device, &info, NULL, &s->layout),
                "vkCreatePipelineLayout");
}

static VkShaderModule make_module(const struct bench *b, const uint32_t *code, size_t size) {
    VkShaderModuleCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
        .codeSize = size,
        .pCode = code,
    };
    VkShaderModule module;
    bench_check(vkCreateShaderModule(b->device, &info, NULL, &module), "vkCreateShaderModule");
    return module;
}

static void make_pipeline(const struct bench *b, struct scene *s) {
    VkPipelineShaderStageCreateInfo stages[2] = {
        {
            .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
            .stage = VK_SHADER_STAGE_VERTEX_BIT,
            .module = make_module(b, draw_vert, sizeof(draw_vert)),
            .pName = "main",
        },
        {
            .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
            .stage = VK_SHADER_STAGE_FRAGMENT_BIT,
            .module = make_module(b, draw_frag, sizeof(draw_frag)),
            .pName = "main",
        },
    };
    VkVertexInputBindingDescription binding = {.stride = 2 * sizeof(float)};
    VkVertexInputAttributeDescription attribute = {.format = VK_FORMAT_R32G32_SFLOAT};
    VkPipelineVertexInputStateCreateInfo input = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_VERTEX_INPUT_STATE_CREATE_INFO,
        .vertexBindingDescriptionCount = 1,
        .pVertexBindingDescriptions = &binding,
        .vertexAttributeDescriptionCount = 1,
        .pVertexAttributeDescriptions = &attribute,
    };
    VkPipelineInputAssemblyStateCreateInfo assembly = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_INPUT_ASSEMBLY_STATE_CREATE_INFO,
        .topology = VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST,
    };
    VkViewport view = {0, 0, TARGET_SIZE, TARGET_SIZE, 0, 1};
    VkRect2D scissor = {{0, 0}, {TARGET_SIZE, TARGET_SIZE}};
    VkPipelineViewportStateCreateInfo viewport = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_VIEWPORT_STATE_CREATE_INFO,
        .viewportCount = 1,
        .pViewports = &view,
        .scissorCount = 1,
        .pScissors = &scissor,
    };
    VkPipelineRasterizationStateCreateInfo raster = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_RASTERIZATION_STATE_CREATE_INFO,
        .lineWidth = 1.0f,
    };
    VkPipelineMultisampleStateCreateInfo samples = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_MULTISAMPLE_STATE_CREATE_INFO,
        .rasterizationSamples = VK_SAMPLE_COUNT_1_BIT,
    };
    VkPipelineColorBlendAttachmentState attachment = {.colorWriteMask = 0xf};
    VkPipelineColorBlendStateCreateInfo blend = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_COLOR_BLEND_STATE_CREATE_INFO,
        .attachmentCount = 1,
        .pAttachments = &attachment,
    };
    VkGraphicsPipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_GRAPHICS_PIPELINE_CREATE_INFO,
        .stageCount = 2,
        .pStages = stages,
        .pVertexInputState = &input,
        .pInputAssemblyState = &assembly,
        .pViewportState = &viewport,
        .pRasterizationState = &raster,
        .pMultisampleState = &samples,
        .pColorBlendState = &blend,
        .layout = s->layout,
        .renderPass = s->pass,
    };
    bench_check(vkCreateGraphicsPipelines(b->device, VK_NULL_HANDLE, 1, &info, NULL, &s->pipeline),
                "vkCreateGraphicsPipelines");
    vkDestroyShaderModule(b->device, stages[0].module, NULL);
    vkDestroyShaderModule(b->device, stages[1].module, NULL);
}

static void make_buffers(const struct bench *b, struct scene *s) {
    static const float triangle[] = {-1, -1, -1, 1, 1, -1};
    for (uint32_t i = 0; i < 2; i++) {
        s->vertices[i] = bench_make_buffer(b, sizeof(triangle), VK_BUFFER_USAGE_VERTEX_BUFFER_BIT);
        memcpy(s->vertices[i].map, triangle, sizeof(triangle));
    }

    VkPhysicalDeviceProperties properties;
    vkGetPhysicalDeviceProperties(b->physical, &properties);
    s->uniform_stride = properties.limits.minUniformBufferOffsetAlignment;
    if (s->uniform_stride < SCENE_UNIFORM_SIZE) {
        s->uniform_stride = SCENE_UNIFORM_SIZE;
    }
    s->uniforms = bench_make_buffer(b, 2 * s->uniform_stride, VK_BUFFER_USAGE_UNIFORM_BUFFER_BIT);
    memset(s->uniforms.map, 0, (size_t)(2 * s->uniform_stride));
}

void scene_create(const struct bench *b, struct scene *s) {
    make_image(b, s);
    make_pass(b, s);
    make_framebuffer(b, s);
    make_layouts(b, s);
    make_pipeline(b, s);
    make_buffers(b, s);
}

void scene_destroy(const struct bench *b, struct scene *s) {
    bench_free_buffer(b, &s->uniforms);
    bench_free_buffer(b, &s->vertices[0]);
    bench_free_buffer(b, &s->vertices[1]);
    vkDestroyPipeline(b->device, s->pipeline, NULL);
    vkDestroyPipelineLayout(b->device, s->layout, NULL);
    vkDestroyDescriptorSetLayout(b->device, s->layouts[0], NULL);
    vkDestroyDescriptorSetLayout(b->device, s->layouts[1], NULL);
    vkDestroyFramebuffer(b->device, s->framebuffer, NULL);
    vkDestroyImageView(b->device, s->view, NULL);
    vkDestroyRenderPass(b->device, s->pass, NULL);
    vkDestroyImage(b->device, s->image, NULL);
    vkFreeMemory(b->device, s->image_memory, NULL);
}

void scene_begin(const struct scene *s, VkCommandBuffer commands) {
    VkClearValue clear = {0};
    VkRenderPassBeginInfo info = {
        .sType = VK_STRUCTURE_TYPE_RENDER_PASS_BEGIN_INFO,
        .renderPass = s->pass,
        .framebuffer = s->framebuffer,
        .renderArea = {{0, 0}, {TARGET_SIZE, TARGET_SIZE}},
        .clearValueCount = 1,
        .pClearValues = &clear,
    };
    VkDeviceSize offset = 0;
    vkCmdBeginRenderPass(commands, &info, VK_SUBPASS_CONTENTS_INLINE);
    vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_GRAPHICS, s->pipeline);
    vkCmdBindVertexBuffers(commands, 0, 1, &s->vertices[0].buffer, &offset);
}

void scene_write_set(const struct bench *b, const struct scene *s, VkDescriptorSet set,
                     VkDescriptorType type, uint32_t block) {
    VkDescriptorBufferInfo buffer = {
        .buffer = s->uniforms.buffer,
        .offset = block * s->uniform_stride,
        .range = SCENE_UNIFORM_SIZE,
    };
    VkWriteDescriptorSet write = {
        .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
        .dstSet = set,
        .descriptorCount = 1,
        .descriptorType = type,
        .pBufferInfo = &buffer,
    };
    vkUpdateDescriptorSets(b->device, 1, &write, 0, NULL);
}
