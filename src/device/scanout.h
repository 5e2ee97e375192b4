/* What displays show. Device thread. */
#ifndef VESPER_DEVICE_SCANOUT_H
#define VESPER_DEVICE_SCANOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "device/device.h"

struct gpu_resource;

struct gpu_scanout {
    struct device_display display;
    struct gpu_resource *resource; /* NULL: nothing is shown */
    struct presenter_rect source;  /* the part that is shown */
    uint32_t hot_x, hot_y;         /* of the cursor, pixels of its image */
};

/* Shows nothing there any more. */
void gpu_scanout_disable(struct device *device, uint32_t scanout);
/* Nothing, and no cursor, anywhere. */
void gpu_scanouts_reset(struct device *device);
/* Whether these may be members of a device_display; 0 stands for what is there. Any thread. */
bool gpu_display_is_sound(uint32_t width, uint32_t height, uint32_t refresh_hz, uint32_t dpi);
/* The scanout has another display, or none: the guest is told where that is new. */
void gpu_scanout_set_display(struct device *device, uint32_t scanout,
                             const struct device_display *display);

#endif
