/* A context without threads of its own, with one object of each frequent kind: what the command
 * fuzzers work on. One world at a time, one thread; rings that an input makes run on their own. */
#ifndef VESPER_TESTS_FUZZ_WORLD_H
#define VESPER_TESTS_FUZZ_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vulkan/vulkan.h>

/* Resources 1 (for indirect streams), 2 (for replies) and 3 (for rings): shared memory. */
#define WORLD_RESOURCE_SIZE 8192
enum { WORLD_STREAM_RESOURCE = 1, WORLD_REPLY_RESOURCE, WORLD_RING_RESOURCE };

/* Puts the null driver in place; once per process. */
void world_init(void);

void world_open(void);
/* Frees everything: what is left over is a leak. */
void world_close(void);

/* Executes commands as the context stream or as a ring's. False where the context is lost. */
bool world_execute(const void *bytes, size_t size, bool on_ring);
/* Contents of resource 1. */
uint8_t *world_stream_memory(void);

/* The id of an object of `type` that the world has made, 0 where there is none. */
uint64_t world_object(VkObjectType type);
/* Ids from here on are free. */
#define WORLD_FIRST_FREE_ID 100

#endif
