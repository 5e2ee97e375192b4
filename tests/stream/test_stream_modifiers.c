/* Images with modifiers on a host that knows none: what the host hears, what the guest hears, and
 * in what words it is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "expect.h"
#include "image_host.h"
#include "renderer/chain.h"

#define PHYSICAL ID(VkPhysicalDevice, GUEST_PHYSICAL_DEVICE)
#define DEVICE ID(VkDevice, GUEST_DEVICE)
#define MODIFIER_TILING VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT
#define DMA_BUF VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT

enum { IMAGE = GUEST_FIRST_FREE_ID, OTHER_IMAGE };

/* ---- formats ------------------------------------------------------------------------------- */

/* Asks for a list with room for `room` entries (no array where it is 0): the count, and the first
 * entry. */
static uint32_t ask_list(struct guest *g, VkFormat format, uint32_t room,
                         VkDrmFormatModifierPropertiesEXT *first) {
    VkDrmFormatModifierPropertiesEXT entries[4] = {{0}};
    VkDrmFormatModifierPropertiesListEXT list = {
        .sType = VK_STRUCTURE_TYPE_DRM_FORMAT_MODIFIER_PROPERTIES_LIST_EXT,
        .drmFormatModifierCount = room,
        .pDrmFormatModifierProperties = room ? entries : NULL,
    };
    VkFormatProperties2 properties = {.sType = VK_STRUCTURE_TYPE_FORMAT_PROPERTIES_2,
                                      .pNext = &list};
    struct vn_vkGetPhysicalDeviceFormatProperties2 a = {
        .physicalDevice = PHYSICAL, .format = format, .pFormatProperties = &properties};
    GUEST_CALL(g->context_stream, vkGetPhysicalDeviceFormatProperties2, &a);
    const VkDrmFormatModifierPropertiesListEXT *out =
        chain_find(a.pFormatProperties, VK_STRUCTURE_TYPE_DRM_FORMAT_MODIFIER_PROPERTIES_LIST_EXT);
    assert_non_null(out);
    assert_int_not_equal(a.pFormatProperties->formatProperties.optimalTilingFeatures, 0);
    if (room && out->drmFormatModifierCount) {
        *first = out->pDrmFormatModifierProperties[0];
    }
    return out->drmFormatModifierCount;
}

static void test_formats_have_the_modifier_linear(void **state) {
    (void)state;
    struct guest *g = image_host_open(NULL);
    VkDrmFormatModifierPropertiesEXT first = {0};
    assert_int_equal(ask_list(g, VK_FORMAT_B8G8R8A8_UNORM, 0, &first), 1);
    for (uint32_t room = 1; room <= 4; room++) {
        first.drmFormatModifier = 99;
        assert_int_equal(ask_list(g, VK_FORMAT_B8G8R8A8_UNORM, room, &first), 1);
        assert_int_equal(first.drmFormatModifier, 0);
        assert_int_equal(first.drmFormatModifierPlaneCount, 1);
        assert_int_equal(first.drmFormatModifierTilingFeatures,
                         VK_FORMAT_FEATURE_SAMPLED_IMAGE_BIT |
                             VK_FORMAT_FEATURE_COLOR_ATTACHMENT_BIT);
    }
    assert_int_equal(ask_list(g, VK_FORMAT_D32_SFLOAT, 0, &first), 0);
    assert_int_equal(ask_list(g, VK_FORMAT_G8_B8R8_2PLANE_420_UNORM, 4, &first), 0);
    guest_destroy(g);
}

