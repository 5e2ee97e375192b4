#include "renderer/memory.h"

#include <errno.h>

#include "renderer/chain.h"
#include "renderer/device.h"
#include "renderer/memory_plan.h"
#include "renderer/renderer.h"
#include "util/log.h"
#include "venus_handlers.h"

/* ---- what the context's limit allows ------------------------------------------------------ */

static bool count_bytes(struct memory *memory, struct renderer_context *context, uint64_t size) {
    uint64_t before = atomic_load_explicit(&context->memory_bytes, memory_order_relaxed);
    do {
        if (size > context->limits.memory_bytes || before > context->limits.memory_bytes - size) {
            log_warning("%s: %llu bytes of memory refused: %llu of %llu are in use "
                        "(--max-memory-bytes)",
                        context->name, (unsigned long long)size, (unsigned long long)before,
                        (unsigned long long)context->limits.memory_bytes);
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&context->memory_bytes, &before, before + size,
                                                    memory_order_relaxed, memory_order_relaxed));
    memory->context = context;
    memory->counted_bytes = size;
    return true;
}

static void uncount_bytes(struct memory *memory) {
    if (memory->counted_bytes) {
        atomic_fetch_sub_explicit(&memory->context->memory_bytes, memory->counted_bytes,
                                  memory_order_relaxed);
        memory->counted_bytes = 0;
    }
}

void memory_finish(struct memory *memory) {
    storage_unref(memory->storage);
    uncount_bytes(memory);
}

/* ---- allocation --------------------------------------------------------------------------- */

static bool wants_dma_buf(const VkMemoryAllocateInfo *info) {
    const VkExportMemoryAllocateInfo *export_info =
        chain_find(info, VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO);
    return export_info &&
           (export_info->handleTypes & VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT);
}

/* `info` has no structure left that shares memory. */
static VkResult import_resource(struct stream *stream, struct device *device, struct memory *memory,
                                const VkMemoryAllocateInfo *info, uint32_t resource_id,
                                VkDeviceMemory *out) {
    struct resource *resource = resource_table_get(&stream->context->resources, resource_id);
    if (!resource) {
        log_warning("%s: memory cannot be imported from resource %u, which does not exist",
                    stream->context->name, resource_id);
        return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    }
    VkResult result =
        device->physical->memory.strategy->import_storage(device, info, resource->storage, out);
    if (result >= 0) {
        /* Keeps the mapping for as long as the driver uses it. The guest has its resource: there
         * is nothing to export. */
        memory->storage = storage_ref(resource->storage);
    } else {
        log_warning("%s: memory of %llu bytes cannot be imported from resource %u (%d)",
                    stream->context->name, (unsigned long long)info->allocationSize, resource_id,
                    (int)result);
    }
    resource_unref(resource);
    return result;
}

