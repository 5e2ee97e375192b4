#include "renderer/stream.h"

#include <stdlib.h>

#include "renderer/instance.h"
#include "renderer/renderer.h"

void stream_init(struct stream *stream, struct renderer_context *context, struct ring *ring) {
    memset(stream, 0, sizeof(*stream));
    stream->context = context;
    stream->ring = ring;
    cs_arena_init(&stream->arena, context->limits.command_bytes);
    cs_encoder_init(&stream->base.encoder);
    stream->base.decoder.arena = &stream->arena;
    stream->base.decoder.objects = &context->objects.table;
    id_table_add_reader(&context->objects.table, &stream->reader);
}

void stream_finish(struct stream *stream) {
    id_table_remove_reader(&stream->context->objects.table, &stream->reader);
    resource_unref(stream->reply.resource);
    cs_encoder_finish(&stream->base.encoder);
    cs_arena_finish(&stream->arena);
    free(stream->indirect);
}

static void report_failure(struct stream *stream) {
    const struct cs_decoder *d = &stream->base.decoder;
    const char *command = d->command == UINT32_MAX ? "command header" : vn_command_name(d->command);
    const char *where = stream->ring ? "a ring" : "the context stream";
    if (d->argument) {
        context_lose(stream->context, "%s (on %s): %s: %s", command, where, d->argument, d->reason);
    } else {
        context_lose(stream->context, "%s (on %s): %s", command, where, d->reason);
    }
}

/* Runs until the decoder's bytes are used up or it fails. Shared by rings and indirect streams. */
static void run_commands(struct stream *stream, stream_progress progress) {
    struct cs_decoder *d = &stream->base.decoder;
    const uint8_t *start = d->cursor;
    while (d->cursor < d->end && !d->failed) {
        vn_dispatch(&stream->base);
        if (CS_UNLIKELY(context_is_lost(stream->context))) {
            return;
        }
        if (progress && !d->failed && !progress(stream, (size_t)(d->cursor - start))) {
            return;
        }
    }
}

bool stream_execute(struct stream *stream, const void *bytes, size_t size,
                    stream_progress progress) {
    struct renderer_context *context = stream->context;
    struct cs_decoder *d = &stream->base.decoder;
    cs_decoder_set_bytes(d, bytes, size);

    id_reader_enter(&context->objects.table, &stream->reader);
    struct instance *instance = atomic_load(&context->instance);
    stream->base.instance = instance ? &instance->table : NULL;
    run_commands(stream, progress);
    id_reader_leave(&stream->reader);

    if (d->failed) {
        report_failure(stream);
    }
    return !d->failed && !context_is_lost(context);
}

void stream_execute_nested(struct stream *stream, const void *bytes, size_t size) {
    struct cs_decoder *d = &stream->base.decoder;
    const uint8_t *cursor = d->cursor, *end = d->end;
    const uint32_t command = d->command;
    d->cursor = bytes;
    d->end = d->cursor + size;
    run_commands(stream, NULL);
    if (!d->failed) {
        d->cursor = cursor;
        d->end = end;
        d->command = command;
    }
}

/* ---- replies --------------------------------------------------------------------------- */

bool vn_reply_begin(struct vn_stream *base) {
    struct stream *stream = stream_from(base);
    if (!stream->reply.resource) {
        cs_fail(&base->decoder, NULL, "a reply is wanted, but no reply window is set");
        return false;
    }
    cs_encoder_reset(&base->encoder, stream->reply.size - stream->reply.position);
    return true;
}

void vn_reply_end(struct vn_stream *base) {
    struct stream *stream = stream_from(base);
    if (base->encoder.failed) {
        cs_fail(&base->decoder, NULL, "the reply does not fit its window");
        return;
    }
    size_t size = cs_encoder_size(&base->encoder);
    memcpy(stream->reply.bytes + stream->reply.position, base->encoder.bytes, size);
    stream->reply.position += size;
}
