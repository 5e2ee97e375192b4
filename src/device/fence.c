#include "device/fence.h"

#include <string.h>

#include "device/core.h"

static void queue_append(struct gpu_request_queue *queue, struct gpu_request *request) {
    request->fence_next = NULL;
    if (queue->first) {
        queue->last->fence_next = request;
    } else {
        queue->first = request;
    }
    queue->last = request;
}

/* ---- plain fences ------------------------------------------------------------------------ */

void gpu_fence_arrived(struct device *device, struct gpu_request *request) {
    request->ordered = true;
    queue_append(&device->fences.plain, request);
}

/* Whether the fences behind must wait for this request. */
static bool holds_back(const struct gpu_request *request) {
    switch (request->state) {
    case GPU_REQUEST_STARTED: /* its own end comes back here */
    case GPU_REQUEST_AT_TRANSPORT:
    case GPU_REQUEST_AT_PRESENTER:
        return true;
    case GPU_REQUEST_PARKED:
    case GPU_REQUEST_AT_CONTEXT:
    case GPU_REQUEST_EFFECTIVE:
        break;
    }
    return false;
}

static void retire_plain(struct device *device) {
    struct gpu_request_queue *plain = &device->fences.plain;
    while (plain->first && !holds_back(plain->first)) {
        struct gpu_request *request = plain->first;
        plain->first = request->fence_next;
        request->ordered = false;
        if (request->state == GPU_REQUEST_EFFECTIVE) {
            gpu_request_complete(device, request);
        }
    }
}

/* ---- rings of contexts ------------------------------------------------------------------- */

/* Gives the request its place on the ring. False: nothing will retire it. */
static bool enter_ring(struct gpu_context *context, struct gpu_request *request) {
    const uint32_t ring_idx = request->header.ring_idx;
    struct gpu_ring *ring = &context->rings[ring_idx];
    if (request->refused) {
        /* Nothing to wait for, but the guest would take an answer for all fences before it. */
        if (!ring->waiting.first) {
            return false;
        }
        request->sequence = ring->waiting.last->sequence;
        queue_append(&ring->waiting, request);
        return true;
    }
    request->sequence = ++ring->last_sequence;
    int error = context->context->ops->fence(context->context, ring_idx, request->sequence);
    if (error) {
        log_warning("virtio-gpu: %s: %s: no fence on ring_idx %u: %s", request->name,
                    context->label, ring_idx, strerror(-error));
        return false;
    }
    queue_append(&ring->waiting, request);
    return true;
}

void gpu_ring_retired(struct device *device, struct gpu_ring *ring, uint64_t sequence) {
    while (ring->waiting.first && ring->waiting.first->sequence <= sequence) {
        struct gpu_request *request = ring->waiting.first;
        ring->waiting.first = request->fence_next;
        gpu_request_complete(device, request);
    }
}

void gpu_fence_effective(struct device *device, struct gpu_request *request) {
    if (request->ring_fenced) {
        struct gpu_context *context = gpu_context_find(device, request->header.ctx_id);
        if (!context || context->lost || !enter_ring(context, request)) {
            gpu_request_complete(device, request);
        }
    } else if (request->ordered) {
        retire_plain(device);
    } else {
        gpu_request_complete(device, request);
    }
}

/* ---- flushes ----------------------------------------------------------------------------- */

void gpu_flush_wait(struct device *device, struct gpu_request *request) {
    struct gpu_request_queue *flushes = &device->fences.flushes;
    request->flush_next = NULL;
    if (flushes->first) {
        flushes->last->flush_next = request;
    } else {
        flushes->first = request;
    }
    flushes->last = request;
}

void gpu_flushes_done(struct device *device, uint64_t token) {
    struct gpu_request_queue *flushes = &device->fences.flushes;
    while (flushes->first && flushes->first->flush_token <= token) {
        struct gpu_request *request = flushes->first;
        flushes->first = request->flush_next;
        gpu_request_succeed(device, request);
    }
}
