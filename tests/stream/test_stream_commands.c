/* Malformed commands: each ends its context with a message that names command, argument and
 * reason, on the context stream as well as on a ring, and harms nobody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "expect.h"
#include "spy_driver.h"

/* Byte offsets in vkCreateBuffer as guest_write_create_buffer writes it. */
enum {
    AT_COMMAND = 0,
    AT_FLAGS = 4,
    AT_DEVICE = 8,
    AT_INFO = 16,
    AT_STYPE = 24,
    AT_CHAIN = 28,
    AT_SHARING_MODE = 52,
    AT_INDEX_COUNT = 56,
    AT_INDICES = 60,
    AT_ALLOCATOR = 68,
    AT_BUFFER = 76,
    AT_ID = 84,
    CREATE_BUFFER_SIZE = 92,
};

enum { COMMAND_VK_UNMAP_MEMORY = 24, COMMAND_HOLE = 195 };

#define DEVICE ID(VkDevice, GUEST_DEVICE)
#define BUFFER_ID 1000
#define LAYOUT_ID 1001

static void poke_u32(struct guest_stream *s, size_t offset, uint32_t value) {
    memcpy(s->encoder.bytes + offset, &value, sizeof(value));
}

static void poke_u64(struct guest_stream *s, size_t offset, uint64_t value) {
    memcpy(s->encoder.bytes + offset, &value, sizeof(value));
}

/* ---- refusals of vkCreateBuffer: one field is wrong -------------------------------------- */

struct change {
    size_t offset;
    uint64_t value;
    bool is_u64;
};

struct bad_buffer {
    const char *command; /* NULL: vkCreateBuffer */
    const char *rest;
    struct change changes[3]; /* unused ones set flags to 0, which they are */
};

#define U32(at, value) {at, value, false}
#define U64(at, value) {at, value, true}
#define NONE U32(AT_FLAGS, 0)

static const struct bad_buffer bad_buffers[] = {
    {"unknown command", "this command is not served", {U32(AT_COMMAND, 100000), NONE, NONE}},
    {"command header", "this command is not served", {U32(AT_COMMAND, UINT32_MAX), NONE, NONE}},
    {"unknown command", "this command is not served", {U32(AT_COMMAND, COMMAND_HOLE), NONE, NONE}},
    {"vkUnmapMemory",
     "this command is not served",
     {U32(AT_COMMAND, COMMAND_VK_UNMAP_MEMORY), NONE, NONE}},
    {NULL, "the command has unknown flags", {U32(AT_FLAGS, 2), U32(AT_FLAGS, 2), U32(AT_FLAGS, 2)}},
    {NULL,
     "the command has unknown flags",
     {U32(AT_FLAGS, 0x80000001), U32(AT_FLAGS, 0x80000001), U32(AT_FLAGS, 0x80000001)}},
    {NULL, "device: the handle must not be NULL", {U64(AT_DEVICE, 0), NONE, NONE}},
    {NULL, "device: no object has this id", {U64(AT_DEVICE, 0xdeadbeef), NONE, NONE}},
    {NULL, "device: no object has this id", {U64(AT_DEVICE, UINT64_MAX), NONE, NONE}},
    {NULL, "device: the object has another type", {U64(AT_DEVICE, GUEST_QUEUE), NONE, NONE}},
    {NULL, "device: the object has another type", {U64(AT_DEVICE, GUEST_INSTANCE), NONE, NONE}},
    {NULL, "pCreateInfo: the pointer must not be NULL", {U64(AT_INFO, 0), NONE, NONE}},
    {NULL,
     "VkBufferCreateInfo: the struct has another sType",
     {U32(AT_STYPE, VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO), NONE, NONE}},
    {NULL, "VkBufferCreateInfo: the struct has another sType", {U32(AT_STYPE, 0), NONE, NONE}},
    /* What follows the chain's presence is read as a chained sType: flags (0) here. */
    {NULL,
     "VkBufferCreateInfo: the chain has a struct that is not allowed here",
     {U64(AT_CHAIN, 1), NONE, NONE}},
    {NULL,
     "VkBufferCreateInfo: the chain has a struct that is not allowed here",
     {U64(AT_CHAIN, 1), U32(AT_CHAIN + 8, 0x7ffffff0), NONE}},
    {NULL,
     "VkBufferCreateInfo: the chain has a struct that is not allowed here",
     {U64(AT_CHAIN, 1), U32(AT_CHAIN + 8, VK_STRUCTURE_TYPE_RING_MONITOR_INFO_MESA), NONE}},
    {NULL,
     "VkBufferCreateInfo.pQueueFamilyIndices: the array does not have the announced length",
     {U32(AT_INDEX_COUNT, 1), U64(AT_INDICES, 2), NONE}},
    {NULL,
     "VkBufferCreateInfo.pQueueFamilyIndices: the array does not have the announced length",
     {U64(AT_INDICES, UINT64_MAX), NONE, NONE}},
    {NULL,
     "VkBufferCreateInfo.pQueueFamilyIndices: the command is cut short",
     {U32(AT_INDEX_COUNT, UINT32_MAX), U64(AT_INDICES, UINT32_MAX), NONE}},
    {NULL,
     "VkBufferCreateInfo.pQueueFamilyIndices: the array is missing",
     {U32(AT_SHARING_MODE, VK_SHARING_MODE_CONCURRENT), U32(AT_INDEX_COUNT, 3), NONE}},
    {NULL, "pAllocator: the pointer must be NULL", {U64(AT_ALLOCATOR, 1), NONE, NONE}},
    {NULL, "pBuffer: the pointer must not be NULL", {U64(AT_BUFFER, 0), NONE, NONE}},
    {NULL, "pBuffer: the id of the new object is 0", {U64(AT_ID, 0), NONE, NONE}},
    {NULL, "pBuffer: the id of the new object is in use", {U64(AT_ID, GUEST_DEVICE), NONE, NONE}},
};

