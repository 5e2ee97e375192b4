/* Preloaded into a program of ours on Linux, this gives its own calls (not those of the libraries
 * below it, such as the Vulkan driver) the rules of macOS on Apple silicon:
 *
 * - what is missing: eventfd, memfd_create, accept4, pipe2, dup3 (ENOSYS), flags in the type of a
 *   socket (EINVAL), SOCK_SEQPACKET (EPROTONOSUPPORT), MSG_CMSG_CLOEXEC (ignored);
 * - pages of 16 KiB: in sysconf, in the size of shared memory, in every mapping;
 * - shared memory takes its size once, is neither read, written nor sought in, is mapped shared
 *   only and never beyond its end; its name has at most 31 characters;
 * - sockets: buffers of 8 KiB, one control message with descriptors that macOS can pass, EMSGSIZE
 *   where the buffer has no room for it, paths of less than 104 bytes, accept() inherits
 *   O_NONBLOCK from the listener;
 * - 256 open descriptors until the program raises the limit.
 *
 * VESPER_DARWIN_RULES_BREAK=NAME: one thing that Vesper relies on is not so (is_broken below), for the
 * tests of what tells.
 *
 * What merely fails on macOS fails here. What would lose data, descriptors or the peer there is
 * said on stderr and aborts. VESPER_DARWIN_RULES_KEEP_GOING=1 says it only. */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/sockios.h>

#define PAGE ((size_t)16384)
#define SOCKET_BUFFER 8192
#define SUN_PATH_BYTES 104
#define SHM_NAME_MAX 31
#define PASSED_MAX 254
#define DESCRIPTORS 65536

#define EXPORT __attribute__((visibility("default")))
/* The function that a call would have reached without us. */
#define NEXT(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

enum fd_kind { OTHER, UNIX_SOCKET, PASSED_SOCKET };
static _Atomic(unsigned char) kinds[DESCRIPTORS];
static _Atomic(bool) any_passed; /* one of them is a PASSED_SOCKET */

/* ---- whose call it is -------------------------------------------------------------------- */

static uintptr_t program_start, program_end;

static int note_program(struct dl_phdr_info *info, size_t size, void *user) {
    (void)size;
    (void)user;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type == PT_LOAD && (segment->p_flags & PF_X)) {
            program_start = info->dlpi_addr + segment->p_vaddr;
            program_end = program_start + segment->p_memsz;
        }
    }
    return 1; /* the program comes first; the rest does not matter */
}

static bool is_ours(const void *caller) {
    return (uintptr_t)caller >= program_start && (uintptr_t)caller < program_end;
}
#define OURS is_ours(__builtin_return_address(0))

__attribute__((constructor)) static void begin(void) {
    dl_iterate_phdr(note_program, NULL);
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max >= 256) {
        limit.rlim_cur = 256;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

__attribute__((format(printf, 1, 2))) static void alarm_about(const char *format, ...) {
    va_list arguments;
    char text[256];
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    fprintf(stderr, "darwin rules: %s\n", text);
    if (!getenv("VESPER_DARWIN_RULES_KEEP_GOING")) {
        abort();
    }
}

static bool is_broken(const char *name) {
    const char *broken = getenv("VESPER_DARWIN_RULES_BREAK");
    return broken && strcmp(broken, name) == 0;
}

static int fail(int error) {
    errno = error;
    return -1;
}

static void set_kind(int fd, enum fd_kind kind) {
    if (fd >= 0 && fd < DESCRIPTORS) {
        atomic_store_explicit(&kinds[fd], (unsigned char)kind, memory_order_relaxed);
    }
}

static enum fd_kind get_kind(int fd) {
    return fd >= 0 && fd < DESCRIPTORS
               ? (enum fd_kind)atomic_load_explicit(&kinds[fd], memory_order_relaxed)
               : OTHER;
}

static bool name_starts_with(int fd, const char *start) {
    char link[64], name[128];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, name, sizeof(name) - 1);
    if (length < 0) {
        return false;
    }
    name[length] = '\0';
    return strncmp(name, start, strlen(start)) == 0;
}

static bool is_shm(int fd) {
    int saved = errno;
    bool result = name_starts_with(fd, "/dev/shm/");
    errno = saved;
    return result;
}

/* ---- what does not exist ----------------------------------------------------------------- */

EXPORT int eventfd(unsigned count, int flags) {
    return OURS ? fail(ENOSYS)
                : ((int (*)(unsigned, int))dlsym(RTLD_NEXT, "eventfd"))(count, flags);
}

