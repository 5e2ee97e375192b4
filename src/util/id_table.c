#include "util/id_table.h"

#include <errno.h>
#include <stdlib.h>

#include "platform/platform.h"
#include "util/checked.h"

/* A table is rebuilt when half of its slots have been used, into one that its live entries fill
 * to a quarter at most: so a quarter of the slots' worth of inserts pays for each rebuild. */
#define CAPACITY_MIN 256
#define USED_SHARE_MAX 2
#define LIVE_SHARE_MAX 4

/* ---- slots ----------------------------------------------------------------------------- */

/* Spreads every bit of its input over the output (the finalizer of the SplitMix64 generator). */
static uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static uint64_t capacity_for(uint64_t live) {
    uint64_t capacity = CAPACITY_MIN;
    while (capacity / LIVE_SHARE_MAX < live) {
        capacity *= 2;
    }
    return capacity;
}

static struct id_slots *slots_new(uint64_t capacity) {
    uint64_t bytes;
    if (!checked_mul_u64(capacity, sizeof(struct id_slot), &bytes) ||
        !checked_add_u64(bytes, sizeof(struct id_slots), &bytes) || bytes > SIZE_MAX) {
        return NULL;
    }
    struct id_slots *slots = calloc(1, (size_t)bytes);
    if (!slots) {
        return NULL;
    }
    slots->mask = capacity - 1;
    slots->seed = mix((uint64_t)(uintptr_t)slots ^ platform_now_ns());
    slots->multiplier = mix(slots->seed ^ platform_now_ns()) | 1;
    return slots;
}

/* The slot of `id`, else the one where it belongs: the first tombstone of its probe, else the
 * unused slot that ends it. An id never has two slots: readers stop at the first. */
static struct id_slot *find_slot(struct id_slots *slots, uint64_t id) {
    struct id_slot *tombstone = NULL;
    for (uint64_t index = id_slots_home(slots, id);; index++) {
        struct id_slot *slot = &slots->slot[index & slots->mask];
        uint64_t found = atomic_load_explicit(&slot->id, memory_order_relaxed);
        if (found == id) {
            return slot;
        }
        if (found == 0) {
            return tombstone ? tombstone : slot;
        }
        if (!tombstone && !atomic_load_explicit(&slot->entry, memory_order_relaxed)) {
            tombstone = slot;
        }
    }
}

static struct id_slots *current_slots(struct id_table *table) {
    return atomic_load_explicit(&table->slots, memory_order_relaxed);
}

static bool slot_is_unused(struct id_slot *slot) {
    return atomic_load_explicit(&slot->id, memory_order_relaxed) == 0;
}

static struct id_entry *slot_entry(struct id_slot *slot) {
    return atomic_load_explicit(&slot->entry, memory_order_relaxed);
}

/* Id first: a reader that meets the slot half way finds no entry, or, by the tombstone's old id,
 * an entry of another id; both mean "not there" to it. */
static void fill_slot(struct id_slot *slot, struct id_entry *entry) {
    atomic_store_explicit(&slot->id, entry->id, memory_order_release);
    atomic_store_explicit(&slot->entry, entry, memory_order_release);
}

/* ---- retirement ------------------------------------------------------------------------ */

/* To be called after the thing was unpublished. Sections that could still see it have an epoch
 * not above the returned one; later sections have a higher one. */
static uint64_t end_epoch(struct id_table *table) {
    return atomic_fetch_add(&table->epoch, 1);
}

static bool sections_may_see(const struct id_table *table, uint64_t retired_at) {
    for (struct id_reader *reader = table->readers; reader; reader = reader->next) {
        uint64_t epoch = atomic_load(&reader->epoch);
        if (epoch != 0 && epoch <= retired_at) {
            return true;
        }
    }
    return false;
}

static void retire_entry(struct id_table *table, struct id_entry *entry) {
    entry->retired_at = end_epoch(table);
    entry->retired_next = NULL;
    if (table->retired_last) {
        table->retired_last->retired_next = entry;
    } else {
        table->retired_first = entry;
    }
    table->retired_last = entry;
    table->pending++;
}

static void retire_slots(struct id_table *table, struct id_slots *slots) {
    slots->retired_at = end_epoch(table);
    slots->retired_next = NULL;
    if (table->retired_slots_last) {
        table->retired_slots_last->retired_next = slots;
    } else {
        table->retired_slots_first = slots;
    }
    table->retired_slots_last = slots;
}

static void release_first_entry(struct id_table *table) {
    struct id_entry *entry = table->retired_first;
    table->retired_first = entry->retired_next;
    if (!table->retired_first) {
        table->retired_last = NULL;
    }
    table->pending--;
    table->release(entry, table->owner);
}

static void free_first_slots(struct id_table *table) {
    struct id_slots *slots = table->retired_slots_first;
    table->retired_slots_first = slots->retired_next;
    if (!table->retired_slots_first) {
        table->retired_slots_last = NULL;
    }
    free(slots);
}

