/* A virtio-input device as the guest sees it: what it can do, events to the guest, LEDs from it.
 * Knows neither how events travel (vhost-user) nor where they come from (windows, tests).
 *
 * Format and rules: the virtio specification, "Input Device". Two threads use a device: whoever
 * makes events calls input_device_send, any thread may; the one that serves the guest calls the
 * rest. */
#ifndef VESPER_INPUT_DEVICE_H
#define VESPER_INPUT_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum input_kind {
    INPUT_KEYBOARD,
    INPUT_TABLET, /* a pointer with an absolute place */
    INPUT_MOUSE,  /* a pointer that moves by differences */
    INPUT_TOUCH,  /* a touch screen for several fingers */
    INPUT_KIND_COUNT,
};

/* Absolute axes go from 0 to this. */
#define INPUT_ABS_MAX 32767
/* Fingers at once. */
#define INPUT_SLOTS 10
/* Events of one group, its SYN_REPORT included. */
#define INPUT_GROUP_MAX 64
/* Events that wait for buffers of the guest's. */
#define INPUT_PENDING_MAX 1024
/* Bytes of configuration space. */
#define INPUT_CONFIG_SIZE 136

enum input_queue { INPUT_QUEUE_EVENT = 0, INPUT_QUEUE_STATUS = 1, INPUT_QUEUE_COUNT = 2 };

/* In the format of virtio: little-endian, as all of Vesper's hosts are. */
struct input_event {
    uint16_t type, code; /* codes.h */
    uint32_t value;      /* negative numbers as two's complement */
};

struct input_counts {
    uint64_t groups;  /* accepted */
    uint64_t dropped; /* groups for which there was no room: the guest gave no buffers */
    uint64_t resyncs; /* times that the guest was told afterwards what it had missed */
};

struct input_device;

/* 0 or a negative errno. */
int input_device_create(enum input_kind kind, struct input_device **out);
/* NULL is ignored. */
void input_device_destroy(struct input_device *device);
/* "keyboard", "tablet", "mouse", "touch"; static storage. Any thread. */
const char *input_kind_name(enum input_kind kind);

/* ---- who makes events: any thread ---------------------------------------------------------- */

/* One group of 1 … INPUT_GROUP_MAX - 1 events; SYN_REPORT is added. Presses of pressed keys,
 * releases of others, and a place where a pointer is already, are left out. -EINVAL: too many
 * events, or one that this device cannot make (nothing is sent then). -ENOBUFS: dropped, all of it;
 * the guest hears of keys, places and fingers when there is room again. -ENOTCONN: no driver
 * listens; the state is kept. */
int input_device_send(struct input_device *device, const struct input_event *events, size_t count);
/* Releases all keys and buttons and lifts all fingers: the focus has gone. */
void input_device_release_all(struct input_device *device);
/* LEDs as the guest has set them: bit N is INPUT_LED_N. */
uint32_t input_device_get_leds(struct input_device *device);
void input_device_get_counts(struct input_device *device, struct input_counts *out);

/* ---- who serves the guest: one thread ------------------------------------------------------ */

/* Descriptor that polls readable when events may have come. Borrowed. */
int input_device_get_poll_fd(const struct input_device *device);
/* Makes it unreadable until more come. */
void input_device_drain(struct input_device *device);

/* A driver begins, and knows of no key that is pressed, or there is none any more: what waits is
 * forgotten and LEDs are off. */
void input_device_start(struct input_device *device);
void input_device_stop(struct input_device *device);

/* Whether there are events for the guest. */
bool input_device_has_events(struct input_device *device);
/* Takes up to `room` events in their order; returns how many. The guest has them then. */
size_t input_device_take(struct input_device *device, struct input_event *out, size_t room);
/* An event of the status queue. False where it makes no sense for this device. */
bool input_device_handle_status(struct input_device *device, const struct input_event *event);

/* Configuration space: `size` bytes from byte `offset` on; -EINVAL outside of it. Of what is
 * written only select and subsel mean something. */
int input_device_read_config(struct input_device *device, uint32_t offset, uint8_t *out,
                             uint32_t size);
int input_device_write_config(struct input_device *device, uint32_t offset, const uint8_t *bytes,
                              uint32_t size);

#endif
