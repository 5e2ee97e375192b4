#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/qemu.h"
#include "cli/shader_cache.h"
#include "cli/sheet.h"
#include "device/device.h"
#include "display/window.h"
#include "platform/platform.h"
#include "platform/sandbox.h"
#include "renderer/driver.h"
#include "renderer/extension_list.h"
#include "renderer/instance.h"
#include "renderer/manifests.h"
#include "renderer/report.h"
#include "renderer/version.h"

struct doctor {
    struct sheet sheet;
    uint32_t device_count, usable_count;
};

static void put_version(struct sheet *sheet, const char *name, uint32_t version) {
    sheet_format(sheet, name, "%u.%u.%u", VK_API_VERSION_MAJOR(version),
                 VK_API_VERSION_MINOR(version), VK_API_VERSION_PATCH(version));
}

/* ---- devices ----------------------------------------------------------------------------- */

static void put_guest_version(struct sheet *sheet, const struct report_device *report) {
    put_version(sheet, "Vulkan of the driver", report->host.apiVersion);
    put_version(sheet, "Vulkan of a guest, at most", report->device->properties.apiVersion);
    const bool is_capped = version_cap(report->host.apiVersion) != report->host.apiVersion;
    sheet_text(sheet, "what holds the version down",
               is_capped ? "the Vulkan registry that this Vesper was built with"
                         : "the driver's own version");
}

static void put_memory(struct sheet *sheet, const struct report_device *report) {
    const struct memory_plan *plan = &report->device->memory;
    sheet_text(sheet, "memory strategy", plan->strategy ? plan->strategy->name : NULL);
    if (report->no_host_import) {
        sheet_text(sheet, "not host-import, because", report->no_host_import);
    }
    if (report->no_dma_buf) {
        sheet_text(sheet, "not dma-buf, because", report->no_dma_buf);
    }
    if (!plan->strategy) {
        return;
    }
    sheet_number(sheet, "sizes are rounded to bytes", plan->size_alignment);
    sheet_flag(sheet, "tiled images in shared memory", !plan->types_without_tiled_images);
    sheet_flag(sheet, "dma-bufs are emulated", plan->emulates_dma_buf);
    if (plan->no_dma_buf_reason) {
        sheet_text(sheet, "not emulated, because", plan->no_dma_buf_reason);
    }
}

/* Only what a driver that can be used says of itself; which one presents, the screen decides. */
static void put_frames(struct sheet *sheet, const struct report_device *report) {
    const VkExtensionProperties *list = report->device->host_extensions;
    const uint32_t count = report->device->host_extension_count;
    const char *how = "by Vulkan, from the guest's memory";
    if (!extension_list_has(list, count, VK_KHR_SWAPCHAIN_EXTENSION_NAME)) {
        how = "by the processor: its driver has no VK_KHR_swapchain";
    } else if (!extension_list_has(list, count, VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME)) {
        how = "by Vulkan, through a staging copy: its driver has no VK_EXT_external_memory_host";
    } else if (report->host.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU) {
        how = "by the processor, which this device is (by Vulkan with present=fifo)";
    }
    sheet_text(sheet, "frames come to windows", how);
}

/* On one screen only what is out of a guest's reach because of this host is worth a line each. */
static void put_extensions(struct sheet *sheet, const struct report_device *report) {
    const struct physical_device *device = report->device;
    sheet_number(sheet, "extensions of the driver", device->host_extension_count);
    sheet_number(sheet, "extensions offered to a guest", device->extension_count);
    uint32_t unknown = 0;
    sheet_open(sheet, "extensions withheld", false);
    for (uint32_t i = 0; i < device->host_extension_count; i++) {
        const char *name = device->host_extensions[i].extensionName;
        const char *why = extension_list_why_withheld(name, &device->memory);
        const bool is_unknown = why && strstr(why, "not known");
        unknown += is_unknown;
        if (why && (sheet->is_json || !is_unknown)) {
            sheet_text(sheet, name, why);
        }
    }
    if (!sheet->is_json && unknown) {
        sheet_format(sheet, "and", "%u not known to the Venus protocol of this build (--json)",
                     unknown);
    }
    sheet_close(sheet);
}

static void put_device(const struct report_device *report, void *user) {
    struct doctor *doctor = user;
    struct sheet *sheet = &doctor->sheet;
    doctor->device_count++;
    doctor->usable_count += !report->refusal;
    sheet_open(sheet, "device", false);
    sheet_text(sheet, "name", report->host.deviceName);
    sheet_flag(sheet, "a guest can use it", !report->refusal);
    if (report->refusal) {
        sheet_text(sheet, "why not", report->refusal);
    }
    put_guest_version(sheet, report);
    sheet_flag(sheet, "portability subset", report->has_portability_subset);
    if (report->no_portability) {
        sheet_text(sheet, "it lacks, and guests cannot be told", report->no_portability);
    }
    put_memory(sheet, report);
    if (report->device->host_extension_count) {
        put_frames(sheet, report);
    }
    if (!report->refusal) {
        put_extensions(sheet, report);
    }
    sheet_close(sheet);
}

