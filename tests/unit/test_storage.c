/* Storage: shareable memory, its one mapping, and that nothing of it stays behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "open_descriptors.h"
#include "platform/platform.h"
#include "renderer/storage.h"

static uint64_t live_count(void) {
    uint64_t count, bytes;
    storage_get_totals(&count, &bytes);
    return count;
}

static uint64_t live_bytes(void) {
    uint64_t count, bytes;
    storage_get_totals(&count, &bytes);
    return bytes;
}

static struct storage *create(uint64_t size) {
    struct storage *storage;
    assert_int_equal(storage_create_shm("vesper-test", size, &storage), 0);
    return storage;
}

/* ---- shared memory ------------------------------------------------------------------------ */

static void test_shm_has_whole_pages_of_zero(void **state) {
    (void)state;
    uint64_t page = platform_page_size();
    struct storage *storage = create(page + 1);
    assert_int_equal(storage_get_kind(storage), STORAGE_SHM);
    assert_int_equal(storage_get_caching(storage), STORAGE_CACHED);
    assert_true(storage_get_size(storage) == 2 * page);

    void *pointer;
    assert_int_equal(storage_map(storage, &pointer), 0);
    const unsigned char *bytes = pointer;
    for (uint64_t i = 0; i < 2 * page; i++) {
        assert_int_equal(bytes[i], 0);
    }
    storage_unref(storage);
}

static void test_shm_is_shared_by_descriptor(void **state) {
    (void)state;
    struct storage *storage = create(platform_page_size());
    uint64_t size = storage_get_size(storage);
    void *ours, *theirs;
    assert_int_equal(storage_map(storage, &ours), 0);
    assert_int_equal(platform_map_shared(storage_get_fd(storage), size, &theirs), 0);
    assert_ptr_not_equal(ours, theirs);
    memset(ours, 0x3c, size);
    assert_int_equal(memcmp(ours, theirs, size), 0);
    storage_unref(storage);
    /* The peer's mapping does not depend on ours. */
    assert_int_equal(((unsigned char *)theirs)[size - 1], 0x3c);
    platform_unmap(theirs, size);
}

static void test_impossible_sizes_are_refused(void **state) {
    (void)state;
    int descriptors = count_open_descriptors();
    struct storage *storage = NULL;
    assert_int_equal(storage_create_shm("vesper-test", 0, &storage), -EINVAL);
    assert_int_equal(storage_create_shm("vesper-test", UINT64_MAX, &storage), -EINVAL);
    assert_true(storage_create_shm("vesper-test", UINT64_MAX - (1 << 20), &storage) < 0);
    assert_null(storage);
    assert_int_equal(count_open_descriptors(), descriptors);
    assert_true(live_count() == 0);
}

static void test_exhausted_descriptors_are_told(void **state) {
    (void)state;
    struct rlimit saved, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &saved), 0);
    none = saved;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    struct storage *storage;
    int error = storage_create_shm("vesper-test", 1, &storage);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &saved), 0);
    assert_int_equal(error, -EMFILE);
    assert_true(live_count() == 0);
}

/* ---- mapping ------------------------------------------------------------------------------ */

static void test_one_mapping(void **state) {
    (void)state;
    struct storage *storage = create(100);
    void *first, *second, *third;
    assert_int_equal(storage_map(storage, &first), 0);
    assert_int_equal(storage_map(storage, &second), 0);
    assert_int_equal(storage_map_aligned(storage, platform_page_size(), &third), 0);
    assert_ptr_equal(first, second);
    assert_ptr_equal(first, third);
    storage_unref(storage);
}

static void test_aligned_mapping(void **state) {
    (void)state;
    uint64_t page = platform_page_size();
    for (uint64_t alignment = page; alignment <= 64 * page; alignment *= 2) {
        for (uint64_t pages = 1; pages <= 3; pages++) {
            struct storage *storage = create(pages * page);
            void *pointer, *peer;
            assert_int_equal(storage_map_aligned(storage, alignment, &pointer), 0);
            assert_true(((uintptr_t)pointer & (alignment - 1)) == 0);
            memset(pointer, 0x77, pages * page);
            assert_int_equal(platform_map_shared(storage_get_fd(storage), pages * page, &peer), 0);
            assert_int_equal(memcmp(pointer, peer, pages * page), 0);
            platform_unmap(peer, pages * page);
            storage_unref(storage);
        }
    }
}

static void test_mapping_cannot_move(void **state) {
    (void)state;
    struct storage *storage = create(1);
    void *pointer, *again;
    assert_int_equal(storage_map(storage, &pointer), 0);
    uint64_t alignment = platform_page_size();
    while (((uintptr_t)pointer & alignment) == 0) {
        alignment *= 2;
    }
    assert_int_equal(storage_map_aligned(storage, alignment, &again), 0);
    assert_ptr_equal(again, pointer);
    assert_int_equal(storage_map_aligned(storage, 2 * alignment, &again), -EINVAL);
    storage_unref(storage);
}

