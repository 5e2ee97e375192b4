/* Messages with descriptors over one Unix stream socket, the same on every system.
 *
 * A message is {u32 size, u32 fd_count} in the machine's byte order, `size` bytes, and `fd_count`
 * descriptors, which travel beside the first byte of the header. Descriptors belong to the message
 * they came with: more or fewer than it announces, or more than the receiver allows, end the
 * channel, and all of them are closed. Sockets themselves are never sent.
 *
 * Nothing blocks. One thread may send while another receives; each direction needs the caller's
 * own lock where several threads use it. Errors other than -EAGAIN are final: the channel is then
 * only good for channel_finish. */
#ifndef VESPER_IPC_CHANNEL_H
#define VESPER_IPC_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Descriptors of one message. */
#define CHANNEL_FDS_MAX 4

/* The system calls, so that tests can make them fail. */
struct channel_calls {
    long (*send)(int socket_fd, const void *bytes, size_t size, const int *fds, size_t count);
    long (*receive)(int socket_fd, void *bytes, size_t size, int *fds, size_t capacity,
                    size_t *out_count);
    int (*duplicate)(int fd); /* close-on-exec; a descriptor or a negative errno */
    void *(*allocate)(size_t size);
};
extern const struct channel_calls channel_system_calls;

struct channel_header {
    uint32_t size, fd_count;
};

struct channel_output; /* a message that the socket did not take at once */

struct channel {
    int fd;
    const struct channel_calls *calls;
    uint32_t receive_max; /* size of a message that may come */
    uint64_t queue_max;   /* bytes that may wait to be sent */
    struct channel_output *first, **last;
    uint64_t queued_bytes;
    struct {
        struct channel_header header;
        size_t done; /* bytes of header and payload that have come */
        uint8_t *bytes;
        size_t capacity;
        int fds[CHANNEL_FDS_MAX];
        size_t fd_count;
        /* Of the next message, come with the end of this one's payload. */
        size_t ahead; /* bytes of its header, behind the payload */
        int ahead_fds[CHANNEL_FDS_MAX];
        size_t ahead_fd_count;
        bool is_dry; /* less came than was asked for: there is nothing more yet */
    } input;
};

/* A message as received. `bytes` stay the channel's, until its next receive; descriptors are the
 * caller's, who sets those it keeps to -1 and hands the rest to channel_close_fds. */
struct channel_message {
    const uint8_t *bytes;
    uint32_t size;
    uint32_t fd_count;
    int fds[CHANNEL_FDS_MAX];
};

/* `fd`: a connected, non-blocking stream socket, which becomes the channel's. `calls` NULL: the
 * system's. */
void channel_init(struct channel *channel, int fd, uint32_t receive_max, uint64_t queue_max,
                  const struct channel_calls *calls);
/* Closes the socket and what is queued or half received. */
void channel_finish(struct channel *channel);

/* Sends a message of `head` (at least one byte) followed by `size` bytes of `body` (may be 0), with
 * `fd_count` descriptors, which stay the caller's. What the socket does not take is copied and
 * queued for channel_flush. -ENOBUFS: more than queue_max bytes would wait; nothing has been sent.
 * An empty queue takes any one message. -EMSGSIZE: too large for the format or too many
 * descriptors. */
int channel_send(struct channel *channel, const void *head, size_t head_size, const void *body,
                 size_t size, const int *fds, size_t fd_count);
/* Sends what is queued. 0: all of it; -EAGAIN: wait for room; else final. */
int channel_flush(struct channel *channel);
static inline bool channel_has_output(const struct channel *channel) {
    return channel->first != NULL;
}

/* The next message. 0: *out is one; -EAGAIN: none is complete; -EPIPE: the peer has closed the
 * channel between two messages; -EPROTO: it broke the rules above; -EMSGSIZE: a message larger
 * than receive_max; other errors of the system. */
int channel_receive(struct channel *channel, struct channel_message *out);
void channel_close_fds(struct channel_message *message);

#endif
