#include "display/status.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "display/presenter.h"
#include "platform/platform.h"

#define SECOND_NS (UINT64_C(1000) * 1000 * 1000)

/* Times between frames that came within about a second. */
struct span {
    uint64_t begin_ns, length_ns, longest_ns;
    uint32_t count;
};

struct meter {
    struct span now, before; /* the second that has begun, and the one that is full */
    uint64_t last_ns;        /* of the last frame */
    const char *path;        /* NULL: there was no frame */
    bool is_news;            /* frames that were not written */
};

struct display_status {
    uint32_t scanout_count;
    void (*write)(void *user, uint32_t scanout, const struct display_rate *rate);
    void *user;
    pthread_t thread;
    pthread_mutex_t mutex; /* held for a few instructions */
    pthread_cond_t changed;
    bool is_idle; /* the thread waits for a frame */
    bool stopping;
    struct meter meters[PRESENTER_SCANOUTS_MAX];
};

/* ---- one display -------------------------------------------------------------------------- */

static void add_frame(struct meter *meter, uint64_t now_ns) {
    const uint64_t length_ns = now_ns - meter->last_ns;
    struct span *span = &meter->now;
    if (!meter->path || length_ns > SECOND_NS) {
        meter->before = (struct span){0};
        *span = (struct span){.begin_ns = now_ns};
    } else {
        span->count++;
        span->length_ns = now_ns - span->begin_ns;
        span->longest_ns = length_ns > span->longest_ns ? length_ns : span->longest_ns;
    }
    if (span->length_ns >= SECOND_NS) {
        meter->before = *span;
        *span = (struct span){.begin_ns = now_ns};
    }
    meter->last_ns = now_ns;
}

static struct display_rate get_rate(const struct meter *meter, uint64_t now_ns) {
    struct display_rate rate = {.path = meter->path};
    const struct span *span = meter->before.count ? &meter->before : &meter->now;
    if (now_ns - meter->last_ns <= SECOND_NS && span->length_ns > 0) {
        rate.frames_per_second = (double)span->count * SECOND_NS / (double)span->length_ns;
        rate.mean_ms = (double)span->length_ns / span->count / 1e6;
        rate.longest_ms = (double)span->longest_ns / 1e6;
    }
    return rate;
}

void display_status_note(struct display_status *status, uint32_t scanout, const char *path,
                         uint64_t now_ns) {
    if (!status) {
        return;
    }
    pthread_mutex_lock(&status->mutex);
    struct meter *meter = &status->meters[scanout];
    add_frame(meter, now_ns);
    meter->path = path;
    meter->is_news = true;
    if (status->is_idle) {
        status->is_idle = false;
        pthread_cond_signal(&status->changed);
    }
    pthread_mutex_unlock(&status->mutex);
}

bool display_status_get(struct display_status *status, uint32_t scanout, uint64_t now_ns,
                        struct display_rate *out) {
    if (scanout >= status->scanout_count) {
        return false;
    }
    pthread_mutex_lock(&status->mutex);
    *out = get_rate(&status->meters[scanout], now_ns);
    pthread_mutex_unlock(&status->mutex);
    return true;
}

/* ---- writing ------------------------------------------------------------------------------ */

/* False: to stop. */
static bool wait_for_frame(struct display_status *status) {
    pthread_mutex_lock(&status->mutex);
    while (status->is_idle && !status->stopping) {
        pthread_cond_wait(&status->changed, &status->mutex);
    }
    const bool goes_on = !status->stopping;
    pthread_mutex_unlock(&status->mutex);
    return goes_on;
}

static bool wait_for_second(struct display_status *status) {
    const uint64_t deadline_ns = platform_now_ns() + SECOND_NS;
    pthread_mutex_lock(&status->mutex);
    while (!status->stopping &&
           platform_cond_wait_until(&status->changed, &status->mutex, deadline_ns)) {
    }
    const bool goes_on = !status->stopping;
    pthread_mutex_unlock(&status->mutex);
    return goes_on;
}

/* Takes the news of one display. */
static bool take_news(struct display_status *status, uint32_t scanout, struct display_rate *out) {
    pthread_mutex_lock(&status->mutex);
    struct meter *meter = &status->meters[scanout];
    const bool is_news = meter->is_news;
    meter->is_news = false;
    *out = get_rate(meter, platform_now_ns());
    pthread_mutex_unlock(&status->mutex);
    return is_news;
}

static void write_news(struct display_status *status) {
    bool is_idle = true;
    for (uint32_t i = 0; i < status->scanout_count; i++) {
        struct display_rate rate;
        if (take_news(status, i, &rate)) {
            is_idle = false;
            status->write(status->user, i, &rate);
        }
    }
    pthread_mutex_lock(&status->mutex);
    for (uint32_t i = 0; i < status->scanout_count; i++) {
        is_idle = is_idle && !status->meters[i].is_news;
    }
    status->is_idle = is_idle;
    pthread_mutex_unlock(&status->mutex);
}

static void *run(void *argument) {
    struct display_status *status = argument;
    while (wait_for_frame(status) && wait_for_second(status)) {
        write_news(status);
    }
    return NULL;
}

/* ---- life --------------------------------------------------------------------------------- */

int display_status_create(uint32_t scanout_count,
                          void (*write)(void *user, uint32_t scanout,
                                        const struct display_rate *rate),
                          void *user, struct display_status **out) {
    struct display_status *status = calloc(1, sizeof(*status));
    if (!status) {
        return -ENOMEM;
    }
    status->scanout_count = scanout_count;
    status->write = write;
    status->user = user;
    status->is_idle = true;
    int error = -pthread_mutex_init(&status->mutex, NULL);
    if (error) {
        goto error_mutex;
    }
    error = platform_cond_init(&status->changed);
    if (error) {
        goto error_cond;
    }
    error = write ? platform_thread_start(&status->thread, "vesper-status", run, status) : 0;
    if (error) {
        goto error_thread;
    }
    *out = status;
    return 0;

error_thread:
    pthread_cond_destroy(&status->changed);
error_cond:
    pthread_mutex_destroy(&status->mutex);
error_mutex:
    free(status);
    return error;
}

void display_status_destroy(struct display_status *status) {
    if (!status) {
        return;
    }
    pthread_mutex_lock(&status->mutex);
    status->stopping = true;
    pthread_cond_signal(&status->changed);
    pthread_mutex_unlock(&status->mutex);
    if (status->write) {
        pthread_join(status->thread, NULL);
    }
    pthread_cond_destroy(&status->changed);
    pthread_mutex_destroy(&status->mutex);
    free(status);
}
