/* Storage goes back to the context that made it, once the guest has nothing of it and nobody else
 * ever had; and what is made of it again finds its mapping still there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world.h"

#define PAGE WORLD_PAGE
#define SIDE 64 /* of a picture that a blob of BYTES holds */
#define BYTES (SIDE * SIDE * 4)

static struct answer *unref(struct world *world, uint32_t id) {
    return SEND(world, wire_resource, WIRE_RESOURCE_UNREF, .resource_id = id);
}

static struct answer *destroy_context(struct world *world, uint32_t ctx_id) {
    const struct wire_header request = {.type = WIRE_CTX_DESTROY, .ctx_id = ctx_id};
    return world_send(world, &request, sizeof(request));
}

static struct answer *map(struct world *world, uint32_t id, uint64_t offset) {
    return SEND(world, wire_map_blob, WIRE_RESOURCE_MAP_BLOB, .resource_id = id, .offset = offset);
}

/* Makes the blob, and maps it at its own place. */
static void make_mapped(struct world *world, struct fake_context *context, uint32_t ctx_id,
                        uint32_t id, uint64_t size) {
    world_host_blob(world, context, ctx_id, id, size);
    struct answer *answer = map(world, id, UINT64_C(64) * id * PAGE);
    world_answer_maps(world);
    assert_answered(answer, WIRE_OK_MAP_INFO);
}

static uint32_t count_reuses(const struct fake_context *context) {
    return fake_count(context, FAKE_REUSE);
}

static void test_back_to_its_context(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    struct fake_context *context = world_context(world, 1), *other = world_context(world, 2);
    make_mapped(world, context, 1, 5, 3 * PAGE);
    assert_ok(world_attach(world, 1, 5));
    assert_ok(world_attach(world, 1, 5));
    assert_ok(world_detach(world, 1, 5));
    assert_int_equal(count_reuses(context), 0);
    assert_ok(world_detach(world, 1, 5));
    assert_int_equal(count_reuses(context), 0); /* a file or a mapping may still be there */
    assert_ok(unref(world, 5));
    assert_int_equal(count_reuses(context), 1);
    assert_int_equal(fake_last(context, FAKE_REUSE)->value, 3 * PAGE);
    assert_true(fake_last(context, FAKE_REUSE)->place == UINT64_C(5) * 64 * PAGE);
    assert_int_equal(count_reuses(other), 0);
    /* A guest that did not detach: the context is told to let go before it gets it back. */
    make_mapped(world, context, 1, 6, PAGE);
    assert_ok(unref(world, 6));
    assert_int_equal(count_reuses(context), 2);
    assert_int_equal(context->calls[context->call_count - 1].kind, FAKE_REUSE);
    assert_int_equal(context->calls[context->call_count - 2].kind, FAKE_DETACH);
    world_destroy(world);
}

/* The same storage, at the same place: nobody is asked for it. */
static void test_its_mapping_is_still_there(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    struct fake_context *context = world_context(world, 1);
    struct storage *storage;
    assert_int_equal(storage_create_shm("vesper-test", PAGE, &storage), 0);
    for (uint32_t i = 0; i < 100; i++) {
        struct answer *answer = world_send_blob(world, 1, 5 + i, PAGE);
        fake_give_blob(context, 5 + i, storage);
        world_dispatch(world);
        assert_ok(answer);
        answer = map(world, 5 + i, 8 * PAGE);
        world_answer_maps(world);
        assert_answered(answer, WIRE_OK_MAP_INFO);
        assert_ok(SEND(world, wire_resource, WIRE_RESOURCE_UNMAP_BLOB, .resource_id = 5 + i));
        assert_ok(unref(world, 5 + i));
        assert_int_equal(count_reuses(context), i + 1);
        assert_true(fake_last(context, FAKE_REUSE)->place == 8 * PAGE);
    }
    assert_int_equal(world->maps, 1);
    assert_int_equal(world->unmaps, 0);
    storage_unref(storage);
    world_destroy(world);
}

