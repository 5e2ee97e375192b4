/* The host-visible region: which blobs are mapped there, and when the guest may be told.
 *
 * A monitor answers a map request before the mapping is in the guest's address space, and sends a
 * memory table that names it afterwards. The guest is told when that table has come. A table has
 * room for 8 regions; a monitor with more sends none, and then its answer must do. Device thread
 * only. */
#ifndef VESPER_VHOST_USER_MAPPING_H
#define VESPER_VHOST_USER_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device/device.h"
#include "frontend/vhost_user/backend_channel.h"
#include "frontend/vhost_user/memory_table.h"

#define VHOST_MAPPINGS_MAX 8192

enum vhost_mapping_state {
    VHOST_MAPPING_ASKED,   /* the monitor has not answered */
    VHOST_MAPPING_WAITING, /* for the table */
    VHOST_MAPPING_SETTLING, /* for the barrier */
    VHOST_MAPPING_MAPPED,
    VHOST_MAPPING_LEAVING, /* the monitor has not answered that it is gone */
};

struct vhost_mapping {
    enum vhost_mapping_state state;
    uint64_t offset, size; /* in the region; bytes */
    uint64_t token;
    uint64_t deadline_ns;    /* while WAITING */
    struct storage *storage; /* a reference */
};

struct vhost_mappings {
    struct device *device; /* borrowed */
    uint64_t region_size;
    struct vhost_channel channel;
    struct vhost_table *table; /* borrowed; NULL: none */
    size_t foreign_regions;    /* of the table: the guest's RAM */
    bool tables_come;          /* false after one that did not, until the next */
    size_t waiting;            /* mappings in that state */
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
/* The device was reset: all are gone, nothing is answered any more. */
void vhost_mappings_forget(struct vhost_mappings *mappings);

/* Another table is valid now (NULL: none); it is valid until the next call. */
void vhost_mappings_set_table(struct vhost_mappings *mappings, struct vhost_table *table);
/* Gives up waiting for tables that have not come by now. */
void vhost_mappings_expire(struct vhost_mappings *mappings, uint64_t now_ns);
/* When to call vhost_mappings_expire; UINT64_MAX: never. */
uint64_t vhost_mappings_next_deadline(const struct vhost_mappings *mappings);

#endif
