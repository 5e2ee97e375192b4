/* The display's own Vulkan: one instance for all windows, a device for each, so that one whose screen
 * is slow, or whose device is lost, has nothing in common with the others. */
#ifndef VESPER_DISPLAY_SWAPCHAIN_GPU_H
#define VESPER_DISPLAY_SWAPCHAIN_GPU_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vulkan/vulkan.h>

/* A GPU that takes longer for the copy of a frame has hung; a processor that is asked by others, too,
 * has not. */
#define SCREEN_GPU_WAIT_NS UINT64_C(2000000000)
#define SCREEN_PROCESSOR_WAIT_NS UINT64_C(30000000000)

/* clang-format off */
#define SCREEN_INSTANCE_FUNCTIONS(use)                                                            \
    use(CreateDevice) use(CreateHeadlessSurfaceEXT) use(DestroyInstance) use(DestroySurfaceKHR)   \
    use(EnumerateDeviceExtensionProperties) use(EnumeratePhysicalDevices) use(GetDeviceProcAddr)  \
    use(GetPhysicalDeviceMemoryProperties) use(GetPhysicalDeviceProperties2)                      \
    use(GetPhysicalDeviceQueueFamilyProperties) use(GetPhysicalDeviceSurfaceCapabilitiesKHR)      \
    use(GetPhysicalDeviceSurfaceFormatsKHR) use(GetPhysicalDeviceSurfacePresentModesKHR)          \
    use(GetPhysicalDeviceSurfaceSupportKHR)
#define SCREEN_DEVICE_FUNCTIONS(use)                                                              \
    use(AcquireNextImageKHR) use(AllocateCommandBuffers) use(AllocateDescriptorSets)              \
    use(AllocateMemory) use(BeginCommandBuffer) use(BindBufferMemory) use(CmdBeginRenderPass)     \
    use(CmdBindDescriptorSets) use(CmdBindPipeline) use(CmdCopyBuffer) use(CmdCopyBufferToImage)  \
    use(CmdCopyImageToBuffer) use(CmdDraw) use(CmdEndRenderPass) use(CmdPipelineBarrier)          \
    use(CmdPushConstants) use(CmdSetScissor) use(CmdSetViewport) use(CreateBuffer)                \
    use(CreateCommandPool) use(CreateDescriptorPool) use(CreateDescriptorSetLayout)               \
    use(CreateFence) use(CreateFramebuffer) use(CreateGraphicsPipelines) use(CreateImageView)     \
    use(CreatePipelineLayout) use(CreateRenderPass) use(CreateShaderModule)                       \
    use(CreateSwapchainKHR) use(DestroyBuffer) use(DestroyCommandPool)                            \
    use(DestroyDescriptorPool) use(DestroyDescriptorSetLayout) use(DestroyDevice)                 \
    use(DestroyFence) use(DestroyFramebuffer) use(DestroyImageView) use(DestroyPipeline)          \
    use(DestroyPipelineLayout) use(DestroyRenderPass) use(DestroyShaderModule)                    \
    use(DestroySwapchainKHR) use(DeviceWaitIdle) use(EndCommandBuffer) use(FreeMemory)            \
    use(GetBufferMemoryRequirements) use(GetDeviceQueue) use(GetSwapchainImagesKHR)               \
    use(MapMemory) use(QueuePresentKHR) use(QueueSubmit) use(ResetFences)                         \
    use(UpdateDescriptorSets) use(WaitForFences)
/* clang-format on */

#define SCREEN_MEMBER(name) PFN_vk##name name;

struct screen_instance {
    VkInstance handle;
    struct {
        SCREEN_INSTANCE_FUNCTIONS(SCREEN_MEMBER)
    } vk;
};

/* Opens the host's Vulkan with extensions that make surfaces. 0, or -ENODEV and a sentence in
 * `reason`: no library, no such extension. */
int screen_instance_open(const char *const *extensions, uint32_t count, struct screen_instance *out,
                         char *reason, size_t reason_size);
/* After all of its surfaces and devices. One that is not open is ignored. */
void screen_instance_close(struct screen_instance *instance);

/* Whether there is a device that is not the processor. */
bool screen_instance_has_gpu(const struct screen_instance *instance);

struct screen_gpu {
    const struct screen_instance *instance;
    VkPhysicalDevice physical;
    VkDevice device; /* NULL: not open */
    uint32_t draw_family, present_family;
    VkQueue draw_queue, present_queue;
    /* Held around calls on present_queue, and on draw_queue where that is the same one. */
    pthread_mutex_t queue_mutex;
    VkPhysicalDeviceMemoryProperties memory;
    uint64_t wait_ns; /* as long as the copy of a frame may take */
    uint64_t import_alignment; /* of host pointers and of sizes, bytes; 0: no imports */
    uint64_t range_max; /* bytes of a buffer that a shader sees at once */
    uint64_t range_alignment; /* of where they begin, bytes */
    char name[VK_MAX_PHYSICAL_DEVICE_NAME_SIZE];
    PFN_vkGetMemoryHostPointerPropertiesEXT get_host_pointer_properties;
    PFN_vkSetHdrMetadataEXT set_hdr_metadata; /* NULL: not offered */
    struct {
        SCREEN_DEVICE_FUNCTIONS(SCREEN_MEMBER)
    } vk;
};

/* Opens a device that draws, and presents on `surface`: one that is no processor, where there is
 * one. 0, or -ENODEV and a sentence in `reason`. */
int screen_gpu_open(const struct screen_instance *instance, VkSurfaceKHR surface,
                    struct screen_gpu *out, char *reason, size_t reason_size);
/* Waits until the open device does nothing any more, however long that takes. */
void screen_gpu_rest(struct screen_gpu *gpu);
/* After everything made of it. One that is not open is ignored. */
void screen_gpu_close(struct screen_gpu *gpu);

/* Hands work to the drawing queue, `fence` following it. One thread at a time. VK_NOT_READY, and nothing
 * was done: the device has one queue, and another thread presents on it, which may take long. */
VkResult screen_gpu_submit(struct screen_gpu *gpu, VkCommandBuffer commands, VkFence fence);

/* The first type of `types` (bits) with all of `wanted`; UINT32_MAX: none. */
uint32_t screen_gpu_find_memory(const struct screen_gpu *gpu, uint32_t types,
                                VkMemoryPropertyFlags wanted);

#endif
