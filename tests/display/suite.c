/* test_presenter BACKEND [TEST]: runs the suite, or the tests of a name with * and ?, over that backend. */
#include "suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "held_driver.h"

static const struct backend *chosen;

int stage_setup(void **state) {
    struct stage *stage = calloc(1, sizeof(*stage));
    assert_non_null(stage);
    stage->backend = chosen;
    stage->presenter = chosen->create(STAGE_SCANOUTS, &stage->backend_state);
    assert_non_null(stage->presenter);
    answers_init(&stage->answers);
    stage->presenter->ops->set_listener(stage->presenter, &answers_listener, &stage->answers);
    *state = stage;
    return 0;
}

int stage_teardown(void **state) {
    struct stage *stage = *state;
    uint64_t storages, bytes;
    stage->backend->destroy(stage->presenter, stage->backend_state);
    answers_finish(&stage->answers);
    free(stage);
    /* Tests drop their own references: what is left now was leaked. */
    storage_get_totals(&storages, &bytes);
    assert_true(storages == 0);
    assert_int_equal(canvas_live_pages(), 0);
    return 0;
}

void stage_attach(struct stage *stage, uint32_t scanout, const struct canvas *canvas,
                  const struct presenter_rect *source) {
    assert_int_equal(
        stage->presenter->ops->attach(stage->presenter, scanout, &canvas->picture, source), 0);
}

void stage_flush(struct stage *stage, uint32_t scanout, const struct presenter_rect *damage) {
    stage->token++;
    stage->presenter->ops->flush(stage->presenter, scanout, damage, stage->token);
}

void stage_settle(struct stage *stage) {
    answers_wait(&stage->answers, stage->token);
}

void stage_show(struct stage *stage, uint32_t scanout, const struct canvas *canvas,
                struct model *model) {
    const struct presenter_rect whole = canvas_whole(canvas);
    stage_attach(stage, scanout, canvas, &whole);
    stage_flush(stage, scanout, &whole);
    stage_settle(stage);
    if (model) {
        model_show(model, canvas, &whole);
    }
}

void stage_hold(struct stage *stage, uint32_t scanout, const struct presenter_rect *damage) {
    stage_flush(stage, scanout, damage);
    stage_settle(stage);
}

static bool is_near(uint32_t found, uint32_t expected, unsigned tolerance) {
    for (unsigned shift = 0; shift < 24; shift += 8) {
        const int difference = (int)(found >> shift & 0xff) - (int)(expected >> shift & 0xff);
        if ((unsigned)abs(difference) > tolerance) {
            return false;
        }
    }
    return true;
}

void stage_check(struct stage *stage, uint32_t scanout, const struct model *model) {
    struct shown shown = stage->backend->read(stage->presenter, stage->backend_state, scanout);
    assert_int_equal(shown.width, model->width);
    assert_int_equal(shown.height, model->height);
    for (uint32_t y = 0; y < shown.height; y++) {
        for (uint32_t x = 0; x < shown.width; x++) {
            const uint32_t found = shown.pixels[(size_t)y * shown.width + x] & 0xffffff;
            const uint32_t expected = model_pixel(model, x, y) & 0xffffff;
            if (!is_near(found, expected, model->tolerance)) {
                fail_msg("pixel %u, %u of %u x %u is %06x instead of %06x", x, y, shown.width,
                         shown.height, found, expected);
            }
        }
    }
    free(shown.pixels);
}

static int run_part(const char *name, const struct CMUnitTest *tests, size_t count) {
    char title[64];
    snprintf(title, sizeof(title), "%s, %s", name, chosen->name);
    return _cmocka_run_group_tests(title, tests, count, NULL, NULL);
}

static int run_all(void) {
    size_t count;
    const struct CMUnitTest *tests = picture_tests(&count);
    int failed = run_part("pictures", tests, count);
    tests = cursor_tests(&count);
    failed += run_part("cursors", tests, count);
    tests = colour_tests(&count);
    failed += run_part("colours", tests, count);
    tests = order_tests(&count);
    return failed + run_part("order", tests, count);
}

static bool is_usable(const struct backend *backend) {
    void *state;
    struct presenter *presenter = backend->create(1, &state);
    if (presenter) {
        backend->destroy(presenter, state);
    }
    return presenter;
}

int main(int argc, char **argv) {
    hold_driver();
    for (unsigned i = 0; argc >= 2 && i < backend_count; i++) {
        if (strcmp(argv[1], backends[i]->name) == 0) {
            chosen = backends[i];
        }
    }
    if (!chosen) {
        fprintf(stderr, "usage: test_presenter BACKEND [TEST]\n");
        return 1;
    }
    if (!is_usable(chosen)) {
        printf("skipped: %s cannot be used here\n", chosen->name);
        return 77;
    }
    if (argc == 3) {
        cmocka_set_test_filter(argv[2]);
    }
    return run_all() ? 1 : 0;
}
