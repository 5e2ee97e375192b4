#include "display/swapchain/painter.h"

#include <string.h>

/* As in shaders/show.frag. */
enum { FLAG_CURSOR = 1, FLAG_SMOOTH = 2, FLAG_PICTURE = 4, FLAG_DEEP = 8, TURN_SHIFT = 4 };

struct constants {
    int32_t target[4];
    uint32_t source[4];
    uint32_t first_byte, stride, layout_kind, flags;
    int32_t cursor_at[2];
    uint32_t picture_colour, screen_colour;
    float headroom, white;
};

static uint32_t get_layout_kind(enum presenter_format format) {
    switch (format) {
    case PRESENTER_ARGB8888:
    case PRESENTER_XRGB8888:
        return 0;
    case PRESENTER_ABGR8888:
    case PRESENTER_XBGR8888:
        return 1;
    case PRESENTER_BGRA8888:
    case PRESENTER_BGRX8888:
        return 2;
    case PRESENTER_RGBA8888:
    case PRESENTER_RGBX8888:
        return 3;
    case PRESENTER_ARGB2101010:
    case PRESENTER_XRGB2101010:
        return 4;
    case PRESENTER_ABGR2101010:
    case PRESENTER_XBGR2101010:
        return 5;
    case PRESENTER_ABGR16161616F:
    case PRESENTER_XBGR16161616F:
        return 6;
    }
    return 0; /* views of other formats are not made */
}

static bool is_deep(VkFormat format) {
    return format == VK_FORMAT_A2B10G10R10_UNORM_PACK32 ||
           format == VK_FORMAT_A2R10G10B10_UNORM_PACK32;
}

/* ---- one batch of commands ----------------------------------------------------------------- */

static VkResult begin(struct screen_painter *painter) {
    const VkCommandBufferBeginInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                           .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT};
    return painter->gpu->vk.BeginCommandBuffer(painter->commands, &info);
}

static VkResult finish(struct screen_painter *painter) {
    struct screen_gpu *gpu = painter->gpu;
    VkResult result = gpu->vk.EndCommandBuffer(painter->commands);
    if (!result) {
        result = gpu->vk.ResetFences(gpu->device, 1, &painter->fence);
    }
    if (!result) {
        result = screen_gpu_submit(gpu, painter->commands, painter->fence);
    }
    return result ? result
                  : gpu->vk.WaitForFences(gpu->device, 1, &painter->fence, VK_TRUE, gpu->wait_ns);
}

/* What the processor and other devices wrote is seen by the GPU, or what it wrote by them. */
static void add_barrier(struct screen_painter *painter, VkPipelineStageFlags from_stage,
                        VkAccessFlags from, VkPipelineStageFlags to_stage, VkAccessFlags to) {
    const VkMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER, .srcAccessMask = from, .dstAccessMask = to};
    painter->gpu->vk.CmdPipelineBarrier(painter->commands, from_stage, to_stage, 0, 1, &barrier, 0,
                                        NULL, 0, NULL);
}

VkResult screen_painter_copy(struct screen_painter *painter, const struct screen_buffer *from,
                             const struct screen_buffer *to, const VkBufferCopy *regions,
                             uint32_t count) {
    const VkResult result = begin(painter);
    if (result) {
        return result;
    }
    add_barrier(painter, VK_PIPELINE_STAGE_HOST_BIT, VK_ACCESS_HOST_WRITE_BIT,
                VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_READ_BIT);
    painter->gpu->vk.CmdCopyBuffer(painter->commands, from->handle, to->handle, count, regions);
    add_barrier(painter, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT,
                VK_PIPELINE_STAGE_HOST_BIT | VK_PIPELINE_STAGE_FRAGMENT_SHADER_BIT,
                VK_ACCESS_HOST_READ_BIT | VK_ACCESS_SHADER_READ_BIT);
    return finish(painter);
}

/* ---- drawing ------------------------------------------------------------------------------- */

/* Where the shader's view of the picture begins: at or before the picture, where views may. */
static uint64_t get_view_offset(const struct screen_gpu *gpu, const struct screen_pixels *pixels) {
    const uint64_t first = pixels->offset + (uint64_t)pixels->stride * pixels->source.y;
    return first - first % gpu->range_alignment;
}

