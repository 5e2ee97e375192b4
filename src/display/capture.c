#include "display/capture.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "display/picture_writer.h"
#include "display/raw_output.h"
#include "display/software.h"
#include "util/log.h"

enum {
    REQUESTS_MAX = 16, /* waiting for a frame or for the disk: each may hold a picture */
    BACKLOG_MAX = 4    /* pictures above which automatic ones are left out */
};

struct capture {
    struct presenter base;
    struct presenter *software;
    struct picture_writer *writer;
    struct raw_output *raw; /* NULL: none */
    char *folder;           /* NULL: no automatic pictures */
    uint32_t every;
    uint64_t counted[PRESENTER_SCANOUTS_MAX]; /* flushes; the presenter's thread */

    pthread_mutex_t mutex; /* of the two below; tickets grow while it is held */
    struct picture_job *requests; /* no frame yet */
    uint32_t request_count;
};

static struct capture *from_base(struct presenter *presenter) {
    return (struct capture *)presenter;
}

/* ---- frames ------------------------------------------------------------------------------ */

/* The requests that a frame answers, as a list. */
static struct picture_job *take_requests(struct capture *capture,
                                         const struct software_frame *frame) {
    struct picture_job *taken = NULL;
    pthread_mutex_lock(&capture->mutex);
    for (struct picture_job **at = &capture->requests; *at;) {
        struct picture_job *job = *at;
        if (job->scanout != frame->scanout || job->ticket > frame->ticket) {
            at = &job->next;
            continue;
        }
        *at = job->next;
        capture->request_count--;
        job->next = taken;
        taken = job;
    }
    pthread_mutex_unlock(&capture->mutex);
    return taken;
}

/* The automatic picture of a frame whose flushes reach another multiple of `every`, or NULL. */
static struct picture_job *make_automatic(struct capture *capture,
                                          const struct software_frame *frame) {
    const uint64_t before = capture->counted[frame->scanout];
    capture->counted[frame->scanout] = frame->flushes;
    if (!capture->folder || !frame->pixels ||
        before / capture->every == frame->flushes / capture->every) {
        return NULL;
    }
    char path[PATH_MAX];
    int length = snprintf(path, sizeof(path), "%s/scanout-%" PRIu32 "-%06" PRIu64 ".png",
                          capture->folder, frame->scanout, frame->flushes);
    if (length < 0 || (size_t)length >= sizeof(path)) {
        log_error("capture: the name of the folder is too long");
        return NULL;
    }
    if (picture_writer_get_backlog(capture->writer) >= BACKLOG_MAX) {
        log_warning("capture: %s is left out: pictures come faster than they can be written", path);
        return NULL;
    }
    struct picture_job *job = picture_job_create(path);
    if (!job) {
        log_error("capture: no memory for %s", path);
    }
    return job;
}

/* Has one image written for all jobs of the list. */
static void write_jobs(struct capture *capture, const struct software_frame *frame,
                       struct picture_job *jobs) {
    struct picture_image *image = frame->pixels ? picture_image_create(frame) : NULL;
    while (jobs) {
        struct picture_job *job = jobs;
        jobs = job->next;
        if (image) {
            job->image = picture_image_ref(image);
            picture_writer_add(capture->writer, job);
        } else {
            picture_job_finish(job, frame->pixels ? -ENOMEM : -ENODATA);
        }
    }
    picture_image_unref(image);
}

static void take_frame(void *user, const struct software_frame *frame) {
    struct capture *capture = user;
    struct picture_job *jobs = take_requests(capture, frame);
    struct picture_job *automatic = make_automatic(capture, frame);
    if (automatic) {
        automatic->next = jobs;
        jobs = automatic;
    }
    if (jobs) {
        write_jobs(capture, frame, jobs);
    }
    if (capture->raw) {
        raw_output_offer(capture->raw, frame);
    }
}

/* ---- the presenter's calls --------------------------------------------------------------- */

static void set_listener(struct presenter *presenter, const struct presenter_listener *listener,
                         void *user) {
    struct presenter *software = from_base(presenter)->software;
    software->ops->set_listener(software, listener, user);
}

static int attach(struct presenter *presenter, uint32_t scanout,
                  const struct presenter_picture *picture, const struct presenter_rect *source) {
    struct presenter *software = from_base(presenter)->software;
    return software->ops->attach(software, scanout, picture, source);
}

static void detach(struct presenter *presenter, uint32_t scanout) {
    struct presenter *software = from_base(presenter)->software;
    software->ops->detach(software, scanout);
}

static void flush(struct presenter *presenter, uint32_t scanout,
                  const struct presenter_rect *damage, uint64_t token) {
    struct presenter *software = from_base(presenter)->software;
    software->ops->flush(software, scanout, damage, token);
}

