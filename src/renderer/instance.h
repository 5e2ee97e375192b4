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

/* vkDestroyInstance for the guest's command and for what is left at the end: destroys leftover
 * devices, then the host instance, and forgets the ids. */
void instance_destroy(struct stream *stream, struct instance *instance);

/* Drops what the record points to (not the host instance, not the record). */
void instance_finish(struct instance *instance);

#endif
