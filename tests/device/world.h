/* A device with a fake transport, fake contexts, a fake presenter and some memory of a guest: what
 * tests of the device share. Included after cmocka. */
#ifndef VESPER_TESTS_DEVICE_WORLD_H
#define VESPER_TESTS_DEVICE_WORLD_H

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/device.h"
#include "device/wire.h"
#include "fake_context.h"
#include "fake_presenter.h"
#include "log_capture.h"
#include "platform/platform.h"

/* Blobs are multiples of it. */
#define WORLD_PAGE ((uint32_t)platform_page_size())

#define WORLD_ANSWERS_MAX 8192
#define WORLD_RESPONSE_BYTES 1200
#define WORLD_RAM 0x100000 /* where the guest's memory begins */
#define WORLD_RAM_BYTES (4u << 20)
#define WORLD_VISIBLE_BYTES (UINT64_C(1) << 30)

struct answer {
    bool sent, done;
    size_t size;
    uint32_t order; /* 1: the first answer of all */
    union {
        struct wire_header header;
        uint8_t bytes[WORLD_RESPONSE_BYTES];
    };
};

/* What the transport was asked for and has not answered. */
struct map_call {
    bool is_map;
    uint64_t offset, size, token;
    struct storage *storage; /* borrowed; of maps */
};

struct world {
    struct device *device;
    struct fake_presenter presenter;
    uint8_t *ram;
    struct answer answers[WORLD_ANSWERS_MAX];
    uint32_t answer_count, answer_order;
    struct map_call map_calls[4096];
    uint32_t map_call_count; /* not answered */
    uint32_t maps, unmaps;   /* ever */
    int map_error, unmap_error; /* for further calls */
    uint32_t config_changes;
    int descriptors; /* before */
};

/* `options` may be NULL: one scanout, no limits but the defaults. Members of it that the world
 * gives itself (contexts, presenter, region) are overwritten. */
struct world *world_create(const struct device_options *options, uint32_t scanout_count);
/* Ends the device, and checks that nothing is left. */
void world_destroy(struct world *world);

/* Submits `size` bytes with room for an answer. The answer is valid as long as the world. */
struct answer *world_send_to(struct world *world, enum device_queue queue, const void *bytes,
                             size_t size, size_t capacity);
struct answer *world_send(struct world *world, const void *bytes, size_t size);
/* A struct of wire.h, with its type and members: SEND(world, wire_resource, WIRE_RESOURCE_UNREF,
 * .resource_id = 3). SEND_TO_CURSOR: the same on the cursor queue. */
#define HEADED(request_type, wire_type, ...)                                                       \
    ((const struct request_type){.header = {.type = (wire_type)}, __VA_ARGS__})
#define SEND(world, request_type, wire_type, ...)                                                  \
    world_send((world), &HEADED(request_type, wire_type, __VA_ARGS__), sizeof(struct request_type))
#define SEND_TO_CURSOR(world, wire_type, ...)                                                      \
    world_send_to((world), DEVICE_QUEUE_CURSOR, &HEADED(wire_cursor, wire_type, __VA_ARGS__),      \
                  sizeof(struct wire_cursor), 0)
/* Bytes that follow a struct, in one request. */
struct answer *world_send_with(struct world *world, const void *bytes, size_t size,
                               const void *more, size_t more_size);

/* Answers what the transport was asked for: the first, or all. */
void world_answer_map(struct world *world, int error);
void world_answer_maps(struct world *world);
/* device_dispatch, where the device says that there is something to do. */
void world_dispatch(struct world *world);
bool world_is_pollable(struct world *world);
/* device_set_display with that mode; 0 × 0 unplugs. */
int world_set_display(struct world *world, uint32_t scanout, uint32_t width, uint32_t height);
struct device_counts world_counts(struct world *world);

/* Answered, with this code; the log is cleared. */
void assert_answered_at(const struct answer *answer, uint32_t type, const char *file, int line);
#define assert_answered(answer, type) assert_answered_at((answer), (type), __FILE__, __LINE__)
#define assert_ok(answer) assert_answered((answer), WIRE_OK_NODATA)
#define assert_waiting(answer) assert_false((answer)->done)
/* Answered with an error code, and a message says `command`, ": " and something with `reason`. */
void assert_refused_at(const struct answer *answer, uint32_t code, const char *command,
                       const char *reason, const char *file, int line);
#define assert_refused(answer, code, command, reason)                                              \
    assert_refused_at((answer), (code), (command), (reason), __FILE__, __LINE__)

/* CTX_ATTACH_RESOURCE and CTX_DETACH_RESOURCE. */
struct answer *world_attach(struct world *world, uint32_t ctx_id, uint32_t resource_id);
struct answer *world_detach(struct world *world, uint32_t ctx_id, uint32_t resource_id);

/* Things that most tests need: contexts, 2D resources with backing, blobs. All of them succeed. */
struct fake_context *world_context(struct world *world, uint32_t ctx_id);
void world_2d(struct world *world, uint32_t resource_id, uint32_t width, uint32_t height);
/* `address`: of contiguous guest memory. */
void world_backing(struct world *world, uint32_t resource_id, uint64_t address, uint32_t size);
void world_guest_blob(struct world *world, uint32_t resource_id, uint64_t address, uint32_t size);
struct answer *world_send_blob(struct world *world, uint32_t ctx_id, uint32_t resource_id,
                               uint64_t size);
/* The same, answered by the context. */
void world_host_blob(struct world *world, struct fake_context *context, uint32_t ctx_id,
                     uint32_t resource_id, uint64_t size);

#endif
