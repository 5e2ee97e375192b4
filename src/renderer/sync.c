#include "renderer/sync.h"

#include <stdlib.h>

#include "platform/platform.h"
#include "renderer/chain.h"
#include "renderer/device.h"
#include "renderer/queue.h"
#include "renderer/renderer.h"
#include "renderer/ring.h"
#include "venus_handlers.h"

/* Longest host wait before a stream looks whether it is to stop. */
#define WAIT_SLICE_NS UINT64_C(100000000)

/* ---- creation ------------------------------------------------------------------------------ */

void vn_handle_vkCreateFence(struct vn_stream *base, struct vn_vkCreateFence *a) {
    struct vn_object *object =
        vn_object_reserve(base, VK_OBJECT_TYPE_FENCE, a->pFence_id, a->device_object, "pFence");
    if (!object) {
        return;
    }
    chain_remove(a->pCreateInfo, VK_STRUCTURE_TYPE_EXPORT_FENCE_CREATE_INFO);
    VkFence handle = VK_NULL_HANDLE;
    a->ret = object->vk->CreateFence(a->device, a->pCreateInfo, NULL, &handle);
    vn_object_publish(base, object, (uint64_t)handle, a->ret);
}

void vn_handle_vkCreateSemaphore(struct vn_stream *base, struct vn_vkCreateSemaphore *a) {
    struct vn_object *object = object_reserve(stream_from(base), VK_OBJECT_TYPE_SEMAPHORE,
                                              a->pSemaphore_id, sizeof(struct semaphore),
                                              a->device_object, a->device_object->vk, "pSemaphore");
    if (!object) {
        return;
    }
    const VkSemaphoreTypeCreateInfo *type =
        chain_find(a->pCreateInfo->pNext, VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO);
    ((struct semaphore *)object)->is_timeline =
        type && type->semaphoreType == VK_SEMAPHORE_TYPE_TIMELINE;
    chain_remove(a->pCreateInfo, VK_STRUCTURE_TYPE_EXPORT_SEMAPHORE_CREATE_INFO);
    VkSemaphore handle = VK_NULL_HANDLE;
    a->ret = object->vk->CreateSemaphore(a->device, a->pCreateInfo, NULL, &handle);
    vn_object_publish(base, object, (uint64_t)handle, a->ret);
}

void semaphore_release_waits(const struct device *device, const struct vn_object *object) {
    const struct vn_device_table *vk = &device->table;
    const VkSemaphore handle = (VkSemaphore)vn_object_handle(object);
    uint64_t value;
    if (!((const struct semaphore *)object)->is_timeline || !handle || !vk->SignalSemaphore ||
        vk->GetSemaphoreCounterValue(vk->device, handle, &value) < 0) {
        return;
    }
    /* Every driver allows a difference of 2^31 - 1; pending values beyond that stay pending. */
    const uint64_t step = INT32_MAX;
    const VkSemaphoreSignalInfo info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_SIGNAL_INFO,
        .semaphore = handle,
        .value = value > UINT64_MAX - step ? UINT64_MAX : value + step,
    };
    vk->SignalSemaphore(vk->device, &info);
}

/* ---- waiting ------------------------------------------------------------------------------- */

static bool is_over(const struct stream *stream) {
    return context_is_lost(stream->context) ||
           (stream->ring && atomic_load_explicit(&stream->ring->stop, memory_order_relaxed));
}

/* The guest may ask to wait for ever; the host is asked for a slice at a time, so that a stream
 * can be stopped. */
typedef VkResult (*host_wait)(const void *arguments, uint64_t timeout_ns);

static VkResult wait_in_slices(const struct stream *stream, host_wait wait, const void *arguments,
                               uint64_t timeout_ns) {
    if (timeout_ns <= WAIT_SLICE_NS) {
        return wait(arguments, timeout_ns);
    }
    const uint64_t start = platform_now_ns();
    uint64_t waited = 0;
    VkResult result = VK_TIMEOUT;
    while (result == VK_TIMEOUT && waited < timeout_ns && !is_over(stream)) {
        uint64_t left = timeout_ns - waited;
        result = wait(arguments, left < WAIT_SLICE_NS ? left : WAIT_SLICE_NS);
        waited = platform_now_ns() - start;
    }
    return result;
}

static VkResult wait_for_fences(const void *arguments, uint64_t timeout_ns) {
    const struct vn_vkWaitForFences *a = arguments;
    return a->device_object->vk->WaitForFences(a->device, a->fenceCount, a->pFences, a->waitAll,
                                               timeout_ns);
}

void vn_handle_vkWaitForFences(struct vn_stream *base, struct vn_vkWaitForFences *a) {
    a->ret = wait_in_slices(stream_from(base), wait_for_fences, a, a->timeout);
}

static VkResult wait_semaphores(const void *arguments, uint64_t timeout_ns) {
    const struct vn_vkWaitSemaphores *a = arguments;
    return a->device_object->vk->WaitSemaphores(a->device, a->pWaitInfo, timeout_ns);
}

void vn_handle_vkWaitSemaphores(struct vn_stream *base, struct vn_vkWaitSemaphores *a) {
    if (!a->device_object->vk->WaitSemaphores) {
        cs_fail(&base->decoder, NULL, "the host driver does not provide this command");
        return;
    }
    a->ret = wait_in_slices(stream_from(base), wait_semaphores, a, a->timeout);
}

