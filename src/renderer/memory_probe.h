/* Tries on a host device of our own which memory types can be shared; the answer is kept for the
 * life of the process. */
#ifndef VESPER_RENDERER_MEMORY_PROBE_H
#define VESPER_RENDERER_MEMORY_PROBE_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan.h>

struct vn_instance_table;

struct memory_probe {
    const struct vn_instance_table *vk;
    VkPhysicalDevice device;
    /* portability_subset has to be enabled wherever it is advertised. */
    bool has_portability_subset;
    /* Types worth trying. */
    uint32_t candidates;
    /* Bytes of a trial allocation: a multiple of what imports require. */
    uint64_t size;
};

/* Types among the candidates as which shared memory can be imported; 0 also where no device could
 * be made (which is logged). Any thread. */
uint32_t memory_probe_host_import(const struct memory_probe *probe);
/* Types among the candidates whose memory can be exported as a dma-buf that we can map. */
uint32_t memory_probe_dma_buf(const struct memory_probe *probe);

#endif
