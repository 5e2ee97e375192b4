/*
 * Dynamic rendering and the second synchronization: depth, resolve at the end, rendering that is
 * suspended and resumed, secondary command buffers with inherited formats, dynamic states of 1.3.
 */
#include "common/passes.h"
#include "common/shapes.h"

#include <stdlib.h>
#include <string.h>

enum { SIDE = 192 };

static const VkFormat COLOR = VK_FORMAT_B8G8R8A8_UNORM;
static const VkFormat DEPTH = VK_FORMAT_D32_SFLOAT;

static const struct shape_push STARS[] = {
    {-0.3f, -0.2f, 0.5f, 0.6f, {1.0f, 1.0f, 1.0f, 1.0f}},
    {0.2f, 0.1f, 0.7f, 0.7f, {0.5f, 1.0f, 0.5f, 1.0f}},
    {0.1f, -0.3f, 0.3f, 0.4f, {1.0f, 0.5f, 0.5f, 1.0f}},
};

struct canvas {
    struct guest_image color, depth, resolved; /* resolved only if multisampled */
    VkPipeline pipeline;
};

static struct canvas canvas_create(const struct guest *g, const struct shapes *shapes,
                                   VkSampleCountFlagBits samples) {
    struct canvas made = {0};
    struct guest_image_info info = {.format = COLOR,
                                    .width = SIDE,
                                    .height = SIDE,
                                    .samples = samples,
                                    .usage = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT |
                                             VK_IMAGE_USAGE_TRANSFER_SRC_BIT};
    made.color = guest_image_create(g, &info);
    if (samples != VK_SAMPLE_COUNT_1_BIT) {
        info.samples = VK_SAMPLE_COUNT_1_BIT;
        made.resolved = guest_image_create(g, &info);
        info.samples = samples;
    }
    info.format = DEPTH;
    info.usage = VK_IMAGE_USAGE_DEPTH_STENCIL_ATTACHMENT_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT;
    made.depth = guest_image_create(g, &info);
    made.pipeline = guest_graphics_pipeline(g, &(struct guest_graphics_info){
                                                   .vertex = shapes->vertex,
                                                   .fragment = shapes->fragment,
                                                   .layout = shapes->layout,
                                                   .color_format = COLOR,
                                                   .depth_format = DEPTH,
                                                   .color_count = 1,
                                                   .samples = samples,
                                                   .topology = VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST,
                                                   .depth = true,
                                                   .input = &shapes->input,
                                               });
    return made;
}

static void canvas_destroy(const struct guest *g, struct canvas *canvas) {
    vkDestroyPipeline(g->device, canvas->pipeline, NULL);
    guest_image_destroy(g, &canvas->depth);
    if (canvas->resolved.image) {
        guest_image_destroy(g, &canvas->resolved);
    }
    guest_image_destroy(g, &canvas->color);
}

/* vkCmdPipelineBarrier2 with one image barrier over everything. */
static void barrier2(VkCommandBuffer cmd, const struct guest_image *image, VkImageLayout from,
                     VkImageLayout to) {
    const VkImageMemoryBarrier2 barrier = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER_2,
        .srcStageMask = VK_PIPELINE_STAGE_2_ALL_COMMANDS_BIT,
        .srcAccessMask = VK_ACCESS_2_MEMORY_WRITE_BIT,
        .dstStageMask = VK_PIPELINE_STAGE_2_ALL_COMMANDS_BIT,
        .dstAccessMask = VK_ACCESS_2_MEMORY_READ_BIT | VK_ACCESS_2_MEMORY_WRITE_BIT,
        .oldLayout = from,
        .newLayout = to,
        .srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
        .dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
        .image = image->image,
        .subresourceRange = {image->aspect, 0, 1, 0, 1},
    };
    const VkDependencyInfo info = {
        .sType = VK_STRUCTURE_TYPE_DEPENDENCY_INFO,
        .imageMemoryBarrierCount = 1,
        .pImageMemoryBarriers = &barrier,
    };
    vkCmdPipelineBarrier2(cmd, &info);
}

