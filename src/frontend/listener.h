/* The listening socket of a frontend, and its file. One thread at a time. */
#ifndef VESPER_FRONTEND_LISTENER_H
#define VESPER_FRONTEND_LISTENER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct frontend_listener {
    int fd; /* -1: there is none */
    char *path;
    dev_t device; /* of the socket file, to know it again */
    ino_t inode;
    uint64_t paused_until_ns; /* 0: accepting */
};

/* `path` NULL: a listener that never has a connection. On failure returns a negative errno and
 * writes a sentence that names the cause. */
int frontend_listener_init(struct frontend_listener *listener, const char *path, char *reason,
                           size_t reason_size);
/* Closes the socket and removes its file, unless somebody has put another there. */
void frontend_listener_finish(struct frontend_listener *listener);

/* The next connection. 0, -EAGAIN where none waits, or another negative errno where descriptors or
 * memory have run out: a message was written, and accepting pauses. */
int frontend_listener_accept(struct frontend_listener *listener, uint64_t now_ns, int *out_fd);
/* The descriptor to poll for connections; -1 while accepting pauses. Ends a pause that is over. */
int frontend_listener_poll_fd(struct frontend_listener *listener, uint64_t now_ns);
/* Milliseconds for poll: until a pause ends; -1 where there is none. */
int frontend_listener_timeout_ms(const struct frontend_listener *listener, uint64_t now_ns);

#endif
