#include "ipc/worker_answers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/reasons.h"
#include "util/log.h"

/* Messages of one worker handled before the others get their turn. */
#define MESSAGES_PER_TURN 64

/* ---- messages ----------------------------------------------------------------------------- */

static void answer_blob(struct worker *worker, struct storage *storage, int error,
                        const char *reason) {
    struct worker_blob *blob = worker->first;
    worker->first = blob->next;
    worker->first_ns = platform_now_ns();
    if (!worker->first) {
        worker->last = &worker->first;
    }
    worker->blob_count--;
    worker->listener.blob_created(worker->user, blob->resource_id, storage, error, reason);
    free(blob);
}

static int load(const struct channel_message *message, void *to, size_t size) {
    if (message->size != size) {
        return -EPROTO;
    }
    memcpy(to, message->bytes, size);
    return 0;
}

/* A storage made of what the worker says, where it can be believed. */
static int wrap_storage(const struct worker_blob_created *created, int fd, struct storage **out) {
    const bool known = created->storage_kind <= STORAGE_DMA_BUF &&
                       created->caching >= STORAGE_CACHED &&
                       created->caching <= STORAGE_WRITE_COMBINED;
    if (!known || !platform_fd_size_is_fixed(fd)) {
        close(fd);
        return -EPROTO;
    }
    int error = storage_wrap_fd(fd, (enum storage_kind)created->storage_kind,
                                (enum storage_caching)created->caching, created->size, out);
    if (!error) {
        storage_set_number(*out, created->number);
    }
    return error;
}

/* The storage that the worker was told to use again, where it says that this is it; else what it
 * gave now. It had both: whichever it is, it gains nothing by a lie. */
static struct storage *recognize(struct worker *worker, struct storage *storage) {
    struct storage *known =
        storage_pool_take_numbered(&worker->returned, storage_get_number(storage));
    if (!known) {
        return storage;
    }
    storage_unref(storage);
    return known;
}

static int handle_blob_created(struct worker *worker, struct channel_message *message) {
    struct worker_blob_created created;
    int error = load(message, &created, sizeof(created));
    if (error || !worker->first || worker->first->resource_id != created.resource_id ||
        created.error > 0 || message->fd_count != (created.error ? 0 : 1)) {
        return -EPROTO;
    }
    if (created.error) {
        created.reason[sizeof(created.reason) - 1] = '\0';
        answer_blob(worker, NULL, created.error, ipc_reason_keep(created.reason));
        return 0;
    }
    struct storage *storage;
    int fd = message->fds[0];
    message->fds[0] = -1;
    error = wrap_storage(&created, fd, &storage);
    if (error) {
        return error;
    }
    storage = recognize(worker, storage);
    answer_blob(worker, storage, 0, NULL);
    storage_unref(storage);
    return 0;
}

static int handle_reason(struct worker *worker, const struct channel_message *message,
                         uint32_t kind) {
    struct worker_reason reason;
    int error = load(message, &reason, sizeof(reason));
    if (error || (kind == WORKER_FAILED && worker->answered)) {
        return -EPROTO;
    }
    reason.text[sizeof(reason.text) - 1] = '\0';
    worker->answered = true;
    worker_set_lost(worker, "%s", reason.text);
    return 0;
}

static int handle_ready(struct worker *worker, const struct channel_message *message) {
    struct worker_ready ready;
    int error = load(message, &ready, sizeof(ready));
    if (error || worker->answered || ready.protocol != WORKER_PROTOCOL) {
        return -EPROTO;
    }
    worker->answered = worker->ready = true;
    return 0;
}

static int handle(struct worker *worker, struct channel_message *message) {
    uint32_t kind;
    if (message->size < sizeof(kind)) {
        return -EPROTO;
    }
    memcpy(&kind, message->bytes, sizeof(kind));
    switch (kind) {
    case WORKER_READY:
        return handle_ready(worker, message);
    case WORKER_FAILED:
    case WORKER_LOST:
        return handle_reason(worker, message, kind);
    case WORKER_BLOB_CREATED:
        return handle_blob_created(worker, message);
    default:
        return -EPROTO;
    }
}

void worker_receive_messages(struct worker *worker) {
    int error = 0;
    for (int i = 0; i < MESSAGES_PER_TURN && !error && !worker->cut; i++) {
        struct channel_message message;
        error = channel_receive(&worker->channel, &message);
        if (!error) {
            error = handle(worker, &message);
            channel_close_fds(&message);
        }
    }
    if (error == -EPIPE || error == -ECONNRESET) {
        worker_cut(worker, NULL);
    } else if (error && error != -EAGAIN) {
        char reason[128];
        snprintf(reason, sizeof(reason), "the worker broke the protocol: %s", strerror(-error));
        worker_cut(worker, reason);
    }
}

/* ---- fences, and the end ------------------------------------------------------------------ */

static void tell_fence(struct worker *worker, int ring_idx, uint64_t fence_id) {
    if (fence_id > worker->asked[ring_idx]) {
        fence_id = worker->asked[ring_idx];
    }
    if (fence_id <= worker->told[ring_idx]) {
        return;
    }
    worker->told[ring_idx] = fence_id;
    if (fence_id == worker->asked[ring_idx]) {
        worker->outstanding &= ~(UINT64_C(1) << ring_idx);
    }
    worker->listener.fence_retired(worker->user, (uint32_t)ring_idx, fence_id);
}

void worker_read_fences(struct worker *worker) {
    platform_pipe_drain(&worker->pipe);
    atomic_store(&worker->fences->changed, 0);
    for (uint64_t rings = worker->outstanding; rings; rings &= rings - 1) {
        const int ring_idx = __builtin_ctzll(rings);
        tell_fence(worker, ring_idx, atomic_load(&worker->fences->retired[ring_idx]));
    }
}

void worker_settle_lost(struct worker *worker) {
    if (!worker->lost_told) {
        worker->lost_told = true;
        log_error("%s: context lost: %s", worker->name, worker->reason);
        worker->listener.lost(worker->user, worker->reason);
    }
    while (worker->first) {
        answer_blob(worker, NULL, -EIO, "the context is lost");
    }
    for (uint64_t rings = worker->outstanding; rings; rings &= rings - 1) {
        tell_fence(worker, __builtin_ctzll(rings), UINT64_MAX);
    }
}
