/* Instance and device: the part of guest.h that talks to the Vulkan loader. */
#include "guest.h"

#include <stdlib.h>
#include <string.h>

static uint32_t lesser(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

static bool instance_has_extension(const char *name) {
    uint32_t count = 0;
    GUEST_VK(vkEnumerateInstanceExtensionProperties(NULL, &count, NULL));
    VkExtensionProperties *list = calloc(count + 1, sizeof(*list));
    GUEST_CHECK(list, "out of memory");
    GUEST_VK(vkEnumerateInstanceExtensionProperties(NULL, &count, list));
    bool found = false;
    for (uint32_t i = 0; i < count; i++) {
        found = found || strcmp(list[i].extensionName, name) == 0;
    }
    free(list);
    return found;
}

bool guest_has_extension(const struct guest *g, const char *name) {
    uint32_t count = 0;
    GUEST_VK(vkEnumerateDeviceExtensionProperties(g->physical, NULL, &count, NULL));
    VkExtensionProperties *list = calloc(count + 1, sizeof(*list));
    GUEST_CHECK(list, "out of memory");
    GUEST_VK(vkEnumerateDeviceExtensionProperties(g->physical, NULL, &count, list));
    bool found = false;
    for (uint32_t i = 0; i < count; i++) {
        found = found || strcmp(list[i].extensionName, name) == 0;
    }
    free(list);
    return found;
}

static void create_instance(struct guest *g) {
    uint32_t version = VK_API_VERSION_1_0;
    GUEST_VK(vkEnumerateInstanceVersion(&version));
    GUEST_CHECK(version >= VK_API_VERSION_1_1, "the Vulkan loader is older than 1.1");
    g->api_version = lesser(version, VK_API_VERSION_1_3);

    /* Drivers like MoltenVK show themselves only to those who accept portability. */
    const char *const portability = "VK_KHR_portability_enumeration";
    bool portable = instance_has_extension(portability);
    const VkApplicationInfo application = {
        .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
        .pApplicationName = g->name,
        .applicationVersion = 1,
        .pEngineName = "vesper-guest",
        .engineVersion = 1,
        .apiVersion = g->api_version,
    };
    const VkInstanceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
        .flags = portable ? VK_INSTANCE_CREATE_ENUMERATE_PORTABILITY_BIT_KHR : 0,
        .pApplicationInfo = &application,
        .enabledExtensionCount = portable ? 1 : 0,
        .ppEnabledExtensionNames = &portability,
    };
    GUEST_VK(vkCreateInstance(&info, NULL, &g->instance));
}

static void pick_physical_device(struct guest *g) {
    VkPhysicalDevice devices[16];
    uint32_t count = GUEST_COUNT(devices);
    VkResult result = vkEnumeratePhysicalDevices(g->instance, &count, devices);
    GUEST_CHECK(result == VK_SUCCESS || result == VK_INCOMPLETE, "vkEnumeratePhysicalDevices: %s",
                guest_result_name(result));
    GUEST_CHECK(count > 0, "no Vulkan device");
    g->physical = devices[0];
    vkGetPhysicalDeviceProperties(g->physical, &g->properties);
    vkGetPhysicalDeviceMemoryProperties(g->physical, &g->memory);
    g->api_version = lesser(g->api_version, g->properties.apiVersion);
    GUEST_CHECK(g->api_version >= VK_API_VERSION_1_1, "the device is older than Vulkan 1.1");
    guest_say("%s on %s, Vulkan %u.%u.%u", g->name, g->properties.deviceName,
              VK_API_VERSION_MAJOR(g->properties.apiVersion),
              VK_API_VERSION_MINOR(g->properties.apiVersion),
              VK_API_VERSION_PATCH(g->properties.apiVersion));
}

static void pick_queue_family(struct guest *g) {
    VkQueueFamilyProperties families[32];
    uint32_t count = GUEST_COUNT(families);
    vkGetPhysicalDeviceQueueFamilyProperties(g->physical, &count, families);
    const VkQueueFlags wanted = VK_QUEUE_GRAPHICS_BIT | VK_QUEUE_COMPUTE_BIT;
    for (uint32_t i = 0; i < count; i++) {
        if ((families[i].queueFlags & wanted) == wanted) {
            g->family = i;
            g->family_properties = families[i];
            g->queue_count = lesser(families[i].queueCount, GUEST_MAX_QUEUES);
            return;
        }
    }
    guest_skip("no queue family with graphics and compute");
}

void guest_init(struct guest *g, int argc, char **argv, const char *name) {
    *g = (struct guest){.name = name, .argc = argc, .argv = argv};
    const char *out = guest_option(g, "--out", NULL);
    if (out) {
        g->out = fopen(out, "wb");
        GUEST_CHECK(g->out, "cannot create %s", out);
    }
    create_instance(g);
    pick_physical_device(g);
    pick_queue_family(g);
}

void guest_create_device(struct guest *g, const char *const *extensions, uint32_t count,
                         const void *features) {
    const char *names[32];
    GUEST_CHECK(count < GUEST_COUNT(names), "too many extensions");
    for (uint32_t i = 0; i < count; i++) {
        names[i] = extensions[i];
    }
    /* A portability device must be told that its limits are known; the specification demands it. */
    if (guest_has_extension(g, "VK_KHR_portability_subset")) {
        names[count++] = "VK_KHR_portability_subset";
    }
    const float priorities[GUEST_MAX_QUEUES] = {1.0f, 0.5f};
    const VkDeviceQueueCreateInfo queue = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
        .queueFamilyIndex = g->family,
        .queueCount = g->queue_count,
        .pQueuePriorities = priorities,
    };
    const VkDeviceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
        .pNext = features,
        .queueCreateInfoCount = 1,
        .pQueueCreateInfos = &queue,
        .enabledExtensionCount = count,
        .ppEnabledExtensionNames = names,
    };
    GUEST_VK(vkCreateDevice(g->physical, &info, NULL, &g->device));
    for (uint32_t i = 0; i < g->queue_count; i++) {
        vkGetDeviceQueue(g->device, g->family, i, &g->queues[i]);
    }
    const VkCommandPoolCreateInfo pool = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
        .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
        .queueFamilyIndex = g->family,
    };
    GUEST_VK(vkCreateCommandPool(g->device, &pool, NULL, &g->pool));
}

PFN_vkVoidFunction guest_device_proc(const struct guest *g, const char *name) {
    PFN_vkVoidFunction proc = vkGetDeviceProcAddr(g->device, name);
    GUEST_CHECK(proc, "the device has no %s", name);
    return proc;
}

int guest_finish(struct guest *g) {
    if (g->device) {
        GUEST_VK(vkDeviceWaitIdle(g->device));
        vkDestroyCommandPool(g->device, g->pool, NULL);
        vkDestroyDevice(g->device, NULL);
    }
    vkDestroyInstance(g->instance, NULL);
    if (g->out) {
        GUEST_CHECK(fclose(g->out) == 0, "cannot write the result file");
    }
    guest_say("%s: every check held", g->name);
    return 0;
}
