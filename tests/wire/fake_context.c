#include "fake_context.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "platform/platform.h"
#include "util/checked.h"
#include "util/log.h"

enum opcode { WAIT = 1, STORE, ADD, BIND, HOLD, LOSE, DESTROY_WAIT, VANISH };

/* A word in a resource, compared with a value; NULL: no condition. */
struct condition {
    _Atomic(uint32_t) *word;
    uint32_t value;
    struct storage *storage; /* borrowed, but a reference in what outlasts the command */
};

enum job_kind { JOB_SUBMIT, JOB_BLOB, JOB_ATTACH, JOB_DETACH, JOB_FENCE, JOB_HOLD };

struct job {
    struct job *next;
    enum job_kind kind;
    uint32_t id; /* resource or ring_idx */
    uint64_t blob_id, fence_id, size;
    uint32_t flags;
    struct storage *storage;
    struct condition condition;
    uint32_t stream[];
};

struct job_queue {
    struct fake_context *context;
    pthread_t thread;
    bool running;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct job *first, **end;
};

struct resource {
    struct resource *next;
    uint32_t id;
    struct storage *storage;
};

struct fake_context {
    struct context base;
    struct context_listener listener;
    void *user;
    _Atomic(bool) stop, lost, vanished;
    struct job_queue stream;
    struct job_queue rings[CONTEXT_RING_IDX_COUNT]; /* running: bound */
    struct resource *resources;                     /* the stream thread's */
    struct condition destroy_wait;                  /* the stream thread's */
};

/* ---- queues of jobs --------------------------------------------------------------------- */

static int queue_start(struct fake_context *context, struct job_queue *queue, const char *name,
                       platform_thread_main main) {
    queue->context = context;
    queue->first = NULL;
    queue->end = &queue->first;
    pthread_mutex_init(&queue->mutex, NULL);
    pthread_cond_init(&queue->changed, NULL);
    int error = platform_thread_start(&queue->thread, name, main, queue);
    queue->running = error == 0;
    return error;
}

static void queue_push(struct job_queue *queue, struct job *job) {
    job->next = NULL;
    pthread_mutex_lock(&queue->mutex);
    *queue->end = job;
    queue->end = &job->next;
    pthread_cond_signal(&queue->changed);
    pthread_mutex_unlock(&queue->mutex);
}

/* NULL: the context is being destroyed. */
static struct job *queue_pop(struct job_queue *queue) {
    pthread_mutex_lock(&queue->mutex);
    while (!queue->first && !atomic_load(&queue->context->stop)) {
        pthread_cond_wait(&queue->changed, &queue->mutex);
    }
    struct job *job = NULL;
    if (!atomic_load(&queue->context->stop)) {
        job = queue->first;
        queue->first = job->next;
        if (!queue->first) {
            queue->end = &queue->first;
        }
    }
    pthread_mutex_unlock(&queue->mutex);
    return job;
}

static void job_free(struct job *job) {
    storage_unref(job->storage);
    free(job);
}

static void queue_finish(struct job_queue *queue) {
    if (!queue->running) {
        return;
    }
    pthread_mutex_lock(&queue->mutex);
    pthread_cond_signal(&queue->changed);
    pthread_mutex_unlock(&queue->mutex);
    pthread_join(queue->thread, NULL);
    while (queue->first) {
        struct job *job = queue->first;
        queue->first = job->next;
        job_free(job);
    }
    pthread_mutex_destroy(&queue->mutex);
    pthread_cond_destroy(&queue->changed);
}

/* ---- conditions and the end ------------------------------------------------------------- */

static void sleep_1_ms(void) {
    nanosleep(&(struct timespec){0, 1000000}, NULL);
}

static bool condition_is_met(const struct condition *condition) {
    return !condition->word || atomic_load(condition->word) == condition->value;
}

static void condition_wait(struct fake_context *context, const struct condition *condition) {
    while (!condition_is_met(condition) && !atomic_load(&context->stop) &&
           !atomic_load(&context->lost)) {
        sleep_1_ms();
    }
}

static void retire(struct fake_context *context, const struct job *fence) {
    if (!atomic_load(&context->vanished)) {
        context->listener.fence_retired(context->user, fence->id, fence->fence_id);
    }
}

static void lose(struct fake_context *context, const char *reason) {
    if (!atomic_exchange(&context->lost, true)) {
        context->listener.lost(context->user, reason);
    }
}

/* ---- a ring_idx ------------------------------------------------------------------------- */

static void *ring_main(void *argument) {
    struct job_queue *queue = argument;
    struct fake_context *context = queue->context;
    struct condition hold = {0};
    struct job *job;
    while ((job = queue_pop(queue))) {
        if (job->kind == JOB_HOLD) {
            storage_unref(hold.storage);
            hold = job->condition;
            storage_ref(hold.storage);
        } else {
            condition_wait(context, &hold);
            if (!atomic_load(&context->stop)) {
                retire(context, job);
            }
        }
        job_free(job);
    }
    storage_unref(hold.storage);
    return NULL;
}

