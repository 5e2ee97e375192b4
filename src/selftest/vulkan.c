/* The library, its drivers, and those that are not whole Vulkan. */
#include <stdbool.h>
#include <stddef.h>

#include "renderer/driver.h"
#include "renderer/instance.h"
#include "selftest/gpu.h"
#include "selftest/selftest.h"

void selftest_vulkan_library(struct selftest_result *out) {
    if (!gpu_open_library(out)) {
        return;
    }
    const uint32_t version = instance_host_version();
    const unsigned major = VK_API_VERSION_MAJOR(version), minor = VK_API_VERSION_MINOR(version);
    if (version < VK_API_VERSION_1_1) {
        selftest_fail(out, "%s offers Vulkan %u.%u", driver_get_library(), major, minor);
    } else {
        selftest_pass(out, "%s, Vulkan %u.%u.%u", driver_get_library(), major, minor,
                      VK_API_VERSION_PATCH(version));
    }
}

void selftest_vulkan_devices(struct selftest_result *out) {
    struct gpu gpu;
    if (!gpu_open(&gpu, out)) {
        return;
    }
    const uint32_t version = gpu.properties.apiVersion;
    selftest_pass(out, "%s, Vulkan %u.%u.%u, driver version %#x", gpu.properties.deviceName,
                  VK_API_VERSION_MAJOR(version), VK_API_VERSION_MINOR(version),
                  VK_API_VERSION_PATCH(version), gpu.properties.driverVersion);
    gpu_close(&gpu);
}

/* ---- portability --------------------------------------------------------------------------- */

static VkResult count_devices(bool with_portability, uint32_t *out_count) {
    VkInstance instance;
    struct vn_instance_table vk;
    *out_count = 0;
    VkResult result = gpu_create_instance(with_portability, NULL, 0, &instance);
    if (result < 0) {
        return result;
    }
    vn_instance_table_init(&vk, instance, driver_get_entry());
    result = vk.EnumeratePhysicalDevices(instance, out_count, NULL);
    vk.DestroyInstance(instance, NULL);
    return result;
}

void selftest_portability_enumeration(struct selftest_result *out) {
    uint32_t plain, with;
    if (!gpu_open_library(out)) {
        return;
    }
    const VkResult plain_result = count_devices(false, &plain);
    if (!instance_host_lists_portability()) {
        selftest_miss(out, "the library does not list it; %u devices without", plain);
        return;
    }
    const VkResult result = count_devices(true, &with);
    if (result < 0 || with == 0 || with < plain) {
        selftest_fail(out, "with the flag %u devices (result %d), without %u (result %d)", with,
                      (int)result, plain, (int)plain_result);
    } else {
        selftest_pass(out, "%u devices with the flag, %u without (result %d)", with, plain,
                      (int)plain_result);
    }
}

void selftest_portability_subset(struct selftest_result *out) {
    struct gpu gpu;
    if (!gpu_open(&gpu, out)) {
        return;
    }
    if (gpu.has_portability_subset) {
        selftest_pass(out, "enabled, vkCreateDevice succeeds");
    } else {
        selftest_miss(out, "%s is whole Vulkan", gpu.properties.deviceName);
    }
    gpu_close(&gpu);
}
