#include "renderer/image_region.h"

#include "renderer/format_layout.h"
#include "util/checked.h"

static uint32_t divide_up(uint32_t value, uint32_t divisor) {
    return value / divisor + (value % divisor != 0);
}

static uint32_t level_size(uint32_t size, uint32_t level) {
    uint32_t shrunk = level < 32 ? size >> level : 0;
    return shrunk ? shrunk : 1;
}

static VkExtent3D level_extent(const struct image *image, uint32_t level,
                               const struct format_layout *layout) {
    return (VkExtent3D){
        .width = divide_up(level_size(image->extent.width, level), layout->width_divisor),
        .height = divide_up(level_size(image->extent.height, level), layout->height_divisor),
        .depth = level_size(image->extent.depth, level),
    };
}

uint32_t image_region_layers(const struct image *image, const struct image_region *region) {
    uint32_t count = region->subresource.layerCount;
    return count == VK_REMAINING_ARRAY_LAYERS
               ? image->array_layers - region->subresource.baseArrayLayer
               : count;
}

static bool is_inside(int32_t offset, uint32_t size, uint32_t limit) {
    return offset >= 0 && checked_range_u64((uint64_t)offset, size, limit);
}

static const char *check_bounds(const struct image *image, const struct image_region *region,
                                const struct format_layout *layout) {
    const VkImageSubresourceLayers *sub = &region->subresource;
    if (sub->mipLevel >= image->mip_levels) {
        return "the image has no such mip level";
    }
    if (sub->baseArrayLayer >= image->array_layers ||
        image_region_layers(image, region) > image->array_layers - sub->baseArrayLayer) {
        return "the image has no such layers";
    }
    VkExtent3D level = level_extent(image, sub->mipLevel, layout);
    if (!is_inside(region->offset.x, region->extent.width, level.width) ||
        !is_inside(region->offset.y, region->extent.height, level.height) ||
        !is_inside(region->offset.z, region->extent.depth, level.depth)) {
        return "the region lies outside of the image";
    }
    if ((region->row_length && region->row_length < region->extent.width) ||
        (region->image_height && region->image_height < region->extent.height)) {
        return "the rows in memory are shorter than those of the region";
    }
    return NULL;
}

/* Blocks from the first to behind the last one, in rows of `row`, in slices of `slice` rows. */
static bool count_blocks(uint64_t width, uint64_t height, uint64_t slices, uint64_t row,
                         uint64_t slice, uint64_t *out) {
    uint64_t full_slices, rows, blocks;
    if (!width || !height || !slices) {
        *out = 0;
        return true;
    }
    return checked_mul_u64(slices - 1, slice, &full_slices) &&
           checked_add_u64(full_slices, height - 1, &rows) && checked_mul_u64(rows, row, &blocks) &&
           checked_add_u64(blocks, width, out);
}

const char *image_region_check(const struct image *image, const struct image_region *region,
                               uint64_t *out_bytes) {
    struct format_layout layout;
    if (!format_get_layout(image->format, region->subresource.aspectMask, &layout)) {
        return "copies of this format and aspect are not supported";
    }
    const char *fault = check_bounds(image, region, &layout);
    if (fault) {
        return fault;
    }
    uint32_t row_length = region->row_length ? region->row_length : region->extent.width;
    uint32_t image_height = region->image_height ? region->image_height : region->extent.height;
    uint64_t slices, blocks;
    if (!checked_mul_u64(region->extent.depth, image_region_layers(image, region), &slices) ||
        !count_blocks(divide_up(region->extent.width, layout.block_width),
                      divide_up(region->extent.height, layout.block_height), slices,
                      divide_up(row_length, layout.block_width),
                      divide_up(image_height, layout.block_height), &blocks) ||
        !checked_mul_u64(blocks, layout.block_bytes, out_bytes)) {
        return "the region is too large";
    }
    return NULL;
}

bool image_region_is_whole(const struct image *image, const struct image_region *region) {
    struct format_layout layout;
    if (!format_get_layout(image->format, region->subresource.aspectMask, &layout)) {
        return false;
    }
    VkExtent3D level = level_extent(image, region->subresource.mipLevel, &layout);
    return region->offset.x == 0 && region->offset.y == 0 && region->offset.z == 0 &&
           region->extent.width == level.width && region->extent.height == level.height &&
           region->extent.depth == level.depth && !region->row_length && !region->image_height;
}
