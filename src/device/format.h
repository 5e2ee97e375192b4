/* Pixel formats of the wire. */
#ifndef VESPER_DEVICE_FORMAT_H
#define VESPER_DEVICE_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "display/presenter.h"

#define GPU_FORMAT_BYTES 4 /* of a pixel, in every 8888 format */

struct gpu_format {
    uint32_t wire; /* virtio_gpu_formats */
    enum presenter_format presenter;
    bool is_8888;
    uint8_t blue, green, red; /* which byte of a pixel; 8888 only */
    uint8_t alpha;            /* the same; of formats without alpha, the byte that is left over */
};

/* NULL: not known. */
const struct gpu_format *gpu_format_find(uint32_t wire);
/* Turns `count` pixels of an 8888 format into ARGB8888, in place. The byte that is left over in
 * formats without alpha is taken for it: Linux makes cursors, too, of such resources. */
void gpu_format_to_argb(const struct gpu_format *format, uint32_t *pixels, uint32_t count);

#endif
