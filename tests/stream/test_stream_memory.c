/* Device memory that becomes a blob, blobs that become device memory, and how long both live. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "../unit/open_descriptors.h"
#include "expect.h"
#include "platform/platform.h"
#include "renderer/storage_pool.h"
#include "spy_driver.h"

#define DEVICE ID(VkDevice, GUEST_DEVICE)
#define RESOURCE 5000
#define MEMORY 1000
#define MAPPABLE CONTEXT_BLOB_MAPPABLE

static void write_free(struct guest_stream *s, uint64_t id) {
    GUEST_WRITE(s, vkFreeMemory, .device = DEVICE, .memory = ID(VkDeviceMemory, id));
}

static struct guest *with_memory(uint32_t type, uint64_t size) {
    struct guest *g = guest_create_open(NULL);
    assert_int_equal(guest_allocate_memory(g->context_stream, MEMORY, type, size), VK_SUCCESS);
    return g;
}

static void expect_no_blob(struct guest *g, uint32_t resource, uint64_t id, uint32_t flags,
                           uint64_t size, int error, const char *reason) {
    struct storage *storage = NULL;
    assert_int_equal(guest_create_blob(g, resource, id, flags, size, &storage), error);
    assert_string_equal(g->blob_reason, reason);
    assert_null(storage);
    assert_false(guest_is_lost(g));
}

/* ---- refusals: an answer, not the end ---------------------------------------------------- */

static void test_a_blob_must_fit_its_memory(void **state) {
    (void)state;
    struct guest *g = with_memory(0, 8192);
    expect_no_blob(g, RESOURCE, MEMORY, MAPPABLE, 8193, -EINVAL,
                   "the blob is larger than the memory");
    expect_no_blob(g, RESOURCE, MEMORY, MAPPABLE, UINT64_MAX, -EINVAL,
                   "the blob is larger than the memory");
    /* A refusal costs nothing: the memory can still become one. */
    assert_int_equal(guest_create_blob(g, RESOURCE, MEMORY, MAPPABLE, 8192, NULL), 0);
    guest_destroy(g);
}

static void test_a_memory_becomes_a_blob_once(void **state) {
    (void)state;
    struct guest *g = with_memory(0, 8192);
    assert_int_equal(guest_create_blob(g, RESOURCE, MEMORY, MAPPABLE, 4096, NULL), 0);
    expect_no_blob(g, RESOURCE + 1, MEMORY, MAPPABLE, 4096, -EBUSY,
                   "the memory has become a blob before");
    guest_detach(g, RESOURCE);
    expect_no_blob(g, RESOURCE, MEMORY, MAPPABLE, 4096, -EBUSY,
                   "the memory has become a blob before");
    guest_destroy(g);
}

static void test_a_blob_id_names_live_memory(void **state) {
    (void)state;
    static const char unknown[] = "the blob id is not that of a live VkDeviceMemory";
    struct guest *g = with_memory(0, 8192);
    expect_no_blob(g, RESOURCE, 4711, MAPPABLE, 4096, -ENOENT, unknown);
    expect_no_blob(g, RESOURCE, UINT64_MAX, MAPPABLE, 4096, -ENOENT, unknown);
    expect_no_blob(g, RESOURCE, GUEST_DEVICE, MAPPABLE, 4096, -ENOENT, unknown);
    write_free(g->context_stream, MEMORY);
    assert_true(guest_finish(g->context_stream));
    expect_no_blob(g, RESOURCE, MEMORY, MAPPABLE, 4096, -ENOENT, unknown);
    spy_fail("vkAllocateMemory", 1, VK_ERROR_OUT_OF_DEVICE_MEMORY);
    const VkMemoryAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                       .allocationSize = 4096};
    GUEST_WRITE(g->context_stream, vkAllocateMemory, .device = DEVICE, .pAllocateInfo = &info,
                .pMemory_id = MEMORY);
    assert_true(guest_finish(g->context_stream));
    expect_no_blob(g, RESOURCE, MEMORY, MAPPABLE, 4096, -ENOMEM,
                   "the memory could not be allocated");
    guest_destroy(g);
}

