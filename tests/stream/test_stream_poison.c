/* Creations that fail on the host: what the guest is told where it asks, and what happens to
 * commands that use the object where it does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "expect.h"
#include "spy_driver.h"

#define DEVICE ID(VkDevice, GUEST_DEVICE)

enum { BUFFER = 1000, POOL, COMMAND_BUFFER, MEMORY, LAYOUT, MODULE, FENCE, PIPELINE = 1100 };

static struct guest_stream *fresh_ring(void) {
    struct guest *g = guest_create_open(NULL);
    return guest_create_ring(g, 16384, 0);
}

static void write_create_pool(struct guest_stream *s) {
    const VkCommandPoolCreateInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO};
    GUEST_WRITE(s, vkCreateCommandPool, .device = DEVICE, .pCreateInfo = &info,
                .pCommandPool_id = POOL);
}

static void write_allocate_command_buffer(struct guest_stream *s) {
    const VkCommandBufferAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = ID(VkCommandPool, POOL),
        .commandBufferCount = 1,
    };
    uint64_t id = COMMAND_BUFFER;
    GUEST_WRITE(s, vkAllocateCommandBuffers, .device = DEVICE, .pAllocateInfo = &info,
                .pCommandBuffers_ids = &id);
}

static const VkCommandBufferBeginInfo begin_info = {
    .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};

static void write_begin(struct guest_stream *s) {
    GUEST_WRITE(s, vkBeginCommandBuffer, .commandBuffer = ID(VkCommandBuffer, COMMAND_BUFFER),
                .pBeginInfo = &begin_info);
}

static void write_fill(struct guest_stream *s, uint64_t buffer) {
    GUEST_WRITE(s, vkCmdFillBuffer, .commandBuffer = ID(VkCommandBuffer, COMMAND_BUFFER),
                .dstBuffer = ID(VkBuffer, buffer), .size = 4096);
}

static void write_end(struct guest_stream *s) {
    GUEST_WRITE(s, vkEndCommandBuffer, .commandBuffer = ID(VkCommandBuffer, COMMAND_BUFFER));
}

static VkResult end_with_reply(struct guest_stream *s) {
    struct vn_vkEndCommandBuffer a = {.commandBuffer = ID(VkCommandBuffer, COMMAND_BUFFER)};
    GUEST_CALL(s, vkEndCommandBuffer, &a);
    return a.ret;
}

static const VkCommandBuffer submitted = ID(VkCommandBuffer, COMMAND_BUFFER);
static const VkSubmitInfo submit_info = {
    .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1, .pCommandBuffers = &submitted};

static void write_submit(struct guest_stream *s) {
    GUEST_WRITE(s, vkQueueSubmit, .queue = ID(VkQueue, GUEST_QUEUE), .submitCount = 1,
                .pSubmits = &submit_info);
}

static VkResult submit_with_reply(struct guest_stream *s) {
    struct vn_vkQueueSubmit a = {
        .queue = ID(VkQueue, GUEST_QUEUE), .submitCount = 1, .pSubmits = &submit_info};
    GUEST_CALL(s, vkQueueSubmit, &a);
    return a.ret;
}

/* ---- the guest asks for the result ------------------------------------------------------- */

static void test_a_failure_that_is_told_frees_the_id(void **state) {
    (void)state;
    struct guest_stream *s = fresh_ring();
    spy_fail("vkCreateBuffer", 1, VK_ERROR_OUT_OF_DEVICE_MEMORY);
    assert_int_equal(guest_create_buffer(s, BUFFER), VK_ERROR_OUT_OF_DEVICE_MEMORY);
    assert_int_equal(guest_create_buffer(s, BUFFER), VK_SUCCESS);
    spy_fail("vkAllocateMemory", 1, VK_ERROR_OUT_OF_HOST_MEMORY);
    assert_int_equal(guest_allocate_memory(s, MEMORY, 1, 4096), VK_ERROR_OUT_OF_HOST_MEMORY);
    assert_int_equal(guest_allocate_memory(s, MEMORY, 1, 4096), VK_SUCCESS);
    guest_destroy(s->guest);

    s = fresh_ring();
    spy_fail("vkCreateBuffer", 1, VK_ERROR_OUT_OF_DEVICE_MEMORY);
    assert_int_equal(guest_create_buffer(s, BUFFER), VK_ERROR_OUT_OF_DEVICE_MEMORY);
    guest_write_destroy_buffer(s, BUFFER);
    guest_send(s);
    expect_refusal(s->guest, "vkDestroyBuffer (on a ring): buffer: no object has this id");
}