/* ---- the host ---------------------------------------------------------------------------- */

static void put_place(const char *place, const char *variable, void *user) {
    (void)variable; /* has a line of its own */
    sheet_text(user, "-", place);
}

static void put_searched(struct sheet *sheet) {
    static const char *const variables[] = {
        DRIVER_LIBRARY_VARIABLE, "VK_DRIVER_FILES",          "VK_ICD_FILENAMES",
        "VK_ADD_DRIVER_FILES",   "VK_LOADER_DRIVERS_SELECT", "VK_LOADER_DRIVERS_DISABLE"};
    sheet_open(sheet, "libraries searched", true);
    const char *own = getenv(DRIVER_LIBRARY_VARIABLE);
    const char *const alone[] = {own, NULL};
    const char *const *name = own && *own ? alone : platform_vulkan_libraries();
    for (; *name; name++) {
        sheet_text(sheet, "-", *name);
    }
    sheet_close(sheet);
    sheet_open(sheet, "manifests searched in", true);
    manifests_for_each_place(put_place, sheet);
    sheet_close(sheet);
    sheet_open(sheet, "variables that choose drivers", false);
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        const char *value = getenv(variables[i]);
        if (value) {
            sheet_text(sheet, variables[i], value);
        }
    }
    sheet_close(sheet);
}

static void put_devices(struct doctor *doctor, struct report_host *host) {
    sheet_open(&doctor->sheet, "devices", true);
    report_host_devices(host, put_device, doctor);
    sheet_close(&doctor->sheet);
}

static const char *choose_advice(const struct doctor *doctor, bool has_library,
                                 const struct report_host *host) {
    if (!has_library) {
        return "install the Vulkan loader (Debian: libvulkan1; Homebrew: vulkan-loader molten-vk)";
    }
    if (host->library_version < VK_API_VERSION_1_1) {
        return "install a Vulkan library of version 1.1 or later";
    }
    if (host->instance_result == VK_ERROR_INCOMPATIBLE_DRIVER || !doctor->device_count) {
        return "install a Vulkan driver (Debian: mesa-vulkan-drivers; Homebrew: molten-vk), or "
               "correct the variables that choose drivers";
    }
    if (host->instance_result < 0) {
        return "the driver fails to start: VK_LOADER_DEBUG=error,driver tells more";
    }
    return doctor->usable_count ? NULL : "update the driver: each device says what it lacks";
}

static void put_instance(struct doctor *doctor, const struct report_host *host) {
    struct sheet *sheet = &doctor->sheet;
    sheet_flag(sheet, "opened without a loader", driver_is_direct());
    sheet_format(sheet, "vkCreateInstance", "%d", (int)host->instance_result);
    if (host->library_version < VK_API_VERSION_1_1) {
        sheet_text(sheet, "why not", "the Vulkan library is older than version 1.1");
    } else if (host->instance_result == VK_ERROR_INCOMPATIBLE_DRIVER || !doctor->device_count) {
        char why[MANIFESTS_TEXT_BYTES];
        instance_explain_incompatible(why, sizeof(why));
        sheet_text(sheet, "why not", why);
    }
}

static void put_vulkan(struct doctor *doctor, const char **advice) {
    struct sheet *sheet = &doctor->sheet;
    struct report_host host = {0};
    char reason[512];
    const bool has_library = renderer_open_driver(reason, sizeof(reason)) == 0;
    sheet_open(sheet, "Vulkan", false);
    put_searched(sheet);
    sheet_text(sheet, "library", has_library ? driver_get_library() : NULL);
    if (has_library) {
        put_devices(doctor, &host);
        put_version(sheet, "version of the library", host.library_version);
        sheet_flag(sheet, "portability enumeration", host.lists_portability);
        put_instance(doctor, &host);
    } else {
        sheet_text(sheet, "why not", reason);
    }
    sheet_close(sheet);
    *advice = choose_advice(doctor, has_library, &host);
}

static void put_shader_cache(struct sheet *sheet, enum platform_sandbox level) {
    static const char name[] = "shader cache of workers";
    char text[256], parent[PATH_MAX];
    if (level == PLATFORM_SANDBOX_NONE) {
        sheet_text(sheet, name, "drivers use this user's own");
    } else if (platform_sandbox_check_cache(level, text, sizeof(text))) {
        sheet_format(sheet, name, "none: %s", text);
    } else if (shader_cache_find_parent(parent)) {
        sheet_text(sheet, name, "none: no home folder is known (HOME, XDG_CACHE_HOME)");
    } else {
        sheet_format(sheet, name, "a folder for each server in %s", parent);
    }
}

