/* The layer as the loader sees it: how it is found, and how instances and devices are made
 * through it. The rest of the functions are in physical.c, queues.c, memory.c and
 * calls.c. */
#include "layer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vulkan/vk_layer.h>

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL layer_GetInstanceProcAddr(VkInstance instance,
                                                                          const char *name);
static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL layer_GetDeviceProcAddr(VkDevice device,
                                                                        const char *name);

/* ---- instances ------------------------------------------------------------------------------ */

static VkLayerInstanceCreateInfo *find_instance_link(const VkInstanceCreateInfo *info) {
    VkLayerInstanceCreateInfo *link = (VkLayerInstanceCreateInfo *)(uintptr_t)info->pNext;
    while (link && !(link->sType == VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO &&
                     link->function == VK_LAYER_LINK_INFO)) {
        link = (VkLayerInstanceCreateInfo *)(uintptr_t)link->pNext;
    }
    return link;
}

/* The loader checks this, too, but gives other drivers to those who do not ask. */
static bool enumerates_portability(const VkInstanceCreateInfo *info) {
    for (uint32_t i = 0; i < info->enabledExtensionCount; i++) {
        if (strcmp(info->ppEnabledExtensionNames[i],
                   VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME) == 0) {
            return info->flags & VK_INSTANCE_CREATE_ENUMERATE_PORTABILITY_BIT_KHR;
        }
    }
    return false;
}

#define LOAD_INSTANCE(name) below->name = (PFN_vk##name)get(instance, "vk" #name);

