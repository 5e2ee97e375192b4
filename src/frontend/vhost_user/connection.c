#include "frontend/vhost_user/connection.h"

#include <inttypes.h>
#include <poll.h>
#include <unistd.h>

#include "frontend/vhost_user/vring_change.h"
#include "util/log.h"

enum vhost_outcome vhost_connection_answer(struct vhost_connection *connection, const void *payload,
                                           size_t size) {
    const uint32_t request = connection->receiver.message.header.request;
    return vhost_output_reply(&connection->output, request, payload, size) ? VHOST_LOST
                                                                           : VHOST_ANSWERED;
}

static enum vhost_outcome answer_u64(struct vhost_connection *connection, uint64_t value) {
    return vhost_connection_answer(connection, &value, sizeof(value));
}

/* ---- negotiation and status ------------------------------------------------------------- */

/* `what`: the message. */
static bool were_offered(const char *what, uint64_t features, uint64_t offered) {
    if (features & ~offered) {
        log_error("vhost-user: %s: %#" PRIx64 " holds features that were not offered (%#" PRIx64
                  ")",
                  what, features, offered);
        return false;
    }
    return true;
}

static enum vhost_outcome set_protocol_features(struct vhost_connection *connection,
                                                uint64_t features) {
    const struct vhost_kind *kind = connection->kind;
    if (!were_offered("SET_PROTOCOL_FEATURES", features, kind->protocol_features) ||
        !kind->set_protocol_features(connection->user, features)) {
        return VHOST_LOST;
    }
    connection->negotiated = true;
    return VHOST_DONE;
}

static enum vhost_outcome set_features(struct vhost_connection *connection, uint64_t features) {
    const struct vhost_kind *kind = connection->kind;
    if (!were_offered("SET_FEATURES", features, kind->features)) {
        return VHOST_REFUSED;
    }
    return kind->set_features(connection->user, features) ? VHOST_DONE : VHOST_LOST;
}

static enum vhost_outcome set_status(struct vhost_connection *connection, uint64_t status) {
    if (status > UINT8_MAX) {
        log_error("vhost-user: SET_STATUS: %#" PRIx64 " is no status of a device", status);
        return VHOST_REFUSED;
    }
    /* 0 is no reset yet: it is said when the machine pauses, too (device_thread.c). */
    connection->status = status;
    return VHOST_DONE;
}

static enum vhost_outcome reset_device(struct vhost_connection *connection) {
    connection->status = 0;
    return connection->kind->reset(connection->user) ? VHOST_DONE : VHOST_LOST;
}

/* ---- memory and queues ------------------------------------------------------------------ */

static enum vhost_outcome set_mem_table(struct vhost_connection *connection,
                                        struct vhost_message *message) {
    struct vhost_table *table;
    if (!vhost_table_create(message, connection->table, &table)) {
        return VHOST_REFUSED;
    }
    connection->kind->set_table(connection->user, table);
    vhost_table_unref(connection->table);
    connection->table = table;
    return VHOST_DONE;
}

static enum vhost_outcome get_vring_base(struct vhost_connection *connection,
                                         struct vhost_message *message) {
    const struct vhost_kind *kind = connection->kind;
    struct vhost_vring_state *state = &message->payload.state;
    if (!vhost_vring_check_index("GET_VRING_BASE", state->index, kind->queue_count) ||
        !kind->stop_queue(connection->user, state)) {
        return VHOST_LOST;
    }
    return vhost_connection_answer(connection, state, sizeof(*state));
}

/* ---- the configuration space ------------------------------------------------------------ */

static bool check_config(const struct vhost_message *message) {
    const struct vhost_config *config = &message->payload.config;
    if (config->size == message->header.size - VHOST_CONFIG_HEAD) {
        return true;
    }
    log_error("vhost-user: %s: %u bytes in a payload that has room for %u",
              vhost_message_name(message), config->size, message->header.size - VHOST_CONFIG_HEAD);
    return false;
}

static void say_outside(const struct vhost_connection *connection,
                        const struct vhost_message *message) {
    const struct vhost_config *config = &message->payload.config;
    log_error("vhost-user: %s: %u bytes from byte %u on, of %u", vhost_message_name(message),
              config->size, config->offset, connection->kind->config_size);
}

static enum vhost_outcome get_config(struct vhost_connection *connection,
                                     struct vhost_message *message) {
    struct vhost_config *config = &message->payload.config;
    if (!check_config(message)) {
        return VHOST_LOST;
    }
    if (!connection->kind->read_config(connection->user, config)) {
        say_outside(connection, message);
        return vhost_connection_answer(connection, config, 0);
    }
    return vhost_connection_answer(connection, config, VHOST_CONFIG_HEAD + (size_t)config->size);
}

static enum vhost_outcome set_config(struct vhost_connection *connection,
                                     struct vhost_message *message) {
    if (!check_config(message)) {
        return VHOST_REFUSED;
    }
    if (!connection->kind->write_config(connection->user, &message->payload.config)) {
        say_outside(connection, message);
        return VHOST_REFUSED;
    }
    return VHOST_DONE;
}

