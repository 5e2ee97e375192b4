#include "device/scanout.h"

#include <inttypes.h>
#include <string.h>

#include "device/core.h"
#include "util/checked.h"

/* ---- what is shown ----------------------------------------------------------------------- */

/* Nothing is noted as shown there any more. */
static void forget_source(struct device *device, uint32_t index) {
    struct gpu_scanout *scanout = &device->scanouts[index];
    if (scanout->resource) {
        scanout->resource->scanouts &= ~(UINT32_C(1) << index);
        scanout->resource = NULL;
    }
}

void gpu_scanout_disable(struct device *device, uint32_t index) {
    struct presenter *presenter = device->options.presenter;
    forget_source(device, index);
    presenter->ops->detach(presenter, index);
}

void gpu_scanouts_reset(struct device *device) {
    struct presenter *presenter = device->options.presenter;
    for (uint32_t i = 0; i < device->scanout_count; i++) {
        gpu_scanout_disable(device, i);
        presenter->ops->set_cursor(presenter, i, NULL, 0, 0);
        device->scanouts[i].hot_x = device->scanouts[i].hot_y = 0;
    }
}

/* Shows the picture, and answers the request. */
static void show(struct device *device, struct gpu_request *request, uint32_t index,
                 struct gpu_resource *resource, const struct presenter_picture *picture,
                 const struct wire_rect *rect) {
    struct presenter *presenter = device->options.presenter;
    const struct presenter_rect source = {rect->x, rect->y, rect->width, rect->height};
    struct gpu_scanout *scanout = &device->scanouts[index];
    forget_source(device, index);
    resource->maker_serial = 0;
    int error = presenter->ops->attach(presenter, index, picture, &source);
    if (error) {
        gpu_refuse(device, request, gpu_error_code(error),
                   "scanout_id %u: the display cannot show resource %u: %s", index,
                   (uint32_t)resource->entry.id, strerror(-error));
        return;
    }
    scanout->resource = resource;
    scanout->source = source;
    resource->scanouts |= UINT32_C(1) << index;
    gpu_request_succeed(device, request);
}

/* ---- checks ------------------------------------------------------------------------------ */

static bool check_scanout(struct device *device, struct gpu_request *request, uint32_t index) {
    if (index >= device->scanout_count) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_SCANOUT_ID, "scanout_id %u: there are %u",
                   index, device->scanout_count);
        return false;
    }
    return true;
}

static bool check_rect(struct device *device, struct gpu_request *request,
                       const struct wire_rect *rect, uint32_t width, uint32_t height) {
    if (rect->width == 0 || rect->height == 0 || !checked_range_u64(rect->x, rect->width, width) ||
        !checked_range_u64(rect->y, rect->height, height)) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER,
                   "%u × %u pixels at %u, %u: empty, or outside of %u × %u", rect->width,
                   rect->height, rect->x, rect->y, width, height);
        return false;
    }
    return true;
}

/* The resource, where there is something to check and show; else the request has been answered:
 * resource 0 disables the scanout. */
static struct gpu_resource *resource_to_show(struct device *device, struct gpu_request *request,
                                             uint32_t scanout_id, uint32_t resource_id) {
    if (!check_scanout(device, request, scanout_id)) {
        return NULL;
    }
    if (resource_id == 0) {
        gpu_scanout_disable(device, scanout_id);
        gpu_request_succeed(device, request);
        return NULL;
    }
    return gpu_resource_of(device, request, resource_id);
}

/* ---- SET_SCANOUT ------------------------------------------------------------------------- */

void gpu_set_scanout(struct device *device, struct gpu_request *request) {
    const struct wire_set_scanout *set = gpu_request_as(request, wire_set_scanout);
    struct gpu_resource *resource =
        resource_to_show(device, request, set->scanout_id, set->resource_id);
    if (!resource) {
        return;
    }
    if (!resource->pixels) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER,
                   "resource_id %u: a blob; SET_SCANOUT_BLOB says how to read it",
                   set->resource_id);
        return;
    }
    if (!check_rect(device, request, &set->rect, resource->width, resource->height)) {
        return;
    }
    const struct presenter_picture picture = {
        .storage = resource->storage,
        .format = resource->format->presenter,
        .width = resource->width,
        .height = resource->height,
        .stride = resource->width * GPU_FORMAT_BYTES,
    };
    show(device, request, set->scanout_id, resource, &picture, &set->rect);
}

/* ---- SET_SCANOUT_BLOB -------------------------------------------------------------------- */

static bool check_blob(struct device *device, struct gpu_request *request,
                       const struct gpu_resource *resource) {
    if (resource->blob_mem == 0) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER,
                   "resource_id %u: a 2D resource, not a blob", (uint32_t)resource->entry.id);
        return false;
    }
    if (!resource->storage && !resource->backing) {
        gpu_refuse(device, request, WIRE_ERR_UNSPEC, "resource_id %u: has no backing",
                   (uint32_t)resource->entry.id);
        return false;
    }
    return true;
}

static bool check_layout(struct device *device, struct gpu_request *request,
                         const struct gpu_resource *resource, const struct gpu_format *format) {
    const struct wire_set_scanout_blob *set = gpu_request_as(request, wire_set_scanout_blob);
    const uint64_t stride = set->strides[0];
    const uint32_t pixel = presenter_format_bytes(format->presenter);
    const uint64_t row = (uint64_t)set->width * pixel;
    if (set->width == 0 || set->height == 0 || stride < row || stride % pixel != 0 ||
        set->offsets[0] % pixel != 0) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER,
                   "%u × %u pixels, stride %u, offset %u: no layout of a picture", set->width,
                   set->height, set->strides[0], set->offsets[0]);
        return false;
    }
    /* Neither product nor sum can wrap: all factors have 32 bits, or 4. */
    const uint64_t size = stride * (set->height - 1) + row;
    if (!checked_range_u64(set->offsets[0], size, resource->size)) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER,
                   "%u × %u pixels, stride %u, offset %u: the blob has %" PRIu64 " bytes",
                   set->width, set->height, set->strides[0], set->offsets[0], resource->size);
        return false;
    }
    return check_rect(device, request, &set->rect, set->width, set->height);
}

void gpu_set_scanout_blob(struct device *device, struct gpu_request *request) {
    const struct wire_set_scanout_blob *set = gpu_request_as(request, wire_set_scanout_blob);
    struct gpu_resource *resource =
        resource_to_show(device, request, set->scanout_id, set->resource_id);
    if (!resource || !check_blob(device, request, resource)) {
        return;
    }
    const struct gpu_format *format = gpu_format_find(set->format);
    if (!format) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER, "format %u: not known",
                   set->format);
        return;
    }
    if (!check_layout(device, request, resource, format)) {
        return;
    }
    const struct presenter_picture picture = {
        .storage = resource->storage,
        .pages = resource->storage ? NULL : resource->backing,
        .format = format->presenter,
        /* Requests say nothing of colours: a display says what it shows, and guests follow. */
        .is_pq = device->scanouts[set->scanout_id].display.hdr &&
                 presenter_format_is_deep(format->presenter),
        .width = set->width,
        .height = set->height,
        .stride = set->strides[0],
        .offset = set->offsets[0],
    };
    show(device, request, set->scanout_id, resource, &picture, &set->rect);
}
