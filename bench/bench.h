/*
 * What the measuring programs of this folder share: opening a device, small Vulkan helpers, the
 * clock and the way a figure is reported.
 *
 * The programs are plain Vulkan guests that know nothing of Vesper: which driver answers is decided
 * by the environment. A program that cannot go on says why on stderr and exits with status 1, so
 * none of these functions returns an error. All of them belong to the main thread.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include <vulkan/vulkan.h>

struct bench {
    const char *only;    /* the one figure that is wanted, NULL for all */
    bool step;           /* wait for a line on stdin before and after each figure */
    uint64_t started_ns; /* CLOCK_MONOTONIC when the process was started */

    VkInstance instance;
    VkPhysicalDevice physical;
    VkDevice device;
    VkQueue queue;
    uint32_t family; /* of the queue: graphics and transfer */
    VkCommandPool pool;
};

struct bench_buffer {
    VkBuffer buffer;
    VkDeviceMemory memory;
    void *map; /* the whole buffer, host-visible and coherent */
};

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t bench_now(void);

/* Exits with `what` and the result's number unless `result` is VK_SUCCESS. */
void bench_check(VkResult result, const char *what);

/* Exits with `why`. */
_Noreturn void bench_fail(const char *why);

/*
 * Fills instance to pool from the first physical device and its first graphics queue family.
 * bench_close destroys them; everything made from them must be gone by then.
 */
void bench_open(struct bench *b);
void bench_close(struct bench *b);

/* Whether the figure `name` is to be measured. */
bool bench_wants(const struct bench *b, const char *name);

/*
 * Starts one figure: says `ready NAME` on stdout when stepping, waits for the runner's line and
 * returns the time. The figure ends with bench_report, which prints `NAME VALUE UNIT`. Whatever
 * makes up the figure's cost lies between the two.
 */
uint64_t bench_start(const struct bench *b, const char *name);
void bench_report(const struct bench *b, const char *name, double value, const char *unit);

/* Microseconds per operation since `start`, for `count` > 0 operations. */
double bench_us_each(uint64_t start, uint32_t count);

/* The index of a host-visible and coherent memory type among the bits of `types`. */
uint32_t bench_host_type(const struct bench *b, uint32_t types);

/* A mapped buffer of `size` bytes > 0; bench_free_buffer ends it. */
struct bench_buffer bench_make_buffer(const struct bench *b, VkDeviceSize size,
                                      VkBufferUsageFlags usage);
void bench_free_buffer(const struct bench *b, struct bench_buffer *buffer);

VkFence bench_make_fence(const struct bench *b);
VkCommandBuffer bench_make_commands(const struct bench *b, VkCommandPool pool);
void bench_begin_commands(VkCommandBuffer commands);

/* Submits one command buffer, or none if it is VK_NULL_HANDLE, with `fence`. */
void bench_submit(const struct bench *b, VkCommandBuffer commands, VkFence fence);

/* Waits for `fence` without a limit and resets it. */
void bench_wait(const struct bench *b, VkFence fence);

/* Submits nothing and waits: returns when the driver has consumed every earlier call. */
void bench_drain(const struct bench *b, VkFence fence);

/* The programs, each opening and closing its own device. */
void bench_draws(struct bench *b);
void bench_latency(struct bench *b);
void bench_memory(struct bench *b);
void bench_transfer(struct bench *b);
void bench_first_submit(struct bench *b);
void bench_hold(struct bench *b);

#endif
