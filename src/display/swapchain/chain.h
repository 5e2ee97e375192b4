/* A window's swapchain. One thread at a time, but for the images, which whoever holds one draws into. */
#ifndef VESPER_DISPLAY_SWAPCHAIN_CHAIN_H
#define VESPER_DISPLAY_SWAPCHAIN_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "display/swapchain/gpu.h"
#include "display/swapchain/offer.h"
#include "display/swapchain/painter.h"
#include "display/swapchain/screens.h"

#define SCREEN_IMAGES_MAX 16

struct screen_chain {
    struct screen_gpu *gpu; /* borrowed */
    struct screen_painter *painter; /* borrowed */
    VkSurfaceKHR surface; /* borrowed */
    VkPresentModeKHR mode;
    VkFence acquired;
    VkSwapchainKHR handle; /* VK_NULL_HANDLE: not built */
    uint32_t width, height, count;
    struct screen_target targets[SCREEN_IMAGES_MAX];
};

/* Prepares what screen_chain_build builds. `mode` gives way to FIFO where the surface lacks it. Ended
 * by screen_chain_close in every case. */
VkResult screen_chain_open(struct screen_chain *chain, struct screen_painter *painter,
                           VkSurfaceKHR surface, enum screen_present_mode mode);
void screen_chain_close(struct screen_chain *chain);

/* Builds the images anew, for a window of so many pixels and in the format that suits `content`, which
 * the painter then has; nobody holds one. VK_NOT_READY: the window has no pixels now;
 * VK_ERROR_FORMAT_NOT_SUPPORTED: the surface offers no format that is known here. */
VkResult screen_chain_build(struct screen_chain *chain, uint32_t width, uint32_t height,
                            enum screen_content content);

/* Gives an image that the screen does not read any more. VK_TIMEOUT after `timeout_ns`;
 * VK_ERROR_OUT_OF_DATE_KHR: build it again. */
VkResult screen_chain_acquire(struct screen_chain *chain, uint64_t timeout_ns, uint32_t *out_image);
/* Shows an image that has been drawn, of which the screen then is the owner, also where this fails. */
VkResult screen_chain_present(struct screen_chain *chain, uint32_t image);

#endif
