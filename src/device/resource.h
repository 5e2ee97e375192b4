/* Resources of the guest. Device thread. */
#ifndef VESPER_DEVICE_RESOURCE_H
#define VESPER_DEVICE_RESOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "device/device.h"
#include "device/format.h"
#include "device/mapping.h"
#include "device/wire.h"
#include "util/id_table.h"
#include "util/pages.h"

struct gpu_attachment;
struct gpu_request;

struct gpu_resource {
    struct id_entry entry;  /* first; id: resource_id */
    uint32_t blob_mem;      /* WIRE_BLOB_*; 0: a 2D resource */
    uint32_t blob_flags;    /* CONTEXT_BLOB_* */
    uint64_t size;          /* bytes, as the guest knows it */
    struct storage *storage; /* host memory: a reference; NULL for guest-memory blobs */
    struct pages *backing;   /* guest memory: a reference; NULL: none */
    struct gpu_mapping *mapping; /* NULL: not mapped */
    bool was_mapped;
    uint64_t place; /* where that was last: offset in the region */
    struct gpu_attachment *attachments;
    /* The context that made the storage, while nobody else has had the resource: it may use the storage
     * again. The serial is 0 elsewhere. */
    uint32_t maker_id;
    uint64_t maker_serial;
    uint32_t scanouts; /* bit N: shown on scanout N */
    bool has_uuid;
    uint8_t uuid[16];
    /* Of 2D resources: */
    const struct gpu_format *format;
    uint32_t width, height; /* pixels; rows are 4 × width bytes */
    uint8_t *pixels; /* the storage, mapped */
};

/* NULL: no such resource. */
struct gpu_resource *gpu_resource_find(struct device *device, uint32_t resource_id);
/* The same, or the request is refused, gone, and NULL is returned. */
struct gpu_resource *gpu_resource_of(struct device *device, struct gpu_request *request,
                                     uint32_t resource_id);
/* Whether a resource may be made under this id; else the request is refused and gone. */
bool gpu_resource_may_create(struct device *device, struct gpu_request *request,
                             uint32_t resource_id);
/* Puts a resource (from calloc, its id set) into the table, which has it from then on. 0 or a
 * negative errno; then the caller keeps it. */
int gpu_resource_add(struct device *device, struct gpu_resource *resource);
/* Takes it from scanouts, contexts and the host-visible region, and frees it. */
void gpu_resource_destroy(struct device *device, struct gpu_resource *resource);
/* Frees all, with nobody told. Scanouts show nothing any more, contexts and mappings are gone. */
void gpu_resources_reset(struct device *device);
/* Frees one that was never added, or was just taken out of the table. */
void gpu_resource_free(struct device *device, struct gpu_resource *resource);

/* Reads `count` entries that follow `fixed_size` bytes of the request as pages of the guest. False:
 * the request was refused, and is gone. */
bool gpu_backing_read(struct device *device, struct gpu_request *request, uint32_t count,
                      size_t fixed_size, struct pages **out);

#endif
