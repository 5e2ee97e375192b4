#include "frontend/vhost_user/control.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "frontend/vhost_user/request.h"
#include "frontend/vhost_user/vring.h"
#include "util/log.h"

#define BIT(number) (UINT64_C(1) << (number))

static const uint64_t offered_features = BIT(DEVICE_F_VIRGL) | BIT(DEVICE_F_EDID) |
                                         BIT(DEVICE_F_RESOURCE_UUID) | BIT(DEVICE_F_RESOURCE_BLOB) |
                                         BIT(DEVICE_F_CONTEXT_INIT) | BIT(DEVICE_F_BLOB_ALIGNMENT) |
                                         BIT(VHOST_F_INDIRECT_DESC) | BIT(VHOST_F_EVENT_IDX) |
                                         BIT(VHOST_F_PROTOCOL_FEATURES) | BIT(VHOST_F_VERSION_1);

/* CONFIGURE_MEM_SLOTS is left out: with it a guest's mappings are not limited to those that fit
 * into a table, and QEMU ends with an assertion when there are too many. */
static const uint64_t offered_protocol_features =
    BIT(VHOST_PROTOCOL_F_MQ) | BIT(VHOST_PROTOCOL_F_REPLY_ACK) | BIT(VHOST_PROTOCOL_F_BACKEND_REQ) |
    BIT(VHOST_PROTOCOL_F_CONFIG) | BIT(VHOST_PROTOCOL_F_BACKEND_SEND_FD) |
    BIT(VHOST_PROTOCOL_F_RESET_DEVICE) | BIT(VHOST_PROTOCOL_F_STATUS) | BIT(VHOST_PROTOCOL_F_SHMEM);

/* A mapping is asked for on the channel, with a descriptor, and its answer is waited for. */
static const uint64_t needed_protocol_features =
    BIT(VHOST_PROTOCOL_F_REPLY_ACK) | BIT(VHOST_PROTOCOL_F_BACKEND_REQ) |
    BIT(VHOST_PROTOCOL_F_BACKEND_SEND_FD) | BIT(VHOST_PROTOCOL_F_SHMEM);

/* What a handler did: answered or not, refused it (and said why), or lost the connection. */
enum outcome { DONE, ANSWERED, REFUSED, LOST };

static enum outcome answer(struct vhost_control *control, const void *payload, size_t size) {
    const uint32_t request = control->receiver.message.header.request;
    return vhost_output_reply(&control->output, request, payload, size) ? LOST : ANSWERED;
}

static enum outcome answer_u64(struct vhost_control *control, uint64_t value) {
    return answer(control, &value, sizeof(value));
}

/* ---- negotiation ------------------------------------------------------------------------ */

static enum outcome set_protocol_features(struct vhost_control *control, uint64_t features) {
    if (features & ~offered_protocol_features) {
        log_error("vhost-user: SET_PROTOCOL_FEATURES: %#" PRIx64 " holds features that were not "
                  "offered (%#" PRIx64 ")",
                  features, offered_protocol_features);
        return LOST;
    }
    if ((features & needed_protocol_features) != needed_protocol_features) {
        log_error("vhost-user: the monitor cannot map memory into the guest (protocol features "
                  "%#" PRIx64 ", of which %#" PRIx64 " are missing): QEMU 11.1 or later is needed",
                  features, needed_protocol_features & ~features);
        return LOST;
    }
    control->protocol_features = features;
    control->negotiated = true;
    return DONE;
}

static bool call_set_features(struct vhost_thread *thread, void *argument) {
    thread->features = *(const uint64_t *)argument;
    device_set_features(thread->device, thread->features);
    return true;
}

static enum outcome set_features(struct vhost_control *control, uint64_t features) {
    if (features & ~offered_features) {
        log_error("vhost-user: SET_FEATURES: %#" PRIx64 " holds features that were not offered "
                  "(%#" PRIx64 ")",
                  features, offered_features);
        return REFUSED;
    }
    return vhost_thread_call(control->thread, call_set_features, &features) ? DONE : LOST;
}

/* ---- memory ----------------------------------------------------------------------------- */

static enum outcome set_mem_table(struct vhost_control *control, struct vhost_message *message) {
    struct vhost_table *table;
    if (!vhost_table_create(message, control->table, &table)) {
        return REFUSED;
    }
    vhost_thread_publish(control->thread, table);
    vhost_table_unref(control->table);
    control->table = table;
    return DONE;
}

static enum outcome get_shmem_config(struct vhost_control *control) {
    struct vhost_shmem_config config = {.count = 1};
    config.sizes[DEVICE_SHMID_HOST_VISIBLE] = control->host_visible_bytes;
    return answer(control, &config, sizeof(config));
}

