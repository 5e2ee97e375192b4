#include "display/mailbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/log.h"

int display_mailbox_init(struct display_mailbox *mailbox, uint32_t scanout_count) {
    memset(mailbox, 0, sizeof(*mailbox));
    if (scanout_count == 0 || scanout_count > PRESENTER_SCANOUTS_MAX) {
        return -EINVAL;
    }
    mailbox->scanout_count = scanout_count;
    mailbox->scanouts = calloc(scanout_count, sizeof(*mailbox->scanouts));
    if (!mailbox->scanouts) {
        return -ENOMEM;
    }
    int error = -pthread_mutex_init(&mailbox->mutex, NULL);
    if (error) {
        goto error_mutex;
    }
    error = -pthread_cond_init(&mailbox->filled, NULL);
    if (error) {
        goto error_cond;
    }
    return 0;

error_cond:
    pthread_mutex_destroy(&mailbox->mutex);
error_mutex:
    free(mailbox->scanouts);
    return error;
}

void display_mailbox_finish(struct display_mailbox *mailbox) {
    for (uint32_t i = 0; i < mailbox->scanout_count; i++) {
        display_view_drop(&mailbox->scanouts[i].attached);
        display_view_drop(&mailbox->scanouts[i].update.view);
    }
    pthread_cond_destroy(&mailbox->filled);
    pthread_mutex_destroy(&mailbox->mutex);
    free(mailbox->scanouts);
}

static bool exists(const struct display_mailbox *mailbox, uint32_t scanout, const char *call) {
    if (scanout >= mailbox->scanout_count) {
        log_error("display: %s: there is no scanout %u", call, scanout);
        return false;
    }
    return true;
}

/* The scanout's entry, locked. */
static struct display_mailbox_scanout *open_entry(struct display_mailbox *mailbox,
                                                  uint32_t scanout) {
    pthread_mutex_lock(&mailbox->mutex);
    return &mailbox->scanouts[scanout];
}

/* Unlocks; `news`: the presenter's thread has something to do for the scanout. */
static void close_entry(struct display_mailbox *mailbox, uint32_t scanout, bool news) {
    if (news) {
        mailbox->waiting |= 1u << scanout;
        pthread_cond_signal(&mailbox->filled);
    }
    pthread_mutex_unlock(&mailbox->mutex);
}

static struct display_view take_view(struct display_view *view) {
    const struct display_view taken = *view;
    *view = (struct display_view){0};
    return taken;
}

/* ---- pictures ---------------------------------------------------------------------------- */

int display_mailbox_attach(struct display_mailbox *mailbox, uint32_t scanout,
                           const struct presenter_picture *picture,
                           const struct presenter_rect *source) {
    if (!exists(mailbox, scanout, "attach")) {
        return -EINVAL;
    }
    struct display_view view;
    int error = display_view_init(&view, picture, source);
    if (error) {
        display_mailbox_detach(mailbox, scanout);
        return error;
    }
    struct display_mailbox_scanout *entry = open_entry(mailbox, scanout);
    struct display_view old = take_view(&entry->attached);
    entry->attached = view;
    entry->fresh = true;
    close_entry(mailbox, scanout, false);
    display_view_drop(&old);
    return 0;
}

void display_mailbox_detach(struct display_mailbox *mailbox, uint32_t scanout) {
    if (!exists(mailbox, scanout, "detach")) {
        return;
    }
    struct display_mailbox_scanout *entry = open_entry(mailbox, scanout);
    struct display_view attached = take_view(&entry->attached);
    struct display_view flushed = take_view(&entry->update.view);
    const bool shown = !display_view_is_empty(&attached);
    if (shown) {
        entry->update.blank = true;
    }
    close_entry(mailbox, scanout, shown);
    display_view_drop(&attached);
    display_view_drop(&flushed);
}

/* The damage in the view's own coordinates; a picture that was just attached is new everywhere. */
static void add_damage(struct display_mailbox_scanout *entry, const struct presenter_rect *damage) {
    const struct presenter_rect *source = &entry->attached.source;
    struct presenter_rect part = {0, 0, source->width, source->height};
    if (!entry->fresh) {
        if (!display_rect_clip(damage, source, &part)) {
            return;
        }
        part.x -= source->x;
        part.y -= source->y;
    }
    display_damage_add(&entry->update.damage, &part);
}

void display_mailbox_flush(struct display_mailbox *mailbox, uint32_t scanout,
                           const struct presenter_rect *damage, uint64_t token) {
    const bool there = exists(mailbox, scanout, "flush");
    struct display_view old = {0};
    struct display_mailbox_scanout *entry = open_entry(mailbox, there ? scanout : 0);
    mailbox->token = token;
    mailbox->token_waiting = true;
    const bool shows = there && !display_view_is_empty(&entry->attached);
    if (shows) {
        struct display_update *update = &entry->update;
        if (entry->fresh || display_view_is_empty(&update->view)) {
            old = take_view(&update->view);
            update->view = display_view_ref(&entry->attached);
            update->damage.count = 0;
            update->view_flushes = 0;
        }
        add_damage(entry, damage);
        entry->fresh = false;
        update->flushes++;
        update->view_flushes++;
    } else {
        pthread_cond_signal(&mailbox->filled);
    }
    close_entry(mailbox, scanout, shows);
    display_view_drop(&old);
}

