/* Three frames through a swapchain: on a surface without a screen, and on a window's. */
#include <stdbool.h>
#include <string.h>

#include "renderer/driver.h"
#include "renderer/extension_list.h"
#include "renderer/instance.h"
#include "selftest/gpu.h"
#include "selftest/selftest.h"
#include "selftest/window.h"

#define FRAMES 3
#define WAIT_NS UINT64_C(10000000000)

/* Not part of the protocol, hence in none of its tables. */
#define INSTANCE_CALLS(X)                                                                          \
    X(CreateHeadlessSurfaceEXT)                                                                    \
    X(DestroySurfaceKHR)                                                                           \
    X(GetPhysicalDeviceSurfaceSupportKHR)                                                          \
    X(GetPhysicalDeviceSurfaceCapabilitiesKHR)                                                     \
    X(GetPhysicalDeviceSurfaceFormatsKHR)
#define DEVICE_CALLS(X)                                                                            \
    X(CreateSwapchainKHR)                                                                          \
    X(DestroySwapchainKHR)                                                                         \
    X(GetSwapchainImagesKHR)                                                                       \
    X(AcquireNextImageKHR)                                                                         \
    X(QueuePresentKHR)
#define MEMBER(name) PFN_vk##name name;

struct chain {
    VkInstance instance;
    struct vn_instance_table host;
    VkPhysicalDevice physical;
    VkDevice device;
    struct vn_device_table vk;
    VkQueue queue;
    VkSurfaceKHR surface;
    VkSwapchainKHR swapchain;
    VkExtent2D extent;
    bool has_window; /* which made the surface */
    INSTANCE_CALLS(MEMBER)
    DEVICE_CALLS(MEMBER)
};

static bool list_has(const char *name) {
    VkExtensionProperties list[128];
    uint32_t count = 128;
    PFN_vkEnumerateInstanceExtensionProperties enumerate =
        (PFN_vkEnumerateInstanceExtensionProperties)driver_get_entry()(
            NULL, "vkEnumerateInstanceExtensionProperties");
    return enumerate && enumerate(NULL, &count, list) >= 0 && extension_list_has(list, count, name);
}

static VkResult create_instance(struct chain *chain, const char *const *extensions,
                                uint32_t count) {
    PFN_vkGetInstanceProcAddr get = driver_get_entry();
    const VkResult result =
        gpu_create_instance(instance_host_lists_portability(), extensions, count, &chain->instance);
    if (result < 0) {
        return result;
    }
    vn_instance_table_init(&chain->host, chain->instance, get);
#define LOAD(name) chain->name = (PFN_vk##name)get(chain->instance, "vk" #name);
    INSTANCE_CALLS(LOAD)
#undef LOAD
    return VK_SUCCESS;
}

static VkResult create_device(struct chain *chain) {
    VkExtensionProperties list[512];
    uint32_t count = 512, one = 1;
    const float priority = 1.0f;
    const char *names[2] = {VK_KHR_SWAPCHAIN_EXTENSION_NAME, "VK_KHR_portability_subset"};
    VkResult result = chain->host.EnumeratePhysicalDevices(chain->instance, &one, &chain->physical);
    if (result < 0 || !one) {
        return VK_ERROR_INITIALIZATION_FAILED;
    }
    result = chain->host.EnumerateDeviceExtensionProperties(chain->physical, NULL, &count, list);
    const VkDeviceQueueCreateInfo queue = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
        .queueCount = 1,
        .pQueuePriorities = &priority,
    };
    const VkDeviceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
        .queueCreateInfoCount = 1,
        .pQueueCreateInfos = &queue,
        .enabledExtensionCount = extension_list_has(list, count, names[1]) ? 2 : 1,
        .ppEnabledExtensionNames = names,
    };
    result = result < 0 ? result
                        : chain->host.CreateDevice(chain->physical, &info, NULL, &chain->device);
    if (result < 0) {
        return result;
    }
    vn_device_table_init(&chain->vk, chain->device, chain->host.GetDeviceProcAddr);
    chain->vk.GetDeviceQueue(chain->device, 0, 0, &chain->queue);
#define LOAD(name)                                                                                 \
    chain->name = (PFN_vk##name)chain->host.GetDeviceProcAddr(chain->device, "vk" #name);
    DEVICE_CALLS(LOAD)
#undef LOAD
    return VK_SUCCESS;
}

