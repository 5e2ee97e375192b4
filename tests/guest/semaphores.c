/*
 * Semaphores, binary and timeline, across two queues where the family has two, else on one:
 * ordering between submissions, signals and waits by the host, waits before the signal.
 */
#include "common/resources.h"

#include <pthread.h>
#include <string.h>

enum { SIZE = 4096, MS = 1000000, LINKS = 24 };

struct pair {
    VkQueue first, second; /* the same one if the family has but one */
    struct guest_buffer a, b;
};

static void expect(VkResult result, VkResult wanted, const char *what) {
    GUEST_CHECK(result == wanted, "%s: %s instead of %s", what, guest_result_name(result),
                guest_result_name(wanted));
}

static VkSemaphore create_binary(const struct guest *g) {
    const VkSemaphoreCreateInfo info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO};
    VkSemaphore made;
    GUEST_VK(vkCreateSemaphore(g->device, &info, NULL, &made));
    return made;
}

static VkSemaphore create_timeline(const struct guest *g, uint64_t value) {
    const VkSemaphoreTypeCreateInfo type = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
        .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
        .initialValue = value,
    };
    const VkSemaphoreCreateInfo info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
                                        .pNext = &type};
    VkSemaphore made;
    GUEST_VK(vkCreateSemaphore(g->device, &info, NULL, &made));
    return made;
}

static uint64_t value_of(const struct guest *g, VkSemaphore semaphore) {
    uint64_t value;
    GUEST_VK(vkGetSemaphoreCounterValue(g->device, semaphore, &value));
    return value;
}

static VkResult wait_value(const struct guest *g, VkSemaphore semaphore, uint64_t value,
                           uint64_t timeout) {
    const VkSemaphoreWaitInfo info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
                                      .semaphoreCount = 1,
                                      .pSemaphores = &semaphore,
                                      .pValues = &value};
    return vkWaitSemaphores(g->device, &info, timeout);
}

static void signal_value(const struct guest *g, VkSemaphore semaphore, uint64_t value) {
    const VkSemaphoreSignalInfo info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_SIGNAL_INFO, .semaphore = semaphore, .value = value};
    GUEST_VK(vkSignalSemaphore(g->device, &info));
}

/* A command buffer that can be submitted again: fills `to`, or copies `from` to it. */
static VkCommandBuffer record(const struct guest *g, const struct guest_buffer *from,
                              const struct guest_buffer *to, uint32_t fill) {
    const VkCommandBufferAllocateInfo allocate = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = g->pool,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = 1,
    };
    const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    VkCommandBuffer cmd;
    GUEST_VK(vkAllocateCommandBuffers(g->device, &allocate, &cmd));
    GUEST_VK(vkBeginCommandBuffer(cmd, &begin));
    guest_cmd_barrier(cmd);
    if (from) {
        const VkBufferCopy copy = {0, 0, SIZE};
        vkCmdCopyBuffer(cmd, from->buffer, to->buffer, 1, &copy);
    } else {
        vkCmdFillBuffer(cmd, to->buffer, 0, SIZE, fill);
    }
    guest_cmd_barrier(cmd);
    GUEST_VK(vkEndCommandBuffer(cmd));
    return cmd;
}

struct submission {
    VkCommandBuffer cmd;
    VkSemaphore wait, signal;             /* each may be VK_NULL_HANDLE */
    uint64_t wait_value, signal_value;    /* ignored by binary semaphores */
    bool timeline;
};

static void submit(const struct submission *what, VkQueue queue, VkFence fence) {
    const VkPipelineStageFlags stage = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT;
    const VkTimelineSemaphoreSubmitInfo values = {
        .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
        .waitSemaphoreValueCount = what->wait ? 1 : 0,
        .pWaitSemaphoreValues = &what->wait_value,
        .signalSemaphoreValueCount = what->signal ? 1 : 0,
        .pSignalSemaphoreValues = &what->signal_value,
    };
    const VkSubmitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .pNext = what->timeline ? &values : NULL,
        .waitSemaphoreCount = what->wait ? 1 : 0,
        .pWaitSemaphores = &what->wait,
        .pWaitDstStageMask = &stage,
        .commandBufferCount = what->cmd ? 1 : 0,
        .pCommandBuffers = &what->cmd,
        .signalSemaphoreCount = what->signal ? 1 : 0,
        .pSignalSemaphores = &what->signal,
    };
    GUEST_VK(vkQueueSubmit(queue, 1, &info, fence));
}