/* ---- fences whose payload was taken out ----------------------------------------------------- */

struct retired_fence {
    struct retired_fence *next;
    VkFence handle;
};

void sync_device_init(struct sync_device *sync) {
    pthread_mutex_init(&sync->mutex, NULL);
    sync->retired = NULL;
}

void sync_device_finish(struct sync_device *sync, struct device *device) {
    while (sync->retired) {
        struct retired_fence *fence = sync->retired;
        sync->retired = fence->next;
        device->table.DestroyFence(device->table.device, fence->handle, NULL);
        free(fence);
    }
    pthread_mutex_destroy(&sync->mutex);
}

static void destroy_signalled(struct device *device) {
    const struct vn_device_table *vk = &device->table;
    struct retired_fence **link = &device->sync.retired;
    while (*link) {
        struct retired_fence *fence = *link;
        if (vk->GetFenceStatus(vk->device, fence->handle) == VK_NOT_READY) {
            link = &fence->next;
        } else {
            *link = fence->next;
            vk->DestroyFence(vk->device, fence->handle, NULL);
            free(fence);
        }
    }
}

/* A submission is still to signal the fence: it gets a fresh host fence, the old one is kept
 * until it has signalled. */
static VkResult replace_fence(struct device *device, struct vn_object *object) {
    const struct vn_device_table *vk = &device->table;
    const VkFenceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    struct retired_fence *retired = calloc(1, sizeof(*retired));
    VkFence fresh;
    if (!retired) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    VkResult result = vk->CreateFence(vk->device, &info, NULL, &fresh);
    if (result < 0) {
        free(retired);
        return result;
    }
    pthread_mutex_lock(&device->sync.mutex);
    retired->handle = (VkFence)atomic_exchange(&object->handle, (uint64_t)fresh);
    retired->next = device->sync.retired;
    device->sync.retired = retired;
    destroy_signalled(device);
    pthread_mutex_unlock(&device->sync.mutex);
    return VK_SUCCESS;
}

void vn_handle_vkResetFenceResourceMESA(struct vn_stream *base,
                                        struct vn_vkResetFenceResourceMESA *a) {
    struct device *device = (struct device *)a->device_object;
    const struct vn_device_table *vk = &device->table;
    if (!a->fence_object) {
        cs_fail(&base->decoder, "fence", "it is VK_NULL_HANDLE");
        return;
    }
    VkResult result = vk->GetFenceStatus(vk->device, a->fence);
    if (result == VK_SUCCESS) {
        result = vk->ResetFences(vk->device, 1, &a->fence);
    } else if (result == VK_NOT_READY) {
        result = replace_fence(device, a->fence_object);
    }
    if (result < 0) {
        cs_fail(&base->decoder, "fence", "the host driver cannot reset it");
    }
}

/* ---- semaphores whose payload is taken out or put in ------------------------------------------ */

/* An empty submission on the queue that was used last: the one that signals the semaphore, as a
 * rule, so that nothing is held up by it. */
static VkResult submit_empty(struct device *device, const VkSubmitInfo *info) {
    struct queue *queue = atomic_load_explicit(&device->last_queue, memory_order_relaxed);
    if (!queue) {
        return VK_ERROR_INITIALIZATION_FAILED;
    }
    pthread_mutex_lock(&queue->submit_mutex);
    VkResult result = queue->closed
                          ? VK_ERROR_DEVICE_LOST
                          : device->table.QueueSubmit(queue->handle, 1, info, VK_NULL_HANDLE);
    pthread_mutex_unlock(&queue->submit_mutex);
    return result;
}

void vn_handle_vkWaitSemaphoreResourceMESA(struct vn_stream *base,
                                           struct vn_vkWaitSemaphoreResourceMESA *a) {
    if (!a->semaphore_object) {
        cs_fail(&base->decoder, "semaphore", "it is VK_NULL_HANDLE");
        return;
    }
    const VkPipelineStageFlags stage = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT;
    const VkSubmitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .waitSemaphoreCount = 1,
        .pWaitSemaphores = &a->semaphore,
        .pWaitDstStageMask = &stage,
    };
    if (submit_empty((struct device *)a->device_object, &info) < 0) {
        cs_fail(&base->decoder, "semaphore", "the host driver cannot consume its signal");
    }
}

void vn_handle_vkImportSemaphoreResourceMESA(struct vn_stream *base,
                                             struct vn_vkImportSemaphoreResourceMESA *a) {
    const VkImportSemaphoreResourceInfoMESA *import = a->pImportSemaphoreResourceInfo;
    if (import->resourceId != 0 || import->semaphore == VK_NULL_HANDLE) {
        cs_fail(&base->decoder, "pImportSemaphoreResourceInfo",
                "only resource 0 (a signalled payload) can be imported, into a semaphore");
        return;
    }
    const VkSubmitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .signalSemaphoreCount = 1,
        .pSignalSemaphores = &import->semaphore,
    };
    if (submit_empty((struct device *)a->device_object, &info) < 0) {
        cs_fail(&base->decoder, "semaphore", "the host driver cannot signal it");
    }
}
