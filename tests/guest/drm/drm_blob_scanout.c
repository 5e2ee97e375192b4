/*
 * What the Venus device rendered, on the display.  `--buffer` is the framebuffer's memory:
 *   gbm     (default) a buffer of GBM for scanout; the rendered rows are copied into it
 *   host3d  the very memory that Vulkan copied the image to, exported as a dma-buf
 *   guest   a blob of guest memory, its pages scattered, with gaps between the rows
 * `--commit legacy` (default) or `atomic`.
 */
#include "common/atomic.h"
#include "common/script.h"
#include "common/venus.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <drm_fourcc.h>
#include <gbm.h>

struct scanout_test {
    struct guest g;
    struct card card;
    struct card_output *output;
    struct script script;
    drmModeModeInfo mode;
    bool atomic;
    uint32_t width, height;
    struct picture scene;
};

static void show(struct scanout_test *test, const struct framebuffer *fb) {
    if (!test->atomic) {
        card_set_crtc(&test->card, test->output, &test->mode, fb->id, 0, 0);
        return;
    }
    struct atomic atomic;
    atomic_begin(&atomic, &test->card);
    atomic_set_mode(&atomic, test->output, &test->mode, fb);
    atomic_commit(&atomic, DRM_MODE_ATOMIC_ALLOW_MODESET, NULL);
}

static void next_scene(struct scanout_test *test, uint32_t seed) {
    picture_destroy(&test->scene);
    test->scene = picture_scene(test->width, test->height, seed);
}

/* Renders and compares inside the guest first: then a wrong picture outside is the display's. */
static void render(struct scanout_test *test, struct guest_buffer *rows, uint32_t seed) {
    next_scene(test, seed);
    memset(rows->map, 0, rows->size);
    venus_render_scene(&test->g, test->width, test->height, seed, rows->buffer, test->width * 4);
    venus_check_scene(&test->scene, rows->map, test->width * 4);
}

static struct guest_buffer rows_create(struct scanout_test *test) {
    return guest_buffer_create(&test->g, (VkDeviceSize)test->width * test->height * 4,
                               VK_BUFFER_USAGE_TRANSFER_DST_BIT, GUEST_HOST_MEMORY);
}

static struct picture as_picture(const struct scanout_test *test, const struct guest_buffer *rows) {
    return (struct picture){test->width, test->height, rows->map};
}

/* ---- GBM --------------------------------------------------------------------------------- */

static void copy_to_bo(const struct scanout_test *test, struct gbm_bo *bo,
                       const struct guest_buffer *rows) {
    uint32_t stride;
    void *handle = NULL;
    unsigned char *map =
        gbm_bo_map(bo, 0, 0, test->width, test->height, GBM_BO_TRANSFER_WRITE, &stride, &handle);
    GUEST_CHECK(map, "gbm_bo_map: %s", strerror(errno));
    for (uint32_t y = 0; y < test->height; y++) {
        memcpy(map + (size_t)y * stride,
               (const unsigned char *)rows->map + (size_t)y * test->width * 4,
               (size_t)test->width * 4);
    }
    gbm_bo_unmap(bo, handle);
}

static struct framebuffer add_bo(struct scanout_test *test, struct gbm_bo *bo) {
    struct framebuffer fb = {
        .card = test->card.fd,
        .width = test->width,
        .height = test->height,
        .stride = gbm_bo_get_stride(bo),
        .format = gbm_bo_get_format(bo),
    };
    const uint32_t handles[4] = {gbm_bo_get_handle(bo).u32}, strides[4] = {fb.stride};
    const uint32_t offsets[4] = {gbm_bo_get_offset(bo, 0)};
    int error = drmModeAddFB2(fb.card, fb.width, fb.height, fb.format, handles, strides, offsets,
                              &fb.id, 0);
    GUEST_CHECK(error == 0, "drmModeAddFB2 of a GBM buffer: %s", strerror(-error));
    guest_say("gbm: backend %s, stride %u, modifier %#llx, memory %s",
              gbm_device_get_backend_name(gbm_bo_get_device(bo)), fb.stride,
              (unsigned long long)gbm_bo_get_modifier(bo), framebuffer_memory(fb.card, handles[0]));
    return fb;
}

static void with_gbm(struct scanout_test *test) {
    struct gbm_device *gbm = gbm_create_device(test->card.fd);
    GUEST_CHECK(gbm, "gbm_create_device: %s", strerror(errno));
    struct gbm_bo *bo = gbm_bo_create(gbm, test->width, test->height, GBM_FORMAT_XRGB8888,
                                      GBM_BO_USE_SCANOUT | GBM_BO_USE_RENDERING);
    GUEST_CHECK(bo, "gbm_bo_create for scanout and rendering: %s", strerror(errno));
    struct framebuffer fb = add_bo(test, bo);
    struct guest_buffer rows = rows_create(test);
    render(test, &rows, 31);
    copy_to_bo(test, bo, &rows);
    show(test, &fb);
    script_check(&test->script, test->output->scanout, &test->scene);

    render(test, &rows, 32);
    copy_to_bo(test, bo, &rows);
    framebuffer_dirty(&fb, NULL, 0);
    guest_say("drawn again");
    script_check(&test->script, test->output->scanout, &test->scene);
    guest_buffer_destroy(&test->g, &rows);
    framebuffer_destroy(&fb);
    gbm_bo_destroy(bo);
    gbm_device_destroy(gbm);
}

