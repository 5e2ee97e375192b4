#include "device/request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/core.h"

/* ---- life -------------------------------------------------------------------------------- */

struct device_request *device_request_create(size_t size) {
    if (size > SIZE_MAX / 2) {
        return NULL;
    }
    struct gpu_request *request = malloc(sizeof(*request) + size);
    if (!request) {
        return NULL;
    }
    memset(request, 0, sizeof(*request));
    request->base.bytes = (uint8_t *)(request + 1);
    request->base.size = size;
    return &request->base;
}

_Static_assert(sizeof(struct gpu_request) % 8 == 0, "the bytes behind a request are aligned");

void device_request_destroy(struct device_request *base) {
    free(base);
}

static void request_free(struct gpu_request *request) {
    storage_unref(request->blob.storage);
    pages_unref(request->pages);
    free(request->large_response);
    free(request);
}

static void request_add(struct device *device, struct gpu_request *request) {
    request->next = device->requests_first;
    request->previous = NULL;
    if (request->next) {
        request->next->previous = request;
    }
    device->requests_first = request;
    gpu_count(&device->counters.parked, 1);
}

static void request_remove(struct device *device, struct gpu_request *request) {
    if (request->previous) {
        request->previous->next = request->next;
    } else {
        device->requests_first = request->next;
    }
    if (request->next) {
        request->next->previous = request->previous;
    }
    gpu_count(&device->counters.parked, -1U);
}

void gpu_requests_forget(struct device *device) {
    while (device->requests_first) {
        struct gpu_request *request = device->requests_first;
        request_remove(device, request);
        request_free(request);
    }
    device->ready_first = device->ready_last = NULL;
    gpu_lanes_clear(&device->lanes);
    memset(&device->fences, 0, sizeof(device->fences));
}

/* ---- lanes ------------------------------------------------------------------------------- */

static void make_ready(struct device *device, struct gpu_request *request) {
    request->ready = true;
    request->ready_next = NULL;
    if (device->ready_first) {
        device->ready_last->ready_next = request;
    } else {
        device->ready_first = request;
    }
    device->ready_last = request;
}

static void unmake_ready(struct device *device, struct gpu_request *request) {
    struct gpu_request *before = NULL;
    for (struct gpu_request *at = device->ready_first; at != request; at = at->ready_next) {
        before = at;
    }
    if (before) {
        before->ready_next = request->ready_next;
    } else {
        device->ready_first = request->ready_next;
    }
    if (device->ready_last == request) {
        device->ready_last = before;
    }
    request->ready = false;
}

static void leave_lane(struct device *device, struct gpu_lane_entry *entry) {
    if (!entry->queued) {
        return;
    }
    struct gpu_lane_entry *head = gpu_lane_remove(&device->lanes, entry);
    if (head && --head->request->blocked == 0) {
        make_ready(device, head->request);
    }
}

static void take_lane(struct device *device, struct gpu_request *request, enum gpu_lane_kind kind,
                      uint32_t id) {
    struct gpu_lane_entry *entry = &request->lanes[request->lane_count++];
    entry->key = gpu_lane_key(kind, id);
    entry->request = request;
    if (!gpu_lane_append(&device->lanes, entry)) {
        request->blocked++;
    }
}

void gpu_request_leave(struct device *device, struct gpu_request *request,
                       enum gpu_lane_kind kind) {
    for (uint32_t i = 0; i < request->lane_count; i++) {
        if (request->lanes[i].key >> 32 == (uint64_t)kind) {
            leave_lane(device, &request->lanes[i]);
        }
    }
}

void gpu_request_wait(struct device *device, struct gpu_request *request,
                      enum gpu_request_state state) {
    request->state = state;
    gpu_request_leave(device, request, GPU_LANE_CONTEXT);
}

void gpu_requests_cancel_parked(struct device *device, enum gpu_lane_kind kind, uint32_t id,
                                void (*settle)(struct device *device,
                                               struct gpu_request *request)) {
    struct gpu_lane_entry *next;
    for (struct gpu_lane_entry *entry = gpu_lane_head(&device->lanes, gpu_lane_key(kind, id));
         entry; entry = next) {
        next = entry->next;
        struct gpu_request *request = entry->request;
        if (request->state != GPU_REQUEST_PARKED) {
            continue;
        }
        if (request->ready) {
            unmake_ready(device, request);
        }
        request->state = GPU_REQUEST_STARTED;
        settle(device, request);
    }
}

