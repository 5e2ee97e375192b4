/* Memory that the guest shares as dma-bufs on a host that exports none: types, blobs, imports by
 * others, and barriers that name a queue family which the host may not know. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "expect.h"
#include "renderer/chain.h"
#include "spy_driver.h"

#define PHYSICAL ID(VkPhysicalDevice, GUEST_PHYSICAL_DEVICE)
#define DEVICE ID(VkDevice, GUEST_DEVICE)
#define DMA_BUF VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT
#define RESOURCE 5000
#define SHARED_FLAGS (CONTEXT_BLOB_MAPPABLE | CONTEXT_BLOB_SHAREABLE | CONTEXT_BLOB_CROSS_DEVICE)

/* The null driver has type 0, which it imports as, and type 1, which is its own. */
enum { BOTH_TYPES = 3, IMPORTED_TYPE = 1, OWN_TYPE = 2 };

enum {
    MEMORY = GUEST_FIRST_FREE_ID,
    OBJECT,
    OTHER_DEVICE,
    COMMAND_POOL,
    COMMAND_BUFFER,
};

/* ---- memory types ---------------------------------------------------------------------------- */

static const VkExternalMemoryBufferCreateInfo shared_buffer = {
    .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO, .handleTypes = DMA_BUF};
static const VkExternalMemoryImageCreateInfo shared_image = {
    .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO, .handleTypes = DMA_BUF};

struct types {
    uint32_t of_object, of_object2, of_info; /* as the three commands say */
};

static void expect_types(struct types types, uint32_t expected) {
    assert_int_equal(types.of_object, expected);
    assert_int_equal(types.of_object2, expected);
    assert_int_equal(types.of_info, expected);
}

static struct types ask_buffer(const struct context_limits *limits, const void *chain) {
    struct guest *g = guest_create_open(limits);
    struct guest_stream *s = g->context_stream;
    const VkBufferCreateInfo create_info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO, .pNext = chain, .size = 4096, .usage = 1};
    GUEST_WRITE(s, vkCreateBuffer, .device = DEVICE, .pCreateInfo = &create_info,
                .pBuffer_id = OBJECT);
    VkMemoryRequirements narrow;
    struct vn_vkGetBufferMemoryRequirements a = {
        .device = DEVICE, .buffer = ID(VkBuffer, OBJECT), .pMemoryRequirements = &narrow};
    GUEST_CALL(s, vkGetBufferMemoryRequirements, &a);
    struct types types = {.of_object = a.pMemoryRequirements->memoryTypeBits};

    const VkBufferMemoryRequirementsInfo2 info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_MEMORY_REQUIREMENTS_INFO_2,
        .buffer = ID(VkBuffer, OBJECT)};
    VkMemoryRequirements2 wide = {.sType = VK_STRUCTURE_TYPE_MEMORY_REQUIREMENTS_2};
    struct vn_vkGetBufferMemoryRequirements2 b = {
        .device = DEVICE, .pInfo = &info, .pMemoryRequirements = &wide};
    GUEST_CALL(s, vkGetBufferMemoryRequirements2, &b);
    types.of_object2 = b.pMemoryRequirements->memoryRequirements.memoryTypeBits;

    const VkDeviceBufferMemoryRequirements device_info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_BUFFER_MEMORY_REQUIREMENTS, .pCreateInfo = &create_info};
    struct vn_vkGetDeviceBufferMemoryRequirements c = {
        .device = DEVICE, .pInfo = &device_info, .pMemoryRequirements = &wide};
    GUEST_CALL(s, vkGetDeviceBufferMemoryRequirements, &c);
    types.of_info = c.pMemoryRequirements->memoryRequirements.memoryTypeBits;
    guest_destroy(g);
    return types;
}

