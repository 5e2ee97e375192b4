#include "renderer/device.h"

#include <stdlib.h>

#include "renderer/chain.h"
#include "renderer/instance.h"
#include "renderer/queue.h"
#include "renderer/renderer.h"
#include "util/log.h"
#include "venus_handlers.h"

/* ---- what the guest asks for ------------------------------------------------------------- */

static bool is_repeated(const VkDeviceCreateInfo *info, uint32_t index) {
    const VkDeviceQueueCreateInfo *queue = &info->pQueueCreateInfos[index];
    for (uint32_t i = 0; i < index; i++) {
        if (info->pQueueCreateInfos[i].queueFamilyIndex == queue->queueFamilyIndex &&
            info->pQueueCreateInfos[i].flags == queue->flags) {
            return true;
        }
    }
    return false;
}

static bool queues_are_valid(const struct physical_device *physical,
                             const VkDeviceCreateInfo *info) {
    for (uint32_t i = 0; i < info->queueCreateInfoCount; i++) {
        const VkDeviceQueueCreateInfo *queue = &info->pQueueCreateInfos[i];
        if (queue->queueFamilyIndex >= physical->queue_family_count ||
            queue->queueCount > physical->queue_families[queue->queueFamilyIndex].queueCount ||
            is_repeated(info, i)) {
            return false;
        }
    }
    return true;
}

static const char *find_unknown_extension(const struct physical_device *physical,
                                          const VkDeviceCreateInfo *info) {
    for (uint32_t i = 0; i < info->enabledExtensionCount; i++) {
        if (!physical_device_offers(physical, info->ppEnabledExtensionNames[i])) {
            return info->ppEnabledExtensionNames[i];
        }
    }
    return NULL;
}

struct name_list {
    const char **names;
    uint32_t count;
};

static void add_name(struct name_list *list, const char *name) {
    for (uint32_t i = 0; i < list->count; i++) {
        if (strcmp(list->names[i], name) == 0) {
            return;
        }
    }
    list->names[list->count++] = name;
}

/* What the host is asked for: the guest's extensions that are the host's matter, and our own
 * needs. */
static bool choose_extensions(struct cs_decoder *d, const struct physical_device *physical,
                              VkDeviceCreateInfo *info) {
    const char *const *ours =
        physical->memory.strategy ? physical->memory.strategy->device_extensions : NULL;
    size_t most = info->enabledExtensionCount + 1;
    for (size_t i = 0; ours && ours[i]; i++) {
        most++;
    }
    struct name_list list = {cs_temp(d, most, sizeof(char *), "ppEnabledExtensionNames"), 0};
    if (!list.names) {
        return false;
    }
    for (uint32_t i = 0; i < info->enabledExtensionCount; i++) {
        const char *name = info->ppEnabledExtensionNames[i];
        if (physical_device_host_has(physical, name) &&
            !physical_device_is_emulated(physical, name)) {
            add_name(&list, name);
        }
    }
    for (size_t i = 0; ours && ours[i]; i++) {
        add_name(&list, ours[i]);
    }
    /* The specification requires enabling it wherever it is advertised. */
    if (physical_device_host_has(physical, "VK_KHR_portability_subset")) {
        add_name(&list, "VK_KHR_portability_subset");
    }
    info->ppEnabledExtensionNames = list.names;
    info->enabledExtensionCount = list.count;
    return true;
}

/* ---- creation ---------------------------------------------------------------------------- */

static uint32_t count_queues(const VkDeviceCreateInfo *info) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < info->queueCreateInfoCount; i++) {
        count += info->pQueueCreateInfos[i].queueCount;
    }
    return count;
}

static bool enables(const VkDeviceCreateInfo *info, const char *extension) {
    for (uint32_t i = 0; i < info->enabledExtensionCount; i++) {
        if (strcmp(info->ppEnabledExtensionNames[i], extension) == 0) {
            return true;
        }
    }
    return false;
}

static VkQueue get_host_queue(const struct device *device, const VkDeviceQueueCreateInfo *info,
                              uint32_t index) {
    VkQueue queue = VK_NULL_HANDLE;
    if (info->flags && device->table.GetDeviceQueue2) {
        const VkDeviceQueueInfo2 which = {
            .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_INFO_2,
            .flags = info->flags,
            .queueFamilyIndex = info->queueFamilyIndex,
            .queueIndex = index,
        };
        device->table.GetDeviceQueue2(device->table.device, &which, &queue);
    } else {
        device->table.GetDeviceQueue(device->table.device, info->queueFamilyIndex, index, &queue);
    }
    return queue;
}

static bool fetch_queues(struct device *device, const VkDeviceCreateInfo *info) {
    device->queues = calloc(count_queues(info), sizeof(*device->queues));
    if (!device->queues) {
        return count_queues(info) == 0;
    }
    for (uint32_t i = 0; i < info->queueCreateInfoCount; i++) {
        const VkDeviceQueueCreateInfo *queue = &info->pQueueCreateInfos[i];
        for (uint32_t index = 0; index < queue->queueCount; index++) {
            queue_init(&device->queues[device->queue_count++], device,
                       get_host_queue(device, queue, index), queue->queueFamilyIndex, index,
                       queue->flags);
        }
    }
    if (device->queue_count) {
        atomic_store(&device->last_queue, &device->queues[0]);
    }
    return true;
}

