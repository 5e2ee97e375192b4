#include "display/swapchain/scene.h"

#include <stdlib.h>
#include <string.h>

#include "util/log.h"
#include "util/pages.h"

/* ---- what is shown ------------------------------------------------------------------------- */

static void publish_mode(struct screen_scene *scene) {
    const bool signal = !display_view_is_empty(&scene->view);
    atomic_store(&scene->mode,
                 (uint64_t)signal << 63 | (uint64_t)scene->width << 32 | scene->height);
}

static bool is_same_picture(const struct display_view *a, const struct display_view *b) {
    return a->picture.storage == b->picture.storage && a->picture.pages == b->picture.pages &&
           a->picture.offset == b->picture.offset && a->picture.stride == b->picture.stride &&
           a->picture.format == b->picture.format && a->picture.is_pq == b->picture.is_pq &&
           memcmp(&a->source, &b->source, sizeof(a->source)) == 0;
}

static void tell_changed(struct screen_scene *scene) {
    publish_mode(scene);
    scene->options->changed(scene->options->user, scene->index);
}

/* Takes over a flushed picture; false where it is the one that was shown. */
static bool take_view(struct screen_scene *scene, const struct display_view *view) {
    const bool same = is_same_picture(&scene->view, view);
    const bool other_mode = display_view_is_empty(&scene->view) ||
                            scene->width != view->source.width ||
                            scene->height != view->source.height;
    struct display_view old = scene->view;
    scene->view = display_view_ref(view);
    display_view_drop(&old);
    scene->width = view->source.width;
    scene->height = view->source.height;
    screen_set_content(&scene->screen,
                       screen_content_of(view->picture.format, view->picture.is_pq));
    if (other_mode) {
        tell_changed(scene);
    }
    return !same;
}

static void take_cursor(struct screen_scene *scene, const struct display_update *update) {
    struct display_cursor *cursor = &scene->cursor;
    if (update->cursor_image_new) {
        cursor->visible = update->cursor.visible;
        cursor->hot_x = update->cursor.hot_x;
        cursor->hot_y = update->cursor.hot_y;
        memcpy(cursor->pixels, update->cursor.pixels, sizeof(cursor->pixels));
        scene->cursor_loaded = false;
        if (atomic_exchange(&scene->shows_cursor, cursor->visible) != cursor->visible) {
            tell_changed(scene);
        }
    }
    if (update->cursor_place_new) {
        cursor->x = update->cursor.x;
        cursor->y = update->cursor.y;
    }
}

/* ---- pixels for the GPU -------------------------------------------------------------------- */

static bool kept_has_layout(const struct screen_scene *scene) {
    const struct presenter_rect *kept = &scene->kept_pixels.source;
    return scene->kept && kept->width == scene->width && kept->height == scene->height &&
           scene->kept_pixels.format == scene->view.picture.format;
}

/* Copies what was flushed, or everything where the rest is not known. */
static VkResult keep(struct screen_scene *scene, const struct display_damage *damage) {
    const struct display_damage everything = {1, {{0, 0, scene->width, scene->height}}};
    bool staged;
    const VkResult result = screen_sources_keep(
        &scene->screen.sources, &scene->view,
        damage && kept_has_layout(scene) ? damage : &everything, &scene->kept_pixels, &staged);
    scene->kept = !result;
    atomic_store(&scene->path, staged ? SCREEN_PATH_STAGING : SCREEN_PATH_BLIT);
    return result;
}

/* Where the pixels of the picture are; they are copied where they cannot stay. */
static VkResult find_pixels(struct screen_scene *scene, struct screen_pixels *out) {
    *out = (struct screen_pixels){0};
    if (display_view_is_empty(&scene->view)) {
        return VK_SUCCESS;
    }
    if (!scene->kept && !scene->options->keep &&
        screen_sources_import(&scene->screen.sources, &scene->view, out)) {
        atomic_store(&scene->path, SCREEN_PATH_ZERO_COPY);
        return VK_SUCCESS;
    }
    const VkResult result = scene->kept ? VK_SUCCESS : keep(scene, NULL);
    *out = scene->kept_pixels;
    return result;
}

