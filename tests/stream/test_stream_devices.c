/* Instances, devices, queues, and fences of the transport. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "expect.h"
#include "spy_driver.h"

#define PHYSICAL_DEVICE ID(VkPhysicalDevice, GUEST_PHYSICAL_DEVICE)
#define SECOND_DEVICE 50

/* ---- instances --------------------------------------------------------------------------- */

static VkResult create_instance(struct guest *g, const VkInstanceCreateInfo *info) {
    struct vn_vkCreateInstance a = {.pCreateInfo = info, .pInstance_id = GUEST_INSTANCE};
    GUEST_CALL(g->context_stream, vkCreateInstance, &a);
    return a.ret;
}

static void test_an_instance_has_no_layers_and_few_extensions(void **state) {
    (void)state;
    const char *name = "VK_LAYER_KHRONOS_validation";
    VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                 .enabledLayerCount = 1,
                                 .ppEnabledLayerNames = &name};
    struct guest *g = guest_create(NULL);
    assert_int_equal(create_instance(g, &info), VK_ERROR_LAYER_NOT_PRESENT);
    guest_destroy(g);

    name = "VK_KHR_surface";
    info = (VkInstanceCreateInfo){.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                  .enabledExtensionCount = 1,
                                  .ppEnabledExtensionNames = &name};
    g = guest_create(NULL);
    assert_int_equal(create_instance(g, &info), VK_ERROR_EXTENSION_NOT_PRESENT);
    guest_destroy(g);

    name = "VK_KHR_get_physical_device_properties2";
    g = guest_create(NULL);
    assert_int_equal(create_instance(g, &info), VK_SUCCESS);
    guest_destroy(g);
}

static void test_nothing_works_without_an_instance(void **state) {
    (void)state;
    struct guest *g = guest_create(NULL);
    guest_write_create_buffer(g->context_stream, 1000);
    guest_send(g->context_stream);
    expect_refusal(g, "vkCreateBuffer (on the context stream): device: no object has this id");

    g = guest_create_open(NULL);
    GUEST_WRITE(g->context_stream, vkDestroyInstance, .instance = ID(VkInstance, GUEST_INSTANCE));
    assert_true(guest_finish(g->context_stream));
    guest_write_create_buffer(g->context_stream, 1000);
    guest_send(g->context_stream);
    expect_refusal(g, "vkCreateBuffer (on the context stream): device: no object has this id");
}

/* ---- devices ----------------------------------------------------------------------------- */

static const float priorities[64];

static VkResult create_device(struct guest_stream *s, uint64_t id, uint32_t family,
                              uint32_t queue_count, const char *extension) {
    const VkDeviceQueueCreateInfo queue = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
        .queueFamilyIndex = family,
        .queueCount = queue_count,
        .pQueuePriorities = priorities,
    };
    const VkDeviceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
        .queueCreateInfoCount = 1,
        .pQueueCreateInfos = &queue,
        .enabledExtensionCount = extension != NULL,
        .ppEnabledExtensionNames = &extension,
    };
    struct vn_vkCreateDevice a = {
        .physicalDevice = PHYSICAL_DEVICE, .pCreateInfo = &info, .pDevice_id = id};
    GUEST_CALL(s, vkCreateDevice, &a);
    return a.ret;
}

static void test_bad_requests_for_a_device_are_results(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL);
    struct guest_stream *s = g->context_stream;
    const uint64_t calls = spy_calls("vkCreateDevice");
    assert_int_equal(create_device(s, SECOND_DEVICE, 7, 1, NULL), VK_ERROR_INITIALIZATION_FAILED);
    assert_int_equal(create_device(s, SECOND_DEVICE, UINT32_MAX, 1, NULL),
                     VK_ERROR_INITIALIZATION_FAILED);
    assert_int_equal(create_device(s, SECOND_DEVICE, 0, 64, NULL), VK_ERROR_INITIALIZATION_FAILED);
    assert_int_equal(create_device(s, SECOND_DEVICE, 0, 1, "VK_EXT_no_such_extension"),
                     VK_ERROR_EXTENSION_NOT_PRESENT);
    assert_int_equal(create_device(s, SECOND_DEVICE, 0, 1, ""), VK_ERROR_EXTENSION_NOT_PRESENT);
    assert_int_equal(spy_calls("vkCreateDevice"), calls); /* the host was not asked */
    /* The id is free again. */
    assert_int_equal(create_device(s, SECOND_DEVICE, 0, 1, NULL), VK_SUCCESS);
    guest_check_round_trip(s);
    guest_destroy(g);
}

