#include "renderer/queue.h"

#include <stdlib.h>

#include "platform/platform.h"
#include "renderer/chain.h"
#include "renderer/renderer.h"
#include "util/log.h"
#include "venus_handlers.h"

/* Longest host wait before a waiter looks whether it is still wanted. */
#define WAIT_SLICE_NS UINT64_C(200000000)

struct queue_fence {
    struct queue_fence *next;
    VkFence handle;
    uint32_t ring_idx;
    uint64_t fence_id;
};

/* ---- transport fences --------------------------------------------------------------------- */

static bool is_over(struct queue *queue) {
    pthread_mutex_lock(&queue->fence_mutex);
    bool over = queue->stop;
    pthread_mutex_unlock(&queue->fence_mutex);
    return over || context_is_lost(queue->device->context);
}

/* Until the fence signals, the device is lost, or nobody wants to know any more. */
static void wait_for(struct queue *queue, const struct queue_fence *fence) {
    const struct vn_device_table *vk = &queue->device->table;
    VkResult result = VK_TIMEOUT;
    while (result == VK_TIMEOUT && !is_over(queue)) {
        result = vk->WaitForFences(vk->device, 1, &fence->handle, VK_TRUE, WAIT_SLICE_NS);
    }
    if (result < 0) {
        context_lose(queue->device->context, "vkWaitForFences: the host driver answers %d", result);
    }
}

static struct queue_fence *first_pending(struct queue *queue) {
    pthread_mutex_lock(&queue->fence_mutex);
    while (!queue->pending_first && !queue->stop) {
        pthread_cond_wait(&queue->cond, &queue->fence_mutex);
    }
    struct queue_fence *fence = queue->pending_first;
    pthread_mutex_unlock(&queue->fence_mutex);
    return fence;
}

static void pop_pending(struct queue *queue, struct queue_fence *fence) {
    pthread_mutex_lock(&queue->fence_mutex);
    queue->pending_first = fence->next;
    if (!queue->pending_first) {
        queue->pending_last = &queue->pending_first;
    }
    fence->next = queue->free_list;
    queue->free_list = fence;
    pthread_mutex_unlock(&queue->fence_mutex);
}

/* Waits for pending fences in order; what is left when the queue ends retires as well. */
static void *waiter_main(void *argument) {
    struct queue *queue = argument;
    struct renderer_context *context = queue->device->context;
    struct queue_fence *fence;
    while ((fence = first_pending(queue))) {
        wait_for(queue, fence);
        const uint32_t ring_idx = fence->ring_idx;
        const uint64_t fence_id = fence->fence_id;
        pop_pending(queue, fence);
        context->listener.fence_retired(context->user, ring_idx, fence_id);
    }
    return NULL;
}

static VkResult make_fence(struct queue *queue, struct queue_fence **out) {
    const struct vn_device_table *vk = &queue->device->table;
    pthread_mutex_lock(&queue->fence_mutex);
    struct queue_fence *fence = queue->free_list;
    if (fence) {
        queue->free_list = fence->next;
    }
    pthread_mutex_unlock(&queue->fence_mutex);
    if (fence) {
        *out = fence;
        return vk->ResetFences(vk->device, 1, &fence->handle);
    }
    fence = calloc(1, sizeof(*fence));
    if (!fence) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    const VkFenceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    VkResult result = vk->CreateFence(vk->device, &info, NULL, &fence->handle);
    if (result < 0) {
        free(fence);
        return result;
    }
    *out = fence;
    return VK_SUCCESS;
}

static VkResult submit_fence(struct queue *queue, struct queue_fence *fence) {
    const struct vn_device_table *vk = &queue->device->table;
    pthread_mutex_lock(&queue->submit_mutex);
    VkResult result = queue->closed ? VK_ERROR_DEVICE_LOST
                                    : vk->QueueSubmit(queue->handle, 0, NULL, fence->handle);
    pthread_mutex_unlock(&queue->submit_mutex);
    return result;
}

static void push_pending(struct queue *queue, struct queue_fence *fence) {
    pthread_mutex_lock(&queue->fence_mutex);
    fence->next = NULL;
    *queue->pending_last = fence;
    queue->pending_last = &fence->next;
    pthread_cond_signal(&queue->cond);
    pthread_mutex_unlock(&queue->fence_mutex);
}

