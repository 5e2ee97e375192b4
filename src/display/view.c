#include "display/view.h"

#include <errno.h>
#include <string.h>

#include "util/checked.h"
#include "util/log.h"

/* Rows further apart are copied one by one: DISPLAY_SIDE_MAX rows stay countable in int words. */
#define STRIDE_MAX (1u << 18)

/* As much is gathered at once, if it is more than a row: what is copied next should be near. */
#define GATHERED_BYTES (4 * DISPLAY_SIDE_MAX)

/* Everything before the last row, and that row's pixels. */
static bool picture_size(const struct presenter_picture *picture, uint64_t *out) {
    const uint64_t row_bytes = (uint64_t)presenter_format_bytes(picture->format) * picture->width;
    return picture->width > 0 && picture->height > 0 && picture->stride >= row_bytes &&
           checked_add_u64((uint64_t)picture->stride * (picture->height - 1), row_bytes, out);
}

static const char *find_fault(const struct presenter_picture *picture,
                              const struct presenter_rect *source) {
    if (!presenter_format_is_known(picture->format)) {
        return "its format is unknown";
    }
    if (picture->is_pq && !presenter_format_is_deep(picture->format)) {
        return "its format has no PQ curve";
    }
    if (!picture->storage == !picture->pages) {
        return "it is not in one place";
    }
    uint64_t size;
    if (!picture_size(picture, &size)) {
        return "its size is 0 or its stride is too short";
    }
    const uint64_t available =
        picture->storage ? storage_get_size(picture->storage) : pages_get_size(picture->pages);
    if (!checked_range_u64(picture->offset, size, available)) {
        return "it reaches beyond its memory";
    }
    if (source->width == 0 || source->height == 0 ||
        !checked_range_u64(source->x, source->width, picture->width) ||
        !checked_range_u64(source->y, source->height, picture->height)) {
        return "the part to be shown is not inside";
    }
    if (source->width > DISPLAY_SIDE_MAX || source->height > DISPLAY_SIDE_MAX ||
        source->width * source->height > DISPLAY_PIXELS_MAX) {
        return "the part to be shown is too large";
    }
    return NULL;
}

int display_view_init(struct display_view *out, const struct presenter_picture *picture,
                      const struct presenter_rect *source) {
    *out = (struct display_view){0};
    const char *fault = find_fault(picture, source);
    if (fault) {
        log_warning("display: a picture of %u x %u is refused: %s", picture->width, picture->height,
                    fault);
        return -EINVAL;
    }
    void *bytes = NULL;
    int error = picture->storage ? storage_map(picture->storage, &bytes) : 0;
    if (error) {
        log_error("display: a picture's memory cannot be mapped: %s", strerror(-error));
        return error;
    }
    const struct display_view view = {.picture = *picture, .source = *source, .bytes = bytes};
    *out = display_view_ref(&view);
    return 0;
}

bool display_view_is_empty(const struct display_view *view) {
    return !view->picture.storage && !view->picture.pages;
}

struct display_view display_view_ref(const struct display_view *view) {
    if (view->picture.storage) {
        storage_ref(view->picture.storage);
    }
    if (view->picture.pages) {
        pages_ref(view->picture.pages);
    }
    return *view;
}

void display_view_drop(struct display_view *view) {
    storage_unref(view->picture.storage);
    pages_unref(view->picture.pages);
    *view = (struct display_view){0};
}

/* `size` bytes at `offset` of the picture's memory, where they are in one piece that can be read
 * as words; NULL elsewhere. */
static const void *in_place(const struct display_view *view, uint64_t offset, uint64_t size) {
    const void *bytes =
        view->bytes ? view->bytes + offset : pages_contiguous(view->picture.pages, offset, size);
    return (uintptr_t)bytes % 4 ? NULL : bytes;
}

/* How many of `limit` rows are in one piece: all, or as many as a search by halves finds. */
static uint32_t count_in_place(const struct display_view *view, uint64_t offset, uint32_t row_bytes,
                               uint32_t limit) {
    const uint32_t stride = view->picture.stride;
    uint32_t low = 0;
    uint32_t high = limit + 1;
    for (uint32_t rows = limit; high - low > 1; rows = low + (high - low) / 2) {
        if (in_place(view, offset, (uint64_t)stride * (rows - 1) + row_bytes)) {
            low = rows;
        } else {
            high = rows;
        }
    }
    return low;
}

static void copy_row(const struct display_view *view, uint64_t offset, uint32_t row_bytes,
                     void *out) {
    if (view->bytes) {
        memcpy(out, view->bytes + offset, row_bytes);
    } else {
        /* Cannot fail: the range was checked when the view was made, and pieces stay. */
        (void)pages_read(view->picture.pages, offset, out, row_bytes);
    }
}

/* Copies rows up to the first that needs no copy. */
static struct display_rows gather(const struct display_view *view, uint64_t offset,
                                  uint32_t row_bytes, uint32_t limit, void *scratch) {
    uint32_t count = 0;
    do {
        copy_row(view, offset, row_bytes, (uint8_t *)scratch + (size_t)row_bytes * count);
        offset += view->picture.stride;
        count++;
    } while (count < limit && row_bytes * (count + 1) <= GATHERED_BYTES &&
             !in_place(view, offset, row_bytes));
    return (struct display_rows){.bytes = scratch, .stride = row_bytes, .count = count};
}

struct display_rows display_view_rows(const struct display_view *view,
                                      const struct presenter_rect *part, uint32_t skip,
                                      void *scratch) {
    const struct presenter_picture *picture = &view->picture;
    const uint32_t pixel_bytes = presenter_format_bytes(picture->format);
    const uint32_t row_bytes = pixel_bytes * part->width;
    const uint32_t left = part->height - skip;
    const uint64_t x = (uint64_t)view->source.x + part->x;
    const uint64_t y = (uint64_t)view->source.y + part->y + skip;
    const uint64_t offset = picture->offset + picture->stride * y + pixel_bytes * x;
    if (picture->stride % 4 == 0 && picture->stride <= STRIDE_MAX) {
        const uint32_t count = count_in_place(view, offset, row_bytes, left);
        if (count) {
            return (struct display_rows){in_place(view, offset, row_bytes), picture->stride, count};
        }
    }
    return gather(view, offset, row_bytes, left, scratch);
}
