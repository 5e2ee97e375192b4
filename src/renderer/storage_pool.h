/* Storage that a context may use again: shared memory of memories that it has freed, for further
 * ones of the same size. It comes from two sides, in any order: the guest has no resource of it any
 * more (storage_pool_give), and its memory is freed (storage_pool_note_freed). No new pages are made then, and a mapping that the guest's region still has of
 * it need not be made again: each comes with the place where that is, and the one is taken whose place
 * the guest's kernel is likely to choose. Bounded; the oldest goes first. Storage is known by its
 * number. Any thread. */
#ifndef VESPER_RENDERER_STORAGE_POOL_H
#define VESPER_RENDERER_STORAGE_POOL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "renderer/storage.h"

#define STORAGE_POOL_COUNT_MAX 128 /* each is a descriptor */
#define STORAGE_POOL_BYTES_MAX (UINT64_C(16) << 20)

struct storage_pool_entry {
    struct storage *storage; /* a reference */
    uint64_t place;          /* where it was mapped in the guest's region, bytes */
    uint64_t age;            /* the smaller, the older */
    bool is_free;            /* no memory has it any more */
};

/* Of freed memory, not given yet. */
struct storage_pool_freed {
    uint64_t number, size;
    bool is_awaited; /* it is worth a wait */
};

struct storage_pool {
    pthread_mutex_t mutex;
    pthread_cond_t cond; /* something was given that is awaited */
    uint32_t count;
    uint64_t bytes, last_age;
    struct storage_pool_entry entries[STORAGE_POOL_COUNT_MAX]; /* by place; none overlaps another */
    bool gives; /* whoever gives storage does so in time, as far as is known */
    uint32_t freed_count;
    struct storage_pool_freed freed[STORAGE_POOL_COUNT_MAX]; /* the oldest first */
};

void storage_pool_init(struct storage_pool *pool);
void storage_pool_finish(struct storage_pool *pool);

/* Keeps shared memory, with a reference of its own; ignores what is too large, or of another kind.
 * Nobody may use it any more. Lets go of what was mapped in the same place before. */
void storage_pool_give(struct storage_pool *pool, struct storage *storage, uint64_t place);
/* The memory of `storage` is freed, and its resource goes: it is about to be given, or has been. */
void storage_pool_note_freed(struct storage_pool *pool, const struct storage *storage);
/* Storage of exactly `size` bytes that no memory has, with the pool's reference; NULL: there is none.
 * Waits for what is about to be given in that size, no longer than a new mapping would take. What was
 * in it is still there. */
struct storage *storage_pool_take(struct storage_pool *pool, uint64_t size);
/* The storage of that number, freed or not, with the pool's reference; NULL: it is not there. */
struct storage *storage_pool_take_numbered(struct storage_pool *pool, uint64_t number);

#endif
