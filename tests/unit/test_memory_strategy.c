/* The memory plan and its two strategies, on a driver of our own that remembers what it is asked
 * and lies where a test tells it to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "open_descriptors.h"
#include "platform/platform.h"
#include "renderer/device.h"
#include "renderer/memory_plan.h"
#include "renderer/memory_strategy.h"
#include "renderer/renderer.h"
#include "util/log.h"
#include "venus_tables.h"

#define MIB (UINT64_C(1) << 20)

/* ---- the driver --------------------------------------------------------------------------- */

enum { CHAIN_MAX = 8 };

static struct {
    /* What it is. */
    VkPhysicalDeviceMemoryProperties memory;
    uint64_t import_alignment;
    uint32_t claimed_types;    /* answer of vkGetMemoryHostPointerPropertiesEXT */
    uint32_t importable_types; /* what an import really succeeds as */
    uint32_t exportable_types;
    bool tiled_images_importable;
    bool linear_images_known;        /* the driver has LINEAR images at all */
    VkImageUsageFlags linear_usages; /* LINEAR images of these can be imported */
    VkResult allocate_result;
    uint64_t dma_buf_size; /* 0: a descriptor that cannot be mapped */
    uint8_t uuid;          /* differs per test: answers are kept per device */
    /* What it was asked. */
    int devices_created, devices_alive, memories_alive, memories_allocated;
    VkMemoryAllocateInfo allocated; /* pNext is of no use afterwards */
    VkStructureType chain[CHAIN_MAX];
    uint32_t chain_length;
    void *imported_pointer;
    int imported_fd;
    VkExternalMemoryHandleTypeFlags export_types;
} driver;

static VKAPI_ATTR void VKAPI_CALL get_memory_properties(VkPhysicalDevice device,
                                                        VkPhysicalDeviceMemoryProperties *out) {
    (void)device;
    *out = driver.memory;
}

static VKAPI_ATTR void VKAPI_CALL get_properties2(VkPhysicalDevice device,
                                                  VkPhysicalDeviceProperties2 *out) {
    (void)device;
    for (VkBaseOutStructure *item = out->pNext; item; item = item->pNext) {
        if (item->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_MEMORY_HOST_PROPERTIES_EXT) {
            ((VkPhysicalDeviceExternalMemoryHostPropertiesEXT *)item)
                ->minImportedHostPointerAlignment = driver.import_alignment;
        }
        if (item->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES) {
            memset(((VkPhysicalDeviceIDProperties *)item)->deviceUUID, driver.uuid, VK_UUID_SIZE);
        }
    }
}

static VKAPI_ATTR VkResult VKAPI_CALL
get_image_format_properties2(VkPhysicalDevice device, const VkPhysicalDeviceImageFormatInfo2 *info,
                             VkImageFormatProperties2 *out) {
    (void)device;
    const VkPhysicalDeviceExternalImageFormatInfo *external = info->pNext;
    assert_int_equal(external->sType, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO);
    assert_int_equal(external->handleType, VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT);
    bool is_linear = info->tiling == VK_IMAGE_TILING_LINEAR;
    assert_true(is_linear || info->tiling == VK_IMAGE_TILING_OPTIMAL);
    if (is_linear ? !driver.linear_images_known : !driver.tiled_images_importable) {
        return VK_ERROR_FORMAT_NOT_SUPPORTED;
    }
    if (!is_linear || !(info->usage & ~driver.linear_usages)) {
        ((VkExternalImageFormatProperties *)out->pNext)
            ->externalMemoryProperties.externalMemoryFeatures =
            VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT;
    }
    return VK_SUCCESS;
}

static void note_chain(const VkMemoryAllocateInfo *info) {
    driver.allocated = *info;
    driver.chain_length = 0;
    driver.imported_pointer = NULL;
    driver.imported_fd = -1;
    driver.export_types = 0;
    for (const VkBaseInStructure *item = info->pNext; item; item = item->pNext) {
        assert_true(driver.chain_length < CHAIN_MAX);
        driver.chain[driver.chain_length++] = item->sType;
        if (item->sType == VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT) {
            driver.imported_pointer =
                ((const VkImportMemoryHostPointerInfoEXT *)item)->pHostPointer;
        }
        if (item->sType == VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR) {
            driver.imported_fd = ((const VkImportMemoryFdInfoKHR *)item)->fd;
        }
        if (item->sType == VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO) {
            driver.export_types = ((const VkExportMemoryAllocateInfo *)item)->handleTypes;
        }
    }
}

