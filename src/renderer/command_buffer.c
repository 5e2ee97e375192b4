/* Command buffers: their pool, and the state of recordings that failed. Recording itself is
 * generated. */
#include "renderer/objects.h"
#include "renderer/redecode.h"
#include "renderer/renderer.h"
#include "venus_handlers.h"
#include "venus_tables.h"

void vn_handle_vkAllocateCommandBuffers(struct vn_stream *base,
                                        struct vn_vkAllocateCommandBuffers *a) {
    struct cs_decoder *d = &base->decoder;
    struct vn_object *pool = d->pool;
    const uint32_t count = a->pAllocateInfo->commandBufferCount;
    if (!pool) {
        cs_fail(d, "VkCommandBufferAllocateInfo.commandPool", "it is VK_NULL_HANDLE");
        return;
    }
    struct vn_object **objects =
        objects_reserve_array(base, VK_OBJECT_TYPE_COMMAND_BUFFER, a->pCommandBuffers_ids, count,
                              pool, "pCommandBuffers");
    if (!objects) {
        return;
    }
    a->ret = pool->vk->AllocateCommandBuffers(a->device, a->pAllocateInfo, a->pCommandBuffers);
    objects_publish_array(base, objects, (const uint64_t *)a->pCommandBuffers, count, a->ret);
}

void vn_handle_vkFreeCommandBuffers(struct vn_stream *base, struct vn_vkFreeCommandBuffers *a) {
    struct cs_decoder *d = &base->decoder;
    if (a->commandBufferCount && !a->pCommandBuffers) {
        cs_fail(d, "pCommandBuffers", "it is NULL");
        return;
    }
    for (uint32_t i = 0; i < a->commandBufferCount; i++) {
        struct vn_object *object = a->pCommandBuffers_objects[i];
        if (!object || !object_take(&stream_from(base)->context->objects, object)) {
            continue;
        }
        VkCommandBuffer handle = (VkCommandBuffer)(uintptr_t)vn_object_handle(object);
        if (handle && a->commandPool) {
            a->device_object->vk->FreeCommandBuffers(a->device, a->commandPool, 1, &handle);
        }
    }
}

void vn_command_buffer_poison(struct vn_stream *base, struct vn_object *command_buffer,
                              VkResult result) {
    (void)base;
    object_poison(command_buffer, result);
}

/* Beginning anew heals a recording that failed, but not a command buffer that was never made.
 * Gives the result with which the command must be skipped. */
static VkResult heal(struct vn_stream *base, struct vn_object *object) {
    if (!vn_object_handle(object)) {
        return object_get_poison(object);
    }
    atomic_store(&object->poison, VK_SUCCESS);
    struct vn_object *other = stream_find_poison(stream_from(base));
    return other ? object_get_poison(other) : VK_SUCCESS;
}

void vn_handle_vkBeginCommandBuffer(struct vn_stream *base, struct vn_vkBeginCommandBuffer *a) {
    struct vn_object *object = a->commandBuffer_object;
    a->ret = base->decoder.poison ? heal(base, object) : VK_SUCCESS;
    if (a->ret == VK_SUCCESS) {
        a->ret = object->vk->BeginCommandBuffer(a->commandBuffer, a->pBeginInfo);
    }
    if (a->ret < 0) {
        object_poison(object, a->ret);
    }
}

/* The host's command buffer leaves the recording state even where the recording is of no use. */
void vn_handle_vkEndCommandBuffer(struct vn_stream *base, struct vn_vkEndCommandBuffer *a) {
    (void)base;
    struct vn_object *object = a->commandBuffer_object;
    const VkResult poison = object_get_poison(object);
    a->ret = vn_object_handle(object) ? object->vk->EndCommandBuffer(a->commandBuffer) : poison;
    if (poison < 0) {
        a->ret = poison;
    } else if (a->ret < 0) {
        object_poison(object, a->ret);
    }
}

void vn_handle_vkResetCommandBuffer(struct vn_stream *base, struct vn_vkResetCommandBuffer *a) {
    struct vn_object *object = a->commandBuffer_object;
    (void)base;
    if (!vn_object_handle(object)) {
        a->ret = object_get_poison(object);
        return;
    }
    atomic_store(&object->poison, VK_SUCCESS);
    a->ret = object->vk->ResetCommandBuffer(a->commandBuffer, a->flags);
}
