#include "renderer/ring.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include "platform/platform.h"
#include "renderer/renderer.h"
#include "venus_commands.h"

/* Waiting for the next command, in three steps: spinning with the processor's pause hint, giving
 * the processor away in between, then naps. The guest notifies only a ring that shows IDLE, and
 * may throttle its notifications to one per idle timeout: until that has passed since the last
 * command or wake-up, the ring must look for itself.
 *
 * On few processors the guest, the driver's threads and we share them: longer first steps slow a
 * round trip down there, by more than they save where processors are idle.
 *
 * A guest that waits for a submission looks for its end for some 30 us, then sleeps for 200 us and
 * longer. A ring that naps when the next submission comes delays its end beyond that, so that the
 * guest sleeps again, and so on: where submissions have followed one another soon, and there are
 * processors enough, the ring stays awake for as long as such a sleep takes. Where there are few, the
 * driver's thread is mostly put on the guest's processor or on ours, and waits for it: to stay awake
 * would double the processor time and shorten little. */
#define FEW_PROCESSORS 3
/* Pauses between two looks at the tail. A guest that has just had a reply calls again at once; one
 * that streams is slowed down by every look, which takes the tail's cache line away from it. */
#define PAUSES_AFTER_REPLY 16
#define PAUSES_IN_STREAM 200
#define SPIN_NS 1000u
#define SPIN_MANY_NS 20000u
#define YIELD_NS 20000u
#define YIELD_MANY_NS 200000u
#define YIELD_SUBMITTING_NS 400000u
#define SUBMITTING_GAP_NS 500000u
/* The system adds some 50 us. Shorter naps cost as much as staying awake, longer ones are noticed. */
#define NAP_NS 30000
#define IDLE_TIMEOUT_MIN_NS 1000000u
#define IDLE_TIMEOUT_MAX_NS 100000000u

/* ---- execution -------------------------------------------------------------------------- */

static void publish_head(struct ring *ring, uint32_t head) {
    atomic_store_explicit(&ring->position, head, memory_order_release);
    /* Release: replies must be visible before the guest sees the command as done. */
    atomic_store_explicit(ring->head, head, memory_order_release);
}

static bool ring_progress(struct stream *stream, size_t consumed) {
    struct ring *ring = stream->ring;
    publish_head(ring, ring->batch_start + (uint32_t)consumed);
    if (CS_UNLIKELY(atomic_load_explicit(&ring->awaited, memory_order_relaxed))) {
        executor_poke(&ring->context->executor);
    }
    return !atomic_load_explicit(&ring->stop, memory_order_relaxed);
}

static void copy_from_buffer(struct ring *ring, uint32_t start, uint32_t size) {
    uint32_t offset = start & (ring->buffer_size - 1);
    uint32_t first = ring->buffer_size - offset;
    if (first > size) {
        first = size;
    }
    memcpy(ring->private_bytes, ring->buffer + offset, first);
    memcpy(ring->private_bytes + first, ring->buffer, size - first);
}

/* Executes what lies between head and `tail`. False: the ring has ended. */
static bool ring_consume(struct ring *ring, uint32_t tail) {
    uint32_t head = atomic_load_explicit(&ring->position, memory_order_relaxed);
    uint32_t size = tail - head;
    if (size > ring->buffer_size) {
        context_lose(ring->context, "ring %#llx: the tail is more than the buffer's size ahead",
                     (unsigned long long)ring->id);
        return false;
    }
    ring->batch_start = head;
    copy_from_buffer(ring, head, size);
    if (!stream_execute(&ring->stream, ring->private_bytes, size, ring_progress)) {
        return false;
    }
    /* The context stream raises `awaited`, then reads our position; we store the position, then
     * read `awaited`. One of us sees the other only if all four are sequentially consistent. */
    atomic_store(&ring->position, tail);
    if (atomic_load(&ring->awaited)) {
        executor_poke(&ring->context->executor);
    }
    return true;
}

/* ---- waiting for commands --------------------------------------------------------------- */

static bool ring_ended(const struct ring *ring) {
    return atomic_load_explicit(&ring->stop, memory_order_acquire) ||
           context_is_lost(ring->context);
}