/* A flush: afterwards the guest may draw over what is not kept only as far as it flips. */
static VkResult take_flush(struct screen_scene *scene, const struct display_update *update,
                           bool is_other) {
    struct screen_pixels pixels;
    if (!is_other) {
        return keep(scene, &update->damage);
    }
    if (scene->options->keep || update->view_flushes > 1) {
        return keep(scene, NULL);
    }
    scene->kept = false;
    return find_pixels(scene, &pixels);
}

/* ---- drawing ------------------------------------------------------------------------------- */

/* Whether an image's pixels are wanted, and there is a place for them. */
static const struct screen_buffer *prepare_copy(struct screen_scene *scene,
                                                const struct screen_target *target) {
    const uint64_t size =
        screen_offer_bytes(target->format.format) * (uint64_t)target->width * target->height;
    const struct screen_gpu *gpu = &scene->screen.gpu;
    uint32_t width = scene->width, height = scene->height;
    display_turn_size(display_turn_add(atomic_load(&scene->turn), target->turn), &width, &height);
    if (!scene->ticket || target->width != width || target->height != height) {
        return NULL;
    }
    if (scene->copy.size != size) {
        screen_buffer_destroy(gpu, &scene->copy);
        if (screen_buffer_create(gpu, size, &scene->copy)) {
            return NULL;
        }
    }
    scene->copy_format = target->format;
    scene->copy_width = width;
    scene->copy_height = height;
    return &scene->copy;
}

static VkResult draw(struct screen_scene *scene, const struct screen_target *target,
                     const struct screen_buffer *copy) {
    struct screen_job job = {
        .target = target,
        .scale = scene->options->scale,
        .turn = atomic_load(&scene->turn),
        .light = {.white = atomic_load(&scene->white), .headroom = atomic_load(&scene->headroom)},
        .cursor = &scene->cursor,
        .copy = copy};
    const VkResult result = find_pixels(scene, &job.pixels);
    if (result) {
        return result;
    }
    if (!scene->cursor_loaded && scene->cursor.visible) {
        screen_painter_set_cursor(&scene->screen.painter, scene->cursor.pixels);
        scene->cursor_loaded = true;
    }
    return screen_painter_draw(&scene->screen.painter, &job);
}

/* True where the image that was drawn answers a refresh. */
static bool draw_wanted(struct screen_scene *scene) {
    const struct screen_target *target = screen_hold_image(&scene->screen);
    if (!target) {
        return false;
    }
    const struct screen_buffer *copy = prepare_copy(scene, target);
    const VkResult result = draw(scene, target, copy);
    screen_release_image(&scene->screen, result);
    return copy && !result;
}

/* ---- what the processor gets ---------------------------------------------------------------- */

static void clear_answer(struct screen_scene *scene) {
    display_view_drop(&scene->answer.view);
    scene->answer.damage.count = 0;
    scene->answer.blank = false;
    scene->answer.cursor_image_new = scene->answer.cursor_place_new = false;
    scene->answer.ticket = 0;
}

/* A view of `pixels`, which stay where they are until the view is dropped. */
static bool view_words(void *words, uint32_t width, uint32_t height, enum presenter_format format,
                       bool is_pq, struct display_view *out) {
    const uint32_t stride = presenter_format_bytes(format) * width;
    struct iovec piece = {words, (size_t)stride * height};
    struct presenter_picture picture = {
        .format = format, .is_pq = is_pq, .width = width, .height = height, .stride = stride};
    const struct presenter_rect whole = {0, 0, width, height};
    if (pages_create(&piece, 1, NULL, NULL, &picture.pages)) {
        return false;
    }
    const bool made = !display_view_init(out, &picture, &whole);
    pages_unref(picture.pages);
    return made;
}

static enum presenter_format get_image_format(VkFormat format) {
    switch (format) {
    case VK_FORMAT_R16G16B16A16_SFLOAT:
        return PRESENTER_XBGR16161616F;
    case VK_FORMAT_A2B10G10R10_UNORM_PACK32:
        return PRESENTER_XBGR2101010;
    case VK_FORMAT_A2R10G10B10_UNORM_PACK32:
        return PRESENTER_XRGB2101010;
    case VK_FORMAT_R8G8B8A8_UNORM:
        return PRESENTER_XBGR8888;
    default:
        return PRESENTER_XRGB8888;
    }
}