static struct types ask_image(const struct context_limits *limits, const void *chain,
                              VkImageTiling tiling) {
    struct guest *g = guest_create_open(limits);
    struct guest_stream *s = g->context_stream;
    const VkImageCreateInfo create_info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
        .pNext = chain,
        .imageType = VK_IMAGE_TYPE_2D,
        .format = VK_FORMAT_B8G8R8A8_UNORM,
        .extent = {32, 32, 1},
        .mipLevels = 1,
        .arrayLayers = 1,
        .samples = VK_SAMPLE_COUNT_1_BIT,
        .tiling = tiling,
    };
    GUEST_WRITE(s, vkCreateImage, .device = DEVICE, .pCreateInfo = &create_info,
                .pImage_id = OBJECT);
    VkMemoryRequirements narrow;
    struct vn_vkGetImageMemoryRequirements a = {
        .device = DEVICE, .image = ID(VkImage, OBJECT), .pMemoryRequirements = &narrow};
    GUEST_CALL(s, vkGetImageMemoryRequirements, &a);
    struct types types = {.of_object = a.pMemoryRequirements->memoryTypeBits};

    const VkImageMemoryRequirementsInfo2 info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_REQUIREMENTS_INFO_2, .image = ID(VkImage, OBJECT)};
    VkMemoryRequirements2 wide = {.sType = VK_STRUCTURE_TYPE_MEMORY_REQUIREMENTS_2};
    struct vn_vkGetImageMemoryRequirements2 b = {
        .device = DEVICE, .pInfo = &info, .pMemoryRequirements = &wide};
    GUEST_CALL(s, vkGetImageMemoryRequirements2, &b);
    types.of_object2 = b.pMemoryRequirements->memoryRequirements.memoryTypeBits;

    const VkDeviceImageMemoryRequirements device_info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_IMAGE_MEMORY_REQUIREMENTS, .pCreateInfo = &create_info};
    struct vn_vkGetDeviceImageMemoryRequirements c = {
        .device = DEVICE, .pInfo = &device_info, .pMemoryRequirements = &wide};
    GUEST_CALL(s, vkGetDeviceImageMemoryRequirements, &c);
    types.of_info = c.pMemoryRequirements->memoryRequirements.memoryTypeBits;
    guest_destroy(g);
    return types;
}

static void test_what_is_shared_gets_types_that_become_blobs(void **state) {
    (void)state;
    const struct context_limits without = {.no_emulated_dma_bufs = true};
    expect_types(ask_buffer(NULL, &shared_buffer), IMPORTED_TYPE);
    expect_types(ask_buffer(NULL, NULL), BOTH_TYPES);
    expect_types(ask_buffer(&without, &shared_buffer), BOTH_TYPES);

    expect_types(ask_image(NULL, &shared_image, VK_IMAGE_TILING_LINEAR), IMPORTED_TYPE);
    expect_types(ask_image(NULL, NULL, VK_IMAGE_TILING_LINEAR), BOTH_TYPES);
    expect_types(ask_image(NULL, NULL, VK_IMAGE_TILING_OPTIMAL), OWN_TYPE);
    expect_types(ask_image(&without, &shared_image, VK_IMAGE_TILING_LINEAR), BOTH_TYPES);
}

static VkExternalMemoryProperties ask_sharing(const struct context_limits *limits,
                                              VkExternalMemoryHandleTypeFlagBits type) {
    struct guest *g = guest_create_open(limits);
    const VkPhysicalDeviceExternalBufferInfo info = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO, .handleType = type};
    VkExternalBufferProperties out = {.sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES};
    struct vn_vkGetPhysicalDeviceExternalBufferProperties a = {.physicalDevice = PHYSICAL,
                                                               .pExternalBufferInfo = &info,
                                                               .pExternalBufferProperties = &out};
    GUEST_CALL(g->context_stream, vkGetPhysicalDeviceExternalBufferProperties, &a);
    const VkExternalMemoryProperties properties =
        a.pExternalBufferProperties->externalMemoryProperties;
    guest_destroy(g);
    return properties;
}

