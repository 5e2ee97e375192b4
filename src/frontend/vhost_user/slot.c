#include "frontend/vhost_user/slot.h"

#include <stdlib.h>
#include <string.h>

struct vhost_slot *vhost_slots_create(uint32_t count) {
    struct vhost_slot *slots = calloc(count, sizeof(*slots));
    if (slots) {
        vhost_slots_clear(slots, count);
    }
    return slots;
}

void vhost_slots_clear(struct vhost_slot *slots, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        vhost_slot_empty(&slots[i]);
        slots[i].next_free = i + 1;
    }
}

bool vhost_slot_fill(struct vhost_slot *slot, uint16_t head, const struct vhost_chain *chain) {
    struct vhost_piece *pieces = slot->few;
    if (chain->writable > VHOST_SLOT_PIECES) {
        pieces = malloc(chain->writable * sizeof(*pieces));
        if (!pieces) {
            return false;
        }
        slot->many = pieces;
    }
    memcpy(pieces, chain->pieces + chain->readable, chain->writable * sizeof(*pieces));
    slot->taken = true;
    slot->head = head;
    slot->piece_count = chain->writable;
    return true;
}

void vhost_slot_empty(struct vhost_slot *slot) {
    free(slot->many);
    free(slot->response);
    *slot = (struct vhost_slot){.next_free = slot->next_free};
}

void vhost_slot_keep_answer(struct vhost_slot *slot, const void *response, size_t size) {
    slot->answered = true;
    slot->response = size > 0 ? malloc(size) : NULL;
    if (slot->response) {
        memcpy(slot->response, response, size);
        slot->response_size = size;
    }
}

size_t vhost_slot_scatter(const struct vhost_slot *slot, struct vhost_table *table,
                          const uint8_t *response, size_t size) {
    const struct vhost_piece *pieces = slot->many ? slot->many : slot->few;
    size_t done = 0;
    for (uint32_t i = 0; i < slot->piece_count && done < size; i++) {
        const size_t left = size - done;
        const size_t part = left < pieces[i].size ? left : pieces[i].size;
        if (!vhost_table_write(table, pieces[i].address, response + done, part)) {
            break;
        }
        done += part;
    }
    return done;
}
