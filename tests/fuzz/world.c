#include "world.h"

#include <stdio.h>
#include <stdlib.h>

#include "need.h"
#include "platform/platform.h"
#include "renderer/driver.h"
#include "renderer/instance.h"
#include "renderer/renderer.h"
#include "renderer/ring.h"
#include "venus_client.h"
#include "venus_null_driver.h"

static struct {
    struct renderer_context *context;
    struct ring ring; /* the one whose commands are executed here; without a thread */
    uint8_t *stream_memory;
    struct cs_encoder setup; /* the commands that make the objects; written once */
} world;

enum {
    INSTANCE = 1,
    PHYSICAL_DEVICE,
    DEVICE,
    QUEUE,
    BUFFER,
    IMAGE,
    MEMORY,
    FENCE,
    SEMAPHORE,
    EVENT,
    QUERY_POOL,
    BUFFER_VIEW,
    IMAGE_VIEW,
    SHADER_MODULE,
    PIPELINE_CACHE,
    PIPELINE_LAYOUT,
    SAMPLER,
    SET_LAYOUT,
    DESCRIPTOR_POOL,
    DESCRIPTOR_SET,
    COMMAND_POOL,
    COMMAND_BUFFER,
    PIPELINE,
    RENDER_PASS,
    FRAMEBUFFER,
};

uint64_t world_object(VkObjectType type) {
    switch (type) {
    case VK_OBJECT_TYPE_INSTANCE:
        return INSTANCE;
    case VK_OBJECT_TYPE_PHYSICAL_DEVICE:
        return PHYSICAL_DEVICE;
    case VK_OBJECT_TYPE_DEVICE:
        return DEVICE;
    case VK_OBJECT_TYPE_QUEUE:
        return QUEUE;
    case VK_OBJECT_TYPE_BUFFER:
        return BUFFER;
    case VK_OBJECT_TYPE_IMAGE:
        return IMAGE;
    case VK_OBJECT_TYPE_DEVICE_MEMORY:
        return MEMORY;
    case VK_OBJECT_TYPE_FENCE:
        return FENCE;
    case VK_OBJECT_TYPE_SEMAPHORE:
        return SEMAPHORE;
    case VK_OBJECT_TYPE_EVENT:
        return EVENT;
    case VK_OBJECT_TYPE_QUERY_POOL:
        return QUERY_POOL;
    case VK_OBJECT_TYPE_BUFFER_VIEW:
        return BUFFER_VIEW;
    case VK_OBJECT_TYPE_IMAGE_VIEW:
        return IMAGE_VIEW;
    case VK_OBJECT_TYPE_SHADER_MODULE:
        return SHADER_MODULE;
    case VK_OBJECT_TYPE_PIPELINE_CACHE:
        return PIPELINE_CACHE;
    case VK_OBJECT_TYPE_PIPELINE_LAYOUT:
        return PIPELINE_LAYOUT;
    case VK_OBJECT_TYPE_SAMPLER:
        return SAMPLER;
    case VK_OBJECT_TYPE_DESCRIPTOR_SET_LAYOUT:
        return SET_LAYOUT;
    case VK_OBJECT_TYPE_DESCRIPTOR_POOL:
        return DESCRIPTOR_POOL;
    case VK_OBJECT_TYPE_DESCRIPTOR_SET:
        return DESCRIPTOR_SET;
    case VK_OBJECT_TYPE_COMMAND_POOL:
        return COMMAND_POOL;
    case VK_OBJECT_TYPE_COMMAND_BUFFER:
        return COMMAND_BUFFER;
    case VK_OBJECT_TYPE_PIPELINE:
        return PIPELINE;
    case VK_OBJECT_TYPE_RENDER_PASS:
        return RENDER_PASS;
    case VK_OBJECT_TYPE_FRAMEBUFFER:
        return FRAMEBUFFER;
    default:
        return 0;
    }
}

/* ---- the commands that make the objects -------------------------------------------------- */

