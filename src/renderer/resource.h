/* Resources of one context: resource id → storage. Reference-counted, because a reply window or
 * a ring may use one on another thread while it is detached. Any thread. */
#ifndef VESPER_RENDERER_RESOURCE_H
#define VESPER_RENDERER_RESOURCE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "renderer/storage.h"

struct resource {
    uint32_t id;
    _Atomic(uint32_t) references;
    struct storage *storage;
    _Atomic(bool) attached; /* still in the table */
    bool is_shm_blob; /* made with blob_id 0: may hold rings, streams and replies */
    struct resource *next; /* guarded by the table's mutex */
};

struct resource_table {
    pthread_mutex_t mutex;
    struct resource **buckets;
    uint32_t bucket_count, count, limit;
};

int resource_table_init(struct resource_table *table, uint32_t limit);
void resource_table_finish(struct resource_table *table);

/* Takes its own reference of `storage`. -EEXIST, -ENOSPC (the limit), -ENOMEM. */
int resource_table_add(struct resource_table *table, uint32_t id, struct storage *storage,
                       bool is_shm_blob);
/* A new reference, NULL where the id is unknown. */
struct resource *resource_table_get(struct resource_table *table, uint32_t id);
/* Takes the resource out of the table and gives the table's reference to the caller; NULL where
 * the id is unknown. */
struct resource *resource_table_remove(struct resource_table *table, uint32_t id);

struct resource *resource_ref(struct resource *resource);
void resource_unref(struct resource *resource);

#endif
