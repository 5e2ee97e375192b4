#include "renderer/memory_probe.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "platform/platform.h"
#include "renderer/storage.h"
#include "util/log.h"
#include "venus_tables.h"

/* ---- answers are kept --------------------------------------------------------------------- */

enum probe_kind { PROBE_HOST_IMPORT = 1, PROBE_DMA_BUF };

struct probe_key {
    uint8_t device_uuid[VK_UUID_SIZE];
    uint8_t driver_uuid[VK_UUID_SIZE];
    uint32_t kind;
    uint32_t candidates;
    uint64_t size;
};

/* More devices than a host has; what does not fit is asked anew. */
enum { KEPT_MAX = 16 };

static struct {
    pthread_mutex_t mutex;
    uint32_t count;
    struct {
        struct probe_key key;
        uint32_t types;
    } entries[KEPT_MAX];
} kept = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static struct probe_key make_key(const struct memory_probe *probe, enum probe_kind kind) {
    VkPhysicalDeviceIDProperties id = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES};
    VkPhysicalDeviceProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
        .pNext = &id,
    };
    probe->vk->GetPhysicalDeviceProperties2(probe->device, &properties);
    struct probe_key key;
    memset(&key, 0, sizeof(key)); /* padding, too: keys are compared as bytes */
    memcpy(key.device_uuid, id.deviceUUID, VK_UUID_SIZE);
    memcpy(key.driver_uuid, id.driverUUID, VK_UUID_SIZE);
    key.kind = kind;
    key.candidates = probe->candidates;
    key.size = probe->size;
    return key;
}

/* ---- a device to try on ------------------------------------------------------------------- */

struct trial {
    VkDevice device;
    struct vn_device_table vk;
};

static bool trial_begin(struct trial *trial, const struct memory_probe *probe,
                        const char *const *wanted, uint32_t wanted_count) {
    const char *extensions[4];
    uint32_t count = 0;
    for (uint32_t i = 0; i < wanted_count; i++) {
        extensions[count++] = wanted[i];
    }
    if (probe->has_portability_subset) {
        extensions[count++] = "VK_KHR_portability_subset";
    }
    float priority = 1.0f;
    VkDeviceQueueCreateInfo queue_info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
        .queueCount = 1,
        .pQueuePriorities = &priority,
    };
    VkDeviceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
        .queueCreateInfoCount = 1,
        .pQueueCreateInfos = &queue_info,
        .enabledExtensionCount = count,
        .ppEnabledExtensionNames = extensions,
    };
    VkResult result = probe->vk->CreateDevice(probe->device, &info, NULL, &trial->device);
    if (result < 0) {
        log_warning("trying out memory types: the host's vkCreateDevice failed with %d",
                    (int)result);
        return false;
    }
    vn_device_table_init(&trial->vk, trial->device, probe->vk->GetDeviceProcAddr);
    return true;
}

static void trial_end(struct trial *trial) {
    trial->vk.DestroyDevice(trial->device, NULL);
}

/* ---- host pointers ------------------------------------------------------------------------ */

static bool can_import(const struct trial *trial, uint32_t type, void *pointer, uint64_t size) {
    VkImportMemoryHostPointerInfoEXT import = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT,
        .handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT,
        .pHostPointer = pointer,
    };
    VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .pNext = &import,
        .allocationSize = size,
        .memoryTypeIndex = type,
    };
    VkDeviceMemory memory;
    if (trial->vk.AllocateMemory(trial->device, &info, NULL, &memory) < 0) {
        return false;
    }
    trial->vk.FreeMemory(trial->device, memory, NULL);
    return true;
}