static VkResult create_swapchain(struct chain *chain) {
    VkSurfaceCapabilitiesKHR can;
    VkSurfaceFormatKHR format;
    VkBool32 supported = VK_FALSE;
    uint32_t one = 1;
    chain->GetPhysicalDeviceSurfaceSupportKHR(chain->physical, 0, chain->surface, &supported);
    VkResult result =
        chain->GetPhysicalDeviceSurfaceCapabilitiesKHR(chain->physical, chain->surface, &can);
    if (result >= 0) {
        result = chain->GetPhysicalDeviceSurfaceFormatsKHR(chain->physical, chain->surface, &one,
                                                           &format);
    }
    if (result < 0 || !supported || !one) {
        return result < 0 ? result : VK_ERROR_FORMAT_NOT_SUPPORTED;
    }
    const bool free_size = can.currentExtent.width == UINT32_MAX;
    chain->extent = free_size ? (VkExtent2D){64, 64} : can.currentExtent;
    const uint32_t images = can.minImageCount + 1;
    const VkSwapchainCreateInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_SWAPCHAIN_CREATE_INFO_KHR,
        .surface = chain->surface,
        .minImageCount =
            can.maxImageCount && images > can.maxImageCount ? can.maxImageCount : images,
        .imageFormat = format.format,
        .imageColorSpace = format.colorSpace,
        .imageExtent = chain->extent,
        .imageArrayLayers = 1,
        .imageUsage = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT,
        .preTransform = can.currentTransform,
        .compositeAlpha = VK_COMPOSITE_ALPHA_OPAQUE_BIT_KHR,
        .presentMode = VK_PRESENT_MODE_FIFO_KHR,
    };
    return chain->CreateSwapchainKHR(chain->device, &info, NULL, &chain->swapchain);
}

static VkResult to_present_layout(struct chain *chain, VkCommandPool pool, VkImage image) {
    const VkCommandBufferAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = pool,
        .commandBufferCount = 1,
    };
    const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    const VkImageMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
        .newLayout = VK_IMAGE_LAYOUT_PRESENT_SRC_KHR,
        .srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
        .dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
        .image = image,
        .subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1},
    };
    VkCommandBuffer commands;
    VkResult result = chain->vk.AllocateCommandBuffers(chain->device, &info, &commands);
    if (result < 0) {
        return result;
    }
    chain->vk.BeginCommandBuffer(commands, &begin);
    chain->vk.CmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT,
                                 VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, 0, 0, NULL, 0, NULL, 1,
                                 &barrier);
    result = chain->vk.EndCommandBuffer(commands);
    const VkSubmitInfo submit = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .commandBufferCount = 1,
        .pCommandBuffers = &commands,
    };
    result = result < 0 ? result : chain->vk.QueueSubmit(chain->queue, 1, &submit, VK_NULL_HANDLE);
    return result < 0 ? result : chain->vk.QueueWaitIdle(chain->queue);
}

static VkResult present_one(struct chain *chain, VkCommandPool pool, VkFence fence) {
    VkImage images[32];
    uint32_t index = 0, count = 32;
    VkResult result = chain->GetSwapchainImagesKHR(chain->device, chain->swapchain, &count, images);
    if (result != VK_SUCCESS) {
        return result < 0 ? result : VK_ERROR_UNKNOWN;
    }
    result = chain->AcquireNextImageKHR(chain->device, chain->swapchain, WAIT_NS, VK_NULL_HANDLE,
                                        fence, &index);
    if (result != VK_SUCCESS && result != VK_SUBOPTIMAL_KHR) {
        return result < 0 ? result : VK_ERROR_UNKNOWN;
    }
    result = chain->vk.WaitForFences(chain->device, 1, &fence, VK_TRUE, WAIT_NS);
    if (result != VK_SUCCESS || index >= count) {
        return VK_ERROR_UNKNOWN;
    }
    chain->vk.ResetFences(chain->device, 1, &fence);
    result = to_present_layout(chain, pool, images[index]);
    const VkPresentInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_PRESENT_INFO_KHR,
        .swapchainCount = 1,
        .pSwapchains = &chain->swapchain,
        .pImageIndices = &index,
    };
    return result < 0 ? result : chain->QueuePresentKHR(chain->queue, &info);
}

