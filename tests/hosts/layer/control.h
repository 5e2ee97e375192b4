/* What a test in whose process the layer is asks of it: the library's `vesper_host_control`, which
 * dlsym finds. Counts hold for the profile `driver`, whose calls all come through the layer. Any
 * thread. */
#ifndef VESPER_HOSTS_CONTROL_H
#define VESPER_HOSTS_CONTROL_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan.h>

#define HOST_CONTROL_SYMBOL "vesper_host_control"

struct host_counts {
    uint32_t instances, devices; /* that are there */
    uint32_t surfaces;
    uint32_t objects; /* of devices, but for what pools hold */
    uint32_t leaks;   /* objects and surfaces that outlived their device or instance, so far */
    /* Bytes that recorded commands move, so far; one read and one write each. */
    uint64_t buffer_bytes;          /* vkCmdCopyBuffer */
    uint64_t buffer_to_image_bytes; /* vkCmdCopyBufferToImage, of 4 bytes a pixel */
    uint64_t image_to_buffer_bytes;
    uint64_t pass_bytes;  /* what render passes cover, of 4 bytes a pixel */
    uint64_t submissions; /* vkQueueSubmit */
    uint64_t presents;
    uint64_t mapped_bytes;  /* that vkMapMemory gives now */
    uint64_t written_bytes; /* of those, what differs from what host_control.shadow put there */
};

struct host_control {
    /* As VESPER_HOST_FAIL, in whose place it comes; NULL: nothing fails. Calls are counted from here
     * on, and none waits any more. */
    void (*set_trouble)(const char *fail);
    /* How often the function of this name has been called since then. */
    uint32_t (*count_calls)(const char *call);
    /* As vkSomething of the layer would: for a function that no layer sees. */
    bool (*comes)(const char *call, VkResult *out);
    /* The next call of this function waits until NULL, or another name, is given here; those that come
     * meanwhile go on. */
    void (*hold)(const char *call);
    /* Whether one waits now. */
    bool (*holds)(void);
    void (*get_counts)(struct host_counts *out);
    /* From now on vkMapMemory gives memory that the driver does not read, full of one byte: what
     * the caller writes there is counted, and goes nowhere. */
    void (*shadow)(bool on);
};

#endif
