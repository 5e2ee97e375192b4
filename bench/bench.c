#include "bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t bench_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

_Noreturn void bench_fail(const char *why) {
    fprintf(stderr, "vesper-bench: %s\n", why);
    exit(1);
}

void bench_check(VkResult result, const char *what) {
    if (result == VK_SUCCESS) {
        return;
    }
    fprintf(stderr, "vesper-bench: %s failed (VkResult %d)\n", what, (int)result);
    exit(1);
}

static void wait_for_runner(void) {
    int c;
    do {
        c = getchar();
        if (c == EOF) {
            bench_fail("the runner went away");
        }
    } while (c != '\n');
}

bool bench_wants(const struct bench *b, const char *name) {
    return !b->only || strcmp(b->only, name) == 0;
}

uint64_t bench_start(const struct bench *b, const char *name) {
    if (b->step) {
        printf("ready %s\n", name);
        fflush(stdout);
        wait_for_runner();
    }
    return bench_now();
}

void bench_report(const struct bench *b, const char *name, double value, const char *unit) {
    printf("%s %.6g %s\n", name, value, unit);
    fflush(stdout);
    if (b->step) {
        wait_for_runner();
    }
}

double bench_us_each(uint64_t start, uint32_t count) {
    return (double)(bench_now() - start) / 1000.0 / count;
}

static uint32_t graphics_family(VkPhysicalDevice physical) {
    VkQueueFamilyProperties families[16];
    uint32_t count = 16;
    vkGetPhysicalDeviceQueueFamilyProperties(physical, &count, families);
    for (uint32_t i = 0; i < count; i++) {
        if (families[i].queueFlags & VK_QUEUE_GRAPHICS_BIT) {
            return i;
        }
    }
    bench_fail("no queue family can draw");
}

static void say_device(VkPhysicalDevice physical) {
    VkPhysicalDeviceProperties p;
    vkGetPhysicalDeviceProperties(physical, &p);
    printf("device %s, Vulkan %u.%u.%u, driver 0x%" PRIx32 "\n", p.deviceName,
           VK_API_VERSION_MAJOR(p.apiVersion), VK_API_VERSION_MINOR(p.apiVersion),
           VK_API_VERSION_PATCH(p.apiVersion), p.driverVersion);
}

static void open_instance(struct bench *b) {
    VkApplicationInfo application = {
        .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
        .pApplicationName = "vesper-bench",
        .apiVersion = VK_API_VERSION_1_1,
    };
    VkInstanceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
        .pApplicationInfo = &application,
    };
    bench_check(vkCreateInstance(&info, NULL, &b->instance), "vkCreateInstance");

    uint32_t count = 1;
    VkResult result = vkEnumeratePhysicalDevices(b->instance, &count, &b->physical);
    if (result != VK_INCOMPLETE) {
        bench_check(result, "vkEnumeratePhysicalDevices");
    }
    if (count == 0) {
        bench_fail("no Vulkan device");
    }
}

void bench_open(struct bench *b) {
    open_instance(b);
    say_device(b->physical);
    b->family = graphics_family(b->physical);

    float priority = 1.0f;
    VkDeviceQueueCreateInfo queue = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
        .queueFamilyIndex = b->family,
        .queueCount = 1,
        .pQueuePriorities = &priority,
    };
    VkDeviceCreateInfo device = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
        .queueCreateInfoCount = 1,
        .pQueueCreateInfos = &queue,
    };
    bench_check(vkCreateDevice(b->physical, &device, NULL, &b->device), "vkCreateDevice");
    vkGetDeviceQueue(b->device, b->family, 0, &b->queue);

    VkCommandPoolCreateInfo pool = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
        .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
        .queueFamilyIndex = b->family,
    };
    bench_check(vkCreateCommandPool(b->device, &pool, NULL, &b->pool), "vkCreateCommandPool");
}

void bench_close(struct bench *b) {
    vkDeviceWaitIdle(b->device);
    vkDestroyCommandPool(b->device, b->pool, NULL);
    vkDestroyDevice(b->device, NULL);
    vkDestroyInstance(b->instance, NULL);
}

uint32_t bench_host_type(const struct bench *b, uint32_t types) {
    const VkMemoryPropertyFlags wanted =
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    VkPhysicalDeviceMemoryProperties memory;
    vkGetPhysicalDeviceMemoryProperties(b->physical, &memory);
    for (uint32_t i = 0; i < memory.memoryTypeCount; i++) {
        if ((types >> i & 1) && (memory.memoryTypes[i].propertyFlags & wanted) == wanted) {
            return i;
        }
    }
    bench_fail("no host-visible, coherent memory type");
}

struct bench_buffer bench_make_buffer(const struct bench *b, VkDeviceSize size,
                                      VkBufferUsageFlags usage) {
    struct bench_buffer made;
    VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .size = size,
        .usage = usage,
    };
    bench_check(vkCreateBuffer(b->device, &info, NULL, &made.buffer), "vkCreateBuffer");

    VkMemoryRequirements needs;
    vkGetBufferMemoryRequirements(b->device, made.buffer, &needs);
    VkMemoryAllocateInfo allocation = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .allocationSize = needs.size,
        .memoryTypeIndex = bench_host_type(b, needs.memoryTypeBits),
    };
    bench_check(vkAllocateMemory(b->device, &allocation, NULL, &made.memory), "vkAllocateMemory");
    bench_check(vkBindBufferMemory(b->device, made.buffer, made.memory, 0), "vkBindBufferMemory");
    bench_check(vkMapMemory(b->device, made.memory, 0, VK_WHOLE_SIZE, 0, &made.map), "vkMapMemory");
    return made;
}

void bench_free_buffer(const struct bench *b, struct bench_buffer *buffer) {
    vkDestroyBuffer(b->device, buffer->buffer, NULL);
    vkFreeMemory(b->device, buffer->memory, NULL);
    *buffer = (struct bench_buffer){0};
}

VkFence bench_make_fence(const struct bench *b) {
    VkFenceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    VkFence fence;
    bench_check(vkCreateFence(b->device, &info, NULL, &fence), "vkCreateFence");
    return fence;
}

VkCommandBuffer bench_make_commands(const struct bench *b, VkCommandPool pool) {
    VkCommandBufferAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = pool,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = 1,
    };
    VkCommandBuffer commands;
    bench_check(vkAllocateCommandBuffers(b->device, &info, &commands), "vkAllocateCommandBuffers");
    return commands;
}

void bench_begin_commands(VkCommandBuffer commands) {
    VkCommandBufferBeginInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
        .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
    };
    bench_check(vkBeginCommandBuffer(commands, &info), "vkBeginCommandBuffer");
}

void bench_submit(const struct bench *b, VkCommandBuffer commands, VkFence fence) {
    VkSubmitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .commandBufferCount = commands != VK_NULL_HANDLE,
        .pCommandBuffers = &commands,
    };
    bench_check(vkQueueSubmit(b->queue, 1, &info, fence), "vkQueueSubmit");
}

void bench_wait(const struct bench *b, VkFence fence) {
    bench_check(vkWaitForFences(b->device, 1, &fence, VK_TRUE, UINT64_MAX), "vkWaitForFences");
    bench_check(vkResetFences(b->device, 1, &fence), "vkResetFences");
}

void bench_drain(const struct bench *b, VkFence fence) {
    bench_submit(b, VK_NULL_HANDLE, fence);
    bench_wait(b, fence);
}
