/* Fences: what holds an answer back, what does not, and what the answer says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world.h"

#define RING (WIRE_FLAG_FENCE | WIRE_FLAG_RING_IDX)

static struct answer *submit(struct world *world, uint32_t ctx_id, uint32_t flags, uint64_t fence,
                             uint8_t ring_idx, uint32_t size) {
    const struct wire_submit_3d request = {
        .header = {.type = WIRE_SUBMIT_3D,
                   .flags = flags,
                   .fence_id = fence,
                   .ctx_id = ctx_id,
                   .ring_idx = ring_idx},
        .size = size,
    };
    return world_send(world, &request, sizeof(request));
}

static struct answer *flush(struct world *world, uint32_t id, uint64_t fence) {
    const struct wire_flush request = {
        .header = {.type = WIRE_RESOURCE_FLUSH, .flags = WIRE_FLAG_FENCE, .fence_id = fence},
        .rect = {0, 0, 1, 1},
        .resource_id = id,
    };
    return world_send(world, &request, sizeof(request));
}

static struct answer *info(struct world *world, uint32_t flags, uint64_t fence) {
    const struct wire_header request = {
        .type = WIRE_GET_DISPLAY_INFO, .flags = flags, .fence_id = fence};
    return world_send(world, &request, sizeof(request));
}

static void show(struct world *world, uint32_t scanout, uint32_t id) {
    world_2d(world, id, 4, 4);
    assert_ok(SEND(world, wire_set_scanout, WIRE_SET_SCANOUT, .scanout_id = scanout,
                   .resource_id = id, .rect = {0, 0, 4, 4}));
}

/* ---- on rings ---------------------------------------------------------------------------- */

static void test_ring_fence(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    struct fake_context *context = world_context(world, 1);
    struct answer *answer = submit(world, 1, RING, UINT64_C(0x123456789abcdef0), 5, 0);
    assert_waiting(answer);
    assert_int_equal(fake_count(context, FAKE_SUBMIT), 1);
    assert_int_equal(fake_last(context, FAKE_FENCE)->id, 5);
    assert_int_equal(context->calls[0].kind, FAKE_SUBMIT); /* the fence after the commands */
    fake_retire(context, 4); /* another ring */
    world_dispatch(world);
    assert_waiting(answer);
    fake_retire(context, 5);
    world_dispatch(world);
    assert_ok(answer);
    assert_int_equal(answer->header.flags, RING);
    assert_true(answer->header.fence_id == UINT64_C(0x123456789abcdef0));
    assert_int_equal(answer->header.ctx_id, 1);
    assert_int_equal(answer->header.ring_idx, 5);

    /* Without a fence the answer says nothing of the sort. */
    answer = submit(world, 1, WIRE_FLAG_RING_IDX, 9, 5, 0);
    assert_ok(answer);
    assert_int_equal(answer->header.flags, 0);
    assert_int_equal(answer->header.fence_id, 0);
    assert_int_equal(answer->header.ctx_id, 0);
    assert_int_equal(answer->header.ring_idx, 0);
    assert_int_equal(fake_count(context, FAKE_FENCE), 1);
    world_destroy(world);
}

/* The guest's numbers may do what they like; those that the context sees grow (which the fake
 * context checks), and answers come in the order of the submissions. */
static void test_numbers_of_the_guest(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    struct fake_context *context = world_context(world, 1);
    static const uint64_t numbers[] = {7, 7, 3, UINT64_MAX, 0, 1};
    struct answer *answers[6];
    for (int i = 0; i < 6; i++) {
        answers[i] = submit(world, 1, RING, numbers[i], 0, 0);
    }
    fake_retire_to(context, 0, context->last_fence[0] - 3);
    world_dispatch(world);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(answers[i]->done, i < 3);
    }
    fake_retire(context, 0);
    world_dispatch(world);
    for (int i = 0; i < 6; i++) {
        assert_true(answers[i]->done);
        assert_true(answers[i]->header.fence_id == numbers[i]);
        assert_int_equal(answers[i]->order, answers[0]->order + (uint32_t)i);
    }
    world_destroy(world);
}

