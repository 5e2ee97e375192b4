/* The platform on Linux. Where the kernel or a sandbox lacks a call of its own (ENOSYS), the one of
 * POSIX takes its place: tests/hosts makes use of that, too. */
#include "platform/platform.h"
#include "platform/sandbox.h"
#include "platform/system.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)

/* The kernel's limit, less the "memfd:" that it puts in front. */
#define MEMFD_LABEL_BYTES 250

/* ---- memory ---------------------------------------------------------------------------- */

static int create_memfd(const char *label) {
    char name[MEMFD_LABEL_BYTES];
    size_t length = strnlen(label, sizeof(name) - 1);
    memcpy(name, label, length);
    name[length] = '\0';
#ifdef MFD_NOEXEC_SEAL
    /* Required by systems with vm.memfd_noexec=2; unknown before Linux 6.3. */
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (fd >= 0 || errno != EINVAL) {
        return fd;
    }
#endif
    return memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

/* Kernels and sandboxes without memfd. A random name lives from one call to the next; nothing
 * forbids a peer to change the size. */
static int open_unnamed(void) {
    char name[32];
    int fd;
    do {
        uint64_t number;
        if (getentropy(&number, sizeof(number)) < 0) {
            return -1;
        }
        snprintf(name, sizeof(name), "/vesper-%016" PRIx64, number);
        fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    } while (fd < 0 && (errno == EEXIST || errno == EINTR));
    if (fd >= 0) {
        shm_unlink(name);
    }
    return fd;
}

int platform_shm_create(const char *label, uint64_t size, int *out_fd) {
    if (size == 0 || size > INT64_MAX) {
        return -EINVAL;
    }
    int fd = create_memfd(label);
    bool sealable = fd >= 0;
    if (fd < 0 && errno == ENOSYS) {
        fd = open_unnamed();
    }
    if (fd < 0) {
        return -errno;
    }
    if (ftruncate(fd, (off_t)size) < 0 ||
        (sealable && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)) {
        int error = errno;
        close(fd);
        return -error;
    }
    *out_fd = fd;
    return 0;
}

int platform_fd_size(int fd, uint64_t *out_size) {
    struct stat info;
    if (fstat(fd, &info) < 0) {
        return -errno;
    }
    if (S_ISREG(info.st_mode)) {
        *out_size = (uint64_t)info.st_size;
        return 0;
    }
    /* A dma-buf: older kernels leave st_size at 0, all of them answer this question. */
    off_t end = lseek(fd, 0, SEEK_END);
    if (end < 0) {
        return -errno;
    }
    lseek(fd, 0, SEEK_SET);
    *out_size = (uint64_t)end;
    return 0;
}

/* ---- wake-ups -------------------------------------------------------------------------- */

/* Kernels and sandboxes without eventfd. The end to write is opened to read, too, where that can
 * be done: a pipe whose every reader has gone would raise SIGPIPE. */
static int init_wake_pipe(struct platform_wake *wake) {
    int error = platform_pipe_init(wake);
    if (error) {
        return error;
    }
    char path[32];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", wake->write_fd);
    int both = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (both >= 0) {
        close(wake->write_fd);
        wake->write_fd = both;
    }
    return 0;
}

int platform_wake_init(struct platform_wake *wake) {
    int read_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (read_fd < 0) {
        return errno == ENOSYS ? init_wake_pipe(wake) : -errno;
    }
    int write_fd = fcntl(read_fd, F_DUPFD_CLOEXEC, 0);
    if (write_fd < 0) {
        int error = errno;
        close(read_fd);
        return -error;
    }
    wake->read_fd = read_fd;
    wake->write_fd = write_fd;
    return 0;
}

void platform_wake_signal(const struct platform_wake *wake) {
    int saved = errno;
    uint64_t one = 1;
    /* EAGAIN means a full counter or pipe, which polls readable as it should. */
    while (write(wake->write_fd, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
    errno = saved;
}

void platform_wake_drain(const struct platform_wake *wake) {
    int saved = errno;
    char bytes[512]; /* an eventfd gives 8 at once, a pipe all that fit */
    ssize_t count;
    do {
        count = read(wake->read_fd, bytes, sizeof(bytes));
    } while (count == (ssize_t)sizeof(bytes) || (count < 0 && errno == EINTR));
    errno = saved;
}

/* ---- time and threads ------------------------------------------------------------------ */

uint64_t platform_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

void system_thread_set_name(const char *name) {
    pthread_setname_np(pthread_self(), name);
}

void platform_thread_set_nice(int nice_value) {
    int saved = errno;
    int clamped = nice_value < -20 ? -20 : nice_value > 19 ? 19 : nice_value;
    /* On Linux a nice value belongs to a thread, and a thread id is a process id here. */
    setpriority(PRIO_PROCESS, (id_t)gettid(), clamped);
    errno = saved;
}

int platform_cond_init(pthread_cond_t *cond) {
    pthread_condattr_t attributes;
    int error = pthread_condattr_init(&attributes);
    if (error != 0) {
        return -error;
    }
    error = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (error == 0) {
        error = pthread_cond_init(cond, &attributes);
    }
    pthread_condattr_destroy(&attributes);
    return -error;
}

bool platform_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, uint64_t deadline_ns) {
    if (deadline_ns == UINT64_MAX) {
        pthread_cond_wait(cond, mutex);
        return true;
    }
    struct timespec deadline = {
        .tv_sec = (time_t)(deadline_ns / NS_PER_S),
        .tv_nsec = (long)(deadline_ns % NS_PER_S),
    };
    return pthread_cond_timedwait(cond, mutex, &deadline) != ETIMEDOUT;
}

/* ---- sockets --------------------------------------------------------------------------- */

int system_socket_new(void) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 || (errno != EPROTOTYPE && errno != EINVAL)) {
        return fd < 0 ? -errno : fd;
    }
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd >= 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd < 0 ? -errno : fd;
}

