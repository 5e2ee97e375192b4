#include "renderer/storage_pool.h"

#include <string.h>

#include "platform/platform.h"

/* What a mapping and its end cost the front end: to wait longer would not pay. */
#define WAIT_NS UINT64_C(2000000)

void storage_pool_init(struct storage_pool *pool) {
    *pool = (struct storage_pool){.count = 0};
    pthread_mutex_init(&pool->mutex, NULL);
    platform_cond_init(&pool->cond);
}

void storage_pool_finish(struct storage_pool *pool) {
    for (uint32_t i = 0; i < pool->count; i++) {
        storage_unref(pool->entries[i].storage);
    }
    pthread_cond_destroy(&pool->cond);
    pthread_mutex_destroy(&pool->mutex);
}

/* ---- what is there (the mutex is held) ---------------------------------------------------- */

static void insert(struct storage_pool *pool, struct storage *storage, uint64_t place,
                   bool is_free) {
    uint32_t at = pool->count;
    while (at > 0 && pool->entries[at - 1].place > place) {
        at--;
    }
    memmove(&pool->entries[at + 1], &pool->entries[at],
            (pool->count - at) * sizeof(pool->entries[0]));
    pool->entries[at] = (struct storage_pool_entry){
        .storage = storage_ref(storage),
        .place = place,
        .age = ++pool->last_age,
        .is_free = is_free,
    };
    pool->count++;
    pool->bytes += storage_get_size(storage);
}

static struct storage *remove_at(struct storage_pool *pool, uint32_t index) {
    struct storage *storage = pool->entries[index].storage;
    pool->count--;
    pool->bytes -= storage_get_size(storage);
    memmove(&pool->entries[index], &pool->entries[index + 1],
            (pool->count - index) * sizeof(pool->entries[0]));
    return storage;
}

/* What was mapped where another has been since is of little use: it would have to be mapped anew. */
static void remove_overlapping(struct storage_pool *pool, uint64_t place, uint64_t size) {
    for (uint32_t i = 0; i < pool->count;) {
        const struct storage_pool_entry *entry = &pool->entries[i];
        if (entry->place < place + size &&
            place < entry->place + storage_get_size(entry->storage)) {
            storage_unref(remove_at(pool, i));
        } else {
            i++;
        }
    }
}

static uint32_t find_oldest(const struct storage_pool *pool) {
    uint32_t oldest = 0;
    for (uint32_t i = 1; i < pool->count; i++) {
        if (pool->entries[i].age < pool->entries[oldest].age) {
            oldest = i;
        }
    }
    return oldest;
}

/* `count` of them: there is none. */
static uint32_t find_number(const struct storage_pool *pool, uint64_t number) {
    uint32_t i = 0;
    while (i < pool->count && storage_get_number(pool->entries[i].storage) != number) {
        i++;
    }
    return i;
}

/* Neighbours in the region, which are one hole there. */
struct run {
    uint32_t first, count;
    uint64_t age; /* of the youngest */
};

/* The run that begins at `first`, where that has `size` bytes; else an empty one. */
static struct run find_run(const struct storage_pool *pool, uint32_t first, uint64_t size) {
    struct run run = {.first = first};
    for (uint32_t i = first; i < pool->count; i++) {
        const struct storage_pool_entry *entry = &pool->entries[i];
        if (storage_get_size(entry->storage) != size ||
            (i > first && entry->place - pool->entries[i - 1].place != size)) {
            break;
        }
        run.count++;
        run.age = entry->age > run.age ? entry->age : run.age;
    }
    return run;
}

/* Linux takes the start of the smallest hole that is large enough, of several the youngest. `count`
 * of them: there is none of the size that is free. */
static uint32_t find_likely(const struct storage_pool *pool, uint64_t size) {
    struct run best = {.first = pool->count};
    for (uint32_t i = 0; i < pool->count;) {
        const struct run run = find_run(pool, i, size);
        const bool is_free = run.count && pool->entries[run.first].is_free;
        if (is_free && (!best.count || run.count < best.count ||
                        (run.count == best.count && run.age > best.age))) {
            best = run;
        }
        i += run.count ? run.count : 1;
    }
    return best.first;
}

