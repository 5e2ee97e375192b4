/* What a worker process costs: a context until its first answer, and a round trip through a fence,
 * beside a context on threads of this process. Round trips of both take turns in blocks, so that
 * other work on the machine meets both; each pair of blocks gives one difference. Started by hand:
 *   vesper-bench-worker PATH-OF-VESPER-WORKER */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/worker_pool.h"
#include "platform/platform.h"
#include "venus_commands.h"

#define CREATIONS 50
/* A spare is made a second after the last one was taken. */
#define SPARE_CREATIONS 15
#define SPARE_PAUSE_NS UINT64_C(1200000000)
#define BLOCKS 100
#define ROUND_TRIPS 500 /* of a block */

typedef int (*create_context)(const char *name, const struct context_limits *limits,
                              const struct context_listener *listener, void *user,
                              struct context **out);

/* The last fence retired, waited for as a frontend's thread does. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond;
static uint64_t retired, asked;

static void blob_created(void *user, uint32_t resource_id, struct storage *storage, int error,
                         const char *reason) {
    (void)user, (void)resource_id, (void)storage, (void)error, (void)reason;
}

static void fence_retired(void *user, uint32_t ring_idx, uint64_t fence_id) {
    (void)user, (void)ring_idx;
    pthread_mutex_lock(&mutex);
    retired = fence_id;
    pthread_mutex_unlock(&mutex);
    pthread_cond_signal(&cond); /* a waiter must not wake up to a mutex that is still held */
}

static void lost(void *user, const char *reason) {
    (void)user;
    fprintf(stderr, "lost: %s\n", reason);
    exit(1);
}

static const struct context_listener listener = {blob_created, fence_retired, lost};

/* One stream of no bytes: nothing of the driver's. */
static const uint32_t command[16] = {VN_COMMAND_vkExecuteCommandStreamsMESA, 0, 1, 1};

/* `size`: bytes to submit before the fence; 0: none, so that one message goes and one answer comes. */
static void round_trip(struct context *context, size_t size) {
    context->ops->submit(context, command, size);
    context->ops->fence(context, 0, ++asked);
    pthread_mutex_lock(&mutex);
    while (retired != asked) {
        pthread_cond_wait(&cond, &mutex);
    }
    pthread_mutex_unlock(&mutex);
}

static int compare(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void print(const char *what, int64_t *ns, size_t count) {
    qsort(ns, count, sizeof(*ns), compare);
    printf("%-44s median %9.1f us   10 %% %9.1f us   90 %% %9.1f us\n", what,
           (double)ns[count / 2] / 1e3, (double)ns[count / 10] / 1e3,
           (double)ns[count * 9 / 10] / 1e3);
}

static struct context *create(create_context make) {
    struct context *context;
    int error = make("bench", NULL, &listener, NULL, &context);
    if (error) {
        fprintf(stderr, "no context: %s\n", strerror(-error));
        exit(1);
    }
    return context;
}

/* `pause_ns`: time for a spare to get ready; `count`: 1 … CREATIONS. */
static void measure_creation(const char *what, create_context make, uint64_t pause_ns,
                             size_t count) {
    static int64_t ns[CREATIONS];
    for (size_t i = 0; i < count; i++) {
        for (uint64_t end = platform_now_ns() + pause_ns; platform_now_ns() < end;) {
            pthread_mutex_lock(&mutex);
            platform_cond_wait_until(&cond, &mutex, end);
            pthread_mutex_unlock(&mutex);
        }
        const uint64_t start = platform_now_ns();
        struct context *context = create(make);
        round_trip(context, sizeof(command));
        ns[i] = (int64_t)(platform_now_ns() - start);
        context->ops->destroy(context);
    }
    print(what, ns, count);
}

/* The median of a block. */
static int64_t round_trips(struct context *context, size_t size) {
    static int64_t ns[ROUND_TRIPS];
    for (size_t i = 0; i < ROUND_TRIPS; i++) {
        const uint64_t start = platform_now_ns();
        round_trip(context, size);
        ns[i] = (int64_t)(platform_now_ns() - start);
    }
    qsort(ns, ROUND_TRIPS, sizeof(*ns), compare);
    return ns[ROUND_TRIPS / 2];
}

static void measure_round_trips(const char *what, size_t size) {
    static int64_t here_ns[BLOCKS], there_ns[BLOCKS], more_ns[BLOCKS];
    struct context *here = create(renderer_context_create), *there = create(worker_context_create);
    round_trip(there, size);
    for (size_t i = 0; i < BLOCKS; i++) {
        here_ns[i] = round_trips(here, size);
        there_ns[i] = round_trips(there, size);
        more_ns[i] = there_ns[i] - here_ns[i];
    }
    here->ops->destroy(here);
    there->ops->destroy(there);
    printf("%s\n", what);
    print("  threads", here_ns, BLOCKS);
    print("  process", there_ns, BLOCKS);
    print("  process: more than threads", more_ns, BLOCKS);
}

static void with_pool(const char *program, uint32_t spares, enum platform_sandbox sandbox) {
    char reason[512];
    const struct worker_pool_options options = {
        .program = program, .spares = spares, .sandbox = sandbox};
    if (worker_pool_start(&options, reason, sizeof(reason))) {
        fprintf(stderr, "%s\n", reason);
        exit(1);
    }
    measure_creation(spares ? "process, spare: context to first reply"
                            : "process, no spare: context to first reply",
                     worker_context_create, spares ? SPARE_PAUSE_NS : 0,
                     spares ? SPARE_CREATIONS : CREATIONS);
    if (spares) {
        measure_round_trips("round trip: fence", 0);
        measure_round_trips("round trip: submit and fence", sizeof(command));
    }
    worker_pool_stop();
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s PATH-OF-VESPER-WORKER\n", argv[0]);
        return 2;
    }
    platform_cond_init(&cond);
    char reason[512];
    if (renderer_open_driver(reason, sizeof(reason))) {
        fprintf(stderr, "%s\n", reason);
        return 1;
    }
    measure_creation("threads: context to first reply", renderer_context_create, 0, CREATIONS);
    for (int sandbox = PLATFORM_SANDBOX_NONE; sandbox <= PLATFORM_SANDBOX_DRIVER; sandbox++) {
        printf("sandbox: %s\n", platform_sandbox_name((enum platform_sandbox)sandbox));
        with_pool(argv[1], 1, (enum platform_sandbox)sandbox);
        with_pool(argv[1], 0, (enum platform_sandbox)sandbox);
    }
    return 0;
}
