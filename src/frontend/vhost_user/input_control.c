#include "frontend/vhost_user/input_control.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frontend/vhost_user/notify.h"
#include "frontend/vhost_user/request.h"
#include "frontend/vhost_user/vring_change.h"
#include "util/log.h"

#define BIT(number) (UINT64_C(1) << (number))

static const uint64_t offered_features = BIT(VHOST_F_INDIRECT_DESC) | BIT(VHOST_F_EVENT_IDX) |
                                         BIT(VHOST_F_PROTOCOL_FEATURES) | BIT(VHOST_F_VERSION_1);
static const uint64_t offered_protocol_features =
    BIT(VHOST_PROTOCOL_F_MQ) | BIT(VHOST_PROTOCOL_F_REPLY_ACK) | BIT(VHOST_PROTOCOL_F_CONFIG) |
    BIT(VHOST_PROTOCOL_F_RESET_DEVICE) | BIT(VHOST_PROTOCOL_F_STATUS);

/* What a handler did: answered or not, refused it (and said why), or lost the connection. */
enum outcome { DONE, ANSWERED, REFUSED, LOST };

static enum outcome answer(struct vhost_input_control *control, const void *payload, size_t size) {
    const uint32_t request = control->receiver.message.header.request;
    return vhost_output_reply(&control->output, request, payload, size) ? LOST : ANSWERED;
}

static enum outcome answer_u64(struct vhost_input_control *control, uint64_t value) {
    return answer(control, &value, sizeof(value));
}

/* ---- queues ----------------------------------------------------------------------------- */

static void stop_queues(struct vhost_input_control *control) {
    for (size_t i = 0; i < INPUT_QUEUE_COUNT; i++) {
        vhost_queue_stop(&control->queues[i]);
        vhost_queue_forget(&control->queues[i]);
    }
    input_device_stop(control->device);
}

static bool start_queue(struct vhost_input_control *control, struct vhost_queue *queue) {
    if (queue->state != VHOST_QUEUE_STOPPED || !vhost_queue_is_ready(queue)) {
        return true;
    }
    /* A driver begins from index 0; a machine goes on after a pause where it was. */
    const bool is_new = !vhost_queue_goes_on(queue);
    queue->indirect = control->features >> VHOST_F_INDIRECT_DESC & 1;
    queue->event_idx = control->features >> VHOST_F_EVENT_IDX & 1;
    if (!(control->features >> VHOST_F_PROTOCOL_FEATURES & 1)) {
        queue->enabled = true;
    }
    if (!vhost_queue_start(queue, control->table)) {
        return false;
    }
    if (is_new && queue->index == INPUT_QUEUE_EVENT) {
        input_device_start(control->device);
    }
    return true;
}

static enum outcome set_vring(struct vhost_input_control *control, struct vhost_message *message) {
    struct vhost_vring_change change;
    if (!vhost_vring_parse(message, INPUT_QUEUE_COUNT, &change)) {
        return REFUSED;
    }
    struct vhost_queue *queue = &control->queues[change.index];
    if (!vhost_vring_apply(&change, queue, control->table) ||
        (message->header.request == VHOST_SET_VRING_KICK && !start_queue(control, queue))) {
        return REFUSED;
    }
    return DONE;
}

static enum outcome get_vring_base(struct vhost_input_control *control,
                                   struct vhost_message *message) {
    struct vhost_vring_state *state = &message->payload.state;
    if (!vhost_vring_check_index("GET_VRING_BASE", state->index, INPUT_QUEUE_COUNT)) {
        return LOST;
    }
    state->num = vhost_queue_stop(&control->queues[state->index]);
    return answer(control, state, sizeof(*state));
}

/* ---- messages --------------------------------------------------------------------------- */

static enum outcome set_protocol_features(struct vhost_input_control *control, uint64_t features) {
    if (features & ~offered_protocol_features || !(features >> VHOST_PROTOCOL_F_CONFIG & 1)) {
        log_error("vhost-user: SET_PROTOCOL_FEATURES: %#" PRIx64 ": not all are of those that were "
                  "offered (%#" PRIx64 "), or the configuration space (bit %d) is not among them",
                  features, offered_protocol_features, VHOST_PROTOCOL_F_CONFIG);
        return LOST;
    }
    control->negotiated = true;
    return DONE;
}

