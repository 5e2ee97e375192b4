/* The reader and writer on their own: bounds, lengths, temporaries, objects, chains. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fixture.h"
#include "protocol/chain.h"
#include "venus_commands.h"
#include "venus_extensions.h"
#include "venus_structs.h"

static struct fixture fixture;
static struct cs_decoder *const d = &fixture.decoder;

static int setup(void **state) {
    (void)state;
    fixture_init(&fixture);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    fixture_finish(&fixture);
    return 0;
}

#define READ(...)                                                                                  \
    static const uint32_t words[] = {__VA_ARGS__};                                                 \
    fixture_read(&fixture, words, sizeof(words))

static void assert_refused(const char *argument, const char *reason) {
    assert_true(d->failed);
    assert_string_equal(d->argument, argument);
    assert_string_equal(d->reason, reason);
    assert_ptr_equal(d->cursor, d->end);
}

/* ---- scalars and failure ---------------------------------------------------------------- */

static void test_scalars(void **state) {
    (void)state;
    READ(1, 2, 3);
    assert_int_equal(cs_read_u32(d, "a"), 1);
    assert_int_equal(cs_read_u64(d, "b"), UINT64_C(0x300000002));
    assert_false(d->failed);
    assert_int_equal(cs_left(d), 0);
}

static void test_short_scalar(void **state) {
    (void)state;
    READ(1);
    assert_int_equal(cs_read_u64(d, "b"), 0);
    assert_refused("b", "the command is cut short");
}

static void test_first_failure_wins(void **state) {
    (void)state;
    READ(7, 7, 7);
    cs_fail(d, "first", "reason");
    assert_int_equal(cs_read_u32(d, "second"), 0);
    assert_null(cs_read_string(d, true, "third"));
    cs_read_null(d, "fourth");
    assert_refused("first", "reason");
}

static void test_bytes_are_padded(void **state) {
    (void)state;
    READ(0x04030201, 0xffffff05, 9);
    uint8_t bytes[5];
    cs_read_bytes(d, bytes, sizeof(bytes), "bytes");
    assert_memory_equal(bytes, "\1\2\3\4\5", 5);
    assert_int_equal(cs_read_u32(d, "next"), 9);
}

static void test_short_bytes_are_zeroed(void **state) {
    (void)state;
    READ(0x04030201);
    uint8_t bytes[5] = {9, 9, 9, 9, 9};
    cs_read_bytes(d, bytes, sizeof(bytes), "bytes");
    assert_memory_equal(bytes, "\0\0\0\0\0", 5);
    assert_refused("bytes", "the command is cut short");
}

/* ---- counts and pointers ---------------------------------------------------------------- */

static void test_count(void **state) {
    (void)state;
    READ(2, 0, 5, 6);
    assert_int_equal(cs_read_count(d, 2, false, 4, "c"), 2);
    assert_false(d->failed);
}

static void test_count_differs(void **state) {
    (void)state;
    READ(2, 0, 5, 6);
    assert_int_equal(cs_read_count(d, 1, false, 4, "c"), 0);
    assert_refused("c", "the array does not have the announced length");
}

static void test_count_beyond_end(void **state) {
    (void)state;
    READ(3, 0, 5, 6);
    assert_int_equal(cs_read_count(d, 3, false, 4, "c"), 0);
    assert_refused("c", "the command is cut short");
}

static void test_huge_count(void **state) {
    (void)state;
    READ(0xffffffff, 0xffffffff, 5, 6);
    assert_int_equal(cs_read_count(d, UINT64_MAX, false, 8, "c"), 0);
    assert_refused("c", "the command is cut short");
}

static void test_missing_array(void **state) {
    (void)state;
    READ(0, 0, 0, 0, 0, 0);
    assert_int_equal(cs_read_count(d, 0, false, 4, "empty"), 0);
    assert_int_equal(cs_read_count(d, 3, true, 4, "optional"), 0);
    assert_false(d->failed);
    assert_int_equal(cs_read_count(d, 3, false, 4, "c"), 0);
    assert_refused("c", "the array is missing");
}

static void test_partial_count_is_limited(void **state) {
    (void)state;
    READ(0x10000000, 0);
    assert_null(cs_read_array(d, 0x10000000, true, 0, 260, NULL, "pProperties"));
    assert_refused("pProperties", "the command needs more temporary memory than is allowed");
}