static void apply(struct guest_stream *s, const struct change *change) {
    if (change->is_u64) {
        poke_u64(s, change->offset, change->value);
    } else {
        poke_u32(s, change->offset, (uint32_t)change->value);
    }
}

/* A fresh guest, and its context stream or a ring. */
static struct guest_stream *fresh_stream(bool on_ring) {
    struct guest *g = guest_create_open(NULL);
    return on_ring ? guest_create_ring(g, 16384, 0) : g->context_stream;
}

static void send_and_expect(struct guest_stream *s, const char *command, const char *rest) {
    char reason[512];
    snprintf(reason, sizeof(reason), "%s (on %s): %s", command,
             s->is_ring ? "a ring" : "the context stream", rest);
    guest_send(s);
    expect_refusal(s->guest, reason);
}

static void test_each_wrong_field_of_a_command_is_named(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(bad_buffers) / sizeof(bad_buffers[0]); i++) {
        const struct bad_buffer *bad = &bad_buffers[i];
        for (int on_ring = 0; on_ring < 2; on_ring++) {
            struct guest_stream *s = fresh_stream(on_ring);
            guest_write_create_buffer(s, BUFFER_ID);
            assert_int_equal(cs_encoder_size(&s->encoder), CREATE_BUFFER_SIZE);
            for (int j = 0; j < 3; j++) {
                apply(s, &bad->changes[j]);
            }
            send_and_expect(s, bad->command ? bad->command : "vkCreateBuffer", bad->rest);
        }
    }
}

/* ---- other refusals ---------------------------------------------------------------------- */

static void write_second_instance(struct guest_stream *s) {
    const VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO};
    GUEST_WRITE(s, vkCreateInstance, .pCreateInfo = &info, .pInstance_id = 2000);
}

static void write_destruction_of_unknown(struct guest_stream *s) {
    guest_write_destroy_buffer(s, 2000);
}

static void write_destruction_of_another_type(struct guest_stream *s) {
    guest_write_destroy_buffer(s, GUEST_QUEUE);
}

static void write_use_after_destruction(struct guest_stream *s) {
    guest_write_create_buffer(s, BUFFER_ID);
    guest_write_destroy_buffer(s, BUFFER_ID);
    guest_write_destroy_buffer(s, BUFFER_ID);
}

