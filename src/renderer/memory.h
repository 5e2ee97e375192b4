/* VkDeviceMemory: allocation through the device's strategy, and its way to become a blob. */
#ifndef VESPER_RENDERER_MEMORY_H
#define VESPER_RENDERER_MEMORY_H

#include "protocol/object.h"
#include "renderer/storage.h"

struct renderer_context;

/* Each memory becomes a resource at most once. */
enum memory_export_state {
    MEMORY_NOT_EXPORTED,
    MEMORY_EXPORTING, /* another thread is about to take a reference of the storage */
    MEMORY_EXPORTED,
    MEMORY_FREED, /* by vkFreeMemory, which has given the storage back */
};

struct memory {
    struct vn_object object; /* first */
    uint64_t size;           /* allocationSize as the guest gave it */
    uint32_t type_index;
    bool mappable;           /* HOST_VISIBLE and backed */
    bool shareable;          /* may become a blob: mappable, or exportable by the strategy */
    struct storage *storage; /* own reference; NULL where it is made at export time */
    _Atomic(int) export_state;
    /* Became a blob that nobody else can have: its storage comes back once the guest drops that.
     * Written while MEMORY_EXPORTING. */
    bool comes_back;
    /* Bytes counted in the context's memory_bytes. */
    struct renderer_context *context;
    uint64_t counted_bytes;
};

/* The storage of a live VkDeviceMemory for a blob of `size` bytes with CONTEXT_BLOB_… `flags`: a
 * new reference. 0, or a negative errno with a static sentence in *out_reason. Called on the
 * context stream's thread inside its reader section. */
int memory_export_blob(struct renderer_context *context, uint64_t memory_id, uint32_t flags,
                       uint64_t size, struct storage **out_storage, const char **out_reason);

/* Drops what the record holds (not the host handle, not the record); called when the record is
 * released, hence after the host memory is freed. */
void memory_finish(struct memory *memory);

#endif
