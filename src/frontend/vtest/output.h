/* What one client has still to be sent: the answer to one request, and in it at most one
 * descriptor, bound to its byte. A client's next request is handled only when its answer is out,
 * so the queue is bounded by the longest answer. Control thread only. */
#ifndef VESPER_VTEST_OUTPUT_H
#define VESPER_VTEST_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "renderer/context.h"

/* The longest answer is the capset's: header, `valid`, the capset. */
#define VTEST_OUTPUT_BYTES (8 + 4 + CONTEXT_CAPSET_VENUS_SIZE)

struct vtest_output {
    int socket_fd;   /* borrowed */
    uint8_t bytes[VTEST_OUTPUT_BYTES];
    size_t sent, end;
    int fd;          /* owned; -1: none */
    size_t fd_at;    /* index of the byte that carries fd */
};

void vtest_output_init(struct vtest_output *output, int socket_fd);
/* Closes a descriptor that was not sent. */
void vtest_output_finish(struct vtest_output *output);

static inline bool vtest_output_is_empty(const struct vtest_output *output) {
    return output->sent == output->end;
}

/* Sends, or keeps for later, the answer {dwords, id} + `dwords` words. The output must have room,
 * which an empty one has for every message of the protocol. 0, or a negative errno of the socket:
 * the connection is then of no more use. */
int vtest_output_reply(struct vtest_output *output, uint32_t id, const uint32_t *words,
                       uint32_t dwords);
/* Sends one zero byte with `fd`, which stays the caller's (a copy is kept where the socket is
 * full). Once per answer, after its words. */
int vtest_output_send_fd(struct vtest_output *output, int fd);
/* Goes on after the socket was full. 0 where all is out or the socket is full again. */
int vtest_output_flush(struct vtest_output *output);

#endif