static VkResult note_instance(VkInstance instance, PFN_vkGetInstanceProcAddr get) {
    struct below_instance *below = calloc(1, sizeof(*below));
    if (!below) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    below->handle = instance;
    below->get = get;
    LAYER_INSTANCE_CALLS(LOAD_INSTANCE)
    below_add_instance(below);
    counts_add_instance(1);
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL layer_CreateInstance(const VkInstanceCreateInfo *info,
                                                           const VkAllocationCallbacks *allocator,
                                                           VkInstance *out) {
    VkLayerInstanceCreateInfo *link = find_instance_link(info);
    VkResult result;
    if (!link) {
        return VK_ERROR_INITIALIZATION_FAILED;
    }
    if (trouble_comes("vkCreateInstance", &result)) {
        return result;
    }
    if (profile_get()->portability && profile_is_strict() && !enumerates_portability(info)) {
        fprintf(stderr, LAYER_NAME ": vkCreateInstance without portability enumeration\n");
        return VK_ERROR_INCOMPATIBLE_DRIVER;
    }
    PFN_vkGetInstanceProcAddr get = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
    link->u.pLayerInfo = link->u.pLayerInfo->pNext;
    PFN_vkCreateInstance create = (PFN_vkCreateInstance)get(NULL, "vkCreateInstance");
    result = create(info, allocator, out);
    return result < 0 ? result : note_instance(*out, get);
}

static VKAPI_ATTR void VKAPI_CALL layer_DestroyInstance(VkInstance instance,
                                                        const VkAllocationCallbacks *allocator) {
    if (!instance) {
        return;
    }
    struct below_instance *below = below_instance_of(instance);
    PFN_vkDestroyInstance destroy = below->DestroyInstance;
    counts_check_instance(below);
    below_remove_instance(below);
    destroy(instance, allocator);
}

/* ---- devices -------------------------------------------------------------------------------- */

static VkLayerDeviceCreateInfo *find_device_link(const VkDeviceCreateInfo *info) {
    VkLayerDeviceCreateInfo *link = (VkLayerDeviceCreateInfo *)(uintptr_t)info->pNext;
    while (link && !(link->sType == VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO &&
                     link->function == VK_LAYER_LINK_INFO)) {
        link = (VkLayerDeviceCreateInfo *)(uintptr_t)link->pNext;
    }
    return link;
}

/* The driver's extensions among those of `info` into `names`, which has room for all. */
static VkResult choose_extensions(const VkDeviceCreateInfo *info, const char **names,
                                  uint32_t *out_count) {
    bool subset = false;
    *out_count = 0;
    for (uint32_t i = 0; i < info->enabledExtensionCount; i++) {
        const char *name = info->ppEnabledExtensionNames[i];
        bool is_subset = strcmp(name, VK_KHR_PORTABILITY_SUBSET_EXTENSION_NAME) == 0;
        if (profile_hides_extension(name) || (is_subset && !profile_get()->portability)) {
            fprintf(stderr, LAYER_NAME ": vkCreateDevice with %s, which is not offered\n", name);
            return VK_ERROR_EXTENSION_NOT_PRESENT;
        }
        subset = subset || is_subset;
        if (!is_subset) {
            names[(*out_count)++] = name;
        }
    }
    if (profile_get()->portability && profile_is_strict() && !subset) {
        fprintf(stderr, LAYER_NAME ": vkCreateDevice without VK_KHR_portability_subset\n");
        return VK_ERROR_INITIALIZATION_FAILED;
    }
    return VK_SUCCESS;
}

static bool has_families(const VkDeviceCreateInfo *info) {
    for (uint32_t i = 0; i < info->queueCreateInfoCount; i++) {
        const VkDeviceQueueCreateInfo *queue = &info->pQueueCreateInfos[i];
        if (queue->queueFamilyIndex >= QUEUE_FAMILIES || queue->queueCount > 1) {
            return false;
        }
    }
    return true;
}

#define LOAD_DEVICE(name) below->name = (PFN_vk##name)get(device, "vk" #name);

static VkResult note_device(VkDevice device, PFN_vkGetDeviceProcAddr get, uint32_t memory_type) {
    struct below_device *below = calloc(1, sizeof(*below));
    if (!below) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    below->key = *(void **)device;
    below->get = get;
    below->memory_type = memory_type;
    pthread_mutex_init(&below->queue_mutex, NULL);
    LAYER_DEVICE_CALLS(LOAD_DEVICE)
    below_add_device(below);
    counts_add_device(1);
    return VK_SUCCESS;
}

static VkResult create_below(VkPhysicalDevice physical, const VkDeviceCreateInfo *info,
                             VkLayerDeviceCreateInfo *link, const VkAllocationCallbacks *allocator,
                             const char **names, VkDevice *out) {
    struct below_instance *below = below_instance_of(physical);
    VkDeviceCreateInfo real = *info;
    VkDeviceQueueCreateInfo queue;
    const float priority = 1.0f;
    real.ppEnabledExtensionNames = names;
    VkResult result = choose_extensions(info, names, &real.enabledExtensionCount);
    if (result < 0) {
        return result;
    }
    if (profile_get()->four_queue_families) {
        queues_translate(&real, &queue, &priority);
    }
    PFN_vkGetInstanceProcAddr get_instance = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
    PFN_vkGetDeviceProcAddr get = link->u.pLayerInfo->pfnNextGetDeviceProcAddr;
    link->u.pLayerInfo = link->u.pLayerInfo->pNext;
    PFN_vkCreateDevice create = (PFN_vkCreateDevice)get_instance(below->handle, "vkCreateDevice");
    result = create(physical, &real, allocator, out);
    return result < 0 ? result : note_device(*out, get, memory_find_type(below, physical));
}

static VKAPI_ATTR VkResult VKAPI_CALL layer_CreateDevice(VkPhysicalDevice physical,
                                                         const VkDeviceCreateInfo *info,
                                                         const VkAllocationCallbacks *allocator,
                                                         VkDevice *out) {
    VkLayerDeviceCreateInfo *link = find_device_link(info);
    VkResult result;
    if (!link || (profile_get()->four_queue_families && !has_families(info))) {
        return VK_ERROR_INITIALIZATION_FAILED;
    }
    if (trouble_comes("vkCreateDevice", &result)) {
        return result;
    }
    if (profile_refuses_features(info)) {
        fprintf(stderr, LAYER_NAME ": vkCreateDevice with a feature that is not offered\n");
        return VK_ERROR_FEATURE_NOT_PRESENT;
    }
    const char **names = calloc(info->enabledExtensionCount + 1, sizeof(*names));
    if (!names) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    result = create_below(physical, info, link, allocator, names, out);
    free(names);
    return result;
}

static VKAPI_ATTR void VKAPI_CALL layer_DestroyDevice(VkDevice device,
                                                      const VkAllocationCallbacks *allocator) {
    if (!device) {
        return;
    }
    struct below_device *below = below_device_of(device);
    PFN_vkDestroyDevice destroy = below->DestroyDevice;
    counts_check_device(below);
    below_remove_device(below);
    destroy(device, allocator);
}

/* ---- names ---------------------------------------------------------------------------------- */

#define ENTRY(call) {"vk" #call, (PFN_vkVoidFunction)layer_##call}

static PFN_vkVoidFunction find_call(const char *name) {
    static const struct {
        const char *name;
        PFN_vkVoidFunction call;
    } calls[] = {
        ENTRY(GetInstanceProcAddr), ENTRY(GetDeviceProcAddr), ENTRY(CreateInstance),
        ENTRY(DestroyInstance),     ENTRY(CreateDevice),      ENTRY(DestroyDevice),
    };
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        if (strcmp(calls[i].name, name) == 0) {
            return calls[i].call;
        }
    }
    const bool plain = profile_get()->plain;
    PFN_vkVoidFunction call = plain ? NULL : physical_get_call(name);
    call = call || plain ? call : memory_get_call(name);
    call = call ? call : queues_get_call(name);
    return call ? call : calls_get_call(name);
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL layer_GetInstanceProcAddr(VkInstance instance,
                                                                          const char *name) {
    PFN_vkVoidFunction call = find_call(name);
    struct below_instance *below = instance ? below_instance_of(instance) : NULL;
    if (!below) {
        return call; /* the loader asks before the instance is made, too */
    }
    PFN_vkVoidFunction real = below->get(instance, name);
    return real && call ? call : real; /* what the driver lacks is not there */
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL layer_GetDeviceProcAddr(VkDevice device,
                                                                        const char *name) {
    PFN_vkVoidFunction call = find_call(name);
    PFN_vkVoidFunction real = below_device_of(device)->get(device, name);
    return real && call ? call : real;
}

__attribute__((visibility("default"))) VKAPI_ATTR VkResult VKAPI_CALL
vkNegotiateLoaderLayerInterfaceVersion(VkNegotiateLayerInterface *version) {
    version->loaderLayerInterfaceVersion = 2;
    version->pfnGetInstanceProcAddr = layer_GetInstanceProcAddr;
    version->pfnGetDeviceProcAddr = layer_GetDeviceProcAddr;
    version->pfnGetPhysicalDeviceProcAddr = NULL;
    return VK_SUCCESS;
}
