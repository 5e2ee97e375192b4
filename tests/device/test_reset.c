/* Resets at every moment, and what is late after them. */
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

static struct answer *map(struct world *world, uint32_t id, uint64_t offset) {
    return SEND(world, wire_map_blob, WIRE_RESOURCE_MAP_BLOB, .resource_id = id, .offset = offset);
}

static struct answer *flush(struct world *world, uint32_t id) {
    const struct wire_flush request = {
        .header = {.type = WIRE_RESOURCE_FLUSH, .flags = WIRE_FLAG_FENCE},
        .rect = {0, 0, 4, 4},
        .resource_id = id,
    };
    return world_send(world, &request, sizeof(request));
}

static struct answer *set_scanout(struct world *world, uint32_t scanout, uint32_t id) {
    return SEND(world, wire_set_scanout, WIRE_SET_SCANOUT, .scanout_id = scanout, .resource_id = id,
                .rect = {0, 0, 4, 4});
}

/* Context, blob (mapped, shared with a second context), 2D resources (backed, shown, pointed
 * with), and then one more request in every kind of waiting. */
enum { STEPS = 22 };

static void make_step(struct world *world, int step) {
    struct fake_context *first = fake_contexts.made_count > 0 ? fake_contexts.made[0] : NULL;
    const uint32_t id = (uint32_t)step + 100;
    switch (step) {
    case 0:
    case 1:
        world_context(world, (uint32_t)step + 1);
        break;
    case 2:
    case 3:
        world_host_blob(world, first, 1, (uint32_t)step, PAGE);
        break;
    case 4:
        map(world, 2, 0);
        break;
    case 5:
        world_answer_map(world, 0);
        break;
    case 6:
    case 7:
        world_2d(world, id, 64, 64);
        world_backing(world, id, WORLD_RAM, 16384);
        set_scanout(world, (uint32_t)step - 6, id);
        break;
    case 8:
        SEND_TO_CURSOR(world, WIRE_UPDATE_CURSOR, .resource_id = 106);
        break;
    case 9:
        flush(world, 106);
        break;
    case 10: {
        const struct wire_resource attach = {
            .header = {.type = WIRE_CTX_ATTACH_RESOURCE, .ctx_id = 2}, .resource_id = 2};
        assert_ok(world_send(world, &attach, sizeof(attach)));
        break;
    }
    case 11:
        submit(world, 1, RING);
        break;
    case 12:
        world_send_blob(world, 1, 50, PAGE); /* not answered */
        break;
    case 13:
        map(world, 50, PAGE); /* parked behind it */
        break;
    case 14:
        map(world, 3, 2 * PAGE); /* not answered by the transport */
        break;
    case 15:
        SEND(world, wire_resource, WIRE_RESOURCE_UNREF, .resource_id = 3); /* behind that */
        break;
    case 16:
        submit(world, 1, WIRE_FLAG_FENCE); /* behind the flush */
        break;
    case 17:
        set_scanout(world, 0, 50);
        break;
    case 18: /* an answer that is not looked at yet */
        world_send_blob(world, 1, 51, PAGE);
        fake_answer_blob(first, 51, PAGE);
        break;
    case 19:
        fake_retire(first, 0);
        break;
    case 20:
        fake_presenter_take(&world->presenter, 0);
        break;
    default:
        SEND(world, wire_resource, WIRE_RESOURCE_UNMAP_BLOB, .resource_id = 2);
        break;
    }
}

static void check_empty(struct world *world) {
    const struct device_counts counts = world_counts(world);
    assert_int_equal(counts.contexts, 0);
    assert_int_equal(counts.resources, 0);
    assert_int_equal(counts.mappings, 0);
    assert_int_equal(counts.parked, 0);
    assert_int_equal(counts.pixel_bytes, 0);
    for (int i = 0; i < 2; i++) {
        assert_false(world->presenter.scanouts[i].shown);
        assert_false(world->presenter.scanouts[i].has_cursor);
    }
}

static void test_reset_at_each_step(void **state) {
    (void)state;
    for (int last = 0; last <= STEPS; last++) {
        struct world *world = world_create(NULL, 2);
        for (int step = 0; step < last; step++) {
            make_step(world, step);
        }
        const uint32_t order = world->answer_order, unmaps = world->unmaps;
        const uint32_t late_maps = world->map_call_count;
        device_reset(world->device);
        assert_int_equal(world->answer_order, order); /* nothing is completed */
        assert_int_equal(world->unmaps, unmaps);      /* the front end's are gone already */
        check_empty(world);
        /* Late answers of the transport and the presenter. */
        for (uint32_t i = 0; i < late_maps; i++) {
            world_answer_map(world, 0);
        }
        fake_presenter_take(&world->presenter, world->presenter.last_token);
        world_dispatch(world);
        assert_int_equal(world->answer_order, order);
        check_empty(world);
        /* And everything again. */
        while (atomic_load(&fake_contexts.live) > 0) {
            sched_yield();
        }
        fake_contexts_clear();
        for (int step = 0; step < STEPS; step++) {
            make_step(world, step);
        }
        world_destroy(world);
    }
}

/* Contexts that still end talk to a device that has gone on. */
static void test_late_up_calls(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    struct fake_context *old = world_context(world, 1);
    struct answer *fence = submit(world, 1, RING);
    struct answer *blob = world_send_blob(world, 1, 5, PAGE);
    pthread_mutex_lock(&fake_contexts.hold); /* keeps the old one alive */
    device_reset(world->device);
    struct fake_context *new = world_context(world, 1);
    struct answer *new_fence = submit(world, 1, RING);
    struct answer *new_blob = world_send_blob(world, 1, 5, PAGE);
    fake_retire(old, 0);
    fake_answer_blob(old, 5, PAGE);
    fake_lose(old, "late");
    assert_false(world_is_pollable(world));
    device_dispatch(world->device);
    assert_false(fence->done || blob->done || new_fence->done || new_blob->done);
    pthread_mutex_unlock(&fake_contexts.hold);
    fake_retire(new, 0);
    fake_answer_blob(new, 5, PAGE);
    world_dispatch(world);
    assert_ok(new_fence);
    assert_ok(new_blob);
    assert_false(fence->done || blob->done);
    world_destroy(world);
}

/* A reset forgets which features were accepted, and events that nobody fetched. */
static void test_reset_of_the_rest(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    device_set_features(world->device, 0);
    assert_int_equal(world_set_display(world, 0, 640, 480), 0);
    world_dispatch(world);
    device_reset(world->device);
    uint32_t events;
    assert_int_equal(device_read_config(world->device, 0, &events, 4), 0);
    assert_int_equal(events, 0);
    world_context(world, 1);
    world_guest_blob(world, 1, WORLD_RAM, PAGE); /* the memory table stays */
    device_reset(world->device);
    device_reset(world->device);
    world_destroy(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reset_at_each_step),
        cmocka_unit_test(test_late_up_calls),
        cmocka_unit_test(test_reset_of_the_rest),
    };
    return cmocka_run_group_tests_name("device resets", tests, NULL, NULL) ? 1 : 0;
}
