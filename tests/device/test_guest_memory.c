/* Memory of the guest: regions, tables, translation, ranges as pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../unit/open_descriptors.h"
#include "device/guest_memory.h"
#include "platform/platform.h"

static int make_file(uint64_t size) {
    int fd;
    assert_int_equal(platform_shm_create("vesper-test", size, &fd), 0);
    return fd;
}

static struct guest_region *make_region(void *pointer, uint64_t address, uint64_t size) {
    struct guest_region *region;
    assert_int_equal(guest_region_create_pointer(pointer, address, size, &region), 0);
    return region;
}

/* A table that has the only references of its regions. */
static struct guest_memory *make_table(struct guest_region **regions, size_t count) {
    struct guest_memory *memory;
    assert_int_equal(guest_memory_create(regions, count, &memory), 0);
    for (size_t i = 0; i < count; i++) {
        guest_region_unref(regions[i]);
    }
    return memory;
}

/* ---- regions ----------------------------------------------------------------------------- */

static void test_region_of_a_file(void **state) {
    (void)state;
    const uint64_t page = platform_page_size();
    const int before = count_open_descriptors();
    int fd = make_file(4 * page);
    unsigned char *bytes;
    void *pointer;
    assert_int_equal(platform_map_shared(fd, 4 * page, &pointer), 0);
    bytes = pointer;
    for (uint64_t i = 0; i < 4 * page; i++) {
        bytes[i] = (unsigned char)(i * 7 >> 3);
    }
    /* From the middle of a page to the middle of another. */
    struct guest_region *region;
    const uint64_t offset = page + 100;
    assert_int_equal(guest_region_create(dup(fd), 0x12345, 2 * page, offset, &region), 0);
    struct guest_memory *memory = make_table(&region, 1);
    const unsigned char *first = guest_memory_translate(memory, 0x12345, 2 * page);
    assert_non_null(first);
    assert_memory_equal(first, bytes + offset, 2 * page);
    *(unsigned char *)guest_memory_translate(memory, 0x12345 + 2 * page - 1, 1) = 0xee;
    assert_int_equal(bytes[offset + 2 * page - 1], 0xee);
    guest_memory_unref(memory);
    platform_unmap(pointer, 4 * page);
    close(fd);
    assert_int_equal(count_open_descriptors(), before);
}

