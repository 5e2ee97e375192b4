#include "renderer/image.h"

#include "renderer/bind.h"
#include "renderer/chain.h"
#include "renderer/device.h"
#include "renderer/memory_plan.h"
#include "renderer/renderer.h"
#include "venus_handlers.h"

static const struct device *device_of(const struct vn_object *object) {
    return device_from(object->vk);
}

/* ---- creation ----------------------------------------------------------------------------- */

/* As for buffers: images that are bound to imported memory are not declared as such, because
 * drivers give up tiling and compression for images that may be. */
static void filter_external_info(const struct device *device, const VkImageCreateInfo *info) {
    VkExternalMemoryImageCreateInfo *external =
        chain_find(info, VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO);
    if (!external) {
        return;
    }
    external->handleTypes =
        memory_plan_filter_handle_types(&device->physical->memory, external->handleTypes);
    if (!external->handleTypes) {
        chain_remove(info, VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO);
    }
}

void vn_handle_vkCreateImage(struct vn_stream *s, struct vn_vkCreateImage *a) {
    const struct device *device = device_of(a->device_object);
    const VkImageCreateInfo *info = a->pCreateInfo;
    struct image *image = (struct image *)object_reserve(
        stream_from(s), VK_OBJECT_TYPE_IMAGE, a->pImage_id, sizeof(*image), a->device_object,
        a->device_object->vk, "pImage");
    if (!image) {
        return;
    }
    image->format = info->format;
    image->tiling = info->tiling;
    image->extent = info->extent;
    image->mip_levels = info->mipLevels;
    image->array_layers = info->arrayLayers;

    filter_external_info(device, info);
    VkImage handle = VK_NULL_HANDLE;
    a->ret = device->table.CreateImage(a->device, info, NULL, &handle);
    *a->pImage = handle;
    vn_object_publish(s, &image->object, (uint64_t)(uintptr_t)handle, a->ret);
}

struct search {
    uint64_t handle;
    const struct image *found;
};

static void match(struct vn_object *child, void *user) {
    struct search *search = user;
    if (child->type == VK_OBJECT_TYPE_IMAGE && vn_object_handle(child) == search->handle) {
        search->found = (const struct image *)child;
    }
}

const struct image *image_find(struct vn_stream *stream, struct vn_object *device, VkImage handle) {
    struct search search = {.handle = (uint64_t)(uintptr_t)handle};
    object_for_each_child(&stream_from(stream)->context->objects, device, match, &search);
    return search.found;
}

/* ---- requirements ------------------------------------------------------------------------- */

void vn_handle_vkGetImageMemoryRequirements(struct vn_stream *s,
                                            struct vn_vkGetImageMemoryRequirements *a) {
    const struct device *device = device_of(a->device_object);
    if (!bind_check_handle(s, (uint64_t)(uintptr_t)a->image, "image")) {
        return;
    }
    device->table.GetImageMemoryRequirements(a->device, a->image, a->pMemoryRequirements);
    if (((const struct image *)a->image_object)->tiling != VK_IMAGE_TILING_LINEAR) {
        a->pMemoryRequirements->memoryTypeBits = memory_plan_filter_tiled_image(
            &device->physical->memory, a->pMemoryRequirements->memoryTypeBits);
    }
}

void vn_handle_vkGetImageMemoryRequirements2(struct vn_stream *s,
                                             struct vn_vkGetImageMemoryRequirements2 *a) {
    const struct device *device = device_of(a->device_object);
    if (!bind_check_handle(s, (uint64_t)(uintptr_t)a->pInfo->image, "pInfo.image")) {
        return;
    }
    device->table.GetImageMemoryRequirements2(a->device, a->pInfo, a->pMemoryRequirements);

    uint32_t *bits = &a->pMemoryRequirements->memoryRequirements.memoryTypeBits;
    uint32_t filtered = memory_plan_filter_tiled_image(&device->physical->memory, *bits);
    if (filtered == *bits) {
        return; /* the tiling makes no difference: it need not be looked up */
    }
    const struct image *image = image_find(s, a->device_object, a->pInfo->image);
    if (image && image->tiling != VK_IMAGE_TILING_LINEAR) {
        *bits = filtered;
    }
}

void vn_handle_vkGetDeviceImageMemoryRequirements(struct vn_stream *s,
                                                  struct vn_vkGetDeviceImageMemoryRequirements *a) {
    const struct device *device = device_of(a->device_object);
    if (!device->table.GetDeviceImageMemoryRequirements) {
        cs_fail(&s->decoder, NULL, "the host driver does not provide this command");
        return;
    }
    const VkImageCreateInfo *info = a->pInfo->pCreateInfo;
    filter_external_info(device, info);
    device->table.GetDeviceImageMemoryRequirements(a->device, a->pInfo, a->pMemoryRequirements);
    if (info->tiling != VK_IMAGE_TILING_LINEAR) {
        uint32_t *bits = &a->pMemoryRequirements->memoryRequirements.memoryTypeBits;
        *bits = memory_plan_filter_tiled_image(&device->physical->memory, *bits);
    }
}

/* ---- memory ------------------------------------------------------------------------------- */

static VkResult bind(struct vn_stream *s, const struct vn_vkBindImageMemory *a) {
    VkResult poison = bind_check_poison(s);
    if (poison < 0) {
        return poison;
    }
    if (!bind_check_handle(s, (uint64_t)(uintptr_t)a->image, "image") ||
        !bind_check_handle(s, (uint64_t)(uintptr_t)a->memory, "memory")) {
        return VK_ERROR_UNKNOWN;
    }
    return device_of(a->device_object)
        ->table.BindImageMemory(a->device, a->image, a->memory, a->memoryOffset);
}

void vn_handle_vkBindImageMemory(struct vn_stream *s, struct vn_vkBindImageMemory *a) {
    a->ret = bind(s, a);
    bind_finish(s, VK_OBJECT_TYPE_IMAGE, a->ret);
}

static VkResult bind_all(struct vn_stream *s, const struct vn_vkBindImageMemory2 *a) {
    VkResult poison = bind_check_poison(s);
    if (poison < 0) {
        return poison;
    }
    for (uint32_t i = 0; i < a->bindInfoCount; i++) {
        const VkBindImageMemoryInfo *info = &a->pBindInfos[i];
        if (!bind_check_handle(s, (uint64_t)(uintptr_t)info->image, "pBindInfos.image") ||
            !bind_check_handle(s, (uint64_t)(uintptr_t)info->memory, "pBindInfos.memory")) {
            return VK_ERROR_UNKNOWN;
        }
    }
    return device_of(a->device_object)
        ->table.BindImageMemory2(a->device, a->bindInfoCount, a->pBindInfos);
}

void vn_handle_vkBindImageMemory2(struct vn_stream *s, struct vn_vkBindImageMemory2 *a) {
    a->ret = bind_all(s, a);
    bind_finish(s, VK_OBJECT_TYPE_IMAGE, a->ret);
}
