#include "ipc/worker_server.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ipc/channel.h"
#include "ipc/worker_protocol.h"
#include "platform/platform.h"
#include "renderer/context.h"
#include "util/log.h"

/* vesper bounds what it sends by the limits of its frontends. */
#define REQUEST_BYTES_MAX (UINT32_C(1) << 30)
/* Replies wait here when vesper does not read: one per create_blob. */
#define REPLY_QUEUE_BYTES (UINT64_C(16) << 20)
/* A driver that hangs when vesper has gone ends us by SIGALRM. */
#define LAST_SECONDS 10

/* Two threads take turns: the one with the turn waits for requests and executes them, until it
 * waits for a ring of the guest; from then on the other one has the turn. So a request wakes one
 * thread, not two. */
struct server {
    struct channel channel;
    pthread_mutex_t turn; /* guards the receiving side and the next four */
    uint64_t handled;     /* requests so far */
    bool expects_more;    /* what follows the last one is mostly soon there */
    pthread_t other;      /* the thread that is not the main one */
    bool has_other, over;
    _Atomic(int) error; /* by which it is over, or is about to be */
    pthread_mutex_t mutex;     /* guards the sending side of the channel */
    struct platform_wake wake; /* something was queued, or sending has failed */
    struct worker_fence_page *fences;
    struct platform_wake fence_pipe; /* the end for writing */
    struct context *context;
};

/* ---- turns ------------------------------------------------------------------------------- */

/* Whether this thread has the turn. */
static _Thread_local bool has_turn;

static void take_turn(struct server *server) {
    if (!has_turn) {
        pthread_mutex_lock(&server->turn);
        has_turn = true;
    }
}

static void end_turn(struct server *server) {
    has_turn = false;
    pthread_mutex_unlock(&server->turn);
}

static void *serve_beside(void *argument);

/* Before this thread waits for a ring. Most contexts never do: the other thread is started here. */
static void yield(void *user) {
    struct server *server = user;
    if (!has_turn) {
        return;
    }
    if (!server->has_other) {
        int error = platform_thread_start(&server->other, "vesper-requests", serve_beside, server);
        if (error) {
            log_warning("worker: no second thread (%s): requests wait for a ring",
                        strerror(-error));
            return;
        }
        server->has_other = true;
    }
    end_turn(server);
}

/* ---- up-calls, on threads of the context ------------------------------------------------- */

static void reply(struct server *server, const void *bytes, size_t size, int fd) {
    pthread_mutex_lock(&server->mutex);
    int error = channel_send(&server->channel, bytes, size, NULL, 0, &fd, fd >= 0 ? 1 : 0);
    bool wake = error || channel_has_output(&server->channel);
    pthread_mutex_unlock(&server->mutex);
    if (error && error != -EPIPE) {
        log_error("worker: an answer cannot be sent: %s", strerror(-error));
    }
    if (wake) {
        platform_wake_signal(&server->wake);
    }
}

static void blob_created(void *user, uint32_t resource_id, struct storage *storage, int error,
                         const char *reason) {
    struct worker_blob_created message = {
        .kind = WORKER_BLOB_CREATED,
        .resource_id = resource_id,
        .error = storage ? 0 : error,
    };
    if (storage) {
        message.storage_kind = storage_get_kind(storage);
        message.caching = storage_get_caching(storage);
        message.size = storage_get_size(storage);
        message.number = storage_get_number(storage);
    } else {
        snprintf(message.reason, sizeof(message.reason), "%s", reason ? reason : "refused");
    }
    reply(user, &message, sizeof(message), storage ? storage_get_fd(storage) : -1);
}

static void fence_retired(void *user, uint32_t ring_idx, uint64_t fence_id) {
    struct server *server = user;
    atomic_store(&server->fences->retired[ring_idx], fence_id);
    if (atomic_exchange(&server->fences->changed, 1) == 0) {
        platform_pipe_signal(&server->fence_pipe);
    }
}

static void send_reason(struct server *server, uint32_t kind, const char *text) {
    struct worker_reason message = {.kind = kind};
    snprintf(message.text, sizeof(message.text), "%s", text);
    reply(server, &message, sizeof(message), -1);
}

static void lost(void *user, const char *reason) {
    send_reason(user, WORKER_LOST, reason);
}

static const struct context_listener listener = {
    .blob_created = blob_created,
    .fence_retired = fence_retired,
    .lost = lost,
};

/* ---- requests ---------------------------------------------------------------------------- */

/* Copies the fixed part, so that it is aligned; -EPROTO where it is not all there. */
static int load(const struct channel_message *message, void *to, size_t size) {
    if (message->size != size) {
        return -EPROTO;
    }
    memcpy(to, message->bytes, size);
    return 0;
}