static void test_pointers(void **state) {
    (void)state;
    READ(1, 0, 0, 0, 0, 0);
    assert_true(cs_read_pointer(d, false, "a"));
    assert_false(cs_read_pointer(d, true, "b"));
    assert_false(d->failed);
    assert_false(cs_read_pointer(d, false, "c"));
    assert_refused("c", "the pointer must not be NULL");
}

static void test_null_pointer(void **state) {
    (void)state;
    READ(0, 0, 1, 0);
    cs_read_null(d, "a");
    assert_false(d->failed);
    cs_read_null(d, "pAllocator");
    assert_refused("pAllocator", "the pointer must be NULL");
}

/* ---- strings ---------------------------------------------------------------------------- */

static void test_string(void **state) {
    (void)state;
    READ(4, 0, 0x00636261, 8);
    assert_string_equal(cs_read_string(d, false, "s"), "abc");
    assert_int_equal(cs_read_u32(d, "next"), 8);
}

static void test_unterminated_string(void **state) {
    (void)state;
    READ(4, 0, 0x64636261);
    assert_string_equal(cs_read_string(d, false, "s"), "abc");
}

static void test_missing_string(void **state) {
    (void)state;
    READ(0, 0, 0, 0);
    assert_null(cs_read_string(d, true, "s"));
    assert_false(d->failed);
    assert_null(cs_read_string(d, false, "s"));
    assert_refused("s", "the string is missing");
}

static void test_string_beyond_end(void **state) {
    (void)state;
    READ(0xffffffff, 0xffffffff, 0x64636261);
    assert_null(cs_read_string(d, false, "s"));
    assert_refused("s", "the command is cut short");
}

static void test_strings(void **state) {
    (void)state;
    READ(2, 0, 2, 0, 'a', 2, 0, 'b');
    const char *const *strings = cs_read_strings(d, 2, false, "names");
    assert_string_equal(strings[0], "a");
    assert_string_equal(strings[1], "b");
}

/* ---- temporaries ------------------------------------------------------------------------ */

static void test_temporaries_are_zero_and_aligned(void **state) {
    (void)state;
    READ(0);
    for (size_t size = 1; size < 100; size += 7) {
        uint8_t *p = cs_temp(d, 1, size, "t");
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(p[i], 0);
        }
        memset(p, 0xff, size);
    }
    cs_arena_reset(&fixture.arena);
    uint8_t *again = cs_temp(d, 1, 100, "t");
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(again[i], 0);
    }
}

static void test_temporaries_wrap(void **state) {
    (void)state;
    READ(0);
    assert_null(cs_temp(d, SIZE_MAX / 2, 3, "t"));
    assert_refused("t", "the array is too large");
    fixture_read(&fixture, "", 0);
    assert_null(cs_temp(d, SIZE_MAX - 3, 1, "t"));
    assert_refused("t", "the array is too large");
}

static void test_temporaries_limit(void **state) {
    (void)state;
    struct cs_arena arena;
    cs_arena_init(&arena, 100000);
    struct cs_decoder small = {.arena = &arena};
    size_t got = 0;
    while (cs_temp(&small, 1, 1600, "t")) {
        got += 1600;
    }
    assert_true(small.failed);
    assert_true(got <= 100000);
    assert_true(got >= 90000);
    cs_arena_finish(&arena);
}

static void test_arena_is_kept(void **state) {
    (void)state;
    READ(0);
    for (int i = 0; i < 100; i++) {
        assert_non_null(cs_temp(d, 1, 10000, "t"));
    }
    cs_arena_reset(&fixture.arena);
    void *first = cs_temp(d, 1, 10000, "t");
    for (int round = 0; round < 10; round++) {
        cs_arena_reset(&fixture.arena);
        assert_ptr_equal(cs_temp(d, 1, 10000, "t"), first);
    }
}