static const struct display_update *answer_with_image(struct screen_scene *scene) {
    clear_answer(scene);
    scene->answer.ticket = scene->ticket;
    scene->ticket = 0;
    /* The image has the cursor in it; one that the processor composed before is not to be there twice. */
    scene->answer.cursor_image_new = true;
    scene->answer.cursor.visible = false;
    if (view_words(scene->copy.bytes, scene->copy_width, scene->copy_height,
                   get_image_format(scene->copy_format.format),
                   screen_offer_colour(&scene->copy_format) == DISPLAY_COLOUR_PQ,
                   &scene->answer.view)) {
        scene->answer.damage =
            (struct display_damage){1, {{0, 0, scene->copy_width, scene->copy_height}}};
    }
    return &scene->answer;
}

/* Everything, whatever the processor knew before. */
static const struct display_update *answer_with_all(struct screen_scene *scene, uint64_t ticket) {
    clear_answer(scene);
    struct display_update *answer = &scene->answer;
    answer->ticket = ticket;
    answer->blank = display_view_is_empty(&scene->view);
    answer->cursor_image_new = answer->cursor_place_new = true;
    answer->cursor = scene->cursor;
    if (answer->blank) {
        return answer;
    }
    answer->damage = (struct display_damage){1, {{0, 0, scene->width, scene->height}}};
    if (!scene->kept ||
        !view_words(scene->screen.sources.kept.bytes, scene->width, scene->height,
                    scene->view.picture.format, scene->view.picture.is_pq, &answer->view)) {
        answer->view = display_view_ref(&scene->view);
    }
    return answer;
}

/* ---- one update ---------------------------------------------------------------------------- */

/* What was made of a device goes with it; called while it is still there. */
static void let_go(struct screen_scene *scene) {
    if (scene->copy.handle) {
        clear_answer(scene);
        screen_buffer_destroy(&scene->screen.gpu, &scene->copy);
    }
    scene->kept = scene->cursor_loaded = false;
}

/* Whether the device is there, until the next update. */
static bool serve_screen(struct screen_scene *scene) {
    const enum screen_gpu_state state = screen_get_state(&scene->screen);
    if (state == SCREEN_CLOSING) {
        let_go(scene);
        screen_let_go(&scene->screen);
    }
    return state == SCREEN_OPEN;
}

static const struct display_update *take_by_processor(struct screen_scene *scene,
                                                      const struct display_update *update) {
    atomic_store(&scene->path, SCREEN_PATH_SOFTWARE);
    if (scene->composed) {
        return update;
    }
    scene->composed = true;
    const uint64_t ticket = update->ticket ? update->ticket : scene->ticket;
    scene->ticket = 0;
    return answer_with_all(scene, ticket);
}

static const struct display_update *take_by_gpu(struct screen_scene *scene,
                                                const struct display_update *update) {
    scene->composed = false;
    if (update->ticket && scene->width && scene->options->read_images) {
        scene->ticket = update->ticket;
        screen_want(&scene->screen);
    }
    if (draw_wanted(scene)) {
        return answer_with_image(scene);
    }
    return update->ticket && !scene->ticket ? answer_with_all(scene, update->ticket) : NULL;
}

const struct display_update *screen_scene_take(struct screen_scene *scene,
                                               const struct display_update *update) {
    const bool flushed = !display_view_is_empty(&update->view);
    const bool is_other = flushed && take_view(scene, &update->view);
    const bool blank = update->blank && !flushed && !display_view_is_empty(&scene->view);
    take_cursor(scene, update);
    const bool open = serve_screen(scene);
    if (blank) {
        display_view_drop(&scene->view);
        scene->kept = false;
        tell_changed(scene);
    }
    if (open && blank) {
        screen_sources_forget(&scene->screen.sources);
    }
    if (open && flushed) {
        const VkResult result = take_flush(scene, update, is_other);
        if (result) {
            screen_fail(&scene->screen, result);
        }
    }
    if (flushed || blank || update->cursor_image_new || update->cursor_place_new) {
        screen_want(&scene->screen);
    }
    return atomic_load(&scene->by_processor) ? take_by_processor(scene, update)
                                             : take_by_gpu(scene, update);
}

void screen_scene_finish(struct screen_scene *scene) {
    let_go(scene);
    clear_answer(scene);
    display_view_drop(&scene->view);
}
