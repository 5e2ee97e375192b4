#include "display/desktop.h"

#include "input/device.h"

/* The picture's pixel under the middle of the window's, or the nearest one that is shown. */
static uint32_t to_pixel(double at, uint32_t target, uint32_t target_size, uint32_t source,
                         uint32_t source_size) {
    const double inside = (at + 0.5 - target) * source_size / target_size;
    if (!(inside > 0)) {
        return source;
    }
    return source + (inside < source_size ? (uint32_t)inside : source_size - 1);
}

/* Its middle, so that no rounding on the way makes it another pixel. */
static uint32_t to_fraction(uint32_t pixel, uint32_t size) {
    return (uint32_t)((2 * (uint64_t)pixel + 1) * (INPUT_ABS_MAX + 1) / (2 * (uint64_t)size));
}

void desktop_place(const struct desktop *desktop, const struct desktop_window *window, double x,
                   double y, uint32_t *out_x, uint32_t *out_y) {
    uint32_t left = 0, width = 0, height = 0;
    for (uint32_t i = 0; i < PRESENTER_SCANOUTS_MAX; i++) {
        const struct desktop_display *display = &desktop->displays[i];
        left += i < window->scanout ? display->width : 0;
        width += display->width;
        height = display->height > height ? display->height : height;
    }
    *out_x = *out_y = 0;
    const struct desktop_display *display = &desktop->displays[window->scanout];
    if (display->width == 0 || display->height == 0) {
        return;
    }
    struct presenter_rect source, target;
    uint32_t turned_width = display->width, turned_height = display->height;
    display_turn_size(window->turn, &turned_width, &turned_height);
    display_scale_place(window->scale, turned_width, turned_height, window->width, window->height,
                        &source, &target);
    uint32_t pixel_x = to_pixel(x, target.x, target.width, source.x, source.width);
    uint32_t pixel_y = to_pixel(y, target.y, target.height, source.y, source.height);
    display_turn_pixel(display_turn_back(window->turn), turned_width, turned_height, &pixel_x,
                       &pixel_y);
    *out_x = to_fraction(left + pixel_x, width);
    *out_y = to_fraction(pixel_y, height);
}
