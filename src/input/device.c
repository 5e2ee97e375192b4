#include "input/device.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "input/codes.h"
#include "input/description.h"
#include "input/state.h"
#include "platform/platform.h"
#include "util/checked.h"
#include "util/log.h"

struct input_device {
    enum input_kind kind;
    struct platform_wake wake;
    uint8_t select, subsel; /* serving thread only */

    pthread_mutex_t mutex;
    /* guarded by the mutex */
    bool started;
    bool lost; /* groups were dropped since `state` was last told */
    struct input_state state; /* the person's doing */
    struct input_state told;  /* all of `pending` applied */
    struct input_event pending[INPUT_PENDING_MAX]; /* a ring of whole groups, the first cut */
    size_t first, count;
    uint32_t leds;
    struct input_counts counts;
};

/* ---- life ------------------------------------------------------------------------------- */

int input_device_create(enum input_kind kind, struct input_device **out) {
    struct input_device *device = calloc(1, sizeof(*device));
    if (!device) {
        return -ENOMEM;
    }
    device->kind = kind;
    input_state_init(&device->state);
    input_state_init(&device->told);
    int error = platform_wake_init(&device->wake);
    if (error) {
        goto error_device;
    }
    error = -pthread_mutex_init(&device->mutex, NULL);
    if (error) {
        goto error_wake;
    }
    *out = device;
    return 0;

error_wake:
    platform_wake_finish(&device->wake);
error_device:
    free(device);
    return error;
}

void input_device_destroy(struct input_device *device) {
    if (!device) {
        return;
    }
    pthread_mutex_destroy(&device->mutex);
    platform_wake_finish(&device->wake);
    free(device);
}

/* ---- events from a person --------------------------------------------------------------- */

static void append(struct input_device *device, const struct input_event *events, size_t count) {
    for (size_t i = 0; i < count; i++) {
        device->pending[(device->first + device->count) % INPUT_PENDING_MAX] = events[i];
        device->count++;
    }
}

/* A group that ends with SYN_REPORT. */
static void append_group(struct input_device *device, struct input_event *events, size_t count) {
    for (size_t i = 0; i < count; i++) {
        input_state_apply(&device->told, &events[i]);
    }
    events[count] = (struct input_event){INPUT_EV_SYN, INPUT_SYN_REPORT, 0};
    append(device, events, count + 1);
}

/* Tells what was missed, where there is room; `lost` stays where not all is told yet. */
static void resync(struct input_device *device) {
    struct input_event events[INPUT_GROUP_MAX];
    while (device->lost && INPUT_PENDING_MAX - device->count >= INPUT_GROUP_MAX) {
        const size_t count =
            input_state_compare(&device->told, &device->state, events, INPUT_GROUP_MAX - 1);
        if (count == 0) {
            device->lost = false;
            device->counts.resyncs++;
            return;
        }
        append_group(device, events, count);
    }
}

/* Leaves the events that say something new in `out`; the state follows. */
static size_t filter(struct input_device *device, const struct input_event *events, size_t count,
                     struct input_event *out) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (input_state_apply(&device->state, &events[i])) {
            out[kept++] = events[i];
        }
    }
    return kept;
}

static int send_locked(struct input_device *device, const struct input_event *events,
                       size_t count) {
    struct input_event kept[INPUT_GROUP_MAX];
    const size_t kept_count = filter(device, events, count, kept);
    if (!device->started) {
        return -ENOTCONN;
    }
    if (kept_count == 0) {
        return 0;
    }
    if (device->lost || INPUT_PENDING_MAX - device->count < kept_count + 1) {
        device->lost = true;
        device->counts.dropped++;
        return -ENOBUFS;
    }
    append_group(device, kept, kept_count);
    device->counts.groups++;
    return 0;
}

int input_device_send(struct input_device *device, const struct input_event *events, size_t count) {
    if (count == 0 || count >= INPUT_GROUP_MAX) {
        return -EINVAL;
    }
    for (size_t i = 0; i < count; i++) {
        if (!input_can_make(device->kind, &events[i])) {
            return -EINVAL;
        }
    }
    pthread_mutex_lock(&device->mutex);
    const int error = send_locked(device, events, count);
    pthread_mutex_unlock(&device->mutex);
    if (!error) {
        platform_wake_signal(&device->wake);
    } else if (error == -ENOBUFS) {
        log_warning("the guest's %s was dropped: the guest does not take its events",
                    input_kind_name(device->kind));
    }
    return error;
}

