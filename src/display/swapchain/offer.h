/* Which of the formats and colour spaces that a surface offers a scanout's pictures are shown in. Pure. */
#ifndef VESPER_DISPLAY_SWAPCHAIN_OFFER_H
#define VESPER_DISPLAY_SWAPCHAIN_OFFER_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan.h>

#include "display/colour.h"

/* What is to be shown. */
enum screen_content {
    SCREEN_CONTENT_PLAIN, /* sRGB of 8 bits a colour */
    SCREEN_CONTENT_DEEP, /* sRGB of 10 bits a colour */
    SCREEN_CONTENT_HIGH, /* high dynamic range */
};

enum screen_content screen_content_of(enum presenter_format format, bool is_pq);

/* The best for `content` of `count` pairs. High dynamic range goes to HDR10, linear sRGB beyond its
 * limits, Display P3, or sRGB, in this order; the others to sRGB, wherever there is one, in their own
 * depth if there is. Only formats whose numbers are written as they are. False: there is none. */
bool screen_offer_choose(const VkSurfaceFormatKHR *offered, uint32_t count,
                         enum screen_content content, VkSurfaceFormatKHR *out);

/* What the numbers of a chosen pair mean. */
enum display_colour screen_offer_colour(const VkSurfaceFormatKHR *format);

/* Bytes of a pixel of a chosen pair. */
uint32_t screen_offer_bytes(VkFormat format);

#endif
