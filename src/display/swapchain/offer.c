#include "display/swapchain/offer.h"

#include <stddef.h>

#define BGRA8 VK_FORMAT_B8G8R8A8_UNORM
#define RGBA8 VK_FORMAT_R8G8B8A8_UNORM
#define BGR10 VK_FORMAT_A2B10G10R10_UNORM_PACK32
#define RGB10 VK_FORMAT_A2R10G10B10_UNORM_PACK32
#define HALVES VK_FORMAT_R16G16B16A16_SFLOAT

#define SRGB VK_COLOR_SPACE_SRGB_NONLINEAR_KHR
#define P3 VK_COLOR_SPACE_DISPLAY_P3_NONLINEAR_EXT
#define LINEAR VK_COLOR_SPACE_EXTENDED_SRGB_LINEAR_EXT
#define HDR10 VK_COLOR_SPACE_HDR10_ST2084_EXT

#define CHOICES 11

/* Pictures of 8 bits are mostly BGRA: their pixels need no change then. */
static const VkSurfaceFormatKHR choices[][CHOICES] = {
    [SCREEN_CONTENT_PLAIN] = {{BGRA8, SRGB},
                              {RGBA8, SRGB},
                              {BGR10, SRGB},
                              {RGB10, SRGB},
                              {HALVES, LINEAR},
                              {BGR10, P3},
                              {RGB10, P3},
                              {BGRA8, P3},
                              {RGBA8, P3},
                              {BGR10, HDR10},
                              {RGB10, HDR10}},
    [SCREEN_CONTENT_DEEP] = {{BGR10, SRGB},
                             {RGB10, SRGB},
                             {BGRA8, SRGB},
                             {RGBA8, SRGB},
                             {HALVES, LINEAR},
                             {BGR10, P3},
                             {RGB10, P3},
                             {BGRA8, P3},
                             {RGBA8, P3},
                             {BGR10, HDR10},
                             {RGB10, HDR10}},
    [SCREEN_CONTENT_HIGH] = {{BGR10, HDR10},
                             {RGB10, HDR10},
                             {HALVES, LINEAR},
                             {BGR10, P3},
                             {RGB10, P3},
                             {BGRA8, P3},
                             {RGBA8, P3},
                             {BGR10, SRGB},
                             {RGB10, SRGB},
                             {BGRA8, SRGB},
                             {RGBA8, SRGB}},
};

enum screen_content screen_content_of(enum presenter_format format, bool is_pq) {
    if (display_colour_of(format, is_pq) != DISPLAY_COLOUR_SRGB) {
        return SCREEN_CONTENT_HIGH;
    }
    return presenter_format_is_deep(format) ? SCREEN_CONTENT_DEEP : SCREEN_CONTENT_PLAIN;
}

static bool is_offered(const VkSurfaceFormatKHR *offered, uint32_t count,
                       const VkSurfaceFormatKHR *wanted) {
    for (uint32_t i = 0; i < count; i++) {
        if (offered[i].format == wanted->format && offered[i].colorSpace == wanted->colorSpace) {
            return true;
        }
    }
    return false;
}

bool screen_offer_choose(const VkSurfaceFormatKHR *offered, uint32_t count,
                         enum screen_content content, VkSurfaceFormatKHR *out) {
    for (size_t i = 0; i < CHOICES; i++) {
        if (is_offered(offered, count, &choices[content][i])) {
            *out = choices[content][i];
            return true;
        }
    }
    return false;
}

enum display_colour screen_offer_colour(const VkSurfaceFormatKHR *format) {
    switch (format->colorSpace) {
    case P3:
        return DISPLAY_COLOUR_P3;
    case LINEAR:
        return DISPLAY_COLOUR_LINEAR;
    case HDR10:
        return DISPLAY_COLOUR_PQ;
    default:
        return DISPLAY_COLOUR_SRGB;
    }
}

uint32_t screen_offer_bytes(VkFormat format) {
    return format == HALVES ? 8 : 4;
}
