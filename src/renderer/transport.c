/* Commands of the transport itself: reply windows, indirect streams, rings, and the two
 * directions of waiting between rings and the context stream. */
#include <stdlib.h>

#include "renderer/renderer.h"
#include "renderer/ring.h"
#include "venus_handlers.h"

/* A private copy larger than this is given back after use. */
#define INDIRECT_RETAINED ((size_t)16 << 20)

/* ---- resources named by a stream -------------------------------------------------------- */

/* A new reference to a shared-memory resource, mapped; fails the decoder otherwise. */
static struct resource *get_mapped(struct stream *stream, uint32_t resource_id, uint64_t offset,
                                   uint64_t size, uint8_t **out_bytes, const char *argument) {
    struct cs_decoder *d = &stream->base.decoder;
    struct resource *resource = resource_table_get(&stream->context->resources, resource_id);
    if (!resource) {
        cs_fail(d, argument, "no such resource");
        return NULL;
    }
    void *pointer;
    if (!resource->is_shm_blob) {
        cs_fail(d, argument, "the resource is not shared memory of blob id 0");
    } else if (!checked_range_u64(offset, size, storage_get_size(resource->storage))) {
        cs_fail(d, argument, "the range passes the end of its resource");
    } else if (storage_map(resource->storage, &pointer)) {
        cs_fail(d, argument, "the resource cannot be mapped");
    } else {
        *out_bytes = (uint8_t *)pointer + offset;
        return resource;
    }
    resource_unref(resource);
    return NULL;
}

/* ---- reply window ----------------------------------------------------------------------- */

void vn_handle_vkSetReplyCommandStreamMESA(struct vn_stream *base,
                                           struct vn_vkSetReplyCommandStreamMESA *a) {
    struct stream *stream = stream_from(base);
    const VkCommandStreamDescriptionMESA *window = a->pStream;
    struct reply_window *reply = &stream->reply;

    /* Mesa names the same resource again and again: no table look-up for those. */
    if (reply->resource && reply->resource->id == window->resourceId &&
        atomic_load_explicit(&reply->resource->attached, memory_order_acquire) &&
        checked_range_u64(window->offset, window->size,
                          storage_get_size(reply->resource->storage))) {
        reply->bytes = reply->resource_bytes + window->offset;
        reply->size = window->size;
        reply->position = 0;
        return;
    }
    uint8_t *bytes;
    struct resource *resource =
        get_mapped(stream, window->resourceId, window->offset, window->size, &bytes, "pStream");
    if (!resource) {
        return;
    }
    resource_unref(reply->resource);
    *reply = (struct reply_window){
        .resource = resource,
        .resource_bytes = bytes - window->offset,
        .bytes = bytes,
        .size = window->size,
    };
}

static void seek_reply(struct stream *stream, uint64_t position, const char *argument) {
    if (!stream->reply.resource) {
        cs_fail(&stream->base.decoder, argument, "no reply window is set");
    } else if (position > stream->reply.size) {
        cs_fail(&stream->base.decoder, argument, "the position is beyond the reply window");
    } else {
        stream->reply.position = position;
    }
}

void vn_handle_vkSeekReplyCommandStreamMESA(struct vn_stream *base,
                                            struct vn_vkSeekReplyCommandStreamMESA *a) {
    seek_reply(stream_from(base), a->position, "position");
}

/* ---- indirect streams ------------------------------------------------------------------- */

static bool reserve_indirect(struct stream *stream, size_t size) {
    if (size <= stream->indirect_capacity) {
        return true;
    }
    uint8_t *bytes = realloc(stream->indirect, size);
    if (!bytes) {
        return false;
    }
    stream->indirect = bytes;
    stream->indirect_capacity = size;
    return true;
}

static void trim_indirect(struct stream *stream) {
    if (stream->indirect_capacity > INDIRECT_RETAINED) {
        free(stream->indirect);
        stream->indirect = NULL;
        stream->indirect_capacity = 0;
    }
}

static void run_indirect(struct stream *stream, const VkCommandStreamDescriptionMESA *range) {
    struct cs_decoder *d = &stream->base.decoder;
    uint8_t *bytes;
    struct resource *resource =
        get_mapped(stream, range->resourceId, range->offset, range->size, &bytes, "pStreams");
    if (!resource) {
        return;
    }
    /* The guest may change the bytes at any time: what is decoded is a private copy. */
    if (!reserve_indirect(stream, range->size)) {
        cs_fail(d, "pStreams", "no memory to copy the stream");
    } else {
        memcpy(stream->indirect, bytes, range->size);
        stream_execute_nested(stream, stream->indirect, range->size);
    }
    resource_unref(resource);
}

void vn_handle_vkExecuteCommandStreamsMESA(struct vn_stream *base,
                                           struct vn_vkExecuteCommandStreamsMESA *a) {
    struct stream *stream = stream_from(base);
    struct cs_decoder *d = &base->decoder;
    if (stream->in_indirect) {
        cs_fail(d, NULL, "indirect streams cannot be nested");
        return;
    }
    if (a->streamCount == 0) {
        cs_fail(d, "streamCount", "there is nothing to execute");
        return;
    }
    stream->in_indirect = true;
    for (uint32_t i = 0; i < a->streamCount && !d->failed; i++) {
        if (a->pReplyPositions) {
            seek_reply(stream, a->pReplyPositions[i], "pReplyPositions");
        }
        if (a->pStreams[i].size && !d->failed) {
            run_indirect(stream, &a->pStreams[i]);
        }
    }
    stream->in_indirect = false;
    trim_indirect(stream);
}

/* ---- rings ------------------------------------------------------------------------------ */

