/* Readers and changers of one id table at full speed. A released entry is marked, not freed, so
 * that a reader that still meets it is caught in every build; the mark is a plain write, so that
 * ThreadSanitizer sees a release that is not ordered after a reader's last look. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include "platform/platform.h"
#include "util/id_table.h"

#define ALIVE UINT64_C(0xa11fea11fea11fe5)
#define DEAD UINT64_C(0xdeaddeaddeaddead)

enum { READERS = 3, CHANGERS = 3, HELD = 8, SECTIONS = 3000, ROUNDS = 20000, ENCOUNTERS = 200 };

struct item {
    struct id_entry entry;
    uint64_t mark;
    struct item *dead_next;
};

struct stress {
    struct id_table table;
    uint64_t id_count;
    _Atomic(uint64_t) inserted, removed, errors;
    _Atomic(int) readers_left;
    /* guarded by the table's mutex, like every release */
    struct item *dead;
    uint64_t released;
};

struct worker {
    struct stress *stress;
    struct id_reader reader;
    uint64_t random;
    uint64_t found;
    pthread_t thread;
};

static void release_item(struct id_entry *entry, void *owner) {
    struct stress *stress = owner;
    struct item *item = (struct item *)entry;
    if (item->mark != ALIVE) {
        atomic_fetch_add(&stress->errors, 1);
    }
    item->mark = DEAD;
    item->dead_next = stress->dead;
    stress->dead = item;
    stress->released++;
}

static uint64_t next_random(struct worker *worker) {
    worker->random ^= worker->random << 13;
    worker->random ^= worker->random >> 7;
    worker->random ^= worker->random << 17;
    return worker->random;
}

static uint64_t random_id(struct worker *worker) {
    return (next_random(worker) % worker->stress->id_count + 1) * UINT64_C(0x10000001);
}

static void check_item(struct stress *stress, const struct item *item, uint64_t id) {
    if (item->mark != ALIVE || item->entry.id != id) {
        atomic_fetch_add(&stress->errors, 1);
    }
}

static void read_section(struct worker *worker) {
    struct stress *stress = worker->stress;
    const struct item *held[HELD];
    uint64_t ids[HELD];
    id_reader_enter(&stress->table, &worker->reader);
    for (int i = 0; i < HELD; i++) {
        ids[i] = random_id(worker);
        held[i] = (const struct item *)id_table_find(&stress->table, ids[i]);
    }
    if (next_random(worker) % 4 == 0) {
        sched_yield();
    }
    for (int i = 0; i < HELD; i++) {
        if (held[i]) {
            check_item(stress, held[i], ids[i]);
            worker->found++;
        }
    }
    id_reader_leave(&worker->reader);
}

static void *reader_main(void *argument) {
    struct worker *worker = argument;
    id_table_add_reader(&worker->stress->table, &worker->reader);
    /* The changers may not have had a processor yet: go on until there was something to see. */
    for (int i = 0; i < SECTIONS || worker->found < ENCOUNTERS; i++) {
        read_section(worker);
    }
    id_table_remove_reader(&worker->stress->table, &worker->reader);
    atomic_fetch_sub(&worker->stress->readers_left, 1);
    return NULL;
}

static bool insert_random(struct worker *worker) {
    struct item *item = calloc(1, sizeof(*item));
    if (!item) {
        atomic_fetch_add(&worker->stress->errors, 1);
        return false;
    }
    item->entry.id = random_id(worker);
    item->mark = ALIVE;
    int result = id_table_insert(&worker->stress->table, &item->entry);
    if (result == 0) {
        atomic_fetch_add(&worker->stress->inserted, 1);
        return true;
    }
    free(item);
    if (result != -EEXIST && result != -ENOSPC) {
        atomic_fetch_add(&worker->stress->errors, 1);
    }
    return false;
}

/* Others may be removing the same entry: exactly one of us may be told that it did. */
static void remove_random(struct worker *worker) {
    struct stress *stress = worker->stress;
    id_reader_enter(&stress->table, &worker->reader);
    uint64_t id = random_id(worker);
    struct id_entry *entry = id_table_find(&stress->table, id);
    if (entry) {
        if (id_table_remove(&stress->table, entry)) {
            atomic_fetch_add(&stress->removed, 1);
        }
        check_item(stress, (const struct item *)entry, id);
    }
    id_reader_leave(&worker->reader);
}

