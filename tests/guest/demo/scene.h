/* The demo's Vulkan objects: meshes, texture, shadow map, multisampled target, pipelines. */
#ifndef VESPER_DEMO_SCENE_H
#define VESPER_DEMO_SCENE_H

#include "../common/resources.h"
#include "mesh.h"

enum { SCENE_FRAMES = 2, SCENE_SHADOW_SIDE = 1024, SCENE_CUBES = 12 };

struct scene {
    uint32_t width, height;
    VkSampleCountFlagBits samples;
    struct mesh_part parts[MESH_PARTS];
    struct guest_buffer vertices, indices;
    struct guest_buffer uniforms[SCENE_FRAMES];
    struct guest_image texture, shadow_map, color, depth, resolved;
    VkSampler texture_sampler, shadow_sampler;
    VkRenderPass shadow_pass, picture_pass;
    VkFramebuffer shadow_framebuffer, picture_framebuffer;
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout layout;
    VkDescriptorPool pool;
    VkDescriptorSet sets[SCENE_FRAMES];
    VkPipeline shadow_pipeline, object_pipeline, sky_pipeline;
};

/* Ends the process when Vulkan reports an error. */
void scene_init(struct scene *scene, const struct guest *g, uint32_t width, uint32_t height);
void scene_finish(struct scene *scene, const struct guest *g);

/*
 * Sets the uniforms of slot `slot` for the given turn (radians) and records the frame: the picture
 * ends up in `resolved`, in TRANSFER_SRC_OPTIMAL.  The slot's last frame must have been finished.
 */
void scene_record(struct scene *scene, VkCommandBuffer cmd, uint32_t slot, float turn);

#endif
