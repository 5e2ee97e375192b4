/* The part of the platform that is the same on every POSIX system. */
#include "platform/platform.h"
#include "platform/system.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

/* SPIR-V compilers recurse deeply and some systems give a new thread only 512 KiB. */
#define THREAD_STACK_BYTES ((size_t)8 << 20)

#define THREAD_NAME_BYTES 16

/* More than any kernel passes in one message (Linux 253, XNU 254), so that no descriptor can
 * arrive that we are not told of. */
#define RECEIVED_DESCRIPTORS_MAX 256

/* XNU refuses lengths beyond INT_MAX; a short count is always allowed. */
#define SOCKET_CHUNK_MAX ((size_t)1 << 30)

/* Systems without the flag, and kernels that ignore it, leave a moment in which a child could
 * inherit a received descriptor; closing that needs close-on-exec by default where children are
 * started. */
#ifdef MSG_CMSG_CLOEXEC
#define RECEIVE_FLAGS MSG_CMSG_CLOEXEC
#else
#define RECEIVE_FLAGS 0
#endif

/* ---- memory ---------------------------------------------------------------------------- */

size_t platform_page_size(void) {
    return (size_t)sysconf(_SC_PAGESIZE);
}

int platform_map_shared(int fd, uint64_t size, void **out_pointer) {
    return platform_map_shared_at(fd, 0, size, out_pointer);
}

int platform_map_shared_at(int fd, uint64_t offset, uint64_t size, void **out_pointer) {
    if (size == 0 || size > SIZE_MAX || offset > INT64_MAX) {
        return -EINVAL;
    }
    void *pointer = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
    if (pointer == MAP_FAILED) {
        return -errno;
    }
    *out_pointer = pointer;
    return 0;
}

void platform_unmap(void *pointer, uint64_t size) {
    munmap(pointer, (size_t)size);
}

/* ---- wake-ups -------------------------------------------------------------------------- */

int system_set_nonblocking(int fd) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        return -errno;
    }
    return 0;
}

int system_set_close_on_exec_and_nonblocking(int fd) {
    return fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? -errno : system_set_nonblocking(fd);
}

/* On failure both are closed. */
static int prepare_pair(const int fds[2]) {
    int error = system_set_close_on_exec_and_nonblocking(fds[0]);
    if (!error) {
        error = system_set_close_on_exec_and_nonblocking(fds[1]);
    }
    if (error) {
        close(fds[0]);
        close(fds[1]);
    }
    return error;
}

void platform_wake_finish(struct platform_wake *wake) {
    if (wake->read_fd >= 0) {
        close(wake->read_fd);
    }
    if (wake->write_fd >= 0) {
        close(wake->write_fd);
    }
    wake->read_fd = -1;
    wake->write_fd = -1;
}

/* ---- threads --------------------------------------------------------------------------- */

unsigned platform_processor_count(void) {
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (unsigned)count : 1;
}

void platform_cpu_relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ volatile("yield");
#endif
}

struct thread_start {
    platform_thread_main main;
    void *argument;
    char name[THREAD_NAME_BYTES];
};

static void *thread_main(void *argument) {
    struct thread_start start = *(struct thread_start *)argument;
    free(argument);
    /* From inside: macOS can name only the calling thread. */
    system_thread_set_name(start.name);
    return start.main(start.argument);
}

/* Everything but a thread's own faults: while those are blocked the kernel kills the process
 * without calling the handler of a sanitizer or crash reporter. */
static void fill_blocked_signals(sigset_t *set) {
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
    sigfillset(set);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        sigdelset(set, faults[i]);
    }
}

static int create_with_signals_blocked(pthread_t *out_thread, const pthread_attr_t *attributes,
                                       struct thread_start *start) {
    sigset_t blocked, saved;
    fill_blocked_signals(&blocked);
    int error = pthread_sigmask(SIG_SETMASK, &blocked, &saved);
    if (error != 0) {
        return -error;
    }
    error = pthread_create(out_thread, attributes, thread_main, start);
    pthread_sigmask(SIG_SETMASK, &saved, NULL);
    return -error;
}

