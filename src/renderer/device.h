/* VkDevice of the guest: host device, functions, queues. */
#ifndef VESPER_RENDERER_DEVICE_H
#define VESPER_RENDERER_DEVICE_H

#include "protocol/object.h"
#include "renderer/physical_device.h"
#include "renderer/sync.h"
#include "venus_tables.h"

struct queue;
struct stream;
struct renderer_context;

struct device {
    struct vn_object object; /* first; object.vk == &table */
    struct vn_device_table table; /* table.owner is the device itself */
    struct renderer_context *context;
    const struct physical_device *physical;
    _Atomic(bool) ending; /* device_close has begun */
    struct queue *queues; /* one per host queue that was created */
    uint32_t queue_count;
    /* The queue that was submitted to last: where emulated sync-file operations go. */
    _Atomic(struct queue *) last_queue;
    struct sync_device sync;
};

/* Drops what the record points to (not the host device, not the record). */
void device_finish(struct device *device);

/* vkDestroyDevice for the guest's command and for what is left at the end: waits until the device
 * is idle, ends its queues, destroys its children, then the host device. */
void device_close(struct stream *stream, struct device *device);

static inline struct device *device_from(const struct vn_device_table *table) {
    return table->owner;
}

#endif
