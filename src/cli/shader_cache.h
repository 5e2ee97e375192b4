/* The folder in which the contexts of one server, and no others, keep what their drivers compiled:
 * docs/sandbox.md says what they can do to each other through it.
 *
 * Folders of servers' own lie in vesper/ of $XDG_CACHE_HOME or of $HOME/.cache, which is its owner's
 * alone (0700). One of a server that will come back is kept under its name; any other one is called
 * temporary-…, is locked (flock) by its server, and goes with it, or with the next server that finds it
 * not locked. What lies in them is hostile: workers wrote it. Main thread. */
#ifndef VESPER_CLI_SHADER_CACHE_H
#define VESPER_CLI_SHADER_CACHE_H

#include <limits.h>
#include <stddef.h>

struct shader_cache {
    char folder[PATH_MAX]; /* absolute; "": there is none */
    int lock;              /* of a temporary folder: a descriptor, else -1 */
};

#define SHADER_CACHE_NONE {.lock = -1}

/* Bytes of an identity, with the NUL. */
#define SHADER_CACHE_IDENTITY_MAX 64

/* By what a server is known again: the session's `name`, which is a part of a path, or else where the disk
 * image `disk` lies. Both may be NULL. "" where there is neither, or no such image. */
void shader_cache_identify(const char *name, const char *disk, char out[SHADER_CACHE_IDENTITY_MAX]);

/* Where the folders of this user's servers lie; makes nothing. 0, -ENOENT where no home folder is known, or
 * -ENAMETOOLONG. */
int shader_cache_find_parent(char out[PATH_MAX]);

/* Uses the folder `path`, and makes it where its parent is there. 0, or a negative errno with a sentence in
 * `reason`; `out` is then none. */
int shader_cache_open(const char *path, struct shader_cache *out, char *reason, size_t reason_size);
/* Uses a folder of this server's own: that of `identity`, or a temporary one where it is "". Removes
 * temporary ones that nobody uses any more. 0, or a negative errno with a sentence in `reason`; `out` is
 * then none. */
int shader_cache_open_own(const char *identity, struct shader_cache *out, char *reason,
                          size_t reason_size);
/* Removes a temporary folder, and makes `cache` none. No worker uses it any more. */
void shader_cache_close(struct shader_cache *cache);

#endif
