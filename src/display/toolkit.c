#include "display/toolkit.h"

#include <stdio.h>
#include <string.h>

#include "display/sdl.h"
#include "display/window.h"

/* On X11 the toolkit can show memory itself, and must: it would otherwise draw through a GPU, for
 * which the main thread would wait, and with the first picture it would put another window in the
 * place of each that was opened, losing what was asked of that one. Elsewhere it has no other way. */
static void avoid_gpu(void) {
    const char *driver = sdl.GetCurrentVideoDriver();
    if (driver && strcmp(driver, "x11") == 0) {
        sdl.SetHint(SDL_HINT_FRAMEBUFFER_ACCELERATION, "0");
    }
}

const char *toolkit_start(void) {
    const char *why = sdl_open();
    if (why) {
        return why;
    }
    /* The signals are vesper's own, and a screen saver is the person's business. */
    sdl.SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");
    sdl.SetHint(SDL_HINT_VIDEO_ALLOW_SCREENSAVER, "1");
    sdl.SetHint(SDL_HINT_QUIT_ON_LAST_WINDOW_CLOSE, "0");
    sdl.SetHint(SDL_HINT_APP_NAME, "Vesper");
    if (!sdl.InitSubSystem(SDL_INIT_VIDEO)) {
        return sdl.GetError();
    }
    avoid_gpu();
    return NULL;
}

bool window_host_is_possible(char *reason, size_t reason_size) {
    const char *why = toolkit_start();
    if (!why) {
        sdl.QuitSubSystem(SDL_INIT_VIDEO);
    } else if (reason) {
        snprintf(reason, reason_size, "%s", why);
    }
    return !why;
}

bool window_host_feels_touch(void) {
    if (toolkit_start()) {
        return false;
    }
    bool feels = false;
    int count = 0;
    SDL_TouchID *devices = sdl.GetTouchDevices(&count);
    for (int i = 0; devices && i < count; i++) {
        feels = feels || sdl.GetTouchDeviceType(devices[i]) == SDL_TOUCH_DEVICE_DIRECT;
    }
    sdl.free(devices);
    sdl.QuitSubSystem(SDL_INIT_VIDEO);
    return feels;
}
