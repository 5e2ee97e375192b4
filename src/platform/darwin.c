/* The platform on macOS 13 and later. */
#include "platform/platform.h"
#include "platform/sandbox.h"
#include "platform/system.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mach-o/dyld.h>
#include <pthread/qos.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysctl.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)

/* Longest single wait; a longer one ends in a spurious wake-up. */
#define WAIT_MAX_NS (UINT64_C(86400) * NS_PER_S)

/* shm_open takes at most 31 characters. */
#define SHM_NAME_BYTES 32

/* Default buffers of Unix sockets are 8 KiB. */
#define SOCKET_BUFFER_BYTES (256 * 1024)

static int set_close_on_exec(int fd) {
    return fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0;
}

/* ---- memory ---------------------------------------------------------------------------- */

/* There is no anonymous object: a random name lives from one call to the next. */
static int open_unnamed(void) {
    char name[SHM_NAME_BYTES];
    int fd;
    do {
        snprintf(name, sizeof(name), "/vesper-%08x%08x", arc4random(), arc4random());
        fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    } while (fd < 0 && (errno == EEXIST || errno == EINTR));
    if (fd < 0) {
        return -errno;
    }
    shm_unlink(name);
    return fd;
}

int platform_shm_create(const char *label, uint64_t size, int *out_fd) {
    (void)label; /* the name is gone before anybody could read it */
    if (size == 0 || size > INT64_MAX) {
        return -EINVAL;
    }
    int fd = open_unnamed();
    if (fd < 0) {
        return fd;
    }
    /* The system accepts a size once per object: it needs no seal against resizing, and there
     * must be no second attempt on the same object. */
    int result = ftruncate(fd, (off_t)size) < 0 ? -errno : set_close_on_exec(fd);
    if (result < 0) {
        close(fd);
        return result;
    }
    *out_fd = fd;
    return 0;
}

int platform_fd_size(int fd, uint64_t *out_size) {
    struct stat info;
    if (fstat(fd, &info) < 0) {
        return -errno;
    }
    /* Shared-memory objects report no file type, so it can only be said what they are not. */
    if (S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode) || S_ISCHR(info.st_mode) ||
        S_ISDIR(info.st_mode)) {
        return -EINVAL;
    }
    *out_size = (uint64_t)info.st_size;
    return 0;
}

/* ---- wake-ups -------------------------------------------------------------------------- */

int platform_wake_init(struct platform_wake *wake) {
    int error = platform_pipe_init(wake);
    if (!error && fcntl(wake->write_fd, F_SETNOSIGPIPE, 1) < 0) {
        error = -errno;
        platform_wake_finish(wake);
    }
    return error;
}

void platform_wake_signal(const struct platform_wake *wake) {
    platform_pipe_signal(wake);
}

void platform_wake_drain(const struct platform_wake *wake) {
    int saved = errno;
    char bytes[512];
    ssize_t count;
    do {
        count = read(wake->read_fd, bytes, sizeof(bytes));
    } while (count == (ssize_t)sizeof(bytes) || (count < 0 && errno == EINTR));
    errno = saved;
}

/* ---- time and threads ------------------------------------------------------------------ */

/* The clock of relative waits below: it stops while the machine sleeps, and has full resolution,
 * unlike CLOCK_MONOTONIC here. */
uint64_t platform_now_ns(void) {
    return clock_gettime_nsec_np(CLOCK_UPTIME_RAW);
}

void system_thread_set_name(const char *name) {
    pthread_setname_np(name);
}

/* Nice values belong to processes here; what a thread can have is a class of service. */
void platform_thread_set_nice(int nice_value) {
    qos_class_t quality = nice_value <= -10 ? QOS_CLASS_USER_INTERACTIVE
                          : nice_value < 0  ? QOS_CLASS_USER_INITIATED
                          : nice_value == 0 ? QOS_CLASS_DEFAULT
                          : nice_value < 15 ? QOS_CLASS_UTILITY
                                            : QOS_CLASS_BACKGROUND;
    pthread_set_qos_class_self_np(quality, 0);
}

int platform_cond_init(pthread_cond_t *cond) {
    return -pthread_cond_init(cond, NULL);
}

bool platform_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, uint64_t deadline_ns) {
    if (deadline_ns == UINT64_MAX) {
        pthread_cond_wait(cond, mutex);
        return true;
    }
    uint64_t now = platform_now_ns();
    if (deadline_ns <= now) {
        return false;
    }
    uint64_t left = deadline_ns - now;
    uint64_t wait = left < WAIT_MAX_NS ? left : WAIT_MAX_NS;
    struct timespec relative = {
        .tv_sec = (time_t)(wait / NS_PER_S),
        .tv_nsec = (long)(wait % NS_PER_S),
    };
    int error = pthread_cond_timedwait_relative_np(cond, mutex, &relative);
    return error != ETIMEDOUT || wait < left;
}

