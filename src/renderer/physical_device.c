#include "renderer/physical_device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "renderer/extension_list.h"
#include "renderer/instance.h"
#include "renderer/memory_plan.h"
#include "renderer/renderer.h"
#include "renderer/version.h"
#include "util/log.h"
#include "venus_handlers.h"

/* ---- one device -------------------------------------------------------------------------- */

static VkResult list_host_extensions(const struct vn_instance_table *vk, VkPhysicalDevice handle,
                                     VkExtensionProperties **out, uint32_t *out_count) {
    uint32_t count = 0;
    VkResult result = vk->EnumerateDeviceExtensionProperties(handle, NULL, &count, NULL);
    if (result < 0) {
        return result;
    }
    VkExtensionProperties *list = calloc(count ? count : 1, sizeof(*list));
    if (!list) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    result = vk->EnumerateDeviceExtensionProperties(handle, NULL, &count, list);
    if (result < 0) {
        free(list);
        return result;
    }
    *out = list;
    *out_count = count;
    return VK_SUCCESS;
}

static VkResult list_queue_families(const struct vn_instance_table *vk, VkPhysicalDevice handle,
                                    VkQueueFamilyProperties **out, uint32_t *out_count) {
    uint32_t count = 0;
    vk->GetPhysicalDeviceQueueFamilyProperties(handle, &count, NULL);
    VkQueueFamilyProperties *list = calloc(count ? count : 1, sizeof(*list));
    if (!list) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    vk->GetPhysicalDeviceQueueFamilyProperties(handle, &count, list);
    *out = list;
    *out_count = count;
    return VK_SUCCESS;
}

static void apply_options(struct memory_plan *plan, const struct context_limits *limits) {
    if (plan->emulates_dma_buf && limits->no_emulated_dma_bufs) {
        plan->emulates_dma_buf = false;
        plan->no_dma_buf_reason = "they are not asked for";
    }
}

VkResult physical_device_examine(const struct context_limits *limits,
                                 struct physical_device *device, const struct vn_instance_table *vk,
                                 VkPhysicalDevice handle, char *reason, size_t reason_size) {
    device->vk = vk;
    vk->GetPhysicalDeviceProperties(handle, &device->properties);
    device->properties.apiVersion = version_cap(device->properties.apiVersion);
    if (device->properties.apiVersion < VK_API_VERSION_1_1) {
        snprintf(reason, reason_size, "its driver offers Vulkan 1.0 only");
        return VK_ERROR_INCOMPATIBLE_DRIVER;
    }
    VkResult result =
        list_host_extensions(vk, handle, &device->host_extensions, &device->host_extension_count);
    if (result < 0) {
        snprintf(reason, reason_size, "its driver does not list its extensions (%d)", (int)result);
        return result;
    }
    if (!memory_plan_make(&device->memory, vk, handle, device->host_extensions,
                          device->host_extension_count, reason, reason_size)) {
        return VK_ERROR_INCOMPATIBLE_DRIVER;
    }
    apply_options(&device->memory, limits);
    result = list_queue_families(vk, handle, &device->queue_families, &device->queue_family_count);
    if (result < 0) {
        snprintf(reason, reason_size, "there is no memory for its description");
        return result;
    }
    result = extension_list_offer(device->host_extensions, device->host_extension_count,
                                  &device->memory, &device->extensions, &device->extension_count);
    if (result < 0) {
        snprintf(reason, reason_size, "there is no memory for its description");
    }
    return result;
}

void physical_device_finish(struct physical_device *device) {
    free(device->host_extensions);
    free(device->extensions);
    free(device->queue_families);
}

bool physical_device_host_has(const struct physical_device *device, const char *extension) {
    return extension_list_has(device->host_extensions, device->host_extension_count, extension);
}

bool physical_device_offers(const struct physical_device *device, const char *extension) {
    return extension_list_has(device->extensions, device->extension_count, extension);
}

bool physical_device_has_host_modifiers(const struct physical_device *device) {
    return !device->memory.emulates_dma_buf &&
           physical_device_offers(device, VK_EXT_IMAGE_DRM_FORMAT_MODIFIER_EXTENSION_NAME);
}

/* ---- all devices of the instance --------------------------------------------------------- */