static bool start_waiter(struct queue *queue) {
    if (!queue->thread_started) {
        queue->thread_started =
            platform_thread_start(&queue->thread, "vesper-queue", waiter_main, queue) == 0;
    }
    return queue->thread_started;
}

VkResult queue_add_fence(struct queue *queue, uint32_t ring_idx, uint64_t fence_id) {
    if (context_is_lost(queue->device->context)) {
        return VK_ERROR_DEVICE_LOST;
    }
    if (!start_waiter(queue)) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    struct queue_fence *fence;
    VkResult result = make_fence(queue, &fence);
    if (result < 0) {
        return result;
    }
    fence->ring_idx = ring_idx;
    fence->fence_id = fence_id;
    result = submit_fence(queue, fence);
    if (result < 0) {
        pthread_mutex_lock(&queue->fence_mutex);
        fence->next = queue->free_list;
        queue->free_list = fence;
        pthread_mutex_unlock(&queue->fence_mutex);
        return result;
    }
    push_pending(queue, fence);
    return VK_SUCCESS;
}

void queue_wake(struct queue *queue) {
    pthread_mutex_lock(&queue->fence_mutex);
    pthread_cond_signal(&queue->cond);
    pthread_mutex_unlock(&queue->fence_mutex);
}

/* ---- life ---------------------------------------------------------------------------------- */

void queue_init(struct queue *queue, struct device *device, VkQueue handle, uint32_t family,
                uint32_t index, VkDeviceQueueCreateFlags flags) {
    queue->device = device;
    queue->handle = handle;
    queue->family = family;
    queue->index = index;
    queue->flags = flags;
    queue->pending_last = &queue->pending_first;
    pthread_mutex_init(&queue->submit_mutex, NULL);
    pthread_mutex_init(&queue->fence_mutex, NULL);
    platform_cond_init(&queue->cond);
}

void queue_close(struct queue *queue) {
    pthread_mutex_lock(&queue->submit_mutex);
    queue->closed = true;
    pthread_mutex_unlock(&queue->submit_mutex);
}

void queue_finish(struct queue *queue) {
    pthread_mutex_lock(&queue->fence_mutex);
    queue->stop = true;
    pthread_cond_signal(&queue->cond);
    pthread_mutex_unlock(&queue->fence_mutex);
    if (queue->thread_started) {
        pthread_join(queue->thread, NULL);
    }
    const struct vn_device_table *vk = &queue->device->table;
    while (queue->free_list) {
        struct queue_fence *fence = queue->free_list;
        queue->free_list = fence->next;
        vk->DestroyFence(vk->device, fence->handle, NULL);
        free(fence);
    }
}

void queue_release(struct queue *queue) {
    pthread_cond_destroy(&queue->cond);
    pthread_mutex_destroy(&queue->fence_mutex);
    pthread_mutex_destroy(&queue->submit_mutex);
}

/* ---- the guest's queues -------------------------------------------------------------------- */

static struct queue *find_queue(struct device *device, const VkDeviceQueueInfo2 *info) {
    for (uint32_t i = 0; i < device->queue_count; i++) {
        struct queue *queue = &device->queues[i];
        if (queue->family == info->queueFamilyIndex && queue->index == info->queueIndex &&
            queue->flags == info->flags) {
            return queue;
        }
    }
    return NULL;
}

void vn_handle_vkGetDeviceQueue2(struct vn_stream *base, struct vn_vkGetDeviceQueue2 *a) {
    struct stream *stream = stream_from(base);
    struct cs_decoder *d = &base->decoder;
    struct queue *queue = find_queue((struct device *)a->device_object, a->pQueueInfo);
    if (!queue) {
        cs_fail(d, "pQueueInfo", "the device was created without such a queue");
        return;
    }
    const VkDeviceQueueTimelineInfoMESA *timeline =
        chain_find(a->pQueueInfo->pNext, VK_STRUCTURE_TYPE_DEVICE_QUEUE_TIMELINE_INFO_MESA);
    if (!timeline) {
        cs_fail(d, "pQueueInfo", "VkDeviceQueueTimelineInfoMESA is missing");
        return;
    }
    /* Several guest queues may stand for one host queue: they share its mutex and waiter. */
    struct vn_object *object =
        object_reserve(stream, VK_OBJECT_TYPE_QUEUE, a->pQueue_id, sizeof(struct queue_object),
                       a->device_object, a->device_object->vk, "pQueue");
    if (!object) {
        return;
    }
    ((struct queue_object *)object)->queue = queue;
    if (!timeline_bind(&stream->context->timelines, timeline->ringIdx, queue)) {
        cs_fail(d, "VkDeviceQueueTimelineInfoMESA.ringIdx", "it is not in 1 … 63 or is taken");
    }
    vn_object_publish(base, object, (uint64_t)(uintptr_t)queue->handle, VK_SUCCESS);
}