/* The ring of that id, held by the list only: valid on the context stream's thread, which alone
 * creates and destroys rings. Fails the decoder where the command is misplaced or unknown. */
static struct ring *find_ring(struct stream *stream, uint64_t id) {
    struct cs_decoder *d = &stream->base.decoder;
    if (stream->ring) {
        cs_fail(d, NULL, "the command is allowed on the context stream only");
        return NULL;
    }
    struct ring *ring = context_find_ring(stream->context, id);
    if (!ring) {
        cs_fail(d, "ring", "no such ring");
    }
    return ring;
}

static const void *find_in_chain(const void *chain, VkStructureType type) {
    const VkBaseInStructure *item = chain;
    while (item && item->sType != type) {
        item = item->pNext;
    }
    return item;
}

static void create_ring(struct stream *stream, uint64_t id, const VkRingCreateInfoMESA *info) {
    struct cs_decoder *d = &stream->base.decoder;
    const VkRingMonitorInfoMESA *monitor =
        find_in_chain(info->pNext, VK_STRUCTURE_TYPE_RING_MONITOR_INFO_MESA);
    const VkRingPriorityInfoMESA *priority =
        find_in_chain(info->pNext, VK_STRUCTURE_TYPE_RING_PRIORITY_INFO_MESA);
    if (monitor && monitor->maxReportingPeriodMicroseconds == 0) {
        cs_fail(d, "VkRingMonitorInfoMESA.maxReportingPeriodMicroseconds", "the period is 0");
        return;
    }

    uint8_t *bytes;
    struct resource *resource =
        get_mapped(stream, info->resourceId, 0, 0, &bytes, "pCreateInfo.resourceId");
    if (!resource) {
        return;
    }
    struct ring_layout layout;
    const char *reason = NULL;
    if (!ring_layout_check(info, storage_get_size(resource->storage), &layout, &reason)) {
        cs_fail(d, "pCreateInfo", reason);
        resource_unref(resource);
        return;
    }
    const struct ring_settings settings = {
        .idle_timeout_ns = info->idleTimeout,
        .monitor_period_ns = monitor ? (uint64_t)monitor->maxReportingPeriodMicroseconds * 1000 : 0,
        .has_priority = priority != NULL,
        .priority = priority ? priority->priority : 0,
    };
    reason = context_add_ring(stream->context, id, resource, bytes, &layout, &settings);
    if (reason) {
        cs_fail(d, "ring", reason);
    }
    resource_unref(resource);
}

void vn_handle_vkCreateRingMESA(struct vn_stream *base, struct vn_vkCreateRingMESA *a) {
    struct stream *stream = stream_from(base);
    if (stream->ring) {
        cs_fail(&base->decoder, NULL, "the command is allowed on the context stream only");
    } else if (context_find_ring(stream->context, a->ring)) {
        cs_fail(&base->decoder, "ring", "a ring of that id exists");
    } else {
        create_ring(stream, a->ring, a->pCreateInfo);
    }
}

void vn_handle_vkDestroyRingMESA(struct vn_stream *base, struct vn_vkDestroyRingMESA *a) {
    struct stream *stream = stream_from(base);
    struct ring *ring = find_ring(stream, a->ring);
    if (ring) {
        context_remove_ring(stream->context, ring);
    }
}

void vn_handle_vkNotifyRingMESA(struct vn_stream *base, struct vn_vkNotifyRingMESA *a) {
    struct ring *ring = find_ring(stream_from(base), a->ring);
    if (ring) {
        ring_notify(ring);
    }
}

void vn_handle_vkWriteRingExtraMESA(struct vn_stream *base, struct vn_vkWriteRingExtraMESA *a) {
    struct ring *ring = find_ring(stream_from(base), a->ring);
    if (!ring) {
        return;
    }
    if (a->offset % 4 || !checked_range_u64(a->offset, 4, ring->extra_size)) {
        cs_fail(&base->decoder, "offset", "the word is outside the ring's extra region");
        return;
    }
    _Atomic(uint32_t) *word = (_Atomic(uint32_t) *)(void *)(ring->extra + a->offset);
    atomic_store_explicit(word, a->value, memory_order_release);
}

/* ---- waiting ---------------------------------------------------------------------------- */

void vn_handle_vkSubmitVirtqueueSeqnoMESA(struct vn_stream *base,
                                          struct vn_vkSubmitVirtqueueSeqnoMESA *a) {
    struct ring *ring = find_ring(stream_from(base), a->ring);
    if (ring) {
        ring_submit_virtqueue_seqno(ring, a->seqno);
    }
}

void vn_handle_vkWaitVirtqueueSeqnoMESA(struct vn_stream *base,
                                        struct vn_vkWaitVirtqueueSeqnoMESA *a) {
    struct stream *stream = stream_from(base);
    if (!stream->ring) {
        cs_fail(&base->decoder, NULL, "the command is allowed on a ring only");
        return;
    }
    ring_wait_virtqueue_seqno(stream->ring, a->seqno);
}

void vn_handle_vkWaitRingSeqnoMESA(struct vn_stream *base, struct vn_vkWaitRingSeqnoMESA *a) {
    struct stream *stream = stream_from(base);
    struct ring *ring = find_ring(stream, a->ring);
    if (!ring) {
        return;
    }
    /* The guest stores the tail before it sends the wait, so a tail short of it never comes. */
    uint32_t seqno = (uint32_t)a->seqno;
    uint32_t tail = atomic_load(ring->tail);
    if (!ring_reached(ring, seqno) && (int32_t)(tail - seqno) < 0) {
        cs_fail(&base->decoder, "seqno", "the ring's tail has not reached it");
        return;
    }
    executor_wait_ring(&stream->context->executor, ring, seqno);
}
