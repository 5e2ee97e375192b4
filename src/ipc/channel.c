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
    close_all(channel->input.own_fds, channel->input.own_fd_count);
    channel->input.fd_count = channel->input.own_fd_count = 0;
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

/* Room behind what has come. Only what is no whole message yet is moved. */
static int make_room(struct channel *channel) {
    const size_t start = channel->input.start, came = channel->input.end - start;
    if (start > 0) {
        memmove(channel->input.bytes, channel->input.bytes + start, came);
        channel->input.fds_at -= channel->input.fds_at < start ? channel->input.fds_at : start;
        channel->input.start = 0;
        channel->input.end = came;
    }
    if (came < channel->input.capacity) {
        return 0;
    }
    const size_t capacity = channel->input.capacity ? came * 2 : INPUT_BYTES_MIN;
    uint8_t *bytes = channel->calls->allocate(capacity);
    if (!bytes) {
        return -ENOMEM;
    }
    if (came) {
        memcpy(bytes, channel->input.bytes, came);
    }
    free(channel->input.bytes);
    channel->input.bytes = bytes;
    channel->input.capacity = capacity;
    return 0;
}

/* Descriptors that came with bytes from `at` on. No two lots wait for their message. */
static int keep_fds(struct channel *channel, int *fds, size_t count, size_t at) {
    if (count == 0) {
        return 0;
    }
    if (count > CHANNEL_FDS_MAX || channel->input.fd_count > 0) {
        close_all(fds, count < CHANNEL_FDS_MAX ? count : CHANNEL_FDS_MAX);
        return -EPROTO;
    }
    memcpy(channel->input.fds, fds, count * sizeof(int));
    channel->input.fd_count = count;
    channel->input.fds_at = at;
    return 0;
}

/* Reads what there is, as far as there is room. */
static int read_some(struct channel *channel) {
    int error = make_room(channel);
    if (error) {
        return error;
    }
    const size_t end = channel->input.end, room = channel->input.capacity - end;
    int fds[CHANNEL_FDS_MAX];
    size_t fd_count;
    long count;
    do {
        count = channel->calls->receive(channel->fd, channel->input.bytes + end, room, fds,
                                        CHANNEL_FDS_MAX, &fd_count);
    } while (count == -EINTR);
    if (count < 0) {
        return count == -EWOULDBLOCK ? -EAGAIN : (int)count;
    }
    error = keep_fds(channel, fds, fd_count, end);
    if (!error && count == 0) {
        error = end > 0 ? -EPROTO : -EPIPE;
    }
    channel->input.end += (size_t)count;
    /* A read ends behind descriptors, too. */
    channel->input.is_dry = (size_t)count < room && fd_count == 0;
    return error;
}

/* The header of the message at the start, once it is there, and the descriptors that are its own:
 * those that came with its first byte. -EAGAIN: it is not. */
static int begin_message(struct channel *channel) {
    const size_t start = channel->input.start, came = channel->input.end - start;
    if (channel->input.is_begun) {
        return 0;
    }
    if (came < HEADER_BYTES) {
        return -EAGAIN;
    }
    struct channel_header *header = &channel->input.header;
    memcpy(header, channel->input.bytes + start, HEADER_BYTES);
    if (header->size > channel->receive_max) {
        return -EMSGSIZE;
    }
    if (header->size == 0) {
        return -EPROTO;
    }
    if (header->fd_count > 0) {
        if (header->fd_count != channel->input.fd_count || start < channel->input.fds_at) {
            return -EPROTO;
        }
        memcpy(channel->input.own_fds, channel->input.fds, header->fd_count * sizeof(int));
        channel->input.own_fd_count = header->fd_count;
        channel->input.fd_count = 0;
    }
    channel->input.is_begun = true;
    return 0;
}

/* 0: a whole message is at the start; -EAGAIN: as yet there is none. */
static int find_message(struct channel *channel) {
    int error = begin_message(channel);
    if (error && error != -EAGAIN) {
        return error;
    }
    const size_t came = channel->input.end - channel->input.start;
    const size_t whole = HEADER_BYTES + (error ? 0 : (size_t)channel->input.header.size);
    /* What waits for a message came with the first byte of one: of this one, as long as there is no
     * header, or of one behind it. */
    const bool may_be_of_another =
        error ? came > 0 && channel->input.start >= channel->input.fds_at : came > whole;
    if (channel->input.fd_count > 0 && !may_be_of_another) {
        return -EPROTO;
    }
    return error || came < whole ? -EAGAIN : 0;
}

static void hand_out(struct channel *channel, struct channel_message *out) {
    *out = (struct channel_message){
        .bytes = channel->input.bytes + channel->input.start + HEADER_BYTES,
        .size = channel->input.header.size,
        .fd_count = (uint32_t)channel->input.own_fd_count,
    };
    memcpy(out->fds, channel->input.own_fds, channel->input.own_fd_count * sizeof(int));
    channel->input.own_fd_count = 0;
    channel->input.is_begun = false;
    channel->input.handed_out = HEADER_BYTES + (size_t)out->size;
}

static void drop_handed_out(struct channel *channel) {
    channel->input.start += channel->input.handed_out;
    channel->input.handed_out = 0;
    if (channel->input.start == channel->input.end) {
        channel->input.start = channel->input.end = channel->input.fds_at = 0;
    }
}

int channel_receive(struct channel *channel, struct channel_message *out) {
    drop_handed_out(channel);
    int error;
    while ((error = find_message(channel)) == -EAGAIN) {
        if (channel->input.is_dry) {
            channel->input.is_dry = false;
            return -EAGAIN;
        }
        error = read_some(channel);
        if (error) {
            return error;
        }
    }
    if (!error) {
        hand_out(channel, out);
    }
    return error;
}

bool channel_has_input(const struct channel *channel) {
    const size_t start = channel->input.start + channel->input.handed_out;
    const size_t came = channel->input.end - start;
    struct channel_header header;
    if (came < HEADER_BYTES) {
        return false;
    }
    memcpy(&header, channel->input.bytes + start, HEADER_BYTES);
    return came - HEADER_BYTES >= header.size;
}

void channel_close_fds(struct channel_message *message) {
    close_all(message->fds, message->fd_count);
    message->fd_count = 0;
}
