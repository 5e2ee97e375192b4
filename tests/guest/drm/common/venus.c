#include "venus.h"

#include <string.h>

#include "../../common/passes.h"
#include "../../common/pipelines.h"

#include "pattern.frag.h"
#include "pattern.vert.h"

void venus_init(struct guest *g, int argc, char **argv, const char *name) {
    guest_init(g, argc, argv, name);
    VkPhysicalDeviceDriverProperties driver = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES,
    };
    VkPhysicalDeviceProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
        .pNext = &driver,
    };
    vkGetPhysicalDeviceProperties2(g->physical, &properties);
    GUEST_CHECK(
        driver.driverID == VK_DRIVER_ID_MESA_VENUS || guest_option_number(g, "--any-driver", 0, 1),
        "%s is not Mesa's Venus driver but %s", g->properties.deviceName, driver.driverName);
}

void venus_need_extensions(const struct guest *g, const char *const *names, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (!guest_has_extension(g, names[i])) {
            guest_skip("the device does not offer %s", names[i]);
        }
    }
}

struct push {
    float corners[3][2];
    float size[2];
    uint32_t kind, seed;
};

static void draw(VkCommandBuffer cmd, VkPipelineLayout layout, const struct push *push) {
    vkCmdPushConstants(cmd, layout, VK_SHADER_STAGE_ALL, 0, sizeof(*push), push);
    vkCmdDraw(cmd, 3, 1, 0, 0);
}

/* The gradient over everything, and picture_in_triangle()'s triangle. */
static void draw_scene(VkCommandBuffer cmd, VkPipelineLayout layout, uint32_t width,
                       uint32_t height, uint32_t seed) {
    const float w = (float)width, h = (float)height;
    const struct push all = {{{0, 0}, {2 * w, 0}, {0, 2 * h}}, {w, h}, 0, seed};
    draw(cmd, layout, &all);
    const uint32_t left = width / 8, top = height / 8;
    const float end = (float)(left + top + height * 3 / 4) - 0.5f;
    const float x = (float)left, y = (float)top;
    const struct push part = {{{x, y}, {end - y, y}, {x, end - x}}, {w, h}, 1, seed};
    draw(cmd, layout, &part);
}

void venus_render_scene(struct guest *g, uint32_t width, uint32_t height, uint32_t seed,
                        VkBuffer to, uint32_t stride) {
    const struct guest_target_info info = {
        .width = width,
        .height = height,
        .color_format = VK_FORMAT_B8G8R8A8_UNORM,
    };
    struct guest_target target = guest_target_create(g, &info);
    VkShaderModule vertex = guest_shader(g, GUEST_CODE(pattern_vert));
    VkShaderModule fragment = guest_shader(g, GUEST_CODE(pattern_frag));
    VkPipelineLayout layout = guest_pipeline_layout(g, VK_NULL_HANDLE, sizeof(struct push));
    const struct guest_graphics_info graphics = {
        .vertex = vertex,
        .fragment = fragment,
        .layout = layout,
        .render_pass = target.pass,
        .color_count = 1,
        .topology = VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST,
        .width = width,
        .height = height,
    };
    VkPipeline pipeline = guest_graphics_pipeline(g, &graphics);

    VkCommandBuffer cmd = guest_cmd_begin(g);
    guest_target_begin(&target, cmd, VK_SUBPASS_CONTENTS_INLINE, NULL);
    vkCmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, pipeline);
    draw_scene(cmd, layout, width, height, seed);
    vkCmdEndRenderPass(cmd);
    const VkBufferImageCopy copy = {
        .bufferRowLength = stride / 4,
        .imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
        .imageExtent = {width, height, 1},
    };
    vkCmdCopyImageToBuffer(cmd, target.color.image, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, to, 1,
                           &copy);
    guest_cmd_finish(g, cmd);

    vkDestroyPipeline(g->device, pipeline, NULL);
    vkDestroyPipelineLayout(g->device, layout, NULL);
    vkDestroyShaderModule(g->device, fragment, NULL);
    vkDestroyShaderModule(g->device, vertex, NULL);
    guest_target_destroy(g, &target);
}

static VkBuffer external_buffer(struct guest *g, VkDeviceSize size, VkBufferUsageFlags usage) {
    const VkExternalMemoryBufferCreateInfo external = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO,
        .handleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT,
    };
    const VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .pNext = &external,
        .size = size,
        .usage = usage,
    };
    VkBuffer buffer;
    GUEST_VK(vkCreateBuffer(g->device, &info, NULL, &buffer));
    return buffer;
}

struct guest_buffer venus_exportable_buffer(struct guest *g, VkDeviceSize size,
                                            VkBufferUsageFlags usage, VkMemoryPropertyFlags flags) {
    struct guest_buffer made = {.buffer = external_buffer(g, size, usage), .size = size};
    VkMemoryRequirements needs;
    vkGetBufferMemoryRequirements(g->device, made.buffer, &needs);
    const VkMemoryDedicatedAllocateInfo dedicated = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO,
        .buffer = made.buffer,
    };
    const VkExportMemoryAllocateInfo export = {
        .sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
        .pNext = &dedicated,
        .handleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT,
    };
    const VkMemoryAllocateInfo allocate = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .pNext = &export,
        .allocationSize = needs.size,
        .memoryTypeIndex = guest_memory_type(g, needs.memoryTypeBits, flags),
    };
    GUEST_VK(vkAllocateMemory(g->device, &allocate, NULL, &made.memory));
    GUEST_VK(vkBindBufferMemory(g->device, made.buffer, made.memory, 0));
    if (flags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT) {
        GUEST_VK(vkMapMemory(g->device, made.memory, 0, VK_WHOLE_SIZE, 0, &made.map));
    }
    return made;
}

int venus_export_dma_buf(struct guest *g, VkDeviceMemory memory) {
    PFN_vkGetMemoryFdKHR get_fd = GUEST_DEVICE_PROC(g, PFN_vkGetMemoryFdKHR, "vkGetMemoryFdKHR");
    const VkMemoryGetFdInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_GET_FD_INFO_KHR,
        .memory = memory,
        .handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT,
    };
    int fd;
    GUEST_VK(get_fd(g->device, &info, &fd));
    return fd;
}

void venus_check_scene(const struct picture *scene, const unsigned char *rows, uint32_t stride) {
    for (uint32_t y = 0; y < scene->height; y++) {
        for (uint32_t x = 0; x < scene->width; x++) {
            uint32_t pixel;
            memcpy(&pixel, rows + (size_t)y * stride + (size_t)x * 4, sizeof(pixel));
            const uint32_t wanted = scene->pixels[(size_t)y * scene->width + x];
            GUEST_CHECK((pixel & 0xffffff) == wanted, "pixel %u, %u is %06x instead of %06x", x, y,
                        pixel & 0xffffff, wanted);
        }
    }
}
