#include "frontend/vhost_user/device_thread.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "frontend/vhost_user/notify.h"
#include "util/log.h"

#define PATIENCE_NS (UINT64_C(5) * 1000 * 1000 * 1000)

enum {
    POLL_WAKE,
    POLL_DEVICE,
    POLL_CHANNEL,
    POLL_QUEUES,
    POLL_COUNT = POLL_QUEUES + DEVICE_QUEUE_COUNT
};

/* ---- what the device asks for ----------------------------------------------------------- */

static void handle_complete(void *user, void *tag, const void *response, size_t size) {
    struct vhost_thread *thread = user;
    struct vhost_queue *queue = &thread->queues[vhost_tag_get_queue(tag) % DEVICE_QUEUE_COUNT];
    vhost_queue_complete(queue, thread->table, tag, response, size);
}

static int handle_map(void *user, struct storage *storage, uint64_t offset, uint64_t size,
                      uint64_t token) {
    struct vhost_thread *thread = user;
    return vhost_mappings_map(&thread->mappings, storage, offset, size, token);
}

static int handle_unmap(void *user, uint64_t offset, uint64_t size, uint64_t token) {
    struct vhost_thread *thread = user;
    return vhost_mappings_unmap(&thread->mappings, offset, size, token);
}

static void handle_config_changed(void *user) {
    struct vhost_thread *thread = user;
    int error = vhost_channel_tell_config(&thread->mappings.channel);
    if (error && error != -ENOTCONN) {
        log_warning("vhost-user: the guest is not told of a change of its displays");
    }
}

static const struct device_transport transport = {
    .complete = handle_complete,
    .map = handle_map,
    .unmap = handle_unmap,
    .config_changed = handle_config_changed,
};

/* ---- life ------------------------------------------------------------------------------- */

static int init_locks(struct vhost_thread *thread) {
    int error = -pthread_mutex_init(&thread->mutex, NULL);
    if (error) {
        return error;
    }
    error = platform_cond_init(&thread->call_done);
    if (error) {
        pthread_mutex_destroy(&thread->mutex);
    }
    return error;
}

static void finish_locks(struct vhost_thread *thread) {
    pthread_cond_destroy(&thread->call_done);
    pthread_mutex_destroy(&thread->mutex);
}

int vhost_thread_init(struct vhost_thread *thread, const struct device_options *options) {
    *thread = (struct vhost_thread){.wake = {-1, -1}, .features = UINT64_MAX};
    vhost_queue_init(&thread->queues[DEVICE_QUEUE_CONTROL], DEVICE_QUEUE_CONTROL, "control");
    vhost_queue_init(&thread->queues[DEVICE_QUEUE_CURSOR], DEVICE_QUEUE_CURSOR, "cursor");
    vhost_mappings_init(&thread->mappings, options->host_visible_bytes);
    thread->scratch.pieces = malloc(VHOST_CHAIN_MAX * sizeof(*thread->scratch.pieces));
    if (!thread->scratch.pieces) {
        return -ENOMEM;
    }
    int error = platform_wake_init(&thread->wake);
    if (error) {
        goto error_scratch;
    }
    error = init_locks(thread);
    if (error) {
        goto error_wake;
    }
    error = device_create(options, &transport, thread, &thread->device);
    if (error) {
        goto error_locks;
    }
    thread->mappings.device = thread->device;
    return 0;

error_locks:
    finish_locks(thread);
error_wake:
    platform_wake_finish(&thread->wake);
error_scratch:
    free(thread->scratch.pieces);
    return error;
}

void vhost_thread_finish(struct vhost_thread *thread) {
    device_destroy(thread->device);
    for (size_t i = 0; i < DEVICE_QUEUE_COUNT; i++) {
        vhost_queue_finish(&thread->queues[i]);
    }
    vhost_mappings_finish(&thread->mappings);
    vhost_table_unref(thread->table);
    vhost_table_unref(thread->published);
    finish_locks(thread);
    platform_wake_finish(&thread->wake);
    free(thread->scratch.pieces);
}

/* ---- what the control thread wants ------------------------------------------------------ */

bool vhost_thread_call(struct vhost_thread *thread, vhost_call call, void *argument) {
    pthread_mutex_lock(&thread->mutex);
    thread->call = call;
    thread->call_argument = argument;
    thread->call_state = VHOST_CALL_POSTED;
    thread->call_result = false;
    platform_wake_signal(&thread->wake);
    uint64_t patience_ns = platform_now_ns() + PATIENCE_NS;
    while (thread->call_state != VHOST_CALL_DONE && !thread->ended) {
        if (!platform_cond_wait_until(&thread->call_done, &thread->mutex, patience_ns)) {
            log_warning("vhost-user: the device has been busy for seconds; the monitor waits");
            patience_ns = UINT64_MAX;
        }
    }
    thread->call_state = VHOST_CALL_NONE;
    const bool result = thread->call_result;
    pthread_mutex_unlock(&thread->mutex);
    return result;
}