/* Filled on one queue, copied on the other, a hundred times with the same semaphores. */
static void binary(struct guest *g, struct pair *p) {
    VkSemaphore there = create_binary(g), back = create_binary(g);
    for (uint32_t i = 0; i < 100; i++) {
        VkCommandBuffer fill = record(g, NULL, &p->a, 0x1000 + i);
        VkCommandBuffer copy = record(g, &p->a, &p->b, 0);
        submit(
            &(struct submission){.cmd = fill, .wait = i ? back : VK_NULL_HANDLE, .signal = there},
            p->first, VK_NULL_HANDLE);
        submit(&(struct submission){.cmd = copy, .wait = there, .signal = back}, p->second,
               VK_NULL_HANDLE);
        if (i % 10 == 9) {
            GUEST_VK(vkQueueWaitIdle(p->second));
            GUEST_CHECK(((uint32_t *)p->b.map)[SIZE / 4 - 1] == 0x1000 + i, "round %u", i);
        }
        GUEST_VK(vkDeviceWaitIdle(g->device));
        vkFreeCommandBuffers(g->device, g->pool, 1, &fill);
        vkFreeCommandBuffers(g->device, g->pool, 1, &copy);
    }
    guest_result(g, "binary", p->b.map, SIZE);
    submit(&(struct submission){.wait = back}, p->first, VK_NULL_HANDLE);
    GUEST_VK(vkDeviceWaitIdle(g->device));
    vkDestroySemaphore(g->device, there, NULL);
    vkDestroySemaphore(g->device, back, NULL);
}

static void host_side(struct guest *g) {
    VkSemaphore one = create_timeline(g, 5), two = create_timeline(g, 0);
    GUEST_CHECK(value_of(g, one) == 5, "the initial value is %llu",
                (unsigned long long)value_of(g, one));
    expect(wait_value(g, one, 5, 0), VK_SUCCESS, "wait for the present value");
    expect(wait_value(g, one, 6, 0), VK_TIMEOUT, "wait 0 for a future value");
    expect(wait_value(g, one, 6, 10 * MS), VK_TIMEOUT, "wait 10 ms for a future value");
    signal_value(g, one, 7);
    GUEST_CHECK(value_of(g, one) == 7, "the signaled value");
    expect(wait_value(g, one, 6, UINT64_MAX), VK_SUCCESS, "wait for a past value");
    const VkSemaphore both[2] = {one, two};
    const uint64_t values[2] = {7, 1};
    VkSemaphoreWaitInfo wait = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
                                .semaphoreCount = 2,
                                .pSemaphores = both,
                                .pValues = values};
    expect(vkWaitSemaphores(g->device, &wait, 5 * MS), VK_TIMEOUT, "wait for all");
    wait.flags = VK_SEMAPHORE_WAIT_ANY_BIT;
    expect(vkWaitSemaphores(g->device, &wait, UINT64_MAX), VK_SUCCESS, "wait for any");
    wait.flags = 0;
    signal_value(g, two, 1000000007);
    expect(vkWaitSemaphores(g->device, &wait, UINT64_MAX), VK_SUCCESS, "wait for all, both there");
    const uint64_t seen[2] = {value_of(g, one), value_of(g, two)};
    guest_result(g, "host signals", seen, sizeof(seen));
    vkDestroySemaphore(g->device, one, NULL);
    vkDestroySemaphore(g->device, two, NULL);
}

