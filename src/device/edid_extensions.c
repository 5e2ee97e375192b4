/* Extension blocks: DisplayID for large and fast modes, CTA-861 for high dynamic range. */
#include <stdio.h>
#include <string.h>

#include "device/edid_timing.h"

/* ---- DisplayID --------------------------------------------------------------------------- */

static void put_u16(uint8_t *at, uint32_t value) {
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

static void put_less_one(uint8_t *at, uint32_t value) {
    put_u16(at, value - 1);
}

/* Begins a data block at `at` and gives where its payload is. */
static uint8_t *begin_data(uint8_t *at, uint8_t tag, size_t size) {
    at[0] = tag;
    at[2] = (uint8_t)size;
    return at + 3;
}

static uint8_t *put_product(uint8_t *at, const struct edid_plan *plan) {
    char name[16];
    const int length = snprintf(name, sizeof(name), "Vesper %u", plan->of->number + 1);
    uint8_t *payload = begin_data(at, 0x00, 12 + (size_t)length);
    memcpy(payload, "VSP", 3);
    payload[3] = 1; /* product, as in the first block */
    payload[5] = (uint8_t)(plan->of->number + 1);
    payload[10] = 25; /* made in 2025 */
    payload[11] = (uint8_t)length;
    memcpy(payload + 12, name, (size_t)length);
    return payload + 12 + length;
}

static uint8_t *put_parameters(uint8_t *at, const struct edid_plan *plan) {
    const uint32_t width = plan->wanted.width, height = plan->wanted.height;
    const uint32_t longer = width > height ? width : height;
    const uint32_t aspect = longer * 100 / (width + height - longer);
    uint8_t *payload = begin_data(at, 0x01, 12);
    put_u16(payload, plan->width_mm * 10);
    put_u16(payload + 2, plan->height_mm * 10);
    put_u16(payload + 4, width);
    put_u16(payload + 6, height);
    payload[9] = 120; /* gamma 2.2 */
    payload[10] = (uint8_t)(aspect < 355 ? aspect - 100 : 255);
    payload[11] = plan->of->hdr ? 0x99 : 0x77; /* 10 or 8 bits a colour */
    return payload + 12;
}

static uint8_t *put_interface(uint8_t *at, bool hdr) {
    uint8_t *payload = begin_data(at, 0x0f, 10);
    payload[0] = 0xa1;            /* proprietary, digital, one link */
    payload[2] = hdr ? 0x06 : 0x02; /* RGB of 8 bits, or 8 and 10 */
    return payload + 10;
}

static uint8_t *put_timing(uint8_t *at, const struct edid_timing *timing) {
    uint8_t *payload = begin_data(at, 0x03, 20);
    put_less_one(payload, timing->clock_10khz);
    payload[2] = (uint8_t)((timing->clock_10khz - 1) >> 16);
    payload[3] = 0x88; /* preferred; an aspect of no name */
    put_less_one(payload + 4, timing->width);
    put_less_one(payload + 6, timing->h_blank);
    put_less_one(payload + 8, EDID_H_FRONT);
    payload[9] |= 0x80; /* positive */
    put_less_one(payload + 10, EDID_H_SYNC);
    put_less_one(payload + 12, timing->height);
    put_less_one(payload + 14, timing->v_blank);
    put_less_one(payload + 16, EDID_V_FRONT);
    put_less_one(payload + 18, EDID_V_SYNC);
    return payload + 20;
}

void edid_put_displayid(uint8_t block[GPU_EDID_BLOCK_BYTES], const struct edid_plan *plan) {
    uint8_t *section = block + 1;
    block[0] = 0x70;
    section[0] = 0x13; /* version 1.3 */
    section[2] = 3;    /* a monitor */
    uint8_t *at = put_product(section + 4, plan);
    at = put_parameters(at, plan);
    at = put_timing(at, &plan->wanted);
    at = put_interface(at, plan->of->hdr);
    section[1] = (uint8_t)(at - (section + 4));
    edid_put_checksum(section, (size_t)(at + 1 - section));
    edid_put_checksum(block, GPU_EDID_BLOCK_BYTES);
}

/* ---- CTA-861 ------------------------------------------------------------------------------ */

/* Data blocks whose tag is in a second byte. */
#define CTA_EXTENDED 0xe0
#define CTA_VIDEO_CAPABILITY 0x00
#define CTA_COLORIMETRY 0x05
#define CTA_HDR 0x06

void edid_put_hdr(uint8_t block[GPU_EDID_BLOCK_BYTES]) {
    static const uint8_t data[] = {
        CTA_EXTENDED | 2,
        CTA_VIDEO_CAPABILITY,
        0x4a, /* the range of RGB can be chosen; nothing is cut off at the edges */
        CTA_EXTENDED | 3,
        CTA_COLORIMETRY,
        0x80, /* BT.2020, RGB */
        0x00,
        CTA_EXTENDED | 6,
        CTA_HDR,
        0x05, /* SDR's curve and SMPTE ST 2084 */
        0x01, /* static metadata of type 1 */
        0x80, /* 800 cd/m² at most: 50 × 2^(0x80 / 32) */
        0x60, /* 400 cd/m² all over the screen */
        0x00, /* down to black */
    };
    block[0] = 0x02;
    block[1] = 3;
    block[2] = 4 + sizeof(data); /* no timings follow */
    block[3] = 0x80; /* nothing is cut off */
    memcpy(block + 4, data, sizeof(data));
    edid_put_checksum(block, GPU_EDID_BLOCK_BYTES);
}