/* ---- sockets --------------------------------------------------------------------------- */

/* Best effort: a peer that has hung up already makes these fail, and then there is nothing to
 * tune. Sends ask for no signal themselves; this covers plain writes. */
void system_socket_tune(int fd) {
    int on = 1, bytes = SOCKET_BUFFER_BYTES;
    setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

int system_socket_new(void) {
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0) {
        return -errno;
    }
    int result = set_close_on_exec(fd);
    if (result < 0) {
        close(fd);
        return result;
    }
    system_socket_tune(fd);
    return fd;
}

int platform_socket_accept(int listen_fd, int *out_fd) {
    int fd;
    do {
        fd = accept(listen_fd, NULL, NULL);
    } while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (fd < 0) {
        return -errno;
    }
    int result = system_set_close_on_exec_and_nonblocking(fd);
    if (result < 0) {
        close(fd);
        return result;
    }
    system_socket_tune(fd);
    *out_fd = fd;
    return 0;
}

/* ---- process --------------------------------------------------------------------------- */

void platform_raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        return;
    }
    /* The hard limit may say "infinite", but a value above this one is refused. */
    int most = 0;
    size_t size = sizeof(most);
    rlim_t wanted = limit.rlim_max;
    if (sysctlbyname("kern.maxfilesperproc", &most, &size, NULL, 0) == 0 && most > 0 &&
        (rlim_t)most < wanted) {
        wanted = (rlim_t)most;
    }
    if (wanted > limit.rlim_cur) {
        limit.rlim_cur = wanted;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int system_spawn_flags(void) {
    return POSIX_SPAWN_CLOEXEC_DEFAULT;
}

/* What an action names stays open, everything else is closed. */
int system_spawn_keep_only(posix_spawn_file_actions_t *actions, int last_fd) {
    (void)last_fd; /* made by an action */
    int error = posix_spawn_file_actions_addinherit_np(actions, STDOUT_FILENO);
    return error ? error : posix_spawn_file_actions_addinherit_np(actions, STDERR_FILENO);
}

int platform_own_path(char *out, size_t size) {
    char path[PATH_MAX];
    uint32_t room = sizeof(path);
    char real[PATH_MAX];
    if (_NSGetExecutablePath(path, &room) != 0 || !realpath(path, real)) {
        return -ENAMETOOLONG;
    }
    int length = snprintf(out, size, "%s", real);
    return length < 0 || (size_t)length >= size ? -ENAMETOOLONG : 0;
}

/* Shared memory takes a size once. Files could change theirs, and are told by their type. */
bool platform_fd_size_is_fixed(int fd) {
    struct stat info;
    return fstat(fd, &info) == 0 && !S_ISREG(info.st_mode);
}

/* Absolute paths too: a bare name does not reach Homebrew's folders, and the system strips the
 * variables that would add them. */
const char *const *platform_vulkan_libraries(void) {
    static const char *const names[] = {
        "libvulkan.1.dylib",
        "/opt/homebrew/lib/libvulkan.1.dylib",
        "/usr/local/lib/libvulkan.1.dylib",
        "libMoltenVK.dylib",
        "/opt/homebrew/lib/libMoltenVK.dylib",
        "/usr/local/lib/libMoltenVK.dylib",
        NULL,
    };
    return names;
}

/* Homebrew's loader has the folders of its own prefix built in. */
const char *const *platform_vulkan_folders(void) {
    static const char *const folders[] = {
        "/etc/vulkan",
        "/opt/homebrew/etc/vulkan",
        "/opt/homebrew/share/vulkan",
        "/usr/local/etc/vulkan",
        NULL,
    };
    return folders;
}

const char *const *platform_sdl_libraries(void) {
    static const char *const names[] = {
        "libSDL3.0.dylib",
        "/opt/homebrew/lib/libSDL3.0.dylib",
        "/usr/local/lib/libSDL3.0.dylib",
        NULL,
    };
    return names;
}

const char *platform_qemu_why_emulated(void) {
    int supported = 0;
    size_t size = sizeof(supported);
    /* Absent or 0 inside most virtual machines. */
    return sysctlbyname("kern.hv_support", &supported, &size, NULL, 0) == 0 && supported
               ? NULL
               : "this computer has no Hypervisor framework (kern.hv_support)";
}

const char *platform_qemu_accelerator(void) {
    return platform_qemu_why_emulated() ? "tcg" : "hvf";
}

const char *platform_qemu_memory_backend(void) {
    return "memory-backend-shm";
}

bool platform_sandbox_ended_by(int signal_number) {
    (void)signal_number; /* what is denied there fails, and nothing more */
    return false;
}