static bool call_open_channel(struct vhost_thread *thread, void *argument) {
    vhost_channel_open(&thread->mappings.channel, *(const int *)argument);
    return true;
}

static enum outcome set_backend_req_fd(struct vhost_control *control,
                                       struct vhost_message *message) {
    struct stat info;
    if (message->fd_count != 1) {
        log_error("vhost-user: SET_BACKEND_REQ_FD: no descriptor came with it");
        return REFUSED;
    }
    if (fstat(message->fds[0], &info) < 0 || !S_ISSOCK(info.st_mode)) {
        log_error("vhost-user: SET_BACKEND_REQ_FD: the descriptor is no socket");
        return REFUSED;
    }
    const int flags = fcntl(message->fds[0], F_GETFL);
    if (flags < 0 || fcntl(message->fds[0], F_SETFL, flags | O_NONBLOCK) < 0) {
        log_error("vhost-user: SET_BACKEND_REQ_FD: %s", strerror(errno));
        return REFUSED;
    }
    int fd = vhost_message_take_fd(message, 0);
    if (!vhost_thread_call(control->thread, call_open_channel, &fd)) {
        close(fd);
        return LOST;
    }
    return DONE;
}

/* ---- configuration space and status ----------------------------------------------------- */

static bool call_read_config(struct vhost_thread *thread, void *argument) {
    struct vhost_config *config = argument;
    return device_read_config(thread->device, config->offset, config->bytes, config->size) == 0;
}

static bool call_write_config(struct vhost_thread *thread, void *argument) {
    struct vhost_config *config = argument;
    return device_write_config(thread->device, config->offset, config->bytes, config->size) == 0;
}

static bool check_config(const struct vhost_message *message) {
    const struct vhost_config *config = &message->payload.config;
    if (config->size == message->header.size - VHOST_CONFIG_HEAD) {
        return true;
    }
    log_error("vhost-user: %s: %u bytes in a payload that has room for %u",
              vhost_message_name(message), config->size, message->header.size - VHOST_CONFIG_HEAD);
    return false;
}

static enum outcome get_config(struct vhost_control *control, struct vhost_message *message) {
    struct vhost_config *config = &message->payload.config;
    if (!check_config(message)) {
        return LOST;
    }
    if (!vhost_thread_call(control->thread, call_read_config, config)) {
        log_error("vhost-user: GET_CONFIG: %u bytes from byte %u on, of %u", config->size,
                  config->offset, DEVICE_CONFIG_SIZE);
        return answer(control, config, 0);
    }
    return answer(control, config, VHOST_CONFIG_HEAD + (size_t)config->size);
}

static enum outcome set_config(struct vhost_control *control, struct vhost_message *message) {
    struct vhost_config *config = &message->payload.config;
    if (!check_config(message)) {
        return REFUSED;
    }
    if (!vhost_thread_call(control->thread, call_write_config, config)) {
        log_error("vhost-user: SET_CONFIG: %u bytes from byte %u on, of %u", config->size,
                  config->offset, DEVICE_CONFIG_SIZE);
        return REFUSED;
    }
    return DONE;
}

static enum outcome set_status(struct vhost_control *control, uint64_t status) {
    if (status > UINT8_MAX) {
        log_error("vhost-user: SET_STATUS: %#" PRIx64 " is no status of a device", status);
        return REFUSED;
    }
    /* 0 is no reset yet: it is said when the machine pauses, too (device_thread.c). */
    control->status = status;
    return DONE;
}

static bool call_reset(struct vhost_thread *thread, void *argument) {
    (void)argument;
    vhost_thread_reset(thread);
    return true;
}

static enum outcome reset_device(struct vhost_control *control) {
    control->status = 0;
    return vhost_thread_call(control->thread, call_reset, NULL) ? DONE : LOST;
}

/* ---- one message ------------------------------------------------------------------------ */

static enum outcome get_vring_base(struct vhost_control *control, struct vhost_message *message) {
    struct vhost_vring_state *state = &message->payload.state;
    if (!vhost_vring_stop(control->thread, state)) {
        return LOST;
    }
    return answer(control, state, sizeof(*state));
}

static enum outcome set_vring(struct vhost_control *control, struct vhost_message *message) {
    return vhost_vring_set(control->thread, message) ? DONE : REFUSED;
}

