/* What a monitor says of itself. Format: VESA Enhanced EDID 1.4, DisplayID 1.3 for modes that it
 * cannot say, CTA-861 for high dynamic range. Any thread. */
#ifndef VESPER_DEVICE_EDID_H
#define VESPER_DEVICE_EDID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GPU_EDID_BLOCK_BYTES 128
#define GPU_EDID_BYTES_MAX (3 * GPU_EDID_BLOCK_BYTES)

struct gpu_edid {
    uint32_t number;        /* of the monitor, from 0: its name is "Vesper NUMBER+1" */
    uint32_t width, height; /* preferred mode, pixels: 1 … 16384 */
    uint32_t refresh_hz;    /* 24 … 500 */
    uint32_t dpi;           /* pixels per inch, for its size in millimetres: 10 … 1000 */
    bool hdr;               /* it shows 10 bits a colour, BT.2020 and the PQ curve */
};

/* Gives the bytes written: one block, another where HDR is said, another where the mode is beyond
 * 4095 pixels or 655.35 MHz. The first block then prefers a half or a quarter of the mode, and a
 * DisplayID block the mode itself. A mode that no clock of DisplayID can send (at the largest
 * sizes above 400 Hz) gets a lower rate. */
size_t gpu_edid_make(uint8_t out[GPU_EDID_BYTES_MAX], const struct gpu_edid *of);

#endif
