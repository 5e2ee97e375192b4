/*
 * Objects of every simple kind come and go many times, in groups and in odd orders; creations
 * fail for good reasons; further devices and instances are made beside the first.  After each of
 * it, work is done to see that nothing broke.
 */
#include "common/passes.h"
#include "common/pipelines.h"

#include <string.h>

enum { ROUNDS = 150, POOL_SETS = 8, HUGE_MEMORIES = 16 };

/* A fill and a copy: the smallest work with a checkable end. */
static void work(struct guest *g, const char *after) {
    struct guest_buffer a = guest_staging_create(g, 1024), b = guest_staging_create(g, 1024);
    VkCommandBuffer cmd = guest_cmd_begin(g);
    vkCmdFillBuffer(cmd, a.buffer, 0, VK_WHOLE_SIZE, 0xfeedf00d);
    guest_cmd_barrier(cmd);
    const VkBufferCopy copy = {0, 0, 1024};
    vkCmdCopyBuffer(cmd, a.buffer, b.buffer, 1, &copy);
    guest_cmd_finish(g, cmd);
    for (uint32_t i = 0; i < 256; i++) {
        GUEST_CHECK(((uint32_t *)b.map)[i] == 0xfeedf00d, "work after %s: word %u", after, i);
    }
    guest_result(g, after, b.map, b.size);
    guest_buffer_destroy(g, &a);
    guest_buffer_destroy(g, &b);
}

static void sync_objects(const struct guest *g) {
    const VkFenceCreateInfo fence_info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    const VkSemaphoreCreateInfo semaphore_info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO};
    const VkEventCreateInfo event_info = {.sType = VK_STRUCTURE_TYPE_EVENT_CREATE_INFO};
    const VkQueryPoolCreateInfo query_info = {.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
                                              .queryType = VK_QUERY_TYPE_OCCLUSION,
                                              .queryCount = 16};
    VkFence fence;
    VkSemaphore semaphore;
    VkEvent event;
    VkQueryPool queries;
    GUEST_VK(vkCreateFence(g->device, &fence_info, NULL, &fence));
    GUEST_VK(vkCreateSemaphore(g->device, &semaphore_info, NULL, &semaphore));
    GUEST_VK(vkCreateEvent(g->device, &event_info, NULL, &event));
    GUEST_VK(vkCreateQueryPool(g->device, &query_info, NULL, &queries));
    vkDestroySemaphore(g->device, semaphore, NULL);
    vkDestroyQueryPool(g->device, queries, NULL);
    vkDestroyFence(g->device, fence, NULL);
    vkDestroyEvent(g->device, event, NULL);
    vkDestroyFence(g->device, VK_NULL_HANDLE, NULL);
}

static void command_objects(const struct guest *g) {
    const VkCommandPoolCreateInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                          .queueFamilyIndex = g->family};
    VkCommandPool pool;
    VkCommandBuffer cmds[6];
    GUEST_VK(vkCreateCommandPool(g->device, &info, NULL, &pool));
    const VkCommandBufferAllocateInfo allocate = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = pool,
        .commandBufferCount = GUEST_COUNT(cmds),
    };
    const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    GUEST_VK(vkAllocateCommandBuffers(g->device, &allocate, cmds));
    for (uint32_t i = 0; i < GUEST_COUNT(cmds); i += 2) {
        GUEST_VK(vkBeginCommandBuffer(cmds[i], &begin));
        GUEST_VK(vkEndCommandBuffer(cmds[i]));
    }
    vkFreeCommandBuffers(g->device, pool, 3, cmds + 1);
    GUEST_VK(vkResetCommandPool(g->device, pool, 0));
    vkTrimCommandPool(g->device, pool, 0);
    vkDestroyCommandPool(g->device, pool, NULL); /* with three still in it */
}

static void descriptor_objects(const struct guest *g) {
    const VkDescriptorType type = VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER;
    VkDescriptorSetLayout layout = guest_set_layout(g, &type, 1);
    VkPipelineLayout pipeline_layout = guest_pipeline_layout(g, layout, 16);
    VkDescriptorPool pool = guest_descriptor_pool(
        g, POOL_SETS, POOL_SETS, VK_DESCRIPTOR_POOL_CREATE_FREE_DESCRIPTOR_SET_BIT);
    VkDescriptorSet sets[POOL_SETS];
    for (uint32_t i = 0; i < POOL_SETS; i++) {
        sets[i] = guest_descriptor_set(g, pool, layout);
    }
    VkDescriptorSet freed[3] = {sets[5], VK_NULL_HANDLE, sets[2]};
    GUEST_VK(vkFreeDescriptorSets(g->device, pool, 3, freed));
    guest_descriptor_set(g, pool, layout);
    GUEST_VK(vkResetDescriptorPool(g->device, pool, 0));
    guest_descriptor_set(g, pool, layout);
    vkDestroyDescriptorPool(g->device, pool, NULL); /* with a set still in it */
    vkDestroyPipelineLayout(g->device, pipeline_layout, NULL);
    vkDestroyDescriptorSetLayout(g->device, layout, NULL);
}

