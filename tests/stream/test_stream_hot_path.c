/* The rule of the hot path, held by counting: recording commands takes no lock, no memory from the
 * system, reads no environment and formats no message. The linker routes these functions through
 * here (--wrap, see meson.build), for everything but the C library and the driver. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "renderer/renderer.h"
#include "util/log.h"

#define DEVICE ID(VkDevice, GUEST_DEVICE)
#define COMMANDS ID(VkCommandBuffer, COMMAND_BUFFER)
#define ROUNDS 200

enum {
    COMMAND_POOL = GUEST_FIRST_FREE_ID,
    COMMAND_BUFFER,
    BUFFER,
    SET_LAYOUT,
    LAYOUT,
    DESCRIPTOR_POOL,
    SET,
};

/* ---- counting ------------------------------------------------------------------------------- */

static _Thread_local bool counting;
static _Thread_local unsigned memory_calls, lock_calls, other_calls;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void __real_free(void *memory);
int __real_pthread_mutex_lock(pthread_mutex_t *mutex);
char *__real_getenv(const char *name);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void __wrap_free(void *memory);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);
char *__wrap_getenv(const char *name);
void __wrap_log_write(struct log_site *site, enum log_level level, const char *format, ...);

void *__wrap_malloc(size_t size) {
    memory_calls += counting;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    memory_calls += counting;
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size) {
    memory_calls += counting;
    return __real_realloc(memory, size);
}

void __wrap_free(void *memory) {
    memory_calls += counting;
    __real_free(memory);
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex) {
    lock_calls += counting;
    return __real_pthread_mutex_lock(mutex);
}

char *__wrap_getenv(const char *name) {
    other_calls += counting;
    return __real_getenv(name);
}

void __wrap_log_write(struct log_site *site, enum log_level level, const char *format, ...) {
    (void)site, (void)level, (void)format;
    other_calls += counting;
}

/* Executes what has been written to the stream on this thread, counting. */
static void execute_counted(struct guest_stream *s) {
    struct renderer_context *context = (struct renderer_context *)s->guest->context;
    memory_calls = lock_calls = other_calls = 0;
    counting = true;
    bool alive = stream_execute(&context->executor.stream, s->encoder.bytes,
                                cs_encoder_size(&s->encoder), NULL);
    counting = false;
    cs_encoder_reset(&s->encoder, SIZE_MAX);
    assert_true(alive);
}

/* ---- what is recorded ------------------------------------------------------------------------ */

static void make_objects(struct guest_stream *s) {
    const VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO};
    GUEST_WRITE(s, vkCreateCommandPool, .device = DEVICE, .pCreateInfo = &pool,
                .pCommandPool_id = COMMAND_POOL);
    VkCommandBufferAllocateInfo allocate = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = ID(VkCommandPool, COMMAND_POOL),
        .commandBufferCount = 1,
    };
    GUEST_WRITE(s, vkAllocateCommandBuffers, .device = DEVICE, .pAllocateInfo = &allocate,
                .pCommandBuffers_ids = &(uint64_t){COMMAND_BUFFER});
    guest_write_create_buffer(s, BUFFER);
    const VkDescriptorSetLayoutCreateInfo set_layout = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO};
    GUEST_WRITE(s, vkCreateDescriptorSetLayout, .device = DEVICE, .pCreateInfo = &set_layout,
                .pSetLayout_id = SET_LAYOUT);
    const VkPipelineLayoutCreateInfo layout = {.sType =
                                                   VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO};
    GUEST_WRITE(s, vkCreatePipelineLayout, .device = DEVICE, .pCreateInfo = &layout,
                .pPipelineLayout_id = LAYOUT);
    const VkDescriptorPoolSize size = {VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER, 1};
    const VkDescriptorPoolCreateInfo sets = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
        .maxSets = 1,
        .poolSizeCount = 1,
        .pPoolSizes = &size,
    };
    GUEST_WRITE(s, vkCreateDescriptorPool, .device = DEVICE, .pCreateInfo = &sets,
                .pDescriptorPool_id = DESCRIPTOR_POOL);
    VkDescriptorSetAllocateInfo set = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
        .descriptorPool = ID(VkDescriptorPool, DESCRIPTOR_POOL),
        .descriptorSetCount = 1,
        .pSetLayouts = &(VkDescriptorSetLayout){ID(VkDescriptorSetLayout, SET_LAYOUT)},
    };
    GUEST_WRITE(s, vkAllocateDescriptorSets, .device = DEVICE, .pAllocateInfo = &set,
                .pDescriptorSets_ids = &(uint64_t){SET});
}