static void test_buffers_can_be_dma_bufs(void **state) {
    (void)state;
    VkExternalMemoryProperties properties = ask_sharing(NULL, DMA_BUF);
    assert_int_equal(properties.externalMemoryFeatures,
                     VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT |
                         VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT);
    assert_int_equal(properties.exportFromImportedHandleTypes, DMA_BUF);
    assert_int_equal(properties.compatibleHandleTypes, DMA_BUF);
    properties = ask_sharing(NULL, VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT);
    assert_int_equal(properties.externalMemoryFeatures, 0);
    properties = ask_sharing(&(struct context_limits){.no_emulated_dma_bufs = true}, DMA_BUF);
    assert_int_equal(properties.externalMemoryFeatures, 0);
    assert_int_equal(properties.compatibleHandleTypes, DMA_BUF);
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* What the driver was given last, on a context's thread while the test waits. */
static struct {
    void *pointer;
    uint32_t chain_length;
} allocated;

static VKAPI_ATTR VkResult VKAPI_CALL note_allocation(VkDevice device,
                                                      const VkMemoryAllocateInfo *info,
                                                      const VkAllocationCallbacks *allocator,
                                                      VkDeviceMemory *out) {
    const VkImportMemoryHostPointerInfoEXT *import =
        chain_find(info->pNext, VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT);
    allocated.pointer = import ? import->pHostPointer : NULL;
    allocated.chain_length = 0;
    for (const VkBaseInStructure *in = info->pNext; in; in = in->pNext) {
        allocated.chain_length++;
    }
    PFN_vkAllocateMemory allocate = (PFN_vkAllocateMemory)spy_original("vkAllocateMemory");
    return allocate(device, info, allocator, out);
}

static VkResult allocate(struct guest *g, uint64_t id, uint32_t type, const void *chain) {
    const VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .pNext = chain,
        .allocationSize = 8192,
        .memoryTypeIndex = type,
    };
    struct vn_vkAllocateMemory a = {.device = DEVICE, .pAllocateInfo = &info, .pMemory_id = id};
    GUEST_CALL(g->context_stream, vkAllocateMemory, &a);
    return a.ret;
}

static const VkExportMemoryAllocateInfo exported = {
    .sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO, .handleTypes = DMA_BUF};

static void test_exported_memory_becomes_a_blob_for_all_devices(void **state) {
    (void)state;
    spy_replace("vkAllocateMemory", (PFN_vkVoidFunction)note_allocation);
    struct guest *g = guest_create_open(NULL);
    assert_int_equal(allocate(g, MEMORY, 0, &exported), VK_SUCCESS);
    assert_non_null(allocated.pointer);
    assert_int_equal(allocated.chain_length, 1); /* the host hears of no export */
    struct storage *storage;
    assert_int_equal(guest_create_blob(g, RESOURCE, MEMORY, SHARED_FLAGS, 8192, &storage), 0);
    assert_int_equal(storage_get_kind(storage), STORAGE_SHM);
    storage_unref(storage);
    guest_destroy(g);
}

static void test_memory_without_storage_cannot_be_exported(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL);
    spy_reset();
    assert_int_equal(allocate(g, MEMORY, 1, &exported), VK_ERROR_OUT_OF_DEVICE_MEMORY);
    assert_int_equal(spy_calls("vkAllocateMemory"), 0);
    assert_int_equal(allocate(g, MEMORY, 1, NULL), VK_SUCCESS);
    /* A guest that is not offered dma-bufs means nothing by it. */
    struct guest *other = guest_create_open(&(struct context_limits){.no_emulated_dma_bufs = true});
    assert_int_equal(allocate(other, MEMORY, 1, &exported), VK_SUCCESS);
    guest_destroy(other);
    guest_destroy(g);
}

