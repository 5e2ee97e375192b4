/* What travels over virtio-gpu's queues. Format: the virtio specification 1.3, "GPU Device";
 * BLOB_ALIGNMENT from 1.4. Words are little endian, as every host that Vesper runs on. */
#ifndef VESPER_DEVICE_WIRE_H
#define VESPER_DEVICE_WIRE_H

#include <stdint.h>

#define WIRE_SCANOUTS_MAX 16
#define WIRE_EDID_BYTES_MAX 1024
#define WIRE_RING_IDX_COUNT 64
#define WIRE_EVENT_DISPLAY 1
#define WIRE_CAPSET_ID_MASK 0xff

enum wire_command {
    WIRE_GET_DISPLAY_INFO = 0x0100,
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

    WIRE_CTX_CREATE = 0x0200,
    WIRE_CTX_DESTROY,
    WIRE_CTX_ATTACH_RESOURCE,
    WIRE_CTX_DETACH_RESOURCE,
    WIRE_RESOURCE_CREATE_3D,
    WIRE_TRANSFER_TO_HOST_3D,
    WIRE_TRANSFER_FROM_HOST_3D,
    WIRE_SUBMIT_3D,
    WIRE_RESOURCE_MAP_BLOB,
    WIRE_RESOURCE_UNMAP_BLOB,

    WIRE_UPDATE_CURSOR = 0x0300,
    WIRE_MOVE_CURSOR,
};

enum wire_response {
    WIRE_OK_NODATA = 0x1100,
    WIRE_OK_DISPLAY_INFO,
    WIRE_OK_CAPSET_INFO,
    WIRE_OK_CAPSET,
    WIRE_OK_EDID,
    WIRE_OK_RESOURCE_UUID,
    WIRE_OK_MAP_INFO,

    WIRE_ERR_UNSPEC = 0x1200,
    WIRE_ERR_OUT_OF_MEMORY,
    WIRE_ERR_INVALID_SCANOUT_ID,
    WIRE_ERR_INVALID_RESOURCE_ID,
    WIRE_ERR_INVALID_CONTEXT_ID,
    WIRE_ERR_INVALID_PARAMETER,
};

enum {
    WIRE_FLAG_FENCE = 1,
    WIRE_FLAG_RING_IDX = 2,
};

enum wire_blob_mem {
    WIRE_BLOB_GUEST = 1,
    WIRE_BLOB_HOST3D = 2,
    WIRE_BLOB_HOST3D_GUEST = 3,
};

struct wire_header {
    uint32_t type, flags;
    uint64_t fence_id;
    uint32_t ctx_id;
    uint8_t ring_idx, padding[3];
};

struct wire_rect {
    uint32_t x, y, width, height;
};

struct wire_get_edid {
    struct wire_header header;
    uint32_t scanout_id, padding;
};

struct wire_create_2d {
    struct wire_header header;
    uint32_t resource_id, format, width, height;
};

/* UNREF, DETACH_BACKING, ASSIGN_UUID, CTX_ATTACH_RESOURCE, CTX_DETACH_RESOURCE, UNMAP_BLOB */
struct wire_resource {
    struct wire_header header;
    uint32_t resource_id, padding;
};

struct wire_set_scanout {
    struct wire_header header;
    struct wire_rect rect;
    uint32_t scanout_id, resource_id;
};

struct wire_flush {
    struct wire_header header;
    struct wire_rect rect;
    uint32_t resource_id, padding;
};

struct wire_transfer_2d {
    struct wire_header header;
    struct wire_rect rect;
    uint64_t offset;
    uint32_t resource_id, padding;
};

struct wire_mem_entry {
    uint64_t address;
    uint32_t length, padding;
};

/* Entries follow. */
struct wire_attach_backing {
    struct wire_header header;
    uint32_t resource_id, entry_count;
};

struct wire_get_capset_info {
    struct wire_header header;
    uint32_t capset_index, padding;
};

struct wire_get_capset {
    struct wire_header header;
    uint32_t capset_id, version;
};

