/* What a guest draws into: a picture in storage or in scattered pages, of any format, and what a
 * screen should make of its pixels, worked out the plain way. */
#ifndef VESPER_TESTS_CANVAS_H
#define VESPER_TESTS_CANVAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "display/presenter.h"

/* Those of sRGB. */
#define CANVAS_FORMATS 12
extern const enum presenter_format canvas_formats[CANVAS_FORMATS];

/* Where the bytes are. */
enum canvas_place {
    CANVAS_STORAGE,
    CANVAS_ONE_PIECE,   /* pages, all in one */
    CANVAS_PAGES,       /* pieces of 4096 bytes, in no order */
    CANVAS_LARGE_PAGES, /* pieces of several rows, whose ends cut rows in two */
    CANVAS_CRUMBS,      /* pieces of odd sizes, whose ends cut pixels in two */
    CANVAS_PLACES
};

struct canvas_shape {
    enum presenter_format format;
    uint32_t width, height; /* pixels */
    uint32_t stride;        /* bytes; 0: no gaps */
    uint32_t offset;        /* bytes */
    bool is_pq;
};

struct canvas {
    struct presenter_picture picture; /* with one reference, of the canvas */
    enum canvas_place place;
    void *memory;   /* behind the pieces, which keep it until the last reference goes */
    uint8_t *bytes; /* CANVAS_STORAGE: the mapping */
};

/* Pieces of memory that canvases in pages have not released yet, in all. */
unsigned canvas_live_pages(void);

/* The contents are random. */
void canvas_init(struct canvas *canvas, enum canvas_place place, const struct canvas_shape *shape);
/* Drops the reference. */
void canvas_finish(struct canvas *canvas);

/* Writes the word of one pixel, and reads it. */
void canvas_put(struct canvas *canvas, uint32_t x, uint32_t y, uint64_t word);
uint64_t canvas_get(const struct canvas *canvas, uint32_t x, uint32_t y);
/* Random words everywhere. */
void canvas_scribble(struct canvas *canvas);
/* Everything inside. */
struct presenter_rect canvas_whole(const struct canvas *canvas);

/* What a pixel's word looks like on a screen of sRGB: XRGB8888, X 0xff. */
uint32_t canvas_colour(const struct presenter_picture *picture, uint64_t word);
/* A pixel's numbers, red first, of 1; or light, of half floats. */
void canvas_numbers(const struct presenter_picture *picture, uint64_t word, float out[3]);

/* The same numbers in every run. */
uint32_t canvas_random(void);

#endif
