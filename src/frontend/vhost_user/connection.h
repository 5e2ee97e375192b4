/* One monitor's connection, as every device has it: the order of messages, answers and
 * acknowledgements, memory tables, the configuration space. What is the device's own it leaves to a
 * struct vhost_kind. One thread. Format: QEMU's "Vhost-user Protocol". */
#ifndef VESPER_VHOST_USER_CONNECTION_H
#define VESPER_VHOST_USER_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "frontend/vhost_user/memory_table.h"
#include "frontend/vhost_user/message.h"

#define VHOST_BIT(number) (UINT64_C(1) << (number))

/* What was done with a message: carried out and answered or not, refused (the reason was logged),
 * or the connection is lost. */
enum vhost_outcome { VHOST_DONE, VHOST_ANSWERED, VHOST_REFUSED, VHOST_LOST };

struct vhost_connection;

/* A kind of device. Its functions log why they refuse; `user` is the connection's. */
struct vhost_kind {
    uint64_t features, protocol_features; /* offered */
    uint32_t queue_count, config_size;
    const char *needs; /* behind a message about what was not negotiated; may be empty */

    /* Of those that were offered. False: the connection is lost. */
    bool (*set_protocol_features)(void *user, uint64_t features);
    bool (*set_features)(void *user, uint64_t features);
    /* The table (borrowed) that is valid from now on. */
    void (*set_table)(void *user, struct vhost_table *table);
    /* SET_VRING_…. False: refused. */
    bool (*set_vring)(void *user, struct vhost_message *message);
    /* Stops the queue state->index and leaves its index in state->num. False: lost. */
    bool (*stop_queue)(void *user, struct vhost_vring_state *state);
    /* False: outside of the configuration space, or not to be written. */
    bool (*read_config)(void *user, struct vhost_config *config);
    bool (*write_config)(void *user, const struct vhost_config *config);
    /* RESET_DEVICE. False: lost. */
    bool (*reset)(void *user);
    /* Messages that not every device has. */
    enum vhost_outcome (*other)(void *user, struct vhost_message *message);
};

struct vhost_connection {
    const struct vhost_kind *kind; /* static storage */
    void *user;
    int fd; /* ours; -1: no monitor is connected */
    struct vhost_receiver receiver;
    struct vhost_output output;
    bool negotiated; /* the protocol features */
    uint64_t status;
    struct vhost_table *table; /* a reference: the last one; NULL: none */
};

/* Without a monitor yet. */
void vhost_connection_init(struct vhost_connection *connection, const struct vhost_kind *kind,
                           void *user);
/* Takes a monitor's socket; there is none yet. */
void vhost_connection_open(struct vhost_connection *connection, int fd);
/* Closes what is open. */
void vhost_connection_close(struct vhost_connection *connection);

/* Events to poll `fd` for. */
short vhost_connection_events(const struct vhost_connection *connection);
/* Does what the events of poll ask for. False: the connection is over, and the reason was logged
 * if there is anything to say. */
bool vhost_connection_handle(struct vhost_connection *connection, short revents);

/* The answer to the message in hand: `size` bytes. */
enum vhost_outcome vhost_connection_answer(struct vhost_connection *connection, const void *payload,
                                           size_t size);

#endif
