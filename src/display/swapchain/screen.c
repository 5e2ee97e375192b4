#include "display/swapchain/screen.h"

#include <stdio.h>
#include <string.h>

#include "platform/platform.h"

/* How long the thread may not hear of anything else. */
#define ACQUIRE_NS UINT64_C(250000000)
/* A screen that refuses every image is asked again at this rate, and not for ever. */
#define OUTDATED_MAX 8
#define OUTDATED_LIMIT 40
#define RETRY_NS UINT64_C(100000000)

enum step {
    STEP_WAIT,
    STEP_STOP,
    STEP_RELEASE,
    STEP_CLOSE,
    STEP_DROP,
    STEP_OPEN,
    STEP_BUILD,
    STEP_ACQUIRE,
    STEP_PRESENT,
};

/* ---- under the mutex ----------------------------------------------------------------------- */

static void change(struct screen *screen) {
    pthread_cond_broadcast(&screen->changed);
}

static void note_failure(struct screen *screen, const char *what, VkResult result) {
    if (!screen->failed) {
        snprintf(screen->reason, sizeof(screen->reason), "%s gives %d", what, (int)result);
    }
    screen->failed = true;
}

/* The chain does not fit any more; one that never fits is built at a bounded rate, and has failed if the
 * window rests meanwhile. One without pixels (VK_NOT_READY) is waited for. */
static void note_outdated(struct screen *screen, const char *what, VkResult result) {
    screen->rebuild = true;
    screen->outdated += result != VK_NOT_READY;
    if (result == VK_NOT_READY || screen->outdated > OUTDATED_MAX) {
        screen->retry_ns = platform_now_ns() + RETRY_NS;
    }
    if (screen->outdated > OUTDATED_LIMIT) {
        note_failure(screen, what, result);
    }
}

static enum step choose_open_step(const struct screen *screen) {
    if (screen->dropping || screen->failed) {
        return STEP_RELEASE;
    }
    if (screen->image_state == SCREEN_IMAGE_DRAWN) {
        return STEP_PRESENT;
    }
    if (screen->image_state == SCREEN_IMAGE_DRAWING || screen->hidden) {
        return STEP_WAIT;
    }
    if (screen->rebuild) {
        return screen->retry_ns ? STEP_WAIT : STEP_BUILD;
    }
    return screen->built && screen->image_state == SCREEN_IMAGE_NONE ? STEP_ACQUIRE : STEP_WAIT;
}

static enum step choose_step(const struct screen *screen) {
    if (screen->stopping) {
        return STEP_STOP;
    }
    switch (screen->state) {
    case SCREEN_OPEN:
        return choose_open_step(screen);
    case SCREEN_CLOSING:
        return STEP_WAIT;
    case SCREEN_RELEASED:
        return STEP_CLOSE;
    case SCREEN_CLOSED:
        break;
    }
    if (screen->dropping) {
        return STEP_DROP;
    }
    return screen->surface && !screen->failed && !screen->hidden ? STEP_OPEN : STEP_WAIT;
}

static void wait(struct screen *screen) {
    if (screen->retry_ns == 0) {
        pthread_cond_wait(&screen->changed, &screen->mutex);
    } else if (!platform_cond_wait_until(&screen->changed, &screen->mutex, screen->retry_ns)) {
        screen->retry_ns = 0;
    }
}

/* ---- steps of the thread; each begins and ends with the mutex held ------------------------- */

static VkResult open_all(struct screen *screen, VkSurfaceKHR surface, const char **out_what) {
    *out_what = "making a painter";
    const VkResult result = screen_painter_open(&screen->painter, &screen->gpu);
    if (result) {
        return result;
    }
    screen_sources_init(&screen->sources, &screen->painter);
    *out_what = "opening a swapchain";
    return screen_chain_open(&screen->chain, &screen->painter, surface, screen->mode);
}

static void close_all(struct screen *screen) {
    screen_chain_close(&screen->chain);
    screen_painter_close(&screen->painter);
    screen_gpu_close(&screen->gpu);
    screen->state = SCREEN_CLOSED;
    screen->image_state = SCREEN_IMAGE_NONE;
    screen->built = false;
}

static void tell_failure(struct screen *screen) {
    char reason[sizeof(screen->reason)];
    memcpy(reason, screen->reason, sizeof(reason));
    pthread_mutex_unlock(&screen->mutex);
    screen->listener.failed(screen->user, reason);
    pthread_mutex_lock(&screen->mutex);
}

static void open_step(struct screen *screen) {
    const VkSurfaceKHR surface = screen->surface;
    char reason[sizeof(screen->reason)];
    const char *what = "";
    pthread_mutex_unlock(&screen->mutex);
    const int error =
        screen_gpu_open(screen->instance, surface, &screen->gpu, reason, sizeof(reason));
    const VkResult result = error ? VK_SUCCESS : open_all(screen, surface, &what);
    pthread_mutex_lock(&screen->mutex);
    if (error) {
        memcpy(screen->reason, reason, sizeof(reason));
        screen->failed = true;
    } else if (result) {
        note_failure(screen, what, result);
    } else {
        screen->state = SCREEN_OPEN;
        screen->rebuild = screen->wanted = true;
        screen->retry_ns = 0;
        screen->outdated = 0;
        return;
    }
    close_all(screen);
    tell_failure(screen);
}

