/* What the numbers of pixels mean as light, and as what a screen shows light.
 *
 * Light is linear, and 1.0 is SDR white: what 255, 255, 255 of an 8-bit picture is. The brightest that
 * pictures may hold is what the EDID of a display of high dynamic range promises. The same mathematics
 * are in swapchain/shaders/colour.glsl. Pure; any thread. */
#ifndef VESPER_DISPLAY_COLOUR_H
#define VESPER_DISPLAY_COLOUR_H

#include <stdint.h>

#include "display/presenter.h"

/* The shader has the same numbers. */
enum display_colour {
    DISPLAY_COLOUR_SRGB,   /* BT.709's primaries, the curve of sRGB */
    DISPLAY_COLOUR_P3,     /* Display P3's, the curve of sRGB; only of screens */
    DISPLAY_COLOUR_LINEAR, /* BT.709's, no curve, below 0 and above 1 as well */
    DISPLAY_COLOUR_PQ,     /* BT.2020's, the curve of SMPTE ST 2084: HDR10 */
};

/* SDR white where light is absolute, in PQ, cd/m²; as BT.2408 has it. */
#define DISPLAY_WHITE_NITS 203.0f
/* The brightest that guests are told of, cd/m² (device/edid_extensions.c), and as light. */
#define DISPLAY_PEAK_NITS 800.0f
#define DISPLAY_PEAK (DISPLAY_PEAK_NITS / DISPLAY_WHITE_NITS)

/* What a screen does with light. */
struct display_light {
    float white;    /* the value of SDR white on surfaces without a curve; above 0 */
    float headroom; /* the brightest that is seen as such, of SDR white: 1.0 or more */
};

/* What the pixels of a picture mean. */
enum display_colour display_colour_of(enum presenter_format format, bool is_pq);

/* A half float as light: what is no number is 0, and nothing is beyond what PQ can say, 10000 cd/m². */
float display_colour_from_half(uint16_t half);

/* The two steps between a picture's pixel and a screen's. The first turns numbers of a picture (of 1;
 * or light, where it is DISPLAY_COLOUR_LINEAR) into numbers to be scaled and blended, which have the
 * screen's primaries and sRGB's curve, continued beyond 0 and 1: light brighter than the screen shows is
 * folded below the headroom, by a curve that leaves alone what is darker than three quarters of it.
 * The second turns those into numbers of the screen, within what its images hold. */
void display_colour_take(enum display_colour picture, enum display_colour screen,
                         const struct display_light *light, float rgb[3]);
void display_colour_give(enum display_colour screen, const struct display_light *light,
                         float rgb[3]);

/* Light as PQ says it, and back. `code`: 0 … 1. */
float display_colour_from_pq(float code);
float display_colour_to_pq(float light);
/* Light as sRGB's curve says it, continued, and back. */
float display_colour_from_srgb(float code);
float display_colour_to_srgb(float light);

/* BT.2020's primaries as BT.709's, of light. */
void display_colour_narrow_primaries(float rgb[3]);
/* The first step's curve, which changes light of which no colour is below 0: folds what is brighter
 * than three quarters of `headroom` below it. */
void display_colour_fold(float headroom, float rgb[3]);

#endif