static void ring_sleep(struct ring *ring) {
    pthread_mutex_lock(&ring->mutex);
    while (!ring->notified && !ring_ended(ring)) {
        pthread_cond_wait(&ring->cond, &ring->mutex);
    }
    ring->notified = false;
    pthread_mutex_unlock(&ring->mutex);
}

static void ring_go_idle(struct ring *ring, uint32_t head) {
    pthread_mutex_lock(&ring->mutex);
    ring->notified = false;
    pthread_mutex_unlock(&ring->mutex);
    /* Both sequentially consistent: either the guest sees IDLE, or we see its tail. */
    atomic_fetch_or(ring->status, RING_STATUS_IDLE);
    if (atomic_load(ring->tail) == head) {
        ring_sleep(ring);
    }
    atomic_fetch_and(ring->status, ~(uint32_t)RING_STATUS_IDLE);
}

/* Ends early for the context stream, which waits for what the guest has written just now. */
static void ring_nap(struct ring *ring) {
    pthread_mutex_lock(&ring->mutex);
    if (!ring->notified) {
        platform_cond_wait_until(&ring->cond, &ring->mutex, platform_now_ns() + NAP_NS);
    }
    ring->notified = false;
    pthread_mutex_unlock(&ring->mutex);
}

static bool has_just_submitted(const struct ring *ring) {
    const uint32_t command = ring->stream.base.decoder.command;
    return command == VN_COMMAND_vkQueueSubmit || command == VN_COMMAND_vkQueueSubmit2;
}

/* One step of waiting, `waited_ns` after the ring ran dry. */
static void ring_relax(struct ring *ring, uint64_t waited_ns) {
    const uint64_t yield_ns = ring->is_submitting && has_just_submitted(ring)
                                  ? ring->submitting_yield_ns
                                  : ring->yield_ns;
    if (waited_ns < ring->spin_ns) {
        const int pauses =
            ring->stream.base.decoder.reply_wanted ? PAUSES_AFTER_REPLY : PAUSES_IN_STREAM;
        for (int i = 0; i < pauses; i++) {
            platform_cpu_relax();
        }
    } else if (waited_ns < yield_ns) {
        sched_yield();
    } else {
        ring_nap(ring);
    }
}

/* Returns the tail once there is something to execute; false where the ring has ended. */
static bool ring_wait(struct ring *ring, uint32_t *out_tail) {
    uint32_t head = atomic_load_explicit(&ring->position, memory_order_relaxed);
    uint64_t dry_since = 0;
    while (!ring_ended(ring)) {
        uint32_t tail = atomic_load_explicit(ring->tail, memory_order_acquire);
        if (tail != head) {
            if (dry_since && has_just_submitted(ring)) {
                ring->is_submitting = platform_now_ns() - dry_since < SUBMITTING_GAP_NS;
            }
            *out_tail = tail;
            return true;
        }
        uint64_t now = platform_now_ns();
        if (!dry_since) {
            dry_since = now;
        }
        if (now - dry_since >= ring->settings.idle_timeout_ns) {
            ring_go_idle(ring, head);
            dry_since = 0;
        } else {
            ring_relax(ring, now - dry_since);
        }
    }
    return false;
}

static void *ring_main(void *argument) {
    struct ring *ring = argument;
    if (ring->settings.has_priority) {
        platform_thread_set_nice(ring->settings.priority);
    }
    uint32_t tail;
    while (ring_wait(ring, &tail) && ring_consume(ring, tail)) {
    }
    executor_poke(&ring->context->executor);
    return NULL;
}

/* ---- life ------------------------------------------------------------------------------- */

static _Atomic(uint32_t) *word_at(uint8_t *bytes, uint64_t offset) {
    return (_Atomic(uint32_t) *)(void *)(bytes + offset);
}

static void ring_map(struct ring *ring, uint8_t *bytes, const struct ring_layout *layout) {
    ring->head = word_at(bytes, layout->head);
    ring->tail = word_at(bytes, layout->tail);
    ring->status = word_at(bytes, layout->status);
    ring->buffer = bytes + layout->buffer;
    ring->buffer_size = (uint32_t)layout->buffer_size;
    ring->extra = bytes + layout->extra;
    ring->extra_size = layout->extra_size;
}