static void test_a_blob_must_be_of_a_kind_that_there_is(void **state) {
    (void)state;
    struct guest *g = with_memory(1, 8192);
    expect_no_blob(g, RESOURCE, MEMORY, MAPPABLE, 4096, -EINVAL,
                   "the memory is of a type that cannot be shared or mapped");
    guest_destroy(g);

    /* Where no dma-bufs are emulated. */
    g = guest_create_open(&(struct context_limits){.no_emulated_dma_bufs = true});
    assert_int_equal(guest_allocate_memory(g->context_stream, MEMORY, 0, 8192), VK_SUCCESS);
    expect_no_blob(g, RESOURCE, MEMORY, MAPPABLE | CONTEXT_BLOB_CROSS_DEVICE, 4096, -EINVAL,
                   "only a dma-buf can be used by other devices");
    guest_destroy(g);

    g = with_memory(0, 8192);
    static const char strict[] = "a blob of id 0 must be MAPPABLE and nothing else";
    expect_no_blob(g, RESOURCE, 0, 0, 4096, -EINVAL, strict);
    expect_no_blob(g, RESOURCE, 0, MAPPABLE | CONTEXT_BLOB_SHAREABLE, 4096, -EINVAL, strict);
    assert_int_equal(guest_create_blob(g, RESOURCE, 0, MAPPABLE, 4096, NULL), 0);
    expect_no_blob(g, RESOURCE, 0, MAPPABLE, 4096, -EEXIST, "the resource id cannot be used");
    assert_int_equal(g->context->ops->create_blob(g->context, 0, 0, MAPPABLE, 4096), -EINVAL);
    assert_int_equal(g->context->ops->create_blob(g->context, 9, 0, MAPPABLE, 0), -EINVAL);
    guest_destroy(g);
}

static void test_bad_allocations_are_results(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL);
    struct guest_stream *s = g->context_stream;
    assert_int_equal(guest_allocate_memory(s, MEMORY, 2, 4096), VK_ERROR_UNKNOWN);
    assert_int_equal(guest_allocate_memory(s, MEMORY, UINT32_MAX, 4096), VK_ERROR_UNKNOWN);
    assert_int_equal(guest_allocate_memory(s, MEMORY, 0, 0), VK_ERROR_UNKNOWN);
    assert_true(guest_allocate_memory(s, MEMORY, 0, UINT64_MAX) < 0);
    assert_true(guest_allocate_memory(s, MEMORY, 0, UINT64_MAX - 4096) < 0);
    assert_true(guest_allocate_memory(s, MEMORY, 0, UINT64_C(1) << 62) < 0);
    assert_int_equal(guest_allocate_memory(s, MEMORY, 0, 4096), VK_SUCCESS);
    guest_destroy(g);
}

/* ---- how long storages live -------------------------------------------------------------- */

static void test_a_blob_outlives_its_memory(void **state) {
    (void)state;
    struct guest *g = with_memory(0, 8192);
    struct storage *storage;
    assert_int_equal(guest_create_blob(g, RESOURCE, MEMORY, MAPPABLE, 8192, &storage), 0);
    void *bytes;
    assert_int_equal(storage_map(storage, &bytes), 0);
    memset(bytes, 0x5a, 8192);
    write_free(g->context_stream, MEMORY);
    assert_true(guest_finish(g->context_stream));
    assert_int_equal(((uint8_t *)bytes)[8191], 0x5a);

    /* The same pages can become memory again. */
    const VkImportMemoryResourceInfoMESA import = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_RESOURCE_INFO_MESA, .resourceId = RESOURCE};
    const VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO, .pNext = &import, .allocationSize = 8192};
    struct vn_vkAllocateMemory a = {.device = DEVICE, .pAllocateInfo = &info, .pMemory_id = MEMORY};
    GUEST_CALL(g->context_stream, vkAllocateMemory, &a);
    assert_int_equal(a.ret, VK_SUCCESS);
    guest_detach(g, RESOURCE);
    guest_flush(g);
    assert_int_equal(((uint8_t *)bytes)[0], 0x5a);
    guest_destroy(g);
    assert_int_equal(((uint8_t *)bytes)[4096], 0x5a); /* our own reference */
    storage_unref(storage);
}

static void test_unknown_resources_cannot_be_imported(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL);
    const VkImportMemoryResourceInfoMESA import = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_RESOURCE_INFO_MESA, .resourceId = 4711};
    const VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO, .pNext = &import, .allocationSize = 8192};
    struct vn_vkAllocateMemory a = {.device = DEVICE, .pAllocateInfo = &info, .pMemory_id = MEMORY};
    GUEST_CALL(g->context_stream, vkAllocateMemory, &a);
    assert_int_equal(a.ret, VK_ERROR_INVALID_EXTERNAL_HANDLE);

    VkMemoryResourcePropertiesMESA properties = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_RESOURCE_PROPERTIES_MESA};
    GUEST_WRITE(g->context_stream, vkGetMemoryResourcePropertiesMESA, .device = DEVICE,
                .resourceId = 4711, .pMemoryResourceProperties = &properties);
    guest_send(g->context_stream);
    expect_refusal(g, "vkGetMemoryResourcePropertiesMESA (on the context stream): resourceId: "
                      "the context has no such resource");
}

