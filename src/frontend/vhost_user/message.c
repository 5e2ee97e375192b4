#include "frontend/vhost_user/message.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "frontend/vhost_user/request.h"
#include "platform/platform.h"
#include "util/log.h"

#define HEADER_BYTES sizeof(struct vhost_header)

int vhost_message_take_fd(struct vhost_message *message, size_t index) {
    if (index >= message->fd_count) {
        return -1;
    }
    int fd = message->fds[index];
    message->fds[index] = -1;
    return fd;
}

void vhost_message_close_fds(struct vhost_message *message) {
    for (size_t i = 0; i < message->fd_count; i++) {
        if (message->fds[i] >= 0) {
            close(message->fds[i]);
        }
    }
    message->fd_count = 0;
}

const char *vhost_message_name(const struct vhost_message *message) {
    const struct vhost_request_rule *rule = vhost_request_find(message->header.request);
    return rule ? rule->name : "unknown request";
}

/* ---- receiving -------------------------------------------------------------------------- */

void vhost_receiver_init(struct vhost_receiver *receiver, int socket_fd) {
    receiver->socket_fd = socket_fd;
    receiver->have = 0;
    receiver->message.fd_count = 0;
}

void vhost_receiver_finish(struct vhost_receiver *receiver) {
    vhost_message_close_fds(&receiver->message);
}

void vhost_receiver_next(struct vhost_receiver *receiver) {
    vhost_message_close_fds(&receiver->message);
    receiver->have = 0;
}

static bool check_header(const struct vhost_message *message) {
    const struct vhost_header *header = &message->header;
    const uint32_t version = header->flags & VHOST_FLAGS_VERSION_MASK;
    if (version != VHOST_FLAGS_VERSION) {
        log_error("vhost-user: version %u of the protocol: only %u is spoken", version,
                  VHOST_FLAGS_VERSION);
        return false;
    }
    const struct vhost_request_rule *rule = vhost_request_find(header->request);
    if (!rule) {
        log_error("vhost-user: request %u is not known, or needs a feature that was not offered",
                  header->request);
        return false;
    }
    if (header->size < rule->size_min || header->size > rule->size_max) {
        log_error("vhost-user: %s: %u bytes of payload, expected %u to %u", rule->name,
                  header->size, rule->size_min, rule->size_max);
        return false;
    }
    return true;
}

static bool check_descriptors(const struct vhost_message *message) {
    const struct vhost_request_rule *rule = vhost_request_find(message->header.request);
    if (message->fd_count > rule->fds_max) {
        log_error("vhost-user: %s: %zu descriptors came with it, expected at most %u", rule->name,
                  message->fd_count, rule->fds_max);
        return false;
    }
    return true;
}

/* The next bytes of the message, at most `size`, and the descriptors beside them. */
static long read_part(struct vhost_receiver *receiver, void *out, size_t size) {
    struct vhost_message *message = &receiver->message;
    size_t room = VHOST_FDS_MAX - message->fd_count;
    size_t count;
    long got = platform_socket_receive_fds(receiver->socket_fd, out, size,
                                           message->fds + message->fd_count, room, &count);
    message->fd_count += count < room ? count : room;
    if (got > 0 && count > room) {
        log_error("vhost-user: more than %d descriptors came with one message", VHOST_FDS_MAX);
        return -EPROTO;
    }
    return got;
}

static enum vhost_received describe_end(const struct vhost_receiver *receiver, long error) {
    if (error == -EAGAIN || error == -EWOULDBLOCK) {
        return VHOST_RECEIVED_NOTHING;
    }
    if (error == -EPROTO) {
        return VHOST_RECEIVED_BROKEN;
    }
    if (error < 0 && error != -ECONNRESET) {
        log_error("vhost-user: nothing more can be received: %s", strerror((int)-error));
        return VHOST_RECEIVED_BROKEN;
    }
    if (receiver->have > 0) {
        log_error("vhost-user: the monitor hung up in the middle of a message, after %zu bytes",
                  receiver->have);
        return VHOST_RECEIVED_BROKEN;
    }
    return VHOST_RECEIVED_END;
}

enum vhost_received vhost_receiver_read(struct vhost_receiver *receiver) {
    struct vhost_message *message = &receiver->message;
    size_t total = HEADER_BYTES;
    for (;;) {
        if (receiver->have >= HEADER_BYTES) {
            total = HEADER_BYTES + message->header.size;
            if (receiver->have == total) {
                return check_descriptors(message) ? VHOST_RECEIVED_MESSAGE : VHOST_RECEIVED_BROKEN;
            }
        }
        const size_t have = receiver->have;
        uint8_t *place = have < HEADER_BYTES ? (uint8_t *)&message->header + have
                                             : (uint8_t *)&message->payload + have - HEADER_BYTES;
        const long got = read_part(receiver, place, total - have);
        if (got <= 0) {
            return describe_end(receiver, got);
        }
        receiver->have += (size_t)got;
        if (receiver->have == HEADER_BYTES && !check_header(message)) {
            return VHOST_RECEIVED_BROKEN;
        }
    }
}

/* ---- answering -------------------------------------------------------------------------- */

void vhost_output_init(struct vhost_output *output, int socket_fd) {
    output->socket_fd = socket_fd;
    output->sent = 0;
    output->end = 0;
}

int vhost_output_flush(struct vhost_output *output) {
    while (output->sent < output->end) {
        long sent = platform_socket_send(output->socket_fd, output->bytes + output->sent,
                                         output->end - output->sent, -1);
        if (sent == -EAGAIN || sent == -EWOULDBLOCK || sent == -ENOBUFS) {
            return 0;
        }
        if (sent < 0) {
            return (int)sent;
        }
        output->sent += (size_t)sent;
    }
    output->sent = 0;
    output->end = 0;
    return 0;
}

int vhost_output_reply(struct vhost_output *output, uint32_t request, const void *payload,
                       size_t size) {
    const struct vhost_header header = {
        .request = request,
        .flags = VHOST_FLAGS_VERSION | VHOST_FLAGS_REPLY,
        .size = (uint32_t)size,
    };
    memcpy(output->bytes, &header, HEADER_BYTES);
    memcpy(output->bytes + HEADER_BYTES, payload, size);
    output->sent = 0;
    output->end = HEADER_BYTES + size;
    return vhost_output_flush(output);
}
