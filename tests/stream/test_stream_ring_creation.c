/* Creating rings: each layout that is not as it must be is refused, with a reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "expect.h"

#define BUFFER_SIZE 4096
#define ID_OF_RING 7

static void write_create_ring(struct guest *g, const VkRingCreateInfoMESA *info) {
    GUEST_WRITE(g->context_stream, vkCreateRingMESA, .ring = ID_OF_RING, .pCreateInfo = info);
}

/* ---- layouts ----------------------------------------------------------------------------- */

struct bad_layout {
    const char *reason;
    size_t member; /* offset of a size_t in VkRingCreateInfoMESA */
    uint64_t value;
};

#define AT(member) offsetof(VkRingCreateInfoMESA, member)
static const char outside_resource[] = "pCreateInfo: the ring does not lie inside its resource";
static const char outside_ring[] = "pCreateInfo: a part of the ring lies outside it";
static const char misaligned[] = "pCreateInfo: a part of the ring is not aligned to 4 bytes";
static const char overlap[] = "pCreateInfo: parts of the ring overlap";
static const char bad_size[] = "pCreateInfo: the buffer size is not a power of two up to 16 MiB";

/* Every part but one is as guest_ring_info says. */
static const struct bad_layout bad_layouts[] = {
    {outside_resource, AT(size), 1 << 20},
    {outside_resource, AT(size), UINT64_MAX},
    {outside_resource, AT(offset), 8192},
    {outside_resource, AT(offset), UINT64_MAX - 3},
    {outside_resource, AT(offset), 2},
    {outside_ring, AT(size), 192 + BUFFER_SIZE},
    {outside_ring, AT(size), 0},
    {outside_ring, AT(headOffset), 192 + BUFFER_SIZE + 4},
    {outside_ring, AT(tailOffset), UINT64_MAX - 3},
    {outside_ring, AT(statusOffset), UINT64_MAX & ~UINT64_C(3)},
    {outside_ring, AT(bufferOffset), 200},
    {outside_ring, AT(extraOffset), 1 << 30},
    {outside_ring, AT(extraSize), UINT64_MAX},
    {misaligned, AT(headOffset), 2},
    {misaligned, AT(tailOffset), 65},
    {misaligned, AT(statusOffset), 131},
    {misaligned, AT(bufferOffset), 190},
    {misaligned, AT(extraOffset), 192 + BUFFER_SIZE + 1},
    {overlap, AT(tailOffset), 0},
    {overlap, AT(statusOffset), 64},
    {overlap, AT(headOffset), 192},
    {overlap, AT(headOffset), 188 + BUFFER_SIZE},
    {overlap, AT(bufferOffset), 128},
    {overlap, AT(extraOffset), 188 + BUFFER_SIZE},
    {overlap, AT(extraOffset), 64},
    {bad_size, AT(bufferSize), 0},
    {bad_size, AT(bufferSize), 2},
    {bad_size, AT(bufferSize), 3000},
    {bad_size, AT(bufferSize), BUFFER_SIZE + 4},
    {bad_size, AT(bufferSize), 32 << 20},
    {bad_size, AT(bufferSize), UINT64_C(1) << 63},
    {bad_size, AT(bufferSize), UINT64_MAX},
};

static void expect_ring_refusal(struct guest *g, const char *rest) {
    char reason[512];
    snprintf(reason, sizeof(reason), "vkCreateRingMESA (on the context stream): %s", rest);
    guest_send(g->context_stream);
    expect_refusal(g, reason);
}

static void test_each_bad_layout_is_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(bad_layouts) / sizeof(bad_layouts[0]); i++) {
        struct guest *g = guest_create(NULL);
        struct guest_memory *memory = guest_create_shm(g, 8192);
        VkRingCreateInfoMESA info = guest_ring_info(memory->resource_id, BUFFER_SIZE);
        *(size_t *)(void *)((uint8_t *)&info + bad_layouts[i].member) = bad_layouts[i].value;
        write_create_ring(g, &info);
        expect_ring_refusal(g, bad_layouts[i].reason);
    }
}

