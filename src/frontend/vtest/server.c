#include "frontend/vtest/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/log.h"

enum { POLL_INBOX, POLL_LISTENER, SERVER_POLLS };

#define ACCEPTS_PER_TURN 16
#define NS_PER_MS UINT64_C(1000000)

static void default_u32(uint32_t *limit, uint32_t value) {
    if (*limit == 0) {
        *limit = value;
    }
}

static void fill_in_limits(struct vtest_limits *limits) {
    default_u32(&limits->clients, 1024);
    default_u32(&limits->syncs, 65536);
    default_u32(&limits->waits, 1024);
    default_u32(&limits->wait_entries, 16384);
    default_u32(&limits->signals, 65536);
    default_u32(&limits->resources, 65536);
    default_u32(&limits->message_bytes, 64 << 20);
}

int vtest_server_create(const struct vtest_options *options, struct vtest_server **out,
                        char *reason, size_t reason_size) {
    int error = -ENOMEM;
    struct vtest_server *server = calloc(1, sizeof(*server));
    if (!server) {
        goto error_reason;
    }
    server->options = *options;
    fill_in_limits(&server->options.limits);
    server->polls = calloc(SERVER_POLLS, sizeof(*server->polls));
    if (!server->polls) {
        goto error_server;
    }
    error = vtest_inbox_init(&server->inbox);
    if (error) {
        goto error_polls;
    }
    error = vtest_reaper_init(&server->reaper, &server->inbox);
    if (error) {
        goto error_inbox;
    }
    error = frontend_listener_init(&server->listener, options->socket_path, reason, reason_size);
    if (error) {
        vtest_reaper_finish(&server->reaper);
        vtest_inbox_finish(&server->inbox);
        free(server->polls);
        free(server);
        return error;
    }
    server->options.socket_path = server->listener.path;
    *out = server;
    return 0;

error_inbox:
    vtest_inbox_finish(&server->inbox);
error_polls:
    free(server->polls);
error_server:
    free(server);
error_reason:
    snprintf(reason, reason_size, "the server cannot start: %s", strerror(-error));
    return error;
}

/* The last client takes the slot, so a loop over slots runs from the last to the first. */
static void server_remove(struct vtest_server *server, struct vtest_client *client) {
    size_t slot = client->slot;
    size_t last = --server->client_count;
    server->clients[slot] = server->clients[last];
    server->clients[slot]->slot = slot;
    server->polls[SERVER_POLLS + slot] = server->polls[SERVER_POLLS + last];
    vtest_client_disconnect(client);
    vtest_reaper_take(&server->reaper, client);
    /* A descriptor has become free. */
    server->listener.paused_until_ns = 0;
}

void vtest_server_destroy(struct vtest_server *server) {
    if (!server) {
        return;
    }
    frontend_listener_finish(&server->listener);
    while (server->client_count > 0) {
        server_remove(server, server->clients[server->client_count - 1]);
    }
    vtest_reaper_finish(&server->reaper);
    vtest_deadlines_finish(&server->deadlines);
    vtest_inbox_finish(&server->inbox);
    free(server->clients);
    free(server->polls);
    free(server);
}

static int server_reserve_slot(struct vtest_server *server) {
    if (server->client_count < server->client_capacity) {
        return 0;
    }
    size_t capacity = server->client_capacity ? server->client_capacity * 2 : 16;
    struct vtest_client **clients = realloc(server->clients, capacity * sizeof(*clients));
    if (!clients) {
        return -ENOMEM;
    }
    server->clients = clients;
    struct pollfd *polls =
        realloc(server->polls, (SERVER_POLLS + (1 + CONTEXT_POLLS) * capacity) * sizeof(*polls));
    if (!polls) {
        return -ENOMEM;
    }
    server->polls = polls;
    server->client_capacity = capacity;
    return 0;
}

int vtest_server_adopt(struct vtest_server *server, int fd) {
    uint32_t limit = server->options.limits.clients;
    if (server->client_count + server->reaper.count >= limit) {
        log_warning("a connection was closed: the limit of %u clients is reached (--max-clients)",
                    limit);
        close(fd);
        return -ENOSPC;
    }
    struct vtest_client *client;
    int error = server_reserve_slot(server);
    if (error) {
        close(fd);
    } else {
        error = vtest_client_create(&server->options, &server->inbox, &server->deadlines, fd,
                                    server->last_number + 1, &client);
    }
    if (error) {
        log_warning("a connection was closed: %s", strerror(-error));
        return error;
    }
    server->last_number++;
    client->slot = server->client_count++;
    server->clients[client->slot] = client;
    server->polls[SERVER_POLLS + client->slot] =
        (struct pollfd){fd, vtest_client_settle(client), 0};
    return 0;
}

static void server_accept(struct vtest_server *server, uint64_t now_ns) {
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int fd;
        int error = frontend_listener_accept(&server->listener, now_ns, &fd);
        if (error) {
            return;
        }
        (void)vtest_server_adopt(server, fd);
    }
}

/* After each thing done for a client: what poll shall wait for now. */
static void server_settle(struct vtest_server *server, struct vtest_client *client, bool alive) {
    if (!alive) {
        server_remove(server, client);
        return;
    }
    server->polls[SERVER_POLLS + client->slot].events = vtest_client_settle(client);
}