/* Both lists are in order of epoch: the first that is still visible ends the search. */
static void reclaim(struct id_table *table) {
    while (table->retired_first && !sections_may_see(table, table->retired_first->retired_at)) {
        release_first_entry(table);
    }
    while (table->retired_slots_first &&
           !sections_may_see(table, table->retired_slots_first->retired_at)) {
        free_first_slots(table);
    }
}

/* ---- changes --------------------------------------------------------------------------- */

/* Moves the live entries to new slots with room for one more, leaving the tombstones behind.
 * Never in place: readers may be probing. */
static bool rebuild(struct id_table *table) {
    struct id_slots *old = current_slots(table);
    struct id_slots *new = slots_new(capacity_for(table->live + 1));
    if (!new) {
        return false;
    }
    for (uint64_t i = 0; i <= old->mask; i++) {
        struct id_entry *entry = slot_entry(&old->slot[i]);
        if (entry) {
            fill_slot(find_slot(new, entry->id), entry);
        }
    }
    atomic_store_explicit(&table->slots, new, memory_order_release);
    table->used = table->live;
    retire_slots(table, old);
    return true;
}

static bool is_half_used(struct id_table *table) {
    return table->used + 1 > (current_slots(table)->mask + 1) / USED_SHARE_MAX;
}

static int insert_locked(struct id_table *table, struct id_entry *entry) {
    struct id_slot *slot = find_slot(current_slots(table), entry->id);
    if (slot_entry(slot)) {
        return -EEXIST;
    }
    reclaim(table);
    if (table->live + table->pending >= table->limit) {
        return -ENOSPC;
    }
    if (slot_is_unused(slot)) {
        if (is_half_used(table)) {
            if (!rebuild(table)) {
                return -ENOMEM;
            }
            slot = find_slot(current_slots(table), entry->id);
        }
        table->used++;
    }
    fill_slot(slot, entry);
    table->live++;
    return 0;
}

int id_table_insert(struct id_table *table, struct id_entry *entry) {
    if (entry->id == 0) {
        return -EINVAL;
    }
    pthread_mutex_lock(&table->mutex);
    int result = insert_locked(table, entry);
    pthread_mutex_unlock(&table->mutex);
    return result;
}

bool id_table_remove(struct id_table *table, struct id_entry *entry) {
    pthread_mutex_lock(&table->mutex);
    struct id_slot *slot = find_slot(current_slots(table), entry->id);
    /* The id may be in use again for another entry. */
    bool removed = slot_entry(slot) == entry;
    if (removed) {
        atomic_store_explicit(&slot->entry, NULL, memory_order_release);
        table->live--;
        retire_entry(table, entry);
        reclaim(table);
    }
    pthread_mutex_unlock(&table->mutex);
    return removed;
}

struct id_entry *id_table_next(const struct id_table *table, uint64_t *cursor) {
    const struct id_slots *slots = atomic_load_explicit(&table->slots, memory_order_acquire);
    while (*cursor <= slots->mask) {
        struct id_entry *entry =
            atomic_load_explicit(&slots->slot[(*cursor)++].entry, memory_order_acquire);
        if (entry) {
            return entry;
        }
    }
    return NULL;
}

/* ---- life ------------------------------------------------------------------------------ */

int id_table_init(struct id_table *table, uint64_t limit, id_release release, void *owner) {
    struct id_slots *slots = slots_new(CAPACITY_MIN);
    if (!slots) {
        return -ENOMEM;
    }
    *table = (struct id_table){.limit = limit, .release = release, .owner = owner};
    if (pthread_mutex_init(&table->mutex, NULL) != 0) {
        free(slots);
        return -ENOMEM;
    }
    atomic_init(&table->slots, slots);
    atomic_init(&table->epoch, 1); /* 0 means "outside a section" */
    return 0;
}

void id_table_finish(struct id_table *table) {
    while (table->retired_first) {
        release_first_entry(table);
    }
    while (table->retired_slots_first) {
        free_first_slots(table);
    }
    struct id_slots *slots = current_slots(table);
    for (uint64_t i = 0; i <= slots->mask; i++) {
        struct id_entry *entry = slot_entry(&slots->slot[i]);
        if (entry) {
            table->release(entry, table->owner);
        }
    }
    free(slots);
    pthread_mutex_destroy(&table->mutex);
}

void id_table_add_reader(struct id_table *table, struct id_reader *reader) {
    pthread_mutex_lock(&table->mutex);
    reader->next = table->readers;
    table->readers = reader;
    pthread_mutex_unlock(&table->mutex);
}

void id_table_remove_reader(struct id_table *table, struct id_reader *reader) {
    pthread_mutex_lock(&table->mutex);
    struct id_reader **link = &table->readers;
    while (*link && *link != reader) {
        link = &(*link)->next;
    }
    if (*link) {
        *link = reader->next;
    }
    pthread_mutex_unlock(&table->mutex);
}
