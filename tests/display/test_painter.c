/* What the GPU makes of pictures for screens of every kind, number by number, beside the mathematics of
 * display/colour.h. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "canvas.h"
#include "display/swapchain/offer.h"
#include "display/swapchain/painter.h"
#include "held_driver.h"
#include "renderer/driver.h"

#define WIDTH 128
#define HEIGHT 64

/* Images of our own, which the presenter has no use for. */
#define IMAGE_FUNCTIONS(use)                                                                       \
    use(BindImageMemory) use(CreateImage) use(DestroyImage) use(GetImageMemoryRequirements)

static struct {
    struct {
        IMAGE_FUNCTIONS(SCREEN_MEMBER)
    } vk;
    struct screen_instance instance;
    VkSurfaceKHR surface;
    struct screen_gpu gpu;
    struct screen_painter painter;
    struct screen_target target;
    VkDeviceMemory memory;
    struct screen_buffer picture, copy;
} stage;

static const VkSurfaceFormatKHR screens[] = {
    {VK_FORMAT_B8G8R8A8_UNORM, VK_COLOR_SPACE_SRGB_NONLINEAR_KHR},
    {VK_FORMAT_A2B10G10R10_UNORM_PACK32, VK_COLOR_SPACE_SRGB_NONLINEAR_KHR},
    {VK_FORMAT_B8G8R8A8_UNORM, VK_COLOR_SPACE_DISPLAY_P3_NONLINEAR_EXT},
    {VK_FORMAT_A2B10G10R10_UNORM_PACK32, VK_COLOR_SPACE_DISPLAY_P3_NONLINEAR_EXT},
    {VK_FORMAT_R16G16B16A16_SFLOAT, VK_COLOR_SPACE_EXTENDED_SRGB_LINEAR_EXT},
    {VK_FORMAT_A2B10G10R10_UNORM_PACK32, VK_COLOR_SPACE_HDR10_ST2084_EXT},
    {VK_FORMAT_A2R10G10B10_UNORM_PACK32, VK_COLOR_SPACE_HDR10_ST2084_EXT},
};

static const struct presenter_picture pictures[] = {
    {.format = PRESENTER_XRGB8888},
    {.format = PRESENTER_RGBA8888},
    {.format = PRESENTER_ABGR2101010},
    {.format = PRESENTER_ABGR2101010, .is_pq = true},
    {.format = PRESENTER_XRGB2101010, .is_pq = true},
    {.format = PRESENTER_ABGR16161616F},
};

static const struct display_light lights[] = {{1, 1}, {2.5f, 2}, {1, DISPLAY_PEAK}};

/* ---- the stage --------------------------------------------------------------------------- */

static bool open_gpu(void) {
    static const char *const extensions[] = {VK_KHR_SURFACE_EXTENSION_NAME,
                                             VK_EXT_HEADLESS_SURFACE_EXTENSION_NAME};
    const VkHeadlessSurfaceCreateInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_HEADLESS_SURFACE_CREATE_INFO_EXT};
    char reason[256];
    if (screen_instance_open(extensions, 2, &stage.instance, reason, sizeof(reason))) {
        fprintf(stderr, "%s\n", reason);
        return false;
    }
    assert_int_equal(stage.instance.vk.CreateHeadlessSurfaceEXT(stage.instance.handle, &info, NULL,
                                                                &stage.surface),
                     0);
    assert_int_equal(
        screen_gpu_open(&stage.instance, stage.surface, &stage.gpu, reason, sizeof(reason)), 0);
    PFN_vkGetDeviceProcAddr get = stage.instance.vk.GetDeviceProcAddr;
#define TAKE(name) stage.vk.name = (PFN_vk##name)get(stage.gpu.device, "vk" #name);
    IMAGE_FUNCTIONS(TAKE)
#undef TAKE
    assert_int_equal(screen_painter_open(&stage.painter, &stage.gpu), 0);
    assert_int_equal(screen_buffer_create(&stage.gpu, 8 * WIDTH * HEIGHT, &stage.picture), 0);
    assert_int_equal(screen_buffer_create(&stage.gpu, 8 * WIDTH * HEIGHT, &stage.copy), 0);
    return true;
}

