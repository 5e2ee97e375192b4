#include "frontend/vtest/messages.h"

#include <stdio.h>
#include <string.h>

#include "frontend/vtest/wire.h"
#include "util/log.h"

/* Longest program name that a guest may send, its NUL included. */
#define NAME_BYTES_MAX 4096

/* The name comes from the guest and goes into messages and thread names. */
static void copy_printable(char *to, size_t to_size, const uint8_t *from, uint32_t from_size) {
    size_t length = 0;
    for (uint32_t i = 0; i < from_size && from[i] != 0 && length + 1 < to_size; i++) {
        to[length++] = from[i] >= 0x20 && from[i] < 0x7f ? (char)from[i] : '?';
    }
    to[length] = 0;
}

static bool handle_create_renderer(struct vtest_client *client, const uint8_t *payload,
                                   uint32_t size) {
    if (client->named) {
        return vtest_client_refuse(client, "the renderer has been created before");
    }
    if (payload[size - 1] != 0) {
        return vtest_client_refuse(client, "name: the last of %u bytes is not 0", size);
    }
    client->named = true;
    char name[48];
    copy_printable(name, sizeof(name), payload, size);
    size_t length = strlen(client->label);
    snprintf(client->label + length, sizeof(client->label) - length, " (%s)", name);
    log_debug("%s: connected", client->label);
    return true;
}

static bool handle_ping(struct vtest_client *client, const uint8_t *payload, uint32_t size) {
    (void)payload;
    (void)size;
    return vtest_client_reply(client, VTEST_PING_PROTOCOL_VERSION, NULL, 0);
}

static bool handle_busy_wait(struct vtest_client *client, const uint8_t *payload, uint32_t size) {
    (void)payload;
    (void)size;
    /* Resources of a Venus guest are never busy here: it synchronises by syncs. */
    return vtest_client_reply(client, VTEST_RESOURCE_BUSY_WAIT, &(uint32_t){0}, 1);
}

static bool handle_protocol_version(struct vtest_client *client, const uint8_t *payload,
                                    uint32_t size) {
    (void)size;
    uint32_t version = vtest_load_u32(payload, 0);
    if (version > VTEST_PROTOCOL_VERSION) {
        version = VTEST_PROTOCOL_VERSION;
    }
    return vtest_client_reply(client, VTEST_PROTOCOL_VERSION_ID, &version, 1);
}

static bool handle_get_param(struct vtest_client *client, const uint8_t *payload, uint32_t size) {
    (void)size;
    uint32_t answer[2] = {1, 0}; /* valid, value */
    switch (vtest_load_u32(payload, 0)) {
    case VTEST_PARAM_MAX_TIMELINE_COUNT:
        answer[1] = CONTEXT_RING_IDX_COUNT;
        break;
    case VTEST_PARAM_HAS_TIMELINE_SYNCOBJ:
        break;
    default:
        answer[0] = 0;
        break;
    }
    return vtest_client_reply(client, VTEST_GET_PARAM, answer, 2);
}

static bool handle_get_capset(struct vtest_client *client, const uint8_t *payload, uint32_t size) {
    (void)size;
    if (vtest_load_u32(payload, 0) != CONTEXT_CAPSET_VENUS || vtest_load_u32(payload, 1) != 0) {
        return vtest_client_reply(client, VTEST_GET_CAPSET, &(uint32_t){0}, 1);
    }
    uint32_t answer[1 + CONTEXT_CAPSET_VENUS_SIZE / 4] = {1};
    client->options->get_capset((uint8_t *)&answer[1]);
    return vtest_client_reply(client, VTEST_GET_CAPSET, answer, 1 + CONTEXT_CAPSET_VENUS_SIZE / 4);
}

bool vtest_handle_context_init(struct vtest_client *client, const uint8_t *payload, uint32_t size) {
    (void)size;
    if (client->context) {
        return vtest_client_refuse(client, "the context has been created before");
    }
    uint32_t capset = vtest_load_u32(payload, 0);
    if (capset != CONTEXT_CAPSET_VENUS) {
        return vtest_client_refuse(client, "capset %u: only %u (Venus) is served", capset,
                                   CONTEXT_CAPSET_VENUS);
    }
    /* Blobs are refused by it, above all when descriptors have run out: it is opened before. */
    int never_fd;
    int error = vtest_waits_get_never_fd(&client->waits, &never_fd);
    if (error) {
        return vtest_client_refuse(client, "no descriptor for answers: %s", strerror(-error));
    }
    error = client->options->create_context(client->label, &client->options->context_limits,
                                            &vtest_mailbox_listener, &client->mailbox,
                                            &client->context);
    if (error) {
        client->context = NULL;
        return vtest_client_refuse(client, "no context could be made: %s", strerror(-error));
    }
    return true;
}

#define FIXED(dwords) (dwords) * 4, (dwords) * 4
static const struct vtest_message messages[] = {
    {VTEST_RESOURCE_UNREF, "RESOURCE_UNREF", false, true, FIXED(1), vtest_handle_resource_unref},
    {VTEST_RESOURCE_BUSY_WAIT, "RESOURCE_BUSY_WAIT", false, false, FIXED(2), handle_busy_wait},
    {VTEST_CREATE_RENDERER, "CREATE_RENDERER", true, false, 1, NAME_BYTES_MAX,
     handle_create_renderer},
    {VTEST_PING_PROTOCOL_VERSION, "PING_PROTOCOL_VERSION", false, false, FIXED(0), handle_ping},
    {VTEST_PROTOCOL_VERSION_ID, "PROTOCOL_VERSION", false, false, FIXED(1),
     handle_protocol_version},
    {VTEST_GET_PARAM, "GET_PARAM", false, false, FIXED(1), handle_get_param},
    {VTEST_GET_CAPSET, "GET_CAPSET", false, false, FIXED(2), handle_get_capset},
    {VTEST_CONTEXT_INIT, "CONTEXT_INIT", false, false, FIXED(1), vtest_handle_context_init},
    {VTEST_RESOURCE_CREATE_BLOB, "RESOURCE_CREATE_BLOB", false, true, FIXED(6),
     vtest_handle_resource_create_blob},
    {VTEST_SYNC_CREATE, "SYNC_CREATE", false, true, FIXED(2), vtest_handle_sync_create},
    {VTEST_SYNC_UNREF, "SYNC_UNREF", false, true, FIXED(1), vtest_handle_sync_unref},
    {VTEST_SYNC_READ, "SYNC_READ", false, true, FIXED(1), vtest_handle_sync_read},
    {VTEST_SYNC_WRITE, "SYNC_WRITE", false, true, FIXED(3), vtest_handle_sync_write},
    {VTEST_SYNC_WAIT, "SYNC_WAIT", false, true, 2 * 4, UINT64_MAX, vtest_handle_sync_wait},
    {VTEST_SUBMIT_CMD2, "SUBMIT_CMD2", false, true, 1 * 4, UINT64_MAX, vtest_handle_submit_cmd2},
};

const struct vtest_message *vtest_message_find(uint32_t id) {
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        if (messages[i].id == id) {
            return &messages[i];
        }
    }
    return NULL;
}
