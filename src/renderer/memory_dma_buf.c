/* Memory of the driver, exported as dma-bufs that the guest can map: for drivers that import no
 * host pointers. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "renderer/chain.h"
#include "renderer/device.h"
#include "renderer/memory_strategy.h"
#include "util/log.h"

static VkDevice handle_of(const struct device *device) {
    return (VkDevice)(uintptr_t)vn_object_handle(&device->object);
}

static VkResult dma_buf_allocate(struct device *device, const VkMemoryAllocateInfo *guest_info,
                                 VkDeviceMemory *out_memory, struct storage **out_storage) {
    chain_remove(guest_info, VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO);
    VkExportMemoryAllocateInfo export_info = {
        .sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
        .pNext = guest_info->pNext,
        .handleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT,
    };
    VkMemoryAllocateInfo info = *guest_info;
    info.pNext = &export_info;
    VkResult result = device->table.AllocateMemory(handle_of(device), &info, NULL, out_memory);
    if (result < 0) {
        log_warning("memory of %llu bytes for a guest: the host's exportable allocation of type "
                    "%u failed with %d",
                    (unsigned long long)info.allocationSize, info.memoryTypeIndex, (int)result);
        return result;
    }
    *out_storage = NULL;
    return VK_SUCCESS;
}

/* Cached mappings are coherent only where the device snoops, which such a type says. */
static enum storage_caching caching_of(const struct device *device, uint32_t type_index) {
    const VkMemoryPropertyFlags cached =
        VK_MEMORY_PROPERTY_HOST_COHERENT_BIT | VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
    VkMemoryPropertyFlags flags =
        device->physical->memory.visible.memoryTypes[type_index].propertyFlags;
    return (flags & cached) == cached ? STORAGE_CACHED : STORAGE_WRITE_COMBINED;
}

static int dma_buf_export(struct device *device, VkDeviceMemory memory, uint32_t type_index,
                          uint64_t size, struct storage **out_storage) {
    VkMemoryGetFdInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_GET_FD_INFO_KHR,
        .memory = memory,
        .handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT,
    };
    int fd = -1;
    VkResult result = device->table.GetMemoryFdKHR(handle_of(device), &info, &fd);
    if (result < 0) {
        log_error("memory for a guest: the host's vkGetMemoryFdKHR failed with %d", (int)result);
        return result == VK_ERROR_TOO_MANY_OBJECTS ? -EMFILE : -ENOMEM;
    }
    int error =
        storage_wrap_fd(fd, STORAGE_DMA_BUF, caching_of(device, type_index), size, out_storage);
    if (error) {
        log_error("memory for a guest: the dma-buf of %llu bytes is of no use: %s",
                  (unsigned long long)size, strerror(-error));
    }
    return error;
}

static uint32_t dma_buf_types(struct device *device, struct storage *storage) {
    if (storage_get_kind(storage) != STORAGE_DMA_BUF) {
        return 0;
    }
    VkMemoryFdPropertiesKHR properties = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_FD_PROPERTIES_KHR,
    };
    VkResult result = device->table.GetMemoryFdPropertiesKHR(
        handle_of(device), VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT, storage_get_fd(storage),
        &properties);
    return result < 0 ? 0 : properties.memoryTypeBits;
}

static VkResult dma_buf_import(struct device *device, const VkMemoryAllocateInfo *guest_info,
                               struct storage *storage, VkDeviceMemory *out_memory) {
    if (storage_get_kind(storage) != STORAGE_DMA_BUF ||
        guest_info->allocationSize > storage_get_size(storage)) {
        return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    }
    /* A successful import takes the descriptor over. */
    int fd = fcntl(storage_get_fd(storage), F_DUPFD_CLOEXEC, 0);
    if (fd < 0) {
        log_error("memory for a guest: no descriptor for an import: %s", strerror(errno));
        return VK_ERROR_TOO_MANY_OBJECTS;
    }
    VkImportMemoryFdInfoKHR import = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR,
        .pNext = guest_info->pNext,
        .handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT,
        .fd = fd,
    };
    VkMemoryAllocateInfo info = *guest_info;
    info.pNext = &import;
    VkResult result = device->table.AllocateMemory(handle_of(device), &info, NULL, out_memory);
    if (result < 0) {
        close(fd);
    }
    return result;
}

static const char *const dma_buf_extensions[] = {
    VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME,
    VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME,
    NULL,
};

const struct memory_strategy memory_strategy_dma_buf = {
    .name = "dma-buf",
    .device_extensions = dma_buf_extensions,
    .allocate = dma_buf_allocate,
    .export_storage = dma_buf_export,
    .import_storage = dma_buf_import,
    .import_types = dma_buf_types,
};