static void close_gpu(void) {
    screen_buffer_destroy(&stage.gpu, &stage.picture);
    screen_buffer_destroy(&stage.gpu, &stage.copy);
    screen_painter_close(&stage.painter);
    screen_gpu_close(&stage.gpu);
    stage.instance.vk.DestroySurfaceKHR(stage.instance.handle, stage.surface, NULL);
    screen_instance_close(&stage.instance);
}

static void close_screen(void) {
    screen_painter_drop_target(&stage.painter,
                               &(struct screen_target){.view = stage.target.view,
                                                       .framebuffer = stage.target.framebuffer});
    if (stage.target.image) {
        stage.vk.DestroyImage(stage.gpu.device, stage.target.image, NULL);
        stage.gpu.vk.FreeMemory(stage.gpu.device, stage.memory, NULL);
    }
    stage.target = (struct screen_target){0};
}

static void open_screen(const VkSurfaceFormatKHR *format) {
    const struct screen_gpu *gpu = &stage.gpu;
    const VkImageCreateInfo info = {.sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
                                    .imageType = VK_IMAGE_TYPE_2D,
                                    .format = format->format,
                                    .extent = {WIDTH, HEIGHT, 1},
                                    .mipLevels = 1,
                                    .arrayLayers = 1,
                                    .samples = VK_SAMPLE_COUNT_1_BIT,
                                    .usage = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT |
                                             VK_IMAGE_USAGE_TRANSFER_SRC_BIT |
                                             VK_IMAGE_USAGE_TRANSFER_DST_BIT};
    VkImage image;
    VkMemoryRequirements needs;
    close_screen();
    assert_int_equal(stage.vk.CreateImage(gpu->device, &info, NULL, &image), 0);
    stage.vk.GetImageMemoryRequirements(gpu->device, image, &needs);
    const VkMemoryAllocateInfo memory = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                         .allocationSize = needs.size,
                                         .memoryTypeIndex =
                                             screen_gpu_find_memory(gpu, needs.memoryTypeBits, 0)};
    assert_int_equal(gpu->vk.AllocateMemory(gpu->device, &memory, NULL, &stage.memory), 0);
    assert_int_equal(stage.vk.BindImageMemory(gpu->device, image, stage.memory, 0), 0);
    assert_int_equal(screen_painter_set_format(&stage.painter, format), 0);
    assert_int_equal(
        screen_painter_make_target(&stage.painter, image, WIDTH, HEIGHT, &stage.target), 0);
}

/* ---- numbers ----------------------------------------------------------------------------- */

/* Everything that a half can be, every code, and random words. */
static uint64_t make_word(const struct presenter_picture *picture, uint32_t i) {
    if (presenter_format_bytes(picture->format) == 4) {
        const uint32_t code = i % 1024;
        return i < 1024 ? code | code << 10 | code << 20 : canvas_random();
    }
    static const uint16_t bounds[] = {0x0000, 0x8000, 0x0001, 0x3c00, 0xbc00, 0x7bff, 0xfbff,
                                      0x7c00, 0xfc00, 0x7c01, 0xfe00, 0x7e00, 0x3800, 0x4500};
    uint64_t word = 0;
    for (int j = 0; j < 4; j++) {
        const uint32_t random = canvas_random();
        const uint16_t half = i % 8 == 0   ? bounds[random % 14]
                              : i % 8 == 1 ? (uint16_t)random
                                           : (uint16_t)(random % 0x4800);
        word = word << 16 | half;
    }
    return word;
}

static uint64_t read_word(const void *bytes, uint32_t size, uint32_t i) {
    uint64_t word = 0;
    memcpy(&word, (const uint8_t *)bytes + (size_t)size * i, size); /* little-endian hosts */
    return word;
}

