/* Contexts, submissions, attachments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world.h"

static struct answer *create(struct world *world, uint32_t ctx_id, uint32_t init,
                             uint32_t name_length) {
    struct wire_ctx_create request = {
        .header = {.type = WIRE_CTX_CREATE, .ctx_id = ctx_id},
        .name_length = name_length,
        .context_init = init,
    };
    memset(request.name, 'n', sizeof(request.name));
    return world_send(world, &request, sizeof(request));
}

static struct answer *destroy(struct world *world, uint32_t ctx_id) {
    const struct wire_header request = {.type = WIRE_CTX_DESTROY, .ctx_id = ctx_id};
    return world_send(world, &request, sizeof(request));
}

static struct answer *submit(struct world *world, uint32_t ctx_id, uint32_t size,
                             const uint32_t *words, size_t present) {
    const struct wire_submit_3d request = {
        .header = {.type = WIRE_SUBMIT_3D, .ctx_id = ctx_id},
        .size = size,
    };
    return world_send_with(world, &request, sizeof(request), words, present);
}

/* Waits for the reaper. */
static void wait_for_end(uint32_t live) {
    while (atomic_load(&fake_contexts.live) != live) {
        sched_yield();
    }
}

/* ---- life -------------------------------------------------------------------------------- */

static void test_create_and_destroy(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    struct fake_context *context = world_context(world, 3);
    assert_string_equal(context->name, "context 3 (test)");
    assert_ok(create(world, 4, 0xffffff04, 64)); /* only the lower 8 bits say the capset */
    assert_int_equal(strlen(fake_contexts.made[1]->name), strlen("context 4 ()") + 64);
    assert_int_equal(world_counts(world).contexts, 2);
    assert_ok(destroy(world, 3));
    wait_for_end(1);
    assert_int_equal(world_counts(world).contexts, 1);
    world_context(world, 3); /* the number is free again */
    world_destroy(world);    /* ends the others */
}

/* Linux before 6.13 makes one for its console, and attaches dumb buffers to it. */
static void test_without_capset(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    assert_ok(create(world, 1, 0, 1));
    assert_int_equal(world_counts(world).contexts, 1);
    world_2d(world, 7, 64, 64);
    assert_ok(world_attach(world, 1, 7));
    assert_ok(world_detach(world, 1, 7));
    const uint32_t word = 0;
    assert_refused(submit(world, 1, 4, &word, 4), WIRE_ERR_UNSPEC, "SUBMIT_3D",
                   "Operation not supported");
    assert_ok(destroy(world, 1));
    assert_int_equal(world_counts(world).contexts, 0);
    world_destroy(world);
}

static void test_bad_creations(void **state) {
    (void)state;
    const struct device_options options = {.limits = {.contexts = 2}};
    struct world *world = world_create(&options, 1);
    assert_refused(create(world, 0, 4, 1), WIRE_ERR_INVALID_CONTEXT_ID, "CTX_CREATE",
                   "ctx_id 0: no number of a context");
    assert_refused(create(world, 1, 2, 1), WIRE_ERR_INVALID_PARAMETER, "CTX_CREATE",
                   "capset 2; only 4 (Venus)");
    assert_refused(create(world, 1, 0x104 + 1, 1), WIRE_ERR_INVALID_PARAMETER, "CTX_CREATE",
                   "context_init 0x105: capset 5");
    assert_refused(create(world, 1, 4, 65), WIRE_ERR_INVALID_PARAMETER, "CTX_CREATE",
                   "a name of 65 bytes");
    fake_contexts.create_error = -EMFILE;
    assert_refused(create(world, 1, 4, 0), WIRE_ERR_OUT_OF_MEMORY, "CTX_CREATE", "cannot be made");
    fake_contexts.create_error = 0;
    assert_ok(create(world, 1, 4, 0));
    assert_refused(create(world, 1, 4, 0), WIRE_ERR_INVALID_CONTEXT_ID, "CTX_CREATE",
                   "ctx_id 1: in use");
    assert_ok(create(world, 2, 4, 0));
    assert_refused(create(world, 3, 4, 0), WIRE_ERR_OUT_OF_MEMORY, "CTX_CREATE",
                   "the limit of 2 contexts is reached (--max-contexts)");
    /* One that has not ended yet counts. */
    pthread_mutex_lock(&fake_contexts.hold);
    assert_ok(destroy(world, 2));
    assert_refused(create(world, 3, 4, 0), WIRE_ERR_OUT_OF_MEMORY, "CTX_CREATE", "--max-contexts");
    pthread_mutex_unlock(&fake_contexts.hold);
    assert_refused(destroy(world, 2), WIRE_ERR_INVALID_CONTEXT_ID, "CTX_DESTROY",
                   "ctx_id 2: no such context");
    device_set_features(world->device, UINT64_C(1) << DEVICE_F_VIRGL);
    assert_refused(create(world, 3, 4, 0), WIRE_ERR_INVALID_PARAMETER, "CTX_CREATE",
                   "only 4 (Venus)");
    device_set_features(world->device, 0);
    assert_refused(create(world, 3, 4, 0), WIRE_ERR_UNSPEC, "CTX_CREATE",
                   "has not accepted feature bit 0");
    world_destroy(world);
}