static void wake(struct screen *screen) {
    pthread_mutex_unlock(&screen->mutex);
    screen->listener.wake(screen->user);
    pthread_mutex_lock(&screen->mutex);
}

/* A wait for the GPU that ended too early leaves it with memory that is about to go. Only this thread
 * waits for the rest. */
static void let_gpu_rest(struct screen *screen) {
    pthread_mutex_unlock(&screen->mutex);
    screen_gpu_rest(&screen->gpu);
    pthread_mutex_lock(&screen->mutex);
}

static void release_step(struct screen *screen) {
    if (screen->image_state == SCREEN_IMAGE_DRAWING) {
        pthread_cond_wait(&screen->changed, &screen->mutex); /* as long as the GPU may take */
        return;
    }
    if (screen->failed) {
        let_gpu_rest(screen);
    }
    screen->state = SCREEN_CLOSING;
    wake(screen);
}

static void close_step(struct screen *screen) {
    close_all(screen);
    if (screen->failed) {
        tell_failure(screen);
    }
}

static void destroy_surface(struct screen *screen) {
    if (screen->surface) {
        screen->instance->vk.DestroySurfaceKHR(screen->instance->handle, screen->surface, NULL);
        screen->surface = VK_NULL_HANDLE;
    }
}

static void drop_step(struct screen *screen) {
    destroy_surface(screen);
    screen->dropping = screen->failed = false;
    pthread_mutex_unlock(&screen->mutex);
    screen->listener.dropped(screen->user);
    pthread_mutex_lock(&screen->mutex);
}

static void build_step(struct screen *screen) {
    const uint32_t width = screen->width, height = screen->height;
    const enum screen_content content = screen->content;
    screen->rebuild = screen->built = false;
    screen->image_state = SCREEN_IMAGE_NONE;
    pthread_mutex_unlock(&screen->mutex);
    const VkResult result = screen_chain_build(&screen->chain, width, height, content);
    pthread_mutex_lock(&screen->mutex);
    if (result == VK_NOT_READY || result == VK_ERROR_OUT_OF_DATE_KHR) {
        note_outdated(screen, "vkCreateSwapchainKHR", result);
    } else if (result) {
        note_failure(screen, "building a swapchain", result);
    } else {
        screen->built_content = content;
        screen->built = screen->wanted = true;
    }
}

static void acquire_step(struct screen *screen) {
    uint32_t image = 0;
    pthread_mutex_unlock(&screen->mutex);
    const VkResult result = screen_chain_acquire(&screen->chain, ACQUIRE_NS, &image);
    pthread_mutex_lock(&screen->mutex);
    if (result == VK_TIMEOUT) {
        return;
    }
    if (result == VK_ERROR_OUT_OF_DATE_KHR) {
        note_outdated(screen, "vkAcquireNextImageKHR", result);
    } else if (result < VK_SUCCESS) {
        note_failure(screen, "vkAcquireNextImageKHR", result);
    } else {
        screen->image = image;
        screen->image_state = SCREEN_IMAGE_READY;
        if (screen->wanted) {
            wake(screen);
        }
    }
}

static void present_step(struct screen *screen) {
    const uint32_t image = screen->image;
    pthread_mutex_unlock(&screen->mutex);
    const VkResult result = screen_chain_present(&screen->chain, image);
    if (result >= VK_SUCCESS) {
        screen->listener.presented(screen->user);
    }
    pthread_mutex_lock(&screen->mutex);
    screen->image_state = SCREEN_IMAGE_NONE;
    if (result == VK_ERROR_OUT_OF_DATE_KHR) {
        note_outdated(screen, "vkQueuePresentKHR", result);
    } else if (result < VK_SUCCESS) {
        note_failure(screen, "vkQueuePresentKHR", result);
    } else {
        screen->outdated = 0;
        screen->presented++;
    }
}

static void *run(void *argument) {
    static void (*const steps[])(struct screen *) = {
        [STEP_WAIT] = wait,
        [STEP_RELEASE] = release_step,
        [STEP_CLOSE] = close_step,
        [STEP_DROP] = drop_step,
        [STEP_OPEN] = open_step,
        [STEP_BUILD] = build_step,
        [STEP_ACQUIRE] = acquire_step,
        [STEP_PRESENT] = present_step,
    };
    struct screen *screen = argument;
    pthread_mutex_lock(&screen->mutex);
    for (;;) {
        const enum step step = choose_step(screen);
        if (step == STEP_STOP) {
            break;
        }
        steps[step](screen);
    }
    pthread_mutex_unlock(&screen->mutex);
    return NULL;
}

/* ---- life ---------------------------------------------------------------------------------- */