static void read_image(const VkSurfaceFormatKHR *format, uint32_t i, float out[3]) {
    const uint64_t word = read_word(stage.copy.bytes, screen_offer_bytes(format->format), i);
    if (format->format == VK_FORMAT_R16G16B16A16_SFLOAT) {
        for (int j = 0; j < 3; j++) {
            out[j] = display_colour_from_half((uint16_t)(word >> 16 * j));
        }
        return;
    }
    const bool deep = format->format != VK_FORMAT_B8G8R8A8_UNORM;
    const bool red_is_low = format->format == VK_FORMAT_A2B10G10R10_UNORM_PACK32;
    const unsigned bits = deep ? 10 : 8;
    for (unsigned j = 0; j < 3; j++) {
        const unsigned shift = bits * (red_is_low ? j : 2 - j);
        out[j] = (float)(word >> shift & ((1u << bits) - 1));
    }
}

/* What an image should hold: steps of its format, or light. */
static void expect_numbers(const VkSurfaceFormatKHR *format, const struct display_light *light,
                           const float shown[3], float out[3]) {
    memcpy(out, shown, 3 * sizeof(*out));
    display_colour_give(screen_offer_colour(format), light, out);
    if (format->format != VK_FORMAT_R16G16B16A16_SFLOAT) {
        for (int j = 0; j < 3; j++) {
            out[j] *= format->format == VK_FORMAT_B8G8R8A8_UNORM ? 255 : 1023;
        }
    }
}

static bool are_near(const VkSurfaceFormatKHR *format, const float found[3],
                     const float wanted[3]) {
    const bool halves = format->format == VK_FORMAT_R16G16B16A16_SFLOAT;
    for (int j = 0; j < 3; j++) {
        /* A step beside the rounded one; of light, what a curve there and back may lose. */
        const float allowed = halves ? 0.002f + 0.004f * fabsf(wanted[j]) : 1.5f;
        const float limited = halves ? fmaxf(fminf(wanted[j], 49.26f), -49.26f) : wanted[j];
        if (!(fabsf(found[j] - limited) <= allowed)) {
            return false;
        }
    }
    return true;
}

static void put_picture(const struct presenter_picture *picture) {
    const uint32_t size = presenter_format_bytes(picture->format);
    for (uint32_t i = 0; i < WIDTH * HEIGHT; i++) {
        const uint64_t word = make_word(picture, i);
        memcpy((uint8_t *)stage.picture.bytes + (size_t)size * i, &word, size);
    }
}

static void draw(const struct presenter_picture *picture, const struct display_light *light,
                 const struct display_cursor *cursor) {
    const struct screen_job job = {
        .target = &stage.target,
        .pixels = {.buffer = &stage.picture,
                   .stride = presenter_format_bytes(picture->format) * WIDTH,
                   .format = picture->format,
                   .is_pq = picture->is_pq,
                   .source = {0, 0, WIDTH, HEIGHT}},
        .scale = DISPLAY_SCALE_FIT,
        .light = *light,
        .cursor = cursor,
        .copy = &stage.copy};
    assert_int_equal(screen_painter_draw(&stage.painter, &job), 0);
}

static void take_word(const struct presenter_picture *picture, enum display_colour screen,
                      const struct display_light *light, uint32_t i, float out[3]) {
    const uint32_t size = presenter_format_bytes(picture->format);
    canvas_numbers(picture, read_word(stage.picture.bytes, size, i), out);
    display_colour_take(display_colour_of(picture->format, picture->is_pq), screen, light, out);
}

static void compare(size_t screen, const struct presenter_picture *picture, uint32_t i,
                    const float shown[3], const struct display_light *light) {
    float found[3], wanted[3];
    read_image(&screens[screen], i, found);
    expect_numbers(&screens[screen], light, shown, wanted);
    if (!are_near(&screens[screen], found, wanted)) {
        fail_msg(
            "screen %zu, format %x, headroom %g, pixel %u (%llx): %g %g %g instead of %g %g %g",
            screen, picture->format, (double)light->headroom, i,
            (unsigned long long)read_word(stage.picture.bytes,
                                          presenter_format_bytes(picture->format), i),
            (double)found[0], (double)found[1], (double)found[2], (double)wanted[0],
            (double)wanted[1], (double)wanted[2]);
    }
}

