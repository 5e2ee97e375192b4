/* The requests: what each must look like and what it does. Control thread only. */
#ifndef VESPER_VTEST_MESSAGES_H
#define VESPER_VTEST_MESSAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "frontend/vtest/client.h"

/* Handles one request with its whole payload of `size` bytes, whose length has been checked.
 * False: the connection is to end, and why has been written. */
typedef bool (*vtest_handler)(struct vtest_client *client, const uint8_t *payload, uint32_t size);

struct vtest_message {
    uint32_t id;
    const char *name;
    bool counts_bytes; /* the header's length is in bytes, not dwords */
    bool needs_context;
    uint64_t min_bytes, max_bytes; /* of payload */
    vtest_handler handle;
};

/* NULL for an unknown id. */
const struct vtest_message *vtest_message_find(uint32_t id);

/* Sent by the guest once, after the questions about the capset. */
bool vtest_handle_context_init(struct vtest_client *client, const uint8_t *payload, uint32_t size);
/* resource.c */
bool vtest_handle_resource_create_blob(struct vtest_client *client, const uint8_t *payload,
                                       uint32_t size);
bool vtest_handle_resource_unref(struct vtest_client *client, const uint8_t *payload,
                                 uint32_t size);
/* Answers the pending RESOURCE_CREATE_BLOB. `storage` is borrowed; NULL: refused for `reason`. */
bool vtest_answer_blob(struct vtest_client *client, struct storage *storage, int error,
                       const char *reason);
/* timeline.c */
bool vtest_handle_sync_create(struct vtest_client *client, const uint8_t *payload, uint32_t size);
bool vtest_handle_sync_unref(struct vtest_client *client, const uint8_t *payload, uint32_t size);
bool vtest_handle_sync_read(struct vtest_client *client, const uint8_t *payload, uint32_t size);
bool vtest_handle_sync_write(struct vtest_client *client, const uint8_t *payload, uint32_t size);
bool vtest_handle_sync_wait(struct vtest_client *client, const uint8_t *payload, uint32_t size);
/* submit.c */
bool vtest_handle_submit_cmd2(struct vtest_client *client, const uint8_t *payload, uint32_t size);

#endif