static bool is_usable(const struct renderer_context *context, const struct instance *instance,
                      VkPhysicalDevice handle) {
    struct physical_device device;
    memset(&device, 0, sizeof(device));
    char reason[256];
    VkResult result = physical_device_examine(&context->limits, &device, &instance->table, handle,
                                              reason, sizeof(reason));
    if (result >= 0 && device.memory.no_dma_buf_reason && !context->limits.no_emulated_dma_bufs) {
        log_info("%s: the host's device \"%s\" gives guests no dma-bufs, pictures for displays are "
                 "copied: %s",
                 context->name, device.properties.deviceName, device.memory.no_dma_buf_reason);
    }
    if (result < 0) {
        log_warning("%s: the host's device \"%s\" is hidden from the guest: %s", context->name,
                    device.properties.deviceName, reason);
    }
    physical_device_finish(&device);
    return result >= 0;
}

/* Finds the host's devices, once. With the instance's mutex held. */
static VkResult discover(const struct renderer_context *context, struct instance *instance) {
    if (instance->host_devices) {
        return VK_SUCCESS;
    }
    VkInstance handle = (VkInstance)(uintptr_t)vn_object_handle(&instance->object);
    uint32_t count = 0;
    VkResult result = instance->table.EnumeratePhysicalDevices(handle, &count, NULL);
    if (result < 0) {
        return result;
    }
    VkPhysicalDevice *handles = calloc(count ? count : 1, sizeof(VkPhysicalDevice));
    struct physical_device **devices = calloc(count ? count : 1, sizeof(struct physical_device *));
    if (!handles || !devices) {
        result = VK_ERROR_OUT_OF_HOST_MEMORY;
        goto error;
    }
    result = instance->table.EnumeratePhysicalDevices(handle, &count, handles);
    if (result < 0) {
        goto error;
    }
    uint32_t usable = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (is_usable(context, instance, handles[i])) {
            handles[usable++] = handles[i];
        }
    }
    instance->host_devices = handles;
    instance->devices = devices;
    instance->device_count = usable;
    return VK_SUCCESS;

error:
    free(handles);
    free(devices);
    return result;
}

/* Binds `id` to the device at `index`, or checks that it is bound to it already. */
static VkResult bind_id(struct vn_stream *s, struct instance *instance, uint32_t index,
                        uint64_t id) {
    struct physical_device *device = instance->devices[index];
    if (device) {
        if (device->object.entry.id != id) {
            cs_fail(&s->decoder, "pPhysicalDevices", "a physical device has another id already");
        }
        return VK_SUCCESS;
    }
    device = (struct physical_device *)object_reserve(
        stream_from(s), VK_OBJECT_TYPE_PHYSICAL_DEVICE, id, sizeof(*device), &instance->object,
        NULL, "pPhysicalDevices");
    if (!device) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    VkPhysicalDevice handle = instance->host_devices[index];
    char reason[256];
    const struct renderer_context *context = stream_from(s)->context;
    VkResult result = physical_device_examine(&context->limits, device, &instance->table, handle,
                                              reason, sizeof(reason));
    if (result < 0) {
        log_error("%s: the host's device \"%s\" has become unusable: %s", context->name,
                  device->properties.deviceName, reason);
    }
    if (result < 0) {
        object_take(&stream_from(s)->context->objects, &device->object);
        return result;
    }
    vn_object_publish(s, &device->object, (uint64_t)(uintptr_t)handle, VK_SUCCESS);
    instance->devices[index] = device;
    return VK_SUCCESS;
}

static VkResult enumerate_devices(struct vn_stream *s, struct instance *instance,
                                  struct vn_vkEnumeratePhysicalDevices *a) {
    VkResult result = discover(stream_from(s)->context, instance);
    if (result < 0) {
        *a->pPhysicalDeviceCount = 0;
        return result;
    }
    if (!a->pPhysicalDevices) {
        *a->pPhysicalDeviceCount = instance->device_count;
        return VK_SUCCESS;
    }
    uint32_t room = *a->pPhysicalDeviceCount;
    uint32_t count = room < instance->device_count ? room : instance->device_count;
    *a->pPhysicalDeviceCount = count;
    for (uint32_t i = 0; i < count && !s->decoder.failed; i++) {
        result = bind_id(s, instance, i, a->pPhysicalDevices_ids[i]);
        if (result < 0) {
            return result;
        }
        a->pPhysicalDevices[i] = instance->host_devices[i];
    }
    return room < instance->device_count ? VK_INCOMPLETE : VK_SUCCESS;
}