static void test_wide_lists_are_the_same(void **state) {
    (void)state;
    struct guest *g = image_host_open(NULL);
    VkDrmFormatModifierProperties2EXT entry = {0};
    VkDrmFormatModifierPropertiesList2EXT list = {
        .sType = VK_STRUCTURE_TYPE_DRM_FORMAT_MODIFIER_PROPERTIES_LIST_2_EXT,
        .drmFormatModifierCount = 1,
        .pDrmFormatModifierProperties = &entry,
    };
    VkFormatProperties2 properties = {.sType = VK_STRUCTURE_TYPE_FORMAT_PROPERTIES_2,
                                      .pNext = &list};
    struct vn_vkGetPhysicalDeviceFormatProperties2 a = {
        .physicalDevice = PHYSICAL, .format = VK_FORMAT_R8_UNORM, .pFormatProperties = &properties};
    GUEST_CALL(g->context_stream, vkGetPhysicalDeviceFormatProperties2, &a);
    const VkDrmFormatModifierPropertiesList2EXT *out = chain_find(
        a.pFormatProperties, VK_STRUCTURE_TYPE_DRM_FORMAT_MODIFIER_PROPERTIES_LIST_2_EXT);
    assert_int_equal(out->drmFormatModifierCount, 1);
    assert_int_equal(out->pDrmFormatModifierProperties[0].drmFormatModifierPlaneCount, 1);
    assert_true(out->pDrmFormatModifierProperties[0].drmFormatModifierTilingFeatures ==
                (VK_FORMAT_FEATURE_2_SAMPLED_IMAGE_BIT | VK_FORMAT_FEATURE_2_COLOR_ATTACHMENT_BIT));
    guest_destroy(g);
}

/* ---- image queries --------------------------------------------------------------------------- */

static struct vn_vkGetPhysicalDeviceImageFormatProperties2
ask_image(struct guest *g, VkImageTiling tiling, VkExternalMemoryHandleTypeFlagBits type,
          const uint64_t *modifier) {
    const VkPhysicalDeviceImageDrmFormatModifierInfoEXT modifier_info = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_DRM_FORMAT_MODIFIER_INFO_EXT,
        .drmFormatModifier = modifier ? *modifier : 0,
    };
    const VkPhysicalDeviceExternalImageFormatInfo external_info = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO,
        .pNext = modifier ? &modifier_info : NULL,
        .handleType = type,
    };
    VkExternalImageFormatProperties external = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_IMAGE_FORMAT_PROPERTIES};
    VkImageFormatProperties2 properties = {.sType = VK_STRUCTURE_TYPE_IMAGE_FORMAT_PROPERTIES_2,
                                           .pNext = &external};
    const VkPhysicalDeviceImageFormatInfo2 info = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_FORMAT_INFO_2,
        .pNext = &external_info,
        .format = VK_FORMAT_B8G8R8A8_UNORM,
        .type = VK_IMAGE_TYPE_2D,
        .tiling = tiling,
        .usage = VK_IMAGE_USAGE_SAMPLED_BIT,
    };
    struct vn_vkGetPhysicalDeviceImageFormatProperties2 a = {
        .physicalDevice = PHYSICAL,
        .pImageFormatInfo = &info,
        .pImageFormatProperties = &properties,
    };
    GUEST_CALL(g->context_stream, vkGetPhysicalDeviceImageFormatProperties2, &a);
    return a;
}

static const VkExternalMemoryProperties *
external_of(const struct vn_vkGetPhysicalDeviceImageFormatProperties2 *a) {
    const VkExternalImageFormatProperties *external =
        chain_find(a->pImageFormatProperties, VK_STRUCTURE_TYPE_EXTERNAL_IMAGE_FORMAT_PROPERTIES);
    assert_non_null(external);
    return &external->externalMemoryProperties;
}

static const uint64_t linear = 0, tiled = 1;

static void expect_shared_as_dma_buf(const VkExternalMemoryProperties *properties) {
    assert_int_equal(properties->externalMemoryFeatures,
                     VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT |
                         VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT);
    assert_int_equal(properties->exportFromImportedHandleTypes, DMA_BUF);
    assert_int_equal(properties->compatibleHandleTypes, DMA_BUF);
}

