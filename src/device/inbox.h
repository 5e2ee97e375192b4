/* The way from the threads of contexts and of the presenter to the device thread.
 *
 * Each context has a mailbox in which it leaves what has happened; mailboxes with news queue up in
 * the device's inbox. Leaving something takes a mutex shortly and allocates nothing: fences of one
 * ring add up to the last, and whoever asks for a blob brings the room for its answer. */
#ifndef VESPER_DEVICE_INBOX_H
#define VESPER_DEVICE_INBOX_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "device/device.h"
#include "display/presenter.h"
#include "platform/platform.h"
#include "renderer/context_news.h"

/* Room for the answer to one create_blob. */
struct gpu_blob_answer {
    uint32_t resource_id;
    struct storage *storage; /* a reference; NULL where the blob was refused */
    int error;
    const char *reason; /* static, or NULL */
    struct gpu_blob_answer *next;
};

struct gpu_blob_answers {
    struct gpu_blob_answer *first, *last;
};

struct gpu_mailbox;

struct gpu_inbox {
    pthread_mutex_t mutex; /* guards everything below, and all mailboxes */
    struct platform_wake wake;
    bool awake; /* the wake has been signalled and not drained */
    struct gpu_mailbox *first, *last;
    uint64_t flushed;   /* the presenter's last token */
    uint32_t changed;   /* bit N: scanout N has another display */
    struct device_display displays[PRESENTER_SCANOUTS_MAX];
};

/* What happened since the last look. */
struct gpu_mail {
    struct context_news news;
    struct gpu_blob_answer *answers; /* in order */
};

struct gpu_mailbox {
    struct gpu_inbox *inbox;
    struct gpu_mailbox *next;
    bool queued, closed;
    struct gpu_blob_answers asked, answered;
    struct gpu_mail mail;
};

/* 0 or a negative errno. */
int gpu_inbox_init(struct gpu_inbox *inbox);
/* All mailboxes are closed. */
void gpu_inbox_finish(struct gpu_inbox *inbox);

/* What contexts are given; `user` is a mailbox. What the presenter is given; `user` is the inbox. */
extern const struct context_listener gpu_mailbox_listener;
extern const struct presenter_listener gpu_inbox_presenter_listener;
/* Leaves what is new about a display: members but `connected` that are 0 stay. Any thread. */
void gpu_inbox_change_display(struct gpu_inbox *inbox, uint32_t scanout,
                              const struct device_display *display);
/* The display as it was last left. Any thread. */
void gpu_inbox_get_display(struct gpu_inbox *inbox, uint32_t scanout, struct device_display *out);

void gpu_mailbox_init(struct gpu_mailbox *mailbox, struct gpu_inbox *inbox);
/* Before create_blob: `answer` has its resource_id and stays where it is until it comes out of
 * gpu_inbox_take or is withdrawn. */
void gpu_mailbox_ask(struct gpu_mailbox *mailbox, struct gpu_blob_answer *answer);
/* create_blob has failed at once: no answer comes. */
void gpu_mailbox_unask(struct gpu_mailbox *mailbox, const struct gpu_blob_answer *answer);
/* Nobody waits for any blob any more; storage that came is dropped. */
void gpu_mailbox_withdraw(struct gpu_mailbox *mailbox);
/* The same, and from now on the context is not heard any more. */
void gpu_mailbox_close(struct gpu_mailbox *mailbox);

/* Drains the wake: once at the beginning of a look. */
void gpu_inbox_begin(struct gpu_inbox *inbox);
/* Empties the next mailbox with news into *out (as context_news_move) and returns it; NULL where there is none. The storage references of the answers are the caller's. */
struct gpu_mailbox *gpu_inbox_take(struct gpu_inbox *inbox, struct gpu_mail *out);
/* The presenter's last token, and which scanouts have which other display. */
void gpu_inbox_take_displays(struct gpu_inbox *inbox, uint64_t *out_flushed, uint32_t *out_changed,
                             struct device_display out[PRESENTER_SCANOUTS_MAX]);

#endif
