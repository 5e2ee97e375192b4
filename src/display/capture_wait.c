/* The form of capture_presenter_write that waits. */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "display/capture.h"
#include "platform/platform.h"

/* Shared by the caller, who may give up, and the request; the last of them frees it. */
struct capture_wait {
    pthread_mutex_t mutex;
    pthread_cond_t ended;
    bool is_ended;
    bool given_up;
    int error;
};

static void wait_free(struct capture_wait *wait) {
    pthread_cond_destroy(&wait->ended);
    pthread_mutex_destroy(&wait->mutex);
    free(wait);
}

static void end(void *user, int error) {
    struct capture_wait *wait = user;
    pthread_mutex_lock(&wait->mutex);
    wait->is_ended = true;
    wait->error = error;
    const bool last = wait->given_up;
    pthread_cond_signal(&wait->ended);
    pthread_mutex_unlock(&wait->mutex);
    if (last) {
        wait_free(wait);
    }
}

static struct capture_wait *wait_new(void) {
    struct capture_wait *wait = calloc(1, sizeof(*wait));
    if (!wait) {
        return NULL;
    }
    if (pthread_mutex_init(&wait->mutex, NULL)) {
        goto error_mutex;
    }
    if (platform_cond_init(&wait->ended)) {
        goto error_cond;
    }
    return wait;

error_cond:
    pthread_mutex_destroy(&wait->mutex);
error_mutex:
    free(wait);
    return NULL;
}

int capture_presenter_write_and_wait(struct presenter *presenter, uint32_t scanout,
                                     const char *path, uint64_t deadline_ns) {
    struct capture_wait *wait = wait_new();
    if (!wait) {
        return -ENOMEM;
    }
    int error = capture_presenter_write(presenter, scanout, path, end, wait);
    if (error) {
        wait_free(wait);
        return error;
    }
    pthread_mutex_lock(&wait->mutex);
    bool in_time = true;
    while (!wait->is_ended && in_time) {
        in_time = platform_cond_wait_until(&wait->ended, &wait->mutex, deadline_ns);
    }
    const bool ended = wait->is_ended;
    wait->given_up = !ended;
    error = ended ? wait->error : -ETIMEDOUT;
    pthread_mutex_unlock(&wait->mutex);
    if (ended) {
        wait_free(wait);
    }
    return error;
}