#define ID(type, id) ((type)(uintptr_t)(uint64_t)(id))
#define WRITE(command, ...)                                                                        \
    vn_client_encode_##command(&world.setup, 0, &(struct vn_##command){__VA_ARGS__})
/* vkCreate…(device, info, NULL, &object) */
#define CREATE(what, info_type, type, output, id, ...)                                             \
    do {                                                                                           \
        const info_type info_ = {.sType = VK_STRUCTURE_TYPE_##type, __VA_ARGS__};                  \
        WRITE(vkCreate##what, .device = ID(VkDevice, DEVICE), .pCreateInfo = &info_,               \
              .output##_id = id);                                                                  \
    } while (0)

static void write_device(void) {
    const VkInstanceCreateInfo instance = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO};
    WRITE(vkCreateInstance, .pCreateInfo = &instance, .pInstance_id = INSTANCE);
    uint32_t count = 1;
    uint64_t physical_device = PHYSICAL_DEVICE;
    VkPhysicalDevice offered;
    WRITE(vkEnumeratePhysicalDevices, .instance = ID(VkInstance, INSTANCE),
          .pPhysicalDeviceCount = &count, .pPhysicalDevices = &offered,
          .pPhysicalDevices_ids = &physical_device, .pPhysicalDevices_offered = 1);
    const float priorities[2] = {1, 1};
    const VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                           .queueCount = 2,
                                           .pQueuePriorities = priorities};
    const VkDeviceCreateInfo device = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                       .queueCreateInfoCount = 1,
                                       .pQueueCreateInfos = &queue};
    WRITE(vkCreateDevice, .physicalDevice = ID(VkPhysicalDevice, PHYSICAL_DEVICE),
          .pCreateInfo = &device, .pDevice_id = DEVICE);
    const VkDeviceQueueTimelineInfoMESA timeline = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_TIMELINE_INFO_MESA, .ringIdx = 1};
    const VkDeviceQueueInfo2 which = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_INFO_2,
                                      .pNext = &timeline};
    WRITE(vkGetDeviceQueue2, .device = ID(VkDevice, DEVICE), .pQueueInfo = &which,
          .pQueue_id = QUEUE);
}

static void write_memory_objects(void) {
    CREATE(Buffer, VkBufferCreateInfo, BUFFER_CREATE_INFO, pBuffer, BUFFER, .size = 4096);
    CREATE(Image, VkImageCreateInfo, IMAGE_CREATE_INFO, pImage, IMAGE,
           .imageType = VK_IMAGE_TYPE_2D, .format = VK_FORMAT_R8G8B8A8_UNORM, .extent = {16, 16, 1},
           .mipLevels = 1, .arrayLayers = 1);
    const VkMemoryAllocateInfo memory = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                         .allocationSize = 4096};
    WRITE(vkAllocateMemory, .device = ID(VkDevice, DEVICE), .pAllocateInfo = &memory,
          .pMemory_id = MEMORY);
    CREATE(BufferView, VkBufferViewCreateInfo, BUFFER_VIEW_CREATE_INFO, pView, BUFFER_VIEW,
           .buffer = ID(VkBuffer, BUFFER));
    CREATE(ImageView, VkImageViewCreateInfo, IMAGE_VIEW_CREATE_INFO, pView, IMAGE_VIEW,
           .image = ID(VkImage, IMAGE));
    CREATE(Sampler, VkSamplerCreateInfo, SAMPLER_CREATE_INFO, pSampler, SAMPLER, .flags = 0);
}

static void write_sync_objects(void) {
    CREATE(Fence, VkFenceCreateInfo, FENCE_CREATE_INFO, pFence, FENCE, .flags = 0);
    CREATE(Semaphore, VkSemaphoreCreateInfo, SEMAPHORE_CREATE_INFO, pSemaphore, SEMAPHORE,
           .flags = 0);
    CREATE(Event, VkEventCreateInfo, EVENT_CREATE_INFO, pEvent, EVENT, .flags = 0);
    CREATE(QueryPool, VkQueryPoolCreateInfo, QUERY_POOL_CREATE_INFO, pQueryPool, QUERY_POOL,
           .queryCount = 4);
}

