#include "renderer/resource.h"

#include <errno.h>
#include <stdlib.h>

enum { BUCKET_COUNT = 1024 }; /* resources are few (pools and mapped memories); chains stay short */

static uint32_t bucket_of(const struct resource_table *table, uint32_t id) {
    return id & (table->bucket_count - 1);
}

int resource_table_init(struct resource_table *table, uint32_t limit) {
    table->buckets = calloc(BUCKET_COUNT, sizeof(*table->buckets));
    if (!table->buckets) {
        return -ENOMEM;
    }
    table->bucket_count = BUCKET_COUNT;
    table->count = 0;
    table->limit = limit;
    pthread_mutex_init(&table->mutex, NULL);
    return 0;
}

void resource_table_finish(struct resource_table *table) {
    for (uint32_t i = 0; i < table->bucket_count; i++) {
        struct resource *resource = table->buckets[i];
        while (resource) {
            struct resource *next = resource->next;
            resource_unref(resource);
            resource = next;
        }
    }
    free(table->buckets);
    pthread_mutex_destroy(&table->mutex);
}

static struct resource **find_link(struct resource_table *table, uint32_t id) {
    struct resource **link = &table->buckets[bucket_of(table, id)];
    while (*link && (*link)->id != id) {
        link = &(*link)->next;
    }
    return link;
}

int resource_table_add(struct resource_table *table, uint32_t id, struct storage *storage,
                       bool is_shm_blob) {
    struct resource *resource = calloc(1, sizeof(*resource));
    if (!resource) {
        return -ENOMEM;
    }
    resource->id = id;
    atomic_init(&resource->references, 1);
    resource->storage = storage_ref(storage);
    resource->is_shm_blob = is_shm_blob;
    atomic_init(&resource->attached, true);

    int error = 0;
    pthread_mutex_lock(&table->mutex);
    struct resource **link = find_link(table, id);
    if (*link) {
        error = -EEXIST;
    } else if (table->count >= table->limit) {
        error = -ENOSPC;
    } else {
        *link = resource;
        table->count++;
    }
    pthread_mutex_unlock(&table->mutex);
    if (error) {
        resource_unref(resource);
    }
    return error;
}

struct resource *resource_table_get(struct resource_table *table, uint32_t id) {
    pthread_mutex_lock(&table->mutex);
    struct resource *resource = *find_link(table, id);
    if (resource) {
        resource_ref(resource);
    }
    pthread_mutex_unlock(&table->mutex);
    return resource;
}

struct resource *resource_table_remove(struct resource_table *table, uint32_t id) {
    pthread_mutex_lock(&table->mutex);
    struct resource **link = find_link(table, id);
    struct resource *resource = *link;
    if (resource) {
        *link = resource->next;
        table->count--;
        atomic_store_explicit(&resource->attached, false, memory_order_release);
    }
    pthread_mutex_unlock(&table->mutex);
    return resource;
}

struct resource *resource_ref(struct resource *resource) {
    atomic_fetch_add_explicit(&resource->references, 1, memory_order_relaxed);
    return resource;
}

void resource_unref(struct resource *resource) {
    if (resource &&
        atomic_fetch_sub_explicit(&resource->references, 1, memory_order_acq_rel) == 1) {
        storage_unref(resource->storage);
        free(resource);
    }
}