/* ---- one message ------------------------------------------------------------------------ */

static enum vhost_outcome dispatch(struct vhost_connection *connection,
                                   struct vhost_message *message) {
    const struct vhost_kind *kind = connection->kind;
    switch (message->header.request) {
    case VHOST_GET_FEATURES:
        return answer_u64(connection, kind->features);
    case VHOST_SET_FEATURES:
        return set_features(connection, message->payload.u64);
    case VHOST_GET_PROTOCOL_FEATURES:
        return answer_u64(connection, kind->protocol_features);
    case VHOST_SET_PROTOCOL_FEATURES:
        return set_protocol_features(connection, message->payload.u64);
    case VHOST_GET_QUEUE_NUM:
        return answer_u64(connection, kind->queue_count);
    case VHOST_SET_OWNER:
    case VHOST_RESET_OWNER: /* of no meaning any more */
        return VHOST_DONE;
    case VHOST_SET_MEM_TABLE:
        return set_mem_table(connection, message);
    case VHOST_GET_VRING_BASE:
        return get_vring_base(connection, message);
    case VHOST_SET_VRING_NUM:
    case VHOST_SET_VRING_ADDR:
    case VHOST_SET_VRING_BASE:
    case VHOST_SET_VRING_KICK:
    case VHOST_SET_VRING_CALL:
    case VHOST_SET_VRING_ERR:
    case VHOST_SET_VRING_ENABLE:
        return kind->set_vring(connection->user, message) ? VHOST_DONE : VHOST_REFUSED;
    case VHOST_GET_CONFIG:
        return get_config(connection, message);
    case VHOST_SET_CONFIG:
        return set_config(connection, message);
    case VHOST_RESET_DEVICE:
        return reset_device(connection);
    case VHOST_SET_STATUS:
        return set_status(connection, message->payload.u64);
    case VHOST_GET_STATUS:
        return answer_u64(connection, connection->status);
    default:
        return kind->other(connection->user, message);
    }
}

/* What a monitor may ask before both sides know what they can do together. */
static bool is_early(uint32_t request) {
    return request == VHOST_GET_FEATURES || request == VHOST_GET_PROTOCOL_FEATURES ||
           request == VHOST_SET_PROTOCOL_FEATURES || request == VHOST_SET_OWNER ||
           request == VHOST_RESET_OWNER;
}

static bool handle_message(struct vhost_connection *connection) {
    struct vhost_message *message = &connection->receiver.message;
    if (!connection->negotiated && !is_early(message->header.request)) {
        log_error("vhost-user: %s: the monitor has not negotiated protocol features%s",
                  vhost_message_name(message), connection->kind->needs);
        return false;
    }
    const enum vhost_outcome outcome = dispatch(connection, message);
    if (outcome == VHOST_LOST || outcome == VHOST_ANSWERED) {
        return outcome == VHOST_ANSWERED;
    }
    if ((message->header.flags & VHOST_FLAGS_NEED_REPLY) && connection->negotiated) {
        return answer_u64(connection, outcome == VHOST_REFUSED) == VHOST_ANSWERED;
    }
    return outcome == VHOST_DONE; /* a monitor that was not told would go on as if it had worked */
}

/* ---- life ------------------------------------------------------------------------------- */

void vhost_connection_init(struct vhost_connection *connection, const struct vhost_kind *kind,
                           void *user) {
    *connection = (struct vhost_connection){.kind = kind, .user = user, .fd = -1};
}

void vhost_connection_open(struct vhost_connection *connection, int fd) {
    vhost_connection_init(connection, connection->kind, connection->user);
    connection->fd = fd;
    vhost_receiver_init(&connection->receiver, fd);
    vhost_output_init(&connection->output, fd);
}

void vhost_connection_close(struct vhost_connection *connection) {
    vhost_receiver_finish(&connection->receiver);
    vhost_table_unref(connection->table);
    connection->table = NULL;
    close(connection->fd);
    connection->fd = -1;
}

short vhost_connection_events(const struct vhost_connection *connection) {
    return vhost_output_is_empty(&connection->output) ? POLLIN : POLLOUT;
}

bool vhost_connection_handle(struct vhost_connection *connection, short revents) {
    if (!vhost_output_is_empty(&connection->output)) {
        return !(revents & (POLLERR | POLLHUP | POLLNVAL)) &&
               vhost_output_flush(&connection->output) == 0;
    }
    switch (vhost_receiver_read(&connection->receiver)) {
    case VHOST_RECEIVED_NOTHING:
        return true;
    case VHOST_RECEIVED_MESSAGE:
        break;
    case VHOST_RECEIVED_END:
    case VHOST_RECEIVED_BROKEN:
        return false;
    }
    const bool alive = handle_message(connection);
    vhost_receiver_next(&connection->receiver);
    return alive;
}
