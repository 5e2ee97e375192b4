#include "device/resource.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/core.h"

/* ---- the table --------------------------------------------------------------------------- */

struct gpu_resource *gpu_resource_find(struct device *device, uint32_t resource_id) {
    return (struct gpu_resource *)id_table_find(&device->resources, resource_id);
}

struct gpu_resource *gpu_resource_of(struct device *device, struct gpu_request *request,
                                     uint32_t resource_id) {
    struct gpu_resource *resource = gpu_resource_find(device, resource_id);
    if (!resource) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_RESOURCE_ID,
                   "resource_id %u: no such resource", resource_id);
    }
    return resource;
}

bool gpu_resource_may_create(struct device *device, struct gpu_request *request,
                             uint32_t resource_id) {
    if (resource_id == 0 || gpu_resource_find(device, resource_id)) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_RESOURCE_ID, "resource_id %u: %s", resource_id,
                   resource_id ? "in use" : "no number of a resource");
        return false;
    }
    const uint32_t limit = device->options.limits.resources;
    if (atomic_load_explicit(&device->counters.resources, memory_order_relaxed) >= limit) {
        gpu_refuse(device, request, WIRE_ERR_OUT_OF_MEMORY,
                   "the limit of %u resources is reached (--max-resources)", limit);
        return false;
    }
    return true;
}

int gpu_resource_add(struct device *device, struct gpu_resource *resource) {
    int error = id_table_insert(&device->resources, &resource->entry);
    if (!error) {
        gpu_count(&device->counters.resources, 1);
    }
    return error;
}

/* ---- ends -------------------------------------------------------------------------------- */

void gpu_resource_free(struct device *device, struct gpu_resource *resource) {
    if (resource->pixels) {
        gpu_count(&device->counters.pixel_bytes, -storage_get_size(resource->storage));
    }
    storage_unref(resource->storage);
    pages_unref(resource->backing);
    free(resource);
}

/* Storage that only its context ever had goes back to it, once the guest has no resource of it: so
 * no handle, file or mapping of a program is left. */
static void give_back(struct device *device, struct gpu_resource *resource) {
    struct gpu_context *context = gpu_context_find(device, resource->maker_id);
    if (resource->was_mapped && resource->maker_serial && context &&
        context->serial == resource->maker_serial && !context->lost) {
        context->context->ops->reuse(context->context, resource->storage, resource->place);
    }
}

void gpu_resource_destroy(struct device *device, struct gpu_resource *resource) {
    for (uint32_t scanouts = resource->scanouts; scanouts; scanouts &= scanouts - 1) {
        gpu_scanout_disable(device, (uint32_t)__builtin_ctz(scanouts));
    }
    while (resource->attachments) {
        gpu_attachment_destroy(resource->attachments);
    }
    if (resource->mapping) {
        gpu_mappings_unmap(&device->mappings, resource->mapping);
        gpu_count(&device->counters.mappings, -1U);
    }
    give_back(device, resource);
    id_table_remove(&device->resources, &resource->entry);
    gpu_count(&device->counters.resources, -1U);
    gpu_resource_free(device, resource);
}

void gpu_resources_reset(struct device *device) {
    uint64_t cursor = 0;
    struct gpu_resource *resource;
    while ((resource = (struct gpu_resource *)id_table_next(&device->resources, &cursor))) {
        id_table_remove(&device->resources, &resource->entry);
        gpu_resource_free(device, resource);
    }
    atomic_store_explicit(&device->counters.resources, 0, memory_order_relaxed);
    atomic_store_explicit(&device->counters.mappings, 0, memory_order_relaxed);
}

/* The specification names no condition for the end of a resource: what still uses it lets go. */
void gpu_resource_unref(struct device *device, struct gpu_request *request) {
    struct gpu_resource *resource =
        gpu_resource_of(device, request, gpu_request_as(request, wire_resource)->resource_id);
    if (!resource) {
        return;
    }
    gpu_resource_destroy(device, resource);
    gpu_request_succeed(device, request);
}

/* ---- UUIDs ------------------------------------------------------------------------------- */

static bool read_random(uint8_t *bytes, size_t size) {
    FILE *file = fopen("/dev/urandom", "rb");
    if (!file) {
        return false;
    }
    const bool complete = fread(bytes, 1, size, file) == size;
    fclose(file);
    return complete;
}

/* A random one: version 4 of RFC 9562. */
static bool make_uuid(struct gpu_resource *resource) {
    if (!read_random(resource->uuid, sizeof(resource->uuid))) {
        return false;
    }
    resource->uuid[6] = (uint8_t)((resource->uuid[6] & 0x0f) | 0x40);
    resource->uuid[8] = (uint8_t)((resource->uuid[8] & 0x3f) | 0x80);
    resource->has_uuid = true;
    return true;
}

void gpu_resource_assign_uuid(struct device *device, struct gpu_request *request) {
    struct gpu_resource *resource =
        gpu_resource_of(device, request, gpu_request_as(request, wire_resource)->resource_id);
    if (!resource) {
        return;
    }
    if (!resource->has_uuid && !make_uuid(resource)) {
        gpu_refuse(device, request, WIRE_ERR_UNSPEC, "no random numbers: %s", strerror(errno));
        return;
    }
    resource->maker_serial = 0;
    gpu_request_succeed_with(device, request, WIRE_OK_RESOURCE_UUID, resource->uuid,
                             sizeof(resource->uuid));
}