static enum outcome dispatch(struct vhost_control *control, struct vhost_message *message) {
    switch ((enum vhost_request)message->header.request) {
    case VHOST_GET_FEATURES:
        return answer_u64(control, offered_features);
    case VHOST_SET_FEATURES:
        return set_features(control, message->payload.u64);
    case VHOST_GET_PROTOCOL_FEATURES:
        return answer_u64(control, offered_protocol_features);
    case VHOST_SET_PROTOCOL_FEATURES:
        return set_protocol_features(control, message->payload.u64);
    case VHOST_GET_QUEUE_NUM:
        return answer_u64(control, DEVICE_QUEUE_COUNT);
    case VHOST_SET_OWNER:
    case VHOST_RESET_OWNER: /* of no meaning any more */
        return DONE;
    case VHOST_SET_MEM_TABLE:
        return set_mem_table(control, message);
    case VHOST_GET_VRING_BASE:
        return get_vring_base(control, message);
    case VHOST_SET_VRING_NUM:
    case VHOST_SET_VRING_ADDR:
    case VHOST_SET_VRING_BASE:
    case VHOST_SET_VRING_KICK:
    case VHOST_SET_VRING_CALL:
    case VHOST_SET_VRING_ERR:
    case VHOST_SET_VRING_ENABLE:
        return set_vring(control, message);
    case VHOST_SET_BACKEND_REQ_FD:
        return set_backend_req_fd(control, message);
    case VHOST_GET_CONFIG:
        return get_config(control, message);
    case VHOST_SET_CONFIG:
        return set_config(control, message);
    case VHOST_RESET_DEVICE:
        return reset_device(control);
    case VHOST_SET_STATUS:
        return set_status(control, message->payload.u64);
    case VHOST_GET_STATUS:
        return answer_u64(control, control->status);
    case VHOST_GET_SHMEM_CONFIG:
        return get_shmem_config(control);
    }
    return LOST; /* the receiver passes no others */
}

/* What a monitor may ask before both sides know what they can do together. */
static bool is_early(uint32_t request) {
    return request == VHOST_GET_FEATURES || request == VHOST_GET_PROTOCOL_FEATURES ||
           request == VHOST_SET_PROTOCOL_FEATURES || request == VHOST_SET_OWNER ||
           request == VHOST_RESET_OWNER;
}

static bool handle_message(struct vhost_control *control) {
    struct vhost_message *message = &control->receiver.message;
    const struct vhost_request_rule *rule = vhost_request_find(message->header.request);
    if (!control->negotiated && !is_early(message->header.request)) {
        log_error("vhost-user: %s: the monitor has not negotiated protocol features: QEMU 11.1 or "
                  "later is needed",
                  rule->name);
        return false;
    }
    const enum outcome outcome = dispatch(control, message);
    if (outcome == LOST || outcome == ANSWERED) {
        return outcome == ANSWERED;
    }
    if ((message->header.flags & VHOST_FLAGS_NEED_REPLY) && control->negotiated) {
        return answer_u64(control, outcome == REFUSED) == ANSWERED;
    }
    return outcome == DONE; /* a monitor that was not told would go on as if it had worked */
}

/* ---- the connection --------------------------------------------------------------------- */

void vhost_control_init(struct vhost_control *control, struct vhost_thread *thread,
                        uint64_t host_visible_bytes) {
    *control = (struct vhost_control){
        .thread = thread,
        .host_visible_bytes = host_visible_bytes,
        .fd = -1,
    };
}

void vhost_control_connect(struct vhost_control *control, int fd) {
    vhost_control_init(control, control->thread, control->host_visible_bytes);
    control->fd = fd;
    vhost_receiver_init(&control->receiver, fd);
    vhost_output_init(&control->output, fd);
    log_info("a monitor has connected");
}

static bool call_disconnect(struct vhost_thread *thread, void *argument) {
    (void)argument;
    vhost_thread_disconnect(thread);
    return true;
}

void vhost_control_disconnect(struct vhost_control *control) {
    if (control->fd < 0) {
        return;
    }
    vhost_thread_call(control->thread, call_disconnect, NULL);
    vhost_receiver_finish(&control->receiver);
    vhost_table_unref(control->table);
    control->table = NULL;
    close(control->fd);
    control->fd = -1;
    log_info("the monitor's connection is closed");
}

short vhost_control_events(const struct vhost_control *control) {
    return vhost_output_is_empty(&control->output) ? POLLIN : POLLOUT;
}

bool vhost_control_handle(struct vhost_control *control, short revents) {
    if (!vhost_output_is_empty(&control->output)) {
        return !(revents & (POLLERR | POLLHUP | POLLNVAL)) &&
               vhost_output_flush(&control->output) == 0;
    }
    switch (vhost_receiver_read(&control->receiver)) {
    case VHOST_RECEIVED_NOTHING:
        return true;
    case VHOST_RECEIVED_MESSAGE:
        break;
    case VHOST_RECEIVED_END:
    case VHOST_RECEIVED_BROKEN:
        return false;
    }
    const bool alive = handle_message(control);
    vhost_receiver_next(&control->receiver);
    return alive;
}