static void write_id_twice(struct guest_stream *s) {
    guest_write_create_buffer(s, BUFFER_ID);
    guest_write_create_buffer(s, BUFFER_ID);
}

static void write_duplicate_in_chain(struct guest_stream *s) {
    const VkExternalMemoryBufferCreateInfo second = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO};
    const VkExternalMemoryBufferCreateInfo first = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO, .pNext = &second};
    const VkBufferCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                                     .pNext = &first};
    GUEST_WRITE(s, vkCreateBuffer, .device = DEVICE, .pCreateInfo = &info, .pBuffer_id = BUFFER_ID);
}

/* VkDevicePrivateDataCreateInfo may be repeated: the only way to an endless chain. */
static void write_endless_chain(struct guest_stream *s) {
    static const VkDevicePrivateDataCreateInfo last = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_PRIVATE_DATA_CREATE_INFO};
    const VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO, .pNext = &last};
    GUEST_WRITE(s, vkCreateDevice, .physicalDevice = ID(VkPhysicalDevice, GUEST_PHYSICAL_DEVICE),
                .pCreateInfo = &info, .pDevice_id = 2000);
    /* The client writes chains of bounded length: cut behind the first sType, go on by hand. */
    const size_t behind_stype = 8 + 8 + 8 + 4 + 8 + 4;
    s->encoder.cursor = s->encoder.bytes + behind_stype;
    for (int i = 0; i < 300; i++) {
        cs_write_u64(&s->encoder, 1);
        cs_write_u32(&s->encoder, VK_STRUCTURE_TYPE_DEVICE_PRIVATE_DATA_CREATE_INFO);
    }
    cs_write_u64(&s->encoder, 0);
}

static void write_buffer_of_another_device(struct guest_stream *s) {
    const VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO};
    GUEST_WRITE(s, vkCreateDevice, .physicalDevice = ID(VkPhysicalDevice, GUEST_PHYSICAL_DEVICE),
                .pCreateInfo = &info, .pDevice_id = 2000);
    guest_write_create_buffer(s, BUFFER_ID);
    GUEST_WRITE(s, vkDestroyBuffer, .device = ID(VkDevice, 2000),
                .buffer = ID(VkBuffer, BUFFER_ID));
}

static void write_uneven_shader(struct guest_stream *s) {
    static const uint32_t code[2];
    const VkShaderModuleCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO, .codeSize = 7, .pCode = code};
    GUEST_WRITE(s, vkCreateShaderModule, .device = DEVICE, .pCreateInfo = &info,
                .pShaderModule_id = 2000);
}

static void write_specialization_outside(struct guest_stream *s) {
    const VkSpecializationMapEntry entry = {.constantID = 1, .offset = 8, .size = 4};
    static const uint32_t data[2];
    const VkSpecializationInfo specialization = {
        .mapEntryCount = 1, .pMapEntries = &entry, .dataSize = sizeof(data), .pData = data};
    const VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .pName = "main",
                  .pSpecializationInfo = &specialization},
    };
    uint64_t id = 2000;
    GUEST_WRITE(s, vkCreateComputePipelines, .device = DEVICE, .createInfoCount = 1,
                .pCreateInfos = &info, .pPipelines_ids = &id);
}

static void write_queue_wait_idle(struct guest_stream *s) {
    GUEST_WRITE(s, vkQueueWaitIdle, .queue = ID(VkQueue, GUEST_QUEUE));
}

static void write_device_wait_idle(struct guest_stream *s) {
    GUEST_WRITE(s, vkDeviceWaitIdle, .device = DEVICE);
}

static void write_device_queue_1(struct guest_stream *s) {
    GUEST_WRITE(s, vkGetDeviceQueue, .device = DEVICE, .pQueue_id = 2000);
}

