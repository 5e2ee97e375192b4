#include "cli/runtime.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "platform/platform.h"

#define SUFFIX ".control"
/* Between its bind and its listen nobody answers at a socket that is about to be a session's. */
#define STALE_SECONDS 2

enum { PARENT_XDG, PARENT_TMPDIR, PARENT_TMP, PARENT_COUNT };

/* NULL where there is none. */
static const char *get_parent(int which) {
    const char *path = which == PARENT_XDG      ? getenv("XDG_RUNTIME_DIR")
                       : which == PARENT_TMPDIR ? getenv("TMPDIR")
                                                : "/tmp";
    return path && path[0] == '/' ? path : NULL;
}

static bool get_folder(int which, char *out, size_t size) {
    const char *parent = get_parent(which);
    const int length =
        parent ? snprintf(out, size, "%s/vesper-%lu", parent, (unsigned long)getuid()) : -1;
    return length > 0 && (size_t)length < size;
}

/* 0, or why the folder is not to be relied upon. */
static int check_folder(const char *folder) {
    struct stat status;
    if (lstat(folder, &status) < 0) {
        return -errno;
    }
    if (!S_ISDIR(status.st_mode)) {
        return -ENOTDIR;
    }
    return status.st_uid == getuid() && (status.st_mode & 077) == 0 ? 0 : -EPERM;
}

bool runtime_name_is_valid(const char *name) {
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    const size_t length = strlen(name);
    return length >= 1 && length <= RUNTIME_NAME_MAX && name[0] != '.' &&
           strspn(name, letters) == length;
}

static int make_folder(const char *folder) {
    return mkdir(folder, 0700) < 0 && errno != EEXIST ? -errno : check_folder(folder);
}

int runtime_make_socket_path(const char *name, char out[RUNTIME_PATH_MAX], char *reason,
                             size_t reason_size) {
    char folder[RUNTIME_PATH_MAX - sizeof(SUFFIX) - RUNTIME_NAME_MAX - 1] = "";
    int error = -ENOENT;
    for (int i = 0; i < PARENT_COUNT; i++) {
        if (!get_folder(i, folder, sizeof(folder))) {
            continue;
        }
        error = make_folder(folder);
        if (!error) {
            snprintf(out, RUNTIME_PATH_MAX, "%s/%s" SUFFIX, folder, name);
            return 0;
        }
    }
    snprintf(reason, reason_size, "the folder %s cannot be used for the control socket: %s", folder,
             error == -EPERM ? "it is another user's, or open to others" : strerror(-error));
    return error;
}

/* ---- finding ------------------------------------------------------------------------------ */

/* Whether `path` is a socket of ours that somebody listens at. */
static bool is_live(const char *path) {
    struct stat status;
    if (lstat(path, &status) < 0 || !S_ISSOCK(status.st_mode) || status.st_uid != getuid()) {
        return false;
    }
    int fd;
    const int error = platform_socket_connect(path, &fd);
    if (!error) {
        close(fd);
        return true;
    }
    if (error == -ECONNREFUSED && time(NULL) - status.st_mtime >= STALE_SECONDS) {
        unlink(path);
    }
    return false;
}

static bool take_entry(const char *folder, const char *entry, struct runtime_session *out) {
    const size_t length = strlen(entry);
    const size_t name_length = length - strlen(SUFFIX);
    if (length <= strlen(SUFFIX) || name_length > RUNTIME_NAME_MAX ||
        strcmp(entry + name_length, SUFFIX) != 0) {
        return false;
    }
    memcpy(out->name, entry, name_length);
    out->name[name_length] = 0;
    const int path_length = snprintf(out->path, sizeof(out->path), "%s/%s", folder, entry);
    return runtime_name_is_valid(out->name) && (size_t)path_length < sizeof(out->path) &&
           is_live(out->path);
}

static size_t list_folder(const char *folder, struct runtime_session *out, size_t capacity) {
    DIR *directory = check_folder(folder) ? NULL : opendir(folder);
    if (!directory) {
        return 0;
    }
    size_t count = 0;
    struct dirent *entry;
    while (count < capacity && (entry = readdir(directory))) {
        count += take_entry(folder, entry->d_name, &out[count]);
    }
    closedir(directory);
    return count;
}

/* $TMPDIR may be /tmp. */
static bool is_listed_already(int which, const char *folder) {
    char earlier[RUNTIME_PATH_MAX];
    for (int i = 0; i < which; i++) {
        if (get_folder(i, earlier, sizeof(earlier)) && strcmp(earlier, folder) == 0) {
            return true;
        }
    }
    return false;
}

static int compare_names(const void *a, const void *b) {
    const struct runtime_session *left = a, *right = b;
    return strcmp(left->name, right->name);
}

size_t runtime_list_sessions(struct runtime_session out[RUNTIME_SESSIONS_MAX]) {
    size_t count = 0;
    for (int i = 0; i < PARENT_COUNT; i++) {
        char folder[RUNTIME_PATH_MAX];
        if (get_folder(i, folder, sizeof(folder)) && !is_listed_already(i, folder)) {
            count += list_folder(folder, out + count, RUNTIME_SESSIONS_MAX - count);
        }
    }
    qsort(out, count, sizeof(*out), compare_names);
    return count;
}
