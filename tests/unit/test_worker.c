/* The pool against workers that keep no rules: this program is the worker, too, and does what the
 * environment says. Each costs its context alone, with the reason told, and leaves nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/channel.h"
#include "ipc/worker_pool.h"
#include "ipc/worker_protocol.h"
#include "open_descriptors.h"
#include "platform/platform.h"
#include "renderer/storage.h"
#include "renderer/storage_pool.h"
#include "util/log.h"

#define DEEDS "VESPER_TEST_WORKER"
/* More than vesper handles in one turn, yet so few that it has read all of them by then. */
#define ANSWERS 72
#define PLACE UINT64_C(0x123456000)

/* ---- the worker ------------------------------------------------------------------------- */

static struct channel channel;

static void say(const void *bytes, size_t size, int fd) {
    channel_send(&channel, bytes, size, NULL, 0, &fd, fd >= 0 ? 1 : 0);
}

static void say_numbered(uint32_t resource_id, uint64_t number, int fd) {
    const struct worker_blob_created created = {
        .kind = WORKER_BLOB_CREATED,
        .resource_id = resource_id,
        .caching = STORAGE_CACHED,
        .size = 4096,
        .number = number,
    };
    say(&created, sizeof(created), fd);
}

static void say_blob(uint32_t resource_id, uint64_t size, int fd) {
    const struct worker_blob_created created = {
        .kind = WORKER_BLOB_CREATED,
        .resource_id = resource_id,
        .caching = STORAGE_CACHED,
        .size = size,
    };
    say(&created, sizeof(created), fd);
}

static int unsealed(void) {
    char path[] = "/tmp/vesper-worker-XXXXXX";
    int fd = mkstemp(path);
    unlink(path);
    return ftruncate(fd, 4096) ? -1 : fd;
}

static void do_deed(const char *deed) {
    int sealed;
    platform_shm_create("test", 4096, &sealed);
    if (!strcmp(deed, "garbage")) {
        platform_socket_send(PLATFORM_SPAWN_FD, "garbage garbage", 15, -1);
    } else if (!strcmp(deed, "kind")) {
        say((uint32_t[]){77}, 4, -1);
    } else if (!strcmp(deed, "unasked")) {
        say_blob(99, 4096, sealed);
    } else if (!strcmp(deed, "large")) {
        say_blob(7, 1 << 20, sealed);
    } else if (!strcmp(deed, "unsealed")) {
        say_blob(7, 4096, unsealed());
    } else if (!strcmp(deed, "nothing")) {
        say_blob(7, 4096, -1);
    } else if (!strcmp(deed, "exit")) {
        _exit(3);
    } else if (!strcmp(deed, "abort")) {
        raise(SIGKILL);
    } else if (!strcmp(deed, "good")) {
        say_blob(7, 4096, sealed);
    } else if (!strcmp(deed, "again")) {
        say_numbered(7, 11, sealed); /* always the same, whatever comes back */
    }
}

/* Refuses all blobs of test_answers_that_come_at_once, with one call. */
static void refuse_all(void) {
    static struct {
        struct channel_header header;
        struct worker_blob_created created;
    } answers[ANSWERS];
    for (uint32_t i = 0; i < ANSWERS; i++) {
        answers[i].header.size = sizeof(answers[i].created);
        answers[i].created.kind = WORKER_BLOB_CREATED;
        answers[i].created.resource_id = i + 1;
        answers[i].created.error = -EIO;
    }
    platform_socket_send(PLATFORM_SPAWN_FD, answers, sizeof(answers), -1);
}

/* Where it is not as the test's: a message that costs the context. */
static void check_reuse(const struct channel_message *message) {
    const struct worker_reuse *reuse = (const void *)message->bytes;
    if (message->size != sizeof(*reuse) || message->fd_count != 1 || reuse->size % 4096 ||
        reuse->place % PLACE) {
        say((uint32_t[]){77}, 4, -1);
    }
}

