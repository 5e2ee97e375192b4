/* Fences and semaphores, and sync files emulated for guests that insist on them.
 *
 * Mesa up to 26.1 hides Vulkan 1.3 unless semaphores can import sync files. The files themselves
 * never leave the guest: what crosses the wire is "the payload was taken out" and "a signalled
 * payload was put in". Both can be had from any driver with plain fences, semaphores and empty
 * submissions, so no sync-file support of the host is used. */
#ifndef VESPER_RENDERER_SYNC_H
#define VESPER_RENDERER_SYNC_H

#include <pthread.h>
#include <vulkan/vulkan.h>

#include "protocol/object.h"

struct device;
struct retired_fence;

struct semaphore {
    struct vn_object object; /* first */
    bool is_timeline;
};

/* Fences whose pending payload was taken out; destroyed once they have signalled. */
struct sync_device {
    pthread_mutex_t mutex;
    struct retired_fence *retired; /* guarded by mutex */
};

void sync_device_init(struct sync_device *sync);
/* The host device is idle or lost. */
void sync_device_finish(struct sync_device *sync, struct device *device);

/* Lets every wait for a timeline semaphore end, by signalling it as far as the driver allows:
 * only when its device is being destroyed. Other semaphores are left alone. */
void semaphore_release_waits(const struct device *device, const struct vn_object *semaphore);

#endif
