/* Requests that are wrong in form, for every command; limits; random ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world.h"

#define ALL_FEATURES UINT64_MAX

/* Facts of the specification, not of our table. */
struct form {
    uint32_t type;
    const char *name;
    size_t size, response;
    int feature;
    bool is_cursor;
};

static const struct form forms[] = {
    {0x0100, "GET_DISPLAY_INFO", 24, 408, -1, false},
    {0x0101, "RESOURCE_CREATE_2D", 40, 24, -1, false},
    {0x0102, "RESOURCE_UNREF", 32, 24, -1, false},
    {0x0103, "SET_SCANOUT", 48, 24, -1, false},
    {0x0104, "RESOURCE_FLUSH", 48, 24, -1, false},
    {0x0105, "TRANSFER_TO_HOST_2D", 56, 24, -1, false},
    {0x0106, "RESOURCE_ATTACH_BACKING", 32, 24, -1, false},
    {0x0107, "RESOURCE_DETACH_BACKING", 32, 24, -1, false},
    {0x0108, "GET_CAPSET_INFO", 32, 40, 0, false},
    {0x0109, "GET_CAPSET", 32, 184, 0, false},
    {0x010a, "GET_EDID", 32, 1056, 1, false},
    {0x010b, "RESOURCE_ASSIGN_UUID", 32, 40, 2, false},
    {0x010c, "RESOURCE_CREATE_BLOB", 56, 24, 3, false},
    {0x010d, "SET_SCANOUT_BLOB", 96, 24, 3, false},
    {0x0200, "CTX_CREATE", 96, 24, 0, false},
    {0x0201, "CTX_DESTROY", 24, 24, 0, false},
    {0x0202, "CTX_ATTACH_RESOURCE", 32, 24, 0, false},
    {0x0203, "CTX_DETACH_RESOURCE", 32, 24, 0, false},
    {0x0207, "SUBMIT_3D", 32, 24, 0, false},
    {0x0208, "RESOURCE_MAP_BLOB", 40, 32, 3, false},
    {0x0209, "RESOURCE_UNMAP_BLOB", 32, 24, 3, false},
    {0x0300, "UPDATE_CURSOR", 56, 0, -1, true},
    {0x0301, "MOVE_CURSOR", 56, 0, -1, true},
};
enum { FORMS = sizeof(forms) / sizeof(forms[0]) };

static struct answer *send_form(struct world *world, const struct form *form, size_t size,
                                size_t capacity, bool other_queue) {
    uint8_t bytes[256] = {0};
    memcpy(bytes, &form->type, 4);
    const bool cursor = form->is_cursor != other_queue;
    return world_send_to(world, cursor ? DEVICE_QUEUE_CURSOR : DEVICE_QUEUE_CONTROL, bytes, size,
                         capacity);
}

static void test_sizes(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    for (int i = 0; i < FORMS; i++) {
        for (size_t size = 24; size < forms[i].size; size++) {
            assert_refused(send_form(world, &forms[i], size, 24, false), WIRE_ERR_INVALID_PARAMETER,
                           forms[i].name, "it has at least");
        }
        /* Just long enough is another matter, whatever it says. */
        log_capture_clear();
        struct answer *answer = send_form(world, &forms[i], forms[i].size, 1200, false);
        assert_true(answer->done);
        assert_false(log_capture_has("it has at least"));
    }
    for (size_t size = 0; size < 24; size++) {
        assert_refused(send_form(world, &forms[0], size, 24, false), WIRE_ERR_INVALID_PARAMETER,
                       "a request", "less than a header");
    }
    world_destroy(world);
}

static void test_room_for_the_answer(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    for (int i = 0; i < FORMS; i++) {
        if (forms[i].is_cursor) {
            continue;
        }
        for (size_t room = 0; room < forms[i].response; room += room < 24 ? 1 : 4) {
            log_capture_clear();
            struct answer *answer = send_form(world, &forms[i], forms[i].size, room, false);
            assert_true(answer->done);
            assert_true(log_capture_has("bytes of response: it needs"));
            assert_true(log_capture_has(forms[i].name));
            assert_int_equal(answer->size, room < 24 ? 0 : 24);
            assert_int_equal(answer->header.type, room < 24 ? 0 : WIRE_ERR_INVALID_PARAMETER);
        }
    }
    assert_int_equal(world_counts(world).contexts, 0);
    world_destroy(world);
}

static void test_queues_and_features(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    for (int i = 0; i < FORMS; i++) {
        assert_refused(
            send_form(world, &forms[i], forms[i].size, 1200, true), WIRE_ERR_UNSPEC, forms[i].name,
            forms[i].is_cursor ? "not for the control queue" : "not for the cursor queue");
        if (forms[i].feature >= 0) {
            device_set_features(world->device, ~(UINT64_C(1) << forms[i].feature));
            assert_refused(send_form(world, &forms[i], forms[i].size, 1200, false), WIRE_ERR_UNSPEC,
                           forms[i].name, "has not accepted feature bit");
            device_set_features(world->device, ALL_FEATURES);
        }
    }
    world_destroy(world);
}

