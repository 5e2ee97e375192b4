#include "frontend/vhost_user/backend_channel.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device/device.h"
#include "platform/platform.h"
#include "util/log.h"

static const char *get_name(enum vhost_backend_request kind) {
    switch (kind) {
    case VHOST_BACKEND_CONFIG_CHANGE:
        return "BACKEND_CONFIG_CHANGE_MSG";
    case VHOST_BACKEND_SHARED_OBJECT_REMOVE:
        return "BACKEND_SHARED_OBJECT_REMOVE";
    case VHOST_BACKEND_SHMEM_MAP:
        return "BACKEND_SHMEM_MAP";
    case VHOST_BACKEND_SHMEM_UNMAP:
        return "BACKEND_SHMEM_UNMAP";
    }
    return "?";
}

void vhost_channel_init(struct vhost_channel *channel, vhost_answered answered, void *user) {
    *channel = (struct vhost_channel){.fd = -1, .answered = answered, .user = user};
}

/* ---- the ring of requests --------------------------------------------------------------- */

static struct vhost_ask *get_ask(const struct vhost_channel *channel, size_t index) {
    return &channel->asks[(channel->first + index) % channel->capacity];
}

/* Room for `count` (at most 2) more. */
static int reserve_asks(struct vhost_channel *channel, size_t count) {
    if (channel->fd < 0) {
        return -ENOTCONN;
    }
    if (channel->count + count <= channel->capacity) {
        return 0;
    }
    const size_t capacity = channel->capacity ? channel->capacity * 2 : 64;
    if (capacity > VHOST_ASKS_MAX) {
        return -EBUSY;
    }
    struct vhost_ask *asks = malloc(capacity * sizeof(*asks));
    if (!asks) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < channel->count; i++) {
        asks[i] = *get_ask(channel, i);
    }
    free(channel->asks);
    channel->asks = asks;
    channel->capacity = capacity;
    channel->first = 0;
    return 0;
}

static int add_ask(struct vhost_channel *channel, const struct vhost_ask *ask) {
    int error = reserve_asks(channel, 1);
    if (error) {
        return error;
    }
    struct vhost_ask *place = get_ask(channel, channel->count);
    *place = *ask;
    if (place->storage) {
        storage_ref(place->storage);
    }
    channel->count++;
    return 0;
}

/* Takes the first request out, which has an answer, or never will have one. */
static struct vhost_ask take_first(struct vhost_channel *channel) {
    struct vhost_ask ask = *get_ask(channel, 0);
    storage_unref(ask.storage);
    ask.storage = NULL;
    channel->first = (channel->first + 1) % channel->capacity;
    channel->count--;
    if (channel->sent > 0) {
        channel->sent--;
    }
    return ask;
}

static void pass_answer(struct vhost_channel *channel, const struct vhost_ask *ask, int error) {
    if (!ask->ignored) {
        channel->answered(channel->user, ask->kind, ask->offset, error);
    }
}

int vhost_channel_map(struct vhost_channel *channel, struct storage *storage, uint64_t offset,
                      uint64_t size) {
    int error = reserve_asks(channel, 2);
    if (!error) {
        add_ask(channel, &(struct vhost_ask){.kind = VHOST_BACKEND_SHMEM_MAP,
                                             .offset = offset,
                                             .size = size,
                                             .storage = storage});
        /* There is no request that does nothing: this one removes an object that nobody added. */
        add_ask(channel,
                &(struct vhost_ask){.kind = VHOST_BACKEND_SHARED_OBJECT_REMOVE, .offset = offset});
    }
    return error;
}

int vhost_channel_unmap(struct vhost_channel *channel, uint64_t offset, uint64_t size) {
    return add_ask(channel, &(struct vhost_ask){
                                .kind = VHOST_BACKEND_SHMEM_UNMAP, .offset = offset, .size = size});
}

