/*
 * Pictures in plain memory: what a program draws into its framebuffers, and what the host shall
 * then see.  Pixels are XRGB8888, as DRM names it: 0x00RRGGBB in a little-endian word.
 * Threads: any, a picture at a time.
 */
#ifndef VESPER_GUEST_DRM_PICTURE_H
#define VESPER_GUEST_DRM_PICTURE_H

#include <stdbool.h>
#include <stdint.h>

struct picture {
    uint32_t width, height; /* pixels */
    uint32_t *pixels;       /* rows without gaps; owned */
};

struct picture_rect {
    uint32_t x, y, width, height; /* pixels */
};

/* Pixels of a pattern: pure functions of the place and of a seed, so that no two seeds and no two
 * neighbouring rows or columns look alike, and a shader can compute the same. */
uint32_t picture_gradient(uint32_t x, uint32_t y, uint32_t seed);
uint32_t picture_weave(uint32_t x, uint32_t y, uint32_t seed);

/* A black picture.  Ends the process when there is no memory. */
struct picture picture_create(uint32_t width, uint32_t height);
struct picture picture_copy(const struct picture *picture);
void picture_destroy(struct picture *picture);

/* The gradient everywhere, and a triangle of the weave in it. */
struct picture picture_scene(uint32_t width, uint32_t height, uint32_t seed);

/* True for the pixels of picture_scene()'s triangle.  Its edges run between the centres of pixels,
 * at least a third of a pixel away from each, so that every renderer fills the same ones. */
bool picture_in_triangle(uint32_t width, uint32_t height, uint32_t x, uint32_t y);

/* `from` inside of `rect`, which must lie in both pictures. */
void picture_copy_rect(struct picture *to, const struct picture *from,
                       const struct picture_rect *rect);

/* Lays `image` (ARGB8888, premultiplied, side × side) over the picture, its corner at x, y. */
void picture_blend(struct picture *to, const uint32_t *image, uint32_t side, int32_t x, int32_t y);

#endif
