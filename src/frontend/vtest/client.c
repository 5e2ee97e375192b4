#include "frontend/vtest/client.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frontend/vtest/messages.h"
#include "frontend/vtest/wire.h"
#include "util/log.h"

#define INPUT_BYTES 4096
/* Requests handled for one client before the others get their turn. */
#define REQUESTS_PER_TURN 64

static void resource_release(struct id_entry *entry, void *owner) {
    (void)owner;
    free(entry);
}

int vtest_client_create(const struct vtest_options *options, struct vtest_inbox *inbox,
                        struct vtest_deadlines *deadlines, int fd, uint64_t number,
                        struct vtest_client **out) {
    int error = -ENOMEM;
    struct vtest_client *client = calloc(1, sizeof(*client));
    if (!client) {
        goto error_close;
    }
    client->options = options;
    client->fd = fd;
    snprintf(client->label, sizeof(client->label), "vtest client %llu", (unsigned long long)number);
    client->request = "";
    for (size_t i = 0; i < CONTEXT_POLLS; i++) {
        client->context_polls[i].fd = -1;
    }
    client->input.wanted = VTEST_HEADER_BYTES;
    client->input.capacity = INPUT_BYTES;
    client->input.bytes = malloc(INPUT_BYTES);
    if (!client->input.bytes) {
        goto error_free;
    }
    error = vtest_syncs_init(&client->syncs, options->limits.syncs);
    if (error) {
        goto error_input;
    }
    error = id_table_init(&client->resources, options->limits.resources, resource_release, NULL);
    if (error) {
        goto error_syncs;
    }
    vtest_output_init(&client->output, fd);
    vtest_waits_init(&client->waits, deadlines);
    vtest_mailbox_init(&client->mailbox, inbox);
    *out = client;
    return 0;

error_syncs:
    vtest_syncs_finish(&client->syncs);
error_input:
    free(client->input.bytes);
error_free:
    free(client);
error_close:
    close(fd);
    return error;
}

void vtest_client_disconnect(struct vtest_client *client) {
    close(client->fd);
    client->fd = -1;
    vtest_waits_finish(&client->waits);
    vtest_fences_finish(&client->fences);
    vtest_syncs_finish(&client->syncs);
    id_table_finish(&client->resources);
    vtest_output_finish(&client->output);
    free(client->input.bytes);
    client->input.bytes = NULL;
}

void vtest_client_free(struct vtest_client *client) {
    vtest_mailbox_finish(&client->mailbox);
    free(client);
}

bool vtest_client_refuse(struct vtest_client *client, const char *format, ...) {
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    log_warning("%s: connection closed: %s: %s", client->label, client->request, text);
    return false;
}

/* A peer that has gone is no news; anything else is. */
static bool client_broken(struct vtest_client *client, int error) {
    if (error == -EPIPE || error == -ECONNRESET) {
        log_debug("%s: hung up", client->label);
    } else {
        log_warning("%s: connection closed: the socket failed: %s", client->label,
                    strerror(-error));
    }
    return false;
}

bool vtest_client_reply(struct vtest_client *client, uint32_t id, const uint32_t *words,
                        uint32_t dwords) {
    int error = vtest_output_reply(&client->output, id, words, dwords);
    return error ? client_broken(client, error) : true;
}

bool vtest_client_reply_fd(struct vtest_client *client, int fd) {
    int error = vtest_output_send_fd(&client->output, fd);
    return error ? client_broken(client, error) : true;
}

/* A request is handled only when the answer to the one before is out. */
static bool client_is_blocked(const struct vtest_client *client) {
    return client->pending_blob != 0 || !vtest_output_is_empty(&client->output);
}

bool vtest_client_is_ready(const struct vtest_client *client) {
    const struct vtest_input *input = &client->input;
    return !client_is_blocked(client) && input->end - input->start >= input->wanted;
}

short vtest_client_settle(struct vtest_client *client) {
    if (client->context && client->context->ops->get_polls) {
        client->context->ops->get_polls(client->context, client->context_polls);
    }
    short events = 0;
    if (!client_is_blocked(client)) {
        events |= POLLIN;
    }
    if (!vtest_output_is_empty(&client->output)) {
        events |= POLLOUT;
    }
    return events;
}

/* Room for more bytes of the message at `start`, doubling, so that memory follows what has been
 * sent and not what a header promises. */
static int input_make_room(struct vtest_input *input) {
    if (input->start > 0) {
        memmove(input->bytes, input->bytes + input->start, input->end - input->start);
        input->end -= input->start;
        input->start = 0;
    }
    if (input->end < input->capacity) {
        return 0;
    }
    size_t capacity = input->capacity * 2;
    if (capacity > input->wanted) {
        capacity = input->wanted;
    }
    uint8_t *bytes = realloc(input->bytes, capacity);
    if (!bytes) {
        return -ENOMEM;
    }
    input->bytes = bytes;
    input->capacity = capacity;
    return 0;
}

/* Gives a large message's memory back once it has been handled. */
static void input_shrink(struct vtest_input *input) {
    if (input->capacity == INPUT_BYTES || input->end - input->start > INPUT_BYTES) {
        return;
    }
    memmove(input->bytes, input->bytes + input->start, input->end - input->start);
    input->end -= input->start;
    input->start = 0;
    uint8_t *bytes = realloc(input->bytes, INPUT_BYTES);
    if (bytes) {
        input->bytes = bytes;
        input->capacity = INPUT_BYTES;
    }
}

