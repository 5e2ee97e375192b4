/* Whom does a failure concern? Handlers see host handles; where a command fails, it is decoded
 * once more to find the objects that it names. Never on the path of commands that succeed. */
#ifndef VESPER_RENDERER_REDECODE_H
#define VESPER_RENDERER_REDECODE_H

#include "renderer/stream.h"

/* Decodes the current command again and visits each object of `type` that it names. Temporaries
 * of the first decoding stay valid. The stream's thread, inside a handler. */
void stream_visit_named(struct stream *stream, VkObjectType type,
                        void (*visit)(struct vn_object *object, void *user), void *user);

/* Poisons every object of `type` that the current command names. */
void stream_poison_named(struct stream *stream, VkObjectType type, VkResult result);

/* The first poisoned object that the current command names as of now, or NULL. */
struct vn_object *stream_find_poison(struct stream *stream);

#endif
