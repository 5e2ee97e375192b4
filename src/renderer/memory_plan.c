#include "renderer/memory_plan.h"

#include <stdio.h>
#include <string.h>

#include "platform/platform.h"
#include "renderer/chain.h"
#include "renderer/extension_list.h"
#include "renderer/memory_probe.h"
#include "util/checked.h"
#include "venus_tables.h"

#define COHERENT_FLAGS (VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT)
#define HOST_FLAGS (COHERENT_FLAGS | VK_MEMORY_PROPERTY_HOST_CACHED_BIT)

/* The guest maps resources, not memory, and never tells us of a flush: only coherent types do. */
static uint32_t coherent_types(const VkPhysicalDeviceMemoryProperties *properties) {
    uint32_t types = 0;
    for (uint32_t i = 0; i < properties->memoryTypeCount; i++) {
        if ((properties->memoryTypes[i].propertyFlags & COHERENT_FLAGS) == COHERENT_FLAGS) {
            types |= UINT32_C(1) << i;
        }
    }
    return types;
}

static void hide_unbacked_types(struct memory_plan *plan) {
    for (uint32_t i = 0; i < plan->visible.memoryTypeCount; i++) {
        if (!(plan->backed_types & (UINT32_C(1) << i))) {
            plan->visible.memoryTypes[i].propertyFlags &= ~(VkMemoryPropertyFlags)HOST_FLAGS;
        }
    }
}

/* ---- shared memory imported as host pointer ----------------------------------------------- */

/* 0 where the driver's answer is no alignment. */
static uint64_t import_alignment(const struct vn_instance_table *vk, VkPhysicalDevice device) {
    VkPhysicalDeviceExternalMemoryHostPropertiesEXT host = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_MEMORY_HOST_PROPERTIES_EXT,
    };
    VkPhysicalDeviceProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
        .pNext = &host,
    };
    vk->GetPhysicalDeviceProperties2(device, &properties);
    uint64_t alignment = host.minImportedHostPointerAlignment;
    if (!alignment || (alignment & (alignment - 1))) {
        return 0;
    }
    uint64_t page = platform_page_size();
    return alignment > page ? alignment : page;
}

VkResult memory_plan_ask_imported_image(const struct vn_instance_table *vk, VkPhysicalDevice device,
                                        const VkPhysicalDeviceImageFormatInfo2 *info,
                                        VkImageFormatProperties2 *properties) {
    VkPhysicalDeviceExternalImageFormatInfo external_info = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO,
        .pNext = info->pNext,
        .handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT,
    };
    VkPhysicalDeviceImageFormatInfo2 imported_info = *info;
    imported_info.pNext = &external_info;
    VkExternalImageFormatProperties own = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_IMAGE_FORMAT_PROPERTIES,
        .pNext = properties->pNext,
    };
    const VkExternalImageFormatProperties *external =
        chain_find(properties, VK_STRUCTURE_TYPE_EXTERNAL_IMAGE_FORMAT_PROPERTIES);
    if (!external) {
        external = &own;
        properties->pNext = &own;
    }
    VkResult result =
        vk->GetPhysicalDeviceImageFormatProperties2(device, &imported_info, properties);
    if (external == &own) {
        properties->pNext = own.pNext;
    }
    if (result == VK_SUCCESS && !(external->externalMemoryProperties.externalMemoryFeatures &
                                  VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT)) {
        result = VK_ERROR_FORMAT_NOT_SUPPORTED;
    }
    return result;
}

static bool imports_image(const struct vn_instance_table *vk, VkPhysicalDevice device,
                          VkFormat format, VkImageTiling tiling, VkImageUsageFlags usage) {
    const VkPhysicalDeviceImageFormatInfo2 info = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_FORMAT_INFO_2,
        .format = format,
        .type = VK_IMAGE_TYPE_2D,
        .tiling = tiling,
        .usage = usage,
    };
    VkImageFormatProperties2 properties = {.sType = VK_STRUCTURE_TYPE_IMAGE_FORMAT_PROPERTIES_2};
    return memory_plan_ask_imported_image(vk, device, &info, &properties) == VK_SUCCESS;
}

/* Two common images stand for all: what keeps a driver from tiling in foreign memory is the
 * memory, not the format. */
static bool imports_tiled_images(const struct vn_instance_table *vk, VkPhysicalDevice device) {
    return imports_image(vk, device, VK_FORMAT_R8G8B8A8_UNORM, VK_IMAGE_TILING_OPTIMAL,
                         VK_IMAGE_USAGE_SAMPLED_BIT | VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT) &&
           imports_image(vk, device, VK_FORMAT_D32_SFLOAT, VK_IMAGE_TILING_OPTIMAL,
                         VK_IMAGE_USAGE_DEPTH_STENCIL_ATTACHMENT_BIT);
}

/* Why a guest is better off without dma-bufs; NULL where it can have them. Importable buffers
 * alone are not enough: a guest that is offered dma-bufs makes swapchains of images with
 * modifiers, and they fail where no format has one or it cannot be rendered to. Without the offer
 * its swapchains copy to shared memory of the guest, which always works. */