static void write_pipeline_objects(void) {
    static const uint32_t code[4];
    CREATE(ShaderModule, VkShaderModuleCreateInfo, SHADER_MODULE_CREATE_INFO, pShaderModule,
           SHADER_MODULE, .codeSize = sizeof(code), .pCode = code);
    CREATE(PipelineCache, VkPipelineCacheCreateInfo, PIPELINE_CACHE_CREATE_INFO, pPipelineCache,
           PIPELINE_CACHE, .flags = 0);
    CREATE(DescriptorSetLayout, VkDescriptorSetLayoutCreateInfo, DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
           pSetLayout, SET_LAYOUT, .flags = 0);
    CREATE(PipelineLayout, VkPipelineLayoutCreateInfo, PIPELINE_LAYOUT_CREATE_INFO, pPipelineLayout,
           PIPELINE_LAYOUT, .flags = 0);
    CREATE(RenderPass, VkRenderPassCreateInfo, RENDER_PASS_CREATE_INFO, pRenderPass, RENDER_PASS,
           .flags = 0);
    CREATE(Framebuffer, VkFramebufferCreateInfo, FRAMEBUFFER_CREATE_INFO, pFramebuffer, FRAMEBUFFER,
           .renderPass = ID(VkRenderPass, RENDER_PASS));
    const VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .module = ID(VkShaderModule, SHADER_MODULE),
                  .pName = "main"},
        .layout = ID(VkPipelineLayout, PIPELINE_LAYOUT),
    };
    uint64_t id = PIPELINE;
    WRITE(vkCreateComputePipelines, .device = ID(VkDevice, DEVICE), .createInfoCount = 1,
          .pCreateInfos = &info, .pPipelines_ids = &id);
}

static void write_pools(void) {
    CREATE(DescriptorPool, VkDescriptorPoolCreateInfo, DESCRIPTOR_POOL_CREATE_INFO, pDescriptorPool,
           DESCRIPTOR_POOL, .maxSets = 4);
    const VkDescriptorSetLayout layout = ID(VkDescriptorSetLayout, SET_LAYOUT);
    const VkDescriptorSetAllocateInfo sets = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
        .descriptorPool = ID(VkDescriptorPool, DESCRIPTOR_POOL),
        .descriptorSetCount = 1,
        .pSetLayouts = &layout,
    };
    uint64_t id = DESCRIPTOR_SET;
    WRITE(vkAllocateDescriptorSets, .device = ID(VkDevice, DEVICE), .pAllocateInfo = &sets,
          .pDescriptorSets_ids = &id);
    CREATE(CommandPool, VkCommandPoolCreateInfo, COMMAND_POOL_CREATE_INFO, pCommandPool,
           COMMAND_POOL, .flags = 0);
    const VkCommandBufferAllocateInfo buffers = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = ID(VkCommandPool, COMMAND_POOL),
        .commandBufferCount = 1,
    };
    uint64_t buffer_id = COMMAND_BUFFER;
    WRITE(vkAllocateCommandBuffers, .device = ID(VkDevice, DEVICE), .pAllocateInfo = &buffers,
          .pCommandBuffers_ids = &buffer_id);
    const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    WRITE(vkBeginCommandBuffer, .commandBuffer = ID(VkCommandBuffer, COMMAND_BUFFER),
          .pBeginInfo = &begin);
}

void world_init(void) {
    driver_set_entry(vn_null_get_instance_proc_addr);
    cs_encoder_init(&world.setup);
    cs_encoder_reset(&world.setup, 1 << 20);
    write_device();
    write_memory_objects();
    write_sync_objects();
    write_pipeline_objects();
    write_pools();
    need(!world.setup.failed, "writing the commands that make the objects");
}

