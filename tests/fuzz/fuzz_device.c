/* A virtio-gpu device: the input is a list of requests and of what the other sides of the device
 * do, in front of contexts and a presenter that need nothing. Each item begins with an opcode:
 *   0 … 127    request number N of `commands`: a byte of words, a byte of room for the answer (in
 *              units of 8 bytes), then the words behind the request's type
 *   128 …      what `act` does, with one byte as its argument */
#include <errno.h>
#include <string.h>

#include "around_device.h"
#include "device/wire.h"
#include "input.h"
#include "need.h"
#include "target.h"
#include "util/log.h"

#define REQUESTS_MAX 1024
#define MAP_CALLS_MAX 1024

static const uint32_t commands[] = {
    WIRE_GET_DISPLAY_INFO,
    WIRE_RESOURCE_CREATE_2D,
    WIRE_RESOURCE_UNREF,
    WIRE_SET_SCANOUT,
    WIRE_RESOURCE_FLUSH,
    WIRE_TRANSFER_TO_HOST_2D,
    WIRE_RESOURCE_ATTACH_BACKING,
    WIRE_RESOURCE_DETACH_BACKING,
    WIRE_GET_CAPSET_INFO,
    WIRE_GET_CAPSET,
    WIRE_GET_EDID,
    WIRE_RESOURCE_ASSIGN_UUID,
    WIRE_RESOURCE_CREATE_BLOB,
    WIRE_SET_SCANOUT_BLOB,
    WIRE_CTX_CREATE,
    WIRE_CTX_DESTROY,
    WIRE_CTX_ATTACH_RESOURCE,
    WIRE_CTX_DETACH_RESOURCE,
    WIRE_RESOURCE_CREATE_3D,
    WIRE_SUBMIT_3D,
    WIRE_RESOURCE_MAP_BLOB,
    WIRE_RESOURCE_UNMAP_BLOB,
    WIRE_UPDATE_CURSOR,
    WIRE_MOVE_CURSOR,
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

enum act {
    ACT_ANSWER_MAP = 128, /* 0: it worked */
    ACT_ANSWER_BLOB,      /* the oldest of context N, with fresh memory */
    ACT_REFUSE_BLOB,
    ACT_RETIRE, /* the last fence on ring N % 64 of context N / 64 */
    ACT_LOSE,
    ACT_TAKE_FLUSHES,
    ACT_DISPATCH,
    ACT_RESET,
    ACT_FEATURES,
    ACT_DISPLAY,
    ACT_CONFIG,
    ACT_MEMORY, /* 0: the guest has none */
};

/* ---- the transport ----------------------------------------------------------------------- */

enum tag { TAG_FREE, TAG_SENT, TAG_DONE };

struct world {
    struct device *device;
    struct fuzz_presenter presenter;
    struct guest_memory *memory;
    enum tag tags[REQUESTS_MAX];
    size_t capacities[REQUESTS_MAX];
    uint32_t request_count;
    uint64_t map_tokens[MAP_CALLS_MAX];
    uint32_t map_first, map_count;
};

static void fuzz_complete(void *user, void *tag, const void *response, size_t size) {
    struct world *world = user;
    const size_t index = (size_t)((enum tag *)tag - world->tags);
    need(index < world->request_count && world->tags[index] == TAG_SENT, "one answer a request");
    need(size <= world->capacities[index], "an answer that fits");
    need(size == 0 || (size >= 24 && *(const uint32_t *)response >= WIRE_OK_NODATA),
         "an answer of its kind");
    world->tags[index] = TAG_DONE;
}

static int note_map(struct world *world, uint64_t offset, uint64_t size, uint64_t token) {
    need(size > 0 && offset < FUZZ_REGION_BYTES && size <= FUZZ_REGION_BYTES - offset,
         "a mapping inside of the region");
    if (world->map_count == MAP_CALLS_MAX) {
        return -ENOMEM;
    }
    world->map_tokens[world->map_count++] = token;
    return 0;
}

static int fuzz_map(void *user, struct storage *storage, uint64_t offset, uint64_t size,
                    uint64_t token) {
    need(size <= storage_get_size(storage), "a mapping inside of its storage");
    return note_map(user, offset, size, token);
}

static int fuzz_unmap(void *user, uint64_t offset, uint64_t size, uint64_t token) {
    return note_map(user, offset, size, token);
}

static void fuzz_config_changed(void *user) {
    (void)user;
}

static const struct device_transport fuzz_transport = {
    .complete = fuzz_complete,
    .map = fuzz_map,
    .unmap = fuzz_unmap,
    .config_changed = fuzz_config_changed,
};

/* ---- one life of a device ---------------------------------------------------------------- */

static uint8_t ram[FUZZ_RAM_BYTES];

static void send(struct world *world, uint8_t opcode, struct input *input) {
    size_t size = take_byte(input) * (size_t)4;
    const size_t capacity = take_byte(input) * (size_t)8;
    if (size > input->size) {
        size = input->size;
    }
    struct device_request *request = device_request_create(4 + size);
    need(request != NULL, "memory");
    const uint32_t type = commands[opcode % COMMANDS];
    memcpy(request->bytes, &type, 4);
    memcpy(request->bytes + 4, input->bytes, size);
    input->bytes += size;
    input->size -= size;
    if (world->request_count == REQUESTS_MAX) {
        device_request_destroy(request);
        return;
    }
    request->response_capacity = capacity;
    request->tag = &world->tags[world->request_count];
    world->capacities[world->request_count] = capacity;
    world->tags[world->request_count++] = TAG_SENT;
    device_submit(world->device,
                  type >= WIRE_UPDATE_CURSOR ? DEVICE_QUEUE_CURSOR : DEVICE_QUEUE_CONTROL, request);
}

static void reset(struct world *world) {
    device_reset(world->device);
    for (uint32_t i = 0; i < world->request_count; i++) {
        if (world->tags[i] == TAG_SENT) {
            world->tags[i] = TAG_FREE; /* must not be answered any more */
        }
    }
}

static void use_config(struct world *world, uint8_t argument) {
    uint8_t bytes[256];
    memset(bytes, argument, sizeof(bytes));
    device_write_config(world->device, argument % 24, bytes, argument / 8);
    device_read_config(world->device, argument % 24, bytes, argument / 8);
}

static void act(struct world *world, uint8_t opcode, uint8_t argument) {
    switch (opcode) {
    case ACT_ANSWER_MAP:
        if (world->map_first < world->map_count) {
            device_mapped(world->device, world->map_tokens[world->map_first++],
                          argument ? -EIO : 0);
        }
        break;
    case ACT_ANSWER_BLOB:
    case ACT_REFUSE_BLOB:
    case ACT_LOSE:
        fuzz_context_speak(argument,
                           opcode == ACT_ANSWER_BLOB   ? FUZZ_ANSWER_BLOB
                           : opcode == ACT_REFUSE_BLOB ? FUZZ_REFUSE_BLOB
                                                       : FUZZ_LOSE,
                           argument);
        break;
    case ACT_RETIRE:
        fuzz_context_speak(argument / 64, FUZZ_RETIRE, argument);
        break;
    case ACT_TAKE_FLUSHES:
        world->presenter.listener.flushed(world->presenter.user, world->presenter.token);
        break;
    case ACT_DISPATCH:
        device_dispatch(world->device);
        break;
    case ACT_RESET:
        reset(world);
        break;
    case ACT_FEATURES:
        device_set_features(world->device, argument);
        break;
    case ACT_DISPLAY:
        device_set_display(world->device, argument % 4,
                           &(struct device_display){.connected = argument & 8,
                                                    .width = argument * 70u,
                                                    .height = argument * 60u,
                                                    .refresh_hz = argument});
        break;
    case ACT_CONFIG:
        use_config(world, argument);
        break;
    case ACT_MEMORY:
        device_set_memory(world->device, argument ? world->memory : NULL);
        break;
    default:
        break;
    }
}

static void begin(struct world *world) {
    struct device_options options;
    fuzz_device_options(&world->presenter, &options);
    struct guest_region *region;
    need(device_create(&options, &fuzz_transport, world, &world->device) == 0, "a device");
    need(guest_region_create_pointer(ram, FUZZ_RAM_ADDRESS, FUZZ_RAM_BYTES, &region) == 0,
         "a region");
    need(guest_memory_create(&region, 1, &world->memory) == 0, "memory of the guest");
    guest_region_unref(region);
    device_set_memory(world->device, world->memory);
}

static void end(struct world *world) {
    device_dispatch(world->device);
    struct device_counts counts;
    device_get_counts(world->device, &counts);
    uint32_t sent = 0;
    for (uint32_t i = 0; i < world->request_count; i++) {
        sent += world->tags[i] == TAG_SENT;
    }
    need(counts.parked == sent, "no request lost");
    device_destroy(world->device);
    guest_memory_unref(world->memory);
    uint64_t count, bytes;
    storage_get_totals(&count, &bytes);
    need(count == 0 && bytes == 0, "no storage left");
    need(fuzz_contexts_are_gone(), "no context left");
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    log_set_level(LOG_SILENT);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct world world;
    struct input input = {data, size};
    memset(&world, 0, sizeof(world));
    begin(&world);
    while (input.size > 0) {
        const uint8_t opcode = take_byte(&input);
        if (opcode < 128) {
            send(&world, opcode, &input);
        } else {
            act(&world, opcode, take_byte(&input));
        }
    }
    end(&world);
    return 0;
}

/* ---- seeds ------------------------------------------------------------------------------- */

struct writer {
    uint8_t bytes[4096];
    size_t size;
};

static void put_act(struct writer *w, enum act act, uint8_t argument) {
    w->bytes[w->size++] = (uint8_t)act;
    w->bytes[w->size++] = argument;
}

/* A struct of wire.h, and entries or a stream behind it. */
static void put_bytes(struct writer *w, uint32_t type, const void *bytes, size_t size,
                      const void *more, size_t more_size) {
    uint8_t opcode = 0;
    while (commands[opcode] != type) {
        opcode++;
    }
    w->bytes[w->size++] = opcode;
    w->bytes[w->size++] = (uint8_t)((size + more_size) / 4 - 1);
    w->bytes[w->size++] = 140;
    memcpy(w->bytes + w->size, (const uint8_t *)bytes + 4, size - 4);
    w->size += size - 4;
    if (more_size > 0) {
        memcpy(w->bytes + w->size, more, more_size);
        w->size += more_size;
    }
}
#define PUT(w, request_type, type, ...)                                                            \
    put_bytes((w), (type), &(const struct request_type){__VA_ARGS__}, sizeof(struct request_type), \
              NULL, 0)
#define FENCED(ctx, ring)                                                                          \
    .header = {.flags = WIRE_FLAG_FENCE | WIRE_FLAG_RING_IDX, .ctx_id = (ctx), .ring_idx = (ring)}
#define OF_CONTEXT(ctx) .header = {.ctx_id = (ctx)}

static void put_start(struct writer *w) {
    PUT(w, wire_header, WIRE_GET_DISPLAY_INFO, .flags = 0);
    PUT(w, wire_get_edid, WIRE_GET_EDID, .scanout_id = 1);
    PUT(w, wire_get_capset_info, WIRE_GET_CAPSET_INFO, .capset_index = 0);
    PUT(w, wire_get_capset, WIRE_GET_CAPSET, .capset_id = 4);
}

static void put_2d(struct writer *w) {
    const struct wire_attach_backing attach = {.resource_id = 1, .entry_count = 2};
    const struct wire_mem_entry entries[] = {{.address = FUZZ_RAM_ADDRESS, .length = 5000},
                                             {.address = FUZZ_RAM_ADDRESS + 9000, .length = 11384}};
    PUT(w, wire_create_2d, WIRE_RESOURCE_CREATE_2D, .resource_id = 1, .format = 1, .width = 64,
        .height = 64);
    put_bytes(w, WIRE_RESOURCE_ATTACH_BACKING, &attach, sizeof(attach), entries, sizeof(entries));
    PUT(w, wire_transfer_2d, WIRE_TRANSFER_TO_HOST_2D, .resource_id = 1, .rect = {1, 2, 60, 60},
        .offset = 516);
    PUT(w, wire_set_scanout, WIRE_SET_SCANOUT, .resource_id = 1, .rect = {0, 0, 64, 64});
    PUT(w, wire_flush, WIRE_RESOURCE_FLUSH, .header = {.flags = WIRE_FLAG_FENCE}, .resource_id = 1,
        .rect = {3, 3, 9, 9});
    PUT(w, wire_cursor, WIRE_UPDATE_CURSOR, .resource_id = 1, .hot_x = 3);
    PUT(w, wire_cursor, WIRE_MOVE_CURSOR, .x = 5);
    PUT(w, wire_resource, WIRE_RESOURCE_ASSIGN_UUID, .resource_id = 1);
    put_act(w, ACT_TAKE_FLUSHES, 0);
    put_act(w, ACT_DISPATCH, 0);
}

static void put_context(struct writer *w, uint32_t ctx_id) {
    const uint32_t stream[] = {1, 2, 3, 4};
    const struct wire_submit_3d submit = {FENCED(ctx_id, 2), .size = sizeof(stream)};
    PUT(w, wire_ctx_create, WIRE_CTX_CREATE, OF_CONTEXT(ctx_id), .context_init = 4,
        .name_length = 4, .name = "fuzz");
    put_bytes(w, WIRE_SUBMIT_3D, &submit, sizeof(submit), stream, sizeof(stream));
}

static void put_blob(struct writer *w, uint32_t ctx_id, uint32_t id, uint64_t offset) {
    PUT(w, wire_create_blob, WIRE_RESOURCE_CREATE_BLOB, OF_CONTEXT(ctx_id), .resource_id = id,
        .blob_mem = WIRE_BLOB_HOST3D, .blob_flags = CONTEXT_BLOB_MAPPABLE, .blob_id = 5,
        .size = 65536);
    PUT(w, wire_resource, WIRE_CTX_ATTACH_RESOURCE, OF_CONTEXT(ctx_id), .resource_id = id);
    PUT(w, wire_map_blob, WIRE_RESOURCE_MAP_BLOB, .resource_id = id, .offset = offset);
    put_act(w, ACT_ANSWER_BLOB, (uint8_t)(ctx_id - 1));
    put_act(w, ACT_DISPATCH, 0);
    put_act(w, ACT_ANSWER_MAP, 0);
}

static void put_guest_blob(struct writer *w) {
    const struct wire_create_blob create = {
        .resource_id = 9, .blob_mem = WIRE_BLOB_GUEST, .entry_count = 1, .size = 16384};
    const struct wire_mem_entry entry = {.address = FUZZ_RAM_ADDRESS + 16384, .length = 16384};
    put_bytes(w, WIRE_RESOURCE_CREATE_BLOB, &create, sizeof(create), &entry, sizeof(entry));
    PUT(w, wire_set_scanout_blob, WIRE_SET_SCANOUT_BLOB, .scanout_id = 1, .resource_id = 9,
        .rect = {1, 1, 30, 30}, .width = 32, .height = 32, .format = 2, .strides = {256},
        .offsets = {64});
    PUT(w, wire_flush, WIRE_RESOURCE_FLUSH, .resource_id = 9, .rect = {0, 0, 99, 99});
    PUT(w, wire_cursor, WIRE_UPDATE_CURSOR, .resource_id = 9);
    PUT(w, wire_resource, WIRE_RESOURCE_DETACH_BACKING, .resource_id = 9);
}

static void put_ends(struct writer *w) {
    PUT(w, wire_resource, WIRE_RESOURCE_UNMAP_BLOB, .resource_id = 5);
    PUT(w, wire_resource, WIRE_CTX_DETACH_RESOURCE, OF_CONTEXT(1), .resource_id = 5);
    PUT(w, wire_resource, WIRE_RESOURCE_UNREF, .resource_id = 5);
    PUT(w, wire_header, WIRE_CTX_DESTROY, .ctx_id = 1);
    PUT(w, wire_resource, WIRE_RESOURCE_UNREF, .resource_id = 1);
}

void target_make_seeds(target_emit emit, void *user) {
    for (int kind = 0; kind < 8; kind++) {
        struct writer w = {.size = 0};
        put_start(&w);
        if (kind & 1) {
            put_2d(&w);
        }
        if (kind & 2) {
            put_context(&w, 1);
            put_context(&w, 2);
            put_blob(&w, 1, 5, 0);
            put_blob(&w, 2, 6, 1 << 16);
            PUT(&w, wire_resource, WIRE_CTX_ATTACH_RESOURCE, OF_CONTEXT(2), .resource_id = 5);
            put_act(&w, ACT_RETIRE, 2);
            put_act(&w, ACT_LOSE, 1);
            put_act(&w, ACT_DISPATCH, 0);
            put_ends(&w);
        }
        if (kind & 4) {
            put_guest_blob(&w);
            put_act(&w, ACT_RESET, 0);
            put_act(&w, ACT_DISPLAY, 9);
            put_2d(&w);
        }
        emit(w.bytes, w.size, user);
    }
}