/* Destroying blocks somebody else: the device goes on. */
static void test_slow_end(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    for (uint32_t i = 1; i <= 40; i++) { /* more than the reaper has threads */
        world_context(world, i);
    }
    pthread_mutex_lock(&fake_contexts.hold);
    for (uint32_t i = 1; i <= 40; i++) {
        assert_ok(destroy(world, i));
    }
    world_context(world, 1);
    assert_int_equal(atomic_load(&fake_contexts.live), 41);
    pthread_mutex_unlock(&fake_contexts.hold);
    wait_for_end(1);
    world_destroy(world);
}

/* ---- SUBMIT_3D --------------------------------------------------------------------------- */

static void test_submit(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    struct fake_context *context = world_context(world, 1);
    const uint32_t words[] = {0xabcd1234, 2, 3};
    assert_ok(submit(world, 1, 12, words, 12));
    assert_int_equal(fake_last(context, FAKE_SUBMIT)->value, 12);
    assert_int_equal(fake_last(context, FAKE_SUBMIT)->first, 0xabcd1234);
    assert_ok(submit(world, 1, 8, words, 12)); /* less than there is */
    assert_int_equal(fake_last(context, FAKE_SUBMIT)->value, 8);
    assert_ok(submit(world, 1, 0, words, 0));
    assert_int_equal(fake_count(context, FAKE_SUBMIT), 3);

    assert_refused(submit(world, 1, 16, words, 12), WIRE_ERR_INVALID_PARAMETER, "SUBMIT_3D",
                   "size 16: more than the request has");
    assert_refused(submit(world, 1, UINT32_MAX - 3, words, 12), WIRE_ERR_INVALID_PARAMETER,
                   "SUBMIT_3D", "more than the request has");
    assert_refused(submit(world, 1, 6, words, 12), WIRE_ERR_INVALID_PARAMETER, "SUBMIT_3D",
                   "size 6: not a multiple of 4");
    assert_refused(submit(world, 2, 4, words, 12), WIRE_ERR_INVALID_CONTEXT_ID, "SUBMIT_3D",
                   "ctx_id 2: no such context");
    assert_refused(submit(world, 0, 4, words, 12), WIRE_ERR_INVALID_CONTEXT_ID, "SUBMIT_3D",
                   "ctx_id 0: no such context");
    assert_int_equal(fake_count(context, FAKE_SUBMIT), 3);
    fake_contexts.submit_error = -ENOSPC;
    assert_refused(submit(world, 1, 4, words, 12), WIRE_ERR_OUT_OF_MEMORY, "SUBMIT_3D",
                   "context 1 (test)");
    world_destroy(world);
}

