/*
 * Dumb buffers: sizes, a picture larger than the display and looked at from a corner that moves,
 * and updates of parts.
 */
#include "common/framebuffer.h"
#include "common/script.h"

#include <string.h>

static void show_size(struct card *card, struct script *script, struct card_output *output,
                      uint32_t width, uint32_t height, uint32_t seed) {
    const drmModeModeInfo mode = card_mode(output, width, height);
    struct framebuffer fb = framebuffer_create_dumb(card, width, height);
    struct picture scene = picture_scene(width, height, seed);
    framebuffer_draw(&fb, &scene);
    card_set_crtc(card, output, &mode, fb.id, 0, 0);
    guest_say("dumb buffer of %ux%u: stride %u, %s", width, height, fb.stride,
              framebuffer_memory(card->fd, fb.handle));
    script_check(script, output->scanout, &scene);
    picture_destroy(&scene);
    framebuffer_destroy(&fb);
}

static struct picture crop(const struct picture *from, uint32_t x, uint32_t y, uint32_t width,
                           uint32_t height) {
    struct picture made = picture_create(width, height);
    for (uint32_t row = 0; row < height; row++) {
        memcpy(made.pixels + (size_t)row * width,
               from->pixels + (size_t)(y + row) * from->width + x, (size_t)width * 4);
    }
    return made;
}

/* The display shows a part of a larger framebuffer. */
static void pan(struct card *card, struct script *script, struct card_output *output) {
    const uint32_t width = 640, height = 480;
    const uint32_t places[][2] = {{0, 0}, {33, 17}, {160, 120}};
    const drmModeModeInfo mode = card_mode(output, width, height);
    struct framebuffer fb = framebuffer_create_dumb(card, width + 160, height + 120);
    struct picture scene = picture_scene(fb.width, fb.height, 4);
    framebuffer_draw(&fb, &scene);
    for (uint32_t i = 0; i < GUEST_COUNT(places); i++) {
        card_set_crtc(card, output, &mode, fb.id, places[i][0], places[i][1]);
        struct picture part = crop(&scene, places[i][0], places[i][1], width, height);
        guest_say("looked at from %u, %u", places[i][0], places[i][1]);
        script_check(script, output->scanout, &part);
        picture_destroy(&part);
    }
    picture_destroy(&scene);
    framebuffer_destroy(&fb);
}

/* Only the part is drawn: kernels may send more of the framebuffer than they were told of. */
static void update_parts(struct card *card, struct script *script, struct card_output *output) {
    const drmModeModeInfo mode = output->modes[0];
    const uint32_t width = mode.hdisplay, height = mode.vdisplay;
    const struct picture_rect rects[] = {
        {width / 2, height / 2, 1, 1},
        {13, 7, 333, 77},
        {width - 5, 0, 5, height},
        {0, height - 1, width, 1},
    };
    struct framebuffer fb = framebuffer_create_dumb(card, width, height);
    struct picture shown = picture_scene(width, height, 5);
    struct picture next = picture_scene(width, height, 6);
    framebuffer_draw(&fb, &shown);
    card_set_crtc(card, output, &mode, fb.id, 0, 0);
    script_check(script, output->scanout, &shown);

    for (uint32_t i = 0; i < GUEST_COUNT(rects); i++) {
        picture_copy_rect(&shown, &next, &rects[i]);
        framebuffer_draw_rect(&fb, &next, &rects[i]);
        framebuffer_dirty(&fb, &rects[i], 1);
        guest_say("only %ux%u at %u, %u", rects[i].width, rects[i].height, rects[i].x, rects[i].y);
        script_check(script, output->scanout, &shown);
    }

    struct picture third = picture_scene(width, height, 7);
    const struct picture_rect two[] = {{20, 20, 50, 30}, {width - 90, height - 70, 64, 64}};
    for (uint32_t i = 0; i < GUEST_COUNT(two); i++) {
        picture_copy_rect(&shown, &third, &two[i]);
        framebuffer_draw_rect(&fb, &third, &two[i]);
    }
    framebuffer_dirty(&fb, two, GUEST_COUNT(two));
    guest_say("two parts at once");
    script_check(script, output->scanout, &shown);

    framebuffer_draw(&fb, &third);
    framebuffer_dirty(&fb, NULL, 0);
    guest_say("everything");
    script_check(script, output->scanout, &third);
    picture_destroy(&third);
    picture_destroy(&next);
    picture_destroy(&shown);
    framebuffer_destroy(&fb);
}

int main(int argc, char **argv) {
    const struct guest g = {.name = "drm_dumb", .argc = argc, .argv = argv};
    struct card card;
    struct script script;
    card_open(&card, &g);
    script_init(&script, &g);
    struct card_output *output = card_pick_output(&card, &g);
    show_size(&card, &script, output, output->modes[0].hdisplay, output->modes[0].vdisplay, 1);
    show_size(&card, &script, output, 640, 480, 2);
    show_size(&card, &script, output, 333, 251, 3);
    pan(&card, &script, output);
    update_parts(&card, &script, output);
    card_disable(&card, output);
    script_dark(&script, output->scanout);
    script_wait(&script);
    card_close(&card);
    guest_say("drm_dumb: every check held");
    return 0;
}
