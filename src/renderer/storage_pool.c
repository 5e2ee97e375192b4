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
        storage_unref(pool->storages[i]);
    }
    pthread_cond_destroy(&pool->cond);
    pthread_mutex_destroy(&pool->mutex);
}

/* ---- what is there (the mutex is held) ---------------------------------------------------- */

static struct storage *remove_at(struct storage_pool *pool, uint32_t index) {
    struct storage *storage = pool->storages[index];
    pool->count--;
    pool->bytes -= storage_get_size(storage);
    memmove(&pool->storages[index], &pool->storages[index + 1],
            (pool->count - index) * sizeof(pool->storages[0]));
    return storage;
}

/* The index behind the last one of that number, or, where it is 0, of that size; 0: there is none. */
static uint32_t find(const struct storage_pool *pool, uint64_t number, uint64_t size) {
    uint32_t i = pool->count;
    while (i > 0 && (number ? storage_get_number(pool->storages[i - 1]) != number
                            : storage_get_size(pool->storages[i - 1]) != size)) {
        i--;
    }
    return i;
}

static bool is_full(const struct storage_pool *pool, uint64_t more_bytes) {
    return pool->count == STORAGE_POOL_COUNT_MAX ||
           pool->bytes > STORAGE_POOL_BYTES_MAX - more_bytes;
}

/* ---- what is expected (the mutex is held) ------------------------------------------------- */

static bool is_expected(const struct storage_pool *pool, uint64_t size) {
    for (uint32_t i = 0; i < pool->expected_count; i++) {
        if (pool->expected[i].size == size) {
            return true;
        }
    }
    return false;
}

static void settle_expected(struct storage_pool *pool, uint64_t number) {
    for (uint32_t i = 0; i < pool->expected_count; i++) {
        if (pool->expected[i].number == number) {
            pool->expected[i] = pool->expected[--pool->expected_count];
            pthread_cond_broadcast(&pool->cond);
            return;
        }
    }
}

static void await(struct storage_pool *pool, uint64_t size) {
    const uint64_t deadline_ns = platform_now_ns() + WAIT_NS;
    while (is_expected(pool, size)) {
        if (!platform_cond_wait_until(&pool->cond, &pool->mutex, deadline_ns)) {
            /* Not again, until something shows that it can be worth it. */
            pool->expected_count = 0;
            pool->gives = false;
        }
    }
}

/* ---- giving and taking -------------------------------------------------------------------- */

static bool is_suitable(const struct storage *storage) {
    return storage_get_kind(storage) == STORAGE_SHM &&
           storage_get_size(storage) <= STORAGE_POOL_BYTES_MAX;
}

void storage_pool_give(struct storage_pool *pool, struct storage *storage) {
    if (!is_suitable(storage)) {
        return;
    }
    pthread_mutex_lock(&pool->mutex);
    while (is_full(pool, storage_get_size(storage))) {
        storage_unref(remove_at(pool, 0));
    }
    pool->storages[pool->count++] = storage_ref(storage);
    pool->bytes += storage_get_size(storage);
    pool->gives = true;
    settle_expected(pool, storage_get_number(storage));
    pthread_mutex_unlock(&pool->mutex);
}

void storage_pool_expect(struct storage_pool *pool, const struct storage *storage) {
    pthread_mutex_lock(&pool->mutex);
    const uint64_t number = storage_get_number(storage);
    if (pool->gives && is_suitable(storage) && !find(pool, number, 0) &&
        pool->expected_count < STORAGE_POOL_COUNT_MAX) {
        pool->expected[pool->expected_count++] =
            (struct storage_pool_expected){number, storage_get_size(storage)};
    }
    pthread_mutex_unlock(&pool->mutex);
}

static struct storage *take(struct storage_pool *pool, uint64_t number, uint64_t size) {
    const uint32_t behind = find(pool, number, size);
    return behind ? remove_at(pool, behind - 1) : NULL;
}

struct storage *storage_pool_take(struct storage_pool *pool, uint64_t size) {
    pthread_mutex_lock(&pool->mutex);
    await(pool, size);
    struct storage *storage = take(pool, 0, size);
    pthread_mutex_unlock(&pool->mutex);
    return storage;
}

struct storage *storage_pool_take_numbered(struct storage_pool *pool, uint64_t number) {
    pthread_mutex_lock(&pool->mutex);
    struct storage *storage = number ? take(pool, number, 0) : NULL;
    pthread_mutex_unlock(&pool->mutex);
    return storage;
}
