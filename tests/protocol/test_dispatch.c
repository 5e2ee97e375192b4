/* vn_dispatch with the null driver and a renderer that only takes notes. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fixture.h"
#include "protocol/stream.h"
#include "venus_client.h"
#include "venus_handlers.h"
#include "venus_null_driver.h"
#include "venus_tables.h"

static struct fixture fixture;
static struct vn_stream stream;
static struct cs_decoder *const d = &stream.decoder;
static struct vn_instance_table instance_table;
static struct vn_device_table device_table;
static struct vn_object *device_object, *buffer_object, *commands_object;

/* What the renderer's side saw. */
static struct {
    const char *handler;
    struct vn_object *reserved, *destroyed, *poisoned_buffer;
    uint64_t published_handle;
    VkResult published, poison;
    int replies, draws;
    bool refuse_reserve;
    VkResult fence_status;
} seen;

/* ---- the renderer ----------------------------------------------------------------------- */

#define HANDLER(name)                                                                              \
    void vn_handle_##name(struct vn_stream *s, struct vn_##name *a) {                              \
        (void)s, (void)a;                                                                          \
        seen.handler = #name;                                                                      \
    }
VN_FOR_EACH_HANDLER(HANDLER)

bool vn_reply_begin(struct vn_stream *s) {
    cs_encoder_reset(&s->encoder, 1 << 16);
    return true;
}

void vn_reply_end(struct vn_stream *s) {
    (void)s;
    seen.replies++;
}

struct vn_object *vn_object_reserve(struct vn_stream *s, VkObjectType type, uint64_t id,
                                    struct vn_object *parent, const char *argument) {
    (void)parent;
    if (seen.refuse_reserve) {
        cs_fail(&s->decoder, argument, "refused");
        return NULL;
    }
    seen.reserved = fixture_add(&fixture, type, id, &device_table);
    atomic_store(&seen.reserved->poison, VK_NOT_READY);
    return seen.reserved;
}

void vn_object_publish(struct vn_stream *s, struct vn_object *object, uint64_t handle,
                       VkResult result) {
    (void)s;
    atomic_store(&object->handle, handle);
    atomic_store(&object->poison, result);
    seen.published_handle = handle;
    seen.published = result;
}

void vn_object_destroy(struct vn_stream *s, struct vn_object *object) {
    (void)s;
    seen.destroyed = object;
}

void vn_command_buffer_poison(struct vn_stream *s, struct vn_object *command_buffer,
                              VkResult result) {
    (void)s;
    seen.poisoned_buffer = command_buffer;
    seen.poison = result;
}

static VKAPI_ATTR void VKAPI_CALL count_draw(VkCommandBuffer commandBuffer, uint32_t vertexCount,
                                             uint32_t instanceCount, uint32_t firstVertex,
                                             uint32_t firstInstance) {
    assert_int_equal((uintptr_t)commandBuffer, 3);
    assert_int_equal(vertexCount, 4);
    assert_int_equal(instanceCount, 5);
    assert_int_equal(firstVertex, 6);
    assert_int_equal(firstInstance, 7);
    seen.draws++;
}

static VKAPI_ATTR VkResult VKAPI_CALL fence_status(VkDevice device, VkFence fence) {
    (void)device, (void)fence;
    return seen.fence_status;
}

/* ---- set-up ----------------------------------------------------------------------------- */

static int setup(void **state) {
    (void)state;
    memset(&seen, 0, sizeof(seen));
    fixture_init(&fixture);
    vn_instance_table_init(&instance_table, VK_NULL_HANDLE, vn_null_get_instance_proc_addr);
    vn_device_table_init(&device_table, (VkDevice)(uintptr_t)1,
                         instance_table.GetDeviceProcAddr ? vn_null_GetDeviceProcAddr : NULL);
    device_table.CmdDraw = count_draw;
    device_table.GetFenceStatus = fence_status;
    stream = (struct vn_stream){.decoder = fixture.decoder, .instance = &instance_table};
    cs_encoder_init(&stream.encoder);
    device_object = fixture_add(&fixture, VK_OBJECT_TYPE_DEVICE, 1, &device_table);
    buffer_object = fixture_add(&fixture, VK_OBJECT_TYPE_BUFFER, 2, &device_table);
    commands_object = fixture_add(&fixture, VK_OBJECT_TYPE_COMMAND_BUFFER, 3, &device_table);
    fixture_add(&fixture, VK_OBJECT_TYPE_FENCE, 4, &device_table);
    fixture_add(&fixture, VK_OBJECT_TYPE_PHYSICAL_DEVICE, 5, NULL);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    cs_encoder_finish(&stream.encoder);
    fixture_finish(&fixture);
    return 0;
}