static void put_sandbox(struct sheet *sheet) {
    char text[256];
    enum platform_sandbox level = platform_sandbox_default();
    if (platform_sandbox_check(level, text, sizeof(text))) {
        level = PLATFORM_SANDBOX_NONE;
    } else if (level == PLATFORM_SANDBOX_NONE) {
        platform_sandbox_check(PLATFORM_SANDBOX_DRIVER, text, sizeof(text));
    }
    sheet_format(sheet, "sandbox of workers", "%s: %s", platform_sandbox_name(level), text);
    put_shader_cache(sheet, level);
}

static void put_system(struct sheet *sheet) {
    sheet_open(sheet, "system", false);
    sheet_number(sheet, "bytes of a page", platform_page_size());
    sheet_number(sheet, "processors", platform_processor_count());
    platform_raise_descriptor_limit();
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        sheet_number(sheet, "open descriptors, at most", (uint64_t)limit.rlim_cur);
    }
    put_sandbox(sheet);
    sheet_close(sheet);
}

static void put_windows(struct sheet *sheet) {
    char reason[256];
    const bool possible = window_host_is_possible(reason, sizeof(reason));
    sheet_open(sheet, "displays", false);
    sheet_flag(sheet, "windows can be shown", possible);
    if (!possible) {
        sheet_text(sheet, "why not", reason);
        sheet_text(sheet, "pictures come", "on request, as PNG files or raw frames");
    }
    sheet_close(sheet);
}

/* Those that a guest meets first; all have options. */
static void put_limits(struct sheet *sheet) {
    const struct device_limits device = device_limits_default();
    const struct context_limits context = context_limits_default();
    sheet_open(sheet, "limits of a guest, unless options change them", false);
    sheet_number(sheet, "contexts (--max-contexts)", device.contexts);
    sheet_number(sheet, "memories mapped at once (--max-mappings)", device.mappings);
    sheet_number(sheet, "resources (--max-resources)", device.resources);
    sheet_number(sheet, "Vulkan objects of a context (--max-objects)", context.objects);
    if (context.memory_bytes == UINT64_MAX) {
        sheet_text(sheet, "host-visible memory of a context (--max-memory-bytes)", "unlimited");
    } else {
        sheet_number(sheet, "host-visible memory of a context (--max-memory-bytes)",
                     context.memory_bytes);
    }
    sheet_close(sheet);
}

static void put_qemu(struct sheet *sheet) {
    char reason[512];
    const char *program = qemu_default_program();
    const int error = qemu_check(program, 0, reason, sizeof(reason));
    sheet_open(sheet, "virtual machines", false);
    sheet_text(sheet, "QEMU", program);
    sheet_flag(sheet, "fit for 'vesper run'", !error);
    if (error) {
        sheet_text(sheet, "why not", reason);
    }
    sheet_text(sheet, "accelerator", platform_qemu_accelerator());
    if (platform_qemu_why_emulated()) {
        sheet_text(sheet, "guests are emulated, because", platform_qemu_why_emulated());
    }
    sheet_close(sheet);
}

static int diagnose(bool is_json) {
    struct doctor doctor = {0};
    const char *advice;
    sheet_begin(&doctor.sheet, is_json);
    sheet_text(&doctor.sheet, "vesper", VESPER_VERSION);
    put_vulkan(&doctor, &advice);
    put_system(&doctor.sheet);
    put_windows(&doctor.sheet);
    put_limits(&doctor.sheet);
    put_qemu(&doctor.sheet);
    sheet_flag(&doctor.sheet, "a guest can be served", doctor.usable_count > 0);
    if (advice) {
        sheet_text(&doctor.sheet, "what to do", advice);
    }
    sheet_end(&doctor.sheet);
    return doctor.usable_count ? CLI_OK : CLI_FAILED;
}

static void print_help(const struct cli_option *options) {
    puts("Usage: vesper doctor [OPTION…]\n"
         "\n"
         "Says what this computer can give a guest, what it cannot, and why.\n"
         "\n"
         "Options:");
    cli_print_options(options);
    puts("\n"
         "Exit codes: 0 a guest can be served, 1 it cannot, 2 wrong usage.");
}

int command_doctor(int argc, char **argv) {
    bool is_json = false;
    const struct cli_option table[] = {
        {"--json", CLI_SWITCH, &is_json, "", "one JSON object, for programs"},
        {0},
    };
    int result = cli_parse_options("doctor", table, argc, argv);
    if (result == CLI_HELP) {
        print_help(table);
        return CLI_OK;
    }
    return result == CLI_OK ? diagnose(is_json) : result;
}