static void set_cursor(struct presenter *presenter, uint32_t scanout, const uint32_t *pixels,
                       uint32_t hot_x, uint32_t hot_y) {
    struct presenter *software = from_base(presenter)->software;
    software->ops->set_cursor(software, scanout, pixels, hot_x, hot_y);
}

static void move_cursor(struct presenter *presenter, uint32_t scanout, int32_t x, int32_t y) {
    struct presenter *software = from_base(presenter)->software;
    software->ops->move_cursor(software, scanout, x, y);
}

static void cancel_requests(struct capture *capture) {
    while (capture->requests) {
        struct picture_job *job = capture->requests;
        capture->requests = job->next;
        picture_job_finish(job, -ECANCELED);
    }
}

static void destroy(struct presenter *presenter) {
    struct capture *capture = from_base(presenter);
    /* The raw output's thread asks the software presenter, which offers it frames. */
    if (capture->raw) {
        raw_output_stop(capture->raw);
    }
    capture->software->ops->destroy(capture->software);
    if (capture->raw) {
        raw_output_destroy(capture->raw);
    }
    cancel_requests(capture);
    picture_writer_destroy(capture->writer);
    pthread_mutex_destroy(&capture->mutex);
    free(capture->folder);
    free(capture);
}

static const struct presenter_ops ops = {
    .set_listener = set_listener,
    .attach = attach,
    .detach = detach,
    .flush = flush,
    .set_cursor = set_cursor,
    .move_cursor = move_cursor,
    .destroy = destroy,
};

/* ---- creation ---------------------------------------------------------------------------- */

static int set_folder(struct capture *capture, const struct capture_options *options) {
    if (!options->folder || options->every == 0) {
        return 0;
    }
    struct stat status;
    int error = stat(options->folder, &status) ? -errno : S_ISDIR(status.st_mode) ? 0 : -ENOTDIR;
    if (error) {
        log_error("capture: no pictures can go to %s: %s", options->folder, strerror(-error));
        return error;
    }
    capture->every = options->every;
    capture->folder = strdup(options->folder);
    return capture->folder ? 0 : -ENOMEM;
}

static void ask_for_frame(void *user, uint32_t scanout) {
    struct capture *capture = user;
    (void)software_presenter_refresh(capture->software, scanout);
}

/* What frames need must be there before the first can come: nothing is attached until create
 * has returned. */
static int start(struct capture *capture, const struct capture_options *options) {
    int error = picture_writer_create(&capture->writer);
    if (error) {
        return error;
    }
    error =
        software_presenter_create(options->scanout_count, take_frame, capture, &capture->software);
    if (error) {
        goto error_software;
    }
    error = raw_output_create(options->raw_fd, options->raw_path, options->scanout_count,
                              ask_for_frame, capture, &capture->raw);
    if (error) {
        goto error_raw;
    }
    return 0;

error_raw:
    capture->software->ops->destroy(capture->software);
error_software:
    picture_writer_destroy(capture->writer);
    return error;
}

int capture_presenter_create(const struct capture_options *options, struct presenter **out) {
    struct capture *capture = calloc(1, sizeof(*capture));
    if (!capture) {
        return -ENOMEM;
    }
    capture->base = (struct presenter){&ops, options->scanout_count};
    int error = -pthread_mutex_init(&capture->mutex, NULL);
    if (error) {
        goto error_mutex;
    }
    error = set_folder(capture, options);
    if (error) {
        goto error_folder;
    }
    error = start(capture, options);
    if (error) {
        goto error_start;
    }
    *out = &capture->base;
    return 0;

error_start:
    free(capture->folder);
error_folder:
    pthread_mutex_destroy(&capture->mutex);
error_mutex:
    free(capture);
    return error;
}

/* ---- pictures on request ----------------------------------------------------------------- */

int capture_presenter_write(struct presenter *presenter, uint32_t scanout, const char *path,
                            capture_done done, void *user) {
    if (presenter->ops != &ops || scanout >= presenter->scanout_count) {
        return -EINVAL;
    }
    struct capture *capture = from_base(presenter);
    struct picture_job *job = picture_job_create(path);
    if (!job) {
        return -ENOMEM;
    }
    job->scanout = scanout;
    job->done = done;
    job->user = user;
    pthread_mutex_lock(&capture->mutex);
    const bool accepted =
        capture->request_count + picture_writer_get_backlog(capture->writer) < REQUESTS_MAX;
    if (accepted) {
        job->ticket = software_presenter_refresh(capture->software, scanout);
        job->next = capture->requests;
        capture->requests = job;
        capture->request_count++;
    }
    pthread_mutex_unlock(&capture->mutex);
    if (!accepted) {
        free(job);
        return -EBUSY;
    }
    return 0;
}