static void write_reply_without_window(struct guest_stream *s) {
    /* A stream starts without a window; guest_open has used that of the context stream. */
    VkMemoryRequirements requirements;
    guest_write_create_buffer(s, BUFFER_ID);
    GUEST_WRITE_WITH_REPLY(s, vkGetBufferMemoryRequirements, .device = DEVICE,
                           .buffer = ID(VkBuffer, BUFFER_ID), .pMemoryRequirements = &requirements);
}

static void write_null_fence_reset(struct guest_stream *s) {
    GUEST_WRITE(s, vkResetFenceResourceMESA, .device = DEVICE);
}

static void write_pool_null(struct guest_stream *s) {
    const VkCommandBufferAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO, .commandBufferCount = 1};
    uint64_t id = 2000;
    GUEST_WRITE(s, vkAllocateCommandBuffers, .device = DEVICE, .pAllocateInfo = &info,
                .pCommandBuffers_ids = &id);
}

/* As many command buffers as a u32 can count: the array announced is not there. */
static void write_oversized_allocation(struct guest_stream *s) {
    const VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO};
    GUEST_WRITE(s, vkCreateCommandPool, .device = DEVICE, .pCreateInfo = &pool,
                .pCommandPool_id = 2000);
    const size_t start = cs_encoder_size(&s->encoder);
    const VkCommandBufferAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = ID(VkCommandPool, 2000),
        .commandBufferCount = 1,
    };
    uint64_t id = 2001;
    GUEST_WRITE(s, vkAllocateCommandBuffers, .device = DEVICE, .pAllocateInfo = &info,
                .pCommandBuffers_ids = &id);
    /* Header, device, presence, sType, chain, pool, level, count, array. */
    poke_u32(s, start + 8 + 8 + 8 + 4 + 8 + 8 + 4, UINT32_MAX);
    poke_u64(s, start + 8 + 8 + 8 + 4 + 8 + 8 + 4 + 4, UINT32_MAX);
}

static void write_unknown_string_length(struct guest_stream *s) {
    const char *name = "VK_EXT_multi_draw";
    const VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                     .enabledExtensionCount = 1,
                                     .ppEnabledExtensionNames = &name};
    GUEST_WRITE(s, vkCreateDevice, .physicalDevice = ID(VkPhysicalDevice, GUEST_PHYSICAL_DEVICE),
                .pCreateInfo = &info, .pDevice_id = 2000);
    for (size_t at = 0; at + 8 <= cs_encoder_size(&s->encoder); at += 4) {
        uint64_t value;
        memcpy(&value, s->encoder.bytes + at, sizeof(value));
        if (value == strlen(name) + 1) {
            poke_u64(s, at, UINT64_MAX);
        }
    }
}

struct refusal {
    void (*write)(struct guest_stream *s);
    const char *command, *rest;
    bool rings_only;
};

static const struct refusal refusals[] = {
    {write_second_instance, "vkCreateInstance", "a context has one instance only", false},
    {write_destruction_of_unknown, "vkDestroyBuffer", "buffer: no object has this id", false},
    {write_destruction_of_another_type, "vkDestroyBuffer", "buffer: the object has another type",
     false},
    {write_use_after_destruction, "vkDestroyBuffer", "buffer: no object has this id", false},
    {write_id_twice, "vkCreateBuffer", "pBuffer: the id of the new object is in use", false},
    {write_duplicate_in_chain, "vkCreateBuffer",
     "VkBufferCreateInfo: the chain has the same struct twice", false},
    {write_endless_chain, "vkCreateDevice", "VkDeviceCreateInfo: the chain is too long", false},
    {write_buffer_of_another_device, "vkDestroyBuffer",
     "buffer: the object belongs to another device", false},
    {write_uneven_shader, "vkCreateShaderModule",
     "VkShaderModuleCreateInfo.codeSize: the size is not a multiple of 4", false},
    {write_specialization_outside, "vkCreateComputePipelines",
     "VkSpecializationInfo.pMapEntries: an entry lies outside of the data", false},
    {write_queue_wait_idle, "vkQueueWaitIdle", "the guest must wait by a fence", false},
    {write_device_wait_idle, "vkDeviceWaitIdle", "the guest must wait by fences", false},
    {write_device_queue_1, "vkGetDeviceQueue", "vkGetDeviceQueue2 must be used, with a timeline",
     false},
    {write_reply_without_window, "vkGetBufferMemoryRequirements",
     "a reply is wanted, but no reply window is set", true},
    {write_null_fence_reset, "vkResetFenceResourceMESA", "fence: the handle must not be NULL",
     false},
    {write_pool_null, "vkAllocateCommandBuffers",
     "VkCommandBufferAllocateInfo.commandPool: the handle must not be NULL", false},
    {write_oversized_allocation, "vkAllocateCommandBuffers",
     "pCommandBuffers: the command is cut short", false},
    {write_unknown_string_length, "vkCreateDevice",
     "VkDeviceCreateInfo.ppEnabledExtensionNames: the command is cut short", false},
};

