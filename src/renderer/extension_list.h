/* Lists of VkExtensionProperties: what the host has, what the guest is offered. */
#ifndef VESPER_RENDERER_EXTENSION_LIST_H
#define VESPER_RENDERER_EXTENSION_LIST_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan.h>

struct memory_plan;

bool extension_list_has(const VkExtensionProperties *list, uint32_t count, const char *name);

/* Answers vkEnumerate…ExtensionProperties from `list`: *count is the room in `out` and becomes
 * what was written, or becomes the length of the list where `out` is NULL. VK_INCOMPLETE where
 * the room was too small. */
VkResult extension_list_answer(const VkExtensionProperties *list, uint32_t list_count,
                               uint32_t *count, VkExtensionProperties *out);

/* What a guest may enable on a device: of the host's extensions those that the codec knows, that
 * the renderer serves and that `plan` can back, spec versions capped, and those that we
 * emulate. The caller frees *out. VK_SUCCESS or VK_ERROR_OUT_OF_HOST_MEMORY. */
VkResult extension_list_offer(const VkExtensionProperties *host, uint32_t host_count,
                              const struct memory_plan *plan, VkExtensionProperties **out,
                              uint32_t *out_count);

/* Why a guest is not offered `name`, an extension of the host, under `plan`: static words, NULL
 * where it is offered. Any thread. */
const char *extension_list_why_withheld(const char *name, const struct memory_plan *plan);

#endif
