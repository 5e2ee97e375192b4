/* What the driver says about itself. */
#include <stdlib.h>
#include <string.h>

#include "layer.h"

/* ---- extensions ---------------------------------------------------------------------------- */

static VKAPI_ATTR VkResult VKAPI_CALL layer_EnumerateDeviceExtensionProperties(
    VkPhysicalDevice physical, const char *layer, uint32_t *count, VkExtensionProperties *out) {
    if (layer && strcmp(layer, LAYER_NAME) == 0) {
        *count = 0;
        return VK_SUCCESS;
    }
    struct below_instance *below = below_instance_of(physical);
    uint32_t all = 0;
    VkResult result = below->EnumerateDeviceExtensionProperties(physical, layer, &all, NULL);
    VkExtensionProperties *list = calloc(all + 1, sizeof(*list));
    if (result < 0 || !list) {
        free(list);
        return result < 0 ? result : VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    below->EnumerateDeviceExtensionProperties(physical, layer, &all, list);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < all; i++) {
        if (!profile_hides_extension(list[i].extensionName)) {
            list[kept++] = list[i];
        }
    }
    if (profile_get()->portability && !layer) {
        list[kept++] = (VkExtensionProperties){VK_KHR_PORTABILITY_SUBSET_EXTENSION_NAME, 1};
    }
    uint32_t room = out ? *count : kept;
    uint32_t given = room < kept ? room : kept;
    if (out) {
        memcpy(out, list, given * sizeof(*list));
    }
    *count = given;
    free(list);
    return given < kept ? VK_INCOMPLETE : VK_SUCCESS;
}

/* ---- features and properties ---------------------------------------------------------------- */

static VKAPI_ATTR void VKAPI_CALL layer_GetPhysicalDeviceFeatures(VkPhysicalDevice physical,
                                                                  VkPhysicalDeviceFeatures *out) {
    below_instance_of(physical)->GetPhysicalDeviceFeatures(physical, out);
    profile_limit_features(out);
}

static VKAPI_ATTR void VKAPI_CALL layer_GetPhysicalDeviceFeatures2(VkPhysicalDevice physical,
                                                                   VkPhysicalDeviceFeatures2 *out) {
    below_instance_of(physical)->GetPhysicalDeviceFeatures2(physical, out);
    profile_limit_features(&out->features);
    profile_limit_chain(out->pNext);
}

static void limit_properties(VkPhysicalDeviceProperties *properties) {
    properties->limits.maxGeometryShaderInvocations = 0;
    properties->limits.sparseAddressSpaceSize = 0;
    memset(&properties->sparseProperties, 0, sizeof(properties->sparseProperties));
}

static VKAPI_ATTR void VKAPI_CALL
layer_GetPhysicalDeviceProperties(VkPhysicalDevice physical, VkPhysicalDeviceProperties *out) {
    below_instance_of(physical)->GetPhysicalDeviceProperties(physical, out);
    limit_properties(out);
}

static VKAPI_ATTR void VKAPI_CALL
layer_GetPhysicalDeviceProperties2(VkPhysicalDevice physical, VkPhysicalDeviceProperties2 *out) {
    below_instance_of(physical)->GetPhysicalDeviceProperties2(physical, out);
    limit_properties(&out->properties);
    for (VkBaseOutStructure *link = out->pNext; link; link = link->pNext) {
        if (link->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_MEMORY_HOST_PROPERTIES_EXT) {
            ((VkPhysicalDeviceExternalMemoryHostPropertiesEXT *)link)
                ->minImportedHostPointerAlignment = LAYER_PAGE;
        } else if (link->sType ==
                   VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PORTABILITY_SUBSET_PROPERTIES_KHR) {
            ((VkPhysicalDevicePortabilitySubsetPropertiesKHR *)link)
                ->minVertexInputBindingStrideAlignment = 4;
        }
    }
}

/* ---- queue families ------------------------------------------------------------------------- */

static void limit_family(VkQueueFamilyProperties *family) {
    family->queueFlags &= ~(VkQueueFlags)VK_QUEUE_SPARSE_BINDING_BIT;
    if (profile_get()->four_queue_families) {
        family->queueCount = 1;
    }
}

static uint32_t count_families(struct below_instance *below, VkPhysicalDevice physical) {
    uint32_t count = 0;
    below->GetPhysicalDeviceQueueFamilyProperties(physical, &count, NULL);
    return profile_get()->four_queue_families ? QUEUE_FAMILIES : count;
}

static VKAPI_ATTR void VKAPI_CALL layer_GetPhysicalDeviceQueueFamilyProperties(
    VkPhysicalDevice physical, uint32_t *count, VkQueueFamilyProperties *out) {
    struct below_instance *below = below_instance_of(physical);
    uint32_t all = count_families(below, physical);
    if (!out) {
        *count = all;
        return;
    }
    *count = *count < all ? *count : all;
    uint32_t real = *count;
    below->GetPhysicalDeviceQueueFamilyProperties(physical, &real, out);
    for (uint32_t i = 0; i < *count; i++) {
        if (i >= real || queues_get_family(i) != i) {
            out[i] = out[0];
        }
        limit_family(&out[i]);
    }
}

