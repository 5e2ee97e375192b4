/* Resources of pixels on the host, which the guest fills from its own memory. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "device/core.h"
#include "util/checked.h"

#define SIDE_MAX 16384 /* pixels */

static bool check_create(struct device *device, struct gpu_request *request) {
    const struct wire_create_2d *create = gpu_request_as(request, wire_create_2d);
    if (!gpu_resource_may_create(device, request, create->resource_id)) {
        return false;
    }
    const struct gpu_format *format = gpu_format_find(create->format);
    if (!format || !format->is_8888) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER, "format %u: not known",
                   create->format);
        return false;
    }
    if (create->width == 0 || create->height == 0 || create->width > SIDE_MAX ||
        create->height > SIDE_MAX) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER,
                   "%u × %u pixels: each side is 1 to %d", create->width, create->height, SIDE_MAX);
        return false;
    }
    const uint64_t size = (uint64_t)create->width * create->height * GPU_FORMAT_BYTES;
    const uint64_t limit = device->options.limits.pixel_bytes;
    const uint64_t used = atomic_load_explicit(&device->counters.pixel_bytes, memory_order_relaxed);
    if (!checked_range_u64(used, size, limit)) {
        gpu_refuse(device, request, WIRE_ERR_OUT_OF_MEMORY,
                   "%u × %u pixels: the limit of %" PRIu64
                   " bytes of pixels is reached (--max-pixel-bytes)",
                   create->width, create->height, limit);
        return false;
    }
    return true;
}

/* 0 or a negative errno; what was made is in *resource. */
static int make_pixels(struct device *device, struct gpu_resource *resource) {
    int error = storage_create_shm("vesper-2d", resource->size, &resource->storage);
    if (error) {
        return error;
    }
    void *pixels;
    error = storage_map(resource->storage, &pixels);
    if (error) {
        return error;
    }
    resource->pixels = pixels;
    gpu_count(&device->counters.pixel_bytes, storage_get_size(resource->storage));
    return 0;
}

void gpu_resource_create_2d(struct device *device, struct gpu_request *request) {
    if (!check_create(device, request)) {
        return;
    }
    const struct wire_create_2d *create = gpu_request_as(request, wire_create_2d);
    struct gpu_resource *resource = calloc(1, sizeof(*resource));
    if (!resource) {
        gpu_refuse(device, request, WIRE_ERR_OUT_OF_MEMORY, "no memory");
        return;
    }
    resource->entry.id = create->resource_id;
    resource->format = gpu_format_find(create->format);
    resource->width = create->width;
    resource->height = create->height;
    resource->size = (uint64_t)create->width * create->height * GPU_FORMAT_BYTES;
    int error = make_pixels(device, resource);
    if (!error) {
        error = gpu_resource_add(device, resource);
    }
    if (error) {
        gpu_resource_free(device, resource);
        gpu_refuse(device, request, gpu_error_code(error), "%u × %u pixels: %s", create->width,
                   create->height, strerror(-error));
        return;
    }
    gpu_request_succeed(device, request);
}

/* ---- transfers --------------------------------------------------------------------------- */

static bool check_transfer(struct device *device, struct gpu_request *request,
                           const struct gpu_resource *resource) {
    const struct wire_transfer_2d *transfer = gpu_request_as(request, wire_transfer_2d);
    const struct wire_rect *rect = &transfer->rect;
    if (!resource->pixels) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER,
                   "resource_id %u: a blob, not a 2D resource", transfer->resource_id);
        return false;
    }
    if (!resource->backing) {
        gpu_refuse(device, request, WIRE_ERR_UNSPEC, "resource_id %u: has no backing",
                   transfer->resource_id);
        return false;
    }
    if (!checked_range_u64(rect->x, rect->width, resource->width) ||
        !checked_range_u64(rect->y, rect->height, resource->height)) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER,
                   "%u × %u pixels at %u, %u: outside of %u × %u", rect->width, rect->height,
                   rect->x, rect->y, resource->width, resource->height);
        return false;
    }
    return true;
}

/* Whether the rows of the rectangle lie inside the backing: from `offset` on, a row of the whole
 * resource apart. */
static bool backing_suffices(const struct gpu_resource *resource,
                             const struct wire_transfer_2d *transfer) {
    const uint64_t stride = (uint64_t)resource->width * GPU_FORMAT_BYTES;
    const uint64_t size =
        stride * (transfer->rect.height - 1) + (uint64_t)transfer->rect.width * GPU_FORMAT_BYTES;
    return checked_range_u64(transfer->offset, size, pages_get_size(resource->backing));
}

static void copy_rows(struct gpu_resource *resource, const struct wire_transfer_2d *transfer) {
    const struct wire_rect *rect = &transfer->rect;
    const size_t stride = (size_t)resource->width * GPU_FORMAT_BYTES;
    uint8_t *to = resource->pixels + rect->y * stride + (size_t)rect->x * GPU_FORMAT_BYTES;
    size_t row = (size_t)rect->width * GPU_FORMAT_BYTES;
    uint32_t rows = rect->height;
    if (row == stride) { /* no gaps */
        row *= rows;
        rows = 1;
    }
    for (uint32_t i = 0; i < rows; i++) {
        pages_read(resource->backing, transfer->offset + i * stride, to + i * stride, row);
    }
}

void gpu_transfer_to_host_2d(struct device *device, struct gpu_request *request) {
    const struct wire_transfer_2d *transfer = gpu_request_as(request, wire_transfer_2d);
    struct gpu_resource *resource = gpu_resource_of(device, request, transfer->resource_id);
    if (!resource || !check_transfer(device, request, resource)) {
        return;
    }
    if (transfer->rect.width == 0 || transfer->rect.height == 0) {
        gpu_request_succeed(device, request);
        return;
    }
    if (!backing_suffices(resource, transfer)) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER,
                   "%u × %u pixels from offset %" PRIu64 ": the backing has %" PRIu64 " bytes",
                   transfer->rect.width, transfer->rect.height, transfer->offset,
                   pages_get_size(resource->backing));
        return;
    }
    copy_rows(resource, transfer);
    gpu_request_succeed(device, request);
}
