#include "display/swapchain/sources.h"

#include <string.h>

#include "platform/platform.h"

#define KEPT_ROUNDS 8     /* as many flushes of other pictures an import survives */
#define REGIONS_A_BATCH 512

void screen_sources_init(struct screen_sources *sources, struct screen_painter *painter) {
    memset(sources, 0, sizeof(*sources));
    sources->painter = painter;
}

/* ---- imports ------------------------------------------------------------------------------- */

static void drop(struct screen_sources *sources, struct screen_import *import) {
    screen_buffer_destroy(sources->painter->gpu, &import->buffer);
    display_view_drop(&import->view);
    *import = (struct screen_import){0};
}

void screen_sources_forget(struct screen_sources *sources) {
    for (uint32_t i = 0; i < SCREEN_IMPORTS; i++) {
        drop(sources, &sources->imports[i]);
    }
}

void screen_sources_finish(struct screen_sources *sources) {
    if (sources->painter) {
        screen_sources_forget(sources);
        screen_buffer_destroy(sources->painter->gpu, &sources->kept);
    }
}

/* The picture's last byte but for one, from the first of its memory. */
static uint64_t get_end(const struct presenter_picture *picture) {
    return picture->offset + (uint64_t)picture->stride * (picture->height - 1) +
           presenter_format_bytes(picture->format) * (uint64_t)picture->width;
}

/* The whole pages around a picture, as the processor has them; false where it is scattered. */
static bool find_memory(const struct screen_gpu *gpu, const struct display_view *view,
                        struct screen_import *out, uint64_t *out_offset) {
    const struct presenter_picture *picture = &view->picture;
    if (picture->storage) {
        out->bytes = (void *)(uintptr_t)view->bytes;
        out->size = storage_get_size(picture->storage);
        *out_offset = picture->offset;
        return true;
    }
    const uint64_t alignment = gpu->import_alignment;
    const uint64_t length = get_end(picture) - picture->offset;
    uint8_t *bytes = pages_contiguous(picture->pages, picture->offset, length);
    /* Rounding to a multiple of more than a page could leave what is mapped. */
    if (!bytes || alignment == 0 || alignment > platform_page_size()) {
        return false;
    }
    *out_offset = (uintptr_t)bytes % alignment;
    out->bytes = bytes - *out_offset;
    out->size = (*out_offset + length + alignment - 1) / alignment * alignment;
    return true;
}

static bool is_same(const struct screen_import *import, const struct display_view *view,
                    const struct screen_import *memory) {
    return import->view.picture.storage == view->picture.storage &&
           import->view.picture.pages == view->picture.pages && import->bytes == memory->bytes &&
           import->size == memory->size;
}

/* The import of this memory, or the one to be replaced by it. */
static struct screen_import *find_slot(struct screen_sources *sources,
                                       const struct display_view *view,
                                       const struct screen_import *memory) {
    struct screen_import *oldest = &sources->imports[0];
    for (uint32_t i = 0; i < SCREEN_IMPORTS; i++) {
        struct screen_import *import = &sources->imports[i];
        if (is_same(import, view, memory)) {
            return import;
        }
        if (!display_view_is_empty(&import->view) && sources->round - import->used > KEPT_ROUNDS) {
            drop(sources, import);
        }
        oldest = import->used < oldest->used ? import : oldest;
    }
    drop(sources, oldest);
    return oldest;
}

bool screen_sources_import(struct screen_sources *sources, const struct display_view *view,
                           struct screen_pixels *out) {
    struct screen_gpu *gpu = sources->painter->gpu;
    struct screen_import memory = {0};
    uint64_t offset;
    if (!gpu->import_alignment || !find_memory(gpu, view, &memory, &offset)) {
        return false;
    }
    sources->round++;
    struct screen_import *import = find_slot(sources, view, &memory);
    if (display_view_is_empty(&import->view)) {
        import->view = display_view_ref(view);
        import->bytes = memory.bytes;
        import->size = memory.size;
        if (screen_buffer_import(gpu, memory.bytes, memory.size, &import->buffer)) {
            import->buffer = (struct screen_buffer){0};
        }
    }
    import->used = sources->round;
    *out = (struct screen_pixels){.buffer = &import->buffer,
                                  .offset = offset,
                                  .stride = view->picture.stride,
                                  .format = view->picture.format,
                                  .is_pq = view->picture.is_pq,
                                  .source = view->source};
    return import->buffer.handle != VK_NULL_HANDLE;
}