static void test_an_instance_that_fails_is_told(void **state) {
    (void)state;
    struct guest *g = guest_create(NULL);
    spy_fail("vkCreateInstance", 1, VK_ERROR_INCOMPATIBLE_DRIVER);
    const VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO};
    struct vn_vkCreateInstance a = {.pCreateInfo = &info, .pInstance_id = GUEST_INSTANCE};
    GUEST_CALL(g->context_stream, vkCreateInstance, &a);
    assert_int_equal(a.ret, VK_ERROR_INCOMPATIBLE_DRIVER);
    guest_destroy(g);
}

/* ---- the guest does not ask -------------------------------------------------------------- */

static void test_commands_with_a_poisoned_object_are_skipped(void **state) {
    (void)state;
    struct guest_stream *s = fresh_ring();
    spy_fail("vkCreateBuffer", 1, VK_ERROR_OUT_OF_DEVICE_MEMORY);
    guest_write_create_buffer(s, BUFFER);
    assert_true(guest_finish(s));
    const int64_t live = spy_live_objects();

    /* A result is the creation's; outputs have a shape that can be decoded. */
    assert_int_equal(guest_allocate_memory(s, MEMORY, 1, 4096), VK_SUCCESS);
    struct vn_vkBindBufferMemory bind = {
        .device = DEVICE, .buffer = ID(VkBuffer, BUFFER), .memory = ID(VkDeviceMemory, MEMORY)};
    GUEST_CALL(s, vkBindBufferMemory, &bind);
    assert_int_equal(bind.ret, VK_ERROR_OUT_OF_DEVICE_MEMORY);
    VkMemoryRequirements requirements = {0};
    struct vn_vkGetBufferMemoryRequirements get = {
        .device = DEVICE, .buffer = ID(VkBuffer, BUFFER), .pMemoryRequirements = &requirements};
    GUEST_CALL(s, vkGetBufferMemoryRequirements, &get);
    assert_int_equal(get.pMemoryRequirements->size, 0);

    /* The id is taken until it is destroyed, as the guest believes. */
    const uint64_t destroyed = spy_calls("vkDestroyBuffer");
    guest_write_destroy_buffer(s, BUFFER);
    guest_write_create_buffer(s, BUFFER);
    assert_true(guest_finish(s));
    assert_int_equal(spy_calls("vkDestroyBuffer"), destroyed); /* the host never had it */
    assert_int_equal(spy_live_objects(), live + 2);
    guest_destroy(s->guest);
}

static void test_what_is_made_from_a_poisoned_object_is_poisoned(void **state) {
    (void)state;
    struct guest_stream *s = fresh_ring();
    spy_fail("vkCreateCommandPool", 1, VK_ERROR_OUT_OF_HOST_MEMORY);
    write_create_pool(s);
    write_allocate_command_buffer(s);
    write_begin(s);
    guest_write_create_buffer(s, BUFFER);
    write_fill(s, BUFFER);
    assert_int_equal(end_with_reply(s), VK_ERROR_OUT_OF_HOST_MEMORY);
    assert_int_equal(spy_calls("vkAllocateCommandBuffers"), 0);
    assert_int_equal(spy_calls("vkBeginCommandBuffer"), 0);
    assert_int_equal(spy_calls("vkCmdFillBuffer"), 0);
    assert_int_equal(submit_with_reply(s), VK_ERROR_DEVICE_LOST);
    assert_int_equal(spy_calls("vkQueueSubmit"), 0);
    uint64_t id = COMMAND_BUFFER;
    VkCommandBuffer buffer = ID(VkCommandBuffer, id);
    GUEST_WRITE(s, vkFreeCommandBuffers, .device = DEVICE, .commandPool = ID(VkCommandPool, POOL),
                .commandBufferCount = 1, .pCommandBuffers = &buffer);
    GUEST_WRITE(s, vkDestroyCommandPool, .device = DEVICE, .commandPool = ID(VkCommandPool, POOL));
    assert_true(guest_finish(s));
    write_create_pool(s);
    write_allocate_command_buffer(s);
    write_begin(s);
    assert_true(guest_finish(s));
    assert_int_equal(spy_calls("vkBeginCommandBuffer"), 1);
    guest_destroy(s->guest);
}

