/* Order and life: tokens, listeners, references, a guest that draws meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "platform/platform.h"
#include "suite.h"

static const struct canvas_shape shape = {.format = PRESENTER_XRGB8888, .width = 120, .height = 80};

static void test_tokens_in_order_under_load(void **state) {
    enum { FLUSHES = 30000 };
    struct stage *stage = *state;
    struct canvas canvases[STAGE_SCANOUTS];
    struct model models[STAGE_SCANOUTS] = {{0}};
    for (uint32_t i = 0; i < STAGE_SCANOUTS; i++) {
        canvas_init(&canvases[i], CANVAS_PAGES, &shape);
        stage_show(stage, i, &canvases[i], &models[i]);
        canvas_scribble(&canvases[i]);
    }
    const struct presenter_rect whole = canvas_whole(&canvases[0]);
    for (int i = 0; i < FLUSHES; i++) {
        const struct presenter_rect part = {canvas_random() % 120, canvas_random() % 80,
                                            canvas_random() % 20, canvas_random() % 20};
        const bool last = i >= FLUSHES - STAGE_SCANOUTS;
        stage_flush(stage, (uint32_t)i % STAGE_SCANOUTS, last ? &whole : &part);
    }
    stage_settle(stage);
    assert_true(stage->answers.calls <= stage->token);
    for (uint32_t i = 0; i < STAGE_SCANOUTS; i++) {
        model_flush(&models[i], &canvases[i], &whole, &whole);
        stage_check(stage, i, &models[i]);
        canvas_finish(&canvases[i]);
        model_finish(&models[i]);
    }
}

/* Sees tokens one by one: the guest may draw as soon as one is answered. */
static void test_flushed_pixels_are_taken(void **state) {
    struct stage *stage = *state;
    struct canvas canvas;
    struct model model = {0};
    canvas_init(&canvas, CANVAS_STORAGE, &shape);
    stage_show(stage, 0, &canvas, &model);
    const struct presenter_rect whole = canvas_whole(&canvas);
    for (int round = 0; round < 50; round++) {
        canvas_scribble(&canvas);
        model_flush(&model, &canvas, &whole, &whole);
        stage_flush(stage, 0, &whole);
        stage_settle(stage);
        canvas_scribble(&canvas);
        stage_check(stage, 0, &model);
    }
    canvas_finish(&canvas);
    model_finish(&model);
}

static void test_detach_while_flushing(void **state) {
    struct stage *stage = *state;
    struct presenter *presenter = stage->presenter;
    for (int round = 0; round < 600; round++) {
        const uint32_t scanout = (uint32_t)round % 2;
        struct canvas canvas;
        canvas_init(&canvas, (enum canvas_place)(round % CANVAS_PLACES), &shape);
        const struct presenter_rect whole = canvas_whole(&canvas);
        stage_attach(stage, scanout, &canvas, &whole);
        for (int i = 0; i < round % 4; i++) {
            stage_flush(stage, scanout, &whole);
        }
        if (round % 7 == 0) {
            sched_yield();
        }
        if (round % 3) {
            presenter->ops->detach(presenter, scanout);
        }
        /* The device's memory goes at once; the presenter's reference lasts as it needs. */
        canvas_finish(&canvas);
    }
    stage_settle(stage);
    presenter->ops->detach(presenter, 0);
    presenter->ops->detach(presenter, 1);
    assert_int_equal(stage->answers.token, stage->token);
}

static void test_detached_pictures_are_let_go(void **state) {
    struct stage *stage = *state;
    struct presenter *presenter = stage->presenter;
    for (int place = 0; place < CANVAS_PLACES; place++) {
        struct canvas canvas;
        uint64_t storages, bytes;
        canvas_init(&canvas, (enum canvas_place)place, &shape);
        stage_show(stage, 0, &canvas, NULL);
        canvas_finish(&canvas);
        storage_get_totals(&storages, &bytes);
        assert_int_equal(storages + canvas_live_pages(), 1);
        presenter->ops->detach(presenter, 0);
        /* What is shown now is read after the presenter's thread has seen the detachment. */
        free(stage->backend->read(presenter, stage->backend_state, 0).pixels);
        storage_get_totals(&storages, &bytes);
        assert_int_equal(storages + canvas_live_pages(), 0);
    }
}

static void test_destroyed_with_work_left(void **state) {
    struct stage *stage = *state;
    for (uint32_t i = 0; i < STAGE_SCANOUTS; i++) {
        struct canvas first, second;
        canvas_init(&first, CANVAS_PAGES, &shape);
        canvas_init(&second, CANVAS_STORAGE, &shape);
        const struct presenter_rect whole = canvas_whole(&first);
        stage_attach(stage, i, &first, &whole);
        stage_flush(stage, i, &whole);
        stage_attach(stage, i, &second, &whole);
        canvas_finish(&first);
        canvas_finish(&second);
    }
    /* The teardown finds whether everything is gone. */
}