static void test_rings_are_apart(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    struct fake_context *first = world_context(world, 1);
    struct fake_context *second = world_context(world, 2);
    struct answer *answers[2][64];
    for (uint8_t ring = 0; ring < 64; ring++) {
        answers[0][ring] = submit(world, 1, RING, ring, ring, 0);
        answers[1][ring] = submit(world, 2, RING, ring, ring, 0);
    }
    for (uint32_t ring = 64; ring > 0; ring--) {
        fake_retire(second, ring - 1);
    }
    world_dispatch(world);
    for (uint32_t ring = 0; ring < 64; ring++) {
        assert_waiting(answers[0][ring]);
        assert_ok(answers[1][ring]);
    }
    fake_retire(first, 63);
    world_dispatch(world);
    assert_waiting(answers[0][62]);
    assert_ok(answers[0][63]);
    world_destroy(world);
}

/* Any command may carry one. */
static void test_ring_fence_of_another_command(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    struct fake_context *context = world_context(world, 1);
    const struct wire_create_2d request = {
        .header = {.type = WIRE_RESOURCE_CREATE_2D, .flags = RING, .fence_id = 4, .ctx_id = 1},
        .resource_id = 1,
        .format = 1,
        .width = 1,
        .height = 1,
    };
    struct answer *answer = world_send(world, &request, sizeof(request));
    assert_waiting(answer);
    assert_int_equal(world_counts(world).resources, 1); /* the effect is there */
    assert_ok(SEND(world, wire_resource, WIRE_RESOURCE_UNREF, .resource_id = 1));
    fake_retire(context, 0);
    world_dispatch(world);
    assert_ok(answer);
    /* On a context that does not exist nothing is waited for. */
    struct wire_create_2d orphan = request;
    orphan.header.ctx_id = 9;
    assert_ok(world_send(world, &orphan, sizeof(orphan)));
    world_destroy(world);
}

static void test_bad_ring(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    struct fake_context *context = world_context(world, 1);
    assert_refused(submit(world, 1, RING, 1, 64, 0), WIRE_ERR_INVALID_PARAMETER, "SUBMIT_3D",
                   "ring_idx 64: the last is 63");
    assert_refused(submit(world, 1, RING, 1, 255, 0), WIRE_ERR_INVALID_PARAMETER, "SUBMIT_3D",
                   "ring_idx 255");
    assert_int_equal(context->call_count, 0);
    assert_refused(submit(world, 2, RING, 1, 0, 0), WIRE_ERR_INVALID_CONTEXT_ID, "SUBMIT_3D",
                   "ctx_id 2");
    fake_contexts.fence_error = -ENOMEM;
    assert_answered(submit(world, 1, RING, 1, 0, 0), WIRE_OK_NODATA);
    world_destroy(world);
}

/* The guest takes an answer for all fences before it on the ring: a refusal must not overtake. */
static void test_refusals_do_not_overtake(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    struct fake_context *context = world_context(world, 1);
    struct answer *alone = submit(world, 1, RING, 1, 0, 2);
    assert_answered(alone, WIRE_ERR_INVALID_PARAMETER);
    assert_int_equal(alone->header.flags, RING);
    assert_int_equal(alone->header.fence_id, 1);
    struct answer *good = submit(world, 1, RING, 2, 0, 0);
    struct answer *bad = submit(world, 1, RING, 3, 0, 2);
    struct answer *next = submit(world, 1, RING, 4, 0, 0);
    assert_waiting(good);
    assert_waiting(bad);
    assert_int_equal(fake_count(context, FAKE_FENCE), 2);
    fake_retire_to(context, 0, 1);
    world_dispatch(world);
    assert_ok(good);
    assert_answered(bad, WIRE_ERR_INVALID_PARAMETER);
    assert_true(good->order < bad->order);
    assert_waiting(next);
    fake_retire(context, 0);
    world_dispatch(world);
    assert_ok(next);
    world_destroy(world);
}

