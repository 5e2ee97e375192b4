#include "device/edid.h"

#include <stdio.h>
#include <string.h>

#include "device/edid_timing.h"

#define SIDE_MAX 4095 /* of a detailed timing; of its blanking, too */
#define CLOCK_10KHZ_MIN 1000
#define CLOCK_10KHZ_MAX 65535
#define CLOCK_10KHZ_MAX_DISPLAYID (1u << 24)
#define V_BLANK_MIN 15
#define V_BLANK_US 460
#define MILLIMETRES_MIN 10
#define MILLIMETRES_MAX 2550
#define MADE_IN 2025

static uint64_t count_clocks(const struct edid_timing *timing, uint32_t refresh_hz) {
    return (uint64_t)(timing->width + timing->h_blank) * (timing->height + timing->v_blank) *
           refresh_hz / 10000;
}

/* Modes of very few pixels are blank for longer: a clock has at least 10 MHz. */
static uint32_t stretch_blanking(const struct edid_timing *timing, uint32_t refresh_hz) {
    const uint32_t line = (timing->width + timing->h_blank) * refresh_hz;
    const uint32_t lines = (CLOCK_10KHZ_MIN * 10000 + line - 1) / line;
    return lines > timing->height + timing->v_blank ? lines - timing->height : timing->v_blank;
}

static struct edid_timing make_timing(uint32_t width, uint32_t height, uint32_t refresh_hz) {
    const uint32_t frame_us = 1000000 / refresh_hz;
    struct edid_timing timing = {.width = width, .height = height, .h_blank = EDID_H_BLANK};
    timing.v_blank = height * V_BLANK_US / (frame_us - V_BLANK_US) + 1;
    if (timing.v_blank < V_BLANK_MIN) {
        timing.v_blank = V_BLANK_MIN;
    }
    timing.v_blank = stretch_blanking(&timing, refresh_hz);
    const uint64_t clocks = count_clocks(&timing, refresh_hz);
    if (clocks > CLOCK_10KHZ_MAX_DISPLAYID) {
        return make_timing(width, height, refresh_hz * 7 / 8);
    }
    timing.clock_10khz = (uint32_t)clocks;
    return timing;
}

static bool fits_detailed(const struct edid_timing *timing) {
    return timing->width <= SIDE_MAX && timing->height <= SIDE_MAX && timing->v_blank <= SIDE_MAX &&
           timing->clock_10khz <= CLOCK_10KHZ_MAX;
}

/* What the first block can say in whole centimetres. */
static uint32_t to_millimetres(uint32_t pixels, uint32_t dpi) {
    const uint32_t millimetres = pixels * 254 / (dpi * 10);
    if (millimetres > MILLIMETRES_MAX) {
        return MILLIMETRES_MAX;
    }
    return millimetres < MILLIMETRES_MIN ? MILLIMETRES_MIN : millimetres;
}

/* ---- the first block --------------------------------------------------------------------- */

/* A size of 12 bits: the lower 8 in one byte, the upper 4 in half of another. */
static void put_split(uint8_t *low, uint8_t *high, int shift, uint32_t value) {
    *low = (uint8_t)value;
    *high = (uint8_t)(*high | (value >> 8 & 0xf) << shift);
}

static void put_detailed(uint8_t *at, const struct edid_timing *timing, uint32_t width_mm,
                         uint32_t height_mm) {
    at[0] = (uint8_t)timing->clock_10khz;
    at[1] = (uint8_t)(timing->clock_10khz >> 8);
    put_split(&at[2], &at[4], 4, timing->width);
    put_split(&at[3], &at[4], 0, timing->h_blank);
    put_split(&at[5], &at[7], 4, timing->height);
    put_split(&at[6], &at[7], 0, timing->v_blank);
    at[8] = EDID_H_FRONT;
    at[9] = EDID_H_SYNC;
    at[10] = EDID_V_FRONT << 4 | EDID_V_SYNC;
    put_split(&at[12], &at[14], 4, width_mm);
    put_split(&at[13], &at[14], 0, height_mm);
    at[17] = 0x1a; /* separate digital syncs, horizontal positive */
}

/* A descriptor of text: 13 characters, ended by a newline and filled with spaces. */
static void put_text(uint8_t *at, uint8_t tag, const char *text) {
    at[3] = tag;
    const size_t length = strlen(text);
    memset(at + 5, ' ', 13);
    memcpy(at + 5, text, length);
    at[5 + length] = '\n';
}