static void dispatch(const void *bytes, size_t size) {
    cs_decoder_set_bytes(d, bytes, size);
    d->failed = false;
    vn_dispatch(&stream);
}

/* Encodes with a client function into fixture.encoder and dispatches that. */
#define CLIENT(name, flags, ...)                                                                   \
    do {                                                                                           \
        cs_encoder_reset(&fixture.encoder, 1 << 16);                                               \
        vn_client_encode_##name(&fixture.encoder, flags, &(struct vn_##name){__VA_ARGS__});        \
        dispatch(fixture.encoder.bytes, cs_encoder_size(&fixture.encoder));                        \
    } while (0)

#define HANDLE(type, id) ((type)(uintptr_t)(id))
#define DRAW                                                                                       \
    .commandBuffer = HANDLE(VkCommandBuffer, 3), .vertexCount = 4, .instanceCount = 5,             \
    .firstVertex = 6, .firstInstance = 7

static void assert_done(void) {
    if (d->failed) {
        fail_msg("%s: %s", d->argument ? d->argument : "-", d->reason);
    }
    assert_int_equal(cs_left(d), 0);
}

static void assert_refused(const char *argument, const char *reason) {
    assert_true(d->failed);
    assert_string_equal(d->reason, reason);
    if (argument) {
        assert_string_equal(d->argument, argument);
    } else {
        assert_null(d->argument);
    }
}

/* ---- headers ---------------------------------------------------------------------------- */

static void test_unknown_commands(void **state) {
    (void)state;
    static const uint32_t ids[] = {
        195 /* a hole */, 9 /* has an id only */, 24 /* refused */, 346, 0x7fffffff, 0xffffffff};
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        const uint32_t words[] = {ids[i], 0, 0, 0, 0, 0, 0, 0};
        dispatch(words, sizeof(words));
        assert_refused(NULL, "this command is not served");
        assert_int_equal(d->command, ids[i]);
    }
}

static void test_unknown_flags(void **state) {
    (void)state;
    CLIENT(vkCmdDraw, 2, DRAW);
    assert_refused(NULL, "the command has unknown flags");
    assert_int_equal(seen.draws, 0);
}

static void test_short_header(void **state) {
    (void)state;
    static const uint32_t words[] = {106};
    dispatch(words, sizeof(words));
    assert_refused(NULL, "the command is cut short");
    assert_int_equal(d->command, UINT32_MAX);
}

static void test_names(void **state) {
    (void)state;
    assert_string_equal(vn_command_name(106), "vkCmdDraw");
    assert_string_equal(vn_command_name(195), "unknown command");
    assert_string_equal(vn_command_name(UINT32_MAX), "unknown command");
}

/* ---- plain ------------------------------------------------------------------------------ */

static void test_plain(void **state) {
    (void)state;
    CLIENT(vkCmdDraw, 0, DRAW);
    assert_done();
    assert_int_equal(seen.draws, 1);
    assert_int_equal(seen.replies, 0);
}

static void test_null_first_handle(void **state) {
    (void)state;
    CLIENT(vkCmdDraw, 0, .vertexCount = 1);
    assert_refused("commandBuffer", "the handle must not be NULL");
    assert_int_equal(seen.draws, 0);
}

static void test_null_needed_handle(void **state) {
    (void)state;
    CLIENT(vkCmdDrawIndirect, 0, .commandBuffer = HANDLE(VkCommandBuffer, 3), .drawCount = 1);
    assert_refused("buffer", "the handle must not be NULL");
    CLIENT(vkCmdBindIndexBuffer, 0, .commandBuffer = HANDLE(VkCommandBuffer, 3));
    assert_done();
}

static void test_missing_function(void **state) {
    (void)state;
    device_table.CmdDraw = NULL;
    CLIENT(vkCmdDraw, 0, DRAW);
    assert_refused(NULL, "the host driver does not provide this command");
}

