/* From a guest's pixels, in any of the formats and places, to the pixels of an image of ours. */
#ifndef VESPER_DISPLAY_PIXELS_H
#define VESPER_DISPLAY_PIXELS_H

#include <stdbool.h>

#include "display/presenter.h"
#include "display/view.h"

union pixman_image; /* pixman_image_t */

/* Copies the pixels `part` (not empty, inside the view, from its corner) of the view to the same
 * place of `image`, which is a8r8g8b8, sRGB, and at least as large as the view; the alpha byte becomes
 * 0xff, whatever the guest's is. `scratch`: DISPLAY_SCRATCH_BYTES, 4-byte aligned. False where
 * memory runs out: the image is then older than it should be. One thread at a time per image. */
bool display_pixels_copy(const struct display_view *view, const struct presenter_rect *part,
                         union pixman_image *image, void *scratch);

#endif
