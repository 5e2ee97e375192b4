/* What Vesper relies on in a system and its Vulkan driver, each as a check that can fail: for people
 * whose computer is none of those that Vesper is developed on.
 *
 * A check runs in a process of its own (runner.h), so that a driver that crashes or hangs costs one
 * line of the report. All functions: main thread of such a process. */
#ifndef VESPER_SELFTEST_H
#define VESPER_SELFTEST_H

#include <stddef.h>
#include <stdint.h>

enum selftest_status {
    SELFTEST_OK,
    SELFTEST_FAILED,
    SELFTEST_NOT_HERE, /* this computer has not what the check is about */
};

#define SELFTEST_VALUE_BYTES 480

struct selftest_result {
    uint32_t status;
    char value[SELFTEST_VALUE_BYTES]; /* what was measured, or what went wrong; ends with NUL */
};

struct selftest_check {
    const char *name; /* lower case with dashes: an argument and a key */
    const char *why; /* what breaks where it fails */
    void (*run)(struct selftest_result *out); /* *out is zero at first */
};

/* In the order of the report; ends with a NULL name. Static storage. */
extern const struct selftest_check selftest_checks[];
/* NULL where there is none of that name. */
const struct selftest_check *selftest_find(const char *name);

/* Set status and value. The format's output is cut where it does not fit. */
void selftest_pass(struct selftest_result *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void selftest_fail(struct selftest_result *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void selftest_miss(struct selftest_result *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- the checks, by file --------------------------------------------------------------------- */

/* pages.c */
void selftest_page_size(struct selftest_result *out);
void selftest_shared_memory(struct selftest_result *out);
void selftest_shared_memory_processes(struct selftest_result *out);
/* The other process of selftest_shared_memory_processes: PLATFORM_SPAWN_FD is its socket. An exit
 * status. */
int selftest_peer(void);
/* sockets.c */
void selftest_descriptor_limit(struct selftest_result *out);
void selftest_socket_messages(struct selftest_result *out);
void selftest_socket_descriptors(struct selftest_result *out);
void selftest_socket_overflow(struct selftest_result *out);
void selftest_socket_closed(struct selftest_result *out);
void selftest_wake_pipe(struct selftest_result *out);
/* vulkan.c */
void selftest_vulkan_library(struct selftest_result *out);
void selftest_vulkan_devices(struct selftest_result *out);
void selftest_portability_enumeration(struct selftest_result *out);
void selftest_portability_subset(struct selftest_result *out);
/* imports.c */
void selftest_import_types(struct selftest_result *out);
void selftest_import_gpu_writes(struct selftest_result *out);
void selftest_import_cpu_writes(struct selftest_result *out);
void selftest_import_odd_size(struct selftest_result *out);
void selftest_import_odd_pointer(struct selftest_result *out);
/* images.c */
void selftest_import_images(struct selftest_result *out);
/* waiting.c */
void selftest_timeline_semaphores(struct selftest_result *out);
void selftest_fence_wait(struct selftest_result *out);
/* swapchain.c */
void selftest_swapchain_headless(struct selftest_result *out);
void selftest_swapchain_window(struct selftest_result *out);
/* worker.c */
void selftest_worker(struct selftest_result *out);

#endif
