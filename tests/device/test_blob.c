/* Blobs: made by the guest, made by contexts, mapped into the host-visible region. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world.h"

#define PAGE ((uint32_t)platform_page_size())

static struct answer *map(struct world *world, uint32_t id, uint64_t offset) {
    return SEND(world, wire_map_blob, WIRE_RESOURCE_MAP_BLOB, .resource_id = id, .offset = offset);
}

static struct answer *unmap(struct world *world, uint32_t id) {
    return SEND(world, wire_resource, WIRE_RESOURCE_UNMAP_BLOB, .resource_id = id);
}

static struct answer *unref(struct world *world, uint32_t id) {
    return SEND(world, wire_resource, WIRE_RESOURCE_UNREF, .resource_id = id);
}

static void assert_mapped(const struct answer *answer, uint32_t info) {
    assert_answered(answer, WIRE_OK_MAP_INFO);
    assert_int_equal(answer->size, 24 + 8);
    assert_memory_equal(answer->bytes + 24, &info, 4);
}

/* ---- making ------------------------------------------------------------------------------ */

struct creation {
    uint32_t ctx_id, id, mem, flags, entries;
    uint64_t size;
};

static struct answer *send_creation(struct world *world, const struct creation *creation,
                                    const struct wire_mem_entry *entries, size_t present) {
    const struct wire_create_blob request = {
        .header = {.type = WIRE_RESOURCE_CREATE_BLOB, .ctx_id = creation->ctx_id},
        .resource_id = creation->id,
        .blob_mem = creation->mem,
        .blob_flags = creation->flags,
        .entry_count = creation->entries,
        .blob_id = 99,
        .size = creation->size,
    };
    return world_send_with(world, &request, sizeof(request), entries, present * sizeof(*entries));
}

static void test_host_blob(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    struct fake_context *context = world_context(world, 1);
    const struct creation creation = {1, 5, WIRE_BLOB_HOST3D, 7, 0, 2 * PAGE};
    struct answer *answer = send_creation(world, &creation, NULL, 0);
    assert_waiting(answer);
    const struct fake_call *call = fake_last(context, FAKE_CREATE_BLOB);
    assert_int_equal(call->id, 5);
    assert_int_equal(call->blob_id, 99);
    assert_int_equal(call->flags, 7);
    assert_int_equal(call->value, 2 * PAGE);
    assert_false(world_is_pollable(world));
    fake_answer_blob(context, 5, 2 * PAGE);
    assert_waiting(answer);
    world_dispatch(world);
    assert_ok(answer);
    assert_int_equal(world_counts(world).resources, 1);
    assert_ok(unref(world, 5));
    world_destroy(world);
}

static void test_refused_by_the_context(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    struct fake_context *context = world_context(world, 1);
    static const struct {
        int error;
        uint32_t code;
    } cases[] = {{-ENOMEM, WIRE_ERR_OUT_OF_MEMORY},
                 {-EMFILE, WIRE_ERR_OUT_OF_MEMORY},
                 {-ENOSPC, WIRE_ERR_OUT_OF_MEMORY},
                 {-EINVAL, WIRE_ERR_INVALID_PARAMETER},
                 {-EIO, WIRE_ERR_UNSPEC}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct answer *answer = world_send_blob(world, 1, 5, PAGE);
        fake_refuse_blob(context, 5, cases[i].error, "no such memory");
        world_dispatch(world);
        assert_refused(answer, cases[i].code, "RESOURCE_CREATE_BLOB", "no such memory");
        answer = world_send_blob(world, 1, 5, PAGE);
        fake_refuse_blob(context, 5, cases[i].error, NULL);
        world_dispatch(world);
        assert_refused(answer, cases[i].code, "RESOURCE_CREATE_BLOB", "of blob_id 7: ");
    }
    fake_contexts.blob_error = -ENOMEM; /* the call itself */
    assert_refused(world_send_blob(world, 1, 5, PAGE), WIRE_ERR_OUT_OF_MEMORY,
                   "RESOURCE_CREATE_BLOB", "context 1 (test)");
    fake_contexts.blob_error = 0;
    /* Less memory than the guest was told: it may not have the rest. */
    struct answer *answer = world_send_blob(world, 1, 5, 4 * PAGE);
    fake_answer_blob(context, 5, PAGE);
    world_dispatch(world);
    assert_refused(answer, WIRE_ERR_INVALID_PARAMETER, "RESOURCE_CREATE_BLOB",
                   "more than its memory has");
    assert_int_equal(fake_last(context, FAKE_DETACH)->id, 5);
    /* Answers that nobody waits for. */
    fake_answer_blob(context, 5, PAGE);
    fake_refuse_blob(context, 77, -EIO, "?");
    assert_false(world_is_pollable(world));
    assert_int_equal(world_counts(world).resources, 0);
    world_host_blob(world, context, 1, 5, PAGE); /* the id is free */
    world_destroy(world);
}

