#include "bench.h"

enum { MAPPINGS = 1000, ALLOCATIONS = 5000, BUFFERS = 200000, SIZE = 64 * 1024 };

static VkDeviceMemory allocate(const struct bench *b, uint32_t type) {
    VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .allocationSize = SIZE,
        .memoryTypeIndex = type,
    };
    VkDeviceMemory memory;
    bench_check(vkAllocateMemory(b->device, &info, NULL, &memory), "vkAllocateMemory");
    return memory;
}

static void measure_map(const struct bench *b, uint32_t type) {
    if (!bench_wants(b, "allocate_map_free")) {
        return;
    }
    uint64_t start = bench_start(b, "allocate_map_free");
    for (uint32_t i = 0; i < MAPPINGS; i++) {
        VkDeviceMemory memory = allocate(b, type);
        void *map;
        bench_check(vkMapMemory(b->device, memory, 0, VK_WHOLE_SIZE, 0, &map), "vkMapMemory");
        *(volatile uint8_t *)map = 1; /* a mapping that nobody touches is not worth having */
        vkUnmapMemory(b->device, memory);
        vkFreeMemory(b->device, memory, NULL);
    }
    bench_report(b, "allocate_map_free", bench_us_each(start, MAPPINGS), "us");
}

/* Freeing and destroying return at once through a guest driver: the drain waits for the host. */
static void measure_allocate(const struct bench *b, uint32_t type, VkFence fence) {
    if (!bench_wants(b, "allocate_free")) {
        return;
    }
    uint64_t start = bench_start(b, "allocate_free");
    for (uint32_t i = 0; i < ALLOCATIONS; i++) {
        vkFreeMemory(b->device, allocate(b, type), NULL);
    }
    bench_drain(b, fence);
    bench_report(b, "allocate_free", bench_us_each(start, ALLOCATIONS), "us");
}

static void create_buffers(const struct bench *b, uint32_t count) {
    VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .size = SIZE,
        .usage = VK_BUFFER_USAGE_TRANSFER_DST_BIT,
    };
    for (uint32_t i = 0; i < count; i++) {
        VkBuffer buffer;
        bench_check(vkCreateBuffer(b->device, &info, NULL, &buffer), "vkCreateBuffer");
        vkDestroyBuffer(b->device, buffer, NULL);
    }
}

static void measure_buffers(const struct bench *b, VkFence fence) {
    if (!bench_wants(b, "create_buffer")) {
        return;
    }
    /* The guest driver asks the host only about the first buffer of a kind. */
    create_buffers(b, 1);

    uint64_t start = bench_start(b, "create_buffer");
    create_buffers(b, BUFFERS);
    bench_drain(b, fence);
    bench_report(b, "create_buffer", bench_us_each(start, BUFFERS), "us");
}

void bench_memory(struct bench *b) {
    bench_open(b);
    VkFence fence = bench_make_fence(b);
    bench_drain(b, fence);

    uint32_t type = bench_host_type(b, UINT32_MAX);
    measure_map(b, type);
    measure_allocate(b, type, fence);
    measure_buffers(b, fence);

    vkDestroyFence(b->device, fence, NULL);
    bench_close(b);
}
