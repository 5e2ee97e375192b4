/* The presenters of Vesper, and memcpy. */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "display/swapchain/screens.h"
#include "platform/platform.h"
#include "present.h"
#include "renderer/driver.h"

struct shower {
    const struct present_frame *frame;
    struct screens *screens; /* NULL: the software presenter */
    struct presenter *presenter;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint64_t token, frames; /* answered; presented */
    uint64_t token_ns, frames_ns;
};

static void note(struct shower *shower, uint64_t token, uint64_t frames) {
    pthread_mutex_lock(&shower->mutex);
    const uint64_t now_ns = platform_now_ns();
    if (token) {
        shower->token = token;
        shower->token_ns = now_ns;
    }
    if (frames) {
        shower->frames += frames;
        shower->frames_ns = now_ns;
    }
    pthread_cond_broadcast(&shower->changed);
    pthread_mutex_unlock(&shower->mutex);
}

static void flushed(void *user, uint64_t token) {
    note(user, token, 0);
}

static void take_frame(void *user, const struct software_frame *frame) {
    note(user, 0, frame->damage_count > 0);
}

static void take_nothing(void *user, const struct software_frame *frame) {
    (void)user;
    (void)frame;
}

static void presented(void *user, uint32_t scanout, enum screen_path path) {
    (void)scanout;
    (void)path;
    note(user, 0, 1);
}

static void ignore(void *user, uint32_t scanout) {
    (void)user;
    (void)scanout;
}

static void failed(void *user, uint32_t scanout, const char *reason) {
    (void)user;
    (void)scanout;
    present_check(0, reason);
}

static void wait_for(struct shower *shower, uint64_t token, uint64_t frames) {
    pthread_mutex_lock(&shower->mutex);
    while (shower->token < token || shower->frames < frames) {
        pthread_cond_wait(&shower->changed, &shower->mutex);
    }
    pthread_mutex_unlock(&shower->mutex);
}

static struct shower *make_shower(const struct present_frame *frame) {
    struct shower *shower = calloc(1, sizeof(*shower));
    present_check(shower != NULL, "allocating memory");
    shower->frame = frame;
    present_check(pthread_mutex_init(&shower->mutex, NULL) == 0 &&
                      platform_cond_init(&shower->changed) == 0,
                  "making a mutex");
    return shower;
}

static void listen_to(struct shower *shower) {
    const struct presenter_listener listener = {.flushed = flushed};
    shower->presenter->ops->set_listener(shower->presenter, &listener, shower);
}

static void *open_screens(const struct present_frame *frame, bool keep) {
    static const char *const extensions[] = {VK_KHR_SURFACE_EXTENSION_NAME,
                                             VK_EXT_HEADLESS_SURFACE_EXTENSION_NAME};
    struct shower *shower = make_shower(frame);
    const struct screens_options options = {.scanout_count = 1,
                                            .extensions = extensions,
                                            .extension_count = 2,
                                            .scale = DISPLAY_SCALE_NONE,
                                            .mode = SCREEN_IMMEDIATE,
                                            .keep = keep,
                                            .sink = take_nothing,
                                            .changed = ignore,
                                            .failed = failed,
                                            .presented = presented,
                                            .dropped = ignore,
                                            .user = shower};
    char reason[256];
    if (screens_create(&options, &shower->screens, reason, sizeof(reason))) {
        fprintf(stderr, "vesper-bench-present: %s\n", reason);
        free(shower);
        return NULL;
    }
    shower->presenter = screens_get_presenter(shower->screens);
    listen_to(shower);
    const VkInstance instance = screens_get_instance(shower->screens);
    PFN_vkCreateHeadlessSurfaceEXT create =
        (PFN_vkCreateHeadlessSurfaceEXT)driver_get_entry()(instance, "vkCreateHeadlessSurfaceEXT");
    const VkHeadlessSurfaceCreateInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_HEADLESS_SURFACE_CREATE_INFO_EXT};
    VkSurfaceKHR surface;
    present_check(create(instance, &info, NULL, &surface) == VK_SUCCESS, "making a surface");
    screens_give_surface(shower->screens, 0, surface, frame->width, frame->height);
    wait_for(shower, 0, 1); /* black */
    return shower;
}

static void *open_zero_copy(const struct present_frame *frame) {
    return open_screens(frame, false);
}

static void *open_kept(const struct present_frame *frame) {
    return open_screens(frame, true);
}

static void *open_software(const struct present_frame *frame) {
    struct shower *shower = make_shower(frame);
    present_check(software_presenter_create(1, take_frame, shower, &shower->presenter) == 0,
                  "making the software presenter");
    listen_to(shower);
    return shower;
}

static void show(void *state, uint32_t number, struct present_times *out) {
    struct shower *shower = state;
    const struct present_frame *frame = shower->frame;
    const struct presenter_ops *ops = shower->presenter->ops;
    const struct presenter_rect whole = {0, 0, frame->width, frame->height};
    const struct presenter_picture picture = {.storage = frame->storages[number % 2],
                                              .format = PRESENTER_XRGB8888,
                                              .width = frame->width,
                                              .height = frame->height,
                                              .stride = 4 * frame->width};
    const uint64_t frames = shower->frames;
    present_check(ops->attach(shower->presenter, 0, &picture, &whole) == 0, "attaching");
    const uint64_t start_ns = platform_now_ns();
    ops->flush(shower->presenter, 0, &whole, number + 1);
    wait_for(shower, number + 1, frames + 1);
    out->answered = shower->token_ns - start_ns;
    out->presented = shower->frames_ns - start_ns;
}

static void close_shower(void *state) {
    struct shower *shower = state;
    if (shower->screens) {
        screens_destroy(shower->screens);
    } else {
        shower->presenter->ops->destroy(shower->presenter);
    }
    pthread_cond_destroy(&shower->changed);
    pthread_mutex_destroy(&shower->mutex);
    free(shower);
}

const struct present_way present_zero_copy = {"swapchain, a guest that flips", open_zero_copy, show,
                                              close_shower};
const struct present_way present_kept = {"swapchain, all of a picture flushed again", open_kept,
                                         show, close_shower};
const struct present_way present_software = {"software, to memory", open_software, show,
                                             close_shower};

/* ---- memcpy -------------------------------------------------------------------------------- */

struct copier {
    const struct present_frame *frame;
    void *to;
};

static void *open_copier(const struct present_frame *frame) {
    struct copier *copier = malloc(sizeof(*copier));
    present_check(copier != NULL, "allocating memory");
    *copier = (struct copier){frame, malloc(4 * (size_t)frame->width * frame->height)};
    present_check(copier->to != NULL, "allocating memory");
    return copier;
}

static void copy(void *state, uint32_t number, struct present_times *out) {
    struct copier *copier = state;
    const struct present_frame *frame = copier->frame;
    const uint64_t start_ns = platform_now_ns();
    memcpy(copier->to, frame->pixels[number % 2], 4 * (size_t)frame->width * frame->height);
    out->answered = out->presented = platform_now_ns() - start_ns;
}

static void close_copier(void *state) {
    struct copier *copier = state;
    free(copier->to);
    free(copier);
}

const struct present_way present_memcpy = {"memcpy", open_copier, copy, close_copier};
