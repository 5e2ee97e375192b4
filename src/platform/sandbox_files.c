/* Which files a worker of the sandbox can open: Landlock, by raw system calls, for C libraries have
 * none for it. docs/sandbox.md says which and why. */
#include "platform/sandbox_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Headers of older kernels know less than the kernel may. */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15)
#endif
#ifndef LANDLOCK_ACCESS_NET_BIND_TCP
#define LANDLOCK_ACCESS_NET_BIND_TCP (1ULL << 0)
#define LANDLOCK_ACCESS_NET_CONNECT_TCP (1ULL << 1)
#endif
#ifndef LANDLOCK_SCOPE_SIGNAL
#define LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET (1ULL << 0)
#define LANDLOCK_SCOPE_SIGNAL (1ULL << 1)
#endif

/* As the kernel takes it today; it is told how much of it counts. */
struct ruleset {
    uint64_t files, net, scoped;
};

#define READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define DEVICE (READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_IOCTL_DEV)
/* Regular files and folders: what else there is could be used by programs outside. */
#define CACHE                                                                                      \
    (READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE |                          \
     LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |  \
     LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REFER)
/* The rights that mean something for what is no folder. */
#define OF_FILE                                                                                    \
    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_IOCTL_DEV)

/* Manifests are short; what is longer is not looked through. */
#define MANIFEST_BYTES_MAX 65536

int sandbox_files_version(void) {
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return version > 0 ? (int)version : 0;
}

/* All that this version of the kernel can forbid. */
static struct ruleset everything(int version, size_t *out_size) {
    struct ruleset ruleset = {.files = LANDLOCK_ACCESS_FS_REFER - 1};
    *out_size = sizeof(ruleset.files);
    if (version >= 2) {
        ruleset.files |= LANDLOCK_ACCESS_FS_REFER;
    }
    if (version >= SANDBOX_FILES_TRUNCATE) {
        ruleset.files |= LANDLOCK_ACCESS_FS_TRUNCATE;
    }
    if (version >= 4) {
        ruleset.net = LANDLOCK_ACCESS_NET_BIND_TCP | LANDLOCK_ACCESS_NET_CONNECT_TCP;
        *out_size += sizeof(ruleset.net);
    }
    if (version >= 5) {
        ruleset.files |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
    }
    if (version >= 6) {
        ruleset.scoped = LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL;
        *out_size += sizeof(ruleset.scoped);
    }
    return ruleset;
}

struct rules {
    int fd;
    uint64_t handled;
    int error; /* of the first rule that could not be added */
};

/* What is not there needs no rule. */
static void allow(struct rules *rules, const char *path, uint64_t access) {
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    struct stat info;
    if (fstat(fd, &info) == 0) {
        const uint64_t meaningful = S_ISDIR(info.st_mode) ? ~UINT64_C(0) : OF_FILE;
        const struct landlock_path_beneath_attr rule = {
            .allowed_access = access & rules->handled & meaningful,
            .parent_fd = fd,
        };
        if (rule.allowed_access && !rules->error &&
            syscall(SYS_landlock_add_rule, rules->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0) {
            rules->error = -errno;
        }
    }
    close(fd);
}

static void allow_matching(struct rules *rules, const char *pattern, uint64_t access) {
    glob_t found;
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            allow(rules, found.gl_pathv[i], access);
        }
        globfree(&found);
    }
}

/* ---- manifests of drivers and layers ----------------------------------------------------- */

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

/* The folder of a library: what it needs often lies beside it. */
static void allow_folder_of(struct rules *rules, const char *manifest, const char *library,
                            size_t length) {
    char path[PATH_MAX];
    const char *slash = strrchr(manifest, '/');
    const int folder = library[0] == '/' || !slash ? 0 : (int)(slash + 1 - manifest);
    const int count =
        snprintf(path, sizeof(path), "%.*s%.*s", folder, manifest, (int)length, library);
    if (count < 0 || (size_t)count >= sizeof(path)) {
        return;
    }
    char *end = strrchr(path, '/');
    if (end && end > path) {
        *end = '\0';
        allow(rules, path, READ);
    }
}

/* A bare name is looked for where libraries are; one with a slash may lie anywhere. */
static void allow_manifest(struct rules *rules, const char *path) {
    static const char key[] = "\"library_path\"";
    allow(rules, path, READ);
    char *text = read_text(path);
    const char *found = text ? strstr(text, key) : NULL;
    if (found) {
        const char *library = found + strlen(key);
        library += strspn(library, " \t\r\n:");
        if (*library == '"') {
            library++;
            const size_t length = strcspn(library, "\"");
            if (length < PATH_MAX && memchr(library, '/', length)) {
                allow_folder_of(rules, path, library, length);
            }
        }
    }
    free(text);
}

/* A manifest, or a folder of them. */
static void allow_manifests(struct rules *rules, const char *path) {
    char pattern[PATH_MAX];
    struct stat info;
    if (stat(path, &info) < 0) {
        return;
    }
    if (!S_ISDIR(info.st_mode)) {
        allow_manifest(rules, path);
        return;
    }
    allow(rules, path, READ);
    glob_t found;
    if (snprintf(pattern, sizeof(pattern), "%s/*.json", path) < (int)sizeof(pattern) &&
        glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            allow_manifest(rules, found.gl_pathv[i]);
        }
        globfree(&found);
    }
}