static uint64_t get_view_size(const struct screen_pixels *pixels, uint64_t view_offset) {
    const uint64_t end =
        pixels->offset +
        (uint64_t)pixels->stride * (pixels->source.y + (uint64_t)pixels->source.height - 1) +
        presenter_format_bytes(pixels->format) *
            ((uint64_t)pixels->source.x + pixels->source.width);
    return (end - view_offset + 3) / 4 * 4;
}

static bool bind_buffers(struct screen_painter *painter, const struct screen_pixels *pixels) {
    const struct screen_gpu *gpu = painter->gpu;
    VkDescriptorBufferInfo buffers[2] = {{painter->cursor.handle, 0, VK_WHOLE_SIZE},
                                         {painter->cursor.handle, 0, VK_WHOLE_SIZE}};
    if (pixels->buffer) {
        const uint64_t offset = get_view_offset(gpu, pixels);
        const uint64_t size = get_view_size(pixels, offset);
        if (size > gpu->range_max) {
            return false;
        }
        buffers[0] = (VkDescriptorBufferInfo){pixels->buffer->handle, offset, size};
    }
    const VkWriteDescriptorSet write = {.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                                        .dstSet = painter->set,
                                        .descriptorCount = 2,
                                        .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                        .pBufferInfo = buffers};
    gpu->vk.UpdateDescriptorSets(gpu->device, 1, &write, 0, NULL);
    return true;
}

static int32_t limit(int64_t value) {
    return value > 1 << 20 ? 1 << 20 : value < -(1 << 20) ? -(1 << 20) : (int32_t)value;
}

static enum display_turn get_turn(const struct screen_job *job) {
    return display_turn_add(job->turn, job->target->turn);
}

static struct constants make_constants(const struct screen_painter *painter,
                                       const struct screen_job *job) {
    const struct screen_pixels *pixels = &job->pixels;
    struct constants out = {.flags = is_deep(painter->format.format) ? FLAG_DEEP : 0,
                            .picture_colour = display_colour_of(pixels->format, pixels->is_pq),
                            .screen_colour = painter->colour,
                            .headroom = job->light.headroom,
                            .white = job->light.white};
    if (!pixels->buffer) {
        return out;
    }
    struct presenter_rect part, target;
    const enum display_turn turn = get_turn(job);
    uint32_t width = pixels->source.width, height = pixels->source.height;
    display_turn_size(turn, &width, &height);
    display_scale_place(job->scale, width, height, job->target->width, job->target->height, &part,
                        &target);
    part = display_turn_rect(display_turn_back(turn), width, height, &part);
    out.flags |= FLAG_PICTURE | (uint32_t)turn << TURN_SHIFT |
                 (job->scale == DISPLAY_SCALE_INTEGER ? 0 : FLAG_SMOOTH) |
                 (job->cursor->visible ? FLAG_CURSOR : 0);
    memcpy(out.target, &target, sizeof(out.target));
    const struct presenter_rect source = {pixels->source.x + part.x, part.y, part.width,
                                          part.height};
    memcpy(out.source, &source, sizeof(out.source));
    out.first_byte = (uint32_t)(pixels->offset + (uint64_t)pixels->stride * pixels->source.y -
                                get_view_offset(painter->gpu, pixels));
    out.stride = pixels->stride;
    out.layout_kind = get_layout_kind(pixels->format);
    out.cursor_at[0] = limit((int64_t)job->cursor->x - job->cursor->hot_x - part.x);
    out.cursor_at[1] = limit((int64_t)job->cursor->y - job->cursor->hot_y - part.y);
    return out;
}

/* Neither primaries nor curves differ. */
static bool is_all_srgb(const struct screen_painter *painter, const struct screen_job *job) {
    return painter->colour == DISPLAY_COLOUR_SRGB &&
           display_colour_of(job->pixels.format, job->pixels.is_pq) == DISPLAY_COLOUR_SRGB;
}

