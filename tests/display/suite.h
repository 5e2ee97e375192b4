/* The presenter suite: what every backend must do, one test after another on a presenter of its
 * own. */
#ifndef VESPER_TESTS_SUITE_H
#define VESPER_TESTS_SUITE_H

#include <stddef.h>
#include <stdint.h>

#include "backend.h"
#include "canvas.h"
#include "model.h"

#define STAGE_SCANOUTS 3

/* A presenter with a listener. */
struct stage {
    const struct backend *backend;
    struct presenter *presenter;
    void *backend_state;
    struct answers answers;
    uint64_t token; /* of the last flush */
};

/* For cmocka: the backend is *state before, the stage after; and back. */
int stage_setup(void **state);
int stage_teardown(void **state);

/* Attaches, which must succeed. */
void stage_attach(struct stage *stage, uint32_t scanout, const struct canvas *canvas,
                  const struct presenter_rect *source);
/* Flushes with the next token. */
void stage_flush(struct stage *stage, uint32_t scanout, const struct presenter_rect *damage);
/* Waits until all flushes are answered. */
void stage_settle(struct stage *stage);
/* Attaches and flushes all of a canvas, waits, and notes it in the model (may be NULL). */
void stage_show(struct stage *stage, uint32_t scanout, const struct canvas *canvas,
                struct model *model);
/* Flushes again what is shown, and waits. A guest that goes on drawing there does so; one that flips
 * does not, and some presenters read its pictures in place. */
void stage_hold(struct stage *stage, uint32_t scanout, const struct presenter_rect *damage);
/* The scanout shows what the model says. */
void stage_check(struct stage *stage, uint32_t scanout, const struct model *model);

struct CMUnitTest;
/* The tests of a file. */
const struct CMUnitTest *picture_tests(size_t *out_count);
const struct CMUnitTest *cursor_tests(size_t *out_count);
const struct CMUnitTest *colour_tests(size_t *out_count);
const struct CMUnitTest *order_tests(size_t *out_count);

#endif
