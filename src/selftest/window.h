/* A window of SDL for the check of a swapchain on its surface. All functions: main thread. */
#ifndef VESPER_SELFTEST_WINDOW_H
#define VESPER_SELFTEST_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vulkan/vulkan.h>

/* Opens SDL and a window that Vulkan can draw into, by the Vulkan library of that name. False, with
 * a clause in `reason`, where this build or computer has none: there is nothing to close then. */
bool selftest_window_open(const char *vulkan_library, char *reason, size_t reason_size);
/* The instance extensions that its surface needs; SDL's, until the window is closed. */
const char *const *selftest_window_get_extensions(uint32_t *out_count);
/* VK_NULL_HANDLE, with a clause in `reason`, where SDL cannot. The caller destroys it first. */
VkSurfaceKHR selftest_window_make_surface(VkInstance instance, char *reason, size_t reason_size);
/* What the system wants of a window is done: between frames. */
void selftest_window_attend(void);
void selftest_window_close(void);

#endif
