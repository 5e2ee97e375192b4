#include "canvas.h"

#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "display/colour.h"

const enum presenter_format canvas_formats[CANVAS_FORMATS] = {
    PRESENTER_ARGB8888,    PRESENTER_XRGB8888,    PRESENTER_ABGR8888,    PRESENTER_XBGR8888,
    PRESENTER_BGRA8888,    PRESENTER_BGRX8888,    PRESENTER_RGBA8888,    PRESENTER_RGBX8888,
    PRESENTER_ARGB2101010, PRESENTER_XRGB2101010, PRESENTER_ABGR2101010, PRESENTER_XBGR2101010,
};

/* Where a format's colours are in its word: lowest bits, and how many. */
static const struct layout {
    enum presenter_format format;
    unsigned red, green, blue, bits;
} layouts[CANVAS_FORMATS] = {
    {PRESENTER_ARGB8888, 16, 8, 0, 8},      {PRESENTER_XRGB8888, 16, 8, 0, 8},
    {PRESENTER_ABGR8888, 0, 8, 16, 8},      {PRESENTER_XBGR8888, 0, 8, 16, 8},
    {PRESENTER_BGRA8888, 8, 16, 24, 8},     {PRESENTER_BGRX8888, 8, 16, 24, 8},
    {PRESENTER_RGBA8888, 24, 16, 8, 8},     {PRESENTER_RGBX8888, 24, 16, 8, 8},
    {PRESENTER_ARGB2101010, 20, 10, 0, 10}, {PRESENTER_XRGB2101010, 20, 10, 0, 10},
    {PRESENTER_ABGR2101010, 0, 10, 20, 10}, {PRESENTER_XBGR2101010, 0, 10, 20, 10},
};

static uint32_t channel(uint32_t word, unsigned shift, unsigned bits) {
    return (word >> shift & ((1u << bits) - 1)) >> (bits - 8);
}

static const struct layout *find_layout(enum presenter_format format) {
    for (size_t i = 0; i < CANVAS_FORMATS; i++) {
        if (layouts[i].format == format) {
            return &layouts[i];
        }
    }
    fail_msg("no such format");
    return NULL;
}

void canvas_numbers(const struct presenter_picture *picture, uint64_t word, float out[3]) {
    if (presenter_format_bytes(picture->format) == 8) {
        for (int i = 0; i < 3; i++) {
            out[i] = display_colour_from_half((uint16_t)(word >> 16 * i));
        }
        return;
    }
    const struct layout *layout = find_layout(picture->format);
    const unsigned shifts[] = {layout->red, layout->green, layout->blue};
    const uint32_t most = (1u << layout->bits) - 1;
    for (int i = 0; i < 3; i++) {
        out[i] = (float)(word >> shifts[i] & most) / (float)most;
    }
}

static uint32_t tone(const struct presenter_picture *picture, uint64_t word) {
    static const struct display_light light = {1, 1};
    float rgb[3];
    canvas_numbers(picture, word, rgb);
    display_colour_take(display_colour_of(picture->format, picture->is_pq), DISPLAY_COLOUR_SRGB,
                        &light, rgb);
    display_colour_give(DISPLAY_COLOUR_SRGB, &light, rgb);
    uint32_t colour = 0xff;
    for (int i = 0; i < 3; i++) {
        colour = colour << 8 | (uint32_t)(rgb[i] * 255 + 0.5f);
    }
    return colour;
}

uint32_t canvas_colour(const struct presenter_picture *picture, uint64_t word) {
    if (display_colour_of(picture->format, picture->is_pq) != DISPLAY_COLOUR_SRGB) {
        return tone(picture, word);
    }
    const struct layout *layout = find_layout(picture->format);
    return 0xff000000 | channel((uint32_t)word, layout->red, layout->bits) << 16 |
           channel((uint32_t)word, layout->green, layout->bits) << 8 |
           channel((uint32_t)word, layout->blue, layout->bits);
}

uint32_t canvas_random(void) {
    static uint64_t state = 0x853c49e6748fea9b;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 32);
}

/* ---- memory ------------------------------------------------------------------------------ */

static _Atomic(unsigned) live_pages;

unsigned canvas_live_pages(void) {
    return atomic_load(&live_pages);
}

static void release_pages(void *user) {
    free(user);
    atomic_fetch_sub(&live_pages, 1);
}

static size_t piece_size(enum canvas_place place, size_t piece) {
    static const size_t crumbs[] = {1, 7, 4099, 64, 2, 333, 5};
    switch (place) {
    case CANVAS_PAGES:
        return 4096;
    case CANVAS_LARGE_PAGES:
        return 10000;
    case CANVAS_CRUMBS:
        return crumbs[piece % (sizeof(crumbs) / sizeof(*crumbs))];
    default:
        return SIZE_MAX;
    }
}

