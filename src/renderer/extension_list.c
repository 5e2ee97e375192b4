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

/* Emulated where the plan emulates dma-bufs: what Mesa's guest driver wants of a renderer before
 * it offers memory as dma-bufs, and swapchains made of them. */
static const char *const emulated_with_dma_bufs[] = {
    "VK_KHR_external_memory_fd",
    "VK_EXT_external_memory_dma_buf",
    "VK_EXT_image_drm_format_modifier",
};

/* Likewise, but the host's own is as good: it is no more than a number in barriers. */
static const char *const foreign_family = "VK_EXT_queue_family_foreign";

/* Descriptors of the host's memory can cross to other devices only as dma-bufs. */
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

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define IS_ONE_OF(list, name) is_one_of((list), COUNT_OF(list), (name))

static bool is_one_of(const char *const *list, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i], name) == 0) {
            return true;
        }
    }
    return false;
}

bool physical_device_is_emulated(const struct physical_device *device, const char *extension) {
    if (IS_ONE_OF(emulated, extension)) {
        return true;
    }
    return device->memory.emulates_dma_buf && (IS_ONE_OF(emulated_with_dma_bufs, extension) ||
                                               (strcmp(extension, foreign_family) == 0 &&
                                                !physical_device_host_has(device, foreign_family)));
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

struct offer {
    VkExtensionProperties *list;
    uint32_t count;
};

static void append(struct offer *offer, const char *name, uint32_t spec_version) {
    VkExtensionProperties *entry = &offer->list[offer->count++];
    strncpy(entry->extensionName, name, sizeof(entry->extensionName) - 1);
    entry->specVersion = spec_version;
}

static void append_emulated(struct offer *offer, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!extension_list_has(offer->list, offer->count, names[i])) {
            const struct vn_extension *known = find_known(names[i]);
            append(offer, names[i], known ? known->spec_version : 1);
        }
    }
}

static bool may_pass(const char *name, const struct memory_plan *plan) {
    if (IS_ONE_OF(emulated, name) || IS_ONE_OF(not_served, name)) {
        return false;
    }
    return plan->strategy == &memory_strategy_dma_buf || !IS_ONE_OF(dma_buf_only, name);
}

const char *extension_list_why_withheld(const char *name, const struct memory_plan *plan) {
    if (!find_known(name)) {
        return "not known to the Venus protocol of this build";
    }
    if (IS_ONE_OF(emulated, name)) {
        return NULL; /* offered, but by us */
    }
    if (IS_ONE_OF(not_served, name)) {
        return "served by the guest itself, or not at all";
    }
    if (may_pass(name, plan)) {
        return NULL;
    }
    return plan->emulates_dma_buf && IS_ONE_OF(emulated_with_dma_bufs, name)
               ? NULL
               : "needs memory that the driver exports as dma-bufs";
}

static void append_passed(struct offer *offer, const VkExtensionProperties *host,
                          uint32_t host_count, const struct memory_plan *plan) {
    for (uint32_t i = 0; i < host_count; i++) {
        const struct vn_extension *known = find_known(host[i].extensionName);
        if (known && may_pass(known->name, plan)) {
            uint32_t host_version = host[i].specVersion;
            append(offer, known->name,
                   host_version < known->spec_version ? host_version : known->spec_version);
        }
    }
}

VkResult extension_list_offer(const VkExtensionProperties *host, uint32_t host_count,
                              const struct memory_plan *plan, VkExtensionProperties **out,
                              uint32_t *out_count) {
    const size_t most_emulated = COUNT_OF(emulated) + COUNT_OF(emulated_with_dma_bufs) + 1;
    struct offer offer = {calloc(host_count + most_emulated, sizeof(*offer.list)), 0};
    if (!offer.list) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    append_passed(&offer, host, host_count, plan);
    append_emulated(&offer, emulated, COUNT_OF(emulated));
    if (plan->emulates_dma_buf) {
        append_emulated(&offer, emulated_with_dma_bufs, COUNT_OF(emulated_with_dma_bufs));
        append_emulated(&offer, &foreign_family, 1);
    }
    *out = offer.list;
    *out_count = offer.count;
    return VK_SUCCESS;
}
