/* The table of commands. */
#ifndef VESPER_DEVICE_COMMAND_H
#define VESPER_DEVICE_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "device/device.h"

struct gpu_request;

enum gpu_context_use {
    GPU_CONTEXT_UNUSED,
    GPU_CONTEXT_USED,   /* ordered with the other commands of ctx_id */
    GPU_CONTEXT_BLOB,   /* CREATE_BLOB: used unless the blob is of guest memory only */
    GPU_CONTEXT_ATTACH, /* CTX_ATTACH_RESOURCE: see gpu_attach_find_creation */
};

struct gpu_command {
    uint32_t type;
    const char *name;
    uint32_t request_size;  /* least bytes, with header */
    uint32_t response_size; /* bytes of a good response, with header */
    enum device_queue queue;
    int feature;            /* DEVICE_F_* that the driver must have accepted; -1: none */
    enum gpu_context_use context;
    /* Where in the request are the ids of the resource and the scanout whose lanes it takes; 0:
     * nowhere. Only the last request for a scanout matters: those still parked are given up. */
    uint32_t resource_at, scanout_at;
    /* Does the work once; see request.h. */
    void (*handler)(struct device *device, struct gpu_request *request);
};

/* NULL: no such command. */
const struct gpu_command *gpu_command_find(uint32_t type);

/* Handlers, by file. display.c: */
void gpu_get_display_info(struct device *device, struct gpu_request *request);
void gpu_get_edid(struct device *device, struct gpu_request *request);
/* capset.c: */
void gpu_get_capset_info(struct device *device, struct gpu_request *request);
void gpu_get_capset(struct device *device, struct gpu_request *request);
/* resource.c: */
void gpu_resource_unref(struct device *device, struct gpu_request *request);
void gpu_resource_assign_uuid(struct device *device, struct gpu_request *request);
/* resource_2d.c: */
void gpu_resource_create_2d(struct device *device, struct gpu_request *request);
void gpu_transfer_to_host_2d(struct device *device, struct gpu_request *request);
/* backing.c: */
void gpu_resource_attach_backing(struct device *device, struct gpu_request *request);
void gpu_resource_detach_backing(struct device *device, struct gpu_request *request);
/* blob.c: */
void gpu_resource_create_blob(struct device *device, struct gpu_request *request);
/* map_blob.c: */
void gpu_resource_map_blob(struct device *device, struct gpu_request *request);
void gpu_resource_unmap_blob(struct device *device, struct gpu_request *request);
/* scanout.c, blob_scanout.c: */
void gpu_set_scanout(struct device *device, struct gpu_request *request);
void gpu_set_scanout_blob(struct device *device, struct gpu_request *request);
/* flush.c: */
void gpu_resource_flush(struct device *device, struct gpu_request *request);
/* cursor.c: */
void gpu_update_cursor(struct device *device, struct gpu_request *request);
void gpu_move_cursor(struct device *device, struct gpu_request *request);
/* gpu_context.c: */
void gpu_ctx_create(struct device *device, struct gpu_request *request);
void gpu_ctx_destroy(struct device *device, struct gpu_request *request);
void gpu_submit_3d(struct device *device, struct gpu_request *request);
/* attach.c: */
void gpu_ctx_attach_resource(struct device *device, struct gpu_request *request);
void gpu_ctx_detach_resource(struct device *device, struct gpu_request *request);

#endif
