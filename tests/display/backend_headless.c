/* The swapchain presenter on headless surfaces as large as its scanouts: what is read are the pixels of
 * the swapchain's own images. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend.h"
#include "display/colour.h"
#include "display/swapchain/screens.h"
#include "keeper.h"
#include "offers.h"
#include "platform/platform.h"
#include "renderer/driver.h"

struct headless {
    struct keeper keeper;
    struct screens *screens;
    enum display_turn turn; /* of pictures in windows */
    enum display_turn image; /* of pictures in images, by that and the surface */
    _Atomic(const char *) fault;
};

/* A window follows the size of what it shows. */
static void changed(void *user, uint32_t scanout) {
    struct headless *headless = user;
    uint32_t width, height;
    if (screens_get_mode(headless->screens, scanout, &width, &height)) {
        display_turn_size(headless->turn, &width, &height);
        screens_resize(headless->screens, scanout, width, height);
    }
}

static void failed(void *user, uint32_t scanout, const char *reason) {
    struct headless *headless = user;
    fprintf(stderr, "scanout %u: %s\n", scanout, reason);
    headless->fault = "a screen has failed";
}

static void dropped(void *user, uint32_t scanout) {
    struct headless *headless = user;
    (void)scanout;
    headless->fault = "a surface was dropped";
}

/* Gives the scanout a surface of some size, and waits until black is on it: from there on nothing is
 * flushed before there is a device. */
static void open_surface(struct headless *headless, uint32_t scanout) {
    const VkInstance instance = screens_get_instance(headless->screens);
    PFN_vkCreateHeadlessSurfaceEXT create_surface =
        (PFN_vkCreateHeadlessSurfaceEXT)driver_get_entry()(instance, "vkCreateHeadlessSurfaceEXT");
    const VkHeadlessSurfaceCreateInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_HEADLESS_SURFACE_CREATE_INFO_EXT};
    VkSurfaceKHR surface;
    assert_int_equal(create_surface(instance, &info, NULL, &surface), 0);
    screens_give_surface(headless->screens, scanout, surface, 1, 1);
    const uint64_t deadline = platform_now_ns() + BACKEND_PATIENCE_NS;
    uint64_t presented = 0;
    while (presented == 0 && !headless->fault && platform_now_ns() < deadline) {
        usleep(1000);
        screens_get_path(headless->screens, scanout, &presented);
    }
    assert_true(presented > 0);
}

static struct presenter *create_with(uint32_t scanout_count, bool keep, void **out_state) {
    static const char *const extensions[] = {VK_KHR_SURFACE_EXTENSION_NAME,
                                             VK_EXT_HEADLESS_SURFACE_EXTENSION_NAME};
    struct headless *headless = calloc(1, sizeof(*headless));
    assert_non_null(headless);
    keeper_init(&headless->keeper);
    const struct screens_options options = {.scanout_count = scanout_count,
                                            .extensions = extensions,
                                            .extension_count = 2,
                                            .scale = DISPLAY_SCALE_NONE,
                                            .mode = SCREEN_FIFO,
                                            .keep = keep,
                                            .read_images = true,
                                            .sink = keeper_keep,
                                            .changed = changed,
                                            .failed = failed,
                                            .dropped = dropped,
                                            .user = headless};
    char reason[256];
    if (screens_create(&options, &headless->screens, reason, sizeof(reason))) {
        fprintf(stderr, "%s\n", reason);
        keeper_finish(&headless->keeper);
        free(headless);
        return NULL;
    }
    for (uint32_t i = 0; i < scanout_count; i++) {
        open_surface(headless, i);
    }
    *out_state = headless;
    return screens_get_presenter(headless->screens);
}