/* As between a program and a compositor: two contexts, each with a VkDevice of its own. */
static void test_two_contexts_see_the_same_bytes(void **state) {
    (void)state;
    spy_replace("vkAllocateMemory", (PFN_vkVoidFunction)note_allocation);
    struct guest *maker = guest_create_open(NULL);
    struct guest *taker = guest_create_open(NULL);
    assert_int_equal(allocate(maker, MEMORY, 0, &exported), VK_SUCCESS);
    uint8_t *made = allocated.pointer;
    struct storage *storage;
    assert_int_equal(guest_create_blob(maker, RESOURCE, MEMORY, SHARED_FLAGS, 8192, &storage), 0);
    memset(made, 0x11, 8192);

    assert_int_equal(taker->context->ops->attach(taker->context, RESOURCE, storage), 0);
    storage_unref(storage);
    VkMemoryResourcePropertiesMESA properties = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_RESOURCE_PROPERTIES_MESA};
    struct vn_vkGetMemoryResourcePropertiesMESA ask = {
        .device = DEVICE, .resourceId = RESOURCE, .pMemoryResourceProperties = &properties};
    GUEST_CALL(taker->context_stream, vkGetMemoryResourcePropertiesMESA, &ask);
    assert_int_equal(ask.ret, VK_SUCCESS);
    assert_int_equal(ask.pMemoryResourceProperties->memoryTypeBits, IMPORTED_TYPE);

    const VkMemoryDedicatedAllocateInfo dedicated = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO};
    const VkImportMemoryResourceInfoMESA import = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_RESOURCE_INFO_MESA,
        .pNext = &dedicated,
        .resourceId = RESOURCE,
    };
    assert_int_equal(allocate(taker, MEMORY, 0, &import), VK_SUCCESS);
    assert_int_equal(allocated.chain_length, 1);
    uint8_t *taken = allocated.pointer;
    assert_int_equal(taken[8191], 0x11);
    taken[17] = 0x22;
    assert_int_equal(made[17], 0x22);
    /* The taker keeps it when the maker is gone. */
    guest_destroy(maker);
    assert_int_equal(taken[17], 0x22);
    guest_destroy(taker);
}

/* ---- extensions ------------------------------------------------------------------------------ */

static const char *const wanted[] = {
    "VK_KHR_external_memory_fd",
    "VK_EXT_external_memory_dma_buf",
    "VK_EXT_image_drm_format_modifier",
    "VK_EXT_queue_family_foreign",
};

static char told[512]; /* names, each with a space behind it */

static VKAPI_ATTR VkResult VKAPI_CALL note_device(VkPhysicalDevice physical,
                                                  const VkDeviceCreateInfo *info,
                                                  const VkAllocationCallbacks *allocator,
                                                  VkDevice *out) {
    told[0] = '\0';
    for (uint32_t i = 0; i < info->enabledExtensionCount; i++) {
        strcat(strcat(told, info->ppEnabledExtensionNames[i]), " ");
    }
    PFN_vkCreateDevice create = (PFN_vkCreateDevice)spy_original("vkCreateDevice");
    return create(physical, info, allocator, out);
}

/* A host with everything that is wanted. */
static VKAPI_ATTR VkResult VKAPI_CALL list_wanted(VkPhysicalDevice physical, const char *layer,
                                                  uint32_t *count, VkExtensionProperties *out) {
    (void)physical, (void)layer;
    if (!out) {
        *count = 5;
        return VK_SUCCESS;
    }
    memset(out, 0, 5 * sizeof(*out));
    for (int i = 0; i < 4; i++) {
        strcpy(out[i].extensionName, wanted[i]);
        out[i].specVersion = 1;
    }
    strcpy(out[4].extensionName, "VK_EXT_external_memory_host");
    out[4].specVersion = 1;
    return VK_SUCCESS;
}

/* Another device of the guest's, with the extensions. */
static VkResult create_device(struct guest *g) {
    const float priority = 1;
    const VkDeviceQueueCreateInfo queue = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
        .queueCount = 1,
        .pQueuePriorities = &priority,
    };
    const VkDeviceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
        .queueCreateInfoCount = 1,
        .pQueueCreateInfos = &queue,
        .enabledExtensionCount = 4,
        .ppEnabledExtensionNames = wanted,
    };
    struct vn_vkCreateDevice a = {
        .physicalDevice = PHYSICAL, .pCreateInfo = &info, .pDevice_id = OTHER_DEVICE};
    GUEST_CALL(g->context_stream, vkCreateDevice, &a);
    return a.ret;
}

static void test_the_host_is_not_told_of_emulated_extensions(void **state) {
    (void)state;
    spy_replace("vkCreateDevice", (PFN_vkVoidFunction)note_device);
    struct guest *g = guest_create_open(NULL);
    assert_int_equal(create_device(g), VK_SUCCESS);
    assert_string_equal(told, "VK_EXT_external_memory_host ");
    guest_destroy(g);

    spy_replace("vkEnumerateDeviceExtensionProperties", (PFN_vkVoidFunction)list_wanted);
    g = guest_create_open(NULL);
    assert_int_equal(create_device(g), VK_SUCCESS);
    assert_string_equal(told, "VK_EXT_queue_family_foreign VK_EXT_external_memory_host ");
    guest_destroy(g);

    g = guest_create_open(&(struct context_limits){.no_emulated_dma_bufs = true});
    assert_int_equal(create_device(g), VK_ERROR_EXTENSION_NOT_PRESENT);
    guest_destroy(g);
}