static void test_unknown_commands(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    static const uint32_t unknown[] = {0,     0xff,   0x10e,  0x1ff,     0x20a,
                                       0x302, 0x1100, 0x1200, UINT32_MAX};
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        const struct wire_header request = {
            .type = unknown[i], .flags = WIRE_FLAG_FENCE, .fence_id = 5};
        struct answer *answer = world_send(world, &request, sizeof(request));
        assert_refused(answer, WIRE_ERR_UNSPEC, "unknown command", "type 0x");
        assert_int_equal(answer->header.fence_id, 5);
    }
    static const struct {
        uint32_t type;
        const char *name;
    } classic[] = {{WIRE_RESOURCE_CREATE_3D, "RESOURCE_CREATE_3D"},
                   {WIRE_TRANSFER_TO_HOST_3D, "TRANSFER_TO_HOST_3D"},
                   {WIRE_TRANSFER_FROM_HOST_3D, "TRANSFER_FROM_HOST_3D"}};
    for (int i = 0; i < 3; i++) {
        const struct wire_header request = {.type = classic[i].type};
        assert_refused(world_send(world, &request, sizeof(request)), WIRE_ERR_UNSPEC,
                       classic[i].name, "OpenGL");
    }
    world_destroy(world);
}

/* ---- limits ------------------------------------------------------------------------------ */

static void test_limit_of_resources(void **state) {
    (void)state;
    const struct device_options options = {.limits = {.resources = 3}};
    struct world *world = world_create(&options, 1);
    struct fake_context *context = world_context(world, 1);
    const uint32_t page = (uint32_t)platform_page_size();
    world_2d(world, 1, 1, 1);
    world_guest_blob(world, 2, WORLD_RAM, page);
    /* Two under way, and room for one. */
    struct answer *first = world_send_blob(world, 1, 3, page);
    struct answer *second = world_send_blob(world, 1, 4, page);
    fake_answer_blob(context, 3, page);
    fake_answer_blob(context, 4, page);
    world_dispatch(world);
    assert_answered(first, WIRE_OK_NODATA);
    assert_answered(second, WIRE_ERR_OUT_OF_MEMORY);
    assert_int_equal(fake_last(context, FAKE_DETACH)->id, 4);
    assert_refused(world_send_blob(world, 1, 4, page), WIRE_ERR_OUT_OF_MEMORY,
                   "RESOURCE_CREATE_BLOB", "the limit of 3 resources is reached (--max-resources)");
    assert_refused(SEND(world, wire_create_2d, WIRE_RESOURCE_CREATE_2D, .resource_id = 4,
                        .format = 1, .width = 1, .height = 1),
                   WIRE_ERR_OUT_OF_MEMORY, "RESOURCE_CREATE_2D", "--max-resources");
    assert_ok(SEND(world, wire_resource, WIRE_RESOURCE_UNREF, .resource_id = 2));
    world_2d(world, 4, 1, 1);
    world_destroy(world);
}

static void test_limit_of_requests(void **state) {
    (void)state;
    const struct device_options options = {.limits = {.parked = 4}};
    struct world *world = world_create(&options, 1);
    struct fake_context *context = world_context(world, 1);
    for (uint32_t i = 1; i <= 4; i++) {
        assert_waiting(world_send_blob(world, 1, i, WORLD_PAGE));
    }
    const struct wire_header info = {.type = WIRE_GET_DISPLAY_INFO};
    assert_refused(world_send(world, &info, sizeof(info)), WIRE_ERR_OUT_OF_MEMORY,
                   "GET_DISPLAY_INFO",
                   "the limit of 4 requests without an answer is reached (--max-parked)");
    fake_refuse_blob(context, 1, -EIO, "no");
    world_dispatch(world);
    assert_answered(world_send(world, &info, sizeof(info)), WIRE_OK_DISPLAY_INFO);
    assert_int_equal(world_counts(world).parked, 3);
    world_destroy(world);
}

