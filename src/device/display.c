/* Which displays there are: display information, EDID, the configuration space. */
#include <errno.h>
#include <string.h>

#include "device/core.h"
#include "device/edid.h"
#include "util/checked.h"

#define SIDE_MAX 16384 /* pixels */
#define DEFAULT_WIDTH 1280
#define DEFAULT_HEIGHT 800

/* Connected displays stand side by side. */
void gpu_get_display_info(struct device *device, struct gpu_request *request) {
    struct wire_display_info info = {0};
    uint32_t x = 0;
    for (uint32_t i = 0; i < device->scanout_count; i++) {
        const struct gpu_scanout *scanout = &device->scanouts[i];
        if (scanout->connected) {
            info.modes[i].rect = (struct wire_rect){x, 0, scanout->width, scanout->height};
            info.modes[i].enabled = 1;
            x += scanout->width;
        }
    }
    gpu_request_succeed_with(device, request, WIRE_OK_DISPLAY_INFO, &info, sizeof(info));
}

void gpu_get_edid(struct device *device, struct gpu_request *request) {
    const uint32_t index = gpu_request_as(request, wire_get_edid)->scanout_id;
    if (index >= device->scanout_count) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_SCANOUT_ID, "scanout %u: there are %u", index,
                   device->scanout_count);
        return;
    }
    /* Linux asks about unplugged scanouts, too, and wants to read something. */
    const struct gpu_scanout *scanout = &device->scanouts[index];
    struct wire_edid edid = {0};
    edid.size = (uint32_t)gpu_edid_make(edid.bytes, index,
                                        scanout->connected ? scanout->width : DEFAULT_WIDTH,
                                        scanout->connected ? scanout->height : DEFAULT_HEIGHT);
    gpu_request_succeed_with(device, request, WIRE_OK_EDID, &edid, sizeof(edid));
}

/* ---- the configuration space ------------------------------------------------------------- */

int device_read_config(struct device *device, uint32_t offset, void *out, uint32_t size) {
    if (!checked_range_u64(offset, size, DEVICE_CONFIG_SIZE)) {
        return -EINVAL;
    }
    const struct wire_config config = {
        .events_read = device->events_read,
        .num_scanouts = device->scanout_count,
        .num_capsets = 1,
        .blob_alignment = device->options.blob_alignment,
    };
    memcpy(out, (const uint8_t *)&config + offset, size);
    return 0;
}

int device_write_config(struct device *device, uint32_t offset, const void *bytes, uint32_t size) {
    if (!checked_range_u64(offset, size, DEVICE_CONFIG_SIZE)) {
        return -EINVAL;
    }
    struct wire_config written = {0};
    memcpy((uint8_t *)&written + offset, bytes, size);
    device->events_read &= ~written.events_clear;
    return 0;
}

/* ---- changes ----------------------------------------------------------------------------- */

int device_set_display(struct device *device, uint32_t scanout, uint32_t width, uint32_t height) {
    const bool unplug = width == 0 && height == 0;
    if (scanout >= device->scanout_count || width > SIDE_MAX || height > SIDE_MAX ||
        (!unplug && (width == 0 || height == 0))) {
        return -EINVAL;
    }
    gpu_inbox_resize(&device->inbox, scanout, width, height);
    return 0;
}

static uint32_t limit_side(uint32_t side) {
    return side < SIDE_MAX ? side : SIDE_MAX;
}

void gpu_scanout_resize(struct device *device, uint32_t index, uint32_t width, uint32_t height) {
    if (index >= device->scanout_count) {
        return;
    }
    struct gpu_scanout *scanout = &device->scanouts[index];
    const bool connected = width > 0 && height > 0;
    const uint32_t new_width = connected ? limit_side(width) : 0;
    const uint32_t new_height = connected ? limit_side(height) : 0;
    if (scanout->connected == connected && scanout->width == new_width &&
        scanout->height == new_height) {
        return;
    }
    scanout->connected = connected;
    scanout->width = new_width;
    scanout->height = new_height;
    device->events_read |= WIRE_EVENT_DISPLAY;
    device->transport.config_changed(device->user);
}
