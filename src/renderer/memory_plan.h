/* Finds out how a host device can give memory to guests.
 *
 * Which size goes where. A is the plan's size_alignment: the larger of the host's page and, where
 * shared memory is imported, minImportedHostPointerAlignment; 16 KiB on Apple silicon. D is the
 * device's blob_alignment (device/device.h), which may be smaller.
 *
 *   what the guest asks for: VkMemoryAllocateInfo.allocationSize      S, any
 *   counted against --max-memory-bytes; the shared-memory object;
 *     its mapping, at a multiple of A; allocationSize of the import   S up to the next A
 *   what fstat says of the object                                     at least that
 *   memory of the driver's own: not mappable, or exported by it       S
 *   a blob that the guest makes of it                                 at most S up to the next A,
 *                                                                     with BLOB_ALIGNMENT times D
 *   a mapping in the host-visible region: the length of SHMEM_MAP     the blob's up to the next D
 *   import of a resource of R bytes: R is a multiple of A, and        S up to the next A ≤ R
 *
 * Nothing is compared for being equal: larger is accepted, smaller refused with a reason. */
#ifndef VESPER_RENDERER_MEMORY_PLAN_H
#define VESPER_RENDERER_MEMORY_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <vulkan/vulkan.h>

#include "renderer/memory_strategy.h"

struct vn_instance_table;

/* Makes the plan of a host device with the given extensions. False, with a sentence in `reason`
 * that names the cause, where the guest could map no coherent memory: such a device is of no use
 * to it. May create and destroy a host device of its own. Any thread. */
bool memory_plan_make(struct memory_plan *plan, const struct vn_instance_table *vk,
                      VkPhysicalDevice device, const VkExtensionProperties *extensions,
                      uint32_t extension_count, char *reason, size_t reason_size);

/* `size` up to the next multiple of the plan's size_alignment. False where there is none. */
bool memory_plan_round_size(const struct memory_plan *plan, uint64_t size, uint64_t *out);

/* Takes types to which the host binds no tiled images out of `type_bits`, unless none would be
 * left. */
uint32_t memory_plan_filter_tiled_image(const struct memory_plan *plan, uint32_t type_bits);

/* Takes types whose memory cannot become a blob out of `type_bits`, the types of an image or buffer
 * that the guest shares, unless none would be left. Only where dma-bufs are emulated: elsewhere
 * the host's own answer holds. */
uint32_t memory_plan_filter_shared(const struct memory_plan *plan, uint32_t type_bits);

/* Whether the host binds tiled images to memory that can become a blob. */
bool memory_plan_shares_tiled_images(const struct memory_plan *plan);

/* vkGetPhysicalDeviceImageFormatProperties2 for images that are bound to imported host pointers:
 * the chain of `info` must name no handle type. VK_SUCCESS, the host's error, or
 * VK_ERROR_FORMAT_NOT_SUPPORTED where it has such images but cannot import them. */
VkResult memory_plan_ask_imported_image(const struct vn_instance_table *vk, VkPhysicalDevice device,
                                        const VkPhysicalDeviceImageFormatInfo2 *info,
                                        VkImageFormatProperties2 *properties);

/* True for handle types that stand for dma-bufs which the plan emulates. */
bool memory_plan_emulates(const struct memory_plan *plan, VkExternalMemoryHandleTypeFlags types);

/* What emulated dma-bufs can do: all that memory can, or nothing where the image or buffer in
 * question is not `supported`. */
VkExternalMemoryProperties memory_plan_get_dma_buf_properties(bool supported);

/* Of the handle types that a guest names for memory it shares, those that the host is told. */
VkExternalMemoryHandleTypeFlags
memory_plan_filter_handle_types(const struct memory_plan *plan,
                                VkExternalMemoryHandleTypeFlags types);

#endif
