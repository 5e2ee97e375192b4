#include "spy_driver.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "platform/platform.h"
#include "venus_null_driver.h"

#define DEADLINE_NS UINT64_C(60000000000)

enum { REPLACEMENTS_MAX = 16 };

/* C(name, parent, info, handle, destructor): creations of one object. */
#define FOR_EACH_CREATION(C)                                                                       \
    C(CreateDevice, VkPhysicalDevice, VkDeviceCreateInfo, VkDevice)                                \
    C(AllocateMemory, VkDevice, VkMemoryAllocateInfo, VkDeviceMemory)                              \
    C(CreateBuffer, VkDevice, VkBufferCreateInfo, VkBuffer)                                        \
    C(CreateFence, VkDevice, VkFenceCreateInfo, VkFence)                                           \
    C(CreateSemaphore, VkDevice, VkSemaphoreCreateInfo, VkSemaphore)                               \
    C(CreateCommandPool, VkDevice, VkCommandPoolCreateInfo, VkCommandPool)                         \
    C(CreateDescriptorPool, VkDevice, VkDescriptorPoolCreateInfo, VkDescriptorPool)                \
    C(CreateDescriptorSetLayout, VkDevice, VkDescriptorSetLayoutCreateInfo, VkDescriptorSetLayout) \
    C(CreatePipelineLayout, VkDevice, VkPipelineLayoutCreateInfo, VkPipelineLayout)                \
    C(CreateShaderModule, VkDevice, VkShaderModuleCreateInfo, VkShaderModule)                      \
    C(CreateEvent, VkDevice, VkEventCreateInfo, VkEvent)

/* D(name, parent, handle): the end of one object. */
#define FOR_EACH_DESTRUCTION(D)                                                                    \
    D(FreeMemory, VkDevice, VkDeviceMemory)                                                        \
    D(DestroyBuffer, VkDevice, VkBuffer)                                                           \
    D(DestroyFence, VkDevice, VkFence)                                                             \
    D(DestroySemaphore, VkDevice, VkSemaphore)                                                     \
    D(DestroyCommandPool, VkDevice, VkCommandPool)                                                 \
    D(DestroyDescriptorPool, VkDevice, VkDescriptorPool)                                           \
    D(DestroyDescriptorSetLayout, VkDevice, VkDescriptorSetLayout)                                 \
    D(DestroyPipelineLayout, VkDevice, VkPipelineLayout)                                           \
    D(DestroyShaderModule, VkDevice, VkShaderModule)                                               \
    D(DestroyEvent, VkDevice, VkEvent)                                                             \
    D(DestroyPipeline, VkDevice, VkPipeline)

/* O(name): watched in ways of their own. */
#define FOR_EACH_OTHER(O)                                                                          \
    O(CreateInstance)                                                                              \
    O(DestroyInstance)                                                                             \
    O(DestroyDevice)                                                                               \
    O(CreateComputePipelines)                                                                      \
    O(AllocateCommandBuffers)                                                                      \
    O(AllocateDescriptorSets)                                                                      \
    O(BeginCommandBuffer)                                                                          \
    O(CmdFillBuffer)                                                                               \
    O(QueueSubmit)                                                                                 \
    O(WaitForFences)                                                                               \
    O(GetFenceStatus)                                                                              \
    O(DeviceWaitIdle)

#define CREATION_INDEX(name, parent, info, handle) SPY_##name,
#define DESTRUCTION_INDEX(name, parent, handle) SPY_##name,
#define OTHER_INDEX(name) SPY_##name,
enum spy_index {
    FOR_EACH_CREATION(CREATION_INDEX) FOR_EACH_DESTRUCTION(DESTRUCTION_INDEX)
        FOR_EACH_OTHER(OTHER_INDEX) SPY_COUNT
};

#define CREATION_NAME(name, parent, info, handle) "vk" #name,
#define DESTRUCTION_NAME(name, parent, handle) "vk" #name,
#define OTHER_NAME(name) "vk" #name,
static const char *const names[SPY_COUNT] = {FOR_EACH_CREATION(CREATION_NAME) FOR_EACH_DESTRUCTION(
    DESTRUCTION_NAME) FOR_EACH_OTHER(OTHER_NAME)};

