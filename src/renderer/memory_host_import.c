/* Shared memory that the driver imports through VK_EXT_external_memory_host: the guest maps the
 * same pages by descriptor. Works on every system and driver that can read our address space. */
#include <errno.h>
#include <string.h>

#include "renderer/chain.h"
#include "renderer/device.h"
#include "renderer/memory_plan.h"
#include "renderer/memory_strategy.h"
#include "renderer/renderer.h"
#include "util/log.h"

static VkDevice handle_of(const struct device *device) {
    return (VkDevice)(uintptr_t)vn_object_handle(&device->object);
}

static void log_shortage(const char *what, int error, uint64_t size) {
    uint64_t count, bytes;
    storage_get_totals(&count, &bytes);
    const char *hint = "";
    if (error == -EMFILE || error == -ENFILE) {
        hint = " (raise the limit of open files, ulimit -n)";
    } else if (error == -ENOMEM) {
        hint = " (no memory, or more mappings than the system allows)";
    }
    log_error("memory of %llu bytes for a guest: %s: %s%s; %llu storages of %llu MiB are alive",
              (unsigned long long)size, what, strerror(-error), hint, (unsigned long long)count,
              (unsigned long long)(bytes >> 20));
}

static VkResult result_of(int error) {
    switch (error) {
    case -EMFILE:
    case -ENFILE:
        return VK_ERROR_TOO_MANY_OBJECTS;
    case -ENOSPC:
    case -EFBIG:
    case -EDQUOT:
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    default:
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
}

/* Vulkan has no import at an address that a capture chose. */
static bool wants_captured_address(const VkMemoryAllocateInfo *info) {
    const VkMemoryOpaqueCaptureAddressAllocateInfo *capture =
        chain_find(info, VK_STRUCTURE_TYPE_MEMORY_OPAQUE_CAPTURE_ADDRESS_ALLOCATE_INFO);
    return capture && capture->opaqueCaptureAddress;
}

/* Rounds the size as the driver wants it for imports; false where the heap is smaller. */
static bool round_size(const struct device *device, const VkMemoryAllocateInfo *info,
                       uint64_t *out_size) {
    const struct memory_plan *plan = &device->physical->memory;
    uint32_t heap = plan->visible.memoryTypes[info->memoryTypeIndex].heapIndex;
    uint64_t heap_size = plan->visible.memoryHeaps[heap].size;
    /* Shared memory is made of nothing until it is touched: without this a guest would be given
     * what the host does not have. */
    if (info->allocationSize > heap_size ||
        !memory_plan_round_size(plan, info->allocationSize, out_size)) {
        log_warning("memory of %llu bytes for a guest: heap %u has %llu",
                    (unsigned long long)info->allocationSize, heap, (unsigned long long)heap_size);
        return false;
    }
    return true;
}

static VkResult import_pointer(struct device *device, const VkMemoryAllocateInfo *guest_info,
                               void *pointer, uint64_t size, VkDeviceMemory *out_memory) {
    if (wants_captured_address(guest_info)) {
        return VK_ERROR_INVALID_OPAQUE_CAPTURE_ADDRESS;
    }
    /* Vulkan has no import of host pointers for one image or buffer only. */
    chain_remove(guest_info, VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO);
    VkImportMemoryHostPointerInfoEXT import = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT,
        .pNext = guest_info->pNext,
        .handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT,
        .pHostPointer = pointer,
    };
    VkMemoryAllocateInfo info = *guest_info;
    info.pNext = &import;
    info.allocationSize = size;
    return device->table.AllocateMemory(handle_of(device), &info, NULL, out_memory);
}

/* New shared memory at an address that the driver takes; else a log line says what is short. */
static int create_storage(uint64_t alignment, uint64_t size, struct storage **out,
                          void **out_pointer) {
    int error = storage_create_shm("vesper-memory", size, out);
    if (error) {
        log_shortage("no shared memory", error, size);
        return error;
    }
    error = storage_map_aligned(*out, alignment, out_pointer);
    if (error) {
        storage_unref(*out);
        log_shortage("shared memory cannot be mapped", error, size);
    }
    return error;
}

/* The same, or what the context may use again, unless another device's driver had it at an address
 * that is none for this one. Cleared: Vulkan promises nothing about new memory, but guests' drivers
 * rely on zeros, as all hosts give them. */
static int get_storage(struct device *device, uint64_t size, struct storage **out,
                       void **out_pointer) {
    const uint64_t alignment = device->physical->memory.size_alignment;
    *out = storage_pool_take(&device->context->pool, size);
    if (*out && storage_map_aligned(*out, alignment, out_pointer) == 0) {
        memset(*out_pointer, 0, storage_get_size(*out));
        return 0;
    }
    storage_unref(*out);
    return create_storage(alignment, size, out, out_pointer);
}

static VkResult host_import_allocate(struct device *device, const VkMemoryAllocateInfo *info,
                                     VkDeviceMemory *out_memory, struct storage **out_storage) {
    uint64_t size;
    if (!round_size(device, info, &size)) {
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    }
    struct storage *storage;
    void *pointer;
    int error = get_storage(device, size, &storage, &pointer);
    if (error) {
        return result_of(error);
    }
    VkResult result = import_pointer(device, info, pointer, size, out_memory);
    if (result < 0) {
        storage_unref(storage);
        log_warning("memory of %llu bytes for a guest: the host's import into type %u failed "
                    "with %d",
                    (unsigned long long)size, info->memoryTypeIndex, (int)result);
        return result;
    }
    *out_storage = storage;
    return VK_SUCCESS;
}

static uint32_t host_import_types(struct device *device, struct storage *storage) {
    const struct memory_plan *plan = &device->physical->memory;
    bool importable = storage_get_kind(storage) == STORAGE_SHM &&
                      storage_get_size(storage) % plan->size_alignment == 0;
    return importable ? plan->backed_types : 0;
}

static VkResult host_import_import(struct device *device, const VkMemoryAllocateInfo *info,
                                   struct storage *storage, VkDeviceMemory *out_memory) {
    uint64_t size;
    if (!(host_import_types(device, storage) & (UINT32_C(1) << info->memoryTypeIndex)) ||
        !memory_plan_round_size(&device->physical->memory, info->allocationSize, &size) ||
        size > storage_get_size(storage)) {
        return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    }
    void *pointer;
    int error = storage_map_aligned(storage, device->physical->memory.size_alignment, &pointer);
    if (error == -EINVAL) {
        return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    }
    if (error) {
        log_shortage("a resource cannot be mapped", error, size);
        return result_of(error);
    }
    return import_pointer(device, info, pointer, size, out_memory);
}

static const char *const host_import_extensions[] = {
    VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME,
    NULL,
};

const struct memory_strategy memory_strategy_host_import = {
    .name = "host-import",
    .device_extensions = host_import_extensions,
    .allocate = host_import_allocate,
    .import_storage = host_import_import,
    .import_types = host_import_types,
};