void vn_handle_vkEnumeratePhysicalDevices(struct vn_stream *s,
                                          struct vn_vkEnumeratePhysicalDevices *a) {
    struct instance *instance = (struct instance *)a->instance_object;
    pthread_mutex_lock(&instance->mutex);
    a->ret = enumerate_devices(s, instance, a);
    pthread_mutex_unlock(&instance->mutex);
}

/* ---- groups ------------------------------------------------------------------------------ */

/* The guest's id of a host device, 0 where the guest does not know it. With the mutex held. */
static uint64_t bound_id(const struct instance *instance, VkPhysicalDevice handle) {
    for (uint32_t i = 0; i < instance->device_count; i++) {
        if (instance->host_devices[i] == handle && instance->devices[i]) {
            return instance->devices[i]->object.entry.id;
        }
    }
    return 0;
}

/* Reduces a host group to what the guest knows and puts ids, which is what the reply carries, in
 * the place of handles. False where nothing is left. */
static bool translate_group(const struct instance *instance,
                            const VkPhysicalDeviceGroupProperties *host,
                            VkPhysicalDeviceGroupProperties *out) {
    uint64_t ids[VK_MAX_DEVICE_GROUP_SIZE] = {0};
    uint32_t count = 0;
    for (uint32_t i = 0; i < host->physicalDeviceCount; i++) {
        uint64_t id = bound_id(instance, host->physicalDevices[i]);
        if (id) {
            ids[count++] = id;
        }
    }
    if (!count) {
        return false;
    }
    out->physicalDeviceCount = count;
    out->subsetAllocation = host->subsetAllocation;
    for (uint32_t i = 0; i < VK_MAX_DEVICE_GROUP_SIZE; i++) {
        out->physicalDevices[i] = (VkPhysicalDevice)(uintptr_t)ids[i];
    }
    return true;
}

static VkResult list_host_groups(struct vn_stream *s, const struct instance *instance,
                                 VkPhysicalDeviceGroupProperties **out, uint32_t *out_count) {
    VkInstance handle = (VkInstance)(uintptr_t)vn_object_handle(&instance->object);
    uint32_t count = 0;
    VkResult result = instance->table.EnumeratePhysicalDeviceGroups(handle, &count, NULL);
    if (result < 0) {
        return result;
    }
    VkPhysicalDeviceGroupProperties *groups =
        cs_temp(&s->decoder, count, sizeof(*groups), "pPhysicalDeviceGroupProperties");
    if (!groups) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++) {
        groups[i].sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_GROUP_PROPERTIES;
    }
    result = instance->table.EnumeratePhysicalDeviceGroups(handle, &count, groups);
    *out = groups;
    *out_count = count;
    return result;
}

static VkResult enumerate_groups(struct vn_stream *s, const struct instance *instance,
                                 struct vn_vkEnumeratePhysicalDeviceGroups *a) {
    VkPhysicalDeviceGroupProperties *out = a->pPhysicalDeviceGroupProperties;
    uint32_t room = out ? *a->pPhysicalDeviceGroupCount : UINT32_MAX;
    *a->pPhysicalDeviceGroupCount = 0;

    VkPhysicalDeviceGroupProperties *groups;
    uint32_t group_count;
    VkResult result = list_host_groups(s, instance, &groups, &group_count);
    if (result < 0) {
        return result;
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < group_count; i++) {
        VkPhysicalDeviceGroupProperties unwanted;
        bool has_room = out && count < room;
        if (!translate_group(instance, &groups[i], has_room ? &out[count] : &unwanted)) {
            continue;
        }
        if (count == room) {
            result = VK_INCOMPLETE;
            break;
        }
        count++;
    }
    *a->pPhysicalDeviceGroupCount = count;
    return result;
}

void vn_handle_vkEnumeratePhysicalDeviceGroups(struct vn_stream *s,
                                               struct vn_vkEnumeratePhysicalDeviceGroups *a) {
    struct instance *instance = (struct instance *)a->instance_object;
    pthread_mutex_lock(&instance->mutex);
    if (instance->devices) {
        a->ret = enumerate_groups(s, instance, a);
    } else {
        /* Groups are told in ids, which only the list of devices gives. */
        *a->pPhysicalDeviceGroupCount = 0;
        a->ret = VK_ERROR_INITIALIZATION_FAILED;
    }
    pthread_mutex_unlock(&instance->mutex);
}
