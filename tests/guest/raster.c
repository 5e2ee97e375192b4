/*
 * Rasterization in a classic render pass: depth and stencil, indexed and indirect draws, push
 * constants, dynamic state, blending, clears inside the pass, secondary command buffers.
 */
#include "common/passes.h"
#include "common/shapes.h"

#include <stdlib.h>
#include <string.h>

enum { SIDE = 256 };

static const VkFormat COLOR = VK_FORMAT_R8G8B8A8_UNORM;

static const struct shape_push STARS[] = {
    {-0.3f, -0.2f, 0.5f, 0.6f, {1.0f, 1.0f, 1.0f, 1.0f}},
    {0.2f, 0.1f, 0.7f, 0.7f, {0.5f, 1.0f, 0.5f, 1.0f}},
    {0.1f, -0.3f, 0.3f, 0.4f, {1.0f, 0.5f, 0.5f, 1.0f}},
};

static const struct shape_push WALL = {0.0f, 0.6f, 0.6f, 0.5f, {0.2f, 0.3f, 0.4f, 1.0f}};

static VkPipeline make_pipeline(const struct guest *g, const struct shapes *shapes,
                                const struct guest_target *target,
                                const VkPipelineColorBlendAttachmentState *blend) {
    return guest_graphics_pipeline(g, &(struct guest_graphics_info){
                                          .vertex = shapes->vertex,
                                          .fragment = shapes->fragment,
                                          .layout = shapes->layout,
                                          .render_pass = target->pass,
                                          .color_count = 1,
                                          .topology = VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST,
                                          .depth = target->depth.image != VK_NULL_HANDLE,
                                          .stencil = target->depth.image != VK_NULL_HANDLE,
                                          .blend = blend,
                                          .input = &shapes->input,
                                          .width = SIDE,
                                          .height = SIDE,
                                      });
}

static uint32_t stencil_texels(const unsigned char *stencil) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < SIDE * SIDE; i++) {
        GUEST_CHECK(stencil[i] == 0 || stencil[i] == 5, "stencil %u at %u", stencil[i], i);
        count += stencil[i] == 5;
    }
    return count;
}

/* Overlapping stars whose order in depth is not the order of the draws. */
static void depth_and_stencil(struct guest *g, const struct shapes *shapes) {
    struct guest_target target = guest_target_create(
        g, &(struct guest_target_info){.width = SIDE,
                                       .height = SIDE,
                                       .color_format = COLOR,
                                       .depth_format = guest_depth_stencil_format(g)});
    VkPipeline pipeline = make_pipeline(g, shapes, &target, NULL);
    VkCommandBuffer cmd = guest_cmd_begin(g);
    guest_target_begin(&target, cmd, VK_SUBPASS_CONTENTS_INLINE, NULL);
    shapes_bind(shapes, cmd);
    vkCmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, pipeline);
    for (uint32_t i = 0; i < GUEST_COUNT(STARS); i++) {
        shapes_star(shapes, cmd, &STARS[i]);
    }
    shapes_quad(shapes, cmd, &WALL);
    /* A clear of a part inside the pass. */
    const VkClearAttachment clear = {
        VK_IMAGE_ASPECT_COLOR_BIT, 0, {.color = {.float32 = {1.0f, 0.0f, 1.0f, 1.0f}}}};
    const VkClearRect part = {{{10, 20}, {30, 12}}, 0, 1};
    vkCmdClearAttachments(cmd, 1, &clear, 1, &part);
    vkCmdEndRenderPass(cmd);
    guest_cmd_finish(g, cmd);

    void *color, *stencil;
    guest_image_result(g, "depth: color", &target.color, VK_IMAGE_ASPECT_COLOR_BIT, 4, &color);
    guest_image_result(g, "depth: depth", &target.depth, VK_IMAGE_ASPECT_DEPTH_BIT, 4, NULL);
    guest_image_result(g, "depth: stencil", &target.depth, VK_IMAGE_ASPECT_STENCIL_BIT, 1,
                       &stencil);
    const unsigned char *cleared = (unsigned char *)color + (25 * SIDE + 15) * 4;
    GUEST_CHECK(cleared[0] == 255 && cleared[1] == 0 && cleared[2] == 255, "the cleared part");
    GUEST_CHECK(stencil_texels(stencil) > SIDE * SIDE / 8, "too few texels drawn");
    free(color);
    free(stencil);
    vkDestroyPipeline(g->device, pipeline, NULL);
    guest_target_destroy(g, &target);
}

