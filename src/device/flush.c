/* New pixels on their way to displays. */
#include "device/core.h"
#include "util/checked.h"

/* The part of `rect` that the scanout shows; false: none. The sums have 33 bits. */
static bool clip(const struct wire_rect *rect, const struct presenter_rect *source,
                 struct presenter_rect *out) {
    const uint64_t left = rect->x > source->x ? rect->x : source->x;
    const uint64_t top = rect->y > source->y ? rect->y : source->y;
    uint64_t right = (uint64_t)rect->x + rect->width;
    uint64_t bottom = (uint64_t)rect->y + rect->height;
    if (right > (uint64_t)source->x + source->width) {
        right = (uint64_t)source->x + source->width;
    }
    if (bottom > (uint64_t)source->y + source->height) {
        bottom = (uint64_t)source->y + source->height;
    }
    if (right <= left || bottom <= top) {
        return false;
    }
    *out = (struct presenter_rect){(uint32_t)left, (uint32_t)top, (uint32_t)(right - left),
                                   (uint32_t)(bottom - top)};
    return true;
}

/* Whether any display has been told. */
static bool flush_scanouts(struct device *device, const struct gpu_resource *resource,
                           const struct wire_rect *rect) {
    struct presenter *presenter = device->options.presenter;
    bool told = false;
    for (uint32_t shown = resource->scanouts; shown; shown &= shown - 1) {
        const uint32_t index = (uint32_t)__builtin_ctz(shown);
        struct presenter_rect damage;
        if (clip(rect, &device->scanouts[index].source, &damage)) {
            presenter->ops->flush(presenter, index, &damage, ++device->last_flush_token);
            told = true;
        }
    }
    return told;
}

void gpu_resource_flush(struct device *device, struct gpu_request *request) {
    const struct wire_flush *flush = gpu_request_as(request, wire_flush);
    struct gpu_resource *resource = gpu_resource_of(device, request, flush->resource_id);
    if (!resource) {
        return;
    }
    const struct wire_rect *rect = &flush->rect;
    /* What the size of a blob's picture is, only its scanouts know. */
    if (resource->pixels && (!checked_range_u64(rect->x, rect->width, resource->width) ||
                             !checked_range_u64(rect->y, rect->height, resource->height))) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER,
                   "%u × %u pixels at %u, %u: outside of %u × %u", rect->width, rect->height,
                   rect->x, rect->y, resource->width, resource->height);
        return;
    }
    const bool told = flush_scanouts(device, resource, rect);
    if (!told || !request->fenced) {
        gpu_request_succeed(device, request);
        return;
    }
    request->flush_token = device->last_flush_token;
    gpu_request_leave(device, request, GPU_LANE_RESOURCE);
    gpu_request_wait(device, request, GPU_REQUEST_AT_PRESENTER);
    gpu_flush_wait(device, request);
}
