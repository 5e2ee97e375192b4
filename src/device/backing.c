/* Guest memory behind resources. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "device/core.h"

static bool check_entries(struct device *device, struct gpu_request *request, uint32_t count,
                          size_t fixed_size) {
    const uint32_t limit = device->options.limits.backing_pieces;
    if (count > limit) {
        gpu_refuse(device, request, WIRE_ERR_OUT_OF_MEMORY,
                   "%u entries: the limit is %u (--max-backing-pieces)", count, limit);
        return false;
    }
    const size_t present = (request->base.size - fixed_size) / sizeof(struct wire_mem_entry);
    if (count == 0 || count > present) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER, "%u entries: the request has %zu",
                   count, present);
        return false;
    }
    if (!device->memory) {
        gpu_refuse(device, request, WIRE_ERR_UNSPEC, "the guest's memory is not known");
        return false;
    }
    return true;
}

static int collect(struct device *device, const struct wire_mem_entry *entries, uint32_t count,
                   struct pages **out, size_t *out_bad) {
    struct guest_range *ranges = malloc(count * sizeof(*ranges));
    *out_bad = 0;
    if (!ranges) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < count; i++) {
        ranges[i] = (struct guest_range){entries[i].address, entries[i].length};
    }
    int error = guest_memory_collect(device->memory, ranges, count, out, out_bad);
    free(ranges);
    return error;
}

bool gpu_backing_read(struct device *device, struct gpu_request *request, uint32_t count,
                      size_t fixed_size, struct pages **out) {
    if (!check_entries(device, request, count, fixed_size)) {
        return false;
    }
    const struct wire_mem_entry *entries =
        (const struct wire_mem_entry *)(const void *)(request->base.bytes + fixed_size);
    size_t bad;
    int error = collect(device, entries, count, out, &bad);
    if (error == -ENOMEM) {
        gpu_refuse(device, request, WIRE_ERR_OUT_OF_MEMORY, "%u entries: no memory", count);
        return false;
    }
    if (error) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER,
                   "entry %zu, %u bytes at 0x%" PRIx64 ": %s", bad, entries[bad].length,
                   entries[bad].address,
                   entries[bad].length ? "not in the guest's memory" : "empty");
        return false;
    }
    return true;
}

static bool check_attach(struct device *device, struct gpu_request *request,
                         const struct gpu_resource *resource) {
    if (resource->blob_mem == WIRE_BLOB_HOST3D) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER,
                   "resource_id %u: a blob of host memory only", (uint32_t)resource->entry.id);
        return false;
    }
    if (resource->backing) {
        gpu_refuse(device, request, WIRE_ERR_UNSPEC, "resource_id %u: has a backing already",
                   (uint32_t)resource->entry.id);
        return false;
    }
    return true;
}

void gpu_resource_attach_backing(struct device *device, struct gpu_request *request) {
    const struct wire_attach_backing *attach = gpu_request_as(request, wire_attach_backing);
    struct gpu_resource *resource = gpu_resource_of(device, request, attach->resource_id);
    struct pages *pages;
    if (!resource || !check_attach(device, request, resource) ||
        !gpu_backing_read(device, request, attach->entry_count, sizeof(*attach), &pages)) {
        return;
    }
    if (resource->blob_mem && pages_get_size(pages) < resource->size) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER,
                   "%" PRIu64 " bytes: the blob has %" PRIu64, pages_get_size(pages),
                   resource->size);
        pages_unref(pages);
        return;
    }
    resource->backing = pages;
    gpu_request_succeed(device, request);
}

void gpu_resource_detach_backing(struct device *device, struct gpu_request *request) {
    const uint32_t id = gpu_request_as(request, wire_resource)->resource_id;
    struct gpu_resource *resource = gpu_resource_of(device, request, id);
    if (!resource) {
        return;
    }
    if (!resource->backing) {
        gpu_refuse(device, request, WIRE_ERR_UNSPEC, "resource_id %u: has no backing", id);
        return;
    }
    /* The guest may use these pages for something else now: no display shows them any more. */
    for (uint32_t shown = resource->storage ? 0 : resource->scanouts; shown; shown &= shown - 1) {
        gpu_scanout_disable(device, (uint32_t)__builtin_ctz(shown));
    }
    pages_unref(resource->backing);
    resource->backing = NULL;
    gpu_request_succeed(device, request);
}
