#include "shapes.h"

#include <string.h>

#include "shape.frag.h"
#include "shape.vert.h"

struct shape_vertex {
    float x, y;
    unsigned char color[4];
};

/* Written out rather than computed: no rounding that could differ between systems. */
static const struct shape_vertex VERTICES[] = {
    {0.0f, 0.0f, {255, 255, 255, 255}},       {0.0f, -1.0f, {255, 40, 40, 255}},
    {0.2245f, -0.309f, {255, 160, 40, 255}},  {0.9511f, -0.309f, {230, 255, 40, 255}},
    {0.3633f, 0.118f, {120, 255, 40, 255}},   {0.5878f, 0.809f, {40, 255, 120, 255}},
    {0.0f, 0.382f, {40, 255, 230, 255}},      {-0.5878f, 0.809f, {40, 160, 255, 255}},
    {-0.3633f, 0.118f, {40, 40, 255, 255}},   {-0.9511f, -0.309f, {160, 40, 255, 255}},
    {-0.2245f, -0.309f, {255, 40, 200, 255}}, {-1.0f, -1.0f, {255, 255, 255, 255}},
    {1.0f, -1.0f, {255, 255, 255, 255}},      {-1.0f, 1.0f, {255, 255, 255, 255}},
    {1.0f, 1.0f, {255, 255, 255, 255}},
};

static const VkVertexInputBindingDescription BINDING = {0, sizeof(struct shape_vertex),
                                                        VK_VERTEX_INPUT_RATE_VERTEX};
static const VkVertexInputAttributeDescription ATTRIBUTES[] = {
    {0, 0, VK_FORMAT_R32G32_SFLOAT, 0},
    {1, 0, VK_FORMAT_R8G8B8A8_UNORM, offsetof(struct shape_vertex, color)},
};

static void fill_indices(uint16_t *to) {
    for (uint16_t i = 0; i < 10; i++) {
        *to++ = 0;
        *to++ = (uint16_t)(1 + i);
        *to++ = (uint16_t)(1 + (i + 1) % 10);
    }
    const uint16_t quad[SHAPE_QUAD_COUNT] = {11, 12, 13, 13, 12, 14};
    memcpy(to, quad, sizeof(quad));
}

void shapes_init(struct shapes *shapes, const struct guest *g) {
    const VkDeviceSize index_size = (SHAPE_STAR_COUNT + SHAPE_QUAD_COUNT) * sizeof(uint16_t);
    shapes->vertices = guest_buffer_create(g, sizeof(VERTICES), VK_BUFFER_USAGE_VERTEX_BUFFER_BIT,
                                           GUEST_HOST_MEMORY);
    shapes->indices =
        guest_buffer_create(g, index_size, VK_BUFFER_USAGE_INDEX_BUFFER_BIT, GUEST_HOST_MEMORY);
    memcpy(shapes->vertices.map, VERTICES, sizeof(VERTICES));
    fill_indices(shapes->indices.map);
    shapes->vertex = guest_shader(g, GUEST_CODE(shape_vert));
    shapes->fragment = guest_shader(g, GUEST_CODE(shape_frag));
    shapes->layout = guest_pipeline_layout(g, VK_NULL_HANDLE, sizeof(struct shape_push));
    shapes->input = (VkPipelineVertexInputStateCreateInfo){
        .sType = VK_STRUCTURE_TYPE_PIPELINE_VERTEX_INPUT_STATE_CREATE_INFO,
        .vertexBindingDescriptionCount = 1,
        .pVertexBindingDescriptions = &BINDING,
        .vertexAttributeDescriptionCount = GUEST_COUNT(ATTRIBUTES),
        .pVertexAttributeDescriptions = ATTRIBUTES,
    };
}

void shapes_finish(struct shapes *shapes, const struct guest *g) {
    vkDestroyPipelineLayout(g->device, shapes->layout, NULL);
    vkDestroyShaderModule(g->device, shapes->fragment, NULL);
    vkDestroyShaderModule(g->device, shapes->vertex, NULL);
    guest_buffer_destroy(g, &shapes->indices);
    guest_buffer_destroy(g, &shapes->vertices);
}

void shapes_bind(const struct shapes *shapes, VkCommandBuffer cmd) {
    const VkDeviceSize zero = 0;
    vkCmdBindVertexBuffers(cmd, 0, 1, &shapes->vertices.buffer, &zero);
    vkCmdBindIndexBuffer(cmd, shapes->indices.buffer, 0, VK_INDEX_TYPE_UINT16);
}

void shapes_push(const struct shapes *shapes, VkCommandBuffer cmd, const struct shape_push *push) {
    vkCmdPushConstants(cmd, shapes->layout, VK_SHADER_STAGE_ALL, 0, sizeof(*push), push);
}

void shapes_star(const struct shapes *shapes, VkCommandBuffer cmd, const struct shape_push *push) {
    shapes_push(shapes, cmd, push);
    vkCmdDrawIndexed(cmd, SHAPE_STAR_COUNT, 1, SHAPE_STAR_FIRST, 0, 0);
}

void shapes_quad(const struct shapes *shapes, VkCommandBuffer cmd, const struct shape_push *push) {
    shapes_push(shapes, cmd, push);
    vkCmdDrawIndexed(cmd, SHAPE_QUAD_COUNT, 1, SHAPE_QUAD_FIRST, 0, 0);
}
