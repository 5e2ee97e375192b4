/* The software presenter: composes scanouts in memory, whole and with their cursors, and hands
 * them to a sink: a window of a toolkit, a file. */
#ifndef VESPER_DISPLAY_SOFTWARE_H
#define VESPER_DISPLAY_SOFTWARE_H

#include <stdbool.h>
#include <stdint.h>

#include "display/presenter.h"
#include "display/update.h"

struct software_frame {
    uint32_t scanout;
    bool signal; /* a picture is shown; else the pixels are black, of the last picture's size */
    /* XRGB8888 with the X byte 0xff, the cursor in them; valid during the call. NULL, with no
     * size: nothing has ever been shown. */
    const uint32_t *pixels;
    uint32_t width, height; /* pixels */
    uint32_t stride;        /* bytes */
    /* The parts that differ from the scanout's frame before; they may overlap. Everything, where
     * the size is another one; none, where the frame only answers a refresh or a flush that
     * changed nothing. */
    const struct presenter_rect *damage;
    uint32_t damage_count;
    uint64_t serial; /* of the scanout's pictures: one more where there is damage; from 1 */
    uint64_t flushes; /* of the scanout so far: calls, several of which may come as one frame */
    uint64_t ticket; /* the last refresh answered; 0: none ever */
    /* What `pixels` hold already, for sinks that show a cursor of their own. */
    bool cursor_visible;
    int32_t cursor_x, cursor_y; /* of the hot spot, pixels */
};

/* Called on the presenter's thread; what it waits for, the scanouts wait for. It may call
 * software_presenter_refresh and software_presenter_resize, nothing else of the presenter. */
typedef void (*software_sink)(void *user, const struct software_frame *frame);

/* `scanout_count`: 1 … PRESENTER_SCANOUTS_MAX. 0, -EINVAL, or another negative errno. The
 * presenter ends with its destroy call, after which the sink is not called. */
int software_presenter_create(uint32_t scanout_count, software_sink sink, void *user,
                              struct presenter **out);

/* What stands before the composing of scanouts: a GPU that shows them itself. On the presenter's
 * thread. */
struct software_filter {
    /* Gives what is to be composed in the place of `update`: that, or a whole picture that makes up
     * for what was not composed before, valid until the next call; NULL: nothing. Afterwards the
     * guest may draw over the pixels of `update`. */
    const struct display_update *(*take)(void *user, uint32_t scanout,
                                         const struct display_update *update);
};

/* As software_presenter_create, with a filter, which outlives the presenter. */
int software_presenter_create_filtered(uint32_t scanout_count, software_sink sink, void *user,
                                       const struct software_filter *filter, void *filter_user,
                                       struct presenter **out);

/* Has the filter asked about `scanout` (which exists), with an update of nothing. Any thread. */
void software_presenter_wake(struct presenter *presenter, uint32_t scanout);

/* Has the sink called with what `scanout` shows after all calls so far, also where nothing has
 * changed. Returns a ticket larger than all before: the first frame of that scanout whose ticket
 * is not smaller is the answer. 0: no such scanout. Any thread. */
uint64_t software_presenter_refresh(struct presenter *presenter, uint32_t scanout);

/* The user gave the window another size: passed on to the listener's resized. Where the sizes
 * come faster than they are passed on, the last one is. -EINVAL: no such scanout. Any thread. */
int software_presenter_resize(struct presenter *presenter, uint32_t scanout, uint32_t width,
                              uint32_t height);

#endif
