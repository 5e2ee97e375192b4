/* vtest messages: the input is what a client sends over its socket, to a server whose contexts
 * need no Vulkan. First byte: how many bytes are sent at a time, 0 for all. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../wire/fake_context.h"
#include "frontend/vtest/server.h"
#include "frontend/vtest/wire.h"
#include "need.h"
#include "target.h"

/* The fake context's command that makes its destruction wait for seconds. */
#define DESTROY_WAIT 7
/* Turns of the server for an answer that a context's thread owes. */
#define ANSWER_TURNS_MAX 100

/* ---- contexts ---------------------------------------------------------------------------- */

/* A fake context that is not asked to wait at its end. */
struct quick_context {
    struct context base;
    struct context *inner;
};

static struct context *inner(struct context *context) {
    return ((struct quick_context *)context)->inner;
}

static int quick_submit(struct context *context, const void *bytes, size_t size) {
    const uint8_t *words = bytes;
    for (size_t i = 0; i + 4 <= size; i += 4) {
        if (vtest_load_u32(words + i, 0) == DESTROY_WAIT) {
            size = i;
        }
    }
    return inner(context)->ops->submit(inner(context), bytes, size);
}

static int quick_create_blob(struct context *context, uint32_t resource_id, uint64_t blob_id,
                             uint32_t flags, uint64_t size) {
    return inner(context)->ops->create_blob(inner(context), resource_id, blob_id, flags, size);
}

static int quick_attach(struct context *context, uint32_t resource_id, struct storage *storage) {
    return inner(context)->ops->attach(inner(context), resource_id, storage);
}

static int quick_detach(struct context *context, uint32_t resource_id) {
    return inner(context)->ops->detach(inner(context), resource_id);
}

static void quick_reuse(struct context *context, struct storage *storage, uint64_t place) {
    inner(context)->ops->reuse(inner(context), storage, place);
}

static int quick_fence(struct context *context, uint32_t ring_idx, uint64_t fence_id) {
    return inner(context)->ops->fence(inner(context), ring_idx, fence_id);
}

static void quick_destroy(struct context *context) {
    inner(context)->ops->destroy(inner(context));
    free(context);
}

static const struct context_ops quick_ops = {
    .submit = quick_submit,
    .create_blob = quick_create_blob,
    .attach = quick_attach,
    .detach = quick_detach,
    .reuse = quick_reuse,
    .fence = quick_fence,
    .destroy = quick_destroy,
};

static int quick_create(const char *name, const struct context_limits *limits,
                        const struct context_listener *listener, void *user, struct context **out) {
    struct quick_context *context = calloc(1, sizeof(*context));
    if (!context) {
        return -ENOMEM;
    }
    context->base.ops = &quick_ops;
    int error = fake_context_create(name, limits, listener, user, &context->inner);
    if (error) {
        free(context);
        return error;
    }
    *out = &context->base;
    return 0;
}

/* ---- one connection ---------------------------------------------------------------------- */

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    signal(SIGPIPE, SIG_IGN);
    return 0;
}

/* Descriptors that come along with answers are dropped by the system. */
static void drain(int fd) {
    char bytes[4096];
    while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0) {
    }
}

static void step(struct vtest_server *server, int fd) {
    need(vtest_server_step(server, 0) == 0, "a turn of the server");
    for (int i = 0;
         i < ANSWER_TURNS_MAX && server->client_count > 0 && server->clients[0]->pending_blob != 0;
         i++) {
        need(vtest_server_step(server, 1) == 0, "a turn of the server");
    }
    drain(fd);
}

static void send_all(struct vtest_server *server, int fd, const uint8_t *bytes, size_t size,
                     size_t at_once) {
    while (size > 0 && server->client_count > 0) {
        ssize_t sent = send(fd, bytes, size < at_once ? size : at_once, MSG_DONTWAIT);
        if (sent > 0) {
            bytes += sent;
            size -= (size_t)sent;
        } else if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS) {
            return;
        }
        step(server, fd);
    }
}

