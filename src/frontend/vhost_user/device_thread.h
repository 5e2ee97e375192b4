/* The thread that the device lives on: kicks of both queues, what contexts and the presenter left,
 * the monitor's answers, and calls of the control thread, in one poll loop that never blocks
 * elsewhere. Functions are for this thread unless they say otherwise. */
#ifndef VESPER_VHOST_USER_DEVICE_THREAD_H
#define VESPER_VHOST_USER_DEVICE_THREAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "device/device.h"
#include "frontend/vhost_user/chain.h"
#include "frontend/vhost_user/mapping.h"
#include "frontend/vhost_user/memory_table.h"
#include "frontend/vhost_user/queue.h"
#include "platform/platform.h"

struct vhost_thread;

/* Something to be done on the device thread for the control thread. */
typedef bool (*vhost_call)(struct vhost_thread *thread, void *argument);

enum vhost_call_state { VHOST_CALL_NONE, VHOST_CALL_POSTED, VHOST_CALL_DONE };

struct vhost_thread {
    struct device *device;
    struct platform_wake wake;
    _Atomic(bool) end_wanted;

    pthread_mutex_t mutex;
    pthread_cond_t call_done;
    /* guarded by the mutex */
    enum vhost_call_state call_state;
    vhost_call call;
    void *call_argument;
    bool call_result;
    bool ended;
    struct vhost_table *published; /* a reference; NULL: none */

    /* Steps with each table that is published. The guest can use a new table's memory as soon as
     * the monitor knows that it is published, so that it is compared after each look at a ring. */
    _Atomic(uint64_t) published_count;
    uint64_t seen_count;
    struct vhost_table *table; /* a reference: the one in use */

    uint64_t features; /* of the device: accepted by the driver */
    struct vhost_queue queues[DEVICE_QUEUE_COUNT];
    struct vhost_mappings mappings;
    struct vhost_chain scratch;
};

/* Makes the device. 0 or a negative errno. */
int vhost_thread_init(struct vhost_thread *thread, const struct device_options *options);
/* Ends the device. The loop has ended, or never ran. */
void vhost_thread_finish(struct vhost_thread *thread);

/* Runs until vhost_thread_end. 0 or a negative errno. */
int vhost_thread_run(struct vhost_thread *thread);
/* The loop returns after this turn, and calls fail from then on. Any thread; async-signal-safe. */
void vhost_thread_end(struct vhost_thread *thread);

/* Runs `call` on the device thread and returns what it returned. For one other thread; waits for a
 * turn of the loop, in which nothing blocks. False where the loop has ended. */
bool vhost_thread_call(struct vhost_thread *thread, vhost_call call, void *argument);
/* The table (its own reference is taken; NULL: none) that is valid from now on. Waits for nobody:
 * regions that went stay mapped while somebody uses them. Any thread. */
void vhost_thread_publish(struct vhost_thread *thread, struct vhost_table *table);

/* Uses the table that was published last. */
void vhost_thread_update_table(struct vhost_thread *thread);
/* Starts a queue that is ready and stopped; true where it is not. False, with the reason logged,
 * where it cannot be started. */
bool vhost_thread_start_queue(struct vhost_thread *thread, struct vhost_queue *queue);
/* Stops a queue. Gives the index of the first request that was not taken. */
uint16_t vhost_thread_stop_queue(struct vhost_thread *thread, struct vhost_queue *queue);
/* Stops the queues; the device begins anew. */
void vhost_thread_reset(struct vhost_thread *thread);
/* The monitor has gone. */
void vhost_thread_disconnect(struct vhost_thread *thread);

#endif