/* ---- the stream ------------------------------------------------------------------------- */

static struct resource *find_resource(struct fake_context *context, uint32_t id) {
    struct resource *resource = context->resources;
    while (resource && resource->id != id) {
        resource = resource->next;
    }
    return resource;
}

static bool find_word(struct fake_context *context, const uint32_t *place, struct condition *out) {
    struct resource *resource = find_resource(context, place[0]);
    void *bytes;
    if (!resource || place[1] % 4 ||
        !checked_range_u64(place[1], 4, storage_get_size(resource->storage)) ||
        storage_map(resource->storage, &bytes)) {
        lose(context, "a word outside its resource");
        return false;
    }
    out->word = (_Atomic(uint32_t) *)(void *)((uint8_t *)bytes + place[1]);
    out->value = place[2];
    out->storage = resource->storage;
    return true;
}

static void bind_ring(struct fake_context *context, uint32_t ring_idx) {
    if (ring_idx == 0 || ring_idx >= CONTEXT_RING_IDX_COUNT || context->rings[ring_idx].running ||
        queue_start(context, &context->rings[ring_idx], "fake-ring", ring_main)) {
        lose(context, "ring_idx cannot be bound");
    }
}

static void hold_ring(struct fake_context *context, uint32_t ring_idx,
                      const struct condition *condition) {
    struct job *job = calloc(1, sizeof(*job));
    if (!job || ring_idx >= CONTEXT_RING_IDX_COUNT || !context->rings[ring_idx].running) {
        free(job);
        lose(context, "ring_idx cannot be held");
        return;
    }
    job->kind = JOB_HOLD;
    job->condition = *condition;
    job->storage = storage_ref(condition->storage);
    queue_push(&context->rings[ring_idx], job);
}

/* Returns the dwords of the command, 0 where the context has been lost by it. */
static size_t execute_command(struct fake_context *context, const uint32_t *command, size_t left) {
    static const size_t lengths[] = {0, 4, 4, 4, 2, 5, 1, 4, 1};
    uint32_t opcode = command[0];
    if (opcode < WAIT || opcode > VANISH || lengths[opcode] > left) {
        lose(context, "unknown command");
        return 0;
    }
    struct condition place = {0};
    const uint32_t *arguments = command + 1;
    if (opcode != BIND && opcode != LOSE && opcode != VANISH &&
        !find_word(context, opcode == HOLD ? arguments + 1 : arguments, &place)) {
        return 0;
    }
    switch ((enum opcode)opcode) {
    case WAIT:
        condition_wait(context, &place);
        break;
    case STORE:
        atomic_store(place.word, place.value);
        break;
    case ADD:
        atomic_fetch_add(place.word, place.value);
        break;
    case BIND:
        bind_ring(context, arguments[0]);
        break;
    case HOLD:
        hold_ring(context, arguments[0], &place);
        break;
    case LOSE:
        lose(context, "asked for");
        break;
    case DESTROY_WAIT:
        storage_unref(context->destroy_wait.storage);
        context->destroy_wait = place;
        storage_ref(place.storage);
        break;
    case VANISH:
        atomic_store(&context->vanished, true);
        lose(context, "vanished");
        break;
    }
    return lengths[opcode];
}

static void execute_stream(struct fake_context *context, const struct job *job) {
    size_t dwords = job->size / 4, at = 0;
    while (at < dwords && !atomic_load(&context->lost) && !atomic_load(&context->stop)) {
        size_t used = execute_command(context, job->stream + at, dwords - at);
        if (used == 0) {
            return;
        }
        at += used;
    }
}

static int add_resource(struct fake_context *context, uint32_t id, struct storage *storage) {
    struct resource *resource = malloc(sizeof(*resource));
    if (!resource) {
        return -ENOMEM;
    }
    *resource = (struct resource){context->resources, id, storage_ref(storage)};
    context->resources = resource;
    return 0;
}

static void remove_resource(struct fake_context *context, uint32_t id) {
    for (struct resource **link = &context->resources; *link; link = &(*link)->next) {
        struct resource *resource = *link;
        if (resource->id == id) {
            *link = resource->next;
            storage_unref(resource->storage);
            free(resource);
            return;
        }
    }
}

static void create_blob(struct fake_context *context, const struct job *job) {
    struct storage *storage = NULL;
    const char *reason = NULL;
    int error = 0;
    if (atomic_load(&context->lost)) {
        error = -EIO;
        reason = "lost";
    } else if (job->blob_id >= 1000) {
        error = -ENOENT;
        reason = "no such memory";
    } else {
        error = storage_create_shm("fake-blob", job->size, &storage);
    }
    if (!error) {
        error = add_resource(context, job->id, storage);
    }
    context->listener.blob_created(context->user, job->id, error ? NULL : storage, error, reason);
    storage_unref(storage);
}

