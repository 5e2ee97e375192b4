/* The id table seen by one thread that plays several readers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "util/id_table.h"

#define NO_LIMIT UINT64_C(1000000000)

struct item {
    struct id_entry entry;
    bool released;
    struct item *all_next;
};

struct world {
    struct id_table table;
    struct item *all; /* kept until the end, so that release can be told from access after it */
    uint64_t released;
};

static void release_item(struct id_entry *entry, void *owner) {
    struct world *world = owner;
    struct item *item = (struct item *)entry;
    assert_false(item->released);
    item->released = true;
    world->released++;
}

static void world_init(struct world *world, uint64_t limit) {
    *world = (struct world){.all = NULL};
    assert_int_equal(id_table_init(&world->table, limit, release_item, world), 0);
}

static void world_finish(struct world *world) {
    id_table_finish(&world->table);
    while (world->all) {
        struct item *item = world->all;
        world->all = item->all_next;
        free(item);
    }
}

static struct item *new_item(struct world *world, uint64_t id) {
    struct item *item = calloc(1, sizeof(*item));
    assert_non_null(item);
    item->entry.id = id;
    item->all_next = world->all;
    world->all = item;
    return item;
}

static struct item *insert(struct world *world, uint64_t id) {
    struct item *item = new_item(world, id);
    assert_int_equal(id_table_insert(&world->table, &item->entry), 0);
    return item;
}

static struct item *find(struct world *world, uint64_t id) {
    return (struct item *)id_table_find(&world->table, id);
}

static uint64_t capacity(struct world *world) {
    return atomic_load(&world->table.slots)->mask + 1;
}

/* Any change gives the table the occasion to release what no section sees any more. */
static void change_something(struct world *world) {
    struct item *item = insert(world, UINT64_C(0xfeedfacecafe));
    assert_true(id_table_remove(&world->table, &item->entry));
}

/* ---- one reader ------------------------------------------------------------------------ */

static void test_insert_find_remove(void **state) {
    (void)state;
    struct world world;
    world_init(&world, NO_LIMIT);
    assert_null(find(&world, 7));
    struct item *item = insert(&world, 7);
    assert_ptr_equal(find(&world, 7), item);
    assert_null(find(&world, 8));
    assert_true(id_table_remove(&world.table, &item->entry));
    assert_null(find(&world, 7));
    world_finish(&world);
    assert_int_equal(world.released, 1);
}

static void test_id_zero(void **state) {
    (void)state;
    struct world world;
    world_init(&world, NO_LIMIT);
    struct item *item = new_item(&world, 0);
    assert_int_equal(id_table_insert(&world.table, &item->entry), -EINVAL);
    assert_null(find(&world, 0));
    insert(&world, 1);
    assert_null(find(&world, 0));
    world_finish(&world);
    assert_int_equal(world.released, 1);
}

static void test_duplicate(void **state) {
    (void)state;
    struct world world;
    world_init(&world, NO_LIMIT);
    struct item *first = insert(&world, 7);
    struct item *second = new_item(&world, 7);
    assert_int_equal(id_table_insert(&world.table, &second->entry), -EEXIST);
    assert_ptr_equal(find(&world, 7), first);
    assert_true(id_table_remove(&world.table, &first->entry));
    assert_int_equal(id_table_insert(&world.table, &second->entry), 0);
    assert_ptr_equal(find(&world, 7), second);
    world_finish(&world);
    assert_int_equal(world.released, 2);
}

static void test_remove_twice(void **state) {
    (void)state;
    struct world world;
    struct id_reader reader = {.next = NULL};
    world_init(&world, NO_LIMIT);
    id_table_add_reader(&world.table, &reader);
    id_reader_enter(&world.table, &reader);
    struct item *old = insert(&world, 7);
    assert_true(id_table_remove(&world.table, &old->entry));
    assert_false(id_table_remove(&world.table, &old->entry));
    struct item *new = insert(&world, 7);
    assert_false(id_table_remove(&world.table, &old->entry));
    assert_ptr_equal(find(&world, 7), new);
    id_reader_leave(&reader);
    id_table_remove_reader(&world.table, &reader);
    world_finish(&world);
    assert_int_equal(world.released, 2);
}