/* ---- barriers -------------------------------------------------------------------------------- */

static struct {
    uint32_t buffer[2], image[2], buffer2[2], image2[2]; /* source, target */
} families;

static VKAPI_ATTR void VKAPI_CALL note_barrier(VkCommandBuffer commands, VkPipelineStageFlags from,
                                               VkPipelineStageFlags to, VkDependencyFlags flags,
                                               uint32_t memory_count, const VkMemoryBarrier *memory,
                                               uint32_t buffer_count,
                                               const VkBufferMemoryBarrier *buffers,
                                               uint32_t image_count,
                                               const VkImageMemoryBarrier *images) {
    (void)commands, (void)from, (void)to, (void)flags, (void)memory_count, (void)memory;
    assert_int_equal(buffer_count, 1);
    assert_int_equal(image_count, 1);
    families.buffer[0] = buffers->srcQueueFamilyIndex;
    families.buffer[1] = buffers->dstQueueFamilyIndex;
    families.image[0] = images->srcQueueFamilyIndex;
    families.image[1] = images->dstQueueFamilyIndex;
}

static VKAPI_ATTR void VKAPI_CALL note_barrier2(VkCommandBuffer commands,
                                                const VkDependencyInfo *info) {
    (void)commands;
    assert_int_equal(info->bufferMemoryBarrierCount, 1);
    assert_int_equal(info->imageMemoryBarrierCount, 1);
    families.buffer2[0] = info->pBufferMemoryBarriers->srcQueueFamilyIndex;
    families.buffer2[1] = info->pBufferMemoryBarriers->dstQueueFamilyIndex;
    families.image2[0] = info->pImageMemoryBarriers->srcQueueFamilyIndex;
    families.image2[1] = info->pImageMemoryBarriers->dstQueueFamilyIndex;
}

static void make_commands(struct guest_stream *s, VkDevice device) {
    const VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO};
    GUEST_WRITE(s, vkCreateCommandPool, .device = device, .pCreateInfo = &pool,
                .pCommandPool_id = COMMAND_POOL);
    VkCommandBufferAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = ID(VkCommandPool, COMMAND_POOL),
        .commandBufferCount = 1,
    };
    GUEST_WRITE(s, vkAllocateCommandBuffers, .device = device, .pAllocateInfo = &info,
                .pCommandBuffers_ids = &(uint64_t){COMMAND_BUFFER});
    const VkBufferCreateInfo buffer = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO, .size = 4096, .usage = 1};
    GUEST_WRITE(s, vkCreateBuffer, .device = device, .pCreateInfo = &buffer, .pBuffer_id = OBJECT);
    const VkImageCreateInfo image = {.sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO};
    GUEST_WRITE(s, vkCreateImage, .device = device, .pCreateInfo = &image, .pImage_id = MEMORY);
}

static void record_barriers(struct guest_stream *s, uint32_t from, uint32_t to) {
    VkCommandBuffer commands = ID(VkCommandBuffer, COMMAND_BUFFER);
    const VkBufferMemoryBarrier buffer = {.sType = VK_STRUCTURE_TYPE_BUFFER_MEMORY_BARRIER,
                                          .srcQueueFamilyIndex = from,
                                          .dstQueueFamilyIndex = to,
                                          .buffer = ID(VkBuffer, OBJECT),
                                          .size = 4096};
    const VkImageMemoryBarrier image = {.sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
                                        .srcQueueFamilyIndex = from,
                                        .dstQueueFamilyIndex = to,
                                        .image = ID(VkImage, MEMORY)};
    GUEST_WRITE(s, vkCmdPipelineBarrier, .commandBuffer = commands, .bufferMemoryBarrierCount = 1,
                .pBufferMemoryBarriers = (void *)&buffer, .imageMemoryBarrierCount = 1,
                .pImageMemoryBarriers = (void *)&image);
    const VkBufferMemoryBarrier2 buffer2 = {.sType = VK_STRUCTURE_TYPE_BUFFER_MEMORY_BARRIER_2,
                                            .srcQueueFamilyIndex = from,
                                            .dstQueueFamilyIndex = to,
                                            .buffer = ID(VkBuffer, OBJECT),
                                            .size = 4096};
    const VkImageMemoryBarrier2 image2 = {.sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER_2,
                                          .srcQueueFamilyIndex = from,
                                          .dstQueueFamilyIndex = to,
                                          .image = ID(VkImage, MEMORY)};
    const VkDependencyInfo info = {.sType = VK_STRUCTURE_TYPE_DEPENDENCY_INFO,
                                   .bufferMemoryBarrierCount = 1,
                                   .pBufferMemoryBarriers = &buffer2,
                                   .imageMemoryBarrierCount = 1,
                                   .pImageMemoryBarriers = &image2};
    GUEST_WRITE(s, vkCmdPipelineBarrier2, .commandBuffer = commands,
                .pDependencyInfo = (void *)&info);
    assert_true(guest_finish(s));
}

