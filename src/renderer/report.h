/* What the renderer would decide on this host, for people: found by the same functions that decide
 * it for a guest. After renderer_open_driver. */
#ifndef VESPER_RENDERER_REPORT_H
#define VESPER_RENDERER_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan.h>

#include "renderer/physical_device.h"

struct report_device {
    const struct physical_device *device; /* as a guest's; lists may be missing if not usable */
    VkPhysicalDeviceProperties host; /* as the driver says */
    const char *refusal; /* NULL: a guest can use it */
    bool has_portability_subset;
    const char
        *no_portability; /* what the subset lacks, as portability.h has it; NULL: no subset */
    const char *no_host_import; /* why shared memory is not imported; NULL: it is */
    const char *no_dma_buf; /* why the driver's dma-bufs are not used; NULL: they are */
};

struct report_host {
    uint32_t library_version;
    bool lists_portability;
    VkResult instance_result; /* of vkCreateInstance */
};

typedef void (*report_visit)(const struct report_device *device, void *user);

/* Fills *out and shows every device of the host to `visit` (its argument is valid during the call
 * only). Makes and destroys an instance. Any thread. */
void report_host_devices(struct report_host *out, report_visit visit, void *user);

#endif
