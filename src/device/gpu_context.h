/* Contexts of the guest, and which resources they have. Device thread. */
#ifndef VESPER_DEVICE_GPU_CONTEXT_H
#define VESPER_DEVICE_GPU_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "device/device.h"
#include "device/fence.h"
#include "device/inbox.h"
#include "device/reaper.h"
#include "device/wire.h"
#include "util/id_table.h"

struct gpu_resource;
struct gpu_request;

/* A resource that a context has. */
struct gpu_attachment {
    struct gpu_context *context;
    struct gpu_resource *resource;
    bool in_context; /* the context itself knows it: it has storage */
    uint32_t count;  /* CTX_ATTACH_RESOURCEs; a guest may have several handles of one resource */
    struct gpu_attachment *context_next, **context_link;
    struct gpu_attachment *resource_next, **resource_link;
};

struct gpu_context {
    struct id_entry entry; /* first; id: ctx_id */
    struct context *context;
    struct gpu_mailbox mailbox;
    struct gpu_reaper_item reaper;
    uint64_t serial; /* unlike its number, never used again; ≥ 1 */
    char label[100]; /* for messages */
    bool lost;
    char lost_reason[256];
    struct gpu_ring rings[WIRE_RING_IDX_COUNT];
    struct gpu_request *blobs; /* CREATE_BLOBs at the context */
    struct gpu_attachment *attachments;
};

/* NULL: no such context. */
struct gpu_context *gpu_context_find(struct device *device, uint32_t ctx_id);
/* The same for the context of a request, which is refused where there is none or where it is
 * lost: then NULL, and the request is gone. */
struct gpu_context *gpu_context_of(struct device *device, struct gpu_request *request);
/* The same, but lost ones are found, too. */
struct gpu_context *gpu_context_even_lost(struct device *device, struct gpu_request *request);

/* Handles what the context left. */
void gpu_context_receive(struct device *device, struct gpu_context *context,
                         const struct gpu_mail *mail);
/* Ends the context on a thread of the reaper. Requests that wait for it are answered before;
 * `forget`: they are gone already. */
void gpu_context_end(struct device *device, struct gpu_context *context, bool forget);
/* The same for all contexts, with everything forgotten. */
void gpu_contexts_reset(struct device *device);

/* Notes that the context has the resource. NULL: no memory. */
struct gpu_attachment *gpu_attachment_create(struct gpu_context *context,
                                             struct gpu_resource *resource);
/* Takes the note away, and the resource from the context where it knows it. */
void gpu_attachment_destroy(struct gpu_attachment *attachment);
/* The creation that CTX_ATTACH_RESOURCE `request` refers to, where that is made by the same context
 * and not answered yet: it attaches the resource by itself. NULL elsewhere. */
struct gpu_request *gpu_attach_find_creation(struct device *device,
                                             const struct gpu_request *request);

#endif