static void test_each_wrong_command_is_named(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        for (int on_ring = refusals[i].rings_only; on_ring < 2; on_ring++) {
            struct guest_stream *s = fresh_stream(on_ring);
            refusals[i].write(s);
            send_and_expect(s, refusals[i].command, refusals[i].rest);
        }
    }
}

/* ---- truncated at every length ----------------------------------------------------------- */

static void write_good_buffer(struct guest_stream *s) {
    guest_write_create_buffer(s, BUFFER_ID);
}

static void write_layout(struct guest_stream *s) {
    const VkPipelineLayoutCreateInfo info = {.sType =
                                                 VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO};
    GUEST_WRITE(s, vkCreatePipelineLayout, .device = DEVICE, .pCreateInfo = &info,
                .pPipelineLayout_id = LAYOUT_ID);
}

/* After write_layout. */
static void write_good_pipeline(struct guest_stream *s) {
    static const uint32_t data = 7;
    const VkSpecializationMapEntry entry = {.constantID = 1, .offset = 0, .size = 4};
    const VkSpecializationInfo specialization = {
        .mapEntryCount = 1, .pMapEntries = &entry, .dataSize = sizeof(data), .pData = &data};
    const VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .pName = "main",
                  .pSpecializationInfo = &specialization},
        .layout = ID(VkPipelineLayout, LAYOUT_ID),
    };
    uint64_t id = 2000;
    GUEST_WRITE(s, vkCreateComputePipelines, .device = DEVICE, .createInfoCount = 1,
                .pCreateInfos = &info, .pPipelines_ids = &id);
}

static void write_good_submit(struct guest_stream *s) {
    const VkSubmitInfo submit = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO};
    GUEST_WRITE(s, vkQueueSubmit, .queue = ID(VkQueue, GUEST_QUEUE), .submitCount = 1,
                .pSubmits = &submit);
}

static void write_good_window(struct guest_stream *s) {
    guest_set_reply_window(s, 0, 64);
}

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

/* Cut within its header the command is unknown; behind it the message names the command. */
static void check_truncated(void (*write)(struct guest_stream *s), const char *command,
                            size_t length, size_t *whole, bool on_ring) {
    struct guest_stream *s = fresh_stream(on_ring);
    guest_set_reply_window(s, 0, 64); /* makes the reply memory, whose id comes first */
    write_layout(s);
    assert_true(guest_finish(s));
    write(s);
    *whole = cs_encoder_size(&s->encoder);
    assert_true(length < *whole);
    s->encoder.cursor = s->encoder.bytes + length;
    guest_send(s);

    char start[128];
    snprintf(start, sizeof(start), "%s (on %s): ", length < 8 ? "command header" : command,
             on_ring ? "a ring" : "the context stream");
    const char *reason = guest_wait_lost(s->guest);
    assert_memory_equal(reason, start, strlen(start));
    if (!ends_with(reason, "the command is cut short")) {
        fail_msg("cut to %zu bytes: %s", length, reason);
    }
    if (length < 8) {
        assert_int_equal(strlen(reason), strlen(start) + strlen("the command is cut short"));
    } else {
        assert_true(ends_with(reason, ": the command is cut short")); /* names an argument */
    }
    char copy[512];
    snprintf(copy, sizeof(copy), "%s", reason);
    expect_refusal(s->guest, copy);
}

