/* The capture presenter: no screen; what scanouts show goes to PNG files and, as raw frames, to a
 * pipe. The formats are described in docs/display.md. */
#ifndef VESPER_DISPLAY_CAPTURE_H
#define VESPER_DISPLAY_CAPTURE_H

#include <stdint.h>

#include "display/presenter.h"

struct capture_options {
    uint32_t scanout_count; /* 1 … PRESENTER_SCANOUTS_MAX */
    /* Where a PNG of a scanout goes after each `every` flushes of it, named after the scanout
     * and the flushes so far: scanout-0-000012.png. NULL or 0: none. The folder exists. Where
     * pictures come faster than they can be written, some are left out, with a message. */
    const char *folder;
    uint32_t every;
    /* Where raw frames go; one of the two, or none. A slow reader gets fewer frames. The process
     * ignores SIGPIPE: some systems send it to any of the threads. */
    int raw_fd; /* ≤ 0: none; becomes the presenter's on success, and non-blocking */
    const char *raw_path; /* of a FIFO, made where nothing is there; NULL: none */
};

/* 0 or a negative errno, with a message: -EINVAL for the count or for both raw outputs, -ENOENT
 * or -ENOTDIR for the folder, -EEXIST where raw_path is something else than a FIFO, … Strings are
 * copied. The presenter ends with its destroy call, which writes the pictures already taken,
 * ends the other requests with -ECANCELED, and closes the raw output. */
int capture_presenter_create(const struct capture_options *options, struct presenter **out);

/* Called once for a request, on a thread of the presenter; must not block. `error`: 0, or a
 * negative errno of the file, -ENODATA: the scanout has never shown anything, -ENOMEM,
 * -ECANCELED. */
typedef void (*capture_done)(void *user, int error);

/* Writes what `scanout` shows after all calls so far as a PNG at `path` (copied), which appears
 * whole. `done` may be NULL. 0: it will be; else a negative errno, and `done` is not called:
 * -EINVAL for the scanout or for a presenter of another kind, -EBUSY: too many requests are
 * waiting, -ENOMEM. Any thread. */
int capture_presenter_write(struct presenter *presenter, uint32_t scanout, const char *path,
                            capture_done done, void *user);

/* As above, and waits for the end or until platform_now_ns() is `deadline_ns` (UINT64_MAX: for
 * ever). Returns how it ended; -ETIMEDOUT: the file may still appear later. Any thread but the
 * presenter's. */
int capture_presenter_write_and_wait(struct presenter *presenter, uint32_t scanout,
                                     const char *path, uint64_t deadline_ns);

#endif