/* The members of a list of paths, in a variable of the environment, each followed by `suffix`. */
static void allow_listed(struct rules *rules, const char *variable, const char *suffix,
                         void (*allow_one)(struct rules *rules, const char *path)) {
    const char *list = getenv(variable);
    while (list && *list) {
        const size_t length = strcspn(list, ":");
        char path[PATH_MAX];
        if (length &&
            snprintf(path, sizeof(path), "%.*s%s", (int)length, list, suffix) < (int)sizeof(path)) {
            allow_one(rules, path);
        }
        list += length + (list[length] == ':');
    }
}

static void allow_reading(struct rules *rules, const char *path) {
    allow(rules, path, READ);
}

/* One of the folders that hold the loader's own. */
static void allow_vulkan_folder(struct rules *rules, const char *folder) {
    static const char *const parts[] = {"icd.d", "explicit_layer.d", "implicit_layer.d"};
    allow(rules, folder, READ);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        char path[PATH_MAX];
        if (snprintf(path, sizeof(path), "%s/%s", folder, parts[i]) < (int)sizeof(path)) {
            allow_manifests(rules, path);
        }
    }
}

static void allow_loader(struct rules *rules) {
    static const char *const lists[] = {
        "VK_DRIVER_FILES",   "VK_ICD_FILENAMES",       "VK_ADD_DRIVER_FILES",       "VK_LAYER_PATH",
        "VK_ADD_LAYER_PATH", "VK_IMPLICIT_LAYER_PATH", "VK_ADD_IMPLICIT_LAYER_PATH"};
    static const char *const folders[] = {"/etc/vulkan", "/etc/xdg/vulkan", "/usr/share/vulkan",
                                          "/usr/local/share/vulkan",
                                          "/run/opengl-driver/share/vulkan"};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        allow_listed(rules, lists[i], "", allow_manifests);
    }
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        allow_vulkan_folder(rules, folders[i]);
    }
    const char *library = getenv("VESPER_VULKAN_LIBRARY");
    if (library && strchr(library, '/')) {
        allow_folder_of(rules, "", library, strlen(library));
    }
    allow_listed(rules, "XDG_DATA_HOME", "/vulkan", allow_vulkan_folder);
    allow_listed(rules, "XDG_DATA_DIRS", "/vulkan", allow_vulkan_folder);
    allow_listed(rules, "XDG_CONFIG_HOME", "/vulkan", allow_vulkan_folder);
    allow_listed(rules, "XDG_CONFIG_DIRS", "/vulkan", allow_vulkan_folder);
    allow_listed(rules, "HOME", "/.local/share/vulkan", allow_vulkan_folder);
    allow_listed(rules, "HOME", "/.config/vulkan", allow_vulkan_folder);
    allow_listed(rules, "LD_LIBRARY_PATH", "", allow_reading);
}

/* ---- the levels -------------------------------------------------------------------------- */

static void allow_for_any_driver(struct rules *rules) {
    static const char *const read[] = {
        /* libraries, and what they read of their own */
        "/usr", "/lib", "/lib32", "/lib64", "/opt", "/nix/store", "/gnu/store",
        "/run/opengl-driver", "/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/drirc",
        "/etc/localtime",
        /* processors and memory; /proc/self is this process's folder and no other's */
        "/sys/devices/system", "/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/sys/vm",
        "/dev/urandom", "/dev/random", "/dev/zero"};
    for (size_t i = 0; i < sizeof(read) / sizeof(read[0]); i++) {
        allow(rules, read[i], READ);
    }
    allow(rules, "/dev/null", READ | LANDLOCK_ACCESS_FS_WRITE_FILE);
    allow_loader(rules);
}

static const char *const graphics_nodes[] = {"/dev/dri/renderD*", "/dev/nvidiactl", "/dev/kfd",
                                             "/dev/dxg",          "/dev/mali*",     "/dev/kgsl*"};

static void allow_for_graphics_cards(struct rules *rules) {
    static const char *const read[] = {"/sys",          "/proc/sys",     "/proc/driver",
                                       "/proc/devices", "/proc/modules", "/run/udev",
                                       "/etc/nvidia",   "/etc/amd"};
    static const char *const devices[] = {"/dev/dri",     "/dev/nvidia*",  "/dev/kfd",
                                          "/dev/udmabuf", "/dev/dma_heap", "/dev/dxg",
                                          "/dev/mali*",   "/dev/kgsl*"};
    for (size_t i = 0; i < sizeof(read) / sizeof(read[0]); i++) {
        allow(rules, read[i], READ);
    }
    for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
        allow_matching(rules, devices[i], DEVICE);
    }
}

bool sandbox_files_has_graphics_node(void) {
    for (size_t i = 0; i < sizeof(graphics_nodes) / sizeof(graphics_nodes[0]); i++) {
        glob_t found;
        if (glob(graphics_nodes[i], 0, NULL, &found) == 0) {
            globfree(&found);
            return true;
        }
    }
    return false;
}

int sandbox_files_enter(enum platform_sandbox level, const char *cache) {
    const int version = sandbox_files_version();
    if (cache && version < SANDBOX_FILES_TRUNCATE) {
        return -ENOSYS;
    }
    size_t size;
    const struct ruleset ruleset = everything(version, &size);
    long fd = syscall(SYS_landlock_create_ruleset, &ruleset, size, 0);
    if (fd < 0) {
        return -errno;
    }
    struct rules rules = {.fd = (int)fd, .handled = ruleset.files};
    allow_for_any_driver(&rules);
    if (level == PLATFORM_SANDBOX_DRIVER) {
        allow_for_graphics_cards(&rules);
    }
    if (cache) {
        allow(&rules, cache, CACHE);
    }
    if (!rules.error && syscall(SYS_landlock_restrict_self, rules.fd, 0) < 0) {
        rules.error = -errno;
    }
    close(rules.fd);
    return rules.error;
}
