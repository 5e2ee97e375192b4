/* SDL, opened when a window is wanted and not before: it brings dozens of libraries, which a server
 * without windows does not carry. */
#ifndef VESPER_DISPLAY_SDL_H
#define VESPER_DISPLAY_SDL_H

#include <stdbool.h>
#include <vulkan/vulkan.h> /* before SDL names its types itself */

#include <SDL3/SDL.h>
#include <SDL3/SDL_vulkan.h>

/* The functions that are used: SDL_NAME is called as sdl.NAME. */
/* clang-format off */
#define SDL_FUNCTIONS(use)                                                                        \
    use(BlitSurface) use(BlitSurfaceScaled) use(ClearSurface) use(CreateSurfaceFrom)              \
    use(CreateWindow) use(DestroySurface) use(DestroyWindow) use(GetCurrentVideoDriver)           \
    use(GetError) use(GetWindowFlags) use(GetWindowFromID) use(GetWindowPixelDensity)             \
    use(GetWindowSizeInPixels) use(GetWindowSurface) use(HideWindow) use(InitSubSystem)           \
    use(PushEvent) use(QuitSubSystem) use(RegisterEvents) use(SetHint) use(SetWindowSize)         \
    use(ShowWindow) use(UpdateWindowSurface) use(UpdateWindowSurfaceRects) use(WaitEvent)         \
    use(WaitEventTimeout)                                                                         \
    /* of monitors */                                                                             \
    use(free) use(GetCurrentDisplayMode) use(GetDisplayBounds) use(GetDisplayContentScale)        \
    use(GetDisplays) use(GetPrimaryDisplay) use(SetWindowFullscreen) use(SetWindowPosition)       \
    use(SyncWindow)                                                                               \
    /* of input */                                                                                \
    use(GetTouchDevices) use(GetTouchDeviceType) use(GetWindowFromEvent) use(GetWindowTitle)      \
    use(HideCursor) use(SetWindowKeyboardGrab) use(SetWindowMouseGrab)                            \
    use(SetWindowRelativeMouseMode) use(SetWindowTitle) use(ShowCursor)                           \
    /* of light */                                                                                \
    use(GetFloatProperty) use(GetWindowProperties)                                                \
    /* of Vulkan */                                                                               \
    use(Vulkan_CreateSurface) use(Vulkan_GetInstanceExtensions) use(Vulkan_LoadLibrary)
/* clang-format on */

struct sdl {
#define SDL_MEMBER(name) __typeof__(SDL_##name) *name;
    SDL_FUNCTIONS(SDL_MEMBER)
#undef SDL_MEMBER
};

/* Valid after sdl_open. */
extern struct sdl sdl;

/* NULL, or why SDL cannot be opened, valid until the next call. It stays open. Main thread. */
const char *sdl_open(void);

#endif
