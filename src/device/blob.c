#include "device/blob.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "device/core.h"

#define KNOWN_FLAGS                                                                                \
    ((uint32_t)(CONTEXT_BLOB_MAPPABLE | CONTEXT_BLOB_SHAREABLE | CONTEXT_BLOB_CROSS_DEVICE))

/* ---- checks ------------------------------------------------------------------------------ */

static bool check_size(struct device *device, struct gpu_request *request) {
    const uint64_t size = gpu_request_as(request, wire_create_blob)->size;
    const uint64_t page = device->options.blob_alignment;
    if (size == 0 || size > INT64_MAX) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER, "size %" PRIu64, size);
        return false;
    }
    if (gpu_has_feature(device, DEVICE_F_BLOB_ALIGNMENT) && size % page != 0) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER,
                   "size %" PRIu64 ": not a multiple of blob_alignment, %" PRIu64, size, page);
        return false;
    }
    return true;
}

static bool check_create(struct device *device, struct gpu_request *request) {
    const struct wire_create_blob *create = gpu_request_as(request, wire_create_blob);
    if (!gpu_resource_may_create(device, request, create->resource_id)) {
        return false;
    }
    if (create->blob_mem < WIRE_BLOB_GUEST || create->blob_mem > WIRE_BLOB_HOST3D_GUEST) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER, "blob_mem %u: not known",
                   create->blob_mem);
        return false;
    }
    if (create->blob_mem != WIRE_BLOB_GUEST && !gpu_has_feature(device, DEVICE_F_VIRGL)) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER,
                   "blob_mem %u: the driver has not accepted feature bit %d, which has it",
                   create->blob_mem, DEVICE_F_VIRGL);
        return false;
    }
    if (create->blob_flags & ~KNOWN_FLAGS) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER, "blob_flags 0x%x: unknown bits",
                   create->blob_flags);
        return false;
    }
    if (create->blob_mem == WIRE_BLOB_HOST3D && create->entry_count) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER,
                   "%u entries of guest memory for a blob of host memory only",
                   create->entry_count);
        return false;
    }
    return check_size(device, request);
}

/* Reads the guest's pages, where there are any, into request->pages. False: refused and gone. */
static bool read_pages(struct device *device, struct gpu_request *request) {
    const struct wire_create_blob *create = gpu_request_as(request, wire_create_blob);
    if (create->entry_count == 0) {
        return true; /* may follow by ATTACH_BACKING */
    }
    if (!gpu_backing_read(device, request, create->entry_count, sizeof(*create), &request->pages)) {
        return false;
    }
    if (pages_get_size(request->pages) < create->size) {
        gpu_refuse(device, request, WIRE_ERR_INVALID_PARAMETER,
                   "entries of %" PRIu64 " bytes: the blob has %" PRIu64,
                   pages_get_size(request->pages), create->size);
        return false;
    }
    return true;
}

/* ---- making ------------------------------------------------------------------------------ */

/* The resource of the request, which takes the request's pages and `storage` on success. 0 or
 * a negative errno. */
static int add_resource(struct device *device, struct gpu_request *request, struct storage *storage,
                        struct gpu_resource **out) {
    const struct wire_create_blob *create = gpu_request_as(request, wire_create_blob);
    struct gpu_resource *resource = calloc(1, sizeof(*resource));
    if (!resource) {
        return -ENOMEM;
    }
    resource->entry.id = create->resource_id;
    resource->blob_mem = create->blob_mem;
    resource->blob_flags = create->blob_flags;
    resource->size = create->size;
    int error = gpu_resource_add(device, resource);
    if (error) {
        free(resource);
        return error;
    }
    resource->storage = storage;
    resource->backing = request->pages;
    request->pages = NULL;
    *out = resource;
    return 0;
}

static void create_in_guest(struct device *device, struct gpu_request *request) {
    struct gpu_resource *resource;
    int error = add_resource(device, request, NULL, &resource);
    if (error) {
        gpu_refuse(device, request, gpu_error_code(error), "%s", strerror(-error));
        return;
    }
    gpu_request_succeed(device, request);
}

static void list_add(struct gpu_context *context, struct gpu_request *request) {
    request->blob_next = context->blobs;
    request->blob_link = &context->blobs;
    if (request->blob_next) {
        request->blob_next->blob_link = &request->blob_next;
    }
    context->blobs = request;
}

