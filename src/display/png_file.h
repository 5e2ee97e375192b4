/* Pictures as PNG files. Any thread. */
#ifndef VESPER_DISPLAY_PNG_FILE_H
#define VESPER_DISPLAY_PNG_FILE_H

#include <stdint.h>

/* Writes XRGB8888 pixels, rows of which are `stride` bytes apart, as a PNG of 8-bit RGB. The file
 * appears whole: it is written under another name in the same folder, then takes the place of
 * what was there. 0 or the negative errno of what failed (-ENOENT, -EACCES, -ENOSPC,
 * -ENAMETOOLONG …); then nothing new is left in the folder. */
int display_png_write(const char *path, const uint32_t *pixels, uint32_t width, uint32_t height,
                      uint32_t stride);

#endif