static void test_bad_creations(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    struct fake_context *context = world_context(world, 1);
    world_2d(world, 9, 4, 4);
    const uint32_t none = WIRE_ERR_INVALID_RESOURCE_ID, bad = WIRE_ERR_INVALID_PARAMETER;
    const struct {
        struct creation creation;
        uint32_t code;
        const char *reason;
    } cases[] = {
        {{1, 0, 2, 1, 0, PAGE}, none, "resource_id 0"},
        {{1, 9, 2, 1, 0, PAGE}, none, "resource_id 9: in use"},
        {{1, 5, 0, 1, 0, PAGE}, bad, "blob_mem 0"},
        {{1, 5, 4, 1, 0, PAGE}, bad, "blob_mem 4"},
        {{1, 5, 2, 8, 0, PAGE}, bad, "blob_flags 0x8"},
        {{1, 5, 2, 1, 1, PAGE}, bad, "1 entries of guest memory"},
        {{1, 5, 2, 1, 0, 0}, bad, "size 0"},
        {{1, 5, 2, 1, 0, UINT64_MAX}, bad, "size 18446744073709551615"},
        {{1, 5, 2, 1, 0, PAGE + 1}, bad, "not a multiple of blob_alignment"},
        {{1, 5, 1, 1, 0, PAGE / 2}, bad, "not a multiple of blob_alignment"},
        {{2, 5, 2, 1, 0, PAGE}, WIRE_ERR_INVALID_CONTEXT_ID, "ctx_id 2"},
        {{0, 5, 3, 1, 0, PAGE}, WIRE_ERR_INVALID_CONTEXT_ID, "ctx_id 0"},
        {{1, 5, 1, 1, 1, PAGE * 2}, bad, "entries of"},
        {{1, 5, 3, 1, 1, PAGE * 2}, bad, "entries of"},
        {{1, 5, 1, 1, 2, PAGE}, bad, "2 entries: the request has 1"},
        {{1, 5, 1, 1, UINT32_MAX, PAGE}, WIRE_ERR_OUT_OF_MEMORY, "4294967295 entries: the limit"},
    };
    const struct wire_mem_entry entry = {.address = WORLD_RAM, .length = PAGE};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_refused(send_creation(world, &cases[i].creation, &entry, 1), cases[i].code,
                       "RESOURCE_CREATE_BLOB", cases[i].reason);
    }
    const struct wire_mem_entry outside = {.address = 0, .length = PAGE};
    const struct creation guest = {1, 5, WIRE_BLOB_GUEST, 0, 1, PAGE};
    assert_refused(send_creation(world, &guest, &outside, 1), WIRE_ERR_INVALID_PARAMETER,
                   "RESOURCE_CREATE_BLOB", "not in the guest's memory");
    assert_int_equal(context->call_count, 0);
    assert_int_equal(world_counts(world).resources, 1);

    /* Without 3D there is guest memory only; without BLOB_ALIGNMENT, any size. */
    device_set_features(world->device, UINT64_C(1) << DEVICE_F_RESOURCE_BLOB);
    const struct creation host = {1, 5, WIRE_BLOB_HOST3D, 0, 0, PAGE};
    assert_refused(send_creation(world, &host, NULL, 0), WIRE_ERR_INVALID_PARAMETER,
                   "RESOURCE_CREATE_BLOB", "has not accepted feature bit 0");
    const struct creation odd = {0, 5, WIRE_BLOB_GUEST, 0, 1, PAGE - 1};
    assert_ok(send_creation(world, &odd, &entry, 1));
    device_set_features(world->device, 0);
    assert_refused(send_creation(world, &odd, &entry, 1), WIRE_ERR_UNSPEC, "RESOURCE_CREATE_BLOB",
                   "has not accepted feature bit 3");
    world_destroy(world);
}

