/* Capture: pictures on request and by count, and what goes wrong with files. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../unit/open_descriptors.h"
#include "backend.h"
#include "canvas.h"
#include "display/capture.h"
#include "event.h"
#include "model.h"
#include "platform/platform.h"

static const struct canvas_shape shape = {.format = PRESENTER_XRGB8888, .width = 60, .height = 40};

/* One presenter, one canvas that its scanout 0 shows, one folder. */
static struct presenter *presenter;
static struct answers answers;
static struct canvas canvas;
static struct presenter_rect whole;
static struct test_folder folder;
static uint64_t token;

static void begin(uint32_t every) {
    const struct capture_options options = {
        .scanout_count = 2, .folder = folder.path, .every = every};
    assert_int_equal(capture_presenter_create(&options, &presenter), 0);
    presenter->ops->set_listener(presenter, &answers_listener, &answers);
    canvas_init(&canvas, CANVAS_STORAGE, &shape);
    whole = canvas_whole(&canvas);
    assert_int_equal(presenter->ops->attach(presenter, 0, &canvas.picture, &whole), 0);
}

static void end(void) {
    presenter->ops->destroy(presenter);
    canvas_finish(&canvas);
}

static int setup(void **state) {
    (void)state;
    answers_init(&answers);
    test_folder_make(&folder);
    token = 0;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    test_folder_remove(&folder);
    answers_finish(&answers);
    return 0;
}

static void flush(void) {
    presenter->ops->flush(presenter, 0, &whole, ++token);
    answers_wait(&answers, token);
}

static uint64_t soon(void) {
    return platform_now_ns() + BACKEND_PATIENCE_NS;
}

static const char *in_folder(const char *name) {
    static char path[512];
    snprintf(path, sizeof(path), "%s/%s", folder.path, name);
    return path;
}

static unsigned count_files(void) {
    DIR *directory = opendir(folder.path);
    assert_non_null(directory);
    unsigned count = 0;
    for (struct dirent *entry; (entry = readdir(directory));) {
        count += entry->d_name[0] != '.';
    }
    closedir(directory);
    return count;
}

/* The file holds what the canvas holds. */
static void check_file(const char *path) {
    struct model model = {0};
    struct shown shown;
    model_show(&model, &canvas, &whole);
    assert_true(read_png(path, &shown));
    assert_int_equal(shown.width, shape.width);
    assert_int_equal(shown.height, shape.height);
    for (uint32_t y = 0; y < shape.height; y++) {
        for (uint32_t x = 0; x < shape.width; x++) {
            assert_int_equal(shown.pixels[y * shape.width + x], model_pixel(&model, x, y));
        }
    }
    free(shown.pixels);
    model_finish(&model);
}

/* ---- requests ---------------------------------------------------------------------------- */

struct ending {
    struct event ended;
    int error;
    _Atomic(unsigned) calls;
};

static void note_end(void *user, int error) {
    struct ending *ending = user;
    ending->error = error;
    ending->calls++;
    event_post(&ending->ended);
}

static void test_a_request_is_answered_later(void **state) {
    (void)state;
    struct ending endings[3] = {0};
    begin(0);
    flush();
    for (int i = 0; i < 3; i++) {
        char name[16];
        snprintf(name, sizeof(name), "%d.png", i);
        event_init(&endings[i].ended);
        assert_int_equal(
            capture_presenter_write(presenter, 0, in_folder(name), note_end, &endings[i]), 0);
    }
    for (int i = 0; i < 3; i++) {
        event_wait(&endings[i].ended);
        assert_int_equal(endings[i].error, 0);
        assert_int_equal(endings[i].calls, 1);
        event_finish(&endings[i].ended);
    }
    assert_int_equal(count_files(), 3);
    check_file(in_folder("0.png"));
    check_file(in_folder("2.png"));
    end();
}

/* Flushes are answered later, yet a request sees those called before it. */
static void test_a_request_sees_what_came_before(void **state) {
    (void)state;
    begin(0);
    for (int round = 0; round < 30; round++) {
        canvas_scribble(&canvas);
        presenter->ops->flush(presenter, 0, &whole, ++token);
        assert_int_equal(
            capture_presenter_write_and_wait(presenter, 0, in_folder("now.png"), soon()), 0);
        check_file(in_folder("now.png"));
        assert_int_equal(count_files(), 1);
    }
    end();
}

