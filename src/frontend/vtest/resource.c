/* Blobs: the only requests whose answer waits for the context. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/vtest/messages.h"
#include "frontend/vtest/wire.h"
#include "util/log.h"

/* What the connection has a name for; released with free. */
struct vtest_resource {
    struct id_entry entry; /* first */
    bool may_be_reused;    /* its storage, by the context: nobody else can have it */
};

/* Where the context may think it mapped: what takes no room there lies apart. */
static uint64_t place_of(uint32_t id) {
    return (uint64_t)id << 32;
}

/* A new id, of which the table takes note. 0 or a negative errno. Ids are used again only after
 * 2^32 blobs, because rings may still name one that the socket has given up. */
static int resource_register(struct vtest_client *client, bool may_be_reused, uint32_t *out_id) {
    struct vtest_resource *resource = calloc(1, sizeof(*resource));
    if (!resource) {
        return -ENOMEM;
    }
    resource->may_be_reused = may_be_reused;
    struct id_entry *entry = &resource->entry;
    int error;
    do {
        client->last_resource_id =
            client->last_resource_id == UINT32_MAX ? 1 : client->last_resource_id + 1;
        entry->id = client->last_resource_id;
        error = id_table_insert(&client->resources, entry);
    } while (error == -EEXIST);
    if (error) {
        free(resource);
        return error;
    }
    *out_id = client->last_resource_id;
    return 0;
}

static void resource_forget(struct vtest_client *client, uint32_t id) {
    struct id_entry *entry = id_table_find(&client->resources, id);
    if (entry) {
        id_table_remove(&client->resources, entry);
    }
}

/* The protocol has no answer that means "no". An id of 0 with a descriptor that nobody can map
 * makes the guest's mapping fail with an error that its application can handle, where a closed
 * connection would end the process. */
static bool refuse_blob(struct vtest_client *client, uint64_t size, const char *reason) {
    log_warning("%s: blob of %" PRIu64 " bytes refused: %s", client->label, size, reason);
    int fd;
    int error = vtest_waits_get_never_fd(&client->waits, &fd);
    if (error) {
        return vtest_client_refuse(client, "no descriptor for the answer: %s", strerror(-error));
    }
    return vtest_client_reply(client, VTEST_RESOURCE_CREATE_BLOB, &(uint32_t){0}, 1) &&
           vtest_client_reply_fd(client, fd);
}

bool vtest_answer_blob(struct vtest_client *client, struct storage *storage, int error,
                       const char *reason) {
    uint32_t id = client->pending_blob;
    client->pending_blob = 0;
    client->request = "RESOURCE_CREATE_BLOB";
    if (!storage) {
        resource_forget(client, id);
        return refuse_blob(client, client->pending_blob_size, reason ? reason : strerror(-error));
    }
    return vtest_client_reply(client, VTEST_RESOURCE_CREATE_BLOB, &id, 1) &&
           vtest_client_reply_fd(client, storage_get_fd(storage));
}

bool vtest_handle_resource_create_blob(struct vtest_client *client, const uint8_t *payload,
                                       uint32_t message_size) {
    (void)message_size;
    uint32_t type = vtest_load_u32(payload, 0);
    uint32_t flags = vtest_load_u32(payload, 1);
    uint64_t size = vtest_load_u64(payload, 2);
    uint64_t blob_id = vtest_load_u64(payload, 4);
    if (type != VTEST_BLOB_TYPE_HOST3D) {
        return vtest_client_refuse(client, "type %u: only %d (host memory) is served", type,
                                   VTEST_BLOB_TYPE_HOST3D);
    }
    if (flags &
        ~(uint32_t)(CONTEXT_BLOB_MAPPABLE | CONTEXT_BLOB_SHAREABLE | CONTEXT_BLOB_CROSS_DEVICE)) {
        return vtest_client_refuse(client, "flags 0x%x: unknown bits", flags);
    }
    if (size == 0) {
        return vtest_client_refuse(client, "size 0");
    }
    if (client->context_lost) {
        return refuse_blob(client, size, "the context has ended");
    }
    uint32_t id;
    const bool may_be_reused = blob_id != 0 && flags == CONTEXT_BLOB_MAPPABLE;
    int error = resource_register(client, may_be_reused, &id);
    if (error == -ENOSPC) {
        char reason[80];
        snprintf(reason, sizeof(reason), "the limit of %u resources is reached (--max-resources)",
                 client->options->limits.resources);
        return refuse_blob(client, size, reason);
    }
    if (error) {
        return refuse_blob(client, size, strerror(-error));
    }
    client->pending_blob = id;
    client->pending_blob_size = size;
    error = client->context->ops->create_blob(client->context, id, blob_id, flags, size);
    if (error) {
        return vtest_answer_blob(client, NULL, error, NULL);
    }
    return true;
}

bool vtest_handle_resource_unref(struct vtest_client *client, const uint8_t *payload,
                                 uint32_t size) {
    (void)size;
    uint32_t id = vtest_load_u32(payload, 0);
    if (id == 0) {
        return true; /* a refused blob */
    }
    const struct vtest_resource *resource =
        (const struct vtest_resource *)id_table_find(&client->resources, id);
    if (!resource) {
        return vtest_client_refuse(client, "resource_id %u: no such resource", id);
    }
    const struct context_ops *ops = client->context->ops;
    if (resource->may_be_reused && ops->give_back) {
        ops->give_back(client->context, id, place_of(id));
    } else {
        ops->detach(client->context, id);
    }
    resource_forget(client, id);
    return true;
}
