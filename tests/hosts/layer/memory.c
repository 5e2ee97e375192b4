/* Memory as Metal has it: shared memory is imported in pages of 16 KiB, and carries no images;
 * nothing is exported. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layer.h"

/* Words of below_note. */
enum { NOTE_DEVICE = 1, NOTE_SHARED, NOTE_IMPORTED, NOTE_TILED, NOTE_LINEAR };

#define SHARED_FLAGS                                                                               \
    (VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT | VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |                   \
     VK_MEMORY_PROPERTY_HOST_COHERENT_BIT | VK_MEMORY_PROPERTY_HOST_CACHED_BIT)

/* ---- types -------------------------------------------------------------------------------- */

uint32_t memory_find_type(struct below_instance *below, VkPhysicalDevice physical) {
    const VkMemoryPropertyFlags wanted =
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    VkPhysicalDeviceMemoryProperties properties;
    below->GetPhysicalDeviceMemoryProperties(physical, &properties);
    for (uint32_t i = 0; i < properties.memoryTypeCount; i++) {
        if ((properties.memoryTypes[i].propertyFlags & wanted) == wanted) {
            return i;
        }
    }
    return 0;
}

static void set_types(VkPhysicalDeviceMemoryProperties *properties, uint32_t type) {
    uint32_t heap = properties->memoryTypes[type].heapIndex;
    properties->memoryTypeCount = TYPE_COUNT;
    properties->memoryTypes[TYPE_DEVICE] =
        (VkMemoryType){VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, heap};
    properties->memoryTypes[TYPE_SHARED] = (VkMemoryType){SHARED_FLAGS, heap};
}

static VKAPI_ATTR void VKAPI_CALL layer_GetPhysicalDeviceMemoryProperties(
    VkPhysicalDevice physical, VkPhysicalDeviceMemoryProperties *out) {
    struct below_instance *below = below_instance_of(physical);
    below->GetPhysicalDeviceMemoryProperties(physical, out);
    set_types(out, memory_find_type(below, physical));
}

static VKAPI_ATTR void VKAPI_CALL layer_GetPhysicalDeviceMemoryProperties2(
    VkPhysicalDevice physical, VkPhysicalDeviceMemoryProperties2 *out) {
    struct below_instance *below = below_instance_of(physical);
    below->GetPhysicalDeviceMemoryProperties2(physical, out);
    set_types(&out->memoryProperties, memory_find_type(below, physical));
}

static void set_type_bits(const struct below_device *below, uint32_t *bits) {
    *bits = *bits & (UINT32_C(1) << below->memory_type) ? (1 << TYPE_COUNT) - 1 : 0;
}

#define REQUIREMENTS(call, object)                                                                 \
    static VKAPI_ATTR void VKAPI_CALL layer_##call(VkDevice device, object handle,                 \
                                                   VkMemoryRequirements *out) {                    \
        struct below_device *below = below_device_of(device);                                      \
        below->call(device, handle, out);                                                          \
        set_type_bits(below, &out->memoryTypeBits);                                                \
    }

#define REQUIREMENTS2(call, info_type)                                                             \
    static VKAPI_ATTR void VKAPI_CALL layer_##call(VkDevice device, const info_type *info,         \
                                                   VkMemoryRequirements2 *out) {                   \
        struct below_device *below = below_device_of(device);                                      \
        below->call(device, info, out);                                                            \
        set_type_bits(below, &out->memoryRequirements.memoryTypeBits);                             \
    }

REQUIREMENTS(GetBufferMemoryRequirements, VkBuffer)
REQUIREMENTS(GetImageMemoryRequirements, VkImage)
REQUIREMENTS2(GetBufferMemoryRequirements2, VkBufferMemoryRequirementsInfo2)
REQUIREMENTS2(GetImageMemoryRequirements2, VkImageMemoryRequirementsInfo2)
REQUIREMENTS2(GetDeviceBufferMemoryRequirements, VkDeviceBufferMemoryRequirements)
REQUIREMENTS2(GetDeviceImageMemoryRequirements, VkDeviceImageMemoryRequirements)

/* ---- allocation --------------------------------------------------------------------------- */

static const void *find(const void *chain, VkStructureType type) {
    const VkBaseInStructure *link = chain;
    while (link && link->sType != type) {
        link = link->pNext;
    }
    return link;
}

static bool is_page_aligned(const void *pointer) {
    return (uintptr_t)pointer % LAYER_PAGE == 0;
}