static int take_fence_page(struct server *server, int fd) {
    uint64_t size;
    int error = platform_fd_size(fd, &size);
    if (error || size < sizeof(struct worker_fence_page) || !platform_fd_size_is_fixed(fd)) {
        return error ? error : -EPROTO;
    }
    void *page;
    error = platform_map_shared(fd, sizeof(struct worker_fence_page), &page);
    if (!error) {
        server->fences = page;
    }
    return error;
}

/* A bool may only be read where it is one. */
static bool limits_are_sound(const struct worker_hello *hello) {
    uint8_t byte;
    memcpy(&byte,
           (const uint8_t *)hello + offsetof(struct worker_hello, limits.no_emulated_dma_bufs),
           sizeof(byte));
    return byte <= 1;
}

static int handle_hello(struct server *server, struct channel_message *message) {
    struct worker_hello hello;
    int error = load(message, &hello, sizeof(hello));
    if (error || server->context || hello.protocol != WORKER_PROTOCOL || message->fd_count != 2 ||
        !limits_are_sound(&hello)) {
        return -EPROTO;
    }
    error = take_fence_page(server, message->fds[0]);
    if (error) {
        return error;
    }
    server->fence_pipe.write_fd = message->fds[1];
    message->fds[1] = -1;
    hello.name[sizeof(hello.name) - 1] = '\0';
    log_set_level((enum log_level)hello.log_level);
    error = renderer_context_create_direct(hello.name, &hello.limits, &listener, yield, server,
                                           &server->context);
    if (error) {
        char reason[128];
        snprintf(reason, sizeof(reason), "the worker cannot make a context: %s", strerror(-error));
        send_reason(server, WORKER_LOST, reason);
    }
    return error;
}

static int handle_submit(struct server *server, const struct channel_message *message) {
    const size_t head = sizeof(struct worker_submit);
    if (message->size < head) {
        return -EPROTO;
    }
    int error =
        server->context->ops->submit(server->context, message->bytes + head, message->size - head);
    return error == -ENOSPC ? 0 : error; /* the context is lost and says so itself */
}

static int handle_create_blob(struct server *server, const struct channel_message *message) {
    struct worker_create_blob create;
    int error = load(message, &create, sizeof(create));
    return error ? error
                 : server->context->ops->create_blob(server->context, create.resource_id,
                                                     create.blob_id, create.flags, create.size);
}

static int handle_attach(struct server *server, struct channel_message *message) {
    struct worker_attach attach = {0};
    int error = load(message, &attach, sizeof(attach));
    const bool is_known = attach.storage_kind <= STORAGE_DMA_BUF &&
                          attach.caching >= STORAGE_CACHED &&
                          attach.caching <= STORAGE_WRITE_COMBINED;
    if (error || message->fd_count != 1 || !is_known) {
        return -EPROTO;
    }
    struct storage *storage;
    error = storage_wrap_fd(message->fds[0], (enum storage_kind)attach.storage_kind,
                            (enum storage_caching)attach.caching, attach.size, &storage);
    message->fds[0] = -1;
    if (!error) {
        error = server->context->ops->attach(server->context, attach.resource_id, storage);
        storage_unref(storage);
    }
    return error;
}

static int handle_detach(struct server *server, const struct channel_message *message) {
    struct worker_detach detach;
    int error = load(message, &detach, sizeof(detach));
    if (error || !detach.gives_back) {
        return error ? error : server->context->ops->detach(server->context, detach.resource_id);
    }
    return server->context->ops->give_back(server->context, detach.resource_id, detach.place);
}

static int handle_reuse(struct server *server, struct channel_message *message) {
    struct worker_reuse reuse = {0};
    int error = load(message, &reuse, sizeof(reuse));
    if (error || message->fd_count != 1) {
        return -EPROTO;
    }
    struct storage *storage;
    error = storage_wrap_fd(message->fds[0], STORAGE_SHM, STORAGE_CACHED, reuse.size, &storage);
    message->fds[0] = -1;
    if (!error) {
        storage_set_number(storage, reuse.number);
        server->context->ops->reuse(server->context, storage, reuse.place);
        storage_unref(storage);
    }
    return error;
}

static int handle_fence(struct server *server, const struct channel_message *message) {
    struct worker_fence fence;
    int error = load(message, &fence, sizeof(fence));
    if (error || fence.ring_idx >= CONTEXT_RING_IDX_COUNT) {
        return -EPROTO;
    }
    return server->context->ops->fence(server->context, fence.ring_idx, fence.fence_id);
}

static int handle(struct server *server, struct channel_message *message) {
    uint32_t kind;
    if (message->size < sizeof(kind)) {
        return -EPROTO;
    }
    memcpy(&kind, message->bytes, sizeof(kind));
    server->expects_more = kind == WORKER_FENCE;
    if (kind == WORKER_HELLO) {
        return handle_hello(server, message);
    }
    if (!server->context) {
        return -EPROTO;
    }
    switch (kind) {
    case WORKER_SUBMIT:
        return handle_submit(server, message);
    case WORKER_CREATE_BLOB:
        return handle_create_blob(server, message);
    case WORKER_ATTACH:
        return handle_attach(server, message);
    case WORKER_DETACH:
        return handle_detach(server, message);
    case WORKER_REUSE:
        return handle_reuse(server, message);
    case WORKER_FENCE:
        return handle_fence(server, message);
    default:
        return -EPROTO;
    }
}