static void test_arena_nests(void **state) {
    (void)state;
    READ(0);
    uint8_t *outer = cs_temp(d, 1, 64, "t");
    memset(outer, 0x5a, 64);
    struct cs_arena_mark mark = cs_arena_get_mark(&fixture.arena);
    uint8_t *inner = cs_temp(d, 1, 64, "t");
    cs_arena_rewind(&fixture.arena, &mark);
    assert_ptr_equal(cs_temp(d, 1, 64, "t"), inner);
    cs_arena_rewind(&fixture.arena, &mark);
    assert_non_null(cs_temp(d, 1, 1000000, "t"));
    cs_arena_rewind(&fixture.arena, &mark);
    assert_ptr_equal(cs_temp(d, 1, 64, "t"), inner);
    for (int i = 0; i < 64; i++) {
        assert_int_equal(outer[i], 0x5a);
    }
}

/* ---- objects ---------------------------------------------------------------------------- */

static const char device_a, device_b;
#define DEVICE_A ((const void *)&device_a)
#define DEVICE_B ((const void *)&device_b)

static void test_objects(void **state) {
    (void)state;
    struct vn_object *buffer = fixture_add(&fixture, VK_OBJECT_TYPE_BUFFER, 7, DEVICE_A);
    atomic_store(&buffer->handle, 0x1234);
    READ(7, 0, 0, 0, 7, 0);
    assert_ptr_equal(cs_read_object(d, VK_OBJECT_TYPE_BUFFER, "b"), buffer);
    assert_ptr_equal(d->vk, DEVICE_A);
    assert_null(cs_read_object(d, VK_OBJECT_TYPE_BUFFER, "b"));
    assert_int_equal(cs_read_handle(d, VK_OBJECT_TYPE_BUFFER, "b"), 0x1234);
    assert_false(d->failed);
    assert_null(d->poison);
}

static void test_unknown_id(void **state) {
    (void)state;
    READ(8, 0);
    assert_null(cs_read_object(d, VK_OBJECT_TYPE_BUFFER, "buffer"));
    assert_refused("buffer", "no object has this id");
}

static void test_other_type(void **state) {
    (void)state;
    fixture_add(&fixture, VK_OBJECT_TYPE_BUFFER, 7, DEVICE_A);
    READ(7, 0);
    assert_null(cs_read_object(d, VK_OBJECT_TYPE_IMAGE, "image"));
    assert_refused("image", "the object has another type");
}

static void test_other_device(void **state) {
    (void)state;
    fixture_add(&fixture, VK_OBJECT_TYPE_BUFFER, 7, DEVICE_A);
    fixture_add(&fixture, VK_OBJECT_TYPE_BUFFER, 8, DEVICE_B);
    READ(7, 0, 8, 0);
    assert_non_null(cs_read_object(d, VK_OBJECT_TYPE_BUFFER, "a"));
    assert_null(cs_read_object(d, VK_OBJECT_TYPE_BUFFER, "b"));
    assert_refused("b", "the object belongs to another device");
}

static void test_poison_is_noted(void **state) {
    (void)state;
    fixture_add(&fixture, VK_OBJECT_TYPE_BUFFER, 7, DEVICE_A);
    struct vn_object *bad = fixture_add(&fixture, VK_OBJECT_TYPE_BUFFER, 8, DEVICE_A);
    atomic_store(&bad->poison, VK_ERROR_OUT_OF_DEVICE_MEMORY);
    READ(7, 0, 8, 0, 7, 0);
    for (int i = 0; i < 3; i++) {
        assert_non_null(cs_read_object(d, VK_OBJECT_TYPE_BUFFER, "b"));
    }
    assert_false(d->failed);
    assert_ptr_equal(d->poison, bad);
}

static void test_object_arrays(void **state) {
    (void)state;
    struct vn_object *fence = fixture_add(&fixture, VK_OBJECT_TYPE_FENCE, 7, DEVICE_A);
    READ(2, 0, 7, 0, 0, 0);
    struct vn_object **objects = cs_read_objects(d, 2, false, true, VK_OBJECT_TYPE_FENCE, "f");
    assert_ptr_equal(objects[0], fence);
    assert_null(objects[1]);
    const uint64_t *handles = cs_object_handles(d, objects, 2, "f");
    assert_int_equal(handles[0], 7);
    assert_int_equal(handles[1], 0);
}

