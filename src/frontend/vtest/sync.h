/* Syncs: the 64-bit counters of one client that its fences raise and its waits watch.
 *
 * A sync lives while its id, a fence to come or a wait needs it. Control thread only. */
#ifndef VESPER_VTEST_SYNC_H
#define VESPER_VTEST_SYNC_H

#include <stdbool.h>
#include <stdint.h>

#include "util/id_table.h"

struct vtest_wait_entry;

struct vtest_sync {
    struct id_entry entry; /* first: the table's */
    uint64_t references;
    uint64_t value;
    struct vtest_wait_entry *watchers;
};

struct vtest_syncs {
    struct id_table table;
    uint32_t last_id;
};

/* `limit`: most live ids. 0 or -ENOMEM. */
int vtest_syncs_init(struct vtest_syncs *syncs, uint32_t limit);
/* Drops the ids; syncs that a wait or a fence still holds go with those. */
void vtest_syncs_finish(struct vtest_syncs *syncs);

/* 0, -ENOSPC where the limit is reached, or -ENOMEM. */
int vtest_sync_create(struct vtest_syncs *syncs, uint64_t value, uint32_t *out_id);
/* NULL where no live sync has that id. Borrowed until the id is destroyed. */
struct vtest_sync *vtest_sync_find(const struct vtest_syncs *syncs, uint32_t id);
/* Takes the id away. Fences and waits that hold the sync go on with it. */
void vtest_sync_destroy(struct vtest_syncs *syncs, struct vtest_sync *sync);

struct vtest_sync *vtest_sync_ref(struct vtest_sync *sync);
void vtest_sync_unref(struct vtest_sync *sync);

/* Sets the value, up or down, and releases the waits that this satisfies. */
void vtest_sync_write(struct vtest_sync *sync, uint64_t value);
/* A fence has retired: like write, but never lowers. */
void vtest_sync_signal(struct vtest_sync *sync, uint64_t value);

#endif
