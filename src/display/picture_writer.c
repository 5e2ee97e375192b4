#include "display/picture_writer.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "display/png_file.h"
#include "display/software.h"
#include "platform/platform.h"
#include "util/log.h"

/* ---- images ------------------------------------------------------------------------------ */

struct picture_image {
    _Atomic(uint32_t) references;
    uint32_t width, height;
    uint32_t pixels[];
};

struct picture_image *picture_image_create(const struct software_frame *frame) {
    const size_t row_bytes = 4 * (size_t)frame->width;
    struct picture_image *image = malloc(sizeof(*image) + row_bytes * frame->height);
    if (!image) {
        return NULL;
    }
    atomic_init(&image->references, 1);
    image->width = frame->width;
    image->height = frame->height;
    for (uint32_t y = 0; y < frame->height; y++) {
        memcpy((uint8_t *)image->pixels + row_bytes * y,
               (const uint8_t *)frame->pixels + (size_t)frame->stride * y, row_bytes);
    }
    return image;
}

struct picture_image *picture_image_ref(struct picture_image *image) {
    atomic_fetch_add_explicit(&image->references, 1, memory_order_relaxed);
    return image;
}

void picture_image_unref(struct picture_image *image) {
    if (image && atomic_fetch_sub_explicit(&image->references, 1, memory_order_acq_rel) == 1) {
        free(image);
    }
}

/* ---- jobs -------------------------------------------------------------------------------- */

struct picture_job *picture_job_create(const char *path) {
    const size_t size = strlen(path) + 1;
    struct picture_job *job = malloc(sizeof(*job) + size);
    if (job) {
        *job = (struct picture_job){0};
        memcpy(job->path, path, size);
    }
    return job;
}

static const char *say_why(int error) {
    return error == -ENODATA ? "the scanout has never shown anything" : strerror(-error);
}

void picture_job_finish(struct picture_job *job, int error) {
    if (error) {
        log_error("capture: %s is not written: %s", job->path, say_why(error));
    }
    if (job->done) {
        job->done(job->user, error);
    }
    picture_image_unref(job->image);
    free(job);
}

/* ---- thread ------------------------------------------------------------------------------ */

struct picture_writer {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t added;
    struct picture_job *first, *last;
    size_t backlog;
    bool stopped;
};

/* NULL: stopped, and nothing is left. */
static struct picture_job *next_job(struct picture_writer *writer) {
    pthread_mutex_lock(&writer->mutex);
    while (!writer->first && !writer->stopped) {
        pthread_cond_wait(&writer->added, &writer->mutex);
    }
    struct picture_job *job = writer->first;
    if (job) {
        writer->first = job->next;
    }
    pthread_mutex_unlock(&writer->mutex);
    return job;
}

static void *run(void *argument) {
    struct picture_writer *writer = argument;
    struct picture_job *job;
    while ((job = next_job(writer))) {
        const struct picture_image *image = job->image;
        int error = display_png_write(job->path, image->pixels, image->width, image->height,
                                      4 * image->width);
        pthread_mutex_lock(&writer->mutex);
        writer->backlog--;
        pthread_mutex_unlock(&writer->mutex);
        picture_job_finish(job, error);
    }
    return NULL;
}

int picture_writer_create(struct picture_writer **out) {
    struct picture_writer *writer = calloc(1, sizeof(*writer));
    if (!writer) {
        return -ENOMEM;
    }
    int error = -pthread_mutex_init(&writer->mutex, NULL);
    if (error) {
        goto error_mutex;
    }
    error = -pthread_cond_init(&writer->added, NULL);
    if (error) {
        goto error_cond;
    }
    error = platform_thread_start(&writer->thread, "pictures", run, writer);
    if (error) {
        goto error_thread;
    }
    *out = writer;
    return 0;

error_thread:
    pthread_cond_destroy(&writer->added);
error_cond:
    pthread_mutex_destroy(&writer->mutex);
error_mutex:
    free(writer);
    return error;
}

void picture_writer_destroy(struct picture_writer *writer) {
    pthread_mutex_lock(&writer->mutex);
    writer->stopped = true;
    pthread_cond_signal(&writer->added);
    pthread_mutex_unlock(&writer->mutex);
    pthread_join(writer->thread, NULL);
    pthread_cond_destroy(&writer->added);
    pthread_mutex_destroy(&writer->mutex);
    free(writer);
}

void picture_writer_add(struct picture_writer *writer, struct picture_job *job) {
    job->next = NULL;
    pthread_mutex_lock(&writer->mutex);
    if (writer->first) {
        writer->last->next = job;
    } else {
        writer->first = job;
    }
    writer->last = job;
    writer->backlog++;
    pthread_cond_signal(&writer->added);
    pthread_mutex_unlock(&writer->mutex);
}

size_t picture_writer_get_backlog(struct picture_writer *writer) {
    pthread_mutex_lock(&writer->mutex);
    const size_t backlog = writer->backlog;
    pthread_mutex_unlock(&writer->mutex);
    return backlog;
}
