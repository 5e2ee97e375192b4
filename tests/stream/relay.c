#include "relay.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum request_kind { SUBMIT, CREATE_BLOB, ATTACH, DETACH, FENCE };

struct request {
    struct request *next;
    enum request_kind kind;
    uint32_t id, flags;
    uint64_t number, size;
    struct storage *storage;
    uint8_t bytes[];
};

struct relay {
    struct context base;
    struct context *direct;
    pthread_mutex_t mutex; /* guards the queue and `over` */
    pthread_cond_t cond;
    struct request *first, **last;
    bool over;
    pthread_mutex_t turn; /* guards `destroyed` */
    bool destroyed;
    pthread_t threads[2];
};

/* Set where this thread has the turn. */
static _Thread_local struct relay *turn_of;

static void take_turn(struct relay *relay) {
    if (!turn_of) {
        pthread_mutex_lock(&relay->turn);
        turn_of = relay;
    }
}

static void end_turn(void) {
    struct relay *relay = turn_of;
    turn_of = NULL;
    if (relay) {
        pthread_mutex_unlock(&relay->turn);
    }
}

/* The user is the guest, to which the up-calls go. */
static void yield(void *user) {
    (void)user;
    end_turn();
}

/* NULL: over. */
static struct request *next_request(struct relay *relay) {
    pthread_mutex_lock(&relay->mutex);
    while (!relay->first && !relay->over) {
        pthread_cond_wait(&relay->cond, &relay->mutex);
    }
    struct request *request = relay->over ? NULL : relay->first;
    if (request) {
        relay->first = request->next;
        if (!relay->first) {
            relay->last = &relay->first;
        }
    }
    pthread_mutex_unlock(&relay->mutex);
    return request;
}

static void make(const struct relay *relay, const struct request *request) {
    struct context *direct = relay->direct;
    switch (request->kind) {
    case SUBMIT:
        direct->ops->submit(direct, request->bytes, request->size);
        break;
    case CREATE_BLOB:
        direct->ops->create_blob(direct, request->id, request->number, request->flags,
                                 request->size);
        break;
    case ATTACH:
        direct->ops->attach(direct, request->id, request->storage);
        break;
    case DETACH:
        direct->ops->detach(direct, request->id);
        break;
    case FENCE:
        direct->ops->fence(direct, request->id, request->number);
        break;
    }
}

static void request_free(struct request *request) {
    storage_unref(request->storage);
    free(request);
}

static void *relay_main(void *argument) {
    struct relay *relay = argument;
    for (;;) {
        take_turn(relay);
        struct request *request = relay->destroyed ? NULL : next_request(relay);
        if (!request) {
            break;
        }
        make(relay, request);
        request_free(request);
    }
    if (!relay->destroyed) {
        relay->destroyed = true;
        relay->direct->ops->destroy(relay->direct);
    }
    end_turn();
    return NULL;
}

/* ---- the contract ------------------------------------------------------------------------ */

static int ask(struct context *context, struct request request, const void *bytes) {
    struct relay *relay = (struct relay *)context;
    const size_t size = bytes ? request.size : 0;
    struct request *copy = malloc(sizeof(*copy) + size);
    if (!copy) {
        abort();
    }
    *copy = request;
    if (size) {
        memcpy(copy->bytes, bytes, size);
    }
    pthread_mutex_lock(&relay->mutex);
    *relay->last = copy;
    relay->last = &copy->next;
    pthread_cond_broadcast(&relay->cond);
    pthread_mutex_unlock(&relay->mutex);
    return 0;
}

static int relay_submit(struct context *context, const void *bytes, size_t size) {
    return ask(context, (struct request){.kind = SUBMIT, .size = size}, bytes);
}

static int relay_create_blob(struct context *context, uint32_t resource_id, uint64_t blob_id,
                             uint32_t flags, uint64_t size) {
    return ask(context,
               (struct request){.kind = CREATE_BLOB,
                                .id = resource_id,
                                .number = blob_id,
                                .flags = flags,
                                .size = size},
               NULL);
}

static int relay_attach(struct context *context, uint32_t resource_id, struct storage *storage) {
    return ask(context,
               (struct request){.kind = ATTACH, .id = resource_id, .storage = storage_ref(storage)},
               NULL);
}

static int relay_detach(struct context *context, uint32_t resource_id) {
    return ask(context, (struct request){.kind = DETACH, .id = resource_id}, NULL);
}

static void relay_reuse(struct context *context, struct storage *storage, uint64_t place) {
    struct relay *relay = (struct relay *)context;
    relay->direct->ops->reuse(relay->direct, storage, place); /* any thread */
}

static int relay_fence(struct context *context, uint32_t ring_idx, uint64_t fence_id) {
    return ask(context, (struct request){.kind = FENCE, .id = ring_idx, .number = fence_id}, NULL);
}

static void relay_destroy(struct context *context) {
    struct relay *relay = (struct relay *)context;
    pthread_mutex_lock(&relay->mutex);
    relay->over = true;
    pthread_cond_broadcast(&relay->cond);
    pthread_mutex_unlock(&relay->mutex);
    for (int i = 0; i < 2; i++) {
        pthread_join(relay->threads[i], NULL);
    }
    while (relay->first) {
        struct request *request = relay->first;
        relay->first = request->next;
        request_free(request);
    }
    pthread_mutex_destroy(&relay->turn);
    pthread_cond_destroy(&relay->cond);
    pthread_mutex_destroy(&relay->mutex);
    free(relay);
}

static const struct context_ops relay_ops = {
    .submit = relay_submit,
    .create_blob = relay_create_blob,
    .attach = relay_attach,
    .detach = relay_detach,
    .reuse = relay_reuse,
    .fence = relay_fence,
    .destroy = relay_destroy,
};

int relay_create(const char *name, const struct context_limits *limits,
                 const struct context_listener *listener, void *user, struct context **out) {
    struct relay *relay = calloc(1, sizeof(*relay));
    if (!relay) {
        abort();
    }
    relay->base.ops = &relay_ops;
    relay->last = &relay->first;
    pthread_mutex_init(&relay->mutex, NULL);
    pthread_cond_init(&relay->cond, NULL);
    pthread_mutex_init(&relay->turn, NULL);
    int error = renderer_context_create_direct(name, limits, listener, yield, user, &relay->direct);
    if (error) {
        free(relay);
        return error;
    }
    for (int i = 0; i < 2; i++) {
        pthread_create(&relay->threads[i], NULL, relay_main, relay);
    }
    *out = &relay->base;
    return 0;
}
