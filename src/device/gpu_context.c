#include "device/gpu_context.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/blob.h"
#include "device/core.h"
#include "device/empty_context.h"

/* ---- finding ----------------------------------------------------------------------------- */

struct gpu_context *gpu_context_find(struct device *device, uint32_t ctx_id) {
    return (struct gpu_context *)id_table_find(&device->contexts, ctx_id);
}

struct gpu_context *gpu_context_even_lost(struct device *device, struct gpu_request *request) {
    const uint32_t ctx_id = request->header.ctx_id;
    struct gpu_context *context = gpu_context_find(device, ctx_id);
    if (!context) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_CONTEXT_ID, "ctx_id %u: no such context",
                   ctx_id);
    }
    return context;
}

struct gpu_context *gpu_context_of(struct device *device, struct gpu_request *request) {
    struct gpu_context *context = gpu_context_even_lost(device, request);
    if (context && context->lost) {
        gpu_refuse(device, request, WIRE_ERR_UNSPEC, "%s has ended: %s", context->label,
                   context->lost_reason);
        return NULL;
    }
    return context;
}

/* ---- life -------------------------------------------------------------------------------- */

static bool check_create(struct device *device, struct gpu_request *request) {
    const struct wire_ctx_create *create = gpu_request_as(request, wire_ctx_create);
    const uint32_t ctx_id = request->header.ctx_id;
    const uint32_t capset = create->context_init & WIRE_CAPSET_ID_MASK;
    if (ctx_id == 0 || gpu_context_find(device, ctx_id)) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_CONTEXT_ID, "ctx_id %u: %s", ctx_id,
                   ctx_id ? "in use" : "no number of a context");
        return false;
    }
    if (capset != 0 &&
        (!gpu_has_feature(device, DEVICE_F_CONTEXT_INIT) || capset != CONTEXT_CAPSET_VENUS)) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER,
                   "context_init 0x%x: capset %u; only %d (Venus) is served", create->context_init,
                   capset, CONTEXT_CAPSET_VENUS);
        return false;
    }
    if (create->name_length > sizeof(create->name)) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER,
                   "a name of %u bytes: there is room for %zu", create->name_length,
                   sizeof(create->name));
        return false;
    }
    const uint32_t limit = device->options.limits.contexts;
    const uint32_t live = atomic_load_explicit(&device->counters.contexts, memory_order_relaxed);
    if (live + gpu_reaper_get_pending(&device->reaper) >= limit) {
        gpu_refuse(device, request, WIRE_ERR_OUT_OF_MEMORY,
                   "the limit of %u contexts is reached (--max-contexts)", limit);
        return false;
    }
    return true;
}

static void destroy_reaped(struct gpu_reaper_item *item) {
    struct gpu_context *context =
        (struct gpu_context *)(void *)((char *)item - offsetof(struct gpu_context, reaper));
    context->context->ops->destroy(context->context);
    free(context);
}

void gpu_ctx_create(struct device *device, struct gpu_request *request) {
    if (!check_create(device, request)) {
        return;
    }
    const struct wire_ctx_create *create = gpu_request_as(request, wire_ctx_create);
    struct gpu_context *context = calloc(1, sizeof(*context));
    if (!context) {
        gpu_refuse(device, request, WIRE_ERR_OUT_OF_MEMORY, "no memory");
        return;
    }
    context->entry.id = request->header.ctx_id;
    context->reaper.destroy = destroy_reaped;
    snprintf(context->label, sizeof(context->label), "context %u (%.*s)", request->header.ctx_id,
             (int)create->name_length, create->name);
    gpu_mailbox_init(&context->mailbox, &device->inbox);
    const bool is_empty = (create->context_init & WIRE_CAPSET_ID_MASK) == 0;
    int error = (is_empty ? gpu_empty_context_create : device->options.create_context)(
        context->label, &device->options.context_limits, &gpu_mailbox_listener, &context->mailbox,
        &context->context);
    if (error) {
        gpu_refuse(device, request, gpu_error_code(error), "%s cannot be made: %s", context->label,
                   strerror(-error));
        free(context);
        return;
    }
    error = id_table_insert(&device->contexts, &context->entry);
    if (error) {
        gpu_mailbox_close(&context->mailbox);
        gpu_refuse(device, request, WIRE_ERR_OUT_OF_MEMORY, "%s: %s", context->label,
                   strerror(-error));
        gpu_reaper_take(&device->reaper, &context->reaper);
        return;
    }
    context->serial = ++device->last_context_serial;
    gpu_count(&device->counters.contexts, 1);
    gpu_request_succeed(device, request);
}

