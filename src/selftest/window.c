#include "selftest/window.h"

#include <SDL3/SDL.h>
#include <SDL3/SDL_vulkan.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "platform/platform.h"

/* The functions that are used: SDL_NAME is called as sdl.NAME. */
#define SDL_FUNCTIONS(use)                                                                         \
    use(CreateWindow) use(DestroyWindow) use(GetError) use(InitSubSystem) use(PumpEvents)          \
        use(QuitSubSystem) use(Vulkan_CreateSurface) use(Vulkan_GetInstanceExtensions)             \
            use(Vulkan_LoadLibrary) use(Vulkan_UnloadLibrary)

static struct {
#define SDL_MEMBER(name) __typeof__(SDL_##name) *name;
    SDL_FUNCTIONS(SDL_MEMBER)
#undef SDL_MEMBER
} sdl;
static SDL_Window *window;

static bool take_functions(void *library, char *reason, size_t reason_size) {
#define TAKE(name)                                                                                 \
    {                                                                                              \
        void *symbol = dlsym(library, "SDL_" #name);                                               \
        memcpy(&sdl.name, &symbol, sizeof(symbol));                                                \
        if (!symbol) {                                                                             \
            snprintf(reason, reason_size, "this SDL has no SDL_" #name);                           \
            return false;                                                                          \
        }                                                                                          \
    }
    SDL_FUNCTIONS(TAKE)
#undef TAKE
    return true;
}

static bool open_sdl(char *reason, size_t reason_size) {
    void *library = NULL;
    for (const char *const *name = platform_sdl_libraries(); *name && !library; name++) {
        library = dlopen(*name, RTLD_NOW | RTLD_LOCAL);
    }
    if (!library) {
        const char *error = dlerror();
        snprintf(reason, reason_size, "%s", error ? error : "no SDL3");
        return false;
    }
    return take_functions(library, reason, reason_size);
}

bool selftest_window_open(const char *vulkan_library, char *reason, size_t reason_size) {
    if (!open_sdl(reason, reason_size)) {
        return false;
    }
    if (!sdl.InitSubSystem(SDL_INIT_VIDEO)) {
        snprintf(reason, reason_size, "no screen: %s", sdl.GetError());
        return false;
    }
    if (!sdl.Vulkan_LoadLibrary(vulkan_library)) {
        snprintf(reason, reason_size, "SDL does without Vulkan here: %s", sdl.GetError());
        goto error_library;
    }
    window = sdl.CreateWindow("vesper selftest", 64, 64, SDL_WINDOW_VULKAN);
    if (!window) {
        snprintf(reason, reason_size, "no window for Vulkan: %s", sdl.GetError());
        goto error_window;
    }
    sdl.PumpEvents();
    return true;

error_window:
    sdl.Vulkan_UnloadLibrary();
error_library:
    sdl.QuitSubSystem(SDL_INIT_VIDEO);
    return false;
}

const char *const *selftest_window_get_extensions(uint32_t *out_count) {
    return sdl.Vulkan_GetInstanceExtensions(out_count);
}

VkSurfaceKHR selftest_window_make_surface(VkInstance instance, char *reason, size_t reason_size) {
    VkSurfaceKHR surface = VK_NULL_HANDLE;
    if (!sdl.Vulkan_CreateSurface(window, instance, NULL, &surface)) {
        snprintf(reason, reason_size, "SDL_Vulkan_CreateSurface: %s", sdl.GetError());
        return VK_NULL_HANDLE;
    }
    return surface;
}

void selftest_window_attend(void) {
    sdl.PumpEvents();
}

void selftest_window_close(void) {
    sdl.DestroyWindow(window);
    sdl.Vulkan_UnloadLibrary();
    sdl.QuitSubSystem(SDL_INIT_VIDEO);
}
