/* Which displays there are: display information, EDID, the configuration space. */
#include <errno.h>
#include <string.h>

#include "device/core.h"
#include "device/edid.h"
#include "util/checked.h"

/* Connected displays stand side by side. */
void gpu_get_display_info(struct device *device, struct gpu_request *request) {
    struct wire_display_info info = {0};
    uint32_t x = 0;
    for (uint32_t i = 0; i < device->scanout_count; i++) {
        const struct device_display *display = &device->scanouts[i].display;
        if (display->connected) {
            info.modes[i].rect = (struct wire_rect){x, 0, display->width, display->height};
            info.modes[i].enabled = 1;
            x += display->width;
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
    const struct device_display *display = &device->scanouts[index].display;
    struct wire_edid edid = {0};
    const struct gpu_edid of = {
        .number = index,
        .width = display->width,
        .height = display->height,
        .refresh_hz = display->refresh_hz,
        .dpi = display->dpi,
        .hdr = display->hdr,
    };
    edid.size = (uint32_t)gpu_edid_make(edid.bytes, &of);
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

static bool is_between(uint32_t value, uint32_t min, uint32_t max) {
    return value == 0 || (value >= min && value <= max);
}

bool gpu_display_is_sound(uint32_t width, uint32_t height, uint32_t refresh_hz, uint32_t dpi) {
    return width <= DEVICE_SIDE_MAX && height <= DEVICE_SIDE_MAX && (width == 0) == (height == 0) &&
           is_between(refresh_hz, DEVICE_REFRESH_MIN, DEVICE_REFRESH_MAX) &&
           is_between(dpi, DEVICE_DPI_MIN, DEVICE_DPI_MAX);
}

int device_set_display(struct device *device, uint32_t scanout,
                       const struct device_display *display) {
    if (scanout >= device->scanout_count ||
        !gpu_display_is_sound(display->width, display->height, display->refresh_hz, display->dpi)) {
        return -EINVAL;
    }
    gpu_inbox_change_display(&device->inbox, scanout, display);
    return 0;
}

int device_get_display(struct device *device, uint32_t scanout, struct device_display *out) {
    if (scanout >= device->scanout_count) {
        return -EINVAL;
    }
    gpu_inbox_get_display(&device->inbox, scanout, out);
    return 0;
}

/* Of a display that is unplugged the guest sees nothing but that. */
static bool looks_the_same(const struct device_display *a, const struct device_display *b) {
    if (!a->connected || !b->connected) {
        return a->connected == b->connected;
    }
    return a->width == b->width && a->height == b->height && a->refresh_hz == b->refresh_hz &&
           a->dpi == b->dpi;
}

void gpu_scanout_set_display(struct device *device, uint32_t index,
                             const struct device_display *display) {
    if (index >= device->scanout_count) {
        return;
    }
    struct device_display *now = &device->scanouts[index].display;
    const bool is_news = !looks_the_same(now, display);
    *now = *display;
    if (is_news) {
        device->events_read |= WIRE_EVENT_DISPLAY;
        device->transport.config_changed(device->user);
    }
}