static void test_limit_of_pixels(void **state) {
    (void)state;
    const uint64_t page = platform_page_size();
    const struct device_options options = {.limits = {.pixel_bytes = 4 * page}};
    struct world *world = world_create(&options, 1);
    world_2d(world, 1, (uint32_t)page / 4, 3);
    assert_refused(SEND(world, wire_create_2d, WIRE_RESOURCE_CREATE_2D, .resource_id = 2,
                        .format = 1, .width = (uint32_t)page / 4, .height = 2),
                   WIRE_ERR_OUT_OF_MEMORY, "RESOURCE_CREATE_2D", "--max-pixel-bytes");
    world_2d(world, 2, 1, 1); /* a whole page of the host */
    assert_int_equal(world_counts(world).pixel_bytes, 4 * page);
    assert_refused(SEND(world, wire_create_2d, WIRE_RESOURCE_CREATE_2D, .resource_id = 3,
                        .format = 1, .width = 1, .height = 1),
                   WIRE_ERR_OUT_OF_MEMORY, "RESOURCE_CREATE_2D", "--max-pixel-bytes");
    assert_ok(SEND(world, wire_resource, WIRE_RESOURCE_UNREF, .resource_id = 1));
    world_2d(world, 3, 1, 1);
    world_destroy(world);
}

static void test_options(void **state) {
    (void)state;
    struct fake_presenter presenter;
    fake_presenter_init(&presenter, 1);
    const struct device_transport transport = {.complete = NULL};
    const struct device_options good = {.create_context = fake_context_create,
                                        .get_capset = fake_get_capset,
                                        .presenter = &presenter.base};
    struct device *device = NULL;
    struct device_options bad = good;
    bad.presenter = NULL;
    assert_int_equal(device_create(&bad, &transport, NULL, &device), -EINVAL);
    bad = good;
    bad.create_context = NULL;
    assert_int_equal(device_create(&bad, &transport, NULL, &device), -EINVAL);
    bad = good;
    bad.get_capset = NULL;
    assert_int_equal(device_create(&bad, &transport, NULL, &device), -EINVAL);
    presenter.base.scanout_count = 0;
    assert_int_equal(device_create(&good, &transport, NULL, &device), -EINVAL);
    presenter.base.scanout_count = 17;
    assert_int_equal(device_create(&good, &transport, NULL, &device), -EINVAL);
    presenter.base.scanout_count = 16;
    assert_int_equal(device_create(&good, &transport, NULL, &device), 0);
    device_destroy(device);
    device_destroy(NULL);
    assert_null(device_request_create(SIZE_MAX));
    assert_null(device_request_create(SIZE_MAX / 2 + 1));
    device_request_destroy(device_request_create(0));
    device_request_destroy(NULL);
}

/* ---- random requests --------------------------------------------------------------------- */

static uint32_t random_word(void) {
    static const uint32_t words[] = {0, 0, 1, 1, 2, 3, 4, 5, 64, 4096, 0x100000, UINT32_MAX};
    return words[(uint32_t)rand() % (sizeof(words) / sizeof(words[0]))];
}

/* Something that the other side does. */
static void random_event(struct world *world) {
    const uint32_t which = (uint32_t)rand() % 6;
    struct fake_context *context =
        fake_contexts.made_count ? fake_contexts.made[fake_contexts.made_count - 1] : NULL;
    if (which < 2 && world->map_call_count > 0) {
        world_answer_map(world, rand() % 8 ? 0 : -ENOMEM);
    } else if (which == 2) {
        fake_presenter_take(&world->presenter, 0);
    } else if (which == 3 && context) {
        fake_retire(context, (uint32_t)rand() % 5);
    } else if (which > 3 && context) {
        fake_answer_blob(context, 1 + (uint32_t)rand() % 5, WORLD_PAGE);
    }
    device_dispatch(world->device);
}

static void test_random(void **state) {
    (void)state;
    for (unsigned seed = 1; seed <= 12; seed++) {
        struct world *world = world_create(NULL, 2);
        pthread_mutex_lock(&fake_contexts.hold); /* so that none goes while we talk for it */
        srand(seed);
        for (int i = 0; i < 4000 && fake_contexts.made_count < 60; i++) {
            const struct form *form = &forms[(uint32_t)rand() % FORMS];
            uint32_t words[32];
            for (int w = 0; w < 32; w++) {
                words[w] = random_word();
            }
            words[0] = form->type;
            words[1] &= 3;
            words[7] = form->type == WIRE_CTX_CREATE ? 4 : words[7];
            world_send_to(world, form->is_cursor ? DEVICE_QUEUE_CURSOR : DEVICE_QUEUE_CONTROL,
                          words, sizeof(words), 1200);
            random_event(world);
        }
        pthread_mutex_unlock(&fake_contexts.hold);
        world_destroy(world); /* checks that nothing is left */
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_room_for_the_answer),
        cmocka_unit_test(test_queues_and_features),
        cmocka_unit_test(test_unknown_commands),
        cmocka_unit_test(test_limit_of_resources),
        cmocka_unit_test(test_limit_of_requests),
        cmocka_unit_test(test_limit_of_pixels),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests_name("device refusals", tests, NULL, NULL) ? 1 : 0;
}
