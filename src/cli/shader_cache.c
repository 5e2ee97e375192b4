#include "cli/shader_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/platform.h"
#include "util/log.h"

#define TEMPORARY "temporary-"
/* How often a new folder may be swept before its owner has locked it. */
#define ATTEMPTS_MAX 8

/* A worker that was taken over may outlive a killed server and make files as fast as they are removed. */
#define REMOVAL_NS UINT64_C(10000000000)

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

void shader_cache_identify(const char *name, const char *disk,
                           char out[SHADER_CACHE_IDENTITY_MAX]) {
    char path[PATH_MAX];
    out[0] = '\0';
    if (name) {
        snprintf(out, SHADER_CACHE_IDENTITY_MAX, "name-%s", name);
    } else if (disk && realpath(disk, path)) {
        /* FNV-1a, of 64 bits: short enough for a name. */
        uint64_t hash = UINT64_C(0xcbf29ce484222325);
        for (const char *at = path; *at; at++) {
            hash = (hash ^ (uint8_t)*at) * UINT64_C(0x100000001b3);
        }
        snprintf(out, SHADER_CACHE_IDENTITY_MAX, "disk-%016llx", (unsigned long long)hash);
    }
}

/* ---- removing ------------------------------------------------------------------------------ */

/* Folders may lie deeper than paths, stacks and descriptors reach, so none is descended into: what a
 * folder holds is moved up into `top` until the folder is empty. */
struct removal {
    int top;
    uint64_t moved; /* names given so far */
    uint64_t steps; /* that got us further */
    uint64_t end_ns;
};

