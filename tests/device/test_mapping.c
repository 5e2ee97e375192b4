/* Mappings by themselves: what the transport is asked for, and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "device/mapping.h"
#include "log_capture.h"

#define PAGE UINT64_C(0x4000)
#define REGION (UINT64_C(1) << 40)

struct call {
    bool is_map;
    uint64_t offset, size, token;
};

static struct gpu_mappings mappings;
static struct call calls[16384];
static uint32_t call_count, answered_count;
static int map_error, unmap_error;
/* What `done` said last, and how often. */
static void *done_waiter;
static struct gpu_mapping *done_mapping;
static int done_error;
static uint32_t done_count;

static int note(bool is_map, uint64_t offset, uint64_t size, uint64_t token) {
    assert_true(call_count < 16384);
    calls[call_count++] = (struct call){is_map, offset, size, token};
    return 0;
}

static int ask_map(void *user, struct storage *storage, uint64_t offset, uint64_t size,
                   uint64_t token) {
    (void)user;
    assert_non_null(storage);
    return map_error ? map_error : note(true, offset, size, token);
}

static int ask_unmap(void *user, uint64_t offset, uint64_t size, uint64_t token) {
    (void)user;
    return unmap_error ? unmap_error : note(false, offset, size, token);
}

static void note_done(void *owner, void *waiter, struct gpu_mapping *mapping, int error) {
    assert_ptr_equal(owner, &mappings);
    done_waiter = waiter;
    done_mapping = mapping;
    done_error = error;
    done_count++;
}

static void begin(uint32_t limit) {
    const struct device_transport transport = {.map = ask_map, .unmap = ask_unmap};
    const struct gpu_mappings_options options = {
        .transport = &transport,
        .done = note_done,
        .owner = &mappings,
        .region_bytes = REGION,
        .page_bytes = PAGE,
        .limit = limit,
    };
    gpu_mappings_init(&mappings, &options);
    call_count = answered_count = done_count = 0;
    map_error = unmap_error = 0;
    log_capture_clear();
}

static void end(struct storage *storage) {
    gpu_mappings_clear(&mappings);
    storage_unref(storage);
    uint64_t count, bytes;
    storage_get_totals(&count, &bytes);
    assert_true(count == 0);
}

static struct storage *make_storage(void) {
    struct storage *storage;
    assert_int_equal(storage_create_shm("vesper-test", 1, &storage), 0);
    return storage;
}

/* Answers the transport's oldest call. */
static void answer(int error) {
    assert_true(answered_count < call_count);
    gpu_mappings_answer(&mappings, calls[answered_count++].token, error);
}

static struct gpu_mapping *map_live(struct storage *storage, uint64_t offset, uint64_t size) {
    struct gpu_mapping *mapping;
    int result = gpu_mappings_map(&mappings, storage, offset, size, &mapping, &mapping);
    if (result == 1) {
        const uint32_t before = done_count;
        while (done_count == before) {
            answer(0);
        }
        assert_int_equal(done_error, 0);
        assert_ptr_equal(done_waiter, &mapping);
        return done_mapping;
    }
    assert_int_equal(result, 0);
    return mapping;
}

static int try_map(struct storage *storage, uint64_t offset, uint64_t size) {
    struct gpu_mapping *mapping;
    return gpu_mappings_map(&mappings, storage, offset, size, NULL, &mapping);
}

static void test_map_and_unmap(void **state) {
    (void)state;
    begin(10);
    struct storage *storage = make_storage();
    struct gpu_mapping *mapping;
    int waiter;
    assert_int_equal(gpu_mappings_map(&mappings, storage, 2 * PAGE, 5, &waiter, &mapping), 1);
    assert_int_equal(call_count, 1);
    assert_true(calls[0].is_map && calls[0].offset == 2 * PAGE && calls[0].size == PAGE);
    assert_int_equal(done_count, 0);
    answer(0);
    assert_int_equal(done_count, 1);
    assert_ptr_equal(done_waiter, &waiter);
    assert_int_equal(done_mapping->state, GPU_MAPPING_LIVE);
    gpu_mappings_unmap(&mappings, done_mapping);
    assert_int_equal(call_count, 1); /* retained: nobody is asked */
    assert_int_equal(mappings.retained_count, 1);
    end(storage);
}

