/* Storage that is kept for further memories: which one is taken, what is let go, and who waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <unistd.h>

#include "platform/platform.h"
#include "renderer/storage_pool.h"

static struct storage_pool pool;

static struct storage *make(uint64_t pages) {
    struct storage *storage;
    assert_int_equal(storage_create_shm("vesper-test", pages * platform_page_size(), &storage), 0);
    return storage;
}

/* Gives a new storage whose memory is freed, of which the pool has the only reference; its number.
 * `place` in pages. */
static uint64_t give_at(uint64_t pages, uint64_t place) {
    struct storage *storage = make(pages);
    const uint64_t number = storage_get_number(storage);
    storage_pool_note_freed(&pool, storage);
    storage_pool_give(&pool, storage, place * platform_page_size());
    storage_unref(storage);
    return number;
}

/* The same where there are no neighbours. */
static uint64_t give(uint64_t pages) {
    static uint64_t place = 1000;
    return give_at(pages, place += 100000);
}

/* The number of what is taken; 0: nothing. */
static uint64_t take(uint64_t pages) {
    struct storage *storage = storage_pool_take(&pool, pages * platform_page_size());
    if (!storage) {
        return 0;
    }
    const uint64_t number = storage_get_number(storage);
    assert_true(storage_get_size(storage) == pages * platform_page_size());
    storage_unref(storage);
    return number;
}

static uint32_t awaited_count(void) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < pool.freed_count; i++) {
        count += pool.freed[i].is_awaited;
    }
    return count;
}

static uint64_t live_count(void) {
    uint64_t count, bytes;
    storage_get_totals(&count, &bytes);
    return count;
}

static int begin(void **state) {
    (void)state;
    storage_pool_init(&pool);
    return 0;
}

/* Nothing stays behind, whatever was in the pool. */
static int end(void **state) {
    (void)state;
    storage_pool_finish(&pool);
    return live_count() == 0 ? 0 : -1;
}

static void test_the_last_of_a_size(void **state) {
    (void)state;
    assert_true(take(1) == 0);
    const uint64_t first = give(1), other = give(2), second = give(1);
    assert_true(first != other && other != second && first != second);
    assert_true(take(3) == 0);
    assert_true(take(1) == second);
    assert_true(take(1) == first);
    assert_true(take(1) == 0);
    assert_true(take(2) == other);
    assert_true(live_count() == 0);
}

/* Storage at neighbouring places is one hole for the guest's kernel, which takes the start of the
 * smallest one. */
static void test_the_place_that_is_likely(void **state) {
    (void)state;
    const uint64_t third = give_at(2, 14), first = give_at(2, 10), second = give_at(2, 12);
    const uint64_t alone = give_at(2, 20), other = give_at(1, 16), pair = give_at(2, 30);
    const uint64_t behind = give_at(2, 32);
    assert_true(take(2) == alone);
    assert_true(take(2) == pair);
    assert_true(take(2) == behind);
    assert_true(take(2) == first);
    assert_true(take(2) == second);
    assert_true(take(1) == other);
    assert_true(take(2) == third);
    assert_int_equal(pool.count, 0);
    /* Freed in whatever order, taken in that of the places. */
    uint64_t numbers[32];
    for (uint32_t i = 0; i < 32; i++) {
        numbers[i * 13 % 32] = give_at(1, i * 13 % 32);
    }
    for (uint32_t i = 0; i < 32; i++) {
        assert_true(take(1) == numbers[i]);
    }
}

/* Each place has one: what was mapped there before has to be mapped anew anyway. */
static void test_a_place_is_taken_over(void **state) {
    (void)state;
    const uint64_t before = give_at(2, 8), left = give_at(2, 10), right = give_at(2, 12);
    const uint64_t behind = give_at(2, 14), over = give_at(2, 11);
    assert_true(left && right && live_count() == 3);
    assert_true(take(2) == over); /* the youngest of three that stand alone */
    assert_true(take(2) == behind);
    assert_true(take(2) == before);
    const uint64_t first = give_at(1, 5), second = give_at(1, 5);
    assert_true(first && take(1) == second);
    assert_true(take(1) == 0);
    /* Whatever the places are. */
    struct storage *storage = make(1);
    storage_pool_give(&pool, storage, UINT64_MAX);
    storage_pool_give(&pool, storage, UINT64_MAX - 1);
    storage_pool_give(&pool, storage, 0);
    storage_unref(storage);
}

