/* Contexts and the presenter speak from their own threads while the device works. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world.h"

#define RING (WIRE_FLAG_FENCE | WIRE_FLAG_RING_IDX)

enum { CONTEXTS = 4, ROUNDS = 400 };

/* What the device thread has asked of a context, for the thread that answers. */
struct speaker {
    struct fake_context *context;
    struct world *world;
    _Atomic(uint32_t) asked; /* rounds: a fence and a blob each */
    _Atomic(bool) stop;
    pthread_t thread;
};

static void *speak(void *argument) {
    struct speaker *speaker = argument;
    uint32_t answered = 0;
    while (!atomic_load(&speaker->stop) || answered < atomic_load(&speaker->asked)) {
        if (answered == atomic_load(&speaker->asked)) {
            sched_yield();
            continue;
        }
        answered++;
        fake_retire_to(speaker->context, 0, answered);
        fake_answer_blob(speaker->context, speaker->context->index * 10000 + answered, WORLD_PAGE);
    }
    return NULL;
}

static void *present(void *argument) {
    struct speaker *speaker = argument;
    uint32_t taken = 0;
    while (!atomic_load(&speaker->stop)) {
        const uint32_t asked = atomic_load(&speaker->asked);
        if (asked != taken) {
            taken = asked;
            fake_presenter_take(&speaker->world->presenter, asked);
        }
        assert_int_equal(world_set_display(speaker->world, 1, 100 + taken % 50, 100), 0);
        struct device_counts counts;
        device_get_counts(speaker->world->device, &counts);
        sched_yield();
    }
    return NULL;
}

static void start(struct speaker *speaker, platform_thread_main main) {
    assert_int_equal(platform_thread_start(&speaker->thread, "speaker", main, speaker), 0);
}

static void stop(struct speaker *speaker) {
    atomic_store(&speaker->stop, true);
    pthread_join(speaker->thread, NULL);
}

/* Waits on the descriptor, as a front end does. */
static void wait_for(struct world *world, const struct answer *answer) {
    while (!answer->done) {
        struct pollfd query = {.fd = device_get_poll_fd(world->device), .events = POLLIN};
        assert_int_equal(poll(&query, 1, 20000), 1);
        device_dispatch(world->device);
    }
}

static void send_round(struct world *world, struct speaker *speaker, uint32_t ctx_id,
                       uint32_t round, struct answer **fence, struct answer **blob) {
    const struct wire_submit_3d submit = {
        .header = {.type = WIRE_SUBMIT_3D, .flags = RING, .ctx_id = ctx_id}};
    *fence = world_send(world, &submit, sizeof(submit));
    *blob = world_send_blob(world, ctx_id, speaker->context->index * 10000 + round, WORLD_PAGE);
    atomic_store(&speaker->asked, round);
}

static void test_up_calls_from_threads(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 2);
    struct speaker speakers[CONTEXTS] = {{.context = NULL}};
    struct speaker screen = {.world = world};
    for (uint32_t i = 0; i < CONTEXTS; i++) {
        speakers[i].context = world_context(world, i + 1);
        start(&speakers[i], speak);
    }
    world_2d(world, 99999, 4, 4);
    assert_ok(SEND(world, wire_set_scanout, WIRE_SET_SCANOUT, .resource_id = 99999,
                   .rect = {0, 0, 4, 4}));
    start(&screen, present);
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        struct answer *fences[CONTEXTS], *blobs[CONTEXTS];
        for (uint32_t i = 0; i < CONTEXTS; i++) {
            send_round(world, &speakers[i], i + 1, round, &fences[i], &blobs[i]);
        }
        const struct wire_flush flush = {
            .header = {.type = WIRE_RESOURCE_FLUSH, .flags = WIRE_FLAG_FENCE},
            .rect = {0, 0, 4, 4},
            .resource_id = 99999,
        };
        struct answer *flushed = world_send(world, &flush, sizeof(flush));
        atomic_store(&screen.asked, round);
        wait_for(world, flushed);
        for (uint32_t i = 0; i < CONTEXTS; i++) {
            wait_for(world, fences[i]);
            wait_for(world, blobs[i]);
            assert_int_equal(fences[i]->header.type, WIRE_OK_NODATA);
            assert_int_equal(blobs[i]->header.type, WIRE_OK_NODATA);
            assert_ok(SEND(world, wire_resource, WIRE_RESOURCE_UNREF,
                           .resource_id = speakers[i].context->index * 10000 + round));
        }
    }
    stop(&screen);
    for (uint32_t i = 0; i < CONTEXTS; i++) {
        stop(&speakers[i]);
    }
    world_destroy(world);
}

/* The device resets and ends contexts under their words. */
static void test_resets_under_up_calls(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 2);
    for (uint32_t turn = 0; turn < 40; turn++) {
        struct speaker speaker = {.context = world_context(world, 1)};
        start(&speaker, speak);
        struct answer *fence, *blob;
        for (uint32_t round = 1; round <= 20; round++) {
            send_round(world, &speaker, 1, round, &fence, &blob);
            device_dispatch(world->device);
        }
        pthread_mutex_lock(&fake_contexts.hold); /* the speaker may go on with the old one */
        if (turn % 2) {
            device_reset(world->device);
        } else {
            const struct wire_header destroy = {.type = WIRE_CTX_DESTROY, .ctx_id = 1};
            assert_ok(world_send(world, &destroy, sizeof(destroy)));
            assert_true(fence->done && blob->done);
        }
        device_dispatch(world->device);
        stop(&speaker);
        pthread_mutex_unlock(&fake_contexts.hold);
        while (atomic_load(&fake_contexts.live) > 0) {
            sched_yield();
        }
        fake_contexts_clear();
    }
    world_destroy(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_up_calls_from_threads),
        cmocka_unit_test(test_resets_under_up_calls),
    };
    return cmocka_run_group_tests_name("device threads", tests, NULL, NULL) ? 1 : 0;
}
