#include "frontend/vhost_user/control.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "frontend/vhost_user/request.h"
#include "frontend/vhost_user/vring.h"
#include "util/log.h"

/* A mapping is asked for on the channel, with a descriptor, and its answer is waited for. */
static const uint64_t needed_protocol_features =
    VHOST_BIT(VHOST_PROTOCOL_F_REPLY_ACK) | VHOST_BIT(VHOST_PROTOCOL_F_BACKEND_REQ) |
    VHOST_BIT(VHOST_PROTOCOL_F_BACKEND_SEND_FD) | VHOST_BIT(VHOST_PROTOCOL_F_SHMEM);

/* ---- negotiation ------------------------------------------------------------------------ */

static bool set_protocol_features(void *user, uint64_t features) {
    (void)user;
    if ((features & needed_protocol_features) != needed_protocol_features) {
        log_error("vhost-user: the monitor cannot map memory into the guest (protocol features "
                  "%#" PRIx64 ", of which %#" PRIx64 " are missing): QEMU 11.1 or later is needed",
                  features, needed_protocol_features & ~features);
        return false;
    }
    return true;
}

static bool call_set_features(struct vhost_thread *thread, void *argument) {
    thread->features = *(const uint64_t *)argument;
    device_set_features(thread->device, thread->features);
    return true;
}

static bool set_features(void *user, uint64_t features) {
    struct vhost_control *control = user;
    return vhost_thread_call(control->thread, call_set_features, &features);
}

/* ---- memory ----------------------------------------------------------------------------- */

static void set_table(void *user, struct vhost_table *table) {
    struct vhost_control *control = user;
    vhost_thread_publish(control->thread, table);
}

static enum vhost_outcome get_shmem_config(struct vhost_control *control) {
    struct vhost_shmem_config config = {.count = 1};
    config.sizes[DEVICE_SHMID_HOST_VISIBLE] = control->host_visible_bytes;
    return vhost_connection_answer(&control->connection, &config, sizeof(config));
}

static bool call_open_channel(struct vhost_thread *thread, void *argument) {
    vhost_channel_open(&thread->mappings.channel, *(const int *)argument);
    return true;
}

static enum vhost_outcome set_backend_req_fd(struct vhost_control *control,
                                             struct vhost_message *message) {
    struct stat info;
    if (message->fd_count != 1) {
        log_error("vhost-user: SET_BACKEND_REQ_FD: no descriptor came with it");
        return VHOST_REFUSED;
    }
    if (fstat(message->fds[0], &info) < 0 || !S_ISSOCK(info.st_mode)) {
        log_error("vhost-user: SET_BACKEND_REQ_FD: the descriptor is no socket");
        return VHOST_REFUSED;
    }
    const int flags = fcntl(message->fds[0], F_GETFL);
    if (flags < 0 || fcntl(message->fds[0], F_SETFL, flags | O_NONBLOCK) < 0) {
        log_error("vhost-user: SET_BACKEND_REQ_FD: %s", strerror(errno));
        return VHOST_REFUSED;
    }
    int fd = vhost_message_take_fd(message, 0);
    if (!vhost_thread_call(control->thread, call_open_channel, &fd)) {
        close(fd);
        return VHOST_LOST;
    }
    return VHOST_DONE;
}

/* ---- configuration space, queues, reset ------------------------------------------------- */

static bool call_read_config(struct vhost_thread *thread, void *argument) {
    struct vhost_config *config = argument;
    return device_read_config(thread->device, config->offset, config->bytes, config->size) == 0;
}

static bool read_config(void *user, struct vhost_config *config) {
    struct vhost_control *control = user;
    return vhost_thread_call(control->thread, call_read_config, config);
}

static bool call_write_config(struct vhost_thread *thread, void *argument) {
    const struct vhost_config *config = *(const struct vhost_config **)argument;
    return device_write_config(thread->device, config->offset, config->bytes, config->size) == 0;
}

static bool write_config(void *user, const struct vhost_config *config) {
    struct vhost_control *control = user;
    return vhost_thread_call(control->thread, call_write_config, &config);
}

