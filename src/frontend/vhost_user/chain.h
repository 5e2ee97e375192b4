/* Descriptor chains of a split virtqueue: from a head to checked pieces of guest memory.
 *
 * Format: the virtio specification, "Split Virtqueues", descriptor table and indirect descriptors.
 * Each descriptor is read once. */
#ifndef VESPER_VHOST_USER_CHAIN_H
#define VESPER_VHOST_USER_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frontend/vhost_user/memory_table.h"

/* Most descriptors of one chain, those of its indirect table included: Linux gives every page of a
 * long request a descriptor, and does not keep to the queue's size in an indirect table. */
#define VHOST_CHAIN_MAX 32768
/* Most bytes of one request. */
#define VHOST_REQUEST_BYTES_MAX (UINT64_C(64) << 20)

struct vhost_descriptor {
    uint64_t address;
    uint32_t size;
    uint16_t flags;
    uint16_t next;
};

struct vhost_piece {
    uint64_t address; /* the guest's */
    uint32_t size;    /* bytes, ≥ 1 */
};

/* What a chain is read with. */
struct vhost_chain_source {
    struct vhost_table *table;
    const struct vhost_descriptor *descriptors; /* in guest memory, 8-byte aligned */
    uint32_t size;                              /* of the queue: descriptors */
    bool indirect;                              /* indirect tables have been negotiated */
};

struct vhost_chain {
    struct vhost_piece *pieces; /* room for VHOST_CHAIN_MAX; the readable ones are first */
    uint32_t readable, writable;
    uint64_t readable_bytes, writable_bytes;
    char reason[128]; /* why it was refused */
};

/* Reads the chain at `head` (< source->size). False, with a reason, where it breaks a rule. All
 * bytes of all pieces lie in the table then. */
bool vhost_chain_read(const struct vhost_chain_source *source, uint16_t head,
                      struct vhost_chain *chain);

#endif