void input_device_release_all(struct input_device *device) {
    pthread_mutex_lock(&device->mutex);
    struct input_state released = device->state;
    memset(released.keys, 0, sizeof(released.keys));
    for (size_t i = 0; i < INPUT_SLOTS; i++) {
        released.fingers[i].id = UINT32_MAX;
    }
    struct input_event events[INPUT_GROUP_MAX];
    size_t count;
    while ((count = input_state_compare(&device->state, &released, events, INPUT_GROUP_MAX - 1))) {
        (void)send_locked(device, events, count); /* the state follows whatever comes of it */
    }
    pthread_mutex_unlock(&device->mutex);
    platform_wake_signal(&device->wake);
}

uint32_t input_device_get_leds(struct input_device *device) {
    pthread_mutex_lock(&device->mutex);
    const uint32_t leds = device->leds;
    pthread_mutex_unlock(&device->mutex);
    return leds;
}

void input_device_get_counts(struct input_device *device, struct input_counts *out) {
    pthread_mutex_lock(&device->mutex);
    *out = device->counts;
    pthread_mutex_unlock(&device->mutex);
}

/* ---- the guest -------------------------------------------------------------------------- */

int input_device_get_poll_fd(const struct input_device *device) {
    return device->wake.read_fd;
}

void input_device_drain(struct input_device *device) {
    platform_wake_drain(&device->wake);
}

static void set_started(struct input_device *device, bool started) {
    pthread_mutex_lock(&device->mutex);
    device->started = started;
    device->lost = false;
    device->first = 0;
    device->count = 0;
    device->leds = 0;
    /* What is held down meanwhile was not meant for this driver: its release is left out there,
     * because it says nothing new. */
    input_state_init(&device->state);
    input_state_init(&device->told);
    pthread_mutex_unlock(&device->mutex);
}

void input_device_start(struct input_device *device) {
    set_started(device, true);
}

void input_device_stop(struct input_device *device) {
    set_started(device, false);
}

bool input_device_has_events(struct input_device *device) {
    pthread_mutex_lock(&device->mutex);
    resync(device);
    const bool has_events = device->count > 0;
    pthread_mutex_unlock(&device->mutex);
    return has_events;
}

size_t input_device_take(struct input_device *device, struct input_event *out, size_t room) {
    pthread_mutex_lock(&device->mutex);
    resync(device);
    const size_t count = device->count < room ? device->count : room;
    for (size_t i = 0; i < count; i++) {
        out[i] = device->pending[device->first];
        device->first = (device->first + 1) % INPUT_PENDING_MAX;
    }
    device->count -= count;
    pthread_mutex_unlock(&device->mutex);
    return count;
}

bool input_device_handle_status(struct input_device *device, const struct input_event *event) {
    if (event->type == INPUT_EV_SYN || event->type == INPUT_EV_REP) {
        return true; /* the guest repeats keys itself */
    }
    if (device->kind != INPUT_KEYBOARD || event->type != INPUT_EV_LED ||
        event->code > INPUT_LED_SCROLL) {
        return false;
    }
    const uint32_t bit = UINT32_C(1) << event->code;
    pthread_mutex_lock(&device->mutex);
    device->leds = event->value ? device->leds | bit : device->leds & ~bit;
    const uint32_t leds = device->leds;
    pthread_mutex_unlock(&device->mutex);
    log_debug("the guest's %s lights %#x", input_kind_name(device->kind), leds);
    return true;
}

/* ---- configuration space ---------------------------------------------------------------- */

/* select, subsel, size, five reserved bytes, the data. */
enum { CONFIG_SELECT = 0, CONFIG_SUBSEL = 1, CONFIG_SIZE = 2, CONFIG_DATA = 8 };

int input_device_read_config(struct input_device *device, uint32_t offset, uint8_t *out,
                             uint32_t size) {
    if (!checked_range_u64(offset, size, INPUT_CONFIG_SIZE)) {
        return -EINVAL;
    }
    uint8_t config[INPUT_CONFIG_SIZE] = {device->select, device->subsel};
    _Static_assert(CONFIG_DATA + INPUT_CONFIG_DATA_MAX == INPUT_CONFIG_SIZE, "the union is last");
    config[CONFIG_SIZE] =
        input_describe(device->kind, device->select, device->subsel, config + CONFIG_DATA);
    memcpy(out, config + offset, size);
    return 0;
}

int input_device_write_config(struct input_device *device, uint32_t offset, const uint8_t *bytes,
                              uint32_t size) {
    if (!checked_range_u64(offset, size, INPUT_CONFIG_SIZE)) {
        return -EINVAL;
    }
    if (offset <= CONFIG_SELECT && size > CONFIG_SELECT - offset) {
        device->select = bytes[CONFIG_SELECT - offset];
    }
    if (offset <= CONFIG_SUBSEL && size > CONFIG_SUBSEL - offset) {
        device->subsel = bytes[CONFIG_SUBSEL - offset];
    }
    return 0;
}