static void test_the_host_is_asked_for_imported_linear_images(void **state) {
    (void)state;
    struct guest *g = image_host_open(NULL);
    struct vn_vkGetPhysicalDeviceImageFormatProperties2 a =
        ask_image(g, MODIFIER_TILING, DMA_BUF, &linear);
    assert_int_equal(a.ret, VK_SUCCESS);
    expect_shared_as_dma_buf(external_of(&a));
    const VkImageFormatProperties *limits = &a.pImageFormatProperties->imageFormatProperties;
    assert_int_equal(limits->maxExtent.width, 2048);
    assert_int_equal(limits->maxExtent.depth, 1);
    assert_int_equal(limits->maxMipLevels, 1);
    assert_int_equal(limits->maxArrayLayers, 1);
    assert_int_equal(limits->sampleCounts, VK_SAMPLE_COUNT_1_BIT);
    assert_int_equal(image_host.image_queries, 1);
    assert_int_equal(image_host.tiling, VK_IMAGE_TILING_LINEAR);
    assert_int_equal(image_host.handle_type,
                     VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT);
    assert_int_equal(image_host.chain_length, 1);

    a = ask_image(g, VK_IMAGE_TILING_LINEAR, DMA_BUF, NULL);
    assert_int_equal(a.ret, VK_SUCCESS);
    expect_shared_as_dma_buf(external_of(&a));
    assert_int_equal(a.pImageFormatProperties->imageFormatProperties.maxMipLevels, 12);
    /* Swapchains ask without saying that they will share. */
    a = ask_image(g, MODIFIER_TILING, 0, &linear);
    assert_int_equal(a.ret, VK_SUCCESS);
    assert_int_equal(image_host.handle_type,
                     VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT);

    image_host.imports = false;
    a = ask_image(g, MODIFIER_TILING, DMA_BUF, &linear);
    assert_int_equal(a.ret, VK_ERROR_FORMAT_NOT_SUPPORTED);
    assert_int_equal(external_of(&a)->externalMemoryFeatures, 0);
    assert_int_equal(a.pImageFormatProperties->imageFormatProperties.maxExtent.width, 0);
    guest_destroy(g);
}

static void test_the_host_does_not_hear_of_other_modifiers(void **state) {
    (void)state;
    struct guest *g = image_host_open(NULL);
    const VkResult refused = VK_ERROR_FORMAT_NOT_SUPPORTED;
    assert_int_equal(ask_image(g, MODIFIER_TILING, DMA_BUF, &tiled).ret, refused);
    assert_int_equal(ask_image(g, MODIFIER_TILING, DMA_BUF, NULL).ret, refused);
    assert_int_equal(ask_image(g, MODIFIER_TILING, 0, NULL).ret, refused);
    assert_int_equal(ask_image(g, VK_IMAGE_TILING_OPTIMAL, DMA_BUF, NULL).ret, refused);
    const VkExternalMemoryHandleTypeFlagBits opaque = VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT;
    assert_int_equal(ask_image(g, VK_IMAGE_TILING_LINEAR, opaque, NULL).ret, refused);
    assert_int_equal(ask_image(g, MODIFIER_TILING, opaque, &linear).ret, refused);

    VkImageFormatProperties limits;
    struct vn_vkGetPhysicalDeviceImageFormatProperties old = {
        .physicalDevice = PHYSICAL,
        .format = VK_FORMAT_B8G8R8A8_UNORM,
        .type = VK_IMAGE_TYPE_2D,
        .tiling = MODIFIER_TILING,
        .usage = VK_IMAGE_USAGE_SAMPLED_BIT,
        .pImageFormatProperties = &limits,
    };
    GUEST_CALL(g->context_stream, vkGetPhysicalDeviceImageFormatProperties, &old);
    assert_int_equal(old.ret, refused);

    uint32_t count = 7;
    const VkPhysicalDeviceSparseImageFormatInfo2 sparse_info = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SPARSE_IMAGE_FORMAT_INFO_2,
        .format = VK_FORMAT_B8G8R8A8_UNORM,
        .type = VK_IMAGE_TYPE_2D,
        .samples = VK_SAMPLE_COUNT_1_BIT,
        .tiling = MODIFIER_TILING,
    };
    struct vn_vkGetPhysicalDeviceSparseImageFormatProperties2 sparse = {
        .physicalDevice = PHYSICAL, .pFormatInfo = &sparse_info, .pPropertyCount = &count};
    GUEST_CALL(g->context_stream, vkGetPhysicalDeviceSparseImageFormatProperties2, &sparse);
    assert_int_equal(*sparse.pPropertyCount, 0);
    assert_int_equal(image_host.image_queries, 0);
    guest_destroy(g);
}

