/* What the codec must know of an object to replace a guest id by a host handle. The renderer
 * embeds this as the first member of the records that need more. */
#ifndef VESPER_PROTOCOL_OBJECT_H
#define VESPER_PROTOCOL_OBJECT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan.h>

#include "util/id_table.h"

struct vn_device_table;
struct vn_instance_table;

struct vn_object {
    struct id_entry entry; /* guest id; first */
    VkObjectType type;
    /* VK_SUCCESS: usable. VK_NOT_READY: being created. Otherwise the result of the creation (or
     * recording) that failed: every command that names the object is skipped with this result. */
    _Atomic(int32_t) poison;
    /* Host handle, 0 while there is none. Atomic because sync-file emulation may replace the
     * handle of a fence or semaphore. */
    _Atomic(uint64_t) handle;
    /* Functions of the device that the object belongs to; also the device's identity for parent
     * checks. NULL for the instance and physical devices. */
    const struct vn_device_table *vk;
    /* Creation tree for implicit destruction; guarded by the renderer's object lock. */
    struct vn_object *parent, *first_child, *next, *previous;
    /* Guarded likewise. Closed: takes no children any more; destroyed: somebody has taken it. */
    bool closed, destroyed;
};

static inline uint64_t vn_object_handle(const struct vn_object *object) {
    return atomic_load_explicit(&object->handle, memory_order_relaxed);
}

#endif