/* ---- the renderer's memory --------------------------------------------------------------- */

static const char *const EXPORT_EXTENSIONS[] = {
    VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME,
    VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME,
};

static void with_host3d(struct scanout_test *test) {
    const uint32_t stride = test->width * 4;
    struct guest_buffer rows =
        venus_exportable_buffer(&test->g, (VkDeviceSize)stride * test->height,
                                VK_BUFFER_USAGE_TRANSFER_DST_BIT, GUEST_HOST_MEMORY);
    int dma_buf = venus_export_dma_buf(&test->g, rows.memory);
    struct framebuffer fb;
    int error = framebuffer_import(&test->card, dma_buf, test->width, test->height, stride, &fb);
    GUEST_CHECK(error == 0, "the card does not take the dma-buf: %s", strerror(error));
    close(dma_buf);
    const char *memory = framebuffer_memory(test->card.fd, fb.handle);
    guest_say("the renderer's memory is a %s", memory);
    GUEST_CHECK(strcmp(memory, "host3d blob") == 0, "a %s is no host3d blob", memory);

    render(test, &rows, 33);
    show(test, &fb);
    script_check(&test->script, test->output->scanout, &test->scene);
    render(test, &rows, 34);
    framebuffer_dirty(&fb, NULL, 0);
    guest_say("drawn again");
    script_check(&test->script, test->output->scanout, &test->scene);

    /* The display keeps what it shows when Vulkan's memory goes. */
    guest_buffer_destroy(&test->g, &rows);
    guest_say("its VkDeviceMemory is freed");
    script_check(&test->script, test->output->scanout, &test->scene);
    framebuffer_destroy(&fb);
}

/* ---- guest memory ------------------------------------------------------------------------ */

/* Leaves every other page of much memory free, so that the next allocation gets those. */
static unsigned char *fragment_memory(size_t size, size_t page) {
    unsigned char *map =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    GUEST_CHECK(map != MAP_FAILED, "no %zu bytes of memory", size);
    madvise(map, size, MADV_NOHUGEPAGE);
    for (size_t at = 0; at < size; at += page) {
        map[at] = 1;
    }
    for (size_t at = 0; at < size; at += 2 * page) {
        madvise(map + at, page, MADV_DONTNEED);
    }
    return map;
}

static void with_guest_memory(struct scanout_test *test) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), much = (size_t)64 << 20;
    unsigned char *fragments = fragment_memory(much, page);
    struct framebuffer fb = framebuffer_create_blob(&test->card, test->width, test->height,
                                                    DRM_FORMAT_XRGB8888, 52, 4100);
    munmap(fragments, much);
    guest_say("guest blob: stride %u, offset %u, %zu pages", fb.stride, fb.offset, fb.size / page);

    struct guest_buffer rows = rows_create(test);
    render(test, &rows, 35);
    struct picture rendered = as_picture(test, &rows);
    framebuffer_draw(&fb, &rendered);
    show(test, &fb);
    script_check(&test->script, test->output->scanout, &test->scene);

    const struct picture_rect part = {test->width / 3, test->height / 5, 201, 99};
    struct picture before = picture_copy(&test->scene);
    render(test, &rows, 36);
    framebuffer_draw_rect(&fb, &rendered, &part);
    framebuffer_dirty(&fb, &part, 1);
    picture_copy_rect(&before, &test->scene, &part);
    guest_say("a part drawn again");
    script_check(&test->script, test->output->scanout, &before);
    picture_destroy(&before);
    guest_buffer_destroy(&test->g, &rows);
    framebuffer_destroy(&fb);
}

int main(int argc, char **argv) {
    static struct scanout_test test;
    venus_init(&test.g, argc, argv, "drm_blob_scanout");
    const char *buffer = guest_option(&test.g, "--buffer", "gbm");
    const bool exports = strcmp(buffer, "host3d") == 0;
    if (exports) {
        venus_need_extensions(&test.g, EXPORT_EXTENSIONS, GUEST_COUNT(EXPORT_EXTENSIONS));
    }
    guest_create_device(&test.g, EXPORT_EXTENSIONS, exports ? GUEST_COUNT(EXPORT_EXTENSIONS) : 0,
                        NULL);
    card_open(&test.card, &test.g);
    script_init(&test.script, &test.g);
    test.output = card_pick_output(&test.card, &test.g);
    test.atomic = strcmp(guest_option(&test.g, "--commit", "legacy"), "atomic") == 0;
    test.mode = test.output->modes[0];
    test.width = test.mode.hdisplay;
    test.height = test.mode.vdisplay;
    if (exports) {
        with_host3d(&test);
    } else if (strcmp(buffer, "guest") == 0) {
        with_guest_memory(&test);
    } else {
        GUEST_CHECK(strcmp(buffer, "gbm") == 0, "--buffer %s: gbm, host3d or guest", buffer);
        with_gbm(&test);
    }
    picture_destroy(&test.scene);
    card_close(&test.card);
    return guest_finish(&test.g);
}