/* A recording that lacks commands must never run: submitting it is a lost device. */
static void test_a_poisoned_recording_cannot_be_submitted(void **state) {
    (void)state;
    struct guest_stream *s = fresh_ring();
    write_create_pool(s);
    write_allocate_command_buffer(s);
    guest_write_create_buffer(s, BUFFER + 50);
    spy_fail("vkCreateBuffer", 0, VK_ERROR_OUT_OF_DEVICE_MEMORY);
    assert_true(guest_finish(s));
    spy_fail("vkCreateBuffer", 1, VK_ERROR_OUT_OF_DEVICE_MEMORY);
    guest_write_create_buffer(s, BUFFER);
    write_begin(s);
    write_fill(s, BUFFER + 50);
    write_fill(s, BUFFER); /* poisons the recording */
    write_fill(s, BUFFER + 50); /* skipped, too */
    assert_int_equal(end_with_reply(s), VK_ERROR_OUT_OF_DEVICE_MEMORY);
    assert_int_equal(spy_calls("vkCmdFillBuffer"), 1);
    assert_int_equal(submit_with_reply(s), VK_ERROR_DEVICE_LOST);
    assert_int_equal(spy_calls("vkQueueSubmit"), 0);

    /* Beginning anew heals it. */
    write_begin(s);
    write_fill(s, BUFFER + 50);
    assert_int_equal(end_with_reply(s), VK_SUCCESS);
    assert_int_equal(submit_with_reply(s), VK_SUCCESS);
    assert_int_equal(spy_calls("vkQueueSubmit"), 1);

    write_begin(s);
    write_fill(s, BUFFER);
    write_end(s);
    write_submit(s);
    guest_send(s);
    expect_refusal(s->guest, "vkQueueSubmit (on a ring): pSubmits: "
                             "it names an object whose creation or recording failed");
}

static void test_a_begin_that_fails_poisons_the_recording(void **state) {
    (void)state;
    struct guest_stream *s = fresh_ring();
    write_create_pool(s);
    write_allocate_command_buffer(s);
    guest_write_create_buffer(s, BUFFER);
    spy_fail("vkBeginCommandBuffer", 1, VK_ERROR_OUT_OF_HOST_MEMORY);
    write_begin(s);
    write_fill(s, BUFFER);
    assert_int_equal(end_with_reply(s), VK_ERROR_OUT_OF_HOST_MEMORY);
    assert_int_equal(spy_calls("vkCmdFillBuffer"), 0);
    struct vn_vkResetCommandBuffer reset = {.commandBuffer = submitted};
    GUEST_CALL(s, vkResetCommandBuffer, &reset);
    assert_int_equal(reset.ret, VK_SUCCESS);
    write_begin(s);
    write_fill(s, BUFFER);
    assert_int_equal(end_with_reply(s), VK_SUCCESS);
    assert_int_equal(spy_calls("vkCmdFillBuffer"), 1);
    guest_destroy(s->guest);
}

