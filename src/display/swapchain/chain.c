#include "display/swapchain/chain.h"

#define FORMATS_MAX 128
#define MODES_MAX 16
#define EXTENT_BY_IMAGES UINT32_MAX /* the surface is as large as the swapchain's images */

/* What the surface offers now: another screen that the window went to may have other colours. */
static VkResult choose_format(const struct screen_chain *chain, enum screen_content content,
                              VkSurfaceFormatKHR *out) {
    VkSurfaceFormatKHR offered[FORMATS_MAX];
    uint32_t count = FORMATS_MAX;
    const VkResult result = chain->gpu->instance->vk.GetPhysicalDeviceSurfaceFormatsKHR(
        chain->gpu->physical, chain->surface, &count, offered);
    if (result < VK_SUCCESS) {
        return result;
    }
    return screen_offer_choose(offered, count, content, out) ? VK_SUCCESS
                                                             : VK_ERROR_FORMAT_NOT_SUPPORTED;
}

static VkPresentModeKHR choose_mode(const struct screen_gpu *gpu, VkSurfaceKHR surface,
                                    enum screen_present_mode mode) {
    static const VkPresentModeKHR wanted[] = {
        [SCREEN_FIFO] = VK_PRESENT_MODE_FIFO_KHR,
        [SCREEN_MAILBOX] = VK_PRESENT_MODE_MAILBOX_KHR,
        [SCREEN_IMMEDIATE] = VK_PRESENT_MODE_IMMEDIATE_KHR,
    };
    VkPresentModeKHR offered[MODES_MAX];
    uint32_t count = MODES_MAX;
    if (gpu->instance->vk.GetPhysicalDeviceSurfacePresentModesKHR(gpu->physical, surface, &count,
                                                                  offered) < VK_SUCCESS) {
        count = 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (offered[i] == wanted[mode]) {
            return offered[i];
        }
    }
    return VK_PRESENT_MODE_FIFO_KHR; /* every surface has it */
}

VkResult screen_chain_open(struct screen_chain *chain, struct screen_painter *painter,
                           VkSurfaceKHR surface, enum screen_present_mode mode) {
    *chain = (struct screen_chain){.gpu = painter->gpu, .painter = painter, .surface = surface};
    chain->mode = choose_mode(chain->gpu, surface, mode);
    const VkFenceCreateInfo fence = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    return chain->gpu->vk.CreateFence(chain->gpu->device, &fence, NULL, &chain->acquired);
}

/* ---- building ------------------------------------------------------------------------------ */

static void drop_targets(struct screen_chain *chain) {
    for (uint32_t i = 0; i < chain->count; i++) {
        screen_painter_drop_target(chain->painter, &chain->targets[i]);
    }
    chain->count = 0;
}

void screen_chain_close(struct screen_chain *chain) {
    if (!chain->gpu) {
        return;
    }
    drop_targets(chain);
    if (chain->handle) {
        chain->gpu->vk.DestroySwapchainKHR(chain->gpu->device, chain->handle, NULL);
    }
    if (chain->acquired) {
        chain->gpu->vk.DestroyFence(chain->gpu->device, chain->acquired, NULL);
    }
    *chain = (struct screen_chain){0};
}

static uint32_t clamp(uint32_t value, uint32_t low, uint32_t high) {
    return value < low ? low : value > high ? high : value;
}

/* Whatever lies behind the surface may turn images itself; else they are drawn as it wants them. */
static VkSurfaceTransformFlagBitsKHR choose_transform(const VkSurfaceCapabilitiesKHR *surface) {
    return surface->supportedTransforms & VK_SURFACE_TRANSFORM_IDENTITY_BIT_KHR
               ? VK_SURFACE_TRANSFORM_IDENTITY_BIT_KHR
               : surface->currentTransform;
}

/* Mirrors are not drawn: no system has screens that are. */
static enum display_turn get_turn(VkSurfaceTransformFlagBitsKHR transform) {
    switch (transform) {
    case VK_SURFACE_TRANSFORM_ROTATE_90_BIT_KHR:
        return DISPLAY_TURN_90;
    case VK_SURFACE_TRANSFORM_ROTATE_180_BIT_KHR:
        return DISPLAY_TURN_180;
    case VK_SURFACE_TRANSFORM_ROTATE_270_BIT_KHR:
        return DISPLAY_TURN_270;
    default:
        return DISPLAY_TURN_0;
    }
}