static bool is_full(const struct storage_pool *pool, uint64_t more_bytes) {
    return pool->count == STORAGE_POOL_COUNT_MAX ||
           pool->bytes > STORAGE_POOL_BYTES_MAX - more_bytes;
}

/* ---- what is freed and not given yet (the mutex is held) ---------------------------------- */

static void remove_freed(struct storage_pool *pool, uint32_t index) {
    pool->freed_count--;
    memmove(&pool->freed[index], &pool->freed[index + 1],
            (pool->freed_count - index) * sizeof(pool->freed[0]));
}

/* Whether it was there. */
static bool settle_freed(struct storage_pool *pool, uint64_t number) {
    for (uint32_t i = 0; i < pool->freed_count; i++) {
        if (pool->freed[i].number == number) {
            remove_freed(pool, i);
            pthread_cond_broadcast(&pool->cond);
            return true;
        }
    }
    return false;
}

/* What is forgotten for want of room is never known to be free, and not used again. */
static void add_freed(struct storage_pool *pool, uint64_t number, uint64_t size) {
    if (pool->freed_count == STORAGE_POOL_COUNT_MAX) {
        remove_freed(pool, 0);
    }
    pool->freed[pool->freed_count++] = (struct storage_pool_freed){number, size, pool->gives};
}

static bool is_awaited(const struct storage_pool *pool, uint64_t size) {
    for (uint32_t i = 0; i < pool->freed_count; i++) {
        if (pool->freed[i].is_awaited && pool->freed[i].size == size) {
            return true;
        }
    }
    return false;
}

/* Not again, until something shows that it can be worth it. */
static void give_up_waiting(struct storage_pool *pool) {
    pool->gives = false;
    for (uint32_t i = 0; i < pool->freed_count; i++) {
        pool->freed[i].is_awaited = false;
    }
}

static void await(struct storage_pool *pool, uint64_t size) {
    const uint64_t deadline_ns = platform_now_ns() + WAIT_NS;
    while (is_awaited(pool, size)) {
        if (!platform_cond_wait_until(&pool->cond, &pool->mutex, deadline_ns)) {
            give_up_waiting(pool);
        }
    }
}

/* ---- giving and taking -------------------------------------------------------------------- */

static bool is_suitable(const struct storage *storage) {
    return storage_get_kind(storage) == STORAGE_SHM &&
           storage_get_size(storage) <= STORAGE_POOL_BYTES_MAX;
}

void storage_pool_give(struct storage_pool *pool, struct storage *storage, uint64_t place) {
    if (!is_suitable(storage)) {
        return;
    }
    pthread_mutex_lock(&pool->mutex);
    remove_overlapping(pool, place, storage_get_size(storage));
    while (is_full(pool, storage_get_size(storage))) {
        storage_unref(remove_at(pool, find_oldest(pool)));
    }
    insert(pool, storage, place, settle_freed(pool, storage_get_number(storage)));
    pool->gives = true;
    pthread_mutex_unlock(&pool->mutex);
}

void storage_pool_note_freed(struct storage_pool *pool, const struct storage *storage) {
    if (!is_suitable(storage)) {
        return;
    }
    const uint64_t number = storage_get_number(storage);
    pthread_mutex_lock(&pool->mutex);
    const uint32_t index = find_number(pool, number);
    if (index < pool->count) {
        pool->entries[index].is_free = true;
    } else {
        add_freed(pool, number, storage_get_size(storage));
    }
    pthread_mutex_unlock(&pool->mutex);
}

/* Nothing, where the index is that of none. */
static struct storage *take_at(struct storage_pool *pool, uint32_t index) {
    return index < pool->count ? remove_at(pool, index) : NULL;
}

struct storage *storage_pool_take(struct storage_pool *pool, uint64_t size) {
    pthread_mutex_lock(&pool->mutex);
    await(pool, size);
    struct storage *storage = take_at(pool, find_likely(pool, size));
    pthread_mutex_unlock(&pool->mutex);
    return storage;
}

struct storage *storage_pool_take_numbered(struct storage_pool *pool, uint64_t number) {
    pthread_mutex_lock(&pool->mutex);
    struct storage *storage = number ? take_at(pool, find_number(pool, number)) : NULL;
    pthread_mutex_unlock(&pool->mutex);
    return storage;
}