int screen_start(struct screen *screen, const struct screen_instance *instance,
                 enum screen_present_mode mode, const struct screen_listener *listener,
                 void *user) {
    memset(screen, 0, sizeof(*screen));
    screen->instance = instance;
    screen->mode = mode;
    screen->listener = *listener;
    screen->user = user;
    int error = -pthread_mutex_init(&screen->mutex, NULL);
    if (error) {
        return error;
    }
    error = platform_cond_init(&screen->changed);
    if (error) {
        goto error_cond;
    }
    error = platform_thread_start(&screen->thread, "screen", run, screen);
    if (error) {
        goto error_thread;
    }
    return 0;

error_thread:
    pthread_cond_destroy(&screen->changed);
error_cond:
    pthread_mutex_destroy(&screen->mutex);
    return error;
}

void screen_halt(struct screen *screen) {
    pthread_mutex_lock(&screen->mutex);
    screen->stopping = true;
    change(screen);
    pthread_mutex_unlock(&screen->mutex);
    pthread_join(screen->thread, NULL);
}

void screen_finish(struct screen *screen) {
    if (screen->state == SCREEN_OPEN || screen->state == SCREEN_CLOSING) {
        screen_gpu_rest(&screen->gpu);
        screen_sources_finish(&screen->sources);
    }
    close_all(screen);
    destroy_surface(screen);
    pthread_cond_destroy(&screen->changed);
    pthread_mutex_destroy(&screen->mutex);
}

/* ---- the window ---------------------------------------------------------------------------- */

void screen_give_surface(struct screen *screen, VkSurfaceKHR surface, uint32_t width,
                         uint32_t height) {
    pthread_mutex_lock(&screen->mutex);
    screen->surface = surface;
    screen->width = width;
    screen->height = height;
    screen->hidden = width == 0 || height == 0;
    screen->failed = false;
    change(screen);
    pthread_mutex_unlock(&screen->mutex);
}

void screen_drop_surface(struct screen *screen) {
    pthread_mutex_lock(&screen->mutex);
    screen->dropping = true;
    change(screen);
    pthread_mutex_unlock(&screen->mutex);
}

void screen_resize(struct screen *screen, uint32_t width, uint32_t height) {
    pthread_mutex_lock(&screen->mutex);
    const bool other = width != screen->width || height != screen->height;
    screen->hidden = width == 0 || height == 0;
    if (!screen->hidden && other) {
        screen->width = width;
        screen->height = height;
        screen->rebuild = true;
        screen->retry_ns = 0;
        screen->outdated = 0;
    }
    change(screen);
    pthread_mutex_unlock(&screen->mutex);
}

/* ---- the presenter's thread ---------------------------------------------------------------- */

enum screen_gpu_state screen_get_state(struct screen *screen) {
    pthread_mutex_lock(&screen->mutex);
    /* A device that has failed is as good as closed, and will be as soon as its thread finds time. */
    const enum screen_gpu_state state =
        screen->state == SCREEN_OPEN && screen->failed ? SCREEN_CLOSED : screen->state;
    pthread_mutex_unlock(&screen->mutex);
    return state;
}

void screen_let_go(struct screen *screen) {
    screen_sources_finish(&screen->sources);
    pthread_mutex_lock(&screen->mutex);
    screen->state = SCREEN_RELEASED;
    change(screen);
    pthread_mutex_unlock(&screen->mutex);
}

void screen_want(struct screen *screen) {
    pthread_mutex_lock(&screen->mutex);
    screen->wanted = true;
    pthread_mutex_unlock(&screen->mutex);
}

void screen_set_content(struct screen *screen, enum screen_content content) {
    pthread_mutex_lock(&screen->mutex);
    if (screen->content != content) {
        const uint64_t now_ns = platform_now_ns();
        /* A guest that changes all the time does not make the screen do so. */
        if (now_ns - screen->content_ns < RETRY_NS) {
            screen->retry_ns = screen->content_ns + RETRY_NS;
        }
        screen->content = content;
        screen->content_ns = now_ns;
        screen->rebuild = true;
        change(screen);
    }
    pthread_mutex_unlock(&screen->mutex);
}

const struct screen_target *screen_hold_image(struct screen *screen) {
    const struct screen_target *target = NULL;
    pthread_mutex_lock(&screen->mutex);
    if (screen->state == SCREEN_OPEN && !screen->failed && screen->wanted &&
        screen->image_state == SCREEN_IMAGE_READY && screen->content == screen->built_content) {
        screen->image_state = SCREEN_IMAGE_DRAWING;
        screen->wanted = false;
        target = &screen->chain.targets[screen->image];
    }
    pthread_mutex_unlock(&screen->mutex);
    return target;
}

void screen_release_image(struct screen *screen, VkResult result) {
    pthread_mutex_lock(&screen->mutex);
    screen->image_state = SCREEN_IMAGE_DRAWN;
    if (result) {
        screen->image_state = SCREEN_IMAGE_NONE;
        note_failure(screen, "drawing a frame", result);
    }
    change(screen);
    pthread_mutex_unlock(&screen->mutex);
}

void screen_fail(struct screen *screen, VkResult result) {
    pthread_mutex_lock(&screen->mutex);
    note_failure(screen, "copying a frame", result);
    change(screen);
    pthread_mutex_unlock(&screen->mutex);
}
