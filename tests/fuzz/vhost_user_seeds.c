/* What QEMU and Linux's driver do, in the language of fuzz_vhost_user.c's inputs. */
#include "vhost_user_seeds.h"

#include <stddef.h>

#include "device/wire.h"
#include "need.h"
#include "target.h"

const uint32_t vhost_user_requests[VHOST_USER_REQUESTS] = {
    VHOST_GET_FEATURES,
    VHOST_SET_FEATURES,
    VHOST_SET_OWNER,
    VHOST_RESET_OWNER,
    VHOST_SET_MEM_TABLE,
    VHOST_SET_VRING_NUM,
    VHOST_SET_VRING_ADDR,
    VHOST_SET_VRING_BASE,
    VHOST_GET_VRING_BASE,
    VHOST_SET_VRING_KICK,
    VHOST_SET_VRING_CALL,
    VHOST_SET_VRING_ERR,
    VHOST_GET_PROTOCOL_FEATURES,
    VHOST_SET_PROTOCOL_FEATURES,
    VHOST_GET_QUEUE_NUM,
    VHOST_SET_VRING_ENABLE,
    VHOST_SET_BACKEND_REQ_FD,
    VHOST_GET_CONFIG,
    VHOST_SET_CONFIG,
    VHOST_RESET_DEVICE,
    VHOST_SET_STATUS,
    VHOST_GET_STATUS,
    VHOST_GET_SHMEM_CONFIG,
};

#define QUEUE_SIZE 16
#define QUEUE_BYTES 0x1000 /* descriptors, 0x400 available, 0x800 used */
#define BUFFERS 0x4000 /* 1 KiB for each request, 2 KiB behind it for its answer */

struct writer {
    uint8_t bytes[8192];
    size_t size;
    uint16_t sent[DEVICE_QUEUE_COUNT];
    uint32_t buffers;
};

static void put_byte(struct writer *w, uint32_t byte) {
    need(w->size < sizeof(w->bytes), "room for a seed");
    w->bytes[w->size++] = (uint8_t)byte;
}

static void put_bytes(struct writer *w, const void *bytes, size_t size) {
    need(size <= UINT8_MAX, "a short piece");
    put_byte(w, (uint32_t)size);
    for (size_t i = 0; i < size; i++) {
        put_byte(w, ((const uint8_t *)bytes)[i]);
    }
}

static void put_message(struct writer *w, uint32_t request, uint32_t kind, uint32_t count,
                        const void *payload, size_t size) {
    uint32_t opcode = 0;
    while (vhost_user_requests[opcode] != request) {
        opcode++;
    }
    put_byte(w, opcode);
    put_byte(w, VHOST_FLAGS_VERSION | VHOST_FLAGS_NEED_REPLY);
    put_byte(w, kind << 4 | count);
    put_bytes(w, payload, size);
}

static void put_u64(struct writer *w, uint32_t request, uint32_t kind, uint32_t count,
                    uint64_t value) {
    put_message(w, request, kind, count, &value, sizeof(value));
}

static void put_state(struct writer *w, uint32_t request, uint32_t queue, uint32_t value) {
    const struct vhost_vring_state state = {queue, value};
    put_message(w, request, 0, 0, &state, sizeof(state));
}

static void put_write(struct writer *w, uint32_t offset, const void *bytes, size_t size) {
    put_byte(w, OP_WRITE);
    put_byte(w, offset & 0xff);
    put_byte(w, offset >> 8);
    put_bytes(w, bytes, size);
}

static void put_memory(struct writer *w, uint32_t regions) {
    const uint64_t size = FUZZ_RAM_BYTES / regions;
    struct vhost_memory_regions memory = {.count = regions};
    for (uint32_t i = 0; i < regions; i++) {
        memory.regions[i] = (struct vhost_memory_region){FUZZ_RAM_ADDRESS + i * size, size,
                                                         USER_ADDRESS + i * size, i * size};
    }
    put_message(w, VHOST_SET_MEM_TABLE, FD_RAM, regions, &memory,
                8 + regions * sizeof(memory.regions[0]));
}