/* Guest memory can come and go; host memory with a shadow in the guest has both. */
static void test_guest_memory_of_blobs(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    struct fake_context *context = world_context(world, 1);
    const struct creation later = {0, 5, WIRE_BLOB_GUEST, 3, 0, 2 * PAGE};
    const struct wire_mem_entry small = {.address = WORLD_RAM, .length = PAGE};
    assert_ok(send_creation(world, &later, NULL, 0));
    const struct wire_attach_backing attach = HEADED(
        wire_attach_backing, WIRE_RESOURCE_ATTACH_BACKING, .resource_id = 5, .entry_count = 1);
    assert_refused(world_send_with(world, &attach, sizeof(attach), &small, sizeof(small)),
                   WIRE_ERR_INVALID_PARAMETER, "RESOURCE_ATTACH_BACKING", "the blob has");
    world_backing(world, 5, WORLD_RAM, 2 * PAGE);
    assert_refused(map(world, 5, 0), WIRE_ERR_INVALID_PARAMETER, "RESOURCE_MAP_BLOB",
                   "not a blob of host memory only");

    const struct creation both = {1, 6, WIRE_BLOB_HOST3D_GUEST, 1, 1, PAGE};
    struct answer *answer = send_creation(world, &both, &small, 1);
    fake_answer_blob(context, 6, PAGE);
    world_dispatch(world);
    assert_ok(answer);
    assert_ok(SEND(world, wire_resource, WIRE_RESOURCE_DETACH_BACKING, .resource_id = 6));
    world_backing(world, 6, WORLD_RAM, PAGE);
    assert_refused(map(world, 6, 0), WIRE_ERR_INVALID_PARAMETER, "RESOURCE_MAP_BLOB",
                   "not a blob of host memory only");
    /* The guest's pages do not stay behind where the context refuses. */
    const struct creation third = {1, 7, WIRE_BLOB_HOST3D_GUEST, 1, 1, PAGE};
    answer = send_creation(world, &third, &small, 1);
    fake_refuse_blob(context, 7, -EIO, "no");
    world_dispatch(world);
    assert_refused(answer, WIRE_ERR_UNSPEC, "RESOURCE_CREATE_BLOB", "no");

    world_host_blob(world, context, 1, 8, PAGE);
    const struct wire_attach_backing host = HEADED(
        wire_attach_backing, WIRE_RESOURCE_ATTACH_BACKING, .resource_id = 8, .entry_count = 1);
    assert_refused(world_send_with(world, &host, sizeof(host), &small, sizeof(small)),
                   WIRE_ERR_INVALID_PARAMETER, "RESOURCE_ATTACH_BACKING",
                   "a blob of host memory only");
    world_destroy(world);
}

/* ---- mapping ----------------------------------------------------------------------------- */

static void map_at(struct world *world, uint32_t id, uint64_t offset) {
    struct answer *answer = map(world, id, offset);
    world_answer_map(world, 0);
    assert_mapped(answer, STORAGE_CACHED);
}

/* A host with pages of 16 KiB and a guest with pages of 4 KiB: sizes and offsets of the ring that
 * Mesa makes first. */
