/* Numbers and layouts of the vhost-user protocol, as far as a GPU meets them.
 *
 * Format: QEMU's "Vhost-user Protocol" (docs/interop/vhost-user.rst there), with the shared-memory
 * messages of QEMU 11.1. Numbers are in the host's byte order. */
#ifndef VESPER_VHOST_USER_WIRE_H
#define VESPER_VHOST_USER_WIRE_H

#include <stdint.h>

/* Requests of the monitor. */
enum vhost_request {
    VHOST_GET_FEATURES = 1,
    VHOST_SET_FEATURES = 2,
    VHOST_SET_OWNER = 3,
    VHOST_RESET_OWNER = 4,
    VHOST_SET_MEM_TABLE = 5,
    VHOST_SET_VRING_NUM = 8,
    VHOST_SET_VRING_ADDR = 9,
    VHOST_SET_VRING_BASE = 10,
    VHOST_GET_VRING_BASE = 11,
    VHOST_SET_VRING_KICK = 12,
    VHOST_SET_VRING_CALL = 13,
    VHOST_SET_VRING_ERR = 14,
    VHOST_GET_PROTOCOL_FEATURES = 15,
    VHOST_SET_PROTOCOL_FEATURES = 16,
    VHOST_GET_QUEUE_NUM = 17,
    VHOST_SET_VRING_ENABLE = 18,
    VHOST_SET_BACKEND_REQ_FD = 21,
    VHOST_GET_CONFIG = 24,
    VHOST_SET_CONFIG = 25,
    VHOST_RESET_DEVICE = 34,
    VHOST_SET_STATUS = 39,
    VHOST_GET_STATUS = 40,
    VHOST_GET_SHMEM_CONFIG = 44,
};

/* Our requests. */
enum vhost_backend_request {
    VHOST_BACKEND_CONFIG_CHANGE = 2,
    VHOST_BACKEND_SHARED_OBJECT_REMOVE = 7, /* for its answer only */
    VHOST_BACKEND_SHMEM_MAP = 9,
    VHOST_BACKEND_SHMEM_UNMAP = 10,
};

enum {
    VHOST_FLAGS_VERSION = 1,
    VHOST_FLAGS_VERSION_MASK = 3,
    VHOST_FLAGS_REPLY = 1 << 2,
    VHOST_FLAGS_NEED_REPLY = 1 << 3,
};

/* Protocol features (bit numbers). */
enum {
    VHOST_PROTOCOL_F_MQ = 0,
    VHOST_PROTOCOL_F_REPLY_ACK = 3,
    VHOST_PROTOCOL_F_BACKEND_REQ = 5,
    VHOST_PROTOCOL_F_CONFIG = 9,
    VHOST_PROTOCOL_F_BACKEND_SEND_FD = 10,
    VHOST_PROTOCOL_F_RESET_DEVICE = 13,
    VHOST_PROTOCOL_F_STATUS = 16,
    VHOST_PROTOCOL_F_SHMEM = 22,
};

/* Features of the device that the transport has (bit numbers). */
enum {
    VHOST_F_INDIRECT_DESC = 28,
    VHOST_F_EVENT_IDX = 29,
    VHOST_F_PROTOCOL_FEATURES = 30,
    VHOST_F_VERSION_1 = 32,
};

enum {
    VHOST_FDS_MAX = 8, /* of one message */
    VHOST_REGIONS_MAX = 8,
    VHOST_SHMEM_REGIONS = 256,
    VHOST_CONFIG_MAX = 256, /* bytes of configuration space in one message */
};

/* In SET_VRING_KICK, CALL and ERR: the queue's number, and whether there is no descriptor. */
#define VHOST_VRING_INDEX_MASK UINT64_C(0xff)
#define VHOST_VRING_NO_FD (UINT64_C(1) << 8)

struct vhost_header {
    uint32_t request;
    uint32_t flags;
    uint32_t size; /* bytes that follow */
};

struct vhost_vring_state {
    uint32_t index;
    uint32_t num;
};

/* Addresses are the monitor's own. */
struct vhost_vring_addresses {
    uint32_t index;
    uint32_t flags;
    uint64_t descriptors, used, available;
    uint64_t log;
};

struct vhost_memory_region {
    uint64_t guest_address;
    uint64_t size;
    uint64_t user_address; /* the monitor's own */
    uint64_t file_offset;
};

struct vhost_memory_regions {
    uint32_t count;
    uint32_t padding;
    struct vhost_memory_region regions[VHOST_REGIONS_MAX];
};

struct vhost_config {
    uint32_t offset;
    uint32_t size;
    uint32_t flags;
    uint8_t bytes[VHOST_CONFIG_MAX];
};
#define VHOST_CONFIG_HEAD 12

struct vhost_shmem_config {
    uint32_t count;
    uint32_t padding;
    uint64_t sizes[VHOST_SHMEM_REGIONS]; /* the index is the region's id */
};

enum { VHOST_SHMEM_WRITABLE = 1 };

struct vhost_shmem_request {
    uint8_t shmid;
    uint8_t padding[7];
    uint64_t file_offset;
    uint64_t offset; /* in the shared-memory region */
    uint64_t size;
    uint64_t flags;
};

#endif