static int be_worker(const char *deed) {
    channel_init(&channel, PLATFORM_SPAWN_FD, 1 << 20, 1 << 20, NULL);
    if (!strcmp(deed, "failed")) {
        struct worker_reason failed = {.kind = WORKER_FAILED, .text = "no driver here"};
        say(&failed, sizeof(failed), -1);
    } else {
        const struct worker_ready ready = {WORKER_READY, WORKER_PROTOCOL};
        say(&ready, sizeof(ready), -1);
    }
    for (;;) {
        struct channel_message message;
        int error = channel_receive(&channel, &message);
        if (error == -EAGAIN) {
            poll(&(struct pollfd){PLATFORM_SPAWN_FD, POLLIN, 0}, 1, -1);
        } else if (error && !strcmp(deed, "stay")) {
            pause();
        } else if (error) {
            return 0;
        } else if (!strcmp(deed, "many")) {
            const uint32_t *words = (const uint32_t *)(const void *)message.bytes;
            if (words[0] == WORKER_CREATE_BLOB && words[1] == ANSWERS) {
                refuse_all();
            }
        } else if (*(const uint32_t *)(const void *)message.bytes == WORKER_CREATE_BLOB) {
            do_deed(deed);
        } else if (*(const uint32_t *)(const void *)message.bytes == WORKER_REUSE) {
            check_reuse(&message);
            channel_close_fds(&message);
        }
    }
}

/* ---- the listener ----------------------------------------------------------------------- */

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    int lost, blobs, refused;
    uint64_t retired;
    struct storage *storage; /* of the last blob: a reference */
    pthread_t thread;        /* on which the last blob was told */
    char reason[256];
} heard;

static void blob_created(void *user, uint32_t resource_id, struct storage *storage, int error,
                         const char *reason) {
    (void)user, (void)error, (void)reason, (void)resource_id;
    pthread_mutex_lock(&heard.mutex);
    heard.blobs += storage != NULL;
    heard.thread = pthread_self();
    storage_unref(heard.storage);
    heard.storage = storage ? storage_ref(storage) : NULL;
    heard.refused += storage == NULL;
    pthread_cond_broadcast(&heard.cond);
    pthread_mutex_unlock(&heard.mutex);
}

static void fence_retired(void *user, uint32_t ring_idx, uint64_t fence_id) {
    (void)user, (void)ring_idx;
    pthread_mutex_lock(&heard.mutex);
    heard.retired = fence_id;
    pthread_cond_broadcast(&heard.cond);
    pthread_mutex_unlock(&heard.mutex);
}

static void lost(void *user, const char *reason) {
    (void)user;
    pthread_mutex_lock(&heard.mutex);
    heard.lost++;
    snprintf(heard.reason, sizeof(heard.reason), "%s", reason);
    pthread_mutex_unlock(&heard.mutex);
}

static const struct context_listener listener = {blob_created, fence_retired, lost};

/* ---- the tests --------------------------------------------------------------------------- */

static char own_path[4096];

static int start(const char *deed, char *reason, size_t size) {
    memset(&heard, 0, sizeof(heard));
    pthread_mutex_init(&heard.mutex, NULL);
    platform_cond_init(&heard.cond);
    setenv(DEEDS, deed, 1);
    const struct worker_pool_options options = {
        .program = own_path, .spares = 1, .grace_ms = 200, .blob_ms = 1000};
    return worker_pool_start(&options, reason, size);
}

/* Every process is reaped, every descriptor closed. */
static void stop(int descriptors) {
    worker_pool_stop();
    storage_unref(heard.storage);
    heard.storage = NULL;
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    assert_int_equal(count_open_descriptors(), descriptors);
}

static struct context *ask(void) {
    struct context *context;
    assert_int_equal(worker_context_create("test", NULL, &listener, NULL, &context), 0);
    assert_int_equal(context->ops->create_blob(context, 7, 0, CONTEXT_BLOB_MAPPABLE, 4096), 0);
    assert_int_equal(context->ops->fence(context, 0, 5), 0);
    return context;
}

/* Polls and attends until there is nothing more to poll for. */
static void poll_to_the_end(struct context *context) {
    struct pollfd polls[CONTEXT_POLLS];
    for (context->ops->get_polls(context, polls); polls[0].fd >= 0;
         context->ops->get_polls(context, polls)) {
        assert_true(poll(polls, CONTEXT_POLLS, -1) > 0); /* for ever: meson's limit ends it */
        context->ops->attend(context, polls);
    }
}