static void test_finish_releases_all(void **state) {
    (void)state;
    struct world world;
    world_init(&world, NO_LIMIT);
    for (uint64_t id = 1; id <= 1000; id++) {
        insert(&world, id);
    }
    assert_int_equal(world.released, 0);
    world_finish(&world);
    assert_int_equal(world.released, 1000);
}

/* ---- sections -------------------------------------------------------------------------- */

static void test_walk(void **state) {
    (void)state;
    struct world world;
    world_init(&world, NO_LIMIT);
    uint64_t cursor = 0;
    assert_null(id_table_next(&world.table, &cursor));
    enum { COUNT = 1000 };
    for (uint64_t id = 1; id <= COUNT; id++) {
        insert(&world, id * 77);
    }
    /* Each once, and each may be removed on the way. */
    bool seen[COUNT + 1] = {false};
    uint64_t count = 0;
    struct id_entry *entry;
    cursor = 0;
    while ((entry = id_table_next(&world.table, &cursor))) {
        assert_false(seen[entry->id / 77]);
        seen[entry->id / 77] = true;
        count++;
        if (count % 2) {
            assert_true(id_table_remove(&world.table, entry));
        }
    }
    assert_int_equal(count, COUNT);
    assert_null(id_table_next(&world.table, &cursor));
    count = 0;
    for (cursor = 0; id_table_next(&world.table, &cursor);) {
        count++;
    }
    assert_int_equal(count, COUNT / 2);
    world_finish(&world);
}

static void test_section_holds_entry(void **state) {
    (void)state;
    struct world world;
    struct id_reader reader = {.next = NULL};
    world_init(&world, NO_LIMIT);
    id_table_add_reader(&world.table, &reader);
    insert(&world, 7);

    id_reader_enter(&world.table, &reader);
    struct item *held = find(&world, 7);
    assert_true(id_table_remove(&world.table, &held->entry));
    assert_null(find(&world, 7));
    for (int i = 0; i < 100; i++) {
        change_something(&world);
    }
    assert_false(held->released);
    assert_int_equal(held->entry.id, 7);
    id_reader_leave(&reader);

    change_something(&world);
    assert_true(held->released);
    id_table_remove_reader(&world.table, &reader);
    world_finish(&world);
}

static void test_later_section_does_not_hold(void **state) {
    (void)state;
    struct world world;
    struct id_reader early = {.next = NULL}, late = {.next = NULL};
    world_init(&world, NO_LIMIT);
    id_table_add_reader(&world.table, &early);
    id_table_add_reader(&world.table, &late);
    struct item *item = insert(&world, 7);

    id_reader_enter(&world.table, &early);
    assert_true(id_table_remove(&world.table, &item->entry));
    id_reader_enter(&world.table, &late);
    assert_null(find(&world, 7));
    assert_false(item->released);
    id_reader_leave(&early);
    change_something(&world);
    assert_true(item->released);

    id_reader_leave(&late);
    id_table_remove_reader(&world.table, &early);
    id_table_remove_reader(&world.table, &late);
    world_finish(&world);
}

static void test_every_early_section_holds(void **state) {
    (void)state;
    enum { COUNT = 5 };
    struct world world;
    struct id_reader readers[COUNT] = {{.next = NULL}};
    world_init(&world, NO_LIMIT);
    struct item *item = insert(&world, 7);
    for (int i = 0; i < COUNT; i++) {
        id_table_add_reader(&world.table, &readers[i]);
        id_reader_enter(&world.table, &readers[i]);
    }
    assert_true(id_table_remove(&world.table, &item->entry));
    static const int order[COUNT] = {2, 0, 4, 3, 1};
    for (int i = 0; i < COUNT; i++) {
        change_something(&world);
        assert_false(item->released);
        id_reader_leave(&readers[order[i]]);
        if (i % 2 == 0) { /* leaving the list must not lose the others */
            id_table_remove_reader(&world.table, &readers[order[i]]);
        }
    }
    change_something(&world);
    assert_true(item->released);
    world_finish(&world);
}