static VkResult allocate(struct stream *stream, struct device *device, struct memory *memory,
                         const VkMemoryAllocateInfo *info, VkDeviceMemory *out) {
    struct renderer_context *context = stream->context;
    const struct memory_plan *plan = &device->physical->memory;
    if (info->memoryTypeIndex >= plan->visible.memoryTypeCount || !info->allocationSize) {
        log_warning("%s: vkAllocateMemory: type %u and size %llu are not valid", context->name,
                    info->memoryTypeIndex, (unsigned long long)info->allocationSize);
        return VK_ERROR_UNKNOWN;
    }
    memory->size = info->allocationSize;
    memory->type_index = info->memoryTypeIndex;
    bool is_exported = wants_dma_buf(info);
    const VkImportMemoryResourceInfoMESA *import =
        chain_find(info, VK_STRUCTURE_TYPE_IMPORT_MEMORY_RESOURCE_INFO_MESA);
    /* What the guest means by them is between it and us; the strategy says what the host hears. */
    chain_remove(info, VK_STRUCTURE_TYPE_IMPORT_MEMORY_RESOURCE_INFO_MESA);
    chain_remove(info, VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO);
    if (import) {
        return import_resource(stream, device, memory, info, import->resourceId, out);
    }
    memory->mappable = plan->backed_types & (UINT32_C(1) << info->memoryTypeIndex);
    memory->shareable = memory->mappable || (is_exported && plan->strategy->export_storage);
    if (is_exported && plan->emulates_dma_buf && !memory->mappable) {
        log_warning("%s: vkAllocateMemory: memory of type %u cannot be a dma-buf: the host driver "
                    "imports shared memory as types 0x%x only",
                    context->name, info->memoryTypeIndex, plan->backed_types);
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    }
    if (!memory->shareable) {
        return device->table.AllocateMemory((VkDevice)(uintptr_t)vn_object_handle(&device->object),
                                            info, NULL, out);
    }
    /* What it really takes: with large pages a byte is 16 KiB. */
    uint64_t taken;
    if (!memory_plan_round_size(plan, info->allocationSize, &taken)) {
        taken = UINT64_MAX; /* more than every limit */
    }
    if (!count_bytes(memory, context, taken)) {
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    }
    VkResult result = plan->strategy->allocate(device, info, out, &memory->storage);
    if (result < 0) {
        uncount_bytes(memory);
    }
    return result;
}

void vn_handle_vkAllocateMemory(struct vn_stream *s, struct vn_vkAllocateMemory *a) {
    struct stream *stream = stream_from(s);
    struct device *device = (struct device *)a->device_object;
    struct memory *memory = (struct memory *)object_reserve(
        stream, VK_OBJECT_TYPE_DEVICE_MEMORY, a->pMemory_id, sizeof(*memory), &device->object,
        device->object.vk, "pMemory");
    if (!memory) {
        return;
    }
    VkDeviceMemory handle = VK_NULL_HANDLE;
    a->ret = allocate(stream, device, memory, a->pAllocateInfo, &handle);
    *a->pMemory = handle;
    vn_object_publish(s, &memory->object, (uint64_t)(uintptr_t)handle, a->ret);
}

/* The host memory is gone. The record stays for as long as somebody may look at it, which a
 * waiting ring can make long; what it holds is given back now, unless the context stream is just
 * exporting it. */
static void release_early(struct memory *memory) {
    const int state = atomic_exchange(&memory->export_state, MEMORY_FREED);
    if (state != MEMORY_EXPORTING) {
        struct storage *storage = memory->storage;
        if (state == MEMORY_EXPORTED && memory->comes_back) {
            storage_pool_note_freed(&memory->context->pool, storage);
        }
        memory->storage = NULL;
        storage_unref(storage);
        uncount_bytes(memory);
    }
}

void vn_handle_vkFreeMemory(struct vn_stream *s, struct vn_vkFreeMemory *a) {
    if (!a->memory_object) {
        return;
    }
    vn_object_destroy(s, a->memory_object);
    if (!s->decoder.failed) {
        release_early((struct memory *)a->memory_object);
    }
}

/* ---- resources ---------------------------------------------------------------------------- */

void vn_handle_vkGetMemoryResourcePropertiesMESA(struct vn_stream *s,
                                                 struct vn_vkGetMemoryResourcePropertiesMESA *a) {
    struct device *device = (struct device *)a->device_object;
    struct resource *resource =
        resource_table_get(&stream_from(s)->context->resources, a->resourceId);
    if (!resource) {
        cs_fail(&s->decoder, "resourceId", "the context has no such resource");
        return;
    }
    VkMemoryResourcePropertiesMESA *out = a->pMemoryResourceProperties;
    out->memoryTypeBits =
        device->physical->memory.strategy->import_types(device, resource->storage);
    VkMemoryResourceAllocationSizePropertiesMESA *size =
        chain_find(out, VK_STRUCTURE_TYPE_MEMORY_RESOURCE_ALLOCATION_SIZE_PROPERTIES_MESA);
    if (size) {
        size->allocationSize = storage_get_size(resource->storage);
    }
    a->ret = out->memoryTypeBits ? VK_SUCCESS : VK_ERROR_INVALID_EXTERNAL_HANDLE;
    resource_unref(resource);
}

