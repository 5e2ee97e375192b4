#include "renderer/format_layout.h"

#include <stddef.h>

/* Formats of one plane and one aspect, in runs of equal layout. */
struct format_run {
    VkFormat first, last;
    uint8_t block_bytes, block_width, block_height;
};

static const struct format_run color_runs[] = {
    {VK_FORMAT_R4G4_UNORM_PACK8, VK_FORMAT_R4G4_UNORM_PACK8, 1, 1, 1},
    {VK_FORMAT_R4G4B4A4_UNORM_PACK16, VK_FORMAT_A1R5G5B5_UNORM_PACK16, 2, 1, 1},
    {VK_FORMAT_R8_UNORM, VK_FORMAT_R8_SRGB, 1, 1, 1},
    {VK_FORMAT_R8G8_UNORM, VK_FORMAT_R8G8_SRGB, 2, 1, 1},
    {VK_FORMAT_R8G8B8_UNORM, VK_FORMAT_B8G8R8_SRGB, 3, 1, 1},
    {VK_FORMAT_R8G8B8A8_UNORM, VK_FORMAT_A2B10G10R10_SINT_PACK32, 4, 1, 1},
    {VK_FORMAT_R16_UNORM, VK_FORMAT_R16_SFLOAT, 2, 1, 1},
    {VK_FORMAT_R16G16_UNORM, VK_FORMAT_R16G16_SFLOAT, 4, 1, 1},
    {VK_FORMAT_R16G16B16_UNORM, VK_FORMAT_R16G16B16_SFLOAT, 6, 1, 1},
    {VK_FORMAT_R16G16B16A16_UNORM, VK_FORMAT_R16G16B16A16_SFLOAT, 8, 1, 1},
    {VK_FORMAT_R32_UINT, VK_FORMAT_R32_SFLOAT, 4, 1, 1},
    {VK_FORMAT_R32G32_UINT, VK_FORMAT_R32G32_SFLOAT, 8, 1, 1},
    {VK_FORMAT_R32G32B32_UINT, VK_FORMAT_R32G32B32_SFLOAT, 12, 1, 1},
    {VK_FORMAT_R32G32B32A32_UINT, VK_FORMAT_R32G32B32A32_SFLOAT, 16, 1, 1},
    {VK_FORMAT_R64_UINT, VK_FORMAT_R64_SFLOAT, 8, 1, 1},
    {VK_FORMAT_R64G64_UINT, VK_FORMAT_R64G64_SFLOAT, 16, 1, 1},
    {VK_FORMAT_R64G64B64_UINT, VK_FORMAT_R64G64B64_SFLOAT, 24, 1, 1},
    {VK_FORMAT_R64G64B64A64_UINT, VK_FORMAT_R64G64B64A64_SFLOAT, 32, 1, 1},
    {VK_FORMAT_B10G11R11_UFLOAT_PACK32, VK_FORMAT_E5B9G9R9_UFLOAT_PACK32, 4, 1, 1},
    {VK_FORMAT_BC1_RGB_UNORM_BLOCK, VK_FORMAT_BC1_RGBA_SRGB_BLOCK, 8, 4, 4},
    {VK_FORMAT_BC2_UNORM_BLOCK, VK_FORMAT_BC3_SRGB_BLOCK, 16, 4, 4},
    {VK_FORMAT_BC4_UNORM_BLOCK, VK_FORMAT_BC4_SNORM_BLOCK, 8, 4, 4},
    {VK_FORMAT_BC5_UNORM_BLOCK, VK_FORMAT_BC7_SRGB_BLOCK, 16, 4, 4},
    {VK_FORMAT_ETC2_R8G8B8_UNORM_BLOCK, VK_FORMAT_ETC2_R8G8B8A1_SRGB_BLOCK, 8, 4, 4},
    {VK_FORMAT_ETC2_R8G8B8A8_UNORM_BLOCK, VK_FORMAT_ETC2_R8G8B8A8_SRGB_BLOCK, 16, 4, 4},
    {VK_FORMAT_EAC_R11_UNORM_BLOCK, VK_FORMAT_EAC_R11_SNORM_BLOCK, 8, 4, 4},
    {VK_FORMAT_EAC_R11G11_UNORM_BLOCK, VK_FORMAT_EAC_R11G11_SNORM_BLOCK, 16, 4, 4},
    {VK_FORMAT_ASTC_4x4_UNORM_BLOCK, VK_FORMAT_ASTC_4x4_SRGB_BLOCK, 16, 4, 4},
    {VK_FORMAT_ASTC_5x4_UNORM_BLOCK, VK_FORMAT_ASTC_5x4_SRGB_BLOCK, 16, 5, 4},
    {VK_FORMAT_ASTC_5x5_UNORM_BLOCK, VK_FORMAT_ASTC_5x5_SRGB_BLOCK, 16, 5, 5},
    {VK_FORMAT_ASTC_6x5_UNORM_BLOCK, VK_FORMAT_ASTC_6x5_SRGB_BLOCK, 16, 6, 5},
    {VK_FORMAT_ASTC_6x6_UNORM_BLOCK, VK_FORMAT_ASTC_6x6_SRGB_BLOCK, 16, 6, 6},
    {VK_FORMAT_ASTC_8x5_UNORM_BLOCK, VK_FORMAT_ASTC_8x5_SRGB_BLOCK, 16, 8, 5},
    {VK_FORMAT_ASTC_8x6_UNORM_BLOCK, VK_FORMAT_ASTC_8x6_SRGB_BLOCK, 16, 8, 6},
    {VK_FORMAT_ASTC_8x8_UNORM_BLOCK, VK_FORMAT_ASTC_8x8_SRGB_BLOCK, 16, 8, 8},
    {VK_FORMAT_ASTC_10x5_UNORM_BLOCK, VK_FORMAT_ASTC_10x5_SRGB_BLOCK, 16, 10, 5},
    {VK_FORMAT_ASTC_10x6_UNORM_BLOCK, VK_FORMAT_ASTC_10x6_SRGB_BLOCK, 16, 10, 6},
    {VK_FORMAT_ASTC_10x8_UNORM_BLOCK, VK_FORMAT_ASTC_10x8_SRGB_BLOCK, 16, 10, 8},
    {VK_FORMAT_ASTC_10x10_UNORM_BLOCK, VK_FORMAT_ASTC_10x10_SRGB_BLOCK, 16, 10, 10},
    {VK_FORMAT_ASTC_12x10_UNORM_BLOCK, VK_FORMAT_ASTC_12x10_SRGB_BLOCK, 16, 12, 10},
    {VK_FORMAT_ASTC_12x12_UNORM_BLOCK, VK_FORMAT_ASTC_12x12_SRGB_BLOCK, 16, 12, 12},
    {VK_FORMAT_ASTC_4x4_SFLOAT_BLOCK, VK_FORMAT_ASTC_4x4_SFLOAT_BLOCK, 16, 4, 4},
    {VK_FORMAT_ASTC_5x4_SFLOAT_BLOCK, VK_FORMAT_ASTC_5x4_SFLOAT_BLOCK, 16, 5, 4},
    {VK_FORMAT_ASTC_5x5_SFLOAT_BLOCK, VK_FORMAT_ASTC_5x5_SFLOAT_BLOCK, 16, 5, 5},
    {VK_FORMAT_ASTC_6x5_SFLOAT_BLOCK, VK_FORMAT_ASTC_6x5_SFLOAT_BLOCK, 16, 6, 5},
    {VK_FORMAT_ASTC_6x6_SFLOAT_BLOCK, VK_FORMAT_ASTC_6x6_SFLOAT_BLOCK, 16, 6, 6},
    {VK_FORMAT_ASTC_8x5_SFLOAT_BLOCK, VK_FORMAT_ASTC_8x5_SFLOAT_BLOCK, 16, 8, 5},
    {VK_FORMAT_ASTC_8x6_SFLOAT_BLOCK, VK_FORMAT_ASTC_8x6_SFLOAT_BLOCK, 16, 8, 6},
    {VK_FORMAT_ASTC_8x8_SFLOAT_BLOCK, VK_FORMAT_ASTC_8x8_SFLOAT_BLOCK, 16, 8, 8},
    {VK_FORMAT_ASTC_10x5_SFLOAT_BLOCK, VK_FORMAT_ASTC_10x5_SFLOAT_BLOCK, 16, 10, 5},
    {VK_FORMAT_ASTC_10x6_SFLOAT_BLOCK, VK_FORMAT_ASTC_10x6_SFLOAT_BLOCK, 16, 10, 6},
    {VK_FORMAT_ASTC_10x8_SFLOAT_BLOCK, VK_FORMAT_ASTC_10x8_SFLOAT_BLOCK, 16, 10, 8},
    {VK_FORMAT_ASTC_10x10_SFLOAT_BLOCK, VK_FORMAT_ASTC_10x10_SFLOAT_BLOCK, 16, 10, 10},
    {VK_FORMAT_ASTC_12x10_SFLOAT_BLOCK, VK_FORMAT_ASTC_12x10_SFLOAT_BLOCK, 16, 12, 10},
    {VK_FORMAT_ASTC_12x12_SFLOAT_BLOCK, VK_FORMAT_ASTC_12x12_SFLOAT_BLOCK, 16, 12, 12},
    {VK_FORMAT_G8B8G8R8_422_UNORM, VK_FORMAT_B8G8R8G8_422_UNORM, 4, 2, 1},
    {VK_FORMAT_R10X6_UNORM_PACK16, VK_FORMAT_R10X6_UNORM_PACK16, 2, 1, 1},
    {VK_FORMAT_R10X6G10X6_UNORM_2PACK16, VK_FORMAT_R10X6G10X6_UNORM_2PACK16, 4, 1, 1},
    {VK_FORMAT_R10X6G10X6B10X6A10X6_UNORM_4PACK16, VK_FORMAT_R10X6G10X6B10X6A10X6_UNORM_4PACK16, 8,
     1, 1},
    {VK_FORMAT_G10X6B10X6G10X6R10X6_422_UNORM_4PACK16,
     VK_FORMAT_B10X6G10X6R10X6G10X6_422_UNORM_4PACK16, 8, 2, 1},
    {VK_FORMAT_R12X4_UNORM_PACK16, VK_FORMAT_R12X4_UNORM_PACK16, 2, 1, 1},
    {VK_FORMAT_R12X4G12X4_UNORM_2PACK16, VK_FORMAT_R12X4G12X4_UNORM_2PACK16, 4, 1, 1},
    {VK_FORMAT_R12X4G12X4B12X4A12X4_UNORM_4PACK16, VK_FORMAT_R12X4G12X4B12X4A12X4_UNORM_4PACK16, 8,
     1, 1},
    {VK_FORMAT_G12X4B12X4G12X4R12X4_422_UNORM_4PACK16,
     VK_FORMAT_B12X4G12X4R12X4G12X4_422_UNORM_4PACK16, 8, 2, 1},
    {VK_FORMAT_G16B16G16R16_422_UNORM, VK_FORMAT_B16G16R16G16_422_UNORM, 8, 2, 1},
    {VK_FORMAT_A4R4G4B4_UNORM_PACK16, VK_FORMAT_A4B4G4R4_UNORM_PACK16, 2, 1, 1},
    {VK_FORMAT_A1B5G5R5_UNORM_PACK16, VK_FORMAT_A1B5G5R5_UNORM_PACK16, 2, 1, 1},
    {VK_FORMAT_A8_UNORM, VK_FORMAT_A8_UNORM, 1, 1, 1},
};

