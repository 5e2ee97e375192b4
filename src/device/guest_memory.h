/* Memory of the guest, as the front end gave it to us: regions of guest-physical addresses, each
 * with a mapping in this process. A table is immutable; a change makes a new one, which shares
 * the regions that stayed. Tables and regions are reference-counted, so that a resource keeps the
 * mappings that it uses while the table changes under it. Any thread. */
#ifndef VESPER_DEVICE_GUEST_MEMORY_H
#define VESPER_DEVICE_GUEST_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/pages.h"

/* One region. Mapped lazily by the first translation that hits it. */
struct guest_region;

/* Takes `fd` in every case. Guest-physical `address` … `address + size - 1` is the file's bytes
 * from `offset` on; `size` ≥ 1 and neither sum wraps (-EINVAL); the file must be that long
 * (-EINVAL). `offset` need not be a multiple of the page size. Gives one reference. */
int guest_region_create(int fd, uint64_t address, uint64_t size, uint64_t offset,
                        struct guest_region **out);
/* A region over memory of the caller's (tests, library frontends), which outlives it. */
int guest_region_create_pointer(void *pointer, uint64_t address, uint64_t size,
                                struct guest_region **out);
struct guest_region *guest_region_ref(struct guest_region *region);
void guest_region_unref(struct guest_region *region);
/* Whether `region` is what guest_region_create would make of the same arguments: same addresses,
 * same file. `fd` stays the caller's. False where the system does not tell which file it is (macOS
 * has no numbers for shared memory). */
bool guest_region_matches(const struct guest_region *region, int fd, uint64_t address,
                          uint64_t size, uint64_t offset);
/* Whether `region` is of the same file as `fd` (borrowed). Where the system does not tell, files
 * of one size count as the same. */
bool guest_region_is_of(const struct guest_region *region, int fd);

struct guest_memory;

/* A table of `count` (0 … 64) regions, which must not overlap (-EINVAL). Takes its own references. */
int guest_memory_create(struct guest_region *const *regions, size_t count,
                        struct guest_memory **out);
struct guest_memory *guest_memory_ref(struct guest_memory *memory);
void guest_memory_unref(struct guest_memory *memory);

size_t guest_memory_get_count(const struct guest_memory *memory);
/* Region `index` < count, borrowed. */
struct guest_region *guest_memory_get_region(const struct guest_memory *memory, size_t index);

/* A pointer to guest-physical address … address + size - 1 (size ≥ 1), valid while the table is
 * referenced. NULL where any byte lies outside of one region, where the sum wraps, or where the
 * region cannot be mapped. */
void *guest_memory_translate(struct guest_memory *memory, uint64_t address, uint64_t size);

struct guest_range {
    uint64_t address, size; /* guest-physical; bytes */
};
/* The ranges (count ≥ 1) as pages, which hold what they need of the regions. A range may span
 * regions that touch; neighbours in memory become one piece. -EFAULT where a byte is outside or
 * cannot be mapped, -EINVAL where a range is empty, and *out_bad is its index. -ENOMEM. */
int guest_memory_collect(struct guest_memory *memory, const struct guest_range *ranges,
                         size_t count, struct pages **out, size_t *out_bad);

#endif