/* ---- creation -------------------------------------------------------------------------------- */

static const uint64_t modifiers[] = {UINT64_C(0x0100000000000002), 0};
static const VkImageDrmFormatModifierListCreateInfoEXT with_list = {
    .sType = VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_LIST_CREATE_INFO_EXT,
    .drmFormatModifierCount = 2,
    .pDrmFormatModifiers = modifiers,
};
static const VkImageDrmFormatModifierListCreateInfoEXT with_tiled_list = {
    .sType = VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_LIST_CREATE_INFO_EXT,
    .drmFormatModifierCount = 1,
    .pDrmFormatModifiers = modifiers,
};

static VkImageCreateInfo image_info(const void *chain, VkImageTiling tiling) {
    return (VkImageCreateInfo){
        .sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
        .pNext = chain,
        .imageType = VK_IMAGE_TYPE_2D,
        .format = VK_FORMAT_B8G8R8A8_UNORM,
        .extent = {64, 32, 1},
        .mipLevels = 1,
        .arrayLayers = 1,
        .samples = VK_SAMPLE_COUNT_1_BIT,
        .tiling = tiling,
        .usage = VK_IMAGE_USAGE_SAMPLED_BIT,
    };
}

static VkResult create_image(struct guest *g, uint64_t id, const void *chain) {
    const VkExternalMemoryImageCreateInfo external = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO,
        .pNext = chain,
        .handleTypes = DMA_BUF,
    };
    VkImageCreateInfo info =
        image_info(&external, chain ? MODIFIER_TILING : VK_IMAGE_TILING_LINEAR);
    struct vn_vkCreateImage a = {.device = DEVICE, .pCreateInfo = &info, .pImage_id = id};
    GUEST_CALL(g->context_stream, vkCreateImage, &a);
    return a.ret;
}

static VkResult create_explicit(struct guest *g, uint64_t id, uint64_t offset, uint64_t pitch) {
    const VkSubresourceLayout plane = {.offset = offset, .rowPitch = pitch};
    const VkImageDrmFormatModifierExplicitCreateInfoEXT given = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_EXPLICIT_CREATE_INFO_EXT,
        .drmFormatModifierPlaneCount = 1,
        .pPlaneLayouts = &plane,
    };
    return create_image(g, id, &given);
}

static void test_the_host_makes_linear_images(void **state) {
    (void)state;
    struct guest *g = image_host_open(NULL);
    assert_int_equal(create_image(g, IMAGE, &with_list), VK_SUCCESS);
    assert_int_equal(image_host.creations, 1);
    assert_int_equal(image_host.tiling, VK_IMAGE_TILING_LINEAR);
    assert_int_equal(image_host.chain_length, 0);
    VkImageDrmFormatModifierPropertiesEXT properties = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_PROPERTIES_EXT};
    struct vn_vkGetImageDrmFormatModifierPropertiesEXT a = {
        .device = DEVICE, .image = ID(VkImage, IMAGE), .pProperties = &properties};
    GUEST_CALL(g->context_stream, vkGetImageDrmFormatModifierPropertiesEXT, &a);
    assert_int_equal(a.ret, VK_SUCCESS);
    assert_int_equal(a.pProperties->drmFormatModifier, 0);
    guest_destroy(g);
    assert_int_equal(image_host.destructions, 1);
}