void edid_put_checksum(uint8_t *bytes, size_t size) {
    uint8_t sum = 0;
    for (size_t i = 0; i < size - 1; i++) {
        sum = (uint8_t)(sum + bytes[i]);
    }
    bytes[size - 1] = (uint8_t)(0x100 - sum);
}

static void put_identity(uint8_t *block, uint32_t number) {
    static const uint8_t header[] = {0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0};
    const uint32_t vendor = ('V' - '@') << 10 | ('S' - '@') << 5 | ('P' - '@');
    memcpy(block, header, sizeof(header));
    block[8] = (uint8_t)(vendor >> 8);
    block[9] = (uint8_t)vendor;
    block[10] = 1; /* product */
    block[12] = (uint8_t)(number + 1);
    block[17] = MADE_IN - 1990;
    block[18] = 1; /* EDID 1.4 */
    block[19] = 4;
    char text[13];
    snprintf(text, sizeof(text), "Vesper %u", number + 1);
    put_text(block + 72, 0xfc, text);
    snprintf(text, sizeof(text), "VSP%07u", number + 1);
    put_text(block + 90, 0xff, text);
}

static void put_colours(uint8_t *block, bool hdr) {
    /* sRGB's primaries and white point. */
    static const uint8_t srgb[] = {0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54};
    block[20] = hdr ? 0xb0 : 0xa0; /* digital, 10 or 8 bits a colour */
    block[23] = 120;  /* gamma 2.2 */
    block[24] = 0x06; /* sRGB; the first timing is native */
    memcpy(block + 25, srgb, sizeof(srgb));
}

static void put_common_modes(uint8_t *block) {
    static const struct {
        uint16_t width;
        uint8_t aspect; /* 0: 16∶10, 1: 4∶3, 2: 5∶4, 3: 16∶9 */
    } modes[8] = {{1920, 3}, {1920, 0}, {1680, 0}, {1600, 3},
                  {1440, 0}, {1280, 2}, {1280, 0}, {1280, 3}};
    /* All at 60 Hz. */
    block[35] = 0x21; /* 640 × 480 and 800 × 600 */
    block[36] = 0x08; /* 1024 × 768 */
    for (size_t i = 0; i < 8; i++) {
        block[38 + 2 * i] = (uint8_t)(modes[i].width / 8 - 31);
        block[39 + 2 * i] = (uint8_t)(modes[i].aspect << 6);
    }
}

/* ---- all blocks -------------------------------------------------------------------------- */

static void put_first(uint8_t *block, const struct edid_plan *plan, uint8_t extensions) {
    put_identity(block, plan->of->number);
    put_colours(block, plan->of->hdr);
    block[21] = (uint8_t)((plan->width_mm + 5) / 10);
    block[22] = (uint8_t)((plan->height_mm + 5) / 10);
    put_common_modes(block);
    put_detailed(block + 54, &plan->first, plan->width_mm, plan->height_mm);
    block[108 + 3] = 0x10; /* the fourth descriptor says nothing */
    block[126] = extensions;
    edid_put_checksum(block, GPU_EDID_BLOCK_BYTES);
}

size_t gpu_edid_make(uint8_t out[GPU_EDID_BYTES_MAX], const struct gpu_edid *of) {
    struct edid_plan plan = {
        .of = of,
        .wanted = make_timing(of->width, of->height, of->refresh_hz),
        .width_mm = to_millimetres(of->width, of->dpi),
        .height_mm = to_millimetres(of->height, of->dpi),
    };
    plan.first = plan.wanted;
    while (!fits_detailed(&plan.first)) {
        plan.first =
            make_timing((plan.first.width + 1) / 2, (plan.first.height + 1) / 2, of->refresh_hz);
    }
    memset(out, 0, GPU_EDID_BYTES_MAX);
    uint8_t *next = out + GPU_EDID_BLOCK_BYTES;
    if (of->hdr) {
        edid_put_hdr(next);
        next += GPU_EDID_BLOCK_BYTES;
    }
    if (!fits_detailed(&plan.wanted)) {
        edid_put_displayid(next, &plan);
        next += GPU_EDID_BLOCK_BYTES;
    }
    const size_t size = (size_t)(next - out);
    put_first(out, &plan, (uint8_t)(size / GPU_EDID_BLOCK_BYTES - 1));
    return size;
}