static void make_fence(struct fake_context *context, struct job *job) {
    if (atomic_load(&context->lost) || job->id == 0) {
        retire(context, job);
        job_free(job);
    } else if (!context->rings[job->id].running) {
        lose(context, "a fence on a ring_idx that is not bound");
        retire(context, job);
        job_free(job);
    } else {
        queue_push(&context->rings[job->id], job);
    }
}

static void *stream_main(void *argument) {
    struct job_queue *queue = argument;
    struct fake_context *context = queue->context;
    struct job *job;
    while ((job = queue_pop(queue))) {
        switch (job->kind) {
        case JOB_SUBMIT:
            execute_stream(context, job);
            break;
        case JOB_BLOB:
            if (!atomic_load(&context->vanished)) {
                create_blob(context, job);
            }
            break;
        case JOB_ATTACH:
            (void)add_resource(context, job->id, job->storage);
            break;
        case JOB_DETACH:
            remove_resource(context, job->id);
            break;
        case JOB_FENCE:
            make_fence(context, job);
            continue; /* it has the job */
        case JOB_HOLD:
            break;
        }
        job_free(job);
    }
    return NULL;
}

/* ---- the contract ----------------------------------------------------------------------- */

static int push(struct context *base, const struct job *fields, const void *bytes, size_t size) {
    struct job *job = malloc(sizeof(*job) + size);
    if (!job) {
        return -ENOMEM;
    }
    *job = *fields;
    if (size > 0) {
        memcpy(job->stream, bytes, size);
    }
    queue_push(&((struct fake_context *)base)->stream, job);
    return 0;
}

static int fake_submit(struct context *base, const void *bytes, size_t size) {
    if (size % 4 != 0) {
        return -EINVAL;
    }
    return push(base, &(struct job){.kind = JOB_SUBMIT, .size = size}, bytes, size);
}

static int fake_create_blob(struct context *base, uint32_t resource_id, uint64_t blob_id,
                            uint32_t flags, uint64_t size) {
    struct job job = {
        .kind = JOB_BLOB, .id = resource_id, .blob_id = blob_id, .flags = flags, .size = size};
    return push(base, &job, NULL, 0);
}

static int fake_attach(struct context *base, uint32_t resource_id, struct storage *storage) {
    struct job job = {.kind = JOB_ATTACH, .id = resource_id, .storage = storage_ref(storage)};
    return push(base, &job, NULL, 0);
}

static int fake_detach(struct context *base, uint32_t resource_id) {
    return push(base, &(struct job){.kind = JOB_DETACH, .id = resource_id}, NULL, 0);
}

static int fake_give_back(struct context *base, uint32_t resource_id, uint64_t place) {
    log_info("given back: resource %u at %#llx", resource_id, (unsigned long long)place);
    return fake_detach(base, resource_id);
}

/* vtest gives back with the resource. */
static void fake_reuse(struct context *base, struct storage *storage, uint64_t place) {
    (void)base, (void)storage, (void)place;
}

static int fake_fence(struct context *base, uint32_t ring_idx, uint64_t fence_id) {
    return push(base, &(struct job){.kind = JOB_FENCE, .id = ring_idx, .fence_id = fence_id}, NULL,
                0);
}

static void fake_destroy(struct context *base) {
    struct fake_context *context = (struct fake_context *)base;
    atomic_store(&context->stop, true);
    queue_finish(&context->stream);
    for (int i = 0; i < 10000 && !condition_is_met(&context->destroy_wait); i++) {
        sleep_1_ms();
    }
    storage_unref(context->destroy_wait.storage);
    for (uint32_t i = 0; i < CONTEXT_RING_IDX_COUNT; i++) {
        queue_finish(&context->rings[i]);
    }
    while (context->resources) {
        remove_resource(context, context->resources->id);
    }
    free(context);
}

static const struct context_ops fake_ops = {
    .submit = fake_submit,
    .create_blob = fake_create_blob,
    .attach = fake_attach,
    .detach = fake_detach,
    .reuse = fake_reuse,
    .give_back = fake_give_back,
    .fence = fake_fence,
    .destroy = fake_destroy,
};

int fake_context_create(const char *name, const struct context_limits *limits,
                        const struct context_listener *listener, void *user, struct context **out) {
    (void)name;
    (void)limits;
    struct fake_context *context = calloc(1, sizeof(*context));
    if (!context) {
        return -ENOMEM;
    }
    context->base.ops = &fake_ops;
    context->listener = *listener;
    context->user = user;
    int error = queue_start(context, &context->stream, "fake-stream", stream_main);
    if (error) {
        free(context);
        return error;
    }
    *out = &context->base;
    return 0;
}

void fake_get_capset(uint8_t out[CONTEXT_CAPSET_VENUS_SIZE]) {
    for (int i = 0; i < CONTEXT_CAPSET_VENUS_SIZE; i++) {
        out[i] = (uint8_t)i;
    }
}