static int refuse(int error, const char *reason, const char **out_reason) {
    *out_reason = reason;
    return error;
}

static const char *find_fault(const struct memory *memory, uint32_t flags, uint64_t size) {
    if (!memory->shareable || ((flags & CONTEXT_BLOB_MAPPABLE) && !memory->mappable)) {
        return "the memory is of a type that cannot be shared or mapped";
    }
    /* Other devices in the guest use what the guest's kernel makes of the blob; where we emulate
     * dma-bufs they are devices of ours. */
    if ((flags & CONTEXT_BLOB_CROSS_DEVICE) && memory->storage &&
        storage_get_kind(memory->storage) != STORAGE_DMA_BUF &&
        !device_from(memory->object.vk)->physical->memory.emulates_dma_buf) {
        return "only a dma-buf can be used by other devices";
    }
    if (memory->storage && size > storage_get_size(memory->storage)) {
        return "the blob is larger than the memory";
    }
    return NULL;
}

/* Called while the state is MEMORY_EXPORTING: the storage stays. */
static int take_storage(struct memory *memory, uint32_t flags, uint64_t size,
                        struct storage **out_storage, const char **out_reason) {
    const char *fault = find_fault(memory, flags, size);
    if (fault) {
        return refuse(-EINVAL, fault, out_reason);
    }
    if (memory->storage) {
        *out_storage = storage_ref(memory->storage);
        return 0;
    }
    struct device *device = device_from(memory->object.vk);
    VkDeviceMemory handle = (VkDeviceMemory)(uintptr_t)vn_object_handle(&memory->object);
    int error = device->physical->memory.strategy->export_storage(
        device, handle, memory->type_index, size, out_storage);
    return error ? refuse(error, "the host does not export the memory in this size", out_reason)
                 : 0;
}

static int export_once(struct memory *memory, uint32_t flags, uint64_t size,
                       struct storage **out_storage, const char **out_reason) {
    int state = MEMORY_NOT_EXPORTED;
    if (!atomic_compare_exchange_strong(&memory->export_state, &state, MEMORY_EXPORTING)) {
        return state == MEMORY_FREED
                   ? refuse(-ENOENT, "the memory has been freed", out_reason)
                   : refuse(-EBUSY, "the memory has become a blob before", out_reason);
    }
    int error = take_storage(memory, flags, size, out_storage, out_reason);
    memory->comes_back = !error && memory->storage && flags == CONTEXT_BLOB_MAPPABLE;
    state = MEMORY_EXPORTING; /* unless it was freed meanwhile */
    atomic_compare_exchange_strong(&memory->export_state, &state,
                                   error ? MEMORY_NOT_EXPORTED : MEMORY_EXPORTED);
    return error;
}

int memory_export_blob(struct renderer_context *context, uint64_t memory_id, uint32_t flags,
                       uint64_t size, struct storage **out_storage, const char **out_reason) {
    struct vn_object *object =
        (struct vn_object *)id_table_find(&context->objects.table, memory_id);
    if (!object || object->type != VK_OBJECT_TYPE_DEVICE_MEMORY) {
        return refuse(-ENOENT, "the blob id is not that of a live VkDeviceMemory", out_reason);
    }
    VkResult poison = object_get_poison(object);
    if (poison == VK_NOT_READY) {
        return refuse(-EAGAIN, "the memory is still being allocated", out_reason);
    }
    if (poison != VK_SUCCESS) {
        return refuse(-ENOMEM, "the memory could not be allocated", out_reason);
    }
    return export_once((struct memory *)object, flags, size, out_storage, out_reason);
}
