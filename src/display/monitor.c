#include "display/monitor.h"

#include "util/log.h"

#define DPI_OF_SCALE_1 96

struct display_monitor display_monitor_get(void) {
    const SDL_DisplayID primary = sdl.GetPrimaryDisplay();
    const float scale = sdl.GetDisplayContentScale(primary);
    const SDL_DisplayMode *mode = sdl.GetCurrentDisplayMode(primary);
    return (struct display_monitor){
        .dpi = scale > 0 ? (uint32_t)(scale * DPI_OF_SCALE_1 + 0.5f) : 0,
        .refresh_hz = mode ? (uint32_t)(mode->refresh_rate + 0.5f) : 0,
    };
}

/* 0: there are not so many. */
static SDL_DisplayID find(uint32_t number) {
    int count = 0;
    SDL_DisplayID *displays = sdl.GetDisplays(&count);
    const SDL_DisplayID found =
        displays && number >= 1 && number <= (uint32_t)count ? displays[number - 1] : 0;
    sdl.free(displays);
    return found;
}

void display_monitor_fill(SDL_Window *window, uint32_t number) {
    SDL_Rect bounds;
    const SDL_DisplayID display = find(number);
    if (display && sdl.GetDisplayBounds(display, &bounds)) {
        sdl.SetWindowPosition(window, bounds.x, bounds.y);
        sdl.SyncWindow(window); /* full screen is where the window is */
    } else {
        log_warning("display: there is no monitor %u", number);
    }
    sdl.SetWindowFullscreen(window, true);
}