static VKAPI_ATTR VkResult VKAPI_CALL allocate_memory(VkDevice device,
                                                      const VkMemoryAllocateInfo *info,
                                                      const VkAllocationCallbacks *allocator,
                                                      VkDeviceMemory *out) {
    (void)device;
    assert_null(allocator);
    note_chain(info);
    uint32_t bit = UINT32_C(1) << info->memoryTypeIndex;
    if (driver.imported_pointer) {
        uint64_t alignment = driver.import_alignment;
        assert_true(((uintptr_t)driver.imported_pointer & (alignment - 1)) == 0);
        assert_true(info->allocationSize % alignment == 0);
        if (!(driver.importable_types & bit)) {
            return VK_ERROR_INVALID_EXTERNAL_HANDLE;
        }
    }
    if (driver.export_types && !(driver.exportable_types & bit)) {
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    }
    if (driver.allocate_result < 0) {
        return driver.allocate_result;
    }
    if (driver.imported_fd >= 0) {
        close(driver.imported_fd); /* a successful import owns it */
    }
    driver.memories_alive++;
    driver.memories_allocated++;
    *out = (VkDeviceMemory)(uintptr_t)(0x1000 + driver.memories_allocated);
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL free_memory(VkDevice device, VkDeviceMemory memory,
                                              const VkAllocationCallbacks *allocator) {
    (void)device, (void)memory, (void)allocator;
    driver.memories_alive--;
}

static VKAPI_ATTR VkResult VKAPI_CALL
get_host_pointer_properties(VkDevice device, VkExternalMemoryHandleTypeFlagBits type,
                            const void *pointer, VkMemoryHostPointerPropertiesEXT *out) {
    (void)device;
    assert_int_equal(type, VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT);
    assert_true(((uintptr_t)pointer & (driver.import_alignment - 1)) == 0);
    out->memoryTypeBits = driver.claimed_types;
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL get_memory_fd(VkDevice device,
                                                    const VkMemoryGetFdInfoKHR *info, int *out) {
    (void)device;
    assert_int_equal(info->handleType, VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT);
    if (driver.dma_buf_size) {
        assert_int_equal(platform_shm_create("vesper-test", driver.dma_buf_size, out), 0);
    } else {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        close(ends[1]);
        *out = ends[0];
    }
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL
get_memory_fd_properties(VkDevice device, VkExternalMemoryHandleTypeFlagBits type, int fd,
                         VkMemoryFdPropertiesKHR *out) {
    (void)device, (void)type;
    assert_true(fcntl(fd, F_GETFD) >= 0);
    out->memoryTypeBits = driver.exportable_types;
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL destroy_device(VkDevice device,
                                                 const VkAllocationCallbacks *allocator) {
    (void)device, (void)allocator;
    driver.devices_alive--;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_device_proc(VkDevice device, const char *name) {
    (void)device;
    static const struct {
        const char *name;
        PFN_vkVoidFunction function;
    } functions[] = {
        {"vkAllocateMemory", (PFN_vkVoidFunction)allocate_memory},
        {"vkFreeMemory", (PFN_vkVoidFunction)free_memory},
        {"vkDestroyDevice", (PFN_vkVoidFunction)destroy_device},
        {"vkGetMemoryHostPointerPropertiesEXT", (PFN_vkVoidFunction)get_host_pointer_properties},
        {"vkGetMemoryFdKHR", (PFN_vkVoidFunction)get_memory_fd},
        {"vkGetMemoryFdPropertiesKHR", (PFN_vkVoidFunction)get_memory_fd_properties},
    };
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        if (strcmp(functions[i].name, name) == 0) {
            return functions[i].function;
        }
    }
    return NULL;
}

static VKAPI_ATTR VkResult VKAPI_CALL create_device(VkPhysicalDevice physical,
                                                    const VkDeviceCreateInfo *info,
                                                    const VkAllocationCallbacks *allocator,
                                                    VkDevice *out) {
    (void)physical, (void)info, (void)allocator;
    driver.devices_created++;
    driver.devices_alive++;
    *out = (VkDevice)(uintptr_t)0xdef1ce;
    return VK_SUCCESS;
}

static const struct vn_instance_table instance_functions = {
    .GetPhysicalDeviceMemoryProperties = get_memory_properties,
    .GetPhysicalDeviceProperties2 = get_properties2,
    .GetPhysicalDeviceImageFormatProperties2 = get_image_format_properties2,
    .CreateDevice = create_device,
    .GetDeviceProcAddr = get_device_proc,
};

/* ---- making devices ----------------------------------------------------------------------- */

enum {
    LOCAL = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT,
    VISIBLE = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT,
    COHERENT = VK_MEMORY_PROPERTY_HOST_COHERENT_BIT,
    CACHED = VK_MEMORY_PROPERTY_HOST_CACHED_BIT,
};

static void add_type(VkMemoryPropertyFlags flags) {
    driver.memory.memoryTypes[driver.memory.memoryTypeCount++].propertyFlags = flags;
}

static int reset(void **state) {
    (void)state;
    static uint8_t uuid;
    memset(&driver, 0, sizeof(driver));
    driver.uuid = ++uuid;
    driver.import_alignment = platform_page_size();
    driver.claimed_types = driver.importable_types = driver.exportable_types = UINT32_MAX;
    driver.tiled_images_importable = true;
    driver.linear_images_known = true;
    driver.linear_usages = UINT32_MAX;
    driver.dma_buf_size = MIB;
    driver.memory.memoryHeapCount = 1;
    driver.memory.memoryHeaps[0].size = 256 * MIB;
    return 0;
}

/* Every test leaves as much behind as it found. */
static int check_leftovers(void **state) {
    (void)state;
    uint64_t count, bytes;
    storage_get_totals(&count, &bytes);
    return driver.devices_alive || driver.memories_alive || count;
}

static const VkExtensionProperties host_import_extension[] = {
    {VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME, 1},
};
static const VkExtensionProperties dma_buf_extensions[] = {
    {VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME, 1},
    {VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME, 1},
};
static const VkExtensionProperties both_extensions[] = {
    {VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME, 1},
    {VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME, 1},
    {VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME, 1},
};

static char reason[256];

static bool make_plan(struct memory_plan *plan, const VkExtensionProperties *extensions,
                      uint32_t count) {
    reason[0] = '\0';
    return memory_plan_make(plan, &instance_functions, (VkPhysicalDevice)(uintptr_t)1, extensions,
                            count, reason, sizeof(reason));
}

struct rig {
    struct renderer_context context;
    struct physical_device physical;
    struct device device;
};

static void make_device(struct rig *rig, const VkExtensionProperties *extensions, uint32_t count) {
    memset(rig, 0, sizeof(*rig));
    assert_true(make_plan(&rig->physical.memory, extensions, count));
    atomic_init(&rig->device.object.handle, 0xdef1ce);
    rig->device.physical = &rig->physical;
    rig->device.context = &rig->context;
    storage_pool_init(&rig->context.pool);
    vn_device_table_init(&rig->device.table, (VkDevice)(uintptr_t)0xdef1ce, get_device_proc);
}

static VkMemoryAllocateInfo allocate_info(const void *chain, uint64_t size, uint32_t type) {
    return (VkMemoryAllocateInfo){
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .pNext = chain,
        .allocationSize = size,
        .memoryTypeIndex = type,
    };
}

/* ---- the plan ----------------------------------------------------------------------------- */

static void test_single_type_needs_no_trial(void **state) {
    (void)state;
    add_type(LOCAL | VISIBLE | COHERENT | CACHED);
    struct memory_plan plan;
    assert_true(make_plan(&plan, host_import_extension, 1));
    assert_ptr_equal(plan.strategy, &memory_strategy_host_import);
    assert_int_equal(plan.backed_types, 1);
    assert_int_equal(plan.types_without_tiled_images, 0);
    assert_true(plan.size_alignment == platform_page_size());
    assert_int_equal(plan.visible.memoryTypes[0].propertyFlags,
                     LOCAL | VISIBLE | COHERENT | CACHED);
    assert_int_equal(driver.devices_created, 0);
}

static void test_unbacked_types_are_not_visible(void **state) {
    (void)state;
    add_type(LOCAL);
    add_type(LOCAL | VISIBLE | COHERENT);
    add_type(VISIBLE | COHERENT);
    add_type(VISIBLE | COHERENT | CACHED);
    add_type(VISIBLE | CACHED);
    driver.claimed_types = 0x1d;    /* not type 1 */
    driver.importable_types = 0x1b; /* type 2 was a lie */
    struct memory_plan plan;
    assert_true(make_plan(&plan, host_import_extension, 1));
    assert_int_equal(plan.backed_types, 1 << 3);
    assert_int_equal(plan.visible.memoryTypeCount, 5);
    assert_int_equal(plan.visible.memoryTypes[0].propertyFlags, LOCAL);
    assert_int_equal(plan.visible.memoryTypes[1].propertyFlags, LOCAL);
    assert_int_equal(plan.visible.memoryTypes[2].propertyFlags, 0);
    assert_int_equal(plan.visible.memoryTypes[3].propertyFlags, VISIBLE | COHERENT | CACHED);
    assert_int_equal(plan.visible.memoryTypes[4].propertyFlags, 0);
    assert_int_equal(driver.devices_created, 1);
    assert_int_equal(driver.devices_alive, 0);
    assert_int_equal(driver.memories_alive, 0);
}

static void test_trial_is_made_once(void **state) {
    (void)state;
    add_type(LOCAL);
    add_type(VISIBLE | COHERENT);
    struct memory_plan plan;
    assert_true(make_plan(&plan, host_import_extension, 1));
    assert_true(make_plan(&plan, host_import_extension, 1));
    assert_int_equal(plan.backed_types, 2);
    assert_int_equal(driver.devices_created, 1);
    driver.uuid += 100; /* another device */
    assert_true(make_plan(&plan, host_import_extension, 1));
    assert_int_equal(driver.devices_created, 2);
}

static void test_tiled_images_are_steered(void **state) {
    (void)state;
    add_type(LOCAL);
    add_type(VISIBLE | COHERENT);
    driver.tiled_images_importable = false;
    struct memory_plan plan;
    assert_true(make_plan(&plan, host_import_extension, 1));
    assert_int_equal(plan.types_without_tiled_images, 2);
    assert_int_equal(memory_plan_filter_tiled_image(&plan, 3), 1);
    assert_int_equal(memory_plan_filter_tiled_image(&plan, 1), 1);
    assert_int_equal(memory_plan_filter_tiled_image(&plan, 2), 2); /* there is but one type */
}

static void test_unusable_devices_say_why(void **state) {
    (void)state;
    struct memory_plan plan;
    add_type(LOCAL | VISIBLE | CACHED);
    assert_false(make_plan(&plan, both_extensions, 3));
    assert_non_null(strstr(reason, "HOST_COHERENT"));

    driver.memory.memoryTypes[0].propertyFlags |= COHERENT;
    assert_false(make_plan(&plan, NULL, 0));
    assert_non_null(strstr(reason, "VK_EXT_external_memory_host"));
    assert_false(make_plan(&plan, dma_buf_extensions, 1)); /* half of the pair */

    add_type(LOCAL);
    driver.claimed_types = 2;
    assert_false(make_plan(&plan, host_import_extension, 1));
    assert_non_null(strstr(reason, "shared memory"));
    driver.import_alignment = 0x1800; /* no power of two */
    assert_false(make_plan(&plan, host_import_extension, 1));
}

static void test_dma_buf_comes_second(void **state) {
    (void)state;
    add_type(VISIBLE | COHERENT);
    add_type(LOCAL | VISIBLE | COHERENT);
    struct memory_plan plan;
    assert_true(make_plan(&plan, both_extensions, 3));
    assert_ptr_equal(plan.strategy, &memory_strategy_host_import);

    driver.uuid += 100;
    driver.claimed_types = 0;
    driver.exportable_types = 1;
    assert_true(make_plan(&plan, both_extensions, 3));
    assert_ptr_equal(plan.strategy, &memory_strategy_dma_buf);
    assert_int_equal(plan.backed_types, 1);
    assert_int_equal(plan.visible.memoryTypes[1].propertyFlags, LOCAL);

    driver.uuid += 1;
    driver.dma_buf_size = 0;
    int descriptors = count_open_descriptors();
    assert_false(make_plan(&plan, both_extensions, 3));
    assert_non_null(strstr(reason, "dma-buf"));
    assert_int_equal(count_open_descriptors(), descriptors);
}

static void expect_no_emulation(const char *because) {
    struct memory_plan plan;
    assert_true(make_plan(&plan, both_extensions, 3));
    assert_ptr_equal(plan.strategy, &memory_strategy_host_import);
    assert_false(plan.emulates_dma_buf);
    assert_string_equal(plan.no_dma_buf_reason, because);
    assert_int_equal(memory_plan_filter_shared(&plan, 3), 3);
    assert_false(memory_plan_emulates(&plan, VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT));
}

static void test_dma_bufs_need_linear_images(void **state) {
    (void)state;
    add_type(LOCAL);
    add_type(VISIBLE | COHERENT);
    struct memory_plan plan;
    assert_true(make_plan(&plan, host_import_extension, 1));
    assert_true(plan.emulates_dma_buf);
    assert_null(plan.no_dma_buf_reason);
    assert_true(memory_plan_emulates(&plan, VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT));
    assert_false(memory_plan_emulates(&plan, VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT));
    assert_int_equal(memory_plan_filter_shared(&plan, 3), 2);
    assert_int_equal(memory_plan_filter_shared(&plan, 1), 1); /* nothing else would be left */

    driver.linear_usages = VK_IMAGE_USAGE_SAMPLED_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT |
                           VK_IMAGE_USAGE_TRANSFER_DST_BIT;
    expect_no_emulation("its driver does not render to LINEAR images in imported host pointers");
    driver.linear_usages = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT;
    expect_no_emulation("its driver binds no LINEAR images to imported host pointers");
    driver.linear_images_known = false;
    expect_no_emulation("its driver binds no LINEAR images to imported host pointers");
}

static void test_real_dma_bufs_are_not_emulated(void **state) {
    (void)state;
    add_type(VISIBLE | COHERENT);
    struct memory_plan plan;
    assert_true(make_plan(&plan, dma_buf_extensions, 2));
    assert_ptr_equal(plan.strategy, &memory_strategy_dma_buf);
    assert_false(plan.emulates_dma_buf);
    assert_int_equal(memory_plan_filter_shared(&plan, 3), 3);
}

static void test_handle_types_for_the_host(void **state) {
    (void)state;
    const VkExternalMemoryHandleTypeFlags guest = VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT |
                                                  VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT;
    struct memory_plan plan = {.strategy = &memory_strategy_host_import};
    assert_int_equal(memory_plan_filter_handle_types(&plan, guest), 0);
    plan.strategy = &memory_strategy_dma_buf;
    assert_int_equal(memory_plan_filter_handle_types(&plan, guest),
                     VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT);
}

/* ---- host import -------------------------------------------------------------------------- */

static void test_import_makes_memory_of_shared_pages(void **state) {
    (void)state;
    add_type(VISIBLE | COHERENT);
    struct rig rig;
    make_device(&rig, host_import_extension, 1);
    uint64_t page = platform_page_size();
    VkMemoryAllocateInfo info = allocate_info(NULL, page + 1, 0);
    VkDeviceMemory memory;
    struct storage *storage;
    assert_int_equal(memory_strategy_host_import.allocate(&rig.device, &info, &memory, &storage),
                     VK_SUCCESS);
    assert_true(driver.allocated.allocationSize == 2 * page);
    assert_int_equal(driver.chain_length, 1);
    assert_true(storage_get_size(storage) == 2 * page);

    /* What the driver writes is what a guest maps. */
    void *peer;
    assert_int_equal(platform_map_shared(storage_get_fd(storage), 2 * page, &peer), 0);
    memset(driver.imported_pointer, 0x61, 2 * page);
    assert_int_equal(((unsigned char *)peer)[2 * page - 1], 0x61);
    platform_unmap(peer, 2 * page);
    free_memory(NULL, memory, NULL);
    storage_unref(storage);
}

static void test_import_respects_large_alignment(void **state) {
    (void)state;
    add_type(VISIBLE | COHERENT);
    driver.import_alignment = 16 * platform_page_size();
    struct rig rig;
    make_device(&rig, host_import_extension, 1);
    assert_true(rig.physical.memory.size_alignment == driver.import_alignment);
    for (int i = 0; i < 10; i++) {
        VkMemoryAllocateInfo info = allocate_info(NULL, 1, 0);
        VkDeviceMemory memory;
        struct storage *storage;
        /* The driver asserts the alignment of pointer and size. */
        assert_int_equal(
            memory_strategy_host_import.allocate(&rig.device, &info, &memory, &storage),
            VK_SUCCESS);
        assert_true(driver.allocated.allocationSize == driver.import_alignment);
        free_memory(NULL, memory, NULL);
        storage_unref(storage);
    }
}

static void test_import_keeps_the_chain(void **state) {
    (void)state;
    add_type(VISIBLE | COHERENT);
    struct rig rig;
    make_device(&rig, host_import_extension, 1);
    VkMemoryDedicatedAllocateInfo dedicated = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO,
    };
    VkMemoryAllocateFlagsInfo flags = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
        .pNext = &dedicated,
    };
    VkMemoryAllocateInfo info = allocate_info(&flags, 4 * platform_page_size(), 0);
    VkDeviceMemory memory;
    struct storage *storage;
    assert_int_equal(memory_strategy_host_import.allocate(&rig.device, &info, &memory, &storage),
                     VK_SUCCESS);
    /* Imported host pointers cannot be dedicated. */
    assert_int_equal(driver.chain_length, 2);
    assert_int_equal(driver.chain[0], VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT);
    assert_int_equal(driver.chain[1], VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO);
    free_memory(NULL, memory, NULL);
    storage_unref(storage);
}

/* What the context may use again is taken where it is at an address that the driver takes. */
static void test_import_uses_storage_again(void **state) {
    (void)state;
    add_type(VISIBLE | COHERENT);
    driver.import_alignment = 16 * platform_page_size();
    struct rig rig;
    make_device(&rig, host_import_extension, 1);
    const VkMemoryAllocateInfo info = allocate_info(NULL, 1, 0);
    VkDeviceMemory memory;
    struct storage *kept[64], *storage, *first;
    void *pointer;
    /* Some of these are at no multiple of 16 pages; the driver asserts that it sees none of them. */
    for (int i = 0; i < 64; i++) {
        assert_int_equal(storage_create_shm("vesper-test", driver.import_alignment, &kept[i]), 0);
        assert_int_equal(storage_map(kept[i], &pointer), 0);
        storage_pool_note_freed(&rig.context.pool, kept[i]);
        storage_pool_give(&rig.context.pool, kept[i], (uint64_t)i * driver.import_alignment);
        storage_unref(kept[i]);
    }
    for (int i = 0; i < 64; i++) {
        assert_int_equal(
            memory_strategy_host_import.allocate(&rig.device, &info, &memory, &storage),
            VK_SUCCESS);
        free_memory(NULL, memory, NULL);
        storage_unref(storage);
    }
    assert_int_equal(memory_strategy_host_import.allocate(&rig.device, &info, &memory, &first),
                     VK_SUCCESS);
    free_memory(NULL, memory, NULL);
    storage_pool_note_freed(&rig.context.pool, first);
    storage_pool_give(&rig.context.pool, first, 0);
    assert_int_equal(memory_strategy_host_import.allocate(&rig.device, &info, &memory, &storage),
                     VK_SUCCESS);
    assert_ptr_equal(storage, first);
    free_memory(NULL, memory, NULL);
    storage_unref(storage);
    storage_unref(first);
}

static void test_import_failures_leave_nothing(void **state) {
    (void)state;
    add_type(VISIBLE | COHERENT);
    struct rig rig;
    make_device(&rig, host_import_extension, 1);
    VkDeviceMemory memory;
    struct storage *storage;
    int descriptors = count_open_descriptors();

    VkMemoryAllocateInfo info = allocate_info(NULL, 257 * MIB, 0);
    assert_int_equal(memory_strategy_host_import.allocate(&rig.device, &info, &memory, &storage),
                     VK_ERROR_OUT_OF_DEVICE_MEMORY);
    info.allocationSize = UINT64_MAX;
    rig.physical.memory.visible.memoryHeaps[0].size = UINT64_MAX;
    assert_int_equal(memory_strategy_host_import.allocate(&rig.device, &info, &memory, &storage),
                     VK_ERROR_OUT_OF_DEVICE_MEMORY);

    info.allocationSize = MIB;
    driver.allocate_result = VK_ERROR_OUT_OF_HOST_MEMORY;
    assert_int_equal(memory_strategy_host_import.allocate(&rig.device, &info, &memory, &storage),
                     VK_ERROR_OUT_OF_HOST_MEMORY);
    driver.allocate_result = VK_SUCCESS;

    VkMemoryOpaqueCaptureAddressAllocateInfo capture = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_OPAQUE_CAPTURE_ADDRESS_ALLOCATE_INFO,
        .opaqueCaptureAddress = 0x10000,
    };
    info.pNext = &capture;
    assert_int_equal(memory_strategy_host_import.allocate(&rig.device, &info, &memory, &storage),
                     VK_ERROR_INVALID_OPAQUE_CAPTURE_ADDRESS);
    info.pNext = NULL;

    struct rlimit saved, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &saved), 0);
    none = saved;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    VkResult result = memory_strategy_host_import.allocate(&rig.device, &info, &memory, &storage);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &saved), 0);
    assert_int_equal(result, VK_ERROR_TOO_MANY_OBJECTS);

    assert_int_equal(driver.memories_allocated, 0);
    assert_int_equal(count_open_descriptors(), descriptors);
}

