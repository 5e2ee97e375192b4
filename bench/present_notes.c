/* The path without imports: the frame's memory is mapped, copied to a staging buffer, from there to the
 * image of a swapchain, and every step is waited for. Also with memory that stays mapped. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "display/swapchain/buffer.h"
#include "display/swapchain/gpu.h"
#include "platform/platform.h"
#include "present.h"

#define IMAGES_MAX 16

struct notes {
    const struct present_frame *frame;
    bool stays_mapped;
    struct screen_instance instance;
    struct screen_gpu gpu;
    VkSurfaceKHR surface;
    VkSwapchainKHR swapchain;
    VkImage images[IMAGES_MAX];
    struct screen_buffer staging;
    VkCommandPool pool;
    VkCommandBuffer commands;
    VkFence fence;
};

static void make_swapchain(struct notes *notes) {
    const struct screen_gpu *gpu = &notes->gpu;
    uint32_t count = IMAGES_MAX;
    const VkSwapchainCreateInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_SWAPCHAIN_CREATE_INFO_KHR,
        .surface = notes->surface,
        .minImageCount = 3,
        .imageFormat = VK_FORMAT_B8G8R8A8_UNORM,
        .imageColorSpace = VK_COLOR_SPACE_SRGB_NONLINEAR_KHR,
        .imageExtent = {notes->frame->width, notes->frame->height},
        .imageArrayLayers = 1,
        .imageUsage = VK_IMAGE_USAGE_TRANSFER_DST_BIT,
        .preTransform = VK_SURFACE_TRANSFORM_IDENTITY_BIT_KHR,
        .compositeAlpha = VK_COMPOSITE_ALPHA_OPAQUE_BIT_KHR,
        .presentMode = VK_PRESENT_MODE_IMMEDIATE_KHR,
        .clipped = VK_TRUE};
    present_check(
        !gpu->vk.CreateSwapchainKHR(gpu->device, &info, NULL, &notes->swapchain) &&
            !gpu->vk.GetSwapchainImagesKHR(gpu->device, notes->swapchain, &count, notes->images),
        "making a swapchain");
}

static void make_commands(struct notes *notes) {
    const struct screen_gpu *gpu = &notes->gpu;
    const VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                          .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                          .queueFamilyIndex = gpu->draw_family};
    const VkFenceCreateInfo fence = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    present_check(!gpu->vk.CreateCommandPool(gpu->device, &pool, NULL, &notes->pool),
                  "making a command pool");
    const VkCommandBufferAllocateInfo commands = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = notes->pool,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = 1};
    present_check(!gpu->vk.AllocateCommandBuffers(gpu->device, &commands, &notes->commands) &&
                      !gpu->vk.CreateFence(gpu->device, &fence, NULL, &notes->fence),
                  "making commands");
}

static void *open_notes(const struct present_frame *frame) {
    static const char *const extensions[] = {VK_KHR_SURFACE_EXTENSION_NAME,
                                             VK_EXT_HEADLESS_SURFACE_EXTENSION_NAME};
    const VkHeadlessSurfaceCreateInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_HEADLESS_SURFACE_CREATE_INFO_EXT};
    struct notes *notes = calloc(1, sizeof(*notes));
    char reason[256];
    present_check(notes != NULL, "allocating memory");
    notes->frame = frame;
    if (screen_instance_open(extensions, 2, &notes->instance, reason, sizeof(reason))) {
        free(notes);
        return NULL;
    }
    present_check(!notes->instance.vk.CreateHeadlessSurfaceEXT(notes->instance.handle, &info, NULL,
                                                               &notes->surface),
                  "making a surface");
    present_check(
        !screen_gpu_open(&notes->instance, notes->surface, &notes->gpu, reason, sizeof(reason)),
        "opening a device");
    make_swapchain(notes);
    make_commands(notes);
    present_check(!screen_buffer_create(&notes->gpu, 4 * (uint64_t)frame->width * frame->height,
                                        &notes->staging),
                  "making a staging buffer");
    return notes;
}

static void change_layout(struct notes *notes, VkImage image, VkImageLayout from,
                          VkImageLayout to) {
    const VkImageMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT,
        .oldLayout = from,
        .newLayout = to,
        .srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
        .dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
        .image = image,
        .subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1}};
    notes->gpu.vk.CmdPipelineBarrier(notes->commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
                                     VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, 0, 0, NULL, 0, NULL, 1,
                                     &barrier);
}

static void copy_to_image(struct notes *notes, VkImage image) {
    struct screen_gpu *gpu = &notes->gpu;
    const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    const VkBufferImageCopy region = {
        .imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
        .imageExtent = {notes->frame->width, notes->frame->height, 1}};
    present_check(!gpu->vk.BeginCommandBuffer(notes->commands, &begin), "recording");
    change_layout(notes, image, VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL);
    gpu->vk.CmdCopyBufferToImage(notes->commands, notes->staging.handle, image,
                                 VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, 1, &region);
    change_layout(notes, image, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
                  VK_IMAGE_LAYOUT_PRESENT_SRC_KHR);
    present_check(!gpu->vk.EndCommandBuffer(notes->commands) &&
                      !gpu->vk.ResetFences(gpu->device, 1, &notes->fence) &&
                      !screen_gpu_submit(gpu, notes->commands, notes->fence) &&
                      !gpu->vk.WaitForFences(gpu->device, 1, &notes->fence, VK_TRUE, UINT64_MAX),
                  "copying to an image");
}

static void *open_notes_mapped(const struct present_frame *frame) {
    struct notes *notes = open_notes(frame);
    if (notes) {
        notes->stays_mapped = true;
    }
    return notes;
}

static void copy_to_staging(const struct notes *notes, uint32_t picture) {
    const uint64_t size = notes->staging.size;
    void *bytes = notes->frame->pixels[picture];
    if (!notes->stays_mapped) {
        const int fd = storage_get_fd(notes->frame->storages[picture]);
        present_check(platform_map_shared(fd, size, &bytes) == 0, "mapping a frame");
    }
    memcpy(notes->staging.bytes, bytes, size);
    if (!notes->stays_mapped) {
        platform_unmap(bytes, size);
    }
}

static void show(void *state, uint32_t number, struct present_times *out) {
    struct notes *notes = state;
    struct screen_gpu *gpu = &notes->gpu;
    uint32_t image = 0;
    const uint64_t start_ns = platform_now_ns();
    copy_to_staging(notes, number % 2);
    out->answered = platform_now_ns() - start_ns;
    present_check(!gpu->vk.ResetFences(gpu->device, 1, &notes->fence) &&
                      gpu->vk.AcquireNextImageKHR(gpu->device, notes->swapchain, UINT64_MAX,
                                                  VK_NULL_HANDLE, notes->fence, &image) >= 0 &&
                      !gpu->vk.WaitForFences(gpu->device, 1, &notes->fence, VK_TRUE, UINT64_MAX),
                  "acquiring an image");
    copy_to_image(notes, notes->images[image]);
    const VkPresentInfoKHR present = {.sType = VK_STRUCTURE_TYPE_PRESENT_INFO_KHR,
                                      .swapchainCount = 1,
                                      .pSwapchains = &notes->swapchain,
                                      .pImageIndices = &image};
    present_check(gpu->vk.QueuePresentKHR(gpu->present_queue, &present) >= 0, "presenting");
    out->presented = platform_now_ns() - start_ns;
}

static void close_notes(void *state) {
    struct notes *notes = state;
    struct screen_gpu *gpu = &notes->gpu;
    screen_gpu_rest(gpu);
    screen_buffer_destroy(gpu, &notes->staging);
    gpu->vk.DestroyFence(gpu->device, notes->fence, NULL);
    gpu->vk.DestroyCommandPool(gpu->device, notes->pool, NULL);
    gpu->vk.DestroySwapchainKHR(gpu->device, notes->swapchain, NULL);
    screen_gpu_close(gpu);
    notes->instance.vk.DestroySurfaceKHR(notes->instance.handle, notes->surface, NULL);
    screen_instance_close(&notes->instance);
    free(notes);
}

const struct present_way present_notes = {"map, staging buffer, image, unbounded waits", open_notes,
                                          show, close_notes};
const struct present_way present_notes_mapped = {"the same, with memory that stays mapped",
                                                 open_notes_mapped, show, close_notes};
