/* Messages captured from a stock Venus driver: they must read as what they mean, and the client
 * must write the same bytes for the same meaning. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fixture.h"
#include "venus_client.h"

static struct fixture fixture;
static struct cs_decoder *const d = &fixture.decoder;
static const char device;
#define DEVICE ((const void *)&device)

static int setup(void **state) {
    (void)state;
    fixture_init(&fixture);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    fixture_finish(&fixture);
    return 0;
}

/* Bytes from hexadecimal text with spaces, in groups of little-endian words. */
static size_t parse(const char *text, uint8_t *out) {
    size_t size = 0;
    for (const char *p = text; *p;) {
        if (*p == ' ') {
            p++;
            continue;
        }
        char pair[3] = {p[0], p[1], 0};
        out[size++] = (uint8_t)strtoul(pair, NULL, 16);
        p += 2;
    }
    return size;
}

static uint8_t bytes[1024];
static size_t size;

/* Readies the decoder behind the command id and flags. */
static void begin(const char *text, uint32_t command, uint32_t flags) {
    size = parse(text, bytes);
    fixture_read(&fixture, bytes, size);
    assert_int_equal(cs_read_u32(d, "id"), command);
    assert_int_equal(cs_read_u32(d, "flags"), flags);
}

static void assert_read(void) {
    if (d->failed) {
        fail_msg("%s: %s", d->argument, d->reason);
    }
    assert_int_equal(cs_left(d), 0);
    cs_encoder_reset(&fixture.encoder, 1 << 20);
}

static void assert_written(void) {
    assert_int_equal(cs_encoder_size(&fixture.encoder), size);
    assert_memory_equal(fixture.encoder.bytes, bytes, size);
}

static void test_create_ring(void **state) {
    (void)state;
    begin("bc000000 00000000 80eaff5e 55550000 01000000 00000000 00a6a03b"
          "01000000 00000000 06a6a03b 00000000 00000000 c0c62d00"
          "00000000 01000000 00000000 00000000 c4000200 00000000 40420f00 00000000"
          "00000000 00000000 40000000 00000000 80000000 00000000 c0000000 00000000"
          "00000200 00000000 c0000200 00000000 04000000 00000000",
          VN_COMMAND_vkCreateRingMESA, 0);
    struct vn_vkCreateRingMESA a;
    vn_decode_vkCreateRingMESA(d, &a);
    assert_read();
    assert_int_equal(a.ring, UINT64_C(0x55555effea80));
    const VkRingCreateInfoMESA *info = a.pCreateInfo;
    assert_int_equal(info->sType, 1000384000);
    assert_int_equal(info->resourceId, 1);
    assert_int_equal(info->size, 131268);
    assert_int_equal(info->idleTimeout, 1000000);
    assert_int_equal(info->headOffset, 0);
    assert_int_equal(info->tailOffset, 64);
    assert_int_equal(info->statusOffset, 128);
    assert_int_equal(info->bufferOffset, 192);
    assert_int_equal(info->bufferSize, 131072);
    assert_int_equal(info->extraOffset, 131264);
    assert_int_equal(info->extraSize, 4);
    const VkRingMonitorInfoMESA *monitor = info->pNext;
    assert_int_equal(monitor->maxReportingPeriodMicroseconds, 3000000);
    assert_null(monitor->pNext);
    vn_client_encode_vkCreateRingMESA(&fixture.encoder, 0, &a);
    assert_written();
}

static void test_set_reply_stream(void **state) {
    (void)state;
    begin("b2000000 00000000 01000000 00000000 02000000 00000000 00000000 14000000 00000000",
          VN_COMMAND_vkSetReplyCommandStreamMESA, 0);
    struct vn_vkSetReplyCommandStreamMESA a;
    vn_decode_vkSetReplyCommandStreamMESA(d, &a);
    assert_read();
    assert_int_equal(a.pStream->resourceId, 2);
    assert_int_equal(a.pStream->offset, 0);
    assert_int_equal(a.pStream->size, 20);
    vn_client_encode_vkSetReplyCommandStreamMESA(&fixture.encoder, 0, &a);
    assert_written();
}

static void test_enumerate_instance_version(void **state) {
    (void)state;
    begin("89000000 01000000 01000000 00000000", VN_COMMAND_vkEnumerateInstanceVersion, 1);
    struct vn_vkEnumerateInstanceVersion a;
    vn_decode_vkEnumerateInstanceVersion(d, &a);
    assert_read();
    assert_int_equal(*a.pApiVersion, 0);
    *a.pApiVersion = VK_MAKE_API_VERSION(0, 1, 4, 343);
    vn_encode_vkEnumerateInstanceVersion_reply(&fixture.encoder, &a);
    size = parse("89000000 00000000 01000000 00000000 57414000", bytes);
    assert_written();
}

