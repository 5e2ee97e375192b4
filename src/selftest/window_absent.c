/* A build without SDL: no windows. */
#include <stdio.h>

#include "selftest/window.h"

bool selftest_window_open(const char *vulkan_library, char *reason, size_t reason_size) {
    (void)vulkan_library;
    snprintf(reason, reason_size, "this vesper was built without SDL3");
    return false;
}

const char *const *selftest_window_get_extensions(uint32_t *out_count) {
    *out_count = 0;
    return NULL;
}

VkSurfaceKHR selftest_window_make_surface(VkInstance instance, char *reason, size_t reason_size) {
    (void)instance;
    snprintf(reason, reason_size, "there is no window");
    return VK_NULL_HANDLE;
}

void selftest_window_attend(void) {
}

void selftest_window_close(void) {
}
