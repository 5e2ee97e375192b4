#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "selftest/selftest.h"

const struct selftest_check selftest_checks[] = {
    {"page-size", "mappings, imports and blobs are multiples of it", selftest_page_size},
    {"shared-memory", "guest memory is mapped twice: by the driver's import and by Vesper",
     selftest_shared_memory},
    {"shared-memory-processes", "a worker and vesper see the same bytes",
     selftest_shared_memory_processes},
    {"descriptor-limit", "each blob of a guest is a descriptor", selftest_descriptor_limit},
    {"socket-messages", "messages to workers keep their bounds, however the socket splits them",
     selftest_socket_messages},
    {"socket-descriptors", "descriptors arrive with their message, the surplus is closed",
     selftest_socket_descriptors},
    {"socket-overflow", "descriptors that find no room end the channel and nothing else",
     selftest_socket_overflow},
    {"socket-closed", "a worker that has gone is noticed, without SIGPIPE", selftest_socket_closed},
    {"wake-pipe", "fences wake vesper through a pipe that is polled", selftest_wake_pipe},
    {"vulkan-library", "everything is drawn by the host's Vulkan 1.1 or later",
     selftest_vulkan_library},
    {"vulkan-devices", "a guest needs a device", selftest_vulkan_devices},
    {"portability-enumeration", "loaders hide drivers like MoltenVK without it",
     selftest_portability_enumeration},
    {"portability-subset", "must be enabled where a driver has it", selftest_portability_subset},
    {"import-types", "guests map the memory of the host's driver by this", selftest_import_types},
    {"import-gpu-writes", "a guest reads what the GPU wrote", selftest_import_gpu_writes},
    {"import-cpu-writes", "the GPU reads what a guest wrote", selftest_import_cpu_writes},
    {"import-odd-size", "an import that is not shared must not look like one that is",
     selftest_import_odd_size},
    {"import-odd-pointer", "an import that is not shared must not look like one that is",
     selftest_import_odd_pointer},
    {"import-images",
     "without them pictures for displays are copied; those said to be shared must be",
     selftest_import_images},
    {"timeline-semaphores", "Mesa's driver in the guest is built on them",
     selftest_timeline_semaphores},
    {"fence-wait", "bounds the frames a guest can draw one after another", selftest_fence_wait},
    {"swapchain-headless", "a presenter's path without a screen", selftest_swapchain_headless},
    {"swapchain-window", "windows on a screen", selftest_swapchain_window},
    {"worker", "each guest context is a process", selftest_worker},
    {0},
};

const struct selftest_check *selftest_find(const char *name) {
    for (const struct selftest_check *check = selftest_checks; check->name; check++) {
        if (strcmp(check->name, name) == 0) {
            return check;
        }
    }
    return NULL;
}

static void set(struct selftest_result *out, enum selftest_status status, const char *format,
                va_list values) __attribute__((format(printf, 3, 0)));
static void set(struct selftest_result *out, enum selftest_status status, const char *format,
                va_list values) {
    out->status = status;
    vsnprintf(out->value, sizeof(out->value), format, values);
}

void selftest_pass(struct selftest_result *out, const char *format, ...) {
    va_list values;
    va_start(values, format);
    set(out, SELFTEST_OK, format, values);
    va_end(values);
}

void selftest_fail(struct selftest_result *out, const char *format, ...) {
    va_list values;
    va_start(values, format);
    set(out, SELFTEST_FAILED, format, values);
    va_end(values);
}

void selftest_miss(struct selftest_result *out, const char *format, ...) {
    va_list values;
    va_start(values, format);
    set(out, SELFTEST_NOT_HERE, format, values);
    va_end(values);
}
