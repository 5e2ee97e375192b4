#include "display/software.h"

#include <errno.h>
#include <pixman.h>
#include <stdlib.h>

#include "display/surface.h"
#include "display/worker.h"

struct software_scanout {
    struct display_surface surface;
    uint64_t serial, flushes, ticket;
    bool wanted; /* by a flush or a refresh, since it was last shown */
};

struct software {
    struct presenter base;
    software_sink sink;
    void *user;
    const struct software_filter *filter; /* NULL: none */
    void *filter_user;
    struct display_worker worker;
    struct software_scanout *scanouts;
};

static struct software *from_base(struct presenter *presenter) {
    return (struct software *)presenter;
}

/* ---- the worker's thread ----------------------------------------------------------------- */

static void compose(void *user, uint32_t index, const struct display_update *update) {
    struct software *software = user;
    struct software_scanout *scanout = &software->scanouts[index];
    scanout->flushes += update->flushes;
    if (software->filter) {
        update = software->filter->take(software->filter_user, index, update);
    }
    if (!update) {
        return;
    }
    display_surface_apply(&scanout->surface, update);
    scanout->wanted |= update->flushes > 0;
    if (update->ticket) {
        scanout->ticket = update->ticket;
        scanout->wanted = true;
    }
}

static void show(void *user, uint32_t index) {
    struct software *software = user;
    struct software_scanout *scanout = &software->scanouts[index];
    struct display_surface *surface = &scanout->surface;
    if (surface->damage.count == 0 && !scanout->wanted) {
        return;
    }
    scanout->serial += surface->damage.count > 0;
    const struct software_frame frame = {
        .scanout = index,
        .signal = surface->signal,
        .pixels = surface->image ? pixman_image_get_data(surface->image) : NULL,
        .width = surface->width,
        .height = surface->height,
        .stride = surface->image ? (uint32_t)pixman_image_get_stride(surface->image) : 0,
        .damage = surface->damage.rects,
        .damage_count = surface->damage.count,
        .serial = scanout->serial,
        .flushes = scanout->flushes,
        .ticket = scanout->ticket,
        .cursor_visible = surface->cursor.visible,
        .cursor_x = surface->cursor.x,
        .cursor_y = surface->cursor.y,
    };
    software->sink(software->user, &frame);
    surface->damage.count = 0;
    scanout->wanted = false;
}

static const struct display_engine engine = {.compose = compose, .show = show};

/* ---- the presenter's calls --------------------------------------------------------------- */

static void set_listener(struct presenter *presenter, const struct presenter_listener *listener,
                         void *user) {
    display_worker_set_listener(&from_base(presenter)->worker, listener, user);
}

static int attach(struct presenter *presenter, uint32_t scanout,
                  const struct presenter_picture *picture, const struct presenter_rect *source) {
    return display_mailbox_attach(&from_base(presenter)->worker.mailbox, scanout, picture, source);
}

static void detach(struct presenter *presenter, uint32_t scanout) {
    display_mailbox_detach(&from_base(presenter)->worker.mailbox, scanout);
}

static void flush(struct presenter *presenter, uint32_t scanout,
                  const struct presenter_rect *damage, uint64_t token) {
    display_mailbox_flush(&from_base(presenter)->worker.mailbox, scanout, damage, token);
}

static void set_cursor(struct presenter *presenter, uint32_t scanout, const uint32_t *pixels,
                       uint32_t hot_x, uint32_t hot_y) {
    display_mailbox_set_cursor(&from_base(presenter)->worker.mailbox, scanout, pixels, hot_x,
                               hot_y);
}

static void move_cursor(struct presenter *presenter, uint32_t scanout, int32_t x, int32_t y) {
    display_mailbox_move_cursor(&from_base(presenter)->worker.mailbox, scanout, x, y);
}

static void finish_surfaces(struct software *software, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        display_surface_finish(&software->scanouts[i].surface);
    }
    free(software->scanouts);
}

static void destroy(struct presenter *presenter) {
    struct software *software = from_base(presenter);
    display_worker_stop(&software->worker);
    finish_surfaces(software, software->base.scanout_count);
    free(software);
}

static const struct presenter_ops ops = {
    .set_listener = set_listener,
    .attach = attach,
    .detach = detach,
    .flush = flush,
    .set_cursor = set_cursor,
    .move_cursor = move_cursor,
    .destroy = destroy,
};

/* ---- creation ---------------------------------------------------------------------------- */

static int init_surfaces(struct software *software, uint32_t count) {
    software->scanouts = calloc(count, sizeof(*software->scanouts));
    if (!software->scanouts) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < count; i++) {
        int error = display_surface_init(&software->scanouts[i].surface);
        if (error) {
            finish_surfaces(software, i);
            return error;
        }
    }
    return 0;
}

int software_presenter_create(uint32_t scanout_count, software_sink sink, void *user,
                              struct presenter **out) {
    return software_presenter_create_filtered(scanout_count, sink, user, NULL, NULL, out);
}

int software_presenter_create_filtered(uint32_t scanout_count, software_sink sink, void *user,
                                       const struct software_filter *filter, void *filter_user,
                                       struct presenter **out) {
    if (scanout_count == 0 || scanout_count > PRESENTER_SCANOUTS_MAX || !sink) {
        return -EINVAL;
    }
    struct software *software = calloc(1, sizeof(*software));
    if (!software) {
        return -ENOMEM;
    }
    software->base = (struct presenter){&ops, scanout_count};
    software->sink = sink;
    software->user = user;
    software->filter = filter;
    software->filter_user = filter_user;
    int error = init_surfaces(software, scanout_count);
    if (error) {
        goto error_surfaces;
    }
    error = display_worker_start(&software->worker, scanout_count, &engine, software);
    if (error) {
        goto error_worker;
    }
    *out = &software->base;
    return 0;

error_worker:
    finish_surfaces(software, scanout_count);
error_surfaces:
    free(software);
    return error;
}

void software_presenter_wake(struct presenter *presenter, uint32_t scanout) {
    display_mailbox_poke(&from_base(presenter)->worker.mailbox, scanout);
}

uint64_t software_presenter_refresh(struct presenter *presenter, uint32_t scanout) {
    if (scanout >= presenter->scanout_count) {
        return 0;
    }
    return display_mailbox_refresh(&from_base(presenter)->worker.mailbox, scanout);
}

int software_presenter_resize(struct presenter *presenter, uint32_t scanout, uint32_t width,
                              uint32_t height) {
    if (scanout >= presenter->scanout_count) {
        return -EINVAL;
    }
    display_mailbox_resize(&from_base(presenter)->worker.mailbox, scanout, width, height);
    return 0;
}
