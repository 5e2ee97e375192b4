/*
 * The ground that every guest program stands on: options, instance, device, checks, results.
 *
 * A guest program does one subject of Vulkan, verifies what it can by itself, and writes its
 * deterministic result bytes to the file of `--out FILE`.  The end-to-end tests run it once on the
 * host's driver and once through Vesper and compare these files byte for byte.
 *
 * Exit status: 0 all checks held, 1 a check or a Vulkan call failed, 77 the device does not offer
 * what the subject needs (the reason is printed).  Checks end the process at once: the operating
 * system and the server under test have to clean up, which is part of what is tested.
 *
 * Threads: a `struct guest` may be used by several threads as far as Vulkan's own rules allow;
 * guest_result() and guest_init() only by the main thread.
 */
#ifndef VESPER_GUEST_H
#define VESPER_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <vulkan/vulkan.h>

#define GUEST_COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { GUEST_SKIP = 77, GUEST_MAX_QUEUES = 2 };

struct guest {
    const char *name;
    int argc;
    char **argv;
    FILE *out; /* NULL without --out */

    VkInstance instance;
    VkPhysicalDevice physical;
    VkPhysicalDeviceProperties properties;
    VkPhysicalDeviceMemoryProperties memory;
    uint32_t api_version; /* usable: the smaller of device and instance, 1.3 at most */

    VkDevice device;
    uint32_t family; /* offers graphics, compute and transfer */
    VkQueueFamilyProperties family_properties;
    uint32_t queue_count; /* 1 or 2 */
    VkQueue queues[GUEST_MAX_QUEUES];
    VkCommandPool pool; /* of `family`, command buffers can be reset one by one */
};

/*
 * Parses the options, creates the instance and picks the first physical device.
 * `name` must live as long as `g`.  Ends the process with status 1 if there is no device.
 */
void guest_init(struct guest *g, int argc, char **argv, const char *name);

/* True if the physical device lists the extension `name`. */
bool guest_has_extension(const struct guest *g, const char *name);

/*
 * Creates the device with up to two queues of one family, and the command pool.
 * `extensions`: names that the device must list, or NULL when `count` is 0.
 * `features`: the pNext chain for VkDeviceCreateInfo, or NULL.  Ends the process on failure.
 */
void guest_create_device(struct guest *g, const char *const *extensions, uint32_t count,
                         const void *features);

/* Destroys pool, device and instance, closes the result file; returns the exit status 0. */
int guest_finish(struct guest *g);

/* The argument after `option` (for example "--frames"), or `otherwise`. */
const char *guest_option(const struct guest *g, const char *option, const char *otherwise);

/* The argument after `option` as a decimal number in 0…`most`; ends the process on nonsense. */
uint32_t guest_option_number(const struct guest *g, const char *option, uint32_t otherwise,
                             uint32_t most);

/* Appends a named section to the result file: "section NAME SIZE\n", the bytes, "\n". */
void guest_result(struct guest *g, const char *name, const void *data, size_t size);

/* One line of the human summary. */
void guest_say(const char *format, ...);

/* Ends the process with status 77 and the reason. */
_Noreturn void guest_skip(const char *format, ...);

/* Ends the process with status 1 and what went wrong. */
_Noreturn void guest_fail(const char *file, int line, const char *format, ...);

/* The name of a VkResult, or "VkResult ?" for one that the programs never meet. */
const char *guest_result_name(VkResult result);

/* A small reproducible pseudo-random generator: same seed, same numbers, on every system. */
uint32_t guest_random(uint32_t *state);

/* FNV-1a over `size` bytes: results too large to be worth writing out are compared by this. */
uint64_t guest_hash(const void *data, size_t size);

/* Seconds of the monotonic clock. */
double guest_now(void);

#define GUEST_CHECK(condition, ...)                                                                \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            guest_fail(__FILE__, __LINE__, __VA_ARGS__);                                           \
        }                                                                                          \
    } while (0)

/* Every Vulkan call that may only succeed goes through this. */
#define GUEST_VK(call)                                                                             \
    do {                                                                                           \
        VkResult guest_vk_result = (call);                                                         \
        if (guest_vk_result != VK_SUCCESS) {                                                       \
            guest_fail(__FILE__, __LINE__, "%s: %s", #call, guest_result_name(guest_vk_result));   \
        }                                                                                          \
    } while (0)

/* Device-level entry point of an extension or of a later version; ends the process if absent. */
#define GUEST_DEVICE_PROC(g, type, name) ((type)guest_device_proc((g), (name)))
PFN_vkVoidFunction guest_device_proc(const struct guest *g, const char *name);

#endif