static void make_ready(const struct canvas *canvas, VkCommandBuffer cmd) {
    const VkImageLayout color = VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL;
    barrier2(cmd, &canvas->color, VK_IMAGE_LAYOUT_UNDEFINED, color);
    barrier2(cmd, &canvas->depth, VK_IMAGE_LAYOUT_UNDEFINED,
             VK_IMAGE_LAYOUT_DEPTH_ATTACHMENT_OPTIMAL);
    if (canvas->resolved.image) {
        barrier2(cmd, &canvas->resolved, VK_IMAGE_LAYOUT_UNDEFINED, color);
    }
}

static void make_readable(const struct canvas *canvas, VkCommandBuffer cmd) {
    const struct guest_image *seen = canvas->resolved.image ? &canvas->resolved : &canvas->color;
    barrier2(cmd, seen, VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL,
             VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL);
    barrier2(cmd, &canvas->depth, VK_IMAGE_LAYOUT_DEPTH_ATTACHMENT_OPTIMAL,
             VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL);
}

static void begin_rendering(const struct canvas *canvas, VkCommandBuffer cmd,
                            VkRenderingFlags flags) {
    const VkRenderingAttachmentInfo color = {
        .sType = VK_STRUCTURE_TYPE_RENDERING_ATTACHMENT_INFO,
        .imageView = canvas->color.view,
        .imageLayout = VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL,
        .resolveMode = canvas->resolved.image ? VK_RESOLVE_MODE_AVERAGE_BIT : VK_RESOLVE_MODE_NONE,
        .resolveImageView = canvas->resolved.view,
        .resolveImageLayout = VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL,
        .loadOp = VK_ATTACHMENT_LOAD_OP_CLEAR,
        .storeOp = VK_ATTACHMENT_STORE_OP_STORE,
        .clearValue = {.color = {.float32 = {0.1f, 0.3f, 0.2f, 1.0f}}},
    };
    const VkRenderingAttachmentInfo depth = {
        .sType = VK_STRUCTURE_TYPE_RENDERING_ATTACHMENT_INFO,
        .imageView = canvas->depth.view,
        .imageLayout = VK_IMAGE_LAYOUT_DEPTH_ATTACHMENT_OPTIMAL,
        .loadOp = VK_ATTACHMENT_LOAD_OP_CLEAR,
        .storeOp = VK_ATTACHMENT_STORE_OP_STORE,
        .clearValue = {.depthStencil = {1.0f, 0}},
    };
    const VkRenderingInfo info = {
        .sType = VK_STRUCTURE_TYPE_RENDERING_INFO,
        .flags = flags,
        .renderArea = {{8, 8}, {SIDE - 16, SIDE - 16}},
        .layerCount = 1,
        .colorAttachmentCount = 1,
        .pColorAttachments = &color,
        .pDepthAttachment = &depth,
    };
    vkCmdBeginRendering(cmd, &info);
}

static void set_state(const struct shapes *shapes, const struct canvas *canvas,
                      VkCommandBuffer cmd) {
    const VkViewport viewport = {0, SIDE, SIDE, -SIDE, 0, 1};
    const VkRect2D scissor = {{8, 8}, {SIDE - 16, SIDE - 16}};
    shapes_bind(shapes, cmd);
    vkCmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, canvas->pipeline);
    vkCmdSetViewport(cmd, 0, 1, &viewport);
    vkCmdSetScissor(cmd, 0, 1, &scissor);
}

