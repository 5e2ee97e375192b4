#include "renderer/manifests.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/platform.h"

/* Manifests have a few hundred. */
#define MANIFEST_BYTES_MAX 65536
/* Named in a sentence; the rest is counted. */
#define NAMED_MAX 3

/* ---- places ------------------------------------------------------------------------------ */

struct visitor {
    manifests_visit visit;
    void *user;
};

/* Each member of a list with colons, followed by `suffix`. */
static void visit_members(const struct visitor *to, const char *list, const char *suffix,
                          const char *variable) {
    while (list && *list) {
        const size_t length = strcspn(list, ":");
        char path[PATH_MAX];
        if (length &&
            snprintf(path, sizeof(path), "%.*s%s", (int)length, list, suffix) < (int)sizeof(path)) {
            to->visit(path, variable, to->user);
        }
        list += length + (list[length] == ':');
    }
}

static const char *get_set(const char *variable) {
    const char *value = getenv(variable);
    return value && *value ? value : NULL;
}

/* A folder of the person's own: `variable`, or else `in_home` below the home folder. */
static void visit_own(const struct visitor *to, const char *variable, const char *in_home) {
    const char *folder = get_set(variable);
    char path[PATH_MAX];
    if (folder) {
        visit_members(to, folder, "/vulkan/icd.d", NULL);
    } else if (get_set("HOME") &&
               snprintf(path, sizeof(path), "%s/%s", getenv("HOME"), in_home) < (int)sizeof(path)) {
        visit_members(to, path, "/vulkan/icd.d", NULL);
    }
}

static void visit_shared(const struct visitor *to, const char *variable, const char *otherwise) {
    const char *folders = get_set(variable);
    visit_members(to, folders ? folders : otherwise, "/vulkan/icd.d", NULL);
}

static void visit_folders(const struct visitor *to) {
    visit_own(to, "XDG_CONFIG_HOME", ".config");
    visit_shared(to, "XDG_CONFIG_DIRS", "/etc/xdg");
    for (const char *const *folder = platform_vulkan_folders(); *folder; folder++) {
        visit_members(to, *folder, "/icd.d", NULL);
    }
    visit_own(to, "XDG_DATA_HOME", ".local/share");
    visit_shared(to, "XDG_DATA_DIRS", "/usr/local/share:/usr/share");
}

/* The first variable alone, where it is set; the second is its older name. */
void manifests_for_each_place(manifests_visit visit, void *user) {
    static const char *const instead[] = {"VK_DRIVER_FILES", "VK_ICD_FILENAMES"};
    const struct visitor to = {visit, user};
    for (size_t i = 0; i < sizeof(instead) / sizeof(instead[0]); i++) {
        if (get_set(instead[i])) {
            visit_members(&to, getenv(instead[i]), "", instead[i]);
            return;
        }
    }
    visit_members(&to, get_set("VK_ADD_DRIVER_FILES"), "", "VK_ADD_DRIVER_FILES");
    visit_folders(&to);
}

/* ---- what is found there ------------------------------------------------------------------ */

/* A list of names with commas between them, of which the first few are kept. */
struct names {
    unsigned count;
    char text[MANIFESTS_TEXT_BYTES / 2];
};

struct search {
    struct names places;
    struct names manifests;
    struct names portability; /* of drivers that only some see */
    struct names broken;      /* with why */
    const char *variable;
};