/* Screens of more than sRGB, which shows as much as guests are told of: nothing is folded. */
static struct presenter *create_with_offers(const VkSurfaceFormatKHR *pairs, uint32_t pair_count,
                                            uint32_t scanout_count, void **out_state) {
    if (!offers_set(pairs, pair_count)) {
        return NULL;
    }
    struct presenter *presenter = create_with(scanout_count, true, out_state);
    for (uint32_t i = 0; presenter && i < scanout_count; i++) {
        const struct headless *headless = *out_state;
        screens_set_light(headless->screens, i, 1, DISPLAY_PEAK);
    }
    return presenter;
}

#define PLAIN {VK_FORMAT_B8G8R8A8_UNORM, VK_COLOR_SPACE_SRGB_NONLINEAR_KHR}

static struct presenter *create_hdr10(uint32_t scanout_count, void **out_state) {
    static const VkSurfaceFormatKHR pairs[] = {
        PLAIN, {VK_FORMAT_A2B10G10R10_UNORM_PACK32, VK_COLOR_SPACE_HDR10_ST2084_EXT}};
    return create_with_offers(pairs, 2, scanout_count, out_state);
}

static struct presenter *create_linear(uint32_t scanout_count, void **out_state) {
    static const VkSurfaceFormatKHR pairs[] = {
        {VK_FORMAT_R16G16B16A16_SFLOAT, VK_COLOR_SPACE_EXTENDED_SRGB_LINEAR_EXT}, PLAIN};
    return create_with_offers(pairs, 2, scanout_count, out_state);
}

static struct presenter *create_p3(uint32_t scanout_count, void **out_state) {
    static const VkSurfaceFormatKHR pairs[] = {
        PLAIN, {VK_FORMAT_A2B10G10R10_UNORM_PACK32, VK_COLOR_SPACE_DISPLAY_P3_NONLINEAR_EXT}};
    return create_with_offers(pairs, 2, scanout_count, out_state);
}

static void set_light(void *state, uint32_t scanout, float white, float headroom) {
    struct headless *headless = state;
    screens_set_light(headless->screens, scanout, white, headroom);
}

/* What has an absolute peak says so to the screen. */
static bool shows_more(void) {
    const VkSurfaceFormatKHR asked = offers_get_asked();
    VkHdrMetadataEXT metadata;
    const bool is_bright = asked.colorSpace == VK_COLOR_SPACE_HDR10_ST2084_EXT ||
                           asked.colorSpace == VK_COLOR_SPACE_EXTENDED_SRGB_LINEAR_EXT;
    const bool told = offers_get_metadata(&metadata);
    assert_true(told == is_bright);
    assert_true(!told || metadata.maxLuminance == DISPLAY_PEAK_NITS);
    return asked.colorSpace != VK_COLOR_SPACE_SRGB_NONLINEAR_KHR;
}

/* Pictures are turned in their windows, and windows stand on a screen that is turned. */
static struct presenter *create_turned_on(VkSurfaceTransformFlagBitsKHR transform,
                                          enum display_turn screen, enum display_turn turn,
                                          uint32_t scanout_count, void **out_state) {
    if (!offers_set(NULL, 0)) {
        return NULL;
    }
    offers_set_transform(transform);
    struct presenter *presenter = create_with(scanout_count, false, out_state);
    if (!presenter) {
        offers_set_transform(0);
        return NULL;
    }
    struct headless *headless = *out_state;
    headless->turn = turn;
    headless->image = display_turn_add(turn, screen);
    for (uint32_t i = 0; i < scanout_count; i++) {
        screens_set_turn(headless->screens, i, turn);
    }
    return presenter;
}

static struct presenter *create_turned(uint32_t scanout_count, void **out_state) {
    return create_turned_on(0, DISPLAY_TURN_0, DISPLAY_TURN_90, scanout_count, out_state);
}

static struct presenter *create_on_turned(uint32_t scanout_count, void **out_state) {
    return create_turned_on(VK_SURFACE_TRANSFORM_ROTATE_270_BIT_KHR, DISPLAY_TURN_270,
                            DISPLAY_TURN_0, scanout_count, out_state);
}