static void test_by_number(void **state) {
    (void)state;
    const uint64_t first = give(1), second = give(1);
    assert_null(storage_pool_take_numbered(&pool, 0));
    assert_null(storage_pool_take_numbered(&pool, second + 1000));
    struct storage *storage = storage_pool_take_numbered(&pool, first);
    assert_true(storage_get_number(storage) == first);
    assert_null(storage_pool_take_numbered(&pool, first));
    storage_unref(storage);
    assert_true(take(1) == second);
    /* Another process's number, which may be one of ours, too. */
    storage = make(1);
    storage_set_number(storage, 77);
    storage_pool_give(&pool, storage, 0);
    storage_unref(storage);
    assert_ptr_equal(storage_pool_take_numbered(&pool, 77), storage);
    storage_unref(storage);
}

static void test_its_bounds(void **state) {
    (void)state;
    uint64_t numbers[STORAGE_POOL_COUNT_MAX + 3];
    for (uint32_t i = 0; i < STORAGE_POOL_COUNT_MAX + 3; i++) {
        numbers[i] = give(1);
    }
    assert_true(live_count() == STORAGE_POOL_COUNT_MAX);
    assert_null(storage_pool_take_numbered(&pool, numbers[2]));
    for (uint32_t i = STORAGE_POOL_COUNT_MAX + 3; i-- > 3;) {
        assert_true(take(1) == numbers[i]);
    }
    const uint64_t half = STORAGE_POOL_BYTES_MAX / 2 / platform_page_size();
    const uint64_t small = give(1), large = give(half);
    assert_true(give(half) != 0); /* the first makes way, not the second */
    assert_true(take(1) == 0 && small != 0);
    assert_true(live_count() == 2);
    give(1);
    assert_null(storage_pool_take_numbered(&pool, large));
    give(2 * half + 1); /* alone beyond the bound: the others stay */
    assert_true(live_count() == 2);
    give(2 * half);
    assert_true(live_count() == 1);
}

static void test_only_shared_memory(void **state) {
    (void)state;
    struct storage *shm = make(1), *wrapped;
    assert_int_equal(storage_wrap_fd(dup(storage_get_fd(shm)), STORAGE_DMA_BUF, STORAGE_CACHED,
                                     platform_page_size(), &wrapped),
                     0);
    storage_pool_give(&pool, wrapped, 0);
    storage_unref(wrapped);
    storage_unref(shm);
    assert_true(live_count() == 0);
}

static void *give_expected(void *argument) {
    struct storage *storage = argument;
    usleep(200); /* so that most often somebody waits by then */
    storage_pool_give(&pool, storage, 0);
    storage_unref(storage);
    return NULL;
}

/* Whether or not it comes within the time: what is taken is what was given, and in the end nothing
 * is waited for. */
static void test_what_is_expected_comes(void **state) {
    (void)state;
    uint32_t found = 0;
    for (int i = 0; i < 50; i++) {
        take(1), give(1), take(1);
        struct storage *storage = make(1);
        const uint64_t number = storage_get_number(storage);
        storage_pool_note_freed(&pool, storage);
        assert_int_equal(awaited_count(), 1);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, give_expected, storage), 0);
        const uint64_t taken = take(1);
        assert_true(taken == number || taken == 0);
        found += taken == number;
        pthread_join(thread, NULL);
        assert_int_equal(pool.freed_count, 0);
        take(1);
    }
    assert_true(found > 0);
}

