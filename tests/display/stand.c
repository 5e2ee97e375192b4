#include "stand.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "held_driver.h"
#include "platform/platform.h"
#include "renderer/driver.h"

const struct host_control *stand_control(void) {
    static const struct host_control *control;
    if (!control) {
        hold_driver();
        const char *path = getenv("VESPER_HOST_LIBRARY");
        void *library = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
        control = library ? dlsym(library, HOST_CONTROL_SYMBOL) : NULL;
    }
    if (!control) {
        fail_msg("VESPER_HOST_LIBRARY is not the layer");
    }
    return control;
}

/* ---- what the presenter tells ---------------------------------------------------------------- */

static void take_frame(void *user, const struct software_frame *frame) {
    struct stand *stand = user;
    keeper_keep(&stand->keeper, frame);
}

static void changed(void *user, uint32_t scanout) {
    struct stand *stand = user;
    uint32_t width, height;
    if (screens_get_mode(stand->screens, scanout, &width, &height)) {
        screens_resize(stand->screens, scanout, width, height);
    }
}

static void failed(void *user, uint32_t scanout, const char *reason) {
    struct stand *stand = user;
    (void)reason; /* has been logged */
    pthread_mutex_lock(&stand->mutex);
    stand->windows[scanout].failures++;
    pthread_cond_broadcast(&stand->changed);
    pthread_mutex_unlock(&stand->mutex);
}

static void presented(void *user, uint32_t scanout, enum screen_path path) {
    struct stand *stand = user;
    (void)scanout;
    (void)path;
    pthread_mutex_lock(&stand->mutex);
    pthread_cond_broadcast(&stand->changed);
    pthread_mutex_unlock(&stand->mutex);
}

static void dropped(void *user, uint32_t scanout) {
    struct stand *stand = user;
    pthread_mutex_lock(&stand->mutex);
    stand->windows[scanout].drops++;
    pthread_cond_broadcast(&stand->changed);
    pthread_mutex_unlock(&stand->mutex);
}

/* ---- life ------------------------------------------------------------------------------------ */

bool stand_open(struct stand *stand, const struct stand_options *options) {
    static const char *const extensions[] = {VK_KHR_SURFACE_EXTENSION_NAME,
                                             VK_EXT_HEADLESS_SURFACE_EXTENSION_NAME};
    *stand = (struct stand){0};
    keeper_init(&stand->keeper);
    answers_init(&stand->answers);
    assert_int_equal(pthread_mutex_init(&stand->mutex, NULL), 0);
    assert_int_equal(platform_cond_init(&stand->changed), 0);
    const struct screens_options screens = {.scanout_count = options->scanout_count,
                                            .extensions = extensions,
                                            .extension_count = 2,
                                            .scale = DISPLAY_SCALE_NONE,
                                            .mode = SCREEN_FIFO,
                                            .keep = options->keep,
                                            .read_images = options->read_images,
                                            .sink = take_frame,
                                            .changed = changed,
                                            .failed = failed,
                                            .presented = presented,
                                            .dropped = dropped,
                                            .user = stand};
    char reason[256];
    if (screens_create(&screens, &stand->screens, reason, sizeof(reason))) {
        stand->screens = NULL;
        stand_close(stand);
        return false;
    }
    stand->presenter = screens_get_presenter(stand->screens);
    stand->presenter->ops->set_listener(stand->presenter, &answers_listener, &stand->answers);
    return true;
}

void stand_close(struct stand *stand) {
    if (stand->screens) {
        screens_destroy(stand->screens);
    }
    keeper_finish(&stand->keeper);
    answers_finish(&stand->answers);
    pthread_cond_destroy(&stand->changed);
    pthread_mutex_destroy(&stand->mutex);
    *stand = (struct stand){0};
}

/* ---- windows --------------------------------------------------------------------------------- */

void stand_open_window(struct stand *stand, uint32_t scanout) {
    const VkInstance instance = screens_get_instance(stand->screens);
    PFN_vkCreateHeadlessSurfaceEXT create =
        (PFN_vkCreateHeadlessSurfaceEXT)driver_get_entry()(instance, "vkCreateHeadlessSurfaceEXT");
    const VkHeadlessSurfaceCreateInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_HEADLESS_SURFACE_CREATE_INFO_EXT};
    VkSurfaceKHR surface;
    uint32_t width = 1, height = 1;
    screens_get_mode(stand->screens, scanout, &width, &height);
    if (create(instance, &info, NULL, &surface)) {
        screens_use_processor(stand->screens, scanout);
        return;
    }
    screens_give_surface(stand->screens, scanout, surface, width > 0 ? width : 1,
                         height > 0 ? height : 1);
    stand->windows[scanout].open = true;
}

void stand_close_window(struct stand *stand, uint32_t scanout) {
    struct stand_window *window = &stand->windows[scanout];
    const uint64_t deadline = platform_now_ns() + BACKEND_PATIENCE_NS;
    if (!window->open) {
        return;
    }
    pthread_mutex_lock(&stand->mutex);
    const uint32_t before = window->drops;
    pthread_mutex_unlock(&stand->mutex);
    screens_drop_surface(stand->screens, scanout);
    pthread_mutex_lock(&stand->mutex);
    while (window->drops == before &&
           platform_cond_wait_until(&stand->changed, &stand->mutex, deadline)) {
    }
    const bool gone = window->drops == before + 1;
    window->open = false;
    pthread_mutex_unlock(&stand->mutex);
    assert_true(gone);
}

void stand_wait_presented(struct stand *stand, uint32_t scanout, uint64_t count) {
    const uint64_t deadline = platform_now_ns() + BACKEND_PATIENCE_NS;
    uint64_t now = 0;
    for (screens_get_path(stand->screens, scanout, &now); now < count;
         screens_get_path(stand->screens, scanout, &now)) {
        pthread_mutex_lock(&stand->mutex);
        const uint64_t step = platform_now_ns() + 1000000; /* counted a little after it was told */
        platform_cond_wait_until(&stand->changed, &stand->mutex, step);
        pthread_mutex_unlock(&stand->mutex);
        assert_true(platform_now_ns() < deadline);
    }
}

/* ---- pictures -------------------------------------------------------------------------------- */

void stand_flush(struct stand *stand, uint32_t scanout, const struct presenter_rect *damage) {
    stand->token++;
    stand->presenter->ops->flush(stand->presenter, scanout, damage, stand->token);
    answers_wait(&stand->answers, stand->token);
}

void stand_show(struct stand *stand, uint32_t scanout, const struct canvas *canvas,
                struct model *model) {
    const struct presenter_rect whole = canvas_whole(canvas);
    assert_int_equal(
        stand->presenter->ops->attach(stand->presenter, scanout, &canvas->picture, &whole), 0);
    stand_flush(stand, scanout, &whole);
    if (model) {
        model_show(model, canvas, &whole);
    }
}

void stand_check(struct stand *stand, uint32_t scanout, const struct model *model) {
    struct shown shown = keeper_read(&stand->keeper, stand->presenter, scanout);
    assert_int_equal(shown.width, model->width);
    assert_int_equal(shown.height, model->height);
    for (uint32_t y = 0; y < shown.height; y++) {
        for (uint32_t x = 0; x < shown.width; x++) {
            const uint32_t found = shown.pixels[(size_t)y * shown.width + x] & 0xffffff;
            const uint32_t expected = model_pixel(model, x, y) & 0xffffff;
            if (found != expected) {
                fail_msg("pixel %u, %u of %u x %u is %06x instead of %06x", x, y, shown.width,
                         shown.height, found, expected);
            }
        }
    }
    free(shown.pixels);
}