static bool set_vring(void *user, struct vhost_message *message) {
    struct vhost_control *control = user;
    return vhost_vring_set(control->thread, message);
}

static bool stop_queue(void *user, struct vhost_vring_state *state) {
    struct vhost_control *control = user;
    return vhost_vring_stop(control->thread, state);
}

static bool call_reset(struct vhost_thread *thread, void *argument) {
    (void)argument;
    vhost_thread_reset(thread);
    return true;
}

static bool reset(void *user) {
    struct vhost_control *control = user;
    return vhost_thread_call(control->thread, call_reset, NULL);
}

static enum vhost_outcome handle_other(void *user, struct vhost_message *message) {
    switch (message->header.request) {
    case VHOST_SET_BACKEND_REQ_FD:
        return set_backend_req_fd(user, message);
    case VHOST_GET_SHMEM_CONFIG:
        return get_shmem_config(user);
    default:
        return VHOST_LOST; /* the receiver passes no others */
    }
}

/* CONFIGURE_MEM_SLOTS is left out: with it a guest's mappings are not limited to those that fit
 * into a table, and QEMU ends with an assertion when there are too many. */
static const struct vhost_kind kind = {
    .features = VHOST_BIT(DEVICE_F_VIRGL) | VHOST_BIT(DEVICE_F_EDID) |
                VHOST_BIT(DEVICE_F_RESOURCE_UUID) | VHOST_BIT(DEVICE_F_RESOURCE_BLOB) |
                VHOST_BIT(DEVICE_F_CONTEXT_INIT) | VHOST_BIT(DEVICE_F_BLOB_ALIGNMENT) |
                VHOST_BIT(VHOST_F_INDIRECT_DESC) | VHOST_BIT(VHOST_F_EVENT_IDX) |
                VHOST_BIT(VHOST_F_PROTOCOL_FEATURES) | VHOST_BIT(VHOST_F_VERSION_1),
    .protocol_features =
        VHOST_BIT(VHOST_PROTOCOL_F_MQ) | VHOST_BIT(VHOST_PROTOCOL_F_REPLY_ACK) |
        VHOST_BIT(VHOST_PROTOCOL_F_BACKEND_REQ) | VHOST_BIT(VHOST_PROTOCOL_F_CONFIG) |
        VHOST_BIT(VHOST_PROTOCOL_F_BACKEND_SEND_FD) | VHOST_BIT(VHOST_PROTOCOL_F_RESET_DEVICE) |
        VHOST_BIT(VHOST_PROTOCOL_F_STATUS) | VHOST_BIT(VHOST_PROTOCOL_F_SHMEM),
    .queue_count = DEVICE_QUEUE_COUNT,
    .config_size = DEVICE_CONFIG_SIZE,
    .needs = ": QEMU 11.1 or later is needed",
    .set_protocol_features = set_protocol_features,
    .set_features = set_features,
    .set_table = set_table,
    .set_vring = set_vring,
    .stop_queue = stop_queue,
    .read_config = read_config,
    .write_config = write_config,
    .reset = reset,
    .other = handle_other,
};

/* ---- the connection --------------------------------------------------------------------- */

void vhost_control_init(struct vhost_control *control, struct vhost_thread *thread,
                        uint64_t host_visible_bytes) {
    *control = (struct vhost_control){.thread = thread, .host_visible_bytes = host_visible_bytes};
    vhost_connection_init(&control->connection, &kind, control);
}

void vhost_control_connect(struct vhost_control *control, int fd) {
    vhost_connection_open(&control->connection, fd);
    log_info("a monitor has connected");
}

static bool call_disconnect(struct vhost_thread *thread, void *argument) {
    (void)argument;
    vhost_thread_disconnect(thread);
    return true;
}

void vhost_control_disconnect(struct vhost_control *control) {
    if (control->connection.fd < 0) {
        return;
    }
    vhost_thread_call(control->thread, call_disconnect, NULL);
    vhost_connection_close(&control->connection);
    log_info("the monitor's connection is closed");
}
