/* Draws a picture that lies in a buffer into an image: placed, scaled, with its cursor, in one pass that
 * reads and writes every pixel once. One thread at a time for each painter. */
#ifndef VESPER_DISPLAY_SWAPCHAIN_PAINTER_H
#define VESPER_DISPLAY_SWAPCHAIN_PAINTER_H

#include <stdbool.h>
#include <stdint.h>

#include "display/colour.h"
#include "display/presenter.h"
#include "display/scaling.h"
#include "display/swapchain/buffer.h"
#include "display/swapchain/gpu.h"
#include "display/turn.h"
#include "display/update.h"

/* Where a picture's pixels are for the GPU. */
struct screen_pixels {
    const struct screen_buffer *buffer; /* NULL: there is no picture, all is black */
    uint64_t offset; /* bytes, of the picture in the buffer */
    uint32_t stride; /* bytes */
    enum presenter_format format;
    bool is_pq;
    struct presenter_rect source; /* of the picture */
};

/* An image that can be drawn into. */
struct screen_target {
    VkImage image;
    VkImageView view;
    VkFramebuffer framebuffer;
    uint32_t width, height; /* pixels */
    VkSurfaceFormatKHR format;
    enum display_turn turn; /* of what is drawn, so that it is upright on the screen */
    bool takes_copies; /* it can be copied into, and its alpha means nothing */
};

struct screen_painter {
    struct screen_gpu *gpu; /* borrowed; NULL: not open */
    VkSurfaceFormatKHR format; /* of its targets */
    enum display_colour colour; /* of them */
    VkRenderPass pass_present; /* leaves an image that can be presented */
    VkRenderPass pass_copy; /* leaves one that can be copied */
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout layout;
    VkPipeline pipelines[2]; /* [1]: where the picture or the targets are not sRGB */
    VkDescriptorPool descriptors;
    VkDescriptorSet set;
    VkCommandPool pool;
    VkCommandBuffer commands;
    VkFence fence;
    struct screen_buffer cursor;
};

/* Closed by screen_painter_close in every case. */
VkResult screen_painter_open(struct screen_painter *painter, struct screen_gpu *gpu);
/* Targets have this format from now on, one that screen_offer_choose gave; those of before are gone.
 * Not while it draws; copies may go on. */
VkResult screen_painter_set_format(struct screen_painter *painter,
                                   const VkSurfaceFormatKHR *format);
/* Waits for nothing: each function below has waited for what it began. */
void screen_painter_close(struct screen_painter *painter);

/* A view and a framebuffer for `image`, which stays the caller's. Ended by
 * screen_painter_drop_target in every case. */
VkResult screen_painter_make_target(const struct screen_painter *painter, VkImage image,
                                    uint32_t width, uint32_t height, struct screen_target *out);
void screen_painter_drop_target(const struct screen_painter *painter, struct screen_target *target);

/* The image of the cursor from now on: DISPLAY_CURSOR_PIXELS of premultiplied ARGB8888. */
void screen_painter_set_cursor(struct screen_painter *painter, const uint32_t *pixels);

struct screen_job {
    const struct screen_target *target;
    struct screen_pixels pixels;
    enum display_scale scale;
    enum display_turn turn; /* of the picture, beside the target's */
    struct display_light light;
    const struct display_cursor *cursor; /* only its place */
    /* Where the image's pixels go as well, without gaps, in its own format; NULL: nowhere. */
    const struct screen_buffer *copy;
};

/* Draws, by a copy where pixels need no change, and waits until it is done, at most as long as the
 * device's wait_ns: VK_TIMEOUT then. The image can be presented afterwards.
 * VK_ERROR_FEATURE_NOT_PRESENT: the picture is larger than this device's
 * shaders reach. */
VkResult screen_painter_draw(struct screen_painter *painter, const struct screen_job *job);

/* Copies rows between buffers and waits, as above. `count`: 1 or more. VK_NOT_READY: see
 * screen_gpu_submit. */
VkResult screen_painter_copy(struct screen_painter *painter, const struct screen_buffer *from,
                             const struct screen_buffer *to, const VkBufferCopy *regions,
                             uint32_t count);

#endif
