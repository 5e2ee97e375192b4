#include "bench.h"

#include <string.h>

enum { FILLS = 10000, FILL_ROUNDS = 20, FILL_SIZE = 64, COPIES = 10, MIB = 1024 * 1024 };
static const VkDeviceSize copy_size = 64 * MIB;

static void fill_once(const struct bench *b, VkCommandBuffer commands, VkFence fence,
                      VkBuffer buffer) {
    bench_begin_commands(commands);
    for (uint32_t i = 0; i < FILLS; i++) {
        vkCmdFillBuffer(commands, buffer, (VkDeviceSize)i * FILL_SIZE, FILL_SIZE, i);
    }
    bench_check(vkEndCommandBuffer(commands), "vkEndCommandBuffer");
    bench_submit(b, commands, fence);
    bench_wait(b, fence);
}

static void measure_fills(const struct bench *b, VkCommandBuffer commands, VkFence fence) {
    if (!bench_wants(b, "fills_10000")) {
        return;
    }
    struct bench_buffer target =
        bench_make_buffer(b, (VkDeviceSize)FILLS * FILL_SIZE, VK_BUFFER_USAGE_TRANSFER_DST_BIT);
    fill_once(b, commands, fence, target.buffer);

    uint64_t start = bench_start(b, "fills_10000");
    for (uint32_t i = 0; i < FILL_ROUNDS; i++) {
        fill_once(b, commands, fence, target.buffer);
    }
    bench_report(b, "fills_10000", bench_us_each(start, FILL_ROUNDS) / 1000.0, "ms");

    const uint32_t *words = target.map;
    if (words[(FILLS - 1) * (FILL_SIZE / 4)] != FILLS - 1) {
        bench_fail("the last fill is not in the buffer");
    }
    bench_free_buffer(b, &target);
}

static void copy_once(const struct bench *b, VkCommandBuffer commands, VkFence fence, VkBuffer from,
                      VkBuffer to) {
    VkBufferCopy region = {.size = copy_size};
    bench_begin_commands(commands);
    vkCmdCopyBuffer(commands, from, to, 1, &region);
    bench_check(vkEndCommandBuffer(commands), "vkEndCommandBuffer");
    bench_submit(b, commands, fence);
    bench_wait(b, fence);
}

static void measure_copy(const struct bench *b, VkCommandBuffer commands, VkFence fence) {
    if (!bench_wants(b, "copy_64MiB")) {
        return;
    }
    struct bench_buffer from = bench_make_buffer(b, copy_size, VK_BUFFER_USAGE_TRANSFER_SRC_BIT);
    struct bench_buffer to = bench_make_buffer(b, copy_size, VK_BUFFER_USAGE_TRANSFER_DST_BIT);
    memset(from.map, 0x5a, copy_size);
    copy_once(b, commands, fence, from.buffer, to.buffer);

    uint64_t start = bench_start(b, "copy_64MiB");
    for (uint32_t i = 0; i < COPIES; i++) {
        copy_once(b, commands, fence, from.buffer, to.buffer);
    }
    bench_report(b, "copy_64MiB", bench_us_each(start, COPIES) / 1000.0, "ms");

    if (((const uint8_t *)to.map)[copy_size - 1] != 0x5a) {
        bench_fail("the copy did not arrive");
    }
    bench_free_buffer(b, &from);
    bench_free_buffer(b, &to);
}

void bench_transfer(struct bench *b) {
    bench_open(b);
    VkFence fence = bench_make_fence(b);
    VkCommandBuffer commands = bench_make_commands(b, b->pool);

    measure_fills(b, commands, fence);
    measure_copy(b, commands, fence);

    vkDestroyFence(b->device, fence, NULL);
    bench_close(b);
}