static void test_reuse_of_id_while_old_is_held(void **state) {
    (void)state;
    struct world world;
    struct id_reader reader = {.next = NULL};
    world_init(&world, NO_LIMIT);
    id_table_add_reader(&world.table, &reader);
    struct item *old = insert(&world, 7);
    id_reader_enter(&world.table, &reader);
    assert_true(id_table_remove(&world.table, &old->entry));
    struct item *new = insert(&world, 7);
    assert_ptr_equal(find(&world, 7), new);
    assert_false(old->released);
    id_reader_leave(&reader);
    change_something(&world);
    assert_true(old->released);
    assert_false(new->released);
    id_table_remove_reader(&world.table, &reader);
    world_finish(&world);
}

static void test_limit_counts_what_waits(void **state) {
    (void)state;
    enum { LIMIT = 8 };
    struct world world;
    struct id_reader reader = {.next = NULL};
    struct item *items[LIMIT];
    world_init(&world, LIMIT);
    id_table_add_reader(&world.table, &reader);
    for (uint64_t i = 0; i < LIMIT; i++) {
        items[i] = insert(&world, i + 1);
    }
    struct item *extra = new_item(&world, 100);
    assert_int_equal(id_table_insert(&world.table, &extra->entry), -ENOSPC);

    id_reader_enter(&world.table, &reader);
    for (int i = 0; i < LIMIT; i++) {
        assert_true(id_table_remove(&world.table, &items[i]->entry));
    }
    assert_int_equal(id_table_insert(&world.table, &extra->entry), -ENOSPC);
    assert_int_equal(world.released, 0);
    id_reader_leave(&reader);

    assert_int_equal(id_table_insert(&world.table, &extra->entry), 0);
    assert_int_equal(world.released, LIMIT);
    assert_ptr_equal(find(&world, 100), extra);
    id_table_remove_reader(&world.table, &reader);
    world_finish(&world);
    assert_int_equal(world.released, LIMIT + 1);
}

static void test_section_holds_old_slots(void **state) {
    (void)state;
    struct world world;
    struct id_reader reader = {.next = NULL};
    world_init(&world, NO_LIMIT);
    id_table_add_reader(&world.table, &reader);
    struct item *item = insert(&world, UINT64_MAX);
    id_reader_enter(&world.table, &reader);
    struct id_slots *seen = atomic_load(&world.table.slots);
    for (uint64_t id = 1; id <= 5000; id++) {
        insert(&world, id);
    }
    assert_ptr_not_equal(atomic_load(&world.table.slots), seen);
    assert_ptr_equal(world.table.retired_slots_first, seen);
    uint64_t found = 0;
    for (uint64_t i = 0; i <= seen->mask; i++) {
        found += atomic_load(&seen->slot[i].entry) == &item->entry;
    }
    assert_int_equal(found, 1);
    id_reader_leave(&reader);
    change_something(&world);
    assert_null(world.table.retired_slots_first);
    assert_null(world.table.retired_slots_last);
    id_table_remove_reader(&world.table, &reader);
    world_finish(&world);
}

/* What a reader can meet between its two loads, put there by hand. */
static void test_half_changed_slot(void **state) {
    (void)state;
    struct world world;
    world_init(&world, NO_LIMIT);
    struct item *seven = insert(&world, 7);
    struct item *nine = insert(&world, 9);
    struct id_slots *slots = atomic_load(&world.table.slots);
    for (uint64_t i = 0; i <= slots->mask; i++) {
        struct id_slot *slot = &slots->slot[i];
        if (atomic_load(&slot->id) != 7) {
            continue;
        }
        atomic_store(&slot->entry, &nine->entry); /* reused for 9 after the load of the id */
        assert_null(find(&world, 7));
        atomic_store(&slot->entry, NULL); /* id stored, entry not yet */
        assert_null(find(&world, 7));
        atomic_store(&slot->entry, &seven->entry);
    }
    assert_ptr_equal(find(&world, 7), seven);
    assert_ptr_equal(find(&world, 9), nine);
    world_finish(&world);
}

