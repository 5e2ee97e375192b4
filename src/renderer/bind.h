/* Binding memory to buffers and images, where it fails: the guest does not wait for the result and
 * will use what got no memory. On a stream's thread, inside a handler. */
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

/* Where `result` is an error, poisons every object of `type` that the command names. */
void bind_finish(struct vn_stream *stream, VkObjectType type, VkResult result);

#endif
