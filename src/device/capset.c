/* The one capability set: Venus. */
#include "device/core.h"

#define VERSION 0

void gpu_get_capset_info(struct device *device, struct gpu_request *request) {
    const uint32_t index = gpu_request_as(request, wire_get_capset_info)->capset_index;
    if (index != 0) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER, "capset_index %u: there is one",
                   index);
        return;
    }
    const struct wire_capset_info info = {
        .capset_id = CONTEXT_CAPSET_VENUS,
        .version = VERSION,
        .size = CONTEXT_CAPSET_VENUS_SIZE,
    };
    gpu_request_succeed_with(device, request, WIRE_OK_CAPSET_INFO, &info, sizeof(info));
}

void gpu_get_capset(struct device *device, struct gpu_request *request) {
    const struct wire_get_capset *get = gpu_request_as(request, wire_get_capset);
    if (get->capset_id != CONTEXT_CAPSET_VENUS || get->version > VERSION) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER,
                   "capset_id %u, version %u: only capset %d up to version %d is served",
                   get->capset_id, get->version, CONTEXT_CAPSET_VENUS, VERSION);
        return;
    }
    uint8_t capset[CONTEXT_CAPSET_VENUS_SIZE];
    device->options.get_capset(capset);
    gpu_request_succeed_with(device, request, WIRE_OK_CAPSET, capset, sizeof(capset));
}
