/* Where the texels of an image lie in its memory, and its modifier. */
#include "renderer/device.h"
#include "renderer/image.h"
#include "renderer/image_info.h"
#include "renderer/renderer.h"
#include "util/log.h"
#include "venus_handlers.h"

static const struct device *device_of(const struct vn_object *object) {
    return device_from(object->vk);
}

static bool has_modifier(const struct vn_object *object) {
    return ((const struct image *)object)->has_modifier;
}

void vn_handle_vkGetImageSubresourceLayout(struct vn_stream *s,
                                           struct vn_vkGetImageSubresourceLayout *a) {
    const struct device *device = device_of(a->device_object);
    VkImageSubresource subresource = *a->pSubresource;
    if (image_info_translate_aspect(s, device, has_modifier(a->image_object),
                                    &subresource.aspectMask, "pSubresource.aspectMask")) {
        device->table.GetImageSubresourceLayout(a->device, a->image, &subresource, a->pLayout);
    }
}

void vn_handle_vkGetImageSubresourceLayout2(struct vn_stream *s,
                                            struct vn_vkGetImageSubresourceLayout2 *a) {
    const struct device *device = device_of(a->device_object);
    if (!device->table.GetImageSubresourceLayout2) {
        cs_fail(&s->decoder, NULL, "the host driver does not provide this command");
        return;
    }
    VkImageSubresource2 subresource = *a->pSubresource;
    if (image_info_translate_aspect(s, device, has_modifier(a->image_object),
                                    &subresource.imageSubresource.aspectMask,
                                    "pSubresource.imageSubresource.aspectMask")) {
        device->table.GetImageSubresourceLayout2(a->device, a->image, &subresource, a->pLayout);
    }
}

void vn_handle_vkGetDeviceImageSubresourceLayout(struct vn_stream *s,
                                                 struct vn_vkGetDeviceImageSubresourceLayout *a) {
    const struct device *device = device_of(a->device_object);
    if (!device->table.GetDeviceImageSubresourceLayout) {
        cs_fail(&s->decoder, NULL, "the host driver does not provide this command");
        return;
    }
    struct image_traits traits;
    const char *fault =
        image_info_translate(device, (VkImageCreateInfo *)a->pInfo->pCreateInfo, &traits);
    if (fault) {
        log_warning("%s: vkGetDeviceImageSubresourceLayout: %s", device->context->name, fault);
        return; /* an image that cannot be made has no bytes */
    }
    VkImageSubresource2 subresource = *a->pInfo->pSubresource;
    VkDeviceImageSubresourceInfo info = *a->pInfo;
    info.pSubresource = &subresource;
    if (image_info_translate_aspect(s, device, traits.has_modifier,
                                    &subresource.imageSubresource.aspectMask,
                                    "pInfo.pSubresource.imageSubresource.aspectMask")) {
        device->table.GetDeviceImageSubresourceLayout(a->device, &info, a->pLayout);
    }
}

void vn_handle_vkGetImageDrmFormatModifierPropertiesEXT(
    struct vn_stream *s, struct vn_vkGetImageDrmFormatModifierPropertiesEXT *a) {
    const struct device *device = device_of(a->device_object);
    if (physical_device_has_host_modifiers(device->physical)) {
        if (!device->table.GetImageDrmFormatModifierPropertiesEXT) {
            cs_fail(&s->decoder, NULL, "the host driver does not provide this command");
            return;
        }
        a->ret = device->table.GetImageDrmFormatModifierPropertiesEXT(a->device, a->image,
                                                                      a->pProperties);
    } else if (has_modifier(a->image_object)) {
        a->pProperties->drmFormatModifier = LINEAR_MODIFIER;
        a->ret = VK_SUCCESS;
    } else {
        cs_fail(&s->decoder, "image", "it was created without a modifier");
    }
}