static void expect_families(uint32_t from, uint32_t to) {
    const uint32_t *const noted[] = {families.buffer, families.image, families.buffer2,
                                     families.image2};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(noted[i][0], from);
        assert_int_equal(noted[i][1], to);
    }
}

static void watch_barriers(void) {
    memset(&families, 0x5a, sizeof(families));
    spy_replace("vkCmdPipelineBarrier", (PFN_vkVoidFunction)note_barrier);
    spy_replace("vkCmdPipelineBarrier2", (PFN_vkVoidFunction)note_barrier2);
}

static void test_foreign_families_are_external_to_the_host(void **state) {
    (void)state;
    watch_barriers();
    struct guest *g = guest_create_open(NULL);
    struct guest_stream *s = g->context_stream;
    make_commands(s, DEVICE);
    record_barriers(s, 0, VK_QUEUE_FAMILY_FOREIGN_EXT);
    expect_families(0, VK_QUEUE_FAMILY_EXTERNAL);
    record_barriers(s, VK_QUEUE_FAMILY_FOREIGN_EXT, 0);
    expect_families(VK_QUEUE_FAMILY_EXTERNAL, 0);
    record_barriers(s, VK_QUEUE_FAMILY_IGNORED, VK_QUEUE_FAMILY_IGNORED);
    expect_families(VK_QUEUE_FAMILY_IGNORED, VK_QUEUE_FAMILY_IGNORED);
    record_barriers(s, VK_QUEUE_FAMILY_EXTERNAL, 1);
    expect_families(VK_QUEUE_FAMILY_EXTERNAL, 1);
    guest_destroy(g);
}

static void test_a_host_that_knows_foreign_families_is_told(void **state) {
    (void)state;
    watch_barriers();
    spy_replace("vkEnumerateDeviceExtensionProperties", (PFN_vkVoidFunction)list_wanted);
    struct guest *g = guest_create_open(NULL);
    struct guest_stream *s = g->context_stream;
    assert_int_equal(create_device(g), VK_SUCCESS);
    make_commands(s, ID(VkDevice, OTHER_DEVICE));
    record_barriers(s, 0, VK_QUEUE_FAMILY_FOREIGN_EXT);
    expect_families(0, VK_QUEUE_FAMILY_FOREIGN_EXT);
    guest_destroy(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_what_is_shared_gets_types_that_become_blobs, expect_reset),
        cmocka_unit_test_setup(test_buffers_can_be_dma_bufs, expect_reset),
        cmocka_unit_test_setup(test_exported_memory_becomes_a_blob_for_all_devices, expect_reset),
        cmocka_unit_test_setup(test_memory_without_storage_cannot_be_exported, expect_reset),
        cmocka_unit_test_setup(test_two_contexts_see_the_same_bytes, expect_reset),
        cmocka_unit_test_setup(test_the_host_is_not_told_of_emulated_extensions, expect_reset),
        cmocka_unit_test_setup(test_foreign_families_are_external_to_the_host, expect_reset),
        cmocka_unit_test_setup(test_a_host_that_knows_foreign_families_is_told, expect_reset),
    };
    return cmocka_run_group_tests(tests, expect_setup, expect_teardown);
}
