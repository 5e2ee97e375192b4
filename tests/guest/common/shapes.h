/*
 * A five-pointed star and a quad, drawn with push constants: the geometry that the graphics
 * programs share.  Every function ends the process when Vulkan reports an error.
 */
#ifndef VESPER_GUEST_SHAPES_H
#define VESPER_GUEST_SHAPES_H

#include "pipelines.h"
#include "resources.h"

/* As `Push` in shaders/shape.vert. */
struct shape_push {
    float x, y, depth, scale;
    float tint[4];
};

enum {
    SHAPE_STAR_FIRST = 0,  /* indices of the star */
    SHAPE_STAR_COUNT = 30,
    SHAPE_QUAD_FIRST = 30, /* indices of the quad */
    SHAPE_QUAD_COUNT = 6,
    SHAPE_QUAD_VERTEX = 11, /* first of the quad's four vertices, in triangle-strip order */
};

struct shapes {
    struct guest_buffer vertices, indices; /* host-visible, 16-bit indices */
    VkShaderModule vertex, fragment;
    VkPipelineLayout layout; /* push constants only */
    VkPipelineVertexInputStateCreateInfo input;
};

void shapes_init(struct shapes *shapes, const struct guest *g);
void shapes_finish(struct shapes *shapes, const struct guest *g);

/* Binds the buffers; the pipeline is the caller's. */
void shapes_bind(const struct shapes *shapes, VkCommandBuffer cmd);

void shapes_push(const struct shapes *shapes, VkCommandBuffer cmd, const struct shape_push *push);
void shapes_star(const struct shapes *shapes, VkCommandBuffer cmd, const struct shape_push *push);
void shapes_quad(const struct shapes *shapes, VkCommandBuffer cmd, const struct shape_push *push);

#endif
