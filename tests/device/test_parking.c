/* Who waits for whom: requests are ordered per context, per resource and per scanout. Above all: who
 * does not wait. A context that never answers is beside others, and beside a display, in each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world.h"

#define PAGE ((uint32_t)platform_page_size())
#define RING (WIRE_FLAG_FENCE | WIRE_FLAG_RING_IDX)

static struct answer *submit(struct world *world, uint32_t ctx_id, uint32_t flags) {
    const struct wire_submit_3d request = {
        .header = {.type = WIRE_SUBMIT_3D, .flags = flags, .ctx_id = ctx_id}};
    return world_send(world, &request, sizeof(request));
}

static struct answer *destroy(struct world *world, uint32_t ctx_id) {
    const struct wire_header request = {.type = WIRE_CTX_DESTROY, .ctx_id = ctx_id};
    return world_send(world, &request, sizeof(request));
}

static struct answer *unref(struct world *world, uint32_t id) {
    return SEND(world, wire_resource, WIRE_RESOURCE_UNREF, .resource_id = id);
}

static struct answer *set_scanout(struct world *world, uint32_t scanout, uint32_t id) {
    return SEND(world, wire_set_scanout, WIRE_SET_SCANOUT, .scanout_id = scanout, .resource_id = id,
                .rect = {0, 0, 4, 4});
}

static struct answer *set_blob(struct world *world, uint32_t scanout, uint32_t id) {
    return SEND(world, wire_set_scanout_blob, WIRE_SET_SCANOUT_BLOB, .scanout_id = scanout,
                .resource_id = id, .rect = {0, 0, 4, 4}, .width = 4, .height = 4, .format = 1,
                .strides = {16});
}

static struct answer *flush(struct world *world, uint32_t id) {
    const struct wire_flush request = {
        .header = {.type = WIRE_RESOURCE_FLUSH, .flags = WIRE_FLAG_FENCE, .fence_id = 1},
        .rect = {0, 0, 4, 4},
        .resource_id = id,
    };
    return world_send(world, &request, sizeof(request));
}

/* Ten frames on scanout 0, drawn, flipped and taken one after the other. */
static void check_display_runs(struct world *world) {
    for (uint32_t i = 0; i < 10; i++) {
        const uint32_t id = 1001 + i % 2;
        assert_ok(SEND(world, wire_transfer_2d, WIRE_TRANSFER_TO_HOST_2D, .resource_id = id,
                       .rect = {0, 0, 4, 4}));
        assert_ok(set_scanout(world, 0, id));
        struct answer *flushed = flush(world, id);
        assert_waiting(flushed);
        fake_presenter_take(&world->presenter, 0);
        world_dispatch(world);
        assert_ok(flushed);
    }
}

/* Round trips, and a blob made, mapped and freed, at a context that is well. */
static void check_context_runs(struct world *world, struct fake_context *context, uint32_t ctx_id) {
    for (uint32_t i = 0; i < 10; i++) {
        struct answer *fenced = submit(world, ctx_id, RING);
        fake_retire(context, 0);
        world_dispatch(world);
        assert_ok(fenced);
        const uint32_t id = 2000 + i;
        struct answer *created = world_send_blob(world, ctx_id, id, PAGE);
        struct answer *attached = world_attach(world, ctx_id, id);
        struct answer *mapped =
            SEND(world, wire_map_blob, WIRE_RESOURCE_MAP_BLOB, .resource_id = id, .offset = 0);
        fake_answer_blob(context, id, PAGE);
        world_dispatch(world);
        world_answer_maps(world);
        assert_ok(created);
        assert_ok(attached);
        assert_answered(mapped, WIRE_OK_MAP_INFO);
        assert_ok(world_detach(world, ctx_id, id));
        assert_ok(SEND(world, wire_resource, WIRE_RESOURCE_UNMAP_BLOB, .resource_id = id));
        assert_ok(unref(world, id));
    }
}

