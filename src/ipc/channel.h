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
        uint8_t *bytes;
        size_t capacity;
        size_t start, end; /* of what has come and is not done with */
        size_t handed_out; /* bytes from the start that the last message has */
        bool
            is_begun; /* the message at the start: its header is known, and which fds are its own */
        struct channel_header header;
        int own_fds[CHANNEL_FDS_MAX];
        size_t own_fd_count;
        int fds[CHANNEL_FDS_MAX]; /* come, but no message's yet */
        size_t fd_count;
        size_t fds_at; /* the message that they are of does not begin before */
        bool is_dry; /* less came than there was room for: there is nothing more yet */
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
/* Whether the next call of channel_receive finds something that was read already, and for which
 * nobody needs to wait: polls do not tell of it. */
bool channel_has_input(const struct channel *channel);
void channel_close_fds(struct channel_message *message);

#endif
