#include "frontend/vhost_user/input_control.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/vhost_user/notify.h"
#include "frontend/vhost_user/request.h"
#include "frontend/vhost_user/vring_change.h"
#include "util/log.h"

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
    if (!vhost_queue_start(queue, control->connection.table)) {
        return false;
    }
    if (is_new && queue->index == INPUT_QUEUE_EVENT) {
        input_device_start(control->device);
    }
    return true;
}

static bool set_vring(void *user, struct vhost_message *message) {
    struct vhost_input_control *control = user;
    struct vhost_vring_change change;
    if (!vhost_vring_parse(message, INPUT_QUEUE_COUNT, &change)) {
        return false;
    }
    struct vhost_queue *queue = &control->queues[change.index];
    return vhost_vring_apply(&change, queue, control->connection.table) &&
           (message->header.request != VHOST_SET_VRING_KICK || start_queue(control, queue));
}

static bool stop_queue(void *user, struct vhost_vring_state *state) {
    struct vhost_input_control *control = user;
    state->num = vhost_queue_stop(&control->queues[state->index]);
    return true;
}

static void set_table(void *user, struct vhost_table *table) {
    struct vhost_input_control *control = user;
    for (size_t i = 0; i < INPUT_QUEUE_COUNT; i++) {
        vhost_queue_move(&control->queues[i], table);
    }
}

static bool reset(void *user) {
    stop_queues(user);
    return true;
}

/* ---- negotiation and the configuration space -------------------------------------------- */

static bool set_protocol_features(void *user, uint64_t features) {
    (void)user;
    if (!(features >> VHOST_PROTOCOL_F_CONFIG & 1)) {
        log_error("vhost-user: SET_PROTOCOL_FEATURES: %#" PRIx64 ": the configuration space "
                  "(bit %d) is not among them",
                  features, VHOST_PROTOCOL_F_CONFIG);
        return false;
    }
    return true;
}

static bool set_features(void *user, uint64_t features) {
    struct vhost_input_control *control = user;
    control->features = features;
    return true;
}

static bool read_config(void *user, struct vhost_config *config) {
    const struct vhost_input_control *control = user;
    return input_device_read_config(control->device, config->offset, config->bytes, config->size) ==
           0;
}

static bool write_config(void *user, const struct vhost_config *config) {
    struct vhost_input_control *control = user;
    return input_device_write_config(control->device, config->offset, config->bytes,
                                     config->size) == 0;
}

static enum vhost_outcome refuse_other(void *user, struct vhost_message *message) {
    (void)user;
    log_error("vhost-user: %s: an input device has no such thing", vhost_message_name(message));
    return VHOST_LOST;
}

static const struct vhost_kind kind = {
    .features = VHOST_BIT(VHOST_F_INDIRECT_DESC) | VHOST_BIT(VHOST_F_EVENT_IDX) |
                VHOST_BIT(VHOST_F_PROTOCOL_FEATURES) | VHOST_BIT(VHOST_F_VERSION_1),
    .protocol_features = VHOST_BIT(VHOST_PROTOCOL_F_MQ) | VHOST_BIT(VHOST_PROTOCOL_F_REPLY_ACK) |
                         VHOST_BIT(VHOST_PROTOCOL_F_CONFIG) |
                         VHOST_BIT(VHOST_PROTOCOL_F_RESET_DEVICE) |
                         VHOST_BIT(VHOST_PROTOCOL_F_STATUS),
    .queue_count = INPUT_QUEUE_COUNT,
    .config_size = INPUT_CONFIG_SIZE,
    .needs = "",
    .set_protocol_features = set_protocol_features,
    .set_features = set_features,
    .set_table = set_table,
    .set_vring = set_vring,
    .stop_queue = stop_queue,
    .read_config = read_config,
    .write_config = write_config,
    .reset = reset,
    .other = refuse_other,
};

/* ---- the connection --------------------------------------------------------------------- */

int vhost_input_control_init(struct vhost_input_control *control, struct input_device *device) {
    *control = (struct vhost_input_control){.device = device, .features = UINT64_MAX};
    vhost_connection_init(&control->connection, &kind, control);
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
    control->features = UINT64_MAX;
    vhost_connection_open(&control->connection, fd);
}

void vhost_input_control_disconnect(struct vhost_input_control *control) {
    if (control->connection.fd < 0) {
        return;
    }
    for (size_t i = 0; i < INPUT_QUEUE_COUNT; i++) {
        vhost_queue_finish(&control->queues[i]);
    }
    input_device_stop(control->device);
    vhost_connection_close(&control->connection);
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
    struct device_request *buffer =
        vhost_queue_take(queue, control->connection.table, &control->scratch);
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
    vhost_queue_complete(queue, control->connection.table, buffer->tag, &event,
                         taken * sizeof(event));
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
        struct device_request *request =
            vhost_queue_take(queue, control->connection.table, &control->scratch);
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
        vhost_queue_complete(queue, control->connection.table, request->tag, NULL, 0);
        device_request_destroy(request);
    }
    vhost_queue_tell(queue);
    return budget == 0 && queue->size > 0;
}

bool vhost_input_control_serve(struct vhost_input_control *control) {
    const bool more_events = serve_events(control);
    return serve_status(control) || more_events;
}
