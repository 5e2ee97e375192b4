/* The ALIVE timer: tells guests, from a thread that never waits for a driver, that their rings
 * have not died while they are silent.
 *
 * One thread for all rings of the process, so that a hundred idle guests cost as many wake-ups as
 * one; it touches nothing but their status words. Started by the first monitored ring, asleep
 * while there is none. Any thread; a caller holds no lock of a context but its ring_mutex. */
#ifndef VESPER_RENDERER_MONITOR_H
#define VESPER_RENDERER_MONITOR_H

#include <stdatomic.h>
#include <stdint.h>

/* Sets ALIVE in `status` several times per `period_ns` (≥ 1) until monitor_remove. `owner` is only
 * compared. 0 or a negative errno (no memory, no thread). */
int monitor_add(_Atomic(uint32_t) *status, const void *owner, uint64_t period_ns);

/* Once these return the word, or no word of the owner, is touched any more. Unknown ones are
 * ignored. */
void monitor_remove(const _Atomic(uint32_t) *status);
void monitor_remove_owner(const void *owner);

#endif
