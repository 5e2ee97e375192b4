/* The same star rendered to every color format that the device can render to, and read back. */
#include "common/passes.h"
#include "common/shapes.h"

enum { SIDE = 64 };

static const struct {
    const char *name;
    VkFormat format;
    uint32_t texel;
} FORMATS[] = {
    {"r8 unorm", VK_FORMAT_R8_UNORM, 1},
    {"r8 snorm", VK_FORMAT_R8_SNORM, 1},
    {"rg8 unorm", VK_FORMAT_R8G8_UNORM, 2},
    {"rgba8 unorm", VK_FORMAT_R8G8B8A8_UNORM, 4},
    {"rgba8 snorm", VK_FORMAT_R8G8B8A8_SNORM, 4},
    {"rgba8 srgb", VK_FORMAT_R8G8B8A8_SRGB, 4},
    {"bgra8 unorm", VK_FORMAT_B8G8R8A8_UNORM, 4},
    {"bgra8 srgb", VK_FORMAT_B8G8R8A8_SRGB, 4},
    {"a8b8g8r8 unorm", VK_FORMAT_A8B8G8R8_UNORM_PACK32, 4},
    {"r5g6b5 unorm", VK_FORMAT_R5G6B5_UNORM_PACK16, 2},
    {"a1r5g5b5 unorm", VK_FORMAT_A1R5G5B5_UNORM_PACK16, 2},
    {"a2b10g10r10 unorm", VK_FORMAT_A2B10G10R10_UNORM_PACK32, 4},
    {"b10g11r11 ufloat", VK_FORMAT_B10G11R11_UFLOAT_PACK32, 4},
    {"r16 unorm", VK_FORMAT_R16_UNORM, 2},
    {"r16 sfloat", VK_FORMAT_R16_SFLOAT, 2},
    {"rg16 sfloat", VK_FORMAT_R16G16_SFLOAT, 4},
    {"rgba16 unorm", VK_FORMAT_R16G16B16A16_UNORM, 8},
    {"rgba16 sfloat", VK_FORMAT_R16G16B16A16_SFLOAT, 8},
    {"r32 sfloat", VK_FORMAT_R32_SFLOAT, 4},
    {"rg32 sfloat", VK_FORMAT_R32G32_SFLOAT, 8},
    {"rgba32 sfloat", VK_FORMAT_R32G32B32A32_SFLOAT, 16},
};

static void draw(struct guest *g, const struct shapes *shapes, const char *name, VkFormat format,
                 uint32_t texel) {
    const struct shape_push push = {0.0f, 0.0f, 0.0f, 0.9f, {1.0f, 0.75f, 0.5f, 0.5f}};
    const VkClearColorValue clear = {.float32 = {0.2f, 0.4f, 0.6f, 1.0f}};
    struct guest_target target = guest_target_create(
        g, &(struct guest_target_info){.width = SIDE, .height = SIDE, .color_format = format});
    VkPipeline pipeline =
        guest_graphics_pipeline(g, &(struct guest_graphics_info){
                                       .vertex = shapes->vertex,
                                       .fragment = shapes->fragment,
                                       .layout = shapes->layout,
                                       .render_pass = target.pass,
                                       .color_count = 1,
                                       .topology = VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST,
                                       .input = &shapes->input,
                                       .width = SIDE,
                                       .height = SIDE,
                                   });
    VkCommandBuffer cmd = guest_cmd_begin(g);
    guest_target_begin(&target, cmd, VK_SUBPASS_CONTENTS_INLINE, &clear);
    shapes_bind(shapes, cmd);
    vkCmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, pipeline);
    shapes_star(shapes, cmd, &push);
    vkCmdEndRenderPass(cmd);
    guest_cmd_finish(g, cmd);
    guest_image_result(g, name, &target.color, VK_IMAGE_ASPECT_COLOR_BIT, texel, NULL);
    vkDestroyPipeline(g->device, pipeline, NULL);
    guest_target_destroy(g, &target);
}

int main(int argc, char **argv) {
    struct guest g;
    struct shapes shapes;
    const VkFormatFeatureFlags needs =
        VK_FORMAT_FEATURE_COLOR_ATTACHMENT_BIT | VK_FORMAT_FEATURE_TRANSFER_SRC_BIT;
    guest_init(&g, argc, argv, "formats");
    guest_create_device(&g, NULL, 0, NULL);
    shapes_init(&shapes, &g);
    uint32_t drawn = 0;
    for (uint32_t i = 0; i < GUEST_COUNT(FORMATS); i++) {
        if (guest_format_has(&g, FORMATS[i].format, needs)) {
            draw(&g, &shapes, FORMATS[i].name, FORMATS[i].format, FORMATS[i].texel);
            drawn++;
        } else {
            guest_result(&g, FORMATS[i].name, "not offered", 11);
        }
    }
    GUEST_CHECK(drawn >= 8, "only %u formats can be rendered to", drawn);
    shapes_finish(&shapes, &g);
    return guest_finish(&g);
}