EXPORT int memfd_create(const char *name, unsigned flags) {
    return OURS ? fail(ENOSYS) : NEXT(memfd_create)(name, flags);
}

EXPORT int pipe2(int ends[2], int flags) {
    return OURS ? fail(ENOSYS) : NEXT(pipe2)(ends, flags);
}

EXPORT int dup3(int from, int to, int flags) {
    return OURS ? fail(ENOSYS) : NEXT(dup3)(from, to, flags);
}

EXPORT int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags) {
    return OURS ? fail(ENOSYS) : NEXT(accept4)(fd, address, length, flags);
}

/* ---- pages ------------------------------------------------------------------------------- */

EXPORT long sysconf(int name) {
    if (name != _SC_PAGESIZE || !OURS) {
        return NEXT(sysconf)(name);
    }
    return is_broken("pages") ? 3 * (long)PAGE : (long)PAGE;
}

EXPORT int getpagesize(void) {
    return OURS ? (int)PAGE : NEXT(getpagesize)();
}

static size_t round_up(size_t size) {
    return (size + PAGE - 1) & ~(PAGE - 1);
}

static int check_shm_mapping(int fd, size_t size, off_t offset, int flags) {
    struct stat info;
    if (fd < 0 || !is_shm(fd) || fstat(fd, &info) < 0) {
        return 0;
    }
    bool beyond = (uint64_t)offset + round_up(size) > round_up((size_t)info.st_size);
    return (flags & MAP_PRIVATE) || beyond ? EINVAL : 0;
}

/* The kernel aligns to its own pages: reserve more, and keep the aligned part. */
static void *map_at_page(size_t size, int protection, int flags, int fd, off_t offset) {
    __typeof__(mmap) *map = NEXT(mmap);
    uint8_t *start = map(NULL, size + PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) {
        return MAP_FAILED;
    }
    uint8_t *aligned = (uint8_t *)round_up((size_t)start);
    void *pointer = map(aligned, size, protection, flags | MAP_FIXED, fd, offset);
    int saved = errno;
    __typeof__(munmap) *unmap = NEXT(munmap);
    if (pointer == MAP_FAILED) {
        unmap(start, size + PAGE);
        errno = saved;
        return MAP_FAILED;
    }
    if (aligned > start) {
        unmap(start, (size_t)(aligned - start));
    }
    unmap(aligned + size, PAGE - (size_t)(aligned - start));
    return pointer;
}

static void *map_by_rules(void *address, size_t size, int protection, int flags, int fd,
                          off_t offset) {
    int error = check_shm_mapping(fd, size, offset, flags);
    if (size == 0 || size > SIZE_MAX - 2 * PAGE) {
        error = size == 0 ? EINVAL : ENOMEM;
    } else if ((size_t)offset % PAGE || ((flags & MAP_FIXED) && (uintptr_t)address % PAGE)) {
        error = EINVAL;
    }
    if (error) {
        errno = error;
        return MAP_FAILED;
    }
    if (fd >= 0 && is_broken("shared")) {
        flags = (flags & ~(MAP_SHARED | MAP_SHARED_VALIDATE)) | MAP_PRIVATE;
    }
    if (flags & MAP_FIXED) {
        return NEXT(mmap)(address, round_up(size), protection, flags, fd, offset);
    }
    return map_at_page(round_up(size), protection, flags, fd, offset);
}

EXPORT void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset) {
    return OURS ? map_by_rules(address, size, protection, flags, fd, offset)
                : NEXT(mmap)(address, size, protection, flags, fd, offset);
}

EXPORT void *mmap64(void *address, size_t size, int protection, int flags, int fd, off_t offset) {
    return OURS ? map_by_rules(address, size, protection, flags, fd, offset)
                : NEXT(mmap)(address, size, protection, flags, fd, offset);
}

EXPORT int munmap(void *address, size_t size) {
    if (!OURS) {
        return NEXT(munmap)(address, size);
    }
    return (uintptr_t)address % PAGE || size == 0 ? fail(EINVAL)
                                                  : NEXT(munmap)(address, round_up(size));
}

/* ---- shared memory ------------------------------------------------------------------------ */

EXPORT int shm_open(const char *name, int flags, mode_t mode) {
    if (OURS && strlen(name) > SHM_NAME_MAX) {
        return fail(ENAMETOOLONG);
    }
    if (OURS && (flags & (O_TRUNC | O_CLOEXEC | O_NONBLOCK))) {
        return fail(EINVAL);
    }
    return NEXT(shm_open)(name, flags, mode);
}

