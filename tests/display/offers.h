/* Vulkan as it is on screens that this machine does not have: surfaces offer formats and colour spaces
 * of the test's choice. Swapchains are then made in sRGB's, with the same format. */
#ifndef VESPER_TESTS_OFFERS_H
#define VESPER_TESTS_OFFERS_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan.h>

/* From here on surfaces offer `count` pairs (borrowed); NULL: their own. False where there is no
 * Vulkan. No instance is open. */
bool offers_set(const VkSurfaceFormatKHR *pairs, uint32_t count);
/* From here on surfaces are turned, and only so; 0: as they are. */
void offers_set_transform(VkSurfaceTransformFlagBitsKHR transform);
/* What the last swapchain was asked for; and the metadata told since, false where there was none. */
VkSurfaceFormatKHR offers_get_asked(void);
bool offers_get_metadata(VkHdrMetadataEXT *out);

#endif