/* ---- shapes of ids --------------------------------------------------------------------- */

enum { MANY = 20000 };

static uint64_t dense_id(uint64_t i) {
    return i + 1;
}

static uint64_t sparse_id(uint64_t i) {
    return (i + 1) * UINT64_C(0xd6e8feb86659fd93);
}

static uint64_t pointer_like_id(uint64_t i) {
    return UINT64_C(0x7f0000000000) + i * 4096;
}

static uint64_t high_bits_id(uint64_t i) {
    return (i + 1) << 48 | UINT64_C(0x123456789abc);
}

static uint64_t top_id(uint64_t i) {
    return UINT64_MAX - i;
}

static void check_shape(uint64_t (*id_of)(uint64_t)) {
    struct world world;
    struct item **items = calloc(MANY, sizeof(struct item *));
    assert_non_null(items);
    world_init(&world, NO_LIMIT);
    for (uint64_t i = 0; i < MANY; i++) {
        items[i] = insert(&world, id_of(i));
    }
    for (uint64_t i = 0; i < MANY; i++) {
        assert_ptr_equal(find(&world, id_of(i)), items[i]);
    }
    for (uint64_t i = 0; i < MANY; i += 2) {
        assert_true(id_table_remove(&world.table, &items[i]->entry));
    }
    for (uint64_t i = 0; i < MANY; i++) {
        assert_ptr_equal(find(&world, id_of(i)), i % 2 == 0 ? NULL : items[i]);
    }
    for (uint64_t i = MANY; i < 2 * MANY; i++) {
        assert_null(find(&world, id_of(i)));
    }
    for (uint64_t i = 0; i < MANY; i += 2) {
        items[i] = insert(&world, id_of(i));
    }
    for (uint64_t i = 0; i < MANY; i++) {
        assert_ptr_equal(find(&world, id_of(i)), items[i]);
    }
    world_finish(&world);
    assert_int_equal(world.released, MANY + MANY / 2);
    free(items);
}

static void test_shapes_of_ids(void **state) {
    (void)state;
    check_shape(dense_id);
    check_shape(sparse_id);
    check_shape(pointer_like_id);
    check_shape(high_bits_id);
    check_shape(top_id);
}

/* Ids from `start` on whose probes begin at the same slot as that of `start`. */
static void find_colliding(struct world *world, uint64_t start, uint64_t *out, size_t count) {
    struct id_slots *slots = atomic_load(&world->table.slots);
    uint64_t home = id_slots_home(slots, start) & slots->mask;
    for (size_t found = 0; found < count; start++) {
        if ((id_slots_home(slots, start) & slots->mask) == home) {
            out[found++] = start;
        }
    }
}

static void test_colliding_ids(void **state) {
    (void)state;
    enum { COUNT = 100 };
    struct world world;
    uint64_t ids[COUNT + 1];
    struct item *items[COUNT];
    world_init(&world, NO_LIMIT);
    find_colliding(&world, 1, ids, COUNT + 1);
    struct id_slots *slots = atomic_load(&world.table.slots);
    for (int i = 0; i < COUNT; i++) {
        items[i] = insert(&world, ids[i]);
    }
    for (int i = 0; i < COUNT; i += 3) {
        assert_true(id_table_remove(&world.table, &items[i]->entry));
    }
    for (int i = 0; i < COUNT; i++) {
        assert_ptr_equal(find(&world, ids[i]), i % 3 == 0 ? NULL : items[i]);
    }
    assert_null(find(&world, ids[COUNT]));
    /* An id comes back while an earlier tombstone of its probe is free: it must not end up in the
     * table twice, nor be missed behind somebody else's tombstone. */
    items[99] = insert(&world, ids[99]);
    items[3] = insert(&world, ids[3]);
    assert_true(id_table_remove(&world.table, &items[99]->entry));
    assert_null(find(&world, ids[99]));
    struct item *last = insert(&world, ids[COUNT]); /* takes the first tombstone */
    assert_ptr_equal(find(&world, ids[COUNT]), last);
    items[99] = insert(&world, ids[99]);
    assert_ptr_equal(find(&world, ids[99]), items[99]);
    assert_ptr_equal(find(&world, ids[3]), items[3]);
    uint64_t slots_of_99 = 0;
    for (uint64_t i = 0; i <= slots->mask; i++) {
        slots_of_99 += atomic_load(&slots->slot[i].id) == ids[99];
    }
    assert_int_equal(slots_of_99, 1);
    assert_ptr_equal(atomic_load(&world.table.slots), slots);
    world_finish(&world);
}

