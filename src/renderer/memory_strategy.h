/* How memory that the guest can map is made: one contract, one file per strategy.
 *
 * A plan is made once per physical device: which strategy, which memory types it can back, and
 * what the guest is shown. Shared memory imported through VK_EXT_external_memory_host is the
 * default wherever the driver has it; dma-buf export comes second. */
#ifndef VESPER_RENDERER_MEMORY_STRATEGY_H
#define VESPER_RENDERER_MEMORY_STRATEGY_H

#include <stdbool.h>
#include <vulkan/vulkan.h>

#include "renderer/storage.h"

struct device;
struct memory_plan;
struct physical_device;
struct stream;

struct memory_strategy {
    const char *name; /* for messages: "host-import", "dma-buf" */
    /* NULL-terminated device extensions to enable on every device; all are offered by the host. */
    const char *const *device_extensions;
    /* Allocates memory of `info` (decoded chain of the guest, ours to change) so that it can
     * become a blob. On success *out_memory is the host's and *out_storage a new reference, or
     * NULL where the storage is made at export time. On failure the VkResult says why, nothing is
     * left behind and a log line names the cause. Any thread. */
    VkResult (*allocate)(struct device *device, const VkMemoryAllocateInfo *info,
                         VkDeviceMemory *out_memory, struct storage **out_storage);
    /* Gives the storage behind memory that was allocated without one: a new reference, of at
     * least `size` bytes. NULL where `allocate` always gives it. 0 or a negative errno. */
    int (*export_storage)(struct device *device, VkDeviceMemory memory, uint32_t type_index,
                          uint64_t size, struct storage **out_storage);
    /* Allocates by importing the storage of a resource. `info` carries no import struct. */
    VkResult (*import_storage)(struct device *device, const VkMemoryAllocateInfo *info,
                               struct storage *storage, VkDeviceMemory *out_memory);
    /* The memory types as which import_storage takes a storage; 0 where it takes it as none. */
    uint32_t (*import_types)(struct device *device, struct storage *storage);
};

struct memory_plan {
    const struct memory_strategy *strategy; /* NULL: the host can share no memory at all */
    /* Host types whose HOST_VISIBLE allocations the strategy backs. */
    uint32_t backed_types;
    /* Types that the host driver cannot bind tiled images to when they are imported; taken out of
     * images' memoryTypeBits as long as another type remains. */
    uint32_t types_without_tiled_images;
    /* Multiple to which allocation sizes are rounded: max(page, import alignment). */
    uint64_t size_alignment;
    /* The guest is offered dma-bufs and images of the modifier LINEAR, although the host exports
     * nothing: behind them are storages, hence they are of backed types only. */
    bool emulates_dma_buf;
    const char *no_dma_buf_reason; /* static sentence where a host-import plan does not */
    /* As the guest sees it: HOST_VISIBLE only on backed types. */
    VkPhysicalDeviceMemoryProperties visible;
};

extern const struct memory_strategy memory_strategy_host_import;
extern const struct memory_strategy memory_strategy_dma_buf;

#endif