static void test_memory_that_could_not_be_had_poisons_what_is_bound_to_it(void **state) {
    (void)state;
    struct guest_stream *s = fresh_ring();
    guest_write_create_buffer(s, BUFFER);
    spy_fail("vkAllocateMemory", 1, VK_ERROR_OUT_OF_DEVICE_MEMORY);
    const VkMemoryAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                       .allocationSize = 4096,
                                       .memoryTypeIndex = 1};
    GUEST_WRITE(s, vkAllocateMemory, .device = DEVICE, .pAllocateInfo = &info,
                .pMemory_id = MEMORY);
    GUEST_WRITE(s, vkBindBufferMemory, .device = DEVICE, .buffer = ID(VkBuffer, BUFFER),
                .memory = ID(VkDeviceMemory, MEMORY));
    write_create_pool(s);
    write_allocate_command_buffer(s);
    write_begin(s);
    write_fill(s, BUFFER);
    assert_int_equal(end_with_reply(s), VK_ERROR_OUT_OF_DEVICE_MEMORY);
    assert_int_equal(spy_calls("vkCmdFillBuffer"), 0);
    GUEST_WRITE(s, vkFreeMemory, .device = DEVICE, .memory = ID(VkDeviceMemory, MEMORY));
    guest_write_destroy_buffer(s, BUFFER); /* the host has this one */
    assert_true(guest_finish(s));
    assert_int_equal(spy_calls("vkDestroyBuffer"), 1);
    guest_destroy(s->guest);
}

static void test_a_poisoned_device_is_harmless(void **state) {
    (void)state;
    struct guest *g = guest_create(NULL);
    guest_open_instance(g);
    struct guest_stream *s = g->context_stream;
    spy_fail("vkCreateDevice", 3, VK_ERROR_INITIALIZATION_FAILED);
    const VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO};
    GUEST_WRITE(s, vkCreateDevice, .physicalDevice = ID(VkPhysicalDevice, GUEST_PHYSICAL_DEVICE),
                .pCreateInfo = &info, .pDevice_id = GUEST_DEVICE);
    guest_write_create_buffer(s, BUFFER);
    assert_true(guest_finish(s));
    assert_int_equal(guest_create_buffer(s, BUFFER + 1), VK_ERROR_INITIALIZATION_FAILED);
    guest_write_destroy_buffer(s, BUFFER);
    GUEST_WRITE(s, vkDestroyDevice, .device = DEVICE);
    assert_true(guest_finish(s));
    assert_int_equal(spy_calls("vkCreateBuffer"), 0);
    guest_destroy(g);
}

static void test_a_poisoned_device_is_left_behind_harmlessly(void **state) {
    (void)state;
    struct guest *g = guest_create(NULL);
    guest_open_instance(g);
    struct guest_stream *s = g->context_stream;
    spy_fail("vkCreateDevice", 1, VK_ERROR_INITIALIZATION_FAILED);
    const VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO};
    GUEST_WRITE(s, vkCreateDevice, .physicalDevice = ID(VkPhysicalDevice, GUEST_PHYSICAL_DEVICE),
                .pCreateInfo = &info, .pDevice_id = GUEST_DEVICE);
    guest_write_create_buffer(s, BUFFER);
    assert_true(guest_finish(s));
    guest_destroy(g);
}

/* ---- pipelines --------------------------------------------------------------------------- */

static VkResult create_pipelines(struct guest_stream *s, bool reply, uint64_t ids[3]) {
    const VkPipelineLayoutCreateInfo layout = {.sType =
                                                   VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO};
    static const uint32_t code[4];
    const VkShaderModuleCreateInfo module = {.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
                                             .codeSize = sizeof(code),
                                             .pCode = code};
    GUEST_WRITE(s, vkCreatePipelineLayout, .device = DEVICE, .pCreateInfo = &layout,
                .pPipelineLayout_id = LAYOUT);
    GUEST_WRITE(s, vkCreateShaderModule, .device = DEVICE, .pCreateInfo = &module,
                .pShaderModule_id = MODULE);
    VkComputePipelineCreateInfo infos[3];
    for (int i = 0; i < 3; i++) {
        infos[i] = (VkComputePipelineCreateInfo){
            .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
            .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                      .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                      .module = ID(VkShaderModule, MODULE),
                      .pName = "main"},
            .layout = ID(VkPipelineLayout, LAYOUT),
        };
        ids[i] = PIPELINE + (uint64_t)i;
    }
    struct vn_vkCreateComputePipelines a = {
        .device = DEVICE, .createInfoCount = 3, .pCreateInfos = infos, .pPipelines_ids = ids};
    if (!reply) {
        vn_client_encode_vkCreateComputePipelines(&s->encoder, 0, &a);
        assert_true(guest_finish(s));
        return VK_SUCCESS;
    }
    GUEST_CALL(s, vkCreateComputePipelines, &a);
    for (int i = 0; i < 3; i++) {
        ids[i] = a.pPipelines_ids[i];
    }
    return a.ret;
}