static void test_a_given_layout_must_be_the_hosts(void **state) {
    (void)state;
    const VkResult refused = VK_ERROR_INVALID_DRM_FORMAT_MODIFIER_PLANE_LAYOUT_EXT;
    struct guest *g = image_host_open(NULL);
    assert_int_equal(create_explicit(g, IMAGE, 0, IMAGE_HOST_ROW_PITCH), VK_SUCCESS);
    assert_int_equal(image_host.creations, 1);
    assert_int_equal(image_host.destructions, 0);
    assert_int_equal(create_explicit(g, OTHER_IMAGE, 0, IMAGE_HOST_ROW_PITCH + 64), refused);
    assert_int_equal(create_explicit(g, OTHER_IMAGE, 64, IMAGE_HOST_ROW_PITCH), refused);
    assert_int_equal(image_host.creations, 3);
    assert_int_equal(image_host.destructions, 2);
    assert_int_equal(create_image(g, OTHER_IMAGE, &with_tiled_list), refused);
    assert_int_equal(image_host.creations, 3);
    guest_destroy(g);
    assert_int_equal(image_host.destructions, 3);
}

/* Without a reply the guest goes on as if there were an image. */
static void test_an_image_that_is_refused_is_poisoned(void **state) {
    (void)state;
    struct guest *g = image_host_open(NULL);
    const VkImageCreateInfo info = image_info(&with_tiled_list, MODIFIER_TILING);
    GUEST_WRITE(g->context_stream, vkCreateImage, .device = DEVICE, .pCreateInfo = &info,
                .pImage_id = IMAGE);
    VkSubresourceLayout layout;
    GUEST_WRITE(g->context_stream, vkGetImageSubresourceLayout, .device = DEVICE,
                .image = ID(VkImage, IMAGE), .pSubresource = &(VkImageSubresource){0},
                .pLayout = &layout);
    GUEST_WRITE(g->context_stream, vkDestroyImage, .device = DEVICE, .image = ID(VkImage, IMAGE));
    assert_true(guest_finish(g->context_stream));
    assert_int_equal(image_host.creations, 0);
    assert_int_equal(image_host.layout_queries, 0);
    assert_int_equal(image_host.destructions, 0);
    guest_destroy(g);
}

static void test_requirements_are_those_of_a_linear_image(void **state) {
    (void)state;
    struct guest *g = image_host_open(NULL);
    VkImageCreateInfo info = image_info(&with_list, MODIFIER_TILING);
    const VkDeviceImageMemoryRequirements wanted = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_IMAGE_MEMORY_REQUIREMENTS,
        .pCreateInfo = &info,
        .planeAspect = VK_IMAGE_ASPECT_MEMORY_PLANE_0_BIT_EXT,
    };
    VkMemoryRequirements2 out = {.sType = VK_STRUCTURE_TYPE_MEMORY_REQUIREMENTS_2};
    struct vn_vkGetDeviceImageMemoryRequirements a = {
        .device = DEVICE, .pInfo = &wanted, .pMemoryRequirements = &out};
    GUEST_CALL(g->context_stream, vkGetDeviceImageMemoryRequirements, &a);
    assert_int_equal(a.pMemoryRequirements->memoryRequirements.size, 8192);
    assert_int_equal(image_host.tiling, VK_IMAGE_TILING_LINEAR);
    assert_int_equal(image_host.plane_aspect, 0);
    assert_int_equal(image_host.chain_length, 0);

    info.pNext = &with_tiled_list;
    a.pMemoryRequirements = &out;
    GUEST_CALL(g->context_stream, vkGetDeviceImageMemoryRequirements, &a);
    assert_int_equal(a.pMemoryRequirements->memoryRequirements.memoryTypeBits, 0);
    guest_destroy(g);
}

