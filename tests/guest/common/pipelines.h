/*
 * Shader modules, layouts and pipelines of the guest programs, with the settings that they vary.
 * Every function ends the process when Vulkan reports an error; objects belong to the caller.
 */
#ifndef VESPER_GUEST_PIPELINES_H
#define VESPER_GUEST_PIPELINES_H

#include "guest.h"

/* SPIR-V as the build embeds it: `guest_shader(&g, GUEST_CODE(name))`. */
#define GUEST_CODE(array) (array), sizeof(array)

VkShaderModule guest_shader(const struct guest *g, const uint32_t *code, size_t size);

/* A set layout of bindings 0…count-1 of the given types, one descriptor each, for all stages. */
VkDescriptorSetLayout guest_set_layout(const struct guest *g, const VkDescriptorType *types,
                                       uint32_t count);

/* `set_layout` may be VK_NULL_HANDLE; `push_size` 0 means no push constants (all stages). */
VkPipelineLayout guest_pipeline_layout(const struct guest *g, VkDescriptorSetLayout set_layout,
                                       uint32_t push_size);

/* A pool for `sets` sets with `each` descriptors of every core type in all. */
VkDescriptorPool guest_descriptor_pool(const struct guest *g, uint32_t sets, uint32_t each,
                                       VkDescriptorPoolCreateFlags flags);

VkDescriptorSet guest_descriptor_set(const struct guest *g, VkDescriptorPool pool,
                                     VkDescriptorSetLayout layout);

/* Points `binding` of `set` to the whole of `buffer`. */
void guest_write_buffer(const struct guest *g, VkDescriptorSet set, uint32_t binding,
                        VkDescriptorType type, VkBuffer buffer);

VkPipeline guest_compute_pipeline(const struct guest *g, VkShaderModule shader,
                                  VkPipelineLayout layout, const VkSpecializationInfo *constants);

struct guest_graphics_info {
    VkShaderModule vertex, fragment; /* fragment may be VK_NULL_HANDLE */
    VkPipelineLayout layout;

    /* A render pass, or VK_NULL_HANDLE and the formats of dynamic rendering. */
    VkRenderPass render_pass;
    uint32_t subpass;
    VkFormat color_format, depth_format;

    uint32_t color_count;              /* attachments in the pass, at most 4 */
    VkSampleCountFlagBits samples;     /* 0 means 1 */
    VkPrimitiveTopology topology;      /* 0 is a point list: always set it */
    VkCullModeFlags cull;
    bool depth;                        /* test and write, LESS */
    bool stencil;                      /* replace by reference 5 where the depth test passes */
    const VkPipelineColorBlendAttachmentState *blend; /* NULL: no blending */
    const VkPipelineVertexInputStateCreateInfo *input; /* NULL: none */
    uint32_t width, height;            /* 0: viewport and scissor are dynamic */
};

VkPipeline guest_graphics_pipeline(const struct guest *g, const struct guest_graphics_info *info);

#endif
