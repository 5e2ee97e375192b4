#include "renderer/redecode.h"

#include "renderer/objects.h"
#include "venus_handlers.h"

/* Runs the decoder over the command a second time. Gives what it found poisoned. */
static struct vn_object *decode_again(struct stream *stream, struct cs_collector *collector) {
    struct cs_decoder *d = &stream->base.decoder;
    const struct cs_decoder saved = *d;
    d->cursor = d->command_start + 8; /* behind id and flags */
    d->collector = collector;
    d->poison = NULL;
    vn_decode_only(d);
    struct vn_object *poison = d->poison;
    *d = saved;
    return poison;
}

struct vn_object *stream_find_poison(struct stream *stream) {
    return decode_again(stream, NULL);
}

void stream_visit_named(struct stream *stream, VkObjectType type,
                        void (*visit)(struct vn_object *object, void *user), void *user) {
    struct cs_collector collector = {.type = type, .visit = visit, .user = user};
    decode_again(stream, &collector);
}

static void poison(struct vn_object *object, void *user) {
    object_poison(object, *(const VkResult *)user);
}

void stream_poison_named(struct stream *stream, VkObjectType type, VkResult result) {
    stream_visit_named(stream, type, poison, &result);
}
