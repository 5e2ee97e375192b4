/* Regions of images: a copy must never go beyond the bytes that a guest sent or asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <string.h>

#include "renderer/format_layout.h"
#include "renderer/image_region.h"

static struct image make_image(VkFormat format, uint32_t width, uint32_t height, uint32_t depth,
                               uint32_t levels, uint32_t layers) {
    struct image image;
    memset(&image, 0, sizeof(image));
    image.format = format;
    image.extent = (VkExtent3D){width, height, depth};
    image.mip_levels = levels;
    image.array_layers = layers;
    return image;
}

static struct image_region make_region(VkImageAspectFlags aspect, uint32_t width, uint32_t height,
                                       uint32_t depth) {
    return (struct image_region){
        .subresource = {aspect, 0, 0, 1},
        .extent = {width, height, depth},
    };
}

static uint64_t bytes_of(const struct image *image, const struct image_region *region) {
    uint64_t bytes = UINT64_MAX;
    const char *fault = image_region_check(image, region, &bytes);
    if (fault) {
        fail_msg("%s", fault);
    }
    return bytes;
}

static bool is_refused(const struct image *image, const struct image_region *region) {
    uint64_t bytes;
    return image_region_check(image, region, &bytes) != NULL;
}

/* ---- sizes -------------------------------------------------------------------------------- */

static void test_tight_rows(void **state) {
    (void)state;
    struct image image = make_image(VK_FORMAT_R8G8B8A8_UNORM, 64, 32, 1, 7, 3);
    struct image_region region = make_region(VK_IMAGE_ASPECT_COLOR_BIT, 64, 32, 1);
    assert_true(bytes_of(&image, &region) == 64 * 32 * 4);
    region.subresource.layerCount = 3;
    assert_true(bytes_of(&image, &region) == 3 * 64 * 32 * 4);
    region.subresource.baseArrayLayer = 1;
    region.subresource.layerCount = VK_REMAINING_ARRAY_LAYERS;
    assert_true(bytes_of(&image, &region) == 2 * 64 * 32 * 4);
    region.subresource.mipLevel = 6;
    region.extent = (VkExtent3D){1, 1, 1};
    assert_true(bytes_of(&image, &region) == 2 * 4);
}

static void test_loose_rows_end_with_the_last_texel(void **state) {
    (void)state;
    struct image image = make_image(VK_FORMAT_R16_UINT, 100, 100, 1, 1, 2);
    struct image_region region = make_region(VK_IMAGE_ASPECT_COLOR_BIT, 10, 5, 1);
    region.row_length = 20;
    assert_true(bytes_of(&image, &region) == (4 * 20 + 10) * 2);
    region.image_height = 8;
    region.subresource.layerCount = 2;
    assert_true(bytes_of(&image, &region) == ((8 + 4) * 20 + 10) * 2);
    region.extent.width = 0;
    assert_true(bytes_of(&image, &region) == 0);
}

static void test_blocks(void **state) {
    (void)state;
    struct image image = make_image(VK_FORMAT_BC1_RGB_UNORM_BLOCK, 30, 30, 1, 1, 1);
    struct image_region region = make_region(VK_IMAGE_ASPECT_COLOR_BIT, 30, 30, 1);
    assert_true(bytes_of(&image, &region) == 8 * 8 * 8);
    region.extent = (VkExtent3D){5, 4, 1};
    region.row_length = 16;
    assert_true(bytes_of(&image, &region) == 2 * 8);

    image = make_image(VK_FORMAT_ASTC_10x6_SRGB_BLOCK, 20, 12, 1, 1, 1);
    region = make_region(VK_IMAGE_ASPECT_COLOR_BIT, 20, 12, 1);
    assert_true(bytes_of(&image, &region) == 4 * 16);
}

static void test_depth_stencil_and_planes(void **state) {
    (void)state;
    struct image image = make_image(VK_FORMAT_D24_UNORM_S8_UINT, 8, 8, 1, 1, 1);
    struct image_region region = make_region(VK_IMAGE_ASPECT_DEPTH_BIT, 8, 8, 1);
    assert_true(bytes_of(&image, &region) == 8 * 8 * 4);
    region.subresource.aspectMask = VK_IMAGE_ASPECT_STENCIL_BIT;
    assert_true(bytes_of(&image, &region) == 8 * 8);
    region.subresource.aspectMask = VK_IMAGE_ASPECT_COLOR_BIT;
    assert_true(is_refused(&image, &region));

    image = make_image(VK_FORMAT_G8_B8R8_2PLANE_420_UNORM, 8, 8, 1, 1, 1);
    region = make_region(VK_IMAGE_ASPECT_PLANE_1_BIT, 4, 4, 1);
    assert_true(bytes_of(&image, &region) == 4 * 4 * 2);
    region.extent.width = 5;
    assert_true(is_refused(&image, &region));
    region = make_region(VK_IMAGE_ASPECT_PLANE_2_BIT, 4, 4, 1);
    assert_true(is_refused(&image, &region));
}