static void test_requests_that_cannot_be(void **state) {
    (void)state;
    struct presenter *other;
    begin(0);
    flush();
    assert_int_equal(capture_presenter_write(presenter, 2, in_folder("a"), NULL, NULL), -EINVAL);
    assert_int_equal(
        capture_presenter_write_and_wait(presenter, UINT32_MAX, in_folder("a"), soon()), -EINVAL);
    assert_int_equal(capture_presenter_write_and_wait(presenter, 1, in_folder("a"), soon()),
                     -ENODATA);
    void *backend_state;
    other = software_backend.create(1, &backend_state);
    assert_int_equal(capture_presenter_write(other, 0, in_folder("a"), NULL, NULL), -EINVAL);
    software_backend.destroy(other, backend_state);
    assert_int_equal(count_files(), 0);
    end();
}

/* ---- a disk that is slow ----------------------------------------------------------------- */

struct gate {
    struct event reached, opened;
};

static void wait_at_gate(void *user, int error) {
    struct gate *gate = user;
    (void)error;
    event_post(&gate->reached);
    event_wait(&gate->opened);
}

/* Holds the thread that writes files, until the gate is opened. */
static void hold_writer(struct gate *gate) {
    event_init(&gate->reached);
    event_init(&gate->opened);
    assert_int_equal(
        capture_presenter_write(presenter, 0, in_folder("gate.png"), wait_at_gate, gate), 0);
    event_wait(&gate->reached);
}

static void open_gate(struct gate *gate) {
    event_post(&gate->opened);
}

static void test_deadlines_pass(void **state) {
    (void)state;
    struct gate gate;
    begin(0);
    flush();
    hold_writer(&gate);
    assert_int_equal(capture_presenter_write_and_wait(presenter, 0, in_folder("late.png"),
                                                      platform_now_ns() + 1000000),
                     -ETIMEDOUT);
    assert_int_equal(access(in_folder("late.png"), F_OK), -1);
    flush(); /* nobody waits for the disk */
    open_gate(&gate);
    end();
    assert_int_equal(access(in_folder("late.png"), F_OK), 0);
}

static void test_requests_are_bounded(void **state) {
    (void)state;
    struct gate gate;
    int error = 0;
    unsigned accepted = 0;
    begin(0);
    flush();
    hold_writer(&gate);
    while (!error && accepted < 1000) {
        error = capture_presenter_write(presenter, 0, in_folder("x.png"), NULL, NULL);
        accepted += !error;
    }
    assert_int_equal(error, -EBUSY);
    assert_in_range(accepted, 16, 32);
    open_gate(&gate);
    while (capture_presenter_write_and_wait(presenter, 0, in_folder("y.png"), soon()) == -EBUSY) {
        sched_yield();
    }
    check_file(in_folder("y.png"));
    end();
}

static void test_automatic_pictures_are_left_out(void **state) {
    (void)state;
    struct gate gate;
    begin(1);
    flush();
    hold_writer(&gate);
    for (int i = 0; i < 20; i++) {
        flush();
    }
    open_gate(&gate);
    end();
    /* The gate's, the first, four that wait; and the last, if it came after the gate was opened. */
    assert_in_range(count_files(), 6, 7);
}

static void *destroy_presenter(void *argument) {
    (void)argument;
    presenter->ops->destroy(presenter);
    return NULL;
}

static void hold_display(void *user, uint64_t at) {
    if (at == 1) {
        wait_at_gate(user, 0);
    }
}

/* A frame that was composed before the request is on its way: it is not the answer. */
static void test_a_request_waits_for_its_frame(void **state) {
    (void)state;
    struct gate gate;
    struct ending ending = {0};
    const struct presenter_listener listener = {.flushed = hold_display};
    begin(0);
    event_init(&gate.reached);
    event_init(&gate.opened);
    event_init(&ending.ended);
    presenter->ops->set_listener(presenter, &listener, &gate);
    presenter->ops->flush(presenter, 0, &whole, 1);
    event_wait(&gate.reached);
    canvas_scribble(&canvas);
    presenter->ops->flush(presenter, 0, &whole, 2);
    assert_int_equal(capture_presenter_write(presenter, 0, in_folder("a.png"), note_end, &ending),
                     0);
    event_post(&gate.opened);
    event_wait(&ending.ended);
    assert_int_equal(ending.error, 0);
    check_file(in_folder("a.png"));
    end();
}