static void resource_objects(const struct guest *g) {
    const VkSamplerCreateInfo sampler_info = {.sType = VK_STRUCTURE_TYPE_SAMPLER_CREATE_INFO};
    VkSampler sampler;
    GUEST_VK(vkCreateSampler(g->device, &sampler_info, NULL, &sampler));
    struct guest_buffer buffer =
        guest_buffer_create(g, 4096, VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT, GUEST_HOST_MEMORY);
    const VkBufferViewCreateInfo view_info = {.sType = VK_STRUCTURE_TYPE_BUFFER_VIEW_CREATE_INFO,
                                              .buffer = buffer.buffer,
                                              .format = VK_FORMAT_R8G8B8A8_UNORM,
                                              .range = 1024};
    VkBufferView view;
    GUEST_VK(vkCreateBufferView(g->device, &view_info, NULL, &view));
    struct guest_target target =
        guest_target_create(g, &(struct guest_target_info){.width = 16,
                                                           .height = 16,
                                                           .color_format = VK_FORMAT_R8G8B8A8_UNORM,
                                                           .depth_format = VK_FORMAT_D16_UNORM});
    guest_target_destroy(g, &target);
    vkDestroyBufferView(g->device, view, NULL);
    guest_buffer_destroy(g, &buffer);
    vkDestroySampler(g->device, sampler, NULL);
}

/* An empty pool may say so, or give more than was asked for; it serves again after a free. */
static void exhausted_pool(struct guest *g) {
    const VkDescriptorType type = VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER;
    VkDescriptorSetLayout layout = guest_set_layout(g, &type, 1);
    const VkDescriptorPoolSize size = {type, 2};
    const VkDescriptorPoolCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
        .flags = VK_DESCRIPTOR_POOL_CREATE_FREE_DESCRIPTOR_SET_BIT,
        .maxSets = 2,
        .poolSizeCount = 1,
        .pPoolSizes = &size,
    };
    VkDescriptorPool pool;
    GUEST_VK(vkCreateDescriptorPool(g->device, &info, NULL, &pool));
    VkDescriptorSet first = guest_descriptor_set(g, pool, layout), third = VK_NULL_HANDLE;
    guest_descriptor_set(g, pool, layout);
    const VkDescriptorSetAllocateInfo allocate = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
        .descriptorPool = pool,
        .descriptorSetCount = 1,
        .pSetLayouts = &layout,
    };
    VkResult result = vkAllocateDescriptorSets(g->device, &allocate, &third);
    GUEST_CHECK(result == VK_SUCCESS || result == VK_ERROR_OUT_OF_POOL_MEMORY ||
                    result == VK_ERROR_FRAGMENTED_POOL,
                "from an empty pool: %s", guest_result_name(result));
    GUEST_VK(vkFreeDescriptorSets(g->device, pool, 1, &first));
    GUEST_VK(vkAllocateDescriptorSets(g->device, &allocate, &third));
    vkDestroyDescriptorPool(g->device, pool, NULL);
    vkDestroyDescriptorSetLayout(g->device, layout, NULL);
}

/* As large as the format allows, which no machine can hold; the specification lets that fail. */
static void absurd_image(struct guest *g) {
    const VkFormat format = VK_FORMAT_R32G32B32A32_SFLOAT;
    const VkImageUsageFlags usage = VK_IMAGE_USAGE_TRANSFER_DST_BIT;
    VkImageFormatProperties most;
    GUEST_VK(vkGetPhysicalDeviceImageFormatProperties(g->physical, format, VK_IMAGE_TYPE_2D,
                                                      VK_IMAGE_TILING_OPTIMAL, usage, 0, &most));
    const VkImageCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
        .imageType = VK_IMAGE_TYPE_2D,
        .format = format,
        .extent = {most.maxExtent.width, most.maxExtent.height, 1},
        .mipLevels = 1,
        .arrayLayers = most.maxArrayLayers,
        .samples = VK_SAMPLE_COUNT_1_BIT,
        .usage = usage,
    };
    VkImage image;
    VkResult result = vkCreateImage(g->device, &info, NULL, &image);
    if (result == VK_SUCCESS) {
        VkMemoryRequirements needs;
        vkGetImageMemoryRequirements(g->device, image, &needs);
        vkDestroyImage(g->device, image, NULL);
    } else {
        GUEST_CHECK(result == VK_ERROR_OUT_OF_DEVICE_MEMORY ||
                        result == VK_ERROR_OUT_OF_HOST_MEMORY,
                    "the absurd image: %s", guest_result_name(result));
    }
}

