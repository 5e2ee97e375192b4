/*
 * The smallest scene that a draw needs: a 4 x 4 off-screen target, one pipeline that reads a vertex
 * buffer, a uniform buffer with a dynamic offset (set 0), one without (set 1) and push constants.
 */
#ifndef BENCH_SCENE_H
#define BENCH_SCENE_H

#include "bench.h"

struct scene {
    VkImage image;
    VkDeviceMemory image_memory;
    VkImageView view;
    VkRenderPass pass;
    VkFramebuffer framebuffer;

    VkDescriptorSetLayout layouts[2]; /* of set 0 and set 1 */
    VkPipelineLayout layout;
    VkPipeline pipeline;

    struct bench_buffer vertices[2]; /* one triangle each */
    struct bench_buffer uniforms;    /* two blocks, uniform_stride apart */
    VkDeviceSize uniform_stride;
};

enum { SCENE_PUSH_SIZE = 16, SCENE_UNIFORM_SIZE = 16 };

/* Makes everything above from an open device; scene_destroy ends it once nothing runs. */
void scene_create(const struct bench *b, struct scene *s);
void scene_destroy(const struct bench *b, struct scene *s);

/* Begins the render pass and binds the pipeline and the first vertex buffer. */
void scene_begin(const struct scene *s, VkCommandBuffer commands);

/* Points binding 0 of `set` at block `block` (0 or 1) of the uniforms. */
void scene_write_set(const struct bench *b, const struct scene *s, VkDescriptorSet set,
                     VkDescriptorType type, uint32_t block);

#endif
