/* What a monitor says of itself. Format: VESA Enhanced EDID 1.4, and DisplayID 1.3 for modes that
 * the former cannot say. Any thread. */
#ifndef VESPER_DEVICE_EDID_H
#define VESPER_DEVICE_EDID_H

#include <stddef.h>
#include <stdint.h>

#define GPU_EDID_BLOCK_BYTES 128
#define GPU_EDID_BYTES_MAX 256

/* Describes monitor `number` (counted from 0) with a preferred mode of width × height pixels (each
 * 1 … 16384) at 60 Hz and 96 dots per inch. Gives the bytes written: one block, or two where the
 * mode is beyond 4095 pixels or 655.35 MHz; the first block then prefers a half or a quarter of it,
 * and a DisplayID block the mode itself. */
size_t gpu_edid_make(uint8_t out[GPU_EDID_BYTES_MAX], uint32_t number, uint32_t width,
                     uint32_t height);

#endif
