/*
 * Framebuffers: memory of the kinds that the kernel's driver offers, mapped, and known to the
 * display.  Every function ends the process when the kernel reports an error.  Main thread.
 */
#ifndef VESPER_GUEST_DRM_FRAMEBUFFER_H
#define VESPER_GUEST_DRM_FRAMEBUFFER_H

#include "card.h"
#include "picture.h"

struct framebuffer {
    int card; /* borrowed descriptor */
    uint32_t width, height;
    uint32_t stride, offset; /* bytes */
    uint32_t format;         /* DRM_FORMAT_… of 4 bytes a pixel */
    uint32_t handle;         /* of the memory, owned */
    uint32_t id;             /* for the display */
    size_t size;             /* of the mapping, bytes */
    unsigned char *map;      /* NULL: not mapped */
};

/* A dumb buffer, mapped and added, XRGB8888. */
struct framebuffer framebuffer_create_dumb(const struct card *card, uint32_t width,
                                           uint32_t height);

/* A blob of guest memory; rows have `gap` bytes between them, `offset` bytes come before.
 * Ends the process with status 77 if the device has no blobs. */
struct framebuffer framebuffer_create_blob(const struct card *card, uint32_t width, uint32_t height,
                                           uint32_t format, uint32_t gap, uint32_t offset);

/* Memory behind a dma-buf, which is not mapped; `dma_buf` stays the caller's.  Fails with the
 * errno of the kernel's refusal; 0 on success. */
int framebuffer_import(const struct card *card, int dma_buf, uint32_t width, uint32_t height,
                       uint32_t stride, struct framebuffer *out);

/* The whole picture, or a part at its place.  The picture has the size of the framebuffer. */
void framebuffer_draw(const struct framebuffer *fb, const struct picture *picture);
void framebuffer_draw_rect(const struct framebuffer *fb, const struct picture *picture,
                           const struct picture_rect *rect);

/* Tells the kernel what was drawn over; no rectangles: everything. */
void framebuffer_dirty(const struct framebuffer *fb, const struct picture_rect *rects,
                       uint32_t count);

/* What the memory of a handle is to the device: "classic", "guest blob", "host3d blob", … */
const char *framebuffer_memory(int card, uint32_t handle);

void framebuffer_destroy(struct framebuffer *fb);

#endif
