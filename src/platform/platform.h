/* What POSIX does not give, or gives differently on Linux and macOS.
 *
 * The only room with system #ifdefs. Functions that can fail return 0 or a negative errno value
 * unless their comment says otherwise. Every descriptor made here is close-on-exec.
 * All functions may be called from any thread unless their comment says otherwise. */
#ifndef VESPER_PLATFORM_H
#define VESPER_PLATFORM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- memory ---------------------------------------------------------------------------- */

/* Size of a page in bytes: a power of two, the same for the life of the process. */
size_t platform_page_size(void);

/* Makes anonymous shared memory of `size` bytes (1 … INT64_MAX, rounded up to whole pages by the
 * caller if it matters), zero-filled, that no peer can shrink or grow where the system can
 * forbid it (a sealed memfd on Linux, plain POSIX shared memory where the kernel has no memfd).
 * `label` appears in diagnostics such as /proc/PID/maps; it need not be unique and is not kept. On
 * success the caller owns *out_fd. */
int platform_shm_create(const char *label, uint64_t size, int *out_fd);

/* Maps `size` bytes of `fd` from offset 0, shared, readable and writable. The descriptor stays
 * the caller's. The mapping ends with platform_unmap of the same size. */
int platform_map_shared(int fd, uint64_t size, void **out_pointer);
/* The same from byte `offset` of the file, a multiple of the page size (-EINVAL otherwise). */
int platform_map_shared_at(int fd, uint64_t offset, uint64_t size, void **out_pointer);
void platform_unmap(void *pointer, uint64_t size);

/* Real size in bytes of the object behind a shared-memory or dma-buf descriptor. */
int platform_fd_size(int fd, uint64_t *out_size);

/* ---- wake-ups -------------------------------------------------------------------------- */

/* A descriptor that polls readable from signal to drain: an eventfd where there is one, else a
 * pipe. The two ends are always different descriptors, so that one can be given away and closed
 * while the other stays in use. */
struct platform_wake {
    int read_fd;
    int write_fd;
};

int platform_wake_init(struct platform_wake *wake);
/* Closes what is still open; members may have been set to -1 by a caller that gave one away. */
void platform_wake_finish(struct platform_wake *wake);
/* Makes read_fd readable. Never blocks; async-signal-safe. */
void platform_wake_signal(const struct platform_wake *wake);
/* Makes read_fd unreadable until the next signal. Never blocks. */
void platform_wake_drain(const struct platform_wake *wake);

/* ---- time and threads ------------------------------------------------------------------ */

/* Monotonic clock in nanoseconds; never 0. May stand still while the machine sleeps. */
uint64_t platform_now_ns(void);

/* Processors that may run this process's threads now: at least 1. */
unsigned platform_processor_count(void);

/* Hint to the processor inside a bounded spin. */
void platform_cpu_relax(void);

typedef void *(*platform_thread_main)(void *argument);
/* Starts a joinable thread with a stack fit for Vulkan drivers, all signals blocked but those of
 * its own faults, and `name` (at most 15 bytes are kept) shown by debuggers. */
int platform_thread_start(pthread_t *out_thread, const char *name, platform_thread_main main,
                          void *argument);
/* Applies a POSIX nice value (-20 … 19) to the calling thread where the system can; values that
 * need a privilege we lack are ignored. */
void platform_thread_set_nice(int nice_value);

/* A condition variable whose deadlines are platform_now_ns() times. */
int platform_cond_init(pthread_cond_t *cond);
/* Waits until signalled or `deadline_ns` (UINT64_MAX: for ever). Returns false on time-out.
 * The mutex is held by the caller, as for pthread_cond_wait; wake-ups may be spurious. */
bool platform_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, uint64_t deadline_ns);

/* ---- sockets --------------------------------------------------------------------------- */

/* Binds and listens on a Unix stream socket at `path`. A stale socket file (nobody answers) is
 * replaced; a live one gives -EADDRINUSE; a path of another file type gives -EEXIST; a path that
 * does not fit gives -ENAMETOOLONG. The listener is non-blocking; the caller
 * owns *out_fd and removes the file when done. */
int platform_socket_listen(const char *path, int *out_fd);
/* Accepts one connection, non-blocking, never raising SIGPIPE. -EAGAIN when none waits. */
int platform_socket_accept(int listen_fd, int *out_fd);
/* Connects to a Unix stream socket (blocking descriptor). Used by tests and tools. */
int platform_socket_connect(const char *path, int *out_fd);
/* Sends up to `size` bytes (≥ 1), and with the first of them `fd` unless it is -1; never raises
 * SIGPIPE. Returns the count sent (≥ 1; the descriptor went with them) or a negative errno.
 * `fd` stays the caller's. */
