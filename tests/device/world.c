#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../unit/open_descriptors.h"
#include "world.h"

/* ---- the transport ----------------------------------------------------------------------- */

static void transport_complete(void *user, void *tag, const void *response, size_t size) {
    struct world *world = user;
    struct answer *answer = tag;
    assert_true(answer->sent);
    assert_false(answer->done);
    assert_true(size <= sizeof(answer->bytes));
    answer->done = true;
    answer->size = size;
    answer->order = ++world->answer_order;
    memcpy(answer->bytes, response, size);
}

static int note_map_call(struct world *world, struct map_call call) {
    assert_true(world->map_call_count < 4096);
    world->map_calls[world->map_call_count++] = call;
    return 0;
}

static int transport_map(void *user, struct storage *storage, uint64_t offset, uint64_t size,
                         uint64_t token) {
    struct world *world = user;
    assert_true(offset % platform_page_size() == 0 && size % platform_page_size() == 0);
    assert_true(size > 0 && offset + size <= WORLD_VISIBLE_BYTES);
    if (world->map_error) {
        return world->map_error;
    }
    world->maps++;
    return note_map_call(world, (struct map_call){true, offset, size, token, storage});
}

static int transport_unmap(void *user, uint64_t offset, uint64_t size, uint64_t token) {
    struct world *world = user;
    if (world->unmap_error) {
        return world->unmap_error;
    }
    world->unmaps++;
    return note_map_call(world, (struct map_call){false, offset, size, token, NULL});
}

static void transport_config_changed(void *user) {
    ((struct world *)user)->config_changes++;
}

static const struct device_transport transport = {
    .complete = transport_complete,
    .map = transport_map,
    .unmap = transport_unmap,
    .config_changed = transport_config_changed,
};

/* ---- life -------------------------------------------------------------------------------- */

static void give_memory(struct world *world) {
    struct guest_region *region;
    struct guest_memory *memory;
    world->ram = calloc(1, WORLD_RAM_BYTES);
    assert_non_null(world->ram);
    assert_int_equal(guest_region_create_pointer(world->ram, WORLD_RAM, WORLD_RAM_BYTES, &region),
                     0);
    assert_int_equal(guest_memory_create(&region, 1, &memory), 0);
    guest_region_unref(region);
    device_set_memory(world->device, memory);
    guest_memory_unref(memory);
}

struct world *world_create(const struct device_options *options, uint32_t scanout_count) {
    struct world *world = calloc(1, sizeof(*world));
    assert_non_null(world);
    world->descriptors = count_open_descriptors();
    fake_contexts_clear();
    fake_presenter_init(&world->presenter, scanout_count);
    struct device_options ours = {.width = 0};
    if (options) {
        ours = *options;
    }
    ours.create_context = fake_context_create;
    ours.get_capset = fake_get_capset;
    ours.presenter = &world->presenter.base;
    ours.host_visible_bytes = WORLD_VISIBLE_BYTES;
    assert_int_equal(device_create(&ours, &transport, world, &world->device), 0);
    give_memory(world);
    log_capture_clear();
    return world;
}

void world_destroy(struct world *world) {
    device_destroy(world->device);
    for (uint32_t i = 0; i < world->presenter.base.scanout_count; i++) {
        assert_false(world->presenter.scanouts[i].shown);
    }
    uint64_t count, bytes;
    storage_get_totals(&count, &bytes);
    assert_true(count == 0 && bytes == 0);
    assert_int_equal(atomic_load(&fake_contexts.live), 0);
    free(world->ram);
    assert_int_equal(count_open_descriptors(), world->descriptors);
    free(world);
}

/* ---- requests ---------------------------------------------------------------------------- */

struct answer *world_send_to(struct world *world, enum device_queue queue, const void *bytes,
                             size_t size, size_t capacity) {
    assert_true(world->answer_count < WORLD_ANSWERS_MAX);
    struct answer *answer = &world->answers[world->answer_count++];
    struct device_request *request = device_request_create(size);
    assert_non_null(request);
    assert_true(request->size == size && ((uintptr_t)request->bytes & 7) == 0);
    if (size > 0) {
        memcpy(request->bytes, bytes, size);
    }
    request->response_capacity = capacity;
    request->tag = answer;
    answer->sent = true;
    device_submit(world->device, queue, request);
    return answer;
}

struct answer *world_send(struct world *world, const void *bytes, size_t size) {
    return world_send_to(world, DEVICE_QUEUE_CONTROL, bytes, size, WORLD_RESPONSE_BYTES);
}

struct answer *world_send_with(struct world *world, const void *bytes, size_t size,
                               const void *more, size_t more_size) {
    uint8_t *both = malloc(size + more_size + 1);
    assert_non_null(both);
    memcpy(both, bytes, size);
    if (more_size > 0) {
        memcpy(both + size, more, more_size);
    }
    struct answer *answer = world_send(world, both, size + more_size);
    free(both);
    return answer;
}

void world_answer_map(struct world *world, int error) {
    assert_true(world->map_call_count > 0);
    const struct map_call call = world->map_calls[0];
    world->map_call_count--;
    memmove(&world->map_calls[0], &world->map_calls[1],
            world->map_call_count * sizeof(world->map_calls[0]));
    device_mapped(world->device, call.token, error);
}

void world_answer_maps(struct world *world) {
    while (world->map_call_count > 0) {
        world_answer_map(world, 0);
    }
}

