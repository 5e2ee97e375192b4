/* The heap behind struct vtest_deadlines. Control thread only. */
#ifndef VESPER_VTEST_DEADLINE_H
#define VESPER_VTEST_DEADLINE_H

#include <stdint.h>

#include "frontend/vtest/wait.h"

/* Adds a wait that is not in the heap. 0 or -ENOMEM. */
int vtest_deadlines_insert(struct vtest_deadlines *deadlines, struct vtest_wait *wait,
                           uint64_t deadline_ns);
/* Takes out a wait that is in the heap. */
void vtest_deadlines_remove(struct vtest_deadlines *deadlines, struct vtest_wait *wait);

#endif
