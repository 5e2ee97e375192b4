/* Descriptor sets live and die with their pool. */
#include "renderer/objects.h"
#include "renderer/redecode.h"
#include "renderer/renderer.h"
#include "venus_handlers.h"
#include "venus_tables.h"

void vn_handle_vkResetDescriptorPool(struct vn_stream *base, struct vn_vkResetDescriptorPool *a) {
    if (!a->descriptorPool_object) {
        cs_fail(&base->decoder, "descriptorPool", "it is VK_NULL_HANDLE");
        return;
    }
    a->ret = a->device_object->vk->ResetDescriptorPool(a->device, a->descriptorPool, a->flags);
    object_drop_children(&stream_from(base)->context->objects, a->descriptorPool_object,
                         VK_OBJECT_TYPE_DESCRIPTOR_SET);
}

void vn_handle_vkAllocateDescriptorSets(struct vn_stream *base,
                                        struct vn_vkAllocateDescriptorSets *a) {
    struct cs_decoder *d = &base->decoder;
    struct vn_object *pool = d->pool;
    const uint32_t count = a->pAllocateInfo->descriptorSetCount;
    if (!pool) {
        cs_fail(d, "VkDescriptorSetAllocateInfo.descriptorPool", "it is VK_NULL_HANDLE");
        return;
    }
    struct vn_object **objects =
        objects_reserve_array(base, VK_OBJECT_TYPE_DESCRIPTOR_SET, a->pDescriptorSets_ids, count,
                              pool, "pDescriptorSets");
    if (!objects) {
        return;
    }
    a->ret = pool->vk->AllocateDescriptorSets(a->device, a->pAllocateInfo, a->pDescriptorSets);
    objects_publish_array(base, objects, (const uint64_t *)a->pDescriptorSets, count, a->ret);
}

void vn_handle_vkFreeDescriptorSets(struct vn_stream *base, struct vn_vkFreeDescriptorSets *a) {
    if (a->descriptorSetCount && !a->pDescriptorSets) {
        cs_fail(&base->decoder, "pDescriptorSets", "it is NULL");
        return;
    }
    for (uint32_t i = 0; i < a->descriptorSetCount; i++) {
        struct vn_object *object = a->pDescriptorSets_objects[i];
        if (!object || !object_take(&stream_from(base)->context->objects, object)) {
            continue;
        }
        VkDescriptorSet handle = (VkDescriptorSet)vn_object_handle(object);
        if (handle && a->descriptorPool) {
            a->device_object->vk->FreeDescriptorSets(a->device, a->descriptorPool, 1, &handle);
        }
    }
    a->ret = VK_SUCCESS;
}

void vn_handle_vkUpdateDescriptorSets(struct vn_stream *base, struct vn_vkUpdateDescriptorSets *a) {
    struct vn_object *poison = base->decoder.poison;
    if (poison) {
        /* Sets that would keep stale or missing descriptors must not reach the driver. */
        stream_poison_named(stream_from(base), VK_OBJECT_TYPE_DESCRIPTOR_SET,
                            object_get_poison(poison));
        return;
    }
    a->device_object->vk->UpdateDescriptorSets(a->device, a->descriptorWriteCount,
                                               a->pDescriptorWrites, a->descriptorCopyCount,
                                               a->pDescriptorCopies);
}
