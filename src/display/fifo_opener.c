#include "display/fifo_opener.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/platform.h"
#include "util/log.h"

#define STOP_DEADLINE_NS 1000000000

struct fifo_opener {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool asked, stopped, ended;
    bool abandoned; /* by its owner: the thread frees it */
    int result;     /* a descriptor or a negative errno; -EAGAIN: none */
    struct platform_wake wake;

    bool made; /* the FIFO, here; then device and inode tell it from another */
    dev_t device;
    ino_t inode;
    char path[];
};

static void free_opener(struct fifo_opener *opener) {
    if (opener->result >= 0) {
        close(opener->result);
    }
    platform_wake_finish(&opener->wake);
    pthread_cond_destroy(&opener->changed);
    pthread_mutex_destroy(&opener->mutex);
    free(opener);
}

/* ---- thread ------------------------------------------------------------------------------ */

/* Somebody may have put another file at the path since. */
static int check_opened(int fd) {
    struct stat status;
    if (fstat(fd, &status)) {
        return -errno;
    }
    if (!S_ISFIFO(status.st_mode)) {
        return -EEXIST;
    }
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

static int open_for_reader(const char *path) {
    int fd;
    do {
        fd = open(path, O_WRONLY | O_CLOEXEC);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) {
        return -errno;
    }
    int error = check_opened(fd);
    if (error) {
        close(fd);
        return error;
    }
    return fd;
}

/* Waits until asked; false once stopped. */
static bool wait_until_asked(struct fifo_opener *opener) {
    pthread_mutex_lock(&opener->mutex);
    while (!opener->asked && !opener->stopped) {
        pthread_cond_wait(&opener->changed, &opener->mutex);
    }
    opener->asked = false;
    const bool goes_on = !opener->stopped;
    pthread_mutex_unlock(&opener->mutex);
    return goes_on;
}

static void leave_result(struct fifo_opener *opener, int result) {
    pthread_mutex_lock(&opener->mutex);
    opener->result = result;
    platform_wake_signal(&opener->wake);
    pthread_mutex_unlock(&opener->mutex);
}

static void *run(void *argument) {
    struct fifo_opener *opener = argument;
    while (wait_until_asked(opener)) {
        leave_result(opener, open_for_reader(opener->path));
    }
    pthread_mutex_lock(&opener->mutex);
    opener->ended = true;
    const bool abandoned = opener->abandoned;
    pthread_cond_signal(&opener->changed);
    pthread_mutex_unlock(&opener->mutex);
    if (abandoned) {
        free_opener(opener);
    }
    return NULL;
}

/* ---- FIFO -------------------------------------------------------------------------------- */

static int make_fifo(struct fifo_opener *opener) {
    struct stat status;
    if (mkfifo(opener->path, 0600) == 0) {
        opener->made = true;
    } else if (errno != EEXIST) {
        return -errno;
    }
    if (stat(opener->path, &status)) {
        return -errno;
    }
    opener->device = status.st_dev;
    opener->inode = status.st_ino;
    return S_ISFIFO(status.st_mode) ? 0 : -EEXIST;
}

static void remove_fifo(const struct fifo_opener *opener) {
    struct stat status;
    if (opener->made && lstat(opener->path, &status) == 0 && status.st_dev == opener->device &&
        status.st_ino == opener->inode) {
        unlink(opener->path);
    }
}

/* ---- calls ------------------------------------------------------------------------------- */

static int start_thread(struct fifo_opener *opener) {
    int error = platform_wake_init(&opener->wake);
    if (error) {
        return error;
    }
    error = -pthread_mutex_init(&opener->mutex, NULL);
    if (error) {
        goto error_mutex;
    }
    error = platform_cond_init(&opener->changed);
    if (error) {
        goto error_cond;
    }
    error = platform_thread_start(&opener->thread, "fifo", run, opener);
    if (error) {
        goto error_thread;
    }
    return 0;

error_thread:
    pthread_cond_destroy(&opener->changed);
error_cond:
    pthread_mutex_destroy(&opener->mutex);
error_mutex:
    platform_wake_finish(&opener->wake);
    return error;
}

int fifo_opener_create(const char *path, struct fifo_opener **out) {
    const size_t size = strlen(path) + 1;
    struct fifo_opener *opener = calloc(1, sizeof(*opener) + size);
    if (!opener) {
        return -ENOMEM;
    }
    memcpy(opener->path, path, size);
    opener->result = -EAGAIN;
    int error = make_fifo(opener);
    if (error) {
        goto error_fifo;
    }
    error = start_thread(opener);
    if (error) {
        goto error_fifo;
    }
    *out = opener;
    return 0;

error_fifo:
    remove_fifo(opener);
    free(opener);
    return error;
}

void fifo_opener_destroy(struct fifo_opener *opener) {
    const uint64_t deadline = platform_now_ns() + STOP_DEADLINE_NS;
    pthread_t thread = opener->thread;
    pthread_mutex_lock(&opener->mutex);
    opener->stopped = true;
    pthread_cond_signal(&opener->changed);
    pthread_mutex_unlock(&opener->mutex);
    /* A reader: ours, so that open returns. It fails to help where the FIFO has been replaced;
     * then the thread stays in open, with what is its own. */
    int reader = open(opener->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    pthread_mutex_lock(&opener->mutex);
    while (!opener->ended && platform_cond_wait_until(&opener->changed, &opener->mutex, deadline)) {
    }
    const bool ended = opener->ended;
    opener->abandoned = !ended;
    remove_fifo(opener);
    pthread_mutex_unlock(&opener->mutex);
    if (reader >= 0) {
        close(reader);
    }
    if (!ended) {
        log_warning("capture: a thread goes on waiting for a FIFO that somebody has replaced");
        pthread_detach(thread);
        return;
    }
    pthread_join(thread, NULL);
    free_opener(opener);
}

void fifo_opener_start(struct fifo_opener *opener) {
    pthread_mutex_lock(&opener->mutex);
    opener->asked = true;
    pthread_cond_signal(&opener->changed);
    pthread_mutex_unlock(&opener->mutex);
}

int fifo_opener_get_poll_fd(const struct fifo_opener *opener) {
    return opener->wake.read_fd;
}

int fifo_opener_take(struct fifo_opener *opener) {
    platform_wake_drain(&opener->wake);
    pthread_mutex_lock(&opener->mutex);
    const int result = opener->result;
    opener->result = -EAGAIN;
    pthread_mutex_unlock(&opener->mutex);
    return result;
}
