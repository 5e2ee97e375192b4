/* Guest ids → objects: lookups take no lock, changes take one.
 *
 * A reader is a thread that looks ids up inside a section (id_reader_enter … id_reader_leave).
 * An entry that is removed stays readable until every section that was open at that time has
 * ended; only then `release` is called for it. So a hostile guest that destroys an object on one
 * ring while another ring uses it can never make us touch freed memory. Sections may be long (a
 * ring thread may block in a wait inside one): what waits for release counts against the limit. */
#ifndef VESPER_ID_TABLE_H
#define VESPER_ID_TABLE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* First member of everything that lives in a table. */
struct id_entry {
    uint64_t id;              /* non-zero; constant from insert to release */
    uint64_t retired_at;      /* owned by the table */
    struct id_entry *retired_next; /* owned by the table */
};

struct id_slot {
    _Atomic(uint64_t) id;             /* 0: never used */
    _Atomic(struct id_entry *) entry; /* NULL: removed */
};

/* At least half of the slots have never been used, so every probe ends. */
struct id_slots {
    uint64_t mask;             /* capacity - 1; capacity is a power of two */
    uint64_t seed, multiplier; /* unknown to guests: see id_slots_home */
    struct id_slots *retired_next;
    uint64_t retired_at;
    struct id_slot slot[];
};

struct id_reader {
    _Atomic(uint64_t) epoch; /* 0: outside a section */
    struct id_reader *next;
};

typedef void (*id_release)(struct id_entry *entry, void *owner);

struct id_table {
    _Atomic(struct id_slots *) slots;
    _Atomic(uint64_t) epoch;
    pthread_mutex_t mutex;
    /* everything below is guarded by the mutex */
    uint64_t live, used, pending, limit;
    struct id_reader *readers;
    struct id_entry *retired_first, *retired_last;
    struct id_slots *retired_slots_first, *retired_slots_last;
    id_release release;
    void *owner;
};

/* `limit`: most entries, live or waiting for release (≥ 1). `release` frees one entry; it is
 * called with the table's mutex held, from a thread that changes the table, and must not call
 * back. Returns 0 or -ENOMEM. */
int id_table_init(struct id_table *table, uint64_t limit, id_release release, void *owner);
/* Releases every entry, live ones too. No reader may be inside a section. */
void id_table_finish(struct id_table *table);

/* Readers are caller-owned, zero-initialised, and registered while in use. */
void id_table_add_reader(struct id_table *table, struct id_reader *reader);
void id_table_remove_reader(struct id_table *table, struct id_reader *reader);

/* Opens a section; sections do not nest. Never waits. Between our first load and our store others
 * may remove and release, not knowing of us. The load after the store makes that harmless: in the
 * one order of sequentially consistent operations, either a remover's step of table->epoch comes
 * before that load, which then sees all that was unpublished, or the remover sees our store. */
static inline void id_reader_enter(struct id_table *table, struct id_reader *reader) {
    uint64_t epoch = atomic_load_explicit(&table->epoch, memory_order_relaxed);
    atomic_store(&reader->epoch, epoch);
    uint64_t now = atomic_load(&table->epoch);
    if (now != epoch) {
        atomic_store_explicit(&reader->epoch, now, memory_order_release);
    }
}

static inline void id_reader_leave(struct id_reader *reader) {
    atomic_store_explicit(&reader->epoch, 0, memory_order_release);
}

/* Publishes `entry` under entry->id. -EEXIST: the id is in use; -ENOSPC: the limit is reached;
 * -ENOMEM; -EINVAL: id 0. The entry stays the caller's on failure. Ids may be used again as soon
 * as they have been removed, but an entry only after its release. */
int id_table_insert(struct id_table *table, struct id_entry *entry);

/* Unpublishes `entry`; false if somebody else already did. It is released, by a later change of
 * the table, once no section can see it. A caller that others may race with is inside a section,
 * which keeps `entry` readable. */
bool id_table_remove(struct id_table *table, struct id_entry *entry);

/* Walks the entries, in no order: *cursor begins at 0; NULL: that was all. Nobody inserts
 * meanwhile; entries may be removed. */
struct id_entry *id_table_next(const struct id_table *table, uint64_t *cursor);

__extension__ typedef unsigned __int128 id_product;

/* Where the probe for `id` starts. Keyed, so that a guest cannot choose ids that share a start
 * and turn every change into a walk through the whole table. */
static inline uint64_t id_slots_home(const struct id_slots *slots, uint64_t id) {
    id_product product = (id_product)(id ^ slots->seed) * slots->multiplier;
    return (uint64_t)(product >> 64) ^ (uint64_t)product;
}

/* NULL where the id is not in use. Inside a section of the calling thread, or with no concurrent
 * removal possible. The entry is valid until the section ends. Takes no lock. */
static inline struct id_entry *id_table_find(const struct id_table *table, uint64_t id) {
    const struct id_slots *slots = atomic_load_explicit(&table->slots, memory_order_acquire);
    for (uint64_t index = id_slots_home(slots, id);; index++) {
        const struct id_slot *slot = &slots->slot[index & slots->mask];
        uint64_t found = atomic_load_explicit(&slot->id, memory_order_acquire);
        if (found == id && id != 0) {
            struct id_entry *entry = atomic_load_explicit(&slot->entry, memory_order_acquire);
            /* The slot may have been reused between the two loads. */
            return entry && entry->id == id ? entry : NULL;
        }
        if (found == 0) {
            return NULL;
        }
    }
}

#endif