/* That is exact, and the presenter suite's. */
static bool is_all_srgb(size_t screen, const struct presenter_picture *picture) {
    return screen_offer_colour(&screens[screen]) == DISPLAY_COLOUR_SRGB &&
           display_colour_of(picture->format, picture->is_pq) == DISPLAY_COLOUR_SRGB;
}

/* ---- tests ------------------------------------------------------------------------------- */

static void check_screen(size_t screen, const struct presenter_picture *picture,
                         const struct display_light *light) {
    static const struct display_cursor none = {.visible = false};
    put_picture(picture);
    draw(picture, light, &none);
    for (uint32_t i = 0; i < WIDTH * HEIGHT; i++) {
        float shown[3];
        take_word(picture, screen_offer_colour(&screens[screen]), light, i, shown);
        compare(screen, picture, i, shown, light);
    }
}

static void test_every_picture_on_every_screen(void **state) {
    (void)state;
    for (size_t screen = 0; screen < sizeof(screens) / sizeof(screens[0]); screen++) {
        open_screen(&screens[screen]);
        for (size_t i = 0; i < sizeof(pictures) / sizeof(pictures[0]); i++) {
            for (size_t j = 0; j < sizeof(lights) / sizeof(lights[0]); j++) {
                if (is_all_srgb(screen, &pictures[i])) {
                    continue;
                }
                check_screen(screen, &pictures[i], &lights[j]);
            }
        }
    }
    close_screen();
}

/* A cursor is sRGB wherever it is: its white is SDR white. */
static void test_cursor_on_every_screen(void **state) {
    (void)state;
    static struct display_cursor cursor = {.visible = true, .x = 5, .y = 3};
    static const struct display_light light = {2.5f, DISPLAY_PEAK};
    for (uint32_t i = 0; i < DISPLAY_CURSOR_PIXELS; i++) {
        const uint32_t alpha = i % 256;
        cursor.pixels[i] = alpha << 24 | alpha << 16 | alpha / 2 << 8 | alpha / 3;
    }
    screen_painter_set_cursor(&stage.painter, cursor.pixels);
    for (size_t screen = 0; screen < sizeof(screens) / sizeof(screens[0]); screen++) {
        const enum display_colour colour = screen_offer_colour(&screens[screen]);
        open_screen(&screens[screen]);
        for (size_t i = 0; i < sizeof(pictures) / sizeof(pictures[0]); i++) {
            if (is_all_srgb(screen, &pictures[i])) {
                continue;
            }
            put_picture(&pictures[i]);
            draw(&pictures[i], &light, &cursor);
            for (uint32_t j = 0; j < 64 * 61; j++) {
                const uint32_t at = (3 + j / 64) * WIDTH + 5 + j % 64, word = cursor.pixels[j];
                const float alpha = (float)(word >> 24) / 255;
                float over[3], shown[3];
                for (int k = 0; k < 3; k++) {
                    over[k] = (float)(word >> (16 - 8 * k) & 0xff) / 255 / (alpha > 0 ? alpha : 1);
                }
                display_colour_take(DISPLAY_COLOUR_SRGB, colour, &light, over);
                take_word(&pictures[i], colour, &light, at, shown);
                for (int k = 0; k < 3; k++) {
                    shown[k] = over[k] * alpha + shown[k] * (1 - alpha);
                }
                compare(screen, &pictures[i], at, shown, &light);
            }
        }
    }
    close_screen();
}

/* ---- turned ------------------------------------------------------------------------------ */

static uint32_t get_grey(uint32_t x, uint32_t y) {
    return 0xff000000 | x << 16 | y << 8 | 0x55;
}

