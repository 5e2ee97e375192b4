/*
 * A preload for the peer's render server on machines without /dev/udmabuf.
 *
 * A software Vulkan driver exports its memory as dma-bufs by handing a memfd to /dev/udmabuf, and
 * the peer's socket server can share nothing else. This library plays that device: opening it
 * succeeds, and UDMABUF_CREATE answers with another descriptor of the memfd itself. Whoever gets it
 * can mmap it just like a dma-buf, which is all that a CPU driver and the socket protocol ask for.
 * It serves measurements only and runs in no process of Vesper.
 */
#undef _FILE_OFFSET_BITS /* open and open64 are two symbols here, and both must be caught */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/udmabuf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

static const char device_path[] = "/dev/udmabuf";

typedef int (*open_fn)(const char *path, int flags, ...);
typedef int (*ioctl_fn)(int fd, unsigned long request, ...);

/* ISO C has no conversion from an object pointer to a function pointer, hence the copy. */
static void find_next(const char *name, void *function) {
    void *symbol = dlsym(RTLD_NEXT, name);
    memcpy(function, &symbol, sizeof(symbol));
}

static int open_or_pretend(const char *name, const char *path, int flags, mode_t mode) {
    if (path && strcmp(path, device_path) == 0) {
        return memfd_create("pretended-udmabuf", MFD_CLOEXEC);
    }
    open_fn next;
    find_next(name, &next);
    if (!next) {
        errno = ENOSYS;
        return -1;
    }
    return next(path, flags, mode);
}

static mode_t mode_argument(int flags, va_list arguments) {
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
}

int open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_argument(flags, arguments);
    va_end(arguments);
    return open_or_pretend("open", path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_argument(flags, arguments);
    va_end(arguments);
    return open_or_pretend("open64", path, flags, mode);
}

static int create_buffer(const struct udmabuf_create *create) {
    /* A descriptor cannot begin in the middle of its file. */
    if (create->offset != 0) {
        errno = EINVAL;
        return -1;
    }
    return fcntl((int)create->memfd, F_DUPFD_CLOEXEC, 0);
}

int ioctl(int fd, unsigned long request, ...) {
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);

    if (request == UDMABUF_CREATE) {
        return create_buffer(argument);
    }
    if (request == DMA_BUF_IOCTL_SYNC) {
        return 0; /* a memfd is always coherent for the CPU */
    }
    ioctl_fn next;
    find_next("ioctl", &next);
    if (!next) {
        errno = ENOSYS;
        return -1;
    }
    return next(fd, request, argument);
}
