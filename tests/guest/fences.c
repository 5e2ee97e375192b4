/* Fences: status, reset, waits for any and for all, timeouts, reuse, many at once. */
#include "common/resources.h"

#include <string.h>

enum { MANY = 64, MS = 1000000 };

static VkFence create_fence(const struct guest *g, VkFenceCreateFlags flags) {
    const VkFenceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO, .flags = flags};
    VkFence fence;
    GUEST_VK(vkCreateFence(g->device, &info, NULL, &fence));
    return fence;
}

static void expect(VkResult result, VkResult wanted, const char *what) {
    GUEST_CHECK(result == wanted, "%s: %s instead of %s", what, guest_result_name(result),
                guest_result_name(wanted));
}

static void submit_nothing(const struct guest *g, VkFence fence) {
    GUEST_VK(vkQueueSubmit(g->queues[0], 0, NULL, fence));
}

static void states(struct guest *g) {
    VkDevice device = g->device;
    VkFence set = create_fence(g, VK_FENCE_CREATE_SIGNALED_BIT), unset = create_fence(g, 0);
    const VkFence both[2] = {unset, set};
    expect(vkGetFenceStatus(device, set), VK_SUCCESS, "created signaled");
    expect(vkGetFenceStatus(device, unset), VK_NOT_READY, "created unsignaled");
    expect(vkWaitForFences(device, 1, &set, VK_TRUE, 0), VK_SUCCESS, "wait 0 for a signaled one");
    expect(vkWaitForFences(device, 1, &unset, VK_TRUE, 0), VK_TIMEOUT, "wait 0");
    expect(vkWaitForFences(device, 1, &unset, VK_TRUE, 5 * MS), VK_TIMEOUT, "wait 5 ms");
    expect(vkWaitForFences(device, 2, both, VK_TRUE, 5 * MS), VK_TIMEOUT, "wait for all");
    expect(vkWaitForFences(device, 2, both, VK_FALSE, UINT64_MAX), VK_SUCCESS, "wait for any");
    GUEST_VK(vkResetFences(device, 2, both));
    expect(vkGetFenceStatus(device, set), VK_NOT_READY, "after the reset");
    expect(vkWaitForFences(device, 2, both, VK_FALSE, 5 * MS), VK_TIMEOUT,
           "wait for any, none set");
    submit_nothing(g, unset);
    expect(vkWaitForFences(device, 2, both, VK_FALSE, UINT64_MAX), VK_SUCCESS, "wait for any, one");
    expect(vkGetFenceStatus(device, unset), VK_SUCCESS, "after the submission");
    expect(vkWaitForFences(device, 2, both, VK_TRUE, 5 * MS), VK_TIMEOUT, "wait for all, one");
    submit_nothing(g, set);
    expect(vkWaitForFences(device, 2, both, VK_TRUE, UINT64_MAX), VK_SUCCESS, "wait for all, both");
    vkDestroyFence(device, set, NULL);
    vkDestroyFence(device, unset, NULL);
}

/* One fence through many submissions: a forgotten reset or a late signal would show. */
static void reuse(struct guest *g) {
    VkFence fence = create_fence(g, 0);
    for (uint32_t i = 0; i < 200; i++) {
        submit_nothing(g, fence);
        if (i % 3 == 0) {
            GUEST_VK(vkQueueWaitIdle(g->queues[0]));
            expect(vkGetFenceStatus(g->device, fence), VK_SUCCESS, "after the queue is idle");
        } else if (i % 3 == 1) {
            while (vkGetFenceStatus(g->device, fence) == VK_NOT_READY) {
            }
        }
        GUEST_VK(vkWaitForFences(g->device, 1, &fence, VK_TRUE, UINT64_MAX));
        GUEST_VK(vkResetFences(g->device, 1, &fence));
        expect(vkGetFenceStatus(g->device, fence), VK_NOT_READY, "reset for the next round");
    }
    vkDestroyFence(g->device, fence, NULL);
}

/* Many fences in flight, each behind a fill whose bytes must be there when the fence is. */
static void many(struct guest *g) {
    static VkFence fences[MANY];
    VkCommandBuffer cmds[MANY];
    struct guest_buffer buffer = guest_staging_create(g, MANY * 256);
    const VkCommandBufferAllocateInfo allocate = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = g->pool,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = MANY,
    };
    memset(buffer.map, 0, buffer.size);
    GUEST_VK(vkAllocateCommandBuffers(g->device, &allocate, cmds));
    for (uint32_t i = 0; i < MANY; i++) {
        const VkCommandBufferBeginInfo begin = {.sType =
                                                    VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
        fences[i] = create_fence(g, 0);
        GUEST_VK(vkBeginCommandBuffer(cmds[i], &begin));
        vkCmdFillBuffer(cmds[i], buffer.buffer, i * 256, 256, i + 1);
        guest_cmd_barrier(cmds[i]);
        GUEST_VK(vkEndCommandBuffer(cmds[i]));
    }
    for (uint32_t i = 0; i < MANY; i++) {
        const VkSubmitInfo submit = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                                     .commandBufferCount = 1,
                                     .pCommandBuffers = &cmds[i]};
        GUEST_VK(vkQueueSubmit(g->queues[i % g->queue_count], 1, &submit, fences[i]));
    }
    for (uint32_t i = 0; i < MANY; i += 2) {
        GUEST_VK(vkWaitForFences(g->device, 1, &fences[i], VK_TRUE, UINT64_MAX));
        uint32_t last = ((uint32_t *)buffer.map)[i * 64 + 63];
        GUEST_CHECK(last == i + 1, "fence %u came before its fill (%u)", i, last);
    }
    GUEST_VK(vkWaitForFences(g->device, MANY, fences, VK_TRUE, UINT64_MAX));
    GUEST_VK(vkResetFences(g->device, MANY, fences));
    expect(vkWaitForFences(g->device, MANY, fences, VK_FALSE, MS), VK_TIMEOUT, "all were reset");
    guest_result(g, "filled", buffer.map, buffer.size);
    for (uint32_t i = 0; i < MANY; i++) {
        vkDestroyFence(g->device, fences[i], NULL);
    }
    vkFreeCommandBuffers(g->device, g->pool, MANY, cmds);
    guest_buffer_destroy(g, &buffer);
}

int main(int argc, char **argv) {
    struct guest g;
    guest_init(&g, argc, argv, "fences");
    guest_create_device(&g, NULL, 0, NULL);
    states(&g);
    reuse(&g);
    many(&g);
    return guest_finish(&g);
}
