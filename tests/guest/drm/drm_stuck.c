/*
 * A guest program that gets nowhere, by its own fault: it speaks to the kernel without Mesa, makes a
 * Venus context, and has its ring (`--where ring`) or its context stream (`--where stream`) wait for
 * something that never comes, with a fence behind it.  Prints STUCK once the fence has not retired
 * for a second, and then sleeps: it is to be killed.
 */
#include "common/card.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <drm/virtgpu_drm.h>

#define CAPSET_VENUS 4

/* Venus commands (docs/venus-wire-format.md), word by word. */
enum {
    CREATE_RING = 188,
    NOTIFY_RING = 190,
    WAIT_VIRTQUEUE_SEQNO = 252,
    WAIT_RING_SEQNO = 253,
    RING_CREATE_INFO = 1000384000, /* VkStructureType */
};
#define WITHOUT_REPLY 0
#define U64(value) (uint32_t)(value), (uint32_t)((uint64_t)(value) >> 32)

#define RING_ID 1
#define RESOURCE_SIZE 8192
#define TAIL_OFFSET 64
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
static int execute(const struct stuck *stuck, const uint32_t *words, size_t size) {
    struct drm_virtgpu_execbuffer execute = {
        .flags = VIRTGPU_EXECBUF_FENCE_FD_OUT | VIRTGPU_EXECBUF_RING_IDX,
        .size = (uint32_t)size,
        .command = (uintptr_t)words,
        .bo_handles = (uintptr_t)&stuck->handle,
        .num_bo_handles = 1,
        .fence_fd = -1,
    };
    must(drmIoctl(stuck->fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, &execute), "submitting commands");
    return execute.fence_fd;
}

static bool retires(int fence, int timeout_ms) {
    struct pollfd poll_for = {fence, POLLIN, 0};
    return poll(&poll_for, 1, timeout_ms) == 1;
}

static void create_ring(const struct stuck *stuck) {
    const uint32_t words[] = {
        CREATE_RING,
        WITHOUT_REPLY,
        U64(RING_ID),
        U64(1),
        RING_CREATE_INFO,
        U64(0) /* pNext */,
        0 /* flags */,
        stuck->resource_id,
        U64(0) /* offset */,
        U64(RESOURCE_SIZE),
        U64(1000000) /* idleTimeout */,
        U64(0) /* headOffset */,
        U64(TAIL_OFFSET),
        U64(128) /* statusOffset */,
        U64(BUFFER_OFFSET),
        U64(BUFFER_SIZE),
        U64(192) /* extraOffset */,
        U64(4) /* extraSize */,
    };
    GUEST_CHECK(retires(execute(stuck, words, sizeof(words)), 20000),
                "a ring is not made within 20 s");
}

/* The ring waits for a number that the context stream never gives. Returns the ring's tail. */
static uint32_t wait_in_ring(const struct stuck *stuck) {
    const uint32_t wait[] = {WAIT_VIRTQUEUE_SEQNO, WITHOUT_REPLY, U64(NEVER)};
    const uint32_t tail = sizeof(wait);
    memcpy(stuck->ring + BUFFER_OFFSET, wait, sizeof(wait));
    atomic_store((_Atomic(uint32_t) *)(void *)(stuck->ring + TAIL_OFFSET), tail);
    const uint32_t notify[] = {NOTIFY_RING, WITHOUT_REPLY, U64(RING_ID), tail, 0 /* flags */};
    GUEST_CHECK(retires(execute(stuck, notify, sizeof(notify)), 20000),
                "a ring is not notified within 20 s");
    usleep(1000000);
    GUEST_CHECK(atomic_load((_Atomic(uint32_t) *)(void *)stuck->ring) == 0,
                "the ring has gone past a wait that never ends");
    return tail;
}

/* The context stream waits for the ring, and the ring for the context stream. */
static void wait_in_stream(const struct stuck *stuck) {
    const uint32_t wait[] = {WAIT_RING_SEQNO, WITHOUT_REPLY, U64(RING_ID),
                             U64(wait_in_ring(stuck))};
    GUEST_CHECK(!retires(execute(stuck, wait, sizeof(wait)), 1000),
                "a wait that never ends has ended");
}

int main(int argc, char **argv) {
    const struct guest g = {.name = "drm_stuck", .argc = argc, .argv = argv};
    const char *where = guest_option(&g, "--where", "ring");
    struct card card;
    card_open_unseen(&card, &g);
    struct stuck stuck = {.fd = card_open_render_node(&card)};
    card_close(&card);
    make_context(&stuck);
    make_ring_memory(&stuck);
    create_ring(&stuck);
    if (strcmp(where, "stream") == 0) {
        wait_in_stream(&stuck);
    } else {
        wait_in_ring(&stuck);
    }
    puts("STUCK");
    fflush(stdout);
    for (;;) {
        pause();
    }
}