static void test_the_same_again(void **state) {
    (void)state;
    begin(10);
    struct storage *storage = make_storage();
    for (int i = 0; i < 100; i++) {
        struct gpu_mapping *mapping = map_live(storage, PAGE, 3 * PAGE);
        assert_int_equal(mapping->state, GPU_MAPPING_LIVE);
        gpu_mappings_unmap(&mappings, mapping);
    }
    assert_int_equal(call_count, 1);
    end(storage);
}

/* Another storage, another place or another size is not the same. */
static void test_another_one(void **state) {
    (void)state;
    begin(10);
    struct storage *storage = make_storage();
    struct storage *other = make_storage();
    gpu_mappings_unmap(&mappings, map_live(storage, 4 * PAGE, 2 * PAGE));

    struct gpu_mapping *mapping;
    assert_int_equal(gpu_mappings_map(&mappings, other, 4 * PAGE, 2 * PAGE, NULL, &mapping), 1);
    assert_int_equal(call_count, 2); /* the old one goes first */
    assert_false(calls[1].is_map);
    assert_true(calls[1].offset == 4 * PAGE && calls[1].size == 2 * PAGE);
    answer(0);
    assert_int_equal(call_count, 3);
    assert_true(calls[2].is_map);
    answer(0);
    assert_int_equal(done_count, 2);
    gpu_mappings_unmap(&mappings, done_mapping);

    assert_int_equal(try_map(other, 4 * PAGE, PAGE), 1); /* smaller */
    assert_false(calls[3].is_map);
    answer(0);
    answer(0);
    gpu_mappings_unmap(&mappings, done_mapping);
    assert_int_equal(try_map(other, 3 * PAGE, 2 * PAGE), 1); /* overlaps from before */
    assert_false(calls[5].is_map);
    answer(0);
    answer(0);
    assert_int_equal(done_mapping->offset, 3 * PAGE);
    assert_int_equal(mappings.known_count, 1);
    storage_unref(other);
    end(storage);
}

static void test_overlaps_several(void **state) {
    (void)state;
    begin(10);
    struct storage *storage = make_storage();
    struct gpu_mapping *three[3];
    for (int i = 0; i < 3; i++) {
        three[i] = map_live(storage, (uint64_t)i * PAGE, PAGE);
    }
    for (int i = 0; i < 3; i++) {
        gpu_mappings_unmap(&mappings, three[i]);
    }
    assert_int_equal(try_map(storage, 0, 3 * PAGE), 1);
    assert_int_equal(call_count, 6);
    answer(0);
    answer(0);
    assert_int_equal(call_count, 6); /* not before the last of them has gone */
    answer(0);
    assert_int_equal(call_count, 7);
    assert_true(calls[6].is_map && calls[6].size == 3 * PAGE);
    answer(0);
    end(storage);
}

static void test_refusals(void **state) {
    (void)state;
    begin(10);
    struct storage *storage = make_storage();
    map_live(storage, 4 * PAGE, 2 * PAGE);
    static const uint64_t bad[][2] = {
        {1, PAGE},       {PAGE / 2, PAGE}, {REGION, PAGE},     {REGION - PAGE, PAGE + 1},
        {0, REGION + 1}, {0, 0},           {UINT64_MAX, PAGE}, {UINT64_MAX & ~(PAGE - 1), 1},
        {0, UINT64_MAX}, {PAGE, REGION},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(try_map(storage, bad[i][0], bad[i][1]), -EINVAL);
    }
    static const uint64_t taken[][2] = {{4 * PAGE, 1},  {5 * PAGE, 1},        {3 * PAGE, PAGE + 1},
                                        {0, 10 * PAGE}, {4 * PAGE, 2 * PAGE}, {5 * PAGE, 9}};
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        assert_int_equal(try_map(storage, taken[i][0], taken[i][1]), -EEXIST);
    }
    assert_int_equal(try_map(storage, 3 * PAGE, PAGE), 1); /* beside it */
    assert_int_equal(try_map(storage, 6 * PAGE, 1), 1);
    assert_int_equal(try_map(storage, 6 * PAGE, 1), -EEXIST); /* asked for already */
    assert_int_equal(try_map(storage, REGION - PAGE, PAGE), 1);
    end(storage);
}

static void test_a_waiting_range_is_taken(void **state) {
    (void)state;
    begin(10);
    struct storage *storage = make_storage();
    struct storage *other = make_storage();
    gpu_mappings_unmap(&mappings, map_live(storage, 0, PAGE));
    assert_int_equal(try_map(other, 0, PAGE), 1); /* waits for the retained one to go */
    assert_int_equal(try_map(storage, 0, PAGE), -EEXIST);
    storage_unref(other);
    end(storage);
}

