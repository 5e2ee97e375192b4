/* Storage: one piece of shareable memory behind a blob.
 *
 * Reference-counted; whoever needs the bytes asks the storage, which maps them once. It outlives
 * the VkDeviceMemory that made it: the guest may hold a resource longer than the memory. All
 * functions may be called from any thread. */
#ifndef VESPER_RENDERER_STORAGE_H
#define VESPER_RENDERER_STORAGE_H

#include <stdint.h>

enum storage_kind {
    STORAGE_SHM,     /* shared memory, mappable by anybody who has the descriptor */
    STORAGE_DMA_BUF, /* mappable dma-buf exported by the host driver */
};

/* How a guest should map it; the values are those of virtio-gpu's map_info. */
enum storage_caching {
    STORAGE_CACHED = 1,
    STORAGE_UNCACHED = 2,
    STORAGE_WRITE_COMBINED = 3,
};

struct storage;

/* Makes zero-filled shared memory. `size`: bytes, 1 … limit of the system; rounded up to whole
 * pages. Gives one reference. 0 or a negative errno (-ENOSPC, -EMFILE, -ENOMEM …). */
int storage_create_shm(const char *label, uint64_t size, struct storage **out);

/* Wraps a descriptor, which becomes the storage's in every case. `size`: bytes, checked against
 * the object behind the descriptor; -EINVAL where that is smaller. */
int storage_wrap_fd(int fd, enum storage_kind kind, enum storage_caching caching, uint64_t size,
                    struct storage **out);

struct storage *storage_ref(struct storage *storage);
/* Drops one reference; NULL is ignored. */
void storage_unref(struct storage *storage);

enum storage_kind storage_get_kind(const struct storage *storage);
enum storage_caching storage_get_caching(const struct storage *storage);
/* Bytes: whole pages for shared memory, hence possibly more than was asked for. */
uint64_t storage_get_size(const struct storage *storage);
/* The storage's own descriptor: borrowed, valid while a reference is held. */
int storage_get_fd(const struct storage *storage);
/* Maps on first use; the pointer stays valid while a reference is held. Contents are shared with
 * the guest and may change at any time. 0 or a negative errno. */
int storage_map(struct storage *storage, void **out_pointer);
/* As storage_map, at a multiple of `alignment` (a power of two). -EINVAL where the storage is
 * mapped already, elsewhere. */
int storage_map_aligned(struct storage *storage, uint64_t alignment, void **out_pointer);

/* By which processes that pass a storage to each other know it again: unique among those that this
 * process has made; what it was told, where it wraps another's. Never 0 but where that was told. */
uint64_t storage_get_number(const struct storage *storage);
/* Before anybody else has the storage. */
void storage_set_number(struct storage *storage, uint64_t number);

/* Count and bytes of all storages alive in this process, for messages. */
void storage_get_totals(uint64_t *out_count, uint64_t *out_bytes);

#endif
