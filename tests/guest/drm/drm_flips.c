/*
 * Page flips: every one is answered by its event, in order, with its data, by the old call and by
 * atomic commits that do not block.  `--flips N` of each (60).
 */
#include "common/atomic.h"
#include "common/script.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

enum { BUFFERS = 3 };

struct flips {
    struct card *card;
    struct card_output *output;
    struct framebuffer buffers[BUFFERS];
    struct picture pictures[BUFFERS];
    uint32_t answered;
    unsigned last_sequence;
    uint64_t last_us;
};

/* What the event of a flip brings back. */
struct flip {
    struct flips *flips;
    uint32_t number;
};

static void on_flip(int fd, unsigned sequence, unsigned seconds, unsigned microseconds,
                    unsigned crtc, void *data) {
    (void)fd;
    const struct flip *flip = data;
    struct flips *flips = flip->flips;
    const uint64_t us = (uint64_t)seconds * 1000000 + microseconds;
    GUEST_CHECK(flip->number == flips->answered, "event of flip %u instead of %u", flip->number,
                flips->answered);
    GUEST_CHECK(crtc == flips->output->crtc, "flip %u: event of CRTC %u instead of %u",
                flip->number, crtc, flips->output->crtc);
    GUEST_CHECK(us >= flips->last_us, "flip %u: earlier than the one before", flip->number);
    /* Sequence numbers wrap. */
    GUEST_CHECK(flips->answered == 0 || sequence - flips->last_sequence < 1u << 31,
                "flip %u: sequence %u after %u", flip->number, sequence, flips->last_sequence);
    flips->last_us = us;
    flips->last_sequence = sequence;
    flips->answered++;
}

static void read_events(struct flips *flips) {
    struct pollfd poll_for = {flips->card->fd, POLLIN, 0};
    int ready = poll(&poll_for, 1, 20000);
    GUEST_CHECK(ready == 1, "flip %u: no event after 20 s", flips->answered);
    drmEventContext context = {.version = 3, .page_flip_handler2 = on_flip};
    GUEST_CHECK(drmHandleEvent(flips->card->fd, &context) == 0, "drmHandleEvent: %s",
                strerror(errno));
}

/* Draws a mark that moves, so that a buffer never shows the same twice. */
static void draw_mark(struct flips *flips, uint32_t number) {
    const uint32_t at = number % BUFFERS;
    struct picture *picture = &flips->pictures[at];
    const struct picture_rect mark = {(number * 16) % (picture->width - 16), 8, 16, 16};
    for (uint32_t y = mark.y; y < mark.y + mark.height; y++) {
        for (uint32_t x = mark.x; x < mark.x + mark.width; x++) {
            picture->pixels[(size_t)y * picture->width + x] = picture_weave(x, y, number);
        }
    }
    framebuffer_draw_rect(&flips->buffers[at], picture, &mark);
}

static void ask_page_flip(struct flips *flips, struct flip *flip) {
    const uint32_t fb = flips->buffers[flip->number % BUFFERS].id;
    int error =
        drmModePageFlip(flips->card->fd, flips->output->crtc, fb, DRM_MODE_PAGE_FLIP_EVENT, flip);
    GUEST_CHECK(error == 0, "flip %u: drmModePageFlip: %s", flip->number, strerror(-error));
}

static void ask_atomic(struct flips *flips, struct flip *flip) {
    struct atomic atomic;
    atomic_begin(&atomic, flips->card);
    atomic_flip(&atomic, flips->output, &flips->buffers[flip->number % BUFFERS]);
    atomic_commit(&atomic, DRM_MODE_PAGE_FLIP_EVENT | DRM_MODE_ATOMIC_NONBLOCK, flip);
}

static void run(struct flips *flips, struct script *script, const char *how, uint32_t count,
                void (*ask)(struct flips *flips, struct flip *flip)) {
    flips->answered = 0;
    const double start = guest_now();
    struct flip flip = {.flips = flips};
    for (uint32_t i = 0; i < count; i++) {
        flip.number = i;
        draw_mark(flips, i);
        ask(flips, &flip);
        while (flips->answered == i) {
            read_events(flips);
        }
    }
    guest_say("%s: %u flips in %.3f s", how, count, guest_now() - start);
    script_check(script, flips->output->scanout, &flips->pictures[(count - 1) % BUFFERS]);
}

int main(int argc, char **argv) {
    const struct guest g = {.name = "drm_flips", .argc = argc, .argv = argv};
    struct card card;
    struct script script;
    card_open(&card, &g);
    script_init(&script, &g);
    const uint32_t count = guest_option_number(&g, "--flips", 60, 1000000);
    GUEST_CHECK(count > 0, "--flips 0: nothing to do");
    struct flips flips = {.card = &card, .output = card_pick_output(&card, &g)};
    const drmModeModeInfo mode = flips.output->modes[0];
    for (uint32_t i = 0; i < BUFFERS; i++) {
        flips.buffers[i] = framebuffer_create_dumb(&card, mode.hdisplay, mode.vdisplay);
        flips.pictures[i] = picture_scene(mode.hdisplay, mode.vdisplay, 10 + i);
        framebuffer_draw(&flips.buffers[i], &flips.pictures[i]);
    }
    card_set_crtc(&card, flips.output, &mode, flips.buffers[BUFFERS - 1].id, 0, 0);
    run(&flips, &script, "page flip", count, ask_page_flip);
    GUEST_CHECK(atomic_is_offered(&card), "the driver takes no atomic commits");
    run(&flips, &script, "atomic", count, ask_atomic);
    for (uint32_t i = 0; i < BUFFERS; i++) {
        framebuffer_destroy(&flips.buffers[i]);
        picture_destroy(&flips.pictures[i]);
    }
    card_close(&card);
    guest_say("drm_flips: every check held");
    return 0;
}