static VkResult present(struct chain *chain) {
    const VkFenceCreateInfo fence_info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    const VkCommandPoolCreateInfo pool_info = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO};
    VkFence fence = VK_NULL_HANDLE;
    VkCommandPool pool = VK_NULL_HANDLE;
    VkResult result = chain->vk.CreateFence(chain->device, &fence_info, NULL, &fence);
    if (result >= 0) {
        result = chain->vk.CreateCommandPool(chain->device, &pool_info, NULL, &pool);
    }
    for (int i = 0; i < FRAMES && result >= 0; i++) {
        if (chain->has_window) {
            selftest_window_attend();
        }
        result = present_one(chain, pool, fence);
    }
    chain->vk.QueueWaitIdle(chain->queue);
    chain->vk.DestroyCommandPool(chain->device, pool, NULL);
    chain->vk.DestroyFence(chain->device, fence, NULL);
    return result;
}

/* On the surface, which is destroyed. */
static void use_surface(struct chain *chain, struct selftest_result *out) {
    const char *at = "vkCreateDevice";
    VkResult result = create_device(chain);
    if (result >= 0) {
        at = "vkCreateSwapchainKHR";
        result = create_swapchain(chain);
    }
    if (result >= 0) {
        at = "presenting";
        result = present(chain);
    }
    if (result < 0) {
        selftest_fail(out, "%s gives %d", at, (int)result);
    } else {
        selftest_pass(out, "%d frames of %ux%u presented", FRAMES, chain->extent.width,
                      chain->extent.height);
    }
    if (chain->swapchain) {
        chain->DestroySwapchainKHR(chain->device, chain->swapchain, NULL);
    }
    if (chain->surface) {
        chain->DestroySurfaceKHR(chain->instance, chain->surface, NULL);
    }
    if (chain->device) {
        chain->vk.DestroyDevice(chain->device, NULL);
    }
}

void selftest_swapchain_headless(struct selftest_result *out) {
    struct chain chain;
    memset(&chain, 0, sizeof(chain));
    if (!gpu_open_library(out)) {
        return;
    }
    if (!list_has(VK_EXT_HEADLESS_SURFACE_EXTENSION_NAME)) {
        selftest_miss(out, "no driver has VK_EXT_headless_surface");
        return;
    }
    static const char *const extensions[] = {VK_KHR_SURFACE_EXTENSION_NAME,
                                             VK_EXT_HEADLESS_SURFACE_EXTENSION_NAME};
    const VkHeadlessSurfaceCreateInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_HEADLESS_SURFACE_CREATE_INFO_EXT,
    };
    VkResult result = create_instance(&chain, extensions, 2);
    if (result < 0) {
        selftest_fail(out, "vkCreateInstance with surfaces gives %d", (int)result);
        return;
    }
    result = chain.CreateHeadlessSurfaceEXT(chain.instance, &info, NULL, &chain.surface);
    if (result < 0) {
        selftest_fail(out, "vkCreateHeadlessSurfaceEXT gives %d", (int)result);
    } else {
        use_surface(&chain, out);
    }
    chain.host.DestroyInstance(chain.instance, NULL);
}

static void use_window(struct selftest_result *out) {
    struct chain chain;
    char reason[256];
    uint32_t count = 0;
    const char *const *extensions = selftest_window_get_extensions(&count);
    memset(&chain, 0, sizeof(chain));
    chain.has_window = true;
    const VkResult result = create_instance(&chain, extensions, count);
    if (result < 0) {
        selftest_fail(out, "vkCreateInstance with the window's extensions gives %d", (int)result);
        return;
    }
    chain.surface = selftest_window_make_surface(chain.instance, reason, sizeof(reason));
    if (chain.surface) {
        use_surface(&chain, out);
    } else {
        selftest_fail(out, "%s", reason);
    }
    chain.host.DestroyInstance(chain.instance, NULL);
}

void selftest_swapchain_window(struct selftest_result *out) {
    char reason[256];
    if (!gpu_open_library(out)) {
        return;
    }
    if (!selftest_window_open(driver_get_library(), reason, sizeof(reason))) {
        selftest_miss(out, "%s", reason);
        return;
    }
    use_window(out);
    selftest_window_close();
}