static void record_pass(struct screen_painter *painter, const struct screen_job *job) {
    const struct screen_gpu *gpu = painter->gpu;
    const VkRect2D area = {.extent = {job->target->width, job->target->height}};
    const VkViewport viewport = {0, 0, (float)area.extent.width, (float)area.extent.height, 0, 1};
    const VkRenderPassBeginInfo pass = {.sType = VK_STRUCTURE_TYPE_RENDER_PASS_BEGIN_INFO,
                                        .renderPass =
                                            job->copy ? painter->pass_copy : painter->pass_present,
                                        .framebuffer = job->target->framebuffer,
                                        .renderArea = area};
    const struct constants constants = make_constants(painter, job);
    gpu->vk.CmdBeginRenderPass(painter->commands, &pass, VK_SUBPASS_CONTENTS_INLINE);
    gpu->vk.CmdBindPipeline(painter->commands, VK_PIPELINE_BIND_POINT_GRAPHICS,
                            painter->pipelines[!is_all_srgb(painter, job)]);
    gpu->vk.CmdBindDescriptorSets(painter->commands, VK_PIPELINE_BIND_POINT_GRAPHICS,
                                  painter->layout, 0, 1, &painter->set, 0, NULL);
    gpu->vk.CmdSetViewport(painter->commands, 0, 1, &viewport);
    gpu->vk.CmdSetScissor(painter->commands, 0, 1, &area);
    gpu->vk.CmdPushConstants(painter->commands, painter->layout, VK_SHADER_STAGE_FRAGMENT_BIT, 0,
                             sizeof(constants), &constants);
    gpu->vk.CmdDraw(painter->commands, 3, 1, 0, 0);
    gpu->vk.CmdEndRenderPass(painter->commands);
}

static void change_layout(struct screen_painter *painter, VkImage image, VkImageLayout from,
                          VkImageLayout to) {
    const VkImageMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
        .srcAccessMask =
            from == VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL ? VK_ACCESS_TRANSFER_WRITE_BIT : 0,
        .dstAccessMask = to == VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL   ? VK_ACCESS_TRANSFER_WRITE_BIT
                         : to == VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL ? VK_ACCESS_TRANSFER_READ_BIT
                                                                      : 0,
        .oldLayout = from,
        .newLayout = to,
        .srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
        .dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
        .image = image,
        .subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1}};
    painter->gpu->vk.CmdPipelineBarrier(painter->commands, VK_PIPELINE_STAGE_TRANSFER_BIT,
                                        VK_PIPELINE_STAGE_TRANSFER_BIT, 0, 0, NULL, 0, NULL, 1,
                                        &barrier);
}

/* Reads back what was drawn, and leaves it to be presented. */
static void record_copy(struct screen_painter *painter, const struct screen_job *job) {
    const struct screen_gpu *gpu = painter->gpu;
    const VkBufferImageCopy region = {.imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
                                      .imageExtent = {job->target->width, job->target->height, 1}};
    gpu->vk.CmdCopyImageToBuffer(painter->commands, job->target->image,
                                 VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, job->copy->handle, 1,
                                 &region);
    change_layout(painter, job->target->image, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
                  VK_IMAGE_LAYOUT_PRESENT_SRC_KHR);
    add_barrier(painter, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT,
                VK_PIPELINE_STAGE_HOST_BIT, VK_ACCESS_HOST_READ_BIT);
}

/* The layout kind of which an image's texels are. */
static uint32_t get_target_kind(VkFormat format) {
    switch (format) {
    case VK_FORMAT_B8G8R8A8_UNORM:
        return 0;
    case VK_FORMAT_R8G8B8A8_UNORM:
        return 1;
    case VK_FORMAT_A2R10G10B10_UNORM_PACK32:
        return 4;
    case VK_FORMAT_A2B10G10R10_UNORM_PACK32:
        return 5;
    default:
        return UINT32_MAX;
    }
}

/* Whether the picture's bytes are the image's: then a copy does, without a pipeline. */
static bool needs_no_change(const struct screen_painter *painter, const struct screen_job *job) {
    const struct screen_pixels *pixels = &job->pixels;
    const bool shows_all = painter->colour == DISPLAY_COLOUR_PQ && pixels->is_pq &&
                           job->light.headroom >= DISPLAY_PEAK;
    return job->target->takes_copies && get_turn(job) == DISPLAY_TURN_0 && pixels->buffer &&
           !job->cursor->visible && (is_all_srgb(painter, job) || shows_all) &&
           get_layout_kind(pixels->format) == get_target_kind(painter->format.format) &&
           pixels->stride % 4 == 0 && pixels->offset % 4 == 0 &&
           pixels->source.width == job->target->width &&
           pixels->source.height == job->target->height;
}

