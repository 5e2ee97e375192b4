/* How a monitor's mode is sent: pixels, blanking, clock. What the parts of an EDID share. */
#ifndef VESPER_DEVICE_EDID_TIMING_H
#define VESPER_DEVICE_EDID_TIMING_H

#include <stddef.h>
#include <stdint.h>

#include "device/edid.h"

/* VESA's Coordinated Video Timings with reduced blanking: 160 pixels, and at least 460 µs. */
#define EDID_H_BLANK 160
#define EDID_H_FRONT 48
#define EDID_H_SYNC 32
#define EDID_V_FRONT 3
#define EDID_V_SYNC 6

struct edid_timing {
    uint32_t width, height;
    uint32_t h_blank, v_blank;
    uint32_t clock_10khz;
};

/* What an EDID is made of: what was asked for, and what follows from it. */
struct edid_plan {
    const struct gpu_edid *of;
    struct edid_timing wanted;
    struct edid_timing first; /* of the first block: `wanted`, or a fraction of it */
    uint32_t width_mm, height_mm;
};

/* Writes the sum that makes all bytes add up to 0 into the last of them. */
void edid_put_checksum(uint8_t *bytes, size_t size);

/* Write one whole extension block, zeroed before. */
void edid_put_displayid(uint8_t block[GPU_EDID_BLOCK_BYTES], const struct edid_plan *plan);
void edid_put_hdr(uint8_t block[GPU_EDID_BLOCK_BYTES]);

#endif
