/* The SYNC_* requests. */
#include <errno.h>
#include <string.h>

#include "frontend/vtest/messages.h"
#include "frontend/vtest/wire.h"

static bool refuse_unknown_sync(struct vtest_client *client, uint32_t id) {
    return vtest_client_refuse(client, "sync_id %u: no such sync", id);
}

bool vtest_handle_sync_create(struct vtest_client *client, const uint8_t *payload, uint32_t size) {
    (void)size;
    uint32_t id;
    int error = vtest_sync_create(&client->syncs, vtest_load_u64(payload, 0), &id);
    if (error == -ENOSPC) {
        return vtest_client_refuse(client, "the limit of %u syncs is reached (--max-syncs)",
                                   client->options->limits.syncs);
    }
    if (error) {
        return vtest_client_refuse(client, "%s", strerror(-error));
    }
    return vtest_client_reply(client, VTEST_SYNC_CREATE, &id, 1);
}

bool vtest_handle_sync_unref(struct vtest_client *client, const uint8_t *payload, uint32_t size) {
    (void)size;
    uint32_t id = vtest_load_u32(payload, 0);
    struct vtest_sync *sync = vtest_sync_find(&client->syncs, id);
    if (!sync) {
        return refuse_unknown_sync(client, id);
    }
    vtest_sync_destroy(&client->syncs, sync);
    return true;
}

bool vtest_handle_sync_read(struct vtest_client *client, const uint8_t *payload, uint32_t size) {
    (void)size;
    uint32_t id = vtest_load_u32(payload, 0);
    struct vtest_sync *sync = vtest_sync_find(&client->syncs, id);
    if (!sync) {
        return refuse_unknown_sync(client, id);
    }
    uint32_t value[2] = {(uint32_t)sync->value, (uint32_t)(sync->value >> 32)};
    return vtest_client_reply(client, VTEST_SYNC_READ, value, 2);
}

bool vtest_handle_sync_write(struct vtest_client *client, const uint8_t *payload, uint32_t size) {
    (void)size;
    uint32_t id = vtest_load_u32(payload, 0);
    struct vtest_sync *sync = vtest_sync_find(&client->syncs, id);
    if (!sync) {
        return refuse_unknown_sync(client, id);
    }
    vtest_sync_write(sync, vtest_load_u64(payload, 1));
    return true;
}

/* The answer comes at once; its descriptor becomes readable when the wait is satisfied. */
static bool reply_wait(struct vtest_client *client, int fd) {
    return vtest_client_reply(client, VTEST_SYNC_WAIT, NULL, 0) &&
           vtest_client_reply_fd(client, fd);
}

static bool reply_satisfied_wait(struct vtest_client *client, struct vtest_wait *wait) {
    int error = vtest_wait_open(wait);
    if (error) {
        return vtest_client_refuse(client, "no descriptor for the wait: %s", strerror(-error));
    }
    platform_wake_signal(&wait->wake);
    return reply_wait(client, wait->wake.read_fd);
}

/* A time-out of 0 is over at once: no descriptor is spent on a guest that asks in a loop. */
static bool reply_expired_wait(struct vtest_client *client) {
    int fd;
    int error = vtest_waits_get_never_fd(&client->waits, &fd);
    if (error) {
        return vtest_client_refuse(client, "no descriptor for the wait: %s", strerror(-error));
    }
    return reply_wait(client, fd);
}

static bool begin_wait(struct vtest_client *client, struct vtest_wait *wait, uint32_t timeout_ms) {
    if (client->waits.count >= client->options->limits.waits) {
        return vtest_client_refuse(client, "the limit of %u waits is reached (--max-waits)",
                                   client->options->limits.waits);
    }
    int error = vtest_wait_open(wait);
    if (error) {
        return vtest_client_refuse(client, "no descriptor for the wait: %s", strerror(-error));
    }
    if (!reply_wait(client, wait->wake.read_fd)) {
        return false;
    }
    uint64_t timeout_ns = timeout_ms == VTEST_TIMEOUT_INFINITE
                              ? UINT64_MAX
                              : (uint64_t)timeout_ms * UINT64_C(1000000);
    error = vtest_wait_start(wait, timeout_ns);
    if (error) {
        return vtest_client_refuse(client, "%s", strerror(-error));
    }
    return true;
}

bool vtest_handle_sync_wait(struct vtest_client *client, const uint8_t *payload, uint32_t size) {
    uint32_t flags = vtest_load_u32(payload, 0);
    uint32_t timeout_ms = vtest_load_u32(payload, 1);
    uint32_t dwords = size / 4 - 2;
    if (dwords % 3 != 0) {
        return vtest_client_refuse(client, "length: %u dwords are no whole number of entries",
                                   size / 4);
    }
    if (flags & ~(uint32_t)VTEST_SYNC_WAIT_ANY) {
        return vtest_client_refuse(client, "flags 0x%x: unknown bits", flags);
    }
    uint32_t count = dwords / 3;
    if (count > client->options->limits.wait_entries - client->waits.entries) {
        return vtest_client_refuse(client,
                                   "the limit of %u entries of waits is reached "
                                   "(--max-wait-entries)",
                                   client->options->limits.wait_entries);
    }
    struct vtest_wait *wait = vtest_wait_create(&client->waits, count, flags & VTEST_SYNC_WAIT_ANY);
    if (!wait) {
        return vtest_client_refuse(client, "%s", strerror(ENOMEM));
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t id = vtest_load_u32(payload, 2 + 3 * i);
        struct vtest_sync *sync = vtest_sync_find(&client->syncs, id);
        if (!sync) {
            vtest_wait_destroy(wait);
            return refuse_unknown_sync(client, id);
        }
        vtest_wait_add(wait, sync, vtest_load_u64(payload, 3 + 3 * i));
    }
    bool alive;
    if (vtest_wait_is_satisfied(wait)) {
        alive = reply_satisfied_wait(client, wait);
    } else if (timeout_ms == 0) {
        alive = reply_expired_wait(client);
    } else if (begin_wait(client, wait, timeout_ms)) {
        return true;
    } else {
        alive = false;
    }
    vtest_wait_destroy(wait);
    return alive;
}