/* An application cannot make us spin for longer, or sleep before its own throttle allows it. */
static uint64_t clamp_idle_timeout(uint64_t wanted) {
    if (wanted < IDLE_TIMEOUT_MIN_NS) {
        return IDLE_TIMEOUT_MIN_NS;
    }
    return wanted > IDLE_TIMEOUT_MAX_NS ? IDLE_TIMEOUT_MAX_NS : wanted;
}

static void ring_free(struct ring *ring) {
    pthread_cond_destroy(&ring->cond);
    pthread_mutex_destroy(&ring->mutex);
    stream_finish(&ring->stream);
    resource_unref(ring->resource);
    free(ring->private_bytes);
    free(ring);
}

int ring_create(struct renderer_context *context, uint64_t id, struct resource *resource,
                uint8_t *bytes, const struct ring_layout *layout,
                const struct ring_settings *settings, struct ring **out) {
    struct ring *ring = calloc(1, sizeof(*ring));
    uint8_t *private_bytes = malloc(layout->buffer_size);
    if (!ring || !private_bytes) {
        free(private_bytes);
        free(ring);
        return -ENOMEM;
    }
    ring->id = id;
    ring->context = context;
    ring->private_bytes = private_bytes;
    ring->resource = resource_ref(resource);
    ring->settings = *settings;
    ring->settings.idle_timeout_ns = clamp_idle_timeout(settings->idle_timeout_ns);
    const bool few = platform_processor_count() <= FEW_PROCESSORS;
    ring->spin_ns = few ? SPIN_NS : SPIN_MANY_NS;
    ring->yield_ns = few ? YIELD_NS : YIELD_MANY_NS;
    ring->submitting_yield_ns = few ? YIELD_NS : YIELD_SUBMITTING_NS;
    ring_map(ring, bytes, layout);
    stream_init(&ring->stream, context, ring);
    pthread_mutex_init(&ring->mutex, NULL);
    platform_cond_init(&ring->cond);

    int error = 0;
    if (atomic_load(ring->head) || atomic_load(ring->status)) {
        error = -EBUSY;
    } else {
        error = platform_thread_start(&ring->thread, "vesper-ring", ring_main, ring);
    }
    if (error) {
        ring_free(ring);
        return error;
    }
    *out = ring;
    return 0;
}

static void ring_wake(struct ring *ring) {
    pthread_mutex_lock(&ring->mutex);
    ring->notified = true;
    pthread_cond_broadcast(&ring->cond);
    pthread_mutex_unlock(&ring->mutex);
}

void ring_request_stop(struct ring *ring) {
    atomic_store(&ring->stop, true);
    ring_wake(ring);
}

void ring_destroy(struct ring *ring) {
    ring_request_stop(ring);
    pthread_join(ring->thread, NULL);
    ring_free(ring);
}

void ring_notify(struct ring *ring) {
    ring_wake(ring);
}

void ring_set_fatal(struct ring *ring) {
    atomic_fetch_or(ring->status, RING_STATUS_FATAL);
    ring_wake(ring);
}

/* ---- waiting for the context stream ----------------------------------------------------- */

void ring_submit_virtqueue_seqno(struct ring *ring, uint64_t seqno) {
    pthread_mutex_lock(&ring->mutex);
    if (seqno > ring->virtqueue_seqno) {
        ring->virtqueue_seqno = seqno;
    }
    ring->notified = true;
    pthread_cond_broadcast(&ring->cond);
    pthread_mutex_unlock(&ring->mutex);
}

void ring_wait_virtqueue_seqno(struct ring *ring, uint64_t seqno) {
    pthread_mutex_lock(&ring->mutex);
    while (ring->virtqueue_seqno < seqno && !ring_ended(ring)) {
        pthread_cond_wait(&ring->cond, &ring->mutex);
    }
    pthread_mutex_unlock(&ring->mutex);
}
