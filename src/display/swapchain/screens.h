/* The swapchain presenter: scanouts on surfaces of the host's Vulkan, one read and one write of each
 * frame by the GPU and none by the processor.
 *
 * A guest that flips between pictures has each read in place while its flush is not answered, and
 * again only while it is the one that is shown: such a guest draws elsewhere. Where a picture is
 * flushed again without having been attached anew, its damage is copied first, by the GPU, and the
 * copy is shown: what the guest draws between flushes is not seen.
 *
 * Where the device or the surface is lost, or none can be had, the processor composes (see
 * display/software.h) until another surface is given. */
#ifndef VESPER_DISPLAY_SWAPCHAIN_SCREENS_H
#define VESPER_DISPLAY_SWAPCHAIN_SCREENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vulkan/vulkan.h>

#include "display/presenter.h"
#include "display/scaling.h"
#include "display/software.h"
#include "display/turn.h"

enum screen_present_mode {
    SCREEN_FIFO, /* a frame at each refresh of the screen */
    SCREEN_MAILBOX, /* the latest frame at each refresh */
    SCREEN_IMMEDIATE, /* at once, torn */
};

/* How a scanout's frames come to the screen. */
enum screen_path {
    SCREEN_PATH_NONE, /* nothing has been shown */
    SCREEN_PATH_ZERO_COPY, /* drawn from the guest's memory */
    SCREEN_PATH_BLIT, /* damage copied by the GPU, and drawn from there */
    SCREEN_PATH_STAGING, /* damage copied by the processor: memory that cannot be imported */
    SCREEN_PATH_SOFTWARE, /* composed by the processor */
};

const char *screen_path_name(enum screen_path path);

struct screens_options {
    uint32_t scanout_count; /* 1 … PRESENTER_SCANOUTS_MAX */
    const char *const *extensions; /* of instances, for the surfaces; read during creation */
    uint32_t extension_count;
    enum display_scale scale;
    enum screen_present_mode mode;
    /* Every flush is copied, also of guests that flip: exactly what was flushed is shown again. */
    bool keep;
    /* For tests: a refresh is answered with the pixels of a swapchain's image, not composed. */
    bool read_images;
    /* Gets what the processor composes, and the answers of software_presenter_refresh. */
    software_sink sink;
    /* Another size, a picture or a cursor where there was none; on the presenter's thread. */
    void (*changed)(void *user, uint32_t scanout);
    /* From here on the processor composes; on a thread of the scanout. */
    void (*failed)(void *user, uint32_t scanout, const char *reason);
    /* A frame was given to the system, to be shown, by `path`; on a thread of the scanout. NULL: not to
     * be told. */
    void (*presented)(void *user, uint32_t scanout, enum screen_path path);
    /* The window of a dropped surface may go; on a thread of the scanout. */
    void (*dropped)(void *user, uint32_t scanout);
    void *user;
};

struct screens;

/* Opens the host's Vulkan. 0, or a negative errno and a sentence in `reason`: -ENODEV, where there is
 * none that makes surfaces. */
int screens_create(const struct screens_options *options, struct screens **out, char *reason,
                   size_t reason_size);
/* Ends the presenter as well, and all surfaces. */
void screens_destroy(struct screens *screens);

/* The screens' own; software_presenter_refresh and software_presenter_resize are for it. */
struct presenter *screens_get_presenter(struct screens *screens);
/* For surfaces, which become the screens'. */
VkInstance screens_get_instance(struct screens *screens);

/* Any thread, and none of them waits; sizes are pixels, 0 × 0: not to be seen. A scanout has one
 * surface; to have another, wait until the first has been dropped. */
void screens_give_surface(struct screens *screens, uint32_t scanout, VkSurfaceKHR surface,
                          uint32_t width, uint32_t height);
void screens_drop_surface(struct screens *screens, uint32_t scanout);
void screens_resize(struct screens *screens, uint32_t scanout, uint32_t width, uint32_t height);

/* What the window's screen does with light: `white` above 0, `headroom` 1 or more; 1 and 1 until it is
 * told. It is drawn again. */
void screens_set_light(struct screens *screens, uint32_t scanout, float white, float headroom);

/* Pictures are turned in the window from now on, which is not at first. It is drawn again. */
void screens_set_turn(struct screens *screens, uint32_t scanout, enum display_turn turn);

/* The window is to be drawn again, though nothing has changed. */
void screens_redraw(struct screens *screens, uint32_t scanout);
/* There can be no surface: the processor composes. */
void screens_use_processor(struct screens *screens, uint32_t scanout);

/* Whether there is a device that is not the processor. */
bool screens_have_gpu(struct screens *screens);
/* The size of what the scanout shows, or last showed, not turned; false where it shows nothing. */
bool screens_get_mode(struct screens *screens, uint32_t scanout, uint32_t *out_width,
                      uint32_t *out_height);
/* Whether the guest shows a cursor on it. */
bool screens_shows_cursor(struct screens *screens, uint32_t scanout);
/* Whether the processor composes it. */
bool screens_is_by_processor(struct screens *screens, uint32_t scanout);
/* How it comes to the screen, and how many frames have been presented by a swapchain. */
enum screen_path screens_get_path(struct screens *screens, uint32_t scanout,
                                  uint64_t *out_presented);

#endif
