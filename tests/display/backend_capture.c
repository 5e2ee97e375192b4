/* The capture presenter, seen through its PNG files. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "backend.h"
#include "display/capture.h"
#include "platform/platform.h"

static struct presenter *create(uint32_t scanout_count, void **out_state) {
    struct test_folder *folder = malloc(sizeof(*folder));
    assert_non_null(folder);
    test_folder_make(folder);
    const struct capture_options options = {.scanout_count = scanout_count};
    struct presenter *presenter;
    assert_int_equal(capture_presenter_create(&options, &presenter), 0);
    *out_state = folder;
    return presenter;
}

static struct shown read_shown(struct presenter *presenter, void *state, uint32_t scanout) {
    const struct test_folder *folder = state;
    char path[128];
    snprintf(path, sizeof(path), "%s/shown.png", folder->path);
    struct shown shown = {0};
    int error = capture_presenter_write_and_wait(presenter, scanout, path,
                                                 platform_now_ns() + BACKEND_PATIENCE_NS);
    if (error != -ENODATA) {
        assert_int_equal(error, 0);
        assert_true(read_png(path, &shown));
    }
    return shown;
}

static void destroy(struct presenter *presenter, void *state) {
    presenter->ops->destroy(presenter);
    test_folder_remove(state);
    free(state);
}

const struct backend capture_backend = {
    .name = "capture",
    .create = create,
    .read = read_shown,
    .destroy = destroy,
};
