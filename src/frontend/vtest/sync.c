#include "frontend/vtest/sync.h"

#include <errno.h>
#include <stdlib.h>

#include "frontend/vtest/wait.h"

static void sync_release(struct id_entry *entry, void *owner) {
    (void)owner;
    vtest_sync_unref((struct vtest_sync *)entry);
}

int vtest_syncs_init(struct vtest_syncs *syncs, uint32_t limit) {
    syncs->last_id = 0;
    return id_table_init(&syncs->table, limit, sync_release, NULL);
}

void vtest_syncs_finish(struct vtest_syncs *syncs) {
    id_table_finish(&syncs->table);
}

int vtest_sync_create(struct vtest_syncs *syncs, uint64_t value, uint32_t *out_id) {
    struct vtest_sync *sync = calloc(1, sizeof(*sync));
    if (!sync) {
        return -ENOMEM;
    }
    sync->references = 1;
    sync->value = value;
    int error;
    do {
        /* Ids are used again only after 2^32 creations, so that a late message cannot hit a
         * younger sync; then some are still in use. */
        syncs->last_id = syncs->last_id == UINT32_MAX ? 1 : syncs->last_id + 1;
        sync->entry.id = syncs->last_id;
        error = id_table_insert(&syncs->table, &sync->entry);
    } while (error == -EEXIST);
    if (error) {
        free(sync);
        return error;
    }
    *out_id = syncs->last_id;
    return 0;
}

struct vtest_sync *vtest_sync_find(const struct vtest_syncs *syncs, uint32_t id) {
    return (struct vtest_sync *)id_table_find(&syncs->table, id);
}

void vtest_sync_destroy(struct vtest_syncs *syncs, struct vtest_sync *sync) {
    id_table_remove(&syncs->table, &sync->entry);
}

struct vtest_sync *vtest_sync_ref(struct vtest_sync *sync) {
    sync->references++;
    return sync;
}

void vtest_sync_unref(struct vtest_sync *sync) {
    if (--sync->references == 0) {
        free(sync);
    }
}

void vtest_sync_write(struct vtest_sync *sync, uint64_t value) {
    sync->value = value;
    if (sync->watchers) {
        vtest_wait_sync_changed(sync);
    }
}

void vtest_sync_signal(struct vtest_sync *sync, uint64_t value) {
    if (value > sync->value) {
        vtest_sync_write(sync, value);
    }
}