static void test_volumes(void **state) {
    (void)state;
    struct image image = make_image(VK_FORMAT_R8_UNORM, 16, 16, 16, 2, 1);
    struct image_region region = make_region(VK_IMAGE_ASPECT_COLOR_BIT, 16, 16, 16);
    assert_true(bytes_of(&image, &region) == 16 * 16 * 16);
    region.subresource.mipLevel = 1;
    assert_true(is_refused(&image, &region));
    region.extent = (VkExtent3D){8, 8, 8};
    assert_true(bytes_of(&image, &region) == 8 * 8 * 8);
}

/* ---- refusals ----------------------------------------------------------------------------- */

static void test_regions_outside_of_the_image(void **state) {
    (void)state;
    const struct image image = make_image(VK_FORMAT_R8_UNORM, 16, 16, 1, 2, 4);
    const struct image_region good = make_region(VK_IMAGE_ASPECT_COLOR_BIT, 8, 8, 1);
    assert_false(is_refused(&image, &good));

    struct image_region bad = good;
    bad.offset.x = 9;
    assert_true(is_refused(&image, &bad));
    bad = good;
    bad.offset.y = -1;
    assert_true(is_refused(&image, &bad));
    bad = good;
    bad.offset = (VkOffset3D){INT32_MAX, INT32_MAX, INT32_MAX};
    assert_true(is_refused(&image, &bad));
    bad = good;
    bad.extent.height = UINT32_MAX;
    assert_true(is_refused(&image, &bad));
    bad = good;
    bad.extent.depth = 2;
    assert_true(is_refused(&image, &bad));
    bad = good;
    bad.subresource.mipLevel = 2;
    assert_true(is_refused(&image, &bad));
    bad = good;
    bad.subresource.mipLevel = UINT32_MAX;
    assert_true(is_refused(&image, &bad));
    bad = good;
    bad.subresource.baseArrayLayer = 3;
    bad.subresource.layerCount = 2;
    assert_true(is_refused(&image, &bad));
    bad = good;
    bad.subresource.baseArrayLayer = UINT32_MAX;
    bad.subresource.layerCount = VK_REMAINING_ARRAY_LAYERS;
    assert_true(is_refused(&image, &bad));
    bad = good;
    bad.row_length = 7;
    assert_true(is_refused(&image, &bad));
    bad = good;
    bad.image_height = 7;
    assert_true(is_refused(&image, &bad));
    bad = good;
    bad.subresource.aspectMask = 0;
    assert_true(is_refused(&image, &bad));
    bad.subresource.aspectMask = VK_IMAGE_ASPECT_DEPTH_BIT | VK_IMAGE_ASPECT_STENCIL_BIT;
    assert_true(is_refused(&image, &bad));
}

static void test_sizes_do_not_wrap(void **state) {
    (void)state;
    struct image image =
        make_image(VK_FORMAT_R64G64B64A64_UINT, UINT32_MAX, UINT32_MAX, UINT32_MAX, 1, 1);
    struct image_region region =
        make_region(VK_IMAGE_ASPECT_COLOR_BIT, UINT32_MAX, UINT32_MAX, UINT32_MAX);
    assert_true(is_refused(&image, &region));
    region = make_region(VK_IMAGE_ASPECT_COLOR_BIT, 1, 2, 2);
    region.row_length = UINT32_MAX;
    region.image_height = UINT32_MAX;
    assert_true(is_refused(&image, &region));
    region.row_length = 1;
    assert_true(bytes_of(&image, &region) == (UINT64_C(0xffffffff) + 2) * 32);
}

static void test_unknown_formats(void **state) {
    (void)state;
    struct image image = make_image(VK_FORMAT_UNDEFINED, 4, 4, 1, 1, 1);
    struct image_region region = make_region(VK_IMAGE_ASPECT_COLOR_BIT, 4, 4, 1);
    assert_true(is_refused(&image, &region));
    image.format = (VkFormat)1999999999;
    assert_true(is_refused(&image, &region));
}

/* ---- whole levels ------------------------------------------------------------------------- */

static void test_whole_levels(void **state) {
    (void)state;
    struct image image = make_image(VK_FORMAT_R8_UNORM, 16, 8, 1, 2, 1);
    struct image_region region = make_region(VK_IMAGE_ASPECT_COLOR_BIT, 16, 8, 1);
    assert_true(image_region_is_whole(&image, &region));
    region.subresource.mipLevel = 1;
    assert_false(image_region_is_whole(&image, &region));
    region.extent = (VkExtent3D){8, 4, 1};
    assert_true(image_region_is_whole(&image, &region));
    region.offset.x = 1;
    assert_false(image_region_is_whole(&image, &region));
    region.offset.x = 0;
    region.row_length = 8;
    assert_false(image_region_is_whole(&image, &region));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tight_rows),
        cmocka_unit_test(test_loose_rows_end_with_the_last_texel),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_depth_stencil_and_planes),
        cmocka_unit_test(test_volumes),
        cmocka_unit_test(test_regions_outside_of_the_image),
        cmocka_unit_test(test_sizes_do_not_wrap),
        cmocka_unit_test(test_unknown_formats),
        cmocka_unit_test(test_whole_levels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