static void test_the_old_listener_hears_nothing(void **state) {
    struct stage *stage = *state;
    struct presenter *presenter = stage->presenter;
    struct canvas canvas;
    struct answers other;
    canvas_init(&canvas, CANVAS_STORAGE, &shape);
    answers_init(&other);
    stage_show(stage, 0, &canvas, NULL);
    const struct presenter_rect whole = canvas_whole(&canvas);
    for (int i = 0; i < 100; i++) {
        stage_flush(stage, 0, &whole);
    }
    presenter->ops->set_listener(presenter, &answers_listener, &other);
    const uint64_t heard = stage->answers.token; /* nobody writes it any more */
    for (int i = 0; i < 100; i++) {
        stage_flush(stage, 0, &whole);
    }
    answers_wait(&other, stage->token);
    assert_int_equal(stage->answers.token, heard);
    presenter->ops->set_listener(presenter, NULL, NULL);
    const uint64_t heard_by_other = other.token;
    stage_flush(stage, 0, &whole);
    presenter->ops->set_listener(presenter, &answers_listener, &stage->answers);
    stage_flush(stage, 0, &whole);
    stage_settle(stage);
    assert_int_equal(other.token, heard_by_other);
    answers_finish(&other);
    canvas_finish(&canvas);
}

static void test_resizes_are_told(void **state) {
    struct stage *stage = *state;
    if (!stage->backend->resize) {
        print_message("%s has no windows\n", stage->backend->name);
        skip();
    }
    stage->backend->resize(stage->presenter, stage->backend_state, 1, 640, 480);
    answers_wait_resizes(&stage->answers, 1);
    assert_int_equal(stage->answers.resized_scanout, 1);
    assert_int_equal(stage->answers.resized_width, 640);
    assert_int_equal(stage->answers.resized_height, 480);
    stage->backend->resize(stage->presenter, stage->backend_state, 2, 0, 0);
    answers_wait_resizes(&stage->answers, 2);
    assert_int_equal(stage->answers.resized_scanout, 2);
    assert_int_equal(stage->answers.resized_width, 0);
}

/* ---- a guest that draws while we read ---------------------------------------------------- */

struct scribbler {
    uint32_t *words;
    size_t count;
    _Atomic(bool) stopped;
};

static void *scribble(void *argument) {
    struct scribbler *scribbler = argument;
    for (uint32_t i = 0; !atomic_load_explicit(&scribbler->stopped, memory_order_relaxed); i++) {
        scribbler->words[i % scribbler->count] = i * 2654435761u;
    }
    return NULL;
}

static void test_a_guest_that_draws_meanwhile(void **state) {
    struct stage *stage = *state;
    struct canvas canvas;
    struct model model = {0};
    struct scribbler scribbler = {.count = (size_t)shape.width * shape.height};
    void *words;
    pthread_t thread;
    canvas_init(&canvas, CANVAS_STORAGE, &shape);
    stage_show(stage, 0, &canvas, &model);
    const struct presenter_rect whole = canvas_whole(&canvas);
    /* A mapping of its own, as a guest has. */
    assert_int_equal(
        platform_map_shared(storage_get_fd(canvas.picture.storage), 4 * scribbler.count, &words),
        0);
    scribbler.words = words;
    assert_int_equal(platform_thread_start(&thread, "scribble", scribble, &scribbler), 0);
    for (int i = 0; i < 500; i++) {
        stage_flush(stage, 0, &whole);
        stage_settle(stage);
    }
    atomic_store(&scribbler.stopped, true);
    pthread_join(thread, NULL);
    stage_flush(stage, 0, &whole);
    stage_settle(stage);
    model_flush(&model, &canvas, &whole, &whole);
    stage_check(stage, 0, &model);
    platform_unmap(words, 4 * scribbler.count);
    canvas_finish(&canvas);
    model_finish(&model);
}

#define STAGE_TEST(test) cmocka_unit_test_setup_teardown(test, stage_setup, stage_teardown)

const struct CMUnitTest *order_tests(size_t *out_count) {
    static const struct CMUnitTest tests[] = {
        STAGE_TEST(test_tokens_in_order_under_load),
        STAGE_TEST(test_flushed_pixels_are_taken),
        STAGE_TEST(test_detach_while_flushing),
        STAGE_TEST(test_detached_pictures_are_let_go),
        STAGE_TEST(test_destroyed_with_work_left),
        STAGE_TEST(test_the_old_listener_hears_nothing),
        STAGE_TEST(test_resizes_are_told),
        STAGE_TEST(test_a_guest_that_draws_meanwhile),
    };
    *out_count = sizeof(tests) / sizeof(*tests);
    return tests;
}
