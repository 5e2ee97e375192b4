/* What is kept of a request under way: where its response goes. Device thread only. */
#ifndef VESPER_VHOST_USER_SLOT_H
#define VESPER_VHOST_USER_SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frontend/vhost_user/chain.h"

/* Nearly every response goes into one descriptor; only more than these take memory of their own. */
#define VHOST_SLOT_PIECES 2

struct vhost_slot {
    bool taken;
    bool answered; /* while the queue was stopped: `response` waits */
    uint16_t head;
    uint32_t next_free; /* number of the next free slot */
    uint32_t piece_count;
    struct vhost_piece few[VHOST_SLOT_PIECES];
    struct vhost_piece *many; /* NULL: those in `few` */
    uint8_t *response;
    size_t response_size;
};

/* `count` (≥ 1) free slots, each followed by the next one. NULL: no memory. Freed by free, after
 * vhost_slots_clear. */
struct vhost_slot *vhost_slots_create(uint32_t count);
/* Makes all of them free, in the same order. */
void vhost_slots_clear(struct vhost_slot *slots, uint32_t count);

/* Keeps the chain's writable pieces. False: no memory. */
bool vhost_slot_fill(struct vhost_slot *slot, uint16_t head, const struct vhost_chain *chain);
/* Frees what it has. */
void vhost_slot_empty(struct vhost_slot *slot);
/* Keeps a copy of the answer; nothing but the descriptors is given back where memory is short. */
void vhost_slot_keep_answer(struct vhost_slot *slot, const void *response, size_t size);
/* Writes a response into the pieces. Gives how many bytes found a place. */
size_t vhost_slot_scatter(const struct vhost_slot *slot, struct vhost_table *table,
                          const uint8_t *response, size_t size);

#endif
