#include "device/format.h"

#include <stddef.h>
#include <string.h>

/* The wire names bytes in memory, the presenter little-endian words. The last four are not of
 * the specification: other devices take the numbers of Mesa's formats for them, and so do we. */
static const struct gpu_format formats[] = {
    {1, PRESENTER_ARGB8888, true, 0, 1, 2, 3},
    {2, PRESENTER_XRGB8888, true, 0, 1, 2, 3},
    {3, PRESENTER_BGRA8888, true, 3, 2, 1, 0},
    {4, PRESENTER_BGRX8888, true, 3, 2, 1, 0},
    {67, PRESENTER_ABGR8888, true, 2, 1, 0, 3},
    {68, PRESENTER_RGBX8888, true, 1, 2, 3, 0},
    {121, PRESENTER_RGBA8888, true, 1, 2, 3, 0},
    {134, PRESENTER_XBGR8888, true, 2, 1, 0, 3},
    {8, PRESENTER_ABGR2101010, false, 0, 0, 0, 0},
    {131, PRESENTER_ARGB2101010, false, 0, 0, 0, 0},
    {94, PRESENTER_ABGR16161616F, false, 0, 0, 0, 0},
    {236, PRESENTER_XBGR16161616F, false, 0, 0, 0, 0},
};

const struct gpu_format *gpu_format_find(uint32_t wire) {
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        if (formats[i].wire == wire) {
            return &formats[i];
        }
    }
    return NULL;
}

void gpu_format_to_argb(const struct gpu_format *format, uint32_t *pixels, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        uint8_t bytes[GPU_FORMAT_BYTES];
        memcpy(bytes, &pixels[i], sizeof(bytes));
        pixels[i] = (uint32_t)bytes[format->alpha] << 24 | (uint32_t)bytes[format->red] << 16 |
                    (uint32_t)bytes[format->green] << 8 | bytes[format->blue];
    }
}