void vhost_channel_take_away(struct vhost_channel *channel, uint64_t offset, uint64_t size) {
    (void)add_ask(channel, &(struct vhost_ask){.kind = VHOST_BACKEND_SHMEM_UNMAP,
                                               .ignored = true,
                                               .offset = offset,
                                               .size = size});
}

int vhost_channel_tell_config(struct vhost_channel *channel) {
    /* One that has not been sent yet tells of this change, too. */
    const size_t begun = channel->sent + (channel->bytes_sent > 0);
    for (size_t i = begun; i < channel->count; i++) {
        if (get_ask(channel, i)->kind == VHOST_BACKEND_CONFIG_CHANGE) {
            return 0;
        }
    }
    return add_ask(channel, &(struct vhost_ask){.kind = VHOST_BACKEND_CONFIG_CHANGE});
}

/* ---- life ------------------------------------------------------------------------------- */

static void drop_all(struct vhost_channel *channel) {
    while (channel->count > 0) {
        take_first(channel);
    }
}

void vhost_channel_finish(struct vhost_channel *channel) {
    drop_all(channel);
    free(channel->asks);
    if (channel->fd >= 0) {
        close(channel->fd);
    }
    vhost_channel_init(channel, channel->answered, channel->user);
}

void vhost_channel_close(struct vhost_channel *channel) {
    if (channel->fd >= 0) {
        close(channel->fd);
    }
    channel->fd = -1;
    channel->bytes_sent = 0;
    channel->have = 0;
    while (channel->count > 0) {
        const struct vhost_ask ask = take_first(channel);
        pass_answer(channel, &ask, -EIO);
    }
    channel->sent = 0;
}

void vhost_channel_open(struct vhost_channel *channel, int fd) {
    vhost_channel_close(channel);
    channel->fd = fd;
}

void vhost_channel_forget(struct vhost_channel *channel) {
    const size_t begun = channel->sent + (channel->bytes_sent > 0);
    const size_t all = channel->count;
    size_t kept = 0;
    for (size_t i = 0; i < all; i++) {
        struct vhost_ask *ask = get_ask(channel, i);
        if (i >= begun && ask->kind != VHOST_BACKEND_CONFIG_CHANGE) {
            storage_unref(ask->storage);
            continue;
        }
        ask->ignored = ask->kind != VHOST_BACKEND_CONFIG_CHANGE;
        *get_ask(channel, kept++) = *ask;
    }
    channel->count = kept;
    for (size_t i = 0; i < begun; i++) {
        const struct vhost_ask ask = *get_ask(channel, i);
        if (ask.kind == VHOST_BACKEND_SHMEM_MAP) {
            vhost_channel_take_away(channel, ask.offset, ask.size);
        }
    }
}

/* ---- sending ---------------------------------------------------------------------------- */

struct outgoing {
    size_t size;
    uint8_t bytes[sizeof(struct vhost_header) + sizeof(struct vhost_shmem_request)];
};

static uint32_t get_payload_size(enum vhost_backend_request kind) {
    switch (kind) {
    case VHOST_BACKEND_CONFIG_CHANGE:
        return 0;
    case VHOST_BACKEND_SHARED_OBJECT_REMOVE:
        return 16; /* a UUID: all zero */
    case VHOST_BACKEND_SHMEM_MAP:
    case VHOST_BACKEND_SHMEM_UNMAP:
        break;
    }
    return sizeof(struct vhost_shmem_request);
}

static void encode(const struct vhost_ask *ask, struct outgoing *out) {
    const struct vhost_shmem_request request = {
        .shmid = DEVICE_SHMID_HOST_VISIBLE,
        .offset = ask->offset,
        .size = ask->size,
        .flags = ask->kind == VHOST_BACKEND_SHMEM_MAP ? VHOST_SHMEM_WRITABLE : 0,
    };
    const struct vhost_header header = {
        .request = (uint32_t)ask->kind,
        .flags = VHOST_FLAGS_VERSION | VHOST_FLAGS_NEED_REPLY,
        .size = get_payload_size(ask->kind),
    };
    memcpy(out->bytes, &header, sizeof(header));
    memset(out->bytes + sizeof(header), 0, sizeof(request));
    if (header.size == sizeof(request)) {
        memcpy(out->bytes + sizeof(header), &request, sizeof(request));
    }
    out->size = sizeof(header) + header.size;
}