static void test_import_of_resources(void **state) {
    (void)state;
    add_type(LOCAL);
    add_type(VISIBLE | COHERENT);
    struct rig rig;
    make_device(&rig, host_import_extension, 1);
    uint64_t page = platform_page_size();
    const struct memory_strategy *strategy = rig.physical.memory.strategy;
    driver.memories_allocated = 0;

    struct storage *storage;
    assert_int_equal(storage_create_shm("vesper-test", 2 * page, &storage), 0);
    assert_int_equal(strategy->import_types(&rig.device, storage), 2);
    VkDeviceMemory memory;
    VkMemoryAllocateInfo info = allocate_info(NULL, 2 * page - 7, 1);
    assert_int_equal(strategy->import_storage(&rig.device, &info, storage, &memory), VK_SUCCESS);
    void *pointer;
    assert_int_equal(storage_map(storage, &pointer), 0);
    assert_ptr_equal(driver.imported_pointer, pointer);
    free_memory(NULL, memory, NULL);

    info.allocationSize = 2 * page + 1;
    assert_int_equal(strategy->import_storage(&rig.device, &info, storage, &memory),
                     VK_ERROR_INVALID_EXTERNAL_HANDLE);
    info.allocationSize = UINT64_MAX;
    assert_int_equal(strategy->import_storage(&rig.device, &info, storage, &memory),
                     VK_ERROR_INVALID_EXTERNAL_HANDLE);
    info = allocate_info(NULL, page, 0);
    assert_int_equal(strategy->import_storage(&rig.device, &info, storage, &memory),
                     VK_ERROR_INVALID_EXTERNAL_HANDLE);
    storage_unref(storage);

    int fd;
    assert_int_equal(platform_shm_create("vesper-test", page, &fd), 0);
    assert_int_equal(storage_wrap_fd(fd, STORAGE_DMA_BUF, STORAGE_CACHED, page, &storage), 0);
    assert_int_equal(strategy->import_types(&rig.device, storage), 0);
    info = allocate_info(NULL, page, 1);
    assert_int_equal(strategy->import_storage(&rig.device, &info, storage, &memory),
                     VK_ERROR_INVALID_EXTERNAL_HANDLE);
    storage_unref(storage);
    assert_int_equal(driver.memories_allocated, 1);
}

