/* vesper-bench-display: what composing a screen costs the processor, beside memcpy.
 *
 * Each round measures everything once, so that whatever else the machine does meets all of it;
 * the fastest round counts. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "display/surface.h"
#include "platform/platform.h"

enum { WIDTH = 1920, HEIGHT = 1080, PIXELS = WIDTH * HEIGHT, ROUNDS = 15, PAGE = 4096 };

static void check(bool good, const char *what) {
    if (!good) {
        fprintf(stderr, "vesper-bench-display: %s failed\n", what);
        exit(1);
    }
}

/* ---- what is shown ----------------------------------------------------------------------- */

static struct storage *storage;
static struct pages *scattered;

/* Every second page of twice the memory, so that no two are one piece. */
static void make_memory(void) {
    const size_t size = 4 * (size_t)PIXELS;
    const size_t count = size / PAGE;
    void *bytes;
    uint8_t *memory = malloc(2 * size);
    struct iovec *pieces = calloc(count, sizeof(*pieces));
    check(memory && pieces, "allocating memory");
    memset(memory, 0x5a, 2 * size);
    for (size_t i = 0; i < count; i++) {
        pieces[i] = (struct iovec){memory + 2 * PAGE * i, PAGE};
    }
    check(pages_create(pieces, count, NULL, NULL, &scattered) == 0, "making pages");
    check(storage_create_shm("vesper-bench", size, &storage) == 0, "making storage");
    check(storage_map(storage, &bytes) == 0, "mapping storage");
    memset(bytes, 0xa5, size);
    free(pieces);
}

/* ---- what is measured -------------------------------------------------------------------- */

static struct display_surface surface;
static struct display_update update;
static uint32_t *copy_from, *copy_to;

struct measurement {
    const char *name;
    enum presenter_format format;
    bool pages;
    struct presenter_rect damage;
    void (*run)(const struct measurement *measurement);
    double best_ns;
};

static void copy(const struct measurement *measurement) {
    (void)measurement;
    memcpy(copy_to, copy_from, 4 * (size_t)PIXELS);
}

static void compose(const struct measurement *measurement) {
    const struct presenter_picture picture = {
        .storage = measurement->pages ? NULL : storage,
        .pages = measurement->pages ? scattered : NULL,
        .format = measurement->format,
        .width = WIDTH,
        .height = HEIGHT,
        .stride = 4 * WIDTH,
    };
    const struct presenter_rect whole = {0, 0, WIDTH, HEIGHT};
    check(display_view_init(&update.view, &picture, &whole) == 0, "attaching");
    update.damage.count = 0;
    display_damage_add(&update.damage, &measurement->damage);
    display_surface_apply(&surface, &update);
    display_view_drop(&update.view);
    surface.damage.count = 0;
}

static void move_cursor(const struct measurement *measurement) {
    (void)measurement;
    update.cursor_place_new = true;
    update.cursor.x = update.cursor.x % 1000 + 10;
    display_surface_apply(&surface, &update);
    update.cursor_place_new = false;
    surface.damage.count = 0;
}

#define WHOLE {0, 0, WIDTH, HEIGHT}
static struct measurement measurements[] = {
    {"memcpy of a whole screen", 0, false, WHOLE, copy, 0},
    {"XRGB8888, in one piece", PRESENTER_XRGB8888, false, WHOLE, compose, 0},
    {"XBGR8888, in one piece", PRESENTER_XBGR8888, false, WHOLE, compose, 0},
    {"BGRX8888, in one piece", PRESENTER_BGRX8888, false, WHOLE, compose, 0},
    {"RGBX8888, in one piece", PRESENTER_RGBX8888, false, WHOLE, compose, 0},
    {"XRGB2101010, in one piece", PRESENTER_XRGB2101010, false, WHOLE, compose, 0},
    {"XBGR2101010, in one piece", PRESENTER_XBGR2101010, false, WHOLE, compose, 0},
    {"XRGB8888, scattered pages", PRESENTER_XRGB8888, true, WHOLE, compose, 0},
    {"XRGB2101010, scattered pages", PRESENTER_XRGB2101010, true, WHOLE, compose, 0},
    {"64 x 64 of XRGB8888", PRESENTER_XRGB8888, false, {100, 100, 64, 64}, compose, 0},
    {"64 x 64 of scattered XRGB8888", PRESENTER_XRGB8888, true, {100, 100, 64, 64}, compose, 0},
    {"a cursor's move", 0, false, {0, 0, 64, 64}, move_cursor, 0},
};
enum { COUNT = sizeof(measurements) / sizeof(*measurements) };

static void measure(struct measurement *measurement) {
    const uint64_t start = platform_now_ns();
    measurement->run(measurement);
    const double time = (double)(platform_now_ns() - start);
    if (measurement->best_ns == 0 || time < measurement->best_ns) {
        measurement->best_ns = time;
    }
}

static void report(void) {
    const double copy_ns = measurements[0].best_ns / PIXELS;
    printf("%-32s %10s %10s %10s\n", "", "us", "ns/pixel", "x memcpy");
    for (size_t i = 0; i < COUNT; i++) {
        const struct presenter_rect *damage = &measurements[i].damage;
        const double pixel_ns = measurements[i].best_ns / damage->width / damage->height;
        printf("%-32s %10.1f %10.3f", measurements[i].name, measurements[i].best_ns / 1000,
               pixel_ns);
        if (damage->width == WIDTH) {
            printf(" %10.2f", pixel_ns / copy_ns);
        }
        printf("\n");
    }
}

int main(void) {
    copy_from = malloc(4 * (size_t)PIXELS);
    copy_to = malloc(4 * (size_t)PIXELS);
    check(copy_from && copy_to, "allocating memory");
    memset(copy_from, 1, 4 * (size_t)PIXELS);
    memset(copy_to, 2, 4 * (size_t)PIXELS);
    make_memory();
    check(display_surface_init(&surface) == 0, "making a surface");
    update.cursor_image_new = true;
    update.cursor.visible = true;
    memset(update.cursor.pixels, 0x7f, sizeof(update.cursor.pixels));
    display_surface_apply(&surface, &update);
    update.cursor_image_new = false;
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < COUNT; i++) {
            measure(&measurements[i]);
        }
    }
    report();
    display_surface_finish(&surface);
    pages_unref(scattered);
    storage_unref(storage);
    free(copy_from);
    free(copy_to);
    return 0;
}
