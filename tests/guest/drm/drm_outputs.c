/*
 * Two displays at once, with different pictures and modes; another mode; a display of another
 * size; a display that is unplugged and comes back.  `--hotplug 0` leaves out what needs the host
 * to plug.
 */
#include "common/framebuffer.h"
#include "common/script.h"
#include "common/uevents.h"

#include <unistd.h>

enum { HOTPLUG_SECONDS = 30 };

/* What is on one output now. */
struct shown {
    struct card_output *output;
    struct framebuffer fb;
    struct picture picture;
};

struct outputs {
    struct card card;
    struct script script;
    struct shown shown[2];
    int uevents;
    uint32_t seed;
};

static void forget(struct shown *shown) {
    if (shown->fb.id) {
        framebuffer_destroy(&shown->fb);
        picture_destroy(&shown->picture);
    }
}

/* Puts a new picture on an output, in `mode`. */
static void put(struct outputs *o, uint32_t index, const drmModeModeInfo *mode) {
    struct shown *shown = &o->shown[index], old = *shown;
    shown->fb = framebuffer_create_dumb(&o->card, mode->hdisplay, mode->vdisplay);
    shown->picture = picture_scene(mode->hdisplay, mode->vdisplay, ++o->seed);
    framebuffer_draw(&shown->fb, &shown->picture);
    card_set_crtc(&o->card, shown->output, mode, shown->fb.id, 0, 0);
    forget(&old);
    guest_say("scanout %u has mode %s", shown->output->scanout, mode->name);
}

static void check(struct outputs *o) {
    for (uint32_t i = 0; i < 2; i++) {
        if (o->shown[i].fb.id) {
            script_show(&o->script, o->shown[i].output->scanout, &o->shown[i].picture, 0);
        } else {
            script_dark(&o->script, o->shown[i].output->scanout);
        }
    }
    script_wait(&o->script);
}

static bool is_as_asked(const struct card_output *output, bool connected, uint32_t width,
                        uint32_t height) {
    if (output->connected != connected) {
        return false;
    }
    return !connected || (output->mode_count > 0 && output->modes[0].hdisplay == width &&
                          output->modes[0].vdisplay == height);
}

/* Has the host plug or unplug, and waits until the kernel has noticed by itself. */
static void plug(struct outputs *o, uint32_t index, bool connected, uint32_t width,
                 uint32_t height) {
    struct card_output *output = o->shown[index].output;
    if (connected) {
        script_ask(&o->script, "display %u %ux%u", output->scanout, width, height);
    } else {
        script_ask(&o->script, "display %u off", output->scanout);
    }
    script_wait(&o->script);
    const double deadline = guest_now() + HOTPLUG_SECONDS;
    bool noticed = false;
    do {
        GUEST_CHECK(guest_now() < deadline,
                    noticed ? "scanout %u: %s with %s after the kernel's message"
                            : "scanout %u: no message of the kernel (%s, %s)",
                    output->scanout, output->connected ? "connected" : "disconnected",
                    output->mode_count ? output->modes[0].name : "no mode");
        noticed = uevents_wait_hotplug(o->uevents, deadline - guest_now()) || noticed;
        card_probe(&o->card, output);
    } while (!is_as_asked(output, connected, width, height));
    guest_say("scanout %u is %s", output->scanout, connected ? output->modes[0].name : "unplugged");
}

static void two_pictures(struct outputs *o) {
    const drmModeModeInfo first = o->shown[0].output->modes[0];
    drmModeModeInfo second;
    /* Different sizes, so that nobody mistakes one for the other. */
    if (!card_other_mode(o->shown[1].output, &first, 1024, 768, &second)) {
        second = card_mode(o->shown[1].output, 832, 624);
    }
    put(o, 0, &first);
    put(o, 1, &second);
    check(o);
    drmModeModeInfo other = card_mode(o->shown[0].output, 640, 480);
    put(o, 0, &other);
    check(o);
    other = card_mode(o->shown[1].output, 720, 400);
    put(o, 1, &other);
    put(o, 0, &first);
    check(o);
}

static void one_goes(struct outputs *o) {
    card_disable(&o->card, o->shown[1].output);
    forget(&o->shown[1]);
    check(o);
    put(o, 1, &o->shown[1].output->modes[0]);
    check(o);
}

static void hotplug(struct outputs *o) {
    plug(o, 1, false, 0, 0);
    card_disable(&o->card, o->shown[1].output);
    forget(&o->shown[1]);
    check(o);
    put(o, 0, &o->shown[0].output->modes[0]);
    check(o);
    plug(o, 1, true, 700, 500);
    put(o, 1, &o->shown[1].output->modes[0]);
    check(o);
    plug(o, 0, true, 900, 420);
    put(o, 0, &o->shown[0].output->modes[0]);
    check(o);
    plug(o, 0, false, 0, 0);
    plug(o, 0, true, 640, 400);
    put(o, 0, &o->shown[0].output->modes[0]);
    check(o);
}

int main(int argc, char **argv) {
    const struct guest g = {.name = "drm_outputs", .argc = argc, .argv = argv};
    static struct outputs o;
    card_open(&o.card, &g);
    script_init(&o.script, &g);
    o.uevents = uevents_open();
    if (o.card.output_count < 2) {
        guest_skip("the card has %u output", o.card.output_count);
    }
    for (uint32_t i = 0; i < 2; i++) {
        o.shown[i].output = &o.card.outputs[i];
        if (!o.shown[i].output->connected) {
            guest_skip("scanout %u is not connected", i);
        }
    }
    two_pictures(&o);
    one_goes(&o);
    if (guest_option_number(&g, "--hotplug", 1, 1)) {
        hotplug(&o);
    }
    forget(&o.shown[0]);
    forget(&o.shown[1]);
    close(o.uevents);
    card_close(&o.card);
    guest_say("drm_outputs: every check held");
    return 0;
}