static void test_lost_context_retires_everything(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    struct fake_context *context = world_context(world, 1);
    struct fake_context *other = world_context(world, 2);
    struct answer *answers[10];
    for (uint8_t i = 0; i < 9; i++) {
        answers[i] = submit(world, 1, RING, i, i % 3, 0);
    }
    answers[9] = world_send_blob(world, 1, 5, WORLD_PAGE);
    struct answer *elsewhere = submit(world, 2, RING, 1, 0, 0);
    fake_lose(context, "a bad command");
    world_dispatch(world);
    for (uint8_t i = 0; i < 9; i++) {
        assert_true(answers[i]->done);
        assert_int_equal(answers[i]->header.type, WIRE_OK_NODATA);
    }
    assert_answered(answers[9], WIRE_ERR_UNSPEC);
    assert_waiting(elsewhere);
    /* Later ones do not even go there. */
    const uint32_t calls = context->call_count;
    struct answer *late = submit(world, 1, RING, 10, 0, 0);
    assert_refused(late, WIRE_ERR_UNSPEC, "SUBMIT_3D", "has ended");
    assert_int_equal(late->header.fence_id, 10);
    assert_int_equal(context->call_count, calls);
    /* Late up-calls change nothing. */
    fake_retire(context, 0);
    fake_answer_blob(context, 5, WORLD_PAGE);
    fake_lose(context, "again");
    world_dispatch(world);
    assert_int_equal(world_counts(world).resources, 0);
    fake_retire(other, 0);
    world_dispatch(world);
    assert_ok(elsewhere);
    world_destroy(world);
}

static void test_destroyed_context_retires_everything(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    world_context(world, 1);
    struct answer *fence = submit(world, 1, RING, 1, 3, 0);
    struct answer *blob = world_send_blob(world, 1, 5, WORLD_PAGE);
    const struct wire_header destroy = {
        .type = WIRE_CTX_DESTROY, .flags = RING, .ctx_id = 1, .fence_id = 2};
    struct answer *destroyed = world_send(world, &destroy, sizeof(destroy));
    assert_refused(blob, WIRE_ERR_UNSPEC, "RESOURCE_CREATE_BLOB", "context 1 (test) was destroyed");
    assert_ok(fence);
    assert_ok(destroyed);
    assert_true(fence->order < destroyed->order);
    world_context(world, 1); /* the new one has nothing to do with all that */
    assert_int_equal(world_counts(world).parked, 0);
    world_destroy(world);
}

/* ---- in plain order ---------------------------------------------------------------------- */

static void test_plain_fence(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    struct fake_context *context = world_context(world, 1);
    struct answer *answer = info(world, WIRE_FLAG_FENCE, 77);
    assert_answered(answer, WIRE_OK_DISPLAY_INFO);
    assert_int_equal(answer->header.flags, WIRE_FLAG_FENCE);
    assert_int_equal(answer->header.fence_id, 77);
    /* A submission is complete once it is handed on. */
    answer = submit(world, 1, WIRE_FLAG_FENCE, 78, 0, 0);
    assert_ok(answer);
    assert_int_equal(answer->header.fence_id, 78);
    assert_int_equal(answer->header.ctx_id, 1);
    assert_int_equal(fake_count(context, FAKE_FENCE), 0);
    /* An error is an answer, too. */
    answer = submit(world, 9, WIRE_FLAG_FENCE, 79, 0, 0);
    assert_answered(answer, WIRE_ERR_INVALID_CONTEXT_ID);
    assert_int_equal(answer->header.fence_id, 79);
    /* Without CONTEXT_INIT there are no rings. */
    device_set_features(world->device, 1u << DEVICE_F_VIRGL);
    assert_ok(submit(world, 1, RING, 80, 99, 0));
    world_destroy(world);
}

