#include "frontend/vtest/deadline.h"

#include <errno.h>
#include <stdlib.h>

#define NO_INDEX SIZE_MAX

static void heap_put(struct vtest_deadlines *deadlines, size_t index, struct vtest_wait *wait) {
    deadlines->heap[index] = wait;
    wait->heap_index = index;
}

static void heap_sift_up(struct vtest_deadlines *deadlines, size_t index, struct vtest_wait *wait) {
    while (index > 0) {
        size_t parent = (index - 1) / 2;
        if (deadlines->heap[parent]->deadline_ns <= wait->deadline_ns) {
            break;
        }
        heap_put(deadlines, index, deadlines->heap[parent]);
        index = parent;
    }
    heap_put(deadlines, index, wait);
}

static void heap_sift_down(struct vtest_deadlines *deadlines, size_t index,
                           struct vtest_wait *wait) {
    for (;;) {
        size_t child = 2 * index + 1;
        if (child >= deadlines->count) {
            break;
        }
        if (child + 1 < deadlines->count &&
            deadlines->heap[child + 1]->deadline_ns < deadlines->heap[child]->deadline_ns) {
            child++;
        }
        if (deadlines->heap[child]->deadline_ns >= wait->deadline_ns) {
            break;
        }
        heap_put(deadlines, index, deadlines->heap[child]);
        index = child;
    }
    heap_put(deadlines, index, wait);
}

int vtest_deadlines_insert(struct vtest_deadlines *deadlines, struct vtest_wait *wait,
                           uint64_t deadline_ns) {
    if (deadlines->count == deadlines->capacity) {
        size_t capacity = deadlines->capacity ? deadlines->capacity * 2 : 64;
        struct vtest_wait **heap = realloc(deadlines->heap, capacity * sizeof(struct vtest_wait *));
        if (!heap) {
            return -ENOMEM;
        }
        deadlines->heap = heap;
        deadlines->capacity = capacity;
    }
    wait->deadline_ns = deadline_ns;
    heap_sift_up(deadlines, deadlines->count++, wait);
    return 0;
}

void vtest_deadlines_remove(struct vtest_deadlines *deadlines, struct vtest_wait *wait) {
    size_t index = wait->heap_index;
    struct vtest_wait *last = deadlines->heap[--deadlines->count];
    wait->heap_index = NO_INDEX;
    if (last == wait) {
        return;
    }
    if (last->deadline_ns < wait->deadline_ns) {
        heap_sift_up(deadlines, index, last);
    } else {
        heap_sift_down(deadlines, index, last);
    }
}

uint64_t vtest_deadlines_next(const struct vtest_deadlines *deadlines) {
    return deadlines->count > 0 ? deadlines->heap[0]->deadline_ns : UINT64_MAX;
}

void vtest_deadlines_expire(struct vtest_deadlines *deadlines, uint64_t now_ns) {
    while (deadlines->count > 0 && deadlines->heap[0]->deadline_ns <= now_ns) {
        vtest_wait_destroy(deadlines->heap[0]);
    }
}

void vtest_deadlines_finish(struct vtest_deadlines *deadlines) {
    free(deadlines->heap);
    *deadlines = (struct vtest_deadlines){0};
}
