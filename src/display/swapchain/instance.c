#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "display/swapchain/gpu.h"
#include "renderer/context.h"
#include "renderer/driver.h"

#define EXTENSIONS_MAX 8

/* Whether the library lists the extension of this name. */
static bool is_listed(const VkExtensionProperties *list, uint32_t count, const char *name) {
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(list[i].extensionName, name) == 0) {
            return true;
        }
    }
    return false;
}

/* NULL, or the name of the first extension that the library lacks. */
static const char *find_missing(const VkExtensionProperties *list, uint32_t list_count,
                                const char *const *names, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (!is_listed(list, list_count, names[i])) {
            return names[i];
        }
    }
    return NULL;
}

/* What is taken where the library has it. */
static const char *const optional[] = {VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME,
                                       VK_EXT_SWAPCHAIN_COLOR_SPACE_EXTENSION_NAME};
enum { PORTABILITY, COLOUR_SPACES, OPTIONAL_COUNT };

static VkResult create(PFN_vkGetInstanceProcAddr entry, const char *const *extensions,
                       uint32_t count, const bool has[OPTIONAL_COUNT], VkInstance *out) {
    const char *names[EXTENSIONS_MAX + OPTIONAL_COUNT];
    for (uint32_t i = 0; i < count; i++) {
        names[i] = extensions[i];
    }
    for (int i = 0; i < OPTIONAL_COUNT; i++) {
        if (has[i]) {
            names[count++] = optional[i];
        }
    }
    const VkApplicationInfo application = {
        .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
        .pApplicationName = "vesper display",
        .apiVersion = VK_API_VERSION_1_1,
    };
    const VkInstanceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
        .flags = has[PORTABILITY] ? VK_INSTANCE_CREATE_ENUMERATE_PORTABILITY_BIT_KHR : 0,
        .pApplicationInfo = &application,
        .enabledExtensionCount = count,
        .ppEnabledExtensionNames = names,
    };
    PFN_vkCreateInstance create_instance = (PFN_vkCreateInstance)entry(NULL, "vkCreateInstance");
    return create_instance ? create_instance(&info, NULL, out) : VK_ERROR_INITIALIZATION_FAILED;
}

static VkExtensionProperties *list_extensions(PFN_vkGetInstanceProcAddr entry,
                                              uint32_t *out_count) {
    PFN_vkEnumerateInstanceExtensionProperties enumerate =
        (PFN_vkEnumerateInstanceExtensionProperties)entry(NULL,
                                                          "vkEnumerateInstanceExtensionProperties");
    *out_count = 0;
    if (!enumerate || enumerate(NULL, out_count, NULL)) {
        return NULL;
    }
    VkExtensionProperties *list = calloc(*out_count + 1, sizeof(*list));
    if (list && enumerate(NULL, out_count, list) < VK_SUCCESS) {
        *out_count = 0;
    }
    return list;
}

int screen_instance_open(const char *const *extensions, uint32_t count, struct screen_instance *out,
                         char *reason, size_t reason_size) {
    *out = (struct screen_instance){0};
    if (count > EXTENSIONS_MAX) {
        snprintf(reason, reason_size, "the toolkit wants %u extensions", count);
        return -ENODEV;
    }
    if (renderer_open_driver(reason, reason_size)) {
        return -ENODEV;
    }
    PFN_vkGetInstanceProcAddr entry = driver_get_entry();
    uint32_t list_count;
    VkExtensionProperties *list = list_extensions(entry, &list_count);
    const char *missing = list ? find_missing(list, list_count, extensions, count) : "anything";
    bool has[OPTIONAL_COUNT] = {false};
    for (int i = 0; list && i < OPTIONAL_COUNT; i++) {
        has[i] = is_listed(list, list_count, optional[i]);
    }
    free(list);
    if (missing) {
        snprintf(reason, reason_size, "the Vulkan library does not offer %s", missing);
        return -ENODEV;
    }
    const VkResult result = create(entry, extensions, count, has, &out->handle);
    if (result) {
        snprintf(reason, reason_size, "vkCreateInstance gives %d", (int)result);
        out->handle = NULL;
        return -ENODEV;
    }
#define TAKE(name) out->vk.name = (PFN_vk##name)entry(out->handle, "vk" #name);
    SCREEN_INSTANCE_FUNCTIONS(TAKE)
#undef TAKE
    return 0;
}

void screen_instance_close(struct screen_instance *instance) {
    if (instance->handle) {
        instance->vk.DestroyInstance(instance->handle, NULL);
    }
    *instance = (struct screen_instance){0};
}