/* A submission waits for a value that nobody has signaled yet: it must not run, and not be lost. */
static void wait_before_signal(struct guest *g, struct pair *p) {
    VkSemaphore gate = create_timeline(g, 0), done = create_timeline(g, 0);
    const VkFenceCreateInfo fence_info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    VkFence fence;
    GUEST_VK(vkCreateFence(g->device, &fence_info, NULL, &fence));
    memset(p->a.map, 0, SIZE);
    VkCommandBuffer fill = record(g, NULL, &p->a, 0x77777777);
    submit(&(struct submission){.cmd = fill,
                                .timeline = true,
                                .wait = gate,
                                .wait_value = 10,
                                .signal = done,
                                .signal_value = 3},
           p->second, fence);
    expect(vkWaitForFences(g->device, 1, &fence, VK_TRUE, 20 * MS), VK_TIMEOUT,
           "before the signal");
    expect(wait_value(g, done, 3, 10 * MS), VK_TIMEOUT, "its own signal");
    signal_value(g, gate, 9);
    expect(vkGetFenceStatus(g->device, fence), VK_NOT_READY, "after too small a value");
    GUEST_CHECK(((uint32_t *)p->a.map)[0] == 0, "the submission ran before its time");
    signal_value(g, gate, 10);
    expect(wait_value(g, done, 3, UINT64_MAX), VK_SUCCESS, "after the signal");
    GUEST_VK(vkWaitForFences(g->device, 1, &fence, VK_TRUE, UINT64_MAX));
    GUEST_CHECK(value_of(g, done) == 3, "the value signaled by the queue");
    guest_result(g, "waited before the signal", p->a.map, SIZE);
    vkFreeCommandBuffers(g->device, g->pool, 1, &fill);
    vkDestroyFence(g->device, fence, NULL);
    vkDestroySemaphore(g->device, gate, NULL);
    vkDestroySemaphore(g->device, done, NULL);
}

/* A chain of submissions that alternates between the queues and between fill and copy. */
static void chain(struct guest *g, struct pair *p) {
    VkSemaphore timeline = create_timeline(g, 0);
    VkCommandBuffer cmds[LINKS];
    for (uint32_t i = 0; i < LINKS; i++) {
        cmds[i] = i % 2 ? record(g, &p->a, &p->b, 0) : record(g, NULL, &p->a, 0xc0de0000 + i);
        submit(&(struct submission){.cmd = cmds[i],
                                    .timeline = true,
                                    .wait = timeline,
                                    .wait_value = i,
                                    .signal = timeline,
                                    .signal_value = i + 1},
               i % 2 ? p->second : p->first, VK_NULL_HANDLE);
    }
    for (uint32_t i = 2; i <= LINKS; i += 2) {
        expect(wait_value(g, timeline, i, UINT64_MAX), VK_SUCCESS, "a link of the chain");
        GUEST_CHECK(value_of(g, timeline) >= i, "link %u", i);
    }
    GUEST_CHECK(((uint32_t *)p->b.map)[0] == 0xc0de0000 + LINKS - 2, "the chain's end is %x",
                ((uint32_t *)p->b.map)[0]);
    guest_result(g, "chain", p->b.map, SIZE);
    vkFreeCommandBuffers(g->device, g->pool, LINKS, cmds);
    vkDestroySemaphore(g->device, timeline, NULL);
}

