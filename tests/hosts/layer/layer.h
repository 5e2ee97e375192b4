/* A Vulkan layer that gives the driver below it the limits of a driver on a Mac.
 *
 * VESPER_HOST_PROFILE  moltenvk (default), kosmickrisp, or driver: the driver's own limits
 * VESPER_HOST_HIDE     further device extensions to hide, with commas between them
 * VESPER_HOST_STRICT   1: what the specification forbids and drivers forgive fails and is said
 *                      on stderr
 * VESPER_HOST_FAIL     CALL:NUMBER:RESULT[,…]: the NUMBERth call (0: each) of this function in
 *                      the process fails with this VkResult, without reaching the driver (but
 *                      for VK_SUBOPTIMAL_KHR and VK_INCOMPLETE: what these say of has been done)
 * VESPER_HOST_COPIES   1: imports succeed, whatever their size, but share no memory
 * VESPER_HOST_SLOW     CALL:MILLISECONDS[,…]: calls of this function take so much longer */
#ifndef VESPER_HOSTS_LAYER_H
#define VESPER_HOSTS_LAYER_H

#define VK_ENABLE_BETA_EXTENSIONS
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan.h>

#include "control.h"

#define LAYER_NAME "VK_LAYER_VESPER_mac"

/* Pages of Apple silicon: what imported host pointers and sizes are multiples of. */
#define LAYER_PAGE 16384

/* ---- profile.c: the drivers ---------------------------------------------------------------- */

struct profile {
    const char *name;
    bool plain;               /* no limits */
    bool portability;         /* VK_KHR_portability_subset */
    bool four_queue_families; /* of one queue each */
    bool imports_linear_images;
};

const struct profile *profile_get(void);
bool profile_hides_extension(const char *name);
/* Takes what the driver lacks out of the features that it is asked about. */
void profile_limit_features(VkPhysicalDeviceFeatures *features);
void profile_limit_chain(void *chain);
/* True where `info` asks for a feature that profile_limit_… takes away. */
bool profile_refuses_features(const VkDeviceCreateInfo *info);
bool profile_is_strict(void);

/* ---- trouble.c: calls that fail or take long ------------------------------------------------- */

/* To be asked before each call that may fail: true where it does, with *out. Else *out is for
 * trouble_add. Waits where the call is slow. */
bool trouble_comes(const char *call, VkResult *out);
/* What a call returns that has done its work, which it may have done in part. */
VkResult trouble_add(VkResult trouble, VkResult result);

/* ---- counts.c: what is there, and what was moved ---------------------------------------------- */

/* Kinds of which vkCreateX makes one of a VkXCreateInfo. */
#define LAYER_OBJECTS(X)                                                                           \
    X(Buffer)                                                                                      \
    X(CommandPool)                                                                                 \
    X(DescriptorPool)                                                                              \
    X(DescriptorSetLayout)                                                                         \
    X(Fence)                                                                                       \
    X(Framebuffer)                                                                                 \
    X(Image)                                                                                       \
    X(ImageView)                                                                                   \
    X(PipelineLayout)                                                                              \
    X(RenderPass)                                                                                  \
    X(Sampler)                                                                                     \
    X(Semaphore)                                                                                   \
    X(ShaderModule)

#define LAYER_OBJECT_KIND(name) OBJECT_##name,
enum object {
    LAYER_OBJECTS(LAYER_OBJECT_KIND) OBJECT_Memory,
    OBJECT_Pipeline,
    OBJECT_Swapchain,
    OBJECT_KINDS
};

struct below_instance;
struct below_device;

void counts_add_object(struct below_device *below, enum object kind, int32_t change);
void counts_add_surface(struct below_instance *below, int32_t change);
void counts_add_instance(int32_t change);
void counts_add_device(int32_t change);
/* Before these go. */
void counts_check_device(const struct below_device *below);
void counts_check_instance(const struct below_instance *below);

