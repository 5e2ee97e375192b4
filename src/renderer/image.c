#include "renderer/image.h"

#include "renderer/bind.h"
#include "renderer/chain.h"
#include "renderer/device.h"
#include "renderer/image_info.h"
#include "renderer/memory_plan.h"
#include "renderer/redecode.h"
#include "renderer/renderer.h"
#include "util/log.h"
#include "venus_handlers.h"

static const struct device *device_of(const struct vn_object *object) {
    return device_from(object->vk);
}

/* ---- creation ----------------------------------------------------------------------------- */

static VkImageCreateInfo *info_of(const VkImageCreateInfo *info) {
    return (VkImageCreateInfo *)info; /* a temporary of the command */
}

/* The guest shares the image with others, who rely on the layout that it gave. */
static bool has_given_layout(const struct device *device, VkImage handle,
                             const struct linear_modifier_layout *given) {
    const VkImageSubresource plane = {.aspectMask = VK_IMAGE_ASPECT_COLOR_BIT};
    VkSubresourceLayout layout = {0};
    device->table.GetImageSubresourceLayout(device->table.device, handle, &plane, &layout);
    if (layout.offset == given->offset && layout.rowPitch == given->row_pitch) {
        return true;
    }
    log_warning("%s: vkCreateImage: the host's rows start at %llu and are %llu bytes apart, not "
                "%llu and %llu",
                device->context->name, (unsigned long long)layout.offset,
                (unsigned long long)layout.rowPitch, (unsigned long long)given->offset,
                (unsigned long long)given->row_pitch);
    return false;
}