/* ---- storage that comes back -------------------------------------------------------------- */

/* Makes memory of 8192 bytes and a blob of it; the storage, a reference. */
static struct storage *make_blob(struct guest *g, uint64_t id, uint32_t flags) {
    struct storage *storage;
    assert_int_equal(guest_allocate_memory(g->context_stream, id, 0, 8192), VK_SUCCESS);
    assert_int_equal(guest_create_blob(g, RESOURCE, id, flags, 8192, &storage), 0);
    return storage;
}

/* The same, with something in it that nobody should find later. */
static struct storage *make_filled_blob(struct guest *g, uint64_t id, uint8_t **out_bytes) {
    struct storage *storage = make_blob(g, id, MAPPABLE);
    void *bytes;
    assert_int_equal(storage_map(storage, &bytes), 0);
    memset(bytes, 0x5a, 8192);
    *out_bytes = bytes;
    return storage;
}

static void end_blob(struct guest *g, uint64_t id) {
    guest_detach(g, RESOURCE);
    write_free(g->context_stream, id);
    assert_true(guest_finish(g->context_stream));
}

static void test_storage_given_back_is_used_again(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL);
    uint8_t *bytes;
    struct storage *first = make_filled_blob(g, MEMORY, &bytes);
    end_blob(g, MEMORY);
    struct storage *second = make_blob(g, MEMORY + 1, MAPPABLE); /* not given back: not used */
    assert_ptr_not_equal(second, first);
    end_blob(g, MEMORY + 1);

    g->context->ops->reuse(g->context, first, 0);
    assert_int_equal(guest_allocate_memory(g->context_stream, MEMORY + 2, 0, 16384), VK_SUCCESS);
    struct storage *again = make_blob(g, MEMORY + 3, MAPPABLE); /* another size does not take it */
    assert_ptr_equal(again, first);
    for (uint32_t i = 0; i < 8192; i++) {
        assert_int_equal(bytes[i], 0);
    }
    end_blob(g, MEMORY + 3);
    storage_unref(again);
    again = make_blob(g, MEMORY + 4, MAPPABLE); /* given back once, used once */
    assert_ptr_not_equal(again, first);
    storage_unref(again);
    storage_unref(second);
    storage_unref(first);
    guest_destroy(g);
}

/* In one call, as a frontend has it whose guest drops a blob for good. */
static void test_storage_is_given_back_with_its_resource(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL);
    uint8_t *bytes;
    struct storage *first = make_filled_blob(g, MEMORY, &bytes);
    assert_int_equal(g->context->ops->give_back(g->context, 4711, 0), 0); /* no such resource */
    assert_int_equal(g->context->ops->give_back(g->context, RESOURCE, 0), 0);
    write_free(g->context_stream, MEMORY);
    assert_true(guest_finish(g->context_stream));
    struct storage *again =
        make_blob(g, MEMORY + 1, MAPPABLE); /* under the same id: that is free */
    assert_ptr_equal(again, first);
    assert_int_equal(bytes[8191], 0);
    storage_unref(again);
    storage_unref(first);
    guest_destroy(g);
}

/* A guest drops the blob and goes on using the memory, as it may. */
static void test_storage_of_live_memory_is_left_alone(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL);
    uint8_t *bytes;
    struct storage *first = make_filled_blob(g, MEMORY, &bytes);
    guest_detach(g, RESOURCE);
    g->context->ops->reuse(g->context, first, 0);
    struct storage *second = make_blob(g, MEMORY + 1, MAPPABLE);
    assert_ptr_not_equal(second, first);
    assert_int_equal(bytes[8191], 0x5a);
    end_blob(g, MEMORY + 1);
    write_free(g->context_stream, MEMORY);
    assert_true(guest_finish(g->context_stream));
    struct storage *again = make_blob(g, MEMORY + 2, MAPPABLE);
    assert_ptr_equal(again, first);
    assert_int_equal(bytes[8191], 0);
    storage_unref(again);
    storage_unref(second);
    storage_unref(first);
    guest_destroy(g);
}

/* Another program's context does not get it. */
static void test_storage_stays_in_its_context(void **state) {
    (void)state;
    struct guest *g = guest_create_open(NULL), *other = guest_create_open(NULL);
    struct storage *first = make_blob(g, MEMORY, MAPPABLE);
    end_blob(g, MEMORY);
    g->context->ops->reuse(g->context, first, 0);
    struct storage *others = make_blob(other, MEMORY, MAPPABLE);
    assert_ptr_not_equal(others, first);
    void *bytes;
    assert_int_equal(storage_map(others, &bytes), 0);
    assert_int_equal(((uint8_t *)bytes)[0], 0);
    storage_unref(others);
    storage_unref(first);
    guest_destroy(g);
    guest_destroy(other);
}