static int resize_by_rules(int fd, off_t size) {
    struct stat info;
    if (size < 0 || !is_shm(fd)) {
        return NEXT(ftruncate)(fd, size);
    }
    if (fstat(fd, &info) == 0 && info.st_size) {
        return fail(EINVAL);
    }
    return NEXT(ftruncate)(fd,
                           size > INT64_MAX - (off_t)PAGE ? size : (off_t)round_up((size_t)size));
}

EXPORT int ftruncate(int fd, off_t size) {
    return OURS ? resize_by_rules(fd, size) : NEXT(ftruncate)(fd, size);
}

EXPORT int ftruncate64(int fd, off_t size) {
    return OURS ? resize_by_rules(fd, size) : NEXT(ftruncate)(fd, size);
}

EXPORT off_t lseek(int fd, off_t offset, int whence) {
    return OURS && is_shm(fd) ? fail(ESPIPE) : NEXT(lseek)(fd, offset, whence);
}

EXPORT off_t lseek64(int fd, off_t offset, int whence) {
    return OURS && is_shm(fd) ? fail(ESPIPE) : NEXT(lseek)(fd, offset, whence);
}

/* ---- sockets: making them ----------------------------------------------------------------- */

static int check_socket(int domain, int type) {
    if (type & (SOCK_CLOEXEC | SOCK_NONBLOCK)) {
        return EINVAL;
    }
    return domain == AF_UNIX && type != SOCK_STREAM && type != SOCK_DGRAM ? EPROTONOSUPPORT : 0;
}

static void begin_socket(int fd) {
    int bytes = SOCKET_BUFFER;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    set_kind(fd, UNIX_SOCKET);
}

EXPORT int socket(int domain, int type, int protocol) {
    bool ours = OURS;
    int error = ours ? check_socket(domain, type) : 0;
    int fd = error ? fail(error) : NEXT(socket)(domain, type, protocol);
    if (ours && fd >= 0 && domain == AF_UNIX) {
        begin_socket(fd);
    }
    return fd;
}

EXPORT int socketpair(int domain, int type, int protocol, int ends[2]) {
    bool ours = OURS;
    int error = ours ? check_socket(domain, type) : 0;
    int result = error ? fail(error) : NEXT(socketpair)(domain, type, protocol, ends);
    if (ours && result == 0) {
        begin_socket(ends[0]);
        begin_socket(ends[1]);
    }
    return result;
}

EXPORT int accept(int listener, struct sockaddr *address, socklen_t *length) {
    int fd = NEXT(accept)(listener, address, length);
    if (OURS && fd >= 0) {
        begin_socket(fd);
        int inherited = fcntl(listener, F_GETFL) & O_NONBLOCK;
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | inherited);
    }
    return fd;
}

static bool is_long_path(const struct sockaddr *address, socklen_t length) {
    const struct sockaddr_un *unix_address = (const struct sockaddr_un *)address;
    return length > sizeof(sa_family_t) && address->sa_family == AF_UNIX &&
           strnlen(unix_address->sun_path, length - sizeof(sa_family_t)) >= SUN_PATH_BYTES;
}

EXPORT int bind(int fd, const struct sockaddr *address, socklen_t length) {
    return OURS && is_long_path(address, length) ? fail(ENAMETOOLONG)
                                                 : NEXT(bind)(fd, address, length);
}

EXPORT int connect(int fd, const struct sockaddr *address, socklen_t length) {
    return OURS && is_long_path(address, length) ? fail(ENAMETOOLONG)
                                                 : NEXT(connect)(fd, address, length);
}

/* ---- sockets: messages --------------------------------------------------------------------- */

/* Files, pipes, sockets and POSIX shared memory; nothing that Linux alone has. */
static bool can_pass(int fd) {
    struct stat info;
    if (fstat(fd, &info) < 0) {
        return true; /* the kernel says what is wrong */
    }
    if (name_starts_with(fd, "anon_inode:") || name_starts_with(fd, "/memfd:") ||
        name_starts_with(fd, "/dmabuf:")) {
        return false;
    }
    return S_ISREG(info.st_mode) || S_ISDIR(info.st_mode) || S_ISCHR(info.st_mode) ||
           S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode);
}

