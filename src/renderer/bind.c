#include "renderer/bind.h"

#include "renderer/redecode.h"
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

void bind_finish(struct vn_stream *stream, VkObjectType type, VkResult result) {
    if (result >= 0 || stream->decoder.failed) {
        return;
    }
    log_warning("%s: memory could not be bound (%d)", stream_from(stream)->context->name,
                (int)result);
    stream_poison_named(stream_from(stream), type, result);
}