static void answer_call(struct vhost_thread *thread) {
    pthread_mutex_lock(&thread->mutex);
    const bool posted = thread->call_state == VHOST_CALL_POSTED;
    pthread_mutex_unlock(&thread->mutex);
    if (!posted) {
        return;
    }
    const bool result = thread->call(thread, thread->call_argument);
    pthread_mutex_lock(&thread->mutex);
    thread->call_result = result;
    thread->call_state = VHOST_CALL_DONE;
    pthread_cond_signal(&thread->call_done);
    pthread_mutex_unlock(&thread->mutex);
}

void vhost_thread_end(struct vhost_thread *thread) {
    atomic_store(&thread->end_wanted, true);
    platform_wake_signal(&thread->wake);
}

/* Nobody is left to answer a call. */
static void refuse_calls(struct vhost_thread *thread) {
    pthread_mutex_lock(&thread->mutex);
    thread->ended = true;
    pthread_cond_signal(&thread->call_done);
    pthread_mutex_unlock(&thread->mutex);
}

/* ---- tables ----------------------------------------------------------------------------- */

void vhost_thread_publish(struct vhost_thread *thread, struct vhost_table *table) {
    if (table) {
        vhost_table_ref(table);
    }
    pthread_mutex_lock(&thread->mutex);
    struct vhost_table *before = thread->published;
    thread->published = table;
    atomic_fetch_add(&thread->published_count, 1);
    pthread_mutex_unlock(&thread->mutex);
    platform_wake_signal(&thread->wake);
    vhost_table_unref(before);
}

static bool has_newer_table(const struct vhost_thread *thread) {
    return atomic_load_explicit(&thread->published_count, memory_order_acquire) !=
           thread->seen_count;
}

void vhost_thread_update_table(struct vhost_thread *thread) {
    if (!has_newer_table(thread)) {
        return;
    }
    struct vhost_table *before = thread->table;
    pthread_mutex_lock(&thread->mutex);
    thread->seen_count = atomic_load(&thread->published_count);
    struct vhost_table *table = thread->published;
    thread->table = table ? vhost_table_ref(table) : NULL;
    pthread_mutex_unlock(&thread->mutex);
    device_set_memory(thread->device, table ? vhost_table_get_memory(table) : NULL);
    for (size_t i = 0; i < DEVICE_QUEUE_COUNT; i++) {
        vhost_queue_move(&thread->queues[i], thread->table);
    }
    vhost_table_unref(before);
}

/* ---- starts and resets ------------------------------------------------------------------ */

static void reset_device(struct vhost_thread *thread) {
    for (size_t i = 0; i < DEVICE_QUEUE_COUNT; i++) {
        vhost_queue_forget(&thread->queues[i]);
    }
    device_reset(thread->device);
    device_set_features(thread->device, thread->features);
    vhost_mappings_forget(&thread->mappings);
}

void vhost_thread_reset(struct vhost_thread *thread) {
    for (size_t i = 0; i < DEVICE_QUEUE_COUNT; i++) {
        vhost_queue_stop(&thread->queues[i]);
    }
    reset_device(thread);
}

/* A monitor stops the queues in the same way when the driver resets the device and when the machine
 * pauses; QEMU 11.1 says nothing else. Which it was is seen when the control queue starts again: a
 * driver begins from index 0, a machine goes on where it was. */
static void settle_reset(struct vhost_thread *thread, const struct vhost_queue *queue) {
    if (queue->index != DEVICE_QUEUE_CONTROL) {
        return;
    }
    if (vhost_queue_goes_on(queue)) {
        log_info("the machine goes on after a pause");
        vhost_mappings_resume(&thread->mappings);
    } else {
        reset_device(thread);
    }
}

uint16_t vhost_thread_stop_queue(struct vhost_thread *thread, struct vhost_queue *queue) {
    if (queue->index == DEVICE_QUEUE_CONTROL && queue->state != VHOST_QUEUE_STOPPED) {
        vhost_mappings_pause(&thread->mappings);
    }
    return vhost_queue_stop(queue);
}

bool vhost_thread_start_queue(struct vhost_thread *thread, struct vhost_queue *queue) {
    if (queue->state != VHOST_QUEUE_STOPPED || !vhost_queue_is_ready(queue)) {
        return true;
    }
    vhost_thread_update_table(thread);
    settle_reset(thread, queue);
    queue->indirect = thread->features >> VHOST_F_INDIRECT_DESC & 1;
    queue->event_idx = thread->features >> VHOST_F_EVENT_IDX & 1;
    if (!(thread->features >> VHOST_F_PROTOCOL_FEATURES & 1)) {
        queue->enabled = true;
    }
    return vhost_queue_start(queue, thread->table);
}