int platform_thread_start(pthread_t *out_thread, const char *name, platform_thread_main main,
                          void *argument) {
    struct thread_start *start = malloc(sizeof(*start));
    if (!start) {
        return -ENOMEM;
    }
    start->main = main;
    start->argument = argument;
    size_t length = strnlen(name, THREAD_NAME_BYTES - 1);
    memcpy(start->name, name, length);
    start->name[length] = '\0';

    pthread_attr_t attributes;
    int result = -pthread_attr_init(&attributes);
    if (result < 0) {
        goto error_start;
    }
    result = -pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES);
    if (result == 0) {
        result = create_with_signals_blocked(out_thread, &attributes, start);
    }
    pthread_attr_destroy(&attributes);
    if (result < 0) {
        goto error_start;
    }
    return 0;

error_start:
    free(start);
    return result;
}

/* ---- sockets --------------------------------------------------------------------------- */

static int address_from_path(const char *path, struct sockaddr_un *out_address) {
    size_t length = strlen(path);
    if (length == 0) {
        return -EINVAL;
    }
    if (length >= sizeof(out_address->sun_path)) {
        return -ENAMETOOLONG;
    }
    memset(out_address, 0, sizeof(*out_address));
    out_address->sun_family = AF_UNIX;
    memcpy(out_address->sun_path, path, length + 1);
    return 0;
}

static int connect_address(int fd, const struct sockaddr_un *address) {
    while (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0) {
        if (errno == EISCONN) {
            break; /* an interrupted attempt went on by itself */
        }
        if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

/* 0 where nothing stands in the way any more: what was at the path is a socket that nobody
 * listens on, and has been removed. Two servers that start on one stale file in the same instant
 * can still take it from each other; the later one wins. */
static int remove_stale_socket(const struct sockaddr_un *address) {
    struct stat info;
    if (lstat(address->sun_path, &info) < 0) {
        return errno == ENOENT ? 0 : -errno;
    }
    if (!S_ISSOCK(info.st_mode)) {
        return -EEXIST;
    }
    int probe = system_socket_new();
    if (probe < 0) {
        return probe;
    }
    /* Non-blocking: a live server whose backlog is full must not hold us up. */
    int result = system_set_nonblocking(probe);
    if (result == 0) {
        result = connect_address(probe, address);
        bool stale = result == -ECONNREFUSED || result == -ENOENT;
        result = stale ? 0 : -EADDRINUSE;
    }
    close(probe);
    if (result < 0) {
        return result;
    }
    if (unlink(address->sun_path) < 0 && errno != ENOENT) {
        return -errno;
    }
    return 0;
}

static int bind_address(int fd, const struct sockaddr_un *address) {
    if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0) {
        return -errno;
    }
    return 0;
}

int platform_socket_listen(const char *path, int *out_fd) {
    struct sockaddr_un address;
    int result = address_from_path(path, &address);
    if (result < 0) {
        return result;
    }
    int fd = system_socket_new();
    if (fd < 0) {
        return fd;
    }
    result = system_set_nonblocking(fd);
    if (result < 0) {
        goto error_socket;
    }
    result = bind_address(fd, &address);
    if (result == -EADDRINUSE) {
        result = remove_stale_socket(&address);
        if (result == 0) {
            result = bind_address(fd, &address);
        }
    }
    if (result < 0) {
        goto error_socket;
    }
    if (listen(fd, SOMAXCONN) < 0) {
        result = -errno;
        goto error_bound;
    }
    *out_fd = fd;
    return 0;

error_bound:
    unlink(path);
error_socket:
    close(fd);
    return result;
}

int platform_socket_connect(const char *path, int *out_fd) {
    struct sockaddr_un address;
    int result = address_from_path(path, &address);
    if (result < 0) {
        return result;
    }
    int fd = system_socket_new();
    if (fd < 0) {
        return fd;
    }
    result = connect_address(fd, &address);
    if (result < 0) {
        close(fd);
        return result;
    }
    *out_fd = fd;
    return 0;
}

static void attach_descriptors(struct msghdr *message, unsigned char *control, const int *fds,
                               size_t count) {
    message->msg_control = control;
    message->msg_controllen = CMSG_SPACE(count * sizeof(int));
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(header), fds, count * sizeof(int));
    /* XNU wants the two lengths equal. */
    message->msg_controllen = header->cmsg_len;
}