static void lose(struct vhost_channel *channel, const char *reason) {
    log_error("vhost-user: the channel for our requests is closed: %s", reason);
    vhost_channel_close(channel);
}

void vhost_channel_flush(struct vhost_channel *channel) {
    while (channel->fd >= 0 && channel->sent < channel->count) {
        struct vhost_ask *ask = get_ask(channel, channel->sent);
        struct outgoing out;
        encode(ask, &out);
        /* The descriptor goes with the first byte. */
        const int fd = channel->bytes_sent == 0 && ask->storage ? storage_get_fd(ask->storage) : -1;
        const long sent = platform_socket_send(channel->fd, out.bytes + channel->bytes_sent,
                                               out.size - channel->bytes_sent, fd);
        if (sent == -EAGAIN || sent == -EWOULDBLOCK || sent == -ENOBUFS) {
            return;
        }
        if (sent < 0) {
            lose(channel, strerror((int)-sent));
            return;
        }
        storage_unref(ask->storage);
        ask->storage = NULL;
        channel->bytes_sent += (size_t)sent;
        if (channel->bytes_sent == out.size) {
            channel->bytes_sent = 0;
            channel->sent++;
        }
    }
}

/* ---- answers ---------------------------------------------------------------------------- */

static void take_answer(struct vhost_channel *channel) {
    struct vhost_header header;
    uint64_t value;
    memcpy(&header, channel->answer, sizeof(header));
    memcpy(&value, channel->answer + sizeof(header), sizeof(value));
    channel->have = 0;
    if (channel->sent == 0) {
        lose(channel, "an answer to a request that was not made");
        return;
    }
    const struct vhost_ask *first = get_ask(channel, 0);
    if ((header.flags & VHOST_FLAGS_VERSION_MASK) != VHOST_FLAGS_VERSION ||
        !(header.flags & VHOST_FLAGS_REPLY) || header.request != (uint32_t)first->kind ||
        header.size != sizeof(value)) {
        lose(channel, "an answer to another request than the one that was made");
        return;
    }
    const struct vhost_ask ask = take_first(channel);
    if (value != 0 && !ask.ignored && ask.kind != VHOST_BACKEND_SHARED_OBJECT_REMOVE) {
        log_error("vhost-user: the monitor failed at %s (offset %#llx, %#llx bytes)",
                  get_name(ask.kind), (unsigned long long)ask.offset, (unsigned long long)ask.size);
    }
    pass_answer(channel, &ask, value ? -EIO : 0);
}

static void read_answers(struct vhost_channel *channel) {
    while (channel->fd >= 0) {
        size_t surplus;
        const long got =
            platform_socket_receive_fds(channel->fd, channel->answer + channel->have,
                                        sizeof(channel->answer) - channel->have, NULL, 0, &surplus);
        if (got == -EAGAIN || got == -EWOULDBLOCK) {
            return;
        }
        if (got == 0 && channel->count == 0 && channel->have == 0) {
            vhost_channel_close(channel); /* the monitor ends */
            return;
        }
        if (got <= 0) {
            lose(channel, got == 0 ? "the monitor hung up" : strerror((int)-got));
            return;
        }
        channel->have += (size_t)got;
        if (channel->have == sizeof(channel->answer)) {
            take_answer(channel);
        }
    }
}

short vhost_channel_events(const struct vhost_channel *channel) {
    return channel->sent < channel->count ? POLLIN | POLLOUT : POLLIN;
}

void vhost_channel_handle(struct vhost_channel *channel) {
    read_answers(channel);
    vhost_channel_flush(channel);
}