/* A failed look-up must stop the reading of what follows it. */
static void test_bad_id_in_array(void **state) {
    (void)state;
    fixture_add(&fixture, VK_OBJECT_TYPE_FENCE, 7, DEVICE_A);
    READ(3, 0, 7, 0, 9, 0, 7, 0);
    cs_read_handles(d, 3, false, true, VK_OBJECT_TYPE_FENCE, "pFences");
    assert_refused("pFences", "no object has this id");
}

static void test_null_in_array(void **state) {
    (void)state;
    fixture_add(&fixture, VK_OBJECT_TYPE_FENCE, 7, DEVICE_A);
    READ(2, 0, 7, 0, 0, 0);
    cs_read_handles(d, 2, false, false, VK_OBJECT_TYPE_FENCE, "pFences");
    assert_refused("pFences", "the handle must not be NULL");
}

/* ---- chains ----------------------------------------------------------------------------- */

static void read_features(const uint32_t *words, size_t size, VkPhysicalDeviceFeatures2 *v) {
    fixture_read(&fixture, words, size);
    vn_decode_VkPhysicalDeviceFeatures2_partial(d, v);
}

#define FEATURES2 VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2
#define MULTIVIEW VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MULTIVIEW_FEATURES
#define VULKAN_1_3 VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES

static void test_chain(void **state) {
    (void)state;
    static const uint32_t words[] = {FEATURES2, 1, 0, MULTIVIEW, 1, 0, VULKAN_1_3, 0, 0};
    VkPhysicalDeviceFeatures2 v = {0};
    read_features(words, sizeof(words), &v);
    assert_false(d->failed);
    assert_int_equal(cs_left(d), 0);
    const VkBaseOutStructure *first = v.pNext;
    assert_int_equal(first->sType, MULTIVIEW);
    assert_int_equal(first->pNext->sType, VULKAN_1_3);
    assert_null(first->pNext->pNext);
}

static void test_chain_wrong_root(void **state) {
    (void)state;
    static const uint32_t words[] = {MULTIVIEW, 0, 0};
    VkPhysicalDeviceFeatures2 v = {0};
    read_features(words, sizeof(words), &v);
    assert_refused("VkPhysicalDeviceFeatures2", "the struct has another sType");
}

static void test_chain_unknown_struct(void **state) {
    (void)state;
    static const uint32_t words[] = {FEATURES2, 1, 0, 0x7ffffff0, 0, 0};
    VkPhysicalDeviceFeatures2 v = {0};
    read_features(words, sizeof(words), &v);
    assert_refused("VkPhysicalDeviceFeatures2", "the chain has a struct that is not allowed here");
}

static void test_chain_struct_of_another_root(void **state) {
    (void)state;
    static const uint32_t words[] = {
        FEATURES2, 1, 0, VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO, 0, 0};
    VkPhysicalDeviceFeatures2 v = {0};
    read_features(words, sizeof(words), &v);
    assert_refused("VkPhysicalDeviceFeatures2", "the chain has a struct that is not allowed here");
}

static void test_chain_duplicate(void **state) {
    (void)state;
    static const uint32_t words[] = {FEATURES2, 1, 0, MULTIVIEW, 1, 0, MULTIVIEW, 0, 0};
    VkPhysicalDeviceFeatures2 v = {0};
    read_features(words, sizeof(words), &v);
    assert_refused("VkPhysicalDeviceFeatures2", "the chain has the same struct twice");
}

/* VkDevicePrivateDataCreateInfo may be repeated; nothing may be repeated for ever. */
static void read_private_data(uint32_t links, VkDeviceCreateInfo *v) {
    struct cs_encoder *e = &fixture.encoder;
    cs_encoder_reset(e, 1 << 20);
    cs_write_u32(e, VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO);
    for (uint32_t i = 0; i < links; i++) {
        cs_write_u64(e, 1);
        cs_write_u32(e, VK_STRUCTURE_TYPE_DEVICE_PRIVATE_DATA_CREATE_INFO);
    }
    cs_write_u64(e, 0);
    for (uint32_t i = 0; i < links; i++) {
        cs_write_u32(e, links - i); /* innermost last */
    }
    static const uint32_t body[13];
    cs_write_bytes(e, body, sizeof(body));
    fixture_read(&fixture, e->bytes, cs_encoder_size(e));
    vn_decode_VkDeviceCreateInfo(d, v);
}

