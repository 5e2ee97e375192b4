#include "frontend/vhost_user/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

int vhost_notify_prepare(int fd) {
    struct stat info;
    if (fstat(fd, &info) < 0) {
        return -errno;
    }
    /* An eventfd has no file type. */
    if (!S_ISFIFO(info.st_mode) && (info.st_mode & S_IFMT) != 0) {
        return -EINVAL;
    }
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        return -errno;
    }
    return 0;
}

bool vhost_notify_take(int fd) {
    char bytes[512]; /* many at once from a pipe; an eventfd gives 8 */
    ssize_t got;
    do {
        got = read(fd, bytes, sizeof(bytes));
    } while (got < 0 && errno == EINTR);
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK));
}

void vhost_notify_signal(int fd) {
    const uint64_t one = 1;
    /* Full: there is something to be read, which is all that is to be said. */
    while (fd >= 0 && write(fd, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
}
