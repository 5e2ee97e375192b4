/* Pipelines are made in arrays of which some elements may fail; pipeline caches. */
#include "renderer/objects.h"
#include "renderer/renderer.h"
#include "venus_handlers.h"
#include "venus_tables.h"

/* Enters the ids of all pipelines; NULL where the command has failed. */
static struct vn_object **reserve(struct vn_stream *base, struct vn_object *device,
                                  const uint64_t *ids, uint32_t count) {
    if (!ids) {
        cs_fail(&base->decoder, "pPipelines", "it is NULL");
        return NULL;
    }
    return objects_reserve_array(base, VK_OBJECT_TYPE_PIPELINE, ids, count, device, "pPipelines");
}

/* Keeps what succeeded; id 0 in the reply tells the guest which elements failed. */
static void publish(struct vn_stream *base, struct vn_object **objects, const VkPipeline *handles,
                    uint64_t *ids, uint32_t count, VkResult result) {
    objects_publish_array(base, objects, (const uint64_t *)handles, count, result);
    for (uint32_t i = 0; i < count; i++) {
        if (!handles[i]) {
            ids[i] = 0;
        }
    }
}

void vn_handle_vkCreateGraphicsPipelines(struct vn_stream *base,
                                         struct vn_vkCreateGraphicsPipelines *a) {
    struct vn_object **objects =
        reserve(base, a->device_object, a->pPipelines_ids, a->createInfoCount);
    if (!objects) {
        return;
    }
    a->ret = a->device_object->vk->CreateGraphicsPipelines(
        a->device, a->pipelineCache, a->createInfoCount, a->pCreateInfos, NULL, a->pPipelines);
    publish(base, objects, a->pPipelines, a->pPipelines_ids, a->createInfoCount, a->ret);
}

void vn_handle_vkCreateComputePipelines(struct vn_stream *base,
                                        struct vn_vkCreateComputePipelines *a) {
    struct vn_object **objects =
        reserve(base, a->device_object, a->pPipelines_ids, a->createInfoCount);
    if (!objects) {
        return;
    }
    a->ret = a->device_object->vk->CreateComputePipelines(
        a->device, a->pipelineCache, a->createInfoCount, a->pCreateInfos, NULL, a->pPipelines);
    publish(base, objects, a->pPipelines, a->pPipelines_ids, a->createInfoCount, a->ret);
}

void vn_handle_vkCreateRayTracingPipelinesKHR(struct vn_stream *base,
                                              struct vn_vkCreateRayTracingPipelinesKHR *a) {
    if (!a->device_object->vk->CreateRayTracingPipelinesKHR) {
        cs_fail(&base->decoder, NULL, "the host driver does not provide this command");
        return;
    }
    struct vn_object **objects =
        reserve(base, a->device_object, a->pPipelines_ids, a->createInfoCount);
    if (!objects) {
        return;
    }
    a->ret = a->device_object->vk->CreateRayTracingPipelinesKHR(
        a->device, VK_NULL_HANDLE, a->pipelineCache, a->createInfoCount, a->pCreateInfos, NULL,
        a->pPipelines);
    publish(base, objects, a->pPipelines, a->pPipelines_ids, a->createInfoCount, a->ret);
}

void vn_handle_vkGetPipelineCacheData(struct vn_stream *base, struct vn_vkGetPipelineCacheData *a) {
    (void)base;
    a->ret = a->device_object->vk->GetPipelineCacheData(a->device, a->pipelineCache, a->pDataSize,
                                                        a->pData);
}