static void put_queue(struct writer *w, uint32_t queue) {
    const uint64_t start = USER_ADDRESS + queue * QUEUE_BYTES;
    const struct vhost_vring_addresses addresses = {
        .index = queue, .descriptors = start, .available = start + 0x400, .used = start + 0x800};
    put_state(w, VHOST_SET_VRING_NUM, queue, QUEUE_SIZE);
    put_state(w, VHOST_SET_VRING_BASE, queue, 0);
    put_message(w, VHOST_SET_VRING_ADDR, 0, 0, &addresses, sizeof(addresses));
    put_u64(w, VHOST_SET_VRING_CALL, FD_CALL, 1, queue);
    put_u64(w, VHOST_SET_VRING_KICK, FD_KICK + queue, 1, queue);
    put_state(w, VHOST_SET_VRING_ENABLE, queue, 1);
}

static void put_start(struct writer *w, bool event_idx) {
    const uint64_t features =
        UINT64_C(1) << VHOST_F_VERSION_1 | UINT64_C(1) << VHOST_F_PROTOCOL_FEATURES |
        UINT64_C(1) << VHOST_F_INDIRECT_DESC | (uint64_t)event_idx << VHOST_F_EVENT_IDX | 0x3f;
    struct vhost_config config = {.size = 20};
    put_message(w, VHOST_GET_FEATURES, 0, 0, NULL, 0);
    put_message(w, VHOST_GET_PROTOCOL_FEATURES, 0, 0, NULL, 0);
    put_u64(w, VHOST_SET_PROTOCOL_FEATURES, 0, 0, 0x400629);
    put_message(w, VHOST_GET_QUEUE_NUM, 0, 0, NULL, 0);
    put_message(w, VHOST_SET_BACKEND_REQ_FD, FD_CHANNEL, 1, NULL, 0);
    put_message(w, VHOST_SET_OWNER, 0, 0, NULL, 0);
    put_message(w, VHOST_GET_SHMEM_CONFIG, 0, 0, NULL, 0);
    put_message(w, VHOST_GET_CONFIG, 0, 0, &config, VHOST_CONFIG_HEAD + config.size);
    put_u64(w, VHOST_SET_FEATURES, 0, 0, features);
    put_memory(w, 2);
    put_queue(w, DEVICE_QUEUE_CONTROL);
    put_queue(w, DEVICE_QUEUE_CURSOR);
    put_u64(w, VHOST_SET_STATUS, 0, 0, 15);
}

struct descriptor {
    uint64_t address;
    uint32_t size;
    uint16_t flags, next;
};
enum { DESCRIPTOR_NEXT = 1, DESCRIPTOR_WRITE = 2, DESCRIPTOR_INDIRECT = 4 };

/* One request of a guest: its two descriptors, in the ring or in a table of their own. */
static void put_request(struct writer *w, enum device_queue queue, bool indirect, const void *bytes,
                        size_t size) {
    const uint32_t buffer = BUFFERS + w->buffers++ % 12 * 0xc00;
    const uint16_t at = w->sent[queue] % QUEUE_SIZE;
    const uint16_t head = indirect ? at : at * 2 % QUEUE_SIZE;
    struct descriptor pair[2] = {{FUZZ_RAM_ADDRESS + buffer, (uint32_t)size, DESCRIPTOR_NEXT, 1},
                                 {FUZZ_RAM_ADDRESS + buffer + 0x400, 1056, DESCRIPTOR_WRITE, 0}};
    put_write(w, buffer, bytes, size);
    if (indirect) {
        const struct descriptor table = {FUZZ_RAM_ADDRESS + buffer + 0x300, sizeof(pair),
                                         DESCRIPTOR_INDIRECT, 0};
        put_write(w, buffer + 0x300, pair, sizeof(pair));
        put_write(w, queue * QUEUE_BYTES + head * 16u, &table, sizeof(table));
    } else {
        pair[0].next = head + 1;
        put_write(w, queue * QUEUE_BYTES + head * 16u, pair, sizeof(pair));
    }
    const uint16_t next = ++w->sent[queue];
    put_write(w, queue * QUEUE_BYTES + 0x404 + at * 2u, &head, 2);
    put_write(w, queue * QUEUE_BYTES + 0x402, &next, 2);
    put_byte(w, OP_KICK);
    put_byte(w, queue);
}
#define PUT(w, indirect, request_type, ...)                                                        \
    put_request((w), DEVICE_QUEUE_CONTROL, (indirect), &(const struct request_type){__VA_ARGS__},  \
                sizeof(struct request_type))