static bool client_hung_up(struct vtest_client *client) {
    size_t rest = client->input.end - client->input.start;
    if (rest > 0) {
        log_info("%s: hung up in the middle of a message (%zu of %zu bytes)", client->label, rest,
                 client->input.wanted);
    } else {
        log_debug("%s: hung up", client->label);
    }
    return false;
}

static bool client_fill(struct vtest_client *client) {
    struct vtest_input *input = &client->input;
    int error = input_make_room(input);
    if (error) {
        return client_broken(client, error);
    }
    int unexpected_fd = -1;
    long received = platform_socket_receive(client->fd, input->bytes + input->end,
                                            input->capacity - input->end, &unexpected_fd);
    if (unexpected_fd >= 0) {
        close(unexpected_fd); /* no request carries one */
    }
    if (received == 0) {
        return client_hung_up(client);
    }
    if (received < 0) {
        bool nothing = received == -EAGAIN || received == -EWOULDBLOCK || received == -EINTR;
        return nothing ? true : client_broken(client, (int)received);
    }
    input->end += (size_t)received;
    return true;
}

/* Checks the header as soon as it is there, before a byte of the payload is waited for. NULL: the
 * connection is to end. */
static const struct vtest_message *client_check_header(struct vtest_client *client,
                                                       uint32_t *out_bytes) {
    const uint8_t *header = client->input.bytes + client->input.start;
    uint32_t length = vtest_load_u32(header, 0);
    uint32_t id = vtest_load_u32(header, 1);
    const struct vtest_message *message = vtest_message_find(id);
    if (!message) {
        client->request = "header";
        vtest_client_refuse(client, "unknown message id %u (length %u)", id, length);
        return NULL;
    }
    client->request = message->name;
    uint64_t bytes = message->counts_bytes ? length : (uint64_t)length * 4;
    if (bytes < message->min_bytes || bytes > message->max_bytes) {
        vtest_client_refuse(client, "length: %u %s is too %s", length,
                            message->counts_bytes ? "bytes" : "dwords",
                            bytes < message->min_bytes ? "short" : "long");
        return NULL;
    }
    if (bytes > client->options->limits.message_bytes) {
        vtest_client_refuse(client,
                            "length: %u dwords exceed the limit of %u bytes "
                            "(--max-message-bytes)",
                            length, client->options->limits.message_bytes);
        return NULL;
    }
    if (message->needs_context && !client->context) {
        vtest_client_refuse(client, "comes before CONTEXT_INIT");
        return NULL;
    }
    *out_bytes = (uint32_t)bytes;
    return message;
}

static bool client_handle_request(struct vtest_client *client) {
    struct vtest_input *input = &client->input;
    uint32_t bytes;
    const struct vtest_message *message = client_check_header(client, &bytes);
    if (!message) {
        return false;
    }
    input->wanted = VTEST_HEADER_BYTES + (size_t)bytes;
    if (input->end - input->start < input->wanted) {
        return true;
    }
    if (!message->handle(client, input->bytes + input->start + VTEST_HEADER_BYTES, bytes)) {
        return false;
    }
    input->start += input->wanted;
    input->wanted = VTEST_HEADER_BYTES;
    input_shrink(input);
    return true;
}

bool vtest_client_pump(struct vtest_client *client) {
    for (int i = 0; i < REQUESTS_PER_TURN && vtest_client_is_ready(client); i++) {
        if (!client_handle_request(client)) {
            return false;
        }
    }
    return true;
}

bool vtest_client_handle(struct vtest_client *client, short revents) {
    if (revents & POLLOUT) {
        int error = vtest_output_flush(&client->output);
        if (error) {
            return client_broken(client, error);
        }
    }
    if (client_is_blocked(client)) {
        if (revents & (POLLHUP | POLLERR | POLLNVAL)) {
            log_debug("%s: hung up before its answer", client->label);
            return false;
        }
        return true;
    }
    if (revents & (POLLIN | POLLHUP | POLLERR | POLLNVAL) && !vtest_client_is_ready(client) &&
        !client_fill(client)) {
        return false;
    }
    return vtest_client_pump(client);
}

/* The connection stays, so that the guest sees the end of the context where it looks for it: in
 * the status of its rings. */
static void client_lose_context(struct vtest_client *client, const char *reason) {
    log_debug("%s: the context has ended: %s", client->label, reason);
    client->context_lost = true;
    vtest_fences_retire_all(&client->fences);
}

bool vtest_client_receive_mail(struct vtest_client *client, struct vtest_mail *mail) {
    for (uint64_t rings = mail->news.retired_rings; rings; rings &= rings - 1) {
        uint32_t ring_idx = (uint32_t)__builtin_ctzll(rings);
        vtest_fences_retire(&client->fences, ring_idx, mail->news.retired[ring_idx]);
    }
    bool alive = true;
    if (mail->blob_answered) {
        if (client->pending_blob != 0 && client->pending_blob == mail->blob_resource) {
            alive =
                vtest_answer_blob(client, mail->blob_storage, mail->blob_error, mail->blob_reason);
        }
        storage_unref(mail->blob_storage);
    }
    if (mail->news.lost && !client->context_lost) {
        client_lose_context(client, mail->news.lost_reason);
        if (alive && client->pending_blob != 0) {
            alive = vtest_answer_blob(client, NULL, 0, "the context has ended");
        }
    }
    return alive && vtest_client_pump(client);
}