static void test_unknown_flags_resources_and_monitors_are_refused(void **state) {
    (void)state;
    struct guest *g = guest_create(NULL);
    VkRingCreateInfoMESA info =
        guest_ring_info(guest_create_shm(g, 8192)->resource_id, BUFFER_SIZE);
    info.flags = 1;
    write_create_ring(g, &info);
    expect_ring_refusal(g, "pCreateInfo: unknown ring flags");

    g = guest_create(NULL);
    info = guest_ring_info(4711, BUFFER_SIZE);
    write_create_ring(g, &info);
    expect_ring_refusal(g, "pCreateInfo.resourceId: no such resource");

    g = guest_create_open(NULL);
    const uint64_t memory_id = guest_new_id(g);
    assert_int_equal(guest_allocate_memory(g->context_stream, memory_id, 0, 8192), VK_SUCCESS);
    assert_int_equal(guest_create_blob(g, 5000, memory_id, CONTEXT_BLOB_MAPPABLE, 8192, NULL), 0);
    info = guest_ring_info(5000, BUFFER_SIZE);
    write_create_ring(g, &info);
    expect_ring_refusal(g,
                        "pCreateInfo.resourceId: the resource is not shared memory of blob id 0");

    g = guest_create(NULL);
    info = guest_ring_info(guest_create_shm(g, 8192)->resource_id, BUFFER_SIZE);
    const VkRingMonitorInfoMESA monitor = {.sType = VK_STRUCTURE_TYPE_RING_MONITOR_INFO_MESA};
    info.pNext = &monitor;
    write_create_ring(g, &info);
    expect_ring_refusal(g, "VkRingMonitorInfoMESA.maxReportingPeriodMicroseconds: "
                           "the period is 0");
}

static void test_head_and_status_must_start_at_0(void **state) {
    (void)state;
    for (uint32_t at = 0; at <= 128; at += 128) {
        struct guest *g = guest_create(NULL);
        struct guest_memory *memory = guest_create_shm(g, 8192);
        memory->bytes[at] = 1;
        const VkRingCreateInfoMESA info = guest_ring_info(memory->resource_id, BUFFER_SIZE);
        write_create_ring(g, &info);
        expect_ring_refusal(g, "ring: the head or status word is not 0");
    }
}

static void test_an_id_names_one_ring_at_a_time(void **state) {
    (void)state;
    struct guest *g = guest_create(NULL);
    for (int i = 0; i < 2; i++) { /* free again by destruction */
        const VkRingCreateInfoMESA info =
            guest_ring_info(guest_create_shm(g, 8192)->resource_id, BUFFER_SIZE);
        write_create_ring(g, &info);
        GUEST_WRITE(g->context_stream, vkDestroyRingMESA, .ring = ID_OF_RING);
    }
    assert_true(guest_finish(g->context_stream));
    for (int i = 0; i < 2; i++) {
        const VkRingCreateInfoMESA info =
            guest_ring_info(guest_create_shm(g, 8192)->resource_id, BUFFER_SIZE);
        write_create_ring(g, &info);
    }
    expect_ring_refusal(g, "ring: a ring of that id exists");
}

static void test_parts_may_be_anywhere(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL);
    struct guest_memory *memory = guest_create_shm(g, 16384);
    VkRingCreateInfoMESA info = guest_ring_info(memory->resource_id, BUFFER_SIZE);
    info.offset = 1024;
    info.size = 8192;
    info.bufferOffset = 4;
    info.headOffset = 0;
    info.statusOffset = 4 + BUFFER_SIZE;
    info.tailOffset = 8188; /* the last word */
    info.extraOffset = 8192;
    info.extraSize = 0;
    write_create_ring(g, &info);
    assert_true(guest_finish(g->context_stream));
    guest_check_round_trip(g->context_stream);
    guest_destroy(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_bad_layout_is_refused),
        cmocka_unit_test(test_unknown_flags_resources_and_monitors_are_refused),
        cmocka_unit_test(test_head_and_status_must_start_at_0),
        cmocka_unit_test(test_an_id_names_one_ring_at_a_time),
        cmocka_unit_test(test_parts_may_be_anywhere),
    };
    return cmocka_run_group_tests(tests, expect_setup, expect_teardown);
}
