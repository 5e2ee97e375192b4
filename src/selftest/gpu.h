/* A device of the host with one queue, and memory imported into it, as the checks share them. */
#ifndef VESPER_SELFTEST_GPU_H
#define VESPER_SELFTEST_GPU_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan.h>

#include "selftest/selftest.h"
#include "venus_tables.h"

struct gpu {
    VkInstance instance;
    struct vn_instance_table host;
    VkPhysicalDevice physical;
    VkPhysicalDeviceProperties properties;
    VkPhysicalDeviceMemoryProperties memory;
    VkDevice device;
    struct vn_device_table vk;
    VkQueue queue;
    VkCommandPool pool;
    uint64_t alignment; /* of imported pointers and sizes; 0: the driver imports none */
    bool has_portability_subset;
};

/* Opens the library as the renderer does. False, with the result set, where that fails. */
bool gpu_open_library(struct selftest_result *out);
/* An instance with these extensions (GPU_INSTANCE_EXTENSIONS_MAX at most) that sees portability drivers
 * where asked for. The library is open. */
#define GPU_INSTANCE_EXTENSIONS_MAX 16
VkResult gpu_create_instance(bool with_portability, const char *const *extensions,
                             uint32_t extension_count, VkInstance *out);
/* gpu_open_library, the instance and its first device with queue and command pool. False: *out says
 * why and there is nothing to close. */
bool gpu_open(struct gpu *gpu, struct selftest_result *out);
/* As gpu_open; not-here or failed, too, where the driver imports no host pointers. */
bool gpu_open_importing(struct gpu *gpu, struct selftest_result *out);
void gpu_close(struct gpu *gpu);

/* Shared memory mapped twice, once for the driver: the way of a guest's memory. */
struct gpu_memory {
    uint64_t size;
    struct storage *storage;
    uint8_t *imported, *second;
    VkDeviceMemory memory;
    VkBuffer buffer; /* the whole of it */
};

/* Bit N: memory of type N is coherent and takes such an import, as the driver says. */
uint32_t gpu_import_types(const struct gpu *gpu);
/* Imports `size` bytes from byte `offset` of shared memory as `type`, with a buffer on it. The
 * driver's error or VK_SUCCESS; system errors are VK_ERROR_OUT_OF_HOST_MEMORY. */
VkResult gpu_import(const struct gpu *gpu, uint32_t type, uint64_t offset, uint64_t size,
                    struct gpu_memory *out);
void gpu_free(const struct gpu *gpu, struct gpu_memory *memory);

/* A command buffer that is recording; VK_NULL_HANDLE where none can be had. */
VkCommandBuffer gpu_begin(const struct gpu *gpu);
/* Makes what was written visible to the host, submits and waits. */
VkResult gpu_finish(const struct gpu *gpu, VkCommandBuffer commands);

#endif
