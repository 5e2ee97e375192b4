#include "device/inbox.h"

#include <string.h>

int gpu_inbox_init(struct gpu_inbox *inbox) {
    *inbox = (struct gpu_inbox){.wake = {-1, -1}};
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

void gpu_inbox_finish(struct gpu_inbox *inbox) {
    pthread_mutex_destroy(&inbox->mutex);
    platform_wake_finish(&inbox->wake);
}

/* ---- posting ----------------------------------------------------------------------------- */

/* The mutex is held by the caller, and no longer afterwards. Signalled before that: a signal after
 * a drain that belongs to it would never be drained. */
static void wake_and_unlock(struct gpu_inbox *inbox) {
    if (!inbox->awake) {
        inbox->awake = true;
        platform_wake_signal(&inbox->wake);
    }
    pthread_mutex_unlock(&inbox->mutex);
}

static void post_and_unlock(struct gpu_mailbox *mailbox) {
    struct gpu_inbox *inbox = mailbox->inbox;
    if (!mailbox->queued) {
        mailbox->queued = true;
        mailbox->next = NULL;
        if (inbox->first) {
            inbox->last->next = mailbox;
        } else {
            inbox->first = mailbox;
        }
        inbox->last = mailbox;
    }
    wake_and_unlock(inbox);
}

static void append_answer(struct gpu_blob_answers *answers, struct gpu_blob_answer *answer) {
    answer->next = NULL;
    if (answers->first) {
        answers->last->next = answer;
    } else {
        answers->first = answer;
    }
    answers->last = answer;
}

/* Takes out the answer for a resource; NULL where nobody asked. Contexts answer in order, so it is
 * the first. */
static struct gpu_blob_answer *take_asked(struct gpu_blob_answers *asked, uint32_t resource_id) {
    struct gpu_blob_answer *previous = NULL;
    struct gpu_blob_answer *answer = asked->first;
    while (answer && answer->resource_id != resource_id) {
        previous = answer;
        answer = answer->next;
    }
    if (!answer) {
        return NULL;
    }
    if (previous) {
        previous->next = answer->next;
    } else {
        asked->first = answer->next;
    }
    if (asked->last == answer) {
        asked->last = previous;
    }
    return answer;
}

/* ---- up-calls ---------------------------------------------------------------------------- */

static void mailbox_blob_created(void *user, uint32_t resource_id, struct storage *storage,
                                 int error, const char *reason) {
    struct gpu_mailbox *mailbox = user;
    pthread_mutex_lock(&mailbox->inbox->mutex);
    struct gpu_blob_answer *answer =
        mailbox->closed ? NULL : take_asked(&mailbox->asked, resource_id);
    if (!answer) {
        pthread_mutex_unlock(&mailbox->inbox->mutex);
        return;
    }
    answer->storage = storage ? storage_ref(storage) : NULL;
    answer->error = error;
    answer->reason = reason;
    append_answer(&mailbox->answered, answer);
    post_and_unlock(mailbox);
}

static void mailbox_fence_retired(void *user, uint32_t ring_idx, uint64_t fence_id) {
    struct gpu_mailbox *mailbox = user;
    if (ring_idx >= CONTEXT_RING_IDX_COUNT) {
        return;
    }
    pthread_mutex_lock(&mailbox->inbox->mutex);
    if (mailbox->closed) {
        pthread_mutex_unlock(&mailbox->inbox->mutex);
        return;
    }
    context_news_retire(&mailbox->mail.news, ring_idx, fence_id);
    post_and_unlock(mailbox);
}

static void mailbox_lost(void *user, const char *reason) {
    struct gpu_mailbox *mailbox = user;
    pthread_mutex_lock(&mailbox->inbox->mutex);
    if (mailbox->closed) {
        pthread_mutex_unlock(&mailbox->inbox->mutex);
        return;
    }
    context_news_lose(&mailbox->mail.news, reason);
    post_and_unlock(mailbox);
}

const struct context_listener gpu_mailbox_listener = {
    .blob_created = mailbox_blob_created,
    .fence_retired = mailbox_fence_retired,
    .lost = mailbox_lost,
};

static void inbox_flushed(void *user, uint64_t token) {
    struct gpu_inbox *inbox = user;
    pthread_mutex_lock(&inbox->mutex);
    if (token > inbox->flushed) {
        inbox->flushed = token;
    }
    wake_and_unlock(inbox);
}

static void change(uint32_t *member, uint32_t value) {
    if (value > 0) {
        *member = value;
    }
}

/* The mutex is held by the caller, and no longer afterwards. */
static void change_and_unlock(struct gpu_inbox *inbox, uint32_t scanout,
                              const struct device_display *display) {
    struct device_display *now = &inbox->displays[scanout];
    now->connected = display->connected;
    change(&now->width, display->width);
    change(&now->height, display->height);
    change(&now->refresh_hz, display->refresh_hz);
    change(&now->dpi, display->dpi);
    inbox->changed |= UINT32_C(1) << scanout;
    wake_and_unlock(inbox);
}

void gpu_inbox_change_display(struct gpu_inbox *inbox, uint32_t scanout,
                              const struct device_display *display) {
    pthread_mutex_lock(&inbox->mutex);
    change_and_unlock(inbox, scanout, display);
}

void gpu_inbox_get_display(struct gpu_inbox *inbox, uint32_t scanout, struct device_display *out) {
    pthread_mutex_lock(&inbox->mutex);
    *out = inbox->displays[scanout];
    pthread_mutex_unlock(&inbox->mutex);
}

static uint32_t limit_side(uint32_t side) {
    return side < DEVICE_SIDE_MAX ? side : DEVICE_SIDE_MAX;
}

/* A window that was resized while its display was being unplugged does not plug it again. */
static void inbox_resized(void *user, uint32_t scanout, uint32_t width, uint32_t height) {
    struct gpu_inbox *inbox = user;
    const struct device_display display = {
        .connected = width > 0 && height > 0,
        .width = limit_side(width),
        .height = limit_side(height),
    };
    if (scanout >= PRESENTER_SCANOUTS_MAX) {
        return;
    }
    pthread_mutex_lock(&inbox->mutex);
    if (!inbox->displays[scanout].connected) {
        pthread_mutex_unlock(&inbox->mutex);
        return;
    }
    change_and_unlock(inbox, scanout, &display);
}

const struct presenter_listener gpu_inbox_presenter_listener = {
    .flushed = inbox_flushed,
    .resized = inbox_resized,
};

/* ---- mailboxes --------------------------------------------------------------------------- */

void gpu_mailbox_init(struct gpu_mailbox *mailbox, struct gpu_inbox *inbox) {
    memset(mailbox, 0, sizeof(*mailbox));
    mailbox->inbox = inbox;
}

void gpu_mailbox_ask(struct gpu_mailbox *mailbox, struct gpu_blob_answer *answer) {
    pthread_mutex_lock(&mailbox->inbox->mutex);
    answer->storage = NULL;
    append_answer(&mailbox->asked, answer);
    pthread_mutex_unlock(&mailbox->inbox->mutex);
}

void gpu_mailbox_unask(struct gpu_mailbox *mailbox, const struct gpu_blob_answer *answer) {
    pthread_mutex_lock(&mailbox->inbox->mutex);
    take_asked(&mailbox->asked, answer->resource_id);
    pthread_mutex_unlock(&mailbox->inbox->mutex);
}

/* What was asked and answered, out of the mailbox: a list by `next` whose storage is to be
 * dropped. The mutex is held. */
static struct gpu_blob_answer *detach_answers(struct gpu_mailbox *mailbox) {
    struct gpu_blob_answer *answered = mailbox->answered.first;
    mailbox->asked = mailbox->answered = (struct gpu_blob_answers){NULL, NULL};
    return answered;
}

static void drop_storage(struct gpu_blob_answer *answers) {
    for (; answers; answers = answers->next) {
        storage_unref(answers->storage);
        answers->storage = NULL;
    }
}

void gpu_mailbox_withdraw(struct gpu_mailbox *mailbox) {
    pthread_mutex_lock(&mailbox->inbox->mutex);
    struct gpu_blob_answer *answered = detach_answers(mailbox);
    pthread_mutex_unlock(&mailbox->inbox->mutex);
    drop_storage(answered);
}

static void unqueue(struct gpu_mailbox *mailbox) {
    struct gpu_inbox *inbox = mailbox->inbox;
    struct gpu_mailbox *before = NULL;
    for (struct gpu_mailbox *at = inbox->first; at != mailbox; at = at->next) {
        before = at;
    }
    if (before) {
        before->next = mailbox->next;
    } else {
        inbox->first = mailbox->next;
    }
    if (inbox->last == mailbox) {
        inbox->last = before;
    }
    mailbox->queued = false;
}

void gpu_mailbox_close(struct gpu_mailbox *mailbox) {
    pthread_mutex_lock(&mailbox->inbox->mutex);
    mailbox->closed = true;
    if (mailbox->queued) {
        unqueue(mailbox);
    }
    struct gpu_blob_answer *answered = detach_answers(mailbox);
    pthread_mutex_unlock(&mailbox->inbox->mutex);
    drop_storage(answered);
}

/* ---- looking ----------------------------------------------------------------------------- */

void gpu_inbox_begin(struct gpu_inbox *inbox) {
    pthread_mutex_lock(&inbox->mutex);
    if (inbox->awake) {
        inbox->awake = false;
        platform_wake_drain(&inbox->wake);
    }
    pthread_mutex_unlock(&inbox->mutex);
}

static void move_mail(struct gpu_mail *to, struct gpu_mailbox *mailbox) {
    context_news_move(&to->news, &mailbox->mail.news);
    to->answers = mailbox->answered.first;
    mailbox->answered = (struct gpu_blob_answers){NULL, NULL};
}

struct gpu_mailbox *gpu_inbox_take(struct gpu_inbox *inbox, struct gpu_mail *out) {
    pthread_mutex_lock(&inbox->mutex);
    struct gpu_mailbox *mailbox = inbox->first;
    if (mailbox) {
        inbox->first = mailbox->next;
        mailbox->queued = false;
        move_mail(out, mailbox);
    }
    pthread_mutex_unlock(&inbox->mutex);
    return mailbox;
}

void gpu_inbox_take_displays(struct gpu_inbox *inbox, uint64_t *out_flushed, uint32_t *out_changed,
                             struct device_display out[PRESENTER_SCANOUTS_MAX]) {
    pthread_mutex_lock(&inbox->mutex);
    *out_flushed = inbox->flushed;
    *out_changed = inbox->changed;
    inbox->changed = 0;
    memcpy(out, inbox->displays, sizeof(inbox->displays));
    pthread_mutex_unlock(&inbox->mutex);
}