void vhost_thread_disconnect(struct vhost_thread *thread) {
    for (size_t i = 0; i < DEVICE_QUEUE_COUNT; i++) {
        vhost_queue_finish(&thread->queues[i]);
    }
    thread->features = UINT64_MAX;
    vhost_thread_reset(thread);
    vhost_channel_close(&thread->mappings.channel);
    vhost_thread_publish(thread, NULL);
    vhost_thread_update_table(thread);
}

/* ---- the loop --------------------------------------------------------------------------- */

/* Hands the device what is in the ring; true where some was left for the next turn. */
static bool serve_queue(struct vhost_thread *thread, struct vhost_queue *queue) {
    uint32_t budget = queue->size;
    for (;;) {
        uint32_t count = vhost_queue_count_available(queue);
        vhost_thread_update_table(thread);
        if (count == 0) {
            return false;
        }
        for (; count > 0 && budget > 0; count--, budget--) {
            if (queue->state != VHOST_QUEUE_RUNNING) {
                return false;
            }
            struct device_request *request =
                vhost_queue_take(queue, thread->table, &thread->scratch);
            if (!request) {
                return false;
            }
            device_submit(thread->device, (enum device_queue)queue->index, request);
        }
        if (budget == 0) {
            return true;
        }
    }
}

static void take_kick(struct vhost_queue *queue) {
    if (!vhost_notify_take(queue->kick_fd)) {
        log_error("vhost-user: the kick descriptor of the %s queue has been closed", queue->name);
        vhost_queue_set_kick(queue, -1);
    }
}

static void fill_polls(struct vhost_thread *thread, struct pollfd *polls) {
    const struct vhost_channel *channel = &thread->mappings.channel;
    polls[POLL_WAKE] = (struct pollfd){thread->wake.read_fd, POLLIN, 0};
    polls[POLL_DEVICE] = (struct pollfd){device_get_poll_fd(thread->device), POLLIN, 0};
    polls[POLL_CHANNEL] = (struct pollfd){channel->fd, vhost_channel_events(channel), 0};
    for (size_t i = 0; i < DEVICE_QUEUE_COUNT; i++) {
        const struct vhost_queue *queue = &thread->queues[i];
        const int fd = vhost_queue_listens(queue) ? queue->kick_fd : -1;
        polls[POLL_QUEUES + i] = (struct pollfd){fd, POLLIN, 0};
    }
}

/* What the control thread left comes first: it may be about the queues. */
static void serve_others(struct vhost_thread *thread, const struct pollfd *polls) {
    if (polls[POLL_WAKE].revents) {
        platform_wake_drain(&thread->wake);
        answer_call(thread);
    }
    vhost_thread_update_table(thread);
    if (polls[POLL_CHANNEL].revents && thread->mappings.channel.fd == polls[POLL_CHANNEL].fd) {
        vhost_channel_handle(&thread->mappings.channel);
    }
    if (polls[POLL_DEVICE].revents) {
        device_dispatch(thread->device);
    }
}

/* Returns whether there is more to do at once. */
static bool serve_queues(struct vhost_thread *thread, const struct pollfd *polls) {
    bool busy = false;
    for (size_t i = 0; i < DEVICE_QUEUE_COUNT; i++) {
        struct vhost_queue *queue = &thread->queues[i];
        const struct pollfd *poll = &polls[POLL_QUEUES + i];
        if (poll->revents && queue->kick_fd == poll->fd) {
            take_kick(queue);
        }
        busy |= serve_queue(thread, queue);
    }
    /* One interrupt for all of this turn; either queue's requests may have answered the other's. */
    for (size_t i = 0; i < DEVICE_QUEUE_COUNT; i++) {
        vhost_queue_tell(&thread->queues[i]);
    }
    return busy;
}

int vhost_thread_run(struct vhost_thread *thread) {
    bool busy = false;
    int error = 0;
    while (!atomic_load(&thread->end_wanted)) {
        struct pollfd polls[POLL_COUNT];
        vhost_channel_flush(&thread->mappings.channel);
        fill_polls(thread, polls);
        if (poll(polls, POLL_COUNT, busy ? 0 : -1) < 0) {
            if (errno != EINTR && errno != EAGAIN) {
                error = -errno;
                break;
            }
            continue;
        }
        serve_others(thread, polls);
        busy = serve_queues(thread, polls);
    }
    refuse_calls(thread);
    return error;
}
