/* The way from the threads of contexts to the control thread.
 *
 * Each client has a mailbox in which its context leaves what has happened; mailboxes with news
 * queue up in the server's inbox. News of one kind replace or add to each other, so a mailbox has
 * a fixed size however late it is emptied, and leaving something allocates nothing. */
#ifndef VESPER_VTEST_MAILBOX_H
#define VESPER_VTEST_MAILBOX_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "platform/platform.h"
#include "renderer/context_news.h"

struct vtest_mailbox;

struct vtest_inbox {
    pthread_mutex_t mutex; /* guards all mailboxes too */
    struct vtest_mailbox *first, *last;
    struct platform_wake wake;
};

struct vtest_mail {
    struct context_news news;
    bool blob_answered;
    uint32_t blob_resource;
    struct storage *blob_storage; /* a reference; NULL where the blob was refused */
    int blob_error;
    const char *blob_reason; /* static */
};

struct vtest_mailbox {
    struct vtest_inbox *inbox;
    struct vtest_mailbox *next;
    bool queued;
    struct vtest_mail mail;
};

/* What a context is given; its `user` is the mailbox. */
extern const struct context_listener vtest_mailbox_listener;

/* 0 or a negative errno. */
int vtest_inbox_init(struct vtest_inbox *inbox);
/* No context may be left. */
void vtest_inbox_finish(struct vtest_inbox *inbox);

void vtest_mailbox_init(struct vtest_mailbox *mailbox, struct vtest_inbox *inbox);
/* Takes the mailbox out of the inbox and drops what is in it. Its context must be gone. */
void vtest_mailbox_finish(struct vtest_mailbox *mailbox);

/* Empties the next mailbox that has news into *out (members that are not new are not written) and
 * returns it; NULL where there is none. Control thread. */
struct vtest_mailbox *vtest_inbox_take(struct vtest_inbox *inbox, struct vtest_mail *out);

#endif