/* The request cannot get its frame before the presenter ends: it is told so, once. */
static void test_requests_end_with_the_presenter(void **state) {
    (void)state;
    struct gate gate;
    struct ending ending = {0};
    pthread_t thread;
    const struct presenter_listener listener = {.flushed = hold_display};
    begin(0);
    event_init(&gate.reached);
    event_init(&gate.opened);
    event_init(&ending.ended);
    presenter->ops->set_listener(presenter, &listener, &gate);
    presenter->ops->flush(presenter, 0, &whole, 1);
    event_wait(&gate.reached);
    assert_int_equal(
        capture_presenter_write(presenter, 0, in_folder("never.png"), note_end, &ending), 0);
    assert_int_equal(platform_thread_start(&thread, "destroy", destroy_presenter, NULL), 0);
    usleep(100000); /* else the picture may still be written, which is right too */
    open_gate(&gate);
    pthread_join(thread, NULL);
    canvas_finish(&canvas);
    assert_int_equal(ending.calls, 1);
    assert_true(ending.error == -ECANCELED || ending.error == 0);
    assert_int_equal(count_files(), ending.error ? 0 : 1);
}

/* ---- by count ---------------------------------------------------------------------------- */

static void test_every_third_flush(void **state) {
    (void)state;
    static uint32_t cursor[PRESENTER_CURSOR_SIZE * PRESENTER_CURSOR_SIZE];
    begin(3);
    for (int i = 1; i <= 10; i++) {
        canvas_scribble(&canvas);
        flush();
        presenter->ops->set_cursor(presenter, 0, cursor, 0, 0);
        presenter->ops->move_cursor(presenter, 0, i, i);
        /* After the third, the ninth: the picture must be written before the canvas changes. */
        if (i % 3 == 0) {
            char name[32];
            snprintf(name, sizeof(name), "scanout-0-%06d.png", i);
            const uint64_t deadline = soon();
            while (access(in_folder(name), F_OK) && platform_now_ns() < deadline) {
                sched_yield();
            }
            check_file(in_folder(name)); /* whole as soon as it is there */
            assert_int_equal(count_files(), i / 3);
        }
    }
    presenter->ops->detach(presenter, 0);
    presenter->ops->flush(presenter, 0, &whole, ++token); /* of nothing */
    presenter->ops->flush(presenter, 0, &whole, ++token);
    answers_wait(&answers, token);
    end();
    assert_int_equal(count_files(), 3);
}

static void test_flushes_that_change_nothing_count(void **state) {
    (void)state;
    begin(2);
    flush();
    whole.width = 0;
    flush();
    whole.width = shape.width;
    const uint64_t deadline = soon();
    while (access(in_folder("scanout-0-000002.png"), F_OK) && platform_now_ns() < deadline) {
        sched_yield();
    }
    check_file(in_folder("scanout-0-000002.png"));
    end();
}

static void test_counts_are_per_scanout(void **state) {
    (void)state;
    begin(2);
    assert_int_equal(presenter->ops->attach(presenter, 1, &canvas.picture, &whole), 0);
    flush();
    presenter->ops->flush(presenter, 1, &whole, ++token);
    answers_wait(&answers, token);
    presenter->ops->flush(presenter, 1, &whole, ++token);
    answers_wait(&answers, token);
    end();
    assert_int_equal(count_files(), 1);
    assert_int_equal(access(in_folder("scanout-1-000002.png"), F_OK), 0);
}

/* ---- files that cannot be ---------------------------------------------------------------- */

static int write_to(const char *path) {
    return capture_presenter_write_and_wait(presenter, 0, path, soon());
}

