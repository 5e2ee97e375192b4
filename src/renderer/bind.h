/* Binding memory to buffers and images, where it fails. */
#ifndef VESPER_RENDERER_BIND_H
#define VESPER_RENDERER_BIND_H

#include <stdbool.h>
#include <vulkan/vulkan.h>

#include "protocol/stream.h"

/* The result for a bind command that names a poisoned object; VK_SUCCESS where there is none and
 * the host is to be asked. */
VkResult bind_check_poison(const struct vn_stream *stream);

/* Fails the decoder and returns false where a handle is NULL: drivers do not check. */
bool bind_check_handle(struct vn_stream *stream, uint64_t handle, const char *argument);

/* Poisons a buffer or image that got no memory: the guest does not wait for the result of a bind
 * and will use it. `object` may be NULL. */
void bind_poison(struct vn_stream *stream, struct vn_object *object, VkResult result);

/* As bind_poison, for one of the device's children that only its host handle names. */
void bind_poison_handle(struct vn_stream *stream, struct vn_object *device, VkObjectType type,
                        uint64_t handle, VkResult result);

#endif
