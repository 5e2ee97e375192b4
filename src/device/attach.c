/* Which contexts have which resources. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "device/core.h"

struct gpu_attachment *gpu_attachment_create(struct gpu_context *context,
                                             struct gpu_resource *resource) {
    struct gpu_attachment *attachment = calloc(1, sizeof(*attachment));
    if (!attachment) {
        return NULL;
    }
    attachment->context = context;
    attachment->context_next = context->attachments;
    attachment->context_link = &context->attachments;
    if (attachment->context_next) {
        attachment->context_next->context_link = &attachment->context_next;
    }
    context->attachments = attachment;

    attachment->resource = resource;
    attachment->resource_next = resource->attachments;
    attachment->resource_link = &resource->attachments;
    if (attachment->resource_next) {
        attachment->resource_next->resource_link = &attachment->resource_next;
    }
    resource->attachments = attachment;
    return attachment;
}

void gpu_attachment_destroy(struct gpu_attachment *attachment) {
    if (attachment->in_context) {
        struct context *context = attachment->context->context;
        context->ops->detach(context, (uint32_t)attachment->resource->entry.id);
    }
    *attachment->context_link = attachment->context_next;
    if (attachment->context_next) {
        attachment->context_next->context_link = attachment->context_link;
    }
    *attachment->resource_link = attachment->resource_next;
    if (attachment->resource_next) {
        attachment->resource_next->resource_link = attachment->resource_link;
    }
    free(attachment);
}

static struct gpu_attachment *find_attachment(const struct gpu_context *context,
                                              const struct gpu_resource *resource) {
    struct gpu_attachment *attachment = resource->attachments;
    while (attachment && attachment->context != context) {
        attachment = attachment->resource_next;
    }
    return attachment;
}

struct gpu_request *gpu_attach_find_creation(struct device *device,
                                             const struct gpu_request *request) {
    const uint32_t id = gpu_request_as(request, wire_resource)->resource_id;
    const struct gpu_lane_entry *head =
        gpu_lane_head(&device->lanes, gpu_lane_key(GPU_LANE_RESOURCE, id));
    if (!head || head->request->header.type != WIRE_RESOURCE_CREATE_BLOB ||
        head->request->state != GPU_REQUEST_AT_CONTEXT ||
        head->request->header.ctx_id != request->header.ctx_id) {
        return NULL;
    }
    return head->request;
}

/* A context can only take storage; guest memory and 2D resources are noted, nothing more. */
static int attach_storage(struct gpu_attachment *attachment) {
    struct gpu_resource *resource = attachment->resource;
    if (resource->blob_mem == 0 || !resource->storage) {
        return 0;
    }
    struct context *context = attachment->context->context;
    int error = context->ops->attach(context, (uint32_t)resource->entry.id, resource->storage);
    attachment->in_context = error == 0;
    return error;
}

void gpu_ctx_attach_resource(struct device *device, struct gpu_request *request) {
    struct gpu_context *context = gpu_context_of(device, request);
    if (!context) {
        return;
    }
    struct gpu_request *creation = gpu_attach_find_creation(device, request);
    if (creation) {
        creation->blob_attaches++;
        gpu_request_succeed(device, request);
        return;
    }
    struct gpu_resource *resource =
        gpu_resource_of(device, request, gpu_request_as(request, wire_resource)->resource_id);
    if (!resource) {
        return;
    }
    struct gpu_attachment *attachment = find_attachment(context, resource);
    if (!attachment) {
        if (context->serial != resource->maker_serial) {
            resource->maker_serial = 0;
        }
        attachment = gpu_attachment_create(context, resource);
        int error = attachment ? attach_storage(attachment) : -ENOMEM;
        if (error) {
            if (attachment) {
                gpu_attachment_destroy(attachment);
            }
            gpu_refuse(device, request, gpu_error_code(error), "resource_id %u to %s: %s",
                       (uint32_t)resource->entry.id, context->label, strerror(-error));
            return;
        }
    }
    attachment->count++;
    gpu_request_succeed(device, request);
}

/* The driver of a lost context cleans up: nothing is wrong with that, even where the context ended
 * before it made what is taken away. */
static void detach_from_lost(struct device *device, struct gpu_request *request,
                             const struct gpu_context *context) {
    const uint32_t id = gpu_request_as(request, wire_resource)->resource_id;
    struct gpu_resource *resource = gpu_resource_find(device, id);
    struct gpu_attachment *attachment = resource ? find_attachment(context, resource) : NULL;
    if (attachment) {
        gpu_attachment_destroy(attachment);
    }
    gpu_request_succeed(device, request);
}

void gpu_ctx_detach_resource(struct device *device, struct gpu_request *request) {
    struct gpu_context *context = gpu_context_even_lost(device, request);
    if (!context) {
        return;
    }
    if (context->lost) {
        detach_from_lost(device, request, context);
        return;
    }
    struct gpu_resource *resource =
        gpu_resource_of(device, request, gpu_request_as(request, wire_resource)->resource_id);
    if (!resource) {
        return;
    }
    struct gpu_attachment *attachment = find_attachment(context, resource);
    if (!attachment) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER,
                   "resource_id %u: not attached to %s", (uint32_t)resource->entry.id,
                   context->label);
        return;
    }
    if (attachment->count > 1) {
        attachment->count--;
    } else {
        gpu_attachment_destroy(attachment);
    }
    gpu_request_succeed(device, request);
}
