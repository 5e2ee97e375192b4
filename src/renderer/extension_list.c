#include "renderer/extension_list.h"

#include <stdlib.h>
#include <string.h>

#include "renderer/memory_strategy.h"
#include "renderer/physical_device.h"
#include "venus_extensions.h"

/* Sync files are emulated on every host: guests of Mesa up to 26.1 offer synchronization2, and
 * with it Vulkan 1.3, only where a semaphore can import one. */
static const char *const emulated[] = {
    "VK_KHR_external_fence_fd",
    "VK_KHR_external_semaphore_fd",
};

/* Descriptors of memory can cross to other devices only as dma-bufs. */
static const char *const dma_buf_only[] = {
    "VK_KHR_external_memory_fd",
    "VK_EXT_external_memory_acquire_unmodified",
    "VK_EXT_external_memory_dma_buf",
    "VK_EXT_image_drm_format_modifier",
};

/* Known to the codec, but their commands stay in the guest (which offers them by itself) or have
 * no handler here. */
static const char *const not_served[] = {
    "VK_EXT_descriptor_heap",
    "VK_EXT_tooling_info",
    "VK_KHR_map_memory2",
};

#define IS_ONE_OF(list, name) is_one_of((list), sizeof(list) / sizeof((list)[0]), (name))

static bool is_one_of(const char *const *list, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i], name) == 0) {
            return true;
        }
    }
    return false;
}

bool physical_device_is_emulated(const char *extension) {
    return IS_ONE_OF(emulated, extension);
}

static const struct vn_extension *find_known(const char *name) {
    for (uint32_t i = 0; i < vn_extension_count; i++) {
        if (strcmp(vn_extensions[i].name, name) == 0) {
            return &vn_extensions[i];
        }
    }
    return NULL;
}

bool extension_list_has(const VkExtensionProperties *list, uint32_t count, const char *name) {
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(list[i].extensionName, name) == 0) {
            return true;
        }
    }
    return false;
}

VkResult extension_list_answer(const VkExtensionProperties *list, uint32_t list_count,
                               uint32_t *count, VkExtensionProperties *out) {
    if (!out) {
        *count = list_count;
        return VK_SUCCESS;
    }
    uint32_t room = *count;
    *count = room < list_count ? room : list_count;
    memcpy(out, list, *count * sizeof(*out));
    return room < list_count ? VK_INCOMPLETE : VK_SUCCESS;
}

static void append(VkExtensionProperties *list, uint32_t *count, const char *name,
                   uint32_t spec_version) {
    VkExtensionProperties *entry = &list[(*count)++];
    strncpy(entry->extensionName, name, sizeof(entry->extensionName) - 1);
    entry->specVersion = spec_version;
}

static bool may_offer(const char *name, const struct memory_strategy *strategy) {
    if (IS_ONE_OF(emulated, name) || IS_ONE_OF(not_served, name)) {
        return false;
    }
    return strategy == &memory_strategy_dma_buf || !IS_ONE_OF(dma_buf_only, name);
}

VkResult extension_list_offer(const VkExtensionProperties *host, uint32_t host_count,
                              const struct memory_strategy *strategy, VkExtensionProperties **out,
                              uint32_t *out_count) {
    const uint32_t emulated_count = sizeof(emulated) / sizeof(emulated[0]);
    VkExtensionProperties *list = calloc((size_t)host_count + emulated_count, sizeof(*list));
    if (!list) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < host_count; i++) {
        const struct vn_extension *known = find_known(host[i].extensionName);
        if (known && may_offer(known->name, strategy)) {
            uint32_t host_version = host[i].specVersion;
            append(list, &count, known->name,
                   host_version < known->spec_version ? host_version : known->spec_version);
        }
    }
    for (uint32_t i = 0; i < emulated_count; i++) {
        const struct vn_extension *known = find_known(emulated[i]);
        append(list, &count, emulated[i], known ? known->spec_version : 1);
    }
    *out = list;
    *out_count = count;
    return VK_SUCCESS;
}
