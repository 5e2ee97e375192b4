/* The one modifier there is: which formats have it, which creations become LINEAR images, and in
 * what words the others are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "renderer/chain.h"
#include "renderer/linear_modifier.h"
#include "renderer/physical_device.h"
#include "venus_tables.h"

/* ---- formats ------------------------------------------------------------------------------ */

static VkFormatFeatureFlags narrow_features;
static VkFormatFeatureFlags2 wide_features; /* 0: the driver does not know the structure */

static VKAPI_ATTR void VKAPI_CALL get_format_properties2(VkPhysicalDevice device, VkFormat format,
                                                         VkFormatProperties2 *out) {
    (void)device, (void)format;
    out->formatProperties.linearTilingFeatures = narrow_features;
    out->formatProperties.optimalTilingFeatures = 0x55;
    VkFormatProperties3 *wide = chain_find(out, VK_STRUCTURE_TYPE_FORMAT_PROPERTIES_3);
    if (wide && wide_features) {
        wide->linearTilingFeatures = wide_features;
    }
}

static const struct vn_instance_table functions = {
    .GetPhysicalDeviceFormatProperties2 = get_format_properties2,
};

static void test_features_are_those_of_linear_tiling(void **state) {
    (void)state;
    const struct physical_device device = {.vk = &functions};
    narrow_features = VK_FORMAT_FEATURE_SAMPLED_IMAGE_BIT;
    wide_features = 0;
    assert_int_equal(linear_modifier_get_features(&device, VK_FORMAT_B8G8R8A8_UNORM),
                     VK_FORMAT_FEATURE_SAMPLED_IMAGE_BIT);
    wide_features =
        VK_FORMAT_FEATURE_2_SAMPLED_IMAGE_BIT | VK_FORMAT_FEATURE_2_STORAGE_READ_WITHOUT_FORMAT_BIT;
    assert_true(linear_modifier_get_features(&device, VK_FORMAT_B8G8R8A8_UNORM) == wide_features);
    narrow_features = wide_features = 0;
    assert_int_equal(linear_modifier_get_features(&device, VK_FORMAT_B8G8R8A8_UNORM), 0);
}

static void test_only_single_planes_of_color_have_it(void **state) {
    (void)state;
    const struct physical_device device = {.vk = &functions};
    narrow_features = VK_FORMAT_FEATURE_SAMPLED_IMAGE_BIT;
    wide_features = 0;
    static const VkFormat with[] = {VK_FORMAT_R8_UNORM, VK_FORMAT_R5G6B5_UNORM_PACK16,
                                    VK_FORMAT_A2B10G10R10_UNORM_PACK32,
                                    VK_FORMAT_R16G16B16A16_SFLOAT};
    for (size_t i = 0; i < sizeof(with) / sizeof(with[0]); i++) {
        assert_int_not_equal(linear_modifier_get_features(&device, with[i]), 0);
    }
    static const VkFormat without[] = {VK_FORMAT_UNDEFINED,
                                       VK_FORMAT_D16_UNORM,
                                       VK_FORMAT_S8_UINT,
                                       VK_FORMAT_D24_UNORM_S8_UINT,
                                       VK_FORMAT_G8_B8R8_2PLANE_420_UNORM,
                                       (VkFormat)0x7ffffff0};
    for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++) {
        assert_int_equal(linear_modifier_get_features(&device, without[i]), 0);
    }
}

/* ---- creation ----------------------------------------------------------------------------- */

static VkImageCreateInfo image_info(const void *chain) {
    return (VkImageCreateInfo){
        .sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
        .pNext = chain,
        .imageType = VK_IMAGE_TYPE_2D,
        .format = VK_FORMAT_B8G8R8A8_UNORM,
        .extent = {64, 32, 1},
        .mipLevels = 1,
        .arrayLayers = 1,
        .samples = VK_SAMPLE_COUNT_1_BIT,
        .tiling = VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT,
    };
}

static VkImageDrmFormatModifierListCreateInfoEXT list_of(const uint64_t *modifiers,
                                                         uint32_t count) {
    return (VkImageDrmFormatModifierListCreateInfoEXT){
        .sType = VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_LIST_CREATE_INFO_EXT,
        .drmFormatModifierCount = count,
        .pDrmFormatModifiers = modifiers,
    };
}

static VkImageDrmFormatModifierExplicitCreateInfoEXT explicit_of(const VkSubresourceLayout *planes,
                                                                 uint32_t count) {
    return (VkImageDrmFormatModifierExplicitCreateInfoEXT){
        .sType = VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_EXPLICIT_CREATE_INFO_EXT,
        .drmFormatModifierPlaneCount = count,
        .pPlaneLayouts = planes,
    };
}

