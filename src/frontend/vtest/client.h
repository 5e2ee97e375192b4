/* One connection: its requests in order, its answers, and what they made. Control thread only,
 * except for the mailbox. */
#ifndef VESPER_VTEST_CLIENT_H
#define VESPER_VTEST_CLIENT_H

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frontend/vtest/fence.h"
#include "frontend/vtest/mailbox.h"
#include "frontend/vtest/output.h"
#include "frontend/vtest/sync.h"
#include "frontend/vtest/vtest.h"
#include "frontend/vtest/wait.h"
#include "util/id_table.h"

/* Bytes received and not yet handled; grows with what has come, up to the message's length. */
struct vtest_input {
    uint8_t *bytes;
    size_t start, end, capacity;
    size_t wanted; /* bytes of the message at `start`, as far as known */
};

struct vtest_reaper;

struct vtest_client {
    const struct vtest_options *options; /* the server's, limits filled in */
    int fd;
    size_t slot; /* index in the server's list */
    char label[96];
    const char *request; /* name of the message being handled, for refusals */

    struct vtest_input input;
    struct vtest_output output;
    bool named;

    struct context *context; /* NULL before CONTEXT_INIT */
    struct pollfd context_polls[CONTEXT_POLLS]; /* -1: none */
    bool context_lost;
    struct vtest_mailbox mailbox;

    struct vtest_syncs syncs;
    struct vtest_waits waits;
    struct vtest_fences fences;

    struct id_table resources;
    uint32_t last_resource_id;
    uint32_t pending_blob; /* resource id that create_blob has not answered; 0: none */
    uint64_t pending_blob_size;

    /* the reaper's */
    struct vtest_reaper *reaper;
    pthread_t reaper_thread;
    struct vtest_client *reaper_next;
};

/* Takes over a connected, non-blocking socket in every case. `number` names the client in
 * messages. 0 or a negative errno. */
int vtest_client_create(const struct vtest_options *options, struct vtest_inbox *inbox,
                        struct vtest_deadlines *deadlines, int fd, uint64_t number,
                        struct vtest_client **out);
/* Closes the connection and releases every wait; the context (if any) and the memory remain. */
void vtest_client_disconnect(struct vtest_client *client);
/* Frees a disconnected client whose context has been destroyed. */
void vtest_client_free(struct vtest_client *client);

/* What poll shall wait for now: returns the connection's events, and fills in context_polls. */
short vtest_client_settle(struct vtest_client *client);
/* True where a request can be handled without more input. */
bool vtest_client_is_ready(const struct vtest_client *client);

/* poll has reported `revents`. False: the connection is to end (a message was written). */
bool vtest_client_handle(struct vtest_client *client, short revents);
/* Handles a bounded number of the requests already received. False as above. */
bool vtest_client_pump(struct vtest_client *client);
/* Takes note of what the context has told. False as above. */
bool vtest_client_receive_mail(struct vtest_client *client, struct vtest_mail *mail);

/* Writes why the connection ends, naming the request; always false. */
bool vtest_client_refuse(struct vtest_client *client, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Sends an answer to the request being handled. False where the connection is broken. */
bool vtest_client_reply(struct vtest_client *client, uint32_t id, const uint32_t *words,
                        uint32_t dwords);
/* Sends the one descriptor of an answer; it stays the caller's. False as above. */
bool vtest_client_reply_fd(struct vtest_client *client, int fd);

#endif
