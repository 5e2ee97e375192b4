#include "device/reaper.h"

#include <stddef.h>

#include "platform/platform.h"

/* Threads at once besides the lasting one: as many contexts can be stuck in their drivers before
 * further ones wait for an end of theirs. */
#define EXTRA_THREADS_MAX 16

/* The next item; NULL where there is none. The mutex is held. */
static struct gpu_reaper_item *take_first(struct gpu_reaper *reaper) {
    struct gpu_reaper_item *item = reaper->first;
    if (item) {
        reaper->first = item->next;
        reaper->queued--;
    }
    return item;
}

/* The mutex is held, but for the time of the destruction. */
static void destroy_item(struct gpu_reaper *reaper, struct gpu_reaper_item *item) {
    pthread_mutex_unlock(&reaper->mutex);
    item->destroy(item);
    pthread_mutex_lock(&reaper->mutex);
    reaper->pending--;
}

static void *lasting_main(void *argument) {
    struct gpu_reaper *reaper = argument;
    pthread_mutex_lock(&reaper->mutex);
    for (;;) {
        struct gpu_reaper_item *item = take_first(reaper);
        if (item) {
            destroy_item(reaper, item);
        } else if (reaper->stopping) {
            break;
        } else {
            reaper->idle++;
            pthread_cond_wait(&reaper->cond, &reaper->mutex);
            reaper->idle--;
        }
    }
    pthread_mutex_unlock(&reaper->mutex);
    return NULL;
}

static void *extra_main(void *argument) {
    struct gpu_reaper *reaper = argument;
    pthread_mutex_lock(&reaper->mutex);
    struct gpu_reaper_item *item;
    while ((item = take_first(reaper))) {
        destroy_item(reaper, item);
    }
    reaper->extra--;
    pthread_cond_broadcast(&reaper->cond);
    pthread_mutex_unlock(&reaper->mutex);
    return NULL;
}

int gpu_reaper_init(struct gpu_reaper *reaper) {
    *reaper = (struct gpu_reaper){.pending = 0};
    int error = pthread_mutex_init(&reaper->mutex, NULL);
    if (error) {
        return -error;
    }
    error = pthread_cond_init(&reaper->cond, NULL);
    if (error) {
        error = -error;
        goto error_mutex;
    }
    error = platform_thread_start(&reaper->thread, "gpu-reaper", lasting_main, reaper);
    if (error) {
        goto error_cond;
    }
    return 0;

error_cond:
    pthread_cond_destroy(&reaper->cond);
error_mutex:
    pthread_mutex_destroy(&reaper->mutex);
    return error;
}

void gpu_reaper_finish(struct gpu_reaper *reaper) {
    pthread_mutex_lock(&reaper->mutex);
    reaper->stopping = true;
    pthread_cond_broadcast(&reaper->cond);
    pthread_mutex_unlock(&reaper->mutex);
    pthread_join(reaper->thread, NULL);
    pthread_mutex_lock(&reaper->mutex);
    while (reaper->extra > 0) {
        pthread_cond_wait(&reaper->cond, &reaper->mutex);
    }
    pthread_mutex_unlock(&reaper->mutex);
    pthread_cond_destroy(&reaper->cond);
    pthread_mutex_destroy(&reaper->mutex);
}

/* Where no thread can be started, the lasting one comes to it. The mutex is held. */
static void start_extra(struct gpu_reaper *reaper) {
    pthread_t thread;
    if (reaper->extra < EXTRA_THREADS_MAX &&
        platform_thread_start(&thread, "gpu-reaper", extra_main, reaper) == 0) {
        pthread_detach(thread);
        reaper->extra++;
    }
}

void gpu_reaper_take(struct gpu_reaper *reaper, struct gpu_reaper_item *item) {
    pthread_mutex_lock(&reaper->mutex);
    item->next = NULL;
    if (reaper->first) {
        reaper->last->next = item;
    } else {
        reaper->first = item;
    }
    reaper->last = item;
    reaper->pending++;
    reaper->queued++;
    if (reaper->idle >= reaper->queued) {
        pthread_cond_signal(&reaper->cond);
    } else {
        start_extra(reaper);
    }
    pthread_mutex_unlock(&reaper->mutex);
}

uint32_t gpu_reaper_get_pending(struct gpu_reaper *reaper) {
    pthread_mutex_lock(&reaper->mutex);
    const uint32_t pending = reaper->pending;
    pthread_mutex_unlock(&reaper->mutex);
    return pending;
}