static void test_a_device_takes_everything_with_it(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL);
    const int64_t before = spy_live_objects();
    struct guest_stream *s = g->context_stream;
    for (uint64_t id = 1000; id < 1100; id++) {
        guest_write_create_buffer(s, id);
    }
    guest_create_fence(s, 1100);
    assert_int_equal(guest_allocate_memory(s, 1101, 0, 4096), VK_SUCCESS);
    assert_int_equal(spy_live_objects(), before + 102);
    GUEST_WRITE(s, vkDestroyDevice, .device = ID(VkDevice, GUEST_DEVICE));
    assert_true(guest_finish(s));
    assert_int_equal(spy_live_objects(), before - 1);
    guest_write_destroy_buffer(s, 1000);
    guest_send(s);
    expect_refusal(g, "vkDestroyBuffer (on the context stream): device: no object has this id");
}

static void test_no_device_and_no_object_is_destroyed_as_nothing(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL);
    struct guest_stream *s = g->context_stream;
    GUEST_WRITE(s, vkDestroyDevice, .device = VK_NULL_HANDLE);
    GUEST_WRITE(s, vkDestroyInstance, .instance = VK_NULL_HANDLE);
    GUEST_WRITE(s, vkDestroyBuffer, .device = ID(VkDevice, GUEST_DEVICE));
    GUEST_WRITE(s, vkFreeMemory, .device = ID(VkDevice, GUEST_DEVICE));
    assert_true(guest_finish(s));
    guest_check_round_trip(s);
    guest_destroy(g);
}

/* ---- queues ------------------------------------------------------------------------------ */

static void write_get_queue(struct guest_stream *s, uint64_t device, uint64_t id, uint32_t index,
                            uint32_t ring_idx) {
    const VkDeviceQueueTimelineInfoMESA timeline = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_TIMELINE_INFO_MESA, .ringIdx = ring_idx};
    const VkDeviceQueueInfo2 info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_INFO_2, .pNext = &timeline, .queueIndex = index};
    GUEST_WRITE(s, vkGetDeviceQueue2, .device = ID(VkDevice, device), .pQueueInfo = &info,
                .pQueue_id = id);
}

static void test_a_queue_needs_a_free_timeline(void **state) {
    (void)state;
    static const uint32_t bad[] = {0, GUEST_QUEUE_RING_IDX, 64, UINT32_MAX};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct guest *g = guest_create_open(NULL);
        write_get_queue(g->context_stream, GUEST_DEVICE, 1000, 1, bad[i]);
        guest_send(g->context_stream);
        expect_refusal(g, "vkGetDeviceQueue2 (on the context stream): "
                          "VkDeviceQueueTimelineInfoMESA.ringIdx: it is not in 1 … 63 or is taken");
    }
    struct guest *g = guest_create_open(NULL);
    const VkDeviceQueueInfo2 info = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_INFO_2};
    GUEST_WRITE(g->context_stream, vkGetDeviceQueue2, .device = ID(VkDevice, GUEST_DEVICE),
                .pQueueInfo = &info, .pQueue_id = 1000);
    guest_send(g->context_stream);
    expect_refusal(g, "vkGetDeviceQueue2 (on the context stream): pQueueInfo: "
                      "VkDeviceQueueTimelineInfoMESA is missing");

    g = guest_create_open(NULL);
    write_get_queue(g->context_stream, GUEST_DEVICE, 1000, 2, 5);
    guest_send(g->context_stream);
    expect_refusal(g, "vkGetDeviceQueue2 (on the context stream): pQueueInfo: "
                      "the device was created without such a queue");
}

static void test_queues_may_stand_for_one_host_queue(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL);
    struct guest_stream *s = g->context_stream;
    write_get_queue(s, GUEST_DEVICE, 1000, 0, 2);
    write_get_queue(s, GUEST_DEVICE, 1001, 1, 63);
    assert_true(guest_finish(s));
    for (uint64_t id = 1000; id < 1002; id++) {
        struct vn_vkQueueSubmit a = {.queue = ID(VkQueue, id)};
        GUEST_CALL(s, vkQueueSubmit, &a);
        assert_int_equal(a.ret, VK_SUCCESS);
    }
    guest_wait_fence(g, 2, guest_fence(g, 2));
    guest_wait_fence(g, 63, guest_fence(g, 63));
    guest_destroy(g);
}