/* ---- the context ------------------------------------------------------------------------- */

static void on_fence_retired(void *user, uint32_t ring_idx, uint64_t fence_id) {
    (void)user, (void)ring_idx, (void)fence_id;
}

static void on_lost(void *user, const char *reason) {
    (void)user, (void)reason;
}

static uint8_t *add_resource(struct renderer_context *context, uint32_t id) {
    struct storage *storage;
    void *bytes = NULL;
    need(storage_create_shm("vesper-fuzz", WORLD_RESOURCE_SIZE, &storage) == 0 &&
             storage_map(storage, &bytes) == 0 &&
             resource_table_add(&context->resources, id, storage, true) == 0,
         "shared memory");
    storage_unref(storage);
    return bytes;
}

/* As renderer_context_create makes it, but for the executor's thread. Every wait ends at once. */
static void open_context(struct renderer_context *context) {
    context->listener =
        (struct context_listener){.fence_retired = on_fence_retired, .lost = on_lost};
    snprintf(context->name, sizeof(context->name), "fuzz");
    context->limits = (struct context_limits){
        .objects = 1000,
        .command_bytes = 1 << 20,
        .queued_bytes = 1 << 20,
        .rings = 2,
        .resources = 16,
        .memory_bytes = 1 << 20,
    };
    pthread_mutex_init(&context->ring_mutex, NULL);
    need(objects_init(&context->objects, context->limits.objects) == 0 &&
             resource_table_init(&context->resources, context->limits.resources) == 0 &&
             timelines_init(&context->timelines) == 0,
         "a context");
    struct executor *executor = &context->executor;
    executor->last = &executor->first;
    executor->stop = true;
    pthread_mutex_init(&executor->mutex, NULL);
    platform_cond_init(&executor->cond);
    stream_init(&executor->stream, context, NULL);
}

static void open_ring(struct renderer_context *context) {
    struct ring *ring = &world.ring;
    memset(ring, 0, sizeof(*ring));
    ring->context = context;
    atomic_store(&ring->stop, true);
    pthread_mutex_init(&ring->mutex, NULL);
    platform_cond_init(&ring->cond);
    stream_init(&ring->stream, context, ring);
}

void world_open(void) {
    struct renderer_context *context = calloc(1, sizeof(*context));
    need(context != NULL, "memory");
    world.context = context;
    open_context(context);
    open_ring(context);
    world.stream_memory = add_resource(context, WORLD_STREAM_RESOURCE);
    add_resource(context, WORLD_REPLY_RESOURCE);
    add_resource(context, WORLD_RING_RESOURCE);
    need(world_execute(world.setup.bytes, cs_encoder_size(&world.setup), false),
         "making the objects");
}

void world_close(void) {
    struct renderer_context *context = world.context;
    atomic_store(&context->lost, true);
    while (context->rings) {
        context_remove_ring(context, context->rings);
    }
    struct stream *stream = &context->executor.stream;
    id_reader_enter(&context->objects.table, &stream->reader);
    struct instance *instance = atomic_load(&context->instance);
    if (instance) {
        instance_destroy(stream, instance);
    }
    id_reader_leave(&stream->reader);
    stream_finish(&world.ring.stream);
    pthread_cond_destroy(&world.ring.cond);
    pthread_mutex_destroy(&world.ring.mutex);
    executor_finish(&context->executor);
    resource_table_finish(&context->resources);
    objects_finish(&context->objects);
    timelines_finish(&context->timelines);
    pthread_mutex_destroy(&context->ring_mutex);
    free(context);
}

bool world_execute(const void *bytes, size_t size, bool on_ring) {
    struct renderer_context *context = world.context;
    return stream_execute(on_ring ? &world.ring.stream : &context->executor.stream, bytes, size,
                          NULL);
}

uint8_t *world_stream_memory(void) {
    return world.stream_memory;
}
