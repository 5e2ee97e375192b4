/* The presenters that the presenter suite runs over. A new one is an entry in `backends`. */
#ifndef VESPER_TESTS_BACKEND_H
#define VESPER_TESTS_BACKEND_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "display/colour.h"
#include "display/presenter.h"

/* What a scanout shows; pixels are XRGB8888 without gaps, whose X byte means nothing. */
struct shown {
    uint32_t width, height; /* 0: nothing has ever been shown */
    uint32_t *pixels;       /* freed by whoever got it */
};

struct backend {
    const char *name;
    /* Its screens show more than sRGB where pictures have more, and are read as sRGB again. */
    bool offers_more;
    enum display_colour screen; /* of those: what high dynamic range is shown in */
    /* Whether the last window that was built shows more; of those. */
    bool (*shows_more)(void);
    /* What light is like on the screen of the scanout's window, as display_light; of those. */
    void (*set_light)(void *state, uint32_t scanout, float white, float headroom);
    /* NULL and a message on standard error: cannot be used here (the suite is then skipped). */
    struct presenter *(*create)(uint32_t scanout_count, void **out_state);
    /* What the scanout shows after all calls so far. */
    struct shown (*read)(struct presenter *presenter, void *state, uint32_t scanout);
    /* Gives the scanout's window another size, as its user would. NULL: it has no windows. */
    void (*resize)(struct presenter *presenter, void *state, uint32_t scanout, uint32_t width,
                   uint32_t height);
    /* Ends the presenter too. */
    void (*destroy)(struct presenter *presenter, void *state);
};

extern const struct backend *const backends[];
extern const unsigned backend_count;
extern const struct backend software_backend, capture_backend, headless_backend,
    headless_flipping_backend, headless_hdr10_backend, headless_linear_backend, headless_p3_backend,
    headless_turned_backend, headless_on_turned_backend, headless_upright_backend;

/* What tests wait for comes within this time, or they fail. */
#define BACKEND_PATIENCE_NS 60000000000

/* A listener that keeps what it is told. */
struct answers {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint64_t token; /* the last one */
    bool disordered; /* a token was not larger than the one before */
    unsigned calls;
    unsigned resizes;
    uint32_t resized_scanout, resized_width, resized_height;
};

extern const struct presenter_listener answers_listener;
void answers_init(struct answers *answers);
void answers_finish(struct answers *answers);
/* Fails the test where the token does not come. */
void answers_wait(struct answers *answers, uint64_t token);
void answers_wait_resizes(struct answers *answers, unsigned count);

/* A folder for files of the test, made empty, and removed with everything in it. */
struct test_folder {
    char path[64];
};
void test_folder_make(struct test_folder *folder);
void test_folder_remove(struct test_folder *folder);

/* Reads a PNG of 8-bit RGB; false where there is none, or none that libpng likes. */
bool read_png(const char *path, struct shown *out);

#endif
