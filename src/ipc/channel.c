#include "ipc/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "platform/platform.h"

#define HEADER_BYTES sizeof(struct channel_header)
/* Memory follows what has come, not what a header promises. */
#define INPUT_BYTES_MIN 4096
/* Messages up to this size are put together on the stack for one system call. */
#define SMALL_MESSAGE_BYTES 4096

struct channel_output {
    struct channel_output *next;
    size_t size, done;
    size_t fd_count; /* not sent yet */
    int fds[CHANNEL_FDS_MAX];
    uint8_t bytes[];
};

static int duplicate(int fd) {
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return copy < 0 ? -errno : copy;
}

const struct channel_calls channel_system_calls = {
    .send = platform_socket_send_fds,
    .receive = platform_socket_receive_fds,
    .duplicate = duplicate,
    .allocate = malloc,
};

static void close_all(int *fds, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
}

void channel_init(struct channel *channel, int fd, uint32_t receive_max, uint64_t queue_max,
                  const struct channel_calls *calls) {
    memset(channel, 0, sizeof(*channel));
    channel->fd = fd;
    channel->calls = calls ? calls : &channel_system_calls;
    channel->receive_max = receive_max;
    channel->queue_max = queue_max;
    channel->last = &channel->first;
}

/* ---- sending ---------------------------------------------------------------------------- */

static void output_free(struct channel_output *output) {
    close_all(output->fds, output->fd_count);
    free(output);
}

static void drop_first_output(struct channel *channel) {
    struct channel_output *output = channel->first;
    channel->first = output->next;
    if (!channel->first) {
        channel->last = &channel->first;
    }
    channel->queued_bytes -= output->size;
    output_free(output);
}

void channel_finish(struct channel *channel) {
    while (channel->first) {
        drop_first_output(channel);
    }
    close_all(channel->input.fds, channel->input.fd_count);
    close_all(channel->input.ahead_fds, channel->input.ahead_fd_count);
    channel->input.fd_count = channel->input.ahead_fd_count = 0;
    free(channel->input.bytes);
    channel->input.bytes = NULL;
    if (channel->fd >= 0) {
        close(channel->fd);
        channel->fd = -1;
    }
}

int channel_flush(struct channel *channel) {
    while (channel->first) {
        struct channel_output *output = channel->first;
        long sent =
            channel->calls->send(channel->fd, output->bytes + output->done,
                                 output->size - output->done, output->fds, output->fd_count);
        if (sent == -EINTR) {
            continue;
        }
        if (sent < 0) {
            return sent == -EWOULDBLOCK ? -EAGAIN : (int)sent;
        }
        close_all(output->fds, output->fd_count); /* they went with the first byte */
        output->fd_count = 0;
        output->done += (size_t)sent;
        if (output->done == output->size) {
            drop_first_output(channel);
        }
    }
    return 0;
}

struct message_part {
    const void *bytes;
    size_t size;
};

#define PARTS 3

static void gather(uint8_t *to, const struct message_part *parts) {
    for (size_t i = 0; i < PARTS; i++) {
        if (parts[i].size) {
            memcpy(to, parts[i].bytes, parts[i].size);
            to += parts[i].size;
        }
    }
}

/* Queues the message as one piece, of which `done` bytes are sent already, and with the first of
 * them the descriptors. */
static int enqueue(struct channel *channel, const struct message_part *parts, size_t done,
                   const int *fds, size_t fd_count) {
    const size_t size = parts[0].size + parts[1].size + parts[2].size;
    struct channel_output *output = channel->calls->allocate(sizeof(*output) + size);
    if (!output) {
        return -ENOMEM;
    }
    *output = (struct channel_output){.size = size, .done = done};
    for (; done == 0 && output->fd_count < fd_count; output->fd_count++) {
        int copy = channel->calls->duplicate(fds[output->fd_count]);
        if (copy < 0) {
            output_free(output);
            return copy;
        }
        output->fds[output->fd_count] = copy;
    }
    gather(output->bytes, parts);
    *channel->last = output;
    channel->last = &output->next;
    channel->queued_bytes += size;
    return 0;
}

/* Tries a small message at once; returns how many bytes went, or a negative errno. */
static long send_at_once(struct channel *channel, const struct message_part *parts, size_t total,
                         const int *fds, size_t fd_count) {
    uint8_t bytes[SMALL_MESSAGE_BYTES];
    gather(bytes, parts);
    long sent;
    do {
        sent = channel->calls->send(channel->fd, bytes, total, fds, fd_count);
    } while (sent == -EINTR);
    return sent == -EAGAIN || sent == -EWOULDBLOCK ? 0 : sent;
}

int channel_send(struct channel *channel, const void *head, size_t head_size, const void *body,
                 size_t size, const int *fds, size_t fd_count) {
    if (size > UINT32_MAX - head_size || fd_count > CHANNEL_FDS_MAX) {
        return -EMSGSIZE;
    }
    struct channel_header header = {(uint32_t)(head_size + size), (uint32_t)fd_count};
    const struct message_part parts[PARTS] = {
        {&header, HEADER_BYTES}, {head, head_size}, {body, size}};
    const size_t total = HEADER_BYTES + head_size + size;
    long done = 0;
    if (channel->first) {
        if (total > channel->queue_max - channel->queued_bytes) {
            return -ENOBUFS;
        }
    } else if (total <= SMALL_MESSAGE_BYTES) {
        done = send_at_once(channel, parts, total, fds, fd_count);
    }
    if (done < 0) {
        return (int)done;
    }
    if ((size_t)done == total) {
        return 0;
    }
    const bool was_empty = !channel->first;
    int error = enqueue(channel, parts, (size_t)done, fds, fd_count);
    if (error || !was_empty) {
        return error;
    }
    error = channel_flush(channel);
    return error == -EAGAIN ? 0 : error;
}