static struct world *create(void) {
    struct world *world = world_create(NULL, 2);
    for (uint32_t id = 1001; id <= 1002; id++) {
        world_2d(world, id, 4, 4);
        world_backing(world, id, WORLD_RAM, 64);
    }
    return world;
}

/* ---- a context that never answers -------------------------------------------------------- */

static void test_stuck_context(void **state) {
    (void)state;
    struct world *world = create();
    struct fake_context *stuck = world_context(world, 1);
    struct fake_context *well = world_context(world, 2);
    struct answer *stuck_answers[] = {
        world_send_blob(world, 1, 5, PAGE),
        submit(world, 1, RING),
        world_detach(world, 1, 5), /* waits for the blob, and what follows for it */
        submit(world, 1, RING),
        submit(world, 1, WIRE_FLAG_FENCE),
        submit(world, 1, 0),
        unref(world, 5),
    };
    check_context_runs(world, well, 2);
    check_display_runs(world);
    for (size_t i = 0; i < sizeof(stuck_answers) / sizeof(stuck_answers[0]); i++) {
        assert_waiting(stuck_answers[i]);
    }
    /* It comes to itself: all goes on, in order. */
    assert_int_equal(fake_count(stuck, FAKE_SUBMIT), 1);
    fake_answer_blob(stuck, 5, PAGE);
    world_dispatch(world);
    assert_int_equal(fake_count(stuck, FAKE_SUBMIT), 4);
    fake_retire(stuck, 0);
    world_dispatch(world);
    for (size_t i = 0; i < sizeof(stuck_answers) / sizeof(stuck_answers[0]); i++) {
        assert_ok(stuck_answers[i]);
    }
    world_destroy(world);
}

/* Its picture on a display: the next one overtakes it. */
static void test_stuck_context_on_a_display(void **state) {
    (void)state;
    struct world *world = create();
    struct fake_context *stuck = world_context(world, 1);
    struct answer *created = world_send_blob(world, 1, 5, PAGE);
    struct answer *shown = set_blob(world, 0, 5);
    struct answer *mirrored = set_blob(world, 1, 5);
    struct answer *flushed = flush(world, 5);
    const struct wire_cursor cursor = {.header = {.type = WIRE_UPDATE_CURSOR}, .resource_id = 5};
    struct answer *pointed =
        world_send_to(world, DEVICE_QUEUE_CURSOR, &cursor, sizeof(cursor), sizeof(cursor.header));
    assert_waiting(shown);
    assert_waiting(pointed);
    check_display_runs(world);
    assert_ok(shown); /* given up for the next frame */
    assert_waiting(mirrored);
    assert_waiting(flushed);
    /* Moving works, and another image overtakes as well. */
    assert_true(SEND_TO_CURSOR(world, WIRE_MOVE_CURSOR, .scanout_id = 0, .x = 5)->done);
    assert_int_equal(world->presenter.scanouts[0].x, 5);
    assert_waiting(pointed);
    assert_true(SEND_TO_CURSOR(world, WIRE_UPDATE_CURSOR, .resource_id = 0)->done);
    assert_ok(pointed);

    fake_answer_blob(stuck, 5, PAGE);
    world_dispatch(world);
    assert_ok(created);
    assert_ok(mirrored);
    assert_true(world->presenter.scanouts[1].shown);
    assert_int_equal(world->presenter.scanouts[0].picture.stride, 16);
    assert_waiting(flushed); /* at the presenter: it is shown on one display */
    fake_presenter_take(&world->presenter, 0);
    world_dispatch(world);
    assert_ok(flushed);
    world_destroy(world);
}