static int check_passed(const int *fds, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct stat info;
        if (!can_pass(fds[i])) {
            alarm_about("descriptor %d is of a kind that cannot be passed", fds[i]);
            return EINVAL;
        }
        if (fstat(fds[i], &info) == 0 && S_ISSOCK(info.st_mode)) {
            set_kind(fds[i], PASSED_SOCKET);
            atomic_store(&any_passed, true);
        }
    }
    return 0;
}

static size_t count_bytes(const struct msghdr *message) {
    size_t bytes = 0;
    for (size_t i = 0; i < message->msg_iovlen; i++) {
        bytes += message->msg_iov[i].iov_len;
    }
    return bytes;
}

static int check_control(int fd, const struct msghdr *message) {
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    if (!header || CMSG_ALIGN(header->cmsg_len) != CMSG_ALIGN(message->msg_controllen)) {
        alarm_about("not exactly one control message of msg_controllen bytes");
        return EINVAL;
    }
    size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS || count > PASSED_MAX) {
        return EINVAL;
    }
    if (!count_bytes(message)) {
        alarm_about("descriptors without a byte beside them");
        return EINVAL;
    }
    int unread = 0; /* counted as Linux does, with what the kernel needs: more than on macOS */
    ioctl(fd, SIOCOUTQ, &unread);
    if (12 + (long)(count * sizeof(int)) > SOCKET_BUFFER - (long)unread) {
        return EMSGSIZE;
    }
    return check_passed((const int *)(const void *)CMSG_DATA(header), count);
}

static int check_message(int fd, const struct msghdr *message, int flags) {
    if ((flags & MSG_DONTWAIT) && !(fcntl(fd, F_GETFL) & O_NONBLOCK)) {
        alarm_about("MSG_DONTWAIT does not keep send from blocking");
    }
    return message->msg_controllen ? check_control(fd, message) : 0;
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    bool ours = OURS;
    int error = ours && get_kind(fd) != OTHER ? check_message(fd, message, flags) : 0;
    ssize_t sent = error ? fail(error) : NEXT(sendmsg)(fd, message, flags);
    return ours && sent < 0 && errno == EPIPE && is_broken("closed") ? (ssize_t)count_bytes(message)
                                                                     : sent;
}

/* Whatever comes back is taken for the word that a passed socket has arrived. */
static void forget_passed(void) {
    for (int i = 0; i < DESCRIPTORS; i++) {
        unsigned char passed = PASSED_SOCKET;
        atomic_compare_exchange_strong(&kinds[i], &passed, UNIX_SOCKET);
    }
}

static void lose_descriptors(struct msghdr *message) {
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    const int *fds = header ? (const int *)(const void *)CMSG_DATA(header) : NULL;
    for (size_t i = 0; header && i < (header->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
        NEXT(close)(fds[i]);
    }
    message->msg_controllen = 0;
}

static void break_message(struct msghdr *message, ssize_t count) {
    if (is_broken("descriptors")) {
        lose_descriptors(message);
    } else if (is_broken("overflow")) {
        message->msg_flags &= ~MSG_CTRUNC;
    } else if (is_broken("messages") && count > 1024) {
        ((uint8_t *)message->msg_iov[0].iov_base)[1000] ^= 1;
    }
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
    if (!OURS) {
        return NEXT(recvmsg)(fd, message, flags);
    }
    ssize_t count = NEXT(recvmsg)(fd, message, flags & ~MSG_CMSG_CLOEXEC);
    if (count > 0) {
        break_message(message, count);
    }
    if (count > 0 && atomic_exchange(&any_passed, false)) {
        forget_passed();
    }
    return count;
}

EXPORT int close(int fd) {
    if (OURS && get_kind(fd) == PASSED_SOCKET) {
        alarm_about("socket %d was passed and closed before it is known to have arrived", fd);
    }
    set_kind(fd, OTHER);
    return NEXT(close)(fd);
}

/* ---- not macOS's: what only a broken system does ------------------------------------------------ */

EXPORT ssize_t write(int fd, const void *bytes, size_t size) {
    struct stat info;
    return OURS && is_broken("pipes") && fstat(fd, &info) == 0 && S_ISFIFO(info.st_mode)
               ? (ssize_t)size
               : NEXT(write)(fd, bytes, size);
}

EXPORT int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit) {
    return OURS && is_broken("limits") ? fail(EPERM) : NEXT(setrlimit)(resource, limit);
}

EXPORT int setrlimit64(__rlimit_resource_t resource, const struct rlimit64 *limit) {
    return OURS && is_broken("limits") ? fail(EPERM) : NEXT(setrlimit64)(resource, limit);
}