static struct guest_buffer indirect_commands(const struct guest *g) {
    struct guest_buffer made =
        guest_buffer_create(g, 512, VK_BUFFER_USAGE_INDIRECT_BUFFER_BIT, GUEST_HOST_MEMORY);
    const VkDrawIndexedIndirectCommand indexed[2] = {
        {SHAPE_STAR_COUNT, 3, SHAPE_STAR_FIRST, 0, 0},
        {SHAPE_QUAD_COUNT, 1, SHAPE_QUAD_FIRST, 0, 0},
    };
    const VkDrawIndirectCommand plain = {3, 2, SHAPE_QUAD_VERTEX, 0};
    const uint32_t count = 1;
    memset(made.map, 0xff, 512);
    for (int i = 0; i < 2; i++) {
        memcpy((char *)made.map + i * 32, &indexed[i], sizeof(indexed[i]));
    }
    memcpy((char *)made.map + 128, &plain, sizeof(plain));
    memcpy((char *)made.map + 256, &count, sizeof(count));
    return made;
}

/* The same picture from the buffer as from the call; the count, too, where the device reads it. */
static void indirect(struct guest *g, const struct shapes *shapes, bool with_count) {
    struct guest_target target = guest_target_create(
        g, &(struct guest_target_info){.width = SIDE, .height = SIDE, .color_format = COLOR});
    VkPipeline pipeline = make_pipeline(g, shapes, &target, NULL);
    struct guest_buffer commands = indirect_commands(g);
    const struct shape_push places[3] = {
        {-0.5f, -0.5f, 0.5f, 0.4f, {1.0f, 1.0f, 1.0f, 1.0f}},
        {-0.5f, 0.5f, 0.5f, 0.3f, {0.8f, 0.6f, 0.2f, 1.0f}},
        {0.3f, 0.4f, 0.5f, 0.3f, {0.2f, 0.6f, 0.9f, 1.0f}},
    };
    void *pictures[2];
    for (int from_buffer = 0; from_buffer < 2; from_buffer++) {
        VkCommandBuffer cmd = guest_cmd_begin(g);
        guest_target_begin(&target, cmd, VK_SUBPASS_CONTENTS_INLINE, NULL);
        shapes_bind(shapes, cmd);
        vkCmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, pipeline);
        shapes_push(shapes, cmd, &places[0]);
        if (from_buffer) {
            vkCmdDrawIndexedIndirect(cmd, commands.buffer, 0, 1, 32);
        } else {
            vkCmdDrawIndexed(cmd, SHAPE_STAR_COUNT, 3, SHAPE_STAR_FIRST, 0, 0);
        }
        shapes_push(shapes, cmd, &places[1]);
        if (from_buffer && with_count) {
            vkCmdDrawIndexedIndirectCount(cmd, commands.buffer, 32, commands.buffer, 256, 4, 32);
        } else {
            vkCmdDrawIndexed(cmd, SHAPE_QUAD_COUNT, 1, SHAPE_QUAD_FIRST, 0, 0);
        }
        shapes_push(shapes, cmd, &places[2]);
        if (from_buffer) {
            vkCmdDrawIndirect(cmd, commands.buffer, 128, 1, 0);
        } else {
            vkCmdDraw(cmd, 3, 2, SHAPE_QUAD_VERTEX, 0);
        }
        vkCmdEndRenderPass(cmd);
        guest_cmd_finish(g, cmd);
        guest_image_result(g, from_buffer ? "drawn indirectly" : "drawn directly", &target.color,
                           VK_IMAGE_ASPECT_COLOR_BIT, 4, &pictures[from_buffer]);
    }
    GUEST_CHECK(memcmp(pictures[0], pictures[1], SIDE * SIDE * 4) == 0,
                "indirect draws differ from direct ones");
    free(pictures[0]);
    free(pictures[1]);
    guest_buffer_destroy(g, &commands);
    vkDestroyPipeline(g->device, pipeline, NULL);
    guest_target_destroy(g, &target);
}

