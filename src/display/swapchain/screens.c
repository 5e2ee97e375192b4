#include "display/swapchain/screens.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "display/swapchain/scene.h"
#include "util/log.h"

struct screens_member {
    struct screens *screens;
    struct screen_scene scene;
};

struct screens {
    struct screens_options options;
    struct screen_instance instance;
    struct presenter *software;
    uint32_t started; /* members whose thread runs */
    struct screens_member *members;
};

const char *screen_path_name(enum screen_path path) {
    static const char *const names[] = {
        [SCREEN_PATH_NONE] = "none",         [SCREEN_PATH_ZERO_COPY] = "zero-copy",
        [SCREEN_PATH_BLIT] = "blit",         [SCREEN_PATH_STAGING] = "staging",
        [SCREEN_PATH_SOFTWARE] = "software",
    };
    return names[path];
}

/* ---- a screen's thread --------------------------------------------------------------------- */

static void wake(void *user) {
    struct screens_member *member = user;
    software_presenter_wake(member->screens->software, member->scene.index);
}

static void failed(void *user, const char *reason) {
    struct screens_member *member = user;
    const struct screens_options *options = &member->screens->options;
    log_warning("display: scanout %u is composed by the processor: %s", member->scene.index,
                reason);
    atomic_store(&member->scene.by_processor, true);
    wake(user);
    options->failed(options->user, member->scene.index, reason);
}

static void presented(void *user) {
    const struct screens_member *member = user;
    const struct screens_options *options = &member->screens->options;
    if (options->presented) {
        options->presented(options->user, member->scene.index, atomic_load(&member->scene.path));
    }
}

static void dropped(void *user) {
    struct screens_member *member = user;
    const struct screens_options *options = &member->screens->options;
    options->dropped(options->user, member->scene.index);
}

/* ---- the presenter's thread ----------------------------------------------------------------- */

static const struct display_update *take(void *user, uint32_t scanout,
                                         const struct display_update *update) {
    struct screens *screens = user;
    return screen_scene_take(&screens->members[scanout].scene, update);
}

/* ---- life ---------------------------------------------------------------------------------- */

static int start_screens(struct screens *screens) {
    static const struct screen_listener listener = {
        .wake = wake, .failed = failed, .presented = presented, .dropped = dropped};
    for (uint32_t i = 0; i < screens->options.scanout_count; i++) {
        struct screens_member *member = &screens->members[i];
        int error = screen_start(&member->scene.screen, &screens->instance, screens->options.mode,
                                 &listener, member);
        if (error) {
            return error;
        }
        screens->started++;
    }
    return 0;
}

static void finish_members(struct screens *screens) {
    for (uint32_t i = 0; i < screens->started; i++) {
        screen_scene_finish(&screens->members[i].scene);
        screen_finish(&screens->members[i].scene.screen);
    }
    free(screens->members);
}

static int make_members(struct screens *screens) {
    const uint32_t count = screens->options.scanout_count;
    screens->members = calloc(count, sizeof(*screens->members));
    for (uint32_t i = 0; screens->members && i < count; i++) {
        screens->members[i].screens = screens;
        screens->members[i].scene.options = &screens->options;
        screens->members[i].scene.index = i;
        screens->members[i].scene.white = screens->members[i].scene.headroom = 1;
    }
    return screens->members ? 0 : -ENOMEM;
}

int screens_create(const struct screens_options *options, struct screens **out, char *reason,
                   size_t reason_size) {
    static const struct software_filter filter = {.take = take};
    struct screens *screens = calloc(1, sizeof(*screens));
    snprintf(reason, reason_size, "there is no memory for displays");
    if (!screens) {
        return -ENOMEM;
    }
    screens->options = *options;
    int error = screen_instance_open(options->extensions, options->extension_count,
                                     &screens->instance, reason, reason_size);
    if (error) {
        goto error_instance;
    }
    error = make_members(screens);
    if (error) {
        goto error_members;
    }
    error = software_presenter_create_filtered(options->scanout_count, options->sink, options->user,
                                               &filter, screens, &screens->software);
    if (error) {
        goto error_software;
    }
    error = start_screens(screens);
    if (error) {
        screens_destroy(screens);
        return error;
    }
    *out = screens;
    return 0;

error_software:
    free(screens->members);
error_members:
    screen_instance_close(&screens->instance);
error_instance:
    free(screens);
    return error;
}

void screens_destroy(struct screens *screens) {
    for (uint32_t i = 0; i < screens->started; i++) {
        screen_halt(&screens->members[i].scene.screen);
    }
    screens->software->ops->destroy(screens->software);
    finish_members(screens);
    screen_instance_close(&screens->instance);
    free(screens);
}

/* ---- use ----------------------------------------------------------------------------------- */

struct presenter *screens_get_presenter(struct screens *screens) {
    return screens->software;
}

VkInstance screens_get_instance(struct screens *screens) {
    return screens->instance.handle;
}

void screens_give_surface(struct screens *screens, uint32_t scanout, VkSurfaceKHR surface,
                          uint32_t width, uint32_t height) {
    struct screens_member *member = &screens->members[scanout];
    atomic_store(&member->scene.by_processor, false);
    screen_give_surface(&member->scene.screen, surface, width, height);
}

void screens_drop_surface(struct screens *screens, uint32_t scanout) {
    screen_drop_surface(&screens->members[scanout].scene.screen);
}

void screens_resize(struct screens *screens, uint32_t scanout, uint32_t width, uint32_t height) {
    screen_resize(&screens->members[scanout].scene.screen, width, height);
}

void screens_set_light(struct screens *screens, uint32_t scanout, float white, float headroom) {
    struct screen_scene *scene = &screens->members[scanout].scene;
    atomic_store(&scene->white, white);
    atomic_store(&scene->headroom, headroom);
    screens_redraw(screens, scanout);
}

void screens_set_turn(struct screens *screens, uint32_t scanout, enum display_turn turn) {
    atomic_store(&screens->members[scanout].scene.turn, turn);
    screens_redraw(screens, scanout);
}

void screens_redraw(struct screens *screens, uint32_t scanout) {
    screen_want(&screens->members[scanout].scene.screen);
    software_presenter_wake(screens->software, scanout);
}

void screens_use_processor(struct screens *screens, uint32_t scanout) {
    atomic_store(&screens->members[scanout].scene.by_processor, true);
    software_presenter_wake(screens->software, scanout);
}

bool screens_have_gpu(struct screens *screens) {
    return screen_instance_has_gpu(&screens->instance);
}

bool screens_shows_cursor(struct screens *screens, uint32_t scanout) {
    return atomic_load(&screens->members[scanout].scene.shows_cursor);
}

bool screens_get_mode(struct screens *screens, uint32_t scanout, uint32_t *out_width,
                      uint32_t *out_height) {
    const uint64_t mode = atomic_load(&screens->members[scanout].scene.mode);
    *out_width = (uint32_t)(mode >> 32) & 0x7fffffff;
    *out_height = (uint32_t)mode;
    return mode >> 63;
}

bool screens_is_by_processor(struct screens *screens, uint32_t scanout) {
    return atomic_load(&screens->members[scanout].scene.by_processor);
}

enum screen_path screens_get_path(struct screens *screens, uint32_t scanout,
                                  uint64_t *out_presented) {
    struct screen *screen = &screens->members[scanout].scene.screen;
    pthread_mutex_lock(&screen->mutex);
    *out_presented = screen->presented;
    pthread_mutex_unlock(&screen->mutex);
    return atomic_load(&screens->members[scanout].scene.path);
}
