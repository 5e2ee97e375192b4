#include "display/scaling.h"

static uint32_t at_least_one(uint64_t value) {
    return value ? (uint32_t)value : 1;
}

static struct presenter_rect in_the_middle(uint32_t width, uint32_t height, uint32_t outer_width,
                                           uint32_t outer_height) {
    return (struct presenter_rect){(outer_width - width) / 2, (outer_height - height) / 2, width,
                                   height};
}

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

static struct presenter_rect fit(uint32_t width, uint32_t height, uint32_t window_width,
                                 uint32_t window_height) {
    if ((uint64_t)width * window_height > (uint64_t)height * window_width) {
        return in_the_middle(window_width, at_least_one((uint64_t)height * window_width / width),
                             window_width, window_height);
    }
    return in_the_middle(at_least_one((uint64_t)width * window_height / height), window_height,
                         window_width, window_height);
}

void display_scale_place(enum display_scale scale, uint32_t width, uint32_t height,
                         uint32_t window_width, uint32_t window_height,
                         struct presenter_rect *out_source, struct presenter_rect *out_target) {
    *out_source = (struct presenter_rect){0, 0, width, height};
    if (scale == DISPLAY_SCALE_NONE) {
        const uint32_t shown_width = smaller(width, window_width);
        const uint32_t shown_height = smaller(height, window_height);
        *out_source = in_the_middle(shown_width, shown_height, width, height);
        *out_target = in_the_middle(shown_width, shown_height, window_width, window_height);
        return;
    }
    const uint32_t factor = smaller(window_width / width, window_height / height);
    if (scale == DISPLAY_SCALE_INTEGER && factor > 0) {
        *out_target = in_the_middle(width * factor, height * factor, window_width, window_height);
        return;
    }
    *out_target = fit(width, height, window_width, window_height);
}