static const char *find_dma_buf_fault(const struct vn_instance_table *vk, VkPhysicalDevice device) {
    const VkFormat format = VK_FORMAT_B8G8R8A8_UNORM;
    if (!imports_image(vk, device, format, VK_IMAGE_TILING_LINEAR,
                       VK_IMAGE_USAGE_SAMPLED_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT |
                           VK_IMAGE_USAGE_TRANSFER_DST_BIT)) {
        return "its driver binds no LINEAR images to imported host pointers";
    }
    if (!imports_image(vk, device, format, VK_IMAGE_TILING_LINEAR,
                       VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT)) {
        return "its driver does not render to LINEAR images in imported host pointers";
    }
    return NULL;
}

static bool plan_host_import(struct memory_plan *plan, struct memory_probe *probe) {
    uint64_t alignment = import_alignment(probe->vk, probe->device);
    if (!alignment) {
        return false;
    }
    probe->size = alignment;
    /* An import has to go somewhere: with one type there is nothing to find out. */
    plan->backed_types =
        plan->visible.memoryTypeCount == 1 ? probe->candidates : memory_probe_host_import(probe);
    if (!plan->backed_types) {
        return false;
    }
    plan->strategy = &memory_strategy_host_import;
    plan->size_alignment = alignment;
    if (!imports_tiled_images(probe->vk, probe->device)) {
        plan->types_without_tiled_images = plan->backed_types;
    }
    plan->no_dma_buf_reason = find_dma_buf_fault(probe->vk, probe->device);
    plan->emulates_dma_buf = !plan->no_dma_buf_reason;
    return true;
}

/* ---- dma-bufs exported by the driver ------------------------------------------------------ */

static bool plan_dma_buf(struct memory_plan *plan, struct memory_probe *probe) {
    probe->size = platform_page_size();
    plan->backed_types = memory_probe_dma_buf(probe);
    plan->strategy = plan->backed_types ? &memory_strategy_dma_buf : NULL;
    plan->size_alignment = platform_page_size();
    return plan->backed_types != 0;
}

/* ---- the plan ----------------------------------------------------------------------------- */

bool memory_plan_make(struct memory_plan *plan, const struct vn_instance_table *vk,
                      VkPhysicalDevice device, const VkExtensionProperties *extensions,
                      uint32_t extension_count, char *reason, size_t reason_size) {
    memset(plan, 0, sizeof(*plan));
    vk->GetPhysicalDeviceMemoryProperties(device, &plan->visible);
    struct memory_probe probe = {
        .vk = vk,
        .device = device,
        .has_portability_subset =
            extension_list_has(extensions, extension_count, "VK_KHR_portability_subset"),
        .candidates = coherent_types(&plan->visible),
    };
    if (!probe.candidates) {
        snprintf(reason, reason_size,
                 "none of its memory types is both HOST_VISIBLE and HOST_COHERENT");
        return false;
    }
    bool has_import =
        extension_list_has(extensions, extension_count, VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME);
    bool has_export =
        extension_list_has(extensions, extension_count, VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME) &&
        extension_list_has(extensions, extension_count,
                           VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME);
    if (!has_import && !has_export) {
        snprintf(reason, reason_size,
                 "its driver has neither VK_EXT_external_memory_host nor "
                 "VK_EXT_external_memory_dma_buf, so that none of its memory can be shared");
        return false;
    }
    if (!(has_import && plan_host_import(plan, &probe)) &&
        !(has_export && plan_dma_buf(plan, &probe))) {
        snprintf(reason, reason_size, "no HOST_VISIBLE|HOST_COHERENT memory type of it %s",
                 !has_export   ? "takes shared memory through VK_EXT_external_memory_host"
                 : !has_import ? "gives dma-bufs that can be mapped"
                               : "takes shared memory or gives dma-bufs that can be mapped");
        return false;
    }
    hide_unbacked_types(plan);
    return true;
}

bool memory_plan_round_size(const struct memory_plan *plan, uint64_t size, uint64_t *out) {
    return checked_align_u64(size, plan->size_alignment, out);
}

uint32_t memory_plan_filter_tiled_image(const struct memory_plan *plan, uint32_t type_bits) {
    uint32_t filtered = type_bits & ~plan->types_without_tiled_images;
    return filtered ? filtered : type_bits;
}

uint32_t memory_plan_filter_shared(const struct memory_plan *plan, uint32_t type_bits) {
    uint32_t filtered = plan->emulates_dma_buf ? type_bits & plan->backed_types : type_bits;
    return filtered ? filtered : type_bits;
}

bool memory_plan_shares_tiled_images(const struct memory_plan *plan) {
    return (plan->backed_types & ~plan->types_without_tiled_images) != 0;
}

bool memory_plan_emulates(const struct memory_plan *plan, VkExternalMemoryHandleTypeFlags types) {
    return plan->emulates_dma_buf && (types & VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT);
}

VkExternalMemoryProperties memory_plan_get_dma_buf_properties(bool supported) {
    const VkExternalMemoryHandleTypeFlags type = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT;
    return (VkExternalMemoryProperties){
        .externalMemoryFeatures = supported ? VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT |
                                                  VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT
                                            : 0,
        .exportFromImportedHandleTypes = supported ? type : 0,
        /* A handle type is compatible with itself even where nothing can be done with it. */
        .compatibleHandleTypes = type,
    };
}

VkExternalMemoryHandleTypeFlags
memory_plan_filter_handle_types(const struct memory_plan *plan,
                                VkExternalMemoryHandleTypeFlags types) {
    return plan->strategy == &memory_strategy_dma_buf
               ? types & VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT
               : 0;
}