static bool is_special(const char *name) {
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Gives back the rights to a folder which its maker may have left out. */
static void open_up(int parent, const char *name) {
    struct stat info;
    if (fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(info.st_mode)) {
        fchmodat(parent, name, 0700, AT_SYMLINK_NOFOLLOW);
    }
}

static bool remove_one(struct removal *removal, int parent, const char *name) {
    const bool is_removed =
        unlinkat(parent, name, 0) == 0 || unlinkat(parent, name, AT_REMOVEDIR) == 0;
    removal->steps += is_removed;
    return is_removed;
}

static void move_up(struct removal *removal, int parent, const char *name) {
    open_up(parent, name);
    for (;;) {
        char free_name[32];
        struct stat info;
        snprintf(free_name, sizeof(free_name), "moved-%llu", (unsigned long long)removal->moved++);
        if (fstatat(removal->top, free_name, &info, AT_SYMLINK_NOFOLLOW) < 0) {
            removal->steps += renameat(parent, name, removal->top, free_name) == 0;
            return;
        }
    }
}

static struct dirent *next_entry(struct removal *removal, DIR *folder) {
    struct dirent *entry;
    do {
        entry = platform_now_ns() < removal->end_ns ? readdir(folder) : NULL;
    } while (entry && is_special(entry->d_name));
    return entry;
}

/* Removes what the folder `name` holds, or moves it up. */
static void empty_folder(struct removal *removal, const char *name) {
    open_up(removal->top, name);
    int fd = openat(removal->top, name, FOLDER_FLAGS);
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    if (!folder) {
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    struct dirent *entry;
    while ((entry = next_entry(removal, folder))) {
        if (!remove_one(removal, fd, entry->d_name)) {
            move_up(removal, fd, entry->d_name);
        }
    }
    closedir(folder);
}

/* One pass over what the top holds. Whether it got further: what is removed while a folder is read may
 * hide what follows, and what is moved up may come later. */
static bool remove_entries(struct removal *removal, DIR *folder) {
    const uint64_t before = removal->steps;
    struct dirent *entry;
    rewinddir(folder);
    while ((entry = next_entry(removal, folder))) {
        if (!remove_one(removal, removal->top, entry->d_name)) {
            empty_folder(removal, entry->d_name);
            remove_one(removal, removal->top, entry->d_name);
        }
    }
    return removal->steps > before;
}

/* Removes the folder `path`, which is open as `fd`, with all that is in it. */
static void remove_folder(const char *path, int fd) {
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    DIR *folder = own >= 0 ? fdopendir(own) : NULL;
    if (!folder) {
        if (own >= 0) {
            close(own);
        }
        return;
    }
    struct removal removal = {.top = fd, .end_ns = platform_now_ns() + REMOVAL_NS};
    while (remove_entries(&removal, folder)) {
    }
    closedir(folder);
    if (rmdir(path) < 0) {
        log_debug("the shader cache %s cannot be removed: %s", path, strerror(errno));
    }
}

/* ---- folders of servers' own ---------------------------------------------------------------- */

/* 0, or why the folder, which nobody else may write to, is not to be relied upon. */
static int make_private(const char *path) {
    struct stat info;
    if (mkdir(path, 0700) < 0 && errno != EEXIST) {
        return -errno;
    }
    if (lstat(path, &info) < 0) {
        return -errno;
    }
    if (!S_ISDIR(info.st_mode)) {
        return -ENOTDIR;
    }
    return info.st_uid == geteuid() && (info.st_mode & 077) == 0 ? 0 : -EPERM;
}

static bool is_at(int fd, const char *path) {
    struct stat held, named;
    return fstat(fd, &held) == 0 && lstat(path, &named) == 0 && held.st_dev == named.st_dev &&
           held.st_ino == named.st_ino;
}

/* 0 once the folder `path` is locked by *out_fd and still there; -EWOULDBLOCK: somebody uses it. */
static int lock_folder(const char *path, int *out_fd) {
    int fd = open(path, FOLDER_FLAGS);
    if (fd < 0) {
        return -errno;
    }
    int error = flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
    /* Between open and flock another server may have removed it. */
    if (!error && !is_at(fd, path)) {
        error = -ENOENT;
    }
    if (error) {
        close(fd);
        return error;
    }
    *out_fd = fd;
    return 0;
}

static void sweep_entry(const char *parent, const char *name) {
    char path[PATH_MAX];
    int fd;
    if (strncmp(name, TEMPORARY, strlen(TEMPORARY)) == 0 &&
        snprintf(path, sizeof(path), "%s/%s", parent, name) < (int)sizeof(path) &&
        lock_folder(path, &fd) == 0) {
        log_debug("the shader cache %s is left over: removed", path);
        remove_folder(path, fd);
        close(fd);
    }
}

/* Removes temporary folders of servers that were killed. */
static void sweep(const char *parent) {
    DIR *folder = opendir(parent);
    struct dirent *entry;
    while (folder && (entry = readdir(folder))) {
        sweep_entry(parent, entry->d_name);
    }
    if (folder) {
        closedir(folder);
    }
}

/* A server that starts at the same time may take a folder that is not locked yet for one left over. Then
 * either its lock is there before ours, or the folder has gone when we have ours: another one is made.
 * Once ours holds on a folder that is still there, nobody sweeps it. */
static int make_temporary(const char *parent, struct shader_cache *out) {
    int error = -EAGAIN;
    for (int i = 0; i < ATTEMPTS_MAX && (error == -EAGAIN || error == -ENOENT); i++) {
        char path[PATH_MAX];
        if (snprintf(path, sizeof(path), "%s/" TEMPORARY "XXXXXX", parent) >= (int)sizeof(path)) {
            return -ENAMETOOLONG;
        }
        if (!mkdtemp(path)) {
            return -errno;
        }
        error = lock_folder(path, &out->lock);
        if (!error) {
            memcpy(out->folder, path, sizeof(path));
        } else if (error != -EAGAIN) {
            rmdir(path); /* a folder where nothing can be locked would stay */
        }
    }
    return error;
}

static int make_kept(const char *parent, const char *identity, struct shader_cache *out) {
    const int length = snprintf(out->folder, sizeof(out->folder), "%s/%s", parent, identity);
    const int error =
        (size_t)length < sizeof(out->folder) ? make_private(out->folder) : -ENAMETOOLONG;
    if (error) {
        out->folder[0] = '\0';
    }
    return error;
}

int shader_cache_find_parent(char out[PATH_MAX]) {
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    const bool is_given = cache && cache[0] == '/';
    if (!is_given && !(home && home[0] == '/')) {
        snprintf(out, PATH_MAX, "$HOME/.cache/vesper");
        return -ENOENT;
    }
    const int length =
        snprintf(out, PATH_MAX, "%s%s/vesper", is_given ? cache : home, is_given ? "" : "/.cache");
    return length < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* The folder of all servers of this user, made where it is missing. */
static int make_parent(char out[PATH_MAX]) {
    int error = shader_cache_find_parent(out);
    if (error) {
        return error;
    }
    char *slash = strrchr(out, '/');
    *slash = '\0';
    error = mkdir(out, 0700) < 0 && errno != EEXIST ? -errno : 0;
    if (error) {
        return error; /* `out` names what cannot be made */
    }
    *slash = '/';
    return make_private(out);
}

static const char *explain(int error) {
    return error == -EPERM ? "it is another user's, or open to others" : strerror(-error);
}

int shader_cache_open_own(const char *identity, struct shader_cache *out, char *reason,
                          size_t reason_size) {
    char parent[PATH_MAX];
    *out = (struct shader_cache)SHADER_CACHE_NONE;
    int error = make_parent(parent);
    if (error) {
        snprintf(reason, reason_size, "%s cannot be used for shader caches: %s", parent,
                 explain(error));
        return error;
    }
    sweep(parent);
    error = identity[0] ? make_kept(parent, identity, out) : make_temporary(parent, out);
    if (error) {
        snprintf(reason, reason_size, "no shader cache can be made in %s: %s", parent,
                 explain(error));
    }
    return error;
}

/* ---- one that was asked for ------------------------------------------------------------------ */

int shader_cache_open(const char *path, struct shader_cache *out, char *reason,
                      size_t reason_size) {
    *out = (struct shader_cache)SHADER_CACHE_NONE;
    struct stat info;
    int error = mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
    if (!error && (!realpath(path, out->folder) || stat(out->folder, &info) < 0)) {
        error = -errno;
    }
    if (!error && !S_ISDIR(info.st_mode)) {
        error = -ENOTDIR;
    }
    if (!error && access(out->folder, R_OK | W_OK | X_OK) < 0) {
        error = -errno;
    }
    if (error) {
        out->folder[0] = '\0';
        snprintf(reason, reason_size, "the folder %s cannot be used: %s", path, strerror(-error));
    }
    return error;
}

void shader_cache_close(struct shader_cache *cache) {
    if (cache->lock >= 0) {
        remove_folder(cache->folder, cache->lock);
        close(cache->lock);
    }
    *cache = (struct shader_cache)SHADER_CACHE_NONE;
}
