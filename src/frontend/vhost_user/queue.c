#include "frontend/vhost_user/queue.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frontend/vhost_user/notify.h"
#include "frontend/vhost_user/slot.h"
#include "util/log.h"

enum { AVAILABLE_NO_INTERRUPT = 1 };

/* Places in the rings, in words of 16 bits. */
enum { RING_FLAGS = 0, RING_IDX = 1, RING_ENTRIES = 2, USED_ENTRY_WORDS = 4 };

static uint16_t *get_used_event(const struct vhost_queue *queue) {
    return (uint16_t *)(uintptr_t)queue->available + RING_ENTRIES + queue->size;
}

static uint16_t *get_available_event(const struct vhost_queue *queue) {
    return queue->used + RING_ENTRIES + (size_t)USED_ENTRY_WORDS * queue->size;
}

__attribute__((format(printf, 2, 3))) static void break_queue(struct vhost_queue *queue,
                                                              const char *format, ...) {
    char reason[192];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof(reason), format, arguments);
    va_end(arguments);
    log_error("the guest's %s queue is stopped: %s", queue->name, reason);
    queue->state = VHOST_QUEUE_BROKEN;
    vhost_notify_signal(queue->error_fd);
}

/* ---- life ------------------------------------------------------------------------------- */

void vhost_queue_init(struct vhost_queue *queue, uint32_t index, const char *name) {
    *queue = (struct vhost_queue){
        .index = index,
        .name = name,
        .kick_fd = -1,
        .call_fd = -1,
        .error_fd = -1,
        .generation = 1,
    };
}

static void replace_fd(int *place, int fd) {
    if (*place >= 0) {
        close(*place);
    }
    *place = fd;
}

void vhost_queue_finish(struct vhost_queue *queue) {
    vhost_queue_stop(queue);
    vhost_queue_forget(queue);
    replace_fd(&queue->kick_fd, -1);
    replace_fd(&queue->call_fd, -1);
    replace_fd(&queue->error_fd, -1);
    free(queue->slots);
    const uint32_t generation = queue->generation;
    vhost_queue_init(queue, queue->index, queue->name);
    queue->generation = generation;
}

/* ---- what the monitor says -------------------------------------------------------------- */

static bool refuse_running(const struct vhost_queue *queue, const char *request) {
    if (queue->state == VHOST_QUEUE_STOPPED) {
        return false;
    }
    log_error("vhost-user: %s: the %s queue has not been stopped", request, queue->name);
    return true;
}

bool vhost_queue_set_size(struct vhost_queue *queue, uint32_t size) {
    if (refuse_running(queue, "SET_VRING_NUM")) {
        return false;
    }
    if (size == 0 || size > VHOST_QUEUE_SIZE_MAX || (size & (size - 1)) != 0) {
        log_error("vhost-user: SET_VRING_NUM: %u descriptors: a power of two up to %d is expected",
                  size, VHOST_QUEUE_SIZE_MAX);
        return false;
    }
    queue->size = size;
    return true;
}

bool vhost_queue_set_base(struct vhost_queue *queue, uint32_t base) {
    if (refuse_running(queue, "SET_VRING_BASE")) {
        return false;
    }
    if (base > UINT16_MAX) {
        log_error("vhost-user: SET_VRING_BASE: %u: an index of 16 bits is expected", base);
        return false;
    }
    queue->base = (uint16_t)base;
    return true;
}

struct ring {
    const char *name;
    uint64_t address;
    uint64_t size, alignment; /* bytes */
    void *pointer;
};

static bool find_ring(const struct vhost_queue *queue, struct vhost_table *table,
                      struct ring *ring) {
    ring->pointer = vhost_table_find_user(table, ring->address, ring->size);
    if (!ring->pointer) {
        log_error("vhost-user: the %s of the %s queue (%#" PRIx64 ", %" PRIu64
                  " bytes) is not in the guest's shared memory",
                  ring->name, queue->name, ring->address, ring->size);
        return false;
    }
    if ((uintptr_t)ring->pointer % ring->alignment != 0) {
        log_error("vhost-user: the %s of the %s queue (%#" PRIx64 ") is not a multiple of %" PRIu64,
                  ring->name, queue->name, ring->address, ring->alignment);
        return false;
    }
    return true;
}

