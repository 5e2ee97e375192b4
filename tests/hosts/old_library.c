/* A Vulkan library that finds no driver: of the age before portability enumeration, or (with
 * VESPER_OLD_LIBRARY=1.0) of Vulkan 1.0. VESPER_VULKAN_LIBRARY names it. */
#include <stdlib.h>
#include <string.h>
#include <vulkan/vulkan.h>

static VKAPI_ATTR VkResult VKAPI_CALL enumerate_version(uint32_t *out) {
    *out = VK_API_VERSION_1_2;
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL enumerate_extensions(const char *layer, uint32_t *count,
                                                           VkExtensionProperties *list) {
    (void)layer;
    static const VkExtensionProperties own = {VK_KHR_SURFACE_EXTENSION_NAME, 25};
    if (list && *count < 1) {
        return VK_INCOMPLETE;
    }
    *count = 1;
    if (list) {
        list[0] = own;
    }
    return VK_SUCCESS;
}

/* A library that is asked for what it does not list says so, and no more about drivers. */
static VKAPI_ATTR VkResult VKAPI_CALL create_instance(const VkInstanceCreateInfo *info,
                                                      const VkAllocationCallbacks *callbacks,
                                                      VkInstance *out) {
    (void)callbacks, (void)out;
    for (uint32_t i = 0; i < info->enabledExtensionCount; i++) {
        if (strcmp(info->ppEnabledExtensionNames[i], VK_KHR_SURFACE_EXTENSION_NAME) != 0) {
            return VK_ERROR_EXTENSION_NOT_PRESENT;
        }
    }
    return info->flags ? VK_ERROR_INITIALIZATION_FAILED : VK_ERROR_INCOMPATIBLE_DRIVER;
}

__attribute__((visibility("default"))) VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL
vkGetInstanceProcAddr(VkInstance instance, const char *name) {
    (void)instance;
    const char *age = getenv("VESPER_OLD_LIBRARY");
    const int is_first = age && strcmp(age, "1.0") == 0;
    if (strcmp(name, "vkEnumerateInstanceVersion") == 0 && !is_first) {
        return (PFN_vkVoidFunction)enumerate_version;
    }
    if (strcmp(name, "vkEnumerateInstanceExtensionProperties") == 0) {
        return (PFN_vkVoidFunction)enumerate_extensions;
    }
    return strcmp(name, "vkCreateInstance") == 0 ? (PFN_vkVoidFunction)create_instance : NULL;
}
