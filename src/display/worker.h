/* The thread of a presenter: takes what callers left in the mailbox, has it composed, answers
 * flushes, has it shown. Shared by all backends. */
#ifndef VESPER_DISPLAY_WORKER_H
#define VESPER_DISPLAY_WORKER_H

#include <pthread.h>
#include <stdint.h>

#include "display/mailbox.h"
#include "display/presenter.h"
#include "display/update.h"

/* What a backend does with updates; on the worker's thread. Every update of one round is composed,
 * then the round's flushes are answered, then its scanouts are shown: a screen that is slow
 * delays no answer of the same round. */
struct display_engine {
    /* Takes in an update, whose view and cursor are borrowed; afterwards the guest may draw over
     * the pixels. */
    void (*compose)(void *user, uint32_t scanout, const struct display_update *update);
    /* Shows what was composed. */
    void (*show)(void *user, uint32_t scanout);
};

struct display_worker {
    struct display_mailbox mailbox;
    const struct display_engine *engine;
    void *user;
    pthread_t thread;
    struct display_update update; /* the thread's */

    pthread_mutex_t listener_mutex; /* held while it is called */
    struct presenter_listener listener;
    void *listener_user;
};

/* Starts the thread; `engine` outlives it. 0 or a negative errno. */
int display_worker_start(struct display_worker *worker, uint32_t scanout_count,
                         const struct display_engine *engine, void *user);
/* Ends the thread, after the calls it is in, and drops everything that was left for it. Nobody may
 * use the mailbox any more. Not from the engine. */
void display_worker_stop(struct display_worker *worker);

/* As presenter_ops.set_listener. Not from the listener. Any thread. */
void display_worker_set_listener(struct display_worker *worker,
                                 const struct presenter_listener *listener, void *user);

#endif
