/* The channel on which we ask and the monitor answers: shared-memory mappings, changes of the
 * configuration space. Answers come in the order of the requests and are read when they come:
 * nothing here waits. Device thread only. */
#ifndef VESPER_VHOST_USER_BACKEND_CHANNEL_H
#define VESPER_VHOST_USER_BACKEND_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frontend/vhost_user/wire.h"
#include "renderer/storage.h"

/* Requests that are not answered yet: four for each mapping that a device has by default. */
#define VHOST_ASKS_MAX 16384

struct vhost_ask {
    enum vhost_backend_request kind;
    bool ignored; /* nobody waits for the answer any more */
    uint64_t offset, size;
    struct storage *storage; /* a reference until it is sent; else NULL */
};

/* The answer to a request: 0 or a negative errno. */
typedef void (*vhost_answered)(void *user, enum vhost_backend_request kind, uint64_t offset,
                               int error);

struct vhost_channel {
    int fd; /* ours; -1: none */
    vhost_answered answered;
    void *user;

    /* A ring: first the requests that wait for an answer, then those that wait to be sent. */
    struct vhost_ask *asks;
    size_t capacity, first, sent, count;
    size_t bytes_sent; /* of the first request that waits to be sent */

    size_t have; /* bytes of the answer that is being read */
    uint8_t answer[sizeof(struct vhost_header) + sizeof(uint64_t)];
};

void vhost_channel_init(struct vhost_channel *channel, vhost_answered answered, void *user);
/* Closes it; nothing is answered. */
void vhost_channel_finish(struct vhost_channel *channel);
/* Begins anew on `fd`, which it takes; requests under way are answered with -EIO. */
void vhost_channel_open(struct vhost_channel *channel, int fd);
/* Closes it; requests under way are answered with -EIO. */
void vhost_channel_close(struct vhost_channel *channel);

/* Requests, answered later: never from inside. 0 or a negative errno (-ENOTCONN, -ENOMEM, -EBUSY:
 * too many under way). A map is followed by a SHARED_OBJECT_REMOVE, whose answer, with the same
 * offset and an error of no meaning, says that the map has taken effect. */
int vhost_channel_map(struct vhost_channel *channel, struct storage *storage, uint64_t offset,
                      uint64_t size);
int vhost_channel_unmap(struct vhost_channel *channel, uint64_t offset, uint64_t size);
int vhost_channel_tell_config(struct vhost_channel *channel);
/* As vhost_channel_unmap, with nobody to hear of the answer, or of a failure to ask. */
void vhost_channel_take_away(struct vhost_channel *channel, uint64_t offset, uint64_t size);
/* Drops what nobody waits for any more: a reset. Mappings that have been asked for and not been
 * answered are taken away again. */
void vhost_channel_forget(struct vhost_channel *channel);

/* Events to poll `fd` for. */
short vhost_channel_events(const struct vhost_channel *channel);
/* Sends and reads what can be. */
void vhost_channel_handle(struct vhost_channel *channel);
/* Sends what can be. Called before the loop waits. */
void vhost_channel_flush(struct vhost_channel *channel);

#endif