/* Cuts `size` bytes into pieces and exchanges pairs of equal ones. */
static size_t cut(enum canvas_place place, uint8_t *memory, size_t size, struct iovec *out) {
    size_t count = 0;
    for (size_t at = 0; at < size; count++) {
        size_t part = piece_size(place, count);
        part = part < size - at ? part : size - at;
        out[count] = (struct iovec){memory + at, part};
        at += part;
    }
    for (size_t i = 0; i + 1 < count; i++) {
        const size_t other = i + canvas_random() % (count - i);
        if (out[i].iov_len == out[other].iov_len) {
            void *base = out[i].iov_base;
            out[i].iov_base = out[other].iov_base;
            out[other].iov_base = base;
        }
    }
    return count;
}

static void make_pages(struct canvas *canvas, size_t size) {
    struct iovec *pieces = calloc(size, sizeof(*pieces));
    canvas->memory = malloc(size);
    assert_non_null(pieces);
    assert_non_null(canvas->memory);
    const size_t count = cut(canvas->place, canvas->memory, size, pieces);
    atomic_fetch_add(&live_pages, 1);
    assert_int_equal(
        pages_create(pieces, count, release_pages, canvas->memory, &canvas->picture.pages), 0);
    free(pieces);
}

void canvas_init(struct canvas *canvas, enum canvas_place place, const struct canvas_shape *shape) {
    const uint32_t row_bytes = presenter_format_bytes(shape->format) * shape->width;
    const uint32_t stride = shape->stride ? shape->stride : row_bytes;
    /* Not one byte more than needed: reading beyond is then an error. */
    const size_t size = shape->offset + (size_t)stride * (shape->height - 1) + row_bytes;
    *canvas = (struct canvas){.place = place};
    canvas->picture = (struct presenter_picture){.format = shape->format,
                                                 .is_pq = shape->is_pq,
                                                 .width = shape->width,
                                                 .height = shape->height,
                                                 .stride = stride,
                                                 .offset = shape->offset};
    if (place == CANVAS_STORAGE) {
        void *pointer;
        assert_int_equal(storage_create_shm("vesper-test", size, &canvas->picture.storage), 0);
        assert_int_equal(storage_map(canvas->picture.storage, &pointer), 0);
        canvas->bytes = pointer;
    } else {
        make_pages(canvas, size);
    }
    canvas_scribble(canvas);
}

void canvas_finish(struct canvas *canvas) {
    storage_unref(canvas->picture.storage);
    pages_unref(canvas->picture.pages);
    *canvas = (struct canvas){0};
}

/* ---- pixels ------------------------------------------------------------------------------ */

static uint64_t place_of(const struct canvas *canvas, uint32_t x, uint32_t y) {
    const struct presenter_picture *picture = &canvas->picture;
    assert_true(x < picture->width && y < picture->height);
    return picture->offset + (uint64_t)picture->stride * y +
           presenter_format_bytes(picture->format) * (uint64_t)x;
}

void canvas_put(struct canvas *canvas, uint32_t x, uint32_t y, uint64_t word) {
    const uint32_t size = presenter_format_bytes(canvas->picture.format);
    const uint64_t place = place_of(canvas, x, y);
    uint8_t bytes[8];
    for (uint32_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(word >> 8 * i);
    }
    if (canvas->bytes) {
        memcpy(canvas->bytes + place, bytes, size);
    } else {
        assert_int_equal(pages_write(canvas->picture.pages, place, bytes, size), 0);
    }
}

uint64_t canvas_get(const struct canvas *canvas, uint32_t x, uint32_t y) {
    const uint32_t size = presenter_format_bytes(canvas->picture.format);
    const uint64_t place = place_of(canvas, x, y);
    uint8_t bytes[8];
    if (canvas->bytes) {
        memcpy(bytes, canvas->bytes + place, size);
    } else {
        assert_int_equal(pages_read(canvas->picture.pages, place, bytes, size), 0);
    }
    uint64_t word = 0;
    for (uint32_t i = 0; i < size; i++) {
        word |= (uint64_t)bytes[i] << 8 * i;
    }
    return word;
}

void canvas_scribble(struct canvas *canvas) {
    for (uint32_t y = 0; y < canvas->picture.height; y++) {
        for (uint32_t x = 0; x < canvas->picture.width; x++) {
            canvas_put(canvas, x, y, (uint64_t)canvas_random() << 32 | canvas_random());
        }
    }
}

struct presenter_rect canvas_whole(const struct canvas *canvas) {
    return (struct presenter_rect){0, 0, canvas->picture.width, canvas->picture.height};
}