static void test_a_command_cut_anywhere_is_refused(void **state) {
    (void)state;
    static const struct {
        void (*write)(struct guest_stream *s);
        const char *command;
    } commands[] = {
        {write_good_buffer, "vkCreateBuffer"},
        {write_good_pipeline, "vkCreateComputePipelines"},
        {write_good_submit, "vkQueueSubmit"},
        {write_good_window, "vkSetReplyCommandStreamMESA"},
    };
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        size_t whole = SIZE_MAX;
        for (size_t length = 1; length == 1 || length < whole; length++) {
            /* A ring can be cut at any byte, a submission has whole words. */
            bool on_ring = length % 4 != 0 || length % 8 == 0;
            check_truncated(commands[i].write, commands[i].command, length, &whole, on_ring);
        }
        assert_true(whole > 8);
    }
    /* The whole commands are good. */
    struct guest *g = guest_create_open(NULL);
    struct guest_stream *s = g->context_stream;
    write_layout(s);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        commands[i].write(s);
        assert_true(guest_finish(s));
    }
    guest_destroy(g);
}

static void test_the_argument_where_a_command_is_cut_is_named(void **state) {
    (void)state;
    static const struct {
        size_t length;
        const char *reason;
    } cuts[] = {
        {8, "vkCreateBuffer (on the context stream): device: the command is cut short"},
        {16, "vkCreateBuffer (on the context stream): pCreateInfo: the command is cut short"},
        {24, "vkCreateBuffer (on the context stream): VkBufferCreateInfo: "
             "the command is cut short"},
        {68, "vkCreateBuffer (on the context stream): pAllocator: the command is cut short"},
        {88, "vkCreateBuffer (on the context stream): pBuffer: the command is cut short"},
    };
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        struct guest_stream *s = fresh_stream(false);
        write_good_buffer(s);
        s->encoder.cursor = s->encoder.bytes + cuts[i].length;
        guest_send(s);
        expect_refusal(s->guest, cuts[i].reason);
    }
}

/* ---- what follows a refusal -------------------------------------------------------------- */

static void test_nothing_is_executed_after_a_refusal(void **state) {
    (void)state;
    for (int on_ring = 0; on_ring < 2; on_ring++) {
        struct guest_stream *s = fresh_stream(on_ring);
        spy_reset();
        guest_write_destroy_buffer(s, 2000);
        guest_write_create_buffer(s, BUFFER_ID);
        guest_send(s);
        guest_wait_lost(s->guest);
        struct guest_stream *other = s->guest->context_stream;
        guest_write_create_buffer(other, BUFFER_ID + 1);
        guest_finish(other);
        assert_int_equal(spy_calls("vkCreateBuffer"), 0);
        char reason[128];
        snprintf(reason, sizeof(reason), "vkDestroyBuffer (on %s): buffer: no object has this id",
                 on_ring ? "a ring" : "the context stream");
        expect_refusal(s->guest, reason);
    }
}

static void test_odd_submissions_are_not_taken(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL);
    const uint8_t bytes[8] = {0};
    for (size_t size = 1; size < 8; size++) {
        if (size % 4 != 0) {
            assert_int_equal(g->context->ops->submit(g->context, bytes, size), -22);
        }
    }
    assert_int_equal(g->context->ops->submit(g->context, NULL, 0), 0);
    guest_check_round_trip(g->context_stream);
    guest_destroy(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_each_wrong_field_of_a_command_is_named, expect_reset),
        cmocka_unit_test_setup(test_each_wrong_command_is_named, expect_reset),
        cmocka_unit_test_setup(test_a_command_cut_anywhere_is_refused, expect_reset),
        cmocka_unit_test_setup(test_the_argument_where_a_command_is_cut_is_named, expect_reset),
        cmocka_unit_test_setup(test_nothing_is_executed_after_a_refusal, expect_reset),
        cmocka_unit_test_setup(test_odd_submissions_are_not_taken, expect_reset),
    };
    return cmocka_run_group_tests(tests, expect_setup, expect_teardown);
}
