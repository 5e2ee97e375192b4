/* Framing of messages from a monitor, and of answers to it.
 *
 * A message is a header of 12 bytes and as many bytes as it says; up to 8 descriptors come with
 * its first bytes. What a message holds is checked against request.h before its payload is read.
 * Functions are called by one thread at a time. */
#ifndef VESPER_VHOST_USER_MESSAGE_H
#define VESPER_VHOST_USER_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frontend/vhost_user/wire.h"

union vhost_payload {
    uint64_t u64;
    struct vhost_vring_state state;
    struct vhost_vring_addresses addresses;
    struct vhost_memory_regions memory;
    struct vhost_config config;
};

struct vhost_message {
    struct vhost_header header;
    union vhost_payload payload; /* header.size bytes of it have come */
    /* The message's until somebody takes them and leaves -1. */
    int fds[VHOST_FDS_MAX];
    size_t fd_count;
};

/* Takes descriptor `index` out of the message; -1 where there is none. The caller owns it. */
int vhost_message_take_fd(struct vhost_message *message, size_t index);
/* Closes the descriptors that nobody took. */
void vhost_message_close_fds(struct vhost_message *message);
/* What the monitor calls it, for messages; static storage. */
const char *vhost_message_name(const struct vhost_message *message);

struct vhost_receiver {
    int socket_fd; /* borrowed, non-blocking */
    size_t have;   /* bytes of header and payload */
    struct vhost_message message;
};

enum vhost_received {
    VHOST_RECEIVED_NOTHING, /* more must come */
    VHOST_RECEIVED_MESSAGE, /* a whole message; vhost_receiver_next before the next one */
    VHOST_RECEIVED_END,     /* the monitor hung up */
    VHOST_RECEIVED_BROKEN,  /* the stream makes no sense any more; the reason was logged */
};

void vhost_receiver_init(struct vhost_receiver *receiver, int socket_fd);
/* Closes what descriptors there are. */
void vhost_receiver_finish(struct vhost_receiver *receiver);
/* Reads what has come of one message. Never blocks. */
enum vhost_received vhost_receiver_read(struct vhost_receiver *receiver);
/* Forgets the message, with the descriptors that nobody took. */
void vhost_receiver_next(struct vhost_receiver *receiver);

/* Answers that did not fit into the socket yet. A monitor waits for each, so that there is hardly
 * ever more than one. */
struct vhost_output {
    int socket_fd; /* borrowed, non-blocking */
    size_t sent, end;
    uint8_t bytes[sizeof(struct vhost_header) + sizeof(struct vhost_shmem_config)];
};

void vhost_output_init(struct vhost_output *output, int socket_fd);
static inline bool vhost_output_is_empty(const struct vhost_output *output) {
    return output->sent == output->end;
}
/* The answer to `request`: `size` bytes (at most those of struct vhost_shmem_config). The output
 * is empty before. 0, also where not all went out yet, or a negative errno: the connection is
 * over. */
int vhost_output_reply(struct vhost_output *output, uint32_t request, const void *payload,
                       size_t size);
/* Sends what is left; the same results. */
int vhost_output_flush(struct vhost_output *output);

#endif