static void test_paths_that_cannot_be(void **state) {
    (void)state;
    char long_name[300];
    begin(0);
    flush();
    assert_int_equal(write_to(in_folder("absent/a.png")), -ENOENT);
    close(open(in_folder("file"), O_CREAT | O_WRONLY, 0600));
    assert_int_equal(write_to(in_folder("file/a.png")), -ENOTDIR);
    memset(long_name, 'x', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = 0;
    assert_int_equal(write_to(in_folder(long_name)), -ENAMETOOLONG);
    assert_int_equal(write_to(folder.path), -EISDIR);
    assert_int_equal(write_to(""), -ENOENT);
    assert_int_equal(unlink(in_folder("file")), 0);
    assert_int_equal(count_files(), 0); /* no pieces either */
    assert_int_equal(write_to(in_folder("good.png")), 0);
    check_file(in_folder("good.png"));
    end();
}

static void test_a_folder_that_may_not_be_written(void **state) {
    (void)state;
    const uid_t user = geteuid();
    begin(0);
    flush();
    assert_int_equal(chmod(folder.path, 0500), 0);
    /* Root may write every folder; nobody may not. */
    if (user == 0 && seteuid(65534)) {
        end();
        print_message("there is no other user to be\n");
        skip();
    }
    int error = write_to(in_folder("a.png"));
    assert_int_equal(seteuid(user), 0);
    assert_int_equal(error, -EACCES);
    assert_int_equal(chmod(folder.path, 0700), 0);
    assert_int_equal(write_to(in_folder("a.png")), 0);
    end();
}

static void test_a_full_disk(void **state) {
    (void)state;
    struct rlimit saved, small;
    begin(1);
    flush();
    while (count_files() < 1) {
        sched_yield();
    }
    assert_int_equal(write_to(in_folder("kept.png")), 0);
    check_file(in_folder("kept.png"));
    /* Stands in for a disk with no room: writing fails in the middle of the file. */
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &saved), 0);
    small = saved;
    small.rlim_cur = 1000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int error = write_to(in_folder("kept.png"));
    flush(); /* an automatic one */
    (void)write_to(in_folder("kept.png"));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &saved), 0);
    assert_int_equal(error, -EFBIG);
    check_file(in_folder("kept.png")); /* the old one */
    assert_int_equal(count_files(), 2);
    assert_int_equal(write_to(in_folder("more.png")), 0);
    check_file(in_folder("more.png"));
    end();
}

static void test_a_folder_that_goes(void **state) {
    (void)state;
    begin(1);
    test_folder_remove(&folder);
    for (int i = 0; i < 5; i++) {
        flush();
    }
    assert_int_equal(write_to("/tmp/vesper-display-none/a.png"), -ENOENT);
    end();
    test_folder_make(&folder);
}

static void test_options_that_cannot_be(void **state) {
    (void)state;
    const int descriptors = count_open_descriptors();
    const char *file = strdup(in_folder("file"));
    close(open(file, O_CREAT | O_WRONLY, 0600));
    const struct {
        struct capture_options options;
        int error;
    } cases[] = {
        {{.scanout_count = 0}, -EINVAL},
        {{.scanout_count = PRESENTER_SCANOUTS_MAX + 1}, -EINVAL},
        {{.scanout_count = 1, .folder = "/tmp/vesper-display-none", .every = 1}, -ENOENT},
        {{.scanout_count = 1, .folder = file, .every = 1}, -ENOTDIR},
        {{.scanout_count = 1, .raw_fd = 1000}, -EBADF},
        {{.scanout_count = 1, .raw_fd = 1, .raw_path = "/tmp/vesper-display-none/a"}, -EINVAL},
        {{.scanout_count = 1, .raw_path = "/tmp/vesper-display-none/a"}, -ENOENT},
        {{.scanout_count = 1, .raw_path = file}, -EEXIST},
        {{.scanout_count = 1, .raw_path = folder.path}, -EEXIST},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct presenter *none = NULL;
        assert_int_equal(capture_presenter_create(&cases[i].options, &none), cases[i].error);
        assert_null(none);
    }
    assert_int_equal(count_files(), 1);
    assert_int_equal(count_open_descriptors(), descriptors);
    free((char *)file);
}

#define CAPTURE_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CAPTURE_TEST(test_a_request_is_answered_later),
        CAPTURE_TEST(test_a_request_sees_what_came_before),
        CAPTURE_TEST(test_requests_that_cannot_be),
        CAPTURE_TEST(test_deadlines_pass),
        CAPTURE_TEST(test_requests_are_bounded),
        CAPTURE_TEST(test_automatic_pictures_are_left_out),
        CAPTURE_TEST(test_a_request_waits_for_its_frame),
        CAPTURE_TEST(test_requests_end_with_the_presenter),
        CAPTURE_TEST(test_every_third_flush),
        CAPTURE_TEST(test_flushes_that_change_nothing_count),
        CAPTURE_TEST(test_counts_are_per_scanout),
        CAPTURE_TEST(test_paths_that_cannot_be),
        CAPTURE_TEST(test_a_folder_that_may_not_be_written),
        CAPTURE_TEST(test_a_full_disk),
        CAPTURE_TEST(test_a_folder_that_goes),
        CAPTURE_TEST(test_options_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