/* Its guest program is killed: everything of it goes away, and its number can be used again. */
static void test_stuck_context_is_destroyed(void **state) {
    (void)state;
    struct world *world = create();
    world_context(world, 1);
    struct fake_context *well = world_context(world, 2);
    struct answer *created = world_send_blob(world, 1, 5, PAGE);
    struct answer *foreign = world_attach(world, 2, 5); /* another one wants it */
    struct answer *behind = submit(world, 2, 0);
    struct answer *detached = world_detach(world, 1, 5);
    struct answer *attached = world_attach(world, 1, 1001);
    struct answer *submitted = submit(world, 1, RING);
    struct answer *second = world_send_blob(world, 1, 6, PAGE);
    struct answer *mapped =
        SEND(world, wire_map_blob, WIRE_RESOURCE_MAP_BLOB, .resource_id = 6, .offset = 0);
    struct answer *unreffed = unref(world, 5);
    struct answer *again = unref(world, 6);
    assert_waiting(submitted);
    assert_waiting(second);
    assert_ok(destroy(world, 1));
    assert_ok(detached);
    assert_ok(attached);
    assert_answered(created, WIRE_ERR_UNSPEC);
    assert_answered(submitted, WIRE_ERR_UNSPEC);
    assert_answered(second, WIRE_ERR_UNSPEC);
    assert_answered(mapped, WIRE_ERR_INVALID_RESOURCE_ID);
    assert_answered(foreign, WIRE_ERR_INVALID_RESOURCE_ID);
    assert_ok(behind);
    assert_answered(unreffed, WIRE_ERR_INVALID_RESOURCE_ID);
    assert_answered(again, WIRE_ERR_INVALID_RESOURCE_ID);
    assert_int_equal(world_counts(world).parked, 0);
    struct fake_context *new = world_context(world, 1);
    check_context_runs(world, new, 1);
    check_context_runs(world, well, 2);
    check_display_runs(world);
    world_destroy(world);
}

/* Who wants a resource of the stuck one waits, but can be got rid of. */
static void test_waiting_for_a_stuck_context(void **state) {
    (void)state;
    struct world *world = create();
    struct fake_context *stuck = world_context(world, 1);
    world_context(world, 2);
    struct answer *created = world_send_blob(world, 1, 5, PAGE);
    struct answer *foreign = world_attach(world, 2, 5);
    struct answer *submitted = submit(world, 2, WIRE_FLAG_FENCE);
    assert_waiting(submitted);
    check_display_runs(world); /* not held back by the plain fence */
    assert_ok(destroy(world, 2));
    assert_ok(foreign);
    assert_answered(submitted, WIRE_ERR_UNSPEC);
    struct fake_context *new = world_context(world, 2);
    check_context_runs(world, new, 2);
    fake_answer_blob(stuck, 5, PAGE);
    world_dispatch(world);
    assert_ok(created);
    world_destroy(world);
}

/* ---- order ------------------------------------------------------------------------------- */

/* What a context makes it has: saying so does not wait, nor what follows it. */
static void test_attach_follows_creation(void **state) {
    (void)state;
    struct world *world = create();
    struct fake_context *context = world_context(world, 1);
    struct answer *created = world_send_blob(world, 1, 5, PAGE);
    assert_ok(world_attach(world, 1, 5));
    assert_ok(world_attach(world, 1, 5));
    assert_ok(submit(world, 1, 0));
    assert_waiting(created);
    fake_answer_blob(context, 5, PAGE);
    world_dispatch(world);
    assert_ok(created);
    assert_int_equal(fake_count(context, FAKE_ATTACH), 0);
    /* Both count. */
    assert_ok(world_detach(world, 1, 5));
    assert_int_equal(fake_count(context, FAKE_DETACH), 0);
    assert_ok(world_detach(world, 1, 5));
    assert_int_equal(fake_count(context, FAKE_DETACH), 1);
    world_destroy(world);
}

