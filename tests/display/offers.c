#include "offers.h"

#include <pthread.h>
#include <string.h>

#include "renderer/context.h"
#include "renderer/driver.h"

static PFN_vkGetInstanceProcAddr real_entry;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static const VkSurfaceFormatKHR *offered;
static uint32_t offered_count;
static VkSurfaceTransformFlagBitsKHR transform;
static VkSurfaceFormatKHR asked;
static VkHdrMetadataEXT metadata;
static bool has_metadata;
/* One driver for all devices: its functions are the same. */
static PFN_vkGetDeviceProcAddr real_get_device;
static PFN_vkCreateSwapchainKHR real_create_swapchain;
static PFN_vkGetPhysicalDeviceSurfaceFormatsKHR real_get_formats;
static PFN_vkGetPhysicalDeviceSurfaceCapabilitiesKHR real_get_capabilities;

static VKAPI_ATTR VkResult VKAPI_CALL get_capabilities(VkPhysicalDevice physical,
                                                       VkSurfaceKHR surface,
                                                       VkSurfaceCapabilitiesKHR *out) {
    const VkResult result = real_get_capabilities(physical, surface, out);
    if (transform) {
        out->currentTransform = transform;
        out->supportedTransforms = transform;
    }
    return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL get_formats(VkPhysicalDevice physical, VkSurfaceKHR surface,
                                                  uint32_t *count, VkSurfaceFormatKHR *out) {
    if (!offered) {
        return real_get_formats(physical, surface, count, out);
    }
    if (out) {
        *count = *count < offered_count ? *count : offered_count;
        memcpy(out, offered, *count * sizeof(*out));
        return *count < offered_count ? VK_INCOMPLETE : VK_SUCCESS;
    }
    *count = offered_count;
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL create_swapchain(VkDevice device,
                                                       const VkSwapchainCreateInfoKHR *info,
                                                       const VkAllocationCallbacks *allocator,
                                                       VkSwapchainKHR *out) {
    VkSwapchainCreateInfoKHR below = *info;
    if (transform && info->preTransform != transform) {
        return VK_ERROR_INITIALIZATION_FAILED;
    }
    below.preTransform = VK_SURFACE_TRANSFORM_IDENTITY_BIT_KHR;
    below.imageColorSpace = VK_COLOR_SPACE_SRGB_NONLINEAR_KHR;
    pthread_mutex_lock(&mutex);
    asked = (VkSurfaceFormatKHR){info->imageFormat, info->imageColorSpace};
    has_metadata = false;
    pthread_mutex_unlock(&mutex);
    return real_create_swapchain(device, &below, allocator, out);
}

static VKAPI_ATTR void VKAPI_CALL set_metadata(VkDevice device, uint32_t count,
                                               const VkSwapchainKHR *swapchains,
                                               const VkHdrMetadataEXT *told) {
    (void)device, (void)count, (void)swapchains;
    pthread_mutex_lock(&mutex);
    metadata = *told;
    has_metadata = true;
    pthread_mutex_unlock(&mutex);
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_device(VkDevice device, const char *name) {
    PFN_vkVoidFunction real = real_get_device(device, name);
    if (strcmp(name, "vkCreateSwapchainKHR") == 0) {
        real_create_swapchain = (PFN_vkCreateSwapchainKHR)real;
        return (PFN_vkVoidFunction)create_swapchain;
    }
    return real && strcmp(name, "vkSetHdrMetadataEXT") == 0 ? (PFN_vkVoidFunction)set_metadata
                                                            : real;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_instance(VkInstance instance,
                                                             const char *name) {
    PFN_vkVoidFunction real = real_entry(instance, name);
    if (real && strcmp(name, "vkGetDeviceProcAddr") == 0) {
        real_get_device = (PFN_vkGetDeviceProcAddr)real;
        return (PFN_vkVoidFunction)get_device;
    }
    if (real && strcmp(name, "vkGetPhysicalDeviceSurfaceFormatsKHR") == 0) {
        real_get_formats = (PFN_vkGetPhysicalDeviceSurfaceFormatsKHR)real;
        return (PFN_vkVoidFunction)get_formats;
    }
    if (real && strcmp(name, "vkGetPhysicalDeviceSurfaceCapabilitiesKHR") == 0) {
        real_get_capabilities = (PFN_vkGetPhysicalDeviceSurfaceCapabilitiesKHR)real;
        return (PFN_vkVoidFunction)get_capabilities;
    }
    return real;
}

bool offers_set(const VkSurfaceFormatKHR *pairs, uint32_t count) {
    char reason[256];
    if (renderer_open_driver(reason, sizeof(reason))) {
        return false;
    }
    if (!real_entry) {
        real_entry = driver_get_entry();
        driver_set_entry(get_instance);
    }
    offered = pairs;
    offered_count = count;
    return true;
}

void offers_set_transform(VkSurfaceTransformFlagBitsKHR turned) {
    transform = turned;
}

VkSurfaceFormatKHR offers_get_asked(void) {
    pthread_mutex_lock(&mutex);
    const VkSurfaceFormatKHR last = asked;
    pthread_mutex_unlock(&mutex);
    return last;
}

bool offers_get_metadata(VkHdrMetadataEXT *out) {
    pthread_mutex_lock(&mutex);
    *out = metadata;
    const bool has = has_metadata;
    pthread_mutex_unlock(&mutex);
    return has;
}
