/* What a context may hold: objects, temporaries, queued bytes, resources, rings, memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "expect.h"
#include "platform/platform.h"
#include "spy_driver.h"

#define DEVICE ID(VkDevice, GUEST_DEVICE)

static void test_the_number_of_objects_is_limited(void **state) {
    (void)state;
    const struct context_limits limits = {.objects = 8}; /* guest_open makes 4 */
    struct guest *g = guest_create_open(&limits);
    struct guest_stream *s = guest_create_ring(g, 4096, 0);
    for (uint64_t id = 1000; id < 1004; id++) {
        assert_int_equal(guest_create_buffer(s, id), VK_SUCCESS);
    }
    for (int i = 0; i < 100; i++) { /* what is destroyed makes room */
        guest_write_destroy_buffer(s, 1000);
        assert_true(guest_finish(s));
        assert_int_equal(guest_create_buffer(s, 1000), VK_SUCCESS);
    }
    guest_write_create_buffer(s, 1004);
    guest_send(s);
    expect_refusal(g, "vkCreateBuffer (on a ring): pBuffer: the context holds as many objects as "
                      "its limit allows (--max-objects)");
}

/* ---- temporaries ------------------------------------------------------------------------- */

static void write_shader(struct guest_stream *s, size_t size) {
    static uint32_t code[65536];
    assert_true(size <= sizeof(code));
    const VkShaderModuleCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO, .codeSize = size, .pCode = code};
    GUEST_WRITE(s, vkCreateShaderModule, .device = DEVICE, .pCreateInfo = &info,
                .pShaderModule_id = guest_new_id(s->guest));
}

static void test_the_temporaries_of_a_command_are_limited(void **state) {
    (void)state;
    const struct context_limits limits = {.command_bytes = 65536};
    struct guest *g = guest_create_open(&limits);
    struct guest_stream *s = g->context_stream;
    for (int i = 0; i < 10; i++) {
        write_shader(s, 60000); /* each command begins anew */
    }
    assert_true(guest_finish(s));
    write_shader(s, 70000);
    guest_send(s);
    expect_refusal(g, "vkCreateShaderModule (on the context stream): "
                      "VkShaderModuleCreateInfo.pCode: "
                      "the command needs more temporary memory than is allowed");
}

/* Arrays of outputs take no bytes on the wire: their announced length alone must not make the
 * renderer ask the system for memory beyond the limit. */
static void test_outputs_count_against_the_temporaries(void **state) {
    (void)state;
    const uint32_t counts[] = {UINT32_MAX, 100000000};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        struct guest *g = guest_create_open(NULL);
        struct guest_stream *s = g->context_stream;
        uint32_t count = 1;
        VkQueueFamilyProperties properties = {0};
        GUEST_WRITE(s, vkGetPhysicalDeviceQueueFamilyProperties,
                    .physicalDevice = ID(VkPhysicalDevice, GUEST_PHYSICAL_DEVICE),
                    .pQueueFamilyPropertyCount = &count, .pQueueFamilyProperties = &properties,
                    .pQueueFamilyProperties_offered = 1);
        const uint64_t wide = counts[i];
        memcpy(s->encoder.bytes + 24, &counts[i], 4);
        memcpy(s->encoder.bytes + 28, &wide, 8);
        guest_send(s);
        expect_refusal(g, "vkGetPhysicalDeviceQueueFamilyProperties (on the context stream): "
                          "pQueueFamilyProperties: "
                          "the command needs more temporary memory than is allowed");
    }
}

/* ---- the context stream ------------------------------------------------------------------ */

static void test_the_queue_of_the_context_stream_is_limited(void **state) {
    (void)state;
    const struct context_limits limits = {.queued_bytes = 4096};
    struct guest *g = guest_create_open(&limits);
    struct guest_stream *ring = guest_create_ring(g, 4096, 0);
    static const uint8_t zeroes[8192];
    GUEST_WRITE(ring, vkWaitVirtqueueSeqnoMESA, .seqno = 1);
    guest_send(ring);
    GUEST_WRITE(g->context_stream, vkWaitRingSeqnoMESA, .ring = ring->ring_id,
                .seqno = ring->position);
    guest_send(g->context_stream);
    /* Whether the wait itself has left the queue is not known: one submission passes it by. */
    int error = 0, accepted = 0;
    while (!error) {
        error = g->context->ops->submit(g->context, zeroes, 1024);
        accepted += !error;
        assert_true(accepted <= 4);
    }
    assert_int_equal(error, -ENOSPC);
    assert_true(accepted >= 3);
    expect_refusal(g, "more of the context stream is queued than allowed (--max-queued-bytes)");
}