static void test_chain_repeatable(void **state) {
    (void)state;
    VkDeviceCreateInfo v = {0};
    read_private_data(3, &v);
    assert_false(d->failed);
    uint32_t expected = 1;
    for (const VkDevicePrivateDataCreateInfo *p = v.pNext; p; p = p->pNext) {
        assert_int_equal(p->privateDataSlotRequestCount, expected++);
    }
    assert_int_equal(expected, 4);
}

static void test_chain_too_long(void **state) {
    (void)state;
    VkDeviceCreateInfo v = {0};
    read_private_data(CHAIN_MAX, &v);
    assert_false(d->failed);
    read_private_data(CHAIN_MAX + 1, &v);
    assert_refused("VkDeviceCreateInfo", "the chain is too long");
}

/* ---- generated readers ------------------------------------------------------------------ */

static void test_narrow_scalars_are_masked(void **state) {
    (void)state;
    fixture_add(&fixture, VK_OBJECT_TYPE_COMMAND_BUFFER, 1, DEVICE_A);
    READ(1, 0, 5, 0xdead1234);
    struct vn_vkCmdSetLineStipple a;
    vn_decode_vkCmdSetLineStipple(d, &a);
    assert_false(d->failed);
    assert_int_equal(a.lineStipplePattern, 0x1234);
}

static void test_unknown_union_tag(void **state) {
    (void)state;
    READ(3, 4, 0, 0, 0, 0, 0);
    VkClearColorValue v;
    vn_decode_VkClearColorValue(d, &v);
    assert_refused("VkClearColorValue", "unknown tag");
}

static void test_declared_size(void **state) {
    (void)state;
    fixture_add(&fixture, VK_OBJECT_TYPE_COMMAND_BUFFER, 1, DEVICE_A);
    READ(1, 0, 3, 0, 0, 0, 0, 0);
    struct vn_vkCmdSetBlendConstants a;
    vn_decode_vkCmdSetBlendConstants(d, &a);
    assert_refused("blendConstants", "the array does not have its declared size");
}

static void test_shader_size(void **state) {
    (void)state;
    READ(VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO, 0, 0, 0, 7, 0, 1, 0, 0x07230203);
    VkShaderModuleCreateInfo v = {0};
    vn_decode_VkShaderModuleCreateInfo(d, &v);
    assert_refused("VkShaderModuleCreateInfo.codeSize", "the size is not a multiple of 4");
}

static void test_specialization_entry_outside(void **state) {
    (void)state;
    READ(1, 1, 0, 0, 2, 3, 0, 4, 0, 4, 0, 0xffffffff);
    VkSpecializationInfo v = {0};
    vn_decode_VkSpecializationInfo(d, &v);
    assert_refused("VkSpecializationInfo.pMapEntries", "an entry lies outside of the data");
}

static void test_concurrent_without_families(void **state) {
    (void)state;
    READ(VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO, 0, 0, 0, 64, 0, 1, VK_SHARING_MODE_CONCURRENT, 2, 0,
         0);
    VkBufferCreateInfo v = {0};
    vn_decode_VkBufferCreateInfo(d, &v);
    assert_refused("VkBufferCreateInfo.pQueueFamilyIndices", "the array is missing");
}

static void test_exclusive_without_families(void **state) {
    (void)state;
    READ(VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO, 0, 0, 0, 64, 0, 1, VK_SHARING_MODE_EXCLUSIVE, 2, 0,
         0);
    VkBufferCreateInfo v = {0};
    vn_decode_VkBufferCreateInfo(d, &v);
    assert_false(d->failed);
    assert_null(v.pQueueFamilyIndices);
}

/* ---- writer ----------------------------------------------------------------------------- */

static void test_writer(void **state) {
    (void)state;
    struct cs_encoder *e = &fixture.encoder;
    cs_encoder_reset(e, 1 << 20);
    cs_write_u32(e, 5);
    cs_write_string(e, "abcd");
    cs_write_string(e, NULL);
    cs_write_scalars(e, "\1\2\3", 3, 1);
    static const uint8_t expected[] = {5,   0,   0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 'a', 'b',
                                       'c', 'd', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,   0,
                                       3,   0,   0, 0, 0, 0, 0, 0, 1, 2, 3, 0};
    assert_int_equal(cs_encoder_size(e), sizeof(expected));
    assert_memory_equal(e->bytes, expected, sizeof(expected));
}