/* ---- fences of the transport ------------------------------------------------------------- */

static void test_a_fence_waits_for_its_queue_only(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL);
    spy_hold("vkWaitForFences", true);
    const uint64_t first = guest_fence(g, GUEST_QUEUE_RING_IDX);
    const uint64_t second = guest_fence(g, GUEST_QUEUE_RING_IDX);
    guest_flush(g); /* the processor's timeline */
    spy_wait_calls("vkWaitForFences", 2); /* slices: the waiter looks whether it is wanted */
    assert_false(guest_fence_has_retired(g, GUEST_QUEUE_RING_IDX, first));
    spy_hold("vkWaitForFences", false);
    guest_wait_fence(g, GUEST_QUEUE_RING_IDX, second);
    for (int i = 0; i < 100; i++) {
        guest_wait_fence(g, GUEST_QUEUE_RING_IDX, guest_fence(g, GUEST_QUEUE_RING_IDX));
    }
    guest_destroy(g);
}

static void test_a_fence_needs_a_bound_timeline(void **state) {
    (void)state;
    static const uint32_t unbound[] = {2, 63};
    static const char *const reasons[] = {"a fence names ring_idx 2, to which no queue is bound",
                                          "a fence names ring_idx 63, to which no queue is bound"};
    for (int i = 0; i < 2; i++) {
        struct guest *g = guest_create_open(NULL);
        const uint64_t id = guest_fence(g, unbound[i]);
        guest_wait_fence(g, unbound[i], id); /* it retires nevertheless */
        expect_refusal(g, reasons[i]);
    }
    struct guest *g = guest_create_open(NULL);
    guest_fence(g, 64);
    expect_refusal(g, "a fence names ring_idx 64, to which no queue is bound");
}

static void test_pending_fences_retire_when_the_context_is_lost(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL);
    struct guest_stream *ring = guest_create_ring(g, 4096, 0);
    spy_hold("vkWaitForFences", true);
    uint64_t last = 0;
    for (int i = 0; i < 10; i++) {
        last = guest_fence(g, GUEST_QUEUE_RING_IDX);
    }
    guest_flush(g);
    guest_write_destroy_buffer(ring, 4711);
    guest_send(ring);
    guest_wait_fence(g, GUEST_QUEUE_RING_IDX, last);
    spy_hold("vkWaitForFences", false);
    expect_refusal(g, "vkDestroyBuffer (on a ring): buffer: no object has this id");
}

static void test_pending_fences_retire_when_the_device_is_destroyed(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL);
    struct guest_stream *s = g->context_stream;
    spy_hold("vkWaitForFences", true);
    const uint64_t id = guest_fence(g, GUEST_QUEUE_RING_IDX);
    GUEST_WRITE(s, vkDestroyDevice, .device = ID(VkDevice, GUEST_DEVICE));
    assert_true(guest_finish(s));
    guest_wait_fence(g, GUEST_QUEUE_RING_IDX, id);
    spy_hold("vkWaitForFences", false);
    /* The ring_idx is free again. */
    assert_int_equal(create_device(s, SECOND_DEVICE, 0, 1, NULL), VK_SUCCESS);
    write_get_queue(s, SECOND_DEVICE, 1000, 0, GUEST_QUEUE_RING_IDX);
    assert_true(guest_finish(s));
    guest_wait_fence(g, GUEST_QUEUE_RING_IDX, guest_fence(g, GUEST_QUEUE_RING_IDX));
    guest_destroy(g);
}

static void test_a_host_that_cannot_wait_ends_the_context(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL);
    spy_fail("vkWaitForFences", 1, VK_ERROR_DEVICE_LOST);
    const uint64_t id = guest_fence(g, GUEST_QUEUE_RING_IDX);
    guest_wait_fence(g, GUEST_QUEUE_RING_IDX, id);
    expect_refusal(g, "vkWaitForFences: the host driver answers -4");

    g = guest_create_open(NULL);
    spy_fail("vkQueueSubmit", 1, VK_ERROR_OUT_OF_DEVICE_MEMORY);
    guest_fence(g, GUEST_QUEUE_RING_IDX);
    expect_refusal(g, "the host driver refuses a fence on ring_idx 1: -2");
}