static void blending(struct guest *g, const struct shapes *shapes) {
    const VkPipelineColorBlendAttachmentState blends[] = {
        {VK_TRUE, VK_BLEND_FACTOR_SRC_ALPHA, VK_BLEND_FACTOR_ONE_MINUS_SRC_ALPHA, VK_BLEND_OP_ADD,
         VK_BLEND_FACTOR_ONE, VK_BLEND_FACTOR_ONE_MINUS_SRC_ALPHA, VK_BLEND_OP_ADD, 0xf},
        {VK_TRUE, VK_BLEND_FACTOR_CONSTANT_COLOR, VK_BLEND_FACTOR_ONE, VK_BLEND_OP_ADD,
         VK_BLEND_FACTOR_ONE, VK_BLEND_FACTOR_ONE, VK_BLEND_OP_MAX, 0xf},
        {VK_TRUE, VK_BLEND_FACTOR_ONE, VK_BLEND_FACTOR_ONE, VK_BLEND_OP_REVERSE_SUBTRACT,
         VK_BLEND_FACTOR_ZERO, VK_BLEND_FACTOR_ONE, VK_BLEND_OP_ADD,
         VK_COLOR_COMPONENT_R_BIT | VK_COLOR_COMPONENT_B_BIT},
    };
    struct guest_target target = guest_target_create(
        g, &(struct guest_target_info){.width = SIDE, .height = SIDE, .color_format = COLOR});
    VkPipeline pipelines[GUEST_COUNT(blends)];
    VkCommandBuffer cmd = guest_cmd_begin(g);
    guest_target_begin(&target, cmd, VK_SUBPASS_CONTENTS_INLINE, NULL);
    shapes_bind(shapes, cmd);
    for (uint32_t i = 0; i < GUEST_COUNT(blends); i++) {
        struct shape_push push = STARS[i];
        push.tint[3] = 0.6f;
        pipelines[i] = make_pipeline(g, shapes, &target, &blends[i]);
        vkCmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, pipelines[i]);
        shapes_star(shapes, cmd, &push);
    }
    vkCmdEndRenderPass(cmd);
    guest_cmd_finish(g, cmd);
    guest_image_result(g, "blended", &target.color, VK_IMAGE_ASPECT_COLOR_BIT, 4, NULL);
    for (uint32_t i = 0; i < GUEST_COUNT(blends); i++) {
        vkDestroyPipeline(g->device, pipelines[i], NULL);
    }
    guest_target_destroy(g, &target);
}

