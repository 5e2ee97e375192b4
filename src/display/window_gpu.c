#include "display/window_gpu.h"

#include <errno.h>
#include <stdio.h>

#include "renderer/context.h"
#include "renderer/driver.h"
#include "util/log.h"

/* The toolkit is to use the library that guests' contexts use. */
static int load_library(char *reason, size_t reason_size) {
    if (renderer_open_driver(reason, reason_size)) {
        return -ENODEV;
    }
    if (!sdl.Vulkan_LoadLibrary(driver_get_library())) {
        snprintf(reason, reason_size, "%s", sdl.GetError());
        return -ENODEV;
    }
    return 0;
}

static enum screen_present_mode get_mode(enum window_present present) {
    switch (present) {
    case WINDOW_PRESENT_MAILBOX:
        return SCREEN_MAILBOX;
    case WINDOW_PRESENT_IMMEDIATE:
        return SCREEN_IMMEDIATE;
    default:
        return SCREEN_FIFO;
    }
}

int window_gpu_open(const struct window_options *options, struct screens_options *screens,
                    struct screens **out, char *reason, size_t reason_size) {
    int error = load_library(reason, reason_size);
    if (error) {
        return error;
    }
    Uint32 count = 0;
    screens->extensions = sdl.Vulkan_GetInstanceExtensions(&count);
    screens->extension_count = count;
    screens->scanout_count = options->scanout_count;
    screens->scale = options->scale;
    screens->mode = get_mode(options->present);
    if (!screens->extensions) {
        snprintf(reason, reason_size, "%s", sdl.GetError());
        return -ENODEV;
    }
    error = screens_create(screens, out, reason, reason_size);
    if (!error && options->present == WINDOW_PRESENT_AUTO && !screens_have_gpu(*out)) {
        screens_destroy(*out);
        *out = NULL;
        snprintf(reason, reason_size, "Vulkan has no GPU but the processor");
        error = -ENODEV;
    }
    return error;
}

bool window_gpu_attach(struct screens *screens, uint32_t scanout, SDL_Window *window) {
    VkSurfaceKHR surface;
    int width = 0, height = 0;
    sdl.GetWindowSizeInPixels(window, &width, &height);
    if (!sdl.Vulkan_CreateSurface(window, screens_get_instance(screens), NULL, &surface)) {
        log_warning("display: scanout %u has no Vulkan surface: %s", scanout, sdl.GetError());
        return false;
    }
    screens_give_surface(screens, scanout, surface, width > 0 ? (uint32_t)width : 0,
                         height > 0 ? (uint32_t)height : 0);
    window_gpu_follow_light(screens, scanout, window);
    return true;
}

void window_gpu_follow_light(struct screens *screens, uint32_t scanout, SDL_Window *window) {
    const SDL_PropertiesID properties = sdl.GetWindowProperties(window);
    const float white = sdl.GetFloatProperty(properties, SDL_PROP_WINDOW_SDR_WHITE_LEVEL_FLOAT, 1);
    const float headroom = sdl.GetFloatProperty(properties, SDL_PROP_WINDOW_HDR_HEADROOM_FLOAT, 1);
    screens_set_light(screens, scanout, white > 0 ? white : 1, headroom > 1 ? headroom : 1);
}