static VkResult check_import(const VkMemoryAllocateInfo *info,
                             const VkImportMemoryHostPointerInfoEXT *import) {
    if (!is_page_aligned(import->pHostPointer) || info->allocationSize % LAYER_PAGE) {
        fprintf(stderr, LAYER_NAME ": import of %llu bytes at %p: not whole pages of 16 KiB\n",
                (unsigned long long)info->allocationSize, import->pHostPointer);
        return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    }
    return info->memoryTypeIndex == TYPE_SHARED ? VK_SUCCESS : VK_ERROR_INVALID_EXTERNAL_HANDLE;
}

/* The fault of a driver that takes any pointer, and gives memory of its own. */
static bool imports_are_copies(void) {
    const char *value = getenv("VESPER_HOST_COPIES");
    return value && *value == '1';
}

static VkResult check_allocation(const VkMemoryAllocateInfo *info) {
    const VkExportMemoryAllocateInfo *exported =
        find(info->pNext, VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO);
    if (exported && exported->handleTypes) {
        return VK_ERROR_INITIALIZATION_FAILED;
    }
    if (find(info->pNext, VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR)) {
        return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    }
    const VkImportMemoryHostPointerInfoEXT *import =
        find(info->pNext, VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT);
    return import && !imports_are_copies() ? check_import(info, import) : VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL layer_AllocateMemory(VkDevice device,
                                                           const VkMemoryAllocateInfo *info,
                                                           const VkAllocationCallbacks *allocator,
                                                           VkDeviceMemory *out) {
    struct below_device *below = below_device_of(device);
    VkResult result;
    if (trouble_comes("vkAllocateMemory", &result)) {
        return result;
    }
    result = check_allocation(info);
    if (result < 0) {
        return result;
    }
    VkMemoryAllocateInfo real = *info;
    real.memoryTypeIndex = below->memory_type;
    if (imports_are_copies()) {
        real.pNext = NULL;
    }
    result = below->AllocateMemory(device, &real, allocator, out);
    if (result >= 0) {
        bool imported =
            find(info->pNext, VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT) != NULL;
        below_note((uint64_t)(uintptr_t)*out, imported                               ? NOTE_IMPORTED
                                              : info->memoryTypeIndex == TYPE_SHARED ? NOTE_SHARED
                                                                                     : NOTE_DEVICE);
    }
    return result;
}

static VKAPI_ATTR void VKAPI_CALL layer_FreeMemory(VkDevice device, VkDeviceMemory memory,
                                                   const VkAllocationCallbacks *allocator) {
    below_note((uint64_t)(uintptr_t)memory, 0);
    below_device_of(device)->FreeMemory(device, memory, allocator);
}

static VkResult check_map(VkDeviceMemory memory) {
    VkResult result;
    if (trouble_comes("vkMapMemory", &result)) {
        return result;
    }
    return below_look_up((uint64_t)(uintptr_t)memory) == NOTE_DEVICE ? VK_ERROR_MEMORY_MAP_FAILED
                                                                     : VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL layer_MapMemory(VkDevice device, VkDeviceMemory memory,
                                                      VkDeviceSize offset, VkDeviceSize size,
                                                      VkMemoryMapFlags flags, void **out) {
    VkResult result = check_map(memory);
    return result < 0
               ? result
               : below_device_of(device)->MapMemory(device, memory, offset, size, flags, out);
}

static VKAPI_ATTR VkResult VKAPI_CALL layer_MapMemory2(VkDevice device, const VkMemoryMapInfo *info,
                                                       void **out) {
    VkResult result = check_map(info->memory);
    struct below_device *below = below_device_of(device);
    PFN_vkMapMemory2 map = below->MapMemory2 ? below->MapMemory2 : below->MapMemory2KHR;
    return result < 0 ? result : map(device, info, out);
}

static VKAPI_ATTR VkResult VKAPI_CALL layer_GetMemoryHostPointerPropertiesEXT(
    VkDevice device, VkExternalMemoryHandleTypeFlagBits type, const void *pointer,
    VkMemoryHostPointerPropertiesEXT *out) {
    struct below_device *below = below_device_of(device);
    VkResult result;
    if (trouble_comes("vkGetMemoryHostPointerPropertiesEXT", &result)) {
        return result;
    }
    if (!is_page_aligned(pointer)) {
        return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    }
    result = below->GetMemoryHostPointerPropertiesEXT(device, type, pointer, out);
    bool importable = out->memoryTypeBits & (UINT32_C(1) << below->memory_type);
    out->memoryTypeBits = result >= 0 && importable ? 1 << TYPE_SHARED : 0;
    return result;
}

/* ---- images ------------------------------------------------------------------------------- */

static VKAPI_ATTR VkResult VKAPI_CALL layer_CreateImage(VkDevice device,
                                                        const VkImageCreateInfo *info,
                                                        const VkAllocationCallbacks *allocator,
                                                        VkImage *out) {
    VkResult result = below_device_of(device)->CreateImage(device, info, allocator, out);
    if (result >= 0) {
        below_note((uint64_t)(uintptr_t)*out,
                   info->tiling == VK_IMAGE_TILING_LINEAR ? NOTE_LINEAR : NOTE_TILED);
    }
    return result;
}

static VKAPI_ATTR void VKAPI_CALL layer_DestroyImage(VkDevice device, VkImage image,
                                                     const VkAllocationCallbacks *allocator) {
    below_note((uint64_t)(uintptr_t)image, 0);
    below_device_of(device)->DestroyImage(device, image, allocator);
}

static VkResult check_bind(VkImage image, VkDeviceMemory memory) {
    bool imported = below_look_up((uint64_t)(uintptr_t)memory) == NOTE_IMPORTED;
    bool linear = below_look_up((uint64_t)(uintptr_t)image) == NOTE_LINEAR;
    if (!imported || linear) {
        return VK_SUCCESS;
    }
    fprintf(stderr, LAYER_NAME ": a tiled image cannot be bound to imported memory\n");
    return VK_ERROR_OUT_OF_DEVICE_MEMORY;
}

static VKAPI_ATTR VkResult VKAPI_CALL layer_BindImageMemory(VkDevice device, VkImage image,
                                                            VkDeviceMemory memory,
                                                            VkDeviceSize offset) {
    VkResult result = check_bind(image, memory);
    return result < 0 ? result
                      : below_device_of(device)->BindImageMemory(device, image, memory, offset);
}

static VKAPI_ATTR VkResult VKAPI_CALL layer_BindImageMemory2(VkDevice device, uint32_t count,
                                                             const VkBindImageMemoryInfo *infos) {
    for (uint32_t i = 0; i < count; i++) {
        VkResult result = check_bind(infos[i].image, infos[i].memory);
        if (result < 0) {
            return result;
        }
    }
    return below_device_of(device)->BindImageMemory2(device, count, infos);
}

/* ---- names -------------------------------------------------------------------------------- */

#define ENTRY(name, call) {"vk" #name, (PFN_vkVoidFunction)layer_##call}

PFN_vkVoidFunction memory_get_call(const char *name) {
    static const struct {
        const char *name;
        PFN_vkVoidFunction call;
    } calls[] = {
        ENTRY(GetPhysicalDeviceMemoryProperties, GetPhysicalDeviceMemoryProperties),
        ENTRY(GetPhysicalDeviceMemoryProperties2, GetPhysicalDeviceMemoryProperties2),
        ENTRY(GetPhysicalDeviceMemoryProperties2KHR, GetPhysicalDeviceMemoryProperties2),
        ENTRY(AllocateMemory, AllocateMemory),
        ENTRY(FreeMemory, FreeMemory),
        ENTRY(MapMemory, MapMemory),
        ENTRY(MapMemory2, MapMemory2),
        ENTRY(MapMemory2KHR, MapMemory2),
        ENTRY(GetMemoryHostPointerPropertiesEXT, GetMemoryHostPointerPropertiesEXT),
        ENTRY(CreateImage, CreateImage),
        ENTRY(DestroyImage, DestroyImage),
        ENTRY(BindImageMemory, BindImageMemory),
        ENTRY(BindImageMemory2, BindImageMemory2),
        ENTRY(BindImageMemory2KHR, BindImageMemory2),
        ENTRY(GetBufferMemoryRequirements, GetBufferMemoryRequirements),
        ENTRY(GetImageMemoryRequirements, GetImageMemoryRequirements),
        ENTRY(GetBufferMemoryRequirements2, GetBufferMemoryRequirements2),
        ENTRY(GetBufferMemoryRequirements2KHR, GetBufferMemoryRequirements2),
        ENTRY(GetImageMemoryRequirements2, GetImageMemoryRequirements2),
        ENTRY(GetImageMemoryRequirements2KHR, GetImageMemoryRequirements2),
        ENTRY(GetDeviceBufferMemoryRequirements, GetDeviceBufferMemoryRequirements),
        ENTRY(GetDeviceBufferMemoryRequirementsKHR, GetDeviceBufferMemoryRequirements),
        ENTRY(GetDeviceImageMemoryRequirements, GetDeviceImageMemoryRequirements),
        ENTRY(GetDeviceImageMemoryRequirementsKHR, GetDeviceImageMemoryRequirements),
    };
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        if (strcmp(calls[i].name, name) == 0) {
            return calls[i].call;
        }
    }
    return NULL;
}