static void test_lost_context(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    struct fake_context *context = world_context(world, 1);
    world_context(world, 2);
    fake_lose(context, "a bad command");
    world_dispatch(world);
    assert_true(log_capture_has("context 1 (test) has ended: a bad command"));
    assert_refused(submit(world, 1, 0, NULL, 0), WIRE_ERR_UNSPEC, "SUBMIT_3D",
                   "has ended: a bad command");
    assert_refused(world_send_blob(world, 1, 5, WORLD_PAGE), WIRE_ERR_UNSPEC,
                   "RESOURCE_CREATE_BLOB", "has ended: a bad command");
    assert_int_equal(fake_count(context, FAKE_SUBMIT), 0);
    assert_ok(submit(world, 2, 0, NULL, 0)); /* the other is well */
    assert_ok(destroy(world, 1));
    world_context(world, 1);
    assert_ok(submit(world, 1, 0, NULL, 0));
    world_destroy(world);
}

/* ---- attachments ------------------------------------------------------------------------- */

static void test_attach_and_detach(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    struct fake_context *maker = world_context(world, 1);
    struct fake_context *other = world_context(world, 2);
    world_host_blob(world, maker, 1, 5, WORLD_PAGE);

    /* The maker has it already. */
    assert_ok(world_attach(world, 1, 5));
    assert_int_equal(fake_count(maker, FAKE_ATTACH), 0);
    assert_ok(world_attach(world, 2, 5));
    assert_int_equal(fake_last(other, FAKE_ATTACH)->id, 5);
    assert_true(fake_last(other, FAKE_ATTACH)->value >= WORLD_PAGE);
    assert_ok(world_detach(world, 2, 5));
    assert_int_equal(fake_last(other, FAKE_DETACH)->id, 5);
    assert_refused(world_detach(world, 2, 5), WIRE_ERR_INVALID_PARAMETER, "CTX_DETACH_RESOURCE",
                   "resource_id 5: not attached to context 2");

    /* Two handles in one context: it is gone with the second. */
    assert_ok(world_attach(world, 2, 5));
    assert_ok(world_attach(world, 2, 5));
    assert_int_equal(fake_count(other, FAKE_ATTACH), 2);
    assert_ok(world_detach(world, 2, 5));
    assert_int_equal(fake_count(other, FAKE_DETACH), 1);
    assert_ok(world_detach(world, 2, 5));
    assert_int_equal(fake_count(other, FAKE_DETACH), 2);

    assert_ok(world_detach(world, 1, 5));
    assert_int_equal(fake_count(maker, FAKE_DETACH), 1);
    assert_refused(world_detach(world, 1, 5), WIRE_ERR_INVALID_PARAMETER, "CTX_DETACH_RESOURCE",
                   "not attached");

    assert_refused(world_attach(world, 1, 6), WIRE_ERR_INVALID_RESOURCE_ID, "CTX_ATTACH_RESOURCE",
                   "resource_id 6");
    assert_refused(world_attach(world, 3, 5), WIRE_ERR_INVALID_CONTEXT_ID, "CTX_ATTACH_RESOURCE",
                   "ctx_id 3");
    assert_refused(world_detach(world, 1, 6), WIRE_ERR_INVALID_RESOURCE_ID, "CTX_DETACH_RESOURCE",
                   "resource_id 6");
    assert_refused(world_detach(world, 3, 5), WIRE_ERR_INVALID_CONTEXT_ID, "CTX_DETACH_RESOURCE",
                   "ctx_id 3");
    fake_contexts.attach_error = -ENOMEM;
    assert_refused(world_attach(world, 2, 5), WIRE_ERR_OUT_OF_MEMORY, "CTX_ATTACH_RESOURCE",
                   "resource_id 5 to context 2");
    fake_contexts.attach_error = 0;
    assert_refused(world_detach(world, 2, 5), WIRE_ERR_INVALID_PARAMETER, "CTX_DETACH_RESOURCE",
                   "not attached");
    world_destroy(world);
}

