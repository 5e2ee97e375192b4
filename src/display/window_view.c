#include "display/window_view.h"

#include <stdio.h>

#include "display/monitor.h"
#include "platform/platform.h"
#include "util/log.h"

#define SIZE_UNTIL_OPEN 64 /* points; nobody sees it */
/* A system that has not given a window the size by then gives it another, or none. */
#define CHANGE_NS UINT64_C(1000000000)

static int to_points(uint32_t pixels, float density) {
    const int points = (int)((float)pixels / density + 0.5f);
    return points > 0 ? points : 1;
}

static bool has_size(const struct window_view *view, uint32_t width, uint32_t height) {
    int now_width = 0, now_height = 0;
    return sdl.GetWindowSizeInPixels(view->window, &now_width, &now_height) &&
           now_width == (int)width && now_height == (int)height;
}

bool window_view_is_changing(const struct window_view *view) {
    return platform_now_ns() < view->asked_until_ns;
}

void window_view_note_size(struct window_view *view) {
    if (has_size(view, view->asked_width, view->asked_height)) {
        view->asked_until_ns = 0;
    }
}

/* A window of so many pixels, on a screen whose points are several pixels, too. */
static void set_pixel_size(struct window_view *view, uint32_t width, uint32_t height) {
    if (window_view_is_changing(view) || !has_size(view, width, height)) {
        view->asked_until_ns = platform_now_ns() + CHANGE_NS;
    }
    view->asked_width = width;
    view->asked_height = height;
    float density = sdl.GetWindowPixelDensity(view->window);
    if (density <= 0) {
        density = 1;
    }
    sdl.SetWindowSize(view->window, to_points(width, density), to_points(height, density));
}

static void set_title(const struct window_view *view, const struct window_options *options,
                      uint32_t scanout) {
    char title[128];
    if (options->scanout_count == 1) {
        snprintf(title, sizeof(title), "%s", options->title);
    } else {
        snprintf(title, sizeof(title), "%s, display %u", options->title, scanout + 1);
    }
    sdl.SetWindowTitle(view->window, title);
}

bool window_view_prepare(struct window_view *view, const struct window_options *options,
                         uint32_t scanout, bool on_gpu) {
    if (view->kept[on_gpu]) {
        return true;
    }
    const SDL_WindowFlags flags =
        SDL_WINDOW_HIDDEN | SDL_WINDOW_RESIZABLE | SDL_WINDOW_HIGH_PIXEL_DENSITY |
        (on_gpu ? SDL_WINDOW_VULKAN : 0) |
        (options->full_screen && !options->monitor ? SDL_WINDOW_FULLSCREEN : 0);
    view->kept[on_gpu] = sdl.CreateWindow(options->title, SIZE_UNTIL_OPEN, SIZE_UNTIL_OPEN, flags);
    if (!view->kept[on_gpu]) {
        log_error("display: no window for scanout %u: %s", scanout, sdl.GetError());
    }
    return view->kept[on_gpu];
}

bool window_view_open(struct window_view *view, const struct window_options *options,
                      uint32_t scanout, uint32_t width, uint32_t height, bool on_gpu) {
    if (!window_view_prepare(view, options, scanout, on_gpu)) {
        return false;
    }
    *view = (struct window_view){
        .window = view->kept[on_gpu],
        .on_gpu = on_gpu,
        .kept = {view->kept[0], view->kept[1]},
        .width = width,
        .height = height,
    };
    set_title(view, options, scanout);
    if (!options->full_screen) {
        set_pixel_size(view, width, height);
        /* It was small, and in the middle; where nobody places windows it is now off it. */
        sdl.SetWindowPosition(view->window, SDL_WINDOWPOS_CENTERED, SDL_WINDOWPOS_CENTERED);
    }
    sdl.ShowWindow(view->window);
    if (!options->full_screen) {
        set_pixel_size(view, width, height); /* the screen where it is may have other points */
    } else if (options->monitor) {
        display_monitor_fill(view->window, options->monitor + scanout);
    }
    return true;
}

void window_view_close(struct window_view *view) {
    if (view->window) {
        sdl.HideWindow(view->window);
    }
    *view = (struct window_view){.kept = {view->kept[0], view->kept[1]}};
}

void window_view_finish(struct window_view *view) {
    for (int on_gpu = 0; on_gpu < 2; on_gpu++) {
        if (view->kept[on_gpu]) {
            sdl.DestroyWindow(view->kept[on_gpu]);
        }
    }
    *view = (struct window_view){0};
}

bool window_view_get_size(const struct window_view *view, uint32_t *out_width,
                          uint32_t *out_height) {
    int width = 0, height = 0;
    if ((sdl.GetWindowFlags(view->window) & (SDL_WINDOW_HIDDEN | SDL_WINDOW_MINIMIZED)) ||
        !sdl.GetWindowSizeInPixels(view->window, &width, &height) || width <= 0 || height <= 0) {
        return false;
    }
    *out_width = (uint32_t)width;
    *out_height = (uint32_t)height;
    return true;
}

