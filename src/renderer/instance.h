/* VkInstance of the guest: at most one per context. */
#ifndef VESPER_RENDERER_INSTANCE_H
#define VESPER_RENDERER_INSTANCE_H

#include "protocol/object.h"
#include "venus_tables.h"

struct physical_device;
struct stream;

struct instance {
    struct vn_object object; /* first */
    struct vn_instance_table table;
    uint32_t api_version; /* with which the host instance was made */
    /* Bound by the first vkEnumeratePhysicalDevices that asks for ids; guarded by mutex. */
    pthread_mutex_t mutex;
    VkPhysicalDevice *host_devices; /* all that the guest may see, in host order */
    struct physical_device **devices; /* same order; NULL until bound */
    uint32_t device_count;
};

/* The version of the host's Vulkan library, and whether it lists VK_KHR_portability_enumeration (then
 * every host instance is made with it and its flag). After renderer_open_driver. Any thread. */
uint32_t instance_host_version(void);
bool instance_host_lists_portability(void);
/* Writes what keeps vkCreateInstance from finding a driver to `out` (MANIFESTS_TEXT_BYTES of manifests.h
 * are enough); false where the cause may lie in a driver. After renderer_open_driver. Any thread. */
bool instance_explain_incompatible(char *out, size_t size);
/* Makes the instance of the host for a guest's `guest_info`, of which only the application's names
 * matter; `name` appears in messages. Errors are logged with their cause. Any thread. */
VkResult instance_create_host(const char *name, const VkInstanceCreateInfo *guest_info,
                              uint32_t api_version, VkInstance *out);

/* vkDestroyInstance for the guest's command and for what is left at the end: destroys leftover
 * devices, then the host instance, and forgets the ids. */
void instance_destroy(struct stream *stream, struct instance *instance);

/* Drops what the record points to (not the host instance, not the record). */
void instance_finish(struct instance *instance);

#endif