/* With something between the creation and the attachment the latter waits for its turn. */
static void test_attach_behind_an_end(void **state) {
    (void)state;
    struct world *world = create();
    struct fake_context *context = world_context(world, 1);
    struct answer *created = world_send_blob(world, 1, 5, PAGE);
    struct answer *unreffed = unref(world, 5);
    struct answer *attached = world_attach(world, 1, 5);
    struct answer *submitted = submit(world, 1, 0);
    assert_waiting(attached);
    assert_waiting(submitted);
    fake_answer_blob(context, 5, PAGE);
    world_dispatch(world);
    assert_ok(created);
    assert_ok(unreffed);
    assert_answered(attached, WIRE_ERR_INVALID_RESOURCE_ID);
    assert_ok(submitted);
    world_destroy(world);
}

static void test_order_in_a_context(void **state) {
    (void)state;
    struct world *world = create();
    struct fake_context *maker = world_context(world, 1);
    struct fake_context *user = world_context(world, 2);
    struct answer *created = world_send_blob(world, 1, 5, PAGE);
    struct answer *attached = world_attach(world, 2, 5);
    struct answer *submitted = submit(world, 2, 0);
    struct answer *own = world_send_blob(world, 2, 6, PAGE);
    assert_int_equal(user->call_count, 0);
    fake_answer_blob(maker, 5, PAGE);
    world_dispatch(world);
    assert_ok(created);
    assert_ok(attached);
    assert_ok(submitted);
    assert_waiting(own);
    assert_int_equal(user->calls[0].kind, FAKE_ATTACH);
    assert_int_equal(user->calls[1].kind, FAKE_SUBMIT);
    assert_int_equal(user->calls[2].kind, FAKE_CREATE_BLOB);
    world_destroy(world);
}

/* A blob of the guest's own memory is nothing to its context. */
static void test_guest_blob_does_not_wait(void **state) {
    (void)state;
    struct world *world = create();
    struct fake_context *maker = world_context(world, 1);
    world_context(world, 2);
    world_send_blob(world, 1, 5, PAGE);
    struct answer *attached = world_attach(world, 2, 5);
    const struct wire_create_blob create = {
        .header = {.type = WIRE_RESOURCE_CREATE_BLOB, .ctx_id = 2},
        .resource_id = 7,
        .blob_mem = WIRE_BLOB_GUEST,
        .size = PAGE,
    };
    assert_waiting(attached);
    assert_ok(world_send(world, &create, sizeof(create)));
    fake_answer_blob(maker, 5, PAGE);
    world_dispatch(world);
    assert_ok(attached);
    world_destroy(world);
}

/* Many requests behind one: the order holds, and what was never started is never counted. */
static void test_long_lane(void **state) {
    (void)state;
    enum { COUNT = 2000 };
    struct world *world = create();
    struct fake_context *context = world_context(world, 1);
    struct answer *created = world_send_blob(world, 1, 5, PAGE);
    struct answer *answers[COUNT];
    for (int i = 0; i < COUNT; i++) {
        answers[i] = i % 2 ? world_attach(world, 1, 5) : unref(world, i == 0 ? 5 : 5000);
    }
    assert_int_equal(world_counts(world).resources, 2);
    fake_answer_blob(context, 5, PAGE);
    world_dispatch(world);
    assert_ok(created);
    assert_ok(answers[0]);
    for (int i = 1; i < COUNT; i++) {
        assert_answered(answers[i], WIRE_ERR_INVALID_RESOURCE_ID);
        assert_true(i < 3 || i % 2 == 0 || answers[i]->order > answers[i - 2]->order);
    }
    assert_int_equal(world_counts(world).parked, 0);
    world_destroy(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stuck_context),
        cmocka_unit_test(test_stuck_context_on_a_display),
        cmocka_unit_test(test_stuck_context_is_destroyed),
        cmocka_unit_test(test_waiting_for_a_stuck_context),
        cmocka_unit_test(test_attach_follows_creation),
        cmocka_unit_test(test_attach_behind_an_end),
        cmocka_unit_test(test_order_in_a_context),
        cmocka_unit_test(test_guest_blob_does_not_wait),
        cmocka_unit_test(test_long_lane),
    };
    return cmocka_run_group_tests_name("device parking", tests, NULL, NULL) ? 1 : 0;
}