static void test_collisions_do_not_carry_over(void **state) {
    (void)state;
    enum { COUNT = 64 };
    struct world one, other;
    uint64_t ids[COUNT];
    world_init(&one, NO_LIMIT);
    world_init(&other, NO_LIMIT);
    find_colliding(&one, 1, ids, COUNT);
    struct id_slots *slots = atomic_load(&other.table.slots);
    bool is_home[256] = {false};
    assert_int_equal(slots->mask + 1, 256);
    int homes = 0;
    for (int i = 0; i < COUNT; i++) {
        bool *home = &is_home[id_slots_home(slots, ids[i]) & slots->mask];
        homes += !*home;
        *home = true;
    }
    assert_true(homes > COUNT / 4);
    world_finish(&one);
    world_finish(&other);
}

static void test_churn_keeps_table_small(void **state) {
    (void)state;
    struct world world;
    struct id_reader reader = {.next = NULL};
    world_init(&world, 4);
    id_table_add_reader(&world.table, &reader);
    uint64_t first_capacity = capacity(&world);
    for (uint64_t id = 1; id <= 50000; id++) {
        id_reader_enter(&world.table, &reader);
        struct item *item = insert(&world, id);
        assert_ptr_equal(find(&world, id), item);
        assert_null(find(&world, id + 1));
        assert_true(id_table_remove(&world.table, &item->entry));
        assert_null(find(&world, id));
        id_reader_leave(&reader);
        assert_true(world.table.used * 2 <= capacity(&world));
    }
    assert_int_equal(capacity(&world), first_capacity);
    assert_true(world.released >= 49998);
    id_table_remove_reader(&world.table, &reader);
    world_finish(&world);
    assert_int_equal(world.released, 50000);
}

static void test_table_shrinks_after_a_peak(void **state) {
    (void)state;
    struct world world;
    struct item **items = calloc(MANY, sizeof(struct item *));
    assert_non_null(items);
    world_init(&world, NO_LIMIT);
    for (uint64_t i = 0; i < MANY; i++) {
        items[i] = insert(&world, i + 1);
    }
    uint64_t peak = capacity(&world);
    for (uint64_t i = 0; i < MANY; i++) {
        assert_true(id_table_remove(&world.table, &items[i]->entry));
    }
    for (uint64_t id = MANY + 1; capacity(&world) == peak; id++) {
        struct item *item = insert(&world, id);
        assert_true(id_table_remove(&world.table, &item->entry));
        assert_true(id < MANY + 1 + peak);
    }
    assert_true(capacity(&world) < peak);
    free(items);
    world_finish(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_insert_find_remove),
        cmocka_unit_test(test_id_zero),
        cmocka_unit_test(test_duplicate),
        cmocka_unit_test(test_remove_twice),
        cmocka_unit_test(test_finish_releases_all),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_section_holds_entry),
        cmocka_unit_test(test_later_section_does_not_hold),
        cmocka_unit_test(test_every_early_section_holds),
        cmocka_unit_test(test_reuse_of_id_while_old_is_held),
        cmocka_unit_test(test_limit_counts_what_waits),
        cmocka_unit_test(test_section_holds_old_slots),
        cmocka_unit_test(test_half_changed_slot),
        cmocka_unit_test(test_shapes_of_ids),
        cmocka_unit_test(test_colliding_ids),
        cmocka_unit_test(test_collisions_do_not_carry_over),
        cmocka_unit_test(test_churn_keeps_table_small),
        cmocka_unit_test(test_table_shrinks_after_a_peak),
    };
    return cmocka_run_group_tests_name("id_table", tests, NULL, NULL) ? 1 : 0;
}