/* A guest may drop the resource of a memory that it goes on using: nobody else gets that. */
static void test_only_what_is_freed_is_taken(void **state) {
    (void)state;
    struct storage *storage = make(1), *next = make(1);
    storage_pool_give(&pool, storage, 0);
    storage_pool_give(&pool, next, platform_page_size());
    assert_null(storage_pool_take(&pool, platform_page_size()));
    storage_pool_note_freed(&pool, next); /* not where Linux would look first */
    assert_null(storage_pool_take(&pool, platform_page_size()));
    storage_pool_note_freed(&pool, storage);
    assert_int_equal(pool.freed_count, 0);
    assert_ptr_equal(storage_pool_take(&pool, platform_page_size()), storage);
    assert_ptr_equal(storage_pool_take(&pool, platform_page_size()), next);
    storage_unref(storage);
    storage_unref(next);
    /* Freed once, used once. */
    storage_pool_give(&pool, storage, 0);
    assert_null(storage_pool_take(&pool, platform_page_size()));
    storage_unref(storage);
    storage_unref(next);
}

static void test_what_came_before_is_not_awaited(void **state) {
    (void)state;
    struct storage *storage = make(1);
    storage_pool_note_freed(&pool, storage); /* nothing has ever been given: nobody waits */
    assert_int_equal(awaited_count(), 0);
    storage_pool_give(&pool, storage, 0);
    storage_pool_note_freed(&pool, storage);
    assert_int_equal(pool.freed_count, 0);
    assert_ptr_equal(storage_pool_take(&pool, platform_page_size()), storage);
    storage_unref(storage);
    storage_unref(storage);
}

static void test_what_never_comes_is_waited_for_once(void **state) {
    (void)state;
    give(1);
    struct storage *storages[3] = {make(2), make(2), make(2)};
    storage_pool_note_freed(&pool, storages[0]);
    storage_pool_note_freed(&pool, storages[1]);
    assert_int_equal(awaited_count(), 2);
    assert_true(take(1) != 0); /* of another size: not waited for */
    assert_int_equal(awaited_count(), 2);
    assert_true(take(2) == 0);
    assert_int_equal(awaited_count(), 0);
    give(3); /* they come again */
    storage_pool_note_freed(&pool, storages[2]);
    assert_int_equal(awaited_count(), 1);
    for (int i = 0; i < 3; i++) {
        storage_unref(storages[i]);
    }
}

static void test_no_more_is_noted_than_kept(void **state) {
    (void)state;
    give(1);
    struct storage *storage = make(1);
    for (uint64_t i = 0; i < 2 * STORAGE_POOL_COUNT_MAX; i++) {
        storage_set_number(storage, 1000000 + i);
        storage_pool_note_freed(&pool, storage);
    }
    assert_int_equal(pool.freed_count, STORAGE_POOL_COUNT_MAX);
    assert_true(pool.freed[0].number == 1000000 + STORAGE_POOL_COUNT_MAX); /* the last ones */
    storage_unref(storage);
    storage = make(STORAGE_POOL_BYTES_MAX / platform_page_size() + 1);
    pool.freed_count = 0;
    storage_pool_note_freed(&pool, storage); /* would not be kept */
    assert_int_equal(pool.freed_count, 0);
    storage_unref(storage);
}

int main(void) {
    platform_raise_descriptor_limit();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_last_of_a_size, begin, end),
        cmocka_unit_test_setup_teardown(test_the_place_that_is_likely, begin, end),
        cmocka_unit_test_setup_teardown(test_a_place_is_taken_over, begin, end),
        cmocka_unit_test_setup_teardown(test_by_number, begin, end),
        cmocka_unit_test_setup_teardown(test_its_bounds, begin, end),
        cmocka_unit_test_setup_teardown(test_only_shared_memory, begin, end),
        cmocka_unit_test_setup_teardown(test_what_is_expected_comes, begin, end),
        cmocka_unit_test_setup_teardown(test_only_what_is_freed_is_taken, begin, end),
        cmocka_unit_test_setup_teardown(test_what_came_before_is_not_awaited, begin, end),
        cmocka_unit_test_setup_teardown(test_what_never_comes_is_waited_for_once, begin, end),
        cmocka_unit_test_setup_teardown(test_no_more_is_noted_than_kept, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
