/* The host-visible region: which blobs are mapped there, and when the guest may be told.
 *
 * A monitor answers a map request before the mapping is in the guest's address space. Each is
 * therefore followed by a request that means nothing: a monitor handles them one after the other,
 * so that its answer to the second says that the first has taken effect. (A memory table that names
 * the mapping would say it, too, but a monitor with more regions than fit into one sends none.)
 * Device thread only. */
#ifndef VESPER_VHOST_USER_MAPPING_H
#define VESPER_VHOST_USER_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device/device.h"
#include "frontend/vhost_user/backend_channel.h"

#define VHOST_MAPPINGS_MAX 8192

enum vhost_mapping_state {
    VHOST_MAPPING_ASKED,    /* the monitor has not answered */
    VHOST_MAPPING_SETTLING, /* it has; not yet the request behind */
    VHOST_MAPPING_MAPPED,
    VHOST_MAPPING_LEAVING, /* the monitor has not answered that it is gone */
};

struct vhost_mapping {
    enum vhost_mapping_state state;
    uint64_t offset, size; /* in the region; bytes */
    uint64_t token;
    bool doubtful; /* not answered when the machine stopped: see vhost_mappings_pause */
    struct storage *storage; /* a reference */
};

struct vhost_mappings {
    struct device *device; /* borrowed */
    uint64_t region_size;
    struct vhost_channel channel;
    size_t count, capacity;
    struct vhost_mapping *list; /* by offset */
};

void vhost_mappings_init(struct vhost_mappings *mappings, uint64_t region_size);
void vhost_mappings_finish(struct vhost_mappings *mappings);

/* As in struct device_transport. */
int vhost_mappings_map(struct vhost_mappings *mappings, struct storage *storage, uint64_t offset,
                       uint64_t size, uint64_t token);
int vhost_mappings_unmap(struct vhost_mappings *mappings, uint64_t offset, uint64_t size,
                         uint64_t token);
/* The machine stops; it pauses, or its driver resets the device. In a reset the monitor drops all
 * mappings that it has made by now: those that it makes afterwards are ours to take away. */
void vhost_mappings_pause(struct vhost_mappings *mappings);
/* It was a pause. */
void vhost_mappings_resume(struct vhost_mappings *mappings);
/* The device was reset: all are gone, nothing is answered any more. */
void vhost_mappings_forget(struct vhost_mappings *mappings);

#endif