static bool find_rings(struct vhost_queue *queue, struct vhost_table *table) {
    const uint64_t size = queue->size;
    struct ring descriptors = {"descriptor table", queue->descriptors_at, 16 * size, 16, NULL};
    struct ring available = {"available ring", queue->available_at, 6 + 2 * size, 2, NULL};
    struct ring used = {"used ring", queue->used_at, 6 + 8 * size, 4, NULL};
    if (!table) {
        log_error("vhost-user: the %s queue has no memory: SET_MEM_TABLE has to come first",
                  queue->name);
        return false;
    }
    if (!find_ring(queue, table, &descriptors) || !find_ring(queue, table, &available) ||
        !find_ring(queue, table, &used)) {
        return false;
    }
    queue->descriptors = descriptors.pointer;
    queue->available = available.pointer;
    queue->used = used.pointer;
    return true;
}

bool vhost_queue_set_addresses(struct vhost_queue *queue, struct vhost_table *table,
                               const struct vhost_vring_addresses *addresses) {
    queue->descriptors_at = addresses->descriptors;
    queue->used_at = addresses->used;
    queue->available_at = addresses->available;
    queue->has_addresses = true;
    if (queue->state == VHOST_QUEUE_RUNNING && !find_rings(queue, table)) {
        break_queue(queue, "its rings were moved out of the guest's memory");
        return false;
    }
    return true;
}

void vhost_queue_set_kick(struct vhost_queue *queue, int fd) {
    replace_fd(&queue->kick_fd, fd);
}

void vhost_queue_set_call(struct vhost_queue *queue, int fd) {
    replace_fd(&queue->call_fd, fd);
}

void vhost_queue_set_error(struct vhost_queue *queue, int fd) {
    replace_fd(&queue->error_fd, fd);
}

/* ---- start and stop --------------------------------------------------------------------- */

bool vhost_queue_is_ready(const struct vhost_queue *queue) {
    return queue->size > 0 && queue->has_addresses && queue->kick_fd >= 0;
}

void vhost_queue_forget(struct vhost_queue *queue) {
    vhost_slots_clear(queue->slots, queue->slot_count);
    queue->free_slot = 0;
    queue->under_way = 0;
    queue->generation++;
    queue->resumable = false;
}

bool vhost_queue_goes_on(const struct vhost_queue *queue) {
    return queue->resumable && queue->base != 0 && queue->base == queue->next_available &&
           queue->size == queue->slot_count;
}

static bool reserve_slots(struct vhost_queue *queue) {
    const bool fits = queue->size == queue->slot_count;
    if (fits && queue->resumable && queue->base == queue->next_available) {
        return true;
    }
    vhost_queue_forget(queue);
    if (fits) {
        return true;
    }
    struct vhost_slot *slots = vhost_slots_create(queue->size);
    if (!slots) {
        log_error("vhost-user: the %s queue cannot start: %s", queue->name, strerror(ENOMEM));
        return false;
    }
    free(queue->slots);
    queue->slots = slots;
    queue->slot_count = queue->size;
    return true;
}

/* The answers that were given while the queue stood still. */
static void deliver_answers(struct vhost_queue *queue, struct vhost_table *table);

bool vhost_queue_start(struct vhost_queue *queue, struct vhost_table *table) {
    if (!find_rings(queue, table) || !reserve_slots(queue)) {
        return false;
    }
    queue->next_available = queue->base;
    queue->next_used = __atomic_load_n(&queue->used[RING_IDX], __ATOMIC_RELAXED);
    queue->told_used = queue->next_used;
    queue->state = VHOST_QUEUE_RUNNING;
    deliver_answers(queue, table);
    log_debug("the guest's %s queue runs: %u descriptors, from request %u", queue->name,
              queue->size, queue->base);
    return true;
}