static bool uses_context(const struct gpu_request *request) {
    switch (request->command->context) {
    case GPU_CONTEXT_UNUSED:
        break;
    case GPU_CONTEXT_USED:
    case GPU_CONTEXT_ATTACH:
        return true;
    case GPU_CONTEXT_BLOB:
        return gpu_request_as(request, wire_create_blob)->blob_mem != WIRE_BLOB_GUEST;
    }
    return false;
}

/* A context attaches by itself what it creates. Nothing else may stand between the creation and
 * the request that says so. */
static bool follows_creation(struct device *device, const struct gpu_request *request) {
    if (request->command->context != GPU_CONTEXT_ATTACH) {
        return false;
    }
    const struct gpu_request *creation = gpu_attach_find_creation(device, request);
    const uint64_t key =
        gpu_lane_key(GPU_LANE_RESOURCE, gpu_request_as(request, wire_resource)->resource_id);
    return creation && !gpu_lane_head(&device->lanes, key)->next;
}

static uint32_t read_id(const struct gpu_request *request, uint32_t at) {
    uint32_t id;
    memcpy(&id, request->base.bytes + at, sizeof(id));
    return id;
}

static void settle_overtaken(struct device *device, struct gpu_request *request) {
    gpu_request_succeed(device, request);
}

static void take_lanes(struct device *device, struct gpu_request *request) {
    const struct gpu_command *command = request->command;
    if (uses_context(request)) {
        take_lane(device, request, GPU_LANE_CONTEXT, request->header.ctx_id);
    }
    if (command->scanout_at) {
        /* Latest wins: one that waits for its resource holds up no display. */
        const enum gpu_lane_kind kind =
            command->queue == DEVICE_QUEUE_CURSOR ? GPU_LANE_CURSOR : GPU_LANE_SCANOUT;
        const uint32_t scanout = read_id(request, command->scanout_at);
        gpu_requests_cancel_parked(device, kind, scanout, settle_overtaken);
        take_lane(device, request, kind, scanout);
    }
    if (command->resource_at && !follows_creation(device, request)) {
        take_lane(device, request, GPU_LANE_RESOURCE, read_id(request, command->resource_at));
    }
}

/* ---- arrival ----------------------------------------------------------------------------- */

/* Rings of fences came with CONTEXT_INIT. */
static bool asks_for_ring(const struct device *device, const struct gpu_request *request) {
    return request->fenced && (request->header.flags & WIRE_FLAG_RING_IDX) &&
           gpu_has_feature(device, DEVICE_F_CONTEXT_INIT);
}

static void read_header(struct device *device, struct gpu_request *request) {
    request->name = "a request";
    if (request->base.size < sizeof(request->header)) {
        return;
    }
    memcpy(&request->header, request->base.bytes, sizeof(request->header));
    request->command = gpu_command_find(request->header.type);
    request->name = request->command ? request->command->name : "unknown command";
    request->fenced = (request->header.flags & WIRE_FLAG_FENCE) != 0;
    request->ring_fenced =
        asks_for_ring(device, request) && request->header.ring_idx < WIRE_RING_IDX_COUNT;
    if (request->fenced && !request->ring_fenced) {
        gpu_fence_arrived(device, request);
    }
}

static bool check_command(struct device *device, struct gpu_request *request,
                          enum device_queue queue) {
    const struct gpu_command *command = request->command;
    if (!command) {
        gpu_refuse(device, request, WIRE_ERR_UNSPEC, "type 0x%x", request->header.type);
        return false;
    }
    if (command->queue != queue) {
        gpu_refuse(device, request, WIRE_ERR_UNSPEC, "type 0x%x: not for the %s queue",
                   command->type, queue == DEVICE_QUEUE_CURSOR ? "cursor" : "control");
        return false;
    }
    if (command->feature >= 0 && !gpu_has_feature(device, command->feature)) {
        gpu_refuse(device, request, WIRE_ERR_UNSPEC,
                   "the driver has not accepted feature bit %d, which has it", command->feature);
        return false;
    }
    return true;
}

static bool check_sizes(struct device *device, struct gpu_request *request,
                        enum device_queue queue) {
    const struct gpu_command *command = request->command;
    if (request->base.size < command->request_size) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER, "%zu bytes: it has at least %u",
                   request->base.size, command->request_size);
        return false;
    }
    /* Linux gives the cursor's requests no room for an answer. */
    if (queue == DEVICE_QUEUE_CONTROL && request->base.response_capacity < command->response_size) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER,
                   "room for %zu bytes of response: it needs %u", request->base.response_capacity,
                   command->response_size);
        return false;
    }
    if (asks_for_ring(device, request) && !request->ring_fenced) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER, "ring_idx %u: the last is %d",
                   request->header.ring_idx, WIRE_RING_IDX_COUNT - 1);
        return false;
    }
    return true;
}