/* Images have the sides that they have before the screen turns them. */
static VkExtent2D choose_extent(const VkSurfaceCapabilitiesKHR *surface, uint32_t width,
                                uint32_t height) {
    VkExtent2D extent = surface->currentExtent;
    if (extent.width == EXTENT_BY_IMAGES) {
        extent = (VkExtent2D){
            clamp(width, surface->minImageExtent.width, surface->maxImageExtent.width),
            clamp(height, surface->minImageExtent.height, surface->maxImageExtent.height)};
    }
    display_turn_size(get_turn(choose_transform(surface)), &extent.width, &extent.height);
    return extent;
}

/* One is shown, one waits, one is drawn into. */
static uint32_t choose_count(const VkSurfaceCapabilitiesKHR *surface) {
    const uint32_t most = surface->maxImageCount ? surface->maxImageCount : SCREEN_IMAGES_MAX;
    return clamp(3, surface->minImageCount, most);
}

static VkCompositeAlphaFlagBitsKHR choose_alpha(const VkSurfaceCapabilitiesKHR *surface) {
    const VkCompositeAlphaFlagsKHR offered = surface->supportedCompositeAlpha;
    return offered & VK_COMPOSITE_ALPHA_OPAQUE_BIT_KHR ? VK_COMPOSITE_ALPHA_OPAQUE_BIT_KHR
                                                       : (offered & (~offered + 1));
}

static VkResult create(struct screen_chain *chain, const VkSurfaceCapabilitiesKHR *surface,
                       VkExtent2D extent) {
    const struct screen_gpu *gpu = chain->gpu;
    const uint32_t families[2] = {gpu->draw_family, gpu->present_family};
    const bool shared = families[0] != families[1];
    const VkSwapchainKHR old = chain->handle;
    const VkSwapchainCreateInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_SWAPCHAIN_CREATE_INFO_KHR,
        .surface = chain->surface,
        .minImageCount = choose_count(surface),
        .imageFormat = chain->painter->format.format,
        .imageColorSpace = chain->painter->format.colorSpace,
        .imageExtent = extent,
        .imageArrayLayers = 1,
        /* Copied into, and read back, where the surface allows it. */
        .imageUsage = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT |
                      (surface->supportedUsageFlags &
                       (VK_IMAGE_USAGE_TRANSFER_SRC_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT)),
        .imageSharingMode = shared ? VK_SHARING_MODE_CONCURRENT : VK_SHARING_MODE_EXCLUSIVE,
        .queueFamilyIndexCount = shared ? 2 : 0,
        .pQueueFamilyIndices = families,
        .preTransform = choose_transform(surface),
        .compositeAlpha = choose_alpha(surface),
        .presentMode = chain->mode,
        .clipped = VK_TRUE,
        .oldSwapchain = old};
    VkResult result = gpu->vk.CreateSwapchainKHR(gpu->device, &info, NULL, &chain->handle);
    if (result) {
        chain->handle = VK_NULL_HANDLE;
    }
    if (old) {
        gpu->vk.DestroySwapchainKHR(gpu->device, old, NULL);
    }
    return result;
}

static VkResult make_targets(struct screen_chain *chain, VkExtent2D extent, enum display_turn turn,
                             bool takes_copies) {
    VkImage images[SCREEN_IMAGES_MAX];
    uint32_t count = SCREEN_IMAGES_MAX;
    VkResult result =
        chain->gpu->vk.GetSwapchainImagesKHR(chain->gpu->device, chain->handle, &count, images);
    if (result == VK_INCOMPLETE) {
        return VK_ERROR_INITIALIZATION_FAILED; /* any of them may be acquired */
    }
    for (uint32_t i = 0; i < count && !result; i++) {
        chain->count++;
        result = screen_painter_make_target(chain->painter, images[i], extent.width, extent.height,
                                            &chain->targets[i]);
        chain->targets[i].turn = turn;
        chain->targets[i].takes_copies = takes_copies;
    }
    chain->width = extent.width;
    chain->height = extent.height;
    return result;
}