static VkResult create(const struct device *device, const VkImageCreateInfo *info,
                       const struct image_traits *traits, VkImage *out) {
    VkResult result = device->table.CreateImage(device->table.device, info, NULL, out);
    if (result >= 0 && traits->layout.is_given &&
        !has_given_layout(device, *out, &traits->layout)) {
        device->table.DestroyImage(device->table.device, *out, NULL);
        *out = VK_NULL_HANDLE;
        result = VK_ERROR_INVALID_DRM_FORMAT_MODIFIER_PLANE_LAYOUT_EXT;
    }
    return result;
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
    struct image_traits traits;
    const char *fault = image_info_translate(device, info_of(info), &traits);
    image->format = info->format;
    image->tiling = info->tiling;
    image->is_shared = traits.is_shared;
    image->has_modifier = traits.has_modifier;
    image->extent = info->extent;
    image->mip_levels = info->mipLevels;
    image->array_layers = info->arrayLayers;

    VkImage handle = VK_NULL_HANDLE;
    if (fault) {
        log_warning("%s: vkCreateImage: %s", device->context->name, fault);
        a->ret = VK_ERROR_INVALID_DRM_FORMAT_MODIFIER_PLANE_LAYOUT_EXT;
    } else {
        a->ret = create(device, info, &traits, &handle);
    }
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

static uint32_t filter_types(const struct memory_plan *plan, bool is_shared, VkImageTiling tiling,
                             uint32_t type_bits) {
    if (is_shared) {
        return memory_plan_filter_shared(plan, type_bits);
    }
    return tiling == VK_IMAGE_TILING_LINEAR ? type_bits
                                            : memory_plan_filter_tiled_image(plan, type_bits);
}

void vn_handle_vkGetImageMemoryRequirements(struct vn_stream *s,
                                            struct vn_vkGetImageMemoryRequirements *a) {
    const struct device *device = device_of(a->device_object);
    if (!bind_check_handle(s, (uint64_t)(uintptr_t)a->image, "image")) {
        return;
    }
    device->table.GetImageMemoryRequirements(a->device, a->image, a->pMemoryRequirements);
    const struct image *image = (const struct image *)a->image_object;
    uint32_t *bits = &a->pMemoryRequirements->memoryTypeBits;
    *bits = filter_types(&device->physical->memory, image->is_shared, image->tiling, *bits);
}

static bool check_requirements_info(struct vn_stream *s, const struct device *device,
                                    const VkImageMemoryRequirementsInfo2 *info) {
    const VkImagePlaneMemoryRequirementsInfo *plane =
        chain_find(info->pNext, VK_STRUCTURE_TYPE_IMAGE_PLANE_MEMORY_REQUIREMENTS_INFO);
    return bind_check_handle(s, (uint64_t)(uintptr_t)info->image, "pInfo.image") &&
           (!plane || image_info_check_plane(s, device, plane->planeAspect,
                                             "VkImagePlaneMemoryRequirementsInfo.planeAspect"));
}

static void note(struct vn_object *object, void *user) {
    *(const struct image **)user = (const struct image *)object;
}

void vn_handle_vkGetImageMemoryRequirements2(struct vn_stream *s,
                                             struct vn_vkGetImageMemoryRequirements2 *a) {
    const struct device *device = device_of(a->device_object);
    const struct memory_plan *plan = &device->physical->memory;
    if (!check_requirements_info(s, device, a->pInfo)) {
        return;
    }
    device->table.GetImageMemoryRequirements2(a->device, a->pInfo, a->pMemoryRequirements);

    uint32_t *bits = &a->pMemoryRequirements->memoryRequirements.memoryTypeBits;
    if (memory_plan_filter_tiled_image(plan, *bits) == *bits &&
        memory_plan_filter_shared(plan, *bits) == *bits) {
        return; /* it makes no difference what image it is */
    }
    const struct image *image = NULL;
    stream_visit_named(stream_from(s), VK_OBJECT_TYPE_IMAGE, note, &image);
    if (image) {
        *bits = filter_types(plan, image->is_shared, image->tiling, *bits);
    }
}

void vn_handle_vkGetDeviceImageMemoryRequirements(struct vn_stream *s,
                                                  struct vn_vkGetDeviceImageMemoryRequirements *a) {
    const struct device *device = device_of(a->device_object);
    if (!device->table.GetDeviceImageMemoryRequirements) {
        cs_fail(&s->decoder, NULL, "the host driver does not provide this command");
        return;
    }
    VkImageCreateInfo *info = info_of(a->pInfo->pCreateInfo);
    struct image_traits traits;
    const char *fault = image_info_translate(device, info, &traits);
    if (fault) {
        log_warning("%s: vkGetDeviceImageMemoryRequirements: %s", device->context->name, fault);
        return; /* no memory type will do */
    }
    VkDeviceImageMemoryRequirements asked = *a->pInfo;
    if (traits.has_modifier) {
        asked.planeAspect = VK_IMAGE_ASPECT_NONE; /* means something to disjoint images only */
    }
    device->table.GetDeviceImageMemoryRequirements(a->device, &asked, a->pMemoryRequirements);
    uint32_t *bits = &a->pMemoryRequirements->memoryRequirements.memoryTypeBits;
    *bits = filter_types(&device->physical->memory, traits.is_shared, info->tiling, *bits);
}

void vn_handle_vkGetDeviceImageSparseMemoryRequirements(
    struct vn_stream *s, struct vn_vkGetDeviceImageSparseMemoryRequirements *a) {
    const struct device *device = device_of(a->device_object);
    if (!device->table.GetDeviceImageSparseMemoryRequirements) {
        cs_fail(&s->decoder, NULL, "the host driver does not provide this command");
        return;
    }
    struct image_traits traits;
    const char *fault = image_info_translate(device, info_of(a->pInfo->pCreateInfo), &traits);
    if (fault || traits.has_modifier) {
        *a->pSparseMemoryRequirementCount = 0; /* no image with a modifier is sparse */
        return;
    }
    device->table.GetDeviceImageSparseMemoryRequirements(
        a->device, a->pInfo, a->pSparseMemoryRequirementCount, a->pSparseMemoryRequirements);
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

static bool check_bind_info(struct vn_stream *s, const struct device *device,
                            const VkBindImageMemoryInfo *info) {
    const VkBindImagePlaneMemoryInfo *plane =
        chain_find(info->pNext, VK_STRUCTURE_TYPE_BIND_IMAGE_PLANE_MEMORY_INFO);
    return bind_check_handle(s, (uint64_t)(uintptr_t)info->image, "pBindInfos.image") &&
           bind_check_handle(s, (uint64_t)(uintptr_t)info->memory, "pBindInfos.memory") &&
           (!plane || image_info_check_plane(s, device, plane->planeAspect,
                                             "VkBindImagePlaneMemoryInfo.planeAspect"));
}

static VkResult bind_all(struct vn_stream *s, const struct vn_vkBindImageMemory2 *a) {
    const struct device *device = device_of(a->device_object);
    VkResult poison = bind_check_poison(s);
    if (poison < 0) {
        return poison;
    }
    for (uint32_t i = 0; i < a->bindInfoCount; i++) {
        if (!check_bind_info(s, device, &a->pBindInfos[i])) {
            return VK_ERROR_UNKNOWN;
        }
    }
    return device->table.BindImageMemory2(a->device, a->bindInfoCount, a->pBindInfos);
}

void vn_handle_vkBindImageMemory2(struct vn_stream *s, struct vn_vkBindImageMemory2 *a) {
    a->ret = bind_all(s, a);
    bind_finish(s, VK_OBJECT_TYPE_IMAGE, a->ret);
}
