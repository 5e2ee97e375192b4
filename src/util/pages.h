/* Scattered bytes of somebody's memory: a list of pieces that together read as one range.
 *
 * Reference-counted, because a display reads them on its own thread while their owner goes on.
 * The pieces never change after creation; what they point at may, at any time (a guest writes
 * there). Any thread. */
#ifndef VESPER_UTIL_PAGES_H
#define VESPER_UTIL_PAGES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct pages;

/* Called once with `user` when the last reference goes, on the thread that drops it. */
typedef void (*pages_release)(void *user);

/* Copies `count` (≥ 1) pieces, each of at least 1 byte, whose sum fits in uint64_t. `release` may
 * be NULL. Gives one reference. -EINVAL for an empty piece or a sum that wraps, -ENOMEM; then
 * `release` has not been called. */
int pages_create(const struct iovec *pieces, size_t count, pages_release release, void *user,
                 struct pages **out);
struct pages *pages_ref(struct pages *pages);
/* Drops one reference; NULL is ignored. */
void pages_unref(struct pages *pages);

/* Bytes of all pieces together. */
uint64_t pages_get_size(const struct pages *pages);
/* The pieces, borrowed. */
const struct iovec *pages_get_pieces(const struct pages *pages, size_t *out_count);
/* Copies bytes offset … offset + size - 1 out of, or into, the pieces. The range must lie inside:
 * -EINVAL otherwise, and nothing is copied. */
int pages_read(const struct pages *pages, uint64_t offset, void *out, size_t size);
int pages_write(const struct pages *pages, uint64_t offset, const void *bytes, size_t size);
/* The range as one pointer where it lies within one piece; NULL elsewhere. */
void *pages_contiguous(const struct pages *pages, uint64_t offset, uint64_t size);

#endif
