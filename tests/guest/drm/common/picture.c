#include "../../common/guest.h"

#include "picture.h"

#include <stdlib.h>
#include <string.h>

static uint32_t rgb(uint32_t red, uint32_t green, uint32_t blue) {
    return (red & 255) << 16 | (green & 255) << 8 | (blue & 255);
}

uint32_t picture_gradient(uint32_t x, uint32_t y, uint32_t seed) {
    return rgb(x + seed, y * 3 + (x >> 8), (x ^ y) + seed * 7);
}

uint32_t picture_weave(uint32_t x, uint32_t y, uint32_t seed) {
    return rgb(255 - x * 5, (x & y) + seed * 3, y + seed);
}

struct picture picture_create(uint32_t width, uint32_t height) {
    struct picture made = {width, height, calloc((size_t)width * height, sizeof(uint32_t))};
    GUEST_CHECK(made.pixels, "no memory for a picture of %u x %u", width, height);
    return made;
}

struct picture picture_copy(const struct picture *picture) {
    struct picture made = picture_create(picture->width, picture->height);
    const struct picture_rect all = {0, 0, made.width, made.height};
    picture_copy_rect(&made, picture, &all);
    return made;
}

void picture_destroy(struct picture *picture) {
    free(picture->pixels);
    *picture = (struct picture){0};
}

/* A right-angled triangle that leaves an eighth free left and above; the long edge lies on
 * x + y = end - 1/2 in the coordinates of Vulkan, whose centres of pixels are at halves. */
bool picture_in_triangle(uint32_t width, uint32_t height, uint32_t x, uint32_t y) {
    const uint32_t left = width / 8, top = height / 8;
    const uint32_t end = left + top + height * 3 / 4;
    return x >= left && y >= top && x + y + 1 < end;
}

struct picture picture_scene(uint32_t width, uint32_t height, uint32_t seed) {
    struct picture made = picture_create(width, height);
    uint32_t *to = made.pixels;
    for (uint32_t y = 0; y < height; y++) {
        for (uint32_t x = 0; x < width; x++) {
            *to++ = picture_in_triangle(width, height, x, y) ? picture_weave(x, y, seed)
                                                             : picture_gradient(x, y, seed);
        }
    }
    return made;
}

void picture_copy_rect(struct picture *to, const struct picture *from,
                       const struct picture_rect *rect) {
    for (uint32_t y = rect->y; y < rect->y + rect->height; y++) {
        memcpy(to->pixels + (size_t)y * to->width + rect->x,
               from->pixels + (size_t)y * from->width + rect->x, rect->width * sizeof(uint32_t));
    }
}

/* The nearest to the exact product of two fractions of 255. */
static uint32_t product(uint32_t a, uint32_t b) {
    return (a * b + 127) / 255;
}

static uint32_t over(uint32_t source, uint32_t target) {
    const uint32_t rest = 255 - (source >> 24);
    uint32_t result = 0;
    for (uint32_t shift = 0; shift < 24; shift += 8) {
        uint32_t value = (source >> shift & 255) + product(target >> shift & 255, rest);
        result |= (value < 255 ? value : 255) << shift;
    }
    return result;
}

void picture_blend(struct picture *to, const uint32_t *image, uint32_t side, int32_t x, int32_t y) {
    for (int64_t row = 0; row < side; row++) {
        for (int64_t column = 0; column < side; column++) {
            const int64_t at_x = x + column, at_y = y + row;
            if (at_x >= 0 && at_y >= 0 && at_x < to->width && at_y < to->height) {
                uint32_t *pixel = to->pixels + at_y * to->width + at_x;
                *pixel = over(image[row * side + column], *pixel);
            }
        }
    }
}
