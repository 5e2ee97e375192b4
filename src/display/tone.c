#include "display/tone.h"

#include <math.h>
#include <pthread.h>
#include <stdbool.h>

#include "display/colour.h"

/* The curves are too slow to be worked out for each pixel. */
#define LIGHT_STEPS 65536
static float light_of_pq[1024];
static uint8_t byte_of_light[LIGHT_STEPS];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void make_tables(void) {
    for (int i = 0; i < 1024; i++) {
        light_of_pq[i] = display_colour_from_pq((float)i / 1023);
    }
    for (int i = 0; i < LIGHT_STEPS; i++) {
        const float code = display_colour_to_srgb((float)i / (LIGHT_STEPS - 1));
        byte_of_light[i] = (uint8_t)(fminf(code, 1) * 255 + 0.5f);
    }
}

static uint32_t to_byte(float light) {
    return byte_of_light[(uint32_t)(fminf(light, 1) * (LIGHT_STEPS - 1) + 0.5f)];
}

static uint32_t show(float rgb[3]) {
    for (int i = 0; i < 3; i++) {
        rgb[i] = fmaxf(rgb[i], 0);
    }
    display_colour_fold(1, rgb);
    return 0xff000000 | to_byte(rgb[0]) << 16 | to_byte(rgb[1]) << 8 | to_byte(rgb[2]);
}

static void show_halves(const uint16_t *in, uint32_t count, uint32_t *out) {
    for (uint32_t i = 0; i < count; i++) {
        float rgb[3];
        for (int j = 0; j < 3; j++) {
            rgb[j] = display_colour_from_half(in[4 * (size_t)i + j]);
        }
        out[i] = show(rgb);
    }
}

static void show_pq(const uint32_t *in, uint32_t count, bool red_is_low, uint32_t *out) {
    const int red = red_is_low ? 0 : 20;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t word = in[i];
        float rgb[3] = {light_of_pq[word >> red & 0x3ff], light_of_pq[word >> 10 & 0x3ff],
                        light_of_pq[word >> (20 - red) & 0x3ff]};
        display_colour_narrow_primaries(rgb);
        out[i] = show(rgb);
    }
}

void display_tone_row(enum presenter_format format, const void *in, uint32_t count, uint32_t *out) {
    pthread_once(&tables_once, make_tables);
    if (presenter_format_bytes(format) == 8) {
        show_halves(in, count, out);
    } else {
        show_pq(in, count, format == PRESENTER_ABGR2101010 || format == PRESENTER_XBGR2101010, out);
    }
}