/* ---- receiving -------------------------------------------------------------------------- */

/* Room for the rest of the payload, as far as memory may run ahead of what has come, and for the
 * next header. */
static int make_room(struct channel *channel) {
    size_t received = channel->input.done - HEADER_BYTES;
    if (received + HEADER_BYTES < channel->input.capacity) {
        return 0;
    }
    size_t capacity = channel->input.capacity ? channel->input.capacity * 2 : INPUT_BYTES_MIN;
    uint8_t *bytes = channel->calls->allocate(capacity);
    if (!bytes) {
        return -ENOMEM;
    }
    if (received) {
        memcpy(bytes, channel->input.bytes, received);
    }
    free(channel->input.bytes);
    channel->input.bytes = bytes;
    channel->input.capacity = capacity;
    return 0;
}

/* Reads some bytes, and into `fds` (CHANNEL_FDS_MAX) the descriptors that came with them. */
static int read_some(struct channel *channel, uint8_t *to, size_t size, size_t *out_count, int *fds,
                     size_t *out_fd_count) {
    size_t came;
    long count;
    do {
        count = channel->calls->receive(channel->fd, to, size, fds, CHANNEL_FDS_MAX, &came);
    } while (count == -EINTR);
    if (count < 0) {
        return count == -EWOULDBLOCK ? -EAGAIN : (int)count;
    }
    *out_fd_count = came < CHANNEL_FDS_MAX ? came : CHANNEL_FDS_MAX;
    if (came > CHANNEL_FDS_MAX) {
        return -EPROTO;
    }
    if (count == 0) {
        return channel->input.done ? -EPROTO : -EPIPE;
    }
    channel->input.is_dry = (size_t)count < size;
    *out_count = (size_t)count;
    return 0;
}

static int check_header(const struct channel *channel) {
    const struct channel_header *header = &channel->input.header;
    if (header->size > channel->receive_max) {
        return -EMSGSIZE;
    }
    return header->size == 0 || header->fd_count != channel->input.fd_count ? -EPROTO : 0;
}

/* Descriptors come with the first byte of a message only. */
static int read_header(struct channel *channel) {
    while (channel->input.done < HEADER_BYTES) {
        const bool at_start = channel->input.done == 0;
        int fds[CHANNEL_FDS_MAX];
        size_t count, fd_count = 0;
        int error = read_some(channel, (uint8_t *)&channel->input.header + channel->input.done,
                              HEADER_BYTES - channel->input.done, &count, fds, &fd_count);
        if (error || (fd_count > 0 && !at_start)) {
            close_all(fds, fd_count);
            return error ? error : -EPROTO;
        }
        memcpy(channel->input.fds + channel->input.fd_count, fds, fd_count * sizeof(int));
        channel->input.fd_count += fd_count;
        channel->input.done += count;
    }
    return check_header(channel);
}

/* Some of the payload, and with its end the next header, as far as it has come: what descriptors
 * come then are the next message's. */
static int read_payload(struct channel *channel) {
    int error = make_room(channel);
    if (error) {
        return error;
    }
    const size_t received = channel->input.done - HEADER_BYTES;
    const size_t room = channel->input.capacity - received;
    const size_t left = channel->input.header.size - received;
    const size_t wanted = left + HEADER_BYTES <= room ? left + HEADER_BYTES : room - HEADER_BYTES;
    size_t count = 0;
    error = read_some(channel, channel->input.bytes + received, wanted, &count,
                      channel->input.ahead_fds, &channel->input.ahead_fd_count);
    if (error) {
        return error;
    }
    channel->input.ahead = count > left ? count - left : 0;
    channel->input.done += count - channel->input.ahead;
    return channel->input.ahead_fd_count > 0 && channel->input.ahead == 0 ? -EPROTO : 0;
}

/* What has come ahead of the message that was handed out becomes the beginning of the next. */
static void begin_message(struct channel *channel) {
    const size_t ahead = channel->input.ahead;
    if (ahead) {
        memcpy(&channel->input.header, channel->input.bytes + channel->input.header.size, ahead);
    }
    memcpy(channel->input.fds, channel->input.ahead_fds,
           channel->input.ahead_fd_count * sizeof(int));
    channel->input.fd_count = channel->input.ahead_fd_count;
    channel->input.done = ahead;
    channel->input.ahead = channel->input.ahead_fd_count = 0;
}

int channel_receive(struct channel *channel, struct channel_message *out) {
    if (channel->input.done == HEADER_BYTES + channel->input.header.size) {
        begin_message(channel);
        if (channel->input.is_dry) {
            channel->input.is_dry = false;
            return -EAGAIN;
        }
    }
    int error = read_header(channel);
    while (!error && channel->input.done < HEADER_BYTES + channel->input.header.size) {
        error = read_payload(channel);
    }
    if (error) {
        return error;
    }
    *out = (struct channel_message){.bytes = channel->input.bytes,
                                    .size = channel->input.header.size,
                                    .fd_count = (uint32_t)channel->input.fd_count};
    memcpy(out->fds, channel->input.fds, channel->input.fd_count * sizeof(int));
    channel->input.fd_count = 0;
    return 0;
}

void channel_close_fds(struct channel_message *message) {
    close_all(message->fds, message->fd_count);
    message->fd_count = 0;
}