bool window_view_follow_mode(struct window_view *view, const struct window_options *options,
                             uint32_t width, uint32_t height) {
    if (view->width == width && view->height == height) {
        return false;
    }
    view->width = width;
    view->height = height;
    view->told_width = view->told_height = 0;
    uint32_t now_width, now_height;
    const bool fits = !window_view_is_changing(view) &&
                      window_view_get_size(view, &now_width, &now_height) && now_width == width &&
                      now_height == height;
    const SDL_WindowFlags fixed = SDL_WINDOW_FULLSCREEN | SDL_WINDOW_MAXIMIZED;
    if (!fits && !options->full_screen && !(sdl.GetWindowFlags(view->window) & fixed)) {
        set_pixel_size(view, width, height);
    }
    return true;
}

bool window_view_is_news(struct window_view *view, uint32_t width, uint32_t height) {
    const bool was_told = view->told_width != 0;
    const uint32_t known_width = was_told ? view->told_width : view->width;
    const uint32_t known_height = was_told ? view->told_height : view->height;
    if (width == known_width && height == known_height) {
        return false;
    }
    view->told_width = width;
    view->told_height = height;
    return true;
}

/* ---- drawing ------------------------------------------------------------------------------ */

static SDL_Rect to_sdl(const struct presenter_rect *rect) {
    return (SDL_Rect){(int)rect->x, (int)rect->y, (int)rect->width, (int)rect->height};
}

/* The part of `damage` that is seen, moved to where it is in the window. */
static bool place_damage(const struct presenter_rect *damage, const struct presenter_rect *source,
                         const struct presenter_rect *target, SDL_Rect *out_from,
                         SDL_Rect *out_to) {
    struct presenter_rect part;
    if (!display_rect_clip(damage, source, &part)) {
        return false;
    }
    *out_from = to_sdl(&part);
    part.x = part.x - source->x + target->x;
    part.y = part.y - source->y + target->y;
    *out_to = to_sdl(&part);
    return true;
}

static int draw_damage(struct front_buffer *front, SDL_Surface *picture, SDL_Surface *screen,
                       const struct presenter_rect *source, const struct presenter_rect *target,
                       SDL_Rect *out_drawn) {
    int count = 0;
    for (uint32_t i = 0; i < front->damage.count; i++) {
        SDL_Rect from, to;
        if (place_damage(&front->damage.rects[i], source, target, &from, &to)) {
            sdl.BlitSurface(picture, &from, screen, &to);
            out_drawn[count++] = to;
        }
    }
    return count;
}

static void draw_everything(SDL_Surface *picture, SDL_Surface *screen,
                            const struct presenter_rect *source,
                            const struct presenter_rect *target, enum display_scale scale) {
    const SDL_Rect from = to_sdl(source), to = to_sdl(target);
    sdl.ClearSurface(screen, 0, 0, 0, 1);
    if (from.w == to.w && from.h == to.h) {
        sdl.BlitSurface(picture, &from, screen, &to);
    } else {
        sdl.BlitSurfaceScaled(picture, &from, screen, &to,
                              scale == DISPLAY_SCALE_INTEGER ? SDL_SCALEMODE_NEAREST
                                                             : SDL_SCALEMODE_LINEAR);
    }
}

/* Returns how many rectangles of the screen have changed; -1: all of it. */
static int draw_locked(struct front_buffer *front, SDL_Surface *screen,
                       const struct window_options *options, bool all, SDL_Rect *out_drawn) {
    SDL_Surface *picture =
        sdl.CreateSurfaceFrom((int)front->width, (int)front->height, SDL_PIXELFORMAT_XRGB8888,
                              front->pixels, (int)front->width * 4);
    if (!picture) {
        return 0;
    }
    struct presenter_rect source, target;
    display_scale_place(options->scale, front->width, front->height, (uint32_t)screen->w,
                        (uint32_t)screen->h, &source, &target);
    int count = -1;
    if (all || source.width != target.width || source.height != target.height) {
        draw_everything(picture, screen, &source, &target, options->scale);
    } else {
        count = draw_damage(front, picture, screen, &source, &target, out_drawn);
    }
    front->damage.count = 0;
    sdl.DestroySurface(picture);
    return count;
}

void window_view_draw(struct window_view *view, const struct window_options *options,
                      struct front_buffer *front, bool all) {
    uint32_t width, height;
    if (!window_view_get_size(view, &width, &height)) {
        return;
    }
    SDL_Surface *screen = sdl.GetWindowSurface(view->window);
    if (!screen) {
        log_error("display: a window cannot be drawn into: %s", sdl.GetError());
        return;
    }
    SDL_Rect drawn[DISPLAY_DAMAGE_RECTS];
    front_buffer_lock(front);
    int count = front->pixels ? draw_locked(front, screen, options, all, drawn) : 0;
    front_buffer_unlock(front);
    if (count < 0) {
        sdl.UpdateWindowSurface(view->window);
    } else if (count > 0) {
        sdl.UpdateWindowSurfaceRects(view->window, drawn, count);
    }
}