/* ---- cursor ------------------------------------------------------------------------------ */

void display_mailbox_set_cursor(struct display_mailbox *mailbox, uint32_t scanout,
                                const uint32_t *pixels, uint32_t hot_x, uint32_t hot_y) {
    if (!exists(mailbox, scanout, "set_cursor")) {
        return;
    }
    struct display_mailbox_scanout *entry = open_entry(mailbox, scanout);
    struct display_cursor *cursor = &entry->update.cursor;
    entry->update.cursor_image_new = true;
    cursor->visible = pixels != NULL;
    cursor->hot_x = hot_x;
    cursor->hot_y = hot_y;
    if (pixels) {
        memcpy(cursor->pixels, pixels, sizeof(cursor->pixels));
    }
    close_entry(mailbox, scanout, true);
}

void display_mailbox_move_cursor(struct display_mailbox *mailbox, uint32_t scanout, int32_t x,
                                 int32_t y) {
    if (!exists(mailbox, scanout, "move_cursor")) {
        return;
    }
    struct display_mailbox_scanout *entry = open_entry(mailbox, scanout);
    entry->update.cursor_place_new = true;
    entry->update.cursor.x = x;
    entry->update.cursor.y = y;
    close_entry(mailbox, scanout, true);
}

/* ---- the presenter's own ----------------------------------------------------------------- */

uint64_t display_mailbox_refresh(struct display_mailbox *mailbox, uint32_t scanout) {
    struct display_mailbox_scanout *entry = open_entry(mailbox, scanout);
    const uint64_t ticket = ++mailbox->ticket;
    entry->update.ticket = ticket;
    close_entry(mailbox, scanout, true);
    return ticket;
}

void display_mailbox_poke(struct display_mailbox *mailbox, uint32_t scanout) {
    (void)open_entry(mailbox, scanout);
    close_entry(mailbox, scanout, true);
}

void display_mailbox_resize(struct display_mailbox *mailbox, uint32_t scanout, uint32_t width,
                            uint32_t height) {
    struct display_mailbox_scanout *entry = open_entry(mailbox, scanout);
    entry->update.resized = true;
    entry->update.resized_width = width;
    entry->update.resized_height = height;
    close_entry(mailbox, scanout, true);
}

void display_mailbox_stop(struct display_mailbox *mailbox) {
    pthread_mutex_lock(&mailbox->mutex);
    mailbox->stopped = true;
    pthread_cond_signal(&mailbox->filled);
    pthread_mutex_unlock(&mailbox->mutex);
}

/* ---- taking ------------------------------------------------------------------------------ */

bool display_mailbox_wait(struct display_mailbox *mailbox, struct display_mail *out) {
    pthread_mutex_lock(&mailbox->mutex);
    while (!mailbox->stopped && !mailbox->waiting && !mailbox->token_waiting) {
        pthread_cond_wait(&mailbox->filled, &mailbox->mutex);
    }
    const bool goes_on = !mailbox->stopped;
    *out = (struct display_mail){mailbox->waiting, mailbox->token_waiting, mailbox->token};
    mailbox->waiting = 0;
    mailbox->token_waiting = false;
    pthread_mutex_unlock(&mailbox->mutex);
    return goes_on;
}

static void move_cursor_news(const struct display_update *from, struct display_update *to) {
    to->cursor_image_new = from->cursor_image_new;
    to->cursor_place_new = from->cursor_place_new;
    to->cursor.x = from->cursor.x;
    to->cursor.y = from->cursor.y;
    if (from->cursor_image_new) {
        to->cursor.visible = from->cursor.visible;
        to->cursor.hot_x = from->cursor.hot_x;
        to->cursor.hot_y = from->cursor.hot_y;
        memcpy(to->cursor.pixels, from->cursor.pixels, sizeof(to->cursor.pixels));
    }
}

void display_mailbox_take(struct display_mailbox *mailbox, uint32_t scanout,
                          struct display_update *out) {
    pthread_mutex_lock(&mailbox->mutex);
    struct display_update *update = &mailbox->scanouts[scanout].update;
    mailbox->waiting &= ~(1u << scanout);
    out->view = take_view(&update->view);
    out->damage = update->damage;
    out->flushes = update->flushes;
    out->view_flushes = update->view_flushes;
    out->blank = update->blank;
    out->ticket = update->ticket;
    out->resized = update->resized;
    out->resized_width = update->resized_width;
    out->resized_height = update->resized_height;
    move_cursor_news(update, out);
    update->damage.count = 0;
    update->flushes = 0;
    update->blank = false;
    update->ticket = 0;
    update->resized = false;
    update->cursor_image_new = false;
    update->cursor_place_new = false;
    pthread_mutex_unlock(&mailbox->mutex);
}