static void talk(struct vtest_server *server, const uint8_t *data, size_t size) {
    int fds[2];
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0, "a socket pair");
    need(fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0, "a socket that does not block");
    need(vtest_server_adopt(server, fds[0]) == 0, "a client");
    send_all(server, fds[1], data + 1, size - 1, data[0] ? data[0] : size);
    for (int i = 0; i < 3; i++) {
        step(server, fds[1]);
    }
    close(fds[1]);
    need(vtest_server_step(server, 0) == 0, "a turn of the server");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) {
        return -1;
    }
    const struct vtest_options options = {
        .limits = {.clients = 4,
                   .syncs = 64,
                   .waits = 8,
                   .wait_entries = 64,
                   .signals = 64,
                   .resources = 64,
                   .message_bytes = 65536},
        .create_context = quick_create,
        .get_capset = fake_get_capset,
    };
    struct vtest_server *server;
    char reason[256];
    need(vtest_server_create(&options, &server, reason, sizeof(reason)) == 0, "a server");
    talk(server, data, size);
    vtest_server_destroy(server);
    return 0;
}

/* ---- seeds ------------------------------------------------------------------------------- */

struct writer {
    uint8_t bytes[1024];
    size_t size;
};

static void put(struct writer *w, uint32_t value) {
    memcpy(w->bytes + w->size, &value, 4);
    w->size += 4;
}

static void put_message(struct writer *w, uint32_t id, const uint32_t *words, uint32_t count) {
    put(w, count);
    put(w, id);
    for (uint32_t i = 0; i < count; i++) {
        put(w, words[i]);
    }
}
#define MESSAGE(w, id, ...)                                                                        \
    put_message((w), (id), (const uint32_t[]){__VA_ARGS__},                                        \
                sizeof((const uint32_t[]){__VA_ARGS__}) / 4)

/* What Mesa sends until it has a context. */
static void put_start(struct writer *w, uint8_t at_once) {
    w->bytes[0] = at_once;
    w->size = 1;
    put(w, 5);
    put(w, VTEST_CREATE_RENDERER);
    memcpy(w->bytes + w->size, "fuzz", 5);
    w->size += 5;
    put_message(w, VTEST_PING_PROTOCOL_VERSION, NULL, 0);
    MESSAGE(w, VTEST_RESOURCE_BUSY_WAIT, 0, 0);
    MESSAGE(w, VTEST_PROTOCOL_VERSION_ID, VTEST_PROTOCOL_VERSION);
    MESSAGE(w, VTEST_GET_PARAM, VTEST_PARAM_MAX_TIMELINE_COUNT);
    MESSAGE(w, VTEST_GET_CAPSET, CONTEXT_CAPSET_VENUS, 0);
    MESSAGE(w, VTEST_CONTEXT_INIT, CONTEXT_CAPSET_VENUS);
}

static void put_blob(struct writer *w) {
    MESSAGE(w, VTEST_RESOURCE_CREATE_BLOB, VTEST_BLOB_TYPE_HOST3D, CONTEXT_BLOB_MAPPABLE, 4096, 0,
            0, 0);
}

/* One batch with a header of 8 dwords: STORE(resource 1, word 0, 7), then sync 1 becomes 9. */
static void put_submit(struct writer *w) {
    MESSAGE(w, VTEST_SUBMIT_CMD2, 1, 0, 9, 4, 13, 1, 0, 0, 0, 2, 1, 0, 7, 1, 9, 0);
}

void target_make_seeds(target_emit emit, void *user) {
    for (int kind = 0; kind < 6; kind++) {
        struct writer w;
        put_start(&w, kind % 2 ? 0 : 16);
        if (kind >= 1) {
            put_blob(&w);
        }
        if (kind >= 2) {
            MESSAGE(&w, VTEST_SYNC_CREATE, 5, 0);
            MESSAGE(&w, VTEST_SYNC_READ, 1);
            MESSAGE(&w, VTEST_SYNC_WRITE, 1, 6, 0);
        }
        if (kind >= 3) {
            put_submit(&w);
        }
        if (kind >= 4) {
            MESSAGE(&w, VTEST_SYNC_WAIT, 0, 100, 1, 7, 0);
            MESSAGE(&w, VTEST_SYNC_UNREF, 1);
        }
        if (kind >= 5) {
            MESSAGE(&w, VTEST_RESOURCE_UNREF, 1);
        }
        emit(w.bytes, w.size, user);
    }
}
