/* One window's screen: a device, a swapchain, and the thread that waits for them.
 *
 * Two threads share it. The screen's own opens the device, builds the swapchain, waits for an image
 * and presents what was drawn: all that a slow screen can hold up. The presenter's thread draws (see
 * screen_hold_image), and waits for the GPU alone. Between them goes one image, held by one of them. */
#ifndef VESPER_DISPLAY_SWAPCHAIN_SCREEN_H
#define VESPER_DISPLAY_SWAPCHAIN_SCREEN_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "display/swapchain/chain.h"
#include "display/swapchain/gpu.h"
#include "display/swapchain/painter.h"
#include "display/swapchain/sources.h"

/* Called on the screen's thread, which holds nothing then; must not block. */
struct screen_listener {
    /* The presenter's thread should call screen_get_state, and screen_hold_image where it is open. */
    void (*wake)(void *user);
    /* The device or the surface is lost, or could not be opened, and has been closed; `reason` is
     * valid during the call. The surface is still there. */
    void (*failed)(void *user, const char *reason);
    /* An image was given to the system, to be shown. */
    void (*presented)(void *user);
    /* The surface that was to be dropped is gone. */
    void (*dropped)(void *user);
};

enum screen_gpu_state {
    SCREEN_CLOSED,
    SCREEN_OPEN,
    SCREEN_CLOSING, /* until the presenter's thread lets go of what it made */
    SCREEN_RELEASED, /* it has */
};

enum screen_image_state {
    SCREEN_IMAGE_NONE,
    SCREEN_IMAGE_READY, /* can be drawn into */
    SCREEN_IMAGE_DRAWING, /* the presenter's thread has it */
    SCREEN_IMAGE_DRAWN,
};

struct screen {
    const struct screen_instance *instance;
    enum screen_present_mode mode;
    struct screen_listener listener;
    void *user;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;

    /* Under the mutex. */
    bool stopping, dropping, failed;
    bool rebuild, built;
    bool hidden;
    bool wanted; /* something is to be drawn that is not on the screen */
    uint32_t width, height;
    enum screen_content content, built_content; /* what is to be shown, what the chain is for */
    uint64_t content_ns; /* when that last changed */
    VkSurfaceKHR surface;
    enum screen_gpu_state state;
    enum screen_image_state image_state;
    uint32_t image;
    uint64_t retry_ns; /* not to build before; 0: now */
    uint32_t outdated; /* images refused since the last that was shown */
    uint64_t presented; /* images so far */
    char reason[160]; /* of the failure */

    /* The screen thread's; the presenter thread uses them while SCREEN_OPEN. */
    struct screen_gpu gpu;
    struct screen_painter painter;
    struct screen_chain chain;
    /* The presenter thread's while SCREEN_OPEN. */
    struct screen_sources sources;
};

/* Starts the thread, which has no surface yet. `instance` outlives the screen. 0 or a negative
 * errno. */
int screen_start(struct screen *screen, const struct screen_instance *instance,
                 enum screen_present_mode mode, const struct screen_listener *listener, void *user);
/* Ends the screen's thread, after which nothing is told or shown. Waits for the screen as long as one
 * acquire may take, 250 ms. */
void screen_halt(struct screen *screen);
/* Destroys everything, the surface as well, once the presenter's thread is gone, too. */
void screen_finish(struct screen *screen);

/* ---- the window; any thread, never waits -------------------------------------------------- */

/* A window has been opened: its surface becomes the screen's. There is none now. */
void screen_give_surface(struct screen *screen, VkSurfaceKHR surface, uint32_t width,
                         uint32_t height);
/* The window is to be closed: `dropped` tells when nothing uses its surface. */
void screen_drop_surface(struct screen *screen);
/* The window has another size, in pixels, or is not to be seen (0 × 0). */
void screen_resize(struct screen *screen, uint32_t width, uint32_t height);

/* ---- the presenter's thread --------------------------------------------------------------- */

/* SCREEN_OPEN: the device is there until the next call. SCREEN_CLOSING: what was made of it is to be
 * destroyed, and then screen_let_go to be called. */
enum screen_gpu_state screen_get_state(struct screen *screen);
void screen_let_go(struct screen *screen);
/* Something has changed that the screen should show. */
void screen_want(struct screen *screen);
/* What is to be shown from now on has these colours: images of others are not given any more. */
void screen_set_content(struct screen *screen, enum screen_content content);
/* An image to draw into, where one is ready and something is wanted; NULL otherwise. */
const struct screen_target *screen_hold_image(struct screen *screen);
/* Gives it back: to be presented, or, where `result` is an error, to be closed with the device. */
void screen_release_image(struct screen *screen, VkResult result);
/* Drawing has failed without an image. */
void screen_fail(struct screen *screen, VkResult result);

#endif