/* `attend`: what the owner does until then; NULL: nothing, it is told. */
static void expect_loss(const char *deed, const char *words,
                        void (*attend)(struct context *context)) {
    const int descriptors = count_open_descriptors();
    char reason[256];
    assert_int_equal(start(deed, reason, sizeof(reason)), 0);
    struct context *context = ask();
    if (attend) {
        attend(context);
    }
    pthread_mutex_lock(&heard.mutex);
    while (heard.retired != 5 || !heard.refused) {
        pthread_cond_wait(&heard.cond, &heard.mutex); /* for ever: meson's limit ends it */
    }
    assert_int_equal(heard.lost, 1);
    assert_int_equal(heard.blobs, 0);
    if (!strstr(heard.reason, words)) {
        fail_msg("%s: \"%s\" does not say \"%s\"", deed, heard.reason, words);
    }
    pthread_mutex_unlock(&heard.mutex);
    context->ops->destroy(context);
    stop(descriptors);
}

static void test_hostile_workers(void **state) {
    (void)state;
    expect_loss("garbage", "broke the protocol", NULL);
    expect_loss("kind", "broke the protocol", NULL);
    expect_loss("unasked", "broke the protocol", NULL);
    expect_loss("large", "broke the protocol", NULL);
    expect_loss("unsealed", "broke the protocol", NULL);
    expect_loss("nothing", "broke the protocol", NULL);
    expect_loss("silent", "has not made a blob in 1 s", NULL);
    expect_loss("exit", "ended with status 3", NULL);
    expect_loss("abort", "ended by signal 9", NULL);
}

static void test_good_worker(void **state) {
    (void)state;
    const int descriptors = count_open_descriptors();
    char reason[256];
    assert_int_equal(start("good", reason, sizeof(reason)), 0);
    struct context *context = ask();
    pthread_mutex_lock(&heard.mutex);
    while (!heard.blobs) {
        pthread_cond_wait(&heard.cond, &heard.mutex);
    }
    assert_int_equal(heard.lost, 0);
    pthread_mutex_unlock(&heard.mutex);
    context->ops->destroy(context);
    stop(descriptors);
}

/* Who polls for itself hears on its own thread what its worker says. */
static void test_owner_that_polls(void **state) {
    (void)state;
    const int descriptors = count_open_descriptors();
    char reason[256];
    assert_int_equal(start("good", reason, sizeof(reason)), 0);
    struct context *context;
    assert_int_equal(worker_context_create("test", NULL, &listener, NULL, &context), 0);
    struct pollfd polls[CONTEXT_POLLS];
    context->ops->get_polls(context, polls);
    poll(NULL, 0, 300); /* until the watcher has looked: from then on it leaves this worker alone */
    assert_int_equal(context->ops->create_blob(context, 7, 0, CONTEXT_BLOB_MAPPABLE, 4096), 0);
    assert_int_equal(poll(polls, CONTEXT_POLLS, 10000), 1);
    poll(NULL, 0, 100);
    assert_int_equal(heard.blobs, 0);
    context->ops->attend(context, polls);
    assert_int_equal(heard.blobs, 1);
    assert_true(pthread_equal(heard.thread, pthread_self()));
    context->ops->destroy(context);
    stop(descriptors);
}

/* The end of a worker, and an answer that is none, reach an owner that polls, too. */
static void test_losses_while_the_owner_polls(void **state) {
    (void)state;
    expect_loss("garbage", "broke the protocol", poll_to_the_end);
    expect_loss("unasked", "broke the protocol", poll_to_the_end);
    expect_loss("exit", "ended with status 3", poll_to_the_end);
    expect_loss("abort", "ended by signal 9", poll_to_the_end);
}