enum moved { MOVED_BUFFER, MOVED_TO_IMAGE, MOVED_TO_BUFFER, MOVED_BY_PASS, MOVED_KINDS };
void counts_add_moved(enum moved kind, uint64_t bytes);
void counts_add_submission(void);
void counts_add_present(void);

/* Memory of `size` bytes is mapped at `bytes`; gives where the caller should see it. */
void *counts_map(VkDeviceMemory memory, uint64_t size, void *bytes);
void counts_unmap(VkDeviceMemory memory);

/* host_control's. */
void counts_get(struct host_counts *out);
void counts_shadow(bool on);

/* ---- dispatch.c: what lies below -------------------------------------------------------------- */

/* The driver's functions that the layer calls itself. */
#define LAYER_INSTANCE_CALLS(X)                                                                    \
    X(DestroyInstance)                                                                             \
    X(CreateHeadlessSurfaceEXT)                                                                    \
    X(DestroySurfaceKHR)                                                                           \
    X(EnumeratePhysicalDevices)                                                                    \
    X(GetPhysicalDeviceSurfaceCapabilitiesKHR)                                                     \
    X(GetPhysicalDeviceSurfaceFormatsKHR)                                                          \
    X(GetPhysicalDeviceSurfacePresentModesKHR)                                                     \
    X(EnumerateDeviceExtensionProperties)                                                          \
    X(CreateDevice)                                                                                \
    X(GetPhysicalDeviceFeatures)                                                                   \
    X(GetPhysicalDeviceFeatures2)                                                                  \
    X(GetPhysicalDeviceProperties)                                                                 \
    X(GetPhysicalDeviceProperties2)                                                                \
    X(GetPhysicalDeviceQueueFamilyProperties)                                                      \
    X(GetPhysicalDeviceQueueFamilyProperties2)                                                     \
    X(GetPhysicalDeviceMemoryProperties)                                                           \
    X(GetPhysicalDeviceMemoryProperties2)                                                          \
    X(GetPhysicalDeviceExternalBufferProperties)                                                   \
    X(GetPhysicalDeviceImageFormatProperties2)                                                     \
    X(GetPhysicalDeviceSurfaceSupportKHR)

#define LAYER_DEVICE_CALLS(X)                                                                      \
    X(DestroyDevice)                                                                               \
    X(AllocateCommandBuffers)                                                                      \
    X(AllocateDescriptorSets)                                                                      \
    X(BeginCommandBuffer)                                                                          \
    X(BindBufferMemory)                                                                            \
    X(CmdBeginRenderPass)                                                                          \
    X(CmdCopyBuffer)                                                                               \
    X(CmdCopyBufferToImage)                                                                        \
    X(CmdCopyImageToBuffer)                                                                        \
    X(CreateBuffer)                                                                                \
    X(CreateDescriptorPool)                                                                        \
    X(CreateDescriptorSetLayout)                                                                   \
    X(CreateFence)                                                                                 \
    X(CreateFramebuffer)                                                                           \
    X(CreateGraphicsPipelines)                                                                     \
    X(CreateImageView)                                                                             \
    X(CreatePipelineLayout)                                                                        \
    X(CreateRenderPass)                                                                            \
    X(CreateSampler)                                                                               \
    X(CreateSemaphore)                                                                             \
    X(CreateShaderModule)                                                                          \
    X(DestroyBuffer)                                                                               \
    X(DestroyCommandPool)                                                                          \
    X(DestroyDescriptorPool)                                                                       \
    X(DestroyDescriptorSetLayout)                                                                  \
    X(DestroyFence)                                                                                \
    X(DestroyFramebuffer)                                                                          \
    X(DestroyImageView)                                                                            \
    X(DestroyPipeline)                                                                             \
    X(DestroyPipelineLayout)                                                                       \
    X(DestroyRenderPass)                                                                           \
    X(DestroySampler)                                                                              \
    X(DestroySemaphore)                                                                            \
    X(DestroyShaderModule)                                                                         \
    X(DestroySwapchainKHR)                                                                         \
    X(DeviceWaitIdle)                                                                              \
    X(EndCommandBuffer)                                                                            \
    X(GetSwapchainImagesKHR)                                                                       \
    X(ResetFences)                                                                                 \
    X(UnmapMemory)                                                                                 \
    X(WaitForFences)                                                                               \
    X(GetDeviceQueue)                                                                              \
    X(GetDeviceQueue2)                                                                             \
    X(CreateCommandPool)                                                                           \
    X(QueueSubmit)                                                                                 \
    X(QueueSubmit2)                                                                                \
    X(QueueSubmit2KHR)                                                                             \
    X(QueueWaitIdle)                                                                               \
    X(QueueBindSparse)                                                                             \
    X(AllocateMemory)                                                                              \
    X(FreeMemory)                                                                                  \
    X(MapMemory)                                                                                   \
    X(MapMemory2)                                                                                  \
    X(MapMemory2KHR)                                                                               \
    X(GetMemoryHostPointerPropertiesEXT)                                                           \
    X(CreateImage)                                                                                 \
    X(DestroyImage)                                                                                \
    X(BindImageMemory)                                                                             \
    X(BindImageMemory2)                                                                            \
    X(GetBufferMemoryRequirements)                                                                 \
    X(GetBufferMemoryRequirements2)                                                                \
    X(GetImageMemoryRequirements)                                                                  \
    X(GetImageMemoryRequirements2)                                                                 \
    X(GetDeviceBufferMemoryRequirements)                                                           \
    X(GetDeviceImageMemoryRequirements)                                                            \
    X(CreateSwapchainKHR)                                                                          \
    X(AcquireNextImageKHR)                                                                         \
    X(AcquireNextImage2KHR)                                                                        \
    X(QueuePresentKHR)