static void test_guest_that_ignores_the_alignment(void **state) {
    (void)state;
    enum { ALIGNMENT = 16384, ODD = 0x21000, EVEN = 0x24000 };
    const struct device_options options = {.blob_alignment = ALIGNMENT};
    struct world *world = world_create(&options, 1);
    struct fake_context *context = world_context(world, 1);
    uint8_t config[20];
    device_read_config(world->device, 0, config, sizeof(config));
    uint32_t offered;
    memcpy(&offered, config + 16, sizeof(offered));
    assert_int_equal(offered, ALIGNMENT);

    device_set_features(world->device, UINT64_MAX & ~(UINT64_C(1) << DEVICE_F_BLOB_ALIGNMENT));
    assert_true(log_capture_has("kernel has not accepted BLOB_ALIGNMENT"));
    assert_true(log_capture_has("no multiple of 16384 bytes"));
    world_host_blob(world, context, 1, 5, ODD); /* its size is the guest's matter */
    map_at(world, 5, 0);
    assert_int_equal(world->map_calls[0].size, EVEN);
    world_host_blob(world, context, 1, 6, ALIGNMENT);
    assert_refused(
        map(world, 6, ODD), WIRE_ERR_INVALID_PARAMETER, "RESOURCE_MAP_BLOB",
        "offset 0x21000: no multiple of blob_alignment, 16384: the guest's driver has not "
        "accepted BLOB_ALIGNMENT (--blob-alignment)");
    map_at(world, 6, EVEN);
    assert_ok(unmap(world, 5));
    assert_ok(unmap(world, 6));

    device_set_features(world->device, UINT64_MAX);
    assert_true(log_capture_has("the guest's kernel keeps to multiples of 16384 bytes"));
    assert_refused(world_send_blob(world, 1, 7, ODD), WIRE_ERR_INVALID_PARAMETER,
                   "RESOURCE_CREATE_BLOB", "not a multiple of blob_alignment, 16384");
    world_destroy(world);
}

static void test_alignment_must_be_a_power_of_two(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    struct device_options options = {
        .create_context = fake_context_create,
        .get_capset = fake_get_capset,
        .presenter = &world->presenter.base,
        .blob_alignment = 12288,
    };
    const struct device_transport transport = {0};
    struct device *device;
    assert_int_equal(device_create(&options, &transport, NULL, &device), -EINVAL);
    options.blob_alignment = UINT32_C(1) << 31;
    assert_int_equal(device_create(&options, &transport, NULL, &device), -EINVAL);
    world_destroy(world);
}

static void test_map(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    struct fake_context *context = world_context(world, 1);
    world_host_blob(world, context, 1, 5, 2 * PAGE);
    struct answer *answer = map(world, 5, 16 * PAGE);
    assert_waiting(answer);
    assert_int_equal(world->map_call_count, 1);
    assert_true(world->map_calls[0].is_map);
    assert_int_equal(world->map_calls[0].offset, 16 * PAGE);
    assert_int_equal(world->map_calls[0].size, 2 * PAGE);
    world_answer_map(world, 0);
    assert_mapped(answer, STORAGE_CACHED);
    assert_int_equal(world_counts(world).mappings, 1);

    assert_refused(map(world, 5, 32 * PAGE), WIRE_ERR_UNSPEC, "RESOURCE_MAP_BLOB",
                   "mapped already");
    assert_ok(unmap(world, 5)); /* at once: the transport keeps it for a while */
    assert_int_equal(world_counts(world).mappings, 0);
    assert_refused(unmap(world, 5), WIRE_ERR_UNSPEC, "RESOURCE_UNMAP_BLOB", "not mapped");
    assert_mapped(map(world, 5, 16 * PAGE), STORAGE_CACHED); /* and there it is again */
    assert_int_equal(world->maps, 1);
    assert_ok(unmap(world, 5));

    answer = map(world, 5, 17 * PAGE); /* overlaps what is kept */
    assert_false(world->map_calls[0].is_map);
    world_answer_map(world, 0);
    assert_waiting(answer);
    world_answer_map(world, 0);
    assert_mapped(answer, STORAGE_CACHED);
    /* A mapped blob may end: the mapping is given up with it. */
    assert_ok(unref(world, 5));
    assert_int_equal(world_counts(world).mappings, 0);
    assert_int_equal(world_counts(world).resources, 0);
    world_destroy(world);
}