/* ---- aspects --------------------------------------------------------------------------------- */

static void test_the_memory_plane_is_the_color(void **state) {
    (void)state;
    struct guest *g = image_host_open(NULL);
    assert_int_equal(create_image(g, IMAGE, &with_list), VK_SUCCESS);
    const VkImageSubresource plane = {.aspectMask = VK_IMAGE_ASPECT_MEMORY_PLANE_0_BIT_EXT};
    VkSubresourceLayout layout;
    struct vn_vkGetImageSubresourceLayout a = {
        .device = DEVICE, .image = ID(VkImage, IMAGE), .pSubresource = &plane, .pLayout = &layout};
    GUEST_CALL(g->context_stream, vkGetImageSubresourceLayout, &a);
    assert_int_equal(a.pLayout->rowPitch, IMAGE_HOST_ROW_PITCH);
    assert_int_equal(image_host.aspect, VK_IMAGE_ASPECT_COLOR_BIT);

    image_host.aspect = 0;
    const VkImageSubresource2 plane2 = {.sType = VK_STRUCTURE_TYPE_IMAGE_SUBRESOURCE_2,
                                        .imageSubresource = plane};
    VkSubresourceLayout2 layout2 = {.sType = VK_STRUCTURE_TYPE_SUBRESOURCE_LAYOUT_2};
    struct vn_vkGetImageSubresourceLayout2 b = {.device = DEVICE,
                                                .image = ID(VkImage, IMAGE),
                                                .pSubresource = &plane2,
                                                .pLayout = &layout2};
    GUEST_CALL(g->context_stream, vkGetImageSubresourceLayout2, &b);
    assert_int_equal(b.pLayout->subresourceLayout.rowPitch, IMAGE_HOST_ROW_PITCH);
    assert_int_equal(image_host.aspect, VK_IMAGE_ASPECT_COLOR_BIT);

    image_host.aspect = 0;
    const VkImageCreateInfo info = image_info(&with_list, MODIFIER_TILING);
    const VkDeviceImageSubresourceInfo device_info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_IMAGE_SUBRESOURCE_INFO,
        .pCreateInfo = &info,
        .pSubresource = &plane2,
    };
    struct vn_vkGetDeviceImageSubresourceLayout c = {
        .device = DEVICE, .pInfo = &device_info, .pLayout = &layout2};
    GUEST_CALL(g->context_stream, vkGetDeviceImageSubresourceLayout, &c);
    assert_int_equal(c.pLayout->subresourceLayout.rowPitch, IMAGE_HOST_ROW_PITCH);
    assert_int_equal(image_host.aspect, VK_IMAGE_ASPECT_COLOR_BIT);
    assert_int_equal(image_host.tiling, VK_IMAGE_TILING_LINEAR);
    guest_destroy(g);
}

static void expect_no_layout(VkImageAspectFlags aspect, const void *modifier) {
    struct guest *g = image_host_open(NULL);
    assert_int_equal(create_image(g, IMAGE, modifier), VK_SUCCESS);
    VkSubresourceLayout layout;
    GUEST_WRITE(g->context_stream, vkGetImageSubresourceLayout, .device = DEVICE,
                .image = ID(VkImage, IMAGE),
                .pSubresource = &(VkImageSubresource){.aspectMask = aspect}, .pLayout = &layout);
    guest_send(g->context_stream);
    expect_refusal(g, "vkGetImageSubresourceLayout (on the context stream): "
                      "pSubresource.aspectMask: the image has no such memory plane");
    assert_int_equal(image_host.layout_queries, 0);
}

static void test_there_is_no_other_memory_plane(void **state) {
    (void)state;
    expect_no_layout(VK_IMAGE_ASPECT_MEMORY_PLANE_1_BIT_EXT, &with_list);
    expect_no_layout(VK_IMAGE_ASPECT_MEMORY_PLANE_0_BIT_EXT | VK_IMAGE_ASPECT_COLOR_BIT,
                     &with_list);
    expect_no_layout(VK_IMAGE_ASPECT_MEMORY_PLANE_0_BIT_EXT, NULL);
}

