/* SYNC_WAITs that are not yet satisfied: each holds the writing side of a descriptor which the
 * guest polls. A wait ends when it is satisfied, when its deadline has passed, or with its client.
 * Control thread only. */
#ifndef VESPER_VTEST_WAIT_H
#define VESPER_VTEST_WAIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frontend/vtest/sync.h"
#include "platform/platform.h"

struct vtest_waits;
struct vtest_wait;

struct vtest_wait_entry {
    struct vtest_wait *wait;
    struct vtest_sync *sync; /* a reference */
    uint64_t value;
    bool satisfied;
    struct vtest_wait_entry *next; /* among the sync's watchers */
    struct vtest_wait_entry **link;
};

struct vtest_wait {
    struct vtest_waits *waits;
    struct vtest_wait *next; /* among the client's waits */
    struct vtest_wait **link;
    struct vtest_wait *next_released;
    struct platform_wake wake;
    uint64_t deadline_ns; /* UINT64_MAX: none */
    size_t heap_index;
    bool any, released;
    uint32_t satisfied, count;
    struct vtest_wait_entry entries[];
};

/* All deadlines of the server: a heap with the earliest first. */
struct vtest_deadlines {
    struct vtest_wait **heap;
    size_t count, capacity;
};

/* The waits of one client. */
struct vtest_waits {
    struct vtest_deadlines *deadlines; /* borrowed */
    struct vtest_wait *first;
    uint32_t count, entries;
    /* Never signalled; handed out for waits that are over before they begin. */
    struct platform_wake never;
};

void vtest_waits_init(struct vtest_waits *waits, struct vtest_deadlines *deadlines);
/* Releases every wait, as nobody could satisfy it any more. */
void vtest_waits_finish(struct vtest_waits *waits);

/* A descriptor for polling that never becomes readable, nor can be mapped: borrowed, made on first
 * use. 0 or a negative errno. */
int vtest_waits_get_never_fd(struct vtest_waits *waits, int *out_fd);

/* Allocates a wait for `count` entries, to be filled in with vtest_wait_add. NULL: no memory. */
struct vtest_wait *vtest_wait_create(struct vtest_waits *waits, uint32_t count, bool any);
void vtest_wait_add(struct vtest_wait *wait, struct vtest_sync *sync, uint64_t value);
void vtest_wait_destroy(struct vtest_wait *wait);

/* A wait for nothing is satisfied. */
static inline bool vtest_wait_is_satisfied(const struct vtest_wait *wait) {
    return wait->satisfied == wait->count || (wait->any && wait->satisfied > 0);
}

/* Makes the wait's descriptors; wait->wake.read_fd is the guest's. 0 or a negative errno. */
int vtest_wait_open(struct vtest_wait *wait);
/* Keeps the wait until it is satisfied or `timeout_ns` from now (UINT64_MAX: no deadline) has
 * passed. wait->wake.read_fd has been sent. 0 or -ENOMEM. */
int vtest_wait_start(struct vtest_wait *wait, uint64_t timeout_ns);

/* The value of a sync with watchers has changed. */
void vtest_wait_sync_changed(struct vtest_sync *sync);

/* Nanoseconds of platform_now_ns, UINT64_MAX: none. */
uint64_t vtest_deadlines_next(const struct vtest_deadlines *deadlines);
/* Ends the waits whose deadline has passed. */
void vtest_deadlines_expire(struct vtest_deadlines *deadlines, uint64_t now_ns);
void vtest_deadlines_finish(struct vtest_deadlines *deadlines);

#endif