/* A host of 16 KiB, whatever the pages here, and sizes that come from a guest of 4 KiB. */
static void test_sizes_of_a_smaller_page(void **state) {
    (void)state;
    const uint64_t alignment = 16384;
    add_type(LOCAL);
    add_type(VISIBLE | COHERENT);
    driver.import_alignment = alignment;
    struct rig rig;
    make_device(&rig, host_import_extension, 1);
    const struct memory_strategy *strategy = rig.physical.memory.strategy;
    const struct {
        uint64_t asked, given;
    } sizes[] = {{1, 16384}, {4096, 16384}, {16384, 16384}, {131268, 147456}};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        VkMemoryAllocateInfo info = allocate_info(NULL, sizes[i].asked, 1);
        VkDeviceMemory memory;
        struct storage *storage;
        assert_int_equal(strategy->allocate(&rig.device, &info, &memory, &storage), VK_SUCCESS);
        assert_true(driver.allocated.allocationSize == sizes[i].given);
        assert_true(storage_get_size(storage) == sizes[i].given);
        free_memory(NULL, memory, NULL);
        /* Larger than asked for is accepted, one page too few is not. */
        assert_int_equal(strategy->import_storage(&rig.device, &info, storage, &memory),
                         VK_SUCCESS);
        free_memory(NULL, memory, NULL);
        info.allocationSize = sizes[i].given + 1;
        assert_int_equal(strategy->import_storage(&rig.device, &info, storage, &memory),
                         VK_ERROR_INVALID_EXTERNAL_HANDLE);
        storage_unref(storage);
    }
    uint64_t rounded;
    assert_false(memory_plan_round_size(&rig.physical.memory, UINT64_MAX, &rounded));
}

