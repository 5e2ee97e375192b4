/* The guest's memory as one SET_MEM_TABLE gave it: regions with two addresses each, the guest's
 * and the monitor's own. Immutable and reference-counted; a new table shares the mappings of the
 * regions that stayed. Any thread. */
#ifndef VESPER_VHOST_USER_MEMORY_TABLE_H
#define VESPER_VHOST_USER_MEMORY_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device/guest_memory.h"
#include "frontend/vhost_user/message.h"

struct vhost_table;

/* Takes the table out of a SET_MEM_TABLE, with its descriptors. `before` (may be NULL): the table
 * until now. Gives one reference. False, and the reason was logged, where it makes no sense. */
bool vhost_table_create(struct vhost_message *message, struct vhost_table *before,
                        struct vhost_table **out);
struct vhost_table *vhost_table_ref(struct vhost_table *table);
/* NULL is ignored. */
void vhost_table_unref(struct vhost_table *table);

/* The regions by guest addresses; borrowed. */
struct guest_memory *vhost_table_get_memory(struct vhost_table *table);

/* A pointer to the bytes at the monitor's address … address + size - 1, valid while the table is
 * referenced. NULL where any of them lies outside of one region. */
void *vhost_table_find_user(struct vhost_table *table, uint64_t address, uint64_t size);
/* A pointer to the guest's address, and in *inout_size how many of the bytes asked for (≥ 1) follow
 * it in the same region. NULL where there are none. */
void *vhost_table_find(struct vhost_table *table, uint64_t address, uint64_t *inout_size);
/* Whether all bytes from `address` on lie inside, in regions that may touch. size ≥ 1. */
bool vhost_table_covers(struct vhost_table *table, uint64_t address, uint64_t size);
/* Copies `size` bytes out of the guest's memory, or into it. False where any of them lies outside;
 * the bytes before it have been copied. */
bool vhost_table_read(struct vhost_table *table, uint64_t address, void *out, uint64_t size);
bool vhost_table_write(struct vhost_table *table, uint64_t address, const void *bytes,
                       uint64_t size);

#endif
