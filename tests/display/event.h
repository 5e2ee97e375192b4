/* Something that one thread waits for and another reports; counts. (macOS has no unnamed
 * semaphores.) */
#ifndef VESPER_TESTS_EVENT_H
#define VESPER_TESTS_EVENT_H

#include <pthread.h>

struct event {
    pthread_mutex_t mutex;
    pthread_cond_t posted;
    unsigned count;
};

static inline void event_init(struct event *event) {
    pthread_mutex_init(&event->mutex, NULL);
    pthread_cond_init(&event->posted, NULL);
    event->count = 0;
}

static inline void event_finish(struct event *event) {
    pthread_cond_destroy(&event->posted);
    pthread_mutex_destroy(&event->mutex);
}

static inline void event_post(struct event *event) {
    pthread_mutex_lock(&event->mutex);
    event->count++;
    pthread_cond_signal(&event->posted);
    pthread_mutex_unlock(&event->mutex);
}

static inline void event_wait(struct event *event) {
    pthread_mutex_lock(&event->mutex);
    while (event->count == 0) {
        pthread_cond_wait(&event->posted, &event->mutex);
    }
    event->count--;
    pthread_mutex_unlock(&event->mutex);
}

#endif