static struct presenter *create_upright(uint32_t scanout_count, void **out_state) {
    return create_turned_on(VK_SURFACE_TRANSFORM_ROTATE_90_BIT_KHR, DISPLAY_TURN_90,
                            DISPLAY_TURN_270, scanout_count, out_state);
}

static struct presenter *create(uint32_t scanout_count, void **out_state) {
    return create_with(scanout_count, true, out_state);
}

static struct presenter *create_flipping(uint32_t scanout_count, void **out_state) {
    return create_with(scanout_count, false, out_state);
}

/* An upright picture again. */
static void turn_back(struct shown *shown, enum display_turn turn) {
    const struct presenter_rect whole = {0, 0, shown->width, shown->height};
    if (!shown->pixels || turn == DISPLAY_TURN_0) {
        return;
    }
    uint32_t *pixels = malloc((size_t)shown->width * shown->height * sizeof(*pixels));
    assert_non_null(pixels);
    display_turn_copy(display_turn_back(turn), shown->width, shown->height, shown->pixels,
                      shown->width, &whole, pixels);
    free(shown->pixels);
    shown->pixels = pixels;
    display_turn_size(turn, &shown->width, &shown->height);
}

static struct shown read_shown(struct presenter *presenter, void *state, uint32_t scanout) {
    struct headless *headless = state;
    struct shown shown = keeper_read(&headless->keeper, presenter, scanout);
    turn_back(&shown, headless->image);
    const char *fault = headless->fault;
    if (fault) {
        fail_msg("%s", fault);
    }
    return shown;
}

static void resize(struct presenter *presenter, void *state, uint32_t scanout, uint32_t width,
                   uint32_t height) {
    (void)state;
    assert_int_equal(software_presenter_resize(presenter, scanout, width, height), 0);
}

static void destroy(struct presenter *presenter, void *state) {
    struct headless *headless = state;
    (void)presenter;
    screens_destroy(headless->screens);
    offers_set(NULL, 0);
    offers_set_transform(0);
    keeper_finish(&headless->keeper);
    free(headless);
}

const struct backend headless_backend = {
    .name = "headless",
    .create = create,
    .read = read_shown,
    .resize = resize,
    .destroy = destroy,
};

const struct backend headless_flipping_backend = {
    .name = "headless-flipping",
    .create = create_flipping,
    .read = read_shown,
    .resize = resize,
    .destroy = destroy,
};

const struct backend headless_hdr10_backend = {
    .name = "headless-hdr10",
    .offers_more = true,
    .screen = DISPLAY_COLOUR_PQ,
    .shows_more = shows_more,
    .set_light = set_light,
    .create = create_hdr10,
    .read = read_shown,
    .resize = resize,
    .destroy = destroy,
};

const struct backend headless_linear_backend = {
    .name = "headless-linear",
    .offers_more = true,
    .screen = DISPLAY_COLOUR_LINEAR,
    .shows_more = shows_more,
    .set_light = set_light,
    .create = create_linear,
    .read = read_shown,
    .resize = resize,
    .destroy = destroy,
};

const struct backend headless_p3_backend = {
    .name = "headless-p3",
    .offers_more = true,
    .screen = DISPLAY_COLOUR_P3,
    .shows_more = shows_more,
    .set_light = set_light,
    .create = create_p3,
    .read = read_shown,
    .resize = resize,
    .destroy = destroy,
};

const struct backend headless_turned_backend = {
    .name = "headless-turned",
    .create = create_turned,
    .read = read_shown,
    .resize = resize,
    .destroy = destroy,
};

const struct backend headless_on_turned_backend = {
    .name = "headless-on-turned",
    .create = create_on_turned,
    .read = read_shown,
    .resize = resize,
    .destroy = destroy,
};

const struct backend headless_upright_backend = {
    .name = "headless-upright",
    .create = create_upright,
    .read = read_shown,
    .resize = resize,
    .destroy = destroy,
};