static void add_name(struct names *names, unsigned most, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void add_name(struct names *names, unsigned most, const char *format, ...) {
    const size_t used = strlen(names->text);
    if (names->count++ >= most) {
        return;
    }
    char name[PATH_MAX];
    va_list values;
    va_start(values, format);
    vsnprintf(name, sizeof(name), format, values);
    va_end(values);
    snprintf(names->text + used, sizeof(names->text) - used, "%s%s", used ? ", " : "", name);
}

static char *read_text(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    char *text = fd >= 0 ? malloc(MANIFEST_BYTES_MAX + 1) : NULL;
    if (text) {
        ssize_t count = read(fd, text, MANIFEST_BYTES_MAX);
        text[count > 0 ? count : 0] = '\0';
    }
    if (fd >= 0) {
        close(fd);
    }
    return text;
}

/* Behind `"key":`, or NULL. */
static const char *find_value(const char *text, const char *key) {
    const char *found = strstr(text, key);
    if (!found) {
        return NULL;
    }
    found += strlen(key);
    return found + strspn(found, " \t\r\n:");
}

/* Where the library is named by a path, that path; a bare name is looked for where libraries are. */
static bool get_library(const char *manifest, const char *text, char *out, size_t size) {
    const char *value = find_value(text, "\"library_path\"");
    if (!value || *value != '"') {
        return false;
    }
    value++;
    const int length = (int)strcspn(value, "\"");
    if (!memchr(value, '/', (size_t)length)) {
        return false;
    }
    const char *slash = strrchr(manifest, '/');
    const int folder = *value == '/' || !slash ? 0 : (int)(slash + 1 - manifest);
    return snprintf(out, size, "%.*s%.*s", folder, manifest, length, value) < (int)size;
}

static void look_at_manifest(struct search *search, const char *path) {
    char library[PATH_MAX];
    char *text = read_text(path);
    add_name(&search->manifests, NAMED_MAX, "%s", path);
    if (!text) {
        add_name(&search->broken, NAMED_MAX, "%s cannot be read: %s", path, strerror(errno));
        return;
    }
    const char *portability = find_value(text, "\"is_portability_driver\"");
    if (!find_value(text, "\"library_path\"")) {
        add_name(&search->broken, NAMED_MAX, "%s names no library", path);
    } else if (get_library(path, text, library, sizeof(library)) && access(library, R_OK) != 0) {
        add_name(&search->broken, NAMED_MAX, "%s names %s: %s", path, library, strerror(errno));
    } else if (portability && strncmp(portability, "true", 4) == 0) {
        add_name(&search->portability, NAMED_MAX, "%s", path);
    }
    free(text);
}

static void look_at_place(const char *place, const char *variable, void *user) {
    struct search *search = user;
    struct stat info;
    search->variable = variable ? variable : search->variable;
    add_name(&search->places, UINT_MAX, "%s", place);
    if (stat(place, &info) < 0) {
        return;
    }
    if (!S_ISDIR(info.st_mode)) {
        look_at_manifest(search, place);
        return;
    }
    char pattern[PATH_MAX];
    glob_t found;
    if (snprintf(pattern, sizeof(pattern), "%s/*.json", place) < (int)sizeof(pattern) &&
        glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            look_at_manifest(search, found.gl_pathv[i]);
        }
        globfree(&found);
    }
}

/* ---- the sentence ------------------------------------------------------------------------- */

bool manifests_explain(bool lists_portability, char *out, size_t size) {
    struct search *search = calloc(1, sizeof(*search));
    if (!search) {
        snprintf(out, size, "there is no memory to find out why");
        return false;
    }
    manifests_for_each_place(look_at_place, search);
    const unsigned count = search->manifests.count;
    const unsigned hidden = lists_portability ? 0 : search->portability.count;
    const bool is_explained = search->broken.count + hidden == count;
    if (!count) {
        snprintf(out, size, "no driver manifest was found in %s%s%s",
                 search->variable ? search->variable : "the folders searched",
                 search->variable ? ", which has " : ": ", search->places.text);
    } else if (hidden && is_explained) {
        snprintf(
            out, size,
            "all that was found are portability drivers (%s), and this Vulkan library does not "
            "offer VK_KHR_portability_enumeration, without which it hides them: a library of "
            "version 1.3.207 or later does%s%s",
            search->portability.text, search->broken.count ? "; " : "", search->broken.text);
    } else if (is_explained) {
        snprintf(out, size, "no driver manifest is of use: %s", search->broken.text);
    } else {
        snprintf(
            out, size,
            "%u driver manifest%s found (%s%s), but no driver could be loaded, or none fits%s%s"
            " (VK_LOADER_DEBUG=error,driver tells more)",
            count, count == 1 ? " was" : "s were", search->manifests.text,
            count > NAMED_MAX ? ", …" : "", search->broken.count ? "; " : "", search->broken.text);
    }
    free(search);
    return is_explained;
}
