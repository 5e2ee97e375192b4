#include "renderer/storage.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "platform/platform.h"
#include "util/checked.h"

struct storage {
    _Atomic(uint32_t) references;
    enum storage_kind kind;
    enum storage_caching caching;
    int fd;
    uint64_t size, number;
    _Atomic(void *) pointer; /* NULL: not mapped yet */
};

static _Atomic(uint64_t) live_count, live_bytes, last_number;

static struct storage *storage_new(int fd, enum storage_kind kind, enum storage_caching caching,
                                   uint64_t size) {
    struct storage *storage = malloc(sizeof(*storage));
    if (!storage) {
        return NULL;
    }
    atomic_init(&storage->references, 1);
    storage->kind = kind;
    storage->caching = caching;
    storage->fd = fd;
    storage->size = size;
    storage->number = atomic_fetch_add_explicit(&last_number, 1, memory_order_relaxed) + 1;
    atomic_init(&storage->pointer, NULL);
    atomic_fetch_add_explicit(&live_count, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&live_bytes, size, memory_order_relaxed);
    return storage;
}

int storage_create_shm(const char *label, uint64_t size, struct storage **out) {
    uint64_t rounded;
    if (size == 0 || !checked_align_u64(size, platform_page_size(), &rounded)) {
        return -EINVAL;
    }
    int fd;
    int error = platform_shm_create(label, rounded, &fd);
    if (error) {
        return error;
    }
    *out = storage_new(fd, STORAGE_SHM, STORAGE_CACHED, rounded);
    if (!*out) {
        close(fd);
        return -ENOMEM;
    }
    return 0;
}

int storage_wrap_fd(int fd, enum storage_kind kind, enum storage_caching caching, uint64_t size,
                    struct storage **out) {
    uint64_t real_size;
    int error = platform_fd_size(fd, &real_size);
    if (error) {
        goto error_fd;
    }
    if (size == 0 || size > real_size) {
        error = -EINVAL;
        goto error_fd;
    }
    *out = storage_new(fd, kind, caching, size);
    if (!*out) {
        error = -ENOMEM;
        goto error_fd;
    }
    return 0;

error_fd:
    close(fd);
    return error;
}

struct storage *storage_ref(struct storage *storage) {
    atomic_fetch_add_explicit(&storage->references, 1, memory_order_relaxed);
    return storage;
}

void storage_unref(struct storage *storage) {
    if (!storage || atomic_fetch_sub_explicit(&storage->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    void *pointer = atomic_load_explicit(&storage->pointer, memory_order_relaxed);
    if (pointer) {
        platform_unmap(pointer, storage->size);
    }
    close(storage->fd);
    atomic_fetch_sub_explicit(&live_count, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&live_bytes, storage->size, memory_order_relaxed);
    free(storage);
}

enum storage_kind storage_get_kind(const struct storage *storage) {
    return storage->kind;
}

enum storage_caching storage_get_caching(const struct storage *storage) {
    return storage->caching;
}

uint64_t storage_get_size(const struct storage *storage) {
    return storage->size;
}

int storage_get_fd(const struct storage *storage) {
    return storage->fd;
}

uint64_t storage_get_number(const struct storage *storage) {
    return storage->number;
}

void storage_set_number(struct storage *storage, uint64_t number) {
    storage->number = number;
}

/* Addresses are reserved generously, then the aligned part of them becomes the mapping. Not with
 * the object itself: macOS maps nothing beyond the end of shared memory. */
static int map_at_multiple(int fd, uint64_t size, uint64_t alignment, void **out_pointer) {
    uint64_t reserved;
    if (!checked_add_u64(size, alignment, &reserved) || reserved > SIZE_MAX) {
        return -ENOMEM;
    }
    uint8_t *start = mmap(NULL, (size_t)reserved, PROT_NONE, MAP_PRIVATE | MAP_ANON, -1, 0);
    if (start == MAP_FAILED) {
        return -errno;
    }
    size_t before = (size_t)(-(uintptr_t)start & (alignment - 1));
    size_t after = (size_t)(alignment - before);
    uint8_t *pointer =
        mmap(start + before, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
    if (pointer == MAP_FAILED) {
        int error = errno;
        munmap(start, (size_t)reserved);
        return -error;
    }
    if (before) {
        munmap(start, before);
    }
    munmap(pointer + size, after);
    *out_pointer = pointer;
    return 0;
}

int storage_map_aligned(struct storage *storage, uint64_t alignment, void **out_pointer) {
    void *pointer = atomic_load_explicit(&storage->pointer, memory_order_acquire);
    if (!pointer) {
        void *mapped = NULL;
        int error = alignment <= platform_page_size()
                        ? platform_map_shared(storage->fd, storage->size, &mapped)
                        : map_at_multiple(storage->fd, storage->size, alignment, &mapped);
        if (error) {
            return error;
        }
        if (atomic_compare_exchange_strong_explicit(&storage->pointer, &pointer, mapped,
                                                    memory_order_acq_rel, memory_order_acquire)) {
            pointer = mapped;
        } else {
            platform_unmap(mapped, storage->size); /* another thread was first: `pointer` is its */
        }
    }
    if ((uintptr_t)pointer & (alignment - 1)) {
        return -EINVAL;
    }
    *out_pointer = pointer;
    return 0;
}

int storage_map(struct storage *storage, void **out_pointer) {
    return storage_map_aligned(storage, 1, out_pointer);
}

void storage_get_totals(uint64_t *out_count, uint64_t *out_bytes) {
    *out_count = atomic_load_explicit(&live_count, memory_order_relaxed);
    *out_bytes = atomic_load_explicit(&live_bytes, memory_order_relaxed);
}