/* ---- one ring destroys the device, another asks for its queue ---------------------------- */

/* While the device waits until it is idle its timelines are gone; none may come back, or a later
 * fence would find a queue that has been freed. */
static void test_a_device_that_ends_gives_no_queues(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL);
    struct guest_stream *a = guest_create_ring(g, 4096, 0), *b = guest_create_ring(g, 4096, 0);
    spy_reset();
    spy_hold("vkDeviceWaitIdle", true);
    GUEST_WRITE(a, vkDestroyDevice, .device = ID(VkDevice, GUEST_DEVICE));
    guest_send(a);
    spy_wait_calls("vkDeviceWaitIdle", 1);
    struct vn_vkQueueSubmit submit = {.queue = ID(VkQueue, GUEST_QUEUE)};
    GUEST_CALL(b, vkQueueSubmit, &submit);
    assert_int_equal(submit.ret, VK_ERROR_DEVICE_LOST);
    write_get_queue(b, GUEST_DEVICE, 1000, 0, 2);
    guest_send(b);
    guest_wait_lost(g);
    spy_hold("vkDeviceWaitIdle", false);
    expect_refusal(g, "vkGetDeviceQueue2 (on a ring): VkDeviceQueueTimelineInfoMESA.ringIdx: "
                      "it is not in 1 … 63 or is taken");
}

/* ---- a lost device ----------------------------------------------------------------------- */

static void test_a_lost_device_ends_the_context_unless_it_was_asked_for(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL);
    struct guest_stream *s = guest_create_ring(g, 4096, 0);
    spy_fail("vkQueueSubmit", 2, VK_ERROR_DEVICE_LOST);
    struct vn_vkQueueSubmit submit = {.queue = ID(VkQueue, GUEST_QUEUE)};
    GUEST_CALL(s, vkQueueSubmit, &submit);
    assert_int_equal(submit.ret, VK_ERROR_DEVICE_LOST);
    GUEST_WRITE(s, vkQueueSubmit, .queue = ID(VkQueue, GUEST_QUEUE));
    guest_send(s);
    expect_refusal(g, "vkQueueSubmit (on a ring): VK_ERROR_DEVICE_LOST");
}

/* Other errors of a submission that nobody asked for leave the context alone. */
static void test_other_errors_of_a_submission_are_forgotten(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL);
    struct guest_stream *s = guest_create_ring(g, 4096, 0);
    spy_fail("vkQueueSubmit", 1, VK_ERROR_OUT_OF_HOST_MEMORY);
    GUEST_WRITE(s, vkQueueSubmit, .queue = ID(VkQueue, GUEST_QUEUE));
    assert_true(guest_finish(s));
    guest_check_round_trip(s);
    guest_destroy(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_an_instance_has_no_layers_and_few_extensions, expect_reset),
        cmocka_unit_test_setup(test_nothing_works_without_an_instance, expect_reset),
        cmocka_unit_test_setup(test_bad_requests_for_a_device_are_results, expect_reset),
        cmocka_unit_test_setup(test_a_device_takes_everything_with_it, expect_reset),
        cmocka_unit_test_setup(test_no_device_and_no_object_is_destroyed_as_nothing, expect_reset),
        cmocka_unit_test_setup(test_a_queue_needs_a_free_timeline, expect_reset),
        cmocka_unit_test_setup(test_queues_may_stand_for_one_host_queue, expect_reset),
        cmocka_unit_test_setup(test_a_fence_waits_for_its_queue_only, expect_reset),
        cmocka_unit_test_setup(test_a_fence_needs_a_bound_timeline, expect_reset),
        cmocka_unit_test_setup(test_pending_fences_retire_when_the_context_is_lost, expect_reset),
        cmocka_unit_test_setup(test_pending_fences_retire_when_the_device_is_destroyed,
                               expect_reset),
        cmocka_unit_test_setup(test_a_host_that_cannot_wait_ends_the_context, expect_reset),
        cmocka_unit_test_setup(test_a_device_that_ends_gives_no_queues, expect_reset),
        cmocka_unit_test_setup(test_a_lost_device_ends_the_context_unless_it_was_asked_for,
                               expect_reset),
        cmocka_unit_test_setup(test_other_errors_of_a_submission_are_forgotten, expect_reset),
    };
    return cmocka_run_group_tests(tests, expect_setup, expect_teardown);
}
