#include "device/command.h"

#include <stddef.h>

#include "device/core.h"
#include "device/wire.h"
#include "renderer/context.h"

#define CONTROL DEVICE_QUEUE_CONTROL
#define CURSOR DEVICE_QUEUE_CURSOR
#define VIRGL DEVICE_F_VIRGL
#define BLOB DEVICE_F_RESOURCE_BLOB
#define HEADER ((uint32_t)sizeof(struct wire_header))
#define SIZE(type) ((uint32_t)sizeof(struct type))
#define RESPONSE(type) (HEADER + SIZE(type))
#define AT(type, member) ((uint32_t)offsetof(struct type, member))
#define RESOURCE AT(wire_resource, resource_id)

static void unsupported_3d(struct device *device, struct gpu_request *request);

/* One row per command: type, name, least size, size of the response, queue, feature, context,
 * resource and scanout in the request, handler. */
static const struct gpu_command commands[] = {
    {WIRE_GET_DISPLAY_INFO, "GET_DISPLAY_INFO", HEADER, RESPONSE(wire_display_info), CONTROL, -1,
     GPU_CONTEXT_UNUSED, 0, 0, gpu_get_display_info},
    {WIRE_RESOURCE_CREATE_2D, "RESOURCE_CREATE_2D", SIZE(wire_create_2d), HEADER, CONTROL, -1,
     GPU_CONTEXT_UNUSED, AT(wire_create_2d, resource_id), 0, gpu_resource_create_2d},
    {WIRE_RESOURCE_UNREF, "RESOURCE_UNREF", SIZE(wire_resource), HEADER, CONTROL, -1,
     GPU_CONTEXT_UNUSED, RESOURCE, 0, gpu_resource_unref},
    {WIRE_SET_SCANOUT, "SET_SCANOUT", SIZE(wire_set_scanout), HEADER, CONTROL, -1,
     GPU_CONTEXT_UNUSED, AT(wire_set_scanout, resource_id), AT(wire_set_scanout, scanout_id),
     gpu_set_scanout},
    {WIRE_RESOURCE_FLUSH, "RESOURCE_FLUSH", SIZE(wire_flush), HEADER, CONTROL, -1,
     GPU_CONTEXT_UNUSED, AT(wire_flush, resource_id), 0, gpu_resource_flush},
    {WIRE_TRANSFER_TO_HOST_2D, "TRANSFER_TO_HOST_2D", SIZE(wire_transfer_2d), HEADER, CONTROL, -1,
     GPU_CONTEXT_UNUSED, AT(wire_transfer_2d, resource_id), 0, gpu_transfer_to_host_2d},
    {WIRE_RESOURCE_ATTACH_BACKING, "RESOURCE_ATTACH_BACKING", SIZE(wire_attach_backing), HEADER,
     CONTROL, -1, GPU_CONTEXT_UNUSED, AT(wire_attach_backing, resource_id), 0,
     gpu_resource_attach_backing},
    {WIRE_RESOURCE_DETACH_BACKING, "RESOURCE_DETACH_BACKING", SIZE(wire_resource), HEADER, CONTROL,
     -1, GPU_CONTEXT_UNUSED, RESOURCE, 0, gpu_resource_detach_backing},
    {WIRE_GET_CAPSET_INFO, "GET_CAPSET_INFO", SIZE(wire_get_capset_info),
     RESPONSE(wire_capset_info), CONTROL, VIRGL, GPU_CONTEXT_UNUSED, 0, 0, gpu_get_capset_info},
    {WIRE_GET_CAPSET, "GET_CAPSET", SIZE(wire_get_capset), HEADER + CONTEXT_CAPSET_VENUS_SIZE,
     CONTROL, VIRGL, GPU_CONTEXT_UNUSED, 0, 0, gpu_get_capset},
    {WIRE_GET_EDID, "GET_EDID", SIZE(wire_get_edid), RESPONSE(wire_edid), CONTROL, DEVICE_F_EDID,
     GPU_CONTEXT_UNUSED, 0, 0, gpu_get_edid},
    {WIRE_RESOURCE_ASSIGN_UUID, "RESOURCE_ASSIGN_UUID", SIZE(wire_resource), RESPONSE(wire_uuid),
     CONTROL, DEVICE_F_RESOURCE_UUID, GPU_CONTEXT_UNUSED, RESOURCE, 0, gpu_resource_assign_uuid},
    {WIRE_RESOURCE_CREATE_BLOB, "RESOURCE_CREATE_BLOB", SIZE(wire_create_blob), HEADER, CONTROL,
     BLOB, GPU_CONTEXT_BLOB, AT(wire_create_blob, resource_id), 0, gpu_resource_create_blob},
    {WIRE_SET_SCANOUT_BLOB, "SET_SCANOUT_BLOB", SIZE(wire_set_scanout_blob), HEADER, CONTROL, BLOB,
     GPU_CONTEXT_UNUSED, AT(wire_set_scanout_blob, resource_id),
     AT(wire_set_scanout_blob, scanout_id), gpu_set_scanout_blob},

    {WIRE_CTX_CREATE, "CTX_CREATE", SIZE(wire_ctx_create), HEADER, CONTROL, VIRGL, GPU_CONTEXT_USED,
     0, 0, gpu_ctx_create},
    /* Takes no lane: see gpu_ctx_destroy. */
    {WIRE_CTX_DESTROY, "CTX_DESTROY", HEADER, HEADER, CONTROL, VIRGL, GPU_CONTEXT_UNUSED, 0, 0,
     gpu_ctx_destroy},
    {WIRE_CTX_ATTACH_RESOURCE, "CTX_ATTACH_RESOURCE", SIZE(wire_resource), HEADER, CONTROL, VIRGL,
     GPU_CONTEXT_ATTACH, RESOURCE, 0, gpu_ctx_attach_resource},
    {WIRE_CTX_DETACH_RESOURCE, "CTX_DETACH_RESOURCE", SIZE(wire_resource), HEADER, CONTROL, VIRGL,
     GPU_CONTEXT_USED, RESOURCE, 0, gpu_ctx_detach_resource},
    {WIRE_RESOURCE_CREATE_3D, "RESOURCE_CREATE_3D", HEADER, HEADER, CONTROL, VIRGL,
     GPU_CONTEXT_UNUSED, 0, 0, unsupported_3d},
    {WIRE_TRANSFER_TO_HOST_3D, "TRANSFER_TO_HOST_3D", HEADER, HEADER, CONTROL, VIRGL,
     GPU_CONTEXT_UNUSED, 0, 0, unsupported_3d},
    {WIRE_TRANSFER_FROM_HOST_3D, "TRANSFER_FROM_HOST_3D", HEADER, HEADER, CONTROL, VIRGL,
     GPU_CONTEXT_UNUSED, 0, 0, unsupported_3d},
    {WIRE_SUBMIT_3D, "SUBMIT_3D", SIZE(wire_submit_3d), HEADER, CONTROL, VIRGL, GPU_CONTEXT_USED, 0,
     0, gpu_submit_3d},
    {WIRE_RESOURCE_MAP_BLOB, "RESOURCE_MAP_BLOB", SIZE(wire_map_blob), RESPONSE(wire_map_info),
     CONTROL, BLOB, GPU_CONTEXT_UNUSED, AT(wire_map_blob, resource_id), 0, gpu_resource_map_blob},
    {WIRE_RESOURCE_UNMAP_BLOB, "RESOURCE_UNMAP_BLOB", SIZE(wire_resource), HEADER, CONTROL, BLOB,
     GPU_CONTEXT_UNUSED, RESOURCE, 0, gpu_resource_unmap_blob},

    {WIRE_UPDATE_CURSOR, "UPDATE_CURSOR", SIZE(wire_cursor), HEADER, CURSOR, -1, GPU_CONTEXT_UNUSED,
     AT(wire_cursor, resource_id), AT(wire_cursor, scanout_id), gpu_update_cursor},
    {WIRE_MOVE_CURSOR, "MOVE_CURSOR", SIZE(wire_cursor), HEADER, CURSOR, -1, GPU_CONTEXT_UNUSED, 0,
     0, gpu_move_cursor},
};

const struct gpu_command *gpu_command_find(uint32_t type) {
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (commands[i].type == type) {
            return &commands[i];
        }
    }
    return NULL;
}

static void unsupported_3d(struct device *device, struct gpu_request *request) {
    gpu_refuse(device, request, WIRE_ERR_UNSPEC,
               "resources of OpenGL are not served: Venus has blobs");
}
