/* The folders of shader caches: whose they are, what is kept, what is swept, and what cannot hold them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/shader_cache.h"
#include "open_descriptors.h"

#define DEPTH 1200 /* folders, of which the path is longer than PATH_MAX */
#define SERVERS 6
#define ROUNDS 60

#define NOBODY 65534

static char home[64], reason[PATH_MAX + 256];
static int descriptors;

static const char *beneath(const char *name) {
    static char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", home, name);
    return path;
}

static int set_up(void **state) {
    (void)state;
    snprintf(home, sizeof(home), "/tmp/vesper-shader-cache-XXXXXX");
    setenv("HOME", mkdtemp(home), 1);
    unsetenv("XDG_CACHE_HOME");
    descriptors = count_open_descriptors();
    return 0;
}

static int clean_up(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", home);
    return system(command) != 0 || count_open_descriptors() != descriptors;
}

static bool is_there(const char *path) {
    struct stat info;
    return lstat(path, &info) == 0;
}

static void make_file(const char *folder, const char *name) {
    char path[2 * PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

/* In the place of the C library's: something may happen just before the next call. */
static void (*before_flock)(void);

int flock(int fd, int operation) {
    int (*call)(int, int);
    *(void **)&call = dlsym(RTLD_NEXT, "flock");
    void (*happen)(void) = before_flock;
    before_flock = NULL;
    if (happen) {
        happen();
    }
    return call(fd, operation);
}

/* How many entries of vesper/ begin with `prefix`. */
static int count_own(const char *prefix) {
    DIR *folder = opendir(beneath(".cache/vesper"));
    int count = 0;
    struct dirent *entry;
    while (folder && (entry = readdir(folder))) {
        count += entry->d_name[0] != '.' && strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    }
    if (folder) {
        closedir(folder);
    }
    return count;
}

static struct shader_cache open_own(const char *identity) {
    struct shader_cache cache;
    if (shader_cache_open_own(identity, &cache, reason, sizeof(reason))) {
        fail_msg("%s", reason);
    }
    return cache;
}

/* A server that ends without a chance to clean up; gives its folder. */
static void be_killed(char out[PATH_MAX]) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct shader_cache cache = open_own("");
        make_file(cache.folder, "entry");
        _exit(write(ends[1], cache.folder, PATH_MAX) != PATH_MAX);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(read(ends[0], out, PATH_MAX), PATH_MAX);
    close(ends[0]);
    close(ends[1]);
}

static void expect_refusal(const char *words) {
    struct shader_cache cache;
    assert_true(shader_cache_open_own("", &cache, reason, sizeof(reason)) < 0);
    assert_string_equal(cache.folder, "");
    if (!strstr(reason, words)) {
        fail_msg("\"%s\" does not say \"%s\"", reason, words);
    }
    shader_cache_close(&cache);
}

/* ---- whose --------------------------------------------------------------------------------- */

static void test_identities(void **state) {
    (void)state;
    char named[SHADER_CACHE_IDENTITY_MAX], one[SHADER_CACHE_IDENTITY_MAX],
        other[SHADER_CACHE_IDENTITY_MAX];
    make_file(home, "one.qcow2");
    make_file(home, "other.qcow2");
    shader_cache_identify("gpu", beneath("one.qcow2"), named);
    assert_string_equal(named, "name-gpu");
    shader_cache_identify(NULL, beneath("one.qcow2"), one);
    shader_cache_identify(NULL, beneath("other.qcow2"), other);
    assert_int_equal(strncmp(one, "disk-", 5), 0);
    assert_int_equal(strlen(one), strlen("disk-") + 16);
    assert_string_not_equal(one, other);
    /* By whatever path it is reached. */
    char link[PATH_MAX];
    snprintf(link, sizeof(link), "%s", beneath("link"));
    assert_int_equal(symlink("one.qcow2", link), 0);
    shader_cache_identify(NULL, link, other);
    assert_string_equal(one, other);
    shader_cache_identify(NULL, beneath("missing"), other);
    assert_string_equal(other, "");
    shader_cache_identify(NULL, NULL, other);
    assert_string_equal(other, "");
    /* The hash is FNV-1a of 64 bits, so that folders are found again by later versions. */
    shader_cache_identify(NULL, "/", other);
    assert_string_equal(other, "disk-af63a24c860189fe");
}

static void test_a_kept_one(void **state) {
    (void)state;
    struct shader_cache cache = open_own("name-gpu"), again = open_own("name-gpu");
    assert_string_equal(cache.folder, beneath(".cache/vesper/name-gpu"));
    assert_string_equal(cache.folder, again.folder);
    struct stat info;
    assert_int_equal(stat(cache.folder, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    make_file(cache.folder, "entry");
    shader_cache_close(&cache);
    assert_string_equal(cache.folder, "");
    shader_cache_close(&again);
    assert_true(is_there(beneath(".cache/vesper/name-gpu/entry")));
}

static void test_where_the_environment_says(void **state) {
    (void)state;
    setenv("XDG_CACHE_HOME", beneath("elsewhere"), 1);
    struct shader_cache cache = open_own("name-gpu");
    assert_string_equal(cache.folder, beneath("elsewhere/vesper/name-gpu"));
    shader_cache_close(&cache);
    /* Such a path counts for nothing. */
    setenv("XDG_CACHE_HOME", "elsewhere", 1);
    cache = open_own("name-gpu");
    assert_string_equal(cache.folder, beneath(".cache/vesper/name-gpu"));
    shader_cache_close(&cache);
}

static void test_one_that_was_asked_for(void **state) {
    (void)state;
    struct shader_cache cache;
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s", beneath("asked"));
    assert_int_equal(shader_cache_open(path, &cache, reason, sizeof(reason)), 0);
    assert_string_equal(cache.folder, path);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    make_file(path, "entry");
    shader_cache_close(&cache);
    assert_int_equal(shader_cache_open(path, &cache, reason, sizeof(reason)), 0);
    shader_cache_close(&cache);
    assert_true(is_there(beneath("asked/entry")));
    assert_int_equal(shader_cache_open(beneath("a/b"), &cache, reason, sizeof(reason)), -ENOENT);
    assert_int_equal(shader_cache_open(beneath("asked/entry"), &cache, reason, sizeof(reason)),
                     -ENOTDIR);
    assert_string_equal(cache.folder, "");
}

/* ---- what goes again ------------------------------------------------------------------------ */

static void test_a_temporary_one(void **state) {
    (void)state;
    struct shader_cache one = open_own(""), other = open_own("");
    assert_string_not_equal(one.folder, other.folder);
    assert_int_equal(count_own("temporary-"), 2);
    make_file(one.folder, "entry");
    make_file(other.folder, "entry");
    shader_cache_close(&one);
    assert_int_equal(count_own("temporary-"), 1);
    assert_true(is_there(other.folder));
    shader_cache_close(&other);
    assert_int_equal(count_own(""), 0);
}

static void test_one_left_over(void **state) {
    (void)state;
    char left[PATH_MAX];
    be_killed(left);
    assert_true(is_there(left));
    struct shader_cache live = open_own("");
    assert_false(is_there(left));
    make_file(live.folder, "entry");
    /* Those that are kept, and those of live servers, stay. */
    be_killed(left);
    struct shader_cache kept = open_own("name-gpu");
    assert_false(is_there(left));
    assert_true(is_there(live.folder));
    shader_cache_close(&kept);
    struct shader_cache temporary = open_own("");
    assert_true(is_there(live.folder));
    assert_int_equal(count_own(""), 3);
    shader_cache_close(&temporary);
    shader_cache_close(&live);
    assert_int_equal(count_own(""), 1);
}

/* What another server does that takes a fresh folder for one left over. */
static void sweep_all(void) {
    char command[128];
    snprintf(command, sizeof(command), "rmdir %s/.cache/vesper/temporary-*", home);
    assert_int_equal(system(command), 0);
}

static void test_one_swept_before_it_is_locked(void **state) {
    (void)state;
    before_flock = sweep_all;
    struct shader_cache cache = open_own("");
    assert_null(before_flock);
    assert_true(is_there(cache.folder));
    assert_int_equal(count_own("temporary-"), 1);
    shader_cache_close(&cache);
    assert_int_equal(count_own(""), 0);
}

/* Servers that start and end at once sweep while others make: nobody loses a folder that is in use. */
static void test_many_at_once(void **state) {
    (void)state;
    pid_t pids[SERVERS];
    for (int i = 0; i < SERVERS; i++) {
        pids[i] = fork();
        for (int round = 0; pids[i] == 0 && round < ROUNDS; round++) {
            struct shader_cache cache;
            if (shader_cache_open_own("", &cache, reason, sizeof(reason))) {
                /* Swept too often before it was locked: without a cache, which is no loss. */
                continue;
            }
            make_file(cache.folder, "entry");
            sched_yield();
            char entry[PATH_MAX + 8];
            snprintf(entry, sizeof(entry), "%s/entry", cache.folder);
            if (!is_there(entry)) {
                _exit(1);
            }
            if (round % 3 == 0) {
                close(cache.lock); /* as if killed */
            } else {
                shader_cache_close(&cache);
            }
        }
        if (pids[i] == 0) {
            _exit(0);
        }
    }
    for (int i = 0; i < SERVERS; i++) {
        int status;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    struct shader_cache last = open_own("");
    assert_int_equal(count_own(""), 1);
    shader_cache_close(&last);
}

/* ---- what hostile workers leave ------------------------------------------------------------- */

static void make_chain(const char *folder) {
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < DEPTH && fd >= 0; i++) {
        int next =
            mkdirat(fd, "deep", 0700) ? -1 : openat(fd, "deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(fd);
        fd = next;
    }
    assert_true(fd >= 0);
    int file = openat(fd, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0);
    assert_true(file >= 0);
    close(file);
    close(fd);
}

static void make_closed_folder(const char *folder, const char *name, mode_t mode) {
    char path[2 * PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_int_equal(mkdir(path, 0700), 0);
    make_file(path, "file");
    make_file(path, "moved-0");
    assert_int_equal(chmod(path, mode), 0);
}

static void test_odd_content(void **state) {
    (void)state;
    /* For root no folder is closed. */
    const bool is_root = geteuid() == 0;
    if (is_root) {
        assert_int_equal(chown(home, NOBODY, NOBODY), 0);
        assert_int_equal(seteuid(NOBODY), 0);
    }
    struct shader_cache cache = open_own("");
    char path[PATH_MAX + 32];
    make_file(cache.folder, " \n\"\\ \xff");
    make_file(cache.folder, "moved-0");
    make_closed_folder(cache.folder, "closed", 0);
    make_closed_folder(cache.folder, "hidden", 0300);
    make_closed_folder(cache.folder, "fixed", 0500);
    make_closed_folder(cache.folder, "moved-1", 0700);
    make_chain(cache.folder);
    snprintf(path, sizeof(path), "%s/fifo", cache.folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    /* Workers can make neither of these. */
    assert_int_equal(mkdir(beneath("precious"), 0700), 0);
    make_file(beneath("precious"), "file");
    snprintf(path, sizeof(path), "%s/link", cache.folder);
    assert_int_equal(symlink(beneath("precious"), path), 0);
    snprintf(path, sizeof(path), "%s/closed-link", cache.folder);
    assert_int_equal(symlink(beneath("precious/file"), path), 0);
    assert_int_equal(chmod(beneath("precious/file"), 0640), 0);
    shader_cache_close(&cache);
    assert_int_equal(count_own(""), 0);
    struct stat info;
    assert_int_equal(lstat(beneath("precious/file"), &info), 0);
    assert_int_equal(info.st_mode & 07777, 0640);
    if (is_root) {
        assert_int_equal(seteuid(0), 0);
    }
}

/* A symlink that is called like a temporary folder is not one. */
static void test_a_link_as_a_folder(void **state) {
    (void)state;
    struct shader_cache cache = open_own("");
    assert_int_equal(mkdir(beneath("precious"), 0700), 0);
    make_file(beneath("precious"), "file");
    char target[PATH_MAX];
    snprintf(target, sizeof(target), "%s", beneath("precious"));
    assert_int_equal(symlink(target, beneath(".cache/vesper/temporary-link")), 0);
    shader_cache_close(&cache);
    cache = open_own("");
    shader_cache_close(&cache);
    assert_true(is_there(beneath("precious/file")));
    /* And one that is called like a kept folder is not used. */
    assert_int_equal(symlink(target, beneath(".cache/vesper/name-gpu")), 0);
    assert_true(shader_cache_open_own("name-gpu", &cache, reason, sizeof(reason)) < 0);
}

/* ---- where there can be none ---------------------------------------------------------------- */

static void test_no_home(void **state) {
    (void)state;
    unsetenv("HOME");
    expect_refusal("$HOME");
    setenv("HOME", "relative", 1);
    expect_refusal("$HOME");
    setenv("HOME", "/nonexistent/home", 1);
    expect_refusal("No such file or directory");
}

static void test_a_folder_that_is_not_ours(void **state) {
    (void)state;
    assert_int_equal(mkdir(beneath(".cache"), 0700), 0);
    assert_int_equal(mkdir(beneath(".cache/vesper"), 0700), 0);
    assert_int_equal(chmod(beneath(".cache/vesper"), 0750), 0);
    expect_refusal("open to others");
    assert_int_equal(chmod(beneath(".cache/vesper"), 0700), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(beneath(".cache/vesper"), NOBODY, NOBODY), 0);
        expect_refusal("another user's");
        assert_int_equal(chown(beneath(".cache/vesper"), 0, 0), 0);
    }
    /* So for one that is kept. */
    struct shader_cache cache = open_own("name-gpu");
    shader_cache_close(&cache);
    assert_int_equal(chmod(beneath(".cache/vesper/name-gpu"), 0770), 0);
    assert_true(shader_cache_open_own("name-gpu", &cache, reason, sizeof(reason)) < 0);
    assert_string_equal(cache.folder, "");
    assert_int_equal(rmdir(beneath(".cache/vesper/name-gpu")), 0);
    assert_int_equal(rmdir(beneath(".cache/vesper")), 0);
    make_file(beneath(".cache"), "vesper");
    expect_refusal("Not a directory");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, clean_up)
    const struct CMUnitTest tests[] = {
        TEST(test_identities),
        TEST(test_a_kept_one),
        TEST(test_where_the_environment_says),
        TEST(test_one_that_was_asked_for),
        TEST(test_a_temporary_one),
        TEST(test_one_left_over),
        TEST(test_one_swept_before_it_is_locked),
        TEST(test_many_at_once),
        TEST(test_odd_content),
        TEST(test_a_link_as_a_folder),
        TEST(test_no_home),
        TEST(test_a_folder_that_is_not_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