static void test_answers_that_come_at_once(void **state) {
    (void)state;
    const int descriptors = count_open_descriptors();
    char reason[256];
    assert_int_equal(start("many", reason, sizeof(reason)), 0);
    struct context *context;
    assert_int_equal(worker_context_create("test", NULL, &listener, NULL, &context), 0);
    poll(NULL, 0, 1500); /* until nothing else wakes the watcher: the next spare is there */
    for (uint32_t id = 1; id <= ANSWERS; id++) {
        assert_int_equal(context->ops->create_blob(context, id, 0, CONTEXT_BLOB_MAPPABLE, 4096), 0);
    }
    pthread_mutex_lock(&heard.mutex);
    while (heard.refused < ANSWERS) {
        pthread_cond_wait(&heard.cond, &heard.mutex); /* for ever: meson's limit ends it */
    }
    assert_int_equal(heard.lost, 0);
    pthread_mutex_unlock(&heard.mutex);
    context->ops->destroy(context);
    stop(descriptors);
}

static struct storage *wait_blobs(int count) {
    pthread_mutex_lock(&heard.mutex);
    while (heard.blobs < count) {
        pthread_cond_wait(&heard.cond, &heard.mutex);
    }
    struct storage *storage = heard.storage;
    pthread_mutex_unlock(&heard.mutex);
    return storage;
}

/* What it was told to use again is known by its number, once; what it was not, is not. */
static void test_storage_used_again(void **state) {
    (void)state;
    const int descriptors = count_open_descriptors();
    char reason[256];
    assert_int_equal(start("again", reason, sizeof(reason)), 0);
    struct context *context = ask();
    struct storage *first = storage_ref(wait_blobs(1));
    assert_true(storage_get_number(first) == 11);
    assert_int_equal(context->ops->create_blob(context, 7, 0, CONTEXT_BLOB_MAPPABLE, 4096), 0);
    assert_ptr_not_equal(wait_blobs(2), first); /* it claims to, but nobody told it */
    context->ops->reuse(context, first, PLACE);
    assert_int_equal(context->ops->create_blob(context, 7, 0, CONTEXT_BLOB_MAPPABLE, 4096), 0);
    assert_ptr_equal(wait_blobs(3), first);
    assert_int_equal(context->ops->create_blob(context, 7, 0, CONTEXT_BLOB_MAPPABLE, 4096), 0);
    assert_ptr_not_equal(wait_blobs(4), first);
    for (uint32_t i = 2; i < 300; i++) { /* never used again: what is kept for that is bounded */
        struct storage *storage;
        assert_int_equal(storage_create_shm("vesper-test", 4096, &storage), 0);
        context->ops->reuse(context, storage, (uint64_t)i * PLACE);
        storage_unref(storage);
    }
    uint64_t count, bytes;
    storage_get_totals(&count, &bytes);
    assert_true(count <= STORAGE_POOL_COUNT_MAX + 2);
    if (heard.lost) {
        fail_msg("%s", heard.reason);
    }
    storage_unref(first);
    context->ops->destroy(context);
    stop(descriptors);
}

static void test_worker_that_stays(void **state) {
    (void)state;
    const int descriptors = count_open_descriptors();
    char reason[256];
    assert_int_equal(start("stay", reason, sizeof(reason)), 0);
    struct context *context = ask();
    context->ops->destroy(context);
    stop(descriptors); /* it was killed: this returns */
    assert_int_equal(heard.lost, 0);
}

static void test_driver_that_cannot_be_opened(void **state) {
    (void)state;
    const int descriptors = count_open_descriptors();
    char reason[256];
    assert_true(start("failed", reason, sizeof(reason)) < 0);
    assert_string_equal(reason, "no driver here");
    stop(descriptors);
}

int main(void) {
    platform_raise_descriptor_limit();
    const char *deed = getenv(DEEDS);
    if (deed) {
        return be_worker(deed);
    }
    log_set_level(LOG_SILENT);
    if (platform_own_path(own_path, sizeof(own_path))) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_worker),
        cmocka_unit_test(test_owner_that_polls),
        cmocka_unit_test(test_losses_while_the_owner_polls),
        cmocka_unit_test(test_answers_that_come_at_once),
        cmocka_unit_test(test_hostile_workers),
        cmocka_unit_test(test_storage_used_again),
        cmocka_unit_test(test_worker_that_stays),
        cmocka_unit_test(test_driver_that_cannot_be_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
