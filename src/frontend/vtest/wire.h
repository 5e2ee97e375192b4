/* Numbers of the vtest protocol and access to its words.
 *
 * A message is {u32 length, u32 id} and a payload; `length` counts dwords, except in
 * CREATE_RENDERER, where it counts bytes. Words are little endian, as on every host and guest of
 * this protocol, and need not be aligned. */
#ifndef VESPER_VTEST_WIRE_H
#define VESPER_VTEST_WIRE_H

#include <stdint.h>
#include <string.h>

#define VTEST_HEADER_BYTES 8

/* The protocol version up to which this server speaks every message a Venus guest may send. */
#define VTEST_PROTOCOL_VERSION 3

enum vtest_message_id {
    VTEST_RESOURCE_UNREF = 3,
    VTEST_RESOURCE_BUSY_WAIT = 7,
    VTEST_CREATE_RENDERER = 8,
    VTEST_PING_PROTOCOL_VERSION = 10,
    VTEST_PROTOCOL_VERSION_ID = 11,
    VTEST_GET_PARAM = 15,
    VTEST_GET_CAPSET = 16,
    VTEST_CONTEXT_INIT = 17,
    VTEST_RESOURCE_CREATE_BLOB = 18,
    VTEST_SYNC_CREATE = 19,
    VTEST_SYNC_UNREF = 20,
    VTEST_SYNC_READ = 21,
    VTEST_SYNC_WRITE = 22,
    VTEST_SYNC_WAIT = 23,
    VTEST_SUBMIT_CMD2 = 24,
};

enum vtest_param {
    VTEST_PARAM_MAX_TIMELINE_COUNT = 1,
    VTEST_PARAM_HAS_TIMELINE_SYNCOBJ = 2,
};

enum {
    VTEST_BLOB_TYPE_HOST3D = 2,
};

enum {
    VTEST_SYNC_WAIT_ANY = 1,
};
#define VTEST_TIMEOUT_INFINITE UINT32_MAX

enum {
    VTEST_SUBMIT_RING_IDX = 1,
    VTEST_SUBMIT_IN_FENCE_FD = 2,
    VTEST_SUBMIT_OUT_FENCE_FD = 4,
};

/* One batch header of SUBMIT_CMD2 is 6 dwords in Mesa up to 25.x, 8 from 26.0 on. */
enum {
    VTEST_BATCH_DWORDS_OLD = 6,
    VTEST_BATCH_DWORDS_NEW = 8,
};

static inline uint32_t vtest_load_u32(const uint8_t *bytes, uint64_t dword) {
    uint32_t value;
    memcpy(&value, bytes + dword * 4, sizeof(value));
    return value;
}

static inline uint64_t vtest_load_u64(const uint8_t *bytes, uint64_t dword) {
    uint64_t value;
    memcpy(&value, bytes + dword * 4, sizeof(value));
    return value;
}

#endif