static void server_read_mail(struct vtest_server *server) {
    platform_wake_drain(&server->inbox.wake);
    struct vtest_mail mail;
    /* One round: contexts may leave news faster than this reads it. */
    for (size_t i = server->client_count + server->reaper.count + 1; i > 0; i--) {
        struct vtest_mailbox *mailbox = vtest_inbox_take(&server->inbox, &mail);
        if (!mailbox) {
            return;
        }
        struct vtest_client *client =
            (struct vtest_client *)((char *)mailbox - offsetof(struct vtest_client, mailbox));
        if (client->fd < 0) {
            storage_unref(mail.blob_answered ? mail.blob_storage : NULL);
            continue; /* disconnected, its context about to end */
        }
        server_settle(server, client, vtest_client_receive_mail(client, &mail));
    }
    platform_wake_signal(&server->inbox.wake);
}

/* What poll waits for: entries for nothing are left out, because poll takes no more than there may be
 * descriptors. */
static nfds_t server_gather_polls(struct vtest_server *server) {
    size_t count = SERVER_POLLS + server->client_count;
    for (size_t slot = 0; slot < server->client_count; slot++) {
        const struct pollfd *polls = server->clients[slot]->context_polls;
        for (size_t i = 0; i < CONTEXT_POLLS; i++) {
            if (polls[i].fd >= 0) {
                server->polls[count++] = polls[i];
            }
        }
    }
    return (nfds_t)count;
}

/* After poll, before any client comes or goes. What contexts have to say goes to the inbox, as from
 * threads of theirs. */
static bool server_attend_contexts(struct vtest_server *server) {
    const struct pollfd *next = &server->polls[SERVER_POLLS + server->client_count];
    bool has_attended = false;
    for (size_t slot = 0; slot < server->client_count; slot++) {
        struct vtest_client *client = server->clients[slot];
        bool has_come = false;
        for (size_t i = 0; i < CONTEXT_POLLS; i++) {
            if (client->context_polls[i].fd >= 0) {
                client->context_polls[i].revents = next++->revents;
                has_come = has_come || client->context_polls[i].revents != 0;
            }
        }
        if (has_come) {
            client->context->ops->attend(client->context, client->context_polls);
            (void)vtest_client_settle(client);
            has_attended = true;
        }
    }
    return has_attended;
}

static void server_serve_clients(struct vtest_server *server) {
    for (size_t slot = server->client_count; slot-- > 0;) {
        struct vtest_client *client = server->clients[slot];
        short revents = server->polls[SERVER_POLLS + slot].revents;
        if (revents == 0 && !vtest_client_is_ready(client)) {
            continue;
        }
        server_settle(server, client, vtest_client_handle(client, revents));
    }
}

static bool server_has_ready_client(const struct vtest_server *server) {
    for (size_t slot = 0; slot < server->client_count; slot++) {
        if (vtest_client_is_ready(server->clients[slot])) {
            return true;
        }
    }
    return false;
}

static uint64_t min_u64(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* Milliseconds for poll, rounded up so that it does not return just before the deadline. */
static int server_poll_timeout(const struct vtest_server *server, uint64_t now_ns, int timeout_ms) {
    if (server_has_ready_client(server)) {
        return 0;
    }
    uint64_t next_ns = min_u64(vtest_deadlines_next(&server->deadlines), server->reaper.retry_ns);
    if (server->listener.paused_until_ns != 0) {
        next_ns = min_u64(next_ns, server->listener.paused_until_ns);
    }
    if (next_ns == UINT64_MAX) {
        return timeout_ms;
    }
    uint64_t ms = next_ns > now_ns ? (next_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS : 0;
    if (timeout_ms >= 0) {
        ms = min_u64(ms, (uint64_t)timeout_ms);
    }
    return (int)min_u64(ms, 1 << 30);
}

int vtest_server_step(struct vtest_server *server, int timeout_ms) {
    uint64_t now_ns = platform_now_ns();
    server->polls[POLL_INBOX] = (struct pollfd){server->inbox.wake.read_fd, POLLIN, 0};
    server->polls[POLL_LISTENER] =
        (struct pollfd){frontend_listener_poll_fd(&server->listener, now_ns), POLLIN, 0};
    if (poll(server->polls, server_gather_polls(server),
             server_poll_timeout(server, now_ns, timeout_ms)) < 0) {
        return errno == EINTR || errno == EAGAIN ? 0 : -errno;
    }
    now_ns = platform_now_ns();
    bool accepts = server->polls[POLL_LISTENER].revents != 0;
    const bool has_attended = server_attend_contexts(server);
    server_serve_clients(server);
    if (has_attended || server->polls[POLL_INBOX].revents != 0) {
        server_read_mail(server);
    }
    vtest_deadlines_expire(&server->deadlines, now_ns);
    vtest_reaper_collect(&server->reaper, now_ns);
    if (accepts) {
        server_accept(server, now_ns);
    }
    return 0;
}

int vtest_server_run(struct vtest_server *server) {
    while (!atomic_load(&server->stop)) {
        int error = vtest_server_step(server, -1);
        if (error) {
            return error;
        }
    }
    return 0;
}

void vtest_server_stop(struct vtest_server *server) {
    atomic_store(&server->stop, true);
    platform_wake_signal(&server->inbox.wake);
}