long platform_socket_send_fds(int socket_fd, const void *bytes, size_t size, const int *fds,
                              size_t count) {
    if (size == 0 || count > PLATFORM_SEND_FDS_MAX) {
        return -EINVAL;
    }
    struct iovec part = {
        .iov_base = (void *)(uintptr_t)bytes, /* sendmsg does not write; the type has no const */
        .iov_len = size < SOCKET_CHUNK_MAX ? size : SOCKET_CHUNK_MAX,
    };
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    union {
        struct cmsghdr align;
        unsigned char bytes[CMSG_SPACE(PLATFORM_SEND_FDS_MAX * sizeof(int))];
    } control;
    if (count > 0) {
        memset(&control, 0, sizeof(control));
        attach_descriptors(&message, control.bytes, fds, count);
    }
    ssize_t sent;
    do {
        sent = sendmsg(socket_fd, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) {
        /* A stream has no largest message: XNU says this when the peer's buffer has no room for
         * the descriptor just now. */
        return errno == EMSGSIZE ? -EAGAIN : -errno;
    }
    return (long)sent;
}

long platform_socket_send(int socket_fd, const void *bytes, size_t size, int fd) {
    return platform_socket_send_fds(socket_fd, bytes, size, &fd, fd == -1 ? 0 : 1);
}

int platform_socket_pair(int out_fds[2]) {
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, out_fds) < 0) {
        return -errno;
    }
    int error = prepare_pair(out_fds);
    if (!error) {
        system_socket_tune(out_fds[0]);
        system_socket_tune(out_fds[1]);
    }
    return error;
}

/* Where received descriptors go; `count` goes on where `capacity` ends, and the rest is closed. */
struct descriptor_room {
    int *fds;
    size_t capacity, count;
};

static void keep_descriptors(const unsigned char *data, size_t size, struct descriptor_room *room) {
    for (size_t offset = 0; offset + sizeof(int) <= size; offset += sizeof(int)) {
        int fd;
        memcpy(&fd, data + offset, sizeof(int));
        if (room->count < room->capacity) {
            room->fds[room->count] = fd;
        } else {
            close(fd);
        }
        room->count++;
    }
}

static void take_descriptors(struct msghdr *message, struct descriptor_room *room) {
    const unsigned char *end =
        (const unsigned char *)message->msg_control + message->msg_controllen;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
         header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
            header->cmsg_len < CMSG_LEN(0)) {
            continue;
        }
        const unsigned char *data = CMSG_DATA(header);
        size_t size = header->cmsg_len - CMSG_LEN(0);
        /* XNU does not shorten cmsg_len when it shortens the data. */
        size_t left = data < end ? (size_t)(end - data) : 0;
        keep_descriptors(data, size < left ? size : left, room);
    }
}

static size_t count_kept(const struct descriptor_room *room) {
    return room->count < room->capacity ? room->count : room->capacity;
}