static void test_limit(void **state) {
    (void)state;
    begin(3);
    struct storage *storage = make_storage();
    struct gpu_mapping *live[3];
    for (int i = 0; i < 3; i++) {
        live[i] = map_live(storage, (uint64_t)i * PAGE, PAGE);
    }
    assert_int_equal(try_map(storage, 9 * PAGE, PAGE), -ENOSPC);
    /* What is retained makes way: the oldest first. */
    gpu_mappings_unmap(&mappings, live[1]);
    gpu_mappings_unmap(&mappings, live[0]);
    assert_int_equal(try_map(storage, 9 * PAGE, PAGE), 1);
    assert_int_equal(call_count, 4);
    assert_false(calls[3].is_map);
    assert_int_equal(calls[3].offset, PAGE);
    /* A second one sends the other away; a third has no room. */
    assert_int_equal(try_map(storage, 10 * PAGE, PAGE), 1);
    assert_int_equal(calls[4].offset, 0);
    assert_int_equal(try_map(storage, 11 * PAGE, PAGE), -ENOSPC);
    assert_int_equal(call_count, 5);
    answer(0);
    assert_true(calls[5].is_map && calls[5].offset == 9 * PAGE);
    answer(0);
    assert_true(calls[6].is_map && calls[6].offset == 10 * PAGE);
    answer(0);
    answer(0);
    assert_int_equal(done_count, 5);
    assert_int_equal(mappings.known_count, 3);
    end(storage);
}

static void test_bound_on_retained(void **state) {
    (void)state;
    begin(100000);
    struct storage *storage = make_storage();
    struct gpu_mapping *many[GPU_RETAINED_COUNT_MAX + 10];
    for (uint64_t i = 0; i < GPU_RETAINED_COUNT_MAX + 10; i++) {
        many[i] = map_live(storage, i * PAGE, PAGE);
    }
    const uint32_t before = call_count;
    for (uint64_t i = 0; i < GPU_RETAINED_COUNT_MAX + 10; i++) {
        gpu_mappings_unmap(&mappings, many[i]);
    }
    assert_int_equal(call_count - before, 10); /* the oldest ten */
    for (uint32_t i = 0; i < 10; i++) {
        assert_false(calls[before + i].is_map);
        assert_int_equal(calls[before + i].offset, i * PAGE);
        answer(0);
    }
    assert_int_equal(mappings.retained_count, GPU_RETAINED_COUNT_MAX);
    assert_int_equal(mappings.known_count, GPU_RETAINED_COUNT_MAX);
    end(storage);
}

static void test_bound_on_bytes(void **state) {
    (void)state;
    begin(100);
    struct storage *storage = make_storage();
    const uint64_t half = GPU_RETAINED_BYTES_MAX / 2;
    struct gpu_mapping *small = map_live(storage, 0, PAGE);
    struct gpu_mapping *a = map_live(storage, PAGE, half);
    struct gpu_mapping *b = map_live(storage, PAGE + half, half);
    struct gpu_mapping *huge = map_live(storage, 8 * half, 2 * half + PAGE);
    const uint32_t before = call_count;
    gpu_mappings_unmap(&mappings, a);
    gpu_mappings_unmap(&mappings, huge); /* alone beyond the bound: it goes, a stays */
    assert_int_equal(call_count, before + 1);
    assert_int_equal(calls[before].offset, 8 * half);
    gpu_mappings_unmap(&mappings, b);
    assert_int_equal(call_count, before + 1); /* just the bound */
    gpu_mappings_unmap(&mappings, small);
    assert_int_equal(call_count, before + 2);
    assert_int_equal(calls[before + 1].offset, PAGE);
    assert_true(mappings.retained_bytes <= GPU_RETAINED_BYTES_MAX);
    end(storage);
}