void vn_handle_vkGetDeviceQueue(struct vn_stream *base, struct vn_vkGetDeviceQueue *a) {
    (void)a;
    cs_fail(&base->decoder, NULL, "vkGetDeviceQueue2 must be used, with a timeline");
}

void vn_handle_vkQueueWaitIdle(struct vn_stream *base, struct vn_vkQueueWaitIdle *a) {
    (void)a;
    cs_fail(&base->decoder, NULL, "the guest must wait by a fence");
}

void vn_handle_vkDeviceWaitIdle(struct vn_stream *base, struct vn_vkDeviceWaitIdle *a) {
    (void)a;
    cs_fail(&base->decoder, NULL, "the guest must wait by fences");
}

/* ---- submissions --------------------------------------------------------------------------- */

/* A submission that cannot happen leaves its fences and semaphores unsignalled for ever: that is
 * a lost device, whatever the reason. Returns false and the result in that case. */
static bool may_submit(struct vn_stream *base, const char *argument, VkResult *out_result) {
    struct cs_decoder *d = &base->decoder;
    if (!d->poison) {
        return true;
    }
    *out_result = VK_ERROR_DEVICE_LOST;
    if (!d->reply_wanted) {
        cs_fail(d, argument, "it names an object whose creation or recording failed");
    }
    return false;
}

/* Locks the queue for a submission; NULL where its device is being destroyed. */
static struct queue *lock_queue(const struct vn_object *object) {
    struct queue *queue = queue_from(object);
    pthread_mutex_lock(&queue->submit_mutex);
    if (queue->closed) {
        pthread_mutex_unlock(&queue->submit_mutex);
        return NULL;
    }
    atomic_store_explicit(&queue->device->last_queue, queue, memory_order_relaxed);
    return queue;
}

void vn_handle_vkQueueSubmit(struct vn_stream *base, struct vn_vkQueueSubmit *a) {
    if (!may_submit(base, "pSubmits", &a->ret)) {
        return;
    }
    struct queue *queue = lock_queue(a->queue_object);
    if (!queue) {
        a->ret = VK_ERROR_DEVICE_LOST;
        return;
    }
    a->ret = queue->device->table.QueueSubmit(a->queue, a->submitCount, a->pSubmits, a->fence);
    pthread_mutex_unlock(&queue->submit_mutex);
}

void vn_handle_vkQueueSubmit2(struct vn_stream *base, struct vn_vkQueueSubmit2 *a) {
    if (!may_submit(base, "pSubmits", &a->ret)) {
        return;
    }
    if (!a->queue_object->vk->QueueSubmit2) {
        cs_fail(&base->decoder, NULL, "the host driver does not provide this command");
        return;
    }
    struct queue *queue = lock_queue(a->queue_object);
    if (!queue) {
        a->ret = VK_ERROR_DEVICE_LOST;
        return;
    }
    a->ret = queue->device->table.QueueSubmit2(a->queue, a->submitCount, a->pSubmits, a->fence);
    pthread_mutex_unlock(&queue->submit_mutex);
}

void vn_handle_vkQueueBindSparse(struct vn_stream *base, struct vn_vkQueueBindSparse *a) {
    if (!may_submit(base, "pBindInfo", &a->ret)) {
        return;
    }
    struct queue *queue = lock_queue(a->queue_object);
    if (!queue) {
        a->ret = VK_ERROR_DEVICE_LOST;
        return;
    }
    a->ret =
        queue->device->table.QueueBindSparse(a->queue, a->bindInfoCount, a->pBindInfo, a->fence);
    pthread_mutex_unlock(&queue->submit_mutex);
}