uint16_t vhost_queue_stop(struct vhost_queue *queue) {
    if (queue->state == VHOST_QUEUE_STOPPED) {
        return queue->base;
    }
    vhost_queue_tell(queue);
    queue->resumable = queue->state == VHOST_QUEUE_RUNNING;
    queue->state = VHOST_QUEUE_STOPPED;
    queue->base = queue->next_available;
    queue->descriptors = NULL;
    queue->available = NULL;
    queue->used = NULL;
    replace_fd(&queue->kick_fd, -1);
    return queue->base;
}

void vhost_queue_move(struct vhost_queue *queue, struct vhost_table *table) {
    if (queue->state == VHOST_QUEUE_RUNNING && !find_rings(queue, table)) {
        break_queue(queue, "its rings are no longer in the guest's memory");
    }
}

/* ---- requests --------------------------------------------------------------------------- */

bool vhost_queue_listens(const struct vhost_queue *queue) {
    return queue->state == VHOST_QUEUE_RUNNING && queue->kick_fd >= 0;
}

static uint16_t count_new(const struct vhost_queue *queue) {
    const uint16_t idx = __atomic_load_n(&queue->available[RING_IDX], __ATOMIC_ACQUIRE);
    return (uint16_t)(idx - queue->next_available);
}

uint32_t vhost_queue_count_available(struct vhost_queue *queue) {
    if (queue->state != VHOST_QUEUE_RUNNING || !queue->enabled) {
        return 0;
    }
    uint32_t count = count_new(queue);
    if (count == 0 && queue->event_idx) {
        __atomic_store_n(get_available_event(queue), queue->next_available, __ATOMIC_RELAXED);
        /* Either the guest sees the wish, or we see its request. */
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        count = count_new(queue);
    }
    if (count > queue->size) {
        break_queue(queue,
                    "its available index says %" PRIu32 " requests, of %" PRIu32
                    " that there can be",
                    count, queue->size);
        return 0;
    }
    return count;
}

/* Copies the readable pieces of a chain into a request. */
static struct device_request *gather(struct vhost_queue *queue, struct vhost_table *table,
                                     const struct vhost_chain *chain) {
    struct device_request *request = device_request_create((size_t)chain->readable_bytes);
    if (!request) {
        break_queue(queue, "no memory for a request of %" PRIu64 " bytes", chain->readable_bytes);
        return NULL;
    }
    size_t done = 0;
    for (uint32_t i = 0; i < chain->readable; i++) {
        const struct vhost_piece *piece = &chain->pieces[i];
        /* Inside: the chain was checked with this table. */
        (void)vhost_table_read(table, piece->address, request->bytes + done, piece->size);
        done += piece->size;
    }
    request->response_capacity = (size_t)chain->writable_bytes;
    return request;
}

static void *make_tag(const struct vhost_queue *queue, uint32_t slot) {
    _Static_assert(sizeof(uintptr_t) >= sizeof(uint64_t), "tags have 64 bits");
    return (void *)(uintptr_t)((uint64_t)queue->generation << 32 | queue->index << 16 | slot);
}

struct device_request *vhost_queue_take(struct vhost_queue *queue, struct vhost_table *table,
                                        struct vhost_chain *scratch) {
    const uint32_t place = queue->next_available & (queue->size - 1);
    const uint16_t head =
        __atomic_load_n(&queue->available[RING_ENTRIES + place], __ATOMIC_RELAXED);
    if (head >= queue->size) {
        break_queue(queue, "request %u begins at descriptor %u of %" PRIu32, queue->next_available,
                    head, queue->size);
        return NULL;
    }
    if (queue->under_way == queue->slot_count) {
        break_queue(queue, "more requests are under way than it has descriptors");
        return NULL;
    }
    const struct vhost_chain_source source = {
        .table = table,
        .descriptors = queue->descriptors,
        .size = queue->size,
        .indirect = queue->indirect,
    };
    if (!vhost_chain_read(&source, head, scratch)) {
        break_queue(queue, "%s", scratch->reason);
        return NULL;
    }
    struct vhost_slot *slot = &queue->slots[queue->free_slot];
    if (!vhost_slot_fill(slot, head, scratch)) {
        break_queue(queue, "no memory for a request of %" PRIu32 " pieces", scratch->writable);
        return NULL;
    }
    struct device_request *request = gather(queue, table, scratch);
    if (!request) {
        vhost_slot_empty(slot);
        return NULL;
    }
    request->tag = make_tag(queue, queue->free_slot);
    queue->free_slot = slot->next_free;
    queue->under_way++;
    queue->next_available++;
    return request;
}

