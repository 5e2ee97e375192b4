/*
 * Atomic commits: the whole state of outputs in one request.  Every function ends the process
 * when the kernel reports an error.  Main thread.
 */
#ifndef VESPER_GUEST_DRM_ATOMIC_H
#define VESPER_GUEST_DRM_ATOMIC_H

#include "framebuffer.h"

/* True if the card's kernel driver takes atomic commits. */
bool atomic_is_offered(const struct card *card);

struct atomic {
    const struct card *card;
    drmModeAtomicReq *request;
    uint32_t blobs[CARD_OUTPUTS_MAX];
    uint32_t blob_count;
};

void atomic_begin(struct atomic *atomic, const struct card *card);

/* `mode` shows the framebuffer in its upper left corner; NULL switches the output off. */
void atomic_set_mode(struct atomic *atomic, const struct card_output *output,
                     const drmModeModeInfo *mode, const struct framebuffer *fb);

/* Another framebuffer on an output that is on. */
void atomic_flip(struct atomic *atomic, const struct card_output *output,
                 const struct framebuffer *fb);

/* The cursor plane: `fb` is 64 × 64 ARGB8888 or NULL for none. */
void atomic_set_cursor(struct atomic *atomic, const struct card_output *output,
                       const struct framebuffer *fb, int32_t x, int32_t y);

/* Sends the request and frees it.  `flags`: DRM_MODE_ATOMIC_…, DRM_MODE_PAGE_FLIP_EVENT. */
void atomic_commit(struct atomic *atomic, uint32_t flags, void *user_data);

#endif