/* Two binary and one timeline semaphore in one vkQueueSubmit2 of two batches. */
static void second_generation(struct guest *g, struct pair *p) {
    VkSemaphore binary = create_binary(g), timeline = create_timeline(g, 100);
    VkCommandBuffer fill = record(g, NULL, &p->a, 0x2b2b2b2b), copy = record(g, &p->a, &p->b, 0);
    const VkCommandBufferSubmitInfo cmds[2] = {
        {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_SUBMIT_INFO, .commandBuffer = fill},
        {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_SUBMIT_INFO, .commandBuffer = copy}};
    const VkSemaphoreSubmitInfo between = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_SUBMIT_INFO,
                                           .semaphore = binary,
                                           .stageMask = VK_PIPELINE_STAGE_2_ALL_TRANSFER_BIT};
    const VkSemaphoreSubmitInfo start = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_SUBMIT_INFO,
                                         .semaphore = timeline,
                                         .value = 100,
                                         .stageMask = VK_PIPELINE_STAGE_2_ALL_COMMANDS_BIT};
    const VkSemaphoreSubmitInfo end = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_SUBMIT_INFO,
                                       .semaphore = timeline,
                                       .value = 1ull << 33,
                                       .stageMask = VK_PIPELINE_STAGE_2_ALL_COMMANDS_BIT};
    const VkSubmitInfo2 submits[2] = {
        {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO_2,
         .waitSemaphoreInfoCount = 1,
         .pWaitSemaphoreInfos = &start,
         .commandBufferInfoCount = 1,
         .pCommandBufferInfos = &cmds[0],
         .signalSemaphoreInfoCount = 1,
         .pSignalSemaphoreInfos = &between},
        {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO_2,
         .waitSemaphoreInfoCount = 1,
         .pWaitSemaphoreInfos = &between,
         .commandBufferInfoCount = 1,
         .pCommandBufferInfos = &cmds[1],
         .signalSemaphoreInfoCount = 1,
         .pSignalSemaphoreInfos = &end},
    };
    GUEST_VK(vkQueueSubmit2(p->first, 2, submits, VK_NULL_HANDLE));
    expect(wait_value(g, timeline, 1ull << 33, UINT64_MAX), VK_SUCCESS, "vkQueueSubmit2");
    guest_result(g, "second generation", p->b.map, SIZE);
    vkFreeCommandBuffers(g->device, g->pool, 1, &fill);
    vkFreeCommandBuffers(g->device, g->pool, 1, &copy);
    vkDestroySemaphore(g->device, binary, NULL);
    vkDestroySemaphore(g->device, timeline, NULL);
}

struct waiter {
    const struct guest *g;
    VkSemaphore semaphore;
    VkResult results[8];
};

static void *wait_in_thread(void *argument) {
    struct waiter *waiter = argument;
    for (uint32_t i = 0; i < 8; i++) {
        waiter->results[i] = wait_value(waiter->g, waiter->semaphore, i + 1, UINT64_MAX);
    }
    return NULL;
}

/* Another thread waits without limit while this one signals, by host and by queue in turn. */
static void threads(struct guest *g, struct pair *p) {
    struct waiter waiter = {.g = g, .semaphore = create_timeline(g, 0)};
    pthread_t thread;
    GUEST_CHECK(pthread_create(&thread, NULL, wait_in_thread, &waiter) == 0, "no thread");
    for (uint32_t i = 1; i <= 8; i++) {
        if (i % 2) {
            signal_value(g, waiter.semaphore, i);
        } else {
            submit(&(struct submission){.timeline = true,
                                        .signal = waiter.semaphore,
                                        .signal_value = i},
                   p->first, VK_NULL_HANDLE);
            GUEST_VK(vkQueueWaitIdle(p->first));
        }
    }
    pthread_join(thread, NULL);
    for (uint32_t i = 0; i < 8; i++) {
        expect(waiter.results[i], VK_SUCCESS, "the waiting thread");
    }
    vkDestroySemaphore(g->device, waiter.semaphore, NULL);
}

int main(int argc, char **argv) {
    struct guest g;
    guest_init(&g, argc, argv, "semaphores");
    if (g.api_version < VK_API_VERSION_1_2) {
        guest_skip("the device is older than Vulkan 1.2");
    }
    bool newer = g.api_version >= VK_API_VERSION_1_3;
    VkPhysicalDeviceVulkan13Features features13 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES,
        .synchronization2 = VK_TRUE,
    };
    const VkPhysicalDeviceVulkan12Features features = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
        .pNext = newer ? &features13 : NULL,
        .timelineSemaphore = VK_TRUE,
    };
    guest_create_device(&g, NULL, 0, &features);
    struct pair p = {
        .first = g.queues[0],
        .second = g.queues[g.queue_count - 1],
        .a = guest_staging_create(&g, SIZE),
        .b = guest_staging_create(&g, SIZE),
    };
    guest_result(&g, "queues", &g.queue_count, sizeof(g.queue_count));
    binary(&g, &p);
    host_side(&g);
    wait_before_signal(&g, &p);
    chain(&g, &p);
    if (newer) {
        second_generation(&g, &p);
    }
    threads(&g, &p);
    guest_buffer_destroy(&g, &p.a);
    guest_buffer_destroy(&g, &p.b);
    return guest_finish(&g);
}