/* Entries follow. */
struct wire_create_blob {
    struct wire_header header;
    uint32_t resource_id, blob_mem, blob_flags, entry_count;
    uint64_t blob_id, size;
};

struct wire_set_scanout_blob {
    struct wire_header header;
    struct wire_rect rect;
    uint32_t scanout_id, resource_id, width, height, format, padding;
    uint32_t strides[4], offsets[4];
};

struct wire_ctx_create {
    struct wire_header header;
    uint32_t name_length, context_init;
    char name[64];
};

/* `size` bytes follow. */
struct wire_submit_3d {
    struct wire_header header;
    uint32_t size, padding;
};

struct wire_map_blob {
    struct wire_header header;
    uint32_t resource_id, padding;
    uint64_t offset;
};

struct wire_cursor {
    struct wire_header header;
    uint32_t scanout_id, x, y, padding;
    uint32_t resource_id, hot_x, hot_y, padding2;
};

/* What follows the header of a response. */
struct wire_display_info {
    struct {
        struct wire_rect rect;
        uint32_t enabled, flags;
    } modes[WIRE_SCANOUTS_MAX];
};

struct wire_edid {
    uint32_t size, padding;
    uint8_t bytes[WIRE_EDID_BYTES_MAX];
};

struct wire_capset_info {
    uint32_t capset_id, version, size, padding;
};

struct wire_uuid {
    uint8_t bytes[16];
};

struct wire_map_info {
    uint32_t map_info, padding;
};

struct wire_config {
    uint32_t events_read, events_clear, num_scanouts, num_capsets, blob_alignment;
};

_Static_assert(sizeof(struct wire_header) == 24, "virtio_gpu_ctrl_hdr");
_Static_assert(sizeof(struct wire_get_edid) == 32, "virtio_gpu_get_edid");
_Static_assert(sizeof(struct wire_create_2d) == 40, "virtio_gpu_resource_create_2d");
_Static_assert(sizeof(struct wire_resource) == 32, "virtio_gpu_resource_unref and others");
_Static_assert(sizeof(struct wire_set_scanout) == 48, "virtio_gpu_set_scanout");
_Static_assert(sizeof(struct wire_flush) == 48, "virtio_gpu_resource_flush");
_Static_assert(sizeof(struct wire_transfer_2d) == 56, "virtio_gpu_transfer_to_host_2d");
_Static_assert(sizeof(struct wire_mem_entry) == 16, "virtio_gpu_mem_entry");
_Static_assert(sizeof(struct wire_attach_backing) == 32, "virtio_gpu_resource_attach_backing");
_Static_assert(sizeof(struct wire_get_capset_info) == 32, "virtio_gpu_get_capset_info");
_Static_assert(sizeof(struct wire_get_capset) == 32, "virtio_gpu_get_capset");
_Static_assert(sizeof(struct wire_create_blob) == 56, "virtio_gpu_resource_create_blob");
_Static_assert(sizeof(struct wire_set_scanout_blob) == 96, "virtio_gpu_set_scanout_blob");
_Static_assert(sizeof(struct wire_ctx_create) == 96, "virtio_gpu_ctx_create");
_Static_assert(sizeof(struct wire_submit_3d) == 32, "virtio_gpu_cmd_submit");
_Static_assert(sizeof(struct wire_map_blob) == 40, "virtio_gpu_resource_map_blob");
_Static_assert(sizeof(struct wire_cursor) == 56, "virtio_gpu_update_cursor");
_Static_assert(sizeof(struct wire_display_info) == 384, "virtio_gpu_resp_display_info");
_Static_assert(sizeof(struct wire_edid) == 1032, "virtio_gpu_resp_edid");
_Static_assert(sizeof(struct wire_capset_info) == 16, "virtio_gpu_resp_capset_info");
_Static_assert(sizeof(struct wire_map_info) == 8, "virtio_gpu_resp_map_info");
_Static_assert(sizeof(struct wire_config) == 20, "virtio_gpu_config");

#endif