void system_socket_tune(int fd) {
    (void)fd;
}

static int accept_any(int listen_fd) {
    int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0 || errno != ENOSYS) {
        return fd;
    }
    fd = accept(listen_fd, NULL, NULL);
    if (fd >= 0 && system_set_close_on_exec_and_nonblocking(fd) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

int platform_socket_accept(int listen_fd, int *out_fd) {
    int fd;
    do {
        fd = accept_any(listen_fd);
    } while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (fd < 0) {
        return -errno;
    }
    *out_fd = fd;
    return 0;
}

/* ---- process --------------------------------------------------------------------------- */

void platform_raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int system_spawn_flags(void) {
    return 0;
}

/* Every descriptor of ours is close-on-exec; this is for those that libraries opened without. */
int system_spawn_keep_only(posix_spawn_file_actions_t *actions, int last_fd) {
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
    return posix_spawn_file_actions_addclosefrom_np(actions, last_fd + 1);
#else
    (void)actions;
    (void)last_fd;
    return 0;
#endif
}

int platform_own_path(char *out, size_t size) {
    ssize_t length = readlink("/proc/self/exe", out, size);
    if (length < 0) {
        return -errno;
    }
    if ((size_t)length >= size) {
        return -ENAMETOOLONG;
    }
    out[length] = '\0';
    return 0;
}

/* The file system of dma-bufs, as statfs tells it. */
#define DMA_BUF_FILE_SYSTEM 0x444d4142

/* Where the kernel has none, nothing can be sealed: as large a risk as the rest of such a system. */
static bool has_memfd(void) {
    int fd = memfd_create("vesper-probe", MFD_CLOEXEC);
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0 || errno != ENOSYS;
}

bool platform_fd_size_is_fixed(int fd) {
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals >= 0) {
        return (seals & F_SEAL_SHRINK) != 0 || !has_memfd();
    }
    struct statfs info;
    return fstatfs(fd, &info) == 0 && info.f_type == DMA_BUF_FILE_SYSTEM;
}

const char *const *platform_vulkan_libraries(void) {
    static const char *const names[] = {"libvulkan.so.1", "libvulkan.so", NULL};
    return names;
}

/* Nobody slows a process here. */
void platform_busy_begin(void) {
}

void platform_busy_end(void) {
}

const char *const *platform_vulkan_folders(void) {
    static const char *const folders[] = {"/etc/vulkan", NULL};
    return folders;
}

const char *const *platform_sdl_libraries(void) {
    static const char *const names[] = {"libSDL3.so.0", NULL};
    return names;
}

#if defined(__x86_64__)
#define FLAGS_BYTES 16384

/* Without them KVM keeps a guest's page tables by software, and Linux as a guest ends at instructions
 * that it cannot emulate (seen inside of machines of which the host gives no nested virtualization). */
static bool processor_runs_guests(void) {
    static const char spaces[] = " \t\n";
    char line[FLAGS_BYTES];
    bool runs = false;
    FILE *file = fopen("/proc/cpuinfo", "re");
    while (file && !runs && fgets(line, sizeof(line), file)) {
        char *rest, *word = strtok_r(line, spaces, &rest);
        if (!word || strcmp(word, "flags") != 0) {
            continue;
        }
        while (word && !runs) {
            runs = strcmp(word, "vmx") == 0 || strcmp(word, "svm") == 0;
            word = strtok_r(NULL, spaces, &rest);
        }
        break; /* all processors have the same */
    }
    if (file) {
        fclose(file);
    }
    return runs;
}
#else
static bool processor_runs_guests(void) {
    return true; /* there is no KVM otherwise */
}
#endif

const char *platform_qemu_why_emulated(void) {
    if (access("/dev/kvm", F_OK) != 0) {
        return "there is no /dev/kvm";
    }
    if (access("/dev/kvm", R_OK | W_OK) != 0) {
        return "this user may not open /dev/kvm";
    }
    return processor_runs_guests()
               ? NULL
               : "there is a /dev/kvm, but this processor runs no guests (neither "
                 "vmx nor svm)";
}

const char *platform_qemu_accelerator(void) {
    return platform_qemu_why_emulated() ? "tcg" : "kvm";
}

const char *platform_qemu_memory_backend(void) {
    return "memory-backend-memfd";
}

bool platform_sandbox_ended_by(int signal_number) {
    return signal_number == SIGSYS;
}