static void test_create_instance(void **state) {
    (void)state;
    begin("00000000 01000000 01000000 00000000 01000000 00000000 00000000 00000000"
          "01000000 00000000 00000000 00000000 00000000"
          "07000000 00000000 70726f62 65320000 01000000"
          "07000000 00000000 656e6769 6e650000 02000000 00304000"
          "00000000 00000000 00000000 00000000 00000000 00000000"
          "00000000 00000000 01000000 00000000 01000000 00000000",
          VN_COMMAND_vkCreateInstance, 1);
    struct vn_vkCreateInstance a;
    vn_decode_vkCreateInstance(d, &a);
    assert_read();
    const VkApplicationInfo *application = a.pCreateInfo->pApplicationInfo;
    assert_string_equal(application->pApplicationName, "probe2");
    assert_int_equal(application->applicationVersion, 1);
    assert_string_equal(application->pEngineName, "engine");
    assert_int_equal(application->engineVersion, 2);
    assert_int_equal(application->apiVersion, VK_API_VERSION_1_3);
    assert_int_equal(a.pCreateInfo->enabledExtensionCount, 0);
    assert_null(a.pCreateInfo->ppEnabledExtensionNames);
    assert_int_equal(a.pInstance_id, 1);
    assert_null(*a.pInstance);
    vn_client_encode_vkCreateInstance(&fixture.encoder, 1, &a);
    assert_written();
    cs_encoder_reset(&fixture.encoder, 1 << 20);
    vn_encode_vkCreateInstance_reply(&fixture.encoder, &a);
    size = parse("00000000 00000000 01000000 00000000 01000000 00000000", bytes);
    assert_written();
}

static void test_get_device_queue(void **state) {
    (void)state;
    fixture_add(&fixture, VK_OBJECT_TYPE_DEVICE, 3, DEVICE);
    begin("9b000000 01000000 03000000 00000000 01000000 00000000 6b009d3b"
          "01000000 00000000 05a6a03b 00000000 00000000 01000000"
          "00000000 00000000 00000000 01000000 00000000 05000000 00000000",
          VN_COMMAND_vkGetDeviceQueue2, 1);
    struct vn_vkGetDeviceQueue2 a;
    vn_decode_vkGetDeviceQueue2(d, &a);
    assert_read();
    assert_int_equal(((const VkDeviceQueueTimelineInfoMESA *)a.pQueueInfo->pNext)->ringIdx, 1);
    assert_int_equal(a.pQueue_id, 5);
    vn_client_encode_vkGetDeviceQueue2(&fixture.encoder, 1, &a);
    assert_written();
    cs_encoder_reset(&fixture.encoder, 1 << 20);
    vn_encode_vkGetDeviceQueue2_reply(&fixture.encoder, &a);
    size = parse("9b000000 01000000 00000000 05000000 00000000", bytes);
    assert_written();
}

static void test_queue_submit(void **state) {
    (void)state;
    fixture_add(&fixture, VK_OBJECT_TYPE_QUEUE, 5, DEVICE);
    fixture_add(&fixture, VK_OBJECT_TYPE_SEMAPHORE, 20, DEVICE);
    fixture_add(&fixture, VK_OBJECT_TYPE_SEMAPHORE, 22, DEVICE);
    begin("12000000 00000000 05000000 00000000 01000000 01000000 00000000 04000000"
          "01000000 00000000 9bf29d3b 00000000 00000000 00000000 00000000 00000000"
          "02000000 02000000 00000000 09000000 00000000 00000000 00000000"
          "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000"
          "02000000 02000000 00000000 14000000 00000000 16000000 00000000 00000000 00000000",
          VN_COMMAND_vkQueueSubmit, 0);
    struct vn_vkQueueSubmit a;
    vn_decode_vkQueueSubmit(d, &a);
    assert_read();
    assert_int_equal(a.submitCount, 1);
    const VkTimelineSemaphoreSubmitInfo *timeline = a.pSubmits[0].pNext;
    assert_int_equal(timeline->waitSemaphoreValueCount, 0);
    assert_int_equal(timeline->signalSemaphoreValueCount, 2);
    assert_int_equal(timeline->pSignalSemaphoreValues[0], 9);
    assert_int_equal(timeline->pSignalSemaphoreValues[1], 0);
    assert_int_equal(a.pSubmits[0].signalSemaphoreCount, 2);
    assert_int_equal((uintptr_t)a.pSubmits[0].pSignalSemaphores[0], 20);
    assert_int_equal((uintptr_t)a.pSubmits[0].pSignalSemaphores[1], 22);
    assert_null(a.fence_object);
    vn_client_encode_vkQueueSubmit(&fixture.encoder, 0, &a);
    assert_written();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_create_ring),
        TEST(test_set_reply_stream),
        TEST(test_enumerate_instance_version),
        TEST(test_create_instance),
        TEST(test_get_device_queue),
        TEST(test_queue_submit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