static const uint64_t linear_last[] = {UINT64_C(0x0100000000000001), UINT64_MAX, 0};
static const VkSubresourceLayout plane = {.offset = 64, .rowPitch = 512};

static void test_lists_become_linear_images(void **state) {
    (void)state;
    VkImageStencilUsageCreateInfo other = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_STENCIL_USAGE_CREATE_INFO,
    };
    VkImageDrmFormatModifierListCreateInfoEXT list = list_of(linear_last, 3);
    list.pNext = &other;
    VkImageCreateInfo info = image_info(&list);
    struct linear_modifier_layout layout;
    assert_null(linear_modifier_translate(&info, &layout));
    assert_int_equal(info.tiling, VK_IMAGE_TILING_LINEAR);
    assert_ptr_equal(info.pNext, &other);
    assert_null(other.pNext);
    assert_false(layout.is_given);
}

static void test_a_given_layout_is_told(void **state) {
    (void)state;
    VkImageDrmFormatModifierExplicitCreateInfoEXT given = explicit_of(&plane, 1);
    VkImageCreateInfo info = image_info(&given);
    struct linear_modifier_layout layout;
    assert_null(linear_modifier_translate(&info, &layout));
    assert_int_equal(info.tiling, VK_IMAGE_TILING_LINEAR);
    assert_null(info.pNext);
    assert_true(layout.is_given);
    assert_int_equal(layout.offset, 64);
    assert_int_equal(layout.row_pitch, 512);
}

static void expect_fault(VkImageCreateInfo info, const char *sentence) {
    struct linear_modifier_layout layout;
    assert_string_equal(linear_modifier_translate(&info, &layout), sentence);
    assert_false(layout.is_given);
}

static void test_modifiers_must_be_linear(void **state) {
    (void)state;
    static const char either[] = "an image has either a list of modifiers or one modifier";
    expect_fault(image_info(NULL), either);
    VkImageDrmFormatModifierListCreateInfoEXT list = list_of(linear_last, 3);
    VkImageDrmFormatModifierExplicitCreateInfoEXT given = explicit_of(&plane, 1);
    given.pNext = &list;
    expect_fault(image_info(&given), either);

    static const char lacks[] = "the list of modifiers lacks LINEAR, the only one there is";
    list = list_of(linear_last, 2);
    expect_fault(image_info(&list), lacks);
    list = list_of(NULL, 2);
    expect_fault(image_info(&list), lacks);
    list = list_of(linear_last, 0);
    expect_fault(image_info(&list), lacks);

    given = explicit_of(&plane, 1);
    given.drmFormatModifier = 1;
    expect_fault(image_info(&given), "LINEAR is the only modifier there is");
    static const char planes[] = "the modifier LINEAR has one memory plane";
    const VkSubresourceLayout two[2] = {plane, plane};
    given = explicit_of(two, 2);
    expect_fault(image_info(&given), planes);
    given = explicit_of(NULL, 0);
    expect_fault(image_info(&given), planes);
    given = explicit_of(NULL, 1);
    expect_fault(image_info(&given), planes);
}

static void test_images_must_be_plain(void **state) {
    (void)state;
    static const char plain[] = "an image with a modifier has two dimensions and one level, layer, "
                                "sample and memory plane";
    VkImageDrmFormatModifierListCreateInfoEXT list = list_of(linear_last, 3);
    VkImageCreateInfo info = image_info(&list);
    info.imageType = VK_IMAGE_TYPE_3D;
    expect_fault(info, plain);
    info = image_info(&list);
    info.extent.depth = 2;
    expect_fault(info, plain);
    info = image_info(&list);
    info.mipLevels = 2;
    expect_fault(info, plain);
    info = image_info(&list);
    info.arrayLayers = 6;
    expect_fault(info, plain);
    info = image_info(&list);
    info.samples = VK_SAMPLE_COUNT_4_BIT;
    expect_fault(info, plain);
    static const VkImageCreateFlags flags[] = {VK_IMAGE_CREATE_DISJOINT_BIT,
                                               VK_IMAGE_CREATE_SPARSE_BINDING_BIT,
                                               VK_IMAGE_CREATE_CUBE_COMPATIBLE_BIT};
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        info = image_info(&list);
        info.flags = flags[i];
        expect_fault(info, plain);
    }
    info = image_info(&list);
    info.format = VK_FORMAT_D32_SFLOAT;
    expect_fault(info, "images of its format have no modifier");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_features_are_those_of_linear_tiling),
        cmocka_unit_test(test_only_single_planes_of_color_have_it),
        cmocka_unit_test(test_lists_become_linear_images),
        cmocka_unit_test(test_a_given_layout_is_told),
        cmocka_unit_test(test_modifiers_must_be_linear),
        cmocka_unit_test(test_images_must_be_plain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
