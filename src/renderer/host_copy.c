/* Copies between images and bytes that travel in the command stream. The driver takes a pointer
 * and trusts it: how far it will go is checked before. */
#include "renderer/device.h"
#include "renderer/image.h"
#include "renderer/image_region.h"
#include "util/checked.h"
#include "venus_handlers.h"

/* With VK_HOST_IMAGE_COPY_MEMCPY the bytes are in the driver's own layout; only it knows how many
 * there are. */
static const char *count_memcpy_bytes(const struct device *device, VkImage handle,
                                      const struct image *image, const struct image_region *region,
                                      uint64_t *out_bytes) {
    if (!image_region_is_whole(image, region)) {
        return "a copy in the driver's layout must be of whole mip levels";
    }
    if (!device->table.GetImageSubresourceLayout2) {
        return "the host driver does not say how large its layout is";
    }
    VkImageSubresource2 subresource = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_SUBRESOURCE_2,
        .imageSubresource =
            {
                .aspectMask = region->subresource.aspectMask,
                .mipLevel = region->subresource.mipLevel,
                .arrayLayer = region->subresource.baseArrayLayer,
            },
    };
    VkSubresourceHostMemcpySize size = {
        .sType = VK_STRUCTURE_TYPE_SUBRESOURCE_HOST_MEMCPY_SIZE,
    };
    VkSubresourceLayout2 layout = {
        .sType = VK_STRUCTURE_TYPE_SUBRESOURCE_LAYOUT_2,
        .pNext = &size,
    };
    device->table.GetImageSubresourceLayout2(device->table.device, handle, &subresource, &layout);
    return checked_mul_u64(size.size, image_region_layers(image, region), out_bytes)
               ? NULL
               : "the region is too large";
}

/* NULL where a copy of the region touches at most `data_size` bytes of memory. */
static const char *check_copy(const struct device *device, VkImage handle,
                              const struct image *image, const struct image_region *region,
                              VkHostImageCopyFlags flags, uint64_t data_size) {
    uint64_t bytes;
    const char *fault = image_region_check(image, region, &bytes);
    if (!fault && (flags & VK_HOST_IMAGE_COPY_MEMCPY)) {
        fault = count_memcpy_bytes(device, handle, image, region, &bytes);
    }
    if (!fault && bytes > data_size) {
        fault = "the data is shorter than the region";
    }
    return fault;
}

void vn_handle_vkCopyImageToMemoryMESA(struct vn_stream *s, struct vn_vkCopyImageToMemoryMESA *a) {
    const struct device *device = device_from(a->device_object->vk);
    const VkCopyImageToMemoryInfoMESA *info = a->pCopyImageToMemoryInfo;
    const struct image *image = image_find(s, a->device_object, info->srcImage);
    if (!image || !device->table.CopyImageToMemory) {
        cs_fail(&s->decoder, "VkCopyImageToMemoryInfoMESA.srcImage",
                image ? "the host driver has no host image copies" : "there is no such image");
        return;
    }
    struct image_region region = {info->memoryRowLength, info->memoryImageHeight,
                                  info->imageSubresource, info->imageOffset, info->imageExtent};
    const char *fault =
        check_copy(device, info->srcImage, image, &region, info->flags, a->dataSize);
    if (fault) {
        cs_fail(&s->decoder, "pCopyImageToMemoryInfo", fault);
        return;
    }
    VkImageToMemoryCopy copy = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_TO_MEMORY_COPY,
        .pHostPointer = a->pData,
        .memoryRowLength = info->memoryRowLength,
        .memoryImageHeight = info->memoryImageHeight,
        .imageSubresource = info->imageSubresource,
        .imageOffset = info->imageOffset,
        .imageExtent = info->imageExtent,
    };
    VkCopyImageToMemoryInfo copy_info = {
        .sType = VK_STRUCTURE_TYPE_COPY_IMAGE_TO_MEMORY_INFO,
        .flags = info->flags,
        .srcImage = info->srcImage,
        .srcImageLayout = info->srcImageLayout,
        .regionCount = 1,
        .pRegions = &copy,
    };
    a->ret = device->table.CopyImageToMemory(a->device, &copy_info);
}

/* False where the decoder has failed. */
static bool translate_region(struct vn_stream *s, const struct device *device,
                             const struct image *image, const VkCopyMemoryToImageInfoMESA *info,
                             uint32_t index, VkMemoryToImageCopy *out) {
    const VkMemoryToImageCopyMESA *in = &info->pRegions[index];
    struct image_region region = {in->memoryRowLength, in->memoryImageHeight, in->imageSubresource,
                                  in->imageOffset, in->imageExtent};
    const char *fault =
        check_copy(device, info->dstImage, image, &region, info->flags, in->dataSize);
    if (fault) {
        cs_fail(&s->decoder, "VkCopyMemoryToImageInfoMESA.pRegions", fault);
        return false;
    }
    *out = (VkMemoryToImageCopy){
        .sType = VK_STRUCTURE_TYPE_MEMORY_TO_IMAGE_COPY,
        .pHostPointer = in->pData,
        .memoryRowLength = in->memoryRowLength,
        .memoryImageHeight = in->memoryImageHeight,
        .imageSubresource = in->imageSubresource,
        .imageOffset = in->imageOffset,
        .imageExtent = in->imageExtent,
    };
    return true;
}

void vn_handle_vkCopyMemoryToImageMESA(struct vn_stream *s, struct vn_vkCopyMemoryToImageMESA *a) {
    const struct device *device = device_from(a->device_object->vk);
    const VkCopyMemoryToImageInfoMESA *info = a->pCopyMemoryToImageInfo;
    const struct image *image = image_find(s, a->device_object, info->dstImage);
    if (!image || !device->table.CopyMemoryToImage) {
        cs_fail(&s->decoder, "VkCopyMemoryToImageInfoMESA.dstImage",
                image ? "the host driver has no host image copies" : "there is no such image");
        return;
    }
    VkMemoryToImageCopy *copies =
        cs_temp(&s->decoder, info->regionCount, sizeof(*copies), "pCopyMemoryToImageInfo");
    if (!copies) {
        return;
    }
    for (uint32_t i = 0; i < info->regionCount; i++) {
        if (!translate_region(s, device, image, info, i, &copies[i])) {
            return;
        }
    }
    VkCopyMemoryToImageInfo copy_info = {
        .sType = VK_STRUCTURE_TYPE_COPY_MEMORY_TO_IMAGE_INFO,
        .flags = info->flags,
        .dstImage = info->dstImage,
        .dstImageLayout = info->dstImageLayout,
        .regionCount = info->regionCount,
        .pRegions = copies,
    };
    a->ret = device->table.CopyMemoryToImage(a->device, &copy_info);
}