static void test_failures(void **state) {
    (void)state;
    begin(2);
    struct storage *storage = make_storage();
    map_error = -EPIPE;
    assert_int_equal(try_map(storage, 0, PAGE), -EPIPE);
    assert_int_equal(mappings.known_count, 0);
    map_error = 0;
    assert_int_equal(try_map(storage, 0, PAGE), 1);
    answer(-ENOMEM);
    assert_int_equal(done_error, -ENOMEM);
    assert_null(done_mapping);
    assert_int_equal(mappings.known_count, 0);

    /* A mapping that cannot be taken away counts as gone: what comes next finds out. */
    gpu_mappings_unmap(&mappings, map_live(storage, 0, PAGE));
    assert_int_equal(try_map(storage, 0, 2 * PAGE), 1);
    answer(-EIO);
    assert_true(log_capture_has("the mapping at 0x0 was not taken away"));
    answer(0);
    gpu_mappings_unmap(&mappings, done_mapping);
    unmap_error = -EPIPE;
    assert_int_equal(try_map(storage, 0, PAGE), 1);
    assert_true(log_capture_has("cannot be taken away"));
    answer(0);
    assert_int_equal(mappings.known_count, 1);

    /* One that waited for room hears of its own failure. */
    unmap_error = 0;
    gpu_mappings_unmap(&mappings, done_mapping);
    assert_int_equal(try_map(storage, 0, 2 * PAGE), 1);
    map_error = -EPIPE;
    const uint32_t before = done_count;
    answer(0);
    assert_int_equal(done_count, before + 1);
    assert_int_equal(done_error, -EPIPE);
    end(storage);
}

static void test_unknown_answers(void **state) {
    (void)state;
    begin(4);
    struct storage *storage = make_storage();
    gpu_mappings_answer(&mappings, 0, 0);
    gpu_mappings_answer(&mappings, 77, -EIO);
    assert_int_equal(try_map(storage, 0, PAGE), 1);
    const uint64_t token = calls[0].token;
    gpu_mappings_clear(&mappings); /* as a reset */
    gpu_mappings_answer(&mappings, token, 0);
    assert_int_equal(done_count, 0);
    assert_int_equal(try_map(storage, 0, PAGE), 1);
    assert_true(calls[1].token != token);
    gpu_mappings_answer(&mappings, token, 0);
    assert_int_equal(done_count, 0);
    gpu_mappings_answer(&mappings, calls[1].token, 0);
    gpu_mappings_answer(&mappings, calls[1].token, 0); /* twice */
    assert_int_equal(done_count, 1);
    end(storage);
}

/* A model of the transport beside random requests: no two mappings overlap, the limit holds. */
static void test_random(void **state) {
    (void)state;
    enum { LIMIT = 20, SLOTS = 40, STEPS = 20000 };
    begin(LIMIT);
    struct storage *storages[2] = {make_storage(), make_storage()};
    struct gpu_mapping *live[SLOTS] = {NULL};
    bool present[SLOTS + 4] = {false}; /* pages that the transport has */
    uint32_t seen = 0, known = 0;
    srand(7);
    for (int step = 0; step < STEPS; step++) {
        const uint32_t slot = (uint32_t)rand() % SLOTS;
        if (live[slot]) {
            gpu_mappings_unmap(&mappings, live[slot]);
            live[slot] = NULL;
        } else {
            struct gpu_mapping *mapping = NULL;
            const uint32_t before = done_count;
            int result = gpu_mappings_map(&mappings, storages[rand() % 2], slot * PAGE,
                                          (1 + (uint64_t)rand() % 3) * PAGE, NULL, &mapping);
            for (; result == 1 && done_count == before;) {
                answer(0);
            }
            live[slot] = result == 1 ? done_mapping : result == 0 ? mapping : NULL;
            assert_true(result >= 0 || result == -EEXIST || result == -ENOSPC);
        }
        if (call_count > 16000) {
            while (answered_count < call_count) {
                answer(0);
            }
        }
        for (; seen < answered_count; seen++) {
            known += calls[seen].is_map ? 1 : -1u;
            for (uint64_t at = calls[seen].offset / PAGE;
                 at < (calls[seen].offset + calls[seen].size) / PAGE; at++) {
                assert_int_equal(present[at], !calls[seen].is_map);
                present[at] = calls[seen].is_map;
            }
        }
        assert_true(known <= LIMIT);
        if (call_count > 16000) {
            call_count = answered_count = seen = 0;
        }
    }
    assert_true(done_count > 1000);
    storage_unref(storages[1]);
    end(storages[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map_and_unmap),   cmocka_unit_test(test_the_same_again),
        cmocka_unit_test(test_another_one),     cmocka_unit_test(test_overlaps_several),
        cmocka_unit_test(test_refusals),        cmocka_unit_test(test_a_waiting_range_is_taken),
        cmocka_unit_test(test_limit),           cmocka_unit_test(test_bound_on_retained),
        cmocka_unit_test(test_bound_on_bytes),  cmocka_unit_test(test_failures),
        cmocka_unit_test(test_unknown_answers), cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests_name("mappings", tests, NULL, NULL) ? 1 : 0;
}