/* What a guest frees again and again without an end of its resources is not kept. */
static void test_storage_is_kept_within_bounds(void **state) {
    (void)state;
    platform_raise_descriptor_limit();
    uint64_t before, after, bytes;
    struct guest *g = guest_create_open(NULL);
    guest_flush(g);
    storage_get_totals(&before, &bytes);
    for (uint32_t i = 0; i < 300; i++) {
        struct storage *storage;
        assert_int_equal(storage_create_shm("vesper-test", 4096, &storage), 0);
        g->context->ops->reuse(g->context, storage, i * UINT64_C(4096));
        storage_unref(storage);
    }
    storage_get_totals(&after, &bytes);
    assert_true(after - before == STORAGE_POOL_COUNT_MAX);
    /* A driver that fails to import it costs that one, and nothing else. */
    spy_fail("vkAllocateMemory", 1, VK_ERROR_INVALID_EXTERNAL_HANDLE);
    assert_true(guest_allocate_memory(g->context_stream, MEMORY, 0, 4096) < 0);
    assert_int_equal(guest_allocate_memory(g->context_stream, MEMORY + 1, 0, 4096), VK_SUCCESS);
    guest_destroy(g);
}

enum { MAPPINGS = 1000 };

static void test_a_thousand_mappings_live_at_once(void **state) {
    (void)state;
    platform_raise_descriptor_limit(); /* each has one */
    const int descriptors = count_open_descriptors();
    uint64_t storages_before, bytes_before, storages, bytes;
    storage_get_totals(&storages_before, &bytes_before);
    struct guest *g = guest_create_open(NULL);
    struct guest_stream *s = guest_create_ring(g, 16384, 0);
    static uint8_t *maps[MAPPINGS];
    for (uint32_t i = 0; i < MAPPINGS; i++) {
        assert_int_equal(guest_allocate_memory(s, MEMORY + i, 0, 65536), VK_SUCCESS);
        struct storage *storage;
        assert_int_equal(guest_create_blob(g, RESOURCE + i, MEMORY + i, MAPPABLE, 65536, &storage),
                         0);
        void *map;
        assert_int_equal(storage_map(storage, &map), 0);
        maps[i] = map;
        storage_unref(storage); /* the resource keeps it */
        memcpy(maps[i] + 65532, &i, 4);
    }
    for (uint32_t i = 0; i < MAPPINGS; i += 3) {
        write_free(s, MEMORY + i);
        assert_true(guest_finish(s));
    }
    for (uint32_t i = 0; i < MAPPINGS; i++) {
        uint32_t value;
        memcpy(&value, maps[i] + 65532, 4);
        assert_int_equal(value, i);
    }
    for (uint32_t i = 0; i < MAPPINGS; i += 2) {
        guest_detach(g, RESOURCE + i);
    }
    guest_destroy(g);
    storage_get_totals(&storages, &bytes);
    assert_int_equal(storages, storages_before);
    assert_int_equal(bytes, bytes_before);
    assert_int_equal(count_open_descriptors(), descriptors);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_blob_must_fit_its_memory, expect_reset),
        cmocka_unit_test_setup(test_a_memory_becomes_a_blob_once, expect_reset),
        cmocka_unit_test_setup(test_a_blob_id_names_live_memory, expect_reset),
        cmocka_unit_test_setup(test_a_blob_must_be_of_a_kind_that_there_is, expect_reset),
        cmocka_unit_test_setup(test_bad_allocations_are_results, expect_reset),
        cmocka_unit_test_setup(test_a_blob_outlives_its_memory, expect_reset),
        cmocka_unit_test_setup(test_unknown_resources_cannot_be_imported, expect_reset),
        cmocka_unit_test_setup(test_storage_given_back_is_used_again, expect_reset),
        cmocka_unit_test_setup(test_storage_is_given_back_with_its_resource, expect_reset),
        cmocka_unit_test_setup(test_storage_of_live_memory_is_left_alone, expect_reset),
        cmocka_unit_test_setup(test_storage_stays_in_its_context, expect_reset),
        cmocka_unit_test_setup(test_storage_is_kept_within_bounds, expect_reset),
        cmocka_unit_test_setup(test_a_thousand_mappings_live_at_once, expect_reset),
    };
    return cmocka_run_group_tests(tests, expect_setup, expect_teardown);
}
