/* Buffers of a window's device: memory of ours, or a guest's. */
#ifndef VESPER_DISPLAY_SWAPCHAIN_BUFFER_H
#define VESPER_DISPLAY_SWAPCHAIN_BUFFER_H

#include <stdint.h>

#include "display/swapchain/gpu.h"

/* All zero: none. */
struct screen_buffer {
    VkBuffer handle;
    VkDeviceMemory memory;
    void *bytes;   /* mapped and coherent */
    uint64_t size; /* bytes */
};

/* Makes a buffer of `size` bytes (1 or more) that the processor sees, too. */
VkResult screen_buffer_create(const struct screen_gpu *gpu, uint64_t size,
                              struct screen_buffer *out);
/* Makes a buffer of the mapped bytes from `bytes` on, which stay mapped as long as it is there.
 * VK_ERROR_FEATURE_NOT_PRESENT where this device, or this place, cannot be imported. */
VkResult screen_buffer_import(const struct screen_gpu *gpu, void *bytes, uint64_t size,
                              struct screen_buffer *out);
/* One that is empty is ignored; empty afterwards. */
void screen_buffer_destroy(const struct screen_gpu *gpu, struct screen_buffer *buffer);

#endif
