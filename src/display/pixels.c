#include "display/pixels.h"

#include <pixman.h>
#include <stdint.h>

#include "display/colour.h"
#include "display/tone.h"

/* Alpha of a scanout means nothing: there is nothing behind it, and a guest that blends does so
 * with premultiplied colours, which are then the colours over black. */
static pixman_format_code_t opaque_format(enum presenter_format format) {
    switch (format) {
    case PRESENTER_ARGB8888:
    case PRESENTER_XRGB8888:
        return PIXMAN_x8r8g8b8;
    case PRESENTER_ABGR8888:
    case PRESENTER_XBGR8888:
        return PIXMAN_x8b8g8r8;
    case PRESENTER_BGRA8888:
    case PRESENTER_BGRX8888:
        return PIXMAN_b8g8r8x8;
    case PRESENTER_RGBA8888:
    case PRESENTER_RGBX8888:
        return PIXMAN_r8g8b8x8;
    case PRESENTER_ARGB2101010:
    case PRESENTER_XRGB2101010:
        return PIXMAN_x2r10g10b10;
    case PRESENTER_ABGR2101010:
    case PRESENTER_XBGR2101010:
        return PIXMAN_x2b10g10r10;
    case PRESENTER_ABGR16161616F:
    case PRESENTER_XBGR16161616F:
        break; /* not pixman's to read */
    }
    return PIXMAN_x8r8g8b8; /* views of other formats are not made */
}

static uint32_t *place_in(pixman_image_t *image, uint32_t x, uint32_t y) {
    return pixman_image_get_data(image) + (size_t)(pixman_image_get_stride(image) / 4) * y + x;
}

static void narrow_rgb(uint32_t *restrict out, const uint32_t *restrict in, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t pixel = in[i];
        out[i] = 0xff000000 | (pixel >> 6 & 0xff0000) | (pixel >> 4 & 0xff00) | (pixel >> 2 & 0xff);
    }
}

static void narrow_bgr(uint32_t *restrict out, const uint32_t *restrict in, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t pixel = in[i];
        out[i] =
            0xff000000 | (pixel << 14 & 0xff0000) | (pixel >> 4 & 0xff00) | (pixel >> 22 & 0xff);
    }
}

/* pixman goes by way of floating point here, with the same result at ten times the time. */
static void narrow_rows(pixman_format_code_t format, const struct display_rows *rows, uint32_t x,
                        uint32_t y, uint32_t width, pixman_image_t *image) {
    for (uint32_t row = 0; row < rows->count; row++) {
        const uint32_t *in = (const uint32_t *)rows->bytes + (size_t)(rows->stride / 4) * row;
        uint32_t *out = place_in(image, x, y + row);
        if (format == PIXMAN_x2r10g10b10) {
            narrow_rgb(out, in, width);
        } else {
            narrow_bgr(out, in, width);
        }
    }
}

static void tone_rows(enum presenter_format format, const struct display_rows *rows, uint32_t x,
                      uint32_t y, uint32_t width, pixman_image_t *image) {
    for (uint32_t row = 0; row < rows->count; row++) {
        display_tone_row(format, (const uint8_t *)rows->bytes + (size_t)rows->stride * row, width,
                         place_in(image, x, y + row));
    }
}

static bool convert_rows(pixman_format_code_t format, const struct display_rows *rows, uint32_t x,
                         uint32_t y, uint32_t width, pixman_image_t *image) {
    /* pixman takes sources as writable; as the source of an operation it only reads them. */
    pixman_image_t *from =
        pixman_image_create_bits_no_clear(format, (int)width, (int)rows->count,
                                          (uint32_t *)(uintptr_t)rows->bytes, (int)rows->stride);
    if (!from) {
        return false;
    }
    pixman_image_composite32(PIXMAN_OP_SRC, from, NULL, image, 0, 0, 0, 0, (int)x, (int)y,
                             (int)width, (int)rows->count);
    pixman_image_unref(from);
    return true;
}

bool display_pixels_copy(const struct display_view *view, const struct presenter_rect *part,
                         pixman_image_t *image, void *scratch) {
    const pixman_format_code_t format = opaque_format(view->picture.format);
    const bool tone =
        display_colour_of(view->picture.format, view->picture.is_pq) != DISPLAY_COLOUR_SRGB;
    const bool narrow = format == PIXMAN_x2r10g10b10 || format == PIXMAN_x2b10g10r10;
    for (uint32_t done = 0; done < part->height;) {
        const struct display_rows rows = display_view_rows(view, part, done, scratch);
        const uint32_t y = part->y + done;
        if (tone) {
            tone_rows(view->picture.format, &rows, part->x, y, part->width, image);
        } else if (narrow) {
            narrow_rows(format, &rows, part->x, y, part->width, image);
        } else if (!convert_rows(format, &rows, part->x, y, part->width, image)) {
            return false;
        }
        done += rows.count;
    }
    return true;
}
