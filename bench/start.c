#include "bench.h"

#include <string.h>

enum { BLOCKS = 16, BLOCK_SIZE = 1024 * 1024 };

/* Nothing can be announced before the first submission: the process's start is the beginning. */
void bench_first_submit(struct bench *b) {
    bench_open(b);
    VkFence fence = bench_make_fence(b);
    bench_drain(b, fence);
    bench_report(b, "first_submit", bench_us_each(b->started_ns, 1) / 1000.0, "ms");

    vkDestroyFence(b->device, fence, NULL);
    bench_close(b);
}

/* While it waits for the runner, the server holds a device, a used queue and 16 mapped MiB. */
void bench_hold(struct bench *b) {
    bench_open(b);
    VkFence fence = bench_make_fence(b);
    bench_drain(b, fence);

    struct bench_buffer blocks[BLOCKS];
    for (uint32_t i = 0; i < BLOCKS; i++) {
        blocks[i] = bench_make_buffer(b, BLOCK_SIZE, VK_BUFFER_USAGE_TRANSFER_DST_BIT);
        memset(blocks[i].map, 1, BLOCK_SIZE);
    }
    bench_report(b, "held", BLOCKS, "MiB");

    for (uint32_t i = 0; i < BLOCKS; i++) {
        bench_free_buffer(b, &blocks[i]);
    }
    vkDestroyFence(b->device, fence, NULL);
    bench_close(b);
}
