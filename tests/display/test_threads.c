/* A device that does everything at once, beside people who want pictures, windows that change
 * size, and a reader of raw frames. What matters here is what ThreadSanitizer says. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend.h"
#include "canvas.h"
#include "display/capture.h"
#include "display/software.h"
#include "platform/platform.h"

enum { SCANOUTS = 2, ROUNDS = 800, ASKERS = 3 };

/* ---- device ------------------------------------------------------------------------------ */

static const struct canvas_shape shapes[] = {
    {.format = PRESENTER_XRGB8888, .width = 90, .height = 70},
    {.format = PRESENTER_ABGR2101010, .width = 120, .height = 50, .stride = 500, .offset = 12},
    {.format = PRESENTER_XBGR16161616F, .width = 70, .height = 60},
    {.format = PRESENTER_XRGB2101010, .width = 80, .height = 30, .is_pq = true},
};

struct device {
    struct presenter *presenter;
    struct answers answers;
    uint64_t token;
};

static void act(struct device *device, const struct canvas *canvas, uint32_t scanout) {
    static uint32_t image[PRESENTER_CURSOR_SIZE * PRESENTER_CURSOR_SIZE];
    struct presenter *presenter = device->presenter;
    const struct presenter_rect whole = canvas_whole(canvas);
    switch (canvas_random() % 8) {
    case 0:
        assert_int_equal(presenter->ops->attach(presenter, scanout, &canvas->picture, &whole), 0);
        break;
    case 1:
        if (canvas_random() % 4 == 0) {
            presenter->ops->detach(presenter, scanout);
        }
        break;
    case 2:
        image[canvas_random() % (PRESENTER_CURSOR_SIZE * PRESENTER_CURSOR_SIZE)] = 0x80404040;
        presenter->ops->set_cursor(presenter, scanout, canvas_random() % 5 ? image : NULL, 1, 1);
        break;
    case 3:
        presenter->ops->move_cursor(presenter, scanout, (int32_t)(canvas_random() % 100),
                                    (int32_t)(canvas_random() % 100));
        break;
    default:
        presenter->ops->flush(presenter, scanout, &whole, ++device->token);
        break;
    }
}

/* Ends with all flushes answered and both canvases shown. */
static void run_device(struct device *device) {
    for (int round = 0; round < ROUNDS; round++) {
        struct canvas canvas;
        canvas_init(&canvas, (enum canvas_place)(canvas_random() % CANVAS_PLACES),
                    &shapes[canvas_random() % (sizeof(shapes) / sizeof(*shapes))]);
        for (int i = 0; i < 10; i++) {
            act(device, &canvas, canvas_random() % SCANOUTS);
        }
        canvas_finish(&canvas);
        if (round % 50 == 0) {
            answers_wait(&device->answers, device->token);
        }
    }
    for (uint32_t i = 0; i < SCANOUTS; i++) {
        device->presenter->ops->detach(device->presenter, i);
    }
    answers_wait(&device->answers, device->token);
}

static void begin_device(struct device *device, struct presenter *presenter) {
    device->presenter = presenter;
    device->token = 0;
    answers_init(&device->answers);
    presenter->ops->set_listener(presenter, &answers_listener, &device->answers);
}

static void end_device(struct device *device) {
    uint64_t storages, bytes;
    device->presenter->ops->destroy(device->presenter);
    answers_finish(&device->answers);
    storage_get_totals(&storages, &bytes);
    assert_int_equal(storages + canvas_live_pages(), 0);
}

/* ---- others ------------------------------------------------------------------------------ */

struct asker {
    struct presenter *presenter;
    const char *folder;
    unsigned number;
    _Atomic(bool) *stopped;
    unsigned written;
    int error; /* one that should not be */
};

static void *ask_for_pictures(void *argument) {
    struct asker *asker = argument;
    char path[128];
    snprintf(path, sizeof(path), "%s/%u.png", asker->folder, asker->number);
    bool last;
    int error = 0;
    do {
        last = atomic_load(asker->stopped);
        const uint64_t patience = last || asker->number % 2 ? BACKEND_PATIENCE_NS : 100000;
        error = capture_presenter_write_and_wait(asker->presenter, asker->number % SCANOUTS, path,
                                                 platform_now_ns() + patience);
        asker->written += error == 0;
        if (error && error != -ENODATA && error != -ETIMEDOUT && error != -EBUSY) {
            asker->error = error;
        }
    } while (!last || error == -EBUSY); /* with what others have given up */
    return NULL;
}

static void *read_slowly(void *argument) {
    int fd = *(int *)argument;
    static char bytes[20000];
    while (read(fd, bytes, sizeof(bytes)) > 0) {
    }
    return NULL;
}

static void test_capture(void **state) {
    (void)state;
    struct test_folder folder;
    struct device device;
    struct presenter *presenter;
    struct asker askers[ASKERS];
    pthread_t threads[ASKERS], reader;
    _Atomic(bool) stopped = false;
    int ends[2];
    test_folder_make(&folder);
    assert_int_equal(pipe(ends), 0);
    const struct capture_options options = {
        .scanout_count = SCANOUTS, .folder = folder.path, .every = 1000, .raw_fd = ends[1]};
    assert_int_equal(capture_presenter_create(&options, &presenter), 0);
    begin_device(&device, presenter);
    assert_int_equal(platform_thread_start(&reader, "read", read_slowly, &ends[0]), 0);
    for (unsigned i = 0; i < ASKERS; i++) {
        askers[i] = (struct asker){presenter, folder.path, i, &stopped, 0, 0};
        assert_int_equal(platform_thread_start(&threads[i], "ask", ask_for_pictures, &askers[i]),
                         0);
    }
    run_device(&device);
    atomic_store(&stopped, true);
    for (unsigned i = 0; i < ASKERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(askers[i].error, 0);
        assert_true(askers[i].written > 0);
    }
    end_device(&device);
    pthread_join(reader, NULL); /* our end was closed */
    close(ends[0]);
    test_folder_remove(&folder);
}

static void see(void *user, const struct software_frame *frame) {
    _Atomic(uint64_t) *tickets = user;
    atomic_store(&tickets[frame->scanout], frame->ticket);
}

struct windows {
    struct presenter *presenter;
    _Atomic(bool) stopped;
    uint64_t ticket;
};

static void *use_windows(void *argument) {
    struct windows *windows = argument;
    for (uint32_t i = 1; !atomic_load(&windows->stopped); i++) {
        windows->ticket = software_presenter_refresh(windows->presenter, 0);
        (void)software_presenter_resize(windows->presenter, 1, i, i);
        sched_yield();
    }
    return NULL;
}

static void test_windows(void **state) {
    (void)state;
    static _Atomic(uint64_t) tickets[SCANOUTS];
    struct device device;
    struct windows windows = {.ticket = 0};
    pthread_t thread;
    assert_int_equal(software_presenter_create(SCANOUTS, see, (void *)tickets, &windows.presenter),
                     0);
    begin_device(&device, windows.presenter);
    assert_int_equal(platform_thread_start(&thread, "windows", use_windows, &windows), 0);
    run_device(&device);
    atomic_store(&windows.stopped, true);
    pthread_join(thread, NULL);
    const uint64_t deadline = platform_now_ns() + BACKEND_PATIENCE_NS;
    while (atomic_load(&tickets[0]) < windows.ticket && platform_now_ns() < deadline) {
        sched_yield();
    }
    assert_true(atomic_load(&tickets[0]) == windows.ticket);
    end_device(&device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_capture),
        cmocka_unit_test(test_windows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