static void list_remove(struct gpu_request *request) {
    *request->blob_link = request->blob_next;
    if (request->blob_next) {
        request->blob_next->blob_link = request->blob_link;
    }
}

static void create_in_context(struct device *device, struct gpu_request *request,
                              struct gpu_context *context) {
    const struct wire_create_blob *create = gpu_request_as(request, wire_create_blob);
    request->blob.resource_id = create->resource_id;
    gpu_mailbox_ask(&context->mailbox, &request->blob);
    int error = context->context->ops->create_blob(
        context->context, create->resource_id, create->blob_id, create->blob_flags, create->size);
    if (error) {
        gpu_mailbox_unask(&context->mailbox, &request->blob);
        gpu_refuse(device, request, gpu_error_code(error), "%s: %s", context->label,
                   strerror(-error));
        return;
    }
    list_add(context, request);
    gpu_request_wait(device, request, GPU_REQUEST_AT_CONTEXT);
}

void gpu_resource_create_blob(struct device *device, struct gpu_request *request) {
    if (!check_create(device, request)) {
        return;
    }
    if (gpu_request_as(request, wire_create_blob)->blob_mem == WIRE_BLOB_GUEST) {
        if (read_pages(device, request)) {
            create_in_guest(device, request);
        }
        return;
    }
    struct gpu_context *context = gpu_context_of(device, request);
    if (context && read_pages(device, request)) {
        create_in_context(device, request, context);
    }
}

/* ---- the context's answer ---------------------------------------------------------------- */

/* Memory that the guest cannot share: what it means to share is SHAREABLE, too. */
static bool may_be_reused(const struct wire_create_blob *create) {
    return create->blob_mem == WIRE_BLOB_HOST3D && create->blob_id != 0 &&
           create->blob_flags == CONTEXT_BLOB_MAPPABLE;
}

/* Makes a resource of what the context gave. 0 or a negative errno. */
static int take_storage(struct device *device, struct gpu_context *context,
                        struct gpu_request *request) {
    struct gpu_resource *resource;
    int error = add_resource(device, request, request->blob.storage, &resource);
    if (error) {
        return error;
    }
    request->blob.storage = NULL;
    struct gpu_attachment *attachment = gpu_attachment_create(context, resource);
    if (!attachment) {
        gpu_resource_destroy(device, resource);
        return -ENOMEM;
    }
    attachment->in_context = true;
    if (may_be_reused(gpu_request_as(request, wire_create_blob))) {
        resource->maker_id = (uint32_t)context->entry.id;
        resource->maker_serial = context->serial;
    }
    attachment->count = request->blob_attaches;
    return 0;
}

void gpu_blob_answered(struct device *device, struct gpu_context *context,
                       struct gpu_blob_answer *answer) {
    struct gpu_request *request =
        (struct gpu_request *)(void *)((char *)answer - offsetof(struct gpu_request, blob));
    const struct wire_create_blob *create = gpu_request_as(request, wire_create_blob);
    list_remove(request);
    if (!answer->storage) {
        gpu_refuse(device, request, gpu_error_code(answer->error),
                   "%s: %" PRIu64 " bytes of blob_id %" PRIu64 ": %s", context->label, create->size,
                   create->blob_id, answer->reason ? answer->reason : strerror(-answer->error));
        return;
    }
    int error = -EINVAL;
    if (storage_get_size(answer->storage) >= create->size) {
        error = take_storage(device, context, request);
    }
    if (error) {
        context->context->ops->detach(context->context, create->resource_id);
        gpu_refuse(device, request, gpu_error_code(error),
                   "%s: blob_id %" PRIu64 ", %" PRIu64 " bytes: %s", context->label,
                   create->blob_id, create->size,
                   error == -EINVAL ? "more than its memory has" : strerror(-error));
        return;
    }
    gpu_request_succeed(device, request);
}

void gpu_blobs_refuse(struct device *device, struct gpu_context *context, const char *reason) {
    while (context->blobs) {
        struct gpu_request *request = context->blobs;
        list_remove(request);
        gpu_refuse(device, request, WIRE_ERR_UNSPEC, "%s", reason);
    }
}