static void put_pixels(struct writer *w, bool indirect) {
    struct {
        struct wire_attach_backing head;
        struct wire_mem_entry entry;
    } attach = {{{.type = WIRE_RESOURCE_ATTACH_BACKING}, 1, 1},
                {FUZZ_RAM_ADDRESS + 0x8000, 0x4000, 0}};
    const struct wire_cursor cursor = {.header = {.type = WIRE_UPDATE_CURSOR}, .resource_id = 1};
    PUT(w, indirect, wire_header, .type = WIRE_GET_DISPLAY_INFO);
    PUT(w, indirect, wire_create_2d, .header = {.type = WIRE_RESOURCE_CREATE_2D}, .resource_id = 1,
        .format = 1, .width = 64, .height = 64);
    put_request(w, DEVICE_QUEUE_CONTROL, indirect, &attach, sizeof(attach));
    PUT(w, indirect, wire_transfer_2d, .header = {.type = WIRE_TRANSFER_TO_HOST_2D},
        .resource_id = 1, .rect = {0, 0, 64, 64});
    PUT(w, indirect, wire_set_scanout, .header = {.type = WIRE_SET_SCANOUT}, .resource_id = 1,
        .rect = {0, 0, 64, 64});
    PUT(w, indirect, wire_flush, .header = {.type = WIRE_RESOURCE_FLUSH, .flags = WIRE_FLAG_FENCE},
        .resource_id = 1, .rect = {0, 0, 64, 64});
    put_request(w, DEVICE_QUEUE_CURSOR, indirect, &cursor, sizeof(cursor));
}

static void put_blob(struct writer *w, bool indirect) {
    PUT(w, indirect, wire_ctx_create, .header = {.type = WIRE_CTX_CREATE, .ctx_id = 1},
        .context_init = 4);
    PUT(w, indirect, wire_create_blob, .header = {.type = WIRE_RESOURCE_CREATE_BLOB, .ctx_id = 1},
        .resource_id = 5, .blob_mem = WIRE_BLOB_HOST3D, .blob_flags = CONTEXT_BLOB_MAPPABLE,
        .blob_id = 7, .size = 65536);
    PUT(w, indirect, wire_submit_3d,
        .header = {.type = WIRE_SUBMIT_3D,
                   .flags = WIRE_FLAG_FENCE | WIRE_FLAG_RING_IDX,
                   .ctx_id = 1,
                   .ring_idx = 3});
    PUT(w, indirect, wire_map_blob, .header = {.type = WIRE_RESOURCE_MAP_BLOB}, .resource_id = 5);
    put_byte(w, OP_CONTEXTS);
    for (int i = 0; i < 2; i++) {
        put_byte(w, OP_ANSWER);
        put_byte(w, 0);
    }
    put_memory(w, 1);
    PUT(w, indirect, wire_resource, .header = {.type = WIRE_RESOURCE_UNMAP_BLOB}, .resource_id = 5);
    PUT(w, indirect, wire_resource, .header = {.type = WIRE_RESOURCE_UNREF}, .resource_id = 5);
}

/* What a pause, a reset and a new monitor look like. */
static void put_stops(struct writer *w, int kind) {
    put_state(w, VHOST_GET_VRING_BASE, DEVICE_QUEUE_CONTROL, 0);
    if (kind & 1) {
        put_u64(w, VHOST_SET_VRING_KICK, FD_KICK, 1, DEVICE_QUEUE_CONTROL);
    } else {
        put_message(w, VHOST_RESET_DEVICE, 0, 0, NULL, 0);
        w->sent[DEVICE_QUEUE_CONTROL] = 0;
        put_write(w, 0x402, &w->sent[DEVICE_QUEUE_CONTROL], 2);
        put_queue(w, DEVICE_QUEUE_CONTROL);
    }
    put_byte(w, OP_DISPLAY);
    put_byte(w, 9);
}

void target_make_seeds(target_emit emit, void *user) {
    for (int kind = 0; kind < 8; kind++) {
        const bool indirect = kind & 1;
        struct writer w = {.size = 0};
        put_start(&w, kind & 2);
        if (kind & 4) {
            put_pixels(&w, indirect);
        } else {
            put_blob(&w, indirect);
        }
        put_stops(&w, kind);
        PUT(&w, indirect, wire_header, .type = WIRE_GET_DISPLAY_INFO);
        need(w.size <= 4096, "a seed of the size that run.py allows");
        emit(w.bytes, w.size, user);
    }
}