static void send_other_blob(struct world *world, struct fake_context *context, uint32_t id,
                            uint32_t mem, uint32_t flags, uint64_t blob_id) {
    const struct wire_create_blob create = {
        .header = {.type = WIRE_RESOURCE_CREATE_BLOB, .ctx_id = 1},
        .resource_id = id,
        .blob_mem = mem,
        .blob_flags = flags,
        .blob_id = blob_id,
        .size = BYTES,
    };
    struct answer *answer = world_send(world, &create, sizeof(create));
    fake_answer_blob(context, id, BYTES);
    world_dispatch(world);
    assert_ok(answer);
}

static void test_not_what_others_may_have(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    struct fake_context *context = world_context(world, 1), *other = world_context(world, 2);
    /* attached elsewhere, even if no longer */
    make_mapped(world, context, 1, 5, BYTES);
    assert_ok(world_attach(world, 2, 5));
    assert_ok(world_detach(world, 2, 5));
    assert_ok(unref(world, 5));
    /* shown */
    make_mapped(world, context, 1, 6, BYTES);
    const struct wire_set_scanout_blob set = {
        .header = {.type = WIRE_SET_SCANOUT_BLOB},
        .rect = {0, 0, SIDE, SIDE},
        .resource_id = 6,
        .width = SIDE,
        .height = SIDE,
        .format = 2,
        .strides = {SIDE * 4},
    };
    assert_ok(world_send(world, &set, sizeof(set)));
    assert_ok(unref(world, 6));
    /* known to others by its UUID */
    make_mapped(world, context, 1, 7, BYTES);
    assert_answered(SEND(world, wire_resource, WIRE_RESOURCE_ASSIGN_UUID, .resource_id = 7),
                    WIRE_OK_RESOURCE_UUID);
    assert_ok(unref(world, 7));
    /* never mapped */
    world_host_blob(world, context, 1, 7, BYTES);
    assert_ok(unref(world, 7));
    /* made to be shared, for guest pages, or no VkDeviceMemory's */
    send_other_blob(world, context, 8, WIRE_BLOB_HOST3D,
                    CONTEXT_BLOB_MAPPABLE | CONTEXT_BLOB_SHAREABLE, 7);
    struct answer *answer = map(world, 8, 0);
    world_answer_maps(world);
    assert_answered(answer, WIRE_OK_MAP_INFO);
    assert_ok(unref(world, 8));
    send_other_blob(world, context, 9, WIRE_BLOB_HOST3D, 0, 7);
    assert_ok(unref(world, 9));
    send_other_blob(world, context, 10, WIRE_BLOB_HOST3D_GUEST, CONTEXT_BLOB_MAPPABLE, 7);
    assert_ok(unref(world, 10));
    send_other_blob(world, context, 11, WIRE_BLOB_HOST3D, CONTEXT_BLOB_MAPPABLE, 0);
    answer = map(world, 11, 64 * PAGE);
    world_answer_maps(world);
    assert_answered(answer, WIRE_OK_MAP_INFO);
    assert_ok(unref(world, 11));
    assert_int_equal(count_reuses(context), 0);
    assert_int_equal(count_reuses(other), 0);
    world_destroy(world);
}

static void test_not_to_a_successor(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    struct fake_context *context = world_context(world, 1);
    make_mapped(world, context, 1, 5, PAGE);
    assert_ok(destroy_context(world, 1));
    context = world_context(world, 1); /* the same number, another program */
    assert_ok(unref(world, 5));
    assert_int_equal(count_reuses(context), 0);
    make_mapped(world, context, 1, 6, PAGE);
    fake_lose(context, "gone");
    world_dispatch(world);
    assert_ok(unref(world, 6));
    assert_int_equal(count_reuses(context), 0);
    world_destroy(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_back_to_its_context),
        cmocka_unit_test(test_its_mapping_is_still_there),
        cmocka_unit_test(test_not_what_others_may_have),
        cmocka_unit_test(test_not_to_a_successor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
