#include "device/edid.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define REFRESH_HZ 60
#define SIDE_MAX 4095        /* of a detailed timing */
#define CLOCK_10KHZ_MAX 65535
#define MILLIMETRES_MAX 2550
#define MADE_IN 2025

struct timing {
    uint32_t width, height;
    uint32_t h_blank, v_blank;
    uint32_t clock_10khz;
};

/* VESA's Coordinated Video Timings with reduced blanking: 160 pixels, and at least 460 µs. */
#define H_BLANK 160
#define H_FRONT 48
#define H_SYNC 32
#define V_FRONT 3
#define V_SYNC 6
#define V_BLANK_MIN 15
#define V_BLANK_US 460

static struct timing make_timing(uint32_t width, uint32_t height) {
    const uint32_t frame_us = 1000000 / REFRESH_HZ;
    uint32_t v_blank = height * V_BLANK_US / (frame_us - V_BLANK_US) + 1;
    if (v_blank < V_BLANK_MIN) {
        v_blank = V_BLANK_MIN;
    }
    return (struct timing){
        .width = width,
        .height = height,
        .h_blank = H_BLANK,
        .v_blank = v_blank,
        .clock_10khz =
            (uint32_t)((uint64_t)(width + H_BLANK) * (height + v_blank) * REFRESH_HZ / 10000),
    };
}

static bool fits_detailed(const struct timing *timing) {
    return timing->width <= SIDE_MAX && timing->height <= SIDE_MAX &&
           timing->clock_10khz <= CLOCK_10KHZ_MAX;
}

/* 96 dots per inch, at most what the first block can say in whole centimetres. */
static uint32_t to_millimetres(uint32_t pixels) {
    const uint32_t millimetres = pixels * 254 / 960;
    if (millimetres > MILLIMETRES_MAX) {
        return MILLIMETRES_MAX;
    }
    return millimetres ? millimetres : 1;
}

/* ---- the first block --------------------------------------------------------------------- */

/* A size of 12 bits: the lower 8 in one byte, the upper 4 in half of another. */
static void put_split(uint8_t *low, uint8_t *high, int shift, uint32_t value) {
    *low = (uint8_t)value;
    *high = (uint8_t)(*high | (value >> 8 & 0xf) << shift);
}

static void put_detailed(uint8_t *at, const struct timing *timing, uint32_t width_mm,
                         uint32_t height_mm) {
    at[0] = (uint8_t)timing->clock_10khz;
    at[1] = (uint8_t)(timing->clock_10khz >> 8);
    put_split(&at[2], &at[4], 4, timing->width);
    put_split(&at[3], &at[4], 0, timing->h_blank);
    put_split(&at[5], &at[7], 4, timing->height);
    put_split(&at[6], &at[7], 0, timing->v_blank);
    at[8] = H_FRONT;
    at[9] = H_SYNC;
    at[10] = V_FRONT << 4 | V_SYNC;
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

static void put_checksum(uint8_t *bytes, size_t size) {
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

static void put_colours(uint8_t *block) {
    /* sRGB's primaries and white point. */
    static const uint8_t srgb[] = {0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54};
    block[20] = 0xa0; /* digital, 8 bits a colour */
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
    block[35] = 0x21; /* 640 × 480 and 800 × 600 at 60 Hz */
    block[36] = 0x08; /* 1024 × 768 at 60 Hz */
    for (size_t i = 0; i < 8; i++) {
        block[38 + 2 * i] = (uint8_t)(modes[i].width / 8 - 31);
        block[39 + 2 * i] = (uint8_t)(modes[i].aspect << 6 | (REFRESH_HZ - 60));
    }
}

/* ---- DisplayID --------------------------------------------------------------------------- */

static void put_less_one(uint8_t *at, uint32_t value) {
    at[0] = (uint8_t)(value - 1);
    at[1] = (uint8_t)((value - 1) >> 8);
}

/* An extension block with one section, with one data block, with one timing of type 1. */
static void put_displayid(uint8_t *block, const struct timing *timing) {
    enum { TIMING_BYTES = 20, DATA_BYTES = 3 + TIMING_BYTES, SECTION_BYTES = 4 + DATA_BYTES + 1 };
    uint8_t *section = block + 1;
    uint8_t *at = section + 7;
    block[0] = 0x70;
    section[0] = 0x13; /* version 1.3 */
    section[1] = DATA_BYTES;
    section[2] = 3; /* a monitor */
    section[4] = 3; /* detailed timings of type 1 */
    section[6] = TIMING_BYTES;
    put_less_one(at, timing->clock_10khz);
    at[2] = (uint8_t)((timing->clock_10khz - 1) >> 16);
    at[3] = 0x88; /* preferred; an aspect of no name */
    put_less_one(at + 4, timing->width);
    put_less_one(at + 6, timing->h_blank);
    put_less_one(at + 8, H_FRONT);
    at[9] |= 0x80; /* positive */
    put_less_one(at + 10, H_SYNC);
    put_less_one(at + 12, timing->height);
    put_less_one(at + 14, timing->v_blank);
    put_less_one(at + 16, V_FRONT);
    put_less_one(at + 18, V_SYNC);
    put_checksum(section, SECTION_BYTES);
    put_checksum(block, GPU_EDID_BLOCK_BYTES);
}

size_t gpu_edid_make(uint8_t out[GPU_EDID_BYTES_MAX], uint32_t number, uint32_t width,
                     uint32_t height) {
    const struct timing wanted = make_timing(width, height);
    struct timing first = wanted;
    while (!fits_detailed(&first)) {
        first = make_timing((first.width + 1) / 2, (first.height + 1) / 2);
    }
    const uint32_t width_mm = to_millimetres(width);
    const uint32_t height_mm = to_millimetres(height);
    const bool extended = !fits_detailed(&wanted);
    memset(out, 0, GPU_EDID_BYTES_MAX);
    put_identity(out, number);
    put_colours(out);
    out[21] = (uint8_t)((width_mm + 5) / 10);
    out[22] = (uint8_t)((height_mm + 5) / 10);
    put_common_modes(out);
    put_detailed(out + 54, &first, width_mm, height_mm);
    out[108 + 3] = 0x10; /* the fourth descriptor says nothing */
    out[126] = extended;
    put_checksum(out, GPU_EDID_BLOCK_BYTES);
    if (!extended) {
        return GPU_EDID_BLOCK_BYTES;
    }
    put_displayid(out + GPU_EDID_BLOCK_BYTES, &wanted);
    return GPU_EDID_BYTES_MAX;
}
