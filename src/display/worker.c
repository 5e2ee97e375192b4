#include "display/worker.h"

#include <string.h>

#include "platform/platform.h"

static void tell_resized(struct display_worker *worker, uint32_t scanout) {
    pthread_mutex_lock(&worker->listener_mutex);
    if (worker->listener.resized) {
        worker->listener.resized(worker->listener_user, scanout, worker->update.resized_width,
                                 worker->update.resized_height);
    }
    pthread_mutex_unlock(&worker->listener_mutex);
}

static void tell_flushed(struct display_worker *worker, uint64_t token) {
    pthread_mutex_lock(&worker->listener_mutex);
    if (worker->listener.flushed) {
        worker->listener.flushed(worker->listener_user, token);
    }
    pthread_mutex_unlock(&worker->listener_mutex);
}

static void take_and_compose(struct display_worker *worker, uint32_t scanout) {
    struct display_update *update = &worker->update;
    display_mailbox_take(&worker->mailbox, scanout, update);
    worker->engine->compose(worker->user, scanout, update);
    display_view_drop(&update->view);
    if (update->resized) {
        tell_resized(worker, scanout);
    }
}

static void do_round(struct display_worker *worker, const struct display_mail *mail) {
    for (uint32_t i = 0; i < worker->mailbox.scanout_count; i++) {
        if (mail->scanouts & 1u << i) {
            take_and_compose(worker, i);
        }
    }
    if (mail->flushed) {
        tell_flushed(worker, mail->token);
    }
    for (uint32_t i = 0; i < worker->mailbox.scanout_count; i++) {
        if (mail->scanouts & 1u << i) {
            worker->engine->show(worker->user, i);
        }
    }
}

static void *run(void *argument) {
    struct display_worker *worker = argument;
    struct display_mail mail;
    while (display_mailbox_wait(&worker->mailbox, &mail)) {
        do_round(worker, &mail);
    }
    return NULL;
}

int display_worker_start(struct display_worker *worker, uint32_t scanout_count,
                         const struct display_engine *engine, void *user) {
    memset(worker, 0, sizeof(*worker));
    worker->engine = engine;
    worker->user = user;
    int error = display_mailbox_init(&worker->mailbox, scanout_count);
    if (error) {
        return error;
    }
    error = -pthread_mutex_init(&worker->listener_mutex, NULL);
    if (error) {
        goto error_mutex;
    }
    error = platform_thread_start(&worker->thread, "display", run, worker);
    if (error) {
        goto error_thread;
    }
    return 0;

error_thread:
    pthread_mutex_destroy(&worker->listener_mutex);
error_mutex:
    display_mailbox_finish(&worker->mailbox);
    return error;
}

void display_worker_stop(struct display_worker *worker) {
    display_mailbox_stop(&worker->mailbox);
    pthread_join(worker->thread, NULL);
    pthread_mutex_destroy(&worker->listener_mutex);
    display_mailbox_finish(&worker->mailbox);
}

void display_worker_set_listener(struct display_worker *worker,
                                 const struct presenter_listener *listener, void *user) {
    pthread_mutex_lock(&worker->listener_mutex);
    worker->listener = listener ? *listener : (struct presenter_listener){0};
    worker->listener_user = user;
    pthread_mutex_unlock(&worker->listener_mutex);
}
