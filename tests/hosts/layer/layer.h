/* A Vulkan layer that gives the driver below it the limits of a driver on a Mac.
 *
 * VESPER_HOST_PROFILE  moltenvk (default) or kosmickrisp
 * VESPER_HOST_HIDE     further device extensions to hide, with commas between them
 * VESPER_HOST_STRICT   1: what the specification forbids and drivers forgive fails and is said
 *                      on stderr
 * VESPER_HOST_FAIL     CALL:NUMBER:RESULT[,…]: the NUMBERth call (0: each) of this function in
 *                      the process fails with this VkResult, without reaching the driver
 * VESPER_HOST_COPIES   1: imports succeed, whatever their size, but share no memory
 * VESPER_HOST_SLOW     CALL:MILLISECONDS[,…]: calls of this function take so much longer */
#ifndef VESPER_HOSTS_LAYER_H
#define VESPER_HOSTS_LAYER_H

#define VK_ENABLE_BETA_EXTENSIONS
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan.h>

#define LAYER_NAME "VK_LAYER_VESPER_mac"

/* Pages of Apple silicon: what imported host pointers and sizes are multiples of. */
#define LAYER_PAGE 16384

/* ---- profile.c: the drivers ---------------------------------------------------------------- */

struct profile {
    const char *name;
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

/* To be asked before each call that may fail: true where it does, with *out. Waits where the call
 * is slow. */
bool trouble_comes(const char *call, VkResult *out);

/* ---- dispatch.c: what lies below -------------------------------------------------------------- */

/* The driver's functions that the layer calls itself. */
#define LAYER_INSTANCE_CALLS(X)                                                                    \
    X(DestroyInstance)                                                                             \
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
    LAYER_INSTANCE_CALLS(LAYER_MEMBER)
    struct below_instance *next;
};

struct below_device {
    void *key;
    PFN_vkGetDeviceProcAddr get;
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

/* ---- memory.c, queues.c: the layer's functions of these names ---------------------------------- */

/* The types that a guest of this driver sees: device memory alone, and memory that both reach. */
enum { TYPE_DEVICE, TYPE_SHARED, TYPE_COUNT };

uint32_t memory_find_type(struct below_instance *below, VkPhysicalDevice physical);
void memory_get_properties(VkPhysicalDevice physical, VkPhysicalDeviceMemoryProperties *out);

PFN_vkVoidFunction memory_get_call(const char *name);
PFN_vkVoidFunction queues_get_call(const char *name);
PFN_vkVoidFunction physical_get_call(const char *name);

enum { QUEUE_FAMILIES = 4 };

/* The driver's family for one of the guest's. */
uint32_t queues_get_family(uint32_t family);
/* What the driver is asked for in place of `info`: one queue of its first family. `priority` and
 * `queue` outlive the use of *info. */
void queues_translate(VkDeviceCreateInfo *info, VkDeviceQueueCreateInfo *queue,
                      const float *priority);

#endif
