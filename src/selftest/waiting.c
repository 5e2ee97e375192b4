/* Semaphores and fences. */
#include <stdlib.h>

#include "platform/platform.h"
#include "selftest/gpu.h"
#include "selftest/selftest.h"

#define WAIT_NS UINT64_C(10000000000)

/* ---- timeline semaphores --------------------------------------------------------------------- */

static VkResult wait_for(const struct gpu *gpu, VkSemaphore semaphore, uint64_t value,
                         uint64_t timeout_ns) {
    const VkSemaphoreWaitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
        .semaphoreCount = 1,
        .pSemaphores = &semaphore,
        .pValues = &value,
    };
    PFN_vkWaitSemaphores wait = gpu->vk.WaitSemaphores;
    return wait(gpu->device, &info, timeout_ns);
}

/* The queue waits for 1, which the host signals, and signals 2. */
static VkResult submit(const struct gpu *gpu, VkSemaphore semaphore) {
    static const uint64_t waited = 1, signalled = 2;
    static const VkPipelineStageFlags stage = VK_PIPELINE_STAGE_TRANSFER_BIT;
    const VkTimelineSemaphoreSubmitInfo values = {
        .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
        .waitSemaphoreValueCount = 1,
        .pWaitSemaphoreValues = &waited,
        .signalSemaphoreValueCount = 1,
        .pSignalSemaphoreValues = &signalled,
    };
    const VkSubmitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .pNext = &values,
        .waitSemaphoreCount = 1,
        .pWaitSemaphores = &semaphore,
        .pWaitDstStageMask = &stage,
        .signalSemaphoreCount = 1,
        .pSignalSemaphores = &semaphore,
    };
    return gpu->vk.QueueSubmit(gpu->queue, 1, &info, VK_NULL_HANDLE);
}

static void use_timeline(const struct gpu *gpu, VkSemaphore semaphore,
                         struct selftest_result *out) {
    const VkSemaphoreSignalInfo signal = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_SIGNAL_INFO,
        .semaphore = semaphore,
        .value = 1,
    };
    const VkResult submitted = submit(gpu, semaphore);
    const VkResult early = wait_for(gpu, semaphore, 2, 1000000);
    const VkResult signalled = gpu->vk.SignalSemaphore(gpu->device, &signal);
    const VkResult late = wait_for(gpu, semaphore, 2, WAIT_NS);
    uint64_t value = 0;
    const VkResult asked = gpu->vk.GetSemaphoreCounterValue(gpu->device, semaphore, &value);
    if (submitted < 0 || signalled < 0 || asked < 0) {
        selftest_fail(out, "submit %d, signal %d, value %d", (int)submitted, (int)signalled,
                      (int)asked);
    } else if (early != VK_TIMEOUT || late != VK_SUCCESS || value != 2) {
        selftest_fail(out, "the wait gives %d too early, %d at last, the value is %llu", (int)early,
                      (int)late, (unsigned long long)value);
    } else {
        selftest_pass(out, "the queue waits for the host, the host for the queue");
    }
    gpu->vk.QueueWaitIdle(gpu->queue);
}

void selftest_timeline_semaphores(struct selftest_result *out) {
    struct gpu gpu;
    const VkSemaphoreTypeCreateInfo type = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
        .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
    };
    const VkSemaphoreCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
        .pNext = &type,
    };
    VkSemaphore semaphore;
    if (!gpu_open(&gpu, out)) {
        return;
    }
    if (!gpu.vk.WaitSemaphores || !gpu.vk.SignalSemaphore || !gpu.vk.GetSemaphoreCounterValue) {
        selftest_fail(out, "%s has none", gpu.properties.deviceName);
    } else {
        const VkResult result = gpu.vk.CreateSemaphore(gpu.device, &info, NULL, &semaphore);
        if (result < 0) {
            selftest_fail(out, "vkCreateSemaphore gives %d", (int)result);
        } else {
            use_timeline(&gpu, semaphore, out);
            gpu.vk.DestroySemaphore(gpu.device, semaphore, NULL);
        }
    }
    gpu_close(&gpu);
}

/* ---- fences -------------------------------------------------------------------------------- */

enum { ROUNDS = 101 };

static int compare(const void *a, const void *b) {
    const uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;
    return first < second ? -1 : first > second;
}

static VkResult measure(const struct gpu *gpu, VkFence fence, uint64_t times[ROUNDS]) {
    const VkSubmitInfo info = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO};
    for (int i = 0; i < ROUNDS; i++) {
        const uint64_t start = platform_now_ns();
        VkResult result = gpu->vk.QueueSubmit(gpu->queue, 1, &info, fence);
        if (result >= 0) {
            result = gpu->vk.WaitForFences(gpu->device, 1, &fence, VK_TRUE, WAIT_NS);
        }
        if (result != VK_SUCCESS) {
            return result;
        }
        times[i] = platform_now_ns() - start;
        result = gpu->vk.GetFenceStatus(gpu->device, fence);
        result = result == VK_SUCCESS ? gpu->vk.ResetFences(gpu->device, 1, &fence) : result;
        if (result != VK_SUCCESS || gpu->vk.GetFenceStatus(gpu->device, fence) != VK_NOT_READY) {
            return VK_ERROR_UNKNOWN;
        }
    }
    return VK_SUCCESS;
}

void selftest_fence_wait(struct selftest_result *out) {
    struct gpu gpu;
    const VkFenceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    VkFence fence;
    uint64_t times[ROUNDS];
    if (!gpu_open(&gpu, out)) {
        return;
    }
    VkResult result = gpu.vk.CreateFence(gpu.device, &info, NULL, &fence);
    if (result >= 0) {
        result = measure(&gpu, fence, times);
        gpu.vk.DestroyFence(gpu.device, fence, NULL);
    }
    if (result != VK_SUCCESS) {
        selftest_fail(out, "a submission with a fence gives %d", (int)result);
    } else {
        qsort(times, ROUNDS, sizeof(times[0]), compare);
        selftest_pass(out, "submit to wake-up: median %.1f us, longest %.1f us",
                      (double)times[ROUNDS / 2] / 1000, (double)times[ROUNDS - 1] / 1000);
    }
    gpu_close(&gpu);
}