/* Only the part that every caller asks for is the same in each of the four families. */
static VKAPI_ATTR void VKAPI_CALL layer_GetPhysicalDeviceQueueFamilyProperties2(
    VkPhysicalDevice physical, uint32_t *count, VkQueueFamilyProperties2 *out) {
    struct below_instance *below = below_instance_of(physical);
    uint32_t all = count_families(below, physical);
    if (!out) {
        *count = all;
        return;
    }
    *count = *count < all ? *count : all;
    for (uint32_t i = 0; i < *count && profile_get()->four_queue_families; i++) {
        uint32_t one = 1;
        below->GetPhysicalDeviceQueueFamilyProperties2(physical, &one, &out[i]);
    }
    if (!profile_get()->four_queue_families) {
        below->GetPhysicalDeviceQueueFamilyProperties2(physical, count, out);
    }
    for (uint32_t i = 0; i < *count; i++) {
        limit_family(&out[i].queueFamilyProperties);
    }
}

static VKAPI_ATTR VkResult VKAPI_CALL layer_GetPhysicalDeviceSurfaceSupportKHR(
    VkPhysicalDevice physical, uint32_t family, VkSurfaceKHR surface, VkBool32 *out) {
    return below_instance_of(physical)->GetPhysicalDeviceSurfaceSupportKHR(
        physical, queues_get_family(family), surface, out);
}

/* ---- what can be shared --------------------------------------------------------------------- */

static VKAPI_ATTR void VKAPI_CALL layer_GetPhysicalDeviceExternalBufferProperties(
    VkPhysicalDevice physical, const VkPhysicalDeviceExternalBufferInfo *info,
    VkExternalBufferProperties *out) {
    const VkExternalMemoryHandleTypeFlagBits host =
        VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT;
    if (info->handleType == host) {
        below_instance_of(physical)->GetPhysicalDeviceExternalBufferProperties(physical, info, out);
    } else {
        out->externalMemoryProperties = (VkExternalMemoryProperties){0};
    }
}

static VKAPI_ATTR void VKAPI_CALL layer_GetPhysicalDeviceExternalFenceProperties(
    VkPhysicalDevice physical, const VkPhysicalDeviceExternalFenceInfo *info,
    VkExternalFenceProperties *out) {
    (void)physical;
    (void)info;
    out->exportFromImportedHandleTypes = 0;
    out->compatibleHandleTypes = 0;
    out->externalFenceFeatures = 0;
}

static VKAPI_ATTR void VKAPI_CALL layer_GetPhysicalDeviceExternalSemaphoreProperties(
    VkPhysicalDevice physical, const VkPhysicalDeviceExternalSemaphoreInfo *info,
    VkExternalSemaphoreProperties *out) {
    (void)physical;
    (void)info;
    out->exportFromImportedHandleTypes = 0;
    out->compatibleHandleTypes = 0;
    out->externalSemaphoreFeatures = 0;
}

static bool imports_image(const VkPhysicalDeviceImageFormatInfo2 *info,
                          VkExternalMemoryHandleTypeFlagBits type) {
    return profile_get()->imports_linear_images && info->tiling == VK_IMAGE_TILING_LINEAR &&
           type == VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT;
}

static VKAPI_ATTR VkResult VKAPI_CALL layer_GetPhysicalDeviceImageFormatProperties2(
    VkPhysicalDevice physical, const VkPhysicalDeviceImageFormatInfo2 *info,
    VkImageFormatProperties2 *out) {
    for (const VkBaseInStructure *link = info->pNext; link; link = link->pNext) {
        if (link->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO) {
            VkExternalMemoryHandleTypeFlagBits type =
                ((const VkPhysicalDeviceExternalImageFormatInfo *)link)->handleType;
            if (type && !imports_image(info, type)) {
                return VK_ERROR_FORMAT_NOT_SUPPORTED;
            }
        }
    }
    return below_instance_of(physical)->GetPhysicalDeviceImageFormatProperties2(physical, info,
                                                                                out);
}

/* ---- names ---------------------------------------------------------------------------------- */

#define ENTRY(name, call) {"vk" #name, (PFN_vkVoidFunction)layer_##call}
#define BOTH(call) ENTRY(call, call), ENTRY(call##KHR, call)

PFN_vkVoidFunction physical_get_call(const char *name) {
    static const struct {
        const char *name;
        PFN_vkVoidFunction call;
    } calls[] = {
        ENTRY(EnumerateDeviceExtensionProperties, EnumerateDeviceExtensionProperties),
        ENTRY(GetPhysicalDeviceFeatures, GetPhysicalDeviceFeatures),
        BOTH(GetPhysicalDeviceFeatures2),
        ENTRY(GetPhysicalDeviceProperties, GetPhysicalDeviceProperties),
        BOTH(GetPhysicalDeviceProperties2),
        ENTRY(GetPhysicalDeviceQueueFamilyProperties, GetPhysicalDeviceQueueFamilyProperties),
        BOTH(GetPhysicalDeviceQueueFamilyProperties2),
        ENTRY(GetPhysicalDeviceSurfaceSupportKHR, GetPhysicalDeviceSurfaceSupportKHR),
        BOTH(GetPhysicalDeviceExternalBufferProperties),
        BOTH(GetPhysicalDeviceExternalFenceProperties),
        BOTH(GetPhysicalDeviceExternalSemaphoreProperties),
        BOTH(GetPhysicalDeviceImageFormatProperties2),
    };
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        if (strcmp(calls[i].name, name) == 0) {
            return calls[i].call;
        }
    }
    return NULL;
}
