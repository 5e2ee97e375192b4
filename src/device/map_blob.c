#include "device/map_blob.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "device/core.h"

static bool check_map(struct device *device, struct gpu_request *request,
                      const struct gpu_resource *resource) {
    const uint32_t id = (uint32_t)resource->entry.id;
    if (resource->blob_mem != WIRE_BLOB_HOST3D) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER,
                   "resource_id %u: not a blob of host memory only", id);
        return false;
    }
    if (!(resource->blob_flags & CONTEXT_BLOB_MAPPABLE)) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER,
                   "resource_id %u: made without the flag to be mapped", id);
        return false;
    }
    if (resource->mapping) {
        gpu_refuse(device, request, WIRE_ERR_UNSPEC,
                   "resource_id %u: mapped already, at 0x%" PRIx64, id, resource->mapping->offset);
        return false;
    }
    return true;
}

static void map_succeeded(struct device *device, struct gpu_request *request,
                          struct gpu_mapping *mapping) {
    const uint32_t id = gpu_request_as(request, wire_map_blob)->resource_id;
    struct gpu_resource *resource = gpu_resource_find(device, id); /* held by the lane */
    resource->mapping = mapping;
    resource->was_mapped = true;
    resource->place = mapping->offset;
    gpu_count(&device->counters.mappings, 1);
    const struct wire_map_info info = {.map_info = storage_get_caching(resource->storage)};
    gpu_request_succeed_with(device, request, WIRE_OK_MAP_INFO, &info, sizeof(info));
}

static void refuse_offset(struct device *device, struct gpu_request *request, uint64_t offset) {
    const uint32_t alignment = device->options.blob_alignment;
    if (offset & (alignment - 1)) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER,
                   "offset 0x%" PRIx64
                   ": no multiple of blob_alignment, %u: the guest's driver has "
                   "%s BLOB_ALIGNMENT (--blob-alignment)",
                   offset, alignment,
                   gpu_has_feature(device, DEVICE_F_BLOB_ALIGNMENT) ? "accepted" : "not accepted");
    } else {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER,
                   "offset 0x%" PRIx64 ": not in the region of %" PRIu64 " bytes", offset,
                   device->options.host_visible_bytes);
    }
}

static void map_failed(struct device *device, struct gpu_request *request, int error) {
    const struct wire_map_blob *map = gpu_request_as(request, wire_map_blob);
    switch (error) {
    case -ENOSPC:
        gpu_refuse(device, request, WIRE_ERR_OUT_OF_MEMORY,
                   "the limit of %u mappings at once is reached (--max-mappings)",
                   device->options.limits.mappings);
        break;
    case -EEXIST:
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER,
                   "offset 0x%" PRIx64 ": another blob is mapped there (blobs take multiples "
                   "of blob_alignment)",
                   map->offset);
        break;
    case -EINVAL:
        refuse_offset(device, request, map->offset);
        break;
    default:
        gpu_refuse(device, request, gpu_error_code(error), "offset 0x%" PRIx64 ": %s", map->offset,
                   strerror(-error));
        break;
    }
}

void gpu_map_done(void *owner, void *waiter, struct gpu_mapping *mapping, int error) {
    if (error) {
        map_failed(owner, waiter, error);
    } else {
        map_succeeded(owner, waiter, mapping);
    }
}

void gpu_resource_map_blob(struct device *device, struct gpu_request *request) {
    const struct wire_map_blob *map = gpu_request_as(request, wire_map_blob);
    struct gpu_resource *resource = gpu_resource_of(device, request, map->resource_id);
    if (!resource || !check_map(device, request, resource)) {
        return;
    }
    struct gpu_mapping *mapping;
    int result = gpu_mappings_map(&device->mappings, resource->storage, map->offset, resource->size,
                                  request, &mapping);
    if (result < 0) {
        map_failed(device, request, result);
    } else if (result > 0) {
        gpu_request_wait(device, request, GPU_REQUEST_AT_TRANSPORT);
    } else {
        map_succeeded(device, request, mapping);
    }
}

void gpu_resource_unmap_blob(struct device *device, struct gpu_request *request) {
    const uint32_t id = gpu_request_as(request, wire_resource)->resource_id;
    struct gpu_resource *resource = gpu_resource_of(device, request, id);
    if (!resource) {
        return;
    }
    if (!resource->mapping) {
        gpu_refuse(device, request, WIRE_ERR_UNSPEC, "resource_id %u: not mapped", id);
        return;
    }
    gpu_mappings_unmap(&device->mappings, resource->mapping);
    resource->mapping = NULL;
    gpu_count(&device->counters.mappings, -1U);
    gpu_request_succeed(device, request);
}