static void retire_all_rings(struct device *device, struct gpu_context *context) {
    for (uint32_t i = 0; i < WIRE_RING_IDX_COUNT; i++) {
        gpu_ring_retired(device, &context->rings[i], UINT64_MAX);
    }
}

void gpu_context_end(struct device *device, struct gpu_context *context, bool forget) {
    context->lost = true; /* fences of what is refused here must not go there */
    gpu_mailbox_close(&context->mailbox);
    if (!forget) {
        char reason[sizeof(context->label) + 20];
        snprintf(reason, sizeof(reason), "%s was destroyed", context->label);
        gpu_blobs_refuse(device, context, reason);
        retire_all_rings(device, context);
    }
    while (context->attachments) {
        context->attachments->in_context = false; /* it drops them itself */
        gpu_attachment_destroy(context->attachments);
    }
    id_table_remove(&device->contexts, &context->entry);
    gpu_count(&device->counters.contexts, -1U);
    gpu_reaper_take(&device->reaper, &context->reaper);
}

void gpu_contexts_reset(struct device *device) {
    uint64_t cursor = 0;
    struct gpu_context *context;
    while ((context = (struct gpu_context *)id_table_next(&device->contexts, &cursor))) {
        gpu_context_end(device, context, true);
    }
}

/* What a context that is destroyed would have done about a resource happens to all of its
 * resources anyway; anything else comes too late. */
static void settle_destroyed(struct device *device, struct gpu_request *request) {
    if (request->header.type == WIRE_CTX_ATTACH_RESOURCE ||
        request->header.type == WIRE_CTX_DETACH_RESOURCE) {
        gpu_request_succeed(device, request);
    } else {
        gpu_refuse(device, request, WIRE_ERR_UNSPEC, "ctx_id %u: destroyed before its turn",
                   request->header.ctx_id);
    }
}

/* Waits for nobody: a context that never answers can be got rid of, and its number be used again,
 * however many requests wait for it. */
void gpu_ctx_destroy(struct device *device, struct gpu_request *request) {
    const uint32_t ctx_id = request->header.ctx_id;
    gpu_requests_cancel_parked(device, GPU_LANE_CONTEXT, ctx_id, settle_destroyed);
    struct gpu_context *context = gpu_context_even_lost(device, request);
    if (!context) {
        return;
    }
    gpu_context_end(device, context, false);
    gpu_request_succeed(device, request);
}

/* ---- work -------------------------------------------------------------------------------- */

void gpu_submit_3d(struct device *device, struct gpu_request *request) {
    struct gpu_context *context = gpu_context_of(device, request);
    if (!context) {
        return;
    }
    const struct wire_submit_3d *submit = gpu_request_as(request, wire_submit_3d);
    const size_t room = request->base.size - sizeof(*submit);
    if (submit->size > room || submit->size % 4 != 0) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER, "size %u: %s", submit->size,
                   submit->size > room ? "more than the request has" : "not a multiple of 4");
        return;
    }
    int error = context->context->ops->submit(context->context,
                                              request->base.bytes + sizeof(*submit), submit->size);
    if (error) {
        gpu_refuse(device, request, gpu_error_code(error), "%s: %s", context->label,
                   strerror(-error));
        return;
    }
    gpu_request_succeed(device, request);
}

void gpu_context_receive(struct device *device, struct gpu_context *context,
                         const struct gpu_mail *mail) {
    struct gpu_blob_answer *next;
    for (struct gpu_blob_answer *answer = mail->answers; answer; answer = next) {
        next = answer->next;
        gpu_blob_answered(device, context, answer);
    }
    for (uint64_t rings = mail->news.retired_rings; rings; rings &= rings - 1) {
        const int ring_idx = __builtin_ctzll(rings);
        gpu_ring_retired(device, &context->rings[ring_idx], mail->news.retired[ring_idx]);
    }
    if (mail->news.lost && !context->lost) {
        context->lost = true;
        snprintf(context->lost_reason, sizeof(context->lost_reason), "%s", mail->news.lost_reason);
        log_warning("virtio-gpu: %s has ended: %s", context->label, context->lost_reason);
        gpu_mailbox_withdraw(&context->mailbox);
        gpu_blobs_refuse(device, context, context->lost_reason);
        retire_all_rings(device, context);
    }
}
