/*
 * Classic render passes with one subpass, their framebuffers, and off-screen targets.
 * Every function ends the process when Vulkan reports an error; objects belong to the caller.
 */
#ifndef VESPER_GUEST_PASSES_H
#define VESPER_GUEST_PASSES_H

#include "resources.h"

/*
 * Color [, depth/stencil] [, resolve].  Everything is cleared at the start and stored; images end
 * in TRANSFER_SRC_OPTIMAL.
 */
struct guest_target {
    struct guest_image color, depth, resolve; /* depth and resolve only where asked for */
    VkSampleCountFlagBits samples;
    VkRenderPass pass;
    VkFramebuffer framebuffer;
    uint32_t width, height;
};

struct guest_target_info {
    uint32_t width, height;
    VkFormat color_format;
    VkFormat depth_format;         /* VK_FORMAT_UNDEFINED: none */
    VkSampleCountFlagBits samples; /* 0 means 1; more adds the resolve image */
};

struct guest_target guest_target_create(const struct guest *g,
                                        const struct guest_target_info *info);
void guest_target_destroy(const struct guest *g, struct guest_target *target);

/* Begins the pass, cleared to `color` (NULL: dark blue) and depth 1, stencil 0. */
void guest_target_begin(const struct guest_target *target, VkCommandBuffer cmd,
                        VkSubpassContents contents, const VkClearColorValue *color);

/* A depth format with stencil that the device renders to. */
VkFormat guest_depth_stencil_format(const struct guest *g);

/*
 * Reads `aspect` of an image in TRANSFER_SRC_OPTIMAL and adds it to the results.
 * `texel`: bytes of one texel of that aspect in a buffer.  If `keep` is not NULL it gets a
 * malloc'ed copy of the bytes.
 */
void guest_image_result(struct guest *g, const char *name, const struct guest_image *image,
                        VkImageAspectFlags aspect, uint32_t texel, void **keep);

#endif
