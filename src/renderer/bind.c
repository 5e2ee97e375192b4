#include "renderer/bind.h"

#include "renderer/renderer.h"
#include "util/log.h"

VkResult bind_check_poison(const struct vn_stream *stream) {
    const struct vn_object *poisoned = stream->decoder.poison;
    if (!poisoned) {
        return VK_SUCCESS;
    }
    VkResult result = object_get_poison(poisoned);
    return result < 0 ? result : VK_ERROR_UNKNOWN;
}

bool bind_check_handle(struct vn_stream *stream, uint64_t handle, const char *argument) {
    if (!handle) {
        cs_fail(&stream->decoder, argument, "the handle must not be NULL");
    }
    return handle != 0;
}

void bind_poison(struct vn_stream *stream, struct vn_object *object, VkResult result) {
    if (!object) {
        return;
    }
    log_warning("%s: memory could not be bound to object %llu (%d)",
                stream_from(stream)->context->name, (unsigned long long)object->entry.id,
                (int)result);
    object_poison(object, result);
}

struct search {
    VkObjectType type;
    uint64_t handle;
    struct vn_object *found;
};

static void match(struct vn_object *child, void *user) {
    struct search *search = user;
    if (child->type == search->type && vn_object_handle(child) == search->handle) {
        search->found = child;
    }
}

void bind_poison_handle(struct vn_stream *stream, struct vn_object *device, VkObjectType type,
                        uint64_t handle, VkResult result) {
    struct search search = {.type = type, .handle = handle};
    if (handle) {
        object_for_each_child(&stream_from(stream)->context->objects, device, match, &search);
        bind_poison(stream, search.found, result);
    }
}
