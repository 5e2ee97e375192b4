#include "backend.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <png.h>

#include "platform/platform.h"

const struct backend *const backends[] = {&software_backend,           &capture_backend,
                                          &headless_backend,           &headless_flipping_backend,
                                          &headless_hdr10_backend,     &headless_linear_backend,
                                          &headless_p3_backend,        &headless_turned_backend,
                                          &headless_on_turned_backend, &headless_upright_backend};
const unsigned backend_count = sizeof(backends) / sizeof(*backends);

/* ---- answers ----------------------------------------------------------------------------- */

static void flushed(void *user, uint64_t token) {
    struct answers *answers = user;
    pthread_mutex_lock(&answers->mutex);
    answers->disordered |= token <= answers->token;
    answers->token = token;
    answers->calls++;
    pthread_cond_broadcast(&answers->changed);
    pthread_mutex_unlock(&answers->mutex);
}

static void resized(void *user, uint32_t scanout, uint32_t width, uint32_t height) {
    struct answers *answers = user;
    pthread_mutex_lock(&answers->mutex);
    answers->resizes++;
    answers->resized_scanout = scanout;
    answers->resized_width = width;
    answers->resized_height = height;
    pthread_cond_broadcast(&answers->changed);
    pthread_mutex_unlock(&answers->mutex);
}

const struct presenter_listener answers_listener = {.flushed = flushed, .resized = resized};

void answers_init(struct answers *answers) {
    *answers = (struct answers){0};
    assert_int_equal(pthread_mutex_init(&answers->mutex, NULL), 0);
    assert_int_equal(platform_cond_init(&answers->changed), 0);
}

void answers_finish(struct answers *answers) {
    pthread_cond_destroy(&answers->changed);
    pthread_mutex_destroy(&answers->mutex);
}

void answers_wait(struct answers *answers, uint64_t token) {
    const uint64_t deadline = platform_now_ns() + BACKEND_PATIENCE_NS;
    pthread_mutex_lock(&answers->mutex);
    while (answers->token < token &&
           platform_cond_wait_until(&answers->changed, &answers->mutex, deadline)) {
    }
    const bool came = answers->token >= token;
    const bool disordered = answers->disordered;
    pthread_mutex_unlock(&answers->mutex);
    assert_true(came);
    assert_false(disordered);
}

void answers_wait_resizes(struct answers *answers, unsigned count) {
    const uint64_t deadline = platform_now_ns() + BACKEND_PATIENCE_NS;
    pthread_mutex_lock(&answers->mutex);
    while (answers->resizes < count &&
           platform_cond_wait_until(&answers->changed, &answers->mutex, deadline)) {
    }
    const bool came = answers->resizes >= count;
    pthread_mutex_unlock(&answers->mutex);
    assert_true(came);
}

/* ---- files ------------------------------------------------------------------------------- */

void test_folder_make(struct test_folder *folder) {
    snprintf(folder->path, sizeof(folder->path), "/tmp/vesper-display-XXXXXX");
    assert_non_null(mkdtemp(folder->path));
}

void test_folder_remove(struct test_folder *folder) {
    DIR *directory = opendir(folder->path);
    struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        char path[512];
        snprintf(path, sizeof(path), "%s/%s", folder->path, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            unlink(path);
        }
    }
    if (directory) {
        closedir(directory);
    }
    rmdir(folder->path);
}

bool read_png(const char *path, struct shown *out) {
    png_image image = {.version = PNG_IMAGE_VERSION};
    *out = (struct shown){0};
    if (!png_image_begin_read_from_file(&image, path)) {
        return false;
    }
    if (image.format != PNG_FORMAT_RGB) {
        png_image_free(&image);
        return false;
    }
    image.format = PNG_FORMAT_BGRA; /* in memory: words XRGB8888 */
    out->width = image.width;
    out->height = image.height;
    out->pixels = malloc(PNG_IMAGE_SIZE(image));
    if (!out->pixels || !png_image_finish_read(&image, NULL, out->pixels, 0, NULL)) {
        free(out->pixels);
        *out = (struct shown){0};
        return false;
    }
    return true;
}