static void test_writer_limit(void **state) {
    (void)state;
    struct cs_encoder *e = &fixture.encoder;
    cs_encoder_reset(e, 20);
    cs_write_u64(e, 1);
    cs_write_u64(e, 2);
    assert_false(e->failed);
    cs_write_u64(e, 3);
    assert_true(e->failed);
    cs_write_u32(e, 4);
    assert_int_equal(cs_encoder_size(e), 16);
    cs_encoder_reset(e, 100000);
    for (int i = 0; i < 12500; i++) {
        cs_write_u64(e, (uint64_t)i);
    }
    assert_false(e->failed);
    assert_int_equal(cs_encoder_size(e), 100000);
    cs_write_bytes(e, "x", 1);
    assert_true(e->failed);
}

static void test_reply_count_is_clamped(void **state) {
    (void)state;
    VkExtensionProperties properties[2] = {{"A", 1}, {"B", 2}};
    uint32_t count = 3;
    struct vn_vkEnumerateInstanceExtensionProperties a = {
        .pPropertyCount = &count, .pProperties = properties, .pProperties_offered = 2};
    struct cs_encoder *e = &fixture.encoder;
    cs_encoder_reset(e, 1 << 20);
    vn_encode_vkEnumerateInstanceExtensionProperties_reply(e, &a);
    const uint32_t *words = (const uint32_t *)(const void *)e->bytes;
    assert_int_equal(words[4], 2); /* *pPropertyCount */
    assert_int_equal(words[5], 2); /* elements */
    assert_int_equal(cs_encoder_size(e), 28 + 2 * 268);
}

/* ---- extensions ------------------------------------------------------------------------- */

static void test_extension_mask(void **state) {
    (void)state;
    assert_true(vn_extension_mask[0] & 1);
    uint32_t bits = 0;
    for (size_t i = 0; i < vn_extension_count; i++) {
        uint32_t number = vn_extensions[i].number;
        assert_true(vn_extension_mask[number / 32] >> number % 32 & 1);
    }
    for (size_t i = 0; i < 32; i++) {
        bits += (uint32_t)__builtin_popcount(vn_extension_mask[i]);
    }
    assert_int_equal(bits, vn_extension_count + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_scalars),
        TEST(test_short_scalar),
        TEST(test_first_failure_wins),
        TEST(test_bytes_are_padded),
        TEST(test_short_bytes_are_zeroed),
        TEST(test_count),
        TEST(test_count_differs),
        TEST(test_count_beyond_end),
        TEST(test_huge_count),
        TEST(test_missing_array),
        TEST(test_partial_count_is_limited),
        TEST(test_pointers),
        TEST(test_null_pointer),
        TEST(test_string),
        TEST(test_unterminated_string),
        TEST(test_missing_string),
        TEST(test_string_beyond_end),
        TEST(test_strings),
        TEST(test_temporaries_are_zero_and_aligned),
        TEST(test_temporaries_wrap),
        TEST(test_temporaries_limit),
        TEST(test_arena_is_kept),
        TEST(test_arena_nests),
        TEST(test_objects),
        TEST(test_unknown_id),
        TEST(test_other_type),
        TEST(test_other_device),
        TEST(test_poison_is_noted),
        TEST(test_object_arrays),
        TEST(test_bad_id_in_array),
        TEST(test_null_in_array),
        TEST(test_chain),
        TEST(test_chain_wrong_root),
        TEST(test_chain_unknown_struct),
        TEST(test_chain_struct_of_another_root),
        TEST(test_chain_duplicate),
        TEST(test_chain_repeatable),
        TEST(test_chain_too_long),
        TEST(test_narrow_scalars_are_masked),
        TEST(test_unknown_union_tag),
        TEST(test_declared_size),
        TEST(test_shader_size),
        TEST(test_specialization_entry_outside),
        TEST(test_concurrent_without_families),
        TEST(test_exclusive_without_families),
        TEST(test_writer),
        TEST(test_writer_limit),
        TEST(test_reply_count_is_clamped),
        TEST(test_extension_mask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