static struct {
    _Atomic(uint64_t) calls;
    _Atomic(uint32_t) failures;
    _Atomic(int32_t) result;
    _Atomic(bool) held;
} spies[SPY_COUNT];

static _Atomic(int64_t) live_objects;
static _Atomic(uint32_t) failing_pipelines;

#define NEXT(name) ((PFN_vk##name)vn_null_get_instance_proc_addr(VK_NULL_HANDLE, "vk" #name))

static void nap(void) {
    nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
}

/* Counts a call and waits while it is held; the failure it is to report. */
static VkResult begin(enum spy_index index) {
    atomic_fetch_add(&spies[index].calls, 1);
    while (index != SPY_WaitForFences && atomic_load(&spies[index].held)) {
        nap();
    }
    uint32_t left = atomic_load(&spies[index].failures);
    while (left > 0) {
        if (atomic_compare_exchange_weak(&spies[index].failures, &left, left - 1)) {
            return (VkResult)atomic_load(&spies[index].result);
        }
    }
    return VK_SUCCESS;
}

/* ---- one object -------------------------------------------------------------------------- */

#define CREATION(name, parent, info, handle)                                                       \
    static VKAPI_ATTR VkResult VKAPI_CALL spy_##name(                                              \
        parent owner, const info *pInfo, const VkAllocationCallbacks *pAllocator, handle *out) {   \
        VkResult result = begin(SPY_##name);                                                       \
        *out = VK_NULL_HANDLE;                                                                     \
        if (result == VK_SUCCESS) {                                                                \
            result = NEXT(name)(owner, pInfo, pAllocator, out);                                    \
            atomic_fetch_add(&live_objects, 1);                                                    \
        }                                                                                          \
        return result;                                                                             \
    }
FOR_EACH_CREATION(CREATION)

#define DESTRUCTION(name, parent, handle)                                                          \
    static VKAPI_ATTR void VKAPI_CALL spy_##name(parent owner, handle object,                      \
                                                 const VkAllocationCallbacks *pAllocator) {        \
        begin(SPY_##name);                                                                         \
        NEXT(name)(owner, object, pAllocator);                                                     \
        atomic_fetch_sub(&live_objects, object != VK_NULL_HANDLE);                                 \
    }
FOR_EACH_DESTRUCTION(DESTRUCTION)

static VKAPI_ATTR VkResult VKAPI_CALL spy_CreateInstance(const VkInstanceCreateInfo *pCreateInfo,
                                                         const VkAllocationCallbacks *pAllocator,
                                                         VkInstance *pInstance) {
    VkResult result = begin(SPY_CreateInstance);
    *pInstance = VK_NULL_HANDLE;
    if (result == VK_SUCCESS) {
        result = NEXT(CreateInstance)(pCreateInfo, pAllocator, pInstance);
        atomic_fetch_add(&live_objects, 1);
    }
    return result;
}

static VKAPI_ATTR void VKAPI_CALL spy_DestroyInstance(VkInstance instance,
                                                      const VkAllocationCallbacks *pAllocator) {
    begin(SPY_DestroyInstance);
    NEXT(DestroyInstance)(instance, pAllocator);
    atomic_fetch_sub(&live_objects, 1);
}

static VKAPI_ATTR void VKAPI_CALL spy_DestroyDevice(VkDevice device,
                                                    const VkAllocationCallbacks *pAllocator) {
    begin(SPY_DestroyDevice);
    NEXT(DestroyDevice)(device, pAllocator);
    atomic_fetch_sub(&live_objects, 1);
}

/* ---- arrays of objects ------------------------------------------------------------------- */

static VKAPI_ATTR VkResult VKAPI_CALL
spy_CreateComputePipelines(VkDevice device, VkPipelineCache cache, uint32_t count,
                           const VkComputePipelineCreateInfo *pCreateInfos,
                           const VkAllocationCallbacks *pAllocator, VkPipeline *pPipelines) {
    VkResult result = begin(SPY_CreateComputePipelines);
    if (result == VK_SUCCESS) {
        result = NEXT(CreateComputePipelines)(device, cache, count, pCreateInfos, pAllocator,
                                              pPipelines);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (result < 0 || (atomic_load(&failing_pipelines) & (UINT32_C(1) << i))) {
            pPipelines[i] = VK_NULL_HANDLE;
        } else {
            atomic_fetch_add(&live_objects, 1);
        }
    }
    return atomic_load(&failing_pipelines) ? VK_ERROR_OUT_OF_DEVICE_MEMORY : result;
}

static VKAPI_ATTR VkResult VKAPI_CALL
spy_AllocateCommandBuffers(VkDevice device, const VkCommandBufferAllocateInfo *pAllocateInfo,
                           VkCommandBuffer *pCommandBuffers) {
    VkResult result = begin(SPY_AllocateCommandBuffers);
    if (result == VK_SUCCESS) {
        return NEXT(AllocateCommandBuffers)(device, pAllocateInfo, pCommandBuffers);
    }
    memset(pCommandBuffers, 0, pAllocateInfo->commandBufferCount * sizeof(*pCommandBuffers));
    return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL
spy_AllocateDescriptorSets(VkDevice device, const VkDescriptorSetAllocateInfo *pAllocateInfo,
                           VkDescriptorSet *pDescriptorSets) {
    VkResult result = begin(SPY_AllocateDescriptorSets);
    if (result == VK_SUCCESS) {
        return NEXT(AllocateDescriptorSets)(device, pAllocateInfo, pDescriptorSets);
    }
    memset(pDescriptorSets, 0, pAllocateInfo->descriptorSetCount * sizeof(*pDescriptorSets));
    return result;
}

/* ---- recording and submission ------------------------------------------------------------ */

static VKAPI_ATTR VkResult VKAPI_CALL
spy_BeginCommandBuffer(VkCommandBuffer commandBuffer, const VkCommandBufferBeginInfo *pBeginInfo) {
    VkResult result = begin(SPY_BeginCommandBuffer);
    return result < 0 ? result : NEXT(BeginCommandBuffer)(commandBuffer, pBeginInfo);
}

static VKAPI_ATTR void VKAPI_CALL spy_CmdFillBuffer(VkCommandBuffer commandBuffer,
                                                    VkBuffer dstBuffer, VkDeviceSize dstOffset,
                                                    VkDeviceSize size, uint32_t data) {
    begin(SPY_CmdFillBuffer);
    NEXT(CmdFillBuffer)(commandBuffer, dstBuffer, dstOffset, size, data);
}

static VKAPI_ATTR VkResult VKAPI_CALL spy_QueueSubmit(VkQueue queue, uint32_t submitCount,
                                                      const VkSubmitInfo *pSubmits, VkFence fence) {
    VkResult result = begin(SPY_QueueSubmit);
    return result < 0 ? result : NEXT(QueueSubmit)(queue, submitCount, pSubmits, fence);
}

static VKAPI_ATTR VkResult VKAPI_CALL spy_WaitForFences(VkDevice device, uint32_t fenceCount,
                                                        const VkFence *pFences, VkBool32 waitAll,
                                                        uint64_t timeout) {
    VkResult result = begin(SPY_WaitForFences);
    const uint64_t start = platform_now_ns();
    while (atomic_load(&spies[SPY_WaitForFences].held)) {
        if (platform_now_ns() - start >= timeout) {
            return VK_TIMEOUT;
        }
        nap();
    }
    return result < 0 ? result : NEXT(WaitForFences)(device, fenceCount, pFences, waitAll, timeout);
}

static VKAPI_ATTR VkResult VKAPI_CALL spy_GetFenceStatus(VkDevice device, VkFence fence) {
    VkResult result = begin(SPY_GetFenceStatus);
    return result != VK_SUCCESS ? result : NEXT(GetFenceStatus)(device, fence);
}

static VKAPI_ATTR VkResult VKAPI_CALL spy_DeviceWaitIdle(VkDevice device) {
    VkResult result = begin(SPY_DeviceWaitIdle);
    return result < 0 ? result : NEXT(DeviceWaitIdle)(device);
}

/* ---- look-up ----------------------------------------------------------------------------- */

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL spy_GetDeviceProcAddr(VkDevice device,
                                                                      const char *pName) {
    (void)device;
    return spy_driver_entry(VK_NULL_HANDLE, pName);
}

#define CREATION_FUNCTION(name, parent, info, handle) (PFN_vkVoidFunction) spy_##name,
#define DESTRUCTION_FUNCTION(name, parent, handle) (PFN_vkVoidFunction) spy_##name,
#define OTHER_FUNCTION(name) (PFN_vkVoidFunction) spy_##name,
static const PFN_vkVoidFunction functions[SPY_COUNT] = {FOR_EACH_CREATION(
    CREATION_FUNCTION) FOR_EACH_DESTRUCTION(DESTRUCTION_FUNCTION) FOR_EACH_OTHER(OTHER_FUNCTION)};

static struct {
    pthread_mutex_t mutex;
    uint32_t count;
    struct {
        const char *command;
        PFN_vkVoidFunction function;
    } entries[REPLACEMENTS_MAX];
} replacements = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static PFN_vkVoidFunction find_replacement(const char *command) {
    PFN_vkVoidFunction found = NULL;
    pthread_mutex_lock(&replacements.mutex);
    for (uint32_t i = 0; i < replacements.count; i++) {
        if (strcmp(command, replacements.entries[i].command) == 0) {
            found = replacements.entries[i].function;
        }
    }
    pthread_mutex_unlock(&replacements.mutex);
    return found;
}

PFN_vkVoidFunction spy_original(const char *command) {
    if (strcmp(command, "vkGetDeviceProcAddr") == 0) {
        return (PFN_vkVoidFunction)spy_GetDeviceProcAddr;
    }
    for (int i = 0; i < SPY_COUNT; i++) {
        if (strcmp(command, names[i]) == 0) {
            return functions[i];
        }
    }
    return vn_null_get_instance_proc_addr(VK_NULL_HANDLE, command);
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL spy_driver_entry(VkInstance instance, const char *name) {
    (void)instance;
    PFN_vkVoidFunction replacement = find_replacement(name);
    return replacement ? replacement : spy_original(name);
}

static int find(const char *command) {
    for (int i = 0; i < SPY_COUNT; i++) {
        if (strcmp(command, names[i]) == 0) {
            return i;
        }
    }
    fprintf(stderr, "%s is not watched\n", command);
    abort();
}

/* ---- control ----------------------------------------------------------------------------- */

void spy_reset(void) {
    for (int i = 0; i < SPY_COUNT; i++) {
        atomic_store(&spies[i].held, false);
        atomic_store(&spies[i].failures, 0);
        atomic_store(&spies[i].calls, 0);
    }
    atomic_store(&failing_pipelines, 0);
    pthread_mutex_lock(&replacements.mutex);
    replacements.count = 0;
    pthread_mutex_unlock(&replacements.mutex);
}

void spy_replace(const char *command, PFN_vkVoidFunction function) {
    pthread_mutex_lock(&replacements.mutex);
    uint32_t i = 0;
    while (i < replacements.count && strcmp(replacements.entries[i].command, command) != 0) {
        i++;
    }
    if (i == REPLACEMENTS_MAX) {
        fprintf(stderr, "%s: too many replacements\n", command);
        abort();
    }
    replacements.entries[i].command = command;
    replacements.entries[i].function = function;
    replacements.count += i == replacements.count;
    pthread_mutex_unlock(&replacements.mutex);
}

void spy_fail(const char *command, uint32_t count, VkResult result) {
    const int i = find(command);
    atomic_store(&spies[i].result, result);
    atomic_store(&spies[i].failures, count);
}

void spy_fail_pipelines(uint32_t mask) {
    atomic_store(&failing_pipelines, mask);
}

void spy_hold(const char *command, bool hold) {
    atomic_store(&spies[find(command)].held, hold);
}

void spy_wait_calls(const char *command, uint64_t count) {
    const uint64_t deadline = platform_now_ns() + DEADLINE_NS;
    const int i = find(command);
    while (atomic_load(&spies[i].calls) < count) {
        if (platform_now_ns() > deadline) {
            fprintf(stderr, "%s has not been called\n", command);
            abort();
        }
        nap();
    }
}

uint64_t spy_calls(const char *command) {
    return atomic_load(&spies[find(command)].calls);
}

int64_t spy_live_objects(void) {
    return atomic_load(&live_objects);
}
