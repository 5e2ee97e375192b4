/* Physical devices as the guest may see them: the host's, filtered by what the codec knows and
 * what the memory strategy can back. Bound once to guest ids by vkEnumeratePhysicalDevices;
 * everything but the ids is constant afterwards. */
#ifndef VESPER_RENDERER_PHYSICAL_DEVICE_H
#define VESPER_RENDERER_PHYSICAL_DEVICE_H

#include "protocol/object.h"
#include "renderer/context.h"
#include "renderer/memory_strategy.h"

struct physical_device {
    struct vn_object object; /* first; handle: VkPhysicalDevice */
    const struct vn_instance_table *vk; /* of the instance, which lives longer */
    VkPhysicalDeviceProperties properties; /* apiVersion capped */
    VkExtensionProperties *host_extensions;
    uint32_t host_extension_count;
    /* What vkEnumerateDeviceExtensionProperties answers, spec versions capped. */
    VkExtensionProperties *extensions;
    uint32_t extension_count;
    VkQueueFamilyProperties *queue_families;
    uint32_t queue_family_count;
    struct memory_plan memory;
};

/* True if the host driver itself has the extension. Any thread. */
bool physical_device_host_has(const struct physical_device *device, const char *extension);
/* True if the guest may enable it. Any thread. */
bool physical_device_offers(const struct physical_device *device, const char *extension);
/* True for extensions that the guest is offered because the renderer acts for the host: the host is
 * not told of them, even where it has them. Any thread. */
bool physical_device_is_emulated(const struct physical_device *device, const char *extension);
/* True if the guest is offered the host's own image modifiers. Any thread. */
bool physical_device_has_host_modifiers(const struct physical_device *device);
/* Fills all but the object of a zeroed record for the host's device `handle`.
 * VK_ERROR_INCOMPATIBLE_DRIVER, with a sentence in `reason`, where a guest cannot use the device;
 * other errors are the host's. In every case physical_device_finish frees what there is. Any
 * thread. */
VkResult physical_device_examine(const struct context_limits *limits,
                                 struct physical_device *device, const struct vn_instance_table *vk,
                                 VkPhysicalDevice handle, char *reason, size_t reason_size);
/* Frees what the record points to (not the record). */
void physical_device_finish(struct physical_device *device);

static inline const struct physical_device *physical_device_from(const struct vn_object *object) {
    return (const struct physical_device *)object;
}

#endif