/* An end on either side ends the attachment. */
static void test_ends_while_attached(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    struct fake_context *maker = world_context(world, 1);
    struct fake_context *other = world_context(world, 2);
    world_host_blob(world, maker, 1, 5, WORLD_PAGE);
    world_host_blob(world, maker, 1, 6, WORLD_PAGE);
    assert_ok(world_attach(world, 2, 5));
    assert_ok(world_attach(world, 2, 6));
    assert_ok(SEND(world, wire_resource, WIRE_RESOURCE_UNREF, .resource_id = 5));
    assert_int_equal(fake_last(maker, FAKE_DETACH)->id, 5);
    assert_int_equal(fake_last(other, FAKE_DETACH)->id, 5);
    assert_int_equal(fake_count(maker, FAKE_DETACH), 1);

    /* The resource outlives its maker. */
    assert_ok(destroy(world, 1));
    wait_for_end(1);
    assert_int_equal(world_counts(world).resources, 1);
    assert_ok(world_detach(world, 2, 6));
    assert_ok(world_attach(world, 2, 6));
    assert_ok(SEND(world, wire_resource, WIRE_RESOURCE_UNREF, .resource_id = 6));
    world_destroy(world);
}

/* The driver of a lost context takes away what it had, and what it believes to have. */
static void test_detach_from_a_lost_context(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    struct fake_context *context = world_context(world, 1);
    world_host_blob(world, context, 1, 5, WORLD_PAGE);
    world_host_blob(world, context, 1, 6, WORLD_PAGE);
    struct answer *created = world_send_blob(world, 1, 7, WORLD_PAGE);
    fake_lose(context, "a bad command");
    world_dispatch(world);
    assert_refused(created, WIRE_ERR_UNSPEC, "RESOURCE_CREATE_BLOB", "a bad command");
    assert_refused(world_attach(world, 1, 5), WIRE_ERR_UNSPEC, "CTX_ATTACH_RESOURCE", "has ended");
    for (uint32_t id = 5; id <= 7; id++) {
        assert_ok(world_detach(world, 1, id));
        assert_ok(world_detach(world, 1, id));
    }
    assert_int_equal(fake_count(context, FAKE_DETACH), 2); /* 5 and 6, once each */
    assert_ok(SEND(world, wire_resource, WIRE_RESOURCE_UNREF, .resource_id = 5));
    assert_int_equal(fake_count(context, FAKE_DETACH), 2);
    assert_ok(destroy(world, 1));
    world_destroy(world);
}

/* A context can only take storage: the rest is noted. */
static void test_attach_without_storage(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    struct fake_context *context = world_context(world, 1);
    world_2d(world, 1, 4, 4);
    world_guest_blob(world, 2, WORLD_RAM, (uint32_t)platform_page_size());
    for (uint32_t id = 1; id <= 2; id++) {
        assert_ok(world_attach(world, 1, id));
        assert_ok(world_detach(world, 1, id));
        assert_refused(world_detach(world, 1, id), WIRE_ERR_INVALID_PARAMETER,
                       "CTX_DETACH_RESOURCE", "not attached");
        assert_ok(world_attach(world, 1, id));
        assert_ok(SEND(world, wire_resource, WIRE_RESOURCE_UNREF, .resource_id = id));
    }
    assert_int_equal(context->call_count, 0);
    world_destroy(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_and_destroy),
        cmocka_unit_test(test_without_capset),
        cmocka_unit_test(test_bad_creations),
        cmocka_unit_test(test_slow_end),
        cmocka_unit_test(test_submit),
        cmocka_unit_test(test_lost_context),
        cmocka_unit_test(test_attach_and_detach),
        cmocka_unit_test(test_ends_while_attached),
        cmocka_unit_test(test_detach_from_a_lost_context),
        cmocka_unit_test(test_attach_without_storage),
    };
    return cmocka_run_group_tests_name("device contexts", tests, NULL, NULL) ? 1 : 0;
}
