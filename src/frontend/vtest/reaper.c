#include "frontend/vtest/reaper.h"

#include <poll.h>

#include "util/log.h"

#define RETRY_NS (UINT64_C(100) * 1000 * 1000)

int vtest_reaper_init(struct vtest_reaper *reaper, struct vtest_inbox *inbox) {
    *reaper = (struct vtest_reaper){.inbox = inbox, .retry_ns = UINT64_MAX};
    return -pthread_mutex_init(&reaper->mutex, NULL);
}

static void *reaper_main(void *argument) {
    struct vtest_client *client = argument;
    struct vtest_reaper *reaper = client->reaper;
    client->context->ops->destroy(client->context);
    pthread_mutex_lock(&reaper->mutex);
    client->reaper_next = reaper->finished;
    reaper->finished = client;
    pthread_mutex_unlock(&reaper->mutex);
    platform_wake_signal(&reaper->inbox->wake);
    return NULL;
}

static void reaper_defer(struct vtest_reaper *reaper, struct vtest_client *client,
                         uint64_t now_ns) {
    client->reaper_next = reaper->waiting;
    reaper->waiting = client;
    reaper->retry_ns = now_ns + RETRY_NS;
}

static void reaper_start(struct vtest_reaper *reaper, struct vtest_client *client,
                         uint64_t now_ns) {
    if (platform_thread_start(&client->reaper_thread, "vtest-reaper", reaper_main, client)) {
        log_warning("%s: no thread to end the context yet; trying again", client->label);
        reaper_defer(reaper, client, now_ns);
    }
}

void vtest_reaper_take(struct vtest_reaper *reaper, struct vtest_client *client) {
    if (!client->context) {
        vtest_client_free(client);
        return;
    }
    client->reaper = reaper;
    reaper->count++;
    reaper_start(reaper, client, platform_now_ns());
}

void vtest_reaper_collect(struct vtest_reaper *reaper, uint64_t now_ns) {
    pthread_mutex_lock(&reaper->mutex);
    struct vtest_client *finished = reaper->finished;
    reaper->finished = NULL;
    pthread_mutex_unlock(&reaper->mutex);
    while (finished) {
        struct vtest_client *next = finished->reaper_next;
        pthread_join(finished->reaper_thread, NULL);
        vtest_client_free(finished);
        reaper->count--;
        finished = next;
    }
    if (now_ns < reaper->retry_ns) {
        return;
    }
    struct vtest_client *waiting = reaper->waiting;
    reaper->waiting = NULL;
    reaper->retry_ns = UINT64_MAX;
    while (waiting) {
        struct vtest_client *next = waiting->reaper_next;
        reaper_start(reaper, waiting, now_ns);
        waiting = next;
    }
}

void vtest_reaper_finish(struct vtest_reaper *reaper) {
    for (;;) {
        platform_wake_drain(&reaper->inbox->wake);
        vtest_reaper_collect(reaper, platform_now_ns());
        if (reaper->count == 0) {
            break;
        }
        struct pollfd wake = {reaper->inbox->wake.read_fd, POLLIN, 0};
        poll(&wake, 1, reaper->waiting ? 100 : -1);
    }
    pthread_mutex_destroy(&reaper->mutex);
}