static void test_shortened_command(void **state) {
    (void)state;
    static const uint32_t words[] = {106, 0, 3, 0, 4, 5, 6};
    dispatch(words, sizeof(words));
    assert_refused("commandBuffer", "the command is cut short");
    assert_int_equal(seen.draws, 0);
}

static void test_instance_level(void **state) {
    (void)state;
    VkFormatProperties properties;
    CLIENT(vkGetPhysicalDeviceFormatProperties, 1, .physicalDevice = HANDLE(VkPhysicalDevice, 5),
           .pFormatProperties = &properties);
    assert_done();
    assert_int_equal(seen.replies, 1);
    assert_int_equal(cs_encoder_size(&stream.encoder), 4 + 8 + 12);
}

static void test_reply_carries_result(void **state) {
    (void)state;
    seen.fence_status = VK_NOT_READY;
    CLIENT(vkGetFenceStatus, 1, .device = HANDLE(VkDevice, 1), .fence = HANDLE(VkFence, 4));
    assert_done();
    assert_int_equal(seen.replies, 1);
    static const uint32_t expected[] = {38, 1};
    assert_int_equal(cs_encoder_size(&stream.encoder), sizeof(expected));
    assert_memory_equal(stream.encoder.bytes, expected, sizeof(expected));
}

static void test_device_loss(void **state) {
    (void)state;
    seen.fence_status = VK_ERROR_DEVICE_LOST;
    CLIENT(vkGetFenceStatus, 1, .device = HANDLE(VkDevice, 1), .fence = HANDLE(VkFence, 4));
    assert_done();
    CLIENT(vkGetFenceStatus, 0, .device = HANDLE(VkDevice, 1), .fence = HANDLE(VkFence, 4));
    assert_refused(NULL, "VK_ERROR_DEVICE_LOST");
}

/* ---- creation and destruction ------------------------------------------------------------ */

static const VkSamplerCreateInfo sampler_info = {.sType = VK_STRUCTURE_TYPE_SAMPLER_CREATE_INFO};

static void test_create(void **state) {
    (void)state;
    CLIENT(vkCreateSampler, 1, .device = HANDLE(VkDevice, 1), .pCreateInfo = &sampler_info,
           .pSampler_id = 77);
    assert_done();
    assert_int_equal(seen.reserved->entry.id, 77);
    assert_int_equal(seen.reserved->type, VK_OBJECT_TYPE_SAMPLER);
    assert_true(seen.published_handle != 0);
    assert_int_equal(seen.published, VK_SUCCESS);
    static const uint32_t expected[] = {70, 0, 1, 0, 77, 0};
    assert_int_equal(cs_encoder_size(&stream.encoder), sizeof(expected));
    assert_memory_equal(stream.encoder.bytes, expected, sizeof(expected));
}

static void test_create_with_used_id(void **state) {
    (void)state;
    seen.refuse_reserve = true;
    CLIENT(vkCreateSampler, 1, .device = HANDLE(VkDevice, 1), .pCreateInfo = &sampler_info,
           .pSampler_id = 2);
    assert_refused("pSampler", "refused");
    assert_int_equal(seen.replies, 0);
}

static void test_destroy(void **state) {
    (void)state;
    CLIENT(vkDestroyBuffer, 0, .device = HANDLE(VkDevice, 1), .buffer = HANDLE(VkBuffer, 2));
    assert_done();
    assert_ptr_equal(seen.destroyed, buffer_object);
    atomic_store(&buffer_object->poison, VK_ERROR_OUT_OF_HOST_MEMORY);
    seen.destroyed = NULL;
    CLIENT(vkDestroyBuffer, 0, .device = HANDLE(VkDevice, 1), .buffer = HANDLE(VkBuffer, 2));
    assert_done();
    assert_ptr_equal(seen.destroyed, buffer_object);
    CLIENT(vkDestroyBuffer, 0, .device = HANDLE(VkDevice, 1));
    assert_done();
    assert_null(seen.destroyed);
}

/* ---- poison ------------------------------------------------------------------------------ */

