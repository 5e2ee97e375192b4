#include "frontend/vtest/mailbox.h"

#include <string.h>

int vtest_inbox_init(struct vtest_inbox *inbox) {
    *inbox = (struct vtest_inbox){.wake = {-1, -1}};
    int error = platform_wake_init(&inbox->wake);
    if (error) {
        return error;
    }
    error = pthread_mutex_init(&inbox->mutex, NULL);
    if (error) {
        platform_wake_finish(&inbox->wake);
        return -error;
    }
    return 0;
}

void vtest_inbox_finish(struct vtest_inbox *inbox) {
    pthread_mutex_destroy(&inbox->mutex);
    platform_wake_finish(&inbox->wake);
}

void vtest_mailbox_init(struct vtest_mailbox *mailbox, struct vtest_inbox *inbox) {
    memset(mailbox, 0, sizeof(*mailbox));
    mailbox->inbox = inbox;
}

void vtest_mailbox_finish(struct vtest_mailbox *mailbox) {
    struct vtest_inbox *inbox = mailbox->inbox;
    pthread_mutex_lock(&inbox->mutex);
    struct vtest_mailbox *before = NULL;
    for (struct vtest_mailbox *at = inbox->first; at; before = at, at = at->next) {
        if (at != mailbox) {
            continue;
        }
        if (before) {
            before->next = at->next;
        } else {
            inbox->first = at->next;
        }
        if (inbox->last == at) {
            inbox->last = before;
        }
        break;
    }
    struct storage *storage = mailbox->mail.blob_storage;
    mailbox->mail.blob_storage = NULL;
    pthread_mutex_unlock(&inbox->mutex);
    storage_unref(storage);
}

/* The mutex is held by the caller, and no longer afterwards. */
static void mailbox_post_and_unlock(struct vtest_mailbox *mailbox) {
    struct vtest_inbox *inbox = mailbox->inbox;
    bool wake = false;
    if (!mailbox->queued) {
        mailbox->queued = true;
        mailbox->next = NULL;
        if (inbox->first) {
            inbox->last->next = mailbox;
        } else {
            inbox->first = mailbox;
            wake = true;
        }
        inbox->last = mailbox;
    }
    pthread_mutex_unlock(&inbox->mutex);
    if (wake) {
        platform_wake_signal(&inbox->wake);
    }
}

static void mailbox_blob_created(void *user, uint32_t resource_id, struct storage *storage,
                                 int error, const char *reason) {
    struct vtest_mailbox *mailbox = user;
    struct storage *reference = storage ? storage_ref(storage) : NULL;
    pthread_mutex_lock(&mailbox->inbox->mutex);
    struct vtest_mail *mail = &mailbox->mail;
    struct storage *unclaimed = mail->blob_storage;
    mail->blob_answered = true;
    mail->blob_resource = resource_id;
    mail->blob_storage = reference;
    mail->blob_error = error;
    mail->blob_reason = reason;
    mailbox_post_and_unlock(mailbox);
    storage_unref(unclaimed);
}

static void mailbox_fence_retired(void *user, uint32_t ring_idx, uint64_t fence_id) {
    struct vtest_mailbox *mailbox = user;
    if (ring_idx >= CONTEXT_RING_IDX_COUNT) {
        return;
    }
    pthread_mutex_lock(&mailbox->inbox->mutex);
    context_news_retire(&mailbox->mail.news, ring_idx, fence_id);
    mailbox_post_and_unlock(mailbox);
}

static void mailbox_lost(void *user, const char *reason) {
    struct vtest_mailbox *mailbox = user;
    pthread_mutex_lock(&mailbox->inbox->mutex);
    context_news_lose(&mailbox->mail.news, reason);
    mailbox_post_and_unlock(mailbox);
}

const struct context_listener vtest_mailbox_listener = {
    .blob_created = mailbox_blob_created,
    .fence_retired = mailbox_fence_retired,
    .lost = mailbox_lost,
};

static void mail_move(struct vtest_mail *to, struct vtest_mail *from) {
    context_news_move(&to->news, &from->news);
    to->blob_answered = from->blob_answered;
    if (from->blob_answered) {
        to->blob_resource = from->blob_resource;
        to->blob_storage = from->blob_storage;
        to->blob_error = from->blob_error;
        to->blob_reason = from->blob_reason;
    }
    from->blob_answered = false;
    from->blob_storage = NULL;
}

struct vtest_mailbox *vtest_inbox_take(struct vtest_inbox *inbox, struct vtest_mail *out) {
    pthread_mutex_lock(&inbox->mutex);
    struct vtest_mailbox *mailbox = inbox->first;
    if (mailbox) {
        inbox->first = mailbox->next;
        mailbox->queued = false;
        mail_move(out, &mailbox->mail);
    }
    pthread_mutex_unlock(&inbox->mutex);
    return mailbox;
}