static VkResult give_format(struct screen_chain *chain, const VkSurfaceFormatKHR *format) {
    const VkSurfaceFormatKHR *now = &chain->painter->format;
    if (now->format == format->format && now->colorSpace == format->colorSpace) {
        return VK_SUCCESS;
    }
    return screen_painter_set_format(chain->painter, format);
}

/* Pictures are as bright as displays are said to be, wherever a screen wants to hear of it. */
static void describe_content(const struct screen_chain *chain) {
    const enum display_colour colour = chain->painter->colour;
    if (!chain->gpu->set_hdr_metadata ||
        (colour != DISPLAY_COLOUR_PQ && colour != DISPLAY_COLOUR_LINEAR)) {
        return;
    }
    const VkHdrMetadataEXT metadata = {.sType = VK_STRUCTURE_TYPE_HDR_METADATA_EXT,
                                       .displayPrimaryRed = {0.708f, 0.292f}, /* BT.2020 */
                                       .displayPrimaryGreen = {0.170f, 0.797f},
                                       .displayPrimaryBlue = {0.131f, 0.046f},
                                       .whitePoint = {0.3127f, 0.3290f},
                                       .maxLuminance = DISPLAY_PEAK_NITS,
                                       .maxContentLightLevel = DISPLAY_PEAK_NITS};
    chain->gpu->set_hdr_metadata(chain->gpu->device, 1, &chain->handle, &metadata);
}

VkResult screen_chain_build(struct screen_chain *chain, uint32_t width, uint32_t height,
                            enum screen_content content) {
    const struct screen_gpu *gpu = chain->gpu;
    VkSurfaceCapabilitiesKHR surface;
    VkSurfaceFormatKHR format;
    VkResult result = gpu->instance->vk.GetPhysicalDeviceSurfaceCapabilitiesKHR(
        gpu->physical, chain->surface, &surface);
    result = result ? result : choose_format(chain, content, &format);
    if (result) {
        return result;
    }
    const VkExtent2D extent = choose_extent(&surface, width, height);
    if (extent.width == 0 || extent.height == 0) {
        return VK_NOT_READY;
    }
    drop_targets(chain);
    result = give_format(chain, &format);
    result = result ? result : create(chain, &surface, extent);
    const bool takes_copies = (surface.supportedUsageFlags & VK_IMAGE_USAGE_TRANSFER_DST_BIT) &&
                              choose_alpha(&surface) == VK_COMPOSITE_ALPHA_OPAQUE_BIT_KHR;
    if (result) {
        return result;
    }
    describe_content(chain);
    return make_targets(chain, extent, get_turn(choose_transform(&surface)), takes_copies);
}

/* ---- use ----------------------------------------------------------------------------------- */

VkResult screen_chain_acquire(struct screen_chain *chain, uint64_t timeout_ns,
                              uint32_t *out_image) {
    const struct screen_gpu *gpu = chain->gpu;
    VkResult result = gpu->vk.ResetFences(gpu->device, 1, &chain->acquired);
    if (!result) {
        result = gpu->vk.AcquireNextImageKHR(gpu->device, chain->handle, timeout_ns, VK_NULL_HANDLE,
                                             chain->acquired, out_image);
    }
    if (result == VK_NOT_READY) {
        return VK_TIMEOUT;
    }
    if (result != VK_SUCCESS && result != VK_SUBOPTIMAL_KHR) {
        return result;
    }
    const VkResult waited =
        gpu->vk.WaitForFences(gpu->device, 1, &chain->acquired, VK_TRUE, gpu->wait_ns);
    /* Its image is gone with the fence: not a matter of trying again. */
    return waited == VK_TIMEOUT ? VK_ERROR_DEVICE_LOST : waited ? waited : result;
}

VkResult screen_chain_present(struct screen_chain *chain, uint32_t image) {
    struct screen_gpu *gpu = chain->gpu;
    const VkPresentInfoKHR info = {.sType = VK_STRUCTURE_TYPE_PRESENT_INFO_KHR,
                                   .swapchainCount = 1,
                                   .pSwapchains = &chain->handle,
                                   .pImageIndices = &image};
    pthread_mutex_lock(&gpu->queue_mutex);
    const VkResult result = gpu->vk.QueuePresentKHR(gpu->present_queue, &info);
    pthread_mutex_unlock(&gpu->queue_mutex);
    return result;
}