static void test_one_submission_may_be_larger_than_the_queue(void **state) {
    (void)state;
    const struct context_limits limits = {.queued_bytes = 4096};
    struct guest *g = guest_create_open(&limits);
    for (int i = 0; i < 5; i++) {
        guest_flush(g);
        while (cs_encoder_size(&g->context_stream->encoder) < 8192) {
            guest_write_create_buffer(g->context_stream, 1000);
            guest_write_destroy_buffer(g->context_stream, 1000);
        }
        guest_send(g->context_stream);
    }
    guest_check_round_trip(g->context_stream);
    guest_destroy(g);
}

/* ---- resources, rings, memory ------------------------------------------------------------ */

static void test_the_number_of_resources_is_limited(void **state) {
    (void)state;
    const struct context_limits limits = {.resources = 2};
    struct guest *g = guest_create(&limits);
    struct guest_memory *first = guest_create_shm(g, 4096);
    guest_create_shm(g, 4096);
    assert_int_equal(guest_create_blob(g, 10, 0, CONTEXT_BLOB_MAPPABLE, 4096, NULL), -ENOSPC);
    assert_string_equal(g->blob_reason, "the context holds as many resources as its limit allows");
    guest_detach(g, first->resource_id);
    assert_int_equal(guest_create_blob(g, 10, 0, CONTEXT_BLOB_MAPPABLE, 4096, NULL), 0);
    assert_false(guest_is_lost(g));
    guest_destroy(g);
}

static void test_the_number_of_rings_is_limited(void **state) {
    (void)state;
    const struct context_limits limits = {.rings = 2};
    struct guest *g = guest_create_open(&limits);
    guest_destroy_ring(guest_create_ring(g, 4096, 0));
    guest_create_ring(g, 4096, 0);
    guest_create_ring(g, 4096, 0);
    const VkRingCreateInfoMESA info = guest_ring_info(guest_create_shm(g, 8192)->resource_id, 4096);
    GUEST_WRITE(g->context_stream, vkCreateRingMESA, .ring = 7, .pCreateInfo = &info);
    guest_send(g->context_stream);
    expect_refusal(g, "vkCreateRingMESA (on the context stream): ring: the context has as many "
                      "rings as its limit allows (--max-rings)");
}

static void test_the_memory_of_a_context_is_limited(void **state) {
    (void)state;
    const struct context_limits limits = {.memory_bytes = 1 << 20};
    struct guest *g = guest_create_open(&limits);
    struct guest_stream *s = g->context_stream;
    assert_int_equal(guest_allocate_memory(s, 1000, 0, 2 << 20), VK_ERROR_OUT_OF_DEVICE_MEMORY);
    assert_int_equal(guest_allocate_memory(s, 1000, 0, UINT64_MAX), VK_ERROR_OUT_OF_DEVICE_MEMORY);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(guest_allocate_memory(s, 1000, 0, 1 << 19), VK_SUCCESS);
        assert_int_equal(guest_allocate_memory(s, 1001, 0, 1 << 19), VK_SUCCESS);
        assert_int_equal(guest_allocate_memory(s, 1002, 0, 1), VK_ERROR_OUT_OF_DEVICE_MEMORY);
        for (uint64_t id = 1000; id < 1002; id++) {
            GUEST_WRITE(s, vkFreeMemory, .device = DEVICE, .memory = ID(VkDeviceMemory, id));
        }
        assert_true(guest_finish(s));
    }
    /* Memory that the guest cannot map is the driver's own affair. */
    assert_int_equal(guest_allocate_memory(s, 1000, 1, 2 << 20), VK_SUCCESS);
    guest_destroy(g);
}

static void test_small_memory_counts_in_whole_pages(void **state) {
    (void)state;
    const struct context_limits limits = {.memory_bytes = 8 * platform_page_size()};
    struct guest *g = guest_create_open(&limits);
    struct guest_stream *s = g->context_stream;
    for (uint64_t id = 1000; id < 1008; id++) {
        assert_int_equal(guest_allocate_memory(s, id, 0, 1), VK_SUCCESS);
    }
    assert_int_equal(guest_allocate_memory(s, 1008, 0, 1), VK_ERROR_OUT_OF_DEVICE_MEMORY);
    guest_destroy(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_the_number_of_objects_is_limited, expect_reset),
        cmocka_unit_test_setup(test_the_temporaries_of_a_command_are_limited, expect_reset),
        cmocka_unit_test_setup(test_outputs_count_against_the_temporaries, expect_reset),
        cmocka_unit_test_setup(test_the_queue_of_the_context_stream_is_limited, expect_reset),
        cmocka_unit_test_setup(test_one_submission_may_be_larger_than_the_queue, expect_reset),
        cmocka_unit_test_setup(test_the_number_of_resources_is_limited, expect_reset),
        cmocka_unit_test_setup(test_the_number_of_rings_is_limited, expect_reset),
        cmocka_unit_test_setup(test_the_memory_of_a_context_is_limited, expect_reset),
        cmocka_unit_test_setup(test_small_memory_counts_in_whole_pages, expect_reset),
    };
    return cmocka_run_group_tests(tests, expect_setup, expect_teardown);
}