/* ---- the kept copy ------------------------------------------------------------------------- */

static VkResult give_kept_size(struct screen_sources *sources, uint64_t size) {
    if (sources->kept.size == size) {
        return VK_SUCCESS;
    }
    screen_buffer_destroy(sources->painter->gpu, &sources->kept);
    return screen_buffer_create(sources->painter->gpu, size, &sources->kept);
}

struct batch {
    struct screen_sources *sources;
    const struct screen_pixels *from;
    uint32_t count;
    VkBufferCopy regions[REGIONS_A_BATCH];
};

static VkResult copy_batch(struct batch *batch) {
    if (batch->count == 0) {
        return VK_SUCCESS;
    }
    const VkResult result =
        screen_painter_copy(batch->sources->painter, batch->from->buffer, &batch->sources->kept,
                            batch->regions, batch->count);
    batch->count = 0;
    return result;
}

static VkResult add_region(struct batch *batch, const VkBufferCopy *region) {
    batch->regions[batch->count++] = *region;
    return batch->count == REGIONS_A_BATCH ? copy_batch(batch) : VK_SUCCESS;
}

static VkResult add_rect(struct batch *batch, const struct presenter_rect *rect) {
    const struct screen_pixels *from = batch->from;
    const uint64_t pixel_bytes = presenter_format_bytes(from->format);
    const uint64_t row_bytes = pixel_bytes * from->source.width;
    VkBufferCopy region = {.srcOffset = from->offset +
                                        (uint64_t)from->stride * (from->source.y + rect->y) +
                                        pixel_bytes * ((uint64_t)from->source.x + rect->x),
                           .dstOffset = row_bytes * rect->y + pixel_bytes * rect->x,
                           .size = pixel_bytes * rect->width};
    if (rect->width == from->source.width && from->stride == row_bytes) {
        region.size *= rect->height;
        return add_region(batch, &region);
    }
    VkResult result = VK_SUCCESS;
    for (uint32_t y = 0; y < rect->height && !result; y++) {
        result = add_region(batch, &region);
        region.srcOffset += from->stride;
        region.dstOffset += row_bytes;
    }
    return result;
}

static VkResult keep_by_gpu(struct screen_sources *sources, const struct screen_pixels *from,
                            const struct display_damage *damage) {
    struct batch batch = {.sources = sources, .from = from};
    VkResult result = VK_SUCCESS;
    for (uint32_t i = 0; i < damage->count && !result; i++) {
        result = add_rect(&batch, &damage->rects[i]);
    }
    return result ? result : copy_batch(&batch);
}

static void keep_rect(struct screen_sources *sources, const struct display_view *view,
                      const struct presenter_rect *rect) {
    const size_t pixel_bytes = presenter_format_bytes(view->picture.format);
    uint8_t *out = sources->kept.bytes;
    for (uint32_t done = 0; done < rect->height;) {
        const struct display_rows rows = display_view_rows(view, rect, done, sources->scratch);
        for (uint32_t i = 0; i < rows.count; i++) {
            const size_t place = (size_t)view->source.width * (rect->y + done + i) + rect->x;
            memcpy(out + pixel_bytes * place, (const uint8_t *)rows.bytes + (size_t)rows.stride * i,
                   pixel_bytes * rect->width);
        }
        done += rows.count;
    }
}

VkResult screen_sources_keep(struct screen_sources *sources, const struct display_view *view,
                             const struct display_damage *damage, struct screen_pixels *out,
                             bool *out_staged) {
    struct screen_pixels from;
    const struct presenter_rect whole = {0, 0, view->source.width, view->source.height};
    const uint32_t row_bytes = presenter_format_bytes(view->picture.format) * whole.width;
    VkResult result = give_kept_size(sources, (uint64_t)row_bytes * whole.height);
    if (result) {
        return result;
    }
    result = screen_sources_import(sources, view, &from) ? keep_by_gpu(sources, &from, damage)
                                                         : VK_NOT_READY;
    *out_staged = result == VK_NOT_READY;
    if (*out_staged) {
        result = VK_SUCCESS;
        for (uint32_t i = 0; i < damage->count; i++) {
            keep_rect(sources, view, &damage->rects[i]);
        }
    }
    *out = (struct screen_pixels){.buffer = &sources->kept,
                                  .stride = row_bytes,
                                  .format = view->picture.format,
                                  .is_pq = view->picture.is_pq,
                                  .source = whole};
    return result;
}