static void *changer_main(void *argument) {
    struct worker *worker = argument;
    id_table_add_reader(&worker->stress->table, &worker->reader);
    /* As long as there are readers, so that they meet changes however few processors there are. */
    for (int i = 0; i < ROUNDS || atomic_load(&worker->stress->readers_left) > 0 ||
                    atomic_load(&worker->stress->removed) < ENCOUNTERS;
         i++) {
        if (!insert_random(worker)) {
            remove_random(worker);
        }
        if (i % 16 == 0) {
            sched_yield();
        }
    }
    id_table_remove_reader(&worker->stress->table, &worker->reader);
    return NULL;
}

static void run_stress(uint64_t id_count, uint64_t limit) {
    struct stress stress = {.id_count = id_count, .dead = NULL};
    struct worker workers[READERS + CHANGERS] = {{.stress = NULL}};
    assert_int_equal(id_table_init(&stress.table, limit, release_item, &stress), 0);
    atomic_store(&stress.readers_left, READERS);
    for (int i = 0; i < READERS + CHANGERS; i++) {
        workers[i].stress = &stress;
        workers[i].random = UINT64_C(0x9e3779b97f4a7c15) * (uint64_t)(i + 1);
        assert_int_equal(platform_thread_start(&workers[i].thread, "stress",
                                               i < READERS ? reader_main : changer_main,
                                               &workers[i]),
                         0);
    }
    for (int i = 0; i < READERS + CHANGERS; i++) {
        pthread_join(workers[i].thread, NULL);
    }
    uint64_t live = stress.table.live;
    assert_int_equal(atomic_load(&stress.errors), 0);
    assert_int_equal(atomic_load(&stress.inserted) - atomic_load(&stress.removed), live);
    assert_null(stress.table.readers);
    id_table_finish(&stress.table);
    assert_int_equal(atomic_load(&stress.errors), 0);
    assert_int_equal(stress.released, atomic_load(&stress.inserted));
    while (stress.dead) {
        struct item *item = stress.dead;
        stress.dead = item->dead_next;
        free(item);
    }
}

/* Everybody fights for the same few slots. */
static void test_few_ids(void **state) {
    (void)state;
    run_stress(4, 1000);
}

/* Tombstones and rebuilds at one size. */
static void test_some_ids(void **state) {
    (void)state;
    run_stress(200, 1000);
}

/* Growth while readers probe. */
static void test_many_ids(void **state) {
    (void)state;
    run_stress(8000, 1000000);
}

/* The limit is met all the time. */
static void test_low_limit(void **state) {
    (void)state;
    run_stress(200, 20);
}

/* ---- one id, as fast as it goes -------------------------------------------------------- */

enum { LIVES = 200000 };

static void *watch_main(void *argument) {
    struct worker *worker = argument;
    struct stress *stress = worker->stress;
    while (atomic_load_explicit(&stress->readers_left, memory_order_relaxed) > 0) {
        id_reader_enter(&stress->table, &worker->reader);
        const struct item *item = (const struct item *)id_table_find(&stress->table, 1);
        if (item) {
            for (int i = 0; i < 20; i++) {
                platform_cpu_relax();
            }
            check_item(stress, item, 1);
            worker->found++;
        }
        id_reader_leave(&worker->reader);
    }
    return NULL;
}

/* The changer is in no section, so that an entry is released in the very call that removes it
 * unless the watcher has just made itself known: the narrowest race of the design. */
static void run_one_id(void) {
    struct stress stress = {.dead = NULL};
    struct worker watcher = {.stress = &stress};
    struct item *items = calloc(LIVES, sizeof(*items));
    assert_non_null(items);
    assert_int_equal(id_table_init(&stress.table, LIVES, release_item, &stress), 0);
    id_table_add_reader(&stress.table, &watcher.reader);
    atomic_store(&stress.readers_left, 1);
    assert_int_equal(platform_thread_start(&watcher.thread, "watch", watch_main, &watcher), 0);
    int failures = 0;
    for (int i = 0; i < LIVES; i++) {
        items[i].entry.id = 1;
        items[i].mark = ALIVE;
        failures += id_table_insert(&stress.table, &items[i].entry) != 0;
        failures += !id_table_remove(&stress.table, &items[i].entry);
    }
    atomic_store(&stress.readers_left, 0);
    pthread_join(watcher.thread, NULL);
    id_table_remove_reader(&stress.table, &watcher.reader);
    id_table_finish(&stress.table);
    free(items);
    assert_int_equal(failures, 0);
    assert_int_equal(atomic_load(&stress.errors), 0);
    assert_int_equal(stress.released, LIVES);
}

static void test_one_id(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        run_one_id();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_ids),  cmocka_unit_test(test_some_ids),
        cmocka_unit_test(test_many_ids), cmocka_unit_test(test_low_limit),
        cmocka_unit_test(test_one_id),
    };
    return cmocka_run_group_tests_name("id_table_threads", tests, NULL, NULL) ? 1 : 0;
}