bool world_is_pollable(struct world *world) {
    struct pollfd query = {.fd = device_get_poll_fd(world->device), .events = POLLIN};
    assert_true(poll(&query, 1, 0) >= 0);
    return (query.revents & POLLIN) != 0;
}

void world_dispatch(struct world *world) {
    assert_true(world_is_pollable(world));
    device_dispatch(world->device);
    assert_false(world_is_pollable(world));
}

int world_set_display(struct world *world, uint32_t scanout, uint32_t width, uint32_t height) {
    const struct device_display display = {
        .connected = width > 0 || height > 0,
        .width = width,
        .height = height,
    };
    return device_set_display(world->device, scanout, &display);
}

struct device_counts world_counts(struct world *world) {
    struct device_counts counts;
    device_get_counts(world->device, &counts);
    return counts;
}

/* ---- checks ------------------------------------------------------------------------------ */

void assert_answered_at(const struct answer *answer, uint32_t type, const char *file, int line) {
    if (!answer->done || answer->size < sizeof(answer->header) || answer->header.type != type) {
        print_error("answered: %d, %zu bytes, type 0x%x; expected 0x%x. Said: %s\n", answer->done,
                    answer->size, answer->header.type, type, log_capture_text());
        _fail(file, line);
    }
    log_capture_clear();
}

void assert_refused_at(const struct answer *answer, uint32_t code, const char *command,
                       const char *reason, const char *file, int line) {
    char prefix[100];
    snprintf(prefix, sizeof(prefix), "virtio-gpu: %s: ", command);
    const char *said = strstr(log_capture_text(), prefix);
    if (!said || !strstr(said, reason)) {
        print_error("expected \"%s … %s\". Said: %s\n", prefix, reason, log_capture_text());
        _fail(file, line);
    }
    assert_answered_at(answer, code, file, line);
    if (answer->size != sizeof(answer->header)) {
        print_error("an error of %zu bytes\n", answer->size);
        _fail(file, line);
    }
}

/* ---- things ------------------------------------------------------------------------------ */

struct fake_context *world_context(struct world *world, uint32_t ctx_id) {
    struct wire_ctx_create create = {
        .header = {.type = WIRE_CTX_CREATE, .ctx_id = ctx_id},
        .name_length = 4,
        .context_init = CONTEXT_CAPSET_VENUS,
        .name = "test",
    };
    assert_ok(world_send(world, &create, sizeof(create)));
    return fake_contexts.made[fake_contexts.made_count - 1];
}

void world_2d(struct world *world, uint32_t resource_id, uint32_t width, uint32_t height) {
    assert_ok(SEND(world, wire_create_2d, WIRE_RESOURCE_CREATE_2D, .resource_id = resource_id,
                   .format = 1, .width = width, .height = height));
}

void world_backing(struct world *world, uint32_t resource_id, uint64_t address, uint32_t size) {
    const struct wire_mem_entry entry = {.address = address, .length = size};
    const struct wire_attach_backing attach =
        HEADED(wire_attach_backing, WIRE_RESOURCE_ATTACH_BACKING, .resource_id = resource_id,
               .entry_count = 1);
    assert_ok(world_send_with(world, &attach, sizeof(attach), &entry, sizeof(entry)));
}

void world_guest_blob(struct world *world, uint32_t resource_id, uint64_t address, uint32_t size) {
    const struct wire_mem_entry entry = {.address = address, .length = size};
    const struct wire_create_blob create =
        HEADED(wire_create_blob, WIRE_RESOURCE_CREATE_BLOB, .resource_id = resource_id,
               .blob_mem = WIRE_BLOB_GUEST, .entry_count = 1, .size = size);
    assert_ok(world_send_with(world, &create, sizeof(create), &entry, sizeof(entry)));
}

struct answer *world_send_blob(struct world *world, uint32_t ctx_id, uint32_t resource_id,
                               uint64_t size) {
    const struct wire_create_blob create = {
        .header = {.type = WIRE_RESOURCE_CREATE_BLOB, .ctx_id = ctx_id},
        .resource_id = resource_id,
        .blob_mem = WIRE_BLOB_HOST3D,
        .blob_flags = CONTEXT_BLOB_MAPPABLE,
        .blob_id = 7,
        .size = size,
    };
    return world_send(world, &create, sizeof(create));
}

void world_host_blob(struct world *world, struct fake_context *context, uint32_t ctx_id,
                     uint32_t resource_id, uint64_t size) {
    struct answer *answer = world_send_blob(world, ctx_id, resource_id, size);
    assert_waiting(answer);
    fake_answer_blob(context, resource_id, size);
    world_dispatch(world);
    assert_ok(answer);
}

static struct answer *send_resource(struct world *world, uint32_t type, uint32_t ctx_id,
                                    uint32_t resource_id) {
    const struct wire_resource request = {.header = {.type = type, .ctx_id = ctx_id},
                                          .resource_id = resource_id};
    return world_send(world, &request, sizeof(request));
}

struct answer *world_attach(struct world *world, uint32_t ctx_id, uint32_t resource_id) {
    return send_resource(world, WIRE_CTX_ATTACH_RESOURCE, ctx_id, resource_id);
}

struct answer *world_detach(struct world *world, uint32_t ctx_id, uint32_t resource_id) {
    return send_resource(world, WIRE_CTX_DETACH_RESOURCE, ctx_id, resource_id);
}