static void test_plain_order(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    world_context(world, 1);
    show(world, 0, 1);
    struct answer *flushed = flush(world, 1, 1);
    struct answer *submitted = submit(world, 1, WIRE_FLAG_FENCE, 2, 0, 0);
    struct answer *told = info(world, WIRE_FLAG_FENCE, 3);
    struct answer *refused = flush(world, 99, 4);
    struct answer *free = info(world, 0, 0);
    struct answer *ring = submit(world, 1, RING, 5, 0, 0);
    assert_waiting(flushed);
    assert_waiting(submitted);
    assert_waiting(told);
    assert_waiting(refused);
    assert_waiting(ring);
    assert_true(free->done); /* without a fence nothing holds it */
    fake_presenter_take(&world->presenter, 0);
    world_dispatch(world);
    assert_true(flushed->done && submitted->done && told->done && refused->done);
    assert_true(flushed->order < submitted->order && submitted->order < told->order &&
                told->order < refused->order);
    assert_int_equal(refused->header.type, WIRE_ERR_INVALID_RESOURCE_ID);
    assert_int_equal(told->size, 24 + 384); /* the large answer was kept */
    assert_int_equal(told->header.type, WIRE_OK_DISPLAY_INFO);
    assert_waiting(ring);
    world_destroy(world);
}

static void test_plain_fence_of_a_map(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    struct fake_context *context = world_context(world, 1);
    world_host_blob(world, context, 1, 5, platform_page_size());
    const struct wire_map_blob map = {
        .header = {.type = WIRE_RESOURCE_MAP_BLOB, .flags = WIRE_FLAG_FENCE, .fence_id = 1},
        .resource_id = 5,
    };
    struct answer *mapped = world_send(world, &map, sizeof(map));
    struct answer *told = info(world, WIRE_FLAG_FENCE, 2);
    assert_waiting(mapped);
    assert_waiting(told);
    world_answer_map(world, 0);
    assert_answered(mapped, WIRE_OK_MAP_INFO);
    assert_answered(told, WIRE_OK_DISPLAY_INFO);
    assert_true(mapped->order < told->order);
    world_destroy(world);
}

/* No context holds back a display: what waits for one is passed by. */
static void test_plain_fence_at_a_context(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    struct fake_context *context = world_context(world, 1);
    show(world, 0, 1);
    const struct wire_create_blob create = {
        .header = {.type = WIRE_RESOURCE_CREATE_BLOB,
                   .flags = WIRE_FLAG_FENCE,
                   .fence_id = 1,
                   .ctx_id = 1},
        .resource_id = 5,
        .blob_mem = WIRE_BLOB_HOST3D,
        .size = platform_page_size(),
    };
    struct answer *created = world_send(world, &create, sizeof(create));
    struct answer *parked = flush(world, 5, 2); /* behind the creation */
    struct answer *flushed = flush(world, 1, 3);
    struct answer *told = info(world, WIRE_FLAG_FENCE, 4);
    assert_waiting(flushed);
    assert_waiting(told);
    fake_presenter_take(&world->presenter, 0);
    world_dispatch(world);
    assert_ok(flushed);
    assert_answered(told, WIRE_OK_DISPLAY_INFO);
    assert_waiting(created);
    assert_waiting(parked);
    fake_answer_blob(context, 5, platform_page_size());
    world_dispatch(world);
    assert_ok(created);
    assert_ok(parked);
    assert_int_equal(created->header.fence_id, 1);
    assert_int_equal(world_counts(world).parked, 0);
    world_destroy(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ring_fence),
        cmocka_unit_test(test_numbers_of_the_guest),
        cmocka_unit_test(test_rings_are_apart),
        cmocka_unit_test(test_ring_fence_of_another_command),
        cmocka_unit_test(test_bad_ring),
        cmocka_unit_test(test_refusals_do_not_overtake),
        cmocka_unit_test(test_lost_context_retires_everything),
        cmocka_unit_test(test_destroyed_context_retires_everything),
        cmocka_unit_test(test_plain_fence),
        cmocka_unit_test(test_plain_order),
        cmocka_unit_test(test_plain_fence_of_a_map),
        cmocka_unit_test(test_plain_fence_at_a_context),
    };
    return cmocka_run_group_tests_name("device fences", tests, NULL, NULL) ? 1 : 0;
}
