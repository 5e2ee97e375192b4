/* The presenter contract: what shows a virtual machine's scanouts, as the device core sees it.
 *
 * A presenter owns `scanout_count` scanouts, numbered from 0. Each shows at most one picture, and
 * over it at most one cursor. Calls come from one thread at a time, never block on a screen, and
 * take effect in order. Answers and events come through the listener, from threads of the
 * presenter, never from inside a call; a listener must not call back and must not block.
 *
 * Backends: display/software.h, display/capture.h, display/window.h. */
#ifndef VESPER_DISPLAY_PRESENTER_H
#define VESPER_DISPLAY_PRESENTER_H

#include <stdbool.h>
#include <stdint.h>

#include "renderer/storage.h"
#include "util/pages.h"

#define PRESENTER_SCANOUTS_MAX 16
#define PRESENTER_CURSOR_SIZE 64 /* pixels, each way; virtio-gpu knows no other */

/* Layouts of a pixel; the values are DRM's fourcc codes (little-endian words, so that ARGB8888 is
 * the bytes B, G, R, A). */
enum presenter_format {
    PRESENTER_ARGB8888 = 0x34325241,
    PRESENTER_XRGB8888 = 0x34325258,
    PRESENTER_ABGR8888 = 0x34324241,
    PRESENTER_XBGR8888 = 0x34324258,
    PRESENTER_BGRA8888 = 0x34324142,
    PRESENTER_BGRX8888 = 0x34325842,
    PRESENTER_RGBA8888 = 0x34324152,
    PRESENTER_RGBX8888 = 0x34325852,
    PRESENTER_ARGB2101010 = 0x30335241,
    PRESENTER_XRGB2101010 = 0x30335258,
    PRESENTER_ABGR2101010 = 0x30334241,
    PRESENTER_XBGR2101010 = 0x30334258,
    /* Half floats, red first in memory: light, without a curve. */
    PRESENTER_ABGR16161616F = 0x48344241,
    PRESENTER_XBGR16161616F = 0x48344258,
};

/* Whether `format` is one of the above. */
bool presenter_format_is_known(uint32_t format);
/* Bytes of a pixel: 8 of half floats, else 4. */
uint32_t presenter_format_bytes(enum presenter_format format);
/* Whether the format has 10 bits a colour. */
bool presenter_format_is_deep(enum presenter_format format);

struct presenter_rect {
    uint32_t x, y, width, height; /* pixels */
};

/* Where a picture's pixels are. Exactly one of storage and pages is set. Rows are `stride` bytes
 * apart (at least a row of pixels), from byte `offset` on; the caller has checked that
 * offset + stride × (height - 1) + one row lies inside. The layout is linear. What the numbers mean as
 * light is in display/colour.h. */
struct presenter_picture {
    struct storage *storage;
    struct pages *pages;
    enum presenter_format format;
    bool is_pq; /* BT.2020's primaries and the PQ curve, else sRGB; of 10 bits a colour only */
    uint32_t width, height; /* pixels, ≥ 1 */
    uint32_t stride;        /* bytes */
    uint64_t offset;        /* bytes */
};

struct presenter_listener {
    /* The pixels of every flush up to and including `token` have been taken: the guest may draw
     * over them. Tokens are answered in order, all of them, also those of pictures that were
     * detached meanwhile; one call may answer several. */
    void (*flushed)(void *user, uint64_t token);
    /* The user gave a scanout's window another size (pixels); 0 × 0: closed it. */
    void (*resized)(void *user, uint32_t scanout, uint32_t width, uint32_t height);
};

struct presenter;

struct presenter_ops {
    /* From now on events go to `listener` (copied) with `user`; NULL: to nobody. Once it returns,
     * the listener of before is not called any more. */
    void (*set_listener)(struct presenter *presenter, const struct presenter_listener *listener,
                         void *user);
    /* Shows the part `source` (not empty, inside the picture) of `picture` on `scanout` from the
     * next flush on; replaces what was shown before. Takes references of its own. 0 or a negative
     * errno; then the scanout shows nothing. */
    int (*attach)(struct presenter *presenter, uint32_t scanout,
                  const struct presenter_picture *picture, const struct presenter_rect *source);
    /* Shows nothing on `scanout`; ignored where nothing was shown. The cursor stays. */
    void (*detach)(struct presenter *presenter, uint32_t scanout);
    /* The pixels inside `damage` (pixels of the picture; the presenter clips it to the source)
     * have changed. Answered by flushed(token); tokens of one presenter grow. */
    void (*flush)(struct presenter *presenter, uint32_t scanout,
                  const struct presenter_rect *damage, uint64_t token);
    /* Gives the cursor of `scanout` another image: PRESENTER_CURSOR_SIZE² pixels, premultiplied
     * ARGB8888, copied during the call; NULL hides it. The hot spot is in pixels of the image. */
    void (*set_cursor)(struct presenter *presenter, uint32_t scanout, const uint32_t *pixels,
                       uint32_t hot_x, uint32_t hot_y);
    /* Puts the hot spot at x, y: pixels of the scanout, possibly outside. */
    void (*move_cursor)(struct presenter *presenter, uint32_t scanout, int32_t x, int32_t y);
    /* Drops everything. No up-call comes afterwards. */
    void (*destroy)(struct presenter *presenter);
};

/* Embedded as the first member by implementations. */
struct presenter {
    const struct presenter_ops *ops;
    uint32_t scanout_count; /* 1 … PRESENTER_SCANOUTS_MAX */
};

#endif