/* Outside of the render area nothing is defined: it is cleared before, or read as garbage. */
static void clear_all(const struct canvas *canvas, VkCommandBuffer cmd) {
    const VkRenderingAttachmentInfo color = {
        .sType = VK_STRUCTURE_TYPE_RENDERING_ATTACHMENT_INFO,
        .imageView = canvas->resolved.image ? canvas->resolved.view : canvas->color.view,
        .imageLayout = VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL,
        .loadOp = VK_ATTACHMENT_LOAD_OP_CLEAR,
        .storeOp = VK_ATTACHMENT_STORE_OP_STORE,
    };
    const VkRenderingAttachmentInfo depth = {
        .sType = VK_STRUCTURE_TYPE_RENDERING_ATTACHMENT_INFO,
        .imageView = canvas->depth.view,
        .imageLayout = VK_IMAGE_LAYOUT_DEPTH_ATTACHMENT_OPTIMAL,
        .loadOp = VK_ATTACHMENT_LOAD_OP_CLEAR,
        .storeOp = VK_ATTACHMENT_STORE_OP_STORE,
    };
    const VkRenderingInfo info = {
        .sType = VK_STRUCTURE_TYPE_RENDERING_INFO,
        .renderArea = {{0, 0}, {SIDE, SIDE}},
        .layerCount = 1,
        .colorAttachmentCount = 1,
        .pColorAttachments = &color,
        .pDepthAttachment = canvas->resolved.image ? NULL : &depth,
    };
    vkCmdBeginRendering(cmd, &info);
    vkCmdEndRendering(cmd);
    guest_cmd_barrier(cmd);
}

static void *plain(struct guest *g, const struct shapes *shapes, VkSampleCountFlagBits samples,
                   const char *name) {
    struct canvas canvas = canvas_create(g, shapes, samples);
    VkCommandBuffer cmd = guest_cmd_begin(g);
    make_ready(&canvas, cmd);
    clear_all(&canvas, cmd);
    begin_rendering(&canvas, cmd, 0);
    set_state(shapes, &canvas, cmd);
    for (uint32_t i = 0; i < GUEST_COUNT(STARS); i++) {
        shapes_star(shapes, cmd, &STARS[i]);
    }
    vkCmdEndRendering(cmd);
    make_readable(&canvas, cmd);
    guest_cmd_finish(g, cmd);
    void *pixels;
    guest_image_result(g, name, canvas.resolved.image ? &canvas.resolved : &canvas.color,
                       VK_IMAGE_ASPECT_COLOR_BIT, 4, &pixels);
    if (!canvas.resolved.image) {
        guest_image_result(g, "depth", &canvas.depth, VK_IMAGE_ASPECT_DEPTH_BIT, 4, NULL);
    }
    canvas_destroy(g, &canvas);
    return pixels;
}

static VkCommandBuffer record_star(const struct guest *g, const struct shapes *shapes,
                                   const struct canvas *canvas, const struct shape_push *push) {
    const VkCommandBufferAllocateInfo allocate = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = g->pool,
        .level = VK_COMMAND_BUFFER_LEVEL_SECONDARY,
        .commandBufferCount = 1,
    };
    VkCommandBuffer cmd;
    GUEST_VK(vkAllocateCommandBuffers(g->device, &allocate, &cmd));
    const VkCommandBufferInheritanceRenderingInfo rendering = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_INHERITANCE_RENDERING_INFO,
        .flags = VK_RENDERING_CONTENTS_SECONDARY_COMMAND_BUFFERS_BIT,
        .colorAttachmentCount = 1,
        .pColorAttachmentFormats = &COLOR,
        .depthAttachmentFormat = DEPTH,
        .rasterizationSamples = VK_SAMPLE_COUNT_1_BIT,
    };
    const VkCommandBufferInheritanceInfo inheritance = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_INHERITANCE_INFO,
        .pNext = &rendering,
    };
    const VkCommandBufferBeginInfo begin = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
        .flags = VK_COMMAND_BUFFER_USAGE_RENDER_PASS_CONTINUE_BIT,
        .pInheritanceInfo = &inheritance,
    };
    GUEST_VK(vkBeginCommandBuffer(cmd, &begin));
    set_state(shapes, canvas, cmd);
    shapes_star(shapes, cmd, push);
    GUEST_VK(vkEndCommandBuffer(cmd));
    return cmd;
}