static enum outcome set_features(struct vhost_input_control *control, uint64_t features) {
    if (features & ~offered_features) {
        log_error("vhost-user: SET_FEATURES: %#" PRIx64 " holds features that were not offered "
                  "(%#" PRIx64 ")",
                  features, offered_features);
        return REFUSED;
    }
    control->features = features;
    return DONE;
}

static enum outcome set_mem_table(struct vhost_input_control *control,
                                  struct vhost_message *message) {
    struct vhost_table *table;
    if (!vhost_table_create(message, control->table, &table)) {
        return REFUSED;
    }
    for (size_t i = 0; i < INPUT_QUEUE_COUNT; i++) {
        vhost_queue_move(&control->queues[i], table);
    }
    vhost_table_unref(control->table);
    control->table = table;
    return DONE;
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

static bool refuse_config(const struct vhost_message *message) {
    const struct vhost_config *config = &message->payload.config;
    log_error("vhost-user: %s: %u bytes from byte %u on, of %u", vhost_message_name(message),
              config->size, config->offset, INPUT_CONFIG_SIZE);
    return false;
}

static enum outcome get_config(struct vhost_input_control *control, struct vhost_message *message) {
    struct vhost_config *config = &message->payload.config;
    if (!check_config(message)) {
        return LOST;
    }
    if (input_device_read_config(control->device, config->offset, config->bytes, config->size)) {
        refuse_config(message);
        return answer(control, config, 0);
    }
    return answer(control, config, VHOST_CONFIG_HEAD + (size_t)config->size);
}

static enum outcome set_config(struct vhost_input_control *control, struct vhost_message *message) {
    const struct vhost_config *config = &message->payload.config;
    if (!check_config(message)) {
        return REFUSED;
    }
    if (input_device_write_config(control->device, config->offset, config->bytes, config->size)) {
        refuse_config(message);
        return REFUSED;
    }
    return DONE;
}

static enum outcome set_status(struct vhost_input_control *control, uint64_t status) {
    if (status > UINT8_MAX) {
        log_error("vhost-user: SET_STATUS: %#" PRIx64 " is no status of a device", status);
        return REFUSED;
    }
    control->status = status;
    return DONE;
}

static enum outcome dispatch(struct vhost_input_control *control, struct vhost_message *message) {
    switch (message->header.request) {
    case VHOST_GET_FEATURES:
        return answer_u64(control, offered_features);
    case VHOST_SET_FEATURES:
        return set_features(control, message->payload.u64);
    case VHOST_GET_PROTOCOL_FEATURES:
        return answer_u64(control, offered_protocol_features);
    case VHOST_SET_PROTOCOL_FEATURES:
        return set_protocol_features(control, message->payload.u64);
    case VHOST_GET_QUEUE_NUM:
        return answer_u64(control, INPUT_QUEUE_COUNT);
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
    case VHOST_GET_CONFIG:
        return get_config(control, message);
    case VHOST_SET_CONFIG:
        return set_config(control, message);
    case VHOST_RESET_DEVICE:
        control->status = 0;
        stop_queues(control);
        return DONE;
    case VHOST_SET_STATUS:
        return set_status(control, message->payload.u64);
    case VHOST_GET_STATUS:
        return answer_u64(control, control->status);
    default:
        log_error("vhost-user: %s: an input device has no such thing", vhost_message_name(message));
        return LOST;
    }
}

/* What a monitor may ask before both sides know what they can do together. */
static bool is_early(uint32_t request) {
    return request == VHOST_GET_FEATURES || request == VHOST_GET_PROTOCOL_FEATURES ||
           request == VHOST_SET_PROTOCOL_FEATURES || request == VHOST_SET_OWNER ||
           request == VHOST_RESET_OWNER;
}

static bool handle_message(struct vhost_input_control *control) {
    struct vhost_message *message = &control->receiver.message;
    if (!control->negotiated && !is_early(message->header.request)) {
        log_error("vhost-user: %s: the monitor has not negotiated protocol features",
                  vhost_message_name(message));
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

int vhost_input_control_init(struct vhost_input_control *control, struct input_device *device) {
    *control = (struct vhost_input_control){.device = device, .fd = -1, .features = UINT64_MAX};
    vhost_queue_init(&control->queues[INPUT_QUEUE_EVENT], INPUT_QUEUE_EVENT, "event");
    vhost_queue_init(&control->queues[INPUT_QUEUE_STATUS], INPUT_QUEUE_STATUS, "status");
    control->scratch.pieces = malloc(VHOST_CHAIN_MAX * sizeof(*control->scratch.pieces));
    return control->scratch.pieces ? 0 : -ENOMEM;
}

void vhost_input_control_finish(struct vhost_input_control *control) {
    vhost_input_control_disconnect(control);
    free(control->scratch.pieces);
}

void vhost_input_control_connect(struct vhost_input_control *control, int fd) {
    control->fd = fd;
    control->negotiated = false;
    control->features = UINT64_MAX;
    control->status = 0;
    vhost_receiver_init(&control->receiver, fd);
    vhost_output_init(&control->output, fd);
}

void vhost_input_control_disconnect(struct vhost_input_control *control) {
    if (control->fd < 0) {
        return;
    }
    for (size_t i = 0; i < INPUT_QUEUE_COUNT; i++) {
        vhost_queue_finish(&control->queues[i]);
    }
    input_device_stop(control->device);
    vhost_receiver_finish(&control->receiver);
    vhost_table_unref(control->table);
    control->table = NULL;
    close(control->fd);
    control->fd = -1;
}

short vhost_input_control_events(const struct vhost_input_control *control) {
    return vhost_output_is_empty(&control->output) ? POLLIN : POLLOUT;
}

bool vhost_input_control_handle(struct vhost_input_control *control, short revents) {
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

/* ---- the rings -------------------------------------------------------------------------- */

void vhost_input_control_take_kick(struct vhost_input_control *control, enum input_queue index) {
    struct vhost_queue *queue = &control->queues[index];
    if (!vhost_notify_take(queue->kick_fd)) {
        log_error("vhost-user: the kick descriptor of the %s queue has been closed", queue->name);
        vhost_queue_set_kick(queue, -1);
    }
}

/* Gives the guest one event in the next buffer. False: the queue has become broken. */
static bool deliver(struct vhost_input_control *control, struct vhost_queue *queue) {
    struct device_request *buffer = vhost_queue_take(queue, control->table, &control->scratch);
    if (!buffer) {
        return false;
    }
    struct input_event event;
    const bool fits = buffer->response_capacity >= sizeof(event);
    if (!fits) {
        log_error("the guest's event queue: a buffer of %zu bytes, expected %zu",
                  buffer->response_capacity, sizeof(event));
    }
    const size_t taken = fits ? input_device_take(control->device, &event, 1) : 0;
    vhost_queue_complete(queue, control->table, buffer->tag, &event, taken * sizeof(event));
    device_request_destroy(buffer);
    return true;
}

/* Both return whether there is more to do at once: no guest keeps this thread for itself. */
static bool serve_events(struct vhost_input_control *control) {
    struct vhost_queue *queue = &control->queues[INPUT_QUEUE_EVENT];
    uint32_t budget = queue->size;
    /* Looked at first, so that no buffer is taken for nothing. The last look, which finds no
     * buffers, asks the guest to kick when there are some. */
    while (input_device_has_events(control->device) && vhost_queue_count_available(queue) > 0 &&
           budget > 0 && deliver(control, queue)) {
        budget--;
    }
    vhost_queue_tell(queue);
    return budget == 0 && queue->size > 0;
}

static bool serve_status(struct vhost_input_control *control) {
    struct vhost_queue *queue = &control->queues[INPUT_QUEUE_STATUS];
    uint32_t budget = queue->size;
    for (; vhost_queue_count_available(queue) > 0 && budget > 0; budget--) {
        struct device_request *request = vhost_queue_take(queue, control->table, &control->scratch);
        if (!request) {
            break;
        }
        struct input_event event;
        if (request->size < sizeof(event)) {
            log_error("the guest's status queue: an event of %zu bytes, expected %zu",
                      request->size, sizeof(event));
        } else {
            memcpy(&event, request->bytes, sizeof(event));
            if (!input_device_handle_status(control->device, &event)) {
                log_error("the guest's status queue: type %u, code %u is not for this device",
                          event.type, event.code);
            }
        }
        vhost_queue_complete(queue, control->table, request->tag, NULL, 0);
        device_request_destroy(request);
    }
    vhost_queue_tell(queue);
    return budget == 0 && queue->size > 0;
}

bool vhost_input_control_serve(struct vhost_input_control *control) {
    const bool more_events = serve_events(control);
    return serve_status(control) || more_events;
}
