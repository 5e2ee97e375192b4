#include "display/colour.h"

#include <math.h>
#include <string.h>

/* Of SMPTE ST 2084. */
#define PQ_M1 0.1593017578125f
#define PQ_M2 78.84375f
#define PQ_C1 0.8359375f
#define PQ_C2 18.8515625f
#define PQ_C3 18.6875f
#define PQ_NITS 10000.0f

#define LIGHT_MAX (PQ_NITS / DISPLAY_WHITE_NITS)
#define KNEE 0.75f /* of the headroom: from here on light is folded */

enum primaries { BT709, P3, BT2020 };

enum display_colour display_colour_of(enum presenter_format format, bool is_pq) {
    return presenter_format_bytes(format) == 8 ? DISPLAY_COLOUR_LINEAR
           : is_pq                             ? DISPLAY_COLOUR_PQ
                                               : DISPLAY_COLOUR_SRGB;
}

/* ---- curves ------------------------------------------------------------------------------ */

float display_colour_from_half(uint16_t half) {
    const uint32_t exponent = half >> 10 & 0x1f;
    const uint32_t mantissa = half & 0x3ff;
    float value;
    if (exponent == 0x1f) {
        value = mantissa ? 0 : LIGHT_MAX;
    } else if (exponent == 0) {
        value = (float)mantissa * 0x1p-24f;
    } else {
        const uint32_t bits = (exponent + 127 - 15) << 23 | mantissa << 13;
        memcpy(&value, &bits, sizeof(value));
    }
    value = fminf(value, LIGHT_MAX);
    return half & 0x8000 ? -value : value;
}

float display_colour_from_pq(float code) {
    const float power = powf(code, 1 / PQ_M2);
    const float rest = fmaxf(power - PQ_C1, 0) / (PQ_C2 - PQ_C3 * power);
    return powf(rest, 1 / PQ_M1) * (PQ_NITS / DISPLAY_WHITE_NITS);
}

float display_colour_to_pq(float light) {
    const float part = fminf(fmaxf(light * (DISPLAY_WHITE_NITS / PQ_NITS), 0), 1);
    const float power = powf(part, PQ_M1);
    return powf((PQ_C1 + PQ_C2 * power) / (1 + PQ_C3 * power), PQ_M2);
}

float display_colour_from_srgb(float code) {
    const float size = fabsf(code);
    const float light = size > 0.04045f ? powf((size + 0.055f) / 1.055f, 2.4f) : size / 12.92f;
    return copysignf(light, code);
}

float display_colour_to_srgb(float light) {
    const float size = fabsf(light);
    const float code = size > 0.0031308f ? 1.055f * powf(size, 1 / 2.4f) - 0.055f : size * 12.92f;
    return copysignf(code, light);
}

/* ---- primaries --------------------------------------------------------------------------- */

static void multiply(const float matrix[3][3], float rgb[3]) {
    const float in[3] = {rgb[0], rgb[1], rgb[2]};
    for (int i = 0; i < 3; i++) {
        rgb[i] = matrix[i][0] * in[0] + matrix[i][1] * in[1] + matrix[i][2] * in[2];
    }
}

/* All have the white of D65, and each row's sum is 1: greys stay grey. */
static const float bt709_to_bt2020[3][3] = {{0.62740390f, 0.32928304f, 0.04331307f},
                                            {0.06909729f, 0.91954040f, 0.01136232f},
                                            {0.01639144f, 0.08801331f, 0.89559525f}};
static const float bt2020_to_bt709[3][3] = {{1.66049100f, -0.58764114f, -0.07284986f},
                                            {-0.12455047f, 1.13289990f, -0.00834942f},
                                            {-0.01815076f, -0.10057890f, 1.11872966f}};
static const float bt709_to_p3[3][3] = {{0.82246197f, 0.17753803f, 0},
                                        {0.03319420f, 0.96680580f, 0},
                                        {0.01708263f, 0.07239744f, 0.91051993f}};
static const float bt2020_to_p3[3][3] = {{1.34357825f, -0.28217967f, -0.06139858f},
                                         {-0.06529745f, 1.07578792f, -0.01049046f},
                                         {0.00282179f, -0.01959849f, 1.01677671f}};

static enum primaries get_primaries(enum display_colour colour) {
    return colour == DISPLAY_COLOUR_PQ ? BT2020 : colour == DISPLAY_COLOUR_P3 ? P3 : BT709;
}

static void change_primaries(enum display_colour from, enum display_colour to, float rgb[3]) {
    const enum primaries screen = get_primaries(to);
    if (get_primaries(from) == screen) {
        return;
    }
    if (get_primaries(from) == BT709) {
        multiply(screen == P3 ? bt709_to_p3 : bt709_to_bt2020, rgb);
    } else {
        multiply(screen == P3 ? bt2020_to_p3 : bt2020_to_bt709, rgb);
    }
}

void display_colour_narrow_primaries(float rgb[3]) {
    multiply(bt2020_to_bt709, rgb);
}

/* ---- the steps --------------------------------------------------------------------------- */

void display_colour_fold(float headroom, float rgb[3]) {
    const float brightest = fmaxf(fmaxf(rgb[0], rgb[1]), rgb[2]);
    const float knee = KNEE * headroom;
    if (headroom >= DISPLAY_PEAK || brightest <= knee) {
        return;
    }
    /* As steep as the line before it at the knee, and at the headroom when light is at its peak. */
    const float span = headroom - knee;
    const float most = (DISPLAY_PEAK - knee) / span;
    const float above = fminf((brightest - knee) / span, most);
    const float folded = above * (1 + above / (most * most)) / (1 + above);
    const float factor = (knee + span * folded) / brightest;
    for (int i = 0; i < 3; i++) {
        rgb[i] *= factor;
    }
}

static bool is_high(enum display_colour colour) {
    return colour == DISPLAY_COLOUR_LINEAR || colour == DISPLAY_COLOUR_PQ;
}

void display_colour_take(enum display_colour picture, enum display_colour screen,
                         const struct display_light *light, float rgb[3]) {
    for (int i = 0; i < 3 && picture != DISPLAY_COLOUR_LINEAR; i++) {
        rgb[i] = picture == DISPLAY_COLOUR_PQ ? display_colour_from_pq(rgb[i])
                                              : display_colour_from_srgb(rgb[i]);
    }
    change_primaries(picture, screen, rgb);
    for (int i = 0; i < 3 && screen != DISPLAY_COLOUR_LINEAR; i++) {
        rgb[i] = fmaxf(rgb[i], 0);
    }
    if (is_high(picture)) {
        display_colour_fold(is_high(screen) ? light->headroom : 1, rgb);
    }
    for (int i = 0; i < 3; i++) {
        rgb[i] = display_colour_to_srgb(rgb[i]);
    }
}

void display_colour_give(enum display_colour screen, const struct display_light *light,
                         float rgb[3]) {
    for (int i = 0; i < 3; i++) {
        switch (screen) {
        case DISPLAY_COLOUR_LINEAR:
            rgb[i] = display_colour_from_srgb(rgb[i]) * light->white;
            break;
        case DISPLAY_COLOUR_PQ:
            rgb[i] = display_colour_to_pq(display_colour_from_srgb(rgb[i]));
            break;
        default:
            rgb[i] = fminf(fmaxf(rgb[i], 0), 1);
            break;
        }
    }
}