static void record_plain_copy(struct screen_painter *painter, const struct screen_job *job) {
    const struct screen_pixels *pixels = &job->pixels;
    const VkImage image = job->target->image;
    const VkBufferImageCopy region = {.bufferOffset = pixels->offset +
                                                      (uint64_t)pixels->stride * pixels->source.y +
                                                      4 * (uint64_t)pixels->source.x,
                                      .bufferRowLength = pixels->stride / 4,
                                      .imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
                                      .imageExtent = {job->target->width, job->target->height, 1}};
    add_barrier(painter, VK_PIPELINE_STAGE_HOST_BIT, VK_ACCESS_HOST_WRITE_BIT,
                VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_READ_BIT);
    change_layout(painter, image, VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL);
    painter->gpu->vk.CmdCopyBufferToImage(painter->commands, pixels->buffer->handle, image,
                                          VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, 1, &region);
    change_layout(painter, image, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
                  job->copy ? VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL
                            : VK_IMAGE_LAYOUT_PRESENT_SRC_KHR);
}

static bool record(struct screen_painter *painter, const struct screen_job *job) {
    if (needs_no_change(painter, job)) {
        record_plain_copy(painter, job);
        return true;
    }
    if (!bind_buffers(painter, &job->pixels)) {
        return false;
    }
    add_barrier(painter, VK_PIPELINE_STAGE_HOST_BIT, VK_ACCESS_HOST_WRITE_BIT,
                VK_PIPELINE_STAGE_FRAGMENT_SHADER_BIT, VK_ACCESS_SHADER_READ_BIT);
    record_pass(painter, job);
    return true;
}

VkResult screen_painter_draw(struct screen_painter *painter, const struct screen_job *job) {
    const VkResult result = begin(painter);
    if (result) {
        return result;
    }
    if (!record(painter, job)) {
        return VK_ERROR_FEATURE_NOT_PRESENT; /* beginning again drops what was recorded */
    }
    if (job->copy) {
        record_copy(painter, job);
    }
    return finish(painter);
}

void screen_painter_set_cursor(struct screen_painter *painter, const uint32_t *pixels) {
    memcpy(painter->cursor.bytes, pixels, DISPLAY_CURSOR_PIXELS * sizeof(*pixels));
}

/* ---- targets ------------------------------------------------------------------------------- */

VkResult screen_painter_make_target(const struct screen_painter *painter, VkImage image,
                                    uint32_t width, uint32_t height, struct screen_target *out) {
    const struct screen_gpu *gpu = painter->gpu;
    *out = (struct screen_target){
        .image = image, .width = width, .height = height, .format = painter->format};
    const VkImageViewCreateInfo view = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_VIEW_CREATE_INFO,
        .image = image,
        .viewType = VK_IMAGE_VIEW_TYPE_2D,
        .format = painter->format.format,
        .subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1}};
    const VkResult result = gpu->vk.CreateImageView(gpu->device, &view, NULL, &out->view);
    if (result) {
        return result;
    }
    const VkFramebufferCreateInfo framebuffer = {.sType = VK_STRUCTURE_TYPE_FRAMEBUFFER_CREATE_INFO,
                                                 .renderPass = painter->pass_present,
                                                 .attachmentCount = 1,
                                                 .pAttachments = &out->view,
                                                 .width = width,
                                                 .height = height,
                                                 .layers = 1};
    return gpu->vk.CreateFramebuffer(gpu->device, &framebuffer, NULL, &out->framebuffer);
}

void screen_painter_drop_target(const struct screen_painter *painter,
                                struct screen_target *target) {
    const struct screen_gpu *gpu = painter->gpu;
    if (target->framebuffer) {
        gpu->vk.DestroyFramebuffer(gpu->device, target->framebuffer, NULL);
    }
    if (target->view) {
        gpu->vk.DestroyImageView(gpu->device, target->view, NULL);
    }
    *target = (struct screen_target){0};
}