/* ---- dma-buf ------------------------------------------------------------------------------ */

static void test_dma_buf_exports_what_it_allocates(void **state) {
    (void)state;
    add_type(VISIBLE | COHERENT);
    add_type(VISIBLE | COHERENT | CACHED);
    struct rig rig;
    make_device(&rig, dma_buf_extensions, 2);
    const struct memory_strategy *strategy = rig.physical.memory.strategy;
    assert_ptr_equal(strategy, &memory_strategy_dma_buf);

    VkExportMemoryAllocateInfo guest_export = {
        .sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
        .handleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT,
    };
    VkMemoryAllocateInfo info = allocate_info(&guest_export, MIB, 1);
    VkDeviceMemory memory;
    struct storage *storage = NULL;
    assert_int_equal(strategy->allocate(&rig.device, &info, &memory, &storage), VK_SUCCESS);
    assert_null(storage);
    assert_int_equal(driver.chain_length, 1);
    assert_int_equal(driver.export_types, VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT);
    assert_true(driver.allocated.allocationSize == MIB);

    assert_int_equal(strategy->export_storage(&rig.device, memory, 1, MIB, &storage), 0);
    assert_int_equal(storage_get_kind(storage), STORAGE_DMA_BUF);
    assert_int_equal(storage_get_caching(storage), STORAGE_CACHED);
    storage_unref(storage);
    assert_int_equal(strategy->export_storage(&rig.device, memory, 0, MIB, &storage), 0);
    assert_int_equal(storage_get_caching(storage), STORAGE_WRITE_COMBINED);
    storage_unref(storage);

    int descriptors = count_open_descriptors();
    assert_int_equal(strategy->export_storage(&rig.device, memory, 0, MIB + 1, &storage), -EINVAL);
    assert_int_equal(count_open_descriptors(), descriptors);
    free_memory(NULL, memory, NULL);
}

