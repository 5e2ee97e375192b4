/*
 * The Vulkan side of the display programs: the Venus device, and a scene that it renders.
 * Every function ends the process when Vulkan reports an error.
 */
#ifndef VESPER_GUEST_DRM_VENUS_H
#define VESPER_GUEST_DRM_VENUS_H

#include "../../common/resources.h"

#include "picture.h"

/* guest_init(), and makes sure that the device is Mesa's Venus driver, not one that renders
 * inside the guest; ends the process with status 1 if it is not.  `--any-driver 1` takes any. */
void venus_init(struct guest *g, int argc, char **argv, const char *name);

/* Ends the process with status 77 and the name of the first extension that is missing. */
void venus_need_extensions(const struct guest *g, const char *const *names, uint32_t count);

/* Renders picture_scene() of this size and seed on the GPU into an image, copies it to `to` (a
 * transfer destination, rows of `stride` bytes), and waits. */
void venus_render_scene(struct guest *g, uint32_t width, uint32_t height, uint32_t seed,
                        VkBuffer to, uint32_t stride);

/* Memory that can be exported as a dma-buf, with a buffer over all of it.  The device must have
 * VK_EXT_external_memory_dma_buf; `flags` as in guest_buffer_create(). */
struct guest_buffer venus_exportable_buffer(struct guest *g, VkDeviceSize size,
                                            VkBufferUsageFlags usage, VkMemoryPropertyFlags flags);

/* A new descriptor of the memory's dma-buf. */
int venus_export_dma_buf(struct guest *g, VkDeviceMemory memory);

/* Compares what the GPU made of the scene with what it should be, pixel by pixel. */
void venus_check_scene(const struct picture *scene, const unsigned char *rows, uint32_t stride);

#endif
