/*
 * A guest program that gets nowhere, by its own fault: it speaks to the kernel without Mesa, makes a
 * Venus context, and has its ring (`--where ring`) or its context stream (`--where stream`) wait for
 * something that never comes, with a fence behind it.  Prints STUCK once the fence has not retired
 * for a second, and then sleeps: it is to be killed.
 */
#include "common/card.h"

#include "protocol/cs.h"
#include "venus_client.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <drm/virtgpu_drm.h>

#define CAPSET_VENUS 4
#define RING_ID 1
#define RESOURCE_SIZE 8192
#define BUFFER_OFFSET 4096
#define BUFFER_SIZE 4096
#define NEVER 1000

struct stuck {
    int fd;
    uint32_t handle, resource_id;
    uint8_t *ring;
};

static void must(int result, const char *what) {
    GUEST_CHECK(result == 0, "%s: %s", what, strerror(errno));
}

static void make_context(struct stuck *stuck) {
    struct drm_virtgpu_context_set_param parameters[] = {
        {.param = VIRTGPU_CONTEXT_PARAM_CAPSET_ID, .value = CAPSET_VENUS},
        {.param = VIRTGPU_CONTEXT_PARAM_NUM_RINGS, .value = 2},
    };
    struct drm_virtgpu_context_init init = {
        .num_params = 2,
        .ctx_set_params = (uintptr_t)parameters,
    };
    must(drmIoctl(stuck->fd, DRM_IOCTL_VIRTGPU_CONTEXT_INIT, &init), "making a context");
}

static void make_ring_memory(struct stuck *stuck) {
    struct drm_virtgpu_resource_create_blob create = {
        .blob_mem = VIRTGPU_BLOB_MEM_HOST3D,
        .blob_flags = VIRTGPU_BLOB_FLAG_USE_MAPPABLE,
        .size = RESOURCE_SIZE,
    };
    must(drmIoctl(stuck->fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &create), "making a blob");
    stuck->handle = create.bo_handle;
    stuck->resource_id = create.res_handle;
    struct drm_virtgpu_map map = {.handle = create.bo_handle};
    must(drmIoctl(stuck->fd, DRM_IOCTL_VIRTGPU_MAP, &map), "mapping the blob");
    stuck->ring =
        mmap(NULL, RESOURCE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, stuck->fd, (off_t)map.offset);
    GUEST_CHECK(stuck->ring != MAP_FAILED, "the blob cannot be mapped");
}

/* Returns a descriptor that is readable when the commands have been executed. */
static int execute(const struct stuck *stuck, struct cs_encoder *e) {
    GUEST_CHECK(!e->failed, "writing commands");
    struct drm_virtgpu_execbuffer execute = {
        .flags = VIRTGPU_EXECBUF_FENCE_FD_OUT | VIRTGPU_EXECBUF_RING_IDX,
        .size = (uint32_t)cs_encoder_size(e),
        .command = (uintptr_t)e->bytes,
        .bo_handles = (uintptr_t)&stuck->handle,
        .num_bo_handles = 1,
        .fence_fd = -1,
    };
    must(drmIoctl(stuck->fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, &execute), "submitting commands");
    cs_encoder_reset(e, BUFFER_SIZE);
    return execute.fence_fd;
}

static bool retires(int fence, int timeout_ms) {
    struct pollfd poll_for = {fence, POLLIN, 0};
    return poll(&poll_for, 1, timeout_ms) == 1;
}

static void create_ring(const struct stuck *stuck, struct cs_encoder *e) {
    const VkRingCreateInfoMESA info = {
        .sType = VK_STRUCTURE_TYPE_RING_CREATE_INFO_MESA,
        .resourceId = stuck->resource_id,
        .size = RESOURCE_SIZE,
        .idleTimeout = 1000000,
        .headOffset = 0,
        .tailOffset = 64,
        .statusOffset = 128,
        .bufferOffset = BUFFER_OFFSET,
        .bufferSize = BUFFER_SIZE,
        .extraOffset = 192,
        .extraSize = 4,
    };
    const struct vn_vkCreateRingMESA a = {.ring = RING_ID, .pCreateInfo = &info};
    vn_client_encode_vkCreateRingMESA(e, 0, &a);
    GUEST_CHECK(retires(execute(stuck, e), 20000), "a ring is not made within 20 s");
}

/* The ring waits for a number that the context stream never gives. Returns the ring's tail. */
static uint32_t wait_in_ring(const struct stuck *stuck, struct cs_encoder *e) {
    const struct vn_vkWaitVirtqueueSeqnoMESA wait = {.seqno = NEVER};
    vn_client_encode_vkWaitVirtqueueSeqnoMESA(e, 0, &wait);
    const uint32_t size = (uint32_t)cs_encoder_size(e);
    memcpy(stuck->ring + BUFFER_OFFSET, e->bytes, size);
    atomic_store((_Atomic(uint32_t) *)(void *)(stuck->ring + 64), size);
    cs_encoder_reset(e, BUFFER_SIZE);
    const struct vn_vkNotifyRingMESA notify = {.ring = RING_ID, .seqno = size};
    vn_client_encode_vkNotifyRingMESA(e, 0, &notify);
    GUEST_CHECK(retires(execute(stuck, e), 20000), "a ring is not notified within 20 s");
    usleep(1000000);
    GUEST_CHECK(atomic_load((_Atomic(uint32_t) *)(void *)stuck->ring) == 0,
                "the ring has gone past a wait that never ends");
    return size;
}

/* The context stream waits for the ring, and the ring for the context stream. */
static void wait_in_stream(const struct stuck *stuck, struct cs_encoder *e) {
    const struct vn_vkWaitRingSeqnoMESA wait = {
        .ring = RING_ID,
        .seqno = wait_in_ring(stuck, e),
    };
    vn_client_encode_vkWaitRingSeqnoMESA(e, 0, &wait);
    GUEST_CHECK(!retires(execute(stuck, e), 1000), "a wait that never ends has ended");
}

int main(int argc, char **argv) {
    const struct guest g = {.name = "drm_stuck", .argc = argc, .argv = argv};
    const char *where = guest_option(&g, "--where", "ring");
    struct card card;
    card_open_unseen(&card, &g);
    struct stuck stuck = {.fd = card_open_render_node(&card)};
    card_close(&card);
    struct cs_encoder e;
    cs_encoder_init(&e);
    cs_encoder_reset(&e, BUFFER_SIZE);
    make_context(&stuck);
    make_ring_memory(&stuck);
    create_ring(&stuck, &e);
    if (strcmp(where, "stream") == 0) {
        wait_in_stream(&stuck, &e);
    } else {
        wait_in_ring(&stuck, &e);
    }
    puts("STUCK");
    fflush(stdout);
    for (;;) {
        pause();
    }
}
