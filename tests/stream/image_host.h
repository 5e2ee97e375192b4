/* The null driver, where it makes images and is asked about them: notes what it is told. */
#ifndef VESPER_TESTS_STREAM_IMAGE_HOST_H
#define VESPER_TESTS_STREAM_IMAGE_HOST_H

#include <stdbool.h>

#include "guest.h"

/* Bytes between the rows of every image. */
#define IMAGE_HOST_ROW_PITCH 1024

enum { IMAGE_HOST_CHAIN = 8 };

/* What it was told last. Written on a context's thread while the test waits for the reply. */
struct image_host {
    uint32_t image_queries, creations, destructions, layout_queries;
    VkImageTiling tiling;
    VkStructureType chain[IMAGE_HOST_CHAIN]; /* of the creation or query */
    uint32_t chain_length;
    VkExternalMemoryHandleTypeFlags handle_type; /* of the query */
    VkImageAspectFlags aspect, plane_aspect;
    bool imports; /* for tests to change: LINEAR images can be bound to host pointers */
    bool is_tiled_only_apart; /* tiled images cannot: see image_host_open_apart */
};
extern struct image_host image_host;

/* As guest_create_open, on this host, which forgets what it was told. */
struct guest *image_host_open(const struct context_limits *limits);
/* The same on a host that binds no tiled images to host pointers. */
struct guest *image_host_open_apart(void);

#endif