static void test_bad_regions(void **state) {
    (void)state;
    const uint64_t page = platform_page_size();
    const int before = count_open_descriptors();
    struct guest_region *region = NULL;
    static const uint64_t none[][3] = {
        /* address, size, offset */
        {0, 0, 0}, {UINT64_MAX, 2, 0}, {1, UINT64_MAX, 1}, {0, UINT64_MAX, 2}, {0, 2, UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        assert_int_equal(
            guest_region_create(make_file(page), none[i][0], none[i][1], none[i][2], &region),
            -EINVAL);
    }
    assert_int_equal(guest_region_create(make_file(page), 0, page + 1, 0, &region), -EINVAL);
    assert_int_equal(guest_region_create(make_file(page), 0, page, 1, &region), -EINVAL);
    assert_int_equal(guest_region_create(make_file(page), 0, 1, page, &region), -EINVAL);
    assert_true(guest_region_create(-1, 0, 1, 0, &region) < 0);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_true(guest_region_create(ends[0], 0, 1, 0, &region) < 0);
    close(ends[1]);
    char byte;
    assert_int_equal(guest_region_create_pointer(&byte, 0, 0, &region), -EINVAL);
    assert_int_equal(guest_region_create_pointer(&byte, UINT64_MAX, 2, &region), -EINVAL);
    assert_null(region);
    assert_int_equal(count_open_descriptors(), before); /* taken, and closed, every time */
    /* The last byte of all addresses is a good one. */
    assert_int_equal(guest_region_create_pointer(&byte, UINT64_MAX, 1, &region), 0);
    struct guest_memory *memory = make_table(&region, 1);
    assert_ptr_equal(guest_memory_translate(memory, UINT64_MAX, 1), &byte);
    assert_null(guest_memory_translate(memory, UINT64_MAX, 2));
    assert_null(guest_memory_translate(memory, 0, 1));
    guest_memory_unref(memory);
}

static void test_matching(void **state) {
    (void)state;
    const uint64_t page = platform_page_size();
    int fd = make_file(4 * page), same = dup(fd), other = make_file(4 * page);
    struct guest_region *region;
    assert_int_equal(guest_region_create(fd, 0x1000, page, page, &region), 0);
    assert_true(guest_region_matches(region, same, 0x1000, page, page));
    assert_false(guest_region_matches(region, same, 0x2000, page, page));
    assert_false(guest_region_matches(region, same, 0x1000, 2 * page, page));
    assert_false(guest_region_matches(region, same, 0x1000, page, 0));
    assert_false(guest_region_matches(region, other, 0x1000, page, page));
    assert_false(guest_region_matches(region, -1, 0x1000, page, page));
    assert_true(guest_region_is_of(region, same));
    assert_false(guest_region_is_of(region, other));
    assert_false(guest_region_is_of(region, -1));
    guest_region_unref(region);
    char byte;
    region = make_region(&byte, 0x1000, 1);
    assert_false(guest_region_matches(region, same, 0x1000, 1, 0));
    assert_false(guest_region_is_of(region, same));
    guest_region_unref(region);
    guest_region_unref(NULL);
    close(same);
    close(other);
}

/* Nothing is mapped before somebody looks: a region that cannot be mapped can be told apart only
 * then. */
static void test_lazy_mapping(void **state) {
    (void)state;
    const uint64_t page = platform_page_size();
    int fd = make_file(page);
    char path[64];
    snprintf(path, sizeof(path), "/dev/fd/%d", fd);
    int read_only = open(path, O_RDONLY);
    if (read_only < 0 || (fcntl(read_only, F_GETFL) & O_ACCMODE) != O_RDONLY) {
        print_message("skipped: this system opens no descriptor again with other rights\n");
        skip();
    }
    struct guest_region *region;
    assert_int_equal(guest_region_create(read_only, 0, page, 0, &region), 0);
    struct guest_memory *memory = make_table(&region, 1);
    assert_int_equal(guest_memory_get_count(memory), 1);
    assert_null(guest_memory_translate(memory, 0, 1)); /* may not be written */
    struct pages *pages;
    size_t bad = 99;
    assert_int_equal(guest_memory_collect(memory, &(struct guest_range){0, 1}, 1, &pages, &bad),
                     -EFAULT);
    assert_int_equal(bad, 0);
    guest_memory_unref(memory);
    close(fd);
}

enum { THREADS = 8 };

struct race {
    struct guest_memory *memory;
    _Atomic(int) *missing;
    void *pointer;
};

static void *translate_in_thread(void *argument) {
    struct race *race = argument;
    atomic_fetch_sub(race->missing, 1);
    while (atomic_load(race->missing) > 0) {
        sched_yield();
    }
    race->pointer = guest_memory_translate(race->memory, 0x5000, 1);
    guest_memory_unref(race->memory);
    return NULL;
}

static void test_threads_get_one_mapping(void **state) {
    (void)state;
    for (int round = 0; round < 100; round++) {
        struct guest_region *region;
        assert_int_equal(
            guest_region_create(make_file(platform_page_size()), 0x5000, 10, 5, &region), 0);
        struct guest_memory *memory = make_table(&region, 1);
        _Atomic(int) missing = THREADS;
        struct race races[THREADS];
        pthread_t threads[THREADS];
        for (int i = 0; i < THREADS; i++) {
            races[i] = (struct race){guest_memory_ref(memory), &missing, NULL};
            assert_int_equal(
                platform_thread_start(&threads[i], "translate", translate_in_thread, &races[i]), 0);
        }
        for (int i = 0; i < THREADS; i++) {
            pthread_join(threads[i], NULL);
            assert_non_null(races[i].pointer);
            assert_ptr_equal(races[i].pointer, races[0].pointer);
        }
        guest_memory_unref(memory);
    }
}

/* ---- tables ------------------------------------------------------------------------------ */

static void test_translation(void **state) {
    (void)state;
    char a[16], b[16], c[16];
    /* In no order; b touches a, c is apart. */
    struct guest_region *regions[] = {make_region(c, 0x300, 16), make_region(a, 0x100, 16),
                                      make_region(b, 0x110, 16)};
    struct guest_memory *memory = make_table(regions, 3);
    assert_ptr_equal(guest_memory_translate(memory, 0x100, 16), a);
    assert_ptr_equal(guest_memory_translate(memory, 0x10f, 1), a + 15);
    assert_null(guest_memory_translate(memory, 0x10f, 2)); /* of two regions */
    assert_ptr_equal(guest_memory_translate(memory, 0x110, 1), b);
    assert_ptr_equal(guest_memory_translate(memory, 0x11f, 1), b + 15);
    assert_null(guest_memory_translate(memory, 0x120, 1));
    assert_null(guest_memory_translate(memory, 0xff, 1));
    assert_null(guest_memory_translate(memory, 0xff, 2));
    assert_null(guest_memory_translate(memory, 0, 1));
    assert_null(guest_memory_translate(memory, 0x2ff, 1));
    assert_ptr_equal(guest_memory_translate(memory, 0x305, 11), c + 5);
    assert_null(guest_memory_translate(memory, 0x305, 12));
    assert_null(guest_memory_translate(memory, 0x305, 0));
    assert_null(guest_memory_translate(memory, 0x305, UINT64_MAX));
    assert_null(guest_memory_translate(memory, UINT64_MAX, 2));
    assert_int_equal(guest_memory_get_count(memory), 3);
    guest_memory_unref(memory);

    memory = make_table(NULL, 0);
    assert_null(guest_memory_translate(memory, 0, 1));
    guest_memory_unref(memory);
    guest_memory_unref(NULL);
}

static void test_bad_tables(void **state) {
    (void)state;
    char bytes[64];
    struct guest_memory *memory = NULL;
    struct guest_region *overlap[] = {make_region(bytes, 0x100, 17), make_region(bytes, 0x110, 1)};
    struct guest_region *same[] = {overlap[0], overlap[0]};
    struct guest_region *inside[] = {overlap[1], overlap[0]};
    assert_int_equal(guest_memory_create(overlap, 2, &memory), -EINVAL);
    assert_int_equal(guest_memory_create(same, 2, &memory), -EINVAL);
    assert_int_equal(guest_memory_create(inside, 2, &memory), -EINVAL);
    struct guest_region *many[65];
    for (uint64_t i = 0; i < 65; i++) {
        many[i] = make_region(bytes, 0x1000 * i, 1);
    }
    assert_int_equal(guest_memory_create(many, 65, &memory), -EINVAL);
    assert_null(memory);
    assert_int_equal(guest_memory_create(many, 64, &memory), 0);
    assert_ptr_equal(guest_memory_translate(memory, 0x3f000, 1), bytes);
    guest_memory_unref(memory);
    for (int i = 0; i < 65; i++) {
        guest_region_unref(many[i]);
    }
    guest_region_unref(overlap[0]);
    guest_region_unref(overlap[1]);
}

/* ---- ranges as pages --------------------------------------------------------------------- */

static void test_collect(void **state) {
    (void)state;
    char bytes[64];
    for (int i = 0; i < 64; i++) {
        bytes[i] = (char)('0' + i);
    }
    /* Regions that touch: the second lies before the first in this process. */
    struct guest_region *regions[] = {make_region(bytes + 32, 0x100, 16),
                                      make_region(bytes, 0x110, 16),
                                      make_region(bytes + 16, 0x120, 16)};
    struct guest_memory *memory = make_table(regions, 3);
    const struct guest_range ranges[] = {{0x108, 0x10}, /* of the first and the second */
                                         {0x118, 0x10}, /* goes on in memory, too */
                                         {0x100, 1},
                                         {0x100, 1}};
    struct pages *pages;
    size_t bad, count;
    assert_int_equal(guest_memory_collect(memory, ranges, 4, &pages, &bad), 0);
    assert_int_equal(pages_get_size(pages), 34);
    char out[35] = "";
    assert_int_equal(pages_read(pages, 0, out, 34), 0);
    assert_memory_equal(out, bytes + 40, 8);
    assert_memory_equal(out + 8, bytes, 24);
    assert_memory_equal(out + 32, "PP", 2);
    pages_get_pieces(pages, &count);
    assert_int_equal(count, 4); /* neighbours in memory are one piece */
    pages_unref(pages);
    guest_memory_unref(memory);
}

static void test_bad_ranges(void **state) {
    (void)state;
    char bytes[32];
    struct guest_region *regions[] = {make_region(bytes, 0x100, 16),
                                      make_region(bytes + 16, UINT64_MAX - 15, 16)};
    struct guest_memory *memory = make_table(regions, 2);
    static const struct {
        struct guest_range range;
        int error;
    } cases[] = {
        {{0x100, 0}, -EINVAL},
        {{0x100, 17}, -EFAULT},
        {{0xff, 1}, -EFAULT},
        {{0x110, 1}, -EFAULT},
        {{0, UINT64_MAX}, -EFAULT},
        {{UINT64_MAX, 2}, -EFAULT},
        {{UINT64_MAX - 15, 17}, -EFAULT},
        {{0x100, UINT64_MAX}, -EFAULT},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct guest_range ranges[] = {
            {0x100, 16}, {UINT64_MAX, 1}, cases[i].range, {0x100, 1}};
        struct pages *pages = NULL;
        size_t bad = 99;
        assert_int_equal(guest_memory_collect(memory, ranges, 4, &pages, &bad), cases[i].error);
        assert_int_equal(bad, 2);
        assert_null(pages);
    }
    struct pages *pages;
    size_t bad;
    assert_int_equal(
        guest_memory_collect(memory, &(struct guest_range){UINT64_MAX - 15, 16}, 1, &pages, &bad),
        0);
    pages_unref(pages);
    guest_memory_unref(memory);
}

/* Pages keep the regions that they use, and no others. */
static void test_pages_outlive_the_table(void **state) {
    (void)state;
    const uint64_t page = platform_page_size();
    const int before = count_open_descriptors();
    struct guest_region *regions[3];
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(guest_region_create(make_file(page), i * page, page, 0, &regions[i]), 0);
    }
    struct guest_memory *memory = make_table(regions, 3);
    const struct guest_range ranges[] = {{0, 4}, {2 * page, 4}, {8, 4}};
    struct pages *pages;
    size_t bad;
    memcpy(guest_memory_translate(memory, 2 * page, 4), "read", 4);
    assert_int_equal(guest_memory_collect(memory, ranges, 3, &pages, &bad), 0);
    assert_int_equal(count_open_descriptors(), before + 3);
    guest_memory_unref(memory);
    assert_int_equal(count_open_descriptors(), before + 2);
    char out[4];
    assert_int_equal(pages_read(pages, 4, out, 4), 0);
    assert_memory_equal(out, "read", 4);
    pages_unref(pages);
    assert_int_equal(count_open_descriptors(), before);
}