static void test_poison_skips_recording(void **state) {
    (void)state;
    atomic_store(&buffer_object->poison, VK_ERROR_OUT_OF_DEVICE_MEMORY);
    CLIENT(vkCmdFillBuffer, 0, .commandBuffer = HANDLE(VkCommandBuffer, 3),
           .dstBuffer = HANDLE(VkBuffer, 2));
    assert_done();
    assert_ptr_equal(seen.poisoned_buffer, commands_object);
    assert_int_equal(seen.poison, VK_ERROR_OUT_OF_DEVICE_MEMORY);
}

static void test_poison_spreads_to_creations(void **state) {
    (void)state;
    atomic_store(&buffer_object->poison, VK_ERROR_OUT_OF_DEVICE_MEMORY);
    const VkBufferViewCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_VIEW_CREATE_INFO,
                                         .buffer = HANDLE(VkBuffer, 2)};
    CLIENT(vkCreateBufferView, 1, .device = HANDLE(VkDevice, 1), .pCreateInfo = &info,
           .pView_id = 78);
    assert_done();
    assert_int_equal(seen.reserved->entry.id, 78);
    assert_int_equal(seen.published_handle, 0);
    assert_int_equal(seen.published, VK_ERROR_OUT_OF_DEVICE_MEMORY);
    assert_int_equal(seen.replies, 1);
}

static void test_poison_skips_handlers(void **state) {
    (void)state;
    atomic_store(&device_object->poison, VK_ERROR_INITIALIZATION_FAILED);
    const VkMemoryAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO};
    CLIENT(vkAllocateMemory, 0, .device = HANDLE(VkDevice, 1), .pAllocateInfo = &info,
           .pMemory_id = 79);
    assert_done();
    assert_null(seen.handler);
    assert_int_equal(seen.reserved->entry.id, 79);
    assert_int_equal(seen.published, VK_ERROR_INITIALIZATION_FAILED);
    CLIENT(vkDestroyDevice, 0, .device = HANDLE(VkDevice, 1));
    assert_done();
    assert_string_equal(seen.handler, "vkDestroyDevice");
}

static void test_handler(void **state) {
    (void)state;
    CLIENT(vkNotifyRingMESA, 0, .ring = 9);
    assert_done();
    assert_string_equal(seen.handler, "vkNotifyRingMESA");
}

/* ---- tables ------------------------------------------------------------------------------ */

static void test_tables(void **state) {
    (void)state;
    assert_non_null(device_table.CmdDrawIndexed);
    assert_non_null(device_table.GetMemoryHostPointerPropertiesEXT);
    assert_non_null(device_table.GetMemoryFdKHR);
    assert_non_null(device_table.CopyMemoryToImage);
    assert_non_null(instance_table.EnumeratePhysicalDevices);
    assert_ptr_equal(device_table.device, HANDLE(VkDevice, 1));
}

static int destroyed_samplers;

static VKAPI_ATTR void VKAPI_CALL count_destroy(VkDevice device, VkSampler sampler,
                                                const VkAllocationCallbacks *pAllocator) {
    assert_ptr_equal(device, HANDLE(VkDevice, 1));
    assert_int_equal((uintptr_t)sampler, 99);
    assert_null(pAllocator);
    destroyed_samplers++;
}

static void test_destroy_handle(void **state) {
    (void)state;
    device_table.DestroySampler = count_destroy;
    vn_destroy_handle(&device_table, VK_OBJECT_TYPE_SAMPLER, 99);
    vn_destroy_handle(&device_table, VK_OBJECT_TYPE_SAMPLER, 0);
    vn_destroy_handle(&device_table, VK_OBJECT_TYPE_QUEUE, 99);
    assert_int_equal(destroyed_samplers, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_unknown_commands),
        TEST(test_unknown_flags),
        TEST(test_short_header),
        TEST(test_names),
        TEST(test_plain),
        TEST(test_null_first_handle),
        TEST(test_null_needed_handle),
        TEST(test_missing_function),
        TEST(test_shortened_command),
        TEST(test_instance_level),
        TEST(test_reply_carries_result),
        TEST(test_device_loss),
        TEST(test_create),
        TEST(test_create_with_used_id),
        TEST(test_destroy),
        TEST(test_poison_skips_recording),
        TEST(test_poison_spreads_to_creations),
        TEST(test_poison_skips_handlers),
        TEST(test_handler),
        TEST(test_tables),
        TEST(test_destroy_handle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