/* Stars recorded beforehand, each in a buffer of its own, with a viewport set there. */
static void secondary_buffers(struct guest *g, const struct shapes *shapes) {
    struct guest_target target = guest_target_create(
        g, &(struct guest_target_info){.width = SIDE,
                                       .height = SIDE,
                                       .color_format = COLOR,
                                       .depth_format = guest_depth_stencil_format(g)});
    VkPipeline pipeline =
        guest_graphics_pipeline(g, &(struct guest_graphics_info){
                                       .vertex = shapes->vertex,
                                       .fragment = shapes->fragment,
                                       .layout = shapes->layout,
                                       .render_pass = target.pass,
                                       .color_count = 1,
                                       .topology = VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST,
                                       .depth = true,
                                       .input = &shapes->input,
                                   });
    VkCommandBuffer recorded[GUEST_COUNT(STARS)];
    const VkCommandBufferAllocateInfo allocate = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = g->pool,
        .level = VK_COMMAND_BUFFER_LEVEL_SECONDARY,
        .commandBufferCount = GUEST_COUNT(recorded),
    };
    GUEST_VK(vkAllocateCommandBuffers(g->device, &allocate, recorded));
    for (uint32_t i = 0; i < GUEST_COUNT(recorded); i++) {
        const VkCommandBufferInheritanceInfo inheritance = {
            .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_INHERITANCE_INFO,
            .renderPass = target.pass,
            .framebuffer = i == 1 ? VK_NULL_HANDLE : target.framebuffer,
        };
        const VkCommandBufferBeginInfo begin = {
            .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
            .flags = VK_COMMAND_BUFFER_USAGE_RENDER_PASS_CONTINUE_BIT |
                     VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT,
            .pInheritanceInfo = &inheritance,
        };
        const VkViewport viewport = {(float)i * 20.0f, 0, SIDE - (float)i * 40.0f, SIDE, 0, 1};
        const VkRect2D scissor = {{(int32_t)i * 10, 16}, {SIDE - i * 20, SIDE - 32}};
        GUEST_VK(vkBeginCommandBuffer(recorded[i], &begin));
        shapes_bind(shapes, recorded[i]);
        vkCmdBindPipeline(recorded[i], VK_PIPELINE_BIND_POINT_GRAPHICS, pipeline);
        vkCmdSetViewport(recorded[i], 0, 1, &viewport);
        vkCmdSetScissor(recorded[i], 0, 1, &scissor);
        shapes_star(shapes, recorded[i], &STARS[i]);
        GUEST_VK(vkEndCommandBuffer(recorded[i]));
    }
    void *pictures[2];
    for (int round = 0; round < 2; round++) {
        VkCommandBuffer cmd = guest_cmd_begin(g);
        guest_target_begin(&target, cmd, VK_SUBPASS_CONTENTS_SECONDARY_COMMAND_BUFFERS, NULL);
        vkCmdExecuteCommands(cmd, GUEST_COUNT(recorded), recorded);
        vkCmdEndRenderPass(cmd);
        guest_cmd_finish(g, cmd);
        guest_image_result(g, round ? "secondary, again" : "secondary", &target.color,
                           VK_IMAGE_ASPECT_COLOR_BIT, 4, &pictures[round]);
    }
    GUEST_CHECK(memcmp(pictures[0], pictures[1], SIDE * SIDE * 4) == 0,
                "the second execution drew another picture");
    free(pictures[0]);
    free(pictures[1]);
    vkFreeCommandBuffers(g->device, g->pool, GUEST_COUNT(recorded), recorded);
    vkDestroyPipeline(g->device, pipeline, NULL);
    guest_target_destroy(g, &target);
}

int main(int argc, char **argv) {
    struct guest g;
    struct shapes shapes;
    guest_init(&g, argc, argv, "raster");
    VkPhysicalDeviceVulkan12Features offered = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES};
    if (g.api_version >= VK_API_VERSION_1_2) {
        VkPhysicalDeviceFeatures2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                         .pNext = &offered};
        vkGetPhysicalDeviceFeatures2(g.physical, &all);
    }
    const VkPhysicalDeviceVulkan12Features wanted = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
        .drawIndirectCount = offered.drawIndirectCount};
    guest_create_device(&g, NULL, 0, offered.drawIndirectCount ? &wanted : NULL);
    shapes_init(&shapes, &g);
    depth_and_stencil(&g, &shapes);
    indirect(&g, &shapes, offered.drawIndirectCount);
    blending(&g, &shapes);
    secondary_buffers(&g, &shapes);
    shapes_finish(&shapes, &g);
    return guest_finish(&g);
}