enum { THREADS = 8, ROUNDS = 200 };

struct race {
    struct storage *storage;
    _Atomic(int) *missing; /* threads that have not started */
    void *pointer;
};

static void *map_in_thread(void *argument) {
    struct race *race = argument;
    atomic_fetch_sub(race->missing, 1);
    while (atomic_load(race->missing) > 0) {
        sched_yield();
    }
    if (storage_map(race->storage, &race->pointer) != 0) {
        race->pointer = NULL;
    }
    storage_unref(race->storage);
    return NULL;
}

static void test_threads_get_the_same_mapping(void **state) {
    (void)state;
    int descriptors = count_open_descriptors();
    for (int round = 0; round < ROUNDS; round++) {
        struct storage *storage = create(1);
        _Atomic(int) missing = THREADS;
        struct race races[THREADS];
        pthread_t threads[THREADS];
        for (int i = 0; i < THREADS; i++) {
            races[i] = (struct race){storage_ref(storage), &missing, NULL};
            assert_int_equal(platform_thread_start(&threads[i], "map", map_in_thread, &races[i]),
                             0);
        }
        for (int i = 0; i < THREADS; i++) {
            pthread_join(threads[i], NULL);
        }
        for (int i = 0; i < THREADS; i++) {
            assert_non_null(races[i].pointer);
            assert_ptr_equal(races[i].pointer, races[0].pointer);
        }
        storage_unref(storage);
    }
    assert_int_equal(count_open_descriptors(), descriptors);
    assert_true(live_count() == 0);
}

/* ---- wrapped descriptors ------------------------------------------------------------------ */

static int make_fd(uint64_t size) {
    int fd;
    assert_int_equal(platform_shm_create("vesper-test", size, &fd), 0);
    return fd;
}

static void test_wrapped_descriptor_is_owned(void **state) {
    (void)state;
    uint64_t page = platform_page_size();
    int descriptors = count_open_descriptors();
    struct storage *storage;
    assert_int_equal(storage_wrap_fd(make_fd(2 * page), STORAGE_DMA_BUF, STORAGE_WRITE_COMBINED,
                                     page + 5, &storage),
                     0);
    assert_int_equal(storage_get_kind(storage), STORAGE_DMA_BUF);
    assert_int_equal(storage_get_caching(storage), STORAGE_WRITE_COMBINED);
    assert_true(storage_get_size(storage) == page + 5);
    assert_int_equal(count_open_descriptors(), descriptors + 1);
    storage_unref(storage);
    assert_int_equal(count_open_descriptors(), descriptors);
}

static void test_wrapped_descriptor_must_be_large_enough(void **state) {
    (void)state;
    uint64_t page = platform_page_size();
    int descriptors = count_open_descriptors();
    struct storage *storage = NULL;
    assert_int_equal(
        storage_wrap_fd(make_fd(page), STORAGE_SHM, STORAGE_CACHED, page + 1, &storage), -EINVAL);
    assert_int_equal(storage_wrap_fd(make_fd(page), STORAGE_SHM, STORAGE_CACHED, 0, &storage),
                     -EINVAL);
    assert_true(storage_wrap_fd(-1, STORAGE_SHM, STORAGE_CACHED, 1, &storage) < 0);
    assert_null(storage);
    assert_int_equal(count_open_descriptors(), descriptors);
}

/* ---- life --------------------------------------------------------------------------------- */

static void test_last_reference_ends_it(void **state) {
    (void)state;
    int descriptors = count_open_descriptors();
    struct storage *storage = create(1);
    assert_true(live_count() == 1);
    assert_true(live_bytes() == platform_page_size());
    assert_ptr_equal(storage_ref(storage), storage);
    void *pointer;
    assert_int_equal(storage_map(storage, &pointer), 0);
    storage_unref(storage);
    *(volatile char *)pointer = 1; /* still mapped */
    assert_int_equal(count_open_descriptors(), descriptors + 1);
    storage_unref(storage);
    assert_int_equal(count_open_descriptors(), descriptors);
    assert_true(live_count() == 0);
    assert_true(live_bytes() == 0);
    storage_unref(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shm_has_whole_pages_of_zero),
        cmocka_unit_test(test_shm_is_shared_by_descriptor),
        cmocka_unit_test(test_impossible_sizes_are_refused),
        cmocka_unit_test(test_exhausted_descriptors_are_told),
        cmocka_unit_test(test_one_mapping),
        cmocka_unit_test(test_aligned_mapping),
        cmocka_unit_test(test_mapping_cannot_move),
        cmocka_unit_test(test_threads_get_the_same_mapping),
        cmocka_unit_test(test_wrapped_descriptor_is_owned),
        cmocka_unit_test(test_wrapped_descriptor_must_be_large_enough),
        cmocka_unit_test(test_last_reference_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