#define LAYER_MEMBER(name) PFN_vk##name name;

struct below_instance {
    void *key;
    VkInstance handle;
    PFN_vkGetInstanceProcAddr get;
    _Atomic(int32_t) surfaces;
    LAYER_INSTANCE_CALLS(LAYER_MEMBER)
    struct below_instance *next;
};

struct below_device {
    void *key;
    PFN_vkGetDeviceProcAddr get;
    _Atomic(int32_t) objects[OBJECT_KINDS];
    uint32_t memory_type; /* the driver's, of which both of ours are */
    pthread_mutex_t queue_mutex; /* several of ours are one of the driver's */
    LAYER_DEVICE_CALLS(LAYER_MEMBER)
    struct below_device *next;
};

void below_add_instance(struct below_instance *instance);
void below_add_device(struct below_device *device);
/* By an instance or physical device; by a device, queue or command buffer. */
struct below_instance *below_instance_of(void *handle);
struct below_device *below_device_of(void *handle);
void below_remove_instance(struct below_instance *instance);
void below_remove_device(struct below_device *device);

/* A set of handles with a word each: what is known of memory and images. 0: not in the set. */
void below_note(uint64_t handle, uint32_t word);
uint32_t below_look_up(uint64_t handle);

/* ---- the layer's functions of these names ------------------------------------------------------ */

/* The types that a guest of this driver sees: device memory alone, and memory that both reach. */
enum { TYPE_DEVICE, TYPE_SHARED, TYPE_COUNT };

uint32_t memory_find_type(struct below_instance *below, VkPhysicalDevice physical);
void memory_get_properties(VkPhysicalDevice physical, VkPhysicalDeviceMemoryProperties *out);

PFN_vkVoidFunction memory_get_call(const char *name);
PFN_vkVoidFunction queues_get_call(const char *name);
PFN_vkVoidFunction physical_get_call(const char *name);
PFN_vkVoidFunction calls_get_call(const char *name);

enum { QUEUE_FAMILIES = 4 };

/* The driver's family for one of the guest's. */
uint32_t queues_get_family(uint32_t family);
/* What the driver is asked for in place of `info`: one queue of its first family. `priority` and
 * `queue` outlive the use of *info. */
void queues_translate(VkDeviceCreateInfo *info, VkDeviceQueueCreateInfo *queue,
                      const float *priority);

#endif
