/* The commands that most tests need first. */
#include "guest.h"

void guest_open_instance(struct guest *g) {
    struct guest_stream *s = g->context_stream;
    const VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO};
    struct vn_vkCreateInstance create = {.pCreateInfo = &info, .pInstance_id = GUEST_INSTANCE};
    GUEST_CALL(s, vkCreateInstance, &create);
    guest_need(create.ret == VK_SUCCESS, "vkCreateInstance");

    uint32_t count = 1;
    uint64_t id = GUEST_PHYSICAL_DEVICE;
    VkPhysicalDevice device;
    struct vn_vkEnumeratePhysicalDevices enumerate = {
        .instance = ID(VkInstance, GUEST_INSTANCE),
        .pPhysicalDeviceCount = &count,
        .pPhysicalDevices = &device,
        .pPhysicalDevices_ids = &id,
        .pPhysicalDevices_offered = 1,
    };
    GUEST_CALL(s, vkEnumeratePhysicalDevices, &enumerate);
    guest_need(enumerate.ret == VK_SUCCESS, "vkEnumeratePhysicalDevices");
}

static void open_device(struct guest *g) {
    const float priorities[2] = {1, 1};
    const VkDeviceQueueCreateInfo queue = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
        .queueCount = 2,
        .pQueuePriorities = priorities,
    };
    const VkDeviceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
        .queueCreateInfoCount = 1,
        .pQueueCreateInfos = &queue,
    };
    struct vn_vkCreateDevice create = {
        .physicalDevice = ID(VkPhysicalDevice, GUEST_PHYSICAL_DEVICE),
        .pCreateInfo = &info,
        .pDevice_id = GUEST_DEVICE,
    };
    GUEST_CALL(g->context_stream, vkCreateDevice, &create);
    guest_need(create.ret == VK_SUCCESS, "vkCreateDevice");
}

static void open_queue(struct guest *g) {
    const VkDeviceQueueTimelineInfoMESA timeline = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_TIMELINE_INFO_MESA,
        .ringIdx = GUEST_QUEUE_RING_IDX,
    };
    const VkDeviceQueueInfo2 info = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_INFO_2,
                                     .pNext = &timeline};
    struct vn_vkGetDeviceQueue2 get = {
        .device = ID(VkDevice, GUEST_DEVICE), .pQueueInfo = &info, .pQueue_id = GUEST_QUEUE};
    GUEST_CALL(g->context_stream, vkGetDeviceQueue2, &get);
}

void guest_open(struct guest *g) {
    guest_open_instance(g);
    open_device(g);
    open_queue(g);
}

struct guest *guest_create_open(const struct context_limits *limits) {
    struct guest *g = guest_create(limits);
    guest_open(g);
    return g;
}

static const VkBufferCreateInfo buffer_info = {
    .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
    .size = 4096,
    .usage = VK_BUFFER_USAGE_TRANSFER_DST_BIT,
};

void guest_write_create_buffer(struct guest_stream *s, uint64_t id) {
    GUEST_WRITE(s, vkCreateBuffer, .device = ID(VkDevice, GUEST_DEVICE),
                .pCreateInfo = &buffer_info, .pBuffer_id = id);
}

void guest_write_destroy_buffer(struct guest_stream *s, uint64_t id) {
    GUEST_WRITE(s, vkDestroyBuffer, .device = ID(VkDevice, GUEST_DEVICE),
                .buffer = ID(VkBuffer, id));
}

VkResult guest_create_buffer(struct guest_stream *s, uint64_t id) {
    struct vn_vkCreateBuffer a = {
        .device = ID(VkDevice, GUEST_DEVICE), .pCreateInfo = &buffer_info, .pBuffer_id = id};
    GUEST_CALL(s, vkCreateBuffer, &a);
    guest_need(a.pBuffer_id == id, "the id in the reply");
    return a.ret;
}

VkResult guest_allocate_memory(struct guest_stream *s, uint64_t id, uint32_t type, uint64_t size) {
    const VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .allocationSize = size,
        .memoryTypeIndex = type,
    };
    struct vn_vkAllocateMemory a = {
        .device = ID(VkDevice, GUEST_DEVICE), .pAllocateInfo = &info, .pMemory_id = id};
    GUEST_CALL(s, vkAllocateMemory, &a);
    return a.ret;
}

void guest_create_fence(struct guest_stream *s, uint64_t id) {
    const VkFenceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    struct vn_vkCreateFence a = {
        .device = ID(VkDevice, GUEST_DEVICE), .pCreateInfo = &info, .pFence_id = id};
    GUEST_CALL(s, vkCreateFence, &a);
    guest_need(a.ret == VK_SUCCESS, "vkCreateFence");
}

void guest_check_round_trip(struct guest_stream *s) {
    const uint64_t id = guest_new_id(s->guest);
    guest_need(guest_create_buffer(s, id) == VK_SUCCESS, "a buffer");
    VkMemoryRequirements requirements = {0};
    struct vn_vkGetBufferMemoryRequirements a = {.device = ID(VkDevice, GUEST_DEVICE),
                                                 .buffer = ID(VkBuffer, id),
                                                 .pMemoryRequirements = &requirements};
    GUEST_CALL(s, vkGetBufferMemoryRequirements, &a);
    guest_need(a.pMemoryRequirements->size >= 4096, "the buffer's requirements");
    guest_write_destroy_buffer(s, id);
    guest_need(guest_finish(s), "destroying the buffer");
}