/* ---- answers ---------------------------------------------------------------------------- */

uint32_t vhost_tag_get_queue(const void *tag) {
    return (uint32_t)((uintptr_t)tag >> 16 & UINT16_MAX);
}

/* Writes the response and gives the descriptors back. The slot is free then. */
static void deliver(struct vhost_queue *queue, struct vhost_table *table, uint32_t number,
                    const uint8_t *response, size_t size) {
    struct vhost_slot *slot = &queue->slots[number];
    const size_t written = vhost_slot_scatter(slot, table, response, size);
    if (written != size) {
        log_warning("a response on the %s queue was cut short: its buffer is no longer in the "
                    "guest's memory",
                    queue->name);
    }
    const uint32_t place = queue->next_used & (queue->size - 1);
    const uint32_t entry[2] = {slot->head, (uint32_t)written};
    memcpy(queue->used + RING_ENTRIES + (size_t)USED_ENTRY_WORDS * place, entry, sizeof(entry));
    queue->next_used++;
    __atomic_store_n(&queue->used[RING_IDX], queue->next_used, __ATOMIC_RELEASE);
    vhost_slot_empty(slot);
    slot->next_free = queue->free_slot;
    queue->free_slot = number;
    queue->under_way--;
}

static void deliver_answers(struct vhost_queue *queue, struct vhost_table *table) {
    for (uint32_t i = 0; i < queue->slot_count; i++) {
        struct vhost_slot *slot = &queue->slots[i];
        if (slot->answered) {
            deliver(queue, table, i, slot->response, slot->response_size);
        }
    }
}

void vhost_queue_complete(struct vhost_queue *queue, struct vhost_table *table, const void *tag,
                          const void *response, size_t size) {
    const uint32_t generation = (uint32_t)((uintptr_t)tag >> 32);
    const uint32_t number = (uint32_t)((uintptr_t)tag & UINT16_MAX);
    if (generation != queue->generation || number >= queue->slot_count ||
        !queue->slots[number].taken || queue->slots[number].answered) {
        return;
    }
    if (queue->state == VHOST_QUEUE_RUNNING) {
        deliver(queue, table, number, response, size);
    } else if (queue->state == VHOST_QUEUE_STOPPED) {
        vhost_slot_keep_answer(&queue->slots[number], response, size);
    }
}

/* Whether the guest wants an interrupt for what was used since it was last told. */
static bool wants_to_know(const struct vhost_queue *queue) {
    if (!queue->event_idx) {
        const uint16_t flags = __atomic_load_n(&queue->available[RING_FLAGS], __ATOMIC_RELAXED);
        return !(flags & AVAILABLE_NO_INTERRUPT);
    }
    const uint16_t event = __atomic_load_n(get_used_event(queue), __ATOMIC_RELAXED);
    return (uint16_t)(queue->next_used - event - 1) <
           (uint16_t)(queue->next_used - queue->told_used);
}

void vhost_queue_tell(struct vhost_queue *queue) {
    if (queue->state != VHOST_QUEUE_RUNNING || queue->told_used == queue->next_used) {
        return;
    }
    /* Either the guest sees what was used, or we see its wish. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (wants_to_know(queue)) {
        vhost_notify_signal(queue->call_fd);
    }
    queue->told_used = queue->next_used;
}
