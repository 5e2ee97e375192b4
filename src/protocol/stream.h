/* What generated dispatch code shares with the renderer: the state of one command stream (a ring
 * or the context stream) and the hooks that the renderer implements. */
#ifndef VESPER_PROTOCOL_STREAM_H
#define VESPER_PROTOCOL_STREAM_H

#include "protocol/cs.h"

struct vn_instance_table;

/* First member of the renderer's stream. All hooks are called on the stream's own thread. */
struct vn_stream {
    struct cs_decoder decoder;
    struct cs_encoder encoder;
    const struct vn_instance_table *instance; /* NULL before vkCreateInstance */
};

/* Decodes and executes one command at stream->decoder. On return either the decoder stands behind
 * the command, or it has failed with command, argument and reason. Generated. */
void vn_dispatch(struct vn_stream *stream);

/* Decodes the command that d->command names, from d->cursor behind its id and flags, without
 * executing it. Only for commands that rules.toml lists (`decode_only`); others do nothing.
 * Generated. */
void vn_decode_only(struct cs_decoder *d);

/* Name of a command id for messages; "unknown command" where there is none. Generated. */
const char *vn_command_name(uint32_t command);

/* ---- hooks, implemented in src/renderer ------------------------------------------------- */

/* Readies stream->encoder for a reply (limit: what is left of the reply window). Fails the
 * decoder and returns false where no window is set. */
bool vn_reply_begin(struct vn_stream *stream);
/* Publishes what the encoder holds and advances the window; fails the decoder if the encoder
 * failed (the reply does not fit its window). */
void vn_reply_end(struct vn_stream *stream);

/* Enters `id` as an object under creation, child of `parent`. Fails the decoder and returns NULL
 * where id is 0 or in use, or a limit is reached. */
struct vn_object *vn_object_reserve(struct vn_stream *stream, VkObjectType type, uint64_t id,
                                    struct vn_object *parent, const char *argument);
/* Ends a creation: the object is usable if result ≥ 0 and handle ≠ 0. Otherwise it is poisoned,
 * or forgotten where the guest asked for a reply and so learns of the failure. */
void vn_object_publish(struct vn_stream *stream, struct vn_object *object, uint64_t handle,
                       VkResult result);
/* Destroys the host handle of an object and of its leftover children, and forgets their ids.
 * NULL is ignored. */
void vn_object_destroy(struct vn_stream *stream, struct vn_object *object);

/* A vkCmd… named a poisoned object and was skipped: everything recorded after it is skipped, too,
 * and the command buffer cannot be submitted until it is begun again. */
void vn_command_buffer_poison(struct vn_stream *stream, struct vn_object *command_buffer,
                              VkResult result);

#endif