static uint32_t try_import(const struct trial *trial, const struct memory_probe *probe) {
    struct storage *storage;
    int error = storage_create_shm("vesper-probe", probe->size, &storage);
    if (error) {
        log_warning("trying out memory types: no shared memory: %s", strerror(-error));
        return 0;
    }
    uint32_t types = 0;
    void *pointer;
    VkMemoryHostPointerPropertiesEXT properties = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_HOST_POINTER_PROPERTIES_EXT,
    };
    if (storage_map_aligned(storage, probe->size, &pointer) == 0 &&
        trial->vk.GetMemoryHostPointerPropertiesEXT(
            trial->device, VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT, pointer,
            &properties) >= 0) {
        uint32_t claimed = properties.memoryTypeBits & probe->candidates;
        for (uint32_t type = 0; type < VK_MAX_MEMORY_TYPES; type++) {
            uint32_t bit = UINT32_C(1) << type;
            if ((claimed & bit) && can_import(trial, type, pointer, probe->size)) {
                types |= bit;
            }
        }
    }
    storage_unref(storage);
    return types;
}

static uint32_t probe_host_import(const struct memory_probe *probe) {
    static const char *const extension = VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME;
    struct trial trial;
    if (!trial_begin(&trial, probe, &extension, 1)) {
        return 0;
    }
    uint32_t types = trial.vk.GetMemoryHostPointerPropertiesEXT ? try_import(&trial, probe) : 0;
    trial_end(&trial);
    return types;
}

/* ---- dma-bufs ----------------------------------------------------------------------------- */

static bool can_map_export(const struct trial *trial, VkDeviceMemory memory, uint64_t size) {
    VkMemoryGetFdInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_GET_FD_INFO_KHR,
        .memory = memory,
        .handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT,
    };
    int fd;
    if (trial->vk.GetMemoryFdKHR(trial->device, &info, &fd) < 0) {
        return false;
    }
    void *pointer;
    bool mapped = platform_map_shared(fd, size, &pointer) == 0;
    if (mapped) {
        platform_unmap(pointer, size);
    }
    close(fd);
    return mapped;
}

static bool can_export(const struct trial *trial, uint32_t type, uint64_t size) {
    VkExportMemoryAllocateInfo export_info = {
        .sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
        .handleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT,
    };
    VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .pNext = &export_info,
        .allocationSize = size,
        .memoryTypeIndex = type,
    };
    VkDeviceMemory memory;
    if (trial->vk.AllocateMemory(trial->device, &info, NULL, &memory) < 0) {
        return false;
    }
    bool mappable = can_map_export(trial, memory, size);
    trial->vk.FreeMemory(trial->device, memory, NULL);
    return mappable;
}

static uint32_t probe_dma_buf(const struct memory_probe *probe) {
    static const char *const extensions[] = {
        VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME,
        VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME,
    };
    struct trial trial;
    if (!trial_begin(&trial, probe, extensions, 2)) {
        return 0;
    }
    uint32_t types = 0;
    for (uint32_t type = 0; type < VK_MAX_MEMORY_TYPES && trial.vk.GetMemoryFdKHR; type++) {
        uint32_t bit = UINT32_C(1) << type;
        if ((probe->candidates & bit) && can_export(&trial, type, probe->size)) {
            types |= bit;
        }
    }
    trial_end(&trial);
    return types;
}

/* ---- asking once -------------------------------------------------------------------------- */

static uint32_t ask_once(const struct memory_probe *probe, enum probe_kind kind,
                         uint32_t (*ask)(const struct memory_probe *probe)) {
    struct probe_key key = make_key(probe, kind);
    /* Held while asking: a second context that starts meanwhile waits for the same answer. */
    pthread_mutex_lock(&kept.mutex);
    for (uint32_t i = 0; i < kept.count; i++) {
        if (memcmp(&kept.entries[i].key, &key, sizeof(key)) == 0) {
            uint32_t types = kept.entries[i].types;
            pthread_mutex_unlock(&kept.mutex);
            return types;
        }
    }
    uint32_t types = ask(probe);
    if (types && kept.count < KEPT_MAX) {
        kept.entries[kept.count].key = key;
        kept.entries[kept.count].types = types;
        kept.count++;
    }
    pthread_mutex_unlock(&kept.mutex);
    return types;
}

uint32_t memory_probe_host_import(const struct memory_probe *probe) {
    return ask_once(probe, PROBE_HOST_IMPORT, probe_host_import);
}

uint32_t memory_probe_dma_buf(const struct memory_probe *probe) {
    return ask_once(probe, PROBE_DMA_BUF, probe_dma_buf);
}
