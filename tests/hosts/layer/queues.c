/* Four queue families of one queue each over a driver that has one queue; and the calls of
 * swapchains, which fail and take long where a test asks for it. */
#include <string.h>

#include "layer.h"

uint32_t queues_get_family(uint32_t family) {
    return profile_get()->four_queue_families && family < QUEUE_FAMILIES ? 0 : family;
}

void queues_translate(VkDeviceCreateInfo *info, VkDeviceQueueCreateInfo *queue,
                      const float *priority) {
    *queue = (VkDeviceQueueCreateInfo){
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
        .queueCount = 1,
        .pQueuePriorities = priority,
    };
    info->queueCreateInfoCount = 1;
    info->pQueueCreateInfos = queue;
}

static VKAPI_ATTR void VKAPI_CALL layer_GetDeviceQueue(VkDevice device, uint32_t family,
                                                       uint32_t index, VkQueue *out) {
    below_device_of(device)->GetDeviceQueue(device, queues_get_family(family), index, out);
}

static VKAPI_ATTR void VKAPI_CALL layer_GetDeviceQueue2(VkDevice device,
                                                        const VkDeviceQueueInfo2 *info,
                                                        VkQueue *out) {
    VkDeviceQueueInfo2 real = *info;
    real.queueFamilyIndex = queues_get_family(info->queueFamilyIndex);
    below_device_of(device)->GetDeviceQueue2(device, &real, out);
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_CreateCommandPool(VkDevice device, const VkCommandPoolCreateInfo *info,
                        const VkAllocationCallbacks *allocator, VkCommandPool *out) {
    struct below_device *below = below_device_of(device);
    VkCommandPoolCreateInfo real = *info;
    VkResult result;
    if (trouble_comes("vkCreateCommandPool", &result)) {
        return result;
    }
    real.queueFamilyIndex = queues_get_family(info->queueFamilyIndex);
    result = below->CreateCommandPool(device, &real, allocator, out);
    counts_add_object(below, OBJECT_CommandPool, result == VK_SUCCESS);
    return result;
}

/* ---- submission: what the caller takes for several queues is one ------------------------------ */

static VKAPI_ATTR VkResult VKAPI_CALL layer_QueueSubmit(VkQueue queue, uint32_t count,
                                                        const VkSubmitInfo *infos, VkFence fence) {
    struct below_device *below = below_device_of(queue);
    VkResult result;
    if (trouble_comes("vkQueueSubmit", &result)) {
        return result;
    }
    counts_add_submission();
    pthread_mutex_lock(&below->queue_mutex);
    result = below->QueueSubmit(queue, count, infos, fence);
    pthread_mutex_unlock(&below->queue_mutex);
    return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL layer_QueueSubmit2(VkQueue queue, uint32_t count,
                                                         const VkSubmitInfo2 *infos,
                                                         VkFence fence) {
    struct below_device *below = below_device_of(queue);
    PFN_vkQueueSubmit2 submit = below->QueueSubmit2 ? below->QueueSubmit2 : below->QueueSubmit2KHR;
    VkResult result;
    if (trouble_comes("vkQueueSubmit2", &result)) {
        return result;
    }
    pthread_mutex_lock(&below->queue_mutex);
    result = submit(queue, count, infos, fence);
    pthread_mutex_unlock(&below->queue_mutex);
    return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL layer_QueueWaitIdle(VkQueue queue) {
    struct below_device *below = below_device_of(queue);
    pthread_mutex_lock(&below->queue_mutex);
    VkResult result = below->QueueWaitIdle(queue);
    pthread_mutex_unlock(&below->queue_mutex);
    return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL layer_QueueBindSparse(VkQueue queue, uint32_t count,
                                                            const VkBindSparseInfo *infos,
                                                            VkFence fence) {
    struct below_device *below = below_device_of(queue);
    pthread_mutex_lock(&below->queue_mutex);
    VkResult result = below->QueueBindSparse(queue, count, infos, fence);
    pthread_mutex_unlock(&below->queue_mutex);
    return result;
}

/* ---- swapchains ----------------------------------------------------------------------------- */

static VKAPI_ATTR VkResult VKAPI_CALL
layer_CreateSwapchainKHR(VkDevice device, const VkSwapchainCreateInfoKHR *info,
                         const VkAllocationCallbacks *allocator, VkSwapchainKHR *out) {
    struct below_device *below = below_device_of(device);
    VkResult result;
    if (trouble_comes("vkCreateSwapchainKHR", &result)) {
        return result;
    }
    result = below->CreateSwapchainKHR(device, info, allocator, out);
    counts_add_object(below, OBJECT_Swapchain, result == VK_SUCCESS);
    return result;
}

static VKAPI_ATTR void VKAPI_CALL layer_DestroySwapchainKHR(
    VkDevice device, VkSwapchainKHR swapchain, const VkAllocationCallbacks *allocator) {
    struct below_device *below = below_device_of(device);
    counts_add_object(below, OBJECT_Swapchain, swapchain ? -1 : 0);
    below->DestroySwapchainKHR(device, swapchain, allocator);
}

static VKAPI_ATTR VkResult VKAPI_CALL layer_GetSwapchainImagesKHR(VkDevice device,
                                                                  VkSwapchainKHR swapchain,
                                                                  uint32_t *count, VkImage *out) {
    VkResult trouble;
    return trouble_comes("vkGetSwapchainImagesKHR", &trouble)
               ? trouble
               : trouble_add(trouble, below_device_of(device)->GetSwapchainImagesKHR(
                                          device, swapchain, count, out));
}

static VKAPI_ATTR VkResult VKAPI_CALL layer_AcquireNextImageKHR(VkDevice device,
                                                                VkSwapchainKHR swapchain,
                                                                uint64_t timeout,
                                                                VkSemaphore semaphore,
                                                                VkFence fence, uint32_t *out) {
    VkResult trouble;
    return trouble_comes("vkAcquireNextImageKHR", &trouble)
               ? trouble
               : trouble_add(trouble, below_device_of(device)->AcquireNextImageKHR(
                                          device, swapchain, timeout, semaphore, fence, out));
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_AcquireNextImage2KHR(VkDevice device, const VkAcquireNextImageInfoKHR *info, uint32_t *out) {
    VkResult trouble;
    return trouble_comes("vkAcquireNextImageKHR", &trouble)
               ? trouble
               : trouble_add(trouble,
                             below_device_of(device)->AcquireNextImage2KHR(device, info, out));
}

static VKAPI_ATTR VkResult VKAPI_CALL layer_QueuePresentKHR(VkQueue queue,
                                                            const VkPresentInfoKHR *info) {
    struct below_device *below = below_device_of(queue);
    VkResult trouble;
    if (trouble_comes("vkQueuePresentKHR", &trouble)) {
        return trouble;
    }
    counts_add_present();
    pthread_mutex_lock(&below->queue_mutex);
    VkResult result = below->QueuePresentKHR(queue, info);
    pthread_mutex_unlock(&below->queue_mutex);
    return trouble_add(trouble, result);
}

/* ---- names ---------------------------------------------------------------------------------- */

#define ENTRY(name, call) {"vk" #name, (PFN_vkVoidFunction)layer_##call}

PFN_vkVoidFunction queues_get_call(const char *name) {
    static const struct {
        const char *name;
        PFN_vkVoidFunction call;
    } calls[] = {
        ENTRY(GetDeviceQueue, GetDeviceQueue),
        ENTRY(GetDeviceQueue2, GetDeviceQueue2),
        ENTRY(CreateCommandPool, CreateCommandPool),
        ENTRY(QueueSubmit, QueueSubmit),
        ENTRY(QueueSubmit2, QueueSubmit2),
        ENTRY(QueueSubmit2KHR, QueueSubmit2),
        ENTRY(QueueWaitIdle, QueueWaitIdle),
        ENTRY(QueueBindSparse, QueueBindSparse),
        ENTRY(CreateSwapchainKHR, CreateSwapchainKHR),
        ENTRY(DestroySwapchainKHR, DestroySwapchainKHR),
        ENTRY(GetSwapchainImagesKHR, GetSwapchainImagesKHR),
        ENTRY(AcquireNextImageKHR, AcquireNextImageKHR),
        ENTRY(AcquireNextImage2KHR, AcquireNextImage2KHR),
        ENTRY(QueuePresentKHR, QueuePresentKHR),
    };
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        if (strcmp(calls[i].name, name) == 0) {
            return calls[i].call;
        }
    }
    return NULL;
}