static void test_memory_planes_are_not_bound_apart(void **state) {
    (void)state;
    struct guest *g = image_host_open(NULL);
    assert_int_equal(create_image(g, IMAGE, &with_list), VK_SUCCESS);
    assert_int_equal(guest_allocate_memory(g->context_stream, OTHER_IMAGE, 0, 8192), VK_SUCCESS);
    const VkBindImagePlaneMemoryInfo plane = {
        .sType = VK_STRUCTURE_TYPE_BIND_IMAGE_PLANE_MEMORY_INFO,
        .planeAspect = VK_IMAGE_ASPECT_MEMORY_PLANE_0_BIT_EXT,
    };
    const VkBindImageMemoryInfo bind = {
        .sType = VK_STRUCTURE_TYPE_BIND_IMAGE_MEMORY_INFO,
        .pNext = &plane,
        .image = ID(VkImage, IMAGE),
        .memory = ID(VkDeviceMemory, OTHER_IMAGE),
    };
    GUEST_WRITE(g->context_stream, vkBindImageMemory2, .device = DEVICE, .bindInfoCount = 1,
                .pBindInfos = (void *)&bind);
    guest_send(g->context_stream);
    expect_refusal(g, "vkBindImageMemory2 (on the context stream): "
                      "VkBindImagePlaneMemoryInfo.planeAspect: no image has memory planes apart");

    g = image_host_open(NULL);
    assert_int_equal(create_image(g, IMAGE, &with_list), VK_SUCCESS);
    const VkImagePlaneMemoryRequirementsInfo plane_info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_PLANE_MEMORY_REQUIREMENTS_INFO,
        .planeAspect = VK_IMAGE_ASPECT_MEMORY_PLANE_0_BIT_EXT,
    };
    const VkImageMemoryRequirementsInfo2 info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_REQUIREMENTS_INFO_2,
        .pNext = &plane_info,
        .image = ID(VkImage, IMAGE),
    };
    VkMemoryRequirements2 out = {.sType = VK_STRUCTURE_TYPE_MEMORY_REQUIREMENTS_2};
    GUEST_WRITE(g->context_stream, vkGetImageMemoryRequirements2, .device = DEVICE, .pInfo = &info,
                .pMemoryRequirements = &out);
    guest_send(g->context_stream);
    expect_refusal(g, "vkGetImageMemoryRequirements2 (on the context stream): "
                      "VkImagePlaneMemoryRequirementsInfo.planeAspect: "
                      "no image has memory planes apart");
}

static void test_images_without_modifier_have_none(void **state) {
    (void)state;
    struct guest *g = image_host_open(NULL);
    assert_int_equal(create_image(g, IMAGE, NULL), VK_SUCCESS);
    VkImageDrmFormatModifierPropertiesEXT properties = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_PROPERTIES_EXT};
    GUEST_WRITE(g->context_stream, vkGetImageDrmFormatModifierPropertiesEXT, .device = DEVICE,
                .image = ID(VkImage, IMAGE), .pProperties = &properties);
    guest_send(g->context_stream);
    expect_refusal(g, "vkGetImageDrmFormatModifierPropertiesEXT (on the context stream): image: "
                      "it was created without a modifier");
}

/* ---- where they are not emulated ------------------------------------------------------------- */

static VkResult create_shared_tiled(struct guest *g, uint64_t id, uint32_t levels) {
    const VkExternalMemoryImageCreateInfo external = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO, .handleTypes = DMA_BUF};
    VkImageCreateInfo info = image_info(&external, VK_IMAGE_TILING_OPTIMAL);
    info.mipLevels = levels;
    struct vn_vkCreateImage a = {.device = DEVICE, .pCreateInfo = &info, .pImage_id = id};
    GUEST_CALL(g->context_stream, vkCreateImage, &a);
    return a.ret;
}