/* Depth and stencil are copied separately; 24 bits of depth take 32. */
struct depth_stencil_format {
    VkFormat format;
    uint8_t depth_bytes, stencil_bytes;
};

static const struct depth_stencil_format depth_stencil_formats[] = {
    {VK_FORMAT_D16_UNORM, 2, 0},          {VK_FORMAT_X8_D24_UNORM_PACK32, 4, 0},
    {VK_FORMAT_D32_SFLOAT, 4, 0},         {VK_FORMAT_S8_UINT, 0, 1},
    {VK_FORMAT_D16_UNORM_S8_UINT, 2, 1},  {VK_FORMAT_D24_UNORM_S8_UINT, 4, 1},
    {VK_FORMAT_D32_SFLOAT_S8_UINT, 4, 1},
};

/* The first plane has the image's size and one component; the others share two components and
 * may be smaller. */
struct planar_format {
    VkFormat format;
    uint8_t planes, component_bytes, width_divisor, height_divisor;
};

static const struct planar_format planar_formats[] = {
    {VK_FORMAT_G8_B8_R8_3PLANE_420_UNORM, 3, 1, 2, 2},
    {VK_FORMAT_G8_B8R8_2PLANE_420_UNORM, 2, 1, 2, 2},
    {VK_FORMAT_G8_B8_R8_3PLANE_422_UNORM, 3, 1, 2, 1},
    {VK_FORMAT_G8_B8R8_2PLANE_422_UNORM, 2, 1, 2, 1},
    {VK_FORMAT_G8_B8_R8_3PLANE_444_UNORM, 3, 1, 1, 1},
    {VK_FORMAT_G8_B8R8_2PLANE_444_UNORM, 2, 1, 1, 1},
    {VK_FORMAT_G10X6_B10X6_R10X6_3PLANE_420_UNORM_3PACK16, 3, 2, 2, 2},
    {VK_FORMAT_G10X6_B10X6R10X6_2PLANE_420_UNORM_3PACK16, 2, 2, 2, 2},
    {VK_FORMAT_G10X6_B10X6_R10X6_3PLANE_422_UNORM_3PACK16, 3, 2, 2, 1},
    {VK_FORMAT_G10X6_B10X6R10X6_2PLANE_422_UNORM_3PACK16, 2, 2, 2, 1},
    {VK_FORMAT_G10X6_B10X6_R10X6_3PLANE_444_UNORM_3PACK16, 3, 2, 1, 1},
    {VK_FORMAT_G10X6_B10X6R10X6_2PLANE_444_UNORM_3PACK16, 2, 2, 1, 1},
    {VK_FORMAT_G12X4_B12X4_R12X4_3PLANE_420_UNORM_3PACK16, 3, 2, 2, 2},
    {VK_FORMAT_G12X4_B12X4R12X4_2PLANE_420_UNORM_3PACK16, 2, 2, 2, 2},
    {VK_FORMAT_G12X4_B12X4_R12X4_3PLANE_422_UNORM_3PACK16, 3, 2, 2, 1},
    {VK_FORMAT_G12X4_B12X4R12X4_2PLANE_422_UNORM_3PACK16, 2, 2, 2, 1},
    {VK_FORMAT_G12X4_B12X4_R12X4_3PLANE_444_UNORM_3PACK16, 3, 2, 1, 1},
    {VK_FORMAT_G12X4_B12X4R12X4_2PLANE_444_UNORM_3PACK16, 2, 2, 1, 1},
    {VK_FORMAT_G16_B16_R16_3PLANE_420_UNORM, 3, 2, 2, 2},
    {VK_FORMAT_G16_B16R16_2PLANE_420_UNORM, 2, 2, 2, 2},
    {VK_FORMAT_G16_B16_R16_3PLANE_422_UNORM, 3, 2, 2, 1},
    {VK_FORMAT_G16_B16R16_2PLANE_422_UNORM, 2, 2, 2, 1},
    {VK_FORMAT_G16_B16_R16_3PLANE_444_UNORM, 3, 2, 1, 1},
    {VK_FORMAT_G16_B16R16_2PLANE_444_UNORM, 2, 2, 1, 1},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static bool get_color(VkFormat format, struct format_layout *out) {
    for (size_t i = 0; i < COUNT_OF(color_runs); i++) {
        const struct format_run *run = &color_runs[i];
        if (format >= run->first && format <= run->last) {
            *out =
                (struct format_layout){run->block_width, run->block_height, run->block_bytes, 1, 1};
            return true;
        }
    }
    return false;
}

static bool get_depth_stencil(VkFormat format, bool stencil, struct format_layout *out) {
    for (size_t i = 0; i < COUNT_OF(depth_stencil_formats); i++) {
        const struct depth_stencil_format *known = &depth_stencil_formats[i];
        if (known->format == format) {
            uint8_t bytes = stencil ? known->stencil_bytes : known->depth_bytes;
            *out = (struct format_layout){1, 1, bytes, 1, 1};
            return bytes != 0;
        }
    }
    return false;
}

static bool get_plane(VkFormat format, uint32_t plane, struct format_layout *out) {
    for (size_t i = 0; i < COUNT_OF(planar_formats); i++) {
        const struct planar_format *known = &planar_formats[i];
        if (known->format != format) {
            continue;
        }
        if (plane == 0) {
            *out = (struct format_layout){1, 1, known->component_bytes, 1, 1};
        } else {
            uint32_t components = known->planes == 2 ? 2 : 1;
            *out = (struct format_layout){1, 1, components * known->component_bytes,
                                          known->width_divisor, known->height_divisor};
        }
        return plane < known->planes;
    }
    return false;
}

bool format_get_layout(VkFormat format, VkImageAspectFlags aspect, struct format_layout *out) {
    switch (aspect) {
    case VK_IMAGE_ASPECT_COLOR_BIT:
        return get_color(format, out);
    case VK_IMAGE_ASPECT_DEPTH_BIT:
        return get_depth_stencil(format, false, out);
    case VK_IMAGE_ASPECT_STENCIL_BIT:
        return get_depth_stencil(format, true, out);
    case VK_IMAGE_ASPECT_PLANE_0_BIT:
        return get_plane(format, 0, out);
    case VK_IMAGE_ASPECT_PLANE_1_BIT:
        return get_plane(format, 1, out);
    case VK_IMAGE_ASPECT_PLANE_2_BIT:
        return get_plane(format, 2, out);
    default:
        return false;
    }
}
