/* One request of the guest, from arrival to answer.
 *
 *   arrival → PARKED in its lanes → STARTED: its command's handler runs once
 *           → AT_CONTEXT, AT_TRANSPORT or AT_PRESENTER: its effect is somebody else's to complete
 *           → EFFECTIVE: its response is known, it has left its lanes; its fence may hold it back
 *           → completed, and gone
 * Device thread. */
#ifndef VESPER_DEVICE_REQUEST_H
#define VESPER_DEVICE_REQUEST_H

#include "device/command.h"
#include "device/device.h"
#include "device/inbox.h"
#include "device/lane.h"
#include "device/wire.h"
#include "util/log.h"

enum gpu_request_state {
    GPU_REQUEST_PARKED,
    GPU_REQUEST_STARTED,
    GPU_REQUEST_AT_CONTEXT,
    GPU_REQUEST_AT_TRANSPORT,
    GPU_REQUEST_AT_PRESENTER,
    GPU_REQUEST_EFFECTIVE,
};

/* A resource, and its context or scanout. */
#define GPU_REQUEST_LANES_MAX 2

/* Responses up to this many bytes need no memory of their own. */
#define GPU_RESPONSE_INLINE 40

struct gpu_request {
    struct device_request base; /* first */
    struct wire_header header;  /* zeroes where the request was too short for one */
    const struct gpu_command *command;
    const char *name; /* of the command, for messages */
    enum device_queue queue;
    enum gpu_request_state state;
    struct gpu_request *next, *previous; /* of all requests of the device */

    struct gpu_lane_entry lanes[GPU_REQUEST_LANES_MAX];
    uint32_t lane_count;
    uint32_t blocked;              /* lanes of which it is not the head */
    bool ready;                    /* heads all of its lanes, waits for its start */
    struct gpu_request *ready_next;

    bool fenced;                    /* in plain order, unless: */
    bool ring_fenced;               /* on ring_idx of ctx_id */
    bool ordered;                   /* in the list of plain fences */
    bool refused;
    struct gpu_request *fence_next; /* in the plain order, or on a context's ring */
    uint64_t sequence;              /* of the context's fence */

    uint64_t flush_token;           /* the last flush that it waits for */
    struct gpu_request *flush_next;

    /* Of CREATE_BLOB while it waits for its context. */
    struct gpu_blob_answer blob;
    struct gpu_request *blob_next, **blob_link; /* others that wait for that context */
    uint32_t blob_attaches; /* CTX_ATTACH_RESOURCEs of that context that came meanwhile */
    struct pages *pages;    /* a reference; NULL where the blob has no guest memory */

    size_t response_size; /* with its header; 0: none that fits */
    uint8_t *large_response;
    union {
        struct wire_header header;
        uint8_t bytes[GPU_RESPONSE_INLINE];
    } response;
};

/* The bytes of the request as struct `type`; the command's row has checked the size. */
#define gpu_request_as(request, type) ((const struct type *)(const void *)(request)->base.bytes)

/* Makes the response: OK_NODATA, or `type` with `size` bytes of payload. Each of these, and
 * gpu_refuse, says that the request's effect is complete: it leaves its lanes and is answered as
 * soon as its fence allows. The request may be gone afterwards. */
void gpu_request_succeed(struct device *device, struct gpu_request *request);
void gpu_request_succeed_with(struct device *device, struct gpu_request *request, uint32_t type,
                              const void *payload, size_t size);

/* The same with an error code, and a message that names the command, the argument and the
 * reason. */
void gpu_request_refuse(struct device *device, struct gpu_request *request, uint32_t code,
                        struct log_site *site, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
#define gpu_refuse(device, request, code, ...)                                                     \
    do {                                                                                           \
        static struct log_site gpu_refuse_site_;                                                   \
        gpu_request_refuse((device), (request), (code), &gpu_refuse_site_, __VA_ARGS__);           \
    } while (0)

/* WIRE_ERR_* for a negative errno. */
uint32_t gpu_error_code(int error);

/* Says that the request waits. It keeps its lanes, except those of contexts: who waits has called
 * its context already. */
void gpu_request_wait(struct device *device, struct gpu_request *request,
                      enum gpu_request_state state);
/* Leaves the lanes of one kind before the effect is complete. */
void gpu_request_leave(struct device *device, struct gpu_request *request, enum gpu_lane_kind kind);

/* For fence.c: the answer goes out, and the request is gone. */
void gpu_request_complete(struct device *device, struct gpu_request *request);

/* Starts what heads all of its lanes. At the end of each call into the device. */
void gpu_requests_run(struct device *device);
/* Frees every request without an answer. */
void gpu_requests_forget(struct device *device);

/* Hands the requests in the lane that have not started to `settle`, which answers them. */
void gpu_requests_cancel_parked(struct device *device, enum gpu_lane_kind kind, uint32_t id,
                                void (*settle)(struct device *device, struct gpu_request *request));

#endif