/* A picture of 40 × 24 on the screen: pixel for pixel, or three, or one and a half times as large. */
static void draw_turned(enum display_turn turn, enum display_turn screen, enum display_scale scale,
                        const struct presenter_rect *source) {
    static const struct display_cursor none = {.visible = false};
    uint32_t *words = stage.picture.bytes;
    for (uint32_t y = 0; y < 24; y++) {
        for (uint32_t x = 0; x < 40; x++) {
            words[40 * y + x] = get_grey(x, y);
        }
    }
    stage.target.turn = screen;
    const struct screen_job job = {.target = &stage.target,
                                   .pixels = {.buffer = &stage.picture,
                                              .stride = 160,
                                              .format = PRESENTER_XRGB8888,
                                              .source = *source},
                                   .scale = scale,
                                   .turn = turn,
                                   .cursor = &none,
                                   .copy = &stage.copy};
    assert_int_equal(screen_painter_draw(&stage.painter, &job), 0);
}

/* What the place x, y of the screen should be: nearest pixels, or where `smooth` is said between them. */
static void check_turned(enum display_turn turn, enum display_scale scale,
                         const struct presenter_rect *source, unsigned tolerance) {
    uint32_t width = source->width, height = source->height;
    display_turn_size(turn, &width, &height);
    struct presenter_rect from, to;
    display_scale_place(scale, width, height, WIDTH, HEIGHT, &from, &to);
    const uint32_t *words = stage.copy.bytes;
    for (uint32_t y = 0; y < HEIGHT; y++) {
        for (uint32_t x = 0; x < WIDTH; x++) {
            const uint32_t found = words[WIDTH * y + x];
            if (x < to.x || y < to.y || x >= to.x + to.width || y >= to.y + to.height) {
                assert_int_equal(found & 0xffffff, 0);
                continue;
            }
            uint32_t at_x = from.x + (x - to.x) * from.width / to.width;
            uint32_t at_y = from.y + (y - to.y) * from.height / to.height;
            display_turn_pixel(display_turn_back(turn), width, height, &at_x, &at_y);
            const uint32_t wanted = get_grey(source->x + at_x, source->y + at_y);
            for (unsigned shift = 0; shift < 24; shift += 8) {
                const int difference = (int)(found >> shift & 0xff) - (int)(wanted >> shift & 0xff);
                assert_true(difference >= -(int)tolerance && difference <= (int)tolerance);
            }
        }
    }
}

static void test_every_turn(void **state) {
    (void)state;
    static const struct presenter_rect sources[] = {
        {0, 0, 40, 24}, {7, 3, 20, 20}, {1, 0, 39, 5}, {2, 1, 16, 8}, {0, 0, 8, 16}};
    open_screen(&screens[0]);
    for (unsigned i = 0; i < 16; i++) {
        const enum display_turn turn = (enum display_turn)(i % 4);
        const enum display_turn screen = (enum display_turn)(i / 4);
        for (size_t j = 0; j < sizeof(sources) / sizeof(sources[0]); j++) {
            const enum display_turn both = display_turn_add(turn, screen);
            draw_turned(turn, screen, DISPLAY_SCALE_NONE, &sources[j]);
            check_turned(both, DISPLAY_SCALE_NONE, &sources[j], 0);
            draw_turned(turn, screen, DISPLAY_SCALE_INTEGER, &sources[j]);
            check_turned(both, DISPLAY_SCALE_INTEGER, &sources[j], 0);
            /* Colours are a slope of one a pixel: between two pixels there is no more than that. */
            draw_turned(turn, screen, DISPLAY_SCALE_FIT, &sources[j]);
            check_turned(both, DISPLAY_SCALE_FIT, &sources[j], 1);
        }
    }
    close_screen();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_picture_on_every_screen),
        cmocka_unit_test(test_cursor_on_every_screen),
        cmocka_unit_test(test_every_turn),
    };
    hold_driver();
    if (!open_gpu()) {
        return 77;
    }
    const int failed = cmocka_run_group_tests_name("display_painter", tests, NULL, NULL);
    close_gpu();
    return failed ? 1 : 0;
}
