#include "renderer/report.h"

#include <stdlib.h>
#include <string.h>

#include "renderer/driver.h"
#include "renderer/instance.h"
#include "renderer/portability.h"
#include "renderer/version.h"
#include "venus_tables.h"

static const char *why_no_host_import(const struct physical_device *device) {
    if (!physical_device_host_has(device, VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME)) {
        return "the driver has no VK_EXT_external_memory_host";
    }
    return device->memory.strategy == &memory_strategy_host_import
               ? NULL
               : "none of the driver's coherent memory types takes shared memory";
}

static const char *why_no_dma_buf(const struct physical_device *device) {
    if (!physical_device_host_has(device, VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME) ||
        !physical_device_host_has(device, VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME)) {
        return "the driver has no VK_EXT_external_memory_dma_buf with VK_KHR_external_memory_fd";
    }
    if (device->memory.strategy == &memory_strategy_host_import) {
        return "not needed: shared memory comes first";
    }
    return device->memory.strategy == &memory_strategy_dma_buf
               ? NULL
               : "none of the driver's coherent memory types gives dma-bufs that can be mapped";
}

static void report_device(const struct vn_instance_table *vk, VkPhysicalDevice handle,
                          report_visit visit, void *user) {
    const struct context_limits limits = {0};
    struct physical_device device;
    memset(&device, 0, sizeof(device));
    char reason[256] = "", lacks[PORTABILITY_TEXT_BYTES];
    VkResult result = physical_device_examine(&limits, &device, vk, handle, reason, sizeof(reason));
    struct report_device report = {
        .device = &device,
        .refusal = result < 0 ? reason : NULL,
        .has_portability_subset = physical_device_host_has(&device, "VK_KHR_portability_subset"),
        .no_host_import = why_no_host_import(&device),
        .no_dma_buf = why_no_dma_buf(&device),
    };
    if (report.has_portability_subset && !report.refusal) {
        portability_list_missing(vk, handle, lacks, sizeof(lacks));
        report.no_portability = lacks;
    }
    vk->GetPhysicalDeviceProperties(handle, &report.host);
    visit(&report, user);
    physical_device_finish(&device);
}

static void report_devices(const struct vn_instance_table *vk, VkInstance instance,
                           report_visit visit, void *user) {
    uint32_t count = 0;
    if (vk->EnumeratePhysicalDevices(instance, &count, NULL) < 0 || !count) {
        return;
    }
    VkPhysicalDevice *handles = calloc(count, sizeof(VkPhysicalDevice));
    if (handles && vk->EnumeratePhysicalDevices(instance, &count, handles) >= 0) {
        for (uint32_t i = 0; i < count; i++) {
            report_device(vk, handles[i], visit, user);
        }
    }
    free(handles);
}

void report_host_devices(struct report_host *out, report_visit visit, void *user) {
    memset(out, 0, sizeof(*out));
    out->library_version = instance_host_version();
    out->lists_portability = instance_host_lists_portability();
    const VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO};
    VkInstance instance;
    uint32_t version = version_cap(out->library_version);
    out->instance_result = instance_create_host("doctor", &info, version, &instance);
    if (out->instance_result < 0) {
        return;
    }
    struct vn_instance_table vk;
    vn_instance_table_init(&vk, instance, driver_get_entry());
    report_devices(&vk, instance, visit, user);
    vk.DestroyInstance(instance, NULL);
}
