/* Pictures of high dynamic range as a screen of 8 bits a colour shows them, by the processor. */
#ifndef VESPER_DISPLAY_TONE_H
#define VESPER_DISPLAY_TONE_H

#include <stdint.h>

#include "display/presenter.h"

/* Turns `count` pixels of a half-float format, or of a 10-bit format with the PQ curve, into
 * XRGB8888, X being 0xff. `in`: 4-byte aligned; the guest may write it meanwhile. Within one step of
 * display/colour.h for a screen of sRGB. Any thread. */
void display_tone_row(enum presenter_format format, const void *in, uint32_t count, uint32_t *out);

#endif