/* As much as one allocation may have, until the heap must be empty or an error says so. */
static void absurd_memory(struct guest *g) {
    VkPhysicalDeviceMaintenance3Properties most = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES};
    VkPhysicalDeviceProperties2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                       .pNext = &most};
    vkGetPhysicalDeviceProperties2(g->physical, &all);
    for (uint32_t type = 0; type < g->memory.memoryTypeCount; type++) {
        VkDeviceSize size = g->memory.memoryHeaps[g->memory.memoryTypes[type].heapIndex].size;
        const VkMemoryAllocateInfo info = {
            .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
            .allocationSize =
                size < most.maxMemoryAllocationSize ? size : most.maxMemoryAllocationSize,
            .memoryTypeIndex = type,
        };
        VkDeviceMemory memories[HUGE_MEMORIES];
        uint32_t count = 0;
        VkResult result = VK_SUCCESS;
        while (result == VK_SUCCESS && count < HUGE_MEMORIES) {
            result = vkAllocateMemory(g->device, &info, NULL, &memories[count]);
            count += result == VK_SUCCESS;
        }
        GUEST_CHECK(result == VK_SUCCESS || result == VK_ERROR_OUT_OF_DEVICE_MEMORY ||
                        result == VK_ERROR_OUT_OF_HOST_MEMORY,
                    "after %u huge allocations: %s", count, guest_result_name(result));
        while (count > 0) {
            vkFreeMemory(g->device, memories[--count], NULL);
        }
    }
}

static VkResult try_device(const struct guest *g, const char *extension, VkDevice *device) {
    const float priority = 1.0f;
    const VkDeviceQueueCreateInfo queue = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
        .queueFamilyIndex = g->family,
        .queueCount = 1,
        .pQueuePriorities = &priority,
    };
    const VkDeviceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
        .queueCreateInfoCount = 1,
        .pQueueCreateInfos = &queue,
        .enabledExtensionCount = extension ? 1 : 0,
        .ppEnabledExtensionNames = &extension,
    };
    return vkCreateDevice(g->physical, &info, NULL, device);
}

/* Devices that cannot be, and devices beside the first, with objects of their own left in them. */
static void devices(struct guest *g) {
    VkDevice device;
    VkResult result = try_device(g, "VK_NOBODY_has_this", &device);
    GUEST_CHECK(result == VK_ERROR_EXTENSION_NOT_PRESENT, "an unknown extension: %s",
                guest_result_name(result));
    for (uint32_t i = 0; i < 4; i++) {
        struct guest beside = *g;
        GUEST_VK(try_device(g, NULL, &beside.device));
        vkGetDeviceQueue(beside.device, g->family, 0, &beside.queues[0]);
        const VkCommandPoolCreateInfo pool_info = {
            .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO, .queueFamilyIndex = g->family};
        GUEST_VK(vkCreateCommandPool(beside.device, &pool_info, NULL, &beside.pool));
        beside.out = NULL;
        work(&beside, "a device beside");
        vkDestroyCommandPool(beside.device, beside.pool, NULL);
        vkDestroyDevice(beside.device, NULL);
    }
}

static void instances(struct guest *g) {
    for (uint32_t i = 0; i < 3; i++) {
        struct guest beside;
        char *arguments[] = {(char *)g->name, NULL};
        guest_init(&beside, 1, arguments, "churn: another instance");
        guest_create_device(&beside, NULL, 0, NULL);
        work(&beside, "in another instance");
        guest_finish(&beside);
    }
}

int main(int argc, char **argv) {
    struct guest g;
    guest_init(&g, argc, argv, "churn");
    guest_create_device(&g, NULL, 0, NULL);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        sync_objects(&g);
        command_objects(&g);
        descriptor_objects(&g);
        resource_objects(&g);
    }
    work(&g, "after the churn");
    exhausted_pool(&g);
    work(&g, "after the exhausted pool");
    absurd_image(&g);
    work(&g, "after the absurd image");
    absurd_memory(&g);
    work(&g, "after the absurd memory");
    devices(&g);
    work(&g, "after the devices");
    instances(&g);
    work(&g, "after the instances");
    return guest_finish(&g);
}