static VkResult create_host_device(struct stream *stream, struct device *device,
                                   const VkDeviceCreateInfo *info) {
    const struct vn_instance_table *vk = stream->base.instance;
    VkDevice handle = VK_NULL_HANDLE;
    VkResult result =
        vk->CreateDevice((VkPhysicalDevice)(uintptr_t)vn_object_handle(&device->physical->object),
                         info, NULL, &handle);
    if (result < 0) {
        log_warning("%s: vkCreateDevice: the host driver answers %d", stream->context->name,
                    result);
        return result;
    }
    vn_device_table_init(&device->table, handle, vk->GetDeviceProcAddr);
    device->table.device = handle;
    device->table.owner = device;
    device->table.foreign_is_external = !enables(info, VK_EXT_QUEUE_FAMILY_FOREIGN_EXTENSION_NAME);
    sync_device_init(&device->sync);
    if (!fetch_queues(device, info)) {
        sync_device_finish(&device->sync, device);
        device->table.DestroyDevice(handle, NULL);
        device->table.device = VK_NULL_HANDLE;
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    return VK_SUCCESS;
}

static VkResult check_request(struct stream *stream, const struct physical_device *physical,
                              const VkDeviceCreateInfo *info) {
    const char *unknown = find_unknown_extension(physical, info);
    if (unknown) {
        log_warning("%s: vkCreateDevice: extension %.255s is not offered", stream->context->name,
                    unknown);
        return VK_ERROR_EXTENSION_NOT_PRESENT;
    }
    if (!queues_are_valid(physical, info)) {
        log_warning("%s: vkCreateDevice: a queue family or queue count does not exist, or is asked "
                    "for twice",
                    stream->context->name);
        return VK_ERROR_INITIALIZATION_FAILED;
    }
    return VK_SUCCESS;
}

void vn_handle_vkCreateDevice(struct vn_stream *base, struct vn_vkCreateDevice *a) {
    struct stream *stream = stream_from(base);
    struct vn_object *parent = a->physicalDevice_object;
    const struct physical_device *physical = (const struct physical_device *)parent;
    VkDeviceCreateInfo info = *a->pCreateInfo;
    info.enabledLayerCount =
        0; /* device layers are gone from Vulkan, and ours are not the guest's */
    info.ppEnabledLayerNames = NULL;

    struct instance *instance = atomic_load(&stream->context->instance);
    if (!instance) {
        cs_fail(&base->decoder, "physicalDevice", "another ring has destroyed its instance");
        return;
    }
    struct vn_object *object =
        object_reserve(stream, VK_OBJECT_TYPE_DEVICE, a->pDevice_id, sizeof(struct device),
                       &instance->object, NULL, "pDevice");
    if (!object) {
        return;
    }
    struct device *device = (struct device *)object;
    object->vk = &device->table;
    device->context = stream->context;
    device->physical = physical;

    a->ret = check_request(stream, physical, &info);
    if (a->ret == VK_SUCCESS && choose_extensions(&base->decoder, physical, &info)) {
        a->ret = create_host_device(stream, device, &info);
    }
    vn_object_publish(base, object, (uint64_t)(uintptr_t)device->table.device, a->ret);
}

/* ---- the end ------------------------------------------------------------------------------ */

static void release_waits(struct vn_object *child, void *user) {
    const struct device *device = user;
    if (child->type == VK_OBJECT_TYPE_SEMAPHORE) {
        semaphore_release_waits(device, child);
    } else if (child->type == VK_OBJECT_TYPE_EVENT && vn_object_handle(child)) {
        device->table.SetEvent(device->table.device, (VkEvent)vn_object_handle(child));
    }
}

static void close_queues(struct device *device) {
    for (uint32_t i = 0; i < device->queue_count; i++) {
        timeline_unbind(&device->context->timelines, &device->queues[i]);
        queue_close(&device->queues[i]);
    }
}

void device_close(struct stream *stream, struct device *device) {
    struct objects *objects = &stream->context->objects;
    if (atomic_exchange(&device->ending, true)) {
        return; /* another ring does it */
    }
    if (vn_object_handle(&device->object)) {
        close_queues(device);
        /* A guest that died between a wait and its signal would let the device wait for ever. */
        object_for_each_child(objects, &device->object, release_waits, device);
        device->table.DeviceWaitIdle(device->table.device);
        for (uint32_t i = 0; i < device->queue_count; i++) {
            queue_finish(&device->queues[i]);
        }
        sync_device_finish(&device->sync, device);
    }
    object_take(objects, &device->object);
    if (vn_object_handle(&device->object)) {
        device->table.DestroyDevice(device->table.device, NULL);
    }
}

void device_finish(struct device *device) {
    for (uint32_t i = 0; i < device->queue_count; i++) {
        queue_release(&device->queues[i]);
    }
    free(device->queues);
}

void vn_handle_vkDestroyDevice(struct vn_stream *base, struct vn_vkDestroyDevice *a) {
    if (a->device_object) {
        device_close(stream_from(base), (struct device *)a->device_object);
    }
}
