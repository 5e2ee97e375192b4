/*
 * Events: set and reset by the host and by the device, waited for by the device; and those that
 * only the device may touch.
 */
#include "common/resources.h"

#include <string.h>

static VkEvent create_event(const struct guest *g, VkEventCreateFlags flags) {
    const VkEventCreateInfo info = {.sType = VK_STRUCTURE_TYPE_EVENT_CREATE_INFO, .flags = flags};
    VkEvent event;
    GUEST_VK(vkCreateEvent(g->device, &info, NULL, &event));
    return event;
}

static void expect(const struct guest *g, VkEvent event, VkResult wanted, const char *when) {
    VkResult status = vkGetEventStatus(g->device, event);
    GUEST_CHECK(status == wanted, "%s: %s", when, guest_result_name(status));
}

static void by_host(struct guest *g) {
    VkEvent event = create_event(g, 0);
    expect(g, event, VK_EVENT_RESET, "a new event");
    for (int round = 0; round < 50; round++) {
        GUEST_VK(vkSetEvent(g->device, event));
        expect(g, event, VK_EVENT_SET, "set by the host");
        GUEST_VK(vkSetEvent(g->device, event));
        expect(g, event, VK_EVENT_SET, "set twice");
        GUEST_VK(vkResetEvent(g->device, event));
        expect(g, event, VK_EVENT_RESET, "reset by the host");
    }
    vkDestroyEvent(g->device, event, NULL);
}

static void wait_for(VkCommandBuffer cmd, VkEvent event, VkPipelineStageFlags from) {
    const VkMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = from == VK_PIPELINE_STAGE_HOST_BIT ? VK_ACCESS_HOST_WRITE_BIT
                                                            : VK_ACCESS_TRANSFER_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
    };
    vkCmdWaitEvents(cmd, 1, &event, from, VK_PIPELINE_STAGE_TRANSFER_BIT, 1, &barrier, 0, NULL, 0,
                    NULL);
}

/* Set, waited for and reset by the device; the host sees each state after its submission. */
static void by_device(struct guest *g) {
    VkEvent event = create_event(g, 0);
    struct guest_buffer buffer = guest_staging_create(g, 1024);
    VkCommandBuffer cmd = guest_cmd_begin(g);
    vkCmdFillBuffer(cmd, buffer.buffer, 0, 512, 0x11111111);
    vkCmdSetEvent(cmd, event, VK_PIPELINE_STAGE_TRANSFER_BIT);
    wait_for(cmd, event, VK_PIPELINE_STAGE_TRANSFER_BIT);
    const VkBufferCopy copy = {0, 512, 512};
    vkCmdCopyBuffer(cmd, buffer.buffer, buffer.buffer, 1, &copy);
    guest_cmd_finish(g, cmd);
    expect(g, event, VK_EVENT_SET, "set by the device");
    guest_result(g, "copied after the event", buffer.map, buffer.size);

    cmd = guest_cmd_begin(g);
    vkCmdResetEvent(cmd, event, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT);
    guest_cmd_finish(g, cmd);
    expect(g, event, VK_EVENT_RESET, "reset by the device");
    guest_buffer_destroy(g, &buffer);
    vkDestroyEvent(g->device, event, NULL);
}

/* The device waits for what the host has set before the submission. */
static void host_to_device(struct guest *g) {
    struct guest_buffer from = guest_staging_create(g, 256), to = guest_staging_create(g, 256);
    VkEvent event = create_event(g, 0);
    for (uint32_t round = 1; round <= 10; round++) {
        memset(from.map, (int)round, from.size);
        VkCommandBuffer cmd = guest_cmd_begin(g);
        wait_for(cmd, event, VK_PIPELINE_STAGE_HOST_BIT);
        const VkBufferCopy copy = {0, 0, 256};
        vkCmdCopyBuffer(cmd, from.buffer, to.buffer, 1, &copy);
        GUEST_VK(vkSetEvent(g->device, event));
        guest_cmd_finish(g, cmd);
        GUEST_CHECK(((unsigned char *)to.map)[255] == round, "round %u", round);
        GUEST_VK(vkResetEvent(g->device, event));
        expect(g, event, VK_EVENT_RESET, "reset after the wait");
    }
    guest_result(g, "after the host's event", to.map, to.size);
    vkDestroyEvent(g->device, event, NULL);
    guest_buffer_destroy(g, &from);
    guest_buffer_destroy(g, &to);
}

/* The commands of the second synchronization, with an event that the host cannot touch. */
static void device_only(struct guest *g) {
    VkEvent event = create_event(g, VK_EVENT_CREATE_DEVICE_ONLY_BIT);
    struct guest_buffer buffer = guest_staging_create(g, 1024);
    const VkMemoryBarrier2 barrier = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER_2,
        .srcStageMask = VK_PIPELINE_STAGE_2_ALL_TRANSFER_BIT,
        .srcAccessMask = VK_ACCESS_2_TRANSFER_WRITE_BIT,
        .dstStageMask = VK_PIPELINE_STAGE_2_ALL_TRANSFER_BIT,
        .dstAccessMask = VK_ACCESS_2_TRANSFER_READ_BIT | VK_ACCESS_2_TRANSFER_WRITE_BIT,
    };
    const VkDependencyInfo dependency = {.sType = VK_STRUCTURE_TYPE_DEPENDENCY_INFO,
                                         .memoryBarrierCount = 1,
                                         .pMemoryBarriers = &barrier};
    VkCommandBuffer cmd = guest_cmd_begin(g);
    vkCmdFillBuffer(cmd, buffer.buffer, 0, 512, 0x22222222);
    vkCmdSetEvent2(cmd, event, &dependency);
    vkCmdWaitEvents2(cmd, 1, &event, &dependency);
    const VkBufferCopy copy = {0, 512, 512};
    vkCmdCopyBuffer(cmd, buffer.buffer, buffer.buffer, 1, &copy);
    guest_cmd_barrier(cmd);
    vkCmdResetEvent2(cmd, event, VK_PIPELINE_STAGE_2_ALL_COMMANDS_BIT);
    guest_cmd_finish(g, cmd);
    guest_result(g, "device-only event", buffer.map, buffer.size);
    guest_buffer_destroy(g, &buffer);
    vkDestroyEvent(g->device, event, NULL);
}

int main(int argc, char **argv) {
    struct guest g;
    guest_init(&g, argc, argv, "events");
    /* Mandatory since Vulkan 1.3. */
    bool newer = g.api_version >= VK_API_VERSION_1_3;
    const VkPhysicalDeviceVulkan13Features features = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES,
        .synchronization2 = VK_TRUE,
    };
    guest_create_device(&g, NULL, 0, newer ? &features : NULL);
    by_host(&g);
    by_device(&g);
    host_to_device(&g);
    if (newer) {
        device_only(&g);
    }
    return guest_finish(&g);
}
