#include "image_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "renderer/chain.h"
#include "spy_driver.h"

struct image_host image_host;

static void note_chain(const void *chain) {
    image_host.chain_length = 0;
    for (const VkBaseInStructure *in = chain; in; in = in->pNext) {
        assert_true(image_host.chain_length < IMAGE_HOST_CHAIN);
        image_host.chain[image_host.chain_length++] = in->sType;
    }
}

static VKAPI_ATTR VkResult VKAPI_CALL
answer_GetImageFormat(VkPhysicalDevice device, const VkPhysicalDeviceImageFormatInfo2 *info,
                      VkImageFormatProperties2 *properties) {
    (void)device;
    image_host.image_queries++;
    image_host.tiling = info->tiling;
    note_chain(info->pNext);
    const VkPhysicalDeviceExternalImageFormatInfo *external =
        chain_find(info, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO);
    image_host.handle_type = external ? external->handleType : 0;
    properties->imageFormatProperties = (VkImageFormatProperties){
        {2048, 1024, 7}, 12, 256, VK_SAMPLE_COUNT_1_BIT | VK_SAMPLE_COUNT_4_BIT, 1 << 30};
    VkExternalImageFormatProperties *out =
        chain_find(properties, VK_STRUCTURE_TYPE_EXTERNAL_IMAGE_FORMAT_PROPERTIES);
    const bool is_apart = image_host.is_tiled_only_apart && info->tiling == VK_IMAGE_TILING_OPTIMAL;
    if (out && image_host.imports && !is_apart) {
        out->externalMemoryProperties = (VkExternalMemoryProperties){
            VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT, 0, image_host.handle_type};
    }
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL answer_CreateImage(VkDevice device,
                                                         const VkImageCreateInfo *info,
                                                         const VkAllocationCallbacks *allocator,
                                                         VkImage *out) {
    (void)device, (void)allocator;
    image_host.tiling = info->tiling;
    note_chain(info->pNext);
    *out = (VkImage)(uintptr_t)(0x1000 + ++image_host.creations);
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL answer_DestroyImage(VkDevice device, VkImage image,
                                                      const VkAllocationCallbacks *allocator) {
    (void)device, (void)image, (void)allocator;
    image_host.destructions++;
}

static VKAPI_ATTR void VKAPI_CALL answer_GetLayout(VkDevice device, VkImage image,
                                                   const VkImageSubresource *subresource,
                                                   VkSubresourceLayout *out) {
    (void)device;
    assert_true(image != VK_NULL_HANDLE);
    image_host.layout_queries++;
    image_host.aspect = subresource->aspectMask;
    *out =
        (VkSubresourceLayout){.size = 32 * IMAGE_HOST_ROW_PITCH, .rowPitch = IMAGE_HOST_ROW_PITCH};
}

static VKAPI_ATTR void VKAPI_CALL answer_GetLayout2(VkDevice device, VkImage image,
                                                    const VkImageSubresource2 *subresource,
                                                    VkSubresourceLayout2 *out) {
    answer_GetLayout(device, image, &subresource->imageSubresource, &out->subresourceLayout);
}

static VKAPI_ATTR void VKAPI_CALL answer_GetDeviceLayout(VkDevice device,
                                                         const VkDeviceImageSubresourceInfo *info,
                                                         VkSubresourceLayout2 *out) {
    image_host.tiling = info->pCreateInfo->tiling;
    note_chain(info->pCreateInfo->pNext);
    answer_GetLayout2(device, (VkImage)(uintptr_t)1, info->pSubresource, out);
}

static VKAPI_ATTR void VKAPI_CALL answer_GetDeviceRequirements(
    VkDevice device, const VkDeviceImageMemoryRequirements *info, VkMemoryRequirements2 *out) {
    (void)device;
    image_host.tiling = info->pCreateInfo->tiling;
    image_host.plane_aspect = info->planeAspect;
    note_chain(info->pCreateInfo->pNext);
    out->memoryRequirements = (VkMemoryRequirements){8192, 64, 3};
}

static void replace_all(void) {
    memset(&image_host, 0, sizeof(image_host));
    image_host.imports = true;
    spy_replace("vkGetPhysicalDeviceImageFormatProperties2",
                (PFN_vkVoidFunction)answer_GetImageFormat);
    spy_replace("vkCreateImage", (PFN_vkVoidFunction)answer_CreateImage);
    spy_replace("vkDestroyImage", (PFN_vkVoidFunction)answer_DestroyImage);
    spy_replace("vkGetImageSubresourceLayout", (PFN_vkVoidFunction)answer_GetLayout);
    spy_replace("vkGetImageSubresourceLayout2", (PFN_vkVoidFunction)answer_GetLayout2);
    spy_replace("vkGetDeviceImageSubresourceLayout", (PFN_vkVoidFunction)answer_GetDeviceLayout);
    spy_replace("vkGetDeviceImageMemoryRequirements",
                (PFN_vkVoidFunction)answer_GetDeviceRequirements);
}

static struct guest *open_host(const struct context_limits *limits) {
    struct guest *g = guest_create_open(limits);
    image_host.image_queries = 0; /* the memory plan's own questions */
    return g;
}

struct guest *image_host_open(const struct context_limits *limits) {
    replace_all();
    return open_host(limits);
}

struct guest *image_host_open_apart(void) {
    replace_all();
    image_host.is_tiled_only_apart = true;
    return open_host(NULL);
}