long platform_socket_send(int socket_fd, const void *bytes, size_t size, int fd);
/* Receives up to `size` bytes (≥ 1); at most one descriptor is accepted into *out_fd (-1: none)
 * and is the caller's, any surplus is closed. Returns the count (0: end of stream) or a negative
 * errno. -EMFILE: descriptors came for which this process has no room; they and the bytes beside
 * them are lost, so the connection is of no further use. */
long platform_socket_receive(int socket_fd, void *bytes, size_t size, int *out_fd);
/* As platform_socket_receive, with room for `capacity` descriptors, in the order sent. *out_count
 * is how many came: where that is more than `capacity`, the surplus has been closed. */
long platform_socket_receive_fds(int socket_fd, void *bytes, size_t size, int *fds, size_t capacity,
                                 size_t *out_count);

/* As platform_socket_send, with `count` descriptors (0 … PLATFORM_SEND_FDS_MAX) beside the first
 * byte. They stay the caller's. */
#define PLATFORM_SEND_FDS_MAX 8
long platform_socket_send_fds(int socket_fd, const void *bytes, size_t size, const int *fds,
                              size_t count);
/* Two connected Unix stream sockets, close-on-exec and non-blocking; the caller owns both. */
int platform_socket_pair(int out_fds[2]);

/* ---- pipes ----------------------------------------------------------------------------- */

/* A wake for two processes: always a pipe, of which each keeps one end, so that neither can change
 * how the other's end behaves. Non-blocking. platform_wake_finish closes it. */
int platform_pipe_init(struct platform_wake *wake);
/* As platform_wake_signal and platform_wake_drain. One call drains some KiB at most: a peer that
 * writes for ever holds nobody. */
void platform_pipe_signal(const struct platform_wake *wake);
void platform_pipe_drain(const struct platform_wake *wake);

/* ---- process --------------------------------------------------------------------------- */

/* The descriptor under which a spawned process finds the one given to it. */
#define PLATFORM_SPAWN_FD 3

/* Starts the program at `path` (with a slash: PATH is not searched) with `arguments`
 * (NULL-terminated), this environment, standard output and error of this process, an empty
 * standard input, `fd` as descriptor PLATFORM_SPAWN_FD and no other descriptor, no signal blocked
 * and all with their default action. `fd` stays the caller's. The caller reaps *out_pid. */
int platform_spawn(const char *path, const char *const *arguments, int fd, pid_t *out_pid);

/* Absolute path of this process's program. -ENAMETOOLONG where `size` bytes are too few. */
int platform_own_path(char *out, size_t size);
/* Absolute path of `name` in the folder of this process's program, whether it is there or not. 0,
 * -ENAMETOOLONG or another negative errno; `out` is then undefined. */
int platform_path_beside(const char *name, char *out, size_t size);

/* Whether the object behind a descriptor from another process can be relied upon to keep its size:
 * sealed or unresizable shared memory, or a dma-buf. Anything else that is mapped could be cut
 * short by its maker, and reading it would end this process. */
bool platform_fd_size_is_fixed(int fd);

/* Raises the soft limit of open descriptors to the hard limit (macOS starts with 256). */
void platform_raise_descriptor_limit(void);

/* While more begins than ends were called, the system is asked not to slow this process down for
 * having no window in sight (App Nap on macOS; nothing on Linux). Not for hot paths. */
void platform_busy_begin(void);
void platform_busy_end(void);

/* Names under which the Vulkan loader, or a driver that can replace it, may be opened with
 * dlopen: a NULL-terminated list in order of preference, static storage. */
const char *const *platform_vulkan_libraries(void);
/* Folders beyond those of the XDG variables in which the loader looks for icd.d, the folder of driver
 * manifests. Like the list above. */
const char *const *platform_vulkan_folders(void);
/* What platform_vulkan_libraries is, for SDL 3. */
const char *const *platform_sdl_libraries(void);

/* ---- virtual machines ------------------------------------------------------------------ */

/* QEMU's name of the accelerator that this user can use here: "kvm" (where the processor itself runs
 * guests), "hvf", or "tcg" (none). Static storage. */
const char *platform_qemu_accelerator(void);
/* Why guests are emulated here: a sentence in static storage, NULL where they are not. */
const char *platform_qemu_why_emulated(void);
/* QEMU's object type for guest memory that another process can map. Static storage. */
const char *platform_qemu_memory_backend(void);

#endif