static void write_destroy_pipeline(struct guest_stream *s, uint64_t id) {
    GUEST_WRITE(s, vkDestroyPipeline, .device = DEVICE, .pipeline = ID(VkPipeline, id));
}

static void test_pipelines_that_succeed_are_kept(void **state) {
    (void)state;
    struct guest_stream *s = fresh_ring();
    uint64_t ids[3];
    spy_fail_pipelines(1 << 1);
    assert_int_equal(create_pipelines(s, true, ids), VK_ERROR_OUT_OF_DEVICE_MEMORY);
    assert_int_equal(ids[0], PIPELINE);
    assert_int_equal(ids[1], 0);
    assert_int_equal(ids[2], PIPELINE + 2);
    write_destroy_pipeline(s, PIPELINE);
    write_destroy_pipeline(s, PIPELINE + 2);
    assert_true(guest_finish(s));
    assert_int_equal(spy_calls("vkDestroyPipeline"), 2);
    write_destroy_pipeline(s, PIPELINE + 1); /* the guest knows that there is none */
    guest_send(s);
    expect_refusal(s->guest, "vkDestroyPipeline (on a ring): pipeline: no object has this id");
}

static void test_pipelines_that_fail_unasked_are_poisoned(void **state) {
    (void)state;
    struct guest_stream *s = fresh_ring();
    uint64_t ids[3];
    spy_fail_pipelines(1 << 1);
    create_pipelines(s, false, ids);
    write_create_pool(s);
    write_allocate_command_buffer(s);
    write_begin(s);
    GUEST_WRITE(s, vkCmdBindPipeline, .commandBuffer = submitted,
                .pipelineBindPoint = VK_PIPELINE_BIND_POINT_COMPUTE,
                .pipeline = ID(VkPipeline, PIPELINE));
    assert_int_equal(end_with_reply(s), VK_SUCCESS);
    write_begin(s);
    GUEST_WRITE(s, vkCmdBindPipeline, .commandBuffer = submitted,
                .pipelineBindPoint = VK_PIPELINE_BIND_POINT_COMPUTE,
                .pipeline = ID(VkPipeline, PIPELINE + 1));
    assert_int_equal(end_with_reply(s), VK_ERROR_OUT_OF_DEVICE_MEMORY);
    for (uint64_t i = 0; i < 3; i++) {
        write_destroy_pipeline(s, PIPELINE + i);
    }
    assert_true(guest_finish(s));
    assert_int_equal(spy_calls("vkDestroyPipeline"), 2);
    guest_destroy(s->guest);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_failure_that_is_told_frees_the_id, expect_reset),
        cmocka_unit_test_setup(test_an_instance_that_fails_is_told, expect_reset),
        cmocka_unit_test_setup(test_commands_with_a_poisoned_object_are_skipped, expect_reset),
        cmocka_unit_test_setup(test_what_is_made_from_a_poisoned_object_is_poisoned, expect_reset),
        cmocka_unit_test_setup(test_a_poisoned_recording_cannot_be_submitted, expect_reset),
        cmocka_unit_test_setup(test_a_begin_that_fails_poisons_the_recording, expect_reset),
        cmocka_unit_test_setup(test_memory_that_could_not_be_had_poisons_what_is_bound_to_it,
                               expect_reset),
        cmocka_unit_test_setup(test_a_poisoned_device_is_harmless, expect_reset),
        cmocka_unit_test_setup(test_a_poisoned_device_is_left_behind_harmlessly, expect_reset),
        cmocka_unit_test_setup(test_pipelines_that_succeed_are_kept, expect_reset),
        cmocka_unit_test_setup(test_pipelines_that_fail_unasked_are_poisoned, expect_reset),
    };
    return cmocka_run_group_tests(tests, expect_setup, expect_teardown);
}