static void test_caching(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    struct fake_context *context = world_context(world, 1);
    for (uint32_t caching = STORAGE_CACHED; caching <= STORAGE_WRITE_COMBINED; caching++) {
        struct storage *storage;
        int fd;
        assert_int_equal(platform_shm_create("vesper-test", PAGE, &fd), 0);
        assert_int_equal(
            storage_wrap_fd(fd, STORAGE_DMA_BUF, (enum storage_caching)caching, PAGE, &storage), 0);
        struct answer *answer = world_send_blob(world, 1, caching, PAGE);
        fake_give_blob(context, caching, storage);
        storage_unref(storage);
        world_dispatch(world);
        assert_ok(answer);
        answer = map(world, caching, caching * PAGE);
        world_answer_map(world, 0);
        assert_mapped(answer, caching);
    }
    world_destroy(world);
}

static void test_bad_maps(void **state) {
    (void)state;
    const struct device_options options = {.limits = {.mappings = 2}};
    struct world *world = world_create(&options, 1);
    struct fake_context *context = world_context(world, 1);
    world_2d(world, 1, 4, 4);
    for (uint32_t id = 5; id <= 7; id++) {
        world_host_blob(world, context, 1, id, 2 * PAGE);
    }
    const struct creation hidden = {1, 8, WIRE_BLOB_HOST3D, CONTEXT_BLOB_SHAREABLE, 0, PAGE};
    struct answer *answer = send_creation(world, &hidden, NULL, 0);
    fake_answer_blob(context, 8, PAGE);
    world_dispatch(world);
    assert_ok(answer);
    const struct {
        uint32_t id;
        uint64_t offset;
        uint32_t code;
        const char *reason;
    } cases[] = {
        {9, 0, WIRE_ERR_INVALID_RESOURCE_ID, "resource_id 9"},
        {1, 0, WIRE_ERR_INVALID_PARAMETER, "resource_id 1: not a blob"},
        {8, 0, WIRE_ERR_INVALID_PARAMETER, "without the flag to be mapped"},
        {5, 1, WIRE_ERR_INVALID_PARAMETER, "offset 0x1: no multiple of blob_alignment"},
        {5, PAGE / 2, WIRE_ERR_INVALID_PARAMETER, "the guest's driver has accepted BLOB_ALIGNMENT"},
        {5, WORLD_VISIBLE_BYTES, WIRE_ERR_INVALID_PARAMETER, "in the region of 1073741824 bytes"},
        {5, WORLD_VISIBLE_BYTES - PAGE, WIRE_ERR_INVALID_PARAMETER, "not in the region of"},
        {5, UINT64_MAX - PAGE + 1, WIRE_ERR_INVALID_PARAMETER, "not in the region of"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_refused(map(world, cases[i].id, cases[i].offset), cases[i].code, "RESOURCE_MAP_BLOB",
                       cases[i].reason);
    }
    assert_int_equal(world->maps, 0);
    world->map_error = -EPIPE;
    assert_refused(map(world, 5, 0), WIRE_ERR_UNSPEC, "RESOURCE_MAP_BLOB", "offset 0x0: ");
    world->map_error = 0;
    answer = map(world, 5, 0);
    world_answer_map(world, -ENOMEM);
    assert_refused(answer, WIRE_ERR_OUT_OF_MEMORY, "RESOURCE_MAP_BLOB", "offset 0x0: ");
    assert_refused(unmap(world, 5), WIRE_ERR_UNSPEC, "RESOURCE_UNMAP_BLOB", "not mapped");

    answer = map(world, 5, 4 * PAGE);
    struct answer *over = map(world, 6, 5 * PAGE); /* while the other is under way */
    assert_refused(over, WIRE_ERR_INVALID_PARAMETER, "RESOURCE_MAP_BLOB",
                   "another blob is mapped there");
    world_answer_map(world, 0);
    assert_mapped(answer, STORAGE_CACHED);
    assert_refused(map(world, 6, 3 * PAGE), WIRE_ERR_INVALID_PARAMETER, "RESOURCE_MAP_BLOB",
                   "another blob is mapped there");
    answer = map(world, 6, 6 * PAGE);
    assert_refused(map(world, 7, 8 * PAGE), WIRE_ERR_OUT_OF_MEMORY, "RESOURCE_MAP_BLOB",
                   "the limit of 2 mappings at once is reached (--max-mappings)");
    world_answer_map(world, 0);
    assert_mapped(answer, STORAGE_CACHED);
    /* What is unmapped makes room. */
    assert_ok(unmap(world, 5));
    answer = map(world, 7, 8 * PAGE);
    world_answer_map(world, 0);
    assert_waiting(answer);
    world_answer_map(world, 0);
    assert_mapped(answer, STORAGE_CACHED);

    assert_refused(unmap(world, 9), WIRE_ERR_INVALID_RESOURCE_ID, "RESOURCE_UNMAP_BLOB",
                   "resource_id 9");
    assert_refused(unmap(world, 1), WIRE_ERR_UNSPEC, "RESOURCE_UNMAP_BLOB", "not mapped");
    world_destroy(world);
}

/* Requests for one blob keep their order while its mapping is under way. */
static void test_order_of_one_blob(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    struct fake_context *context = world_context(world, 1);
    struct answer *created = world_send_blob(world, 1, 5, PAGE);
    struct answer *mapped = map(world, 5, 0);
    struct answer *unmapped = unmap(world, 5);
    struct answer *unreffed = unref(world, 5);
    struct answer *late = unref(world, 5);
    assert_int_equal(world_counts(world).parked, 5);
    assert_int_equal(world->map_call_count, 0);
    fake_answer_blob(context, 5, PAGE);
    world_dispatch(world);
    assert_ok(created);
    assert_waiting(mapped);
    assert_waiting(unmapped);
    world_answer_map(world, 0);
    assert_refused(late, WIRE_ERR_INVALID_RESOURCE_ID, "RESOURCE_UNREF", "no such resource");
    assert_mapped(mapped, STORAGE_CACHED);
    assert_ok(unmapped);
    assert_ok(unreffed);
    assert_true(mapped->order < unmapped->order && unmapped->order < unreffed->order);
    assert_int_equal(world_counts(world).parked, 0);
    world_destroy(world);
}

/* And where the blob is never made, each is refused at its turn. */
static void test_order_behind_a_refusal(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    struct fake_context *context = world_context(world, 1);
    struct answer *created = world_send_blob(world, 1, 5, PAGE);
    struct answer *mapped = map(world, 5, 0);
    struct answer *again = world_send_blob(world, 1, 5, PAGE);
    fake_refuse_blob(context, 5, -EIO, "no");
    world_dispatch(world);
    assert_answered(created, WIRE_ERR_UNSPEC);
    assert_answered(mapped, WIRE_ERR_INVALID_RESOURCE_ID);
    assert_waiting(again); /* it has its turn now */
    assert_int_equal(fake_count(context, FAKE_CREATE_BLOB), 2);
    fake_answer_blob(context, 5, PAGE);
    world_dispatch(world);
    assert_ok(again);
    world_destroy(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_host_blob),
        cmocka_unit_test(test_guest_that_ignores_the_alignment),
        cmocka_unit_test(test_alignment_must_be_a_power_of_two),
        cmocka_unit_test(test_refused_by_the_context),
        cmocka_unit_test(test_bad_creations),
        cmocka_unit_test(test_guest_memory_of_blobs),
        cmocka_unit_test(test_map),
        cmocka_unit_test(test_caching),
        cmocka_unit_test(test_bad_maps),
        cmocka_unit_test(test_order_of_one_blob),
        cmocka_unit_test(test_order_behind_a_refusal),
    };
    return cmocka_run_group_tests_name("device blobs", tests, NULL, NULL) ? 1 : 0;
}
