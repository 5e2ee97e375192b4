/* The resource table: ids, limits, and references that outlive their entry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>

#include "renderer/resource.h"

static uint64_t live_storages(void) {
    uint64_t count, bytes;
    storage_get_totals(&count, &bytes);
    return count;
}

/* Adds a fresh storage, of which the table has the only reference. */
static int add(struct resource_table *table, uint32_t id) {
    struct storage *storage;
    assert_int_equal(storage_create_shm("vesper-test", 4096, &storage), 0);
    int error = resource_table_add(table, id, storage, true);
    storage_unref(storage);
    return error;
}

static void test_ids_are_unique(void **state) {
    (void)state;
    struct resource_table table;
    assert_int_equal(resource_table_init(&table, 100), 0);
    assert_null(resource_table_get(&table, 7));
    assert_int_equal(add(&table, 7), 0);
    assert_int_equal(add(&table, 7), -EEXIST);
    struct resource *resource = resource_table_get(&table, 7);
    assert_non_null(resource);
    assert_int_equal(resource->id, 7);
    assert_true(resource->is_shm_blob);
    resource_unref(resource);
    resource_unref(resource_table_remove(&table, 7));
    assert_null(resource_table_remove(&table, 7));
    assert_null(resource_table_get(&table, 7));
    assert_int_equal(add(&table, 7), 0);
    resource_table_finish(&table);
    assert_int_equal(live_storages(), 0);
}

/* Ids that share a bucket, and the ends of the range. */
static void test_any_ids_go_together(void **state) {
    (void)state;
    static const uint32_t ids[] = {0, 1, 1024, 1025, 2048, 0x7fffffff, 0x80000000, UINT32_MAX};
    enum { COUNT = sizeof(ids) / sizeof(ids[0]) };
    struct resource_table table;
    assert_int_equal(resource_table_init(&table, 100), 0);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(add(&table, ids[i]), 0);
    }
    for (int removed = 0; removed < COUNT; removed++) {
        for (int i = 0; i < COUNT; i++) {
            struct resource *resource = resource_table_get(&table, ids[i]);
            assert_true((resource != NULL) == (i >= removed));
            resource_unref(resource);
        }
        resource_unref(resource_table_remove(&table, ids[removed]));
    }
    resource_table_finish(&table);
    assert_int_equal(live_storages(), 0);
}

static void test_the_limit_counts_what_is_there(void **state) {
    (void)state;
    struct resource_table table;
    assert_int_equal(resource_table_init(&table, 3), 0);
    for (uint32_t id = 1; id <= 3; id++) {
        assert_int_equal(add(&table, id), 0);
    }
    assert_int_equal(add(&table, 4), -ENOSPC);
    assert_int_equal(add(&table, 3), -EEXIST);
    assert_int_equal(live_storages(), 3); /* refused ones are not kept */
    resource_unref(resource_table_remove(&table, 2));
    assert_int_equal(add(&table, 4), 0);
    assert_int_equal(add(&table, 5), -ENOSPC);
    resource_table_finish(&table);
    assert_int_equal(live_storages(), 0);
}

static void test_a_reference_outlives_the_entry(void **state) {
    (void)state;
    struct resource_table table;
    assert_int_equal(resource_table_init(&table, 3), 0);
    assert_int_equal(add(&table, 1), 0);
    struct resource *resource = resource_table_get(&table, 1);
    assert_true(atomic_load(&resource->attached));
    resource_unref(resource_table_remove(&table, 1));
    assert_false(atomic_load(&resource->attached));
    assert_int_equal(live_storages(), 1);
    void *bytes;
    assert_int_equal(storage_map(resource->storage, &bytes), 0);
    ((char *)bytes)[4095] = 1;
    resource_table_finish(&table);
    assert_int_equal(live_storages(), 1);
    resource_unref(resource);
    assert_int_equal(live_storages(), 0);
    resource_unref(NULL);
}

/* ---- two threads ------------------------------------------------------------------------- */

enum { ROUNDS = 20000 };

static void *look_up(void *argument) {
    struct resource_table *table = argument;
    uint64_t found = 0;
    for (int i = 0; i < ROUNDS; i++) {
        struct resource *resource = resource_table_get(table, 1);
        found += resource != NULL;
        resource_unref(resource);
    }
    return (void *)(uintptr_t)found;
}

static void test_lookups_race_with_removals(void **state) {
    (void)state;
    struct resource_table table;
    assert_int_equal(resource_table_init(&table, 3), 0);
    assert_int_equal(add(&table, 1), 0);
    struct resource *kept = resource_table_get(&table, 1);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, look_up, &table), 0);
    for (int i = 0; i < ROUNDS; i++) {
        resource_unref(resource_table_remove(&table, 1));
        assert_int_equal(resource_table_add(&table, 1, kept->storage, true), 0);
    }
    pthread_join(thread, NULL);
    resource_unref(kept);
    resource_table_finish(&table);
    assert_int_equal(live_storages(), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_are_unique),
        cmocka_unit_test(test_any_ids_go_together),
        cmocka_unit_test(test_the_limit_counts_what_is_there),
        cmocka_unit_test(test_a_reference_outlives_the_entry),
        cmocka_unit_test(test_lookups_race_with_removals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
