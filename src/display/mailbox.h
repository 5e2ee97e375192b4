/* The mailbox between the callers of a presenter and its thread.
 *
 * What callers ask of a scanout is kept until the presenter takes it, newer requests replacing or
 * joining older ones, so that a mailbox has a fixed size however late it is emptied, and leaving
 * something neither waits nor allocates. Any thread, unless a function says otherwise. */
#ifndef VESPER_DISPLAY_MAILBOX_H
#define VESPER_DISPLAY_MAILBOX_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "display/presenter.h"
#include "display/update.h"

struct display_mailbox_scanout {
    struct display_view attached; /* empty: nothing */
    bool fresh;                   /* not flushed since it was attached: nothing of it is known */
    struct display_update update; /* not taken yet */
};

struct display_mailbox {
    pthread_mutex_t mutex;
    pthread_cond_t filled;
    bool stopped;
    uint32_t waiting;      /* bit N: scanout N has an update */
    uint64_t token;        /* of the last flush; 0: none */
    bool token_waiting;    /* it has not been taken */
    uint64_t ticket;       /* of the last refresh, of any scanout */
    uint32_t scanout_count;
    struct display_mailbox_scanout *scanouts;
};

/* `scanout_count`: 1 … PRESENTER_SCANOUTS_MAX. 0 or a negative errno. */
int display_mailbox_init(struct display_mailbox *mailbox, uint32_t scanout_count);
/* Drops what is in it. Nobody may use it any more. */
void display_mailbox_finish(struct display_mailbox *mailbox);

/* As the calls of presenter.h with the same names; scanouts that there are not are refused with
 * a message. */
int display_mailbox_attach(struct display_mailbox *mailbox, uint32_t scanout,
                           const struct presenter_picture *picture,
                           const struct presenter_rect *source);
void display_mailbox_detach(struct display_mailbox *mailbox, uint32_t scanout);
void display_mailbox_flush(struct display_mailbox *mailbox, uint32_t scanout,
                           const struct presenter_rect *damage, uint64_t token);
void display_mailbox_set_cursor(struct display_mailbox *mailbox, uint32_t scanout,
                                const uint32_t *pixels, uint32_t hot_x, uint32_t hot_y);
void display_mailbox_move_cursor(struct display_mailbox *mailbox, uint32_t scanout, int32_t x,
                                 int32_t y);

/* Asks for what `scanout` (which exists) shows after everything left so far. Returns a ticket,
 * larger than all before; the update with that ticket or a later one is the answer. */
uint64_t display_mailbox_refresh(struct display_mailbox *mailbox, uint32_t scanout);
/* Has the presenter's thread look at `scanout` (which exists), where nothing has been asked. */
void display_mailbox_poke(struct display_mailbox *mailbox, uint32_t scanout);
/* Leaves another size of the window of `scanout` (which exists). */
void display_mailbox_resize(struct display_mailbox *mailbox, uint32_t scanout, uint32_t width,
                            uint32_t height);

/* Ends the wait of the presenter's thread, for ever. */
void display_mailbox_stop(struct display_mailbox *mailbox);

/* What the presenter's thread finds. */
struct display_mail {
    uint32_t scanouts;   /* bit N: display_mailbox_take has something for scanout N */
    bool flushed;        /* `token` is new; the updates hold all flushes up to it */
    uint64_t token;
};

/* Waits for news; false once the mailbox is stopped. One thread. */
bool display_mailbox_wait(struct display_mailbox *mailbox, struct display_mail *out);
/* Moves the update of `scanout` (which exists) to *out, with its reference. One thread. The
 * cursor's pixels are only written where they are new. */
void display_mailbox_take(struct display_mailbox *mailbox, uint32_t scanout,
                          struct display_update *out);

#endif