static void *by_secondaries(struct guest *g, const struct shapes *shapes) {
    struct canvas canvas = canvas_create(g, shapes, VK_SAMPLE_COUNT_1_BIT);
    VkCommandBuffer stars[GUEST_COUNT(STARS)];
    for (uint32_t i = 0; i < GUEST_COUNT(STARS); i++) {
        stars[i] = record_star(g, shapes, &canvas, &STARS[i]);
    }
    VkCommandBuffer cmd = guest_cmd_begin(g);
    make_ready(&canvas, cmd);
    clear_all(&canvas, cmd);
    begin_rendering(&canvas, cmd, VK_RENDERING_CONTENTS_SECONDARY_COMMAND_BUFFERS_BIT);
    vkCmdExecuteCommands(cmd, GUEST_COUNT(stars), stars);
    vkCmdEndRendering(cmd);
    make_readable(&canvas, cmd);
    guest_cmd_finish(g, cmd);
    void *pixels;
    guest_image_result(g, "secondary", &canvas.color, VK_IMAGE_ASPECT_COLOR_BIT, 4, &pixels);
    vkFreeCommandBuffers(g->device, g->pool, GUEST_COUNT(stars), stars);
    canvas_destroy(g, &canvas);
    return pixels;
}

/* One rendering over two command buffers of one submission, through vkQueueSubmit2. */
static void *suspended(struct guest *g, const struct shapes *shapes) {
    struct canvas canvas = canvas_create(g, shapes, VK_SAMPLE_COUNT_1_BIT);
    VkCommandBuffer cmds[2] = {guest_cmd_begin(g), guest_cmd_begin(g)};
    make_ready(&canvas, cmds[0]);
    clear_all(&canvas, cmds[0]);
    begin_rendering(&canvas, cmds[0], VK_RENDERING_SUSPENDING_BIT);
    set_state(shapes, &canvas, cmds[0]);
    shapes_star(shapes, cmds[0], &STARS[0]);
    vkCmdEndRendering(cmds[0]);
    begin_rendering(&canvas, cmds[1], VK_RENDERING_RESUMING_BIT);
    set_state(shapes, &canvas, cmds[1]);
    shapes_star(shapes, cmds[1], &STARS[1]);
    shapes_star(shapes, cmds[1], &STARS[2]);
    vkCmdEndRendering(cmds[1]);
    make_readable(&canvas, cmds[1]);
    VkCommandBufferSubmitInfo infos[2];
    for (int i = 0; i < 2; i++) {
        GUEST_VK(vkEndCommandBuffer(cmds[i]));
        infos[i] = (VkCommandBufferSubmitInfo){
            .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_SUBMIT_INFO, .commandBuffer = cmds[i]};
    }
    const VkSubmitInfo2 submit = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO_2,
        .commandBufferInfoCount = 2,
        .pCommandBufferInfos = infos,
    };
    GUEST_VK(vkQueueSubmit2(g->queues[0], 1, &submit, VK_NULL_HANDLE));
    GUEST_VK(vkQueueWaitIdle(g->queues[0]));
    vkFreeCommandBuffers(g->device, g->pool, 2, cmds);
    void *pixels;
    guest_image_result(g, "suspended", &canvas.color, VK_IMAGE_ASPECT_COLOR_BIT, 4, &pixels);
    canvas_destroy(g, &canvas);
    return pixels;
}

int main(int argc, char **argv) {
    struct guest g;
    struct shapes shapes;
    guest_init(&g, argc, argv, "dynamic_rendering");
    if (g.api_version < VK_API_VERSION_1_3) {
        guest_skip("the device is older than Vulkan 1.3");
    }
    const VkPhysicalDeviceVulkan13Features features = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES,
        .dynamicRendering = VK_TRUE,
        .synchronization2 = VK_TRUE,
    };
    guest_create_device(&g, NULL, 0, &features);
    shapes_init(&shapes, &g);
    void *direct = plain(&g, &shapes, VK_SAMPLE_COUNT_1_BIT, "color");
    free(plain(&g, &shapes, VK_SAMPLE_COUNT_4_BIT, "resolved"));
    void *secondary = by_secondaries(&g, &shapes);
    void *resumed = suspended(&g, &shapes);
    GUEST_CHECK(memcmp(direct, secondary, SIDE * SIDE * 4) == 0,
                "secondary buffers drew otherwise");
    GUEST_CHECK(memcmp(direct, resumed, SIDE * SIDE * 4) == 0,
                "suspended rendering drew otherwise");
    free(direct);
    free(secondary);
    free(resumed);
    shapes_finish(&shapes, &g);
    return guest_finish(&g);
}