static void write_round(struct guest_stream *s) {
    VkBuffer buffer = ID(VkBuffer, BUFFER);
    VkDescriptorSet set = ID(VkDescriptorSet, SET);
    const float constants[4] = {1, 2, 3, 4};
    const VkMemoryBarrier barrier = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER};
    const VkBufferMemoryBarrier release = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_MEMORY_BARRIER,
        .dstQueueFamilyIndex = VK_QUEUE_FAMILY_FOREIGN_EXT,
        .buffer = buffer,
        .size = 256,
    };
    const VkDescriptorBufferInfo range = {buffer, 0, 256};
    const VkWriteDescriptorSet write = {
        .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
        .dstSet = set,
        .descriptorCount = 1,
        .descriptorType = VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER,
        .pBufferInfo = &range,
    };
    GUEST_WRITE(s, vkUpdateDescriptorSets, .device = DEVICE, .descriptorWriteCount = 1,
                .pDescriptorWrites = (void *)&write);
    GUEST_WRITE(s, vkCmdBindVertexBuffers, .commandBuffer = COMMANDS, .bindingCount = 1,
                .pBuffers = &buffer, .pOffsets = &(VkDeviceSize){0});
    GUEST_WRITE(s, vkCmdPushConstants, .commandBuffer = COMMANDS,
                .layout = ID(VkPipelineLayout, LAYOUT), .stageFlags = VK_SHADER_STAGE_VERTEX_BIT,
                .size = sizeof(constants), .pValues = (void *)constants);
    GUEST_WRITE(s, vkCmdBindDescriptorSets, .commandBuffer = COMMANDS,
                .layout = ID(VkPipelineLayout, LAYOUT), .descriptorSetCount = 1,
                .pDescriptorSets = &set);
    GUEST_WRITE(s, vkCmdPipelineBarrier, .commandBuffer = COMMANDS,
                .srcStageMask = VK_PIPELINE_STAGE_TRANSFER_BIT,
                .dstStageMask = VK_PIPELINE_STAGE_TRANSFER_BIT, .memoryBarrierCount = 1,
                .pMemoryBarriers = (void *)&barrier, .bufferMemoryBarrierCount = 1,
                .pBufferMemoryBarriers = (void *)&release);
    GUEST_WRITE(s, vkCmdDraw, .commandBuffer = COMMANDS, .vertexCount = 3, .instanceCount = 1);
    GUEST_WRITE(s, vkCmdDrawIndexed, .commandBuffer = COMMANDS, .indexCount = 3,
                .instanceCount = 1);
    GUEST_WRITE(s, vkCmdDispatch, .commandBuffer = COMMANDS, .groupCountX = 1, .groupCountY = 1,
                .groupCountZ = 1);
    GUEST_WRITE(s, vkCmdFillBuffer, .commandBuffer = COMMANDS, .dstBuffer = buffer, .size = 256);
}

static void write_rounds(struct guest_stream *s) {
    const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    GUEST_WRITE(s, vkBeginCommandBuffer, .commandBuffer = COMMANDS, .pBeginInfo = (void *)&begin);
    for (int i = 0; i < ROUNDS; i++) {
        write_round(s);
    }
    GUEST_WRITE(s, vkEndCommandBuffer, .commandBuffer = COMMANDS);
}

static void test_recording_asks_the_system_for_nothing(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL);
    struct guest_stream *s = g->context_stream;
    make_objects(s);
    assert_true(guest_finish(s));
    guest_flush(g); /* the executor sleeps: its stream is ours */

    write_rounds(s);
    execute_counted(s); /* warms the temporaries up */
    write_rounds(s);
    execute_counted(s);
    assert_int_equal(memory_calls, 0);
    assert_int_equal(lock_calls, 0);
    assert_int_equal(other_calls, 0);
    guest_destroy(g);
}

/* Without this the test above could not fail. */
static void test_the_counters_count(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL);
    struct guest_stream *s = g->context_stream;
    guest_flush(g);
    guest_write_create_buffer(s, BUFFER);
    execute_counted(s);
    assert_int_not_equal(memory_calls, 0);
    assert_int_not_equal(lock_calls, 0);
    guest_destroy(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_recording_asks_the_system_for_nothing, expect_reset),
        cmocka_unit_test_setup(test_the_counters_count, expect_reset),
    };
    return cmocka_run_group_tests(tests, expect_setup, expect_teardown);
}