/* False: the request was refused, and is gone. */
static bool accept_request(struct device *device, struct gpu_request *request,
                           enum device_queue queue) {
    if (request->base.size < sizeof(request->header)) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER, "%zu bytes: less than a header",
                   request->base.size);
        return false;
    }
    if (!check_command(device, request, queue) || !check_sizes(device, request, queue)) {
        return false;
    }
    const uint32_t limit = device->options.limits.parked;
    if (atomic_load_explicit(&device->counters.parked, memory_order_relaxed) > limit) {
        gpu_refuse(device, request, WIRE_ERR_OUT_OF_MEMORY,
                   "the limit of %u requests without an answer is reached (--max-parked)", limit);
        return false;
    }
    return true;
}

static void request_start(struct device *device, struct gpu_request *request) {
    request->state = GPU_REQUEST_STARTED;
    request->command->handler(device, request);
}

void gpu_requests_run(struct device *device) {
    while (device->ready_first) {
        struct gpu_request *request = device->ready_first;
        device->ready_first = request->ready_next;
        request->ready = false;
        request_start(device, request);
    }
}

void device_submit(struct device *device, enum device_queue queue, struct device_request *base) {
    struct gpu_request *request = (struct gpu_request *)base;
    request_add(device, request);
    gpu_count(&device->counters.requests, 1);
    request->queue = queue;
    /* Until it is parked its own fence must not look at it as something to pass by. */
    request->state = GPU_REQUEST_STARTED;
    read_header(device, request);
    if (accept_request(device, request, queue)) {
        take_lanes(device, request);
        if (request->blocked == 0) {
            request_start(device, request);
        } else {
            request->state = GPU_REQUEST_PARKED;
        }
    }
    gpu_requests_run(device);
}

/* ---- answers ----------------------------------------------------------------------------- */

void gpu_request_complete(struct device *device, struct gpu_request *request) {
    struct wire_header *header = request->large_response
                                     ? (struct wire_header *)(void *)request->large_response
                                     : &request->response.header;
    size_t size = request->response_size;
    if (size > request->base.response_capacity) {
        size = 0;
    }
    if (request->fenced) {
        header->flags = request->header.flags & (WIRE_FLAG_FENCE | WIRE_FLAG_RING_IDX);
        header->fence_id = request->header.fence_id;
        header->ctx_id = request->header.ctx_id;
        header->ring_idx = request->header.ring_idx;
    }
    request_remove(device, request);
    device->transport.complete(device->user, request->base.tag, header, size);
    request_free(request);
}

static void request_effective(struct device *device, struct gpu_request *request) {
    for (uint32_t i = 0; i < request->lane_count; i++) {
        leave_lane(device, &request->lanes[i]);
    }
    request->state = GPU_REQUEST_EFFECTIVE;
    gpu_fence_effective(device, request);
}

void gpu_request_succeed(struct device *device, struct gpu_request *request) {
    gpu_request_succeed_with(device, request, WIRE_OK_NODATA, NULL, 0);
}

void gpu_request_succeed_with(struct device *device, struct gpu_request *request, uint32_t type,
                              const void *payload, size_t size) {
    const size_t total = sizeof(struct wire_header) + size;
    uint8_t *bytes = request->response.bytes;
    if (total > sizeof(request->response)) {
        bytes = request->large_response = calloc(1, total);
        if (!bytes) {
            gpu_refuse(device, request, WIRE_ERR_OUT_OF_MEMORY, "no memory for the response");
            return;
        }
    }
    const struct wire_header header = {.type = type};
    memcpy(bytes, &header, sizeof(header));
    if (size > 0) {
        memcpy(bytes + sizeof(header), payload, size);
    }
    request->response_size = total;
    request_effective(device, request);
}

void gpu_request_refuse(struct device *device, struct gpu_request *request, uint32_t code,
                        struct log_site *site, const char *format, ...) {
    char reason[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof(reason), format, arguments);
    va_end(arguments);
    log_write(site, LOG_WARNING, "virtio-gpu: %s: %s", request->name, reason);
    gpu_count(&device->counters.errors, 1);
    request->refused = true;
    request->response.header = (struct wire_header){.type = code};
    request->response_size = sizeof(struct wire_header);
    request_effective(device, request);
}

uint32_t gpu_error_code(int error) {
    switch (-error) {
    case ENOMEM:
    case ENOSPC:
    case EMFILE:
    case ENFILE:
        return WIRE_ERR_OUT_OF_MEMORY;
    case EINVAL:
        return WIRE_ERR_INVALID_PARAMETER;
    default:
        return WIRE_ERR_UNSPEC;
    }
}