static void test_dma_buf_imports_keep_the_resource(void **state) {
    (void)state;
    add_type(VISIBLE | COHERENT);
    struct rig rig;
    make_device(&rig, dma_buf_extensions, 2);
    const struct memory_strategy *strategy = rig.physical.memory.strategy;
    driver.exportable_types = 1;

    int fd;
    assert_int_equal(platform_shm_create("vesper-test", MIB, &fd), 0);
    struct storage *storage;
    assert_int_equal(storage_wrap_fd(fd, STORAGE_DMA_BUF, STORAGE_CACHED, MIB, &storage), 0);
    int descriptors = count_open_descriptors();
    assert_int_equal(strategy->import_types(&rig.device, storage), 1);

    VkMemoryAllocateInfo info = allocate_info(NULL, MIB, 0);
    VkDeviceMemory memory;
    assert_int_equal(strategy->import_storage(&rig.device, &info, storage, &memory), VK_SUCCESS);
    assert_int_not_equal(driver.imported_fd, storage_get_fd(storage));
    assert_true(fcntl(storage_get_fd(storage), F_GETFD) >= 0);
    free_memory(NULL, memory, NULL);

    driver.allocate_result = VK_ERROR_INVALID_EXTERNAL_HANDLE;
    assert_int_equal(strategy->import_storage(&rig.device, &info, storage, &memory),
                     VK_ERROR_INVALID_EXTERNAL_HANDLE);
    info.allocationSize = MIB + 1;
    assert_int_equal(strategy->import_storage(&rig.device, &info, storage, &memory),
                     VK_ERROR_INVALID_EXTERNAL_HANDLE);
    assert_int_equal(count_open_descriptors(), descriptors);
    storage_unref(storage);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, reset, check_leftovers)

int main(void) {
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        TEST(test_single_type_needs_no_trial),
        TEST(test_unbacked_types_are_not_visible),
        TEST(test_trial_is_made_once),
        TEST(test_tiled_images_are_steered),
        TEST(test_unusable_devices_say_why),
        TEST(test_dma_buf_comes_second),
        TEST(test_dma_bufs_need_linear_images),
        TEST(test_real_dma_bufs_are_not_emulated),
        TEST(test_handle_types_for_the_host),
        TEST(test_import_makes_memory_of_shared_pages),
        TEST(test_import_respects_large_alignment),
        TEST(test_sizes_of_a_smaller_page),
        TEST(test_import_keeps_the_chain),
        TEST(test_import_uses_storage_again),
        TEST(test_import_failures_leave_nothing),
        TEST(test_import_of_resources),
        TEST(test_dma_buf_exports_what_it_allocates),
        TEST(test_dma_buf_imports_keep_the_resource),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
