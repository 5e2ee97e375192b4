/* Objects and a reader for tests of the codec: an id table in which each id names an object
 * whose host handle is the same number. Single-threaded. */
#ifndef VESPER_TESTS_PROTOCOL_FIXTURE_H
#define VESPER_TESTS_PROTOCOL_FIXTURE_H

#include "protocol/cs.h"

#define FIXTURE_OBJECTS 256

struct fixture {
    struct id_table table;
    struct vn_object objects[FIXTURE_OBJECTS];
    uint32_t object_count;
    struct cs_arena arena;
    struct cs_decoder decoder;
    struct cs_encoder encoder;
};

void fixture_init(struct fixture *f);
void fixture_finish(struct fixture *f);

/* Adds an object of `type` under `id`, of the device `vk` (NULL: of none). */
struct vn_object *fixture_add(struct fixture *f, VkObjectType type, uint64_t id,
                              const struct vn_device_table *vk);

/* Readies the decoder for `size` bytes, as if a stream had just begun. */
void fixture_read(struct fixture *f, const void *bytes, size_t size);

#endif
