/* VkBuffer: creation, requirements, memory. */
#include "renderer/bind.h"
#include "renderer/chain.h"
#include "renderer/device.h"
#include "renderer/memory_plan.h"
#include "renderer/objects.h"
#include "renderer/redecode.h"
#include "venus_handlers.h"

struct buffer {
    struct vn_object object; /* first */
    bool is_shared;          /* its memory is to become a dma-buf that we emulate; constant */
};

static const struct device *device_of(const struct vn_object *object) {
    return device_from(object->vk);
}

/* Memory that we import is bound without VkExternalMemoryBufferCreateInfo, although Vulkan asks
 * for it: when a buffer is created nobody knows to what it will be bound, and drivers take every
 * other memory type away from buffers that may be bound to host pointers. Gives struct buffer's
 * is_shared. */
static bool filter_external_info(const struct device *device, const VkBufferCreateInfo *info) {
    VkExternalMemoryBufferCreateInfo *external =
        chain_find(info, VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO);
    if (!external) {
        return false;
    }
    const struct memory_plan *plan = &device->physical->memory;
    bool is_shared = memory_plan_emulates(plan, external->handleTypes);
    external->handleTypes = memory_plan_filter_handle_types(plan, external->handleTypes);
    if (!external->handleTypes) {
        chain_remove(info, VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO);
    }
    return is_shared;
}

void vn_handle_vkCreateBuffer(struct vn_stream *s, struct vn_vkCreateBuffer *a) {
    const struct device *device = device_of(a->device_object);
    struct buffer *buffer = (struct buffer *)object_reserve(
        stream_from(s), VK_OBJECT_TYPE_BUFFER, a->pBuffer_id, sizeof(*buffer), a->device_object,
        a->device_object->vk, "pBuffer");
    if (!buffer) {
        return;
    }
    buffer->is_shared = filter_external_info(device, a->pCreateInfo);
    VkBuffer handle = VK_NULL_HANDLE;
    a->ret = device->table.CreateBuffer(a->device, a->pCreateInfo, NULL, &handle);
    *a->pBuffer = handle;
    vn_object_publish(s, &buffer->object, (uint64_t)(uintptr_t)handle, a->ret);
}

/* ---- requirements ------------------------------------------------------------------------- */

static void filter_types(const struct device *device, bool is_shared, uint32_t *type_bits) {
    if (is_shared) {
        *type_bits = memory_plan_filter_shared(&device->physical->memory, *type_bits);
    }
}

void vn_handle_vkGetBufferMemoryRequirements(struct vn_stream *s,
                                             struct vn_vkGetBufferMemoryRequirements *a) {
    const struct device *device = device_of(a->device_object);
    if (!bind_check_handle(s, (uint64_t)(uintptr_t)a->buffer, "buffer")) {
        return;
    }
    device->table.GetBufferMemoryRequirements(a->device, a->buffer, a->pMemoryRequirements);
    filter_types(device, ((const struct buffer *)a->buffer_object)->is_shared,
                 &a->pMemoryRequirements->memoryTypeBits);
}

static void note(struct vn_object *object, void *user) {
    *(const struct buffer **)user = (const struct buffer *)object;
}

void vn_handle_vkGetBufferMemoryRequirements2(struct vn_stream *s,
                                              struct vn_vkGetBufferMemoryRequirements2 *a) {
    const struct device *device = device_of(a->device_object);
    if (!bind_check_handle(s, (uint64_t)(uintptr_t)a->pInfo->buffer, "pInfo.buffer")) {
        return;
    }
    device->table.GetBufferMemoryRequirements2(a->device, a->pInfo, a->pMemoryRequirements);

    uint32_t *bits = &a->pMemoryRequirements->memoryRequirements.memoryTypeBits;
    if (memory_plan_filter_shared(&device->physical->memory, *bits) == *bits) {
        return; /* it makes no difference what buffer it is */
    }
    const struct buffer *buffer = NULL;
    stream_visit_named(stream_from(s), VK_OBJECT_TYPE_BUFFER, note, &buffer);
    if (buffer) {
        filter_types(device, buffer->is_shared, bits);
    }
}

void vn_handle_vkGetDeviceBufferMemoryRequirements(
    struct vn_stream *s, struct vn_vkGetDeviceBufferMemoryRequirements *a) {
    const struct device *device = device_of(a->device_object);
    if (!device->table.GetDeviceBufferMemoryRequirements) {
        cs_fail(&s->decoder, NULL, "the host driver does not provide this command");
        return;
    }
    bool is_shared = filter_external_info(device, a->pInfo->pCreateInfo);
    device->table.GetDeviceBufferMemoryRequirements(a->device, a->pInfo, a->pMemoryRequirements);
    filter_types(device, is_shared, &a->pMemoryRequirements->memoryRequirements.memoryTypeBits);
}

/* ---- memory ------------------------------------------------------------------------------- */

static VkResult bind(struct vn_stream *s, const struct vn_vkBindBufferMemory *a) {
    VkResult poison = bind_check_poison(s);
    if (poison < 0) {
        return poison;
    }
    if (!bind_check_handle(s, (uint64_t)(uintptr_t)a->buffer, "buffer") ||
        !bind_check_handle(s, (uint64_t)(uintptr_t)a->memory, "memory")) {
        return VK_ERROR_UNKNOWN;
    }
    return device_of(a->device_object)
        ->table.BindBufferMemory(a->device, a->buffer, a->memory, a->memoryOffset);
}

void vn_handle_vkBindBufferMemory(struct vn_stream *s, struct vn_vkBindBufferMemory *a) {
    a->ret = bind(s, a);
    bind_finish(s, VK_OBJECT_TYPE_BUFFER, a->ret);
}

static VkResult bind_all(struct vn_stream *s, const struct vn_vkBindBufferMemory2 *a) {
    VkResult poison = bind_check_poison(s);
    if (poison < 0) {
        return poison;
    }
    for (uint32_t i = 0; i < a->bindInfoCount; i++) {
        const VkBindBufferMemoryInfo *info = &a->pBindInfos[i];
        if (!bind_check_handle(s, (uint64_t)(uintptr_t)info->buffer, "pBindInfos.buffer") ||
            !bind_check_handle(s, (uint64_t)(uintptr_t)info->memory, "pBindInfos.memory")) {
            return VK_ERROR_UNKNOWN;
        }
    }
    return device_of(a->device_object)
        ->table.BindBufferMemory2(a->device, a->bindInfoCount, a->pBindInfos);
}

void vn_handle_vkBindBufferMemory2(struct vn_stream *s, struct vn_vkBindBufferMemory2 *a) {
    a->ret = bind_all(s, a);
    bind_finish(s, VK_OBJECT_TYPE_BUFFER, a->ret);
}
