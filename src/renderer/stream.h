/* One command stream in execution: the context stream or a ring. Holds all that one executing
 * thread needs, so that streams share nothing on the hot path but the object table. */
#ifndef VESPER_RENDERER_STREAM_H
#define VESPER_RENDERER_STREAM_H

#include "protocol/stream.h"
#include "renderer/resource.h"

struct renderer_context;
struct ring;

struct reply_window {
    struct resource *resource; /* own reference, NULL: no window */
    uint8_t *resource_bytes;   /* the resource's mapping */
    uint8_t *bytes;            /* start of the window in it */
    uint64_t size, position;
};

struct stream {
    struct vn_stream base; /* first */
    struct renderer_context *context;
    struct ring *ring; /* NULL: the context stream */
    struct id_reader reader;
    struct cs_arena arena;
    struct reply_window reply;
    /* Private copy of the indirect stream in execution. */
    uint8_t *indirect;
    size_t indirect_capacity;
    bool in_indirect;
};

static inline struct stream *stream_from(struct vn_stream *base) {
    return (struct stream *)base;
}

void stream_init(struct stream *stream, struct renderer_context *context, struct ring *ring);
/* The executing thread has ended. */
void stream_finish(struct stream *stream);

/* Called after each command with the count of bytes consumed so far; false stops the execution. */
typedef bool (*stream_progress)(struct stream *stream, size_t consumed);

/* Executes whole commands from private memory. Returns false where the stream has failed: the
 * context is then lost and its message written. `progress` may be NULL. */
bool stream_execute(struct stream *stream, const void *bytes, size_t size,
                    stream_progress progress);

/* Executes an indirect stream inside the current command, which keeps its own temporaries. On
 * failure the stream's decoder has failed. */
void stream_execute_nested(struct stream *stream, const void *bytes, size_t size);

#endif
