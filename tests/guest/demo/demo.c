/*
 * demo OUT.png [--frames N] [--size WxH] [--out FILE]
 *
 * Renders an animation off-screen and saves its last frame.  The animation always ends in the same
 * pose, so the picture does not depend on the number of frames.
 */
#include "scene.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>

static void read_size(const struct guest *g, uint32_t *width, uint32_t *height) {
    const char *text = guest_option(g, "--size", "640x480");
    char *end;
    unsigned long w = strtoul(text, &end, 10);
    unsigned long h = *end == 'x' ? strtoul(end + 1, &end, 10) : 0;
    GUEST_CHECK(*end == '\0' && w >= 16 && h >= 16 && w <= 4096 && h <= 4096,
                "--size %s: not WIDTHxHEIGHT from 16 to 4096", text);
    *width = (uint32_t)w;
    *height = (uint32_t)h;
}

static void save_png(const char *path, const void *pixels, uint32_t width, uint32_t height) {
    png_image image = {
        .version = PNG_IMAGE_VERSION,
        .width = width,
        .height = height,
        .format = PNG_FORMAT_RGBA,
    };
    GUEST_CHECK(png_image_write_to_file(&image, path, 0, pixels, 0, NULL), "cannot write %s: %s",
                path, image.message);
}

/* Fails unless the picture has what a picture of this scene must have: sky, floor, many colors. */
static void check_picture(const unsigned char *pixels, uint32_t width, uint32_t height) {
    static unsigned char seen[4096];
    uint32_t colors = 0;
    for (size_t i = 0; i < (size_t)width * height; i++) {
        const unsigned char *p = pixels + i * 4;
        uint32_t key = (uint32_t)(p[0] >> 4) << 8 | (uint32_t)(p[1] >> 4) << 4 | p[2] >> 4;
        colors += !seen[key];
        seen[key] = 1;
        GUEST_CHECK(p[3] == 255, "pixel %zu is not opaque", i);
    }
    GUEST_CHECK(colors > 100, "only %u kinds of colors in the picture", colors);
}

static double render(const struct guest *g, struct scene *scene, uint32_t frames) {
    VkCommandBuffer cmds[SCENE_FRAMES];
    VkFence fences[SCENE_FRAMES];
    const VkCommandBufferAllocateInfo allocate = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = g->pool,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = SCENE_FRAMES,
    };
    GUEST_VK(vkAllocateCommandBuffers(g->device, &allocate, cmds));
    for (uint32_t i = 0; i < SCENE_FRAMES; i++) {
        const VkFenceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO,
                                        .flags = VK_FENCE_CREATE_SIGNALED_BIT};
        GUEST_VK(vkCreateFence(g->device, &info, NULL, &fences[i]));
    }

    double start = guest_now();
    for (uint32_t frame = 0; frame < frames; frame++) {
        uint32_t slot = frame % SCENE_FRAMES;
        const VkCommandBufferBeginInfo begin = {
            .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
            .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
        };
        GUEST_VK(vkWaitForFences(g->device, 1, &fences[slot], VK_TRUE, UINT64_MAX));
        GUEST_VK(vkResetFences(g->device, 1, &fences[slot]));
        GUEST_VK(vkBeginCommandBuffer(cmds[slot], &begin));
        float turn = 0.8f - 0.06f * (float)(frames - 1 - frame);
        scene_record(scene, cmds[slot], slot, turn);
        GUEST_VK(vkEndCommandBuffer(cmds[slot]));
        const VkSubmitInfo submit = {
            .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
            .commandBufferCount = 1,
            .pCommandBuffers = &cmds[slot],
        };
        GUEST_VK(vkQueueSubmit(g->queues[0], 1, &submit, fences[slot]));
    }
    GUEST_VK(vkQueueWaitIdle(g->queues[0]));
    double seconds = guest_now() - start;

    for (uint32_t i = 0; i < SCENE_FRAMES; i++) {
        vkDestroyFence(g->device, fences[i], NULL);
    }
    vkFreeCommandBuffers(g->device, g->pool, SCENE_FRAMES, cmds);
    return seconds;
}

int main(int argc, char **argv) {
    struct guest g;
    if (argc < 2 || strncmp(argv[1], "--", 2) == 0) {
        fprintf(stderr, "usage: %s OUT.png [--frames N] [--size WxH] [--out FILE]\n", argv[0]);
        return 2;
    }
    const char *path = argv[1];
    uint32_t width, height;
    guest_init(&g, argc, argv, "demo");
    uint32_t frames = guest_option_number(&g, "--frames", 60, 100000);
    GUEST_CHECK(frames > 0, "--frames 0: nothing to draw");
    read_size(&g, &width, &height);
    guest_create_device(&g, NULL, 0, NULL);

    struct scene scene;
    scene_init(&scene, &g, width, height);
    double seconds = render(&g, &scene, frames);

    struct guest_buffer pixels = guest_staging_create(&g, (VkDeviceSize)width * height * 4);
    VkCommandBuffer cmd = guest_cmd_begin(&g);
    guest_cmd_read_image(cmd, &scene.resolved, VK_IMAGE_ASPECT_COLOR_BIT, &pixels, 0);
    guest_cmd_finish(&g, cmd);
    check_picture(pixels.map, width, height);
    save_png(path, pixels.map, width, height);

    guest_say("device: %s", g.properties.deviceName);
    guest_say("vulkan: %u.%u.%u", VK_API_VERSION_MAJOR(g.properties.apiVersion),
              VK_API_VERSION_MINOR(g.properties.apiVersion),
              VK_API_VERSION_PATCH(g.properties.apiVersion));
    guest_say("ran: a lit torus knot and %u cubes at dusk, %ux%u, 4x multisampling, "
              "shadow map, mip-mapped texture",
              (unsigned)SCENE_CUBES, width, height);
    guest_say("frames: %u in %.2f s", frames, seconds);
    guest_say("picture: %s", path);
    guest_result(&g, "picture", pixels.map, pixels.size);
    guest_buffer_destroy(&g, &pixels);
    scene_finish(&scene, &g);
    return guest_finish(&g);
}
