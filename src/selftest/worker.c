/* A guest context in a process of its own. */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "ipc/worker_pool.h"
#include "platform/platform.h"
#include "renderer/storage.h"
#include "selftest/selftest.h"

#define WAIT_NS UINT64_C(20000000000)
#define NAME_OF_BLOB 7

struct answers {
    pthread_mutex_t mutex;
    pthread_cond_t came;
    struct storage *storage;
    bool blob, fence, lost;
    int error;
};

static void note_blob(void *user, uint32_t id, struct storage *storage, int error,
                      const char *reason) {
    struct answers *answers = user;
    (void)reason;
    pthread_mutex_lock(&answers->mutex);
    answers->blob = id == NAME_OF_BLOB;
    answers->error = error;
    answers->storage = storage ? storage_ref(storage) : NULL;
    pthread_cond_broadcast(&answers->came);
    pthread_mutex_unlock(&answers->mutex);
}

static void note_fence(void *user, uint32_t ring_idx, uint64_t fence_id) {
    struct answers *answers = user;
    pthread_mutex_lock(&answers->mutex);
    answers->fence |= ring_idx == 0 && fence_id == 1;
    pthread_cond_broadcast(&answers->came);
    pthread_mutex_unlock(&answers->mutex);
}

static void note_lost(void *user, const char *reason) {
    struct answers *answers = user;
    (void)reason;
    pthread_mutex_lock(&answers->mutex);
    answers->lost = true;
    pthread_cond_broadcast(&answers->came);
    pthread_mutex_unlock(&answers->mutex);
}

static void wait_for_answers(struct answers *answers) {
    const uint64_t deadline = platform_now_ns() + WAIT_NS;
    pthread_mutex_lock(&answers->mutex);
    while (!(answers->blob && answers->fence) && !answers->lost &&
           platform_cond_wait_until(&answers->came, &answers->mutex, deadline)) {
    }
    pthread_mutex_unlock(&answers->mutex);
}

/* Memory made by the worker and mapped here, and a fence after it. */
static void judge(struct selftest_result *out, struct answers *answers, uint64_t start_ns,
                  uint64_t ready_ns) {
    const uint64_t took_ns = platform_now_ns() - ready_ns;
    void *pointer = NULL;
    pthread_mutex_lock(&answers->mutex);
    const bool is_mapped = answers->storage && storage_map(answers->storage, &pointer) == 0;
    if (answers->lost || !answers->fence || !is_mapped) {
        selftest_fail(
            out, "%s, %s, blob: %s", answers->lost ? "the context was lost" : "the context lives",
            answers->fence ? "the fence retired" : "no fence retired", strerror(-answers->error));
    } else if (*(const volatile uint32_t *)pointer != 0) {
        selftest_fail(out, "fresh memory of the worker is not zero");
    } else {
        selftest_pass(out, "started in %.1f ms, context to first replies in %.2f ms",
                      (double)(ready_ns - start_ns) / 1e6, (double)took_ns / 1e6);
    }
    pthread_mutex_unlock(&answers->mutex);
    storage_unref(answers->storage);
}

void selftest_worker(struct selftest_result *out) {
    static const struct context_listener listener = {note_blob, note_fence, note_lost};
    struct answers answers = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    const struct worker_pool_options options = {.spares = 0};
    char reason[256];
    struct context *context;
    const uint64_t start_ns = platform_now_ns();
    if (worker_pool_start(&options, reason, sizeof(reason))) {
        selftest_fail(out, "%s", reason);
        return;
    }
    const uint64_t ready_ns = platform_now_ns();
    int error = platform_cond_init(&answers.came);
    if (!error) {
        error = worker_context_create("selftest", NULL, &listener, &answers, &context);
    }
    if (error) {
        selftest_fail(out, "no context in it: %s", strerror(-error));
        worker_pool_stop();
        return;
    }
    context->ops->create_blob(context, NAME_OF_BLOB, 0, CONTEXT_BLOB_MAPPABLE, 65536);
    context->ops->fence(context, 0, 1);
    wait_for_answers(&answers);
    judge(out, &answers, start_ns, ready_ns);
    context->ops->destroy(context);
    worker_pool_stop();
}