/* Zink of Mesa 25.0 makes them for displays. */
static void test_a_shared_tiled_image_is_linear_where_it_must_be(void **state) {
    (void)state;
    struct guest *g = image_host_open(NULL);
    assert_int_equal(create_shared_tiled(g, IMAGE, 1), VK_SUCCESS);
    assert_int_equal(image_host.tiling, VK_IMAGE_TILING_OPTIMAL);
    guest_destroy(g);

    g = image_host_open_apart();
    assert_int_equal(create_shared_tiled(g, IMAGE, 12), VK_SUCCESS);
    assert_int_equal(image_host.tiling, VK_IMAGE_TILING_LINEAR);
    assert_int_equal(image_host.chain_length, 0);
    /* More levels than the host's LINEAR images have. */
    assert_int_equal(create_shared_tiled(g, OTHER_IMAGE, 13), VK_SUCCESS);
    assert_int_equal(image_host.tiling, VK_IMAGE_TILING_OPTIMAL);
    guest_destroy(g);
}

static void test_without_emulation_there_are_no_modifiers(void **state) {
    (void)state;
    struct guest *g = image_host_open(&(struct context_limits){.no_emulated_dma_bufs = true});
    VkDrmFormatModifierPropertiesEXT first;
    assert_int_equal(ask_list(g, VK_FORMAT_B8G8R8A8_UNORM, 4, &first), 0);
    const VkResult refused = VK_ERROR_FORMAT_NOT_SUPPORTED;
    assert_int_equal(ask_image(g, MODIFIER_TILING, DMA_BUF, &linear).ret, refused);
    assert_int_equal(ask_image(g, MODIFIER_TILING, 0, &linear).ret, refused);
    assert_int_equal(ask_image(g, VK_IMAGE_TILING_LINEAR, DMA_BUF, NULL).ret, refused);
    assert_int_equal(image_host.image_queries, 0);
    assert_int_equal(create_image(g, IMAGE, &with_list),
                     VK_ERROR_INVALID_DRM_FORMAT_MODIFIER_PLANE_LAYOUT_EXT);
    assert_int_equal(image_host.creations, 0);
    assert_int_equal(create_image(g, IMAGE, NULL), VK_SUCCESS);
    assert_int_equal(image_host.chain_length, 0);
    guest_destroy(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_formats_have_the_modifier_linear, expect_reset),
        cmocka_unit_test_setup(test_wide_lists_are_the_same, expect_reset),
        cmocka_unit_test_setup(test_the_host_is_asked_for_imported_linear_images, expect_reset),
        cmocka_unit_test_setup(test_the_host_does_not_hear_of_other_modifiers, expect_reset),
        cmocka_unit_test_setup(test_the_host_makes_linear_images, expect_reset),
        cmocka_unit_test_setup(test_a_given_layout_must_be_the_hosts, expect_reset),
        cmocka_unit_test_setup(test_an_image_that_is_refused_is_poisoned, expect_reset),
        cmocka_unit_test_setup(test_requirements_are_those_of_a_linear_image, expect_reset),
        cmocka_unit_test_setup(test_the_memory_plane_is_the_color, expect_reset),
        cmocka_unit_test_setup(test_there_is_no_other_memory_plane, expect_reset),
        cmocka_unit_test_setup(test_memory_planes_are_not_bound_apart, expect_reset),
        cmocka_unit_test_setup(test_images_without_modifier_have_none, expect_reset),
        cmocka_unit_test_setup(test_a_shared_tiled_image_is_linear_where_it_must_be, expect_reset),
        cmocka_unit_test_setup(test_without_emulation_there_are_no_modifiers, expect_reset),
    };
    return cmocka_run_group_tests(tests, expect_setup, expect_teardown);
}