/* ---- the loop ---------------------------------------------------------------------------- */

/* All that has come, or until the turn is over; 0: go on. */
static int receive_all(struct server *server) {
    int error = 0;
    while (has_turn && !error) {
        struct channel_message message;
        error = channel_receive(&server->channel, &message);
        if (error) {
            return error == -EAGAIN ? 0 : error;
        }
        error = handle(server, &message);
        channel_close_fds(&message);
        server->handled++;
    }
    return error;
}

static int flush(struct server *server, bool *out_waiting) {
    pthread_mutex_lock(&server->mutex);
    int error = channel_flush(&server->channel);
    *out_waiting = channel_has_output(&server->channel);
    pthread_mutex_unlock(&server->mutex);
    return error == -EAGAIN ? 0 : error;
}

/* All requests there are, and those that follow soon: a fence that was waited for mostly is by
 * something else. To let others run and to look again costs less than to sleep and be woken. What
 * the thread that had the turn before has read and not executed is there without a wait. */
static int serve_requests(struct server *server) {
    uint64_t seen = server->handled, end_ns = 0;
    int error = receive_all(server);
    while (!error && has_turn) {
        if (server->handled != seen) {
            seen = server->handled;
            end_ns = server->expects_more ? platform_now_ns() + WORKER_LOOK_NS : 0;
        }
        if (platform_now_ns() >= end_ns) {
            break;
        }
        sched_yield();
        error = receive_all(server);
    }
    return error;
}

/* Requests, and a wait for more where this thread still has the turn. */
static int serve_once(struct server *server) {
    bool waiting;
    int error = serve_requests(server);
    if (error || !has_turn) {
        return error;
    }
    error = flush(server, &waiting);
    if (error) {
        return error;
    }
    struct pollfd polls[2] = {
        {server->channel.fd, (short)(POLLIN | (waiting ? POLLOUT : 0)), 0},
        {server->wake.read_fd, POLLIN, 0},
    };
    if (poll(polls, 2, -1) < 0 && errno != EINTR) {
        return -errno;
    }
    if (polls[1].revents) {
        platform_wake_drain(&server->wake);
    }
    return atomic_load(&server->error);
}

/* Ends the context with the channel: nobody is left who could ask for anything. */
static void end(struct server *server) {
    server->over = true;
    alarm(LAST_SECONDS);
    if (server->context) {
        server->context->ops->destroy(server->context);
    }
}

static void serve(struct server *server) {
    int error = 0;
    while (!error) {
        take_turn(server);
        error = server->over ? atomic_load(&server->error) : serve_once(server);
    }
    if (!has_turn) {
        /* The other thread waits for requests meanwhile. */
        atomic_store(&server->error, error);
        platform_wake_signal(&server->wake);
        take_turn(server);
    }
    if (!server->over) {
        atomic_store(&server->error, error);
        end(server);
    }
    end_turn(server);
}

static void *serve_beside(void *argument) {
    serve(argument);
    return NULL;
}

/* ---- life -------------------------------------------------------------------------------- */

static void greet(struct server *server, enum platform_sandbox sandbox, const char *cache) {
    char reason[WORKER_REASON_BYTES];
    /* First: the driver's own threads would keep what was given up after they came. */
    if (platform_sandbox_enter(sandbox, cache, reason, sizeof(reason)) ||
        renderer_open_driver(reason, sizeof(reason))) {
        send_reason(server, WORKER_FAILED, reason);
    } else {
        const struct worker_ready ready = {WORKER_READY, WORKER_PROTOCOL};
        reply(server, &ready, sizeof(ready), -1);
    }
}

int worker_server_run(int fd, enum platform_sandbox sandbox, const char *cache) {
    struct server server = {.fence_pipe = {-1, -1}};
    channel_init(&server.channel, fd, REQUEST_BYTES_MAX, REPLY_QUEUE_BYTES, NULL);
    int error = platform_wake_init(&server.wake);
    if (error) {
        channel_finish(&server.channel);
        return error;
    }
    pthread_mutex_init(&server.turn, NULL);
    pthread_mutex_init(&server.mutex, NULL);
    greet(&server, sandbox, cache);
    serve(&server);
    if (server.has_other) {
        pthread_join(server.other, NULL);
    }
    if (server.fences) {
        platform_unmap(server.fences, sizeof(*server.fences));
    }
    platform_wake_finish(&server.fence_pipe);
    platform_wake_finish(&server.wake);
    channel_finish(&server.channel);
    pthread_mutex_destroy(&server.mutex);
    pthread_mutex_destroy(&server.turn);
    error = atomic_load(&server.error);
    return error == -EPIPE || error == -ECONNRESET ? 0 : error;
}
