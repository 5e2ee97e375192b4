#include "frontend/vtest/wait.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "frontend/vtest/deadline.h"

#define NO_INDEX SIZE_MAX

/* Where wake-ups are pipes, one whose writing end closes polls as hung up, which the guest would
 * take for a signal: its own time-out, which starts a little after ours, must come first. */
#define GRACE_NS (UINT64_C(20) * 1000 * 1000)

static const struct platform_wake closed_wake = {-1, -1};

void vtest_waits_init(struct vtest_waits *waits, struct vtest_deadlines *deadlines) {
    *waits = (struct vtest_waits){.deadlines = deadlines, .never = closed_wake};
}

int vtest_waits_get_never_fd(struct vtest_waits *waits, int *out_fd) {
    if (waits->never.read_fd < 0) {
        int error = platform_wake_init(&waits->never);
        if (error) {
            waits->never = closed_wake;
            return error;
        }
    }
    *out_fd = waits->never.read_fd;
    return 0;
}

struct vtest_wait *vtest_wait_create(struct vtest_waits *waits, uint32_t count, bool any) {
    struct vtest_wait *wait = malloc(sizeof(*wait) + count * sizeof(wait->entries[0]));
    if (!wait) {
        return NULL;
    }
    *wait = (struct vtest_wait){
        .waits = waits,
        .wake = closed_wake,
        .deadline_ns = UINT64_MAX,
        .heap_index = NO_INDEX,
        .any = any,
    };
    return wait;
}

void vtest_wait_add(struct vtest_wait *wait, struct vtest_sync *sync, uint64_t value) {
    struct vtest_wait_entry *entry = &wait->entries[wait->count++];
    *entry = (struct vtest_wait_entry){
        .wait = wait,
        .sync = vtest_sync_ref(sync),
        .value = value,
        .satisfied = value <= sync->value,
    };
    wait->satisfied += entry->satisfied;
}

static void entry_watch(struct vtest_wait_entry *entry) {
    entry->link = &entry->sync->watchers;
    entry->next = *entry->link;
    if (entry->next) {
        entry->next->link = &entry->next;
    }
    *entry->link = entry;
}

static void entry_unwatch(struct vtest_wait_entry *entry) {
    if (!entry->link) {
        return;
    }
    *entry->link = entry->next;
    if (entry->next) {
        entry->next->link = entry->link;
    }
    entry->link = NULL;
}

void vtest_wait_destroy(struct vtest_wait *wait) {
    if (wait->heap_index != NO_INDEX) {
        vtest_deadlines_remove(wait->waits->deadlines, wait);
    }
    if (wait->link) {
        *wait->link = wait->next;
        if (wait->next) {
            wait->next->link = wait->link;
        }
        wait->waits->count--;
        wait->waits->entries -= wait->count;
    }
    for (uint32_t i = 0; i < wait->count; i++) {
        entry_unwatch(&wait->entries[i]);
        vtest_sync_unref(wait->entries[i].sync);
    }
    platform_wake_finish(&wait->wake);
    free(wait);
}

int vtest_wait_open(struct vtest_wait *wait) {
    int error = platform_wake_init(&wait->wake);
    if (error) {
        wait->wake = closed_wake;
    }
    return error;
}

int vtest_wait_start(struct vtest_wait *wait, uint64_t timeout_ns) {
    struct vtest_waits *waits = wait->waits;
    close(wait->wake.read_fd); /* the guest has its own copy */
    wait->wake.read_fd = -1;
    uint64_t now = platform_now_ns();
    if (timeout_ns < UINT64_MAX - GRACE_NS - now) {
        int error = vtest_deadlines_insert(waits->deadlines, wait, now + timeout_ns + GRACE_NS);
        if (error) {
            return error;
        }
    }
    for (uint32_t i = 0; i < wait->count; i++) {
        entry_watch(&wait->entries[i]);
    }
    wait->link = &waits->first;
    wait->next = waits->first;
    if (wait->next) {
        wait->next->link = &wait->next;
    }
    waits->first = wait;
    waits->count++;
    waits->entries += wait->count;
    return 0;
}

static void wait_release(struct vtest_wait *wait) {
    platform_wake_signal(&wait->wake);
    vtest_wait_destroy(wait);
}

void vtest_waits_finish(struct vtest_waits *waits) {
    while (waits->first) {
        wait_release(waits->first);
    }
    platform_wake_finish(&waits->never);
}

void vtest_wait_sync_changed(struct vtest_sync *sync) {
    /* Releasing takes entries off this list, possibly several: so first look, then release. */
    struct vtest_wait *released = NULL;
    for (struct vtest_wait_entry *entry = sync->watchers; entry; entry = entry->next) {
        bool satisfied = entry->value <= sync->value;
        if (satisfied == entry->satisfied) {
            continue;
        }
        struct vtest_wait *wait = entry->wait;
        entry->satisfied = satisfied;
        if (satisfied) {
            wait->satisfied++;
        } else {
            wait->satisfied--;
        }
        if (!wait->released && vtest_wait_is_satisfied(wait)) {
            wait->released = true;
            wait->next_released = released;
            released = wait;
        }
    }
    /* The caller's sync may lose its last reference with a wait. */
    while (released) {
        struct vtest_wait *next = released->next_released;
        wait_release(released);
        released = next;
    }
}