static void test_tables_share_regions(void **state) {
    (void)state;
    const uint64_t page = platform_page_size();
    const int before = count_open_descriptors();
    struct guest_region *regions[2];
    for (uint64_t i = 0; i < 2; i++) {
        assert_int_equal(guest_region_create(make_file(page), i * page, page, 0, &regions[i]), 0);
    }
    struct guest_memory *old = make_table(regions, 2), *new;
    void *pointer = guest_memory_translate(old, page, 1);
    struct guest_region *kept = guest_memory_get_region(old, 1);
    assert_int_equal(guest_memory_create(&kept, 1, &new), 0);
    guest_memory_unref(old);
    assert_int_equal(count_open_descriptors(), before + 1);
    assert_ptr_equal(guest_memory_translate(new, page, 1), pointer);
    guest_memory_unref(new);
    assert_int_equal(count_open_descriptors(), before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_region_of_a_file),
        cmocka_unit_test(test_bad_regions),
        cmocka_unit_test(test_matching),
        cmocka_unit_test(test_lazy_mapping),
        cmocka_unit_test(test_threads_get_one_mapping),
        cmocka_unit_test(test_translation),
        cmocka_unit_test(test_bad_tables),
        cmocka_unit_test(test_collect),
        cmocka_unit_test(test_bad_ranges),
        cmocka_unit_test(test_pages_outlive_the_table),
        cmocka_unit_test(test_tables_share_regions),
    };
    return cmocka_run_group_tests_name("guest memory", tests, NULL, NULL) ? 1 : 0;
}