long platform_socket_receive_fds(int socket_fd, void *bytes, size_t size, int *fds, size_t capacity,
                                 size_t *out_count) {
    *out_count = 0;
    if (size == 0) {
        return -EINVAL;
    }
    union {
        struct cmsghdr align;
        unsigned char bytes[CMSG_SPACE(RECEIVED_DESCRIPTORS_MAX * sizeof(int))];
    } control;
    struct iovec part = {
        .iov_base = bytes,
        .iov_len = size < SOCKET_CHUNK_MAX ? size : SOCKET_CHUNK_MAX,
    };
    struct msghdr message;
    ssize_t received;
    do {
        message = (struct msghdr){.msg_iov = &part, .msg_iovlen = 1};
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof(control.bytes);
        received = recvmsg(socket_fd, &message, RECEIVE_FLAGS);
    } while (received < 0 && errno == EINTR);
    if (received < 0) {
        return -errno;
    }
    struct descriptor_room room = {.fds = fds, .capacity = capacity};
    take_descriptors(&message, &room);
    if (message.msg_flags & MSG_CTRUNC) {
        /* Our control buffer holds all that can be sent, so our descriptor table is full. Which
         * descriptor belonged to which bytes is lost. */
        for (size_t i = 0; i < count_kept(&room); i++) {
            close(fds[i]);
        }
        return -EMFILE;
    }
    for (size_t i = 0; i < count_kept(&room); i++) {
        fcntl(fds[i], F_SETFD, FD_CLOEXEC);
    }
    *out_count = room.count;
    return (long)received;
}

long platform_socket_receive(int socket_fd, void *bytes, size_t size, int *out_fd) {
    int fd;
    size_t count;
    long received = platform_socket_receive_fds(socket_fd, bytes, size, &fd, 1, &count);
    *out_fd = count > 0 ? fd : -1;
    return received;
}

/* ---- pipes ----------------------------------------------------------------------------- */

int platform_pipe_init(struct platform_wake *wake) {
    int ends[2];
    if (pipe(ends) < 0) {
        return -errno;
    }
    int error = prepare_pair(ends);
    if (!error) {
        *wake = (struct platform_wake){.read_fd = ends[0], .write_fd = ends[1]};
    }
    return error;
}

void platform_pipe_signal(const struct platform_wake *wake) {
    int saved = errno;
    /* EAGAIN means a full pipe, which polls readable as it should. */
    while (write(wake->write_fd, "", 1) < 0 && errno == EINTR) {
    }
    errno = saved;
}

void platform_pipe_drain(const struct platform_wake *wake) {
    int saved = errno;
    char bytes[4096];
    while (read(wake->read_fd, bytes, sizeof(bytes)) < 0 && errno == EINTR) {
    }
    errno = saved;
}

/* ---- spawning -------------------------------------------------------------------------- */

extern char **environ;

static int set_spawn_attributes(posix_spawnattr_t *attributes) {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int error = posix_spawnattr_setsigmask(attributes, &none);
    if (!error) {
        error = posix_spawnattr_setsigdefault(attributes, &all);
    }
    if (!error) {
        error = posix_spawnattr_setflags(
            attributes,
            (short)(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | system_spawn_flags()));
    }
    return error;
}

int platform_path_beside(const char *name, char *out, size_t size) {
    int error = platform_own_path(out, size);
    if (error) {
        return error;
    }
    char *end = strrchr(out, '/') + 1;
    const size_t room = size - (size_t)(end - out);
    const int length = snprintf(end, room, "%s", name);
    return length >= 0 && (size_t)length < room ? 0 : -ENAMETOOLONG;
}

int platform_spawn(const char *path, const char *const *arguments, int fd, pid_t *out_pid) {
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    int error = posix_spawnattr_init(&attributes);
    if (error) {
        return -error;
    }
    error = posix_spawn_file_actions_init(&actions);
    if (error) {
        goto error_actions;
    }
    error = set_spawn_attributes(&attributes);
    /* First: opening "/dev/null" could not take its number. Also clears close-on-exec where both
     * numbers are equal. */
    if (!error) {
        error = posix_spawn_file_actions_adddup2(&actions, fd, PLATFORM_SPAWN_FD);
    }
    if (!error) {
        error = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    }
    if (!error) {
        error = system_spawn_keep_only(&actions, PLATFORM_SPAWN_FD);
    }
    if (!error) {
        error =
            posix_spawn(out_pid, path, &actions, &attributes, (char *const *)arguments, environ);
    }
    posix_spawn_file_actions_destroy(&actions);
error_actions:
    posix_spawnattr_destroy(&attributes);
    return -error;
}
