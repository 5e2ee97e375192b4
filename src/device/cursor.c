/* Cursors, whose images are resources of 64 × 64 pixels. */
#include <string.h>

#include "device/core.h"

#define SIDE PRESENTER_CURSOR_SIZE
#define PIXELS (SIDE * SIDE)
#define IMAGE_BYTES ((size_t)PIXELS * GPU_FORMAT_BYTES)

static bool check_scanout(struct device *device, struct gpu_request *request) {
    const uint32_t index = gpu_request_as(request, wire_cursor)->scanout_id;
    if (index >= device->scanout_count) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_SCANOUT_ID, "scanout_id %u: there are %u",
                   index, device->scanout_count);
        return false;
    }
    return true;
}

/* Copies the image as ARGB8888. False: the request was refused, and is gone. */
static bool read_2d(struct device *device, struct gpu_request *request,
                    const struct gpu_resource *resource, uint32_t pixels[PIXELS]) {
    if (resource->width != SIDE || resource->height != SIDE) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER,
                   "resource_id %u: %u × %u pixels; a cursor has %d × %d",
                   (uint32_t)resource->entry.id, resource->width, resource->height, SIDE, SIDE);
        return false;
    }
    memcpy(pixels, resource->pixels, IMAGE_BYTES);
    gpu_format_to_argb(resource->format, pixels, PIXELS);
    return true;
}

/* Nothing says the format of a blob: it is taken for ARGB8888 without gaps. */
static bool read_blob(struct device *device, struct gpu_request *request,
                      const struct gpu_resource *resource, uint32_t pixels[PIXELS]) {
    void *pointer;
    if (resource->size < IMAGE_BYTES || (!resource->storage && !resource->backing)) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER,
                   "resource_id %u: a blob without the %zu bytes of a cursor",
                   (uint32_t)resource->entry.id, IMAGE_BYTES);
        return false;
    }
    if (!resource->storage) {
        pages_read(resource->backing, 0, pixels, IMAGE_BYTES);
        return true;
    }
    int error = storage_map(resource->storage, &pointer);
    if (error) {
        gpu_refuse(device, request, gpu_error_code(error), "resource_id %u: %s",
                   (uint32_t)resource->entry.id, strerror(-error));
        return false;
    }
    memcpy(pixels, pointer, IMAGE_BYTES);
    return true;
}

/* Gives the cursor its image. False: the request was refused, and is gone. */
static bool set_image(struct device *device, struct gpu_request *request,
                      const struct wire_cursor *cursor) {
    struct presenter *presenter = device->options.presenter;
    uint32_t pixels[PIXELS];
    struct gpu_resource *resource = gpu_resource_of(device, request, cursor->resource_id);
    if (!resource) {
        return false;
    }
    if (cursor->hot_x >= SIDE || cursor->hot_y >= SIDE) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER,
                   "hot spot %u, %u: outside of the image", cursor->hot_x, cursor->hot_y);
        return false;
    }
    if (resource->pixels ? !read_2d(device, request, resource, pixels)
                         : !read_blob(device, request, resource, pixels)) {
        return false;
    }
    presenter->ops->set_cursor(presenter, cursor->scanout_id, pixels, cursor->hot_x, cursor->hot_y);
    device->scanouts[cursor->scanout_id].hot_x = cursor->hot_x;
    device->scanouts[cursor->scanout_id].hot_y = cursor->hot_y;
    return true;
}

static void move(struct device *device, const struct wire_cursor *cursor) {
    struct presenter *presenter = device->options.presenter;
    const struct gpu_scanout *scanout = &device->scanouts[cursor->scanout_id];
    /* Drivers place the corner of the image, presenters its hot spot. Beyond the left and upper
     * edges positions are negative; the wire has them unsigned. */
    presenter->ops->move_cursor(presenter, cursor->scanout_id,
                                (int32_t)(cursor->x + scanout->hot_x),
                                (int32_t)(cursor->y + scanout->hot_y));
}

void gpu_update_cursor(struct device *device, struct gpu_request *request) {
    if (!check_scanout(device, request)) {
        return;
    }
    const struct wire_cursor *cursor = gpu_request_as(request, wire_cursor);
    struct presenter *presenter = device->options.presenter;
    if (cursor->resource_id == 0) {
        presenter->ops->set_cursor(presenter, cursor->scanout_id, NULL, 0, 0);
        device->scanouts[cursor->scanout_id].hot_x = 0;
        device->scanouts[cursor->scanout_id].hot_y = 0;
    } else if (!set_image(device, request, cursor)) {
        return;
    }
    move(device, cursor);
    gpu_request_succeed(device, request);
}

void gpu_move_cursor(struct device *device, struct gpu_request *request) {
    if (!check_scanout(device, request)) {
        return;
    }
    move(device, gpu_request_as(request, wire_cursor));
    gpu_request_succeed(device, request);
}
